"""Articles: what is cleaned, repaired and kept.  Each case is a pair of files in articles/."""

import json
import re
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds import article, text
from feeds.article import Cleaning
from feeds.model import Article

CASES = sorted(Path(__file__).with_name("articles").glob("*.html"))
CLEANING = Cleaning((re.compile("获取更多RSS"),), (".sharedaddy", "#jp-post-flair"))
LINK = "https://news.example.com/a/1.html"


def nothing_beside(reference: str) -> tuple[str, str]:
    return "", reference


def parse(body: str, cleaning: Cleaning = CLEANING, link: str = LINK) -> Article:
    return article.parse(body, "A title", link, cleaning, nothing_beside)


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_case(case: Path) -> None:
    made = parse(case.read_text(encoding="utf-8"))
    expected = json.loads(case.with_suffix(".json").read_text(encoding="utf-8"))
    found = json.loads(json.dumps(made._asdict()))
    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_what_was_cleaned_stays_as_it_is(case: Path) -> None:
    """Nothing is repaired twice: of what was written, all words and pictures are kept."""
    once = parse(case.read_text(encoding="utf-8"))
    twice = parse(f"<p>.</p>{once.content}")
    assert [picture.url for picture in twice.pictures] == [p.url for p in once.pictures]
    assert re.sub(r"\s+", "", twice.content).replace("<p>.</p>", "") == re.sub(
        r"\s+", "", re.sub(r' title="[^"]*"', "", once.content)
    )


def test_pictures_beside_the_seed() -> None:
    def beside(reference: str) -> tuple[str, str]:
        there = reference == "pictures/a b.jpg"
        return (
            "https://feeds.example.org/media/s/pictures/a%20b.jpg" if there else "",
            f"s/{reference}",
        )

    made = article.parse(
        '<img src="pictures/a b.jpg"><img src="gone.jpg"><img src="https://p.example/x.jpg">',
        "A title", LINK, CLEANING, beside,
    )  # fmt: skip
    assert [(p.url, p.file) for p in made.pictures] == [
        ("https://feeds.example.org/media/s/pictures/a%20b.jpg", "s/pictures/a b.jpg"),
        ("https://news.example.com/a/gone.jpg", ""),
        ("https://p.example/x.jpg", ""),
    ]
    assert made.lookups == ("s/pictures/a b.jpg", "s/gone.jpg")


def test_proxies_are_kept_if_asked_for() -> None:
    body = '<img src="https://images.weserv.nl?url=x.example/a.jpg">'
    (picture,) = parse(body, CLEANING._replace(unwrap=False)).pictures
    assert picture.url == "https://images.weserv.nl/?url=x.example/a.jpg"
    assert picture.url in parse(body, CLEANING._replace(unwrap=False)).content


def test_one_string_for_each_picture() -> None:
    made = parse('<p>x</p><img src="//P.example:443/%7ea/ä.png?b=1&amp;c=2#x" alt="a">')
    assert made.pictures[0].url == "https://p.example/~a/%C3%A4.png?b=1&c=2"
    assert 'src="https://p.example/~a/%C3%A4.png?b=1&amp;c=2"' in made.content


def test_without_a_link_relative_references_mean_nothing() -> None:
    made = parse('<p><a href="x.html">word</a><img src="y.png"></p>', link="")
    assert made.content == "<p>word</p>"
    assert made.pictures == ()


def test_a_picture_that_lies_nowhere_is_told() -> None:
    for reference in ("gone.jpg", "/gone.jpg", "a%20b/gone.jpg"):
        body = f'<p>text</p><img src="{reference}">'
        assert parse(body).notes == ()
        assert parse(body, link="").notes == ("picture-missing",)
    whole = '<p>text</p><img src="https://p.example/x.jpg"><img src="#"><img>'
    assert parse(whole, link="").notes == ()


@pytest.mark.parametrize("sign", ["&#12;", "\f", "&#11;", "&#13;", "&#x9;"])
def test_what_parts_words_goes_on_parting_them(sign: str) -> None:
    made = parse(f"<p>one{sign}two</p>")
    assert (made.content, made.summary) == ("<p>one two</p>", "one two")


def test_the_digest_is_of_the_words_alone() -> None:
    plain = parse("<p>Some words, in order.</p>").digest
    assert parse('<div class="x"><p>Some  <b>words</b>,<br> in\norder.</p></div>').digest == plain
    assert parse("<p>Some words, in order.</p><script>ad()</script>").digest == plain
    assert parse("<p>Some other words, in order.</p>").digest != plain


@pytest.mark.parametrize(
    "body",
    [
        "<div>" * 100_000, "<p><b>" * 3_000, "<" * 1_000_000, "&" * 1_000_000, '<a href="' * 100_000,
        "<!--" * 100_000, '<img src="' + "x" * 2_000_000, "<table><tr><td>" * 3_000, "<font>" * 50_000 + "x",
        "<a href=x>" * 20_000, "<ul><li>" * 20_000, "[" * 20_000, "*a " * 20_000, "> " * 20_000, "<![CDATA[" * 50_000,
        "<figure><img src=a.jpg>" * 3_000, "<noscript><img src=a.jpg>" * 2_000, "<p>获取更多RSS</p>" * 5_000,
        "<address>" * 20_000, "<div><i>2020-01-01</i>" * 5_000, "<div><small>x</small>" * 5_000,
        "`" * 50_000, "<a rel=tag>" * 10_000, "<div hidden>" * 20_000 + "x", "1) " * 5_000, "![](" * 10_000,
    ],
    ids=lambda body: body[:12],
)  # fmt: skip
def test_hostile_markup_takes_bounded_time(body: str) -> None:
    begun = time.process_time()
    parse(body)
    assert time.process_time() - begun < 20  # seconds of work; the slow ways take minutes


def test_what_is_nested_too_deep_keeps_its_text() -> None:
    made = parse("<div>a" * 300 + '<script>x</script><img src="https://p.example/deep.png">')
    assert made.notes == ("body-deep",)
    assert made.content.count("a") >= 300
    assert made.pictures[0].url == "https://p.example/deep.png"
    assert "x</" not in made.content


DANGEROUS = re.compile(
    r"<(?!/?(?:p|blockquote|[uod]l|li|d[td]|pre|h[1-6]|figure|figcaption|table|t(?:head|body|foot|r|h|d)|caption|"
    r"details|summary|div|a|abbr|b|bd[io]|cite|code|del|dfn|em|i|ins|kbd|mark|q|r[pt]|ruby|s|samp|small|strong|"
    r"su[bp]|u|var|br|hr|wbr|img|video|audio)(?=[\s>]))|\son\w+=|javascript:|\sstyle=",
    re.IGNORECASE,
)  # fmt: skip
PIECES = st.sampled_from([
    "<script>", "</script>", "<p", ">", "<img src=", '"', "'", "javascript:alert(1)", " onerror=", "<svg", "/",
    "<style>", "<noscript>", "</p>", "<a href=", "<!--", "-->", "<![CDATA[", "]]>", "&lt;script&gt;", "&#60;", "x",
    "<table>", "<td>", "<textarea>", "<title>", "<xmp>", "<math>", "<mtext>", "<iframe srcdoc=", "<form>", " style=x",
    "<b", "=", " ", "\n", "\x00", "&", "<template>", "<plaintext>", "<noembed>", "<select>", "<option>", "<h1>", "<li>",
])  # fmt: skip


@given(st.lists(PIECES | st.text(max_size=5), max_size=25).map("".join))
def test_nothing_hostile_gets_through(body: str) -> None:
    made = parse("<p>" + body)
    without_texts = re.sub(r'="[^"]*"', '=""', made.content)
    assert not DANGEROUS.search(re.sub(r">[^<]*", ">", ">" + without_texts))
    assert not re.search(r'(?:href|src|poster)="(?!https?://|mailto:)', made.content)


@given(st.lists(PIECES | st.text(max_size=5), max_size=25).map("".join))
def test_a_browser_reads_what_was_written(body: str) -> None:
    """The markup is well nested, so an HTML5 parser finds no element closed that was not open."""
    content = parse("<div>" + body).content
    open_elements: list[str] = []
    for closing, name in re.findall(r"<(/?)([a-z0-9]+)", re.sub(r'="[^"]*"', "", content)):
        if closing:
            assert open_elements.pop() == name
        elif name not in {"br", "hr", "wbr", "img"}:
            open_elements.append(name)
    assert open_elements == []


ILLEGAL = st.sampled_from(
    "&#1; &#13; &#11; &#127; &#146; &#xD800; &#xFDD0; &#xFFFE; &#x1FFFF; &#0; \x01 \ufffe \x85".split(
        " "
    )
)
PLACES = st.sampled_from([
    "<p>{}", "<p>a{}b", "<pre>{}\n{}</pre>", '<p title="{}" lang="e{}" dir="{}">a', '<abbr title="a{}">b</abbr>',
    '<a href="https://x.example/{}">a</a>', '<a href="mailto:a{}@x.example">a</a>', '<img src="https://x.example/{}.jpg" alt="a{}">',
    '<img src="/1.jpg"><div><small>a{}</small></div>', '<figure><img src="/2.jpg"><figcaption>a{}</figcaption></figure>',
    '<iframe src="https://x.example/{}" title="a{}"></iframe>', '<video src="https://x.example/{}" poster="https://x.example/{}">a</video>',
    '<ol start="{}"><li value="{}">a</ol>', '<td colspan="{}">a', "<address>by a{}</address>", '<a rel="tag">a{}</a>',
    "<h1>a{}</h1>", "<title>a{}</title>", '<time datetime="{}">a{}</time>', "<noscript>a{}</noscript>", "<!-- {} -->a", "<{}>a",
])  # fmt: skip


@given(
    st.lists(
        st.builds(lambda place, sign: place.replace("{}", sign), PLACES, ILLEGAL), max_size=8
    ).map("".join)
)
def test_nothing_illegal_gets_through(body: str) -> None:
    for markup in (body, f"Markdown, {body}"):
        made = parse(markup)
        said = [made.content, made.summary, *made.authors, *made.categories]
        said += [
            part
            for picture in made.pictures
            for part in (picture.url, picture.alt, picture.caption)
        ]
        assert said == [text.clean(part) for part in said]


def test_frames_in_a_row_are_told_apart() -> None:
    frames = "".join(f'<iframe src="https://example.com/{name}"></iframe>' for name in "ab")
    assert parse(f"<p>See: {frames}</p>").content == (
        '<p>See: <a href="https://example.com/a">example.com</a><br />'
        '<a href="https://example.com/b">example.com</a></p>'
    )

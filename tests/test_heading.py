"""Headings: the dialects of the header, from the first KiB."""

import os
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from conftest import seed
from hypothesis import event, given, settings
from hypothesis import strategies as st

from feeds import heading
from feeds.heading import Habits
from feeds.model import SeedError

HABITS = Habits(ZoneInfo("Asia/Shanghai"), 366 * 86_400)
PUBLISHED = int(datetime(2020, 7, 15, 21, 40, 9, tzinfo=UTC).timestamp())


def read(text: str, path: str = "voa/5504336_title.md", habits: Habits = HABITS) -> heading.Reading:
    return heading.explain(text, path, habits)


def test_the_design_example() -> None:
    found = read(seed()).heading
    assert found.title == "A title"
    assert found.link == "https://news.example.com/a/1.html"
    assert found.published == PUBLISHED
    assert found.updated == 1594849284
    assert found.source == "voa"
    assert found.notes == ()


@pytest.mark.parametrize(
    ("line", "title", "link"),
    [
        ("[a [b] c](https://x.example/1)", "a [b] c", "https://x.example/1"),
        ("[a](b)](https://x.example/1)", "a](b)", "https://x.example/1"),
        ("[[經濟與外交]被](https://x.example/1)", "[經濟與外交]被", "https://x.example/1"),
        ("[a (b)](https://x.example/Feed_(web))", "a (b)", "https://x.example/Feed_(web)"),
        (r"[a \[b\] C:\new \"q\"](https://x.example/1)", r'a [b] C:\new \"q\"', "https://x.example/1"),
        ("[“quoted” 🎉](https://x.example/1)", "“quoted” 🎉", "https://x.example/1"),
        ("[a &amp; <b>b</b>](https://x.example/1?a=1&amp;b=2)", "a & b", "https://x.example/1?a=1&b=2"),
        ('[a](https://x.example/1 "tip")', "a", "https://x.example/1"),
        (r"[a](https://x.example/f_\(t\))", "a", "https://x.example/f_(t)"),
        ("[a](<https://x.example/1>)", "a", "https://x.example/1"),
        ("[a](HTTP://X.example:80/%e4%b8%ad)", "a", "http://x.example/%E4%B8%AD"),
        ("[a](https://x.example/中)", "a", "https://x.example/%E4%B8%AD"),
        ("[a]()", "a", ""),
        ("[ two   spaces ](https://x.example/1)", "two spaces", "https://x.example/1"),
        ("[x](https://x.example/a](b)", "x", "https://x.example/a%5D(b"),
    ],
)  # fmt: skip
def test_titles_and_links(line: str, title: str, link: str) -> None:
    found = read(f"<!--1594849284000-->\n{line}\n------\n\n<p>x</p>").heading
    assert (found.title, found.link, found.notes) == (title, link, ())


@pytest.mark.parametrize("rule", ["------", "---", "- - ----", "  -----------  ", "------\r"])
def test_rules_below_the_title(rule: str) -> None:
    text = f"<!--1594849284000-->\n[a](https://x.example/1)\n{rule}\n<p>body</p>".replace(
        "\r\n", "\n"
    )
    reading = read(text.replace("\r", ""))
    assert reading.heading.title == "a"
    assert heading.body(text.replace("\r", "")) == "<p>body</p>"


@pytest.mark.parametrize(
    "epoch", ["1594849284", "1594849284000", "1594849284000000", " 1594849284000 "]
)
def test_epoch_comments(epoch: str) -> None:
    assert read(seed(epoch=epoch, date=None)).heading.published == 1594849284


@pytest.mark.parametrize("epoch", ["NaN", "", "undefined", "-1", "12"])
def test_epoch_comments_that_say_nothing(epoch: str) -> None:
    found = read(seed(epoch=epoch)).heading
    assert found.notes == ("epoch-invalid:1",)
    assert found.published == found.updated == PUBLISHED


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("<div><i>Wed, 15 Jul 2020 21:40:09 GMT</i></div><p>x", "2020-07-15T21:40:09Z"),
        ("<div><i><br>2025-01-17T11:03:59.931Z</i></div>", "2025-01-17T11:03:59Z"),
        ("<div><i><br/>\n 2025-01-17T11:03:59.931Z </i></div>", "2025-01-17T11:03:59Z"),
        ('<time pudate="2024-12-04 08:05:24" datetime="2024-12-04 09:05:24">x', "2024-12-04T00:05:24Z"),
        ('<time datetime="2024-12-04T08:05:24Z">', "2024-12-04T08:05:24Z"),
        ("<time class='a' dateTime='2020-10-12'>19 ...ago</time>", "2020-10-11T16:00:00Z"),
        ("日期：Thu, 02 Jul 2020 17:14:14 +0000\n\n<p>x</p>", "2020-07-02T17:14:14Z"),
        ("Date: 2020-07-02 17:14\n\n<p>x</p>", "2020-07-02T09:14:00Z"),
        ("<p>时间：2020年7月2日 17:14</p><p>x</p>", "2020-07-02T09:14:00Z"),
        ('<meta property="article:published_time" content="2020-07-02T17:14:14Z">', "2020-07-02T17:14:14Z"),
        ('<span property="dc:date dc:created" content="2014-06-11T16:58:55+02:00">', "2014-06-11T14:58:55Z"),
        ("<i>in 1999 all was well</i><div><i>2020-07-02T17:14:14Z</i></div>", "2020-07-02T17:14:14Z"),
        ("<time>July 13, 2020</time><i>2020-07-02T17:14:14Z</i>", "2020-07-02T17:14:14Z"),
    ],
)  # fmt: skip
def test_date_strings_wherever_they_stand(body: str, expected: str) -> None:
    found = read(seed(epoch=None, date=None, body=body)).heading
    assert datetime.fromtimestamp(found.published, UTC) == datetime.fromisoformat(expected)
    assert found.updated == found.published


def test_only_the_epoch() -> None:
    found = read(seed(date=None)).heading
    assert found.published == found.updated == 1594849284


def test_no_date_is_held_with_what_was_seen() -> None:
    with pytest.raises(SeedError) as caught:
        read(seed(epoch="NaN", date="1 Foo 2020"))
    assert caught.value.code == "date-missing"
    assert "NaN" in caught.value.detail
    assert "1 Foo 2020" in caught.value.detail
    assert caught.value.line == 4


def test_the_time_of_the_file_serves_if_asked_for() -> None:
    found = heading.explain(
        seed(epoch=None, date=None), "a/b.md", HABITS._replace(mtime=True), 1600000000
    ).heading
    assert found.published == found.updated == 1600000000
    assert found.notes == ("date-mtime",)


def test_candidates_are_all_explained() -> None:
    reading = read(seed(epoch="NaN", body='<time datetime="2020-07-16">'))
    assert [(c.place, bool(c.instant)) for c in reading.candidates] == [
        ("the epoch comment", False),
        ("the <i> element", True),
        ("the datetime of a <time>", True),
    ]
    assert reading.reason == "the <i> element is the only date"


@pytest.mark.parametrize(
    ("path", "title"),
    [
        ("voa/5504336_助台护邦交.md", "助台护邦交"),
        ("voa/4f5272d95a507ae4_A_title.md", "A title"),
        ("voa/5504336.md", "5504336"),
        ("note.md", "note"),
    ],
)
def test_without_a_title_the_name_serves(path: str, title: str) -> None:
    found = read("<!--1594849284000-->\n<p>x</p>", path).heading
    assert found.title == title
    assert found.notes == ("title-missing:1",)
    assert heading.body("<!--1594849284000-->\n<p>x</p>") == "<p>x</p>"


def test_a_link_that_is_none() -> None:
    found = read(seed(link="javascript:alert(1)")).heading
    assert found.link == ""
    assert found.notes == ("link-invalid:2",)


def test_titles_lose_what_their_source_appends() -> None:
    habits = HABITS._replace(trim=(" - iYouPort",))
    assert read(seed("灾难 - iYouPort"), habits=habits).heading.title == "灾难"
    assert read(seed("- iYouPort"), habits=habits).heading.title == "- iYouPort"


def test_a_header_repeated_in_the_body_is_no_part_of_it() -> None:
    text = seed(
        body="<!--NaN-->\n[A title](https://x.example/1)\n- - ----\n\n<div><p>body</p></div>"
    )
    assert heading.body(text) == (
        "\n<div><i>Wed, 15 Jul 2020 21:40:09 GMT</i></div>\n<div><p>body</p></div>"
    )


def test_a_labelled_date_is_no_part_of_the_body() -> None:
    text = "[a](https://x.example/)\n------\n日期：Thu, 02 Jul 2020 17:14:14 +0000\n\n<p>x</p>"
    assert heading.body(text) == "\n\n<p>x</p>"


def test_the_shortcut_is_taken_for_the_common_form() -> None:
    said = heading.quick("a", HABITS)(b"12345_b.md", seed()[:200].encode())
    assert said == heading.row(b"12345_b.md", read(seed(), "a/12345_b.md").heading)


TITLES = st.text(
    st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from(r"[]()\"'<>&🎉 "),
    min_size=1,
    max_size=30,
)

LINKS = (
    "https://x.example/1", "https://x.example/%e4", "http://X/", "https://x.example/(a)",
    "https://www.x.example/a/", "https://www.x/1", "http://x.example/a//b", "http://x.example/a/./b",
    "https://x.example/a.html?id=3", "https://x.example/?utm_source=a", "https://x.example/a?source=rss-1",
    "https://www.-x.example/a", "https://www./a", "https://www/a", "https://www.www.x/", "https://wsrv.nl/a",
    "https://wsrv.nl/?url=x.example/1", "https://x.example:443/a", "https://x.example/a#b", "https://x.example",
)  # fmt: skip


@settings(max_examples=400)
@given(
    TITLES | st.just("A title of the common form"),
    st.sampled_from(LINKS),
    st.integers(0, 90_000) | st.integers(-9, 4_000_000) | st.integers(-(10**9), 10**9),
    st.datetimes(datetime(1980, 1, 1), datetime(2110, 1, 1)),
    st.sampled_from(["", "123_", "12_", "0123abcd_", "١٢٣_", "123٤_", "20200715_", "é"]),
)  # fmt: skip
def test_the_shortcut_says_what_the_long_way_says(
    title: str, link: str, later: int, date: datetime, number: str
) -> None:
    epoch = max(0, int(date.replace(tzinfo=UTC).timestamp()) + later) * 1000
    text = seed(title, link, epoch, date.strftime("%a, %d %b %Y %H:%M:%S GMT"))
    name = f"{number}b.md".encode()
    found = heading.quick("s/a", HABITS)(name, text.encode())
    event(f"shortcut: {found is not None}")
    if found is not None:
        said = heading.explain(text, f"s/a/{number}b.md", HABITS).heading
        assert found == heading.row(name, said)


def test_a_name_that_is_no_text_has_the_shortcut_too() -> None:
    name = b"12345_\xff\xfe.md"
    said = heading.quick("a", HABITS)(name, seed().encode())
    assert said == heading.row(name, read(seed(), os.fsdecode(b"a/" + name)).heading)


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(seed("联通").encode("gb18030"), id="another encoding"),
        pytest.param(seed("A title that ends nowhere: 中文")[:48].encode()[:-1], id="cut"),
        pytest.param(seed("中文").encode(), id="too few letters to tell the encoding"),
        pytest.param(seed().encode() + b"\0", id="binary"),
    ],
)
def test_what_may_be_another_encoding_has_no_shortcut(head: bytes) -> None:
    assert heading.quick("a", HABITS)(b"b.md", head) is None


@given(st.text(max_size=400))
def test_any_text_has_a_heading_or_is_held(text: str) -> None:
    try:
        found = read(text).heading
    except SeedError as error:
        assert error.code == "date-missing"
        return
    assert found.title
    assert found.published <= found.updated


@pytest.mark.parametrize(
    "part", ["[", "](", "<!--", "<i>2020", "- ", "<time ", "日期：", "a ", "\\["]
)
def test_hostile_headers_take_no_time(part: str) -> None:
    text = f"<!--1594849284000-->\n[{part * 2500}"
    read(text[:8192])
    heading.quick("", HABITS)(b"a.md", text[:8192].encode())
    heading.body(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("---\ntitle: A title\ndate: 2026-11-21\n---\n\nText.", "front matter is not read"),
        ("# A title\n\nText.", "it has no header"),
        ("[A title](https://x.example/a)\n------\n\nText.", ""),
        ("[A title](https://x.example/a)\n------\n\nDate: 5 May\n\nText.", "year of four digits"),
    ],
)
def test_what_is_said_of_an_article_without_a_date(text: str, said: str) -> None:
    with pytest.raises(SeedError) as caught:
        heading.explain(text, "s/1.md", HABITS)
    assert said in caught.value.detail
    assert bool(caught.value.detail) == bool(said)

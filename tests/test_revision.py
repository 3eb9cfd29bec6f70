"""What counts as a real change of an article: whatever a reader would see, and nothing else."""

from __future__ import annotations

from hashlib import blake2b

import pytest
from conftest import NOW, Site, dated, seed
from hypothesis import given
from hypothesis import strategies as st

from feeds import article, revision, text

DAY = 86_400
CHANGES = "[[feed]]\nslug = 'all'\n[[feed]]\nslug = 'changes'\nshows = 'changes'\n"


def written(said: str, title: str = "A title", **changes: object) -> str:
    parts: dict[str, object] = dated(NOW - 90 * DAY) | {"title": title, "body": f"<p>{said}</p>"}
    return seed(**(parts | changes))


REAL = [
    ("The firm lost -1.5 million.", "The firm lost 15 million."),
    ("It is written in C.", "It is written in C++."),
    ("Was it he?", "Was it he!"),
    ("a = b", "a ≠ b"),
    ("He came on time", "He came. On time"),
    ("nowhere", "now here"),
    ("会议取消。", "会议取消？"),
    ("5 % of 10", "5 of 10"),
    ("x_1", "x1"),
    ("👍", "👎"),
]
NOISE = [
    ("“It’s” – he said", '"It\'s" - he said'),
    ("caf\u00e9", "cafe\u0301"),
    ("one\u00a0 two", "one two"),
    ("one</p>\n<p>two", "one<br>two"),
    ("one <b>two</b>", "one two"),
    ("中文 English 混排", "中文English混排"),
    ("会议\n取消", "会议取消"),
    ("soft\u00adhyphen\u200b", "softhyphen"),
]


@pytest.mark.parametrize(("old", "new"), REAL)
def test_a_sign_is_a_change(old: str, new: str) -> None:
    assert text.wording(old) != text.wording(new)


@pytest.mark.parametrize(("old", "new"), REAL[:4])
def test_a_sign_that_changed_is_an_update(site: Site, old: str, new: str) -> None:
    site.configure(CHANGES)
    site.write("s/1.md", written(old))
    site.build(NOW)
    site.write("s/1.md", written(new))
    site.build(NOW + DAY)
    assert site.items()[0]["date_modified"] == "2026-11-23T12:00:00+00:00"
    assert len(site.items("changes")) == 1


def test_a_sign_in_the_title_is_an_update(site: Site) -> None:
    site.write("s/1.md", written("x", "Profit"))
    site.build(NOW)
    site.write("s/1.md", written("x", "Profit?"))
    site.build(NOW + DAY)
    assert site.items()[0]["date_modified"] == "2026-11-23T12:00:00+00:00"


@pytest.mark.parametrize(("old", "new"), NOISE)
def test_how_it_is_written_is_no_update(site: Site, old: str, new: str) -> None:
    site.write("s/1.md", written(old))
    site.build(NOW)
    before = site.items()[0]["date_modified"]
    site.write("s/1.md", written(new))
    site.build(NOW + DAY)
    assert site.items()[0]["date_modified"] == before


@given(st.text(alphabet=st.characters(codec="utf-8")))
def test_what_is_said_is_said_once_for_all(given_text: str) -> None:
    assert text.wording(text.wording(given_text)) == text.wording(given_text)


BESIDE = [
    "[[source]]\nfolder = 'zzz'\ntitle = 'Z'\n", "[[source]]\nfolder = 's'\ntitle = 'Another'\n",
    "[content]\nsummary = 100\n", "[dates]\nmissing = 'mtime'\n", "[seeds]\nmax_size = '1 MB'\n",
]  # fmt: skip


@pytest.mark.parametrize("beside", [*BESIDE, "https://moved.example.org/", "Asia/Tokyo"])
def test_an_edit_beside_another_configuration_is_seen(site: Site, beside: str) -> None:
    site.configure(CHANGES)
    site.write("s/1.md", written("The minister denies everything."))
    site.build(NOW)
    if beside in BESIDE:
        site.configure(beside + CHANGES)
    else:
        config = site.root / "config.toml"
        old = "https://feeds.example.org/" if "://" in beside else "Asia/Shanghai"
        config.write_text(config.read_text().replace(old, beside))
    site.build(NOW + 1)
    assert site.items("changes") == []
    site.configure(BESIDE[1] + CHANGES)
    site.write("s/1.md", written("The minister admits everything."))
    site.build(NOW + DAY)
    assert site.items()[0]["date_modified"] == "2026-11-23T12:00:00+00:00"
    assert "admits" in site.items("changes")[0]["content_html"]


@pytest.mark.parametrize(
    "other", ["[content]\nremove = ['.x']\n", "[[source]]\nfolder = 's'\ntrim = ['A ']\n"]
)
def test_what_another_reading_finds_is_no_edit(site: Site, other: str) -> None:
    site.configure(CHANGES)
    site.write("s/1.md", written('Words <i class="x">and an advert</i>'))
    site.build(NOW)
    site.configure(other + CHANGES)
    site.build(NOW + DAY)
    assert site.items("changes") == []


def test_another_reading_has_another_number() -> None:
    """When this fails, what articles say is read in another way: raise `revision.READING`, so
    that subscribers are not told of an edit of every article, and put both numbers here."""
    bodies = [old for old, _ in (*REAL, *NOISE)] + [
        "<h1>A title</h1><div><i>Wed, 15 Jul 2020 21:40:09 GMT</i></div><p>Text<sup>2</sup></p>",
        "# Markdown\n\n- one\n- *two*\n\n| a | b |\n| - | - |\n| 1 | 2 |\n",
        '<figure><img src="a.jpg"><figcaption>Caption</figcaption></figure><pre> a\n  b</pre>',
        "<table><tr><td>1</td><td>2</td></tr></table><script>no</script><ul><li>a<li>b</ul>",
    ]
    read = [
        article.parse(body, "A title", "https://x.example/", article.Cleaning(), lambda _: ("", ""))
        for body in bodies
    ]
    found = blake2b("".join(one.digest for one in read).encode(), digest_size=4).hexdigest()
    assert (revision.READING, found) == (2, "ae9aabf7")


def test_no_entry_is_updated_before_it_was_published(site: Site) -> None:
    site.configure("[[feed]]\nslug = 'all'\n[[feed]]\nslug = 'silent'\nedits = 'silent'\n")
    site.write("s/1.md", written("Text.", **dated(NOW - 10 * DAY)))
    site.build(NOW)
    site.write("s/1.md", written("Text.", **dated(NOW - DAY)))
    site.build(NOW)
    for slug in ("all", "silent"):
        (item,) = site.items(slug)
        assert item["date_published"] == "2026-11-21T12:00:00+00:00"
        assert item.get("date_modified", item["date_published"]) == item["date_published"]

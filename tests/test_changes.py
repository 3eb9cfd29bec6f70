"""The feed of changes: what was edited, word by word in every script, and what is gone."""

from __future__ import annotations

import re

import pytest
from conftest import NOW, Site, article, dated, fresh

from feeds import difference, revision

DAY = 86_400
FEEDS = "[[feed]]\nslug = 'all'\nlimit = 2\n[[feed]]\nslug = 'changes'\nshows = 'changes'\nlimit = 2\nrecent = '1d'\n"

CASES = [
    ("The fee is 200 marks.", "The fee is 300 marks.", "The fee is <del>200</del><ins>300</ins> marks."),
    ("会议于周三举行", "会议于周五举行", "会议于周<del>三</del><ins>五</ins>举行"),
    ("会议は水曜日です", "会議は木曜日です", "会<del>议</del><ins>議</ins>は<del>水</del><ins>木</ins>曜日です"),
    ("ราคาเก่ามาก", "ราคาเก้ามาก", "ราคา<del>เก่า</del><ins>เก้า</ins>มาก"),
    ("l'été dernier", "l'hiver dernier", "<del>l'été</del><ins>l'hiver</ins> dernier"),
    ("नमस्ते दुनिया", "नमस्ते भारत", "नमस्ते <del>दुनिया</del><ins>भारत</ins>"),
    ("a <b> & c", "a <i> & c", "a &lt;<del>b</del><ins>i</ins>&gt; &amp; c"),
    ("same", "same\nmore", "<ins>more</ins>"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "shown"), CASES)
def test_words_are_told_apart_as_each_script_writes_them(old: str, new: str, shown: str) -> None:
    assert f"<p>{shown}</p>" in difference.shown(old, new)


def test_nothing_is_lost_in_a_difference() -> None:
    old = "Title\nOne two three.\nFour.\n五六七。"
    new = "Title\nOne 2 three.\nFour.\nFive.\n五七八。"
    shown = difference.shown(old, new)
    after = re.sub(r"<del>.*?</del>|</?(?:ins|p)>", "", shown)
    before = re.sub(r"<ins>.*?</ins>|</?(?:del|p)>", "", shown)
    assert [line for line in after.split("\n") if line not in {"…", ""}] == [
        "One 2 three.",
        "Five.",
        "五七八。",
    ]
    assert [line for line in before.split("\n") if line not in {"…", ""}] == [
        "One two three.",
        "五六七。",
    ]


def test_very_long_texts_are_compared_by_paragraphs() -> None:
    old, new = " ".join(f"a{n}" for n in range(3000)), " ".join(f"b{n}" for n in range(3000))
    assert difference.shown(old, new) == f"<p><del>{old}</del><ins>{new}</ins></p>"


def test_words_of_an_article() -> None:
    assert revision.words("T", "<p>a &amp;\nb<br />c</p><ul><li>d</li></ul>") == "T\na & b\nc\nd"


def test_edits_and_removals_stand_in_it(
    site: Site, tmp_path_factory: pytest.TempPathFactory
) -> None:
    site.configure(FEEDS)
    paths = [site.write(f"s/{n}.md", article(n)) for n in range(3)]
    site.build(NOW)
    assert site.items("changes") == []
    site.write("s/2.md", article(2, body="<p>The few words of 2.</p>"))
    site.write("s/1.md", article(1, epoch=NOW * 1000))  # no edit
    site.build(NOW + 10)
    (edit,) = site.items("changes")
    assert edit["title"] == "Edited: Article 2"
    assert edit["content_html"] == "<p>…</p>\n<p>The<ins> few</ins> words of 2.</p>"
    assert edit["date_published"] == edit["date_modified"]
    paths[2].unlink()
    site.build(NOW + 20)
    removal, again = site.items("changes")
    assert again == edit
    assert removal["title"] == "Removed: Article 2"
    assert "<del>The few words of 2.</del>" in removal["content_html"]
    assert removal["id"] != edit["id"]
    assert site.bytes() == fresh(site, tmp_path_factory, NOW + 20)


def test_an_edit_of_an_article_that_left_its_feed_is_shown(site: Site) -> None:
    site.configure(FEEDS)
    site.write("s/0.md", article(0))
    site.build(NOW)
    for number in range(1, 6):
        site.write(f"s/{number}.md", article(number))
    site.build(NOW + 3 * DAY)
    site.build(NOW + 9 * DAY)
    assert "Article 0" not in site.titles()
    site.write("s/0.md", article(0, title="Article nought"))
    site.build(NOW + 10 * DAY)
    (edit,) = site.items("changes")
    assert "Article <del>0</del><ins>nought</ins>" in edit["content_html"]


def test_a_rename_is_no_removal(site: Site) -> None:
    site.configure(FEEDS)
    path = site.write("s/0.md", article(0))
    site.build(NOW)
    path.rename(path.with_name("zero.md"))
    site.build(NOW + 1)
    site.write("s/zero.md", article(0, link="https://x.example/zero"))
    site.build(NOW + 2)
    assert [item["title"] for item in site.items("changes")] == ["Edited: Article 0"]


def test_many_changes_stand_as_long_as_they_are_new(site: Site) -> None:
    site.configure(FEEDS)
    for number in range(5):
        site.write(f"s/{number}.md", article(number))
    site.build(NOW - DAY)
    site.configure(FEEDS.replace("limit = 2", "limit = 9", 1))
    site.build(NOW - DAY)
    for number in range(5):
        site.write(f"s/{number}.md", article(number, body="<p>Edited.</p>"))
    report = site.build(NOW)
    assert len(site.items("changes")) == 5
    assert report.due is not None
    site.build(NOW + DAY)
    assert len(site.items("changes")) == 2


def test_edits_and_removals_are_told_of_articles_that_stand_in_no_feed(
    site: Site, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """As where this is the only feed, from its first build on."""
    site.configure("[[feed]]\nslug = 'changes'\nshows = 'changes'\n")
    paths = [site.write(f"s/{n}.md", article(n)) for n in range(20)]
    site.build(NOW)
    assert site.items("changes") == []
    site.write("s/5.md", article(5, body="<p>The few words of 5.</p>"))
    site.write("s/6.md", article(6, epoch=NOW * 1000))  # no edit
    paths[7].unlink()
    paths[8].rename(paths[8].with_name("eight.md"))
    site.write("s/30.md", article(30))
    site.build(NOW + 10)
    told = {str(item["title"]): item["content_html"] for item in site.items("changes")}
    assert set(told) == {"Edited: Article 5", "Removed: Article 7"}
    assert "<ins> few</ins>" in str(told["Edited: Article 5"])
    assert "<del>The words of 7.</del>" in str(told["Removed: Article 7"])
    site.write("s/5.md", article(5, body="<p>The many words of 5.</p>"))
    site.write("s/30.md", article(30, title="Article thirty"))
    (site.root / ".feeds/catalogue.sqlite").unlink()  # and with it, what changed since
    site.build(NOW + 20)
    assert {i["title"] for i in site.items("changes")} >= {
        "Edited: Article 5",
        "Edited: Article thirty",
    }
    site.write("s/30.md", article(30, title="Article 30, edited"))
    site.build(NOW + 30)
    assert site.items("changes")[0]["title"] == "Edited: Article 30, edited"
    assert site.bytes() == fresh(site, tmp_path_factory, NOW + 30)


def test_an_edit_in_the_archive_is_told_though_the_feed_of_changes_came_later(site: Site) -> None:
    site.configure(FEEDS.partition("[[feed]]\nslug = 'changes'")[0])
    for number in range(5):
        site.write(f"s/{number}.md", article(number))
    site.build(NOW - 9 * DAY)
    site.configure(FEEDS)
    site.build(NOW)
    site.write("s/0.md", article(0, body="<p>Other words.</p>"))  # never stood in a feed
    site.write("s/4.md", article(4, body="<p>Other words.</p>"))
    site.build(NOW + 10)
    assert {i["title"] for i in site.items("changes")} == {"Edited: Article 0", "Edited: Article 4"}
    assert site.titles() == ["Article 4", "Article 3"]


def test_what_is_edited_before_it_is_due_is_no_change(site: Site) -> None:
    site.configure("[[feed]]\nslug = 'changes'\nshows = 'changes'\n")
    path = site.write("s/1.md", article(1, **dated(NOW + DAY)))
    site.build(NOW)
    site.write("s/1.md", article(1, body="<p>Secret.</p>", **dated(NOW + DAY)))
    site.write("s/2.md", article(2, **dated(NOW + DAY)))
    site.build(NOW + 1)
    (site.root / "seeds/s/2.md").unlink()
    site.build(NOW + 2)
    assert site.items("changes") == []
    site.build(NOW + 2 * DAY)
    path.write_text(article(1, body="<p>Told.</p>", **dated(NOW + DAY)))
    site.build(NOW + 3 * DAY)
    (item,) = site.items("changes")
    assert "<del>Secret</del><ins>Told</ins>" in str(item["content_html"])

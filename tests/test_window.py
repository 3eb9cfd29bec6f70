"""The window of a feed: nothing is missed, and nothing grows beyond measure."""

from __future__ import annotations

import pytest
from conftest import NOW, Site, dated, fresh, seed
from conftest import article as posted

from feeds import cycle
from feeds.model import PublishError

HOUR, DAY = 3600, 86_400
LIMIT = "[[feed]]\nslug = 'all'\nlimit = 3\n"


def article(number: int, instant: int, **changes: object) -> str:
    parts: dict[str, object] = {
        "title": f"Article {number}",
        "link": f"https://news.example.com/{number}",
    }
    return seed(**(parts | dated(instant) | changes))


def begun(site: Site, text: str = LIMIT) -> None:
    site.configure(text)
    for number in range(5):
        site.write(f"s/{number}.md", article(number, NOW - 100 * DAY + number))
    site.build(NOW - 10 * DAY)


def test_nothing_has_just_arrived_when_the_ledger_begins(site: Site) -> None:
    begun(site)
    assert len(site.items()) == 3


def test_a_burst_stands_whole(site: Site, tmp_path_factory: pytest.TempPathFactory) -> None:
    begun(site)
    for number in range(10, 30):
        site.write(f"s/{number}.md", article(number, NOW - DAY + number))
    report = site.build(NOW)
    assert len(site.items()) == 20
    assert report.due is not None
    assert int(report.due.timestamp()) == NOW + 2 * DAY
    assert site.bytes() == fresh(site, tmp_path_factory)
    assert site.build(NOW + 2 * DAY - 1).written == ()
    site.build(NOW + 2 * DAY)
    assert len(site.items()) == 3
    assert site.bytes() == fresh(site, tmp_path_factory, NOW + 2 * DAY)


def test_what_arrives_with_an_old_date_is_shown(site: Site) -> None:
    begun(site)
    site.write("s/old.md", article(99, NOW - 900 * DAY))
    site.build(NOW)
    assert site.titles() == ["Article 4", "Article 3", "Article 2", "Article 99"]
    site.build(NOW + 2 * DAY)
    assert "Article 99" not in site.titles()


def test_arrival_survives_a_lost_catalogue(site: Site) -> None:
    begun(site)
    site.write("s/old.md", article(99, NOW - 900 * DAY))
    site.build(NOW)
    (site.root / ".feeds/catalogue.sqlite").unlink()
    site.build(NOW + DAY)
    assert "Article 99" in site.titles()
    (site.root / ".feeds/catalogue.sqlite").unlink()
    site.build(NOW + 3 * DAY)
    assert len(site.items()) == 3


def test_what_falls_due_has_arrived_then(site: Site) -> None:
    begun(site)
    for number in range(10, 20):
        site.write(f"s/{number}.md", article(number, NOW + DAY, epoch=None))
    site.build(NOW)
    assert len(site.items()) == 3
    site.build(NOW + DAY)
    assert len(site.items()) == 10
    site.build(NOW + 3 * DAY - 1)
    assert len(site.items()) == 10


def test_a_touched_or_renamed_seed_does_not_arrive_again(site: Site) -> None:
    begun(site)
    site.write("s/0.md", article(0, NOW - 100 * DAY, title="Article 0, edited"))
    (site.root / "seeds/s/1.md").rename(site.root / "seeds/s/one.md")
    site.write("s/2.md", article(2, NOW - 100 * DAY + 2, link="https://moved.example.com/2b"))
    site.build(NOW)
    assert site.titles() == ["Article 4", "Article 3", "Article 2"]


def test_a_budget_makes_older_entries_summaries_and_then_leaves_them_out(site: Site) -> None:
    site.configure("[[feed]]\nslug = 'all'\nlimit = 60\nmax_size = '100 kB'\n")
    for number in range(60):
        body = f"<p>First of {number}.</p>" + "<p>Some words &amp; more of them.</p>" * 300
        site.write(f"s/{number}.md", article(number, NOW - 100 * DAY + number, body=body))
    report = site.build(NOW)
    (note,) = report.notes
    assert note.startswith("all: it would have at least ")
    sizes = [len(body) for name, body in site.bytes().items() if name.endswith((".xml", ".json"))]
    assert 60_000 < max(sizes) <= 100_000
    whole = ["content_html" in item for item in site.items()]
    assert whole[0]
    assert whole == sorted(whole, reverse=True)
    assert len(whole) == 60


def test_what_arrived_lately_is_the_last_to_be_left_out(site: Site) -> None:
    begun(site, "[[feed]]\nslug = 'all'\nlimit = 40\nmax_size = '20 kB'\n")
    for number in range(10, 60):
        site.write(f"s/{number}.md", article(number, NOW - DAY + number, body="<p>x</p>" * 500))
    report = site.build(NOW)
    titles = [f"Article {number}" for number in range(59, 9, -1)]
    assert 8 < len(site.items()) < 30
    assert site.titles() == titles[: len(site.items())]
    assert f"{50 - len(site.items())} that arrived lately left out" in report.notes[0]
    documents = [b for n, b in site.bytes().items() if n.startswith("all/") and "html" not in n]
    assert max(map(len, documents)) <= 20_000
    report = site.build(NOW + 3 * DAY)
    assert (
        max(len(b) for n, b in site.bytes().items() if n.startswith("all/") and "html" not in n)
        <= 20_000
    )
    assert len(site.items()) < 40


def sizes(site: Site) -> list[int]:
    found = site.bytes().items()
    return [len(b) for n, b in found if n.startswith("all/") and n.endswith((".xml", ".json"))]


@pytest.mark.parametrize("feed", ["", "archive = true\n"], ids=["window", "archive"])
def test_one_huge_article_takes_no_other_out(site: Site, feed: str) -> None:
    site.configure(f"[[feed]]\nslug = 'all'\nlimit = 30\nmax_size = '100 kB'\n{feed}")
    for number in range(30):
        site.write(f"s/{number}.md", article(number, NOW - 9 * DAY + number))
    site.build(NOW)
    site.write("s/huge.md", article(99, NOW, body="<p>" + "huge words " * 30_000 + "</p>"))
    (outlook,) = cycle.plan(site.load(), NOW + HOUR)
    assert (outlook.new, outlook.lost) == (1, 0)
    (note,) = site.build(NOW + HOUR).notes
    assert "1 as summaries" in note
    assert "left out" not in note
    whole = {str(item["title"]): "content_html" in item for item in site.items()}
    assert next(iter(whole)) == "Article 99"
    assert [title for title, all_ in whole.items() if not all_] == ["Article 99"]
    assert len(whole) >= 30
    assert max(sizes(site)) <= 100_000


def test_a_back_dated_burst_leaves_the_newest_and_is_no_accident(site: Site) -> None:
    begun(site, "[[feed]]\nslug = 'all'\nlimit = 40\nmax_size = '30 kB'\n")
    for number in range(10, 40):
        site.write(f"s/{number}.md", article(number, NOW - 3 * DAY + number))
    site.build(NOW - 3 * DAY + 99)
    for number in range(1000, 1100):
        site.write(f"s/{number}.md", article(number, NOW - 900 * DAY + number))
    site.build(NOW)
    assert site.titles()[:5] == [f"Article {number}" for number in range(39, 34, -1)]
    assert site.titles()[5] == "Article 1099"
    assert max(sizes(site)) <= 30_000


def test_what_has_no_room_any_more_without_a_newer_one_is_lost(site: Site) -> None:
    text = "[[feed]]\nslug = 'all'\nlimit = 40\nmax_size = '{}'\n"
    site.configure(text.format("100 kB"))
    for number in range(40):
        site.write(f"s/{number}.md", article(number, NOW - 9 * DAY + number))
    site.build(NOW)
    assert len(site.items()) == 40
    site.configure(text.format("20 kB"))
    with pytest.raises(PublishError, match=r"of 40 entries, 0 .* and [1-3]\d would vanish"):
        site.build(NOW)
    report = site.build(NOW, accept=True)
    assert 5 < len(site.items()) < 30
    assert report.feeds[0].entries == len(site.items())
    site.write("s/50.md", article(50, NOW - DAY))
    (outlook,) = cycle.plan(site.load(), NOW)
    assert (outlook.new, outlook.lost) == (1, 0)


def test_an_edit_is_new_in_each_feed_at_once(
    site: Site, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Also in one whose window the article had left, when another feed still shows it."""
    site.configure(
        "[[feed]]\nslug = 'all'\nlimit = 2\nedits = 'new'\n[[feed]]\nslug = 'whole'\nlimit = 50\n"
    )
    for number in range(6):
        site.write(f"s/{number}.md", posted(number))
    site.build(NOW)
    site.write("s/0.md", posted(0, body="<p>Quite other words.</p>"))
    site.build(NOW + 60)
    assert site.titles("all") == ["Article 5", "Article 4", "Article 0"]
    assert site.items("all")[2]["id"].endswith(";v=2")
    assert site.bytes() == fresh(site, tmp_path_factory, NOW + 60)

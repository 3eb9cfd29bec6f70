"""The window of a feed: nothing is missed, and nothing grows beyond measure."""

from __future__ import annotations

import pytest
from conftest import NOW, Site, dated, fresh, seed

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
    assert note.startswith("all: it would have ")
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

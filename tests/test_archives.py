"""Archive documents: every entry exactly once, whatever happens, and hardly a file touched."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import feedparser
import pytest
from conftest import NOW, Site, dated, fresh, seed

from feeds import cycle
from feeds.model import PublishError

DAY = 86_400
BASE = "https://feeds.example.org/"
FEED = "[[feed]]\nslug = 'all'\nlimit = 10\narchive = true\n"


def article(number: int, **changes: object) -> str:
    parts: dict[str, object] = {
        "title": f"Article {number}", "link": f"https://news.example.com/{number}",
        "body": f"<p>Words of {number}.</p>", **dated(NOW - 900 * DAY + number * DAY),
    }  # fmt: skip
    return seed(**(parts | changes))


def begun(site: Site, count: int = 300) -> None:
    site.configure(FEED)
    for number in range(count):
        site.write(f"{'st'[number % 2]}/{number}.md", article(number))
    site.build(NOW)


def local(site: Site, url: str) -> Path:
    assert url.startswith(BASE)
    return site.root / "out" / url.removeprefix(BASE)


def walked(site: Site, name: str = "atom.xml") -> list[list[str]]:
    """The titles in each document from the feed on, as its links lead; every format has its own."""
    url, found, back = f"{BASE}all/{name}", [], []
    while url:
        assert url not in back, "a circle"
        back.append(url)
        body = local(site, url).read_bytes()
        if name.endswith(".json"):
            document = json.loads(body)
            found.append([item["title"] for item in document["items"]])
            url = document.get("next_url", "")
            continue
        parsed = feedparser.parse(body)
        assert not parsed.bozo
        links = {link["rel"]: link["href"] for link in parsed.feed.links}
        assert links["self"] == url
        if len(back) > 1:
            assert links["current"] == back[0]
            assert b"http://purl.org/syndication/history/1.0" in body
        else:
            assert "current" not in links
        following = links.get("next-archive")
        # the last closed one may not name the one after it before the next change
        assert following in ({None, back[-2]} if len(back) > 2 else {None}), (url, following)
        found.append([entry.title for entry in parsed.entries])
        url = links.get("prev-archive", "")
    return found


def flat(documents: list[list[str]]) -> list[str]:
    return [title for document in documents for title in document]


def changed(before: dict[str, bytes], after: dict[str, bytes]) -> set[str]:
    """The feed's documents that differ, each once whatever its formats."""
    names = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    return {os.path.dirname(name) for name in names if name.startswith("all/")}


def test_walking_meets_every_entry_once_in_every_format(
    site: Site, tmp_path_factory: pytest.TempPathFactory
) -> None:
    begun(site)
    for name in ("atom.xml", "rss.xml", "feed.json"):
        documents = walked(site, name)
        assert len(documents[0]) == 10
        assert all(document for document in documents)
        titles = flat(documents)
        assert sorted(titles) == sorted(f"Article {n}" for n in range(300))
        assert titles == [f"Article {n}" for n in range(299, -1, -1)]
    assert site.bytes() == fresh(site, tmp_path_factory)
    assert site.build(NOW).written == ()


def test_a_new_article_touches_two_documents_at_most(site: Site) -> None:
    begun(site)
    closed = {n: b for n, b in site.bytes().items() if "/archive/" in n}
    before = site.bytes()
    now = NOW
    touched = []
    for number in range(300, 420):
        now += 3 * DAY
        site.write(f"s/{number}.md", article(number, **dated(now - 60)))
        site.build(now)
        after = site.bytes()
        touched.append(len(changed(before, after)))
        before = after
    assert max(touched) == 2
    assert touched.count(1) > 100
    assert sorted(flat(walked(site))) == sorted(f"Article {n}" for n in range(420))
    # what was closed at first stays but for the one that was the last and now names the next
    differing = {os.path.dirname(n) for n, b in closed.items() if before[n] != b}
    assert len(differing) == 1


def test_an_edited_article_comes_back_and_is_archived_anew(
    site: Site, tmp_path_factory: pytest.TempPathFactory
) -> None:
    begun(site)
    before = site.bytes()
    site.write("s/100.md", article(100, title="Edited 100"))
    site.build(NOW + DAY)
    after = site.bytes()
    documents = walked(site)
    assert "Edited 100" in documents[0]
    assert sorted(flat(documents)) == sorted(
        [*(f"Article {n}" for n in range(300) if n != 100), "Edited 100"]
    )
    assert len(changed(before, after)) == 2
    assert after == fresh(site, tmp_path_factory, NOW + DAY)
    site.build(NOW + 4 * DAY)
    assert site.bytes() == fresh(site, tmp_path_factory, NOW + 4 * DAY)
    assert sorted(flat(walked(site))) == sorted(flat(documents))


def test_a_touched_article_touches_nothing(site: Site) -> None:
    begun(site)
    before = site.published()
    site.write("s/100.md", article(100, epoch=NOW * 1000))
    site.build(NOW + DAY)
    assert site.published() == before


def test_a_removed_article_leaves_its_archive(
    site: Site, tmp_path_factory: pytest.TempPathFactory
) -> None:
    begun(site)
    before = site.bytes()
    (site.root / "seeds/s/100.md").unlink()
    site.build(NOW + DAY)
    assert "Article 100" not in flat(walked(site))
    assert len(flat(walked(site))) == 299
    assert len(changed(before, site.bytes())) == 1
    assert site.bytes() == fresh(site, tmp_path_factory, NOW + DAY)


def test_a_renamed_and_readdressed_article_stays_where_it_is(site: Site) -> None:
    begun(site)
    ids = {
        item["id"]
        for name in site.bytes()
        if name.endswith(".json")
        for item in json.loads(site.bytes()[name])["items"]
    }
    (site.root / "seeds/s/100.md").unlink()
    site.write("s/hundred.md", article(100, link="https://moved.example.com/100"))
    site.build(NOW + DAY)
    after = {
        item["id"]
        for name in site.bytes()
        if name.endswith(".json")
        for item in json.loads(site.bytes()[name])["items"]
    }
    assert after == ids
    assert len(flat(walked(site))) == 300


def test_back_dated_arrivals_are_met_once(site: Site) -> None:
    begun(site)
    for number in range(1000, 1080):
        site.write(f"s/{number}.md", article(number, **dated(NOW - 5000 * DAY + number)))
    site.build(NOW + DAY)
    assert len(walked(site)[0]) == 90
    site.build(NOW + 4 * DAY)
    documents = walked(site)
    assert len(documents[0]) == 10
    assert len(flat(documents)) == len(set(flat(documents))) == 380


def test_a_lost_output_folder_comes_back_whole(site: Site) -> None:
    begun(site)
    before = site.bytes()
    shutil.rmtree(site.root / "out/all/archive")
    site.build(NOW)
    assert site.bytes() == before
    one = next(iter(sorted((site.root / "out/all/archive").iterdir()))) / "atom.xml"
    one.write_text("vandalised")
    report = site.build(NOW)
    assert report.written == (str(one.relative_to(site.root / "out")),)
    assert site.bytes() == before


def test_a_lost_ledger_and_a_lost_catalogue(site: Site) -> None:
    begun(site)
    titles = sorted(flat(walked(site)))
    shutil.rmtree(site.root / ".feeds")
    site.build(NOW + DAY)
    assert sorted(flat(walked(site))) == titles


def test_the_rule_of_a_feed_may_change(
    site: Site, tmp_path_factory: pytest.TempPathFactory
) -> None:
    begun(site)
    site.configure(FEED + "exclude = { source = 't' }\n")
    cycle.build(site.load(), NOW + DAY, pictures="none", accept=True)
    assert sorted(flat(walked(site))) == sorted(f"Article {n}" for n in range(0, 300, 2))
    assert site.bytes() == fresh(site, tmp_path_factory, NOW + DAY)
    site.configure(FEED)
    cycle.build(site.load(), NOW + 2 * DAY, pictures="none", accept=True)
    assert sorted(flat(walked(site))) == sorted(f"Article {n}" for n in range(300))
    site.configure(FEED.replace("archive = true\n", ""))
    cycle.build(site.load(), NOW + 3 * DAY, pictures="none", accept=True)
    assert not (site.root / "out/all/archive").exists()


def test_another_title_is_told_everywhere(
    site: Site, tmp_path_factory: pytest.TempPathFactory
) -> None:
    begun(site)
    site.configure(FEED + "title = 'Another'\n")
    site.build(NOW + DAY)
    assert all(b"Another" in b for n, b in site.bytes().items() if n.endswith("atom.xml"))
    assert site.bytes() == fresh(site, tmp_path_factory, NOW + DAY)


def test_a_bad_seed_in_an_archive_harms_only_itself(site: Site) -> None:
    site.configure(FEED)
    for number in range(100):
        site.write(f"s/{number}.md", article(number))
    bad = article(5).encode() + b"<p>" + b"x" * 9000 + bytes(range(128, 256)) * 40
    site.write("s/5.md", bad)
    site.write("s/6.md", article(6, body="<script>x</script>"))
    report = site.build(NOW)
    assert [(p.code, p.path) for p in report.held] == [("text-unknown", "s/5.md")]
    assert [(p.code, p.path) for p in report.repaired] == [("body-empty", "s/6.md")]
    assert sorted(flat(walked(site))) == sorted(f"Article {n}" for n in range(100) if n != 5)
    assert site.build(NOW).written == ()


def test_pictures_beside_archived_articles_are_published(site: Site) -> None:
    from test_images import png

    begun(site, 100)
    site.write("s/p.png", png(300, 200))
    site.write("s/2.md", article(2, body='<p>x</p><img src="p.png">'))
    site.build(NOW + DAY)
    site.build(NOW + 9 * DAY)
    assert (site.root / "out/media/s/p.png").exists()
    for number in range(2000, 2070):
        site.write(f"s/{number}.md", article(number, **dated(NOW + 9 * DAY)))
    site.build(NOW + 10 * DAY)
    site.build(NOW + 15 * DAY)
    assert "Article 2" in flat(walked(site)[1:])
    assert (site.root / "out/media/s/p.png").exists()
    assert site.build(NOW + 15 * DAY).deleted == ()


def test_a_first_build_that_is_killed_goes_on_where_it_was(
    site: Site, tmp_path_factory: pytest.TempPathFactory
) -> None:
    site.configure(FEED)
    for number in range(2500):
        site.write(f"s/{number}.md", article(number, **dated(NOW - 3000 * DAY + number * 3600)))
    code = f"from feeds import config, cycle; cycle.build(config.load('config.toml'), {NOW}, pictures='none')"
    rng = random.Random(5)
    done = [0]
    for _ in range(4):
        process = subprocess.Popen([sys.executable, "-c", code], cwd=site.root)
        try:
            process.wait(rng.uniform(1.0, 2.5))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        made = len(list((site.root / "out").glob("all/archive/*/atom.xml")))
        assert made >= done[-1]
        done.append(made)
    site.build(NOW)
    assert len(set(flat(walked(site)))) == len(flat(walked(site))) == 2500
    assert site.bytes() == fresh(site, tmp_path_factory)


@pytest.mark.parametrize("size", [1_000_000, 4_000])
def test_incremental_equals_fresh_with_tiny_archives(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """Any series of edits, with archive documents that close after two articles."""
    from hypothesis import HealthCheck, settings
    from hypothesis.stateful import initialize, invariant, run_state_machine_as_test
    from test_cycle import Edits

    from feeds import fitting, shelving

    monkeypatch.setattr(shelving, "WAITING", 2)
    monkeypatch.setattr(shelving, "SIZE", 3)
    fit = fitting.fit
    monkeypatch.setattr(fitting, "fit", lambda feed, _, *rest: fit(feed, size, *rest))
    monkeypatch.setattr(fitting, "PRESENT", 1)

    class Archived(Edits):
        factory = tmp_path_factory

        @initialize()
        def begin(self) -> None:
            super().begin()
            self.site.configure(
                "[[feed]]\nslug = 'all'\nlimit = 2\nrecent = '1d'\narchive = true\n"
                "[guard]\nleast = 99\n"
            )

        @invariant()
        def every_article_once(self) -> None:
            seeds = self.site.build(self.now, accept=True)
            titles = [title for document in walked(self.site) for title in document]
            twins = sum(1 for problem in seeds.repaired if problem.code == "twin")
            assert len(titles) == seeds.seeds - len(seeds.held) - seeds.waiting - twins

    run_state_machine_as_test(
        Archived,
        settings=settings(
            max_examples=6,
            stateful_step_count=12,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.parametrize(("limit", "count"), [(200, 200), (10, 49)])
def test_what_has_no_room_in_the_feed_goes_to_its_archive(
    site: Site, tmp_path_factory: pytest.TempPathFactory, limit: int, count: int
) -> None:
    site.configure(FEED.replace("10", str(limit)) + "max_size = '20 kB'\n")
    for number in range(count):
        site.write(f"s/{number}.md", article(number, body=f"<p>{'word ' * 99}{number}</p>"))
    report = site.build(NOW, accept=True)
    titles = [f"Article {number}" for number in range(count)]
    assert sorted(flat(walked(site))) == sorted(titles)
    assert report.feeds[0].entries == len(walked(site)[0]) > 5
    assert not any("archive = true" in note for note in report.notes)
    assert site.bytes() == fresh(site, tmp_path_factory)
    before, now = site.bytes(), NOW
    touched = []
    for number in range(count, count + 12):
        now += 3 * DAY
        site.write(f"s/{number}.md", article(number, **dated(now - 60)))
        site.build(now, accept=True)
        touched.append(len(changed(before, site.bytes())))
        before = site.bytes()
        titles.append(f"Article {number}")
        assert sorted(flat(walked(site))) == sorted(titles)
    assert max(touched) <= 2
    assert touched.count(1) > 6
    assert before == fresh(site, tmp_path_factory, now)


def test_a_burst_without_room_is_archived_and_stays_there(
    site: Site, tmp_path_factory: pytest.TempPathFactory
) -> None:
    site.configure(FEED + "max_size = '40 kB'\n")
    for number in range(100):
        site.write(f"s/{number}.md", article(number))
    site.build(NOW)
    for number in range(1000, 1200):
        site.write(f"s/{number}.md", article(number, **dated(NOW - 5000 * DAY + number)))
    (note,) = site.build(NOW + DAY).notes
    assert "that arrived lately stand in its archive documents only" in note
    documents = walked(site)
    assert len(flat(documents)) == len(set(flat(documents))) == 300
    assert documents[0][:5] == [f"Article {number}" for number in range(99, 94, -1)]
    assert site.bytes() == fresh(site, tmp_path_factory, NOW + DAY)
    before = site.bytes()
    site.write("s/5000.md", article(5000, **dated(NOW + DAY)))
    site.build(NOW + DAY + 60)
    assert len(changed(before, site.bytes())) <= 2
    assert len(set(flat(walked(site)))) == len(flat(walked(site))) == 301
    old = dated(NOW - 5000 * DAY + 1000)
    site.write("s/1000.md", article(1000, title="Edited 1000", **old))
    site.build(NOW + DAY + 120)
    assert "Edited 1000" in walked(site)[0]
    assert len(set(flat(walked(site)))) == len(flat(walked(site))) == 301


@pytest.mark.parametrize("cut", ["refused", "killed"])
def test_what_a_build_saw_that_came_to_nothing_is_archived_by_the_next(
    site: Site, tmp_path_factory: pytest.TempPathFactory, cut: str
) -> None:
    site.configure(FEED + "recent = '0s'\n[guard]\nleast = 5\n")
    for number in range(150):
        site.write(f"s/{number}.md", article(number))
    site.build(NOW)
    for number in range(1000, 1020):
        site.write(f"s/{number}.md", article(number, **dated(NOW - 5000 * DAY + number)))
    site.write("s/3.md", article(3, title="Edited 3"))

    class StopError(Exception):
        pass

    def stop(stage: str, done: int, total: int) -> None:
        if stage in {"making archives", "publishing"}:
            raise StopError

    if cut == "killed":
        with pytest.raises(StopError):
            cycle.build(site.load(), NOW + DAY, pictures="none", progress=stop)
    else:
        paths = [site.root / f"seeds/s/{number}.md" for number in range(120, 150)]
        texts = [path.read_bytes() for path in paths]
        for path in paths:
            path.unlink()
        with pytest.raises(PublishError, match="would vanish"):
            site.build(NOW + DAY)
        for path, text in zip(paths, texts, strict=True):
            site.write(f"s/{path.name}", text)
    site.build(NOW + DAY)
    titles = flat(walked(site))
    assert len(titles) == len(set(titles)) == 170
    assert "Edited 3" in titles
    assert site.bytes() == fresh(site, tmp_path_factory, NOW + DAY)


def test_an_edited_article_can_be_found_at_any_time(
    site: Site, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Wherever a build is cut off: in the feed, in its archive document, or in both."""
    begun(site, 150)
    site.write("s/10.md", article(10, title="Edited 10"))
    met: list[set[str]] = []

    def look(*_: object) -> None:
        titles = set(flat(walked(site)))
        met.append(titles & {"Article 10", "Edited 10"})
        assert len(titles - met[-1]) == 149

    cycle.build(site.load(), NOW + DAY, pictures="none", progress=look)
    look()
    assert all(met)
    assert met[-1] == {"Edited 10"}
    assert {"Article 10", "Edited 10"} in met

    class StopError(Exception):
        pass

    def stop(stage: str, *_: object) -> None:
        if stage == "making archives":
            raise StopError

    site.write("s/12.md", article(12, title="Edited 12"))
    with pytest.raises(StopError):
        cycle.build(site.load(), NOW + DAY + 60, pictures="none", progress=stop)
    assert "Edited 12" in walked(site)[0]
    site.build(NOW + DAY + 60)
    assert len(flat(walked(site))) == len(set(flat(walked(site)))) == 150
    assert site.bytes() == fresh(site, tmp_path_factory, NOW + DAY + 60)


def test_an_edit_that_is_to_go_unnoticed_stays_in_the_archive(
    site: Site, tmp_path_factory: pytest.TempPathFactory
) -> None:
    site.configure(FEED + "edits = 'silent'\n")
    for number in range(300):
        site.write(f"s/{number}.md", article(number))
    site.build(NOW)
    site.write("s/100.md", article(100, title="Edited 100"))
    assert [o.new for o in cycle.plan(site.load(), NOW + DAY)] in ([], [0])
    site.build(NOW + DAY)
    documents = walked(site)
    assert len(documents[0]) == 10
    assert "Edited 100" in flat(documents[1:])
    assert len(flat(documents)) == 300
    assert site.bytes() == fresh(site, tmp_path_factory, NOW + DAY)


@pytest.mark.parametrize(("edits", "kind"), [("updated", "updated"), ("new", "again")])
def test_what_comes_back_from_the_archive_is_not_new(site: Site, edits: str, kind: str) -> None:
    site.configure(FEED + f"edits = '{edits}'\n")
    for number in range(100):
        site.write(f"s/{number}.md", article(number))
    site.build(NOW)
    site.write("s/10.md", article(10, title="Edited 10"))
    (outlook,) = cycle.plan(site.load(), NOW + DAY)
    assert [(change.kind, change.entry.title) for change in outlook.changes] == [
        (kind, "Edited 10")
    ]


def test_what_vanishes_from_the_archive_is_told_and_guarded(site: Site) -> None:
    begun(site)
    for number in range(12):
        (site.root / f"seeds/{'st'[number % 2]}/{number}.md").unlink()
    (outlook,) = cycle.plan(site.load(), NOW)
    assert (outlook.lost, outlook.vanished) == (12, 12)
    assert outlook.changes[0].entry.title.startswith("Article ")
    site.build(NOW)
    for number in range(12, 90):
        (site.root / f"seeds/{'st'[number % 2]}/{number}.md").unlink()
    before = site.published()
    with pytest.raises(PublishError, match=r"of 288 entries, 0 .* and 78 would vanish"):
        site.build(NOW)
    assert site.published() == before
    site.build(NOW, accept=True)
    assert len(flat(walked(site))) == 210
    site.configure(FEED.replace("archive = true\n", ""))
    with pytest.raises(PublishError, match=r"of 210 entries, 0 .* and 200 would vanish"):
        site.build(NOW)
    site.configure(FEED.replace("all", "news"))
    with pytest.raises(PublishError, match="would vanish"):
        site.build(NOW)
    site.configure(FEED.replace("all", "news") + "[[moved]]\npath = 'all'\nto = 'news'\n")
    assert cycle.plan(site.load(), NOW) == ()
    site.build(NOW)


def test_a_raised_limit_takes_effect_at_once(
    site: Site, tmp_path_factory: pytest.TempPathFactory
) -> None:
    begun(site)
    site.configure(FEED.replace("10", "60"))
    assert cycle.plan(site.load(), NOW + DAY) == ()
    site.build(NOW + DAY)
    documents = walked(site)
    assert documents[0] == [f"Article {n}" for n in range(299, 239, -1)]
    assert sorted(flat(documents)) == sorted(f"Article {n}" for n in range(300))
    assert site.bytes() == fresh(site, tmp_path_factory, NOW + DAY)


@pytest.mark.parametrize("without", ["", "[[feed]]\nslug = 'all'\nlimit = 2\n"])
def test_archives_that_are_given_up_for_a_while_miss_nothing(
    site: Site, tmp_path_factory: pytest.TempPathFactory, without: str
) -> None:
    """Though all that stood in the feed was waiting for its first archive document."""
    archived = "[[feed]]\nslug = 'news'\nlimit = 2\narchive = true\n"
    site.configure(archived)
    for number in range(1, 6):
        site.write(f"s/{number}.md", article(number))
    site.build(NOW)
    site.configure(without)
    site.write("s/0.md", article(0))
    site.build(NOW + 60, accept=True)
    site.configure(archived + without)
    site.write("s/6.md", article(6))
    site.build(NOW + 30 * 86_400, accept=True)
    assert site.titles("news") == [f"Article {number}" for number in range(6, -1, -1)]
    assert site.bytes() == fresh(site, tmp_path_factory, NOW + 30 * 86_400)


def test_an_edit_as_the_catalogue_is_lost_is_seen_in_the_archive(site: Site) -> None:
    begun(site)
    site.root.joinpath(".feeds/catalogue.sqlite").unlink()
    site.write("s/100.md", article(100, body="<p>Quite other words.</p>"))
    site.build(NOW + DAY, accept=True)
    assert any(b"Quite other words" in body for body in site.bytes().values())
    assert len(flat(walked(site))) == len(set(flat(walked(site)))) == 300


def test_an_update_of_the_future_sorts_nothing(
    site: Site, tmp_path_factory: pytest.TempPathFactory
) -> None:
    site.configure("[[feed]]\nslug = 'all'\nlimit = 2\norder = 'updated'\narchive = true\n")
    for number in range(6):
        site.write(f"s/{number}.md", article(number))
    site.write("s/ahead.md", article(3, link="", title="Ahead", epoch=(NOW + 5 * 86_400) * 1000))
    site.build(NOW)
    site.write("s/6.md", article(6))
    site.build(NOW + 60)
    assert site.bytes() == fresh(site, tmp_path_factory, NOW + 60)
    assert site.titles()[0] == "Article 6"


@pytest.mark.parametrize("shared", ["address", "number"])
@pytest.mark.parametrize("history", range(5))
def test_articles_that_share_what_they_are_known_by_stand_once_whatever_becomes_of_their_files(
    site: Site, monkeypatch: pytest.MonkeyPatch, history: int, shared: str
) -> None:
    """Each under its own id, and what changed in it stands in the feed."""
    from feeds import shelving

    monkeypatch.setattr(shelving, "WAITING", 4)
    monkeypatch.setattr(shelving, "SIZE", 3)
    site.configure(FEED.replace("10", "2") + "[guard]\nleast = 99\n")
    rng, now, count = random.Random(history), NOW, 0
    lying: dict[str, dict[str, object]] = {}
    deleted: dict[str, dict[str, object]] = {}
    ids: dict[object, str] = {}
    shown: dict[object, str] = {}

    def write(name: str, parts: dict[str, object]) -> None:
        lying[name] = parts
        site.write(name, article(0, **parts))

    def add() -> None:
        nonlocal count
        count += 1
        name = rng.choice([f"s/{1000 + count}_x.md", f"s/n{count}.md"])
        link = f"https://n.example.com/{rng.choice([f'{count}', '', 'front', 'front', 'door'])}"
        if shared == "number":
            name, link = rng.choice([f"s/{1000 + count % 5}_{count}.md", name]), ""
        instant = now - rng.randrange(300) * DAY - count
        words = f"<p>Words of {count}, {count * 7} and {count * 13}, each of them its own.</p>"
        write(name, {"title": f"Article {count}", "link": link, "body": words, **dated(instant)})

    for _ in range(16):
        add()
    for _ in range(12):
        for _ in range(rng.choice([1, 1, 2, 3])):
            name = rng.choice(sorted(lying))
            parts = dict(lying[name])
            more = {"body": f"{parts['body']}<p>{rng.random()}</p>"}
            match rng.choice(
                ["add", "delete", "restore", "restore", "edit", "move", "copy", "newer"]
            ):
                case "add":
                    add()
                case "delete":
                    deleted[name] = lying.pop(name)
                    (site.root / "seeds" / name).unlink()
                case "restore" if deleted:
                    write(back := rng.choice(sorted(deleted)), deleted.pop(back))
                case "edit":
                    write(name, parts | more)
                case "move":
                    (site.root / "seeds" / name).unlink()
                    del lying[name]
                    write(f"s/m{len(ids)}{name[2:]}", parts)
                case "copy" if parts["link"]:  # else it is another article
                    write(f"s/c{name[2:]}", parts)
                case "newer" if parts["link"]:
                    write(f"s/d{name[2:]}", parts | more | {"epoch": now * 1000})
        now += rng.choice([60, DAY])
        site.build(now, accept=True)
        documents = walked(site, "feed.json")
        titles = flat(documents)
        assert sorted(titles) == sorted({str(parts["title"]) for parts in lying.values()})
        items = [
            item
            for name, body in site.bytes().items()
            if name.endswith("feed.json")
            for item in json.loads(body)["items"]
        ]
        for item in items:
            title, text = item["title"], item["content_html"]
            assert ids.setdefault(title, item["id"]) == item["id"]
            assert shown.get(title, text) == text or title in documents[0]
            shown[title] = text

"""The laws: a build is a function of its inputs, in whatever order they came about."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import BASIC, NOW, TICKS, Site, dated, fresh, seed
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from test_images import png

from feeds import config, cycle, seeds, workers
from feeds.model import ConfigError, PublishError, StateError

DAY = 86_400
SOURCES = '[[feed]]\nslug = "all"\nlimit = 5\n[[feed]]\nslug = "{source}"\neach = "source"\n'


def article(number: int, **changes: object) -> str:
    parts: dict[str, object] = {
        "title": f"Article {number}",
        "link": f"https://news.example.com/{number}",
        **dated(NOW - 100 * DAY + number * 3600),
    }
    return seed(**(parts | changes))


def test_two_configurations_do_not_share_their_records(site: Site) -> None:
    site.write("s/1.md", seed())
    site.build()
    other = site.root / "other.toml"
    text = site.root.joinpath("config.toml").read_text()
    other.write_text(text + '[[feed]]\nslug = "other"\n')
    before = site.bytes()
    with pytest.raises(StateError, match=r"belongs to .*config\.toml; set state, and out"):
        cycle.build(config.load(str(other)), NOW, pictures="none", wait=0)
    assert site.bytes() == before
    site.root.joinpath("config.toml").unlink()  # renamed, then
    cycle.build(config.load(str(other)), NOW, pictures="none", wait=0)
    assert "other/atom.xml" in site.bytes()


def test_formats_that_a_feed_no_longer_has_are_removed(site: Site) -> None:
    site.write("s/1.md", seed())
    site.build()
    site.configure('[[feed]]\nslug = "all"\nformats = ["atom"]\n')
    assert sorted(site.build().deleted) == ["all/feed.json", "all/rss.xml"]


def test_seeds_become_feeds(site: Site) -> None:
    for number in range(60):
        site.write(f"s/{number}.md", article(number))
    report = site.build()
    assert (report.seeds, report.read, report.held) == (60, 60, ())
    assert site.titles() == [f"Article {n}" for n in range(59, 9, -1)]
    assert set(site.bytes()) == {
        "all/atom.xml", "all/rss.xml", "all/feed.json", "all/index.html", "index.html", "feeds.opml", "style.css",
    }  # fmt: skip


@pytest.mark.parametrize("folders", [3, 150])
def test_a_source_may_have_any_number_of_folders(site: Site, folders: int) -> None:
    site.configure('[[feed]]\nslug = "{source}"\neach = "source"\nlimit = 200\n')
    for number in range(folders):
        site.write(f"one/{number}/{number}_a.md", article(number))
        site.write(f"two/{number}/{number}_b.md", article(number + 1000))
    site.write("two/x/7_a.md", article(7))  # the first source has it too
    site.build()
    assert site.titles("one") == [f"Article {n}" for n in reversed(range(folders))]
    newest = [f"Article {n + 1000}" for n in reversed(range(folders))]
    assert site.titles("two") == [*newest, "Article 7"]


def test_an_empty_seed_folder_is_a_site_too(site: Site) -> None:
    report = site.build()
    assert report.seeds == 0
    assert site.items() == []


def test_no_seed_folder_is_refused(site: Site) -> None:
    site.write("s/1.md", article(1))
    site.build()
    before = site.published()
    shutil.rmtree(site.root / "seeds")
    with pytest.raises(PublishError, match="without the seed folder"):
        site.build()
    assert site.published() == before


@pytest.mark.parametrize("more", ["", "archive = true\nlimit = 2\n"])
def test_a_seed_folder_that_is_suddenly_empty_is_refused(site: Site, more: str) -> None:
    """As it is where a disk was not mounted: however few articles there were."""
    site.configure(f'[[feed]]\nslug = "all"\n{more}')
    for number in range(3):
        site.write(f"s/{number}.md", article(number))
    site.build()
    before = site.published()
    shutil.rmtree(site.root / "seeds")
    (site.root / "seeds").mkdir()
    with pytest.raises(PublishError, match=r"3 would vanish[^?]*is its disk mounted"):
        site.build()
    assert site.published() == before
    cycle.build(site.load(), NOW, pictures="none", accept=True)
    assert site.items() == []


def test_a_feed_that_moved_is_compared_with_what_it_was(site: Site) -> None:
    for number in range(30):
        site.write(f"s/{number}.md", article(number, **dated(NOW - number * DAY)))
    site.configure('[[feed]]\nslug = "all"\n')
    site.build()
    moved = '[[moved]]\npath = "all"\nto = "/news/"\n'
    site.configure('[[feed]]\nslug = "news"\n')
    with pytest.raises(PublishError, match=r"30 would vanish(.|\n)*\[\[moved\]\] row would lead"):
        site.build()
    site.configure('[[feed]]\nslug = "news"\n' + moved)
    assert cycle.plan(site.load(), NOW) == ()
    site.build()
    assert len(site.items("news")) == 30
    site.configure('[[feed]]\nslug = "other"\nlimit = 5\nexclude = { title = "7" }\n' + moved)
    with pytest.raises(PublishError, match=r"news: .* 30 would vanish"):
        site.build()


# --- law 1: same inputs, same bytes -------------------------------------------------------------


def test_the_host_has_no_say(site: Site, tmp_path: Path) -> None:
    texts = {f"s{n % 3}/{n}_{n}.md": article(n) for n in range(30)}
    made = set()
    for turn, (zone, locale) in enumerate(
        [("UTC", "C"), ("Asia/Tokyo", "C.UTF-8"), ("America/Lima", "POSIX")]
    ):
        other = Site(tmp_path / f"host{turn}")
        other.root.mkdir()
        other.configure(SOURCES)
        names = list(texts)
        random.Random(turn).shuffle(names)  # another order in the directory
        for name in names:
            other.write(name, texts[name])
        code = f"from feeds import config, cycle; cycle.build(config.load('config.toml'), {NOW}, pictures='none')"
        environment = {**os.environ, "TZ": zone, "LC_ALL": locale, "PYTHONHASHSEED": str(turn)}
        subprocess.run([sys.executable, "-c", code], check=True, env=environment, cwd=other.root)
        made.add(tuple(sorted(other.bytes().items())))
    assert len(made) == 1


def test_how_many_processes_are_at_work_has_no_say(
    site: Site, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.configure(SOURCES)
    for number in range(30):
        site.write(f"s{number % 3}/{number}_{number}.md", article(number))
    site.write("s0/99_grows.md", article(99) + " " * 600_000)  # enough that workers are forked
    site.write("s1/98_goes.md", article(98).encode() + b"\xff\xd9\x81" * 400)
    code = (
        "import os; from feeds import config, cycle, workers; fork, forks = os.fork, []\n"
        "os.fork = lambda: forks.append(fork()) or forks[-1]; workers.cores = lambda: 2\n"
        f"report = cycle.build(config.load('config.toml'), {NOW}, pictures='none')\n"
        "print(len(forks), *(one.path for one in report.held))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], check=True, cwd=site.root, capture_output=True, text=True
    )
    forked, path = run.stdout.split()
    assert path == "s1/98_goes.md"
    assert forked == "3"  # to read the seeds, to parse articles, to write feeds
    monkeypatch.setattr(workers, "cores", lambda: 1)
    assert site.bytes() == fresh(site, tmp_path_factory)


def test_ties_are_settled_the_same_way(
    site: Site, tmp_path_factory: pytest.TempPathFactory
) -> None:
    for number in range(20):
        site.write(f"s/{number}.md", article(number, **dated(NOW - DAY)))
    site.build()
    assert site.bytes() == fresh(site, tmp_path_factory)


@pytest.mark.parametrize("limit", [1, 7, 29])
def test_ties_of_one_address_are_settled_by_their_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    """Whichever folder was read first, as that depends on how fast the processes are."""
    made = []
    for order in (1, -1):
        site = Site(tmp_path / str(order))
        site.root.mkdir()
        site.configure(f"[[feed]]\nslug = 'all'\nlimit = {limit}\n")
        for number in range(30):
            words = " ".join(f"word{number}of{place}" for place in range(30))
            text = article(1, title=f"Title {number}", body=f"<p>{words}</p>")
            site.write(f"s{number:02}/a.md", text)
        with monkeypatch.context() as patched:
            tops = seeds.tops
            patched.setattr(seeds, "tops", lambda *given: tops(*given)[::order])  # noqa: B023
            site.build()
        assert site.titles() == [f"Title {number}" for number in range(limit)]
        made.append(site.bytes())
    assert made[0] == made[1]


# --- law 2: incremental equals fresh ------------------------------------------------------------


class Edits(RuleBasedStateMachine):
    """Any series of edits, renames and removals, with builds anywhere between."""

    factory: pytest.TempPathFactory

    @initialize()
    def begin(self) -> None:
        self.site = Site(self.factory.mktemp("edits"))
        self.site.configure(
            SOURCES
            + '[[feed]]\nslug = "even"\nlimit = 3\ninclude = { title_matches = "[02468]$" }\n'
        )
        self.site.root.joinpath("seeds").mkdir()
        self.now = NOW

    def paths(self) -> list[Path]:
        return sorted(p for p in self.site.root.joinpath("seeds").rglob("*.md"))

    def touch(self, path: Path) -> None:
        os.utime(path, ns=(0, next(TICKS)))

    @rule(number=st.integers(1, 12), source=st.sampled_from("st"), age=st.integers(-3, 90))
    def write(self, number: int, source: str, age: int) -> None:
        text = article(number, **dated(NOW - age * DAY + number))
        self.site.write(f"{source}/100{number}_x.md", text)

    @rule(
        number=st.integers(1, 12),
        body=st.sampled_from(["<p>a</p>", "<p>b</p>", '<img src="p.png">']),
    )
    def rewrite(self, number: int, body: str) -> None:
        for path in self.paths():
            if f"100{number}_" in path.name:
                path.write_text(path.read_text().rpartition("</div>")[0] + "</div>" + body)
                self.touch(path)

    @rule(number=st.integers(1, 12))
    def twin(self, number: int) -> None:
        text = article(number, title=f"Retitled {number}", **dated(NOW - 5 * DAY))
        self.site.write(f"s/100{number}_y.md", text)

    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        if self.paths():
            data.draw(st.sampled_from(self.paths())).unlink()

    @rule(
        data=st.data(),
        name=st.sampled_from(["u/2001_moved.md", "s/2002_moved.md", "t/deep/2003.md"]),
    )
    def rename(self, data: st.DataObject, name: str) -> None:
        if self.paths():
            target = self.site.root / "seeds" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            data.draw(st.sampled_from(self.paths())).rename(target)

    @rule(there=st.booleans())
    def picture(self, there: bool) -> None:
        for source in "st":
            path = self.site.root / "seeds" / source / "p.png"
            if there and path.parent.is_dir():
                path.write_bytes(png())
                self.touch(path)
            elif path.exists():
                path.unlink()

    @rule(broken=st.sampled_from([b"", b"\0\0", b"no date", b"\xff\xfe\xff"]))
    def bad(self, broken: bytes) -> None:
        self.site.write("s/9_bad.md", broken)

    @rule(days=st.integers(1, 4))
    def time_passes(self, days: int) -> None:
        self.now += days * DAY

    @rule()
    def lose_the_catalogue(self) -> None:
        self.site.root.joinpath(".feeds/catalogue.sqlite").unlink(missing_ok=True)

    @rule()
    def lose_the_output(self) -> None:
        shutil.rmtree(self.site.root / "out", ignore_errors=True)

    @invariant()
    def same_as_fresh(self) -> None:
        self.site.build(self.now, accept=not self.paths())
        assert self.site.bytes() == fresh(self.site, self.factory, self.now)
        before = self.site.published()
        report = self.site.build(self.now)
        assert (report.read, report.written, report.deleted) == (0, (), ())
        assert self.site.published() == before


def test_incremental_equals_fresh(tmp_path_factory: pytest.TempPathFactory) -> None:
    from hypothesis.stateful import run_state_machine_as_test

    Edits.factory = tmp_path_factory
    run_state_machine_as_test(
        Edits,
        settings=settings(
            max_examples=25,
            stateful_step_count=12,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_a_second_build_reads_nothing_and_writes_nothing(site: Site) -> None:
    for number in range(10):
        site.write(f"s/{number}.md", article(number))
    site.build()
    before = site.published()
    report = site.build()
    assert (report.seeds, report.read, report.unchanged) == (10, 0, 10)
    assert (report.written, report.deleted) == ((), ())
    assert site.published() == before
    assert [feed.slug for feed in report.feeds] == ["all"]


def test_one_changed_seed_renders_only_the_feeds_it_can_touch(site: Site) -> None:
    site.configure(SOURCES)
    for number in range(20):
        site.write(f"{'abcd'[number % 4]}/{number}.md", article(number))
    site.build()
    site.write("b/1.md", article(1, body="<p>changed</p>"))  # too old for the feed of everything
    report = site.build()
    assert (report.read, set(report.written)) == (
        1, {"b/atom.xml", "b/rss.xml", "b/feed.json", "b/index.html", "index.html", "feeds.opml"},
    )  # fmt: skip
    assert [feed.slug for feed in report.feeds if feed.changed] == ["b"]


def test_a_rewrite_of_the_same_size_in_the_same_second_is_seen(site: Site) -> None:
    path = site.write("s/1.md", article(1, body="<p>one</p>"))
    site.build()
    times = path.stat()
    path.write_text(article(1, body="<p>two</p>"))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    site.build()
    assert site.items()[0]["content_html"] == "<p>two</p>"


def test_a_file_written_in_the_instant_of_a_build_is_looked_at_again(site: Site) -> None:
    path = site.write("s/1.md", article(1))
    written = path.stat().st_mtime_ns // 10**9
    site.build(written)
    assert site.build(written + 10).read == 1
    assert site.build(written + 20).read == 0


def test_edited_renamed_moved_removed(site: Site) -> None:
    site.configure(SOURCES)
    site.write("a/1001_x.md", article(1))
    site.write("b/1002_x.md", article(2))
    site.build()
    ids = {item["id"] for item in site.items()}
    (site.root / "seeds/a/1001_x.md").rename(site.root / "seeds/a/1001_y.md")
    site.build()
    assert {item["id"] for item in site.items()} == ids
    (site.root / "seeds/a/1001_y.md").rename(site.root / "seeds/b/1001_y.md")
    site.build()
    assert {item["id"] for item in site.items()} == ids
    assert site.items("a") == []
    assert len(site.items("b")) == 2
    shutil.rmtree(site.root / "seeds/a")
    report = site.build()
    assert "a/atom.xml" in report.deleted
    assert not (site.root / "out/a").exists()


# --- law 3: the output and the catalogue can be lost --------------------------------------------


@pytest.mark.parametrize("damage", [b"", b"SQLite format 3\0garbage" * 100, b"not a database"])
def test_a_damaged_catalogue_is_made_anew(site: Site, damage: bytes) -> None:
    site.write("s/1.md", article(1))
    site.build()
    before = site.published()
    (site.root / ".feeds/catalogue.sqlite").write_bytes(damage)
    assert site.build().read == 1
    assert site.published() == before


def test_a_catalogue_damaged_within_is_made_anew(site: Site) -> None:
    for number in range(40):
        site.write(f"{number}.md", seed(link=f"https://example.com/{number}"))
    site.build()
    before = site.published()
    path = site.root / ".feeds" / "catalogue.sqlite"
    with open(path, "r+b") as file:
        file.seek(4096)
        file.write(os.urandom(path.stat().st_size - 4096))
    site.build()
    assert site.published() == before


def test_a_ledger_damaged_within_is_set_aside(site: Site) -> None:
    site.write("1.md", seed())
    site.build()
    before = site.published()
    path = site.root / ".feeds" / "ledger.sqlite"
    with open(path, "r+b") as file:
        file.seek(4096)
        file.write(os.urandom(path.stat().st_size - 4096))
    report = site.build()
    assert "the ledger was damaged; it is set aside as" in report.notes[0]
    assert (site.root / f".feeds/ledger-{NOW}.sqlite").exists()
    assert site.published() == before


def test_a_foreign_database_is_left_alone(site: Site) -> None:
    (site.root / ".feeds").mkdir()
    path = site.root / ".feeds/catalogue.sqlite"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE theirs (x)")
    with pytest.raises(StateError, match="no catalogue of feeds"):
        site.build()
    assert path.exists()


def test_a_lost_output_folder_comes_back(site: Site) -> None:
    site.write("s/1.md", article(1))
    site.build()
    before = site.bytes()
    shutil.rmtree(site.root / "out")
    site.build()
    assert site.bytes() == before


def test_one_lost_or_changed_file_is_made_right(site: Site) -> None:
    site.write("s/1.md", article(1))
    site.build()
    before = site.bytes()
    (site.root / "out/all/rss.xml").unlink()
    (site.root / "out/index.html").write_text("vandalised")
    report = site.build()
    assert set(report.written) == {"all/rss.xml", "index.html"}
    assert site.bytes() == before


def test_leftovers_go_and_other_peoples_files_stay(site: Site) -> None:
    site.configure(SOURCES)
    site.write("a/1.md", article(1))
    site.build()
    (site.root / "out/a/theirs.txt").write_text("x")
    (site.root / "out/robots.txt").write_text("x")
    site.configure()
    report = site.build()
    assert "a/atom.xml" in report.deleted
    assert {"a/theirs.txt", "robots.txt"} <= set(site.bytes())
    assert "a/atom.xml" not in site.bytes()


# --- law 4: a bad seed harms only itself --------------------------------------------------------

EVIL: dict[str, bytes] = {
    "date-missing": b"[a](https://x.example/)\n------\n<p>x</p>",
    "binary": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    "empty": b"  \n",
    "text-unknown": b"<!--1594849284000-->\n["
    + bytes(range(128, 160)) * 3
    + b"](https://x.example/)\n------\n",
    "too-large": b"x" * (5 * 1024 * 1024 + 1),
}


def test_bad_seeds_are_reported_and_the_others_published(site: Site) -> None:
    for number in range(5):
        site.write(f"s/{number}.md", article(number))
    for code, data in EVIL.items():
        site.write(f"s/{code}.md", data)
    os.mkfifo(site.root / "seeds/s/not-a-file.md")
    (site.root / "seeds/s/link.md").symlink_to("0.md")
    report = site.build()
    assert {problem.code: problem.path for problem in report.held} == {
        code: f"s/{code}.md" for code in (*EVIL, "not-a-file", "link")
    }
    assert len(site.titles()) == 5
    again = site.build()
    assert again.held == report.held  # told again, though nothing was read
    assert again.read == 0
    for code in EVIL:
        (site.root / f"seeds/s/{code}.md").unlink()
    assert {problem.code for problem in site.build().held} == {"not-a-file", "link"}


def test_a_bad_seed_that_is_written_anew_is_told_once(site: Site) -> None:
    for text in ("", " ", "  "):
        site.write("s/1.md", text)
        assert [problem.code for problem in site.build().held] == ["empty"]


def test_what_only_the_whole_seed_shows_is_held_and_its_place_filled(site: Site) -> None:
    site.configure("[[feed]]\nslug = 'all'\nlimit = 2\n")
    for number in range(4):
        site.write(f"s/{number}.md", article(number))
    text = article(3).encode() + b"<p>" + b"x" * 9000 + bytes(range(128, 256)) * 40
    site.write("s/3.md", text)
    report = site.build()
    assert [problem.code for problem in report.held] == ["text-unknown"]
    assert site.titles() == ["Article 2", "Article 1"]
    assert site.build().held == report.held


def test_hostile_characters_cost_no_other_entry(site: Site, tmp_path: Path) -> None:
    site.write("s/1.md", article(1))
    everything = "".join(chr(c) for c in range(1, 0x300)) + "\ufffe\uffff\U0001ffff"
    site.write(
        "s/2.md", article(2, title=everything.replace("\n", ""), body=f"<p>{everything}</p>")
    )
    site.write("s/3.md", article(3, title="]]>", body="<p>]]> <![CDATA[ ]]></p>"))
    assert site.build().held == ()
    assert len(site.items()) == 3


def test_names_that_are_no_text(site: Site) -> None:
    folder = os.fsencode(site.root / "seeds") + b"/s"
    os.makedirs(folder)
    for name in (b"\xff\xfe.md", b"line\nend.md", b"<b>.md"):
        with open(os.path.join(folder, name), "wb") as file:
            file.write(article(len(name)).encode())
    with open(os.path.join(folder, b"\xfd_bad.md"), "wb") as file:
        file.write(b"nothing")
    report = site.build()
    assert (report.seeds, len(report.held)) == (4, 1)
    assert site.build().read == 0


# --- law 5: what is published is whole, and the last good copy stays ----------------------------


def test_a_document_that_is_not_right_is_refused(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    from feeds.formats import xml

    site.write("s/1.md", article(1))
    site.build()
    before = site.published()
    site.write("s/2.md", article(2))
    right = xml.rss
    monkeypatch.setattr(xml, "rss", lambda feed: right(feed).replace(b"<guid", b"<gui"))
    with pytest.raises(PublishError, match="nothing is published"):
        site.build()
    assert site.published() == before
    monkeypatch.undo()
    site.build()
    assert len(site.items()) == 2


def test_two_feeds_with_one_slug_are_refused(site: Site) -> None:
    site.configure(SOURCES)
    site.write("a b/1.md", article(1))
    site.write("a-b/2.md", article(2))
    with pytest.raises(ConfigError, match="two feeds have the slug 'a-b'"):
        site.build()


# --- dates and time -----------------------------------------------------------------------------


def test_articles_of_the_future_wait_until_they_are_due(
    site: Site, tmp_path_factory: pytest.TempPathFactory
) -> None:
    site.write("s/1.md", article(1))
    site.write("s/2.md", article(2, epoch=None, date=dated(NOW + 3600)["date"]))
    report = site.build()
    assert site.titles() == ["Article 1"]
    assert report.waiting == 1
    assert report.due is not None
    assert int(report.due.timestamp()) == NOW + 3600
    assert site.build(NOW + 3599).written == ()
    assert site.build(NOW + 3600).read == 0
    assert site.titles() == ["Article 2", "Article 1"]
    assert site.bytes() == fresh(site, tmp_path_factory, NOW + 3600)


def test_no_update_is_of_the_future(site: Site) -> None:
    site.write("s/1.md", article(1, epoch=(NOW + 50) * 1000))
    site.build()
    assert site.items()[0]["date_modified"] == site.items()[0]["date_published"]
    assert site.build(NOW + 50).written == ()  # an instant alone is no change


def test_undated_articles_by_their_files_time(site: Site) -> None:
    site.configure('[dates]\nmissing = "mtime"\n')
    path = site.write("s/1.md", seed(epoch=None, date=None))
    os.utime(path, (1600000000, 1600000000))
    report = site.build()
    assert [problem.code for problem in report.repaired] == ["date-mtime"]
    assert site.items()[0]["date_published"] == "2020-09-13T12:26:40+00:00"


def test_undated_articles_that_could_not_be_opened_at_first(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.configure('[dates]\nmissing = "mtime"\n')
    path = site.write("s/1.md", seed(epoch=None, date=None))
    os.utime(path, (1600000000, 1600000000))
    monkeypatch.setattr(seeds, "heads", lambda *_: iter([[(b"1.md", b"", seeds.UNREAD)]]))
    site.build()
    assert site.items()[0]["date_published"] == "2020-09-13T12:26:40+00:00"


def test_a_catalogue_with_other_tables_is_made_anew(site: Site) -> None:
    for number in range(5):
        site.write(f"s/{number}.md", article(number))
    site.build()
    before = site.bytes()
    with sqlite3.connect(site.root / ".feeds/catalogue.sqlite") as db:
        db.executescript("ALTER TABLE articles DROP COLUMN content; PRAGMA user_version = 1;")
    db.close()
    site.write("s/5.md", article(5))
    report = site.build()
    assert report.read == 6
    assert len(site.items()) == 6
    assert before.keys() == site.bytes().keys()


# --- twins --------------------------------------------------------------------------------------


def test_files_of_one_article_are_one_entry_with_the_newest_text(site: Site) -> None:
    date = dated(NOW - DAY)["date"]
    old = {"link": "https://x.example/old-title", "date": date, "epoch": (NOW - 5000) * 1000}
    site.write("s/400883_old.md", article(1, title="Old", **old))
    site.build()
    (first,) = site.items()
    new = {"link": "https://x.example/new-title", "date": date, "epoch": (NOW - 1000) * 1000}
    site.write("s/400883_new.md", article(1, title="New", **new))
    report = site.build()
    (entry,) = site.items()
    assert (entry["title"], entry["id"]) == ("New", first["id"])
    assert [(p.code, p.path) for p in report.repaired] == [("twin", "s/400883_old.md")]
    (site.root / "seeds/s/400883_new.md").unlink()
    site.build()
    assert site.titles() == ["Old"]


def test_the_same_address_in_two_sources_is_one_article(site: Site) -> None:
    site.write("a/1.md", article(1, link="http://www.x.example/p/?utm_source=a"))
    site.write("b/2.md", article(2, link="https://x.example/p"))
    report = site.build()
    assert site.titles() == ["Article 2"]
    assert [p.code for p in report.repaired] == ["twin"]


def test_an_article_in_two_sources_stands_in_the_feed_of_both(
    site: Site, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whichever of its files was captured last: readers of one source don't follow the other."""
    site.configure(SOURCES)
    for number in range(3):
        site.write(f"politics/{number}.md", article(number))
        site.write(f"world/{number}.md", article(number, epoch=(NOW - 5000) * 1000))
    site.write("world/9.md", article(9))
    site.build()
    shared = ["Article 2", "Article 1", "Article 0"]
    assert (site.titles("politics"), site.titles("world")) == (shared, ["Article 9", *shared])
    assert site.titles("all") == ["Article 9", *shared]
    for when, source in ((4000, "politics"), (3000, "world")):
        for number in range(3):
            text = article(number, epoch=(NOW - when) * 1000, body=f"<p>edited {when}</p>")
            site.write(f"{source}/{number}.md", text)
        site.build()
        assert (site.titles("politics"), site.titles("world")) == (shared, ["Article 9", *shared])
        for slug in ("politics", "world", "all"):
            assert site.items(slug)[-1]["content_html"] == f"<p>edited {when}</p>"
        assert site.bytes() == fresh(site, tmp_path_factory)
    (site.root / "seeds/world/0.md").unlink()
    site.build()
    assert site.titles("world") == ["Article 9", *shared[:2]]
    assert site.titles("politics") == shared


def test_twins_in_a_folder_whose_name_is_no_text(site: Site) -> None:
    folder = os.fsdecode(b"s\xff")
    for name in ("1111_a.md", "1111_b.md"):
        site.write(f"{folder}/{name}", article(1, link=""))
    assert [problem.code for problem in site.build().repaired] == ["twin"]
    site.write(f"{folder}/1111_b.md", article(1, link="", title="Edited"))
    site.build(NOW + 60)
    assert site.titles() == ["Edited"]


BROKEN = b" " * 9000 + b"\xff\xd9\x81" * 400  # beyond what is read of a head, and in no encoding


@pytest.mark.parametrize("feed", ["limit = 100", "limit = 1\narchive = true"])
@pytest.mark.parametrize("days", [-1, 1])
def test_a_twin_that_can_not_be_read_leaves_its_place_to_the_other(
    site: Site, tmp_path_factory: pytest.TempPathFactory, days: int, feed: str
) -> None:
    site.configure(f"[[feed]]\nslug = 'all'\n{feed}\n")
    captured = (NOW - 80 * DAY) * 1000
    epoch = captured + days * DAY * 1000
    site.write("s/1_a.md", article(1, epoch=captured))
    site.write("s/1_b.md", article(1, epoch=epoch).encode() + BROKEN)
    site.write("s/1_c.md", article(1, epoch=epoch + 1000).encode() + BROKEN)
    for number in range(2, 60):
        site.write(f"s/{number}.md", article(number))
    report = site.build()
    assert {p.path for p in report.held} == ({"s/1_b.md", "s/1_c.md"} if days > 0 else set())
    documents = [body.decode() for name, body in site.bytes().items() if name.endswith("atom.xml")]
    assert sum(text.count("<title>Article 1</title>") for text in documents) == 1
    assert site.bytes() == fresh(site, tmp_path_factory)
    site.write("s/1_a.md", article(1, title="Article one", epoch=captured))
    site.write("s/60.md", article(60))
    site.build()
    documents = [body.decode() for name, body in site.bytes().items() if name.endswith("atom.xml")]
    assert sum(text.count("<title>Article one</title>") for text in documents) == 1
    os.unlink(site.root / "seeds/s/1_a.md")
    assert {p.path for p in site.build(accept=True).held} == {"s/1_b.md", "s/1_c.md"}


# --- pictures -----------------------------------------------------------------------------------


def test_pictures_beside_the_seeds_are_measured_and_published(site: Site) -> None:
    picture = png(320, 200)
    site.write("泡泡/pics/a b.png", picture)
    site.write("泡泡/unused.png", picture)
    site.write("泡泡/1.md", article(1, body='<p>x</p><img src="pics/a%20b.png" alt="A">'))
    site.build()
    (item,) = site.items()
    url = "https://feeds.example.org/media/%E6%B3%A1%E6%B3%A1/pics/a%20b.png"
    assert item["attachments"] == [
        {"url": url, "mime_type": "image/png", "size_in_bytes": len(picture)}
    ]
    assert url in item["content_html"]
    assert (site.root / "out/media/泡泡/pics/a b.png").read_bytes() == picture
    assert "media/泡泡/unused.png" not in site.bytes()
    atom = (site.root / "out/all/atom.xml").read_text()
    assert 'width="320" height="200"' in atom


def test_a_picture_that_changes_or_goes_is_followed(
    site: Site, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = site.write("s/a.png", png(320, 200))
    site.write("s/1.md", article(1, body='<p>x</p><img src="a.png">'))
    site.write("s/2.md", article(2))
    site.build()
    path.write_bytes(png(640, 400))
    report = site.build()
    assert "media/s/a.png" in report.written
    assert report.read == 0
    assert site.items()[1]["attachments"][0]["size_in_bytes"] == len(png(640, 400))
    assert site.bytes() == fresh(site, tmp_path_factory)
    path.unlink()
    report = site.build()
    assert report.deleted == ("media/s/a.png",)
    assert "news.example.com/a.png" in site.items()[1]["content_html"]
    assert site.bytes() == fresh(site, tmp_path_factory)


def test_a_picture_that_is_none_is_no_enclosure(site: Site) -> None:
    site.write("s/a.png", b"<html>not a picture</html>")
    site.write("s/1.md", article(1, body='<p>x</p><img src="a.png">'))
    site.build()
    assert "attachments" not in site.items()[0]


def test_remote_pictures_are_measured_once_and_again_when_stale(site: Site) -> None:
    from test_images import GIF, ranged, serving

    wide = png(300, 200)
    with serving({"/a.png": ranged(wide), "/b": ranged(GIF)}) as (here, asked):
        site.configure('[images]\nallow_hosts = ["127.0.0.1"]\nrefresh = "10d"\n')
        site.write(
            "s/1.md", article(1, body=f'<p>x</p><img src="{here}/a.png"><img src="{here}/b">')
        )
        site.write("s/2.md", article(2, body=f'<p>x</p><img src="{here}/a.png">'))
        assert site.build(offline=True).measured == 0
        assert "size_in_bytes" not in site.items()[0]["attachments"][0]
        report = site.build(offline=False)
        assert (report.measured, report.unmeasured) == (2, ())
        assert site.items()[0]["attachments"] == [
            {"url": f"{here}/a.png", "mime_type": "image/png", "size_in_bytes": len(wide)}
        ]
        assert len(site.items()[1]["attachments"]) == 1  # the GIF is an icon of 17 × 13 pixels
        assert site.build(NOW + DAY, offline=False).measured == 0
        assert sorted(asked) == [("GET", "/a.png"), ("GET", "/b")]
        assert site.build(NOW + 11 * DAY, offline=False).measured == 2
        assert len(asked) == 4


def test_a_dead_picture_is_asked_for_ever_more_rarely(site: Site) -> None:
    from test_images import reply, serving

    with serving({"/a.png": reply(503, {"Content-Length": "0"})}) as (here, asked):
        site.configure('[images]\nallow_hosts = ["127.0.0.1"]\n')
        site.write("s/1.md", article(1, body=f'<p>x</p><img src="{here}/a.png">'))
        report = site.build(offline=False)
        assert report.unmeasured == (f"{here}/a.png: the server answers 503",)
        assert site.items()[0]["attachments"] == [
            {"url": f"{here}/a.png", "mime_type": "image/png"}
        ]
        times = []
        for minute in range(0, 60 * 24, 10):
            before = len(asked)
            site.build(NOW + minute * 60, offline=False)
            if len(asked) > before:
                times.append(minute)
        assert times == [60, 180, 420, 900]


def test_offline_asks_nothing(site: Site) -> None:
    from test_images import GIF, ranged, serving

    with serving({"/a": ranged(GIF)}) as (here, asked):
        site.configure('[images]\nallow_hosts = ["127.0.0.1"]\n')
        site.write("s/1.md", article(1, body=f'<img src="{here}/a">'))
        site.build(offline=True)
        site.build(offline=True)
        assert asked == []


# --- crashes ------------------------------------------------------------------------------------


def test_a_build_killed_anywhere_is_made_good_by_the_next(
    site: Site, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A real kill -9 at random moments: every file is whole, and the next build ends as a fresh one."""
    site.configure(SOURCES)
    rng = random.Random(7)
    code = f"from feeds import config, cycle; cycle.build(config.load('config.toml'), {NOW}, pictures='none')"
    for turn in range(25):
        for number in rng.sample(range(40), 6):
            site.write(
                f"{'abc'[number % 3]}/10{number}_x.md", article(number, body=f"<p>turn {turn}</p>")
            )
        process = subprocess.Popen([sys.executable, "-c", code], cwd=site.root)
        try:
            process.wait(rng.uniform(0.05, 0.6))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for name, body in site.bytes().items():
            if name.endswith(("atom.xml", "rss.xml")):
                assert body.rstrip().endswith((b"</feed>", b"</rss>"))
    site.build()
    assert site.bytes() == fresh(site, tmp_path_factory)


def test_two_builds_at_once_queue(site: Site) -> None:
    for number in range(30):
        site.write(f"s/{number}.md", article(number))
    code = f"from feeds import config, cycle; cycle.build(config.load('config.toml'), {NOW}, pictures='none')"
    both = [subprocess.Popen([sys.executable, "-c", code], cwd=site.root) for _ in range(4)]
    assert [process.wait() for process in both] == [0, 0, 0, 0]
    assert len(site.items()) == 30


def test_check_writes_nothing_and_reads_everything(site: Site) -> None:
    for number in range(60):
        site.write(f"s/{number}.md", article(number))
    site.write("s/bad.md", b"nothing")
    site.write("s/old.md", article(0, link="https://x.example/old", body="<script>x</script>"))
    report = cycle.check(site.load(), NOW)
    assert (report.seeds, report.read) == (62, 62)
    assert [problem.path for problem in report.held] == ["s/bad.md"]
    assert [(problem.code, problem.path) for problem in report.repaired] == [
        ("body-empty", "s/old.md")
    ]
    assert not (site.root / ".feeds").exists()
    assert not (site.root / "out").exists()


def test_config_is_an_input_too(site: Site, tmp_path_factory: pytest.TempPathFactory) -> None:
    site.write("s/1.md", article(1, body="<p>x</p><p>Advert: buy</p>"))
    site.write("s/2.md", article(2, date="2024-12-04 08:05:24", epoch=None))
    site.build()
    for text in (
        '[content]\nboilerplate = ["Advert"]\n',
        '[[source]]\nfolder = "s"\ntimezone = "America/Lima"\nlanguage = "es"\n',
        '[[feed]]\nslug = "all"\nlimit = 1\ncontent = "summary"\n',
    ):
        site.configure(text)
        site.build()
        assert site.bytes() == fresh(site, tmp_path_factory)
    site.configure("", BASIC.replace("feeds.example.org", "other.example.org"))
    site.build()
    assert site.bytes() == fresh(site, tmp_path_factory)
    assert config.load(str(site.root / "config.toml")).site.authority == "other.example.org"

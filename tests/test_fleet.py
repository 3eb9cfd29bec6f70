"""A fleet of readers that follow a site through a random history, and a real one among them.

Each reader knows entries by the rule of one that exists, polls in a rhythm of its own, reads one of
the formats, and keeps what it was shown.  None of this shares code with the producer.
"""

from __future__ import annotations

import hashlib
import http.server
import json
import os
import random
import shutil
import sqlite3
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import feedparser
import pytest
from conftest import BASIC, NOW, Site, dated, seed

HOUR, DAY = 3600, 86_400


def item(entry: feedparser.FeedParserDict) -> dict[str, str]:
    return {"id": entry.get("id", ""), "link": entry.get("link", ""), "title": entry.title}


def parsed(path: Path) -> list[dict[str, str]]:
    """The entries of a document, newest first, as a reader's parser gives them."""
    if path.suffix == ".json":
        found = json.loads(path.read_text(encoding="utf-8"))["items"]
        return [{"id": i["id"], "link": i["url"], "title": i["title"]} for i in found]
    document = feedparser.parse(path.read_bytes())
    assert not document.bozo
    return [item(entry) for entry in document.entries]


# What an entry is known by: most readers' guid; Miniflux's hash of guid or address; Feedbin's alias
# without the host; a script that forgets what is not in the document any more.
RULES: dict[str, Callable[[dict[str, str]], str]] = {
    "guid": lambda i: i["id"] or i["link"],
    "miniflux": lambda i: hashlib.sha256((i["id"] or i["link"]).encode()).hexdigest(),
    "feedbin": lambda i: i["id"].partition("://")[2].partition("/")[2] or i["id"],
    "forgetful": lambda i: i["id"],
}


@dataclass
class Reader:
    rule: str
    file: str
    period: int
    due: int = 0
    known: set[str] = field(default_factory=set)
    shown: Counter[int] = field(default_factory=Counter)

    def poll(self, out: Path, number_of: Callable[[dict[str, str]], int]) -> None:
        entries = parsed(out / "all" / self.file)
        names = {RULES[self.rule](entry): entry for entry in entries}
        assert len(names) == len(entries), "two entries are one to this reader"
        for name, entry in names.items():
            if name not in self.known:
                self.shown[number_of(entry)] += 1
        self.known = set(names) if self.rule == "forgetful" else self.known | set(names)


class History:
    """Articles that come and change by chance; the number in the title tells which one it is."""

    def __init__(self, site: Site, chance: int, feed: str) -> None:
        self.site, self.rng, self.feed = site, random.Random(chance), feed
        self.now, self.articles = NOW, {}
        site.configure(feed)
        for _ in range(15):
            self.arrive(self.rng.randrange(10, 400))

    def arrive(self, age: int) -> None:
        number = len(self.articles)
        self.articles[number] = {
            "path": f"{'ab'[number % 2]}/{7000 + number}_a.md", "title": f"No. {number} of all",
            "link": f"https://news.example.com/{number}",
            "body": f"<p>Article {number} says {hashlib.md5(str(number).encode()).hexdigest()}.</p>",
            **dated(self.now - age * HOUR - number),
        }  # fmt: skip
        self.write(number)

    def write(self, number: int) -> None:
        one = dict(self.articles[number])
        path = str(one.pop("path"))
        self.site.write(path, seed(**one))

    def step(self) -> None:
        number = self.rng.randrange(len(self.articles))
        one = self.articles[number]
        path = self.site.root / "seeds" / str(one["path"])
        match self.rng.randrange(9):
            case 0 | 1:
                for _ in range(self.rng.choice([1, 2, 12])):
                    self.arrive(self.rng.choice([0, 1, 5000]))
            case 2:
                one["epoch"] = self.now * 1000
                self.write(number)
            case 3:
                one["title"] = f"No. {number} of all, edited at {self.now}"
                self.write(number)
            case 4:
                path.unlink()
                one["path"] = f"{str(one['path']).partition('_')[0]}_{self.now}.md"
                self.write(number)
            case 5:
                one["link"] = (
                    f"http://www.host{self.rng.randrange(3)}.example/{number}?utm_source=x"
                )
                self.write(number)
            case 6:
                name = self.rng.choice(["feeds.example.org", "moved.example.org"])
                self.site.configure(self.feed, BASIC.replace("feeds.example.org", name))
            case 7:
                (self.site.root / ".feeds/catalogue.sqlite").unlink()
            case 8:
                shutil.rmtree(self.site.root / "out")

    @staticmethod
    def number(entry: dict[str, str]) -> int:
        return int(entry["title"].removeprefix("No. ").partition(" ")[0])


PLAIN = "[[feed]]\nslug = 'all'\nlimit = 6\nrecent = '2d'\n"


@pytest.mark.parametrize("chance", range(3))
@pytest.mark.parametrize("feed", [PLAIN, PLAIN + "archive = true\n"], ids=["window", "archive"])
def test_every_reader_is_shown_every_article_once(site: Site, chance: int, feed: str) -> None:
    history = History(site, chance, feed)
    site.build(NOW)
    out = site.root / "out"
    fleet = [
        Reader(rule, file, hours * HOUR, NOW)
        for rule in RULES
        for file, hours in (("atom.xml", 1), ("rss.xml", 20), ("feed.json", 47))
        if rule != "forgetful" or "archive" not in feed  # an edit brings archived ones back
    ]
    first = {history.number(entry) for entry in parsed(out / "all/atom.xml")}
    after = len(history.articles)
    for _ in range(25):
        history.step()
        site.build(history.now)
        for reader in fleet:
            while reader.due <= history.now:
                reader.poll(out, history.number)
                reader.due += reader.period
        history.now += history.rng.randrange(1, 5) * HOUR
    history.now = max(reader.due for reader in fleet)
    site.build(history.now)
    for reader in fleet:
        reader.poll(out, history.number)
        again = {n: times for n, times in reader.shown.items() if times > 1}
        assert not again, (reader.rule, reader.file, again)
        missed = (first | set(range(after, len(history.articles)))) - reader.shown.keys()
        assert not missed, (reader.rule, reader.file, missed)


# --- a reader that people use ---------------------------------------------------------------------


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def served(folder: Path) -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(Quiet, directory=str(folder))
    )
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.skipif(not shutil.which("newsboat"), reason="newsboat is not installed")
@pytest.mark.parametrize("file", ["atom.xml", "rss.xml"])
def test_newsboat_is_shown_every_article_once(site: Site, tmp_path: Path, file: str) -> None:
    history = History(site, 11, PLAIN + "archive = true\n")
    site.build(NOW)
    home = tmp_path / "home"
    home.mkdir()
    with served(site.root) as here:
        (home / "urls").write_text(f"{here}/out/all/{file}\n")
        (home / "config").write_text("max-items 0\n")
        arguments = [
            "newsboat",
            "-u",
            str(home / "urls"),
            "-c",
            str(home / "cache.db"),
            "-C",
            str(home / "config"),
        ]
        after = len(history.articles)
        seen: set[int] = set()
        for turn in range(12):
            if turn:
                history.step()
                history.step()
            site.build(history.now)
            environ = {**os.environ, "HOME": str(home), "LC_ALL": "C.UTF-8"}
            subprocess.run(
                [*arguments, "-x", "reload"],
                check=True,
                env=environ,
                capture_output=True,
                timeout=60,
            )
            history.now += 7 * HOUR
        with sqlite3.connect(home / "cache.db") as db:
            rows = db.execute("SELECT guid, title FROM rss_item").fetchall()
        db.close()
    numbers = [history.number({"title": title}) for _, title in rows]
    seen.update(numbers)
    assert Counter(numbers).most_common(1)[0][1] == 1, "newsboat was shown an article twice"
    assert set(range(after, len(history.articles))) <= seen, "newsboat missed an article"

"""Real feed readers subscribe to a running server and are never shown an article twice, or miss one.

Each goes through the same story: two polls with nothing new in between, a new article, an edited
one, one that is renamed, and is asked what it has.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
import textwrap
import time
from collections import Counter
from email import message_from_string, policy
from typing import TYPE_CHECKING, Protocol

import feedparser
import pytest
from conftest import Site, dated, seed
from outside import Running, eventually, feeds_server, free_port, program

from feeds.serving import logs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = int(time.time())


class Reader(Protocol):
    """A program that follows a feed."""

    delta: bool  # it takes deltas
    updates: bool  # it shows the new text of an entry that it has
    enclosures: bool  # it keeps them where they can be looked at
    first: int  # polls until it has kept a tag

    def __init__(self, folder: Path, url: str) -> None: ...
    def poll(self) -> None: ...
    def entries(self) -> list[tuple[str, str]]:
        """Title and text of each entry that it has."""

    def pictures(self) -> list[str]:
        """Addresses of the enclosures that it has."""

    def close(self) -> None:
        """End it."""


def environment(folder: Path) -> dict[str, str]:
    """The program finds nothing of the person who runs the tests."""
    places = {
        f"XDG_{name.upper()}_HOME": f"{folder}/{name}" for name in ("config", "data", "cache")
    }
    return {**os.environ, "HOME": str(folder), "LANG": "C.UTF-8", **places}


def run(command: list[str], folder: Path) -> str:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=90,
        env=environment(folder),
    )  # fmt: skip
    assert done.returncode == 0, (done.stdout, done.stderr)
    return done.stdout


class Once:
    """What all programs share that run for one poll."""

    def close(self) -> None:
        """There is nothing to end."""


class Newsboat(Once):
    delta = True
    updates = True
    enclosures = False  # it keeps those it could play
    first = 2  # it writes the tag into a row that the first poll makes only later

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.program = program("newsboat")
        folder.joinpath("urls").write_text(f"{url}\n")
        folder.joinpath("config").mkdir()
        folder.joinpath("rc").write_text("reload-time 0\n")

    def poll(self) -> None:
        run([self.program, "-u", "urls", "-c", "cache.db", "-C", "rc", "-x", "reload"], self.folder)

    def _rows(self, columns: str) -> list[tuple[str, ...]]:
        with sqlite3.connect(self.folder / "cache.db") as db:
            found = db.execute(f"SELECT {columns} FROM rss_item").fetchall()
        db.close()
        return found

    def entries(self) -> list[tuple[str, str]]:
        return self._rows("title, content")

    def pictures(self) -> list[str]:
        return [url for (url,) in self._rows("enclosure_url") if url]


class Rss2email(Once):
    delta = False  # it asks for them, as its library does, but takes a 226 for a failure
    updates = False  # it mails an entry once
    enclosures = False
    first = 1

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.program = program("r2e")
        mailbox = folder / "mail"
        for name in ("cur", "new", "tmp"):
            mailbox.joinpath(name).mkdir(parents=True)
        folder.joinpath("config").mkdir()
        run([self.program, "new", "someone@example.org"], folder)
        config = folder / "config/rss2email.cfg"
        text = config.read_text()
        text = re.sub(r"(?m)^email-protocol = .*$", "email-protocol = maildir", text)
        text = re.sub(r"(?m)^maildir-path = .*$", f"maildir-path = {mailbox}", text)
        text = re.sub(r"(?m)^maildir-mailbox = .*$", "maildir-mailbox = ", text)
        config.write_text(text)
        run([self.program, "add", "feed", url], folder)

    def poll(self) -> None:
        run([self.program, "run"], self.folder)

    def entries(self) -> list[tuple[str, str]]:
        found = []
        for path in (self.folder / "mail/new").iterdir():
            message = message_from_string(path.read_text(encoding="utf-8"), policy=policy.default)
            found.append((str(message["subject"]), message.get_body().get_content()))
        return found

    def pictures(self) -> list[str]:
        return []


class Sfeed(Once):
    delta = False
    updates = False  # it keeps both versions of a line only if id, title or link differ
    enclosures = True
    first = 1

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.program = program("sfeed_update")
        program("curl")
        folder.joinpath("rc").write_text(textwrap.dedent(f"""\
            sfeedpath="{folder}/feeds"
            fetch() {{
                curl -L --max-redirs 0 -f -s -m 30 -H "User-Agent: sfeed" \\
                    --etag-save "{folder}/etag.new" --etag-compare "{folder}/etag" "$2"
                code=$?
                [ -s "{folder}/etag.new" ] && mv "{folder}/etag.new" "{folder}/etag"
                return $code
            }}
            feeds() {{
                feed "all" "{url}"
            }}
            """))  # fmt: skip

    def poll(self) -> None:
        run([self.program, "rc"], self.folder)

    def _lines(self) -> list[list[str]]:
        text = (self.folder / "feeds/all").read_text(encoding="utf-8")
        return [line.split("\t") for line in text.splitlines()]

    def entries(self) -> list[tuple[str, str]]:
        return [(line[1], line[3]) for line in self._lines()]

    def pictures(self) -> list[str]:
        return [line[7] for line in self._lines() if len(line) > 7 and line[7]]


class Feedparser(Once):
    """The library as its documentation tells to use it, with what it keeps between two polls."""

    delta = False  # the programs that use it often know nothing of them
    updates = True
    enclosures = True
    first = 1

    def __init__(self, folder: Path, url: str) -> None:
        self.url = url
        self.etag = self.modified = None
        self.known: dict[str, tuple[str, str]] = {}
        self.links: dict[str, list[str]] = {}

    def poll(self) -> None:
        parsed = feedparser.parse(self.url, etag=self.etag, modified=self.modified)
        assert parsed.status in {200, 226, 304}
        assert not parsed.bozo
        self.etag = parsed.get("etag", self.etag)
        self.modified = parsed.get("modified", self.modified)
        for entry in parsed.entries:
            self.known[entry.id] = (entry.title, entry.content[0].value)
            self.links[entry.id] = [enclosure.href for enclosure in entry.enclosures]

    def entries(self) -> list[tuple[str, str]]:
        return list(self.known.values())

    def pictures(self) -> list[str]:
        return [link for links in self.links.values() for link in links]


class Lemon24(Once):
    """The library `reader`."""

    delta = True
    updates = True
    enclosures = True
    first = 1

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url
        self._ask("reader.add_feed(url)")

    def _ask(self, code: str) -> list:
        # In a process of its own: the library leaves connections for the interpreter to close.
        whole = (
            "import json, sys\nfrom reader import make_reader\n"
            f"url = {self.url!r}\nreader = make_reader('reader.db')\n"
            f"found = None\n{code}\nprint(json.dumps(found))\n"
        )
        import json

        return json.loads(run([sys.executable, "-W", "ignore", "-c", whole], self.folder))

    def poll(self) -> None:
        self._ask("reader.update_feed(url)")

    def entries(self) -> list[tuple[str, str]]:
        return [
            tuple(pair)
            for pair in self._ask(
                "found = [[e.title, e.content[0].value] for e in reader.get_entries()]"
            )
        ]

    def pictures(self) -> list[str]:
        return self._ask("found = [c.href for e in reader.get_entries() for c in e.enclosures]")


class Liferea:
    delta = True
    updates = False  # it leaves the text as it first came, after a whole document too
    enclosures = True
    first = 1

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url
        self.programs = [
            program("xvfb-run"),
            program("dbus-run-session"),
            program("liferea"),
            program("gdbus"),
        ]
        opml = folder / "config/liferea"
        opml.mkdir(parents=True)
        opml.joinpath("feedlist.opml").write_text(
            '<?xml version="1.0"?>\n<opml version="1.0"><head><title>Liferea Feed List Export</title></head><body>'
            f'<outline title="all" text="all" description="all" type="rss" id="abcdefg" sortColumn="time" xmlUrl="{url}" updateInterval="-1" collapsed="true"/>'
            "</body></opml>\n"
        )

        script = folder / "run.sh"
        script.write_text(textwrap.dedent(f"""\
            {self.programs[2]} --mainwindow-state=hidden >liferea.out 2>&1 &
            call="{self.programs[3]} call --session --dest org.gnome.feed.Reader --object-path /org/gnome/feed/Reader"
            until $call --method org.gnome.feed.Reader.Ping >/dev/null 2>&1; do sleep 0.1; done
            while read line; do
                $call --method org.gnome.feed.Reader.Refresh
            done
            kill $!
            wait $!
            """))  # fmt: skip
        self.process = subprocess.Popen(
            [self.programs[1], "--", self.programs[0], "-a", "sh", str(script)], cwd=folder, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env={**environment(folder), "GSETTINGS_BACKEND": "memory", "WEBKIT_DISABLE_COMPOSITING_MODE": "1", "NO_AT_BRIDGE": "1"},
        )  # fmt: skip

    def poll(self) -> None:
        self.process.stdin.write("refresh\n")
        self.process.stdin.flush()
        while (line := self.process.stdout.readline()) != "(true,)\n":  # what others say on the bus
            assert line, "it ended"

    def close(self) -> None:
        self.process.communicate(timeout=30)

    def _database(self) -> Path:
        return self.folder / "data/liferea/liferea.db"

    def entries(self) -> list[tuple[str, str]]:
        db = sqlite3.connect(self._database())
        found = db.execute("SELECT title, description FROM items").fetchall()
        db.close()
        return found

    def pictures(self) -> list[str]:
        db = sqlite3.connect(self._database())
        found = db.execute("SELECT value FROM metadata WHERE key = 'enclosure'").fetchall()
        db.close()
        return [
            re.search(r"https?://[^|]+?(?=\||$)", value.removeprefix("enc:"))[0]
            for (value,) in found
        ]


def article(site: Site, n: int, title: str = "", text: str = "first text") -> None:
    picture = f'<p><img src="https://pictures.example.com/{n}.jpg" width="640" height="480"></p>'
    # What is captured later is an update of it.
    moment = dated(NOW - 86_400 + n * 60)
    if text != "first text":
        moment["epoch"] = (NOW - 60) * 1000
    site.write(
        f"s/{1000 + n}.md",
        seed(
            title or f"Article {n}",
            f"https://news.example.com/{n}",
            **moment,
            body=f"{picture}<p>This is the {text} of it.</p>",
        ),
    )


@pytest.fixture
def served(site: Site) -> Iterator[tuple[Site, Running]]:
    port = free_port()
    site.configure(
        f'[serve]\nport = {port}\nlog_format = "json"\n[images]\nmeasure = false\n',
        f'[site]\ntitle = "T"\nurl = "http://127.0.0.1:{port}/"\n',
    )
    for n in range(4):
        article(site, n)
    site.build(NOW)
    with feeds_server(site.root, port) as server:
        yield site, server


def statuses(site: Site, path: str, count: int) -> list[int]:
    """How the reader's requests for the feed were answered, once there are so many."""
    log = site.root / ".feeds/access.log"

    def found() -> list[int]:
        if not log.exists():
            return []
        with log.open(encoding="utf-8") as lines:
            return [
                hit.status
                for hit in logs.read(lines)
                if hit and hit.path == path and "Probe" not in hit.agent
            ]

    eventually(lambda: len(found()) >= count)
    return found()


def rebuild(site: Site, server: Running, path: str) -> None:
    """Build, and wait until the server gives out what is new."""
    before = server.ask(path, user_agent="Probe")["etag"]
    site.build(NOW)
    eventually(lambda: server.ask(path, user_agent="Probe", if_none_match=before).status == 200)


@pytest.mark.parametrize(
    ("kind", "document"),
    [
        *((kind, name) for kind in (Newsboat, Rss2email, Sfeed, Feedparser, Lemon24) for name in ("atom.xml", "rss.xml")),
        (Liferea, "atom.xml"),
    ],
    ids=lambda given: given if isinstance(given, str) else given.__name__.lower(),
)  # fmt: skip
def test_a_reader_is_told_everything_once(
    served: tuple[Site, Running], tmp_path: Path, kind: type[Reader], document: str
) -> None:
    site, server = served
    folder = tmp_path / "reader"
    folder.mkdir()
    path = f"/all/{document}"
    reader = kind(folder, f"{server.url}{path[1:]}")
    polls = 0

    def poll() -> int:
        nonlocal polls
        reader.poll()
        answered = statuses(site, path, polls + 1)
        polls = len(answered)
        return answered[-1]

    def has(count: int) -> None:
        """The reader has so many articles, each once."""
        expected = {f"Article {n}": 1 for n in range(count)}
        eventually(lambda: Counter(title for title, _ in reader.entries()) == expected, 10)

    try:
        for _ in range(reader.first):
            assert poll() == 200
            has(4)
        assert poll() == 304
        has(4)

        article(site, 4)
        rebuild(site, server, path)
        assert poll() == (226 if reader.delta else 200)
        has(5)

        article(site, 2, text="second text")
        rebuild(site, server, path)
        assert poll() == (226 if reader.delta else 200)
        has(5)
        if reader.updates:
            eventually(lambda: "second text" in dict(reader.entries())["Article 2"], 10)

        # The file is renamed: the same article, so the same bytes.
        shutil.move(site.root / "seeds/s/1003.md", site.root / "seeds/s/1003_renamed.md")
        site.build(NOW)
        assert poll() == 304
        has(5)
        if reader.enclosures:
            assert Counter(reader.pictures()) == {
                f"https://pictures.example.com/{n}.jpg": 1 for n in range(5)
            }
    finally:
        reader.close()

"""What the tests share: a site in a temporary folder, a fixed instant, seeds in the dialect."""

from __future__ import annotations

import itertools
import json
import os
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from feeds import config, cycle
from feeds.model import Report

TICKS = itertools.count(1_700_000_000 * 10**9, 10**9)
NOW = int(datetime(2026, 11, 22, 12, 0, tzinfo=UTC).timestamp())

settings.register_profile(
    "tests", deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
settings.load_profile("tests")

BASIC = """\
[site]
title = "Test site"
url = "https://feeds.example.org/"
timezone = "Asia/Shanghai"
since = "2020"
"""


def seed(
    title: str = "A title",
    link: str = "https://news.example.com/a/1.html",
    epoch: int | str | None = 1594849284000,
    date: str | None = "Wed, 15 Jul 2020 21:40:09 GMT",
    body: str = "<p>Some text that says something. And a second sentence.</p>",
) -> str:
    """An article in the dialect; None leaves a part out."""
    parts = []
    if epoch is not None:
        parts.append(f"<!--{epoch}-->\n")
    parts.append(f"[{title}]({link})\n------\n\n")
    if date is not None:
        parts.append(f"<div><i>{date}</i></div>")
    return "".join((*parts, body))


def dated(instant: int) -> dict[str, object]:
    """Epoch and date string of one instant, for `seed`."""
    moment = datetime.fromtimestamp(instant, UTC)
    return {"epoch": instant * 1000, "date": format_datetime(moment, usegmt=True)}


def article(number: int, **changes: object) -> str:
    """An article of three months ago, unlike those of other numbers."""
    parts: dict[str, object] = {
        "title": f"Article {number}", "link": f"https://news.example.com/{number}",
        "body": f"<p>The words of {number}.</p>", **dated(NOW - 90 * 86_400 + number),
    }  # fmt: skip
    return seed(**(parts | changes))


@dataclass
class Site:
    """A folder with a configuration, seeds, state and output."""

    root: Path

    def configure(self, text: str = "", basic: str = BASIC) -> None:
        self.root.joinpath("config.toml").write_text(basic + text, encoding="utf-8")

    def write(self, name: str, text: str | bytes) -> Path:
        path = self.root / "seeds" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        # As if written long ago: a build looks again at what was written in its own instant.
        os.utime(path, ns=(0, next(TICKS)))
        return path

    def load(self) -> config.Config:
        return config.load(str(self.root / "config.toml"))

    def build(self, now: int = NOW, *, offline: bool = True, accept: bool = False) -> Report:
        pictures = "none" if offline else "all"
        return cycle.build(self.load(), now, pictures=pictures, accept=accept, wait=0)

    def json(self, slug: str = "all") -> dict[str, object]:
        return json.loads((self.root / "out" / slug / "feed.json").read_text(encoding="utf-8"))

    def items(self, slug: str = "all") -> list[dict[str, object]]:
        return self.json(slug)["items"]

    def titles(self, slug: str = "all") -> list[str]:
        return [item["title"] for item in self.items(slug)]

    def published(self) -> dict[str, tuple[bytes, int]]:
        """Every file in the output folder: its bytes and its mtime."""
        out = self.root / "out"
        return {
            str(path.relative_to(out)): (path.read_bytes(), path.stat().st_mtime_ns)
            for path in sorted(out.rglob("*"))
            if path.is_file()
        }

    def bytes(self) -> dict[str, bytes]:
        """Every file in the output folder, without its time."""
        return {name: body for name, (body, _) in self.published().items()}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = Site(tmp_path)
    made.configure()
    tmp_path.joinpath("seeds").mkdir()
    return made


def fresh(site: Site, tmp_path_factory: pytest.TempPathFactory, now: int = NOW) -> dict[str, bytes]:
    """What a build from nothing but the ledger makes of the same seeds and configuration."""
    return fresh_in(tmp_path_factory.mktemp("fresh"), site, now)


def fresh_in(root: Path, site: Site, now: int = NOW) -> dict[str, bytes]:
    """The same, made in the folder `root`."""
    other = Site(root)
    root.mkdir(exist_ok=True)
    text = site.root.joinpath("config.toml").read_text(encoding="utf-8")
    root.joinpath("config.toml").write_text(text, encoding="utf-8")
    os.symlink(site.root / "seeds", root / "seeds")
    root.joinpath(".feeds").mkdir()
    shutil.copy(site.root / ".feeds/ledger.sqlite", root / ".feeds/ledger.sqlite")
    other.build(now)
    return other.bytes()

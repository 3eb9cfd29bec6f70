"""Random edits while the daemon is killed at random moments; in the end the feeds are right.

    python tests/soak.py [--kills 200] [--seconds 180] [--seed N]

A reader parses every feed in a loop meanwhile: it must never find one torn or gone.  Afterwards the
output equals, byte for byte, what a build from nothing makes of the same seeds.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path
from xml.etree import ElementTree as ET

from conftest import NOW, Site, dated, fresh_in, seed
from running import Daemon

CONFIG = """
[schedule]
every = "1d"
rescan = "3s"
settle = "20ms"
[guard]
share = 100
[[feed]]
slug = "all"
limit = 30
[[feed]]
slug = "{source}"
each = "source"
limit = 15
"""
SOURCES = "abcd"
PATIENCE = 60.0  # seconds until the feeds must agree


class Reader(threading.Thread):
    """Parses the feeds over and over, and notes what was wrong."""

    def __init__(self, out: Path) -> None:
        super().__init__(daemon=True)
        self.out = out
        self.over = threading.Event()
        self.reads = 0
        self.wrong: list[str] = []

    def run(self) -> None:
        while not self.over.is_set():
            for path in sorted(self.out.glob("all/*")):
                if path.suffix not in {".xml", ".json"} or path.name.startswith("."):
                    continue
                try:
                    body = path.read_bytes()
                    items = json.loads(body) if path.suffix == ".json" else ET.fromstring(body)
                    assert len(items), "it is empty"
                    self.reads += 1
                except Exception as error:  # noqa: BLE001  whatever it is, a reader felt it
                    self.wrong.append(f"{path}: {type(error).__name__}: {error}")
            time.sleep(0.005)


class Editor:
    """Makes random changes in the seed folder."""

    def __init__(self, seeds: Path, dice: random.Random) -> None:
        self.seeds, self.dice = seeds, dice
        self.edits = 0
        self.number = 0

    def write(self, path: Path) -> None:
        self.number += 1
        when = NOW - self.dice.randint(1, 400) * 86_400
        path.parent.mkdir(parents=True, exist_ok=True)
        body = f"<p>Edit {self.number}. {'Some words. ' * self.dice.randint(1, 200)}</p>"
        link = f"https://news.example.com/{path.parent.name}/{path.stem}"
        path.write_text(seed(f"Title {self.number}", link, body=body, **dated(when)))

    def edit(self) -> None:
        dice, there = self.dice, sorted(self.seeds.rglob("*.md"))
        new = self.seeds / dice.choice(SOURCES) / f"{dice.randint(1, 60)}.md"
        self.edits += 1
        match dice.randrange(8):
            case 0 | 1:
                self.write(new)
            case 2 if there:
                self.write(dice.choice(there))
            case 3 if there:
                half = new.with_name(f".{new.name}.tmp")
                self.write(half)
                half.replace(new)
            case 4 if there:
                new.parent.mkdir(exist_ok=True)
                dice.choice(there).replace(new)
            case 5 if len(there) > 20:
                dice.choice(there).unlink()
            case 6 if len(there) > 40:
                shutil.rmtree(self.seeds / dice.choice(SOURCES), ignore_errors=True)
            case 7:
                new.parent.mkdir(exist_ok=True)
                new.with_suffix(".md~").write_text("half")
                new.write_bytes(b"\0" * dice.randint(0, 9))


def soak(root: Path, kills: int, seconds: float, start: int) -> dict[str, object]:
    """Run it in the folder `root`; what was done, and under "wrong" what should not have been."""
    dice = random.Random(start)
    site = Site(root)
    site.configure(CONFIG)
    editor = Editor(root / "seeds", dice)
    for number in range(40):
        editor.write(root / "seeds" / SOURCES[number % 4] / f"{number + 1}.md")
    site.build()
    reader = Reader(root / "out")
    reader.start()
    end = time.monotonic() + seconds
    killed = 0
    daemon = Daemon(root)
    try:
        while killed < kills and time.monotonic() < end:
            moment = time.monotonic() + dice.uniform(0.05, 1.3) * seconds / kills
            while time.monotonic() < moment:
                editor.edit()
                time.sleep(dice.uniform(0.0, 0.1))
            daemon.stop(signal.SIGKILL)
            killed += 1
            daemon = Daemon(root)
        wrong = agreed(site, daemon, root / "fresh")
    finally:
        daemon.stop(signal.SIGKILL)
        reader.over.set()
        reader.join()
    return {
        "kills": killed, "edits": editor.edits, "reads": reader.reads,
        "wrong": [*reader.wrong[:5], *wrong],
    }  # fmt: skip


def agreed(site: Site, daemon: Daemon, other: Path) -> list[str]:
    """Wait until the output equals a build from nothing; the names of the files that don't."""
    end = time.monotonic() + PATIENCE
    while True:
        expected = fresh_in(other, site)
        shutil.rmtree(other)
        found = site.bytes()
        differing = sorted(
            name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name)
        )
        if not differing or time.monotonic() > end:
            daemon.wait_for("daemon.started")  # before that, a signal means what it means to Python
            code = daemon.stop()
            return [f"differs: {name}" for name in differing] + [f"exit code {code}"] * bool(code)
        time.sleep(0.5)


def main() -> int:
    grammar = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    grammar.add_argument("--kills", type=int, default=200)
    grammar.add_argument("--seconds", type=float, default=180)
    grammar.add_argument("--seed", type=int, default=random.randrange(10**6))
    given = grammar.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        told = soak(Path(folder), given.kills, given.seconds, given.seed)
        print(f"seed {given.seed}: {json.dumps(told)}")
        if told["wrong"]:
            shutil.copy(Path(folder) / "daemon.log", "soak.log")
            print("the daemon's log is in soak.log")
    return bool(told["wrong"])


if __name__ == "__main__":
    sys.exit(main())

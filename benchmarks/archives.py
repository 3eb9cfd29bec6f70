"""What archive documents cost: the first build of them all, and every build after it.

Both sites are made of the same seeds, and differ in `archive = true` alone.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import corpus
import producer
from pair import FLOOR, Edit, make
from report import INFORMATION, Goal, duration, spread, times
from timing import Contender, VoidError

if TYPE_CHECKING:
    from scenes import Bench

ARCHIVE = "archive = true\n"


class Sites:
    """Two sites of `count` seeds below a folder, with archive documents and without."""

    def __init__(self, folder: str, count: int) -> None:
        """Write the seeds and both configurations."""
        self.count = count
        self.seeds = os.path.join(folder, "seeds")
        make(self.seeds, count)
        self.plain = producer.Site(os.path.join(folder, "plain"), self.seeds)
        self.archived = producer.Site(os.path.join(folder, "archived"), self.seeds)
        with open(self.archived.command[-1], "a", encoding="utf-8") as file:
            file.write(ARCHIVE)

    def whole(self) -> None:
        """Raise VoidError unless the archive documents hold every article once."""
        found = 0
        for above, _, names in os.walk(os.path.join(self.archived.out, "all")):
            if "atom.xml" in names:
                with open(os.path.join(above, "atom.xml"), "rb") as file:
                    found += file.read().count(b"<entry")
        if found != self.count:
            raise VoidError(f"{found} entries stand in all documents, and not {self.count}")


def first(bench: Bench, sites: Sites) -> None:
    """The first build, with all archive documents."""
    site = sites.archived
    warming = (sys.executable, FLOOR, "whole", sites.seeds)  # a build beforehand takes minutes
    built = Contender("archived", site.command, site.forget, (sites.whole,), warming)
    found = bench.compare([built], sites.count)
    took = found["archived"].seconds
    bench.tell(
        f"{sites.count:,}", "first build with archives", (spread(took, duration), ""), took,
        duration, Goal.most(12) if sites.count >= 50_000 else INFORMATION,
    )  # fmt: skip


def again(bench: Bench, sites: Sites) -> None:
    """A build with nothing changed, of one without archive documents."""
    contenders = [Contender(name, site.command) for name, site in _both(sites)]
    _tell(bench, sites, "nothing changed, with archives", contenders)


def edited(bench: Bench, sites: Sites) -> None:
    """A build after an edit of the newest article, of one without archive documents."""
    edit = Edit(os.path.join(sites.seeds, corpus.Press().article(0).path))
    contenders = [
        Contender(name, site.command, edit.make, (lambda site=site: edit.check(site),))
        for name, site in _both(sites)
    ]
    _tell(bench, sites, "one edited, with archives", contenders)


def _both(sites: Sites) -> list[tuple[str, producer.Site]]:
    return [("plain", sites.plain), ("archived", sites.archived)]


def _tell(bench: Bench, sites: Sites, measured: str, contenders: list[Contender]) -> None:
    found = bench.compare(contenders, sites.count)
    ours, plain = found["archived"].seconds, found["plain"].seconds
    sides = (spread(ours, duration), f"without {spread(plain, duration)}")
    bench.tell(f"{sites.count:,}", measured, sides, ours.over(plain), times, Goal.most(1.3))


def scene(bench: Bench, count: int) -> None:
    """All of it, with so many seeds."""
    sites = Sites(os.path.join(bench.work, f"archives-{count}"), count)
    measured = {"first build with archives": first, "nothing changed": again, "one edited": edited}
    for name, measure in measured.items():
        with bench.section(f"{count:,}", name):
            measure(bench, sites)

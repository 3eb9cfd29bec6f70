"""The same articles for `feeds` and for Hugo, and the commands that make feeds of them."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Protocol

import corpus
import floor
import peer
import producer
import proof
from timing import Contender, VoidError, nothing

if TYPE_CHECKING:
    from collections.abc import Callable

FLOOR = os.path.abspath(floor.__file__)
_CORPUS = os.path.abspath(corpus.__file__)


class Site(Protocol):
    """What the two producers have in common."""

    atom: str
    rss: str
    command: tuple[str, ...]
    daemon: tuple[str, ...]  # keeps the feeds right by itself

    def forget(self) -> None:
        """Remove all that earlier builds left behind."""


class Side(NamedTuple):
    """One producer with the folder of its articles."""

    name: str
    site: Site
    articles: str
    warming: tuple[str, ...] = ()


def make(folder: str, count: int, *options: str) -> None:
    """Write a corpus, in another process: see `timing.run` for why this one must stay small."""
    subprocess.run((sys.executable, _CORPUS, str(count), folder, *options), check=True)


class Pair:
    """A corpus of seeds with its site, and beside it the same for Hugo where that is installed."""

    def __init__(self, folder: str, count: int, hugo: str | None) -> None:
        """Write it all below `folder`; `hugo` is the program."""
        self.count = count
        self.name = f"{count:,}"
        self.seeds = os.path.join(folder, "seeds")
        self.ours = producer.Site(os.path.join(folder, "feeds"), self.seeds)
        self._sides = [Side("feeds", self.ours, self.seeds)]
        make(self.seeds, count)
        if hugo:
            theirs = peer.Site(os.path.join(folder, "hugo"), hugo)
            # It would take as long again to let Hugo itself read its files beforehand.
            warming = (sys.executable, FLOOR, "whole", theirs.content)
            self._sides.append(Side("Hugo", theirs, theirs.content, warming))
            make(theirs.content, count, "--format", "hugo")
        os.sync()  # else the disk is still busy with it while the first runs are timed

    def first(self) -> list[Contender]:
        """Builds that find nothing of an earlier one."""
        return [self._contender(side, side.site.forget) for side in self._sides]

    def again(self) -> list[Contender]:
        """Builds that find everything as the last one left it."""
        untouched = partial(proof.untouched, self.ours.atom, proof.age(self.ours.atom))
        return [
            self._contender(side, check=untouched if side.site is self.ours else nothing)
            for side in self._sides
        ]

    def edited(self) -> list[Contender]:
        """Builds that find a new paragraph in the newest article."""
        newest = corpus.Press().article(0).path
        edits = [Edit(os.path.join(side.articles, newest)) for side in self._sides]
        return [
            self._contender(side, edit.make, partial(edit.check, side.site))
            for side, edit in zip(self._sides, edits, strict=True)
        ]

    def kept(self) -> list[tuple[Side, Edit]]:
        """Each side with an article that stands in the feeds, to be edited while it watches."""
        second = corpus.Press().article(1).path
        return [(side, Edit(os.path.join(side.articles, second))) for side in self._sides]

    def _contender(
        self, side: Side, before: Callable[[], None] = nothing, check: Callable[[], None] = nothing
    ) -> Contender:
        checks = (partial(self._same, side.site), check)
        return Contender(side.name, side.site.command, before, checks, side.warming)

    def _same(self, site: Site) -> None:
        """Raise VoidError unless the site's feeds hold the 50 entries that ours hold."""
        if proof.links(site.atom, site.rss) != proof.links(self.ours.atom, self.ours.rss):
            raise VoidError("Hugo chose other articles than feeds, or put them in another order")


class Edit:
    """A paragraph that is added to one article, another one every time."""

    def __init__(self, path: str) -> None:
        """Edit the file at `path`."""
        self._path = path
        self._times = 0

    def make(self) -> None:
        """Add a paragraph; the file's time becomes now."""
        self._times += 1
        with open(self._path, "a", encoding="utf-8") as file:
            file.write(f"<p>{self._said()}</p>\n")

    def check(self, site: Site) -> None:
        """Raise VoidError unless both feeds of the site hold the paragraph."""
        for path in (site.atom, site.rss):
            proof.holds(path, self._said())

    def _said(self) -> str:
        return f"Addendum number {self._times}."

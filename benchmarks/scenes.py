"""The measurements, one function each: run the contenders by turns and tell what came of it.

A new scene is a function of a `Bench` and a row in `SCENES`, at the end.
"""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import archives
import producer
import proof
import serving
from keeping import kept
from pair import FLOOR, Pair, make
from report import INFORMATION, Goal, Row, duration, megabytes, percent, spread, times
from timing import Contender, Series, VoidError, alternate, environment, peak

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from timing import Result

SETTLE, IDLE = 0.2, 20.0  # seconds: the default of settle; how long an idle daemon is looked at
ARCHIVED = 50_000  # seeds; an archive of more is not measured
STARTS = 15  # pairs for what takes milliseconds
SOURCES, SEEDS, BODY = 7, 2_000, 20_000  # of the corpus for one feed for each source


class Bench:
    """Where and with what is measured, and all that was found so far."""

    def __init__(
        self, work: str, hugo: str | None, sizes: Sequence[int], pairs: int | None
    ) -> None:
        """Measure in the folder `work`; in so many pairs, or in as many as suit the size."""
        self.work = work
        self.hugo = hugo
        self.sizes = sizes
        self.env = environment(work, producer.path())
        self.rows: list[Row] = []
        self._pairs = pairs

    def pairs(self, count: int) -> int:
        """How many pairs are run with so many seeds."""
        return self._pairs or (5 if count <= 50_000 else 3)

    def compare(self, contenders: Sequence[Contender], count: int) -> dict[str, Result]:
        """The results of the contenders with so many seeds, by name."""
        return alternate(contenders, self.pairs(count), self.env)

    def tell(
        self,
        corpus: str,
        measured: str,
        sides: tuple[str, str],
        figure: Series,
        form: Callable[[float], str],
        goal: Goal = INFORMATION,
    ) -> None:
        """Note one figure; `sides` are what `feeds` took and what it is held against."""
        bound, verdict = goal.text(form), goal.verdict(figure.median)
        shown = spread(figure, form)
        self.rows.append(Row(corpus, measured, *sides, shown, bound, verdict))
        said = f"; goal {bound}: {verdict}" if verdict else ""
        held = ", ".join(filter(None, sides))
        print(f"  {measured}: feeds {held}: {shown}{said}", flush=True)

    @contextmanager
    def section(self, corpus: str, measured: str) -> Iterator[None]:
        """A part that may come to nothing without harm to the others."""
        try:
            yield
        except VoidError as error:
            print(f"  {measured}: void: {error}", flush=True)
            self.rows.append(Row(corpus, measured, verdict="void"))


def _against(name: str, result: Result) -> str:
    return f"{name} {spread(result.seconds, duration)}"


def _floor(kind: str, pair: Pair) -> Contender:
    return Contender("floor", (sys.executable, FLOOR, kind, pair.seeds))


def first(bench: Bench, pair: Pair) -> None:
    """The first build: neither a state folder nor an output folder is there."""
    found = bench.compare([*pair.first(), _floor("heads", pair)], pair.count)
    ours, floor = found["feeds"], found["floor"]
    took = spread(ours.seconds, duration)
    tell = partial(bench.tell, pair.name)
    if hugo := found.get("Hugo"):
        goal = Goal.least(12 if pair.count >= 200_000 else 8) if pair.count >= 50_000 else None
        sides = (took, _against("Hugo", hugo))
        tell("cold", sides, hugo.seconds.over(ours.seconds), times, goal or INFORMATION)
    sides = (took, _against("floor of reading", floor))
    tell("cold, of the floor", sides, ours.seconds.over(floor.seconds), times)
    most = 90e6 if pair.count <= 50_000 else 200e6
    pair.ours.forget()
    held = Series((float(peak(pair.ours.command, bench.env)),))
    # Hugo is one process, of which the kernel has told the most it ever held.
    sides = (spread(held, megabytes), f"Hugo {spread(hugo.peak, megabytes)}" if hugo else "")
    tell("peak memory, cold", sides, held, megabytes, Goal.most(most))


def again(bench: Bench, pair: Pair) -> None:
    """A build when nothing has changed since the last one."""
    found = bench.compare([*pair.again(), _floor("walk", pair)], pair.count)
    pair.ours.rests(bench.env)
    ours, floor = found["feeds"], found["floor"]
    took = spread(ours.seconds, duration)
    tell = partial(bench.tell, pair.name)
    if hugo := found.get("Hugo"):
        sides = (took, _against("Hugo", hugo))
        tell("nothing changed", sides, hugo.seconds.over(ours.seconds), times, Goal.least(18))
    sides = (took, _against("floor of looking", floor))
    ratio = ours.seconds.over(floor.seconds)
    tell("nothing changed, of the floor", sides, ratio, times, Goal.most(1.6))


def edited(bench: Bench, pair: Pair) -> None:
    """A build after one article, which stands in the feeds, was edited."""
    found = bench.compare(pair.edited(), pair.count)
    ours = found["feeds"].seconds
    took = spread(ours, duration)
    if hugo := found.get("Hugo"):
        sides = (took, _against("Hugo", hugo))
        ratio = hugo.seconds.over(ours)
        bench.tell(pair.name, "one changed", sides, ratio, times, Goal.least(10))
    else:
        bench.tell(pair.name, "one changed", (took, ""), ours, duration)


def noticed(bench: Bench, pair: Pair) -> None:
    """An edit that a daemon notices by itself, and what the daemon costs while nothing happens."""
    found: dict[str, Series] = {}
    rest: dict[str, tuple[float, int]] = {}
    for side, edit in pair.kept():
        side.site.forget()
        with kept(side.site.daemon, side.site.atom, bench.env) as keeper:
            runs = 2 * bench.pairs(pair.count)
            found[side.name] = Series(tuple(keeper.noticed(edit.make) for _ in range(runs)))
            rest[side.name] = keeper.idle(IDLE)
            edit.check(side.site)
    ours = found["feeds"]
    took = spread(ours, duration)
    tell = partial(bench.tell, pair.name)
    above = Series(tuple(value - SETTLE for value in ours.values))
    settled = "settling takes 200 ms of it"
    tell("noticed, above the settling", (took, settled), above, duration, Goal.most(0.15))
    if hugo := found.get("Hugo"):
        sides = (took, f"Hugo {spread(hugo, duration)}")
        tell("noticed", sides, hugo.over(ours), times)
    (share, written), theirs = rest["feeds"], rest.get("Hugo")
    sides = (f"writes {written} bytes", f"Hugo {percent(theirs[0] * 100)}" if theirs else "")
    tell("idle", sides, Series((share * 100,)), percent, Goal.most(0.5))


def beside_hugo(bench: Bench) -> None:
    """One feed of everything, of each size: cold, with nothing changed, and with one change."""
    for count in bench.sizes:
        name = f"{count:,}"
        print(f"\n{name} seeds (pairs: {bench.pairs(count)})", flush=True)
        folder = os.path.join(bench.work, str(count))
        need = count * (2 if bench.hugo else 1) * 9_000  # bytes; such files take two blocks each
        if (free := shutil.disk_usage(bench.work).free) < need:
            with bench.section(name, "everything"):
                raise VoidError(f"{megabytes(need)} of disk are needed, {megabytes(free)} are free")
            continue
        pair = Pair(folder, count, bench.hugo)
        for measured, part in (
            ("cold", first),
            ("nothing changed", again),
            ("one changed", edited),
            ("noticed", noticed),
        ):
            with bench.section(name, measured):
                part(bench, pair)
        shutil.rmtree(folder)  # the next size may need the room


def each_source(bench: Bench) -> None:
    """One feed for each source besides that of everything: 350 articles to parse instead of 50."""
    folder = os.path.join(bench.work, "each")
    seeds = os.path.join(folder, "seeds")
    name = f"{SEEDS:,} of 20 KB"
    print(f"\n{name} from {SOURCES} sources (pairs: {bench.pairs(SEEDS)})", flush=True)
    make(seeds, SEEDS, "--sources", str(SOURCES), "--body", str(BODY))
    os.sync()
    one = producer.Site(os.path.join(folder, "one"), seeds)
    many = producer.Site(os.path.join(folder, "many"), seeds, each=True)

    def check(site: producer.Site, feeds: int) -> None:
        published = [entry.path for entry in os.scandir(site.out) if entry.is_dir()]
        for feed in published:
            proof.links(os.path.join(feed, "atom.xml"), os.path.join(feed, "rss.xml"))
        if len(published) != feeds:
            raise VoidError(f"{site.out}: there are {len(published)} feeds, not {feeds}")

    with bench.section(name, "one feed per source"):
        contenders = (
            Contender("one", one.command, one.forget, (partial(check, one, 1),)),
            Contender("many", many.command, many.forget, (partial(check, many, 1 + SOURCES),)),
        )
        found = bench.compare(contenders, SEEDS)
        many_took, one_took = found["many"].seconds, found["one"].seconds
        sides = (spread(many_took, duration), f"one feed {spread(one_took, duration)}")
        ratio = many_took.over(one_took)
        bench.tell(name, "cold, one feed per source", sides, ratio, times, Goal.most(3))


def start(bench: Bench) -> None:
    """`feeds --help` beside Python's own start."""
    print(f"\nstart (pairs: {STARTS})", flush=True)
    with bench.section("-", "feeds --help"):
        contenders = (
            Contender("help", (*producer.command(), "--help")),
            Contender("bare", (sys.executable, "-c", "pass")),
        )
        found = alternate(contenders, STARTS, bench.env)
        took, bare = found["help"].seconds, found["bare"].seconds
        sides = (spread(took, duration), f"python -c pass {spread(bare, duration)}")
        bench.tell(
            "-", "feeds --help, more than", sides, took.less(bare), duration, Goal.most(0.06)
        )


def archived(bench: Bench) -> None:
    """One feed of everything with archive documents, against the same without them."""
    for count in bench.sizes:
        if count <= ARCHIVED:
            print(f"\n{count:,} seeds with archives (pairs: {bench.pairs(count)})", flush=True)
            archives.scene(bench, count)


SCENES = {
    "start": start,
    "sources": each_source,
    "sizes": beside_hugo,
    "archives": archived,
    "serving": serving.scene,
}

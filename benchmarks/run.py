"""What `feeds` costs beside Hugo and beside the least that is possible, as ratios within one run.

    python benchmarks/run.py [--scenes NAMES] [--sizes COUNTS] [--pairs N] [--work FOLDER]

Prints each figure as soon as it is known, and all of them as a table at the end.  The exit status
is 0 whatever was measured: this is a measurement, and no test.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import tempfile
from datetime import UTC, datetime

import peer
import producer
from report import table
from scenes import SCENES, Bench

SIZES = (5_000, 50_000, 200_000)


def options() -> argparse.Namespace:
    """What the command line asks for."""
    grammar = argparse.ArgumentParser(description="Measure feeds beside Hugo and beside the floor.")
    grammar.add_argument(
        "--scenes", type=names, default=tuple(SCENES), metavar="NAMES",
        help=f"which, with commas between ({','.join(SCENES)})",
    )  # fmt: skip
    grammar.add_argument(
        "--sizes", type=sizes, default=SIZES, metavar="COUNTS",
        help=f"how many seeds, with commas between ({','.join(map(str, SIZES))})",
    )  # fmt: skip
    grammar.add_argument("--pairs", type=several, help="runs of each (5; 3 above 50,000 seeds)")
    grammar.add_argument("--work", metavar="FOLDER", help="where to work (the system's temporary)")
    return grammar.parse_args()


def names(text: str) -> tuple[str, ...]:
    """Names of scenes with commas between; raises ArgumentTypeError for one that there is not."""
    given = tuple(text.split(","))
    if unknown := set(given) - SCENES.keys():
        raise argparse.ArgumentTypeError(
            f"{', '.join(sorted(unknown))}: give some of {', '.join(SCENES)}"
        )
    return given


def sizes(text: str) -> tuple[int, ...]:
    """Whole numbers with commas between; raises ArgumentTypeError for anything else."""
    counts = [int(part) if part.strip().isdecimal() else 0 for part in text.split(",")]
    if min(counts) < 100:
        raise argparse.ArgumentTypeError(
            f"{text!r}: give numbers of seeds from 100 up, as 500,1000"
        )
    return tuple(counts)


def several(text: str) -> int:
    """A whole number from 1 up; raises ArgumentTypeError for anything else."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 up")
    return int(text)


def processor() -> str:
    """The processor's name, as far as the system tells it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [line.partition(":")[2].strip() for line in file if line.startswith("model n")]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()


def versions(bench: Bench) -> str:
    """Which programs are measured."""
    asked = [(*producer.command(), "--version")]
    if bench.hugo:
        asked.append((bench.hugo, "version"))
    told = [
        subprocess.run(command, env=bench.env, stdout=subprocess.PIPE, text=True, check=False)
        for command in asked
    ]
    programs = [" ".join(one.stdout.split()[:2]).partition("-")[0] for one in told]
    return ", ".join(filter(None, (*programs, f"Python {platform.python_version()}")))


def measure(bench: Bench, chosen: tuple[str, ...]) -> None:
    """Measure the chosen scenes, and print what came of them."""
    cores = os.cpu_count() or 1
    load = os.getloadavg()[0]
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {cores} x {processor()}, load {load:.1f}")
    print(versions(bench))
    if load > cores / 4:
        print("Something else is at work on this machine: trust the ratios, not the times.")
    if bench.hugo is None:
        print(peer.MISSING)
    for name in chosen:
        SCENES[name](bench)
    print("\nMedians, with the least and the most; figures are taken pair by pair.\n")
    print(table(bench.rows))
    verdicts = [row.verdict for row in bench.rows]
    kinds = ("reached", "missed", "void")
    print("\nGoals: " + ", ".join(f"{verdicts.count(kind)} {kind}" for kind in kinds))


def main() -> None:
    """Measure what the command line asks for."""
    given = options()
    if given.work:
        os.makedirs(given.work, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="feeds-bench-", dir=given.work) as work:
        measure(Bench(work, peer.binary(), given.sizes, given.pairs), given.scenes)


if __name__ == "__main__":
    main()

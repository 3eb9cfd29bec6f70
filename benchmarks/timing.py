"""How long fresh processes take and how much memory they need, several of them by turns.

Machines drift: what is measured now and what is measured in a minute differ by more than most
changes to a program.  So contenders run alternately, A B A B, and are compared run by run.

The page cache is warm in every timed run.  One run beforehand is not enough for that: some virtual
machines take back what lay idle for ten seconds, which is how long Hugo may run in between.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


class VoidError(Exception):
    """A timed command did not do its work, so its time says nothing."""


def nothing() -> None:
    """Do nothing."""


class Contender(NamedTuple):
    """One of the commands that are compared."""

    name: str
    command: Sequence[str]
    before: Callable[[], None] = nothing  # not timed
    checks: Sequence[Callable[[], None]] = ()  # not timed; VoidError when the work is not done
    warming: Sequence[str] = ()  # reads the files that the command reads; default: the command


class Run(NamedTuple):
    """What one run took."""

    seconds: float
    peak: int  # bytes: the most that the largest of its processes held at once


class Series(NamedTuple):
    """One figure of every run, in the order of the runs."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one."""
        return median(self.values)

    def over(self, other: Series) -> Series:
        """The ratio to `other`, pair by pair."""
        return Series(tuple(a / b for a, b in zip(self.values, other.values, strict=True)))

    def less(self, other: Series) -> Series:
        """The difference to `other`, pair by pair."""
        return Series(tuple(a - b for a, b in zip(self.values, other.values, strict=True)))


class Result(NamedTuple):
    """All runs of one contender."""

    seconds: Series
    peak: Series  # bytes


def environment(work: str, path: str) -> dict[str, str]:
    """What the commands see of the environment: nothing that would tune or detune one of them.

    Hugo's caches lie in `work`; `path` becomes PYTHONPATH if it is not empty.
    """
    tuning = ("HUGO", "GO", "PYTHON")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(tuning)}
    kept["HUGO_CACHEDIR"] = os.path.join(work, "hugo-cache")
    return kept | ({"PYTHONPATH": path} if path else {})


def run(command: Sequence[str], env: Mapping[str, str]) -> Run:
    """The command in a process of its own; raises VoidError unless it exits with 0.

    The kernel counts a child's memory from what its parent held, so this process stays small:
    corpora are made by others.
    """
    with tempfile.TemporaryFile() as said:
        begun = time.perf_counter()
        process = subprocess.Popen(
            command, env=env, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            said.seek(0)
            words = said.read()[-600:].decode(errors="replace").strip()
            raise VoidError(f"{' '.join(command)}: exit status {process.returncode}: {words}")
    return Run(seconds, usage.ru_maxrss * 1024)


def peak(command: Sequence[str], env: Mapping[str, str]) -> int:
    """The most bytes that the command and all its children held at once, in a run of its own.

    Every few milliseconds their shares are added up: a page that several of them have in common
    counts once.  To look so often costs time, so this run is not timed.  Where there is no /proc,
    the largest process stands for all.
    """
    process = subprocess.Popen(
        command, env=env, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    most = 0
    while not (ended := os.wait4(process.pid, os.WNOHANG))[0]:
        most = max(most, _held(process.pid))
        time.sleep(0.005)
    process.returncode = os.waitstatus_to_exitcode(ended[1])
    if process.returncode != 0:
        raise VoidError(f"{' '.join(command)}: exit status {process.returncode}")
    return max(most, ended[2].ru_maxrss * 1024)


def _held(pid: int) -> int:
    """Bytes that a process and those it started hold now; 0 for one that has ended."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
            share = next((line.split()[1] for line in file if line.startswith("Pss:")), "0")
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            children = file.read().split()
    except OSError:
        return 0
    return int(share) * 1024 + sum(_held(int(child)) for child in children)


def alternate(
    contenders: Sequence[Contender], rounds: int, env: Mapping[str, str]
) -> dict[str, Result]:
    """The results of `rounds` rounds in which each contender runs once, by name.

    Before each timed run comes one that is not, so that all it reads is in the page cache.
    """
    runs: dict[str, list[Run]] = {contender.name: [] for contender in contenders}
    for _ in range(rounds):
        for name, command, before, checks, warming in contenders:
            if warming:
                run(warming, env)
            else:
                before()
                run(command, env)
            before()
            measured = run(command, env)
            for check in checks:
                check()
            runs[name].append(measured)
    return {
        name: Result(
            Series(tuple(r.seconds for r in measured)), Series(tuple(r.peak for r in measured))
        )
        for name, measured in runs.items()
    }

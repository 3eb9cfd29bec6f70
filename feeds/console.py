"""How things are said to people and to machines: reports, progress, colour."""

from __future__ import annotations

import os
import re
import sys
import time
from contextlib import contextmanager
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any, TextIO

from feeds.problems import CODES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from feeds.model import Problem, Report

WELL, PROBLEMS, USAGE, REFUSED = range(4)  # exit codes; `feeds.cli` says what they mean
_PATIENCE = 1.0  # seconds after which a person wants to see that something goes on


def as_json(value: object, *, ascii_only: bool = False) -> str:
    """Any value that travels, as one JSON document: named tuples become objects."""
    import json

    return json.dumps(_plain(value), ensure_ascii=ascii_only, indent=2)


def _plain(value: object) -> Any:
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return {name: _plain(part) for name, part in zip(value._fields, value, strict=True)}
    if isinstance(value, dict):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if isinstance(value, str):
        return "\n".join(map(printable, value.split("\n")))
    return value


def printable(text: str) -> str:
    """Text that may hold a file name, without a control or a byte that is no text."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text
    )


# Controls, what ends a line, what turns the direction of writing, and bytes that are no text.
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_STYLE = re.compile("(\x1b\\[[0-9]{1,2}m)")  # what `Console.bold` writes


def _safe(line: str, *, styled: bool) -> str:
    """A line that may hold a stranger's words, so that it stays one and moves no cursor."""
    if not _CONTROL.search(line):
        return line
    parts = _STYLE.split(line) if styled else [line]
    return "".join(
        part if number % 2 else _CONTROL.sub(lambda found: printable(found[0]), part)
        for number, part in enumerate(parts)
    )


class UnheardError(Exception):
    """What was done could not be told."""


@contextmanager
def _heard() -> Iterator[None]:
    """Raise UnheardError when what is written to stdout inside can't be."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise UnheardError(f"stdout: {error.strerror}") from None


class Console:
    """Where a command speaks: results to stdout, everything else to stderr."""

    def __init__(
        self, *, quiet: bool = False, verbose: bool = False, machine: bool = False
    ) -> None:
        self.quiet = quiet
        self.verbose = verbose
        self.machine = machine  # one JSON document on stdout, and nothing else there
        self.colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        self._told = False
        self._bar: Any = None
        self._task: tuple[str, Any] = ("", None)
        self._begun = time.monotonic()
        if isinstance(sys.stdout, TextIOWrapper):  # a letter that the terminal has not is no fault
            sys.stdout.reconfigure(errors="backslashreplace")

    def answer(self, value: object, text: Iterable[str]) -> None:
        """Tell what was asked for: to machines the value, to people the lines."""
        self._told = True
        if self.machine:
            text = [as_json(value, ascii_only=not _unicode(sys.stdout))]
        self.lines(text)

    def result(self, value: object, text: Iterable[str], wrong: Iterable[str] = ()) -> None:
        """Tell what was done; where that is not wanted, only what went `wrong`."""
        self.answer(value, wrong if self.quiet else text)

    def lines(self, text: Iterable[str]) -> None:
        """Print these lines on stdout; a control in one is written as its escape."""
        with _heard():
            for line in text:
                print(line if self.machine else _safe(line, styled=self.colour))

    def write(self, data: bytes) -> None:
        """Write these bytes to stdout, as they are."""
        with _heard():
            sys.stdout.buffer.write(data)

    def note(self, text: str) -> None:
        """Tell what a person may want to know while it goes on."""
        if not self.quiet:
            self._print(text, sys.stderr)

    def detail(self, text: str) -> None:
        """Tell what only a person who asked for it wants to know."""
        if self.verbose:
            self._print(text, sys.stderr)

    def error(self, text: str) -> None:
        """Tell why the command could not do what it should."""
        self.done()
        first, *rest = [_safe(line, styled=False) for line in text.splitlines()] or [""]
        print(self.bold(f"feeds: {first}", "31"), *rest, sep="\n", file=sys.stderr)

    def refuse(self, reason: str) -> None:
        """Give machines an object that says why, where no result stands on stdout already."""
        if self.machine and not self._told:
            self.answer({"refused": reason}, ())

    def bold(self, text: str, code: str = "1") -> str:
        """The text as it stands out on a terminal."""
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour else text

    def _print(self, text: str, stream: TextIO) -> None:
        print(_safe(text, styled=self.colour), file=stream, flush=True)

    # -- progress

    def progress(self, stage: str, done: int, total: int) -> None:
        """Show how far a stage has come, once a command takes longer than a second."""
        if self.quiet or not sys.stderr.isatty() or time.monotonic() - self._begun < _PATIENCE:
            return
        if self._bar is None:
            self._bar = _bar()
            self._bar.start()
        name, task = self._task
        if name != stage:
            if task is not None:
                self._bar.remove_task(task)
            self._task = (stage, self._bar.add_task(stage, total=total or None))
        self._bar.update(self._task[1], completed=done, total=total or None)
        self._bar.refresh()

    def done(self) -> None:
        """Take the progress away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
            self._task = ("", None)


def _bar() -> Any:
    from rich.console import Console as Terminal
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        console=Terminal(stderr=True), transient=True,
        auto_refresh=False,  # a thread of its own would forbid the build to fork workers
    )  # fmt: skip


def _unicode(stream: TextIO) -> bool:
    return (stream.encoding or "").lower().startswith("utf")


# --- reports ------------------------------------------------------------------------------------


def wrong(report: Report, bold: Any) -> Iterable[str]:
    """What went wrong in a build, for a person."""
    yield from _held(report, bold)
    yield from _notes(report, bold)


def _held(report: Report, bold: Any) -> Iterable[str]:
    if report.held:
        yield f"{bold('held')}      {_codes(report.held)}   (`feeds check` tells why)"


def _notes(report: Report, bold: Any) -> Iterable[str]:
    for note in report.notes:
        yield f"{bold('note')}      {printable(note)}"


def report(report: Report, out: str, bold: Any) -> Iterable[str]:
    """What a build did, for a person."""
    yield (
        f"{bold('seeds')}     {many(report.seeds, 'seed')}: {report.read} read,"
        f" {report.unchanged} unchanged"
        + (f", {report.removed} gone" if report.removed else "")
        + (f", {report.waiting} waiting for their date" if report.waiting else "")
    )
    yield from _held(report, bold)
    if report.repaired:
        yield f"{bold('repaired')}  {_codes(report.repaired)}"
    if report.measured or report.unmeasured:
        unknown = f", {len(report.unmeasured)} unknown" if report.unmeasured else ""
        yield f"{bold('pictures')}  {report.measured} measured{unknown}"
    changed = [feed for feed in report.feeds if feed.changed]
    yield (
        f"{bold('feeds')}     {len(changed)} of {many(len(report.feeds), 'feed')} changed,"
        f" {many(len(report.written), 'file')} written"
        + (f", {len(report.deleted)} removed" if report.deleted else "")
        + f", {report.seconds:.1f} s"
    )
    width = max((_width(feed.slug) for feed in changed), default=0)
    for feed in changed[:20]:
        newest = f"  {feed.updated:%Y-%m-%d %H:%M} UTC" if feed.entries else ""
        room = " " * (width - _width(feed.slug))
        entries = "entry  " if feed.entries == 1 else "entries"
        yield f"          {feed.slug}{room}  {feed.entries:4} {entries}{newest}"
    if len(changed) > 20:
        yield f"          … and {len(changed) - 20} more"
    if report.due:
        yield f"{bold('next')}      the feeds change at {report.due:%Y-%m-%d %H:%M} UTC"
    yield from _notes(report, bold)
    yield f"{bold('look at')}   {os.path.join(out, 'index.html')}"


def problems(found: Iterable[Problem], seeds: str) -> Iterable[str]:
    """Every problem with its place, its code, what it means and what to do."""
    for problem in found:
        kind = CODES[problem.code]
        where = printable(os.path.join(seeds, problem.path))
        line = f":{problem.line}" if problem.line else ""
        detail = f" ({printable(problem.detail)})" if problem.detail else ""
        yield f"{where}{line}: {problem.code}: {kind.meaning}{detail}"
        yield f"    {'held back' if kind.held else 'published'}; {kind.remedy}"


def _codes(found: Iterable[Problem]) -> str:
    from collections import Counter

    counts = Counter(problem.code for problem in found)
    return ", ".join(f"{count} {code}" for code, count in sorted(counts.items()))


def _width(text: str) -> int:
    """The columns that a text takes on a terminal."""
    from unicodedata import east_asian_width

    return sum(2 if east_asian_width(c) in {"W", "F"} else 1 for c in text)


def many(count: int, noun: str) -> str:
    """So many of them."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"

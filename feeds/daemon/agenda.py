"""What is to be done, and when it is time: decisions alone, by clocks that are arguments.

`now` is in seconds of a clock that nobody sets (monotonic), `wall` in seconds since the epoch.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

_CEILING = 10  # times the settling: so long a restless folder is waited for
_BACKOFF = (5.0, 300.0)  # seconds until the first retry, and at most; each wait is twice the last
_BUSY = 1.0  # seconds until another attempt when a build of someone else's was at work
_SHARE = 20  # a look takes at most one part in so many of the time


class Run(NamedTuple):
    """One build to be done now."""

    reasons: tuple[str, ...]  # start, schedule, event, rescan, due, pictures, reload, retry, state
    folders: frozenset[bytes] | None  # where something happened; None: look everywhere
    pictures: str  # which are asked for, as `cycle.build` takes it


class Agenda:
    """Gathers why a build should run, and hands out one run for all of it."""

    def __init__(self, settle: float, rescan: float, now: float) -> None:
        """Wait for `settle` quiet seconds; look everywhere each `rescan` seconds."""
        self.due: float | None = None  # wall: when the feeds change though no seed does
        self._settle = settle
        self._rescan = rescan
        self._look = now + rescan
        self._asked: set[str] = set()
        self._owed: set[str] = set()  # what else the run that is at work is to do, if it fails
        self._folders: set[bytes] = set()
        self._first = self._last = 0.0  # instants of the hints in `_folders`
        self._blocked = -math.inf
        self._failures = 0

    def adjust(self, settle: float, rescan: float, now: float) -> None:
        """Go by other figures from now on."""
        self._settle, self._rescan = settle, rescan
        self._look = min(self._look, now + rescan)

    def hint(self, folders: Iterable[bytes], now: float) -> None:
        """Something happened in these folders."""
        if not self._folders:
            self._first = now
        self._folders.update(folders)
        self._last = now

    def ask(self, reason: str) -> None:
        """Something calls for a build that looks everywhere."""
        self._asked.add(reason)

    def insist(self, reason: str) -> None:
        """A person calls for a build: don't wait for the end of a pause after failures."""
        self._blocked = -math.inf
        self.ask(reason)

    @property
    def waiting(self) -> int:
        """How many things call for a build."""
        return len(self._asked) + len(self._folders)

    @property
    def pressing(self) -> bool:
        """Whether a build that only asks for pictures should come to its end."""
        return bool(self._folders or self._asked - {"pictures"})

    @property
    def _called(self) -> bool:
        """Whether it is time to look everywhere; for pictures alone only after the articles."""
        return bool(self._asked - {"pictures"} or (self._asked and not self._folders))

    def take(self, now: float, wall: float) -> Run | None:
        """The run for which it is time, if there is one; what it does is off the agenda."""
        if now < self._blocked:
            return None
        if now >= self._look:
            self._asked.add("rescan")
        if self.due is not None and wall >= self.due:
            self._asked.add("due")
            self.due = None
        if self._called:
            return self._everywhere(now)
        if self._folders and now >= self._quiet_at():
            folders, self._folders = frozenset(self._folders), set()
            return Run(("event",), folders, "none")
        return None

    def _everywhere(self, now: float) -> Run:
        asked, self._asked = self._asked, set()
        if self._folders:
            asked.add("event")
            self._folders = set()
        self._look = now + self._rescan
        self._owed = asked & {"schedule", "pictures"}
        pictures = "all" if "schedule" in asked else "new" if "pictures" in asked else "none"
        return Run(tuple(sorted(asked)), None, pictures)

    def _quiet_at(self) -> float:
        return min(self._last + self._settle, self._first + _CEILING * self._settle)

    def wait(self, now: float, wall: float) -> float:
        """Seconds until `take` may have a run, if nothing new comes up."""
        if self._called:
            at = now
        else:
            at = self._look
            if self._folders:
                at = min(at, self._quiet_at())
            if self.due is not None:
                at = min(at, now + self.due - wall)
        return max(0.0, max(at, self._blocked) - now)

    def succeeded(self, now: float, idle: float = 0.0) -> None:
        """A run came to its end; if it found nothing to do, after `idle` seconds."""
        self._failures = 0
        self._owed = set()
        self._look = max(self._look, now + idle * _SHARE)

    def failed(self, now: float) -> float:
        """A run failed: try again, later each time; how many seconds later."""
        least, most = _BACKOFF
        pause = min(least * 2.0**self._failures, most)
        self._failures += 1
        self._blocked = now + pause
        self._repeat()
        return pause

    def busy(self, now: float) -> None:
        """Another process was building: try again in a moment."""
        self._blocked = now + _BUSY
        self._repeat()

    def _repeat(self) -> None:
        self._asked |= {"retry"} | self._owed

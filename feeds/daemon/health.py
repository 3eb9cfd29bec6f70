"""What the daemon does and how it fares, for whoever asks: one value, changed under one lock."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from feeds.model import Report

_HANGS = 600.0  # seconds without a sign of life after which the process counts as dead


class Last(NamedTuple):
    """The last build that came to its end."""

    at: datetime  # its end
    reasons: tuple[str, ...]
    seconds: float
    report: Report


class State(NamedTuple):
    """All that is told; every instant is aware and in UTC."""

    pid: int
    version: str
    config: str  # path of config.toml
    started: datetime
    doing: str = "starting"  # or building, waiting, stopping
    last: Last | None = None
    fresh: datetime | None = None  # when the output was last known to agree with the seeds
    failure: str = ""  # why the last build failed; "" when it did not
    failures: int = 0  # in a row
    refused: str = ""  # why the configuration as it lies there is not in use; "" when it is
    events: str = ""  # why there are no events of the seed folder; "" when there are
    queue: int = 0  # what calls for the next build
    untold: int = 0  # messages to hubs that wait
    changed: dict[str, datetime] = {}  # noqa: RUF012  replaced, never altered; by slug
    builds: dict[str, int] = {}  # noqa: RUF012  by outcome: changed, unchanged, failed
    building: float = 0.0  # seconds, of all builds


class Health:
    """The state, and what follows from it."""

    def __init__(self, state: State, stale: float, now: float) -> None:
        """Begin with `state`; the feeds are stale `stale` seconds after they were last fresh."""
        self._state = state
        self._stale = stale
        self._alive = now
        self._lock = threading.Lock()
        self.upcoming: Callable[[], list[str]] = list  # the next times of the schedule

    @property
    def state(self) -> State:
        """What is known now."""
        return self._state

    def note(self, **changes: Any) -> None:
        """Take over what changed."""
        with self._lock:
            self._state = self._state._replace(**changes)

    def beat(self, now: float) -> None:
        """Give a sign of life; `now` is monotonic."""
        self._alive = now

    def expect(self, stale: float) -> None:
        """The feeds count as stale after so many seconds from now on."""
        self._stale = stale

    def built(self, last: Last) -> None:
        """A build came to its end."""
        state = self._state
        outcome = "changed" if last.report.written or last.report.deleted else "unchanged"
        changed = {f.slug: state.changed.get(f.slug, last.at) for f in last.report.feeds}
        changed |= {f.slug: last.at for f in last.report.feeds if f.changed}
        self.note(
            last=last, fresh=last.at, failure="", failures=0, changed=changed,
            builds=state.builds | {outcome: state.builds.get(outcome, 0) + 1},
            building=state.building + last.seconds,
        )  # fmt: skip

    def failed(self, reason: str) -> None:
        """A build failed."""
        state = self._state
        builds = state.builds | {"failed": state.builds.get("failed", 0) + 1}
        self.note(failure=reason, failures=state.failures + 1, builds=builds)

    def live(self, now: float) -> str:
        """Why the process should be killed and started anew; "" when it works."""
        silent = now - self._alive
        return f"no sign of life for {silent:.0f} s" if silent > _HANGS else ""

    def ready(self) -> str:
        """Why the feeds can't be relied on; "" when they can."""
        state = self._state
        if state.failure:
            return f"the last build failed: {state.failure}"
        return "" if state.last else "no build came to its end yet"

    def age(self, now: datetime) -> float | None:
        """Seconds since the output was last known to agree with the seeds."""
        return (now - self._state.fresh).total_seconds() if self._state.fresh else None

    def stale(self, now: datetime) -> str:
        """Why the feeds may be behind the seeds; "" when they are not."""
        age = self.age(now)
        if age is None:
            return "no build came to its end yet"
        return f"the seeds were last looked at {age:.0f} s ago" if age > self._stale else ""

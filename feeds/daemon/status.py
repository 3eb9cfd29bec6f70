"""What `feeds status` tells: what the daemon says of itself, or that none runs."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from feeds import lock
from feeds.daemon import clock, door
from feeds.daemon.seat import LOCK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from feeds.config import Config


def ask(state: str, config: Config | None, now: datetime) -> dict[str, Any]:
    """The status of the daemon with this state folder; "running" tells whether there is one.

    Without a daemon, `config` tells the schedule; None when it can't be used.
    """
    if told := door.ask(state):
        return {"running": True, **told}
    holder = lock.holder(os.path.join(state, LOCK))
    nothing = "a daemon starts" if holder else "no daemon runs"
    times = clock.upcoming(config.schedule, config.site.timezone, now) if config else []
    return {"running": False, "pid": holder, "ready": nothing, "stale": nothing, "schedule": times}


def lines(
    told: dict[str, Any], place: str, now: datetime, bold: Callable[[str], str]
) -> Iterator[str]:
    """The status, for a person; `place` is the configuration's."""
    rows = _rows(told, now) if told["running"] else _silence(told, place)
    for name, text in rows:
        yield f"{bold(name)}{' ' * (10 - len(name))}{text}"


def _silence(told: dict[str, Any], place: str) -> Iterator[tuple[str, str]]:
    pid = f", process {told['pid']}" if told["pid"] else "; `feeds daemon` starts one"
    yield "daemon", f"{told['ready']} on {place}{pid}"
    yield "schedule", ", ".join(told["schedule"])


def _rows(told: dict[str, Any], now: datetime) -> Iterator[tuple[str, str]]:
    yield "daemon", f"process {told['pid']}, {told['doing']}, up {_since(told['started'], now)}"
    health, *more = (told["ready"] or told["stale"] or "well").splitlines()
    yield "health", health
    yield from (("", line) for line in more)
    if told["refused"]:
        yield "config", "as changed it can't be used, so the one before is:"
        yield from (("", fault) for fault in told["refused"].splitlines())
    yield "events", f"none: {told['events']}" if told["events"] else "of the system"
    report = (told["last"] or {}).get("report")
    if report:
        last = told["last"]
        ago, reasons = _since(last["at"], now), ", ".join(last["reasons"])
        yield "last", f"{ago} ago, because of {reasons}; took {last['seconds']:.2f} s"
        held = len({problem["path"] for problem in report["held"]})
        yield (
            "seeds",
            f"{report['seeds']}" + (f", {held} held back: see `feeds check`" if held else ""),
        )
    if told["untold"]:
        yield "hubs", f"{told['untold']} messages wait"
    yield "schedule", ", ".join(told["schedule"])
    if report and report["due"]:
        yield "due", f"an article at {report['due']}"
    for number, feed in enumerate(report["feeds"] if report else ()):
        ago = _since(told["changed"].get(feed["slug"], feed["updated"]), now)
        entries = f"{feed['entries']} {'entry' if feed['entries'] == 1 else 'entries'}"
        yield "" if number else "feeds", f"{feed['slug']}: {entries}, changed {ago} ago"


def _since(moment: str, now: datetime) -> str:
    """How long ago, in the two largest units."""
    left = max(int((now - datetime.fromisoformat(moment)) / timedelta(seconds=1)), 0)
    parts: list[str] = []
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count or (unit == "s" and not parts):
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2])

"""What `feeds status` tells: what the daemon says of itself, or that none runs."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from feeds import lock
from feeds.daemon import clock, door
from feeds.daemon.service import LOCK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from feeds.config import Config

_NEXT = 5  # times of the schedule that are told


def ask(config: Config, now: datetime) -> dict[str, Any]:
    """The daemon's status, with what the schedule says; "running" tells whether there is one."""
    told = door.ask(config.paths.state) or {}
    holder = lock.holder(os.path.join(config.paths.state, LOCK))
    nothing = "a daemon starts" if holder else "no daemon runs"
    return {
        "running": bool(told),
        "pid": holder,
        "ready": nothing,
        "stale": nothing,
        **told,
        "schedule": upcoming(config, now, told.get("next") or ""),
    }


def upcoming(config: Config, now: datetime, following: str = "") -> list[str]:
    """The next times of the schedule, in the site's time zone; `following` is the first, if known.

    Without a cron line it is only known to a daemon: it counts from its start.
    """
    if following and not config.schedule.cron:
        now = datetime.fromisoformat(following) - timedelta(seconds=config.schedule.every)
    times = clock.times(config.schedule, config.site.timezone, now)
    return [moment.isoformat(timespec="seconds") for moment in islice(times, _NEXT)]


def lines(
    told: dict[str, Any], config: Config, now: datetime, bold: Callable[[str], str]
) -> Iterator[str]:
    """The status, for a person."""
    rows = _rows(told, now) if told["running"] else _silence(told, config)
    for name, text in rows:
        yield f"{bold(name)}{' ' * (10 - len(name))}{text}"


def _silence(told: dict[str, Any], config: Config) -> Iterator[tuple[str, str]]:
    place = os.path.relpath(config.path)
    pid = f", process {told['pid']}" if told["pid"] else "; `feeds daemon` starts one"
    yield "daemon", f"{told['ready']} on {place}{pid}"
    yield "schedule", ", ".join(told["schedule"])


def _rows(told: dict[str, Any], now: datetime) -> Iterator[tuple[str, str]]:
    yield "daemon", f"process {told['pid']}, {told['doing']}, up {_since(told['started'], now)}"
    yield "health", told["ready"] or told["stale"] or "well"
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

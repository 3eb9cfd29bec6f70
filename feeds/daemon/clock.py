"""The schedule: when the configuration says that it is time, told by APScheduler.

The only door to it.  Its one job does no work but to say so, whatever the hour has become: it
is never dropped for being late, and never runs beside itself.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.interval import IntervalTrigger

from feeds import cron

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from feeds.tables import Schedule

_NEXT = 5  # times that are told


class _Cron(BaseTrigger):  # type: ignore[misc]  # APScheduler has no types
    """A line of crontab.

    Not APScheduler's own: when summer time begins, that leaves out the next midnight.
    """

    def __init__(self, line: cron.Cron, zone: ZoneInfo, jitter: int | None) -> None:
        self._line, self._zone, self._jitter = line, zone, jitter

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime | None:
        """Return the next time, as APScheduler asks for it; one for all that were missed."""
        after = max(previous, now) if previous else now - timedelta(microseconds=1)
        found = cron.following(self._line, after, self._zone)
        return self._apply_jitter(found, self._jitter, now)  # type: ignore[no-any-return]


def trigger(schedule: Schedule, zone: str, *, jitter: bool = True) -> BaseTrigger:
    """The schedule in APScheduler's terms; `zone` is what its hours are in."""
    spread = (schedule.jitter or None) if jitter else None
    if not schedule.cron:
        return IntervalTrigger(seconds=schedule.every, jitter=spread, timezone=UTC)
    return _Cron(cron.parse(schedule.cron), ZoneInfo(zone), spread)


def times(schedule: Schedule, zone: str, now: datetime) -> Iterator[datetime]:
    """When the schedule fires after `now`, jitter aside; aware, in `zone`."""
    fires = trigger(schedule, zone, jitter=False)
    moment, previous = now.astimezone(UTC), None
    while (found := fires.get_next_fire_time(previous, moment)) is not None:
        previous, moment = found, found.astimezone(UTC) + timedelta(microseconds=1)
        yield found.astimezone(ZoneInfo(zone))


def upcoming(
    schedule: Schedule, zone: str, now: datetime, following: datetime | None = None
) -> list[str]:
    """The next times of the schedule, for people; `following` is the first of them, if known.

    Without a cron line it is known to a running clock alone: it counts from its start.
    """
    if following and not schedule.cron:
        now = following - timedelta(seconds=schedule.every)
    return [m.isoformat(timespec="seconds") for m in islice(times(schedule, zone, now), _NEXT)]


class Clock:
    """A running schedule, on a thread of its own."""

    def __init__(self, schedule: Schedule, zone: str, strike: Callable[[], None]) -> None:
        """Call `strike` at each time."""
        self._schedule, self._zone, self._strike = schedule, zone, strike
        self._scheduler = BackgroundScheduler(
            timezone=UTC, job_defaults={"misfire_grace_time": None, "coalesce": True}
        )
        self._job = self._scheduler.add_job(strike, trigger(schedule, zone))

    def start(self) -> None:
        """Begin."""
        self._scheduler.start()

    def renew(self, now: datetime) -> None:
        """Plan anew, after the system's clock was set or the machine slept.

        A time that was passed meanwhile is made good.
        """
        planned = self.next()
        # Not the trigger of before: an interval's begins at the time of the clock that was wrong.
        fires = trigger(self._schedule, self._zone)
        self._scheduler.reschedule_job(self._job.id, trigger=fires)
        if planned is not None and planned <= now:
            self._strike()

    def next(self) -> datetime | None:
        """When it strikes next."""
        job = self._scheduler.get_job(self._job.id)
        return job.next_run_time if job else None

    def stop(self) -> None:
        """End."""
        self._scheduler.shutdown(wait=False)

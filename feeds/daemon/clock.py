"""The schedule: when the configuration says that it is time, told by APScheduler.

The only door to it.  Its one job does no work but to say so, whatever the hour has become: it
is never dropped for being late, and never runs beside itself.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, cast
from zoneinfo import ZoneInfo

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.combining import OrTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from feeds import cron

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from apscheduler.triggers.base import BaseTrigger

    from feeds.tables import Schedule

_WEEKDAYS = "sun mon tue wed thu fri sat".split()
_ALWAYS = "*"
_NEXT = 5  # times that are told


class _Once(CronTrigger):  # type: ignore[misc]  # APScheduler has no types
    """A time of day that comes once, though the end of summer time repeats its hour."""

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime | None:
        """Return the next time, as APScheduler asks for it."""
        found = cast("datetime | None", super().get_next_fire_time(previous, now))
        if found is not None and found.fold:
            after = found.astimezone(UTC) + timedelta(seconds=1)
            found = super().get_next_fire_time(found, after.astimezone(found.tzinfo))
        return found


def trigger(schedule: Schedule, zone: str, *, jitter: bool = True) -> BaseTrigger:
    """The schedule in APScheduler's terms; `zone` is what its hours are in."""
    spread = (schedule.jitter or None) if jitter else None
    if not schedule.cron:
        return IntervalTrigger(seconds=schedule.every, jitter=spread, timezone=UTC)
    line = cron.parse(schedule.cron)
    days, weekdays = _listed(line.days), ",".join(_WEEKDAYS[day] for day in sorted(line.weekdays))
    kind = _Once if line.fixed else CronTrigger
    either = [(days, _ALWAYS), (_ALWAYS, weekdays)] if line.either else [(days, weekdays)]
    made = [
        kind(
            minute=_listed(line.minutes), hour=_listed(line.hours), month=_listed(line.months),
            day=day, day_of_week=weekday, jitter=spread, timezone=ZoneInfo(zone),
        )
        for day, weekday in either
    ]  # fmt: skip
    return made[0] if len(made) == 1 else OrTrigger(made)


def _listed(values: frozenset[int]) -> str:
    return ",".join(map(str, sorted(values)))


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
        self._trigger = trigger(schedule, zone)
        self._scheduler = BackgroundScheduler(
            timezone=UTC, job_defaults={"misfire_grace_time": None, "coalesce": True}
        )
        self._job = self._scheduler.add_job(strike, self._trigger)

    def start(self) -> None:
        """Begin."""
        self._scheduler.start()

    def renew(self) -> None:
        """Plan anew, after the system's clock was set or the machine slept."""
        self._scheduler.reschedule_job(self._job.id, trigger=self._trigger)

    def next(self) -> datetime | None:
        """When it strikes next."""
        job = self._scheduler.get_job(self._job.id)
        return job.next_run_time if job else None

    def stop(self) -> None:
        """End."""
        self._scheduler.shutdown(wait=False)

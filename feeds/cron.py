"""A line of crontab(5), read and judged as cron itself would.

Five fields: minute, hour, day of the month, month, day of the week; numbers, names, `*`, lists,
ranges and steps; 0 and 7 are Sunday.  When both days are restricted, either is enough, as the
manual says; a field that begins with `*` restricts nothing.

When summer time begins, a stated hour that is left out comes as much later as the clocks went
forward; when it ends, one that is repeated comes once.  Every so many minutes or hours goes by what
clocks show.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from zoneinfo import ZoneInfo

_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_WEEKDAYS = "sun mon tue wed thu fri sat".split()
_LONGEST = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)  # days of each month
_NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_SHIFT = timedelta(hours=3)  # more than clocks are ever put forward or back in a night
_HORIZON = 50 * 366  # days: a 29 February on a certain weekday may be 40 years away
_PART = re.compile(r"(?:\*|(\w+)(?:-(\w+))?)(?:/(\d+))?\Z", re.ASCII)


class _Field(NamedTuple):
    """What one field may hold."""

    name: str
    least: int
    most: int
    names: tuple[str, ...] = ()  # of `least` and what follows it


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day", 1, 31),
    _Field("month", 1, 12, tuple(_MONTHS)),
    _Field("weekday", 0, 7, tuple(_WEEKDAYS)),
)


class Cron(NamedTuple):
    """When a line of crontab fires."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]  # of the month
    months: frozenset[int]
    weekdays: frozenset[int]  # 0 is Sunday
    either: bool  # one of `days` or one of `weekdays` is enough
    fixed: bool  # at stated hours: not again in the hour that the end of summer time repeats


def following(line: Cron, after: datetime, zone: ZoneInfo) -> datetime | None:
    """The first time after the aware `after` at which the line fires, in UTC; None: never.

    Its hours are those of `zone`.
    """
    found: datetime | None = None
    end: datetime | None = None  # what is shown later comes later too
    for shown in _shown(line, after.astimezone(zone).replace(tzinfo=None) - _SHIFT):
        if end is not None and shown > end:
            break
        for moment in _moments(shown, zone, once=line.fixed):
            if moment > after and (found is None or moment < found):
                found = moment
                end = end or shown + 2 * _SHIFT
    return found


def _shown(line: Cron, since: datetime) -> Iterator[datetime]:
    """What a clock on the wall shows when the line fires, from `since` on."""
    hours, minutes = sorted(line.hours), sorted(line.minutes)
    midnight = since.replace(hour=0, minute=0, second=0, microsecond=0)
    for number in range(_HORIZON):
        day = midnight + timedelta(days=number)
        in_days, in_weekdays = day.day in line.days, day.isoweekday() % 7 in line.weekdays
        right = in_days or in_weekdays if line.either else in_days and in_weekdays
        if day.month in line.months and right:
            for hour in hours:
                if number or hour >= since.hour:
                    yield from (day + timedelta(hours=hour, minutes=m) for m in minutes)


def _moments(shown: datetime, zone: ZoneInfo, *, once: bool) -> Iterator[datetime]:
    """The instants, in UTC, at which clocks show that; one, whatever the night, if only `once`."""
    moment = shown.replace(tzinfo=zone).astimezone(UTC)
    if once:
        yield moment
        return
    for one in (moment, shown.replace(tzinfo=zone, fold=1).astimezone(UTC)):
        if one.astimezone(zone).replace(tzinfo=None) == shown:
            yield one


def parse(text: str) -> Cron:
    """When the line `text` fires; raises ValueError when it is none, or never fires."""
    line = text.strip().lower()
    if line.startswith("@") and line not in _NICKNAMES:
        raise ValueError(f"{text!r} is no name of a schedule; known are {', '.join(_NICKNAMES)}")
    parts = _NICKNAMES.get(line, line).split()
    if len(parts) != len(_FIELDS):
        raise ValueError(
            f"{text!r} must have five fields: minute, hour, day of the month, month, day of the"
            ' week, such as "*/15 * * * *"'
        )
    minutes, hours, days, months, weekdays = (
        _values(part, field) for part, field in zip(parts, _FIELDS, strict=True)
    )
    either = parts[2][0] != "*" and parts[4][0] != "*"
    if not either and not any(day <= _LONGEST[month - 1] for month in months for day in days):
        raise ValueError(f"{text!r} never comes: no such month has such a day")
    fixed = parts[0][0] != "*" and parts[1][0] != "*"
    weekdays = frozenset(day % 7 for day in weekdays)
    return Cron(minutes, hours, days, months, weekdays, either, fixed)


def _values(text: str, field: _Field) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        match = _PART.match(part)
        if not match:
            raise ValueError(f"{field.name}: {part!r} is no number, range, step or *")
        first, last, step = match.groups()
        low = _number(first, field) if first else field.least
        high = _number(last, field) if last else low if first and not step else field.most
        if high < low:
            raise ValueError(f"{field.name}: {part!r} ends before it begins")
        if step == "0":
            raise ValueError(f"{field.name}: {part!r}: a step is at least 1")
        found.update(range(low, high + 1, int(step or 1)))
    return frozenset(found)


def _number(text: str, field: _Field) -> int:
    if text in field.names:
        return field.least + field.names.index(text)
    if not text.isdecimal() or not field.least <= int(text) <= field.most:
        raise ValueError(f"{field.name}: {text!r} must be from {field.least} to {field.most}")
    return int(text)

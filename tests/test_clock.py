"""The schedule: what cron means, in any zone, on the nights when clocks are changed, and live."""

from __future__ import annotations

import random
import threading
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest

from feeds import cron
from feeds.daemon import clock
from feeds.schema import made
from feeds.tables import Schedule


def schedule(**given: object) -> Schedule:
    return made(Schedule, **given)


def times(line: str, zone: str, start: str, count: int) -> list[str]:
    now = datetime.fromisoformat(start).replace(tzinfo=UTC)
    found = islice(clock.times(schedule(cron=line), zone, now), count)
    return [moment.isoformat(timespec="minutes") for moment in found]


@pytest.mark.parametrize(
    ("line", "days"),
    [
        ("0 0 * * 0", ["2026-11-29", "2026-12-06"]),  # Sundays
        ("0 0 * * 7", ["2026-11-29", "2026-12-06"]),
        ("0 0 * * 1-5", ["2026-11-24", "2026-11-25", "2026-11-26", "2026-11-27", "2026-11-30"]),
        ("0 0 13 * fri", ["2026-11-27", "2026-12-04", "2026-12-11", "2026-12-13", "2026-12-18"]),
        ("0 0 29 2 *", ["2028-02-29", "2032-02-29"]),
        ("@weekly", ["2026-11-29"]),
    ],
)
def test_days_are_those_of_cron(line: str, days: list[str]) -> None:
    found = times(line, "UTC", "2026-11-23T00:00:01", len(days))
    assert [moment[:10] for moment in found] == days


def test_a_time_that_comes_twice_in_autumn_fires_once() -> None:
    assert times("30 2 * * *", "Europe/Rome", "2026-10-24T12:00", 3) == [
        "2026-10-25T02:30+02:00", "2026-10-26T02:30+01:00", "2026-10-27T02:30+01:00",
    ]  # fmt: skip


def test_every_hour_goes_on_through_the_autumn_night() -> None:
    assert times("0 * * * *", "Europe/Rome", "2026-10-24T23:30", 4) == [
        "2026-10-25T02:00+02:00", "2026-10-25T02:00+01:00", "2026-10-25T03:00+01:00",
        "2026-10-25T04:00+01:00",
    ]  # fmt: skip


def test_a_time_that_spring_leaves_out_fires_all_the_same() -> None:
    found = times("30 2 * * *", "Europe/Rome", "2026-03-28T12:00", 2)
    assert len(found) == 2
    assert (
        datetime.fromisoformat(found[0]).astimezone(UTC).isoformat() == "2026-03-29T01:30:00+00:00"
    )


@pytest.mark.parametrize(
    ("zone", "night"),
    [
        ("Europe/Rome", "2026-03-28"),
        ("Europe/Rome", "2026-10-24"),
        ("America/New_York", "2026-10-31"),
        ("Australia/Lord_Howe", "2026-04-04"),
        ("Australia/Lord_Howe", "2026-10-03"),
        ("Asia/Kolkata", "2026-10-24"),
    ],
)
def test_a_quarter_of_an_hour_is_one_whatever_the_night(zone: str, night: str) -> None:
    start = datetime.fromisoformat(night).replace(tzinfo=UTC)
    found = list(islice(clock.times(schedule(cron="*/15 * * * *"), zone, start), 4 * 24 * 2))
    gaps = {b.astimezone(UTC) - a.astimezone(UTC) for a, b in pairwise(found)}
    assert gaps == {timedelta(minutes=15)}


def reference(line: cron.Cron, zone: ZoneInfo, start: datetime, count: int) -> list[datetime]:
    """The same by looking at every minute, for hours that exist once."""
    found: list[datetime] = []
    moment = start.replace(second=0, microsecond=0) + timedelta(minutes=1)
    while len(found) < count:
        local = moment.astimezone(zone)
        weekday = (local.weekday() + 1) % 7
        in_days, in_weekdays = local.day in line.days, weekday in line.weekdays
        right_day = in_days or in_weekdays if line.either else in_days and in_weekdays
        if not (local.month in line.months and right_day):
            moment += (
                timedelta(minutes=60 - local.minute) if local.hour < 23 else timedelta(minutes=1)
            )
            continue
        if local.hour in line.hours and local.minute in line.minutes:
            found.append(moment)
        moment += timedelta(minutes=1)
    return found


@pytest.mark.parametrize("start", range(25))
def test_times_are_those_of_crontab(start: int) -> None:
    dice = random.Random(start)

    def field(least: int, most: int) -> str:
        low = dice.randint(least, most)
        high = dice.randint(low, most)
        return dice.choice(
            ["*", "*", f"*/{dice.randint(1, 9)}", str(low), f"{low}-{high}", f"{low},{high}"]
        )

    text = " ".join((field(0, 59), field(0, 23), field(1, 28), field(1, 12), field(0, 7)))
    zone = dice.choice(["UTC", "Asia/Shanghai", "Asia/Kolkata", "America/Phoenix", "Africa/Tunis"])
    begin = datetime(
        2026, dice.randint(1, 12), dice.randint(1, 28), dice.randint(0, 23), 7, 7, tzinfo=UTC
    )
    expected = reference(cron.parse(text), ZoneInfo(zone), begin, 3)
    found = [m.astimezone(UTC) for m in islice(clock.times(schedule(cron=text), zone, begin), 3)]
    assert found == expected, text


# The zone, and noon in UTC before a night in which its clocks are changed.
NIGHTS = [
    ("Europe/Berlin", "2026-03-28"), ("Europe/Berlin", "2026-10-24"),
    ("Europe/London", "2026-03-28"), ("America/New_York", "2026-11-01"),
    ("America/Havana", "2026-03-07"),  # at midnight, which is left out
    ("America/Havana", "2026-10-31"), ("America/St_Johns", "2026-03-07"),
    ("America/Santiago", "2026-04-04"), ("Asia/Beirut", "2026-03-28"),
    ("Africa/Cairo", "2026-10-29"), ("Atlantic/Azores", "2026-10-24"),
    ("Australia/Lord_Howe", "2026-04-04"), ("Australia/Lord_Howe", "2026-10-03"),
    ("Pacific/Chatham", "2026-04-04"), ("Antarctica/Troll", "2026-03-28"),
]  # fmt: skip


def through(line: cron.Cron, zone: ZoneInfo, start: datetime, hours: int) -> list[datetime]:
    """The times in so many hours, by looking at what clocks show in each minute."""
    found: set[datetime] = set()
    seen: set[datetime] = set()
    for minute in range(hours * 60):
        moment = start + timedelta(minutes=minute)
        shown = moment.astimezone(zone).replace(tzinfo=None)
        earlier = (moment - timedelta(minutes=1)).astimezone(zone).replace(tzinfo=None)
        gap = int((shown - earlier) / timedelta(minutes=1)) - 1
        left_out = [earlier + timedelta(minutes=m + 1) for m in range(gap)] if line.fixed else []
        for one in (*left_out, shown):
            right_day = one.day in line.days and one.isoweekday() % 7 in line.weekdays
            if right_day and one.hour in line.hours and one.minute in line.minutes:
                if not (line.fixed and one in seen):
                    # What is left out comes when clocks without summer time would show it.
                    found.add(moment + (one - earlier - timedelta(minutes=1)) * (one != shown))
                seen.add(one)
    return sorted(found)


@pytest.mark.parametrize(("zone", "night"), NIGHTS)
@pytest.mark.parametrize(
    "text", ["0 0 * * *", "30 2 * * *", "30 0 * * *", "15 1,4 * * *", "*/20 * * * *", "0 */2 * * *"]
)
def test_nights_in_which_clocks_are_changed(zone: str, night: str, text: str) -> None:
    start = datetime.fromisoformat(night).replace(hour=12, tzinfo=UTC)
    line, place = cron.parse(text), ZoneInfo(zone)
    end = start + timedelta(hours=40)
    found: list[datetime] = []
    moment = start - timedelta(seconds=1)
    while (following := cron.following(line, moment, place)) is not None and following < end:
        found.append(following)
        moment = following
    assert found == through(line, place, start, 40)


def test_a_day_that_rarely_comes() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    found = cron.following(cron.parse("0 0 29 2 */7"), start, ZoneInfo("UTC"))
    assert found == datetime(2032, 2, 29, tzinfo=UTC)  # a Sunday


def test_an_interval_counts_from_now() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    first, second = islice(clock.times(schedule(every=90), "UTC", now), 2)
    assert second - first == timedelta(seconds=90)


def test_a_time_that_a_sleeping_machine_passed_is_made_good() -> None:
    struck = threading.Event()
    running = clock.Clock(schedule(cron="0 3 * * *"), "UTC", struck.set)
    running.start()
    try:
        planned = running.next()
        assert planned is not None
        running.renew(planned - timedelta(seconds=1))
        assert not struck.is_set()
        running.renew(planned + timedelta(hours=5))
        assert struck.is_set()
    finally:
        running.stop()


def test_a_running_clock_strikes_and_can_be_set_anew() -> None:
    struck = threading.Event()
    running = clock.Clock(schedule(every=1), "UTC", struck.set)
    running.start()
    try:
        assert running.next() is not None
        running.renew(datetime(2020, 1, 1, tzinfo=UTC))
        assert struck.wait(20)
    finally:
        running.stop()

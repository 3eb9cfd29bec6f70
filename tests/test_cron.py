"""Lines of crontab(5): what they mean, and which are refused."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds import cron

EVERY = {
    "minutes": set(range(60)), "hours": set(range(24)), "days": set(range(1, 32)),
    "months": set(range(1, 13)), "weekdays": set(range(7)),
}  # fmt: skip


@pytest.mark.parametrize(
    ("line", "means"),
    [
        ("* * * * *", {}),
        ("5 * * * *", {"minutes": {5}}),
        ("*/15 * * * *", {"minutes": {0, 15, 30, 45}}),
        ("3-40/10 * * * *", {"minutes": {3, 13, 23, 33}}),
        ("50/4 * * * *", {"minutes": {50, 54, 58}}),
        ("0 2,14 * * *", {"minutes": {0}, "hours": {2, 14}}),
        ("0 0 * * 0", {"minutes": {0}, "hours": {0}, "weekdays": {0}}),
        ("0 0 * * 7", {"minutes": {0}, "hours": {0}, "weekdays": {0}}),
        ("0 0 * * 5-7", {"minutes": {0}, "hours": {0}, "weekdays": {5, 6, 0}}),
        ("0 0 * * MON-fri", {"minutes": {0}, "hours": {0}, "weekdays": {1, 2, 3, 4, 5}}),
        ("0 0 1 jan,Jul *", {"minutes": {0}, "hours": {0}, "days": {1}, "months": {1, 7}}),
        ("0 0 29 2 *", {"minutes": {0}, "hours": {0}, "days": {29}, "months": {2}}),
        ("@daily", {"minutes": {0}, "hours": {0}}),
        ("@Weekly", {"minutes": {0}, "hours": {0}, "weekdays": {0}}),
        ("  0\t*  * * * ", {"minutes": {0}}),
    ],
)
def test_what_a_line_means(line: str, means: dict[str, set[int]]) -> None:
    read = cron.parse(line)._asdict()
    assert {name: read[name] for name in EVERY} == {**EVERY, **means}


@pytest.mark.parametrize(
    ("line", "either", "fixed"),
    [
        ("0 0 13 * 5", True, True),
        ("0 0 13 * *", False, True),
        ("0 0 * * 5", False, True),
        ("0 0 */2 * 5", False, True),  # begins with *: both must hold, as in every cron
        ("*/5 3 * * *", False, False),
        ("5 * * * *", False, False),
        ("0 0 31 2 1", True, True),  # never the 31st of February, but on Mondays
    ],
)
def test_days_and_fixed_hours(line: str, either: bool, fixed: bool) -> None:
    assert (cron.parse(line).either, cron.parse(line).fixed) == (either, fixed)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "five fields"),
        ("* * * *", "five fields"),
        ("0 0 0 13 * fri", "five fields"),
        ("60 * * * *", "minute: '60' must be from 0 to 59"),
        ("* 24 * * *", "hour"),
        ("* * 0 * *", "day: '0' must be from 1 to 31"),
        ("* * * 13 *", "month"),
        ("* * * * 8", "weekday"),
        ("5-1 * * * *", "ends before it begins"),
        ("*/0 * * * *", "a step is at least 1"),
        ("a * * * *", "minute"),
        ("1,,2 * * * *", "no number"),
        ("٣ * * * *", "no number"),
        ("0 0 30 2 *", "never comes"),
        ("0 0 31 4,6 *", "never comes"),
        ("@reboot", "known are @yearly"),
    ],
)
def test_what_is_refused(line: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        cron.parse(line)


@given(st.text(alphabet="0123456789*/-, @abcdefghijklmnopqrstuvwxyz", max_size=30))
def test_any_line_is_read_or_refused(line: str) -> None:
    try:
        read = cron.parse(line)
    except ValueError:
        return
    assert read.minutes <= set(range(60))
    assert read.weekdays <= set(range(7))
    assert all(read[:5])

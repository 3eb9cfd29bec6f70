"""Dates: every spelling of the dialects, every refusal, and nothing of the host's."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds import dates
from feeds.dates import Candidate, DateError, Instant

SHANGHAI = ZoneInfo("Asia/Shanghai")


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Wed, 15 Jul 2020 21:40:09 GMT", "2020-07-15T21:40:09Z"),
        ("Thu, 02 Jul 2020 17:14:14 +0000", "2020-07-02T17:14:14Z"),
        ("Thu, 2 Jul 2020 17:14:14 -0530", "2020-07-02T22:44:14Z"),
        ("Mon, 15 Jul 2020 21:40 GMT", "2020-07-15T21:40:00Z"),  # wrong weekday, no seconds
        ("2025-01-17T11:03:59.931Z", "2025-01-17T11:03:59Z"),
        ("2024-12-04 08:05:24", "2024-12-04T00:05:24Z"),
        ("2024-12-04T08:05:24+01:00", "2024-12-04T07:05:24Z"),
        ("2024-12-04T08:05:24+0100", "2024-12-04T07:05:24Z"),
        ("2024/12/4", "2024-12-03T16:00:00Z"),
        ("2020年7月15日 21:40", "2020-07-15T13:40:00Z"),
        ("2020年7月15日 星期三 下午9点40分", "2020-07-15T13:40:00Z"),
        ("2020年7月15日 上午12:30", "2020-07-14T16:30:00Z"),
        ("2020年7月15日 凌晨12点30分", "2020-07-14T16:30:00Z"),
        ("2020年7月15日 中午12点30分", "2020-07-15T04:30:00Z"),
        ("2020年7月15日 中午1点", "2020-07-15T05:00:00Z"),
        ("2020年7月15日", "2020-07-14T16:00:00Z"),
        ("July 13, 2020", "2020-07-12T16:00:00Z"),
        ("June 5th, 2021 at 3pm", "2021-06-05T07:00:00Z"),
        ("Tue Mar  3 10:00:00 2020", "2020-03-03T02:00:00Z"),
        ("10:00 CET 3 July 2020", "2020-07-03T09:00:00Z"),
        ("10:00 EST 3 July 2020", "2020-07-03T15:00:00Z"),
        ("10:00 CST 3 July 2020", "2020-07-03T02:00:00Z"),  # ambiguous: the source's zone
        ("10:00 XYZ 3 July 2020", "2020-07-03T02:00:00Z"),  # unknown: the source's zone
        ("2026-10-11 10:00:00 GMT", "2026-10-11T10:00:00Z"),  # a year that stands first: month, day
        ("2026-10-11 10:00:00.931 GMT", "2026-10-11T10:00:00Z"),
        ("2026-10-11 10:00:00 -0700", "2026-10-11T17:00:00Z"),
        ("2026-10-11 10:00:00 CET", "2026-10-11T09:00:00Z"),
        ("2026/10/11 10:00:00 UTC", "2026-10-11T10:00:00Z"),
        ("Sun 2026.1.2 at 10:00 PM", "2026-01-02T14:00:00Z"),
        ("2020-06-30T23:59:60Z", "2020-06-30T23:59:59Z"),  # a leap second
        ("  Wed,  15 Jul 2020\n21:40:09 GMT ", "2020-07-15T21:40:09Z"),
    ],
)
def test_spellings(text: str, expected: str) -> None:
    assert dates.parse(text, SHANGHAI).seconds == at(expected)


@pytest.mark.parametrize("text", ["2020-10-12", "July 13, 2020", "2020年7月15日"])
def test_a_day_alone_is_known_for_one(text: str) -> None:
    assert dates.parse(text, SHANGHAI).day_only


@pytest.mark.parametrize(
    "text",
    [
        "", "-1", "5", "Nov", "10:00", "2020", "March 2026", "19 ...ago", "19 分钟前", "yesterday",
        "31 Feb 2020", "2020-02-31", "25:61 2020-01-01", "1 Jan 0001", "0099-01-01", "1989-12-31",
        "2100-01-02", "9999-12-31T23:59:59Z", "3/4/2020", "2020-01-01T00:00:00+9999", "x" * 5000,
        "Wed, 15 Foo 2020 21:40:09 GMT", "2020-13-01", "2026-15-11 10:00 GMT", "11-10-2026 10:00 GMT",
        "2026-05-06 2026-05-07", "05-06-2026 2026-05-06", "2026-05-06/07", "10:00 ' 2020", "15 Jul 20", "9" * 400,
    ],
)  # fmt: skip
def test_refusals(text: str) -> None:
    with pytest.raises(DateError):
        dates.parse(text, SHANGHAI)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1594849284", 1594849284),
        ("1594849284000", 1594849284),
        ("1594849284999", 1594849284),
        ("1594849284000000", 1594849284),
        ("1594849284000000000", 1594849284),
        ("631152000", dates.EARLIEST),
    ],
)
def test_epoch_units_follow_from_magnitude(text: str, expected: int) -> None:
    assert dates.epoch(text) == expected


@pytest.mark.parametrize(
    "text", ["", "NaN", "-1594849284000", "0", "1", "631151999", "1.5e9", "1594849284.5", "9" * 20, "٣", "9" * 5000]
)  # fmt: skip
def test_epoch_refusals(text: str) -> None:
    with pytest.raises(DateError):
        dates.epoch(text)


def test_dst_gap_and_fold_of_the_source_zone() -> None:
    rome = ZoneInfo("Europe/Rome")
    assert dates.parse("2024-03-31 02:30:00", rome).seconds == at("2024-03-31T01:30:00Z")
    assert dates.parse("2024-10-27 02:30:00", rome).seconds == at("2024-10-27T00:30:00Z")


@pytest.mark.parametrize("zone", ["UTC", "Europe/Paris", "America/New_York"])
def test_the_host_has_no_say(zone: str) -> None:
    code = (
        "from feeds import dates; from zoneinfo import ZoneInfo; z = ZoneInfo('Asia/Tokyo');"
        "print([dates.parse(t, z).seconds for t in ('10:00 CET 3 July 2020', '3 July 2020 10:00',"
        " '10:00 EDT July 3, 2020', '2020-07-03 10:00:00', 'July 3, 2020')])"
    )
    environment = {**os.environ, "TZ": zone, "LC_ALL": "C"}
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    ).stdout
    expected = ["2020-07-03T09:00:00Z", "2020-07-03T01:00:00Z", "2020-07-03T14:00:00Z",
                "2020-07-03T01:00:00Z", "2020-07-02T15:00:00Z"]  # fmt: skip
    assert said.strip() == str([at(text) for text in expected])


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    candidate = dates.read("somewhere", text, SHANGHAI)
    assert (candidate.instant is None) == bool(candidate.refusal)
    if candidate.instant:
        assert dates.EARLIEST <= candidate.instant.seconds < dates.LATEST


@given(
    st.datetimes(datetime(1990, 1, 2), datetime(2099, 12, 30)),
    st.sampled_from([
        "%a, %d %b %Y %H:%M:%S GMT", "%Y-%m-%dT%H:%M:%SZ", "%d %B %Y %H:%M:%S UTC", "%Y年%m月%d日 %H:%M:%S",
    ]),
)  # fmt: skip
def test_what_was_written_is_read(moment: datetime, shape: str) -> None:
    moment = moment.replace(microsecond=0, tzinfo=UTC)
    text = moment.strftime(shape)
    assert dates.parse(text, UTC).seconds == int(moment.timestamp())


@given(st.integers(dates.EARLIEST, dates.LATEST - 1), st.sampled_from([1, 1000, 10**6, 10**9]))
def test_epochs_round_trip_in_every_unit(seconds: int, unit: int) -> None:
    assert dates.epoch(str(seconds * unit)) == seconds


# --- the rules of settling ----------------------------------------------------------------------

GAP = 366 * dates.DAY


def settle(captured: str | None, *stated: str) -> dates.Dates:
    candidates = [dates.read("a string", text, SHANGHAI) for text in stated]
    return dates.settle(at(captured) if captured else None, candidates, SHANGHAI, GAP)


def test_string_is_published_and_epoch_updated() -> None:
    settled = settle("2020-07-15T21:41:24Z", "Wed, 15 Jul 2020 21:40:09 GMT")
    assert (settled.published, settled.updated) == (
        at("2020-07-15T21:40:09Z"),
        at("2020-07-15T21:41:24Z"),
    )
    assert settled.notes == ()


def test_updated_is_never_earlier_than_published() -> None:
    settled = settle("2020-07-15T21:00:00Z", "Wed, 15 Jul 2020 21:40:09 GMT")
    assert settled.updated == settled.published == at("2020-07-15T21:40:09Z")


@pytest.mark.parametrize("captured", [None, "2020-07-15T21:40:09Z"])
def test_one_serves_for_both(captured: str | None) -> None:
    settled = settle(captured, *([] if captured else ["2020-07-15T21:40:09Z"]))
    assert settled.published == settled.updated == at("2020-07-15T21:40:09Z")


def test_nothing_readable_is_no_date() -> None:
    assert settle(None, "19 分钟前").published is None


def test_a_day_never_beats_the_epoch_of_the_same_day_in_the_sources_zone() -> None:
    # 23:30 in Shanghai on the 12th is still the 12th, though in UTC it is 15:30
    settled = settle("2020-10-12T15:30:00Z", "2020-10-12")
    assert settled.published == at("2020-10-12T15:30:00Z")
    # 00:30 in Shanghai on the 13th is another day: the stated day counts, from its midnight there
    settled = settle("2020-10-12T16:30:00Z", "2020-10-12")
    assert settled.published == at("2020-10-11T16:00:00Z")


def test_a_day_gives_way_to_a_later_string_with_the_time() -> None:
    settled = settle(None, "2020-10-12", "2020-10-12 08:00:00")
    assert settled.published == at("2020-10-12T00:00:00Z")
    settled = settle(None, "2020-10-12", "2020-10-14 08:00:00")
    assert settled.published == at("2020-10-11T16:00:00Z")


def test_no_article_is_captured_before_it_is_published() -> None:
    settled = settle("2020-07-15T00:00:00Z", "2020-07-17T00:00:00Z")
    assert settled.published == at("2020-07-15T00:00:00Z")
    assert settled.notes == ("date-ahead",)
    settled = settle("2020-07-15T00:00:00Z", "2020-07-15T20:00:00Z")
    assert settled.published == at("2020-07-15T20:00:00Z")
    assert settled.notes == ()


def test_a_late_capture_is_noted() -> None:
    settled = settle("2024-07-15T00:00:00Z", "2014-07-17T00:00:00Z")
    assert settled.published == at("2014-07-17T00:00:00Z")
    assert settled.updated == at("2024-07-15T00:00:00Z")
    assert settled.notes == ("date-gap",)


@given(
    st.none() | st.integers(dates.EARLIEST, dates.LATEST - 1),
    st.lists(st.builds(Instant, st.integers(dates.EARLIEST, dates.LATEST - 1), st.booleans())),
)
def test_settling_keeps_the_order_of_the_two_dates(
    captured: int | None, instants: list[Instant]
) -> None:
    stated = [Candidate("a string", "…", instant) for instant in instants]
    settled = dates.settle(captured, stated, SHANGHAI, GAP)
    if captured is None and not instants:
        assert settled.published is None
    else:
        assert settled.published is not None
        assert settled.published <= settled.updated
        assert settled.published in {captured, *(i.seconds for i in instants)}


@given(st.integers(dates.EARLIEST, dates.LATEST - 1))
def test_midnight_is_what_parse_says(seconds: int) -> None:
    day = dates.utc(seconds).strftime("%d %b %Y")
    assert dates.midnight(day.encode()) == dates.parse(f"{day} 00:00:00 GMT", SHANGHAI).seconds


@pytest.mark.parametrize(
    "day", [b"31 Feb 2020", b"01 Foo 2020", b"01 Jan 0000", b"1 2 3 4", b"\xff"]
)
def test_midnight_of_no_day(day: bytes) -> None:
    assert dates.midnight(day) == 0

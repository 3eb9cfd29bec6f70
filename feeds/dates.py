"""Any date an author wrote -> an instant in UTC with its provenance, or a refusal.

The only door to dateutil, which by itself answers with the host's time zone and fills what a text
leaves out from today's date.  Both are closed here: abbreviations come from a table of our own,
and a text is read twice with different defaults, so that whatever it did not say shows.

An instant is a whole number of seconds since 1970-01-01T00:00:00Z.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import tzinfo

DAY = 86_400
_EPOCH = date(1970, 1, 1).toordinal()
EARLIEST = 631_152_000  # 1990-01-01T00:00:00Z: before that no article was put on the web
LATEST = 4_102_444_800  # 2100-01-01T00:00:00Z: after that a date is a slip of the pen


class DateError(ValueError):
    """The text is no date, or one that can't be true; str() says which."""


class Instant(NamedTuple):
    """A moment an author stated."""

    seconds: int
    day_only: bool = False  # no time of day was stated: `seconds` is midnight in the given zone


class Candidate(NamedTuple):
    """A text that may be a date, and where in the seed it stood."""

    place: str
    text: str
    instant: Instant | None = None
    refusal: str = ""  # why it could not be read


class Dates(NamedTuple):
    """What was settled for one article, and how."""

    published: int | None  # None: nothing could be read
    updated: int
    reason: str  # why these won, in a sentence
    notes: tuple[str, ...]  # codes of `problems.CODES`


def utc(seconds: int) -> datetime:
    """The instant as an aware datetime in UTC."""
    return datetime.fromtimestamp(seconds, UTC)


@lru_cache(1024)  # the seeds of one folder share their days
def midnight(text: bytes) -> int:
    """The instant at which a day as RFC 5322 writes it (b"02 Jul 2020") begins in GMT.

    0 when there is no such day.
    """
    try:
        day, month, year = text.decode("ascii").split(" ")
        return (date(int(year), _MONTHS[month.lower()], int(day)).toordinal() - _EPOCH) * DAY
    except (KeyError, ValueError):
        return 0


@lru_cache(1440)
def clock(text: bytes) -> int:
    """Seconds from midnight to a time of day such as b"21:40", of which there are so many."""
    return int(text[:2]) * 3600 + int(text[3:]) * 60


def epoch(text: str) -> int:
    """The instant of an epoch comment, which counts seconds, milli-, micro- or nanoseconds.

    The unit follows from the magnitude: between 1990 and 2100 the four ranges do not meet.
    Raises DateError for anything else ("NaN", an empty comment, a number out of range).
    """
    if not text:
        raise DateError("empty")
    try:
        value = int(text) if len(text) < 25 else None
    except ValueError:
        value = None
    if value is None:
        raise DateError("not a whole number")
    for unit in (1, 1_000, 1_000_000, 1_000_000_000):
        if EARLIEST <= value // unit < LATEST:
            return value // unit
    raise DateError("not an instant between 1990 and 2100 in any unit")


def parse(text: str, zone: tzinfo) -> Instant:
    """The instant `text` states; a time without a zone is one of `zone`.

    Reads the shapes of RFC 5322 and ISO 8601, Chinese and Japanese dates, and what dateutil makes
    of the rest.  Raises DateError when the text is no complete date (a day, a month and a year of
    four digits), or one before 1990 or after 2099.
    """
    instant = _rfc(text, zone)  # nearly every seed has this shape, so it is tried on the bare text
    if instant is None:
        text = " ".join(text.split())
        if len(text) > 100:
            raise DateError("too long for a date")
        instant = _rfc(text, zone) or _iso(text, zone) or _han(text, zone) or _other(text, zone)
    if instant.seconds < EARLIEST:
        raise DateError("before 1990")
    if instant.seconds >= LATEST:
        raise DateError("after 2099")
    return instant


_MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}
_RFC = re.compile(
    r"(?:[A-Za-z]{3,9}\.?,? )?([0-3]?\d) ([A-Za-z]{3}) (\d{4}) (\d\d):(\d\d)(?::(\d\d))?"
    r" (GMT|UTC?|Z|[+-]\d{4})\Z"
)
_ISO = re.compile(
    r"(\d{4})[-/.](\d\d?)[-/.](\d\d?)"
    r"(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,]\d+)?)? ?(Z|[+-]\d\d(?::?\d\d)?)?)?\Z",
    re.IGNORECASE,
)
_HAN = re.compile(
    r"(\d{4}) ?年 ?(\d\d?) ?月 ?(\d\d?) ?日?"
    r"(?: ?(?:星期|周|週)[一二三四五六日天])?"
    r"(?: ?(上午|下午|凌晨|早上|中午|晚上|午前|午後)? ?(\d\d?) ?[:：时時點点]"
    r" ?(\d\d)? ?分?(?:[:：]? ?(\d\d) ?秒?)?)?\Z"
)
_MORNING = {"上午", "凌晨", "早上"}  # 上午12:30 is half past midnight
_AFTERNOON = {"下午", "中午", "晚上", "午後"}


def _rfc(text: str, zone: tzinfo) -> Instant | None:
    """RFC 5322: `Wed, 15 Jul 2020 21:40:09 GMT`.  A wrong weekday is let pass, as mail does."""
    found = _RFC.match(text)
    if not found:
        return None
    day, month, year, hour, minute, second, offset = found.groups()
    number = _MONTHS.get(month.lower())
    if number is None:
        return None
    return _instant(year, str(number), day, hour, minute, second, _offset(offset), zone)


def _iso(text: str, zone: tzinfo) -> Instant | None:
    """ISO 8601 and its kin: `2025-01-17T11:03:59.931Z`, `2024-12-04 08:05:24`, `2020/10/12`."""
    found = _ISO.match(text)
    if not found:
        return None
    year, month, day, hour, minute, second, offset = found.groups()
    return _instant(year, month, day, hour, minute, second, _offset(offset), zone)


def _han(text: str, zone: tzinfo) -> Instant | None:
    """Chinese and Japanese: `2020年7月15日 21:40`, `2020年7月15日 下午9点40分`."""
    found = _HAN.match(text)
    if not found:
        return None
    year, month, day, half, hour, minute, second = found.groups()
    if hour is not None and half in _AFTERNOON and int(hour) < (4 if half == "中午" else 12):
        hour = str(int(hour) + 12)
    elif hour == "12" and half in _MORNING:
        hour = "0"
    return _instant(year, month, day, hour, minute, second, None, zone)


def _offset(text: str | None) -> timezone | None:
    if not text:
        return None
    if text[0] not in "+-":
        return UTC
    digits = text[1:].replace(":", "").ljust(4, "0")
    minutes = int(digits[:2]) * 60 + int(digits[2:])
    if minutes >= 24 * 60:
        raise DateError(f"no time zone is {text} from UTC")
    return timezone(timedelta(minutes=-minutes if text[0] == "-" else minutes))


def _instant(
    year: str,
    month: str,
    day: str,
    hour: str | None,
    minute: str | None,
    second: str | None,
    offset: timezone | None,
    zone: tzinfo,
) -> Instant:
    try:
        moment = datetime(
            int(year),
            int(month),
            int(day),
            int(hour or 0),
            int(minute or 0),
            min(int(second or 0), 59),  # a leap second has no place in RFC 3339 readers
            tzinfo=offset or zone,
        )
        return Instant(int(moment.timestamp()), hour is None)
    except (ValueError, OverflowError) as error:
        raise DateError(f"no such date: {error}") from None


# Abbreviations that mean one thing only, in hours from UTC.  The others (CST, IST, BST, …) and
# those we do not know say nothing: the time is then one of the source's zone.
_ZONES = {
    "UT": 0, "UTC": 0, "GMT": 0, "Z": 0, "WET": 0, "WEST": 1, "CET": 1, "CEST": 2, "MEZ": 1,
    "MESZ": 2, "EET": 2, "EEST": 3, "MSK": 3, "JST": 9, "KST": 9, "HKT": 8, "SGT": 8, "AWST": 8,
    "AEST": 10, "AEDT": 11, "NZST": 12, "NZDT": 13, "EST": -5, "EDT": -4, "CDT": -5, "MST": -7,
    "MDT": -6, "PST": -8, "PDT": -7, "AKST": -9, "AKDT": -8, "HST": -10,
}  # fmt: skip
_YEAR = re.compile(r"(?<!\d)\d{4}(?!\d)")
_YEAR_FIRST = re.compile(r"(?<!\d)(\d{4})[-/.](\d\d?)[-/.](\d\d?)(?!\d)")
_NUMERIC = re.compile(r"\d[-/.]\d\d?[-/.]\d")
# They differ in every field, so what a text leaves out comes back different.
_DEFAULTS = (datetime(1996, 1, 1, 0, 0, 0), datetime(2004, 12, 31, 23, 0, 0))  # noqa: DTZ001


def _other(text: str, zone: tzinfo) -> Instant:
    """What dateutil makes of the text, when that does not depend on what it left out."""
    years = {int(year) for year in _YEAR.findall(text)}
    if not years:
        raise DateError("no year of four digits that stands alone")
    from dateutil import parser  # 36 ms: only the odd date pays for it

    def known(name: str | None, offset: int | None) -> tzinfo | None:
        if offset is not None:
            return timezone(timedelta(seconds=offset))
        hours = _ZONES.get(name or "")
        return zone if hours is None else timezone(timedelta(hours=hours))

    try:
        first, second = (
            parser.parse(text, default=default, tzinfos=known) for default in _DEFAULTS
        )
        european = parser.parse(text, default=_DEFAULTS[0], tzinfos=known, dayfirst=True)
    except (ValueError, OverflowError, TypeError, AttributeError) as error:
        # AttributeError and TypeError: dateutil's own slips on odd texts, such as "10:00 ' 2020"
        raise DateError(f"not a date: {error}") from None
    if first.date() != second.date() or first.year not in years:
        raise DateError("day, month or year is missing")
    if ordered := _YEAR_FIRST.search(text):  # then the month comes next, whatever dateutil thinks
        if (first.year, first.month, first.day) != tuple(map(int, ordered.groups())):
            raise DateError("no such date")
        before, behind = text[: ordered.start()], text[ordered.end() :]
        if _NUMERIC.search(f"{before} {behind}") or behind.startswith(("/", "-", ".")):
            raise DateError("more than one date")
    elif first.date() != european.date():
        raise DateError("day and month can't be told apart")
    moment = first if first.tzinfo else first.replace(tzinfo=zone)
    try:
        return Instant(int(moment.timestamp()), day_only=first.hour != second.hour)
    except (ValueError, OverflowError) as error:
        raise DateError(f"no such date: {error}") from None


def read(place: str, text: str, zone: tzinfo) -> Candidate:
    """The text at `place` as a candidate: with its instant, or with the reason of its refusal."""
    try:
        return Candidate(place, text, parse(text, zone))
    except DateError as error:
        return Candidate(place, text, refusal=str(error))


def settle(captured: int | None, stated: Iterable[Candidate], zone: tzinfo, gap: int) -> Dates:
    """When an article was published and last updated, from its epoch comment and its date strings.

    `captured` is the epoch comment's instant, `stated` the strings in the order of their trust,
    `gap` the seconds that may lie between the two without a note.  The rules:

    1. The first string that can be read states when the article was published; one without a time
       of day gives way to a later one of the same day that has it.
    2. A day alone never beats the time of an epoch comment on the same day in `zone`.
    3. No article is captured more than a day before it is published: such a string is wrong, and
       the epoch comment serves.
    4. `updated` is the epoch comment, but never earlier than `published`.
    5. Where one of the two is missing, the other serves for both.
    """
    read = [(c, c.instant) for c in stated if c.instant is not None]
    if not read:
        if captured is None:
            return Dates(None, 0, "no date could be read", ())
        return Dates(captured, captured, "the epoch comment is the only date", ())
    best, instant = read[0]
    if instant.day_only:
        best, instant = next(
            (
                (c, i)
                for c, i in read[1:]
                if not i.day_only and _day(i.seconds, zone) == _day(instant.seconds, zone)
            ),
            (best, instant),
        )
    published = instant.seconds
    if captured is None:
        return Dates(published, published, f"{best.place} is the only date", ())
    if instant.day_only and _day(captured, zone) == _day(published, zone):
        reason = f"the epoch comment has the time of the day that {best.place} states"
        return Dates(captured, captured, reason, ())
    if published > captured + DAY:
        reason = f"{best.place} lies more than a day after the epoch comment, which can't be"
        return Dates(captured, captured, reason, ("date-ahead",))
    notes = ("date-gap",) if captured - published > gap else ()
    return Dates(published, max(captured, published), f"{best.place} states it", notes)


def _day(seconds: int, zone: tzinfo) -> tuple[int, int, int]:
    moment = datetime.fromtimestamp(seconds, zone)
    return moment.year, moment.month, moment.day

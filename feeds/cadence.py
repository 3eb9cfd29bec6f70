"""How long a feed stays as it is: the same hint for caches, for readers and in the documents.

Two things bound it: the time between two builds, before which nothing can change, and the feed's
own pace, as a feed that gets an article a month need not be asked every quarter of an hour.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

DEFAULT = 1800  # seconds between two builds when nothing is said of them
LEAST, MOST = 60, 6 * 3600  # of a hint, in seconds
_SHARE = 8  # a reader that asks so often in a feed's usual interval misses little
_RECENT = 12  # intervals that tell the pace


def fresh_for(period: int, published: Iterable[int], now: int) -> int:
    """Seconds for which a document may be taken for current.

    `period` is the time between two builds, `published` when its entries were, `now` the instant
    at which the document was published; all in seconds.
    """
    period = min(MOST, max(LEAST, period))
    instants = sorted((i for i in published if i <= now), reverse=True)[: _RECENT + 1]
    if not instants:
        return period
    gaps = sorted(newer - older for newer, older in pairwise((now, *instants)))
    return min(MOST, max(period, gaps[len(gaps) // 2] // _SHARE))


def update_period(seconds: int) -> tuple[str, int]:
    """The same as `sy:updatePeriod` and `sy:updateFrequency` (RSS 1.0 Syndication module)."""
    for name, length in (("hourly", 3600), ("daily", 86_400), ("weekly", 7 * 86_400)):
        if seconds <= length:
            return name, max(1, round(length / seconds))
    return "monthly", max(1, round(30 * 86_400 / seconds))


def period(every: int, cron: str) -> int:
    """Seconds between two builds, by a schedule: at its closest, for a cron expression.

    0 and "" stand for none; without either it is `DEFAULT`.
    """
    if every:
        return every
    fields = cron.split()
    if len(fields) != 5:
        return DEFAULT
    minutes, hours = _numbers(fields[0], 60), _numbers(fields[1], 24)
    instants = sorted(3600 * hour + 60 * minute for hour in hours for minute in minutes)
    if not instants:
        return DEFAULT
    return min(later - earlier for earlier, later in pairwise((*instants, instants[0] + 86_400)))


def _numbers(field: str, end: int) -> set[int]:
    """The numbers below `end` that a field of a cron expression names."""
    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        try:
            start = 0 if span == "*" else int(first)
            stop = end - 1 if span == "*" or (step and not last) else int(last or first)
            found.update(range(start, min(stop, end - 1) + 1, int(step or 1)))
        except ValueError:
            return set()
    return found

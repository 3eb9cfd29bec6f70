"""How long a feed stays as it is: the same hint for caches, for readers and in the documents.

Two things bound it: the time between two builds, before which nothing can change, and the feed's
own pace, as a feed that gets an article a month need not be asked every quarter of an hour.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from feeds import cron

if TYPE_CHECKING:
    from collections.abc import Iterable

    from feeds.tables import Schedule

_DAY = 86_400
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
    for name, length in (("hourly", 3600), ("daily", _DAY), ("weekly", 7 * _DAY)):
        if seconds <= length:
            return name, max(1, round(length / seconds))
    return "monthly", max(1, round(30 * _DAY / seconds))


def between_builds(schedule: Schedule) -> int:
    """Seconds between two builds; by a line of crontab, those that are closest to each other."""
    if not schedule.cron:
        return schedule.every
    times = cron.parse(schedule.cron)
    instants = sorted(3600 * hour + 60 * minute for hour in times.hours for minute in times.minutes)
    return min(later - earlier for earlier, later in pairwise((*instants, instants[0] + _DAY)))

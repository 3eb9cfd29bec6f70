"""Limits, so that no client takes what is there for all.

A gentle one is for clients that fetch a whole document again and again.  Only polls without a
validator count: who asks whether there is something new may ask as often as he likes.  Each client
may fetch each document a few times at once, as a person does who tries a reader out, and from then
on once in every interval.
"""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict

BURST = 4  # whole documents that are free
_MOST = 20_000  # clients that are remembered; beyond, the one that was quiet for longest is not


class Limiter:
    """Counts whole documents by client; to be used from one thread at a time."""

    def __init__(self, interval: float) -> None:
        """`interval` is in seconds; with 0 nothing is limited."""
        self._interval = interval
        # When each client will have been quiet for long enough to have its burst again.
        self._paid: OrderedDict[int, float] = OrderedDict()

    def wait(self, client: tuple[str, ...], now: float) -> int:
        """Seconds that this client should wait; 0 when it may have the document."""
        if not self._interval:
            return 0
        key = hash(client)  # what clients say of themselves may be long
        paid = max(now, self._paid.get(key, now))
        ahead = paid - now
        if ahead > (BURST - 1) * self._interval:
            return max(1, round(ahead - (BURST - 1) * self._interval))
        self._paid[key] = paid + self._interval
        self._paid.move_to_end(key)
        if len(self._paid) > _MOST:
            self._paid.popitem(last=False)
        return 0


class Door:
    """Places for clients that take long to read their answer."""

    def __init__(self, places: int, share: int) -> None:
        """`share` of the places is the most that one client has."""
        self._places = places
        self._share = share
        self._inside: Counter[str] = Counter()
        self._lock = threading.Lock()

    def enter(self, client: str) -> bool:
        """Take a place; False when there is none for this client."""
        with self._lock:
            if self._inside.total() >= self._places or self._inside[client] >= self._share:
                return False
            self._inside[client] += 1
            return True

    def leave(self, client: str) -> None:
        """Give the place back."""
        with self._lock:
            self._inside[client] -= 1
            if not self._inside[client]:
                del self._inside[client]

"""A gentle limit on clients that fetch a whole document again and again.

Only polls without a validator count: who asks whether there is something new may ask as often as he
likes.  Each client may fetch each document a few times at once, as a person does who tries a reader
out, and from then on once in every interval.
"""

from __future__ import annotations

from collections import OrderedDict

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

"""How much of their text two articles share, by a few numbers that stand for each."""

from __future__ import annotations

import re
from hashlib import blake2b

from feeds.text import bare

_TAGS = re.compile(r"<[^<>]*>")
_SHINGLE = 12  # bytes
_SIZE = 64  # numbers

Sketch = frozenset[int]


def sketch(text: str) -> Sketch:
    """Numbers that two texts share in the measure in which they share their words."""
    words = bare(_TAGS.sub(" ", text)).encode("utf-8", "replace")
    found = {
        int.from_bytes(blake2b(words[n : n + _SHINGLE], digest_size=6).digest(), "big")
        for n in range(max(1, len(words) - _SHINGLE + 1))
    }
    return frozenset(sorted(found)[:_SIZE])


def shared(one: Sketch, other: Sketch) -> float:
    """How much of their texts two sketches say is shared, from 0 to 1."""
    common = one & other
    if not common:  # as nearly always
        return 0.0
    both = sorted(one | other)[:_SIZE]
    return sum(1 for value in common if value <= both[-1]) / len(both)

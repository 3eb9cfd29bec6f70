"""What an article says, so that a real change can be told from noise, and shown.

Only words, the link and the lead picture count.  Markup, white space, letter case, the scheme and
host of an address, picture proxies and tracking parameters are noise: a reader sees the same.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import TYPE_CHECKING

from feeds import urls

if TYPE_CHECKING:
    from feeds.model import Article, Heading

_MARKS = re.compile(r"[\W_]+")
_TAGS = re.compile(r"<[^<>]*>")
_SHINGLE = 12  # characters
_SKETCH = 64  # of them are kept


def fingerprint(heading: Heading, article: Article) -> str:
    """Stands for what a reader sees of an article; equal as long as nothing really changed."""
    lead = next((p for p in article.pictures if not p.minor), None)
    said = (
        _MARKS.sub("", heading.title).casefold(),
        article.digest,
        _place(heading.link),
        (lead.file.rpartition("/")[2] or _place(lead.url).partition("?")[0]) if lead else "",
    )
    return blake2b("\n".join(said).encode("utf-8", "replace"), digest_size=12).hexdigest()


def _place(url: str) -> str:
    """An address without its host: a site that moves says nothing new."""
    return urls.key(url).partition("/")[2] if url else ""


def sketch(text: str) -> frozenset[int]:
    """A few numbers that two texts share in the measure in which they share their words."""
    words = _MARKS.sub("", _TAGS.sub(" ", text)).casefold().encode("utf-8", "replace")
    found = {
        int.from_bytes(blake2b(words[n : n + _SHINGLE], digest_size=6).digest(), "big")
        for n in range(max(1, len(words) - _SHINGLE + 1))
    }
    return frozenset(sorted(found)[:_SKETCH])


def likeness(one: frozenset[int], other: frozenset[int]) -> float:
    """How much of their text two sketches say is shared, from 0 to 1."""
    both = sorted(one | other)[:_SKETCH]
    return sum(1 for value in both if value in one and value in other) / len(both)

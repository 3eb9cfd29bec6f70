"""Which form of a document a client asks for (RFC 9110 §12).

A feed has one media type, its own.  A browser, which prefers text/html to every type of feed, gets
the same bytes as application/xml, and shows them with their stylesheet.
"""

from __future__ import annotations

import re
from functools import lru_cache

from feeds.codings import CODINGS

_KEPT = 64  # headers that were read
_LONGEST = 1000  # characters of a header that are read
FEEDS = (
    "application/atom+xml",
    "application/rss+xml",
    "application/feed+json",
    "application/rdf+xml",
)
_ITEM = re.compile(r"\s*([^\s,;]+)\s*((?:;[^,]*)?)(?:,|\Z)")
_NUMBER = re.compile(r"(?:0(?:\.\d*)?|1(?:\.0*)?|\.\d+)\Z")
_QUALITY = re.compile(r";\s*q\s*=\s*([^;\s]*)", re.IGNORECASE)


def weights(header: str) -> dict[str, float]:
    """Each name in the header, in lower case, with its quality from 0 to 1.

    Of a header that is longer than any reader's, the end is left out.
    """
    if len(header) > _LONGEST:
        header = header[:_LONGEST].rpartition(",")[0]
    return _weights(header)


@lru_cache(maxsize=_KEPT)
def _weights(header: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, parameters in _ITEM.findall(header):
        quality = 1.0
        if stated := _QUALITY.search(parameters):
            quality = float(stated[1]) if _NUMBER.match(stated[1]) else 0.0
        found[name.lower()] = quality
    return found


def codings(header: str | None) -> tuple[str, ...]:
    """The content codings that are welcome, best first; "" stands for none at all.

    Of those welcome alike, the one that packs best.  Identity is always among them, last, unless
    the header refuses it.
    """
    if header is None:
        return ("",)
    given = weights(header)
    others = given.get("*")

    def quality(name: str) -> float:
        return given.get(
            name, given.get("x-gzip", others or 0.0) if name == "gzip" else others or 0.0
        )

    plain = given.get("identity", 1.0 if others is None else others)
    stated = given.get("identity", 0.0)  # else any coding that is welcome goes before it
    order = list(CODINGS)
    welcome = sorted(
        (name for name in order if quality(name) > 0 and quality(name) >= stated),
        key=lambda name: (-quality(name), order.index(name)),
    )
    lesser = [name for name in order if 0 < quality(name) < stated]
    return (*welcome, *([""] if plain > 0 else ()), *lesser)


def quality(header: str | None, media_type: str) -> float:
    """How welcome a media type is: that of the most specific range that covers it."""
    if header is None or not header.strip():
        return 1.0
    given = weights(header)
    for name in (media_type, f"{media_type.partition('/')[0]}/*", "*/*"):
        if name in given:
            return given[name]
    return 0.0


def browses(header: str | None) -> bool:
    """Whether text/html, by its name, is strictly preferred to every type of feed."""
    if not header:
        return False
    page = weights(header).get("text/html", 0.0)
    return page > max(quality(header, kind) for kind in FEEDS)


def refused(header: str | None, media_types: tuple[str, ...]) -> bool:
    """Whether every one of these types is refused in so many words (`q=0`).

    A header that merely does not name them is disregarded, as RFC 9110 §12.5.1 allows: readers send
    headers that were meant for pages or pictures, and a 406 would end the subscription.
    """
    if not header or not header.strip():
        return False
    given = weights(header)
    return all(
        any(given.get(name) == 0 for name in (kind, f"{kind.partition('/')[0]}/*", "*/*"))
        and quality(header, kind) == 0
        for kind in media_types
    )

"""A feed's documents within a number of bytes, as many readers refuse more than a few megabytes.

    markup that can be spared -> the huge as summaries -> the oldest -> as titles -> left out

Each step is taken only when the one before was not enough, and only as far as it must be.  Entries
that arrived lately are the last to be left out, as a subscriber may not have met them yet; but the
few newest stay, so that who subscribes now sees the present.
"""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING, NamedTuple

from feeds import formats

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from feeds.model import Document, Entry, Feed

_TRIES = 6
_FRAME = 700  # bytes that an entry takes without its texts and pictures, about
PRESENT = 5  # of the newest entries, which stay
_PICTURES = 10  # that an entry keeps
_ADDRESS = 300  # characters; pictures with longer addresses go
_LONGEST = 3  # bytes of a letter, of all but the rarest scripts
_ESCAPES = {c: len(escape(c)) - 1 for c in "&<>\"'"}  # bytes that each takes more
_SPARED = re.compile(r' (?:height|lang|title|width)="[^"]*"')
_PICTURE = re.compile(r'<img [^<>]*?src="([^"]*)"[^<>]*/>')


class Fitted(NamedTuple):
    """A feed as it fits, with its documents."""

    feed: Feed
    documents: tuple[Document, ...]
    told: str = ""  # what had to go


def most(budget: int) -> int:
    """How many entries have room in so many bytes, were they but titles."""
    return max(budget // _FRAME, 1)


def fit(feed: Feed, budget: int, lately: Collection[str], crowded: int = 0) -> Fitted:
    """The feed with each document of at most `budget` bytes, if that can be.

    `lately` holds the ids of entries that are the last to be left out; `crowded` of these are left
    out already, as there are more than have room.
    """
    size = _least(feed)
    documents: tuple[Document, ...] = ()
    if size <= budget:  # else it can't fit, and is not written to learn by how much
        documents = formats.render(feed)
        if (size := _largest(documents)) <= budget:
            left = f"{feed.slug}: {_crowd(feed, crowded)}, as more arrived lately than have room"
            return Fitted(feed, documents, left if crowded else "")
    lean = tuple(map(_lean, feed.entries))
    costs = list(map(_cost, lean))
    fitted, reached, target = feed._replace(entries=lean), size, budget
    spared = sum(map(_spared, feed.entries, lean))
    if size - 2 * spared <= budget:  # it may be enough: how much is only known once it is written
        documents = formats.render(fitted)
        reached = _largest(documents)
    for _ in range(_TRIES):
        if reached <= budget:
            break
        target = target * budget // reached if target != budget else budget - budget // 50
        fitted = feed._replace(entries=_reduced(lean, costs, target, lately))
        documents = formats.render(fitted)
        reached = _largest(documents)
    return Fitted(fitted, documents, _told(feed, fitted, size, budget, lately, crowded))


def _least(feed: Feed) -> int:
    """How many bytes the largest document of the feed has at the least: those of its contents."""
    if not feed.full:
        return 0
    plain = sum(len(entry.content.encode("utf-8", "replace")) for entry in feed.entries)
    if feed.formats == ("json",):
        return plain
    contents = (entry.content for entry in feed.entries)
    return plain + sum(_ESCAPES[c] * content.count(c) for content in contents for c in "&<>")


def _largest(documents: tuple[Document, ...]) -> int:
    return max((len(d.body) for d in documents if d.media_type != "text/html"), default=0)


def _reduced(
    entries: tuple[Entry, ...], costs: Sequence[int], target: int, lately: Collection[str]
) -> tuple[Entry, ...]:
    """The entries in about `target` bytes, the oldest reduced first; the newest is not left out.

    `costs` are what they take as they are.
    """
    steps: tuple[tuple[Callable[[Entry], Entry], int, Callable[[Entry, int], bool]], ...] = (
        (_summarised, 0, lambda _, cost: cost > target // 2),
        (_summarised, 0, lambda *_: True),
        (_titled, 0, lambda *_: True),
        (_gone, PRESENT, lambda entry, _: entry.id not in lately),
        (_gone, PRESENT, lambda *_: True),
        (_gone, 1, lambda *_: True),
    )
    kept, taken = list(entries), list(costs)
    total = sum(taken)
    for reduce, spared, allowed in steps:
        for number in range(len(kept) - 1, spared - 1, -1):
            if total <= target:
                break
            if kept[number].id and allowed(kept[number], taken[number]):
                kept[number] = reduce(kept[number])
                cost = _cost(kept[number])
                total -= taken[number] - cost
                taken[number] = cost
    return tuple(entry for entry in kept if entry.id)


def _cost(entry: Entry) -> int:
    """About how many bytes an entry takes."""
    if not entry.id:
        return 0
    texts = (entry.content, entry.summary, entry.title, entry.link)
    return _FRAME + _pictures(entry) + sum(map(_length, texts))


def _pictures(entry: Entry) -> int:
    return sum(2 * len(e.url) + 2 * len(e.title) + 200 for e in entry.enclosures)


def _spared(entry: Entry, lean: Entry) -> int:
    """How many bytes an entry takes less when it is lean, at most."""
    letters = len(entry.content) - len(lean.content)
    return _LONGEST * letters + _pictures(entry) - _pictures(lean)


def _length(text: str) -> int:
    """How many bytes a text takes once it is escaped, at most."""
    plain = len(text.encode("utf-8", "replace"))
    return plain + sum(more * text.count(c) for c, more in _ESCAPES.items())


def _lean(entry: Entry) -> Entry:
    """The entry without attributes that only refine, and with few pictures."""
    seen = 0

    def keep(found: re.Match[str]) -> str:
        nonlocal seen
        seen += 1
        return found[0] if seen <= _PICTURES and len(found[1]) <= _ADDRESS else ""

    content = _PICTURE.sub(keep, _SPARED.sub("", entry.content))
    return entry._replace(content=content, enclosures=entry.enclosures[:_PICTURES])


def _summarised(entry: Entry) -> Entry:
    return entry._replace(content="", enclosures=entry.enclosures[:1])


def _titled(entry: Entry) -> Entry:
    return entry._replace(content="", summary="", enclosures=())


def _gone(entry: Entry) -> Entry:
    return entry._replace(id="")


def _told(
    feed: Feed, fitted: Feed, size: int, budget: int, lately: Collection[str], crowded: int
) -> str:
    whole = sum(1 for e in feed.entries if e.content) - sum(1 for e in fitted.entries if e.content)
    left = {entry.id for entry in feed.entries} - {entry.id for entry in fitted.entries}
    missed = sum(1 for one in left if one in lately) + crowded
    parts = (
        "less markup" if not whole else f"{whole} as summaries",
        f"{len(left)} left out" if left else "",
        _crowd(feed, missed) if missed else "",
    )
    return (
        f"{feed.slug}: it would have at least {size} bytes, more than max_size = {budget}:"
        f" {', '.join(filter(None, parts))}"
    )


def _crowd(feed: Feed, count: int) -> str:
    if feed.previous:
        return f"{count} that arrived lately stand in its archive documents only (raise max_size)"
    return f"{count} that arrived lately left out (raise max_size, or set archive = true)"

"""Proof-reading: whether a document is what its feed says, by the rules readers rely on most.

It reads the finished bytes with another reader than the one that wrote them, so that a slip
anywhere on the way, in a library as much as in here, is found before a subscriber finds it.
"""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime
from email.utils import parsedate_to_datetime
from html import escape
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from feeds.model import Document, Entry, Feed

ATOM = "{http://www.w3.org/2005/Atom}"


def read(document: Document, feed: Feed) -> list[str]:
    """What is wrong with a document of the feed; an empty list when nothing is."""
    readers: dict[str, Callable[[bytes, Feed], Iterator[str]]] = {
        "application/atom+xml": _atom,
        "application/rss+xml": _rss,
        "application/feed+json": _json,
    }
    reader = readers.get(document.media_type)
    if reader is None:
        return []
    ids = Counter(entry.id for entry in feed.entries)
    faults = [f"the id {one} stands there twice" for one in sorted(ids) if ids[one] > 1]
    try:
        faults.extend(reader(document.body, feed))
    except (ET.ParseError, ValueError, AttributeError, KeyError, TypeError) as error:
        faults.append(f"it can't be read back: {error!r}")
    return faults


def refusal(document: Document, faults: list[str]) -> str:
    """What is said when a document is not right."""
    said = "\n  ".join(faults)
    return (
        f"{document.name} was not made right, so nothing is published:\n  {said}\n"
        "This is a mistake in feeds itself; please report it with the lines above"
    )


def _same(what: str, entry: Entry, found: object, expected: object) -> Iterator[str]:
    if found != expected:
        yield f"{entry.path}: {what} is {found!r} and should be {expected!r}"


def _count(found: int, feed: Feed) -> Iterator[str]:
    if found != len(feed.entries):
        yield f"it has {found} entries and should have {len(feed.entries)}"


def _atom(body: bytes, feed: Feed) -> Iterator[str]:
    root = ET.fromstring(body)
    found = root.findall(f"{ATOM}entry")
    yield from _count(len(found), feed)
    for element, entry in zip(found, feed.entries, strict=False):
        yield from _same("id", entry, element.findtext(f"{ATOM}id"), entry.id)
        yield from _same("title", entry, element.findtext(f"{ATOM}title"), entry.title)
        for name in ("published", "updated"):
            moment = datetime.fromisoformat(element.findtext(f"{ATOM}{name}") or "")
            yield from _same(name, entry, moment, getattr(entry, name))
        if feed.full and entry.content:
            yield from _same("content", entry, element.findtext(f"{ATOM}content"), entry.content)
        links = element.findall(f"{ATOM}link")
        enclosures = [
            (link.get("href"), link.get("type"), link.get("length"))
            for link in links
            if link.get("rel") == "enclosure"
        ]
        expected = [
            (e.url, e.media_type, str(e.length) if e.length else None) for e in entry.enclosures
        ]
        yield from _same("enclosures", entry, enclosures, expected)


def _rss(body: bytes, feed: Feed) -> Iterator[str]:
    root = ET.fromstring(body)
    found = root.findall("channel/item")
    yield from _count(len(found), feed)
    for element, entry in zip(found, feed.entries, strict=False):
        yield from _same("guid", entry, element.findtext("guid"), entry.id)
        title = element.findtext("title")
        if title != escape(entry.title, quote=False):
            yield from _same("title", entry, title, entry.title)
        published = parsedate_to_datetime(element.findtext("pubDate") or "")
        yield from _same("pubDate", entry, published, entry.published)
        enclosures = [
            (e.get("url"), e.get("type"), e.get("length")) for e in element.findall("enclosure")
        ]
        expected = [(e.url, e.media_type, str(e.length)) for e in entry.enclosures[:1]]
        yield from _same("enclosure", entry, enclosures, expected)


def _json(body: bytes, feed: Feed) -> Iterator[str]:
    document = json.loads(body)
    yield from _count(len(document["items"]), feed)
    for item, entry in zip(document["items"], feed.entries, strict=False):
        yield from _same("id", entry, item["id"], entry.id)
        yield from _same("title", entry, item["title"], entry.title)
        for name, member in (("published", "date_published"), ("updated", "date_modified")):
            moment = datetime.fromisoformat(item[member])
            yield from _same(name, entry, moment, getattr(entry, name))
        urls = [attachment["url"] for attachment in item.get("attachments", [])]
        yield from _same("attachments", entry, urls, [e.url for e in entry.enclosures])

"""What a published document says of itself: its kind, its links, its entries.

A header that repeats a document is taken from the document, so the two can't differ.  What is read
here was written and proof-read by this program, or is passed on as it is.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from html import unescape
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

ATOM, RSS, JSON = "application/atom+xml", "application/rss+xml", "application/feed+json"
TYPES = {
    ".html": "text/html", ".css": "text/css", ".txt": "text/plain", ".xml": "application/xml",
    ".opml": "text/x-opml", ".json": "application/json", ".xsl": "application/xml",
    ".js": "text/javascript", ".svg": "image/svg+xml", ".png": "image/png", ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg", ".gif": "image/gif", ".webp": "image/webp", ".avif": "image/avif",
    ".ico": "image/x-icon", ".bmp": "image/bmp", ".tif": "image/tiff", ".tiff": "image/tiff",
    ".mp3": "audio/mpeg", ".m4a": "audio/mp4", ".ogg": "audio/ogg", ".mp4": "video/mp4",
    ".webm": "video/webm", ".pdf": "application/pdf",
}  # fmt: skip
OTHER = "application/octet-stream"
_TAGS = {ATOM: (b"<entry", b"</entry>"), RSS: (b"<item", b"</item>")}
_ROOT = re.compile(rb"<(?:(\w+):)?(feed|rss)[\s>]")
_LINK = re.compile(rb"<(?:atom:)?link\s([^<>]*)>")
_ATTRIBUTE = re.compile(r"""([\w:]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_INSTANT = {ATOM: re.compile(rb"<published>([^<]*)<"), RSS: re.compile(rb"<pubDate>([^<]*)<")}
_DATED = re.compile(rb'"date_published"\s*:\s*"([^"\\]*)"')
# Relations that a Link header repeats: those that say where a feed is, and where it goes on.
RELATIONS = frozenset((
    "self", "hub", "alternate", "current", "prev-archive", "next-archive", "first", "last", "next",
    "previous",
))  # fmt: skip


class Link(NamedTuple):
    """A link of the document as a whole (RFC 8288)."""

    relation: str
    url: str
    media_type: str = ""


class About(NamedTuple):
    """What is known of a document."""

    media_type: str
    links: tuple[Link, ...] = ()
    published: tuple[int, ...] = ()  # of its entries, in seconds since the epoch
    feed: bool = False  # Atom, RSS or JSON Feed

    @property
    def archive(self) -> bool:
        """Whether it is an archive document (RFC 5005 §4), which hardly ever changes."""
        return any(link.relation in {"current", "next-archive"} for link in self.links)


def about(name: str, body: bytes) -> About:
    """What is known of the document of this name."""
    dot = name.rfind(".")
    media_type = TYPES.get(name[dot:].lower() if dot >= 0 else "", OTHER)
    if media_type == "application/xml" and (root := _ROOT.search(body, 0, 4096)):
        media_type = ATOM if root[2] == b"feed" else RSS
        rest, entries = parted(body, media_type)
        return About(
            media_type,
            tuple(_links(rest)),
            tuple(_instants(media_type, entries)),
            feed=True,
        )
    if media_type == "application/json" and b"jsonfeed.org/version" in body[:4096]:
        document = _loaded(body)
        if document is not None:
            return _json(document)
    return About(media_type)


def begun(name: str, head: bytes) -> About:
    """What is known of the document of this name by its beginning."""
    whole = about(name, head)
    if whole.media_type in _TAGS:
        opening, closing = _TAGS[whole.media_type]
        last = head.rfind(closing)
        return about(name, head[: last + len(closing) if last >= 0 else head.find(opening)])
    if whole.media_type == "application/json" and (items := head.find(b'"items"')) >= 0:
        dates = (b'{"date_published": "%s"}' % stated for stated in _DATED.findall(head))
        return about(name, b'%s"items": [%s]}' % (head[:items], b", ".join(dates)))
    return whole


def parted(body: bytes, media_type: str) -> tuple[bytes, list[bytes]]:
    """An Atom or RSS document without its entries, and each entry, as they stand there."""
    opening, closing = _TAGS[media_type]
    rest, entries = [], []
    end = 0
    start = body.find(opening)
    while start >= 0:
        after = body[start + len(opening) : start + len(opening) + 1]
        stop = body.find(closing, start)
        if after not in {b">", b" ", b"\n"} or stop < 0:
            start = body.find(opening, start + 1)
            continue
        rest.append(body[end:start])
        end = stop + len(closing)
        entries.append(body[start:end])
        start = body.find(opening, end)
    rest.append(body[end:])
    return b"".join(rest), entries


def _links(rest: bytes) -> Iterator[Link]:
    for found in _LINK.findall(rest):
        stated = {
            name: unescape(double or single)
            for name, double, single in _ATTRIBUTE.findall(found.decode("utf-8", "replace"))
        }
        relation = stated.get("rel", "alternate")
        if relation in RELATIONS and "href" in stated:
            yield Link(relation, stated["href"], stated.get("type", ""))


def _instants(media_type: str, entries: list[bytes]) -> Iterator[int]:
    for entry in entries:
        if found := _INSTANT[media_type].search(entry):
            instant = _instant(found[1].decode("ascii", "replace"))
            if instant is not None:
                yield instant


def _instant(text: str) -> int | None:
    try:
        iso = text[:4].isdigit()
        moment = datetime.fromisoformat(text) if iso else parsedate_to_datetime(text)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        return None


def _loaded(body: bytes) -> dict[str, Any] | None:
    try:
        document = json.loads(body)
    except ValueError:
        return None
    if not isinstance(document, dict) or not isinstance(document.get("items"), list):
        return None
    return document if all(isinstance(item, dict) for item in document["items"]) else None


def _json(document: dict[str, Any]) -> About:
    links = [
        Link(relation, document[member], media_type)
        for relation, member, media_type in (
            ("self", "feed_url", JSON),
            ("alternate", "home_page_url", "text/html"),
            ("next", "next_url", JSON),
        )
        if isinstance(document.get(member), str)
    ]
    links += [
        Link("hub", hub["url"])
        for hub in document.get("hubs", ())
        if isinstance(hub, dict) and isinstance(hub.get("url"), str)
    ]
    stated = (_instant(str(item.get("date_published", ""))) for item in document["items"])
    published = tuple(instant for instant in stated if instant is not None)
    return About(JSON, tuple(links), published, feed=True)


def items(body: bytes) -> tuple[dict[str, Any], list[dict[str, Any]]] | None:
    """A JSON Feed document and its items; None if it can't be read."""
    document = _loaded(body)
    return None if document is None else (document, document["items"])

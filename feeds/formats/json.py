"""JSON Feed 1.1 (https://www.jsonfeed.org/version/1.1/)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from feeds.formats import FILES, address
from feeds.formats.links import page_of

if TYPE_CHECKING:
    from feeds.model import Enclosure, Entry, Feed


def feed(feed: Feed) -> bytes:
    """The feed as a JSON Feed document, in UTF-8."""
    document: dict[str, Any] = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": feed.title,
        "home_page_url": feed.home,
        "feed_url": address(feed, "json"),
        "next_url": feed.previous + FILES["json"][0] if feed.previous else "",
        "description": feed.subtitle,
        "user_comment": (
            "This is a feed: a list of articles for feed readers. To follow it, add the feed_url to"
            " one; to read it in a browser, open the home_page_url."
        ),
        "icon": feed.logo or feed.icon,
        "favicon": feed.icon,
        "authors": [{"name": feed.author}],
        "language": feed.language,
        "hubs": [{"type": "WebSub", "url": hub} for hub in feed.hubs],
        "items": [_item(entry, feed) for entry in feed.entries],
    }
    return (json.dumps(_present(document), ensure_ascii=False, indent=1) + "\n").encode()


def _item(entry: Entry, feed: Feed) -> dict[str, Any]:
    full = feed.full and bool(entry.content)
    return _present({
        "id": entry.id,
        "url": page_of(entry, feed),
        "title": entry.title,
        "content_html": entry.content if full else "",
        "content_text": "" if full else entry.summary or entry.title,
        "summary": entry.summary if full else "",
        "image": entry.enclosures[0].url if entry.enclosures else "",
        "date_published": entry.published.isoformat(),
        "date_modified": entry.updated.isoformat(),
        "authors": [{"name": name} for name in entry.authors],
        "tags": list(entry.categories),
        "language": entry.language or feed.language,
        "attachments": [_attachment(enclosure) for enclosure in entry.enclosures],
    })  # fmt: skip


def _attachment(enclosure: Enclosure) -> dict[str, Any]:
    # No title: attachments with the same title count as renditions of one thing.
    return _present({
        "url": enclosure.url,
        "mime_type": enclosure.media_type,
        "size_in_bytes": enclosure.length,
    })  # fmt: skip


def _present(members: dict[str, Any]) -> dict[str, Any]:
    """Without the members whose value is unknown: absent is absent."""
    return {name: value for name, value in members.items() if value or name in {"items", "title"}}

"""Where a person reads an entry: the same address in every format."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from feeds.model import Entry, Feed


def page_of(entry: Entry, feed: Feed) -> str:
    """The entry at its source; where it has no address there, on the feed's own page."""
    return entry.link or f"{feed.home}#{anchor(entry)}"


def above(feed: Feed) -> str:
    """The way from a document of the feed to the folder that holds all feeds."""
    return "../" * (feed.slug.count("/") + 1)


def anchor(entry: Entry) -> str:
    """The name of the entry on the feed's page."""
    return f"e-{entry.id.rpartition(':')[2]}"

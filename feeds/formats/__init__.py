"""`Feed` -> `Document`: one neutral feed, a thin writer for each format.

Every writer is a pure function of its arguments: the same feed gives the same bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from feeds.model import VERSION, Document

if TYPE_CHECKING:
    from collections.abc import Sequence

    from feeds.model import Channel, Feed, Listed
    from feeds.tables import Site

SOFTWARE = "feeds"
__all__ = ["VERSION"]
HOME = "https://pypi.org/project/feeds/"

# The file of each format below a feed's folder, and its media type (RFC 4287 §7, RSS Advisory
# Board, JSON Feed 1.1).  They end in .xml, as static hosts then say application/xml, which browsers
# show instead of saving it.
FILES = {
    "atom": ("atom.xml", "application/atom+xml"),
    "rss": ("rss.xml", "application/rss+xml"),
    "json": ("feed.json", "application/feed+json"),
}
# The folder of private feeds: servers that show no dot files keep them, ours asks for a token.
PRIVATE = ".private"
NAMES = {"atom": "Atom", "rss": "RSS", "json": "JSON Feed"}


def address(feed: Feed | Listed, form: str) -> str:
    """Where the feed is published in one format."""
    return feed.home + FILES[form][0]


def placed(name: str, *, private: bool) -> str:
    """Where a document is published below the output folder; private ones where nobody looks."""
    return f"{PRIVATE}/{name}" if private else name


def names(channel: Channel) -> list[str]:
    """Where a feed's documents are published."""
    files = (*(FILES[form][0] for form in channel.formats), "index.html")
    return [placed(f"{channel.slug}/{file}", private=channel.private) for file in files]


def render(feed: Feed) -> tuple[Document, ...]:
    """The feed in each of its formats, and its page for people."""
    from feeds.formats import json, page, xml

    writers = {"atom": xml.atom, "rss": xml.rss, "json": json.feed}
    documents = [
        Document(f"{feed.slug}/{FILES[form][0]}", FILES[form][1], writers[form](feed))
        for form in feed.formats
    ]
    return (*documents, Document(f"{feed.slug}/index.html", "text/html", page.feed(feed)))


SITE_FILES = ("index.html", "feeds.opml", "style.css")


def ours(page: bytes) -> bool:
    """Whether a page in the output folder is one that was made here."""
    from feeds.formats.page import MADE

    return MADE.encode() in page


def render_site(site: Site, feeds: Sequence[Listed]) -> tuple[Document, ...]:
    """What stands beside the feeds: the index page, the OPML of all feeds, and the stylesheet."""
    from feeds.formats import opml, page

    bodies = (page.index(site, feeds), opml.outline(site.title, feeds), page.style())
    types = ("text/html", "text/x-opml", "text/css")
    return tuple(map(Document, SITE_FILES, types, bodies))

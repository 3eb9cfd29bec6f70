"""OPML 2.0 (http://opml.org/spec2.opml): all feeds at once, for readers that import them."""

from __future__ import annotations

from email.utils import format_datetime
from typing import TYPE_CHECKING

from lxml import etree

from feeds.formats import FILES, address

if TYPE_CHECKING:
    from collections.abc import Sequence

    from feeds.model import Listed


def outline(title: str, feeds: Sequence[Listed]) -> bytes:
    """The subscription list of `feeds`; JSON-only feeds stand in it too, as readers detect them."""
    root = etree.Element("opml", version="2.0")
    head = etree.SubElement(root, "head")
    etree.SubElement(head, "title").text = title
    if feeds:
        newest = max(feed.updated for feed in feeds)
        etree.SubElement(head, "dateModified").text = format_datetime(newest, usegmt=True)
    body = etree.SubElement(root, "body")
    for feed in feeds:
        form = next(form for form in FILES if form in feed.formats)
        outline = etree.SubElement(body, "outline", type="rss", text=feed.title, title=feed.title)
        outline.set("xmlUrl", address(feed, form))
        outline.set("htmlUrl", feed.home)
        outline.set("language", feed.language)
        if feed.subtitle:
            outline.set("description", feed.subtitle)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)

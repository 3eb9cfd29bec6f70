"""Atom 1.0 (RFC 4287) and RSS 2.0, by feedgen.

The only door to feedgen, which leaves out or gets wrong much of what a feed with pictures needs;
so it writes the skeleton, and two extensions of ours write the rest: every link of a feed and of
its entries, enclosures, Media RSS, languages, Dublin Core names.  feedgen switches the process's
locale for each RSS date: rendering belongs in one thread.
"""

from __future__ import annotations

import re
from functools import lru_cache
from html import escape
from typing import TYPE_CHECKING, cast

from lxml import etree

from feeds import cadence
from feeds.formats import FILES, HOME, SOFTWARE, VERSION, address
from feeds.formats.links import above, page_of
from feeds.later import postponed

with postponed("dateutil.parser"):  # it is told dates, no texts of dates
    from feedgen.ext.base import BaseEntryExtension, BaseExtension
    from feedgen.feed import FeedGenerator

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

    from feeds.model import Enclosure, Entry, Feed

ATOM = "{http://www.w3.org/2005/Atom}"
MEDIA = "{http://search.yahoo.com/mrss/}"
HISTORY = "{http://purl.org/syndication/history/1.0}"
DC = "{http://purl.org/dc/elements/1.1/}"
_MARKUP = re.compile(r"<[A-Za-z/!?]|&#?\w+;")
SY = "{http://purl.org/rss/1.0/modules/syndication/}"
LANG = "{http://www.w3.org/XML/1998/namespace}lang"


def atom(feed: Feed) -> bytes:
    """The feed as an Atom document."""
    return cast("bytes", _generator(feed).atom_str())


def rss(feed: Feed) -> bytes:
    """The feed as an RSS document."""
    return cast("bytes", _generator(feed).rss_str())


@lru_cache(maxsize=1)  # both formats are written from one
def _generator(feed: Feed) -> FeedGenerator:
    made = FeedGenerator()
    made.register_extension("ours", _FeedParts, _EntryParts)
    made.ours.feed = feed
    made.id(feed.id)
    made.title(feed.title)
    made.link(href=feed.home, rel="alternate", type="text/html")  # the last link is RSS's <link>
    made.subtitle(feed.subtitle or feed.title)
    made.description(feed.subtitle or feed.title)
    made.language(feed.language)
    made.author({"name": feed.author, "email": feed.email} if feed.email else {"name": feed.author})
    made.updated(feed.updated)
    made.generator(SOFTWARE, version=VERSION, uri=HOME)
    if feed.rights:
        made.rights(feed.rights)
    if feed.icon:
        made.icon(feed.icon)
    if feed.logo:
        made.logo(feed.logo)
    for entry in feed.entries:
        item = made.add_entry(order="append")
        item.ours.entry, item.ours.feed = entry, feed
        item.id(entry.id)
        item.title(entry.title)
        item.link(href=page_of(entry, feed))
        item.published(entry.published)
        item.updated(entry.updated)
        item.summary(entry.summary or entry.title)
        if feed.full and entry.content:
            item.content(entry.content, type="html")
        for name in entry.authors:
            item.author({"name": name})
        for term in entry.categories:
            item.category({"term": term})
    return made


class _FeedParts(BaseExtension):  # type: ignore[misc]  # feedgen has no types
    """What feedgen does not write of a feed."""

    feed: Feed

    def extend_ns(self) -> dict[str, str]:
        return {"media": MEDIA[1:-1], "dc": DC[1:-1]}

    def extend_atom(self, root: Element) -> Element:
        # feedgen's Atom elements are in no namespace while it builds them: xmlns is an attribute.
        _stylesheet(root, self.feed)
        _links(root, "link", self.feed, "atom")
        return root

    def extend_rss(self, root: Element) -> Element:
        _stylesheet(root, self.feed)
        channel = root[0]
        channel.set(LANG, self.feed.language)
        if self.feed.period:
            _updates(channel, self.feed.period)
        _links(channel, f"{ATOM}link", self.feed, "rss")
        return root


class _EntryParts(BaseEntryExtension):  # type: ignore[misc]  # nor here
    """What feedgen does not write of an entry."""

    feed: Feed
    entry: Entry

    def extend_atom(self, element: Element) -> Element:
        entry = self.entry
        link = next(element.iterchildren("link"))
        link.set("rel", "alternate")  # feedgen 1.0 loses rel, type and length of an entry's links
        link.set("type", "text/html")
        if entry.language and entry.language != self.feed.language:
            element.set(LANG, entry.language)
        for content in element.iterchildren("content"):
            content.set(LANG, entry.language or self.feed.language)
        for enclosure in entry.enclosures:
            told = {"rel": "enclosure", "type": enclosure.media_type, "href": enclosure.url}
            if enclosure.length:
                told["length"] = str(enclosure.length)
            etree.SubElement(element, "link", told)
        self._media(element)
        return element

    def extend_rss(self, item: Element) -> Element:
        entry = self.entry
        # A description is HTML to every reader, so the plain text of a summary is written as such;
        # a title is plain text to some and HTML to others, which matters only where it looks so.
        _text(item, "description", escape(entry.summary or entry.title, quote=False))
        if _MARKUP.search(entry.title):
            _text(item, "title", escape(entry.title, quote=False))
        for name in entry.authors or (self.feed.author,):
            etree.SubElement(item, f"{DC}creator").text = name
        etree.SubElement(item, f"{DC}language").text = entry.language or self.feed.language
        etree.SubElement(item, f"{ATOM}updated").text = entry.updated.isoformat()
        for enclosure in entry.enclosures[:1]:  # the RSS profile allows one: the lead picture
            length = str(enclosure.length)  # "0" where unknown, by the same profile
            told = {"url": enclosure.url, "length": length, "type": enclosure.media_type}
            etree.SubElement(item, "enclosure", told)
        self._media(item)
        return item

    def _media(self, element: Element) -> None:
        # Without summary and content both present, feedparser takes a description for the content.
        described = self.feed.full and bool(self.entry.content)
        for enclosure in self.entry.enclosures:
            _content(element, enclosure, described=described)


def _text(item: Element, name: str, text: str) -> None:
    for part in item.iterchildren(name):
        part.text = text


def _content(element: Element, enclosure: Enclosure, *, described: bool) -> None:
    """One media:content (Media RSS 1.5.1) with what is known of the picture."""
    told = {"url": enclosure.url, "medium": "image", "type": enclosure.media_type}
    if enclosure.length:
        told["fileSize"] = str(enclosure.length)
    if enclosure.width and enclosure.height:
        told |= {"width": str(enclosure.width), "height": str(enclosure.height)}
    part = etree.SubElement(element, f"{MEDIA}content", told)
    if described and enclosure.title:
        etree.SubElement(part, f"{MEDIA}description", type="plain").text = enclosure.title


def _updates(channel: Element, period: int) -> None:
    """How often it is worth asking, in the two ways that readers know."""
    name, times = cadence.update_period(period)
    names = {"sy": SY[1:-1]}
    etree.SubElement(channel, "ttl").text = str(max(1, period // 60))
    etree.SubElement(channel, f"{SY}updatePeriod", nsmap=names).text = name
    etree.SubElement(channel, f"{SY}updateFrequency", nsmap=names).text = str(times)


def _stylesheet(root: Element, feed: Feed) -> None:
    told = f'type="text/css" href="{above(feed)}style.css"'
    root.addprevious(etree.ProcessingInstruction("xml-stylesheet", told))


def _links(parent: Element, tag: str, feed: Feed, form: str) -> None:
    """Every link of a feed to a document: to itself, to its hubs, to the rest of it.

    RFC 4287 §4.2.7.2, WebSub §4 and RFC 5005 §4.
    """
    link = etree.SubElement(parent, tag, rel="self", type=FILES[form][1])
    link.set("href", address(feed, form))
    for hub in feed.hubs:
        etree.SubElement(parent, tag, rel="hub", href=hub)
    file, media_type = FILES[form]
    rest = {"current": feed.current, "prev-archive": feed.previous, "next-archive": feed.following}
    for rel, folder in rest.items():
        if folder:
            link = etree.SubElement(parent, tag, rel=rel, type=media_type)
            link.set("href", folder + file)
    if feed.current:
        etree.SubElement(parent, f"{HISTORY}archive", nsmap={"fh": HISTORY[1:-1]})

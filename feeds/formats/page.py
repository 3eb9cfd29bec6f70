"""HTML pages for people: one for each feed, and the index of all; no script, no template language.

They hold the same data as the feeds.  What comes from articles is escaped, but for the content of
an entry, which `article` has made safe.
"""

from __future__ import annotations

import os
from datetime import UTC
from html import escape
from typing import TYPE_CHECKING

from feeds.formats import FILES, NAMES, SOFTWARE, VERSION, address
from feeds.formats.links import above, anchor, page_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from feeds.model import Enclosure, Entry, Feed, Listed
    from feeds.tables import Site

MADE = f'<meta name="generator" content="{SOFTWARE} '  # stands in every page
_RIGHT_TO_LEFT = frozenset(
    ("ar", "arc", "ckb", "dv", "fa", "he", "iw", "ks", "ps", "sd", "ug", "ur", "yi")
)


def feed(feed: Feed) -> bytes:
    """The page of one feed: how to subscribe, and its entries."""
    current = feed._replace(home=feed.current) if feed.current else feed
    body = [
        "<header>",
        f'<p class="site"><a href="{above(feed)}index.html">{escape(feed.site_title)}</a></p>',
        f'<h1 dir="auto">{escape(feed.title)}</h1>',
        f'<p dir="auto">{escape(feed.subtitle)}</p>' if feed.subtitle else "",
        _addresses(current, above(feed)[3:] if feed.current else ""),
        "</header>",
        "<main>",
        *(_entry(entry, feed) for entry in feed.entries),
        '<p class="none">There are no articles yet.</p>' if not feed.entries else "",
        "</main>",
        _rest(feed),
    ]
    return _page(feed.title, feed.language, [current], f"{above(feed)}style.css", body, feed.icon)


def _rest(feed: Feed) -> str:
    """Links to the pages with the rest of the feed."""
    rest = {"Newest": feed.current, "Newer": feed.following, "Older": feed.previous}
    base = feed.current or feed.home  # which all of them lie in
    here = "../../" if feed.current else ""
    links = (
        f'<a href="{here}{escape(folder.removeprefix(base))}index.html">{name}</a>'
        for name, folder in rest.items()
        if folder
    )
    told = " · ".join(links)
    return f'<p class="rest" lang="en" dir="ltr">{told}</p>' if told else ""


def index(site: Site, feeds: Sequence[Listed]) -> bytes:
    """The page that lists all feeds."""
    body = [
        "<header>",
        f'<h1 dir="auto">{escape(site.title)}</h1>',
        f'<p dir="auto">{escape(site.description)}</p>' if site.description else "",
        "<p>Each of these can be followed in a feed reader. All at once:"
        ' <a href="feeds.opml">feeds.opml</a>, which readers import.</p>' if feeds else "",
        "</header>",
        "<main>",
        *(_listed(feed) for feed in feeds),
        '<p class="none">There are no feeds yet.</p>' if not feeds else "",
        "</main>",
    ]  # fmt: skip
    return _page(site.title, site.language, feeds, "style.css", body, site.icon)


def _listed(feed: Listed) -> str:
    folder = escape(f"{feed.home.rstrip('/').rpartition('/')[2]}/")
    entries = f"{feed.entries} article{'' if feed.entries == 1 else 's'}"
    newest = f", {_when(feed.updated)}" if feed.entries else ""
    return "\n".join((
        f'<section class="feed" lang="{escape(feed.language)}">',
        f'<h2 dir="auto"><a href="{folder}index.html">{escape(feed.title)}</a></h2>',
        f'<p dir="auto">{escape(feed.subtitle)}</p>' if feed.subtitle else "",
        f'<p class="meta" lang="en" dir="ltr">{entries}{newest}</p>',
        _addresses(feed, folder),
        "</section>",
    ))  # fmt: skip


def _addresses(feed: Feed | Listed, folder: str) -> str:
    """The feed's addresses, each of which one click selects and one copies.

    The links are relative, so that they also work where the pages are looked at before they are
    published; `folder` is the feed's, as seen from the page.
    """
    rows = (
        f'<li><a href="{folder}{FILES[form][0]}" type="{FILES[form][1]}">{NAMES[form]}</a>'
        f" <code>{escape(address(feed, form))}</code></li>"
        for form in feed.formats
    )
    return f'<ul class="addresses" lang="en" dir="ltr">\n{chr(10).join(rows)}\n</ul>'


def _entry(entry: Entry, feed: Feed) -> str:
    language = entry.language or feed.language
    names = dict.fromkeys(filter(None, (*entry.authors, entry.source)))
    by = f" · {escape(', '.join(names))}" if names else ""
    changed = (
        f", updated {_when(entry.updated)}" if (entry.updated - entry.published).days >= 1 else ""
    )
    image = _thumbnail(entry.enclosures[0], feed) if entry.enclosures and entry.link else ""
    told = (
        f'<p dir="auto">{escape(entry.summary)}</p>'
        if entry.link
        else f'<div class="content" dir="auto">{_beside(entry.content, feed)}</div>'
    )
    tags = "".join(f"<li>{escape(term)}</li>" for term in entry.categories)
    return "\n".join(filter(None, (
        f'<article id="{anchor(entry)}" lang="{escape(language)}"{_direction(language)}>',
        image,
        f'<h2 dir="auto"><a href="{escape(page_of(entry, feed))}">{escape(entry.title)}</a></h2>',
        f'<p class="meta">{_when(entry.published)}{changed}{by}</p>',
        told,
        f'<ul class="tags" dir="auto">{tags}</ul>' if tags else "",
        "</article>",
    )))  # fmt: skip


def _direction(language: str) -> str:
    right_to_left = language.partition("-")[0].lower() in _RIGHT_TO_LEFT
    return ' dir="rtl"' if right_to_left else ' dir="ltr"'


def _beside(markup: str, feed: Feed) -> str:
    """Markup whose pictures in our own site are named as seen from the page."""
    return markup.replace(f' src="{escape(feed.site)}', f' src="{above(feed)}')


def _thumbnail(enclosure: Enclosure, feed: Feed) -> str:
    size = (
        f' width="{enclosure.width}" height="{enclosure.height}"'
        if enclosure.width and enclosure.height
        else ""
    )
    image = (
        f'<img class="lead" src="{escape(enclosure.url)}" alt="{escape(enclosure.title)}"{size}'
        ' loading="lazy" referrerpolicy="no-referrer">'
    )
    return _beside(image, feed)


def _when(moment: datetime) -> str:
    moment = moment.astimezone(UTC)
    return f'<time dir="ltr" datetime="{moment.isoformat()}">{moment:%Y-%m-%d %H:%M} UTC</time>'


def _page(
    title: str,
    language: str,
    feeds: Iterable[Feed | Listed],
    style: str,
    body: Iterable[str],
    icon: str,
) -> bytes:
    links = (
        f'<link rel="alternate" type="{FILES[form][1]}" href="{escape(address(feed, form))}"'
        f' title="{escape(feed.title)} ({NAMES[form]})">'
        for feed in feeds
        for form in feed.formats
    )
    lines = (
        "<!DOCTYPE html>",
        f'<html lang="{escape(language)}"{_direction(language)}>',
        "<head>",
        '<meta charset="utf-8">',
        f"<title>{escape(title)}</title>",
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        f'{MADE}{VERSION}">',
        f'<link rel="stylesheet" href="{style}">',
        f'<link rel="icon" href="{escape(icon)}">' if icon else '<link rel="icon" href="data:,">',
        *links,
        "</head>",
        "<body>",
        *body,
        "</body>",
        "</html>",
    )
    return ("\n".join(filter(None, lines)) + "\n").encode()


def style() -> bytes:
    """The stylesheet of the pages, and of the feeds where a browser shows their XML."""
    with open(os.path.join(os.path.dirname(__file__), "style.css"), "rb") as file:
        return file.read()

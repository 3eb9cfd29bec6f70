"""A published document -> the entries that stand in it, whatever the format."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from hashlib import blake2b
from html import unescape
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from feeds.formats.proof import ATOM
from feeds.model import FeedsError, Standing

if TYPE_CHECKING:
    from collections.abc import Iterator


def entries(body: bytes, shown: str) -> list[Standing]:
    """The entries of an Atom, RSS or JSON feed in their order.

    Raises FeedsError, which names the document as `shown`, when it is none of these.
    """
    try:
        if body.lstrip()[:1] == b"{":
            return list(_json(body))
        root = ET.fromstring(body)
        return list(_rss(root) if root.tag == "rss" else _atom(root))
    except (ET.ParseError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise FeedsError(f"{shown}: it can't be read as a feed: {error}") from None


def _atom(root: ET.Element) -> Iterator[Standing]:
    if root.tag != f"{ATOM}feed":
        raise ValueError(f"its root is {root.tag}")
    for element in root.findall(f"{ATOM}entry"):
        link = next(
            (e.get("href", "") for e in element.findall(f"{ATOM}link")
             if e.get("rel", "alternate") == "alternate"), "",
        )  # fmt: skip
        updated = element.findtext(f"{ATOM}updated") or ""
        text = element.findtext(f"{ATOM}content") or element.findtext(f"{ATOM}summary") or ""
        yield _standing(
            element.findtext(f"{ATOM}id") or "",
            element.findtext(f"{ATOM}title") or "",
            link,
            _moment(element.findtext(f"{ATOM}published") or updated),
            _moment(updated),
            text,
        )


def _rss(root: ET.Element) -> Iterator[Standing]:
    for element in root.findall("channel/item"):
        link = element.findtext("link") or ""
        stated = element.findtext("pubDate")
        published = int(parsedate_to_datetime(stated).timestamp()) if stated else 0
        updated = element.findtext(f"{ATOM}updated")
        content = "{http://purl.org/rss/1.0/modules/content/}encoded"
        yield _standing(
            element.findtext("guid") or "",
            unescape(element.findtext("title") or ""),
            link,
            published,
            _moment(updated) if updated else published,
            element.findtext(content) or element.findtext("description") or "",
        )


def _json(body: bytes) -> Iterator[Standing]:
    for item in json.loads(body)["items"]:
        published = item.get("date_published") or item.get("date_modified") or ""
        text = item.get("content_html") or item.get("content_text") or ""
        yield _standing(
            str(item["id"]), item.get("title", ""), item.get("url", ""), _moment(published),
            _moment(item.get("date_modified") or published), text,
        )  # fmt: skip


def _standing(id_: str, title: str, link: str, published: int, updated: int, text: str) -> Standing:
    says = blake2b(text.encode("utf-8", "replace"), digest_size=8).hexdigest()
    # Without an id, readers go by the address; without that, by what stands in it.
    told = id_.strip() or link.strip() or f"{title} {says}"
    return Standing(told, title, link.strip(), published, updated, says)


def _moment(text: str) -> int:
    if not text:
        return 0
    moment = datetime.fromisoformat(text.strip())
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())

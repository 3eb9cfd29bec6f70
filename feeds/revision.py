"""What an article says, so that a real change can be told from noise.

Only the text, the link and the lead picture count.  Markup, typography (`text.wording`), the scheme
and host of an address, picture proxies and tracking parameters are noise: a reader sees the same.
"""

from __future__ import annotations

import re
from functools import cache
from hashlib import blake2b
from html import unescape
from typing import TYPE_CHECKING

from feeds import urls
from feeds.model import digest
from feeds.text import wording

if TYPE_CHECKING:
    from collections.abc import Callable

    from feeds.config import Config
    from feeds.model import Article, Heading

_TAGS = re.compile(r"<[^<>]*>")
_BLOCK = re.compile(r"</(?:p|div|li|h[1-6]|blockquote|pre|figcaption|td|th|dt|dd)>|<(?:br|hr) ?/>")
READING = 2  # raised whenever the same seed and configuration would have another `fingerprint`


def fingerprint(heading: Heading, article: Article) -> str:
    """Stands for what a reader sees of an article; equal as long as nothing really changed."""
    lead = next((p for p in article.pictures if not p.minor), None)
    parts = (
        wording(heading.title),
        article.digest,
        _place(heading.link),
        (lead.file.rpartition("/")[2] or _place(lead.url).partition("?")[0]) if lead else "",
    )
    return blake2b("\n".join(parts).encode("utf-8", "replace"), digest_size=12).hexdigest()


def reading(config: Config) -> Callable[[Heading], str]:
    """What stands for how an article's text is read: where that is another, so may be the text.

    Nothing counts but what decides the `fingerprint` of this one article.
    """

    @cache
    def of(folder: str) -> str:
        source, content = config.source(folder), config.content
        return digest(
            READING, source.encoding, source.trim, content.boilerplate, content.remove,
            config.images.unwrap,
        )[:8]  # fmt: skip

    return lambda heading: of(heading.source)


def _place(url: str) -> str:
    """An address without its host: a site that moves says nothing new."""
    return urls.key(url).partition("/")[2] if url else ""


def words(title: str, content: str) -> str:
    """What an article says as plain text: its title, and each block on a line of its own."""
    flat = unescape(_TAGS.sub("", _BLOCK.sub("\n", content.replace("\n", " "))))
    lines = (" ".join(line.split()) for line in flat.split("\n"))
    return "\n".join((title, *filter(None, lines)))

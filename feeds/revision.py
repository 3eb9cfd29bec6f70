"""What an article says, so that a real change can be told from noise, and shown.

Only words, the link and the lead picture count.  Markup, white space, letter case, the scheme and
host of an address, picture proxies and tracking parameters are noise: a reader sees the same.
"""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from hashlib import blake2b
from html import escape, unescape
from typing import TYPE_CHECKING

from feeds import urls
from feeds.text import bare

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from feeds.model import Article, Heading

_TAGS = re.compile(r"<[^<>]*>")
_SHINGLE = 12  # characters
_SKETCH = 64  # of them are kept


def fingerprint(heading: Heading, article: Article) -> str:
    """Stands for what a reader sees of an article; equal as long as nothing really changed."""
    lead = next((p for p in article.pictures if not p.minor), None)
    said = (
        bare(heading.title),
        article.digest,
        _place(heading.link),
        (lead.file.rpartition("/")[2] or _place(lead.url).partition("?")[0]) if lead else "",
    )
    return blake2b("\n".join(said).encode("utf-8", "replace"), digest_size=12).hexdigest()


def _place(url: str) -> str:
    """An address without its host: a site that moves says nothing new."""
    return urls.key(url).partition("/")[2] if url else ""


def sketch(text: str) -> frozenset[int]:
    """A few numbers that two texts share in the measure in which they share their words."""
    words = bare(_TAGS.sub(" ", text)).encode("utf-8", "replace")
    found = {
        int.from_bytes(blake2b(words[n : n + _SHINGLE], digest_size=6).digest(), "big")
        for n in range(max(1, len(words) - _SHINGLE + 1))
    }
    return frozenset(sorted(found)[:_SKETCH])


def likeness(one: frozenset[int], other: frozenset[int]) -> float:
    """How much of their text two sketches say is shared, from 0 to 1."""
    both = sorted(one | other)[:_SKETCH]
    return sum(1 for value in both if value in one and value in other) / len(both)


# --- the change itself ----------------------------------------------------------------------------

# Scripts that are written without spaces between words are compared by letters: each with its
# marks, and in Thai and Lao with the vowel that is written before it.
_UNSPACED = (
    "\u0e01-\u0e2e\u0e81-\u0eae\u1000-\u103f\u1780-\u17b3\u2e80-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)
_SIGNS = (
    "\u0300-\u036f\u0e30-\u0e3a\u0e45-\u0e4e\u0eb0-\u0ebc\u0ec6-\u0ece\u102b-\u103e\u17b4-\u17d3"
    "\ufe0e\ufe0f"
)
_TOKEN = re.compile(
    rf"[\u0e40-\u0e44\u0ec0-\u0ec4]?[{_UNSPACED}][{_SIGNS}]*"
    rf"|(?:(?![{_UNSPACED}])[\w{_SIGNS}\u0900-\u0dff’'])+|\s+|."
)
_BLOCK = re.compile(r"</(?:p|div|li|h[1-6]|blockquote|pre|figcaption|td|th|dt|dd)>|<(?:br|hr) ?/>")
_LARGE = 6_000_000  # pairs of words; more are compared by whole paragraphs


def words(title: str, content: str) -> str:
    """What an article says as plain text: its title, and each block on a line of its own."""
    flat = unescape(_TAGS.sub("", _BLOCK.sub("\n", content.replace("\n", " "))))
    lines = (" ".join(line.split()) for line in flat.split("\n"))
    return "\n".join((title, *filter(None, lines)))


def difference(old: str, new: str) -> str:
    """The paragraphs in which two texts differ, as HTML with <del> and <ins>."""
    before, after = old.split("\n"), new.split("\n")
    written = []
    for kind, a, b, c, d in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if kind == "equal":
            written.append("<p>…</p>")
        else:
            written.extend(_paragraphs("\n".join(before[a:b]), "\n".join(after[c:d])))
    return "\n".join(written)


def _paragraphs(old: str, new: str) -> Iterator[str]:
    a, b = _TOKEN.findall(old), _TOKEN.findall(new)
    marked = "".join(_marked(a, b)) if len(a) * len(b) <= _LARGE else _deleted(old) + _inserted(new)
    yield from (f"<p>{part}</p>" for part in marked.split("\n") if part)


def _marked(old: Sequence[str], new: Sequence[str]) -> Iterator[str]:
    for kind, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            yield escape("".join(new[c:d]), quote=False)
        else:
            yield _deleted("".join(old[a:b])) + _inserted("".join(new[c:d]))


def _deleted(text: str) -> str:
    return _tagged("del", text)


def _inserted(text: str) -> str:
    return _tagged("ins", text)


def _tagged(tag: str, text: str) -> str:
    """The text in a tag, which ends and begins anew where a paragraph does."""
    parts = (f"<{tag}>{escape(p, quote=False)}</{tag}>" if p else "" for p in text.split("\n"))
    return "\n".join(parts)

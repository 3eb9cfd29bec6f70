"""What was changed in a text, as HTML that shows it."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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
_LARGE = 6_000_000  # pairs of words; more are compared by whole paragraphs


def shown(old: str, new: str) -> str:
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

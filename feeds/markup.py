"""A tree of elements -> HTML that may stand in any page, written anew from what is allowed.

Whatever is not known to be harmless can't get through, as nothing is copied.  Raw-text elements
(`style`, `xmp`, `textarea`, …) are never written: without those, what a browser makes of the markup
is what was written here.
"""

from __future__ import annotations

import re
from datetime import UTC
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from feeds import dates, urls
from feeds.elements import (
    ATTRIBUTES,
    BLOCKS,
    CELLS,
    CONTAINERS,
    DROPPED,
    HEADINGS,
    INLINE,
    RENAMED,
    ROWS,
    Tag,
    attribute,
    brief,
    every,
    first,
    holds_blocks,
    holds_text,
    invisible,
    is_text,
    well_made,
)  # fmt: skip
from feeds.illustrations import stands_in
from feeds.text import bare, clean, flowed, line

if TYPE_CHECKING:
    from collections.abc import Callable

    from feeds.illustrations import Illustrations
    from feeds.model import Picture

MAX_DEPTH = 100  # below it only text and pictures are kept; each level is a Python frame

_STAYS_EMPTY = frozenset(("td", "th", "tr"))
LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*\Z")
_SCHEME = re.compile(r"\s*([A-Za-z][A-Za-z0-9+.-]*):")
_DATED = re.compile(r"\d{4}")
_SPACES = re.compile(r" [ \t\n\f]+|[\t\n\f][ \t\n\f]*")  # but for a lone space, which may stay
_EMBED = re.compile(r"/embed/([\w-]{6,})\Z")


class Writer:
    """Writes the allowed part of a tree, and keeps what it meets on the way."""

    def __init__(self, title: str, base: str, illustrations: Illustrations) -> None:
        self.pictures: dict[str, Picture] = {}  # by URL, in the order of their appearance
        self.texts: list[tuple[str, str]] = []  # (block element, its text)
        self.deep = False  # some of it was nested too deep
        self._title = bare(title)
        self._base = base
        self._illustrations = illustrations
        self._captions: set[int] = set()  # ids of elements whose words the lead picture carries
        self._out: list[str] = []
        self._text: list[str] = []  # of the block that is being written
        self._block = "div"
        self._mass = 0  # how much was written that can be seen
        self._spaced = True  # one more space would mean nothing here
        self._begun = False  # the block has text or a picture
        self._spoken = False  # some text was written
        self._special: dict[str, Callable[[Tag, int], None]] = {
            "img": self._picture, "picture": self._picture, "br": self._break, "hr": self._rule,
            "wbr": self._opportunity, "iframe": self._frame, "video": self._media,
            "audio": self._media, "noscript": self._fallback, "time": self._time,
        }  # fmt: skip
        self._preformatted = self._tables = self._heading = self._links = 0  # how deep inside

    def html(self) -> str:
        """What was written."""
        self._flush()
        return "".join(self._out).strip()

    def children(self, parent: Tag, depth: int) -> None:
        """Write what is in `parent`, which lies `depth` elements deep."""
        if depth > MAX_DEPTH:
            self.deep = True
            self._flat(parent)
            return
        for child in parent.contents:
            if isinstance(child, Tag):
                self._tag(child, depth)
            elif is_text(child):
                self._string(str(child))

    def _flat(self, parent: Tag) -> None:
        """Write only the text and the pictures in `parent`, however deep they lie."""
        waiting = [parent.children]
        while waiting:
            node = next(waiting[-1], None)
            if node is None:
                waiting.pop()
            elif is_text(node):
                self._string(str(node))
            elif isinstance(node, Tag) and node.name == "img":
                self._picture(node, 0)
            elif isinstance(node, Tag) and node.name not in DROPPED and not invisible(node):
                waiting.append(node.children)

    def _tag(self, tag: Tag, depth: int) -> None:
        name = RENAMED.get(tag.name, tag.name)
        if name in DROPPED or id(tag) in self._captions or invisible(tag):
            return
        if name in self._special:
            self._special[name](tag, depth)
        elif self._heading and name in HEADINGS:  # headings don't nest
            self._break()
            self.children(tag, depth + 1)
        elif name in BLOCKS or name in CONTAINERS:
            if self._spoken or not self._repeats(tag):
                self._element(self._fitting(name, tag), tag, depth)
        elif name in INLINE:
            self._inline(name, tag, depth)
        else:
            self.children(tag, depth + 1)

    def _rule(self, tag: Tag, depth: int) -> None:
        self._edge()
        self._out.append("<hr />")

    def _opportunity(self, tag: Tag, depth: int) -> None:
        self._out.append("<wbr />")

    def _fallback(self, noscript: Tag, depth: int) -> None:
        if not self._shown_before(noscript):
            self.children(noscript, depth + 1)

    def _time(self, tag: Tag, depth: int) -> None:
        """Text like any other, but for a line before all text: the entry's date says that."""
        below = tag.next_sibling
        while is_text(below) and not below.strip():
            below = below.next_sibling
        if self._spoken or is_text(below) or (isinstance(below, Tag) and below.name in INLINE):
            self.children(tag, depth + 1)

    def _shown_before(self, noscript: Tag) -> bool:
        """Whether what a <noscript> falls back to is the picture right before it."""
        before = noscript.find_previous_sibling()
        return (
            before is not None
            and before.name in {"img", "picture"}
            and not stands_in(before)
            and bool(self._illustrations.address(before)[0])
        )

    def _fitting(self, name: str, tag: Tag) -> str:
        """The element to write for a block, so that HTML's own rules leave it there; "" for none.

        A <p> ends where another block begins, and parts of a table have no meaning outside of a
        well-made one (HTML §13.2.6).
        """
        if name in CONTAINERS:
            return "div" if holds_text(tag) else ""
        if name == "p" and holds_blocks(tag):
            return "div"
        if name == "table" and not well_made(tag):
            return ""
        if (name in ROWS or name in CELLS) and not self._tables:
            return "div" if name in CELLS else ""
        return name

    def _repeats(self, tag: Tag) -> bool:
        """Whether a block before all text only says what the entry's title, date or author says."""
        text = brief(tag)
        if not text:
            return False
        words = bare(text)
        if tag.name == "address" or words == self._title:
            return True
        if tag.name in {"h1", "h2"} and len(words) > 4 and self._title.startswith(words):
            return True
        label, _, stated = text.replace("：", ":").partition(":")
        return bool(_DATED.search(text)) and any(
            dates.read("", part, UTC).instant is not None
            for part in (text, *([stated] if len(label) <= 12 else []))
        )

    def _element(self, name: str, tag: Tag, depth: int) -> None:
        self._edge()
        start, mass, block = len(self._out), self._mass, self._block
        self._block = name or block
        if name:
            self._out.append(f"<{name}{_attributes(name, tag)}>")
        self._preformatted += name == "pre"
        self._tables += name == "table"
        self._heading += name in HEADINGS
        self.children(tag, depth + 1)
        self._preformatted -= name == "pre"
        self._tables -= name == "table"
        self._heading -= name in HEADINGS
        self._edge()
        self._block = block
        if self._mass == mass and name not in _STAYS_EMPTY:
            del self._out[start:]
        elif name:
            self._out.append(f"</{name}>")

    def _inline(self, name: str, tag: Tag, depth: int) -> None:
        opening = f"<{name}{_attributes(name, tag)}>"
        if name == "a":
            address = self._link(attribute(tag, "href"))
            if not address or self._links:
                self.children(tag, depth + 1)
                return
            opening = f'<a href="{escape(address)}">'
        start, mass = len(self._out), self._mass
        self._out.append(opening)
        self._links += name == "a"
        self.children(tag, depth + 1)
        self._links -= name == "a"
        if self._mass == mass:
            del self._out[start:]
            return
        space = not self._preformatted and self._out[-1].endswith(" ")
        if space:  # "<b>word </b>" is "<b>word</b> "
            self._out[-1] = self._out[-1][:-1]
        self._out.append(f"</{name}> " if space else f"</{name}>")

    def _string(self, string: str) -> None:
        printable = string.isprintable()  # else it may hold what no feed may, by a reference
        if not printable:
            string = clean(string)
        self._text.append(string)
        if not self._preformatted:
            if "  " in string or not printable:  # else only lone spaces stand in it
                string = _SPACES.sub(" ", string)
            if self._spaced:
                string = string.lstrip(" ")
            if not string:
                return
            self._spaced = string[-1] == " "
        self._out.append(escape(string, quote=False))
        if not string.isspace():
            self._begun = True
            self._mass += 1
            self._spoken = True

    def _seen(self) -> None:
        """Something was written that can be seen, and is no text."""
        self._spaced = False
        self._begun = True
        self._mass += 1

    def _break(self, tag: Tag | None = None, depth: int = 0) -> None:
        self._text.append("\n ")
        if self._begun and self._out[-2:] != ["<br />", "<br />"]:
            self._out[-1] = self._out[-1].rstrip(" ")
            self._out.append("<br />")
            self._spaced = True

    def _edge(self) -> None:
        """A block begins or ends here: what was said until now is one text."""
        if self._text:
            self._flush()
        out = self._out
        if not self._preformatted:
            while out and (out[-1] == "<br />" or out[-1].isspace()):
                out.pop()
            if out:
                out[-1] = out[-1].rstrip(" ")
        self._spaced = True
        self._begun = False

    def _flush(self) -> None:
        text = flowed("".join(self._text))
        self._text.clear()
        if text:
            self.texts.append((self._block, text))

    # -- links, frames, media, pictures

    def _link(self, reference: str) -> str:
        scheme = _SCHEME.match(reference)
        if scheme and scheme[1].lower() == "mailto":
            return "mailto:" + clean(reference.strip()[7:]).replace(" ", "%20")
        return urls.normal(reference, self._base)

    def _frame(self, tag: Tag, depth: int) -> None:
        """A frame becomes a link to what it shows."""
        address = urls.normal(attribute(tag, "src") or attribute(tag, "data-src"), self._base)
        if not address:
            return
        parts = urlsplit(address)
        video = _EMBED.match(parts.path)
        if video and parts.netloc.removeprefix("www.") in {"youtube.com", "youtube-nocookie.com"}:
            address = f"https://www.youtube.com/watch?v={video[1]}"
        elif parts.netloc == "player.vimeo.com":
            address = f"https://vimeo.com{parts.path.removeprefix('/video')}"
        label = escape(line(attribute(tag, "title")) or urlsplit(address).netloc, quote=False)
        if self._out and self._out[-1].endswith("</a>"):  # two frames in a row, or a link and one
            self._break()
        self._out.append(label if self._links else f'<a href="{escape(address)}">{label}</a>')
        self._seen()

    def _media(self, tag: Tag, depth: int) -> None:
        sources = [tag, *every(tag, "source")]
        addresses = [urls.normal(attribute(s, "src"), self._base) for s in sources]
        address = next(filter(None, addresses), "")
        if not address:
            self.children(tag, depth + 1)
            return
        poster = urls.normal(attribute(tag, "poster"), self._base)
        shown = f' poster="{escape(poster)}"' if poster and tag.name == "video" else ""
        name = tag.name
        self._out.append(f'<{name} controls{shown} src="{escape(address)}"></{name}>')
        self._seen()

    def _picture(self, tag: Tag, depth: int) -> None:
        found = self._illustrations.read(tag if tag.name == "img" else first(tag, "img") or tag)
        if found is None:
            return
        picture, caption = found
        tip = ""
        if caption is not None and not self._spoken and not self.pictures:
            self._captions.add(id(caption))  # the lead picture carries its caption
            tip = f' title="{escape(picture.caption)}"'
        self.pictures.setdefault(picture.url, picture)
        told = escape(picture.alt or picture.caption)
        width, height = picture.width, picture.height
        high, wide = (f' height="{height}"', f' width="{width}"') if width and height else ("", "")
        # Attributes by the alphabet, and a closing slash: feedparser writes them so, and what its
        # users see is what was published, to the byte.
        self._out.append(f'<img alt="{told}"{high} src="{escape(picture.url)}"{tip}{wide} />')
        self._seen()


def _attributes(name: str, tag: Tag) -> str:
    """The attributes that mean something without the page the element stood on."""
    if not tag.attrs:
        return ""
    written = []
    for known in ATTRIBUTES.get(name, ()):
        value = attribute(tag, known)
        if known == "title" and value:
            written.append(f' title="{escape(line(value))}"')
        elif known == "reversed" and tag.has_attr("reversed"):
            written.append(" reversed")
        elif value.isascii() and value.isdigit() and len(value) < 6:
            written.append(f' {known}="{value}"')
    language = attribute(tag, "lang")
    if language and LANGUAGE.match(language):
        written.append(f' lang="{language}"')
    direction = attribute(tag, "dir").lower()
    if direction in {"ltr", "rtl", "auto"}:
        written.append(f' dir="{direction}"')
    return "".join(sorted(written))

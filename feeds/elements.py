"""HTML's elements, and what can be asked of a parsed one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeGuard

from feeds.soup import NavigableString, PreformattedString, Tag
from feeds.text import flow

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["NavigableString", "Tag"]

# What may be written.  Anything that stands in none of these is left out, its text kept.
BLOCKS = frozenset(
    "p blockquote ul ol li dl dt dd pre h1 h2 h3 h4 h5 h6 figure figcaption table thead tbody tfoot"
    " tr th td caption details summary".split()
)
CONTAINERS = frozenset(  # written as <div>, where they hold text of their own
    "div section article main header footer aside nav center fieldset form address hgroup search"
    " dialog body".split()
)
INLINE = frozenset(
    "a abbr b bdi bdo cite code del dfn em i ins kbd mark q rp rt ruby s samp small strong sub sup"
    " u var".split()
)
RENAMED = {"acronym": "abbr", "strike": "s", "tt": "code", "dir": "ul", "menu": "ul", "legend": "p"}
# What is left out with all that is in it.
DROPPED = frozenset(
    "script style template object embed applet frame frameset noframes input select textarea button"
    " option datalist meter progress svg math canvas map area link meta base title head basefont"
    " bgsound xmp plaintext noembed listing param track source rdf".split()
)
HEADINGS = frozenset("h1 h2 h3 h4 h5 h6".split())
CELLS = frozenset("td th caption".split())
ROWS = frozenset("tr thead tbody tfoot".split())
MEDIA = frozenset("img picture iframe video audio".split())
ATTRIBUTES = {
    "abbr": ("title",), "td": ("colspan", "rowspan"), "th": ("colspan", "rowspan"),
    "ol": ("start", "reversed"), "li": ("value",),
}  # fmt: skip
_BREAKING = frozenset((*BLOCKS, *CONTAINERS, "hr"))
_HIDDEN = re.compile(r"display\s*:\s*none", re.IGNORECASE)


def is_text(node: object) -> TypeGuard[NavigableString]:
    """Whether a node is text, and no comment, declaration or CDATA."""
    return isinstance(node, NavigableString) and not isinstance(node, PreformattedString)


def every(above: Tag, name: str) -> Iterator[Tag]:
    """All elements of a name below one."""
    return (node for node in above.descendants if isinstance(node, Tag) and node.name == name)


def first(above: Tag, name: str) -> Tag | None:
    return next(every(above, name), None)


def attribute(tag: Tag, name: str) -> str:
    value = tag.attrs.get(name, "")
    assert isinstance(value, str)  # as `soup` makes them
    return value


def pixels(tag: Tag, name: str) -> int:
    value = attribute(tag, name).strip().removesuffix("px")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 6 else 0


def invisible(tag: Tag) -> bool:
    if not tag.attrs:
        return False
    return "hidden" in tag.attrs or bool(_HIDDEN.search(attribute(tag, "style")))


def after(node: Tag) -> Tag | None:
    """The element that follows, with nothing but white space between."""
    for sibling in node.next_siblings:
        if isinstance(sibling, Tag):
            return sibling
        if str(sibling).strip():
            return None
    return None


def brief(tag: Tag, room: int = 300) -> str:
    """The text of a block that holds nothing else, and at most `room` of it; "" otherwise."""
    parts: list[str] = []
    for count, node in enumerate(tag.descendants):
        if count > 100:
            return ""
        if isinstance(node, Tag):
            if node.name in MEDIA:
                return ""
        elif is_text(node):
            room -= len(str(node))
            if room < 0:
                return ""
            parts.append(str(node))
    return flow("".join(parts))


def holds_text(tag: Tag) -> bool:
    """Whether a container itself holds text or pictures, rather than only other blocks."""
    for child in tag.children:
        if isinstance(child, Tag):
            if (
                child.name not in BLOCKS
                and child.name not in CONTAINERS
                and child.name not in DROPPED
            ):
                return True
        elif is_text(child) and str(child).strip():
            return True
    return False


def holds_blocks(tag: Tag) -> bool:
    waiting = [tag]
    while waiting:
        for child in waiting.pop().contents:
            if isinstance(child, Tag):
                if child.name in _BREAKING:
                    return True
                waiting.append(child)
    return False


def well_made(table: Tag) -> bool:
    """Whether a table holds only rows of cells, so that a browser moves nothing out of it."""

    def only(parent: Tag, allowed: frozenset[str]) -> bool:
        return all(
            child.name in allowed
            if isinstance(child, Tag)
            else not (is_text(child) and child.strip())
            for child in parent.children
        )

    parts = [child for child in table.children if isinstance(child, Tag)]
    groups = [part for part in parts if part.name in ROWS and part.name != "tr"]
    rows = [
        row
        for group in (table, *groups)
        for row in group.children
        if isinstance(row, Tag) and row.name == "tr"
    ]
    return (
        bool(rows)
        and only(table, ROWS | {"caption", "colgroup", "col"})
        and all(only(group, frozenset(("tr",))) for group in groups)
        and all(only(row, frozenset(("td", "th"))) for row in rows)
    )

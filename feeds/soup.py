"""Markup -> BeautifulSoup's tree of it, in a fraction of the time that its own builder takes.

libxml2 reads the markup, as for bs4's "lxml": the one parser whose time stays linear on hostile
markup.  It tells where every element begins and ends, the innermost end first, so that only links
are left to be made; what bs4's builder looks for besides, HTML has not.

The only door to BeautifulSoup.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lxml import etree

from feeds.later import postponed

with postponed("soupsieve", "charset_normalizer"):
    from bs4 import BeautifulSoup
    from bs4.builder import HTMLTreeBuilder
    from bs4.element import Comment, NavigableString, PreformattedString, ProcessingInstruction, Tag

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["BeautifulSoup", "NavigableString", "PreformattedString", "Tag", "soup_of"]

_SPACES = " \n\t\f\r"


def soup_of(markup: str) -> BeautifulSoup:
    """The tree of any markup; the value of every attribute is one string."""
    # To make a parser takes a third as long as to read an article, so it is used again; but not one
    # that was left halfway, as it would go on there, nor one that another thread is using.
    try:
        builder = _IDLE.pop()
    except IndexError:
        builder = _Builder()
    soup = BeautifulSoup(markup, builder=builder)
    _IDLE.append(builder)
    return soup


class _Element(Tag):
    """An element; what bs4 would write into each is the same in all of them."""

    namespace = prefix = parser_class = sourceline = sourcepos = None
    can_be_empty_element = cdata_list_attributes = preserve_whitespace_tags = None
    hidden = known_xml = _decomposed = False
    interesting_string_types = Tag.MAIN_CONTENT_STRING_TYPES

    def __init__(self, name: str, attributes: dict[str, Any]) -> None:
        self.name = name
        self.attrs = attributes
        self.contents = []


class _Builder(HTMLTreeBuilder):
    """Makes the tree from what the parser tells, in the order in which it does."""

    def __init__(self) -> None:
        super().__init__()
        target: Any = self
        self._parser = etree.HTMLParser(target=target)

    def feed(self, markup: Any) -> None:
        """Fill the soup."""
        self._at: Any = self.soup  # the element that is open
        self._last: Any = self.soup  # the node that was made last
        self._text: list[str] = []  # read since
        self._kinds: list[type[NavigableString]] = [NavigableString]  # of text, by what is open
        self._verbatim = 0  # how many open elements keep white space
        self._parser.feed(markup)
        self._parser.close()
        self._at = self._last = None

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        """An element begins."""
        self._say()
        element = _Element(name, dict(attributes) if attributes else {})
        self._add(element)
        self._at = element
        self._verbatim += name in self.preserve_whitespace_tags
        if name in self.string_containers:
            self._kinds.append(self.string_containers[name])

    def end(self, name: str) -> None:
        """The element that is open ends."""
        self._say()
        self._at = self._at.parent
        self._verbatim -= name in self.preserve_whitespace_tags
        if name in self.string_containers:
            self._kinds.pop()

    def data(self, text: str) -> None:
        """A piece of text was read."""
        self._text.append(text)

    def comment(self, text: str) -> None:
        """A comment was read."""
        self._say()
        self._add(str.__new__(Comment, text))

    def pi(self, target: str, text: str | None) -> None:
        """A processing instruction was read."""
        self._say()
        self._add(str.__new__(ProcessingInstruction, f"{target} {text}"))

    def close(self) -> None:
        """All was read."""
        self._say()

    def _say(self) -> None:
        """Add the text that was read."""
        if not self._text:
            return
        text = "".join(self._text)
        self._text.clear()
        if text.isspace() and not self._verbatim and not text.strip(_SPACES):
            text = "\n" if "\n" in text else " "
        self._add(str.__new__(self._kinds[-1], text))

    def _add(self, node: Any) -> None:
        """Link a node into the tree as its last."""
        siblings = self._at.contents
        before = siblings[-1] if siblings else None
        if before is not None:
            before.next_sibling = node
        siblings.append(node)
        node.parent, node.previous_sibling, node.next_sibling = self._at, before, None
        node.previous_element, node.next_element = self._last, None
        self._last.next_element = node
        self._last = node


_IDLE: list[_Builder] = []

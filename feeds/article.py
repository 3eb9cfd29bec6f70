"""The body of a seed -> an `Article`: safe, absolute, without what is no part of it.

The tree is made by `soup`, read here, and written anew by `markup`.
"""

from __future__ import annotations

import re
from functools import cache
from hashlib import blake2b
from html import escape
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from feeds.elements import BLOCKS, CONTAINERS, NavigableString, Tag, attribute, brief, first
from feeds.illustrations import Illustrations
from feeds.markup import LANGUAGE, MAX_DEPTH, Writer
from feeds.model import Article
from feeds.soup import soup_of
from feeds.text import line, shorten, wording

if TYPE_CHECKING:
    from feeds.illustrations import Beside
    from feeds.soup import BeautifulSoup

# Blocks that are no prose: a summary does not quote them.
_UNSAID = frozenset("figcaption pre table h1 h2 h3 h4 h5 h6 caption".split())
_BY = re.compile(
    r"(?:(?:by|von|par|por|di)\s|文|作者|撰文|記者|记者|بقلم|מאת)\s*[/／:：]?\s*(?=\S)",
    re.IGNORECASE,
)
_NAMES = 100  # elements that are looked at for authors, categories and boilerplate
_ELEMENTS = 100_000  # tags of a body that are read: each costs 50 µs and half a KiB
_LANGUAGES = 10  # elements whose language is weighed against the whole
_MARKDOWN = 300_000  # characters; longer texts are no Markdown that a person wrote
# Void in HTML5, but not to libxml2, which would take what follows for their content.
_OPEN = re.compile("<")
_VOID = re.compile(r"<(source|track|wbr|embed|keygen)\b([^<>]*)>", re.IGNORECASE)
_IDENTIFIER = re.compile(r"(?<=[.#])[\w-]+")


class Cleaning(NamedTuple):
    """What the configuration says of bodies."""

    boilerplate: tuple[re.Pattern[str], ...] = ()  # a short block with such words is removed
    selectors: tuple[str, ...] = ()  # CSS selectors of elements to remove
    summary: int = 300  # characters
    unwrap: bool = True  # pictures: the origin instead of a proxy


def parse(body: str, title: str, base: str, cleaning: Cleaning, beside: Beside) -> Article:
    """The article in `body`, HTML or Markdown, whose own address is `base` ("" for none).

    Never raises for what the body holds; `notes` of the result says what had to be repaired.
    """
    markup = body.lstrip()
    if markup and not markup.startswith("<"):
        markup = _markdown(markup)
    whole = markup.count("<") <= _ELEMENTS
    if not whole:
        markup = markup[: next(islice(_OPEN.finditer(markup), _ELEMENTS, None)).start()]
    soup = soup_of(_VOID.sub(r"<\1\2></\1>", markup))
    said = _stated(soup)
    _strip(soup, markup, cleaning)
    illustrations = Illustrations(base, beside, unwrap=cleaning.unwrap)
    writer = Writer(title, base, illustrations)
    writer.children(first(soup, "body") or soup, 0)
    content = writer.html()
    soup.decompose()  # its nodes hold each other: else they stay until Python looks for such rings
    prose = " ".join(text for block, text in writer.texts if block not in _UNSAID)
    words = wording(" ".join(text for _, text in writer.texts))
    return Article(
        content=content,
        summary=shorten(prose, cleaning.summary),
        digest=blake2b(words.encode(), digest_size=16).hexdigest(),
        authors=said.authors,
        categories=said.categories,
        pictures=tuple(writer.pictures.values()),
        language=said.language,
        notes=tuple(
            note
            for note, seen in (
                ("body-cut", not whole),
                ("body-deep", writer.deep),
                ("body-empty", not content),
                ("picture-missing", illustrations.missing),
            )
            if seen
        ),
        lookups=tuple(illustrations.lookups),
    )


def _markdown(text: str) -> str:
    if len(text) > _MARKDOWN:
        return "".join(f"<p>{escape(block)}</p>" for block in text.split("\n\n"))
    from markdown_it import MarkdownIt  # 40 ms: only articles in Markdown pay for it

    reader = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    return str(reader.render(text))


class _Stated(NamedTuple):
    """What the markup says of the article beside its text."""

    authors: tuple[str, ...]
    categories: tuple[str, ...]
    language: str


def _stated(soup: BeautifulSoup) -> _Stated:
    """Authors, categories and language, from one walk over the tree."""
    authors: dict[str, None] = {}
    categories: dict[str, None] = {}
    language = ""
    looked = weighed = 0  # a page may be made of nothing else
    for tag in soup.descendants:
        if not isinstance(tag, Tag):
            continue
        attributes = tag.attrs
        if not attributes and tag.name != "address":
            continue
        if (
            not language
            and weighed < _LANGUAGES
            and ("lang" in attributes or "xml:lang" in attributes)
        ):
            weighed += 1
            language = _language(tag, soup)
        rel = attribute(tag, "rel").split()
        names = "tag" in rel or "author" in rel or attributes.get("itemprop") == "author"
        if not (names or tag.name == "address") or looked > _NAMES:
            continue
        looked += 1
        if "tag" in rel:
            name = line(brief(tag).replace(",", " "))  # some readers split a category at commas
            if 0 < len(name) <= 60:
                categories[name] = None
        elif tag.name != "address" or not _names_author(tag):  # the link inside says it alone
            text = attribute(tag, "content") if tag.name == "meta" else brief(tag)
            name = _BY.sub("", line(text), count=1).strip(" ,;|/")
            if 0 < len(name) <= 60:
                authors[name] = None
    return _Stated(tuple(authors)[:5], tuple(categories)[:20], language)


def _language(tag: Tag, soup: BeautifulSoup) -> str:
    """The language an element declares, if most of the article stands in it."""
    declared = (attribute(tag, "lang") or attribute(tag, "xml:lang")).strip().replace("_", "-")
    if not LANGUAGE.match(declared) or tag.name not in CONTAINERS | BLOCKS | {"html"}:
        return ""
    return declared if len(tag.get_text()) * 2 > len(soup.get_text()) else ""


def _names_author(address: Tag) -> bool:
    return any(
        isinstance(node, Tag) and "author" in attribute(node, "rel").split()
        for node in islice(address.descendants, 20)
    )


def _short(block: Tag) -> bool:
    """Whether a block has at most 300 characters, looking no further than needed."""
    length = 0
    for count, node in enumerate(block.descendants):
        length += len(node) if isinstance(node, NavigableString) else 0
        if length > 300 or count > 300:
            return False
    return True


@cache
def _names_in(selector: str) -> list[str]:
    """The classes and ids that a selector names."""
    return _IDENTIFIER.findall(selector)


def _strip(soup: BeautifulSoup, markup: str, cleaning: Cleaning) -> None:
    """Remove what the configuration calls no part of an article."""
    # A selector can only match where its names stand in the markup; looking there first saves
    # four fifths of the time, as most articles hold none of them.
    selectors = [s for s in cleaning.selectors if all(name in markup for name in _names_in(s))]
    if selectors:
        for tag in soup.select(", ".join(selectors)):
            if not tag.decomposed:
                tag.decompose()
    for pattern in cleaning.boilerplate:
        if not pattern.search(markup):
            continue
        strings = (s for s in soup.descendants if isinstance(s, NavigableString))
        for string in list(islice(filter(pattern.search, strings), _NAMES)):
            if string.decomposed:  # with the block of an earlier one
                continue
            above = islice(string.parents, MAX_DEPTH)
            block = next((p for p in above if p.name in CONTAINERS | BLOCKS), None)
            if block is None or block.name == "body" or not _short(block):
                continue  # words in the middle of an article are the article's
            while (rule := block.previous_sibling) is not None and (
                (isinstance(rule, Tag) and rule.name in {"hr", "br"})
                or (isinstance(rule, NavigableString) and not rule.strip())
            ):
                rule.extract()
            block.decompose()

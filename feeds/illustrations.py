"""What an <img> shows: its address behind lazy loading and proxies, its size, its caption."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import islice
from typing import TYPE_CHECKING

from feeds import urls
from feeds.elements import Tag, after, attribute, brief, every, first, pixels
from feeds.model import Picture
from feeds.text import flow, line

if TYPE_CHECKING:
    from collections.abc import Iterator

_LAZY = (
    "data-src", "data-original", "data-lazy-src", "data-actualsrc", "data-orig-file",
    "data-full-url", "data-url", "data-echo", "data-hi-res-src", "data-large-file", "file",
)  # fmt: skip
_AROUND = frozenset("a picture p div span".split())  # what may stand between it and its caption
_NEAR = 8  # elements above a picture that are looked at for its caption
_LONG = 1000  # characters; what is longer is no caption
_LAZY_SETS = ("data-srcset", "data-lazy-srcset")
_CANDIDATE = re.compile(r"\s*(\S*[^\s,])(?:\s+([\d.]+)[wx])?\s*(?:,|\Z)")
_PENDING = re.compile(r"[?&]is-pending-load=1(?=&|\Z)")
_PLACEHOLDER = re.compile(
    r"(?:^|[/_.-])(?:blank|placeholder|spacer|loading|lazy(?:load)?|transparent|pixel|grey|gray|1x1)"
    r"[\w-]*\.(?:gif|png|svg|jpe?g)",
    re.IGNORECASE,
)
_TRACKER = re.compile(
    r"//(?:[^/]*\.)?(?:doubleclick\.net|google-analytics\.com|scorecardresearch\.com|"
    r"pixel\.wp\.com|stats\.wordpress\.com|quantserve\.com|statcounter\.com|addtoany\.com)/|"
    r"feeds\.(?:feedburner\.com/~|wordpress\.com/1\.0/)|medium\.com/_/stat\?|/(?:tracking|beacon)[-_./]?pixel",
    re.IGNORECASE,
)
_MINOR = re.compile(
    r"avatar|gravatar|emoji|smiley|emoticon|(?:^|[\s/_-])(?:icon|logo|badge|sprite|divider)s?(?:[\s/_.-]|$)",
    re.IGNORECASE,
)
_SCHEME = re.compile(r"\s*[A-Za-z][A-Za-z0-9+.-]*:")

# A relative reference -> (public URL, path below the seed folder) of a picture beside the seed, or
# ("", path) where none lies there.
Beside = Callable[[str], tuple[str, str]]


class Illustrations:
    """Reads the pictures of one article whose own address is `base`."""

    def __init__(self, base: str, beside: Beside, *, unwrap: bool) -> None:
        self.lookups: dict[str, None] = {}  # paths that relative references were tried on
        self.missing = False  # one of those has no file, and no address of the article to go by
        self._base = base
        self._beside = beside
        self._unwrap = unwrap

    def read(self, img: Tag) -> tuple[Picture, Tag | None] | None:
        """The picture and the element that says its caption; None for a tracker, or no address."""
        width, height = pixels(img, "width"), pixels(img, "height")
        if 0 < width <= 2 or 0 < height <= 2:
            return None  # a tracker, or a rule drawn with a picture
        address, file = self.address(img)
        if not address or stands_in(img) or _TRACKER.search(address):
            return None
        alt = line(attribute(img, "alt"))
        caption, element = _caption(img)
        words = " ".join((address, alt, *(attribute(img, name) for name in ("class", "id"))))
        minor = bool(_MINOR.search(words)) or (0 < width < 50 and 0 < height < 50) or 0 < height < 8
        return Picture(address, alt, caption, width, height, file, minor), element

    def address(self, tag: Tag) -> tuple[str, str]:
        """The address of a picture, and its path when it lies beside the seed; ("", "") if none."""
        img = tag if tag.name == "img" else first(tag, "img") or tag
        tried = False
        for written in _references(img):
            reference = _PENDING.sub("", written.strip())
            if not _SCHEME.match(reference) and not reference.startswith(("//", "#", "?")):
                address, file = self._beside(reference)
                self.lookups[file] = None
                tried = True
                if address:
                    return address, file
            address = urls.normal(reference, self._base)
            if address:
                origin = urls.unwrapped(address) if self._unwrap else address
                return origin.partition("#")[0], ""
        self.missing = self.missing or tried
        return "", ""


def stands_in(tag: Tag) -> bool:
    """Whether a picture only holds the place of the one in the <noscript> behind it."""
    img = tag if tag.name == "img" else first(tag, "img") or tag
    below = after(tag)
    return (
        below is not None
        and below.name == "noscript"
        and first(below, "img") is not None
        and all(_PLACEHOLDER.search(reference) for reference in _references(img))
    )


def _references(img: Tag) -> Iterator[str]:
    """What may be the picture's address, the likeliest first: placeholders come last."""
    source = attribute(img, "src")
    for name in _LAZY:
        if value := attribute(img, name):
            yield value
    embedded = source.lstrip()[:5].lower() == "data:"
    placeholder = _PLACEHOLDER.search(source)
    if source and not embedded and not placeholder:
        yield source
    for name in (*_LAZY_SETS, "srcset"):
        if best := _largest(attribute(img, name)):
            yield best
    if img.parent is not None and img.parent.name == "picture":
        for sibling in every(img.parent, "source"):
            if best := _largest(attribute(sibling, "srcset") or attribute(sibling, "data-srcset")):
                yield best
    if source and not embedded and placeholder:
        yield source


def _largest(srcset: str) -> str:
    found = [
        (float(size or 1), address)
        for address, size in _CANDIDATE.findall(srcset)
        if not address.startswith("data:")
    ]
    return max(found, key=lambda pair: pair[0])[1] if found else ""


def _caption(img: Tag) -> tuple[str, Tag | None]:
    """The caption of a picture, and the element that says it."""
    figure = next((p for p in islice(img.parents, _NEAR) if p.name == "figure"), None)
    if figure is not None and _pictures(figure) <= 2:  # itself, and the one in its <noscript>
        element = first(figure, "figcaption")
        return (flow(element.get_text(" ")), element) if element is not None else ("", None)
    node: Tag = img
    for parent in islice(img.parents, _NEAR):
        pictures = _pictures(parent) if parent.name in _AROUND else 0
        if 0 < pictures <= 2 and "wp-caption" in attribute(parent, "class"):
            tags = (node for node in parent.descendants if isinstance(node, Tag))
            classed = (t for t in tags if "wp-caption-text" in attribute(t, "class").split())
            element = next(classed, None)
            return (flow(element.get_text(" ")), element) if element is not None else ("", None)
        if pictures != 1 or after(node) is not None:
            break
        node = parent
    below = after(node)
    if below is not None and below.name in {"div", "p", "small"}:
        told = brief(below, _LONG)
        small = below if below.name == "small" else first(below, "small") if told else None
        if small is not None and told == brief(small, _LONG):
            return flow(small.get_text(" ")), below
    return "", None


def _pictures(parent: Tag) -> int:
    """How many pictures there are in an element; 3 stands for many."""
    return sum(1 for _ in islice(every(parent, "img"), 3))

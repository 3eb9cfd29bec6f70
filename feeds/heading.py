r"""The first KiB of a seed -> its `Heading`: every dialect of the header, and no HTML parser.

    <!--1594849284000-->                epoch comment; may be missing, or say NaN
    [title](link)                       both may hold brackets and parentheses
    ------
    日期：Thu, 02 Jul 2020 17:14:14 +0000     a labelled date may stand here
    <div><i>Wed, 15 Jul 2020 21:40:09 GMT</i></div><p>body…

Every seed of a corpus comes through here, so the common form above has a match of its own.
"""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING, NamedTuple

from feeds import dates, identity, urls
from feeds.model import Heading, SeedError, note

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import tzinfo

    from feeds.model import Row

# Every repetition in here ends where the next thing begins: a body may be megabytes of anything.
_COMMENT = r"\s*(?:<!--([^<>\n]{0,60}?)-->\s*)?"
_RULE = r"[ \t]*\n[ \t]*-(?:[ \t]*-){2,}[ \t]*(?:\n|\Z)"
_HEADER = re.compile(rf"{_COMMENT}\[(.*)\){_RULE}")
_BARE = re.compile(rf"{_COMMENT}(?:\[(.*)\])?(?:{_RULE}|[ \t]*(?:\n|\Z))?")
_ECHO = re.compile(rf"(?s:(?P<before>.{{0,400}}?)){_COMMENT}\[(?=.*\]\().*\){_RULE}")
_ECHOED = 4096  # characters of a body in which its header may stand once more
_TIP = re.compile(r"""\s+(?:"[^"]*"|'[^']*')\s*\Z""")  # [title](link "tip")
_BRACKET = re.compile(r"\\([\[\]()])")
_NAME = re.compile(r"(?:\d+|[0-9a-f]{6,})(?:[_ -]+|\Z)")

_COMMON = re.compile(
    rb"<!--(\d{10})\d{3}-->\n\[([^\\<&\[\]\n]+)\]\((%b)\)\n-{3,}\n\s*"
    rb"<div><i>[A-Z][a-z][a-z], (\d\d [A-Z][a-z][a-z] \d{4}) "
    rb"((?:[01]\d|2[0-3]):[0-5]\d):([0-5]\d) GMT</i>" % urls.COMMON.encode()
)
# So many bytes of a legacy encoding aren't UTF-8 by chance; fewer prove nothing.
_SURE = 24
_LABEL = re.compile(
    r"\s*(?:<[^<>]{1,30}>\s*){0,2}"
    r"(?:日期|时间|時間|发布时间|發佈時間|發布時間|发表时间|date|published|publicado|fecha|datum|дата|تاريخ|التاريخ|תאריך)"
    r"\s*[:：]\s*([^\n<]{4,100})",
    re.IGNORECASE,
)
_ITALIC = re.compile(r"<(?:i|em)>(?:\s*<br\s*/?>)?([^<>]*)</(?:i|em)>", re.IGNORECASE)
_DATED = re.compile(r"\d{4}")
_TIME = re.compile(r"<time\b([^<>]*)>", re.IGNORECASE)
_META = re.compile(
    r"""<(?:meta|span)\b(?=[^<>]*\b(?:property|name|itemprop)\s*=\s*["'](?:article:published_time|"""
    r"""dc[.:]date|dc[.:]date\.issued|date|pubdate|datePublished)\b)([^<>]*)>""",
    re.IGNORECASE,
)
_ATTRIBUTE = r"""\b%s\s*=\s*["']([^"']*\d{4}[^"']*)["']"""
_PUDATE = re.compile(_ATTRIBUTE % "pub?date", re.IGNORECASE)
_DATETIME = re.compile(_ATTRIBUTE % "datetime", re.IGNORECASE)
_CONTENT = re.compile(_ATTRIBUTE % "content", re.IGNORECASE)


class Habits(NamedTuple):
    """What is known of a source beforehand."""

    zone: tzinfo  # of dates that name none
    gap: int  # seconds between date string and epoch comment that pass without a note
    encoding: str = ""  # of files that are no UTF-8
    trim: tuple[str, ...] = ()  # what its titles end with and is cut off
    mtime: bool = False  # the time of the file serves where nothing else does


class Reading(NamedTuple):
    """A heading with how it was come by: what `feeds show` tells."""

    heading: Heading
    body: int  # where the body begins in the text
    epoch: str | None  # the epoch comment as it stands
    candidates: tuple[dates.Candidate, ...]
    reason: str  # why the published date won


def quick(folder: str, habits: Habits) -> Callable[[bytes, bytes], Row | None]:
    """What makes the row of a seed in `folder` from its name and first bytes, if it can.

    It says what `explain` and `row` say of a seed in the common form, at a fraction of their cost,
    and None of all others.  The bytes need not hold the whole header: whatever is not all there is
    not in the common form.  Of the body it says nothing: what is wrong with that is seen when the
    whole seed is read.
    """
    if habits.trim:
        return lambda _name, _head: None
    match, midnight, clock, gap = _COMMON.match, dates.midnight, dates.clock, habits.gap
    number_in, twin = identity.number_in, identity.twin_in(folder.partition("/")[0])
    short_of, key = identity.short_of, urls.common_key
    earliest, latest = dates.EARLIEST, dates.LATEST

    def made(name: bytes, head: bytes) -> Row | None:
        found = match(head)
        if not found or 0 in head:
            return None
        epoch, stated, address, place, day, time, second = found.groups()
        try:
            title = stated.decode()
        except UnicodeDecodeError:
            return None
        captured = int(epoch)
        published = midnight(day) + clock(time) + int(second)
        if not (
            earliest <= published <= captured < latest
            and captured - published <= gap
            and title.isprintable()
            and "  " not in title
            and title[0] != " " != title[-1]
            and (len(stated) >= _SURE or title.isascii())
        ):
            return None
        link = address.decode()
        ident = short_of(key(link, place))
        return name, published, captured, ident, twin(number_in(name), published), title, link, ""

    return made


def row(name: bytes, heading: Heading) -> Row:
    """What the catalogue keeps of the heading of the seed with this name."""
    number = identity.number_of(heading.path)
    return (
        name,
        heading.published,
        heading.updated,
        identity.short(identity.key(heading)),
        identity.twin(heading.source, number, heading.published),
        heading.title,
        heading.link,
        " ".join(heading.notes),
    )


def explain(text: str, path: str, habits: Habits, mtime: int = 0) -> Reading:
    """The heading of the seed at `path` with all that led to it; `text` is the seed's beginning.

    `mtime` is the time of the file, in seconds.  Raises SeedError("date-missing") when no date can
    be read and `habits` don't let the time of the file serve.
    """
    notes: list[str] = []
    epoch, title, link, body = _header(text)
    line = text.count("\n", 0, text.find("[") + 1) + 1  # of title and link
    captured = None
    candidates: list[dates.Candidate] = []
    if epoch is not None:
        try:
            captured = dates.epoch(epoch)
            instant = dates.Instant(captured)
            candidates.append(dates.Candidate("the epoch comment", epoch, instant))
        except dates.DateError as error:
            notes.append(note("epoch-invalid", text.count("\n", 0, text.find("<!--") + 1) + 1))
            candidates.append(dates.Candidate("the epoch comment", epoch, refusal=str(error)))
    stated = [dates.read(place, found, habits.zone) for place, found in _dates(text, body)]
    candidates.extend(stated)
    settled = dates.settle(captured, stated, habits.zone, habits.gap)
    published, updated, reason = settled.published, settled.updated, settled.reason
    below = text.count("\n", 0, body) + 1
    notes.extend(note(code, below) for code in settled.notes)
    if published is None:
        if not habits.mtime:
            seen = "; ".join(f'{c.place} "{c.text}": {c.refusal}' for c in candidates)
            raise SeedError("date-missing", seen or _unheaded(text, body), below)
        published = updated = mtime
        reason = "no date could be read, so the time of the file serves"
        notes.append("date-mtime")
    heading = Heading(
        path, _title(title, path, habits, notes), _link(link, line, notes), published, updated,
        tuple(notes),
    )  # fmt: skip
    return Reading(heading, body, epoch, tuple(candidates), reason)


def _unheaded(text: str, body: int) -> str:
    """What is wrong with the beginning of a text in which nothing looks like a date."""
    if text.lstrip().startswith("---"):
        return "front matter is not read: the header is [title](link) and a line of dashes"
    return "" if body else "it has no header: [title](link) and a line of dashes"


def body(text: str) -> str:
    """What follows the header, without a labelled date and a header that stands there once more."""
    rest = text[_header(text)[3] :]
    if (found := _LABEL.match(rest)) and rest[found.end() : found.end() + 1] == "\n":
        rest = rest[found.end() :]  # else what follows, HTML, would be taken for Markdown
    head = rest[:_ECHOED]
    if "](" in head and (found := _ECHO.match(head)):
        rest = found["before"] + rest[found.end() :]
    return rest


def _header(text: str) -> tuple[str | None, str, str, int]:
    """Epoch comment, title and link as they stand, and where the body begins."""
    found = _HEADER.match(text)
    if found and "](" in found[2]:
        title, _, link = found[2].rpartition("](")
        if "](" in title and not _looks_linked(link):
            title, _, tail = title.partition("](")
            link = f"{tail}]({link}"
        return _stripped(found[1]), title, link, found.end()
    found = _BARE.match(text)
    if found is None:  # it matches the empty string
        return None, "", "", 0
    epoch, title = _stripped(found[1]), found[2]
    return epoch, title or "", "", found.end() if epoch is not None or title else 0


def _stripped(epoch: str | None) -> str | None:
    return epoch if epoch is None else epoch.strip()


def _looks_linked(link: str) -> bool:
    return link.lstrip().lower().startswith(("http:", "https:", "//", "/"))


def _title(title: str, path: str, habits: Habits, notes: list[str]) -> str:
    from feeds.text import plain  # 10 ms: a seed of the common form is understood without it

    if "\\" in title:
        title = _BRACKET.sub(r"\1", title)
    title = plain(title)
    for end in habits.trim:
        title = title.removesuffix(end).rstrip() or title
    if title:
        return title
    notes.append(note("title-missing", 1))
    stem = path.rpartition("/")[2].rpartition(".")[0]
    return plain(_NAME.sub("", stem, count=1).replace("_", " ")) or plain(stem) or "(untitled)"


def _link(link: str, line: int, notes: list[str]) -> str:
    if not link:
        return ""
    if link.endswith(('"', "'")):
        link = _TIP.sub("", link)
    link = _BRACKET.sub(r"\1", link.strip().removeprefix("<").removesuffix(">"))
    address = urls.normal(unescape(link) if "&" in link else link)
    if not address:
        notes.append(note("link-invalid", line))
    return address


def _dates(text: str, start: int) -> Iterator[tuple[str, str]]:
    """Date strings with the place where they stand, the most trustworthy first."""
    if found := _LABEL.match(text, start):
        yield "the labelled line", found[1].strip()
    for found in _ITALIC.finditer(text, start):
        if _DATED.search(found[1]):
            yield "the <i> element", found[1].strip()
    for found in _TIME.finditer(text, start):
        if stated := _PUDATE.search(found[1]):
            yield "the pudate of a <time>", stated[1].strip()
        if stated := _DATETIME.search(found[1]):
            yield "the datetime of a <time>", stated[1].strip()
    for found in _META.finditer(text, start):
        if stated := _CONTENT.search(found[1]):
            yield "the content of a date property", stated[1].strip()

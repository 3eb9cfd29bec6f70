"""What an article is known by: the same on every machine that has the same seed.

An id is a tag: URI (RFC 4151) whose specific part is a hash of the article's canonical address, or
of its place when it has none.  The rules in here and in `urls.key` are promises to subscribers: a
reader takes an entry with another id for a new one.
"""

from __future__ import annotations

import os
import re
from hashlib import blake2b
from struct import Struct
from typing import TYPE_CHECKING
from zlib import crc32

from feeds import urls

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from feeds.model import Heading

# <source>/<id>_<title>.md or <source>/<id>.md: the id survives an edit of the title.  A year, a
# month, a day or a time there says when, not which: several articles have it.
_DATE = (
    r"(?:19|20)\d\d(?:(?:0[1-9]|1[0-2])(?:(?:0[1-9]|[12]\d|3[01])(?:\d{4}|\d{6})?)?)?(?:[_.]|\Z)"
)
_NUMBERED = re.compile(rf"(?!{_DATE})(\d{{3,}}|[0-9a-f]{{8,}})(?=[_.]|\Z)")
_NUMBERED_BYTES = re.compile(_NUMBERED.pattern.encode())
_CENTURIES = b"19", b"20"  # with which a year begins
_SIGNED = Struct(">q")
_QUARTER = 900  # seconds: a day without a time begins at a quarter of an hour in every zone


def key(heading: Heading) -> str:
    """What an article's id is derived from."""
    if heading.link:
        return urls.key(heading.link)
    return f"path:{heading.source}/{number_of(heading.path) or heading.path}"


def address(text: str) -> str:
    """The key of an article with this address; of text that is none, the text itself."""
    url = urls.normal(text)
    return urls.key(url) if url else text


def number_of(path: str) -> str:
    """The id that stands at the beginning of a seed's name; "" where none does, or only a date."""
    found = _NUMBERED.match(path, path.rfind("/") + 1)
    return found[1] if found else ""


def number_in(name: bytes) -> bytes:
    """The `number_of` a seed's name as the file system has it."""
    begun = name.partition(b"_")[0]
    if begun.isdigit() and len(begun) > 2 and not begun.startswith(_CENTURIES):
        return begun
    if found := _NUMBERED_BYTES.match(name):
        return found[1]
    return b"" if name.isascii() else number_of(os.fsdecode(name)).encode()  # digits of any script


def short(key: str) -> int:
    """A number of 64 bits that stands for a key in the catalogue."""
    return short_of(key.encode("utf-8", "surrogateescape"))


def short_of(key: bytes) -> int:
    """The same of a key's bytes."""
    number: int = _SIGNED.unpack(blake2b(key, digest_size=8).digest())[0]
    return number


def twin(source: str, number: str, published: int) -> int | None:
    """What two files of one article share though its address was edited along with its title.

    Their source, the `number_of` their paths and the instant of publication, as one number; None
    for a name without an id.  Two articles may share it too: see `sure`.
    """
    return twin_in(source)(number.encode(), published)


def twin_in(source: str) -> Callable[[bytes, int], int | None]:
    """The `twin` of files in one source."""
    place = crc32(f"{source}/".encode("utf-8", "surrogateescape"))

    def of(number: bytes, published: int) -> int | None:
        return crc32(number, place) << 31 | published & 0x7FFF_FFFF if number else None

    return of


def sure(one: Heading, other: Heading) -> bool:
    """Whether two headings with one key, or one twin, are of one article whatever their texts say.

    They are of the same file; or of the same title, and the same instant or id in the name; or of
    the same id and an instant that is more than a day.
    """
    number = number_of(one.path)
    numbered = number != "" and number == number_of(other.path)
    instant = one.published == other.published
    if one.title == other.title:
        return numbered or instant
    precise = one.published % _QUARTER != 0
    return one.path == other.path or (numbered and instant and precise)


def apart(one: Heading, other: Heading) -> bool:
    """Whether nothing but a key speaks for two headings being of one article.

    Not the file, nor the id in its name, nor the title, nor the instant of publication; where the
    key is no address, only a name that a file had, not both of these.
    """
    numbers = number_of(one.path), number_of(other.path)
    same = one.title == other.title, one.published == other.published
    return (
        one.path != other.path
        and not (any(same) if one.link or other.link else all(same))
        and (numbers == ("", "") or numbers[0] != numbers[1])
    )


def alike(old: Heading, new: Heading) -> bool:
    """Whether two headings are most likely of one article though their keys differ.

    The same file or the same id in the file's name, and the same title or instant; or both these.
    But a file whose instant changed with its address, beyond the host, holds another article, as
    one that is written anew each day under the same title.
    """
    number = number_of(old.path)
    place = old.path == new.path or (
        number != "" and number == number_of(new.path) and old.source == new.source
    )
    title, instant = old.title == new.title, old.published == new.published
    if place and title and not instant and old.link and new.link:
        pages = (unsalted(key(one)).partition("/")[2] for one in (old, new))
        return len(set(pages)) == 1
    return (place and (title or instant)) or (title and instant)


def salted(key: str, heading: Heading, taken: Collection[str] = ()) -> str:
    """A key for an article whose own `key` belongs to another article already; none of `taken`."""
    return next(one for one in salts(key, heading) if one not in taken)


def salts(key: str, heading: Heading) -> Iterator[str]:
    """Keys for such an article, the last of them of its path, which no other has."""
    yield f"{key}#{number_of(heading.path) or heading.published}"
    yield f"{key}#{heading.published}-{mark(heading.title)[:8]}"
    yield f"{key}#{mark(heading.path)[:8]}"
    yield f"{key}#{mark(heading.path)}"


def unsalted(key: str) -> str:
    """The key that several articles share, of one that was made for one of them."""
    return key.partition("#")[0]


def mark(key: str) -> str:
    """What tells the article with this key from all others: the last part of its id."""
    return blake2b(key.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()


def tag(authority: str, since: str, mark: str) -> str:
    """The id of the article with this mark."""
    return f"tag:{authority},{since}:{mark}"


def feed_tag(authority: str, since: str, slug: str) -> str:
    """The id of the feed with this slug."""
    return f"tag:{authority},{since}:feed/{urls.escaped(slug)}"

"""What a request holds already: entity tags, dates and ranges (RFC 9110 §13 and §14).

Read with patience, as real feed readers send them: a tag without its quotes, or with what a proxy
put behind it, still is the tag.  What makes no sense is as if it had not been sent.  Reading takes
time in proportion to the header, whatever stands in it: one request must not hold up the others.
"""

from __future__ import annotations

import re
from datetime import UTC
from email.utils import format_datetime, parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

ANY = "*"
_TAG = re.compile(r'(W/)?\s*(?:"([^"]*)"|([^\s"]+))')
_LONGEST = 100  # characters of a tag; none of ours has so many
# Apache's mod_deflate and several proxies write their coding into the tag, and don't take it off.
_ADDED = re.compile(r"(?:-(?:gzip|br|zstd|deflate)|[;:]gzip)+\Z")
_RANGE = re.compile(r"bytes=(\d*)-(\d*)", re.IGNORECASE | re.ASCII)


def tags(header: str, *, strong: bool = False) -> tuple[str, ...]:
    """The entity tags in If-None-Match or If-Match, without quotes and `W/`; `ANY` for "*".

    With `strong`, weak tags are left out, and nothing is taken off.
    """
    if header.strip() in {"*", '"*"'}:
        return (ANY,)
    found = []
    for part in map(str.strip, header.split(",")):
        stated = _TAG.fullmatch(part) if len(part) <= _LONGEST else None
        if stated is None:
            continue
        tag = stated[2] or stated[3]
        if tag and not strong:
            found.append(_ADDED.sub("", tag) or tag)
        elif tag and not stated[1]:
            found.append(tag)
    return tuple(found)


def date(header: str) -> int | None:
    """An HTTP-date in any of its three forms, in seconds since the epoch; None if it is none."""
    try:
        moment = parsedate_to_datetime(header)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    except (OverflowError, ValueError):
        return None


def http_date(moment: datetime) -> str:
    """An instant as an HTTP-date."""
    return format_datetime(moment.astimezone(UTC), usegmt=True)


def span(header: str, size: int) -> tuple[int, int] | None:
    """First and last byte of the one range that is asked of `size` bytes.

    None when the header is to be ignored: another unit, malformed, or several ranges, which a
    server may answer with the whole.  Raises ValueError when the range lies outside.
    """
    found = _RANGE.fullmatch("".join(header.split()))
    if not found or not (found[1] or found[2]):
        return None
    if not found[1]:
        wanted = _position(found[2])
        if wanted == 0 or size == 0:
            raise ValueError(header)
        return max(0, size - wanted), size - 1
    first = _position(found[1])
    last = _position(found[2]) if found[2] else size - 1
    if found[2] and last < first:
        return None
    if first >= size:
        raise ValueError(header)
    return first, min(last, size - 1)


def _position(digits: str) -> int:
    """The number; of one that lies beyond every file, only that it does."""
    return int(digits.lstrip("0")[:19] or "0")

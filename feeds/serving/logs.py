"""Access logs, ours and other servers', read as requests.

Formats are the common one, the combined one, our JSON and Caddy's.  A line that is none of them is
None, never an error: what a client sends stands in the log, so it may hold anything.
"""

from __future__ import annotations

import io
import json
import re
import sys
from datetime import datetime
from typing import IO, TYPE_CHECKING, Any, cast

from feeds.model import FeedsError
from feeds.serving.access import MONTHS, Hit, masked

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_GZIP = b"\x1f\x8b"  # what a gzipped file begins with (RFC 1952)
_SAID = 512  # characters of a header that count
_MUCH = 2**53  # beyond it no number of a log makes sense
# Each part can be matched in one way only, or is short: a line takes time by its length, whatever
# it holds.
_LINE = re.compile(
    r"(?P<client>\S++) \S++ (?P<user>.+?) \[(?P<time>[^\[\]]{20,32})\]"
    r' "(?P<request>[^"\\]*(?:\\.[^"\\]*)*)" (?P<status>\d{3}) (?P<sent>\d{1,15}|-)(?!\S)'
    r'(?: "(?P<referer>[^"\\]*(?:\\.[^"\\]*)*)" "(?P<agent>[^"\\]*(?:\\.[^"\\]*)*)")?',
    re.ASCII,
)
_KINDS: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(Hit._fields, (str,)),
    **dict.fromkeys(("time", "status", "sent", "whole"), (int,)),
    "conditional": (bool, type(None)),
}


def lines(path: str) -> Iterator[str]:
    """The lines of the log at `path`, gzipped or not; "-" is stdin.

    Raises FeedsError when it can't be read.
    """
    import gzip
    import zlib

    given = sys.stdin.fileno() if path == "-" else path
    try:
        with open(given, "rb", closefd=path != "-") as file:
            packed = file.peek(2)[:2] == _GZIP
            plain = cast("IO[bytes]", gzip.GzipFile(fileobj=file) if packed else file)
            # Only "\n" ends a line: nothing else that a client sends may begin a new one.
            with io.TextIOWrapper(plain, "utf-8", "replace", newline="\n") as text:
                yield from text
    except EOFError:
        raise FeedsError(f"{path}: the gzipped log is cut off; copy it anew") from None
    except (OSError, zlib.error) as error:
        raise FeedsError(f"{path}: {getattr(error, 'strerror', None) or error}") from None


def read(lines: Iterable[str]) -> Iterator[Hit | None]:
    """Each line as a request; None for one that is no line of an access log."""
    for line in lines:
        hit = _from_json(line) if line.startswith("{") else _from_text(line)
        yield _sound(hit) if hit else None


def _sound(hit: Hit) -> Hit | None:
    """The request as our own log would hold it; None where a value is none of its field."""
    for value, kinds in zip(hit, _KINDS.values(), strict=True):
        if type(value) not in kinds or (type(value) is int and not 0 <= value < _MUCH):
            return None
    return hit._replace(path=masked(hit.path), referer=masked(hit.referer), agent=hit.agent[:_SAID])


def _from_json(line: str) -> Hit | None:
    try:
        told = json.loads(line.encode("utf-8", "replace"))
        return _from_caddy(told) if "request" in told else _from_ours(told)
    # A value of another type fails in one of these ways; a number of many digits, or a list in a
    # list in a list, fails in the others.
    except (KeyError, TypeError, AttributeError, IndexError, ValueError, ArithmeticError):
        return None
    except RecursionError:
        return None


def _from_ours(told: dict[str, Any]) -> Hit:
    told["time"] = int(datetime.fromisoformat(told["time"]).timestamp())
    return Hit(**{name: told[name] for name in Hit._fields if name in told})


def _from_caddy(told: dict[str, Any]) -> Hit:
    request, headers = told["request"], told["request"]["headers"]
    return Hit(
        int(told["ts"]),
        request.get("client_ip") or request["remote_ip"],  # the first is from 2.7 on
        request["method"],
        request["uri"],
        told["status"],
        told["size"],
        headers.get("User-Agent", [""])[0],
        headers.get("Referer", [""])[0],
        request["proto"],
        told.get("user_id", ""),
        conditional="If-None-Match" in headers or "If-Modified-Since" in headers,
    )


def _from_text(line: str) -> Hit | None:
    found = _LINE.match(line)
    when = _instant(found["time"]) if found else None
    if not found or when is None:
        return None
    method, _, rest = _unescaped(found["request"]).partition(" ")
    path, _, protocol = rest.rpartition(" ")
    return Hit(
        when,
        found["client"],
        method,
        path,
        int(found["status"]),
        int(found["sent"]) if found["sent"] != "-" else 0,
        _said(found["agent"]),
        _said(found["referer"]),
        protocol,
        _said(found["user"]),
    )


def _said(text: str | None) -> str:
    return "" if text in {None, "-"} else _unescaped(text or "")


def _unescaped(text: str) -> str:
    if "\\" not in text:
        return text
    raw = re.sub(
        rb"\\x([0-9A-Fa-f]{2})|\\(.)",
        lambda f: bytes([int(f[1], 16)]) if f[1] else f[2],
        text.encode("utf-8", "surrogateescape"),
    )
    return raw.decode("utf-8", "replace")


def _instant(text: str) -> int | None:
    """`23/Nov/2026:04:05:06 +0000` in seconds since the epoch."""
    try:
        day, month, rest = text.split("/")
        year, clock, zone = rest[:4], rest[5:13], rest[14:]
        iso = f"{year}-{MONTHS[month]:02}-{day}T{clock}{zone[:3]}:{zone[3:]}"
        return int(datetime.fromisoformat(iso).timestamp())
    except (ValueError, KeyError):
        return None

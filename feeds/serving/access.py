"""Lines of the access log: written here, and read from ours or another server's.

Formats are the common one, the combined one, and one JSON object a line.  A token in a path stands
in no line, be it valid or not.
"""

from __future__ import annotations

import json
import os
import re
import sys
import threading
import time
from collections import deque
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_TOGETHER = 100  # lines that are written at once: a long pause would keep requests waiting
FORMATS = ("combined", "common", "json")
_QUOTES = {"combined": 6, "common": 2}  # in a line
_PLAIN = re.compile(r"[ -$&-\[\]-}]{1,500}")
# A token as it stands in a path, or in an address within a query, however often that was encoded.
_TOKEN = re.compile(r"(/|%(?:25)*2[fF])(?:~|%(?:25)*7[eE])[^/?#\s\"]*")
_UNFIT = re.compile(r'[^\x20-\x7e]|["\\]')
_LINE = re.compile(
    r'(?P<client>\S+) \S+ (?P<user>.+?) \[(?P<time>[^\]]+)\] "(?P<request>(?:[^"\\]|\\.)*)"'
    r" (?P<status>\d{3}) (?P<sent>\d+|-)"
    r'(?: "(?P<referer>(?:[^"\\]|\\.)*)" "(?P<agent>(?:[^"\\]|\\.)*)")?'
)
_MONTHS = {
    name: number
    for number, name in enumerate(
        "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), 1
    )
}  # fmt: skip


class Hit(NamedTuple):
    """One request as the log has it."""

    time: int  # seconds since the epoch
    client: str
    method: str
    path: str  # with its query; a token is masked
    status: int
    sent: int  # bytes of the body
    agent: str = ""
    referer: str = ""
    protocol: str = "HTTP/1.1"
    user: str = ""  # name of the subscriber, for private feeds
    whole: int = 0  # bytes of the whole document without a coding; 0: unknown
    conditional: bool | None = None  # it came with a validator; None: unknown


def masked(text: str) -> str:
    """A path or an address without the token in it."""
    return _TOKEN.sub(r"\1~", text) if "~" in text or "%" in text else text


def written(hit: Hit, form: str) -> str:
    """The line for one request, without the end of line."""
    if form == "json":
        told = hit._asdict()
        told["time"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(hit.time))
        return json.dumps(told)
    return _line(
        form, hit.time, hit.client, _fit(hit.user), hit.method, _fit(hit.path), hit.protocol,
        hit.status, hit.sent, _fit(hit.agent), _fit(hit.referer),
    )  # fmt: skip


def plain(form: str, *said: Any) -> str:
    """The line for a request in which nothing is long, or to be encoded or masked, as most are.

    "" for any other, which is to be `written`; `said` is as `_line` takes it.
    """
    line = _line(form, *said) if form in _QUOTES else ""
    return line if _PLAIN.fullmatch(line) and line.count('"') == _QUOTES[form] else ""


def _line(
    form: str, instant: int, client: str, user: str, method: str, path: str, protocol: str,
    status: int, sent: int, agent: str | None, referer: str | None,
) -> str:  # fmt: skip
    line = (
        f'{client} - {user or "-"} [{_stamp(instant)}] "{method} {path} {protocol}" {status} {sent}'
    )
    return line if form == "common" else f'{line} "{referer or "-"}" "{agent or "-"}"'


@lru_cache(maxsize=8)
def _stamp(instant: int) -> str:
    """An instant as the common format has it."""
    when = time.gmtime(instant)
    month = list(_MONTHS)[when.tm_mon - 1]
    return f"{when.tm_mday:02}/{month}/{when.tm_year}:{time.strftime('%H:%M:%S', when)} +0000"


def _fit(text: str) -> str:
    """The text as it may stand between quotes, as nginx writes it."""
    return _UNFIT.sub(
        lambda f: "".join(f"\\x{b:02X}" for b in f[0].encode("utf-8", "replace")), text
    )


def read(lines: Iterable[str]) -> Iterator[Hit | None]:
    """Each line as a request; None for one that is no line of an access log."""
    for line in lines:
        if line.startswith("{"):
            yield _from_json(line)
        else:
            yield _from_text(line)


def _from_json(line: str) -> Hit | None:
    try:
        told = json.loads(line)
        told["time"] = int(datetime.fromisoformat(told["time"]).timestamp())
        return Hit(**{name: told[name] for name in Hit._fields if name in told})
    except (ValueError, TypeError, KeyError):
        return None


def _from_text(line: str) -> Hit | None:
    found = _LINE.match(line)
    if not found:
        return None
    when = _instant(found["time"])
    if when is None:
        return None
    method, _, rest = _unescaped(found["request"]).partition(" ")
    path, _, protocol = rest.rpartition(" ")
    return Hit(
        when,
        found["client"],
        method,
        masked(path),
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
        iso = f"{year}-{_MONTHS[month]:02}-{day}T{clock}{zone[:3]}:{zone[3:]}"
        return int(datetime.fromisoformat(iso).timestamp())
    except (ValueError, KeyError):
        return None


class Log:
    """An access log that is written a few times a second, and moves on when it is large.

    `log` becomes `log.1` once it has so many bytes; a file that something else moves away is
    opened anew.  The path "-" is stdout.
    """

    def __init__(self, line: Callable[[str, int, Any], str]) -> None:
        """`line` makes a line of the format, the time of writing, and what was noted."""
        self._path = ""
        self._form = ""
        self._most = 0
        self.on = False
        self._line = line
        self._waiting: deque[Any] = deque()
        self._broken = False
        self._lock = threading.Lock()
        self._writer = threading.Thread(target=self._run, name="access log", daemon=True)

    def open(self, path: str, form: str, most: int) -> None:
        """Write to this path from now on; raises OSError when it can't lie there."""
        if path and path != "-":
            os.makedirs(os.path.dirname(path), exist_ok=True)
        self.flush()
        with self._lock:
            self._path, self._form, self._most = path, form, most
        self.on = bool(path)
        if self.on and not self._writer.is_alive():
            self._writer.start()

    def add(self, noted: Any) -> None:
        """Note a request; it is written within a quarter of a second, with others."""
        self._waiting.append(noted)
        if len(self._waiting) >= _TOGETHER:
            self.flush()

    def flush(self) -> None:
        """Write what waits.  Where that fails it is lost, which is said once."""
        with self._lock:
            noted = [self._waiting.popleft() for _ in range(len(self._waiting))]
            if not (noted and self._path):
                return
            now = int(time.time())
            lines = [self._line(self._form, now, one) for one in noted]
            try:
                self._write("\n".join((*lines, "")))
                self._broken = False
            except OSError as error:
                if not self._broken:
                    print(f"feeds: {self._path}: {error.strerror}", file=sys.stderr)  # noqa: T201
                self._broken = True

    def _write(self, text: str) -> None:
        if self._path == "-":
            sys.stdout.write(text)
            sys.stdout.flush()
            return
        with open(self._path, "ab") as file:
            file.write(text.encode("utf-8", "backslashreplace"))
            size = file.tell()
        if self._most and size > self._most:
            os.replace(self._path, f"{self._path}.1")

    def _run(self) -> None:
        while True:
            time.sleep(0.2)
            self.flush()

"""Lines of the access log, as they are written; `feeds.serving.logs` reads them.

Formats are the common one, the combined one, and one JSON object a line.  A token stands in no
line, be it valid or not.
"""

from __future__ import annotations

import json
import os
import re
import sys
import threading
import time
from collections import deque
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

_TOGETHER = 100  # lines that are written at once: a long pause would keep requests waiting
FORMATS = ("combined", "common", "json")
_QUOTES = {"combined": 6, "common": 2}  # in a line
_PLAIN = re.compile(r"[ -$&-\[\]-}]{1,500}")
# A tilde, escaped once or more, and what may be a token behind it; in the path or in a query.
_TOKEN = re.compile(r"(?:~|%(?:25)*7[eE])[^/?#&\s\"]*")
_UNFIT = re.compile(r'[^\x20-\x7e]|["\\]')
MONTHS = {
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
    return _TOKEN.sub("~", text) if "~" in text or "%" in text else text


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
    month = list(MONTHS)[when.tm_mon - 1]
    return f"{when.tm_mday:02}/{month}/{when.tm_year}:{time.strftime('%H:%M:%S', when)} +0000"


def _fit(text: str) -> str:
    """The text as it may stand between quotes, as nginx writes it."""
    return _UNFIT.sub(
        lambda f: "".join(f"\\x{b:02X}" for b in f[0].encode("utf-8", "replace")), text
    )


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

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
from typing import NamedTuple

_WAITING = 4096  # lines that wait to be written
FORMATS = ("combined", "common", "json")
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
    line = (
        f"{hit.client} - {_fit(hit.user) or '-'} [{_stamp(hit.time)}]"
        f' "{hit.method} {_fit(hit.path)} {hit.protocol}" {hit.status} {hit.sent}'
    )
    if form == "common":
        return line
    return f'{line} "{_fit(hit.referer) or "-"}" "{_fit(hit.agent) or "-"}"'


@lru_cache(maxsize=8)
def _stamp(instant: int) -> str:
    """An instant as the common format has it."""
    when = time.gmtime(instant)
    month = list(MONTHS)[when.tm_mon - 1]
    return f"{when.tm_mday:02}/{month}/{when.tm_year}:{time.strftime('%H:%M:%S', when)} +0000"


def _fit(text: str) -> str:
    """The text as it may stand between quotes, as nginx writes it."""
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return text
    return _UNFIT.sub(
        lambda f: "".join(f"\\x{b:02X}" for b in f[0].encode("utf-8", "replace")), text
    )


class Log:
    """An access log that is written a few times a second, and moves on when it is large.

    `log` becomes `log.1` once it has so many bytes; a file that something else moves away is
    opened anew.  The path "-" is stdout.
    """

    def __init__(self, path: str, form: str, most: int) -> None:
        self._path = path
        self._form = form
        self._most = most
        self._waiting: deque[str] = deque()
        self.on = bool(path)
        self._lock = threading.Lock()
        if path and path != "-":
            os.makedirs(os.path.dirname(path), exist_ok=True)
        if path:
            threading.Thread(target=self._run, name="access log", daemon=True).start()

    def add(self, hit: Hit) -> None:
        """Note a request; it is written within a quarter of a second."""
        self._waiting.append(written(hit, self._form) + "\n")
        if len(self._waiting) > _WAITING:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        with self._lock:
            lines = []
            while self._waiting:
                lines.append(self._waiting.popleft())
            if not lines:
                return
            text = "".join(lines)
            if self._path == "-":
                sys.stdout.write(text)
                sys.stdout.flush()
                return
            with open(self._path, "a", encoding="utf-8", errors="backslashreplace") as file:
                file.write(text)
                size = file.tell()
            if self._most and size > self._most:
                os.replace(self._path, f"{self._path}.1")

    def _run(self) -> None:
        broken = False
        while True:
            time.sleep(0.2)
            try:
                self.flush()
                broken = False
            except OSError as error:
                if not broken:
                    print(f"feeds: {self._path}: {error.strerror}", file=sys.stderr)  # noqa: T201
                broken = True

"""Digests of files that are too large to be read while someone waits, found one after the other."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from feeds.serving.folder import digest_of, opened

if TYPE_CHECKING:
    from collections.abc import Callable

    from feeds.model import Stamp

_PATIENCE = 0.1  # seconds for which the one who asks first waits: most files are read by then


class _Wanted(NamedTuple):
    folder: str
    name: str
    stamp: Stamp
    tell: Callable[[str], None]
    done: threading.Event


class Digests:
    """Reads large files, of whatever size and however many, in a thread that lives for as long."""

    def __init__(self) -> None:
        self._wanted: deque[_Wanted] = deque()
        self._lock = threading.Lock()
        self._runs = False

    def find(self, folder: str, name: str, stamp: Stamp, tell: Callable[[str], None]) -> None:
        """Tell the digest of a file once it is known; of one that is another by then, nothing."""
        wanted = _Wanted(folder, name, stamp, tell, threading.Event())
        with self._lock:
            self._wanted.append(wanted)
            if not self._runs:
                self._runs = True
                threading.Thread(target=self._run, name="digests", daemon=True).start()
        wanted.done.wait(_PATIENCE)

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._wanted:
                    self._runs = False
                    return
                wanted = self._wanted.popleft()
            digest = _digest(wanted)
            if digest:
                wanted.tell(digest)
            wanted.done.set()


def _digest(wanted: _Wanted) -> str:
    file = opened(wanted.folder, wanted.name)
    if file is None:
        return ""
    with open(file, "rb", buffering=0) as stream:
        try:
            return digest_of(stream, wanted.stamp)
        except OSError:  # whoever reads the file is told so; it just has no tag
            return ""

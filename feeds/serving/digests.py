"""Digests of files that are too large to be read while someone waits, found one after the other."""

from __future__ import annotations

import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING, NamedTuple

from feeds.serving.folder import digest_of, opened

if TYPE_CHECKING:
    from collections.abc import Callable

    from feeds.serving.folder import Stamp

_PATIENCE = 0.1  # seconds for which the one who asks first waits: most files are read by then


class _Wanted(NamedTuple):
    folder: str
    name: str
    stamp: Stamp
    tell: Callable[[str], None]
    done: threading.Event


class Digests:
    """A thread that reads large files, of whatever size and however many."""

    def __init__(self) -> None:
        self._wanted: SimpleQueue[_Wanted] = SimpleQueue()
        self._lock = threading.Lock()
        self._runs = False

    def find(self, folder: str, name: str, stamp: Stamp, tell: Callable[[str], None]) -> None:
        """Tell the digest of a file once it is known; of one that is another by then, nothing."""
        wanted = _Wanted(folder, name, stamp, tell, threading.Event())
        with self._lock:
            if not self._runs:
                threading.Thread(target=self._run, name="digests", daemon=True).start()
                self._runs = True
        self._wanted.put(wanted)
        wanted.done.wait(_PATIENCE)

    def _run(self) -> None:
        while True:
            wanted = self._wanted.get()
            file = opened(wanted.folder, wanted.name)
            if file is not None:
                with open(file, "rb", buffering=0) as stream:
                    try:
                        found = digest_of(stream, wanted.stamp)
                    except OSError:  # can't be read: it has no tag, and who asks for it is told
                        found = ""
                if found:
                    wanted.tell(found)
            wanted.done.set()

"""What the system tells of changes in the seed folder: hints, and no more.

The only door to watchfiles.  It is deaf once its folder was removed and made again, ends at a name
that is no text, and says nothing of what a full queue lost; so it is begun anew whenever anything
is odd, and whoever listens is told since when.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import threading
from fnmatch import fnmatch
from typing import TYPE_CHECKING

from watchfiles import Change, watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from feeds.seeds import Rules

_STEP = 30  # ms between two looks at the queue
_PAUSES = (0.5, 60.0)  # seconds until it is begun anew: at first, and at most
# What editors and downloads leave beside a file while it is being written.
_PASSING = ("*~", "#*#", "4913", "*.tmp", "*.part", "*.crdownload", "*.sw?")
_FAR = re.compile(
    r"(?:nfs\d?|cifs|smb\w*|9p|afs|ceph|lustre|glusterfs|vboxsf|drvfs|fuse(?:\..*)?)\Z"
)


def far(root: str, mounts: str) -> str:
    """The kind of file system `root` lies on when that tells of no changes made elsewhere, else "".

    `mounts` is the text of /proc/self/mountinfo.
    """
    place = os.path.join(os.path.realpath(root), "")
    best, kind = "", ""
    for line in mounts.splitlines():
        mounted, dash, system = line.partition(" - ")
        fields = mounted.split()
        if not dash or len(fields) < 5:
            continue
        point = re.sub(r"\\([0-7]{3})", lambda m: chr(int(m[1], 8)), fields[4])
        if place.startswith(os.path.join(point, "")) and len(point) >= len(best):
            best, kind = point, system.split()[0]
    return kind if _FAR.match(kind) else ""


def folders(root: str, paths: Iterable[str], rules: Rules) -> frozenset[bytes]:
    """The folders below `root` to look at, because something happened at these paths."""
    found: set[bytes] = set()
    for path in paths:
        below = os.path.relpath(path, root)
        parts = below.split(os.sep)
        name = parts[-1]
        if below == os.curdir or any(part.startswith(".") for part in parts):
            continue
        if any(fnmatch(name, pattern) for pattern in (*_PASSING, *rules.ignore)):
            continue
        folder = os.fsencode(os.path.dirname(below))
        # What has no suffix may be a folder, or have been one.
        found.add(
            folder if os.path.splitext(name)[1] and not os.path.isdir(path) else os.fsencode(below)
        )
    return frozenset(found)


class Watcher(threading.Thread):
    """Tells which folders something happened in, on a thread of its own."""

    def __init__(
        self,
        root: str,
        rules: Rules,
        heard: Callable[[frozenset[bytes]], None],
        listening: Callable[[str], None],
    ) -> None:
        """Watch `root`, and tell `heard` the folders.

        `listening` is told "" when events begin to come, so that anything may have happened before,
        and why when they don't come any more.
        """
        super().__init__(name="watcher", daemon=True)
        self._root, self._rules = root, rules
        self._heard, self._listening = heard, listening
        self._over = threading.Event()

    def run(self) -> None:
        """Watch until told to stop, whatever happens to the folder."""
        pause = _PAUSES[0]
        while not self._over.is_set():
            begun = False
            try:
                inode = _inode(self._root)
                for changes in self._changes():
                    if not begun:
                        _check(self._root)
                        begun, pause = True, _PAUSES[0]
                        self._listening("")
                    self._hear(changes)
                    if _inode(self._root) != inode:
                        break
                why = "the seed folder was replaced"
            except FileNotFoundError:
                why = "there is no seed folder"
            except Exception as error:  # noqa: BLE001  whatever it is: begin anew
                why = str(error)
            if not self._over.is_set():
                self._listening(why)
                self._over.wait(pause)
                pause = min(pause * 2, _PAUSES[1])

    def _changes(self) -> Iterator[set[tuple[Change, str]]]:
        root = os.path.realpath(self._root, strict=True)
        return watch(
            root, watch_filter=None, debounce=50, step=_STEP, stop_event=self._over,
            rust_timeout=1000, yield_on_timeout=True, raise_interrupt=False, force_polling=False,
            ignore_permission_denied=True,
        )  # fmt: skip

    def _hear(self, changes: set[tuple[Change, str]]) -> None:
        paths = (path for _, path in changes)
        if changes and (found := folders(os.path.realpath(self._root), paths, self._rules)):
            self._heard(found)

    def stop(self) -> None:
        """End it soon."""
        self._over.set()


def _check(root: str) -> None:
    """Raise OSError when the system, at its limit, watches fewer folders than there are.

    watchfiles does not tell; the kernel does, of every watch of this process (proc(5), fdinfo).
    """
    if sys.platform != "linux":
        return
    folders = sum(1 for _ in os.walk(os.path.realpath(root)))
    watched = 0
    for number in os.listdir("/proc/self/fdinfo"):
        with contextlib.suppress(OSError), open(f"/proc/self/fdinfo/{number}", "rb") as file:
            watched += file.read().count(b"inotify wd:")
    if watched < folders:
        raise OSError(
            f"the system watches {watched} of {folders} folders; raise fs.inotify.max_user_watches"
        )


def _inode(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino

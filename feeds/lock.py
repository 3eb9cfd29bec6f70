"""One build at a time on one state folder.

A lock of the kernel's on a file that is never removed: it is free the moment its holder is gone,
however that ended, and a forked worker does not hold it.
"""

from __future__ import annotations

import fcntl
import os
import struct
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from feeds.model import BusyError, StateError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_STEP = 0.05  # seconds between attempts
_BUSY = (
    "another build is at work here (process {holder}); nothing was done."
    " Wait for it, or give --wait more seconds"
)


def make(folder: str) -> None:
    """Make the folder of the program's own records; raises StateError."""
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise StateError(
            f"{folder}: {error.strerror}; set state in [paths] to a folder that can be written to"
        ) from None


@contextmanager
def held(
    path: str,
    wait: float,
    waiting: Callable[[int], None],
    busy: str = _BUSY,
    *,
    reading: bool = False,
) -> Iterator[Callable[[], bool]]:
    """Hold the lock file at `path`, waiting for it at most `wait` seconds.

    `waiting` is told once which process has it, if one has.  Raises BusyError when it is not to be
    had in time, which says `busy` with the process for "{holder}"; StateError when the file can't
    be opened; who is only `reading` goes on without it then.  What is given tells whether it is
    still the file that the next one finds at `path`.
    """
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        if reading:
            yield lambda: True
            return
        said = f"{path}: {error.strerror}; check that the folder can be written to"
        raise StateError(said) from None
    try:
        end = time.monotonic() + wait
        told = False
        while not _taken(file):
            holder = _holder(file)
            if time.monotonic() >= end:
                raise BusyError(busy.replace("{holder}", str(holder)))
            if not told:
                waiting(holder)
                told = True
            time.sleep(_STEP)
        yield lambda: _lies_at(path, file)
    finally:
        os.close(file)  # which frees the lock


def _lies_at(path: str, file: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(file))
    except OSError:
        return False


def _taken(file: int) -> bool:
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


def _holder(file: int) -> int:
    """The process that holds the lock; 0 when that can't be told, or it has just let go."""
    if sys.platform != "linux":
        return 0  # the layout of struct flock is another
    asked = struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    answer = fcntl.fcntl(file, fcntl.F_GETLK, asked)
    kind, _, _, _, holder = struct.unpack("hhqqi", answer)
    return holder if kind != fcntl.F_UNLCK else 0


def holder(path: str) -> int:
    """The process that holds the lock file at `path`; 0 when none does, or that can't be told."""
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return 0
    try:
        return _holder(file)
    finally:
        os.close(file)

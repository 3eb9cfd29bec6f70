"""Files below a folder, reached without any symbolic link, and whether they keep still."""

from __future__ import annotations

import os
import stat
from hashlib import blake2b
from typing import TYPE_CHECKING, BinaryIO

from feeds import codings
from feeds.model import stamp

if TYPE_CHECKING:
    from collections.abc import Iterable

    from feeds.model import Stamp

_TWINS = tuple(codings.SUFFIXES.values())
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_DIGEST = 12  # bytes of a digest
_BLOCK = 1 << 18
_TRIES = 3  # readings of a file that is written meanwhile


def plain(name: str) -> bool:
    """Whether a name is one under which files are given out."""
    return bool(name) and not name.endswith(_TWINS) and all(
        part and not part.startswith(".") and "\0" not in part and "\\" not in part
        for part in name.split("/")
    )  # fmt: skip


def opened(folder: str, name: str) -> int | None:
    """A descriptor of a regular file below the folder; None where there is none."""
    *parents, last = name.split("/")
    at = _entered(folder, parents)
    if at is None:
        return None
    try:
        file = os.open(last, _OPEN, dir_fd=at)
    except (OSError, ValueError):  # not there, a link, a name that can't be one
        return None
    finally:
        os.close(at)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        return None
    return file


def is_folder(folder: str, name: str) -> bool:
    """Whether a folder lies below the folder under this name."""
    at = _entered(folder, name.split("/"))
    if at is not None:
        os.close(at)
    return at is not None


def _entered(folder: str, names: Iterable[str]) -> int | None:
    """A descriptor of the folder at the end of these names."""
    try:
        at = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return None
    for name in names:
        try:
            inner = os.open(name, _OPEN | os.O_DIRECTORY, dir_fd=at)
        except (OSError, ValueError):
            return None
        finally:
            os.close(at)
        at = inner
    return at


def read(stream: BinaryIO) -> tuple[os.stat_result, bytes]:
    """A file's status and its bytes.

    One that is written in its place, as our own never are, is read again, but not for ever.
    """
    for _ in range(_TRIES):
        status = os.fstat(stream.fileno())
        stream.seek(0)
        body = stream.read()
        if stamp(os.fstat(stream.fileno())) == stamp(status):
            break
    return status, body


def digest(body: bytes) -> str:
    """What stands for these bytes, on every host."""
    return blake2b(body, digest_size=_DIGEST).hexdigest()


def digest_of(stream: BinaryIO, wanted: Stamp) -> str:
    """The digest of the file in its version with this stamp; "" as soon as it is another."""
    hashed = blake2b(digest_size=_DIGEST)
    while stamp(os.fstat(stream.fileno())) == wanted:
        block = stream.read(_BLOCK)
        if not block:
            return hashed.hexdigest()
        hashed.update(block)
    return ""

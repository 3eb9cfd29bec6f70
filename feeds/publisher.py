"""The output folder equals the documents: replaced whole, only where different, leftovers removed.

The only door to the output folder.  A file is written under a name that no server shows, flushed
to the disk and moved into its place; a reader finds the old bytes or the new ones, and so does the
next start after a power cut.
"""

from __future__ import annotations

import contextlib
import os
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from feeds.model import Published, PublishError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_PREFIX = ".feeds-"  # of files that are not whole yet


class Outcome(NamedTuple):
    """What was done to the output folder."""

    written: tuple[str, ...]
    deleted: tuple[str, ...]
    published: dict[str, Published]  # all files of ours, as they are now


def intact(out: str, name: str, published: Published) -> bool:
    """Whether a file still is as it was left, by size and time."""
    try:
        status = os.stat(os.path.join(out, name))
    except OSError:
        return False
    return (status.st_size, status.st_mtime_ns) == (published.size, published.mtime)


def publish(
    out: str,
    bodies: Mapping[str, bytes | Callable[[], bytes]],
    before: Mapping[str, Published],
    keep: Iterable[str],
    promise: Callable[[Iterable[str]], None],
    progress: Callable[[int, int], None],
    times: Mapping[str, str] = MappingProxyType({}),
) -> Outcome:
    """Make the output folder hold `bodies` and what it held of `keep`, and nothing else of ours.

    `bodies` maps names to bytes, or to a function that reads them; `before` is what we left there
    last time: only these names are ever removed.  `promise` is told the new names before the first
    is written, so that they are known for ours even if this run does not come to its end;
    `progress` is told before each how many are done, and may raise to end it there.  A name in
    `times` gets the time of another that stands before it.

    Raises PublishError when the folder can't be written to; files written until then stay.
    """
    from hashlib import sha256

    published = {name: before[name] for name in keep if name in before}
    written: list[str] = []
    try:
        os.makedirs(out, exist_ok=True)
        new = [name for name in bodies if name not in before]
        if new:
            promise(new)
        folders: set[str] = set()
        for number, (name, given) in enumerate(bodies.items()):
            progress(number, len(bodies))
            body = given if isinstance(given, bytes) else given()
            digest = sha256(body).hexdigest()
            path = os.path.join(out, name)
            known = before.get(name)
            if not (known and known.digest == digest and intact(out, name, known)) and _differs(
                path, body
            ):
                folders.update(_make_folders(out, name))
                _replace(path, body, digest)
                folders.add(os.path.dirname(path))
                written.append(name)
            if name in times:
                moment = published[times[name]].mtime
                os.utime(path, ns=(moment, moment))
            status = os.stat(path)
            published[name] = Published(digest, status.st_size, status.st_mtime_ns)
        for folder in sorted(folders):
            _flush(folder)
        deleted = _remove(out, [name for name in before if name not in published])
    except OSError as error:
        where = error.filename or out
        raise PublishError(f"{where}: {error.strerror}; what was published before stays") from None
    return Outcome(tuple(written), tuple(deleted), published)


def sweep(out: str) -> None:
    """Remove what a killed run left half written; only to be called by the one that builds."""
    for folder, _, names in os.walk(out):
        for name in names:
            if name.startswith(_PREFIX):
                with contextlib.suppress(OSError):
                    os.unlink(os.path.join(folder, name))


def _differs(path: str, body: bytes) -> bool:
    try:
        with open(path, "rb") as file:
            return os.fstat(file.fileno()).st_size != len(body) or file.read() != body
    except OSError:
        return True


def _make_folders(out: str, name: str) -> list[str]:
    """The folders that `name` needs and that were not there; returned are those that hold them."""
    made = []
    folder = out
    for part in name.split("/")[:-1]:
        parent, folder = folder, os.path.join(folder, part)
        try:
            os.mkdir(folder)
        except FileExistsError:
            continue
        made.append(parent)
    return made


def _replace(path: str, body: bytes, digest: str) -> None:
    half = os.path.join(os.path.dirname(path), f"{_PREFIX}{digest[:16]}")
    try:
        # 0o666 less the umask: the web server is another user than the one who builds.
        file = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
        try:
            view = memoryview(body)
            while view:
                view = view[os.write(file, view) :]
            os.fsync(file)
        finally:
            os.close(file)
        os.replace(half, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(half)
        raise


def _flush(folder: str) -> None:
    """Make the new names in a folder last, as fsync of a file does not."""
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _remove(out: str, names: Iterable[str]) -> list[str]:
    removed = []
    for name in names:
        path = os.path.join(out, name)
        try:
            os.unlink(path)
            removed.append(name)
        except FileNotFoundError:
            pass
        folder = os.path.dirname(path)
        while folder != out and folder.startswith(out):
            try:
                os.rmdir(folder)
            except OSError:
                break  # something else lies in it
            folder = os.path.dirname(folder)
    return removed

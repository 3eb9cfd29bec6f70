"""The output folder equals the documents: replaced whole, only where different, leftovers removed.

The only door to the output folder.  A file is written under a name that no server shows, flushed
to the disk and moved into its place; a reader finds the old bytes or the new ones, and so does the
next start after a power cut.
"""

from __future__ import annotations

import contextlib
import os
from errno import EACCES
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from feeds.model import Published, PublishError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_SECOND = 1_000_000_000  # ns
_PREFIX = ".feeds-"  # of files that are not whole yet


class Put(NamedTuple):
    """What became of one file."""

    published: Published
    folders: tuple[str, ...]  # to `flush`; none where the file was right already


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


def holds(out: str, names: Iterable[str]) -> bool:
    """Whether all these files lie in the output folder."""
    return all(os.path.exists(os.path.join(out, name)) for name in names)


def body_of(out: str, name: str) -> bytes | None:
    """The bytes that lie in the output folder under a name; None where none do."""
    try:
        with open(os.path.join(out, name), "rb") as file:
            return file.read()
    except OSError:
        return None


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
    published = {name: before[name] for name in keep if name in before}
    written: list[str] = []
    try:
        os.makedirs(out, exist_ok=True)
        promise([name for name in bodies if name not in before])
        folders: set[str] = set()
        for number, (name, given) in enumerate(bodies.items()):
            progress(number, len(bodies))
            body = given if isinstance(given, bytes) else given()
            published[name], changed = put(out, name, body, before.get(name))
            folders.update(changed)
            if changed:
                written.append(name)
            if name in times:
                published[name] = date(out, name, published[times[name]], published[name])
        for folder in sorted(folders):
            flush(folder)
        deleted = _remove(out, [name for name in before if name not in published])
    except OSError as error:
        raise failed(error, out) from None
    return Outcome(tuple(written), tuple(deleted), published)


def put(out: str, name: str, body: bytes, known: Published | None = None) -> Put:
    """One file made whole, if it is not already; `known` is how it was left.

    Its folders have to be flushed before it lasts.  Raises OSError.
    """
    from hashlib import sha256

    digest = sha256(body).hexdigest()
    path = os.path.join(out, name)
    folders: tuple[str, ...] = ()
    right = known is not None and known.digest == digest and intact(out, name, known)
    if not right and _differs(path, body):
        folders = (*_make_folders(out, name), os.path.dirname(path))
        _replace(path, body, digest)
    status = os.stat(path)
    return Put(Published(digest, status.st_size, status.st_mtime_ns), folders)


def date(out: str, name: str, like: Published, file: Published) -> Published:
    """A file with the time of another."""
    os.utime(os.path.join(out, name), ns=(like.mtime, like.mtime))
    return file._replace(mtime=like.mtime)


def failed(error: OSError, out: str) -> PublishError:
    """What is said when the output folder can't be written to."""
    where = error.filename or out
    remedy = "" if os.path.isdir(out) else "; set out in [paths] to a folder"
    if error.errno == EACCES:
        remedy = "; let the user who runs feeds write there, or set out in [paths]"
    return PublishError(f"{where}: {error.strerror}{remedy}; what was published before stays")


def sweep(out: str) -> None:
    """Make the folder, and remove what a killed run left half written in it.

    Only to be called by the one that builds.  Raises PublishError.
    """
    try:
        os.makedirs(out, exist_ok=True)
    except OSError as error:
        raise failed(error, out) from None
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
            _date(file, path)
        finally:
            os.close(file)
        os.replace(half, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(half)
        raise


def _date(file: int, path: str) -> None:
    """Give a new version another second than the old one has.

    HTTP tells the time of a change by whole seconds (RFC 9110 §8.8.2): a reader that goes by it
    would take two versions of one second for the same.
    """
    with contextlib.suppress(FileNotFoundError):
        before = os.stat(path).st_mtime_ns // _SECOND
        if os.fstat(file).st_mtime_ns // _SECOND <= before:
            os.utime(file, ns=((before + 1) * _SECOND, (before + 1) * _SECOND))


def flush(folder: str) -> None:
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

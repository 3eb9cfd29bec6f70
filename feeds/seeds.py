"""What lies in the seed folder: list it, read it, skip what is not an article.

The only door to the seed folder.  Paths are bytes in here, as the file system has them, since a
name need not be text; `path_of` makes them the strings that the rest of the program uses.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from functools import lru_cache, partial
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from feeds.model import FeedsError, SeedError, stamp

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator

    from feeds.model import Listing, Stamp

UNREAD: Stamp = (0, 0, 0, 0)  # no file's stamp: stands for one that is not known
_BATCH = 64  # heads
_TOO_MANY = {errno.EMFILE, errno.ENFILE}  # files are open
HEAD = 1024  # bytes that nearly always hold the whole heading
PICTURES = (".jpg", ".jpeg", ".png", ".gif", ".webp", ".avif", ".svg", ".bmp", ".ico", ".jxl")

# Without O_NONBLOCK, opening a pipe that took a file's place would wait for ever.
_OPEN = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class Rules(NamedTuple):
    """Which files are seeds."""

    suffixes: tuple[str, ...]
    ignore: tuple[str, ...] = ()  # globs on a file's or folder's name
    follow_links: bool = False
    max_size: int = 5 * 1024 * 1024  # bytes


class Folder(NamedTuple):
    """One folder as it lies there now."""

    path: bytes  # below the seed folder; b"" for the seed folder itself
    listing: Listing | None  # seeds and pictures; None: the folder can't be read
    reason: str = ""  # why it can't


def path_of(folder: bytes, name: bytes = b"") -> str:
    """The path as the rest of the program knows it; bytes that are no text become surrogates."""
    return os.fsdecode(b"/".join(part for part in (folder, name) if part))


def shown(path: str) -> str:
    """A path as it may be printed: without a line end, a control, or bytes that are no text."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in path
    )


def tops(root: str, rules: Rules) -> list[bytes]:
    """The first-level folders, sorted, and b"" for the files directly in the seed folder.

    Each is a part that `walk` lists by itself.  Raises OSError when there is no seed folder.
    """
    base, (hidden, ignored) = os.fsencode(root), _passed(rules)
    with os.scandir(base) as entries:
        names = [
            entry.name
            for entry in entries
            if not entry.name.startswith(hidden)
            and not (ignored and ignored(entry.name))
            and not entry.is_file(follow_symlinks=False)
            and _kind(entry, base, rules) is None
        ]
    return [b"", *sorted(names)]


def walk(
    root: str, top: bytes, rules: Rules, known: Container[bytes] | None = None
) -> Iterator[Folder]:
    """Every folder at and below `top`, with what lies in it; for b"", only the seed folder itself.

    Passed over: names that begin with a dot or that a glob in `rules.ignore` matches, and files
    with neither a seed's nor a picture's suffix.  In a folder that is not `known`, where that is
    given, seeds are `UNREAD`: they will be read, and `heads` tells their stamps, for a third less
    than to ask for each by its name.
    """
    hidden, ignored = _passed(rules)
    seeds, pictures = endings(rules), _forms(PICTURES)
    base = os.fsencode(root)
    waiting = [top]
    while waiting:
        folder = waiting.pop()
        fresh = known is not None and folder not in known
        listing: Listing = {}
        below: list[bytes] = []
        try:
            with os.scandir(os.path.join(base, folder) if folder else base) as entries:
                for entry in entries:  # the hot loop of a build in which nothing changed
                    name = entry.name
                    if name.startswith(hidden) or (ignored and ignored(name)):
                        continue
                    seed = name.endswith(seeds)
                    if entry.is_file(follow_symlinks=False):
                        if seed and fresh:
                            listing[name] = UNREAD
                        elif seed or name.endswith(pictures):
                            try:
                                listing[name] = stamp(entry.stat(follow_symlinks=False))
                            except FileNotFoundError:  # gone since it was listed
                                continue
                    else:
                        kind = _kind(entry, base, rules)
                        if kind is None:
                            below.append(name)
                        elif seed or (name.endswith(pictures) and not isinstance(kind, str)):
                            listing[name] = kind
        except FileNotFoundError:  # the folder is gone since its parent was listed
            continue
        except OSError as error:
            yield Folder(folder, None, error.strerror or str(error))
            continue
        yield Folder(folder, listing)
        if top:
            waiting.extend(b"%b/%b" % (folder, name) for name in sorted(below, reverse=True))


def _kind(entry: os.DirEntry[bytes], base: bytes, rules: Rules) -> Stamp | str | None:
    """What a name stands for that is no plain file.

    None for a folder, a stamp for a file behind a link that may be followed, else the code of a
    problem.
    """
    if entry.is_dir(follow_symlinks=False):
        return None
    if not entry.is_symlink():
        return "not-a-file"
    if not rules.follow_links:
        return "link"
    try:
        target = os.path.realpath(entry.path, strict=True)
        status = os.stat(target)
    except OSError:
        return "link-broken"
    home = os.path.join(os.path.realpath(base), b"")
    if not target.startswith(home):
        return "link-broken"
    if stat.S_ISDIR(status.st_mode):
        above = os.path.realpath(os.path.dirname(entry.path))
        return "link-broken" if os.path.join(above, b"").startswith(target + b"/") else None
    return stamp(status) if stat.S_ISREG(status.st_mode) else "not-a-file"


def endings(rules: Rules) -> tuple[bytes, ...]:
    """What the names of seeds end with; those of pictures end otherwise."""
    return _forms(rules.suffixes)


def _forms(suffixes: Iterable[str]) -> tuple[bytes, ...]:
    """The suffixes in lower and in upper case."""
    cased = (form for suffix in suffixes for form in (suffix.lower(), suffix.upper()))
    return tuple(map(os.fsencode, cased))


@lru_cache  # asked for every first-level folder
def _passed(rules: Rules) -> tuple[tuple[bytes, ...], Callable[[bytes], object] | None]:
    """How names begin that are passed over, and a test for globs that say something else."""
    begun = [glob for glob in rules.ignore if re.fullmatch(r"[^*?[]+\*", glob)]  # sooner tested
    others = [glob for glob in rules.ignore if glob not in begun]
    hidden = (b".", *(os.fsencode(glob[:-1]) for glob in begun))
    if not others:
        return hidden, None
    from fnmatch import translate

    return hidden, re.compile(os.fsencode("|".join(map(translate, others)))).match


def picture(root: str, path: str, rules: Rules) -> Stamp | None:
    """The stamp of the picture at `path` below the seed folder; None when none lies there.

    A path that leads out of the seed folder, also through a link, leads to none.
    """
    if path.rpartition(".")[2].lower() not in {suffix[1:] for suffix in PICTURES}:
        return None
    home = os.path.realpath(root)
    try:
        path.encode()  # a name that is no text could not be told to a reader
        whole = os.path.realpath(os.path.join(home, path), strict=True)
        status = os.stat(whole)
    except (OSError, ValueError):  # ValueError: a NUL in it, or bytes that are no text
        return None
    inside = whole.startswith(f"{home}{os.sep}") and (
        rules.follow_links or whole == os.path.normpath(os.path.join(home, path))
    )
    return stamp(status) if inside and stat.S_ISREG(status.st_mode) else None


# --- reading -----------------------------------------------------------------------------------


def heads(
    root: str, folder: bytes, names: Iterable[bytes], rules: Rules
) -> Iterator[list[tuple[bytes, bytes, Stamp]]]:
    """Name, first KiB and stamp of each of the files `names` in `folder`, some at a time.

    No bytes and `UNREAD` for one that can't be read; why it can't, `read` says: this loop is run
    for every seed of a corpus.
    """
    flags = _flags(rules)
    place = os.open(os.path.join(os.fsencode(root), folder), _FOLDER)
    waiting = iter(names)
    try:
        # By the batch: to understand a head takes a fifth less time when no system call stands
        # between it and the next one.
        while batch := list(islice(waiting, _BATCH)):
            yield _heads(batch, place, flags)
    finally:
        os.close(place)


def _heads(names: list[bytes], place: int, flags: int) -> list[tuple[bytes, bytes, Stamp]]:
    found: list[tuple[bytes, bytes, Stamp]] = []
    files: list[int] = []
    try:
        for name in names:
            try:
                file = os.open(name, flags, dir_fd=place)
                files.append(file)
                status = os.fstat(file)  # before reading: what is written meanwhile is seen again
                found.append((name, os.read(file, HEAD), stamp(status)))
            except OSError as error:  # also when a pipe took the file's place
                if files and error.errno in _TOO_MANY:
                    break
                found.append((name, b"", UNREAD))
    finally:
        _close(files)
    rest = names[len(found) :]
    return [*found, *_heads(rest, place, flags)] if rest else found


def _close(files: list[int]) -> None:
    """Close files, with one call for all where no other lies between, which takes half the time."""
    if files and files == [*range(files[0], files[0] + len(files))]:
        os.closerange(files[0], files[-1] + 1)
    else:
        for file in files:
            os.close(file)


def read(root: str, path: str, rules: Rules, most: int = 0) -> bytes:
    """All bytes of a seed or picture, or only the first `most`.

    Raises SeedError when it is no plain file (any more), is too large, or can't be read.
    """
    try:
        file = os.open(os.path.join(os.fsencode(root), os.fsencode(path)), _flags(rules))
    except OSError as error:
        code = "link" if error.errno == errno.ELOOP else "unreadable"
        raise SeedError(code, error.strerror or str(error)) from None
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            raise SeedError("not-a-file")
        if status.st_size > rules.max_size:
            raise SeedError("too-large", f"{status.st_size} bytes; at most {rules.max_size}")
        if most:
            return os.read(file, most)
        data = b"".join(iter(partial(os.read, file, status.st_size + 1), b""))
        return data[: rules.max_size]  # it may have grown since
    except OSError as error:
        raise SeedError("unreadable", error.strerror or str(error)) from None
    finally:
        os.close(file)


def _flags(rules: Rules) -> int:
    return _OPEN if rules.follow_links else _OPEN | os.O_NOFOLLOW


def mtime(root: str, path: str) -> int:
    """When the file was last written, in seconds; raises SeedError when it can't be asked."""
    try:
        return int(os.stat(os.path.join(os.fsencode(root), os.fsencode(path))).st_mtime)
    except OSError as error:
        raise SeedError("unreadable", error.strerror or str(error)) from None


def size(root: str, path: str) -> int:
    """How many bytes the file has; 0 where it can't be asked."""
    try:
        return os.stat(os.path.join(os.fsencode(root), os.fsencode(path))).st_size
    except OSError:
        return 0


def below(root: str, path: str) -> str:
    """The path of a file below the seed folder `root`, given from the working folder or from there.

    Raises FeedsError when there is none.
    """
    whole = os.path.abspath(path)
    if not os.path.lexists(whole):
        whole = os.path.join(root, path)
    if not os.path.lexists(whole):
        raise FeedsError(f"{path}: there is no such file here nor in {root}")
    if os.path.isdir(whole):
        raise FeedsError(f"{path}: it is a folder; name one of the files in it")
    inside = os.path.relpath(
        os.path.join(os.path.realpath(os.path.dirname(whole)), os.path.basename(whole)),
        os.path.realpath(root),
    )
    if inside.startswith(".."):
        raise FeedsError(f"{path}: it does not lie in the seed folder {root}")
    return inside

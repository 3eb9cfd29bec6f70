"""The first half of a build: the catalogue agrees with what lies in the seed folder.

    seeds.walk -> compare with the listing remembered -> seeds.heads -> heading -> Catalogue.apply

Only what differs from the listing of before is read; first-level folders are shared out among the
processes.  The catalogue is written by the parent alone.
"""

from __future__ import annotations

import gc
import marshal
import os
from typing import TYPE_CHECKING, NamedTuple

from feeds import seeds, workers
from feeds.catalogue import FORMAT, Catalogue, Change
from feeds.model import Heading, Problem, SeedError
from feeds.seeds import Rules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from feeds.catalogue import Row
    from feeds.config import Config
    from feeds.heading import Habits, Reading
    from feeds.model import Listing, Stamp
    from feeds.seeds import Folder
    from feeds.twins import Likeness

_FEW = 10_000  # seeds that are listed sooner than workers are forked
MANY = 1000  # changed seeds, from which on all feeds are taken to be affected
_AGAIN: Stamp = (0, 0, 0, 0)  # no file's stamp: the file is looked at again next time
_TICK = 2_000_000_000  # ns; within the coarsest clock of a file system a file may change unseen


def rules_of(config: Config) -> Rules:
    """Which files the configuration takes for seeds."""
    table = config.seeds
    return Rules(table.suffixes, table.ignore, table.follow_links, table.max_size)


def habits(config: Config) -> Callable[[str], Habits]:
    """What the configuration tells of the source in a first-level folder."""

    def of(folder: str) -> Habits:
        from zoneinfo import ZoneInfo

        from feeds.heading import Habits

        source = config.source(folder)
        mtime = config.dates.missing == "mtime"
        zone = ZoneInfo(source.timezone)
        return Habits(zone, config.dates.max_gap, source.encoding, source.trim, mtime)

    return of


def likeness(root: str, rules: Rules) -> Likeness:
    """What tells how much of their text two seeds share."""
    from feeds import revision

    sketches: dict[str, frozenset[int]] = {}

    def sketch(heading: Heading) -> frozenset[int]:
        if heading.path not in sketches:
            try:
                text = seeds.decode(seeds.read(root, heading.path, rules)).text
            except SeedError:
                text = ""  # it is held back later, with its reason
            sketches[heading.path] = revision.sketch(text.partition("------")[2] or text)
        return sketches[heading.path]

    return lambda one, other: revision.likeness(sketch(one), sketch(other))


class Found(NamedTuple):
    """What the seed folder holds, against what it held before."""

    seeds: int
    read: int
    removed: int
    changed: bool  # anything at all, pictures beside the seeds included
    affected: tuple[Heading, ...] | None  # old and new forms of what changed; None: too many
    problems: tuple[Problem, ...]  # that may be over by the next build, so they are not kept


class _Seen(NamedTuple):
    """One folder as a worker found it."""

    path: bytes
    change: Change | None  # None: nothing changed, or the folder can't be read
    reason: str = ""  # why it can't
    unread: tuple[tuple[bytes, str], ...] = ()  # seeds that can't be read for now, and why


def survey(
    root: str,
    rules: Rules,
    habits: Callable[[str], Habits],
    catalogue: Catalogue,
    now: int,
    processes: int,
    progress: Callable[[int], None],
) -> Found:
    """Bring the catalogue up to date with the seed folder `root`.

    `habits` tells what is known of a source, `now` is in seconds, `progress` is told how many
    seeds were read.  Raises OSError when there is no seed folder.
    """
    remembered = catalogue.listings()
    vanished = set(remembered)
    affected: list[Heading] | None = [] if remembered else None
    problems: list[Problem] = []
    read = removed = changes = 0
    clock = now * 1_000_000_000

    if not remembered:
        import feeds.heading  # noqa: F401  before the workers are forked, so that each has it
    gc.disable()  # no cycles are made here, and looking for them takes a quarter of the time

    def look(top: bytes) -> Iterator[_Seen]:
        for folder in seeds.walk(root, top, rules):
            before = remembered.get(folder.path)
            yield _compared(root, top, folder, before, rules, habits, clock)

    if remembered and catalogue.count() < _FEW:
        processes = 1
    for seen in workers.spread(look, seeds.tops(root, rules), processes):
        vanished.discard(seen.path)
        if seen.reason:
            problems.append(Problem("unreadable", seeds.path_of(seen.path), seen.reason))
            below = seen.path + b"/"
            vanished = {path for path in vanished if seen.path and not path.startswith(below)}
        problems.extend(
            Problem("unreadable", seeds.path_of(seen.path, name), why) for name, why in seen.unread
        )
        if seen.change is None:
            continue
        changes += 1
        read += len(seen.change.rows) + len(seen.change.problems)
        removed += len(seen.change.gone)
        if read + removed > MANY:
            affected = None
        catalogue.apply(seen.change, affected)
        progress(read)
    for path in sorted(vanished):
        gone = tuple(marshal.loads(remembered[path]))  # noqa: S302  our own catalogue
        removed += len(gone)
        catalogue.apply(Change(path, None, gone=gone), affected)
    if read or removed:
        catalogue.settle(likeness(root, rules), affected)
    return Found(
        catalogue.count(),
        read,
        removed,
        bool(changes or vanished),
        None if affected is None else tuple(affected),
        tuple(problems),
    )


def _compared(
    root: str,
    top: bytes,
    folder: Folder,
    before: bytes | None,
    rules: Rules,
    habits: Callable[[str], Habits],
    clock: int,
) -> _Seen:
    """What is new in a folder, against its marshalled listing of `before`."""
    path, listing, reason = folder
    if listing is None:
        return _Seen(path, None, reason)
    if before is not None and marshal.dumps(listing, FORMAT) == before:
        return _Seen(path, None)
    old: Listing = marshal.loads(before) if before is not None else {}  # noqa: S302
    changed = [name for name, stamp in listing.items() if old.get(name) != stamp]
    gone = [name for name in old if name not in listing]
    if not changed and not gone and before is not None:
        return _Seen(path, None)  # the same in another order
    is_seed = seeds.seed_test(rules)
    known = habits(os.fsdecode(top))
    pictures = tuple(seeds.path_of(path, n) for n in (*changed, *gone) if not is_seed(n))
    changed = [name for name in changed if is_seed(name)]
    rows: list[Row] = []
    problems = [(n, s, "", 0) for n in changed if isinstance(s := listing[n], str)]
    unread: list[tuple[bytes, str]] = []
    files = {n: s for n in changed if not isinstance(s := listing[n], str)}
    above = seeds.path_of(path, b"") + "/" if path else ""
    for name, head in seeds.heads(root, path, files, rules):
        stamp = files[name]
        try:
            found = _understood(root, above + os.fsdecode(name), head, stamp, rules, known)
            rows.append(_row(name, found))
        except SeedError as error:
            if error.code == "unreadable":
                unread.append((name, error.detail))
                listing[name] = _AGAIN
            else:
                problems.append((name, error.code, error.detail, error.line))
        if abs(clock - stamp[0]) < _TICK:
            listing[name] = _AGAIN
    lost = tuple(name for name in gone if is_seed(name))
    count = sum(map(is_seed, listing))
    change = Change(path, listing, count, tuple(rows), tuple(problems), lost, pictures)
    return _Seen(path, change, unread=tuple(unread))


def _row(name: bytes, found: Heading) -> Row:
    from feeds import identity

    ident, twin = identity.short(identity.key(found)), identity.twin(found)
    notes = " ".join(found.notes)
    return name, found.published, found.updated, ident, twin, found.title, found.link, notes


def _understood(
    root: str, path: str, head: bytes, stamp: Stamp, rules: Rules, habits: Habits
) -> Heading:
    """The heading of one seed: from its first KiB, or from more of it where that is needed."""
    mtime, _, size, _ = stamp
    if size > rules.max_size:
        raise SeedError("too-large", f"{size} bytes; at most {rules.max_size}")
    from feeds import heading  # not before something changed: most builds never need it

    if head and b"\0" not in head:
        text = seeds.decode_head(head)
        if text is not None and (found := heading.quick(text, path, habits)):
            return found
    return explained(root, path, rules, habits, mtime // 1_000_000_000).heading


def explained(root: str, path: str, rules: Rules, habits: Habits, mtime: int) -> Reading:
    """The heading of the seed at `path` with how it was come by; raises SeedError."""
    from feeds import heading

    data = seeds.read(root, path, rules, seeds.LONG_HEAD)
    text = seeds.decode_head(data) if data.strip() and b"\0" not in data else None
    note = ""
    if text is None or text.startswith("\ufeff"):
        whole = seeds.decode(seeds.read(root, path, rules), habits.encoding)
        text, note = whole.text[: seeds.LONG_HEAD], whole.note
    reading = heading.explain(text, path, habits, mtime)
    if note:
        notes = (note, *reading.heading.notes)
        reading = reading._replace(heading=reading.heading._replace(notes=notes))
    return reading

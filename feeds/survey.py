"""The first half of a build: the catalogue agrees with what lies in the seed folder.

    seeds.walk -> compare with the listing remembered -> seeds.heads -> heading -> Catalogue.apply

Only what differs from the listing of before is read; first-level folders are shared out among the
processes.  The catalogue is written by the parent alone.  A hint saves listing folders in which
nothing happened; without one, nothing depends on anybody having told.
"""

from __future__ import annotations

import gc
import marshal
import os
from typing import TYPE_CHECKING, Any, NamedTuple

from feeds import seeds, workers
from feeds.catalogue import Catalogue, Change
from feeds.model import Heading, Problem, SeedError
from feeds.seeds import Rules

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator

    from feeds.config import Config
    from feeds.heading import Habits, Reading
    from feeds.likeness import Sketch
    from feeds.model import Hint, Listing, Row, Stamp
    from feeds.seeds import Folder
    from feeds.twins import Decisions

_FORMAT = 2  # of marshal: without references, so that equal listings have equal bytes
_FEW = 10_000  # seeds that are listed sooner than workers are forked
MANY = 1000  # changed seeds, from which on all feeds are taken to be affected
_LONG_HEAD = 8192  # bytes in which a heading is looked for when it does not fit in the first KiB
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


def sketching(root: str, rules: Rules) -> Callable[[Heading], Sketch]:
    """What sketches the text of a seed; of one that can't be read, which is held back, nothing."""
    from feeds import decoding, likeness

    def sketch(heading: Heading) -> Sketch:
        try:
            text = decoding.decode(seeds.read(root, heading.path, rules)).text
        except SeedError:
            return frozenset()
        return likeness.sketch(text.partition("------")[2] or text)

    return sketch


class Found(NamedTuple):
    """What the seed folder holds, against what it held before."""

    seeds: int
    read: int
    removed: int
    changed: bool  # anything at all, pictures beside the seeds included
    affected: tuple[Heading, ...] | None  # old and new forms of what changed; None: too many
    problems: tuple[Problem, ...]  # that may be over by the next build, so they are not kept
    unsettled: int = 0  # seeds that are still being written


class _Clock(NamedTuple):
    """The instant of the build, in ns since the epoch, and which files are still being written."""

    now: int
    hint: Hint | None


_Plain = tuple[Any, ...]


class _Seen(NamedTuple):
    """One folder as a worker found it; on its way from there `plain`, as those go fast."""

    path: bytes
    change: Change | None  # None: nothing changed, or the folder can't be read
    reason: str = ""  # why it can't
    unread: tuple[tuple[bytes, str], ...] = ()  # seeds that can't be read for now, and why
    unsettled: int = 0

    def plain(self) -> _Plain:
        return (self.path, tuple(self.change) if self.change else None, *self[2:])

    @classmethod
    def of(cls, path: bytes, change: tuple[Any, ...] | None, *rest: Any) -> _Seen:
        return cls(path, Change(*change) if change else None, *rest)


def survey(
    root: str,
    rules: Rules,
    habits: Callable[[str], Habits],
    catalogue: Catalogue,
    now: int,
    processes: int,
    progress: Callable[[int], None],
    hint: Hint | None = None,
    chores: Iterable[object] = (),
    decisions: Callable[[], Decisions] | None = None,
    *,
    decided: bool = False,
) -> Found:
    """Bring the catalogue up to date with the seed folder `root`.

    `habits` tells what is known of a source, `now` is in seconds, `progress` is told how many
    seeds were read.  With a `hint`, only the folders it names are looked at, and what lies below
    them.  `chores` are drawn while other processes read seeds for the first time.  `decisions` are
    a person's on articles in several files, new ones if `decided`.  Raises OSError when there is no
    seed folder.
    """
    tops, remembered = _hinted(root, hint, catalogue) if hint else ([], {})
    hinted = bool(tops)
    if not hinted:
        tops, remembered = seeds.tops(root, rules), catalogue.listings()
    vanished = set(remembered)
    affected: list[Heading] | None = [] if remembered else None
    problems: list[Problem] = []
    read = removed = changes = unsettled = 0
    clock = _Clock(now * 1_000_000_000, hint)

    if remembered:
        chores = ()
    else:
        import zoneinfo  # noqa: F401  before the workers are forked, so that each has it

        import feeds.heading  # noqa: F401

    def look(top: bytes) -> Iterator[_Plain | None]:
        for folder in seeds.walk(root, top, rules, None if hint else remembered):
            before = remembered.get(folder.path)
            for seen in _compared(root, folder, before, rules, habits, clock):
                yield seen and seen.plain()

    if hinted or (remembered and catalogue.count() < _FEW):
        processes = 1
    for plain in _uncollected(workers.spread(look, tops, processes, chores)):
        seen = _Seen.of(*plain)
        vanished.discard(seen.path)
        if seen.reason:
            problems.append(Problem("unreadable", seeds.path_of(seen.path), seen.reason))
            below = seen.path + b"/"
            vanished = {path for path in vanished if seen.path and not path.startswith(below)}
        problems.extend(
            Problem("unreadable", seeds.path_of(seen.path, name), why) for name, why in seen.unread
        )
        unsettled += seen.unsettled
        if seen.change is None:
            continue
        changes += 1
        read += len(seen.change.rows) + len(seen.change.problems)
        removed += len(seen.change.gone)
        if read + removed > MANY:
            affected = None
        catalogue.apply(seen.change, affected)
        progress(read)
    if vanished:
        seeds.tops(root, rules)  # raises when it is the seed folder itself that is gone
    for path in sorted(vanished):
        gone = tuple(marshal.loads(remembered[path]))  # noqa: S302  our own catalogue
        removed += len(gone)
        catalogue.apply(Change(path, None, gone=gone), affected)
    if read or removed or decided:
        from feeds.twins import Decisions

        catalogue.settle(
            sketching(root, rules), decisions() if decisions else Decisions(), affected,
            decided=decided,
        )  # fmt: skip
    return Found(
        catalogue.count(),
        read,
        removed,
        bool(changes or vanished),
        None if affected is None else tuple(affected),
        tuple(problems),
        unsettled,
    )


def _uncollected(found: Iterator[_Plain]) -> Iterator[_Plain]:
    """The same, without the collector: no cycles arise, and to look for them takes a quarter."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield from found
    finally:
        if collecting:
            gc.enable()


def _hinted(root: str, hint: Hint, catalogue: Catalogue) -> tuple[list[bytes], dict[bytes, bytes]]:
    """Where to look, and what is remembered of it; nothing when one has to look everywhere."""
    known = catalogue.folders()
    nearest = {_nearest(folder, known) for folder in hint.folders}
    tops = [top for top in sorted(nearest) if not any(_lies(top, above) for above in nearest)]
    base = os.fsencode(os.path.realpath(root))
    if b"" in nearest or any(os.path.realpath(p := b"%b/%b" % (base, top)) != p for top in tops):
        return [], {}  # or a link has taken a folder's place
    within = [path for path in known if path in tops or any(_lies(path, top) for top in tops)]
    return (tops, catalogue.listings(within)) if len(within) <= MANY else ([], {})


def _lies(path: bytes, above: bytes) -> bool:
    return path.startswith(above + b"/")


def _nearest(folder: bytes, known: Container[bytes]) -> bytes:
    """The folder, or the nearest of those above it that is known."""
    while folder and folder not in known:
        folder = folder.rpartition(b"/")[0]
    return folder


def _compared(
    root: str,
    folder: Folder,
    before: bytes | None,
    rules: Rules,
    habits: Callable[[str], Habits],
    clock: _Clock,
) -> Iterator[_Seen | None]:
    """What is new in a folder, against its marshalled listing of `before`; None meanwhile."""
    path, listing, reason = folder
    if listing is None:
        yield _Seen(path, None, reason)
        return
    if before is not None and marshal.dumps(listing, _FORMAT) == before:
        yield _Seen(path, None)
        return
    old: Listing = marshal.loads(before) if before is not None else {}  # noqa: S302
    unsettled = _restored(listing, old, clock)
    changed = [n for n, stamp in listing.items() if old.get(n) != stamp] if old else list(listing)
    gone = [name for name in old if name not in listing]
    if not changed and not gone and before is not None:
        yield _Seen(path, None, unsettled=unsettled)  # or the same in another order
        return
    endings = seeds.endings(rules)
    files: list[bytes] = []
    problems: list[tuple[bytes, str, str, int]] = []
    pictures = [name for name in gone if not name.endswith(endings)]
    for name in changed:
        if not name.endswith(endings):
            pictures.append(name)
        elif isinstance(stamp := listing[name], str):
            problems.append((name, stamp, "", 0))
        else:
            files.append(name)
    known = habits(os.fsdecode(path.partition(b"/")[0]))
    rows: list[Row] = []
    unread: list[tuple[bytes, str]] = []
    for made, failed in _read(root, path, files, listing, rules, known, clock):
        rows += made
        for name, error in failed:
            if error.code == "unreadable":
                unread.append((name, error.detail))
                listing[name] = seeds.UNREAD
            else:
                problems.append((name, error.code, error.detail, error.line))
        yield None
    lost = tuple(name for name in gone if name.endswith(endings))
    count = len([name for name in listing if name.endswith(endings)])
    seen = marshal.dumps(listing, _FORMAT)
    shown = tuple(seeds.path_of(path, name) for name in pictures)
    change = Change(path, seen, count, tuple(rows), tuple(problems), lost, shown)
    yield _Seen(path, change, "", tuple(unread), unsettled)


def _read(
    root: str,
    path: bytes,
    files: list[bytes],
    listing: Listing,
    rules: Rules,
    habits: Habits,
    clock: _Clock,
) -> Iterator[tuple[list[Row], list[tuple[bytes, SeedError]]]]:
    """What files of a folder are understood to be, and why others can't be, some at a time.

    Their stamps are put into `listing`.
    """
    from feeds import heading  # not before something changed: most builds never need it

    quick = heading.quick(os.fsdecode(path), habits)
    largest, early, late = rules.max_size, clock.now - _TICK, clock.now + _TICK
    for heads in seeds.heads(root, path, files, rules):
        rows: list[Row] = []
        failed: list[tuple[bytes, SeedError]] = []
        for name, head, stamp in heads:
            listing[name] = seeds.UNREAD if early < stamp[0] < late else stamp
            try:
                row = quick(name, head)
                if row is None or stamp[2] > largest:
                    where = seeds.path_of(path, name)
                    row = heading.row(name, _explained(root, where, stamp, rules, habits))
                rows.append(row)
            except SeedError as error:
                failed.append((name, error))
            except Exception as error:  # noqa: BLE001  a mistake of ours must not cost the others
                failed.append((name, SeedError("failed", repr(error))))
        yield rows, failed


def _restored(listing: Listing, old: Listing, clock: _Clock) -> int:
    """Put back what was known of files that are still being written; how many there are."""
    hint = clock.hint
    if hint is None:
        return 0
    young = [
        name
        for name, stamp in listing.items()
        if old.get(name) != stamp
        and not isinstance(stamp, str)
        and hint.settled < stamp[0] < hint.ahead
    ]
    for name in young:
        if name in old:
            listing[name] = old[name]
        else:
            del listing[name]
    return len(young)


def _explained(root: str, path: str, stamp: Stamp, rules: Rules, habits: Habits) -> Heading:
    """The heading of a seed that is not in the common form."""
    mtime, _, size, _ = stamp
    if size > rules.max_size:
        raise SeedError("too-large", f"{size} bytes; at most {rules.max_size}")
    seconds = seeds.mtime(root, path) if stamp == seeds.UNREAD else mtime // 1_000_000_000
    return explained(root, path, rules, habits, seconds).heading


def explained(root: str, path: str, rules: Rules, habits: Habits, mtime: int) -> Reading:
    """The heading of the seed at `path` with how it was come by; raises SeedError."""
    from feeds import decoding, heading

    data = seeds.read(root, path, rules, _LONG_HEAD)
    text = decoding.decode_head(data) if data.strip() else None
    note = ""
    if text is None or text.startswith("\ufeff"):
        whole = decoding.decode(seeds.read(root, path, rules), habits.encoding)
        text, note = whole.text[:_LONG_HEAD], whole.note
    reading = heading.explain(text, path, habits, mtime)
    if note:
        notes = (note, *reading.heading.notes)
        reading = reading._replace(heading=reading.heading._replace(notes=notes))
    return reading

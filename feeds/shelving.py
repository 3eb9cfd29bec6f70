"""Which of a feed's articles stand in it, and which in its archive documents (RFC 5005 §4).

Every article stands in exactly one of them.  What leaves the window of the feed waits in it until
there is enough for an archive document, which is then closed; sooner where the feed has no room.
An archived article that is edited comes back to the feed, and is archived anew later.
"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from feeds import identity, naming, recognition, selection
from feeds.shelf import OPEN, Archive

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from feeds.catalogue import Catalogue
    from feeds.model import Channel, Heading
    from feeds.register import Register
    from feeds.shelf import Shelf

    Window = list[tuple[int, Heading]]

WAITING = 50  # articles that have left the window before an archive document is closed
SIZE = 100  # articles in one at most


class Arranged(NamedTuple):
    """What stands in a feed that has archive documents."""

    window: Window
    returned: dict[str, bool]  # marks of what came back from these; whether with another text
    vanished: list[str]  # of what stood in these, and is gone


class Found(NamedTuple):
    """Where an article lies now."""

    row: int
    heading: Heading
    shared: str | None  # its key, if several files hold it


def arrange(
    channel: Channel,
    window: Window,
    late: Window,
    catalogue: Catalogue,
    register: Register,
    shelf: Shelf,
    now: int,
    affected: Iterable[Heading] | None,
    *,
    recall: bool,
) -> Arranged:
    """What stands in the feed itself; what is archived is noted on the shelf.

    `window` holds the newest articles, `late` those that arrived or changed lately, `affected`
    old and new forms of the seeds that changed; without it, all articles are looked at, which
    takes as long as there are many.  With `recall`, all of the window comes back to the feed.
    """
    before = shelf.places() if affected is None else {}
    place = before.get if affected is None else shelf.place
    if affected is None:
        there = everything(channel, catalogue, register, now)
        vanished = _shed(shelf, (mark for mark in before if mark not in there), place)
        stirred = {naming.marked(one, None, register) for one in recognition.stirred(catalogue)}
        unknown = catalogue.turnover.came() is None  # which seeds changed
        _spoil(shelf, before if unknown else stirred, place)
    else:
        there, vanished = _touched(channel, catalogue, register, shelf, now, affected)
        opened = shelf.members(OPEN)
        present = locate(opened, channel, catalogue, register, now)
        shelf.drop(mark for mark in opened if mark not in present)
        there |= present
    there |= _named((*window, *late), catalogue, register)
    found_at = {found.row: found.heading for found in there.values()}
    if len(found_at) < len(there):  # which mark one of several has is told when all are there
        there = _named(found_at.items(), catalogue, register)
    lately, newest = {row for row, _ in late}, {row for row, _ in window}
    standing: dict[str, Found] = {}
    returned: dict[str, bool] = {}
    for mark, found in there.items():
        if number := place(mark):
            edited = found.row in lately and shelf.edited(mark)
            if not edited and not (recall and found.row in newest):
                continue
            shelf.leave(number)
            returned[mark] = edited
        standing[mark] = found
    inside = newest | lately
    surplus = [
        (mark, found.heading.published)
        for mark, found in standing.items()
        if found.row not in inside
    ]
    if len(surplus) >= WAITING:
        for mark in _close(shelf, surplus, now, many=affected is None):
            del standing[mark]
    shelf.move((mark for mark in standing if place(mark) != OPEN), OPEN)
    stands = [(found.row, found.heading) for found in standing.values()]
    return Arranged(stands, returned, vanished)


def relieve(
    shelf: Shelf,
    entries: Sequence[tuple[str, int]],
    left: Collection[str],
    spared: Collection[str],
    now: int,
) -> set[str]:
    """Close archive documents of what a feed has no room for; the marks of what went there.

    `entries` holds the mark and instant of what stands in it, the newest first, `left` the marks of
    what has to go.  Some more of the oldest go too, but none of `spared`, so that there is room for
    the next without another archive document for each.
    """
    enough = max(min(WAITING, len(entries) // 2) - len(left), 0)
    more = [mark for mark, _ in reversed(entries) if mark not in left and mark not in spared]
    going = {*left, *more[:enough]}
    return set(_close(shelf, [one for one in entries if one[0] in going], now, many=False))


def everything(
    channel: Channel, catalogue: Catalogue, register: Register, now: int
) -> dict[str, Found]:
    """Every article of the channel, by mark."""
    takes = selection.test(channel.rule)
    newest = catalogue.newest(now, channel.order, channel.source, 1 << 30)
    return _named([one for one in newest if takes(one[1])], catalogue, register)


def locate(
    marks: Collection[str],
    channel: Channel,
    catalogue: Catalogue,
    register: Register,
    now: int,
) -> dict[str, Found]:
    """Where the articles with these marks lie, those that are there and that the channel takes."""
    accounts = register.accounts_of(marks).values()
    if len(accounts) < len(marks):  # an interrupted build had not come to them
        found = everything(channel, catalogue, register, now)
        return {mark: found[mark] for mark in marks if mark in found}
    idents = {identity.short(key) for account in accounts for key in register.keys_of(account)}
    takes = _taking(channel, now)
    there = [(r, h.clipped(now)) for r, h, _ in catalogue.find(idents) if takes(h)]
    wanted = set(marks)
    named = _named(there, catalogue, register)
    return {mark: found for mark, found in named.items() if mark in wanted}


def _taking(channel: Channel, now: int) -> Callable[[Heading], bool]:
    takes = selection.test(channel.rule)
    return lambda heading: (
        heading.published <= now and heading.within(channel.source) and bool(takes(heading))
    )


def _named(
    window: Iterable[tuple[int, Heading]], catalogue: Catalogue, register: Register
) -> dict[str, Found]:
    rows = dict(window)
    keys = catalogue.keys(rows)
    standing = {row: (heading, keys.get(row)) for row, heading in rows.items()}
    marks = naming.marks(standing, register)
    return {marks[row]: Found(row, *standing[row]) for row in rows}


def _touched(
    channel: Channel,
    catalogue: Catalogue,
    register: Register,
    shelf: Shelf,
    now: int,
    affected: Iterable[Heading],
) -> tuple[dict[str, Found], list[str]]:
    """The articles whose seeds changed and that have no place yet, after the others' is spoiled.

    And the marks of those that are gone from archive documents.
    """
    headings = (*affected, *catalogue.turnover.left())
    if not headings:
        return {}, []
    marks = {naming.marked(heading, None, register) for heading in headings}
    idents = {identity.short(identity.key(heading)) for heading in headings}
    for account in register.accounts_of(sorted(marks)).values():
        idents.update(map(identity.short, register.keys_of(account)))
    made = [family.key for family in catalogue.families() if "#" in family.key]
    idents.update(
        identity.short(key) for key in made if identity.short(identity.unsalted(key)) in idents
    )
    takes = _taking(channel, now)
    found = catalogue.find(idents)
    there = _named(((r, h.clipped(now)) for r, h, _ in found if takes(h)), catalogue, register)
    placed = [mark for mark in sorted(marks | there.keys()) if shelf.place(mark)]
    vanished = _shed(shelf, (mark for mark in placed if mark not in there), shelf.place)
    _spoil(shelf, placed, shelf.place)
    return {mark: one for mark, one in there.items() if shelf.place(mark) is None}, vanished


def _shed(shelf: Shelf, marks: Iterable[str], place: Callable[[str], int | None]) -> list[str]:
    """Take articles that are gone out of the documents they stand in; those of them archived."""
    gone = list(marks)
    archived = [mark for mark in gone if place(mark)]
    _spoil(shelf, archived, place)
    shelf.drop(gone)
    return archived


def _spoil(shelf: Shelf, marks: Iterable[str], place: Callable[[str], int | None]) -> None:
    """Have the archive documents made anew in which these articles stand."""
    for number in {place(mark) or OPEN for mark in marks} - {OPEN}:
        shelf.spoil(number)


# --- closing ------------------------------------------------------------------------------------


def _close(shelf: Shelf, surplus: Sequence[tuple[str, int]], now: int, *, many: bool) -> list[str]:
    """Close archive documents of these articles, given by mark and instant; the marks of them."""
    surplus = sorted(surplus, key=lambda one: (one[1], one[0]))
    known = shelf.archives()
    if known and known[-1].closed == now:
        shelf.put(known[-1]._replace(following=True))
        shelf.spoil(known[-1].number)
    names = {archive.name for archive in known}
    number = known[-1].number if known else 0
    chunks = _chunks(surplus, many=many)
    for turn, chunk in enumerate(chunks, 1):
        number += 1
        name = base = f"{datetime.fromtimestamp(chunk[-1][1], UTC):%Y-%m}"
        count = 1
        while name in names:
            count += 1
            name = f"{base}-{count}"
        names.add(name)
        shelf.put(Archive(number, name, turn < len(chunks), now, ""))
        shelf.move((mark for mark, _ in chunk), number)
    return [mark for chunk in chunks for mark, _ in chunk]


def _chunks(surplus: Sequence[tuple[str, int]], *, many: bool) -> list[Sequence[tuple[str, int]]]:
    """The articles by months, as far as these are neither too small nor too large."""
    if not many:
        return [surplus[n : n + SIZE] for n in range(0, len(surplus), SIZE)]
    chunks: list[Sequence[tuple[str, int]]] = []
    start = 0
    for end in range(1, len(surplus) + 1):
        size = end - start
        last = end == len(surplus)
        turns = not last and _month(surplus[end - 1][1]) != _month(surplus[end][1])
        if last or size == SIZE or (turns and size >= WAITING):
            chunks.append(surplus[start:end])
            start = end
    return chunks


def _month(instant: int) -> tuple[int, int]:
    moment = datetime.fromtimestamp(instant, UTC)
    return moment.year, moment.month


def link(shelf: Shelf, now: int) -> None:
    """Let the one before the last name the last as the next, once that is not new any more.

    Not when the last is closed, so that no added article touches three documents.
    """
    archives = shelf.archives()
    if archives and archives[-1].closed >= now:
        return
    for one, following in pairwise(archives):
        if not one.following and following.closed < now:
            shelf.put(one._replace(following=True))
            shelf.spoil(one.number)

"""What subscribers would see if documents were published, by the rules that real readers use.

Nearly every reader knows an entry by its id (RSS: guid) alone: one with another id is shown as new,
whatever else it shares with an entry shown before.  A few go by the address instead.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from feeds import urls
from feeds.model import PublishError, Standing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from feeds.model import Entry
    from feeds.tables import Guard

_VERSION = re.compile(r";v=\d+\Z")  # of an entry that is new because its article changed


class Change(NamedTuple):
    """One entry that subscribers would see differently."""

    kind: str  # new, updated, lost, again
    entry: Standing
    before: Standing | None = None


class Outlook(NamedTuple):
    """What the subscribers of one feed would see."""

    slug: str
    new: int = 0
    updated: int = 0
    lost: int = 0  # entries that vanish, though no newer ones take their place
    again: int = 0  # articles that were shown before, under another id
    again_by_address: int = 0  # the same for readers that go by the address of the article
    entries: int = 0  # that stand in the feed now
    archived: int = 0  # that stand in archive documents now, counted where some of these vanish
    vanished: int = 0  # how many of `lost` these are
    bare: bool = False  # no seed is left at all, as where a disk was not mounted
    gone: bool = False  # the configuration declares no such feed any more
    changes: tuple[Change, ...] = ()


def look(
    slug: str,
    before: Sequence[Standing],
    after: Sequence[Standing],
    *,
    chosen: Sequence[Standing] = (),
    limit: int = 0,
    lives: Callable[[Standing], bool] | None = None,
    returned: Mapping[str, bool] = MappingProxyType({}),
    vanished: Sequence[Standing] = (),
    archived: int = 0,
) -> Outlook:
    """What becomes of the subscribers of one feed.

    `chosen` holds what would stand in it, were there room for all.  Entries that are older than the
    `limit` newest of these left by age; 0: none did.  Of those for which there is no room, as many
    made room for new ones as there are new ones.  `lives` says that an entry stands in an archive
    document; `returned` holds the marks of those that came back from there, and whether with
    another text; `vanished` are gone from there, of so many `archived`.
    """
    old = {_base(one.id): one for one in before}
    new = {_base(one.id): one for one in after}
    ids, links = {one.id for one in before}, {_link(one) for one in before}
    gone = [one for key, one in old.items() if key not in new]
    traits = {trait: one for one in gone for trait in _traits(one)}
    changes: list[Change] = []
    renamed: set[str] = set()
    for key, one in new.items():
        was = old.get(key)
        if was is not None and one.id in ids:
            if was[1:] != one[1:]:
                changes.append(Change("updated", one, was))
            continue
        if was is None and (edited := returned.get(mark(one))) is not None:
            if edited:
                was = one._replace(id=key)
                changes.append(Change("again" if key != one.id else "updated", one, was))
            continue
        shown = was or next((traits[t] for t in _traits(one) if t in traits), None)
        if shown is not None:
            renamed.add(shown.id)
        changes.append(Change("again" if shown else "new", one, shown))
    window = chosen or after
    wanted = {_base(one.id) for one in window}
    published = sorted((o.published for o in window), reverse=True)[:limit]
    updated = sorted((o.updated for o in window), reverse=True)[:limit]

    def aged(one: Standing) -> bool:
        old = published and (one.published <= published[-1] or one.updated <= updated[-1])
        return bool(old) and _base(one.id) not in wanted

    left = [o for o in gone if o.id not in renamed and not aged(o) and not (lives and lives(o))]
    if len(after) < len(window):
        left.sort(key=lambda one: one.published)
        del left[: sum(1 for c in changes if c.kind == "new")]
    changes.extend(Change("lost", one) for one in (*left, *vanished))
    count = {
        kind: sum(1 for c in changes if c.kind == kind)
        for kind in ("new", "updated", "lost", "again")
    }
    moved = sum(1 for key, one in new.items() if key in old and _link(one) not in links)
    return Outlook(
        slug, count["new"], count["updated"], count["lost"], count["again"], moved, len(before),
        archived, len(vanished), changes=tuple(changes),
    )  # fmt: skip


def standing(entry: Entry) -> Standing:
    """An entry as subscribers know it."""
    return Standing(
        entry.id, entry.title, entry.link, int(entry.published.timestamp()),
        int(entry.updated.timestamp()),
    )  # fmt: skip


def mark(entry: Standing) -> str:
    """The last part of an entry's id, which stands for the article."""
    return _base(entry.id).rpartition(":")[2]


def _base(id_: str) -> str:
    return _VERSION.sub("", id_)


def _link(one: Standing) -> str:
    return urls.key(one.link) if one.link else ""


def _traits(one: Standing) -> Iterator[object]:
    if one.link:
        yield _link(one)
    yield one.title, one.published


def judge(outlooks: Iterable[Outlook], guard: Guard) -> None:
    """Raise PublishError when more would be shown again, or vanish, than the guard lets pass."""
    for outlook in outlooks:
        harmed = outlook.again + outlook.lost
        entries = outlook.entries + outlook.archived
        shares = ((harmed, entries), (harmed - outlook.vanished, outlook.entries))
        few = all(n <= guard.least or n * 100 <= guard.share * of for n, of in shares)
        if not harmed or (few and not outlook.bare):
            continue
        example = next(c for c in outlook.changes if c.kind in {"again", "lost"})
        was = example.before or example.entry
        became = (
            f"its id was {was.id} and would be {example.entry.id}"
            if example.kind == "again"
            else f"no feed of the configuration has the slug {outlook.slug!r} any more; a [[moved]]"
            " row would lead its subscribers to another"
            if outlook.gone
            else "it stands in the feed and would no longer"
            if not outlook.vanished
            else "it stands in the feed or its archive documents and would no longer"
        )
        bare = "  the seed folder is empty: is its disk mounted?\n" if outlook.bare else ""
        raise PublishError(
            f"{outlook.slug}: of {entries} entries, {outlook.again} would be shown again to"
            f" everyone who follows it, and {outlook.lost} would vanish; so nothing was published\n"
            f"  such as {example.entry.title!r}: {became}\n{bare}"
            "  `feeds plan` lists them all. If it is an accident, undo what was changed; if it is"
            " meant, run `feeds generate --accept` once; [guard] in the configuration says from"
            " which share on a build is refused"
        )


def lines(outlooks: Iterable[Outlook], bold: Callable[[str], str]) -> Iterator[str]:
    """The outlook for a person."""
    count = 0
    for outlook in outlooks:
        count += 1
        yield (
            f"{bold(outlook.slug)}: {outlook.new} new, {outlook.updated} updated,"
            f" {outlook.lost} lost, {outlook.again} shown again"
            + (
                f" ({outlook.again_by_address} to readers that go by the address)"
                if outlook.again_by_address
                else ""
            )
        )
        for change in outlook.changes:
            yield f"  {change.kind:8} {change.entry.title}  {change.entry.link}".rstrip()
            if change.before and change.before.id != change.entry.id:
                yield f"           {change.before.id} -> {change.entry.id}"
    if not count:
        yield "nothing would change"

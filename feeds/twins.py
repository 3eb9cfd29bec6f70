"""Which files hold one and the same article, and which only share an address.

Files are of one article when their keys are equal, or when they have the same id in their names,
the same source and the same instant of publication.  That alone proves nothing: many pages have an
address that is only the site's front door, and many names begin with a number that is no id.  So
`identity.sure` must say so too, or their texts.
"""

from __future__ import annotations

import json
import os
from functools import partial
from struct import pack, unpack
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from feeds import identity
from feeds.likeness import shared

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from feeds.likeness import Sketch
    from feeds.model import Heading

_SAME = 0.5  # two texts with so much in common are versions of one


class Decisions(NamedTuple):
    """What a person decided of files, against which no rule counts."""

    joined: Mapping[int, str] = MappingProxyType(
        {}
    )  # short form of a key -> what all files of that article share
    parted: frozenset[str] = frozenset()  # paths of files that are articles of their own


class Family(NamedTuple):
    """The files of one article."""

    key: str  # what its id is derived from
    winner: int  # the row that is published: the newest text
    members: tuple[int, ...]


class _Member(NamedTuple):
    row: int
    heading: Heading

    @property
    def age(self) -> tuple[int, int, str]:
        """The newest text comes last."""
        return self.heading.updated, self.heading.published, self.heading.path

    @property
    def birth(self) -> tuple[int, int, str]:
        """The oldest article comes first, however often it was captured since."""
        return self.heading.published, self.heading.updated, self.heading.path


def settle(
    db: sqlite3.Connection,
    heading: Callable[[int], Heading],
    sketch: Callable[[Heading], Sketch],
    decisions: Decisions,
    affected: list[Heading] | None,
    *,
    decided: bool,
) -> None:
    """Decide anew which of several files of one article is published, and under which key.

    The newest text is published, under the key of the oldest, so that no later twin changes an id.
    With `affected`, only if one of these headings has a twin or had one, or a person `decided`;
    headings whose place in the feeds changes are added to it.
    """
    decided = decided or any(decisions)
    if affected is not None and not decided and not _stirred(db) and not _any(db, affected):
        return
    before = {row: rest for row, *rest in db.execute("SELECT row, winner, key FROM twins")}
    db.execute("DELETE FROM twins")
    for family in _families(db, heading, _remembered(db, sketch), decisions):
        db.executemany(
            "INSERT INTO twins VALUES (?, ?, ?)",
            ((row, family.winner, os.fsencode(family.key)) for row in family.members),
        )
    after = {row: rest for row, *rest in db.execute("SELECT row, winner, key FROM twins")}
    if affected is not None:
        moved = {row for row in before.keys() | after.keys() if before.get(row) != after.get(row)}
        there = {row for row in moved if _there(db, row)} | _kin(db, affected)
        affected.extend(heading(row) for row in sorted(there))


def leave(db: sqlite3.Connection, heading: Callable[[int], Heading], row: int) -> bool:
    """Take the file in a row out of its article, of which the newest of the others is published.

    Whether there is another.  The article keeps its key.
    """
    found = db.execute("SELECT winner FROM twins WHERE row = ?", (row,)).fetchone()
    if found is None:
        return False
    db.execute("DELETE FROM twins WHERE row = ?", (row,))
    rows = db.execute("SELECT row FROM twins WHERE winner = ?", found).fetchall()
    if found[0] == row and rows:
        heir = max((_Member(one, heading(one)) for (one,) in rows), key=lambda member: member.age)
        db.execute("UPDATE twins SET winner = ? WHERE winner = ?", (heir.row, row))
    return bool(rows)


def families(db: sqlite3.Connection) -> Iterator[Family]:
    """What `settle` decided, in no particular order."""
    found: dict[tuple[int, str], list[int]] = {}
    for row, winner, key in db.execute("SELECT row, winner, key FROM twins ORDER BY row"):
        found.setdefault((winner, os.fsdecode(key)), []).append(row)
    for (winner, key), rows in found.items():
        yield Family(key, winner, tuple(rows))


def keys(db: sqlite3.Connection) -> dict[int, str]:
    """What the id of the article is derived from that a file is one of, by its row."""
    return {row: os.fsdecode(key) for row, key in db.execute("SELECT row, key FROM twins")}


def _kin(db: sqlite3.Connection, headings: Collection[Heading]) -> set[int]:
    """The rows of all files of the articles that one of these headings is of."""
    idents = json.dumps([identity.short(identity.key(one)) for one in headings])
    found = db.execute(
        """SELECT DISTINCT kin.row FROM twins JOIN headings USING (row)
           JOIN twins AS kin USING (winner)
           WHERE ident IN (SELECT value FROM json_each(?))""",
        (idents,),
    )
    return {row for (row,) in found}


def beside(db: sqlite3.Connection, row: int) -> tuple[str, ...]:
    """The first-level folders of the other files of the article that is published from a row."""
    found = db.execute(
        """SELECT path FROM twins JOIN folders ON folders.id = row >> 32
           WHERE winner = ? AND row <> winner""",
        (row,),
    )
    return tuple(sorted({os.fsdecode(path.partition(b"/")[0]) for (path,) in found}))


def _there(db: sqlite3.Connection, row: int) -> bool:
    return db.execute("SELECT 1 FROM headings WHERE row = ?", (row,)).fetchone() is not None


def _stirred(db: sqlite3.Connection) -> bool:
    """Whether a file that has a twin changed or went, by the tables of the `turnover`."""
    found = db.execute(
        """SELECT 1 FROM twins WHERE row IN (SELECT row FROM came)
           UNION ALL
           SELECT 1 FROM twins WHERE row NOT IN (SELECT row FROM headings)"""
    )
    return found.fetchone() is not None


def _any(db: sqlite3.Connection, headings: Collection[Heading]) -> bool:
    idents = {identity.short(identity.key(h)) for h in headings}
    twins = {identity.twin(h.source, identity.number_of(h.path), h.published) for h in headings}
    found = db.execute(
        f"""SELECT 1 FROM headings WHERE ident IN ({_marks(idents)})
            GROUP BY ident HAVING count(*) > 1
            UNION ALL
            SELECT 1 FROM headings WHERE twin IN ({_marks(twins)})
            GROUP BY twin HAVING count(*) > 1
            UNION ALL
            SELECT 1 FROM twins JOIN headings USING (row)
            WHERE ident IN ({_marks(idents)}) OR twin IN ({_marks(twins)})""",
        (*idents, *twins, *idents, *twins),
    )
    return found.fetchone() is not None


def _families(
    db: sqlite3.Connection,
    heading: Callable[[int], Heading],
    sketch: Callable[[_Member], Sketch],
    decisions: Decisions,
) -> Iterator[Family]:
    found = db.execute(
        """SELECT row, ident, twin FROM headings
           WHERE ident IN (SELECT ident FROM headings GROUP BY ident HAVING count(*) > 1)
           OR twin IN (SELECT twin FROM headings WHERE twin IS NOT NULL
                       GROUP BY twin HAVING count(*) > 1)
           OR ident IN (SELECT value FROM json_each(?))
           OR row IN (SELECT value FROM json_each(?))""",
        (
            json.dumps(list(decisions.joined)),
            json.dumps([row_at(db, path) for path in decisions.parted]),
        ),
    ).fetchall()
    members = {row: _Member(row, heading(row)) for row, *_ in found}
    alone = [m for m in members.values() if m.heading.path in decisions.parted]
    for row, own in alone:
        del members[row]
        yield Family(f"{identity.key(own)}#{identity.mark(own.path)[:8]}", row, (row,))
    found = [one for one in found if one[0] in members]
    sharing: dict[int, list[_Member]] = {}
    numbered: dict[int, list[_Member]] = {}
    joined = _Union()
    for row, ident, twin in found:
        sharing.setdefault(ident, []).append(members[row])
        if twin is not None:
            numbered.setdefault(twin, []).append(members[row])
        if ident in decisions.joined:
            joined.join(row, ("joined", decisions.joined[ident]))
    clusters = [_clusters(group, sketch) for group in sharing.values()]
    keys = {row: key for found in clusters for row, key in _keys(found)}
    clusters += [_clusters(group, sketch) for group in numbered.values()]
    for first, *others in (cluster for found in clusters for cluster in found):
        for member in others:
            joined.join(member.row, first.row)
    groups: dict[object, list[_Member]] = {}
    for row, member in members.items():
        groups.setdefault(joined.root(row), []).append(member)
    for group in groups.values():
        by_age = sorted(group, key=lambda member: member.age)
        oldest = min(group, key=lambda member: member.birth)
        key = keys[oldest.row]
        if len(group) > 1 or key != identity.key(oldest.heading):
            yield Family(key, by_age[-1].row, tuple(member.row for member in by_age))


def _keys(clusters: Iterable[Sequence[_Member]]) -> Iterator[tuple[int, str]]:
    """The key of each file of those that share one: only the first article has it as it is."""
    taken: list[str] = []
    for cluster in clusters:
        oldest = cluster[0].heading
        key = identity.key(oldest)
        taken.append(identity.salted(key, oldest, taken) if taken else key)
        for member in cluster:
            yield member.row, taken[-1]


def row_at(db: sqlite3.Connection, path: str) -> int | None:
    """The row of the seed at a path; None where there is none."""
    folder, _, name = os.fsencode(path).rpartition(b"/")
    found = db.execute(
        """SELECT row FROM folders JOIN headings ON row >= id << 32 AND row < (id + 1) << 32
           WHERE path = ? AND name = ?""",
        (folder, name),
    ).fetchone()
    return found[0] if found else None


def _clusters(group: Iterable[_Member], sketch: Callable[[_Member], Sketch]) -> list[list[_Member]]:
    """Files that share a key or a twin, parted into articles, each from its oldest file on."""
    clusters: list[list[_Member]] = []
    # By what a file shares with others, the clusters that have it: of thousands at one address, not
    # each is held against each.
    traits: dict[object, set[int]] = {}
    values: dict[object, set[int]] = {}
    unread: list[tuple[int, _Member]] = []  # their texts: most files are told without

    def like(one: _Member, other: _Member) -> bool:
        return shared(sketch(one), sketch(other)) >= _SAME

    for member in sorted(group, key=lambda member: member.birth):
        at = _first(clusters, traits, _traits(member.heading), partial(_sure, member))
        if at is None and clusters:
            for number, other in unread:
                _index(values, sketch(other), number)
            unread.clear()
            at = _first(clusters, values, sketch(member), partial(like, member))
        if at is None:
            at = len(clusters)
            clusters.append([])
        clusters[at].append(member)
        _index(traits, _traits(member.heading), at)
        unread.append((at, member))
    return clusters


def _first(
    clusters: Sequence[Sequence[_Member]],
    index: Mapping[object, set[int]],
    traits: Iterable[object],
    same: Callable[[_Member], bool],
) -> int | None:
    """The first cluster with one of these traits and a file that is the same."""
    near = set().union(*(index.get(trait, ()) for trait in traits))
    return next((number for number in sorted(near) if any(map(same, clusters[number]))), None)


def _index(index: dict[object, set[int]], traits: Iterable[object], number: int) -> None:
    for trait in traits:
        index.setdefault(trait, set()).add(number)


def _traits(heading: Heading) -> tuple[object, ...]:
    """What two headings have in common, or one of it, if they are surely of one article."""
    number = identity.number_of(heading.path)
    return ("path", heading.path), ("title", heading.title), (number, heading.published)


def _sure(one: _Member, other: _Member) -> bool:
    return identity.sure(one.heading, other.heading)


def _remembered(
    db: sqlite3.Connection, sketch: Callable[[Heading], Sketch]
) -> Callable[[_Member], Sketch]:
    """The same of a file, which is read only once, until it changes."""
    found: dict[int, Sketch] = {}

    def of(member: _Member) -> Sketch:
        row = member.row
        if row not in found:
            kept = db.execute("SELECT sketch FROM sketches WHERE row = ?", (row,)).fetchone()
            if kept:
                found[row] = frozenset(unpack(f"<{len(kept[0]) // 8}q", kept[0]))
            else:
                made = found[row] = sketch(member.heading)
                packed = pack(f"<{len(made)}q", *made)
                db.execute("INSERT INTO sketches VALUES (?, ?)", (row, packed))
        return found[row]

    return of


class _Union:
    """Things that belong together because each is joined to another (union-find)."""

    def __init__(self) -> None:
        self._parent: dict[object, object] = {}

    def root(self, node: object) -> object:
        """What stands for all that `node` is joined to."""
        while (above := self._parent.setdefault(node, node)) != node:
            self._parent[node] = node = self._parent[above]
        return node

    def join(self, one: object, other: object) -> None:
        """Make the two belong together."""
        self._parent[self.root(one)] = self.root(other)


def _marks(values: Collection[object]) -> str:
    return ", ".join("?" * len(values))

"""Articles in the order in which they stand in feeds, fetched from the catalogue as needed.

Ties are settled by what articles are, never by where they stand in a table: a row's number tells
only which folder was read first.
"""

from __future__ import annotations

import os
from itertools import groupby
from typing import TYPE_CHECKING, Any

from feeds import twins
from feeds.rows import COLUMNS

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator

    from feeds.model import Heading

_SPANS = 100  # folders


def newest(
    db: sqlite3.Connection,
    made: Callable[[bytes, Any], Heading],
    now: int,
    order: str,
    source: str | None,
    chunk: int,
) -> Iterator[tuple[int, Heading]]:
    """The articles that are due at `now`, newest first, with their rows; one for each article.

    `order` is "published" or "updated"; ties are settled by the other date, by identity, and by
    path.  They are fetched `chunk` at a time, then twice as many, and so on.  Those of a `source`
    are those of which any file lies in it.  `made` makes a heading of its folder and a `Row`.
    """
    folders = dict(db.execute("SELECT id, path FROM folders"))

    def headings() -> Iterator[tuple[int, int, Heading]]:
        for row, *columns in _rows(db, folders, now, order, source, chunk):
            _, _, _, ident, *_ = columns
            heading = made(folders[row >> 32], columns)
            yield ident, row, heading._replace(beside=twins.beside(db, row)).clipped(now)

    def place(one: tuple[int, int, Heading]) -> tuple[int, int, int]:
        ident, _, heading = one
        return heading.published, heading.updated, ident

    for _, equal in groupby(headings(), place):
        for _, row, heading in sorted(equal, key=lambda one: one[2].path):
            yield row, heading


def _rows(
    db: sqlite3.Connection,
    folders: dict[int, bytes],
    now: int,
    order: str,
    source: str | None,
    chunk: int,
) -> Iterator[tuple[Any, ...]]:
    """The rows of the headings, each behind its number; equal ones are in no particular order."""
    updated = f"CASE WHEN updated > {now:d} THEN published ELSE updated END"
    keys = (
        f"published DESC, {updated} DESC"
        if order == "published"
        else f"{updated} DESC, published DESC"
    )
    where = ""
    if source is not None:
        top = os.fsencode(source)
        inside = [n for n, path in folders.items() if path.partition(b"/")[0] == top]
        # Spans, as they are looked up where they stand; too many are more than SQLite takes.
        spans = (f"row BETWEEN {n << 32} AND {(n + 1 << 32) - 1}" for n in inside)
        many = f"row >> 32 IN ({', '.join(map(str, inside))})"
        ours = " OR ".join(spans) if 0 < len(inside) <= _SPANS else many
        where = f"AND ({ours} OR row IN (SELECT winner FROM twins WHERE {ours}))"
    if db.execute("SELECT 1 FROM twins LIMIT 1").fetchone():
        where += " AND row NOT IN (SELECT row FROM twins WHERE row <> winner)"
    query = f"""SELECT row, {COLUMNS} FROM headings WHERE published <= {now:d} {where}
                ORDER BY {keys}, ident, row LIMIT ? OFFSET ?"""
    start = 0
    chunk += 1  # who wants so many learns from the next one whether it is equal to the last
    while True:
        found = db.execute(query, (chunk, start)).fetchall()
        yield from found
        if len(found) < chunk:
            return
        start += chunk
        chunk *= 2

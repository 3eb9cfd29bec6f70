"""Many headings on their way into the catalogue: counted, and written many at a time."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Sequence

    from feeds.model import Row

COLUMNS = "name, published, updated, ident, twin, title, link, notes"  # of a `Row`
_TOGETHER = 64  # rows in one statement: half the work of one by one; with more it is no faster


class Census:
    """What is asked of all headings, kept from the first one on: it takes long to look."""

    def __init__(self) -> None:
        self.idents: dict[
            int, None
        ] = {}  # in order: of a set, all are packed in four times as long
        self.alone = True  # no two share a key or a twin, so none can be of one article
        self.noted = False  # something was repaired in one of them
        self.latest = 0  # the last update of all
        self._twins: set[int] = set()

    def add(self, rows: Collection[Row]) -> None:
        """Count the headings of a folder that was not known."""
        twins = [row[4] for row in rows if row[4] is not None]
        many = len(self.idents) + len(self._twins) + len(rows) + len(twins)
        for row in rows:
            self.idents[row[3]] = None
        self._twins.update(twins)
        self.alone = self.alone and len(self.idents) + len(self._twins) == many
        self.noted = self.noted or any(row[7] for row in rows)
        self.latest = max(self.latest, *(row[2] for row in rows), 0)


def insert(db: sqlite3.Connection, into: str, rows: Sequence[Sequence[object]]) -> None:
    """Insert rows; `into` is the statement up to its values: "INSERT INTO table"."""
    for start in range(0, len(rows), _TOGETHER):
        some = rows[start : start + _TOGETHER]
        row = f"({', '.join('?' * len(some[0]))})"
        db.execute(f"{into} VALUES {', '.join([row] * len(some))}", [*chain.from_iterable(some)])

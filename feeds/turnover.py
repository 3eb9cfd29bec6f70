"""Which seeds came, changed and went since that was taken into account; tables of the catalogue."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from feeds.model import Heading

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

SCHEMA = """
    CREATE TABLE came (row INTEGER PRIMARY KEY);
    CREATE TABLE departed (path BLOB, title TEXT, link TEXT, published INTEGER, updated INTEGER);
"""
_ANY = -1  # no row: what was there before is not known


class Turnover:
    """The seeds that are others than they were, in an open catalogue."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def begin(self) -> None:
        """From now on nothing is known of what was there before."""
        self.come((_ANY,))

    def come(self, rows: Iterable[int]) -> None:
        """Note the rows of seeds that are new or changed."""
        self._db.executemany("INSERT OR IGNORE INTO came VALUES (?)", ((row,) for row in rows))

    def depart(self, which: str = "", rows: Iterable[tuple[int, ...]] = ((),)) -> None:
        """Keep what seeds were, until it is known which articles they have become.

        Of one that has come or changed already since that was known, what it was first stays.
        """
        self._db.executemany(
            f"""INSERT INTO departed SELECT
                CAST(CASE path WHEN x'' THEN name ELSE path || x'2f' || name END AS BLOB),
                title, link, published, updated
                FROM headings JOIN folders ON folders.id = row >> 32
                WHERE row NOT IN (SELECT row FROM came){which}""",
            rows,
        )

    def came(self) -> set[int] | None:
        """The rows of the seeds that are new or changed; None: it may be any."""
        found = self._db.execute(
            "SELECT row FROM came WHERE row = ? OR row IN (SELECT row FROM headings)", (_ANY,)
        )
        rows = {row for (row,) in found}
        return None if _ANY in rows else rows

    def idents(self) -> set[int]:
        """The short forms of the keys of those of them that are there."""
        return {i for (i,) in self._db.execute("SELECT ident FROM came JOIN headings USING (row)")}

    def left(self) -> list[Heading]:
        """What the seeds that changed or went were before, by their paths."""
        found = self._db.execute(
            "SELECT path, title, link, published, updated FROM departed ORDER BY path, rowid"
        )
        return [Heading(os.fsdecode(path), *rest) for path, *rest in found]

    def forget(self) -> None:
        """Let go of all of it: it has been taken into account."""
        for table in ("came", "departed"):
            self._db.execute(f"DELETE FROM {table}")

"""Which archive document of a feed each of its older articles stands in; tables of the ledger.

An archive document is closed: its name never changes, and neither does what stands in it, but for
an article that is edited or removed later.  Shelf 0 holds what stands in the feed itself.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

SCHEMA = """
    CREATE TABLE IF NOT EXISTS archives (
        slug TEXT, number INTEGER, name TEXT, following INTEGER, closed INTEGER,
        made TEXT, media TEXT,
        PRIMARY KEY (slug, number)
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS archived (
        slug TEXT, mark TEXT, number INTEGER, version INTEGER DEFAULT 1, PRIMARY KEY (slug, mark)
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS archived_number ON archived (slug, number);
"""
OPEN = 0  # the number of what stands in the feed itself
LATER = "later"  # of an archive document: an article came back from it to the feed


class Archive(NamedTuple):
    """One archive document of a feed, in each of its formats."""

    number: int  # from 1, the oldest
    name: str  # of its folder
    following: bool  # it links to the one after it
    closed: int  # seconds since the epoch
    made: str  # what it was made by; "": it has to be made anew; `LATER`: once the feed is out
    media: tuple[str, ...] = ()  # pictures below the seed folder that its entries show


class Shelf:
    """The archive documents of one feed."""

    def __init__(self, db: sqlite3.Connection, slug: str) -> None:
        self._db = db
        self._slug = slug

    def archives(self) -> list[Archive]:
        """All there are, the oldest first."""
        found = self._db.execute(
            """SELECT number, name, following, closed, made, media FROM archives WHERE slug = ?
               ORDER BY number""",
            (self._slug,),
        )
        return [
            Archive(number, name, bool(following), closed, made, tuple(json.loads(media)))
            for number, name, following, closed, made, media in found
        ]

    def put(self, archive: Archive) -> None:
        """Take over what is known of an archive document now."""
        values = (self._slug, *archive[:-1], json.dumps(archive.media))
        self._db.execute("INSERT OR REPLACE INTO archives VALUES (?, ?, ?, ?, ?, ?, ?)", values)

    def members(self, number: int) -> list[str]:
        """The marks of the articles that stand in one of them, or in the feed itself."""
        found = self._db.execute(
            "SELECT mark FROM archived WHERE slug = ? AND number = ?", (self._slug, number)
        )
        return sorted(mark for (mark,) in found)

    def place(self, mark: str) -> int | None:
        """The number of the archive document an article stands in; None for an unknown one."""
        found = self._db.execute(
            "SELECT number FROM archived WHERE slug = ? AND mark = ?", (self._slug, mark)
        ).fetchone()
        return found[0] if found else None

    def count(self) -> int:
        """How many articles stand in archive documents; its time grows with their number."""
        found = self._db.execute(
            "SELECT count(*) FROM archived WHERE slug = ? AND number > 0", (self._slug,)
        )
        return int(found.fetchone()[0])

    def places(self) -> dict[str, int]:
        """The same for all articles; its time grows with their number."""
        found = self._db.execute("SELECT mark, number FROM archived WHERE slug = ?", (self._slug,))
        return dict(found)

    def move(self, marks: Iterable[str], number: int) -> None:
        """Let articles stand in another document from now on, as they are now."""
        self._db.executemany(
            """INSERT OR REPLACE INTO archived
               VALUES (?, ?, ?, coalesce((SELECT version FROM articles WHERE mark = ?), 1))""",
            ((self._slug, mark, number, mark) for mark in marks),
        )

    def edited(self, mark: str) -> bool:
        """Whether an article has really changed since it went to where it stands."""
        found = self._db.execute(
            """SELECT 1 FROM archived JOIN articles USING (mark)
               WHERE slug = ? AND mark = ? AND articles.version > archived.version""",
            (self._slug, mark),
        )
        return found.fetchone() is not None

    def drop(self, marks: Iterable[str]) -> None:
        """Let articles stand nowhere."""
        self._db.executemany(
            "DELETE FROM archived WHERE slug = ? AND mark = ?", ((self._slug, m) for m in marks)
        )

    def spoil(self, number: int) -> None:
        """One of them has to be made anew."""
        self._db.execute(
            "UPDATE archives SET made = '' WHERE slug = ? AND number = ? AND made <> ?",
            (self._slug, number, LATER),
        )

    def leave(self, number: int) -> None:
        """The same, once the feed is out to which an article comes back from there."""
        self._db.execute(
            "UPDATE archives SET made = ? WHERE slug = ? AND number = ?",
            (LATER, self._slug, number),
        )

    def clear(self) -> None:
        """Forget all of them."""
        for table in ("archives", "archived"):
            self._db.execute(f"DELETE FROM {table} WHERE slug = ?", (self._slug,))

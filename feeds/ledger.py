"""What must not be forgotten: which files in the output folder are ours, and how they came to be.

Unlike the catalogue it can't be made again from the seeds, so every transaction is on the disk
before the next step.  A door to sqlite3, as the catalogue is.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, NamedTuple

from feeds.model import Published, StateError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_APPLICATION = 0x4C454447  # "LEDG"
_SCHEMA = """
    CREATE TABLE documents (name TEXT PRIMARY KEY, digest TEXT, size INTEGER, mtime INTEGER);
    CREATE TABLE renderings (
        slug TEXT PRIMARY KEY, inputs TEXT, entries INTEGER, updated INTEGER, media TEXT
    );
"""


class Rendering(NamedTuple):
    """What the published documents of one feed were made from."""

    inputs: str  # digest of all that decides their bytes
    entries: int = 0
    updated: int = 0  # seconds since the epoch
    media: tuple[str, ...] = ()  # pictures below the seed folder that its entries show


class Ledger:
    """The open ledger; each method that writes is a transaction of its own."""

    def __init__(self, path: str) -> None:
        """Open or make the ledger at `path`; raises StateError when it can't be used."""
        try:
            self._db = sqlite3.connect(path, isolation_level=None, timeout=30)
            mark, version = (
                self._db.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("application_id", "user_version")
            )
            if mark not in (0, _APPLICATION):
                raise StateError(f"{path}: it is no ledger of feeds; move it away")
            if version == 0:
                self._db.executescript(
                    f"BEGIN; {_SCHEMA} PRAGMA application_id = {_APPLICATION};"
                    " PRAGMA user_version = 1; COMMIT;"
                )
        except sqlite3.DatabaseError as error:
            raise StateError(
                f"{path}: {error}; put back a copy of it, or move it away: then files of feeds"
                " that are gone stay in out"
            ) from None

    def close(self) -> None:
        """Close it."""
        self._db.close()

    def documents(self) -> dict[str, Published]:
        """Every file in the output folder that is ours, by name."""
        found = self._db.execute("SELECT name, digest, size, mtime FROM documents")
        return {name: Published(*rest) for name, *rest in found}

    def promise(self, names: Iterable[str]) -> None:
        """Claim names that are about to be written."""
        with self._db:
            self._db.execute("BEGIN")
            self._db.executemany(
                "INSERT OR IGNORE INTO documents VALUES (?, '', 0, 0)", ((name,) for name in names)
            )

    def renderings(self) -> dict[str, Rendering]:
        """How each feed's documents came to be, by slug."""
        import json

        found = self._db.execute("SELECT * FROM renderings")
        return {
            slug: Rendering(inputs, entries, updated, tuple(json.loads(media)))
            for slug, inputs, entries, updated, media in found
        }

    def record(
        self, documents: Mapping[str, Published], renderings: Mapping[str, Rendering]
    ) -> None:
        """Take over what lies in the output folder now, all of it."""
        import json

        before, known = self.documents(), self.renderings()
        with self._db:
            self._db.execute("BEGIN")
            self._db.executemany(
                "DELETE FROM documents WHERE name = ?",
                ((name,) for name in before if name not in documents),
            )
            self._db.executemany(
                "INSERT OR REPLACE INTO documents VALUES (?, ?, ?, ?)",
                ((n, *p) for n, p in documents.items() if before.get(n) != p),
            )
            self._db.executemany(
                "DELETE FROM renderings WHERE slug = ?",
                ((slug,) for slug in known if slug not in renderings),
            )
            self._db.executemany(
                "INSERT OR REPLACE INTO renderings VALUES (?, ?, ?, ?, ?)",
                (
                    (slug, r.inputs, r.entries, r.updated, json.dumps(r.media))
                    for slug, r in renderings.items()
                    if known.get(slug) != r
                ),
            )

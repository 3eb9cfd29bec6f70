"""What each picture measured, and when to ask for it again; a table of the catalogue."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, NamedTuple

from feeds.model import Measure

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

SCHEMA = """
    CREATE TABLE pictures (
        url TEXT PRIMARY KEY, file BLOB, measure TEXT, reason TEXT, failures INTEGER, again INTEGER
    );
"""


class Asked(NamedTuple):
    """A picture as it was last asked for."""

    measure: Measure
    reason: str  # why there is no measure
    failures: int  # in a row
    again: int  # ask again at this instant


class Album:
    """The pictures in an open catalogue."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def measures(self) -> dict[str, Measure]:
        """What is known of every picture, by its address."""
        found = self._db.execute("SELECT url, measure FROM pictures")
        return {url: Measure(*json.loads(measure)) for url, measure in found}

    def asked(self, url: str) -> Asked | None:
        """What came of asking for a picture."""
        found = self._db.execute(
            "SELECT measure, reason, failures, again FROM pictures WHERE url = ?", (url,)
        ).fetchone()
        return Asked(Measure(*json.loads(found[0])), *found[1:]) if found else None

    def keep(self, url: str, asked: Asked, file: str = "") -> None:
        """Remember what came of asking for a picture; `file` is its path when it is a local one."""
        measure = json.dumps(asked.measure)
        self._db.execute(
            "INSERT OR REPLACE INTO pictures VALUES (?, ?, ?, ?, ?, ?)",
            (url, os.fsencode(file), measure, *asked[1:]),
        )

    def forget(self, files: Iterable[str]) -> None:
        """Forget what was known of the pictures at these paths beside the seeds."""
        paths = ((os.fsencode(path),) for path in files)
        self._db.executemany("DELETE FROM pictures WHERE file = ?", paths)

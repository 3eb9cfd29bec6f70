"""A glance into the program's own records that leaves them as they are.

Nobody has to wait for it, and a file system that is mounted read-only is enough.  A door to
sqlite3, as the catalogue is.
"""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from feeds.model import Measure, StateError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def noted(path: str, name: str) -> str:
    """What the catalogue at `path` keeps under `name`; "" when nothing."""
    with _looked_into(path) as db:
        if db is None:
            return ""
        found = db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return found[0] if found else ""


def measured(path: str, urls: Iterable[str]) -> dict[str, Measure]:
    """What the catalogue at `path` knows of pictures, by their addresses."""
    with _looked_into(path) as db:
        if db is None:
            return {}
        found = (
            db.execute("SELECT url, measure FROM pictures WHERE url = ?", (url,)).fetchone()
            for url in urls
        )
        return {row[0]: Measure(*json.loads(row[1])) for row in found if row}


@contextmanager
def _looked_into(path: str) -> Iterator[sqlite3.Connection | None]:
    if not os.path.exists(path):
        yield None
        return
    try:
        with closing(reader(path)) as db:
            begun = db.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone()
            yield db if begun else None
    except sqlite3.DatabaseError as error:
        said = f"{path}: {error}; `feeds generate` makes a damaged catalogue anew"
        raise StateError(said) from None


def reader(path: str) -> sqlite3.Connection:
    """A connection to the database at `path` that only reads.

    Where it may be written to, what a killed build left half done is taken back first.
    """
    from urllib.parse import quote

    ours = all(os.access(place, os.W_OK) for place in (path, os.path.dirname(path)))
    place = f"file:{quote(os.fsencode(path))}?mode={'rw' if ours else 'ro'}"
    db = sqlite3.connect(place, uri=True, isolation_level=None, timeout=30)
    db.execute("PRAGMA query_only = ON")
    return db


def copy(path: str) -> sqlite3.Connection:
    """A connection to a copy in memory of the database at `path`; an empty one if there is none."""
    db = sqlite3.connect(":memory:", isolation_level=None)
    if os.path.exists(path):
        with closing(reader(path)) as source:
            source.backup(db)
    return db

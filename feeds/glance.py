"""A glance into the catalogue while a build may be at work: only read, so nobody has to wait.

A door to sqlite3, as the catalogue is.
"""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import contextmanager
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
    from urllib.parse import quote

    if not os.path.exists(path):
        yield None
        return
    db = sqlite3.connect(f"file:{quote(path)}?mode=ro", uri=True, timeout=5)
    try:
        yield db
    except sqlite3.DatabaseError as error:
        raise StateError(f"{path}: {error}") from None
    finally:
        db.close()

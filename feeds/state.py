"""The program's own records, opened together: what is damaged is made anew, the ledger set aside.

A database may be damaged where opening it does not look, so it shows only in the midst of the work.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from feeds.catalogue import Catalogue
from feeds.ledger import Ledger, set_aside
from feeds.model import Report, StateError

if TYPE_CHECKING:
    from collections.abc import Callable

_DAMAGE = {sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def attended(
    folder: str,
    recipes: tuple[str, str],
    aside: str,
    work: Callable[[Catalogue, Ledger], Report],
) -> Report:
    """What `work` reports of the catalogue and the ledger in `folder`.

    When one of them turns out to be damaged, the catalogue is removed and `work` done once more;
    when that does not help, the ledger is set aside, with `aside` in its new name, and it is done
    for a last time.  Raises StateError when the folder can't be written to.
    """
    path = os.path.join(folder, "catalogue.sqlite")

    kept = os.path.join(folder, "ledger.sqlite")

    def once(lost: str = "") -> Report:
        with (
            closing(Catalogue(path, *recipes)) as catalogue,
            closing(Ledger(kept, aside)) as ledger,
        ):
            ledger.lost = ledger.lost or lost
            return work(catalogue, ledger)

    try:
        return once()
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF not in _DAMAGE:
            raise StateError(f"{folder}: {error}; check its disk and its permissions") from None
    for end in ("", "-journal", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path + end)
    try:
        return once()
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_ERROR:
            raise  # a mistake in our own questions, which no new ledger would mend
    return once(set_aside(kept, aside))

"""The program's own records, opened together: what is damaged is made anew, the ledger set aside.

A database may be damaged where opening it does not look, so it shows only in the midst of the work.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, TypeVar

from feeds.catalogue import Catalogue
from feeds.ledger import DamagedError, Ledger, refusal, set_aside
from feeds.model import Report, StateError

if TYPE_CHECKING:
    from collections.abc import Callable

    from feeds.tables import Paths

    Work = Callable[[Catalogue, Ledger], "Result"]

Result = TypeVar("Result")
_DAMAGE = {sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def attended(
    paths: Paths,
    recipes: tuple[str, str],
    aside: str,
    work: Callable[[Catalogue, Ledger], Report],
) -> Report:
    """What `work` reports of the catalogue and the ledger at `paths`.

    When one of them turns out to be damaged, the catalogue is removed and `work` done once more;
    when that does not help, the ledger is set aside, with `aside` in its new name, and it is done
    for a last time.  Raises StateError when the folder can't be written to.
    """
    path, kept = paths.catalogue, paths.ledger
    lost = ""

    def once() -> Report:
        nonlocal lost
        with closing(Catalogue(path, *recipes)) as catalogue:
            try:
                ledger = Ledger(kept)
            except DamagedError:
                lost = set_aside(kept, aside)
                ledger = Ledger(kept)
            with closing(ledger):
                ledger.lost = lost
                return work(catalogue, ledger)

    try:
        return once()
    except sqlite3.DatabaseError as error:
        if _kind(error) not in _DAMAGE:
            raise _unusable(paths, error) from None
    for end in ("", "-journal", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path + end)
    try:
        return once()
    except sqlite3.DatabaseError as error:
        if _kind(error) == sqlite3.SQLITE_ERROR:
            raise  # a mistake in our own questions, which no new ledger would mend
    lost = set_aside(kept, aside)
    return once()


def imagined(paths: Paths, recipes: tuple[str, str], work: Work[Result]) -> Result:
    """What comes of `work` on copies in memory of the records at `paths`, which stay as they are.

    A damaged catalogue counts as empty.  Raises StateError when the ledger is damaged.
    """
    path, kept = paths.catalogue, paths.ledger

    def once(place: str) -> Result:
        with (
            closing(Catalogue(place, *recipes, copied=True)) as catalogue,
            closing(Ledger(kept, mode="copy")) as ledger,
        ):
            return work(catalogue, ledger)

    try:
        return once(path)
    except sqlite3.DatabaseError as error:
        if _kind(error) not in _DAMAGE:
            raise _unusable(paths, error) from None
    try:
        return once("")
    except sqlite3.DatabaseError as error:
        raise refusal(kept, error) from None


def _unusable(paths: Paths, error: sqlite3.DatabaseError) -> StateError:
    return StateError(f"{paths.state}: {error}; check its disk and its permissions")


def _kind(error: sqlite3.DatabaseError) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF

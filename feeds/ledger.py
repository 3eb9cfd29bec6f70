"""What must not be forgotten: which files in the output folder are ours, and what they told.

Unlike the catalogue it can't be made again from the seeds, so every transaction is on the disk
before the next step.  A door to sqlite3, as the catalogue is.  What is known of articles stands in
its `register`.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from typing import TYPE_CHECKING, NamedTuple

from feeds import glance
from feeds.model import Published, Standing, StateError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from feeds.register import Register
    from feeds.shelf import Shelf

_APPLICATION = 0x4C454447  # "LEDG"
_VERSION = 4
_OLDEST = 3  # that is taken over
_SCHEMA = """
    CREATE TABLE IF NOT EXISTS documents (
        name TEXT PRIMARY KEY, digest TEXT, size INTEGER, mtime INTEGER
    );
    CREATE TABLE IF NOT EXISTS renderings (
        slug TEXT PRIMARY KEY, inputs TEXT, entries INTEGER, updated INTEGER, expires INTEGER,
        media TEXT
    );
    CREATE TABLE IF NOT EXISTS standing (slug TEXT PRIMARY KEY, entries TEXT);
"""


_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class DamagedError(StateError):
    """The ledger is damaged: only a build sets it aside."""

    def __init__(self, path: str) -> None:
        super().__init__(
            f"{path}: the ledger is damaged; nothing was changed. `feeds generate` sets it aside"
            " and begins a new one; to lose no id, move it away and have `feeds ids import` read"
            " the last export before"
        )


class Rendering(NamedTuple):
    """What the published documents of one feed were made from."""

    inputs: str  # digest of all that decides their bytes
    entries: int = 0
    updated: int = 0  # seconds since the epoch
    expires: int = 0  # when an entry leaves the feed by itself; 0: none does
    media: tuple[str, ...] = ()  # pictures below the seed folder that its entries show


class Ledger:
    """The open ledger.

    `begin` opens a transaction, `promise` ends it and opens another, `record` ends that; what was
    not brought to such an end is forgotten when the ledger is closed.
    """

    def __init__(self, path: str, *, mode: str = "write") -> None:
        """Open the ledger at `path`.

        In the mode "write", one is made if there is none; in "read", it can only be asked; in
        "copy", this is a copy in memory, for what must not last.  Raises DamagedError, or
        StateError when the file is no ledger of ours or can't be used.
        """
        self.lost = ""  # the new name of a damaged one that this one takes the place of
        self._path = path
        try:
            self._db = _connected(path, mode)
            self._open(mode)
        except (sqlite3.DatabaseError, StateError) as error:
            with contextlib.suppress(AttributeError):
                self._db.close()
            if isinstance(error, StateError):
                raise
            raise refusal(path, error) from None

    def _open(self, mode: str) -> None:
        mark, version = (
            self._db.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("application_id", "user_version")
        )
        tables = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if mark != _APPLICATION and (mark or tables):
            raise StateError(f"{self._path}: it is no ledger of feeds; move it away")
        if version > _VERSION:
            raise StateError(
                f"{self._path}: a newer version of feeds wrote it; use that one, or a newer one"
            )
        if 0 < version < _OLDEST:
            raise StateError(
                f"{self._path}: a version of feeds before 1.0 wrote it, which this one can't read;"
                " move it away"
            )
        if version < _VERSION:
            from feeds import register, shelf

            if mode == "read":  # only a build changes it
                self._db.close()
                self._db = glance.copy(self._path)
            self._db.executescript(
                f"BEGIN; {_SCHEMA} {register.SCHEMA} {shelf.SCHEMA}"
                f" PRAGMA application_id = {_APPLICATION};"
                f" PRAGMA user_version = {_VERSION}; COMMIT;"
            )

    @property
    def register(self) -> Register:
        """What is known of articles."""
        from feeds.register import Register  # only a build that has something to do needs it

        return Register(self._db)

    def shelf(self, slug: str) -> Shelf:
        """The archive documents of a feed."""
        from feeds.shelf import Shelf

        return Shelf(self._db, slug)

    def shelved(self) -> set[str]:
        """The slugs of the feeds that have archive documents, or whose articles wait for one."""
        found = self._db.execute(
            """SELECT slug FROM archives
               UNION SELECT substr(name, 10) FROM facts WHERE name GLOB 'taken by *' AND value <> ''
            """
        )
        return {slug for (slug,) in found}

    def fact(self, name: str) -> str:
        """What the register keeps under `name`; "" when nothing."""
        found = self._db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return found[0] if found else ""

    @property
    def new(self) -> bool:
        """Whether it knows of no build, nor of what was imported."""
        return not self.fact("begun") and not self.register.any()

    def begin(self) -> None:
        """Open a transaction."""
        self._db.execute("BEGIN IMMEDIATE")

    def close(self) -> None:
        """Close it; what stands in an open transaction is forgotten."""
        self._db.close()

    def documents(self) -> dict[str, Published]:
        """Every file in the output folder that is ours, by name."""
        found = self._db.execute("SELECT name, digest, size, mtime FROM documents")
        return {name: Published(*rest) for name, *rest in found}

    def promise(self, names: Iterable[str]) -> None:
        """Claim names that are about to be written, and make everything before it last."""
        self._db.executemany(
            "INSERT OR IGNORE INTO documents VALUES (?, '', 0, 0)", ((name,) for name in names)
        )
        self._db.execute("COMMIT")
        self._db.execute("BEGIN IMMEDIATE")

    def renderings(self) -> dict[str, Rendering]:
        """How each feed's documents came to be, by slug."""
        import json

        found = self._db.execute("SELECT * FROM renderings")
        return {
            slug: Rendering(inputs, entries, updated, expires, tuple(json.loads(media)))
            for slug, inputs, entries, updated, expires, media in found
        }

    def standing(self, slug: str) -> tuple[Standing, ...] | None:
        """The entries that were published in a feed last; None when it never was."""
        import json

        found = self._db.execute("SELECT entries FROM standing WHERE slug = ?", (slug,)).fetchone()
        return tuple(Standing(*entry) for entry in json.loads(found[0])) if found else None

    def add(self, documents: Mapping[str, Published]) -> None:
        """Take over files that are in the output folder now."""
        self._db.executemany(
            "INSERT OR REPLACE INTO documents VALUES (?, ?, ?, ?)",
            ((name, *published) for name, published in documents.items()),
        )

    def record(
        self,
        documents: Mapping[str, Published],
        renderings: Mapping[str, Rendering],
        standing: Mapping[str, tuple[Standing, ...]],
    ) -> None:
        """Take over what lies in the output folder now, all of it.

        `standing` holds the entries of the feeds that were made anew.
        """
        import json

        before, known = self.documents(), self.renderings()
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
            "INSERT OR REPLACE INTO renderings VALUES (?, ?, ?, ?, ?, ?)",
            (
                (slug, r.inputs, r.entries, r.updated, r.expires, json.dumps(r.media))
                for slug, r in renderings.items()
                if known.get(slug) != r
            ),
        )
        self._db.executemany(
            "DELETE FROM standing WHERE slug = ?",
            ((slug,) for slug in known if slug not in renderings),
        )
        self._db.executemany(
            "INSERT OR REPLACE INTO standing VALUES (?, ?)",
            ((slug, json.dumps(entries, ensure_ascii=False)) for slug, entries in standing.items()),
        )
        self._db.execute("COMMIT")


def _connected(path: str, mode: str) -> sqlite3.Connection:
    if mode == "copy":
        return glance.copy(path)
    if mode == "read":
        return glance.reader(path)
    return sqlite3.connect(path, isolation_level=None, timeout=30)


def refusal(path: str, error: sqlite3.DatabaseError) -> StateError:
    """What is said when the ledger can't be used; a mistake in our own questions is raised."""
    kind = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if kind == sqlite3.SQLITE_ERROR:
        raise error
    if kind in _DAMAGE:
        return DamagedError(path)
    return StateError(f"{path}: {error}; check its disk, and that its folder can be written to")


@contextlib.contextmanager
def opened(path: str, *, mode: str = "write") -> Iterator[Ledger]:
    """The ledger at `path`; raises StateError when it turns out that it can't be used."""
    with contextlib.closing(Ledger(path, mode=mode)) as ledger:
        try:
            yield ledger
        except sqlite3.DatabaseError as error:
            raise refusal(path, error) from None


def set_aside(path: str, suffix: str) -> str:
    """Rename a damaged ledger, with what belongs to it; its new name."""
    stem, ending = os.path.splitext(path)
    new = f"{stem}-{suffix}{ending}"
    os.replace(path, new)
    for part in ("-journal", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            os.replace(f"{path}{part}", f"{new}{part}")
    return new

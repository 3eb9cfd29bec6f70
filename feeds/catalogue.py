"""What each seed was understood to be, and what each picture measured: a cache, and no more.

Everything in here can be had again from the seeds and the pictures' servers.  So there are no
migrations: a catalogue of another version, of another reading of the configuration, or one that is
damaged, is emptied.  A door to sqlite3, as the ledger is.

The rows of one folder stand together: a heading's row number is its folder's number times 2**32
plus a count, so that no second index is needed to find them.
"""

from __future__ import annotations

import json
import os
import sqlite3
from typing import TYPE_CHECKING, Any, NamedTuple
from zlib import crc32

from feeds import album, turnover
from feeds.glance import copy
from feeds.model import Article, Heading, Picture, Problem, SeedError, StateError
from feeds.rows import COLUMNS, Census, insert

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from collections.abc import Set as AbstractSet

    from feeds.likeness import Sketch
    from feeds.model import Row
    from feeds.twins import Decisions, Family

_APPLICATION = 0x46454544  # "FEED": the file is ours to empty
_PAGE = 16_384  # bytes; a heading has some hundred, and a first build writes all of them
_SCHEMA = """
    CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
    CREATE TABLE folders (
        id INTEGER PRIMARY KEY, path BLOB UNIQUE, next INTEGER, seeds INTEGER, listing BLOB
    );
    CREATE TABLE headings (
        row INTEGER PRIMARY KEY, name BLOB, published INTEGER, updated INTEGER,
        ident INTEGER, twin INTEGER, title TEXT, link TEXT, notes TEXT
    );
    CREATE TABLE twins (row INTEGER PRIMARY KEY, winner INTEGER, key BLOB);
    CREATE INDEX by_winner ON twins (winner);
    CREATE TABLE sketches (row INTEGER PRIMARY KEY, sketch BLOB);
    CREATE TABLE problems (folder INTEGER, name BLOB, code TEXT, detail TEXT, line INTEGER);
    CREATE TABLE articles (
        row INTEGER PRIMARY KEY, lookups TEXT, notes TEXT, article TEXT, content TEXT
    );
"""
_TABLES = _SCHEMA + album.SCHEMA + turnover.SCHEMA
_VERSION = crc32(_TABLES.encode()) & 0x7FFF_FFFF  # other tables are another version

# What the questions of each build are answered from at once.  To keep these up costs a first build
# more than it saves; a process that builds over and over wins.
_INDEXES = """
    CREATE INDEX IF NOT EXISTS by_date ON headings (published);
    CREATE INDEX IF NOT EXISTS by_update ON headings (updated);
    CREATE INDEX IF NOT EXISTS by_ident ON headings (ident);
    CREATE INDEX IF NOT EXISTS by_twin ON headings (twin) WHERE twin IS NOT NULL;
    CREATE INDEX IF NOT EXISTS by_note ON headings (notes) WHERE notes <> '';
"""


class Change(NamedTuple):
    """What is new in one folder since the catalogue last saw it."""

    path: bytes
    listing: bytes | None  # what lies in it, marshalled; None: the folder is gone
    seeds: int = 0  # files that should be articles
    rows: tuple[Row, ...] = ()  # seeds that are new or changed and could be understood
    problems: tuple[tuple[bytes, str, str, int], ...] = ()  # name, code, detail, line of those not
    gone: tuple[bytes, ...] = ()  # seeds that are not there any more
    pictures: tuple[str, ...] = ()  # paths of pictures that are new, changed or gone


class Catalogue:
    """The open catalogue; everything is one transaction, ended by `commit`."""

    def __init__(self, path: str, headings: str, articles: str, *, copied: bool = False) -> None:
        """Open or make the catalogue at `path`; if `copied`, a copy of it in memory.

        `headings` and `articles` stand for all that decides how each is read: what was read in
        another way is forgotten.  Raises StateError when the file is no catalogue of ours or can't
        be used.
        """
        try:
            self._db = self._open(path, copied=copied)
            if self.note("headings") != headings:
                self.turnover.depart()
                for table in ("folders", "headings", "problems", "twins", "sketches", "articles"):
                    self._db.execute(f"DELETE FROM {table}")
            elif self.note("articles") != articles:
                self._db.execute("DELETE FROM articles")
            self.keep("headings", headings)
            self.keep("articles", articles)
            known = self._db.execute("SELECT 1 FROM headings LIMIT 1").fetchone()
            self._census = None if known else Census()  # None: only the tables tell
            if not known:
                self.turnover.begin()
        except sqlite3.OperationalError as error:
            raise StateError(f"{path}: {error}; check that the folder can be written to") from None
        except OSError as error:
            raise StateError(f"{path}: {error.strerror}") from None

    def _open(self, path: str, *, copied: bool) -> sqlite3.Connection:
        fresh = not os.path.exists(path) or os.path.getsize(path) == 0
        db = copy(path) if copied else sqlite3.connect(path, isolation_level=None, timeout=30)
        try:
            db.execute("PRAGMA synchronous = NORMAL")
            mark = db.execute("PRAGMA application_id").fetchone()[0]
            if fresh:
                db.execute(f"PRAGMA page_size = {_PAGE}")
                db.execute(f"PRAGMA application_id = {_APPLICATION}")
            elif mark != _APPLICATION:
                raise StateError(f"{path}: it is no catalogue of feeds; move it away")
            db.execute("BEGIN")
            if db.execute("PRAGMA user_version").fetchone()[0] != _VERSION:
                tables = "SELECT name FROM sqlite_master WHERE type = 'table'"
                for (name,) in db.execute(tables).fetchall():
                    db.execute(f"DROP TABLE {name}")
                for statement in (*_TABLES.split(";"), f"PRAGMA user_version = {_VERSION}"):
                    db.execute(statement)
        except sqlite3.DatabaseError as error:
            db.close()
            if isinstance(error, sqlite3.OperationalError) or copied:
                raise
            os.unlink(path)  # damaged: the next attempt starts anew
            return self._open(path, copied=False)
        except StateError:
            db.close()
            raise
        return db

    def close(self) -> None:
        """Close it; what was not committed is forgotten."""
        self._db.close()

    def commit(self) -> None:
        """Keep everything done so far, and go on."""
        self._db.execute("COMMIT")
        self._db.execute("BEGIN")

    def index(self) -> None:
        """Get ready to be asked often."""
        for statement in _INDEXES.split(";"):
            self._db.execute(statement)

    # -- notes

    def note(self, name: str) -> str:
        """What was kept under `name`; "" when nothing was."""
        found = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return found[0] if found else ""

    def keep(self, name: str, value: str) -> None:
        """Keep `value` under `name`."""
        if self.note(name) != value:
            self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    @property
    def pictures(self) -> album.Album:
        """What each picture measured."""
        return album.Album(self._db)

    @property
    def turnover(self) -> turnover.Turnover:
        """Which seeds came, changed and went."""
        return turnover.Turnover(self._db)

    # -- folders and headings

    def folders(self) -> set[bytes]:
        """The path of every folder as it was last seen."""
        return {path for (path,) in self._db.execute("SELECT path FROM folders")}

    def listings(self, paths: Collection[bytes] | None = None) -> dict[bytes, bytes]:
        """The listing of every folder, or of those at `paths`, as last seen, marshalled."""
        if paths is None:
            return dict(self._db.execute("SELECT path, listing FROM folders"))
        query = f"SELECT path, listing FROM folders WHERE path IN ({_marks(paths)})"
        return dict(self._db.execute(query, tuple(paths)))

    def count(self) -> int:
        """How many seeds lie in all folders."""
        return int(self._db.execute("SELECT total(seeds) FROM folders").fetchone()[0])

    def apply(self, change: Change, affected: list[Heading] | None = None) -> None:
        """Take over what is new in one folder.

        The headings that were there and those that are now are added to `affected`: what the feeds
        have to be looked through for.
        """
        db, path = self._db, change.path
        found = db.execute("SELECT id, next FROM folders WHERE path = ?", (path,)).fetchone()
        if found is not None:
            number = found[0]
            following = self._mended(number, found[1], change, affected)
        elif change.listing is not None:
            number = db.execute("INSERT INTO folders (path) VALUES (?)", (path,)).lastrowid or 0
            following = self._filled(number, change.rows)
        else:
            return
        if affected is not None:
            affected.extend(self._made(path, row) for row in change.rows)
        held = [(number, *problem) for problem in change.problems]
        db.executemany("INSERT INTO problems VALUES (?, ?, ?, ?, ?)", held)
        if change.listing is None:
            db.execute("DELETE FROM folders WHERE id = ?", (number,))
        else:
            values = (change.listing, following, change.seeds, number)
            db.execute("UPDATE folders SET listing = ?, next = ?, seeds = ? WHERE id = ?", values)
        self._forget_pictures(change.pictures, affected)

    def _filled(self, folder: int, rows: Sequence[Row]) -> int:
        """Take over the headings of a folder that is new, and so has the largest number."""
        if self._census:
            self._census.add(rows)
        if rows:  # the first says where; each further one goes behind the last there is
            insert(self._db, "INSERT INTO headings", [(folder << 32, *rows[0])])
            insert(self._db, f"INSERT INTO headings ({COLUMNS})", rows[1:])
        if not self._census:
            self.turnover.come((folder << 32) + number for number in range(len(rows)))
        return len(rows)

    def _mended(
        self, folder: int, following: int, change: Change, affected: list[Heading] | None
    ) -> int:
        """Take over the headings of a folder that is known; the count that the next one gets."""
        self._census = None
        known = self._rows_of(folder)
        self._clear(folder, known, change, affected)
        placed: list[tuple[object, ...]] = []
        for row in change.rows:
            place = known.get(row[0])
            if place is None:
                place = known[row[0]] = (folder << 32) + following
                following += 1
            placed.append((place, *row))
        insert(self._db, "INSERT INTO headings", placed)
        self.turnover.come(known[row[0]] for row in change.rows)
        return following

    def _clear(
        self, folder: int, known: dict[bytes, int], change: Change, affected: list[Heading] | None
    ) -> None:
        """Forget what a folder held of the seeds that are changed or gone."""
        names = {*change.gone, *(r[0] for r in change.rows), *(p[0] for p in change.problems)}
        rows = [(known[name],) for name in names if name in known]
        if affected is not None:
            affected.extend(self.heading(row) for (row,) in rows)
        self.turnover.depart(" AND row = ?", rows)
        self._db.executemany("DELETE FROM headings WHERE row = ?", rows)
        for table in ("articles", "sketches"):
            self._db.executemany(f"DELETE FROM {table} WHERE row = ?", rows)
        places = [(folder, name) for name in names]
        self._db.executemany("DELETE FROM problems WHERE folder = ? AND name = ?", places)

    def _rows_of(self, folder: int) -> dict[bytes, int]:
        span = (folder << 32, (folder + 1) << 32)
        found = self._db.execute("SELECT name, row FROM headings WHERE row >= ? AND row < ?", span)
        return dict(found)

    def _forget_pictures(self, paths: Collection[str], affected: list[Heading] | None) -> None:
        """Forget what was known of pictures beside the seeds, and the articles that show them."""
        if not paths:
            return
        self.pictures.forget(paths)
        wanted = set(paths)
        looked = self._db.execute(
            "SELECT row, lookups FROM articles WHERE lookups <> '[]'"
        ).fetchall()
        for row, lookups in looked:
            if not wanted.isdisjoint(json.loads(lookups)):
                self._db.execute("DELETE FROM articles WHERE row = ?", (row,))
                if affected is not None:
                    affected.append(self.heading(row))

    def heading(self, row: int) -> Heading:
        """The heading in one row."""
        from feeds import twins  # not needed where nothing changed

        path, *found = self._db.execute(
            f"SELECT path, {COLUMNS} FROM headings JOIN folders ON id = row >> 32 WHERE row = ?",
            (row,),
        ).fetchone()
        return self._made(path, found)._replace(beside=twins.beside(self._db, row))

    def at(self, path: str) -> Heading | None:
        """The heading of the seed at a path; None where there is none."""
        from feeds import twins

        row = twins.row_at(self._db, path)
        return None if row is None else self.heading(row)

    @staticmethod
    def _made(folder: bytes, row: Row) -> Heading:
        name, published, updated, _, _, title, link, notes = row
        path = os.fsdecode(b"%b/%b" % (folder, name) if folder else name)
        return Heading(path, title, link, published, updated, tuple(notes.split()))

    # -- one article in several files

    def settle(
        self,
        sketch: Callable[[Heading], Sketch],
        decisions: Decisions,
        affected: list[Heading] | None = None,
        *,
        decided: bool = False,
    ) -> None:
        """Decide anew which files are of one article, as `twins.settle` says."""
        from feeds import twins

        if self._census and self._census.alone and not any(decisions):
            return
        twins.settle(self._db, self.heading, sketch, decisions, affected, decided=decided)

    def families(self) -> Iterator[Family]:
        """The articles that several files hold, or whose key is not the one they would have."""
        from feeds import twins

        return twins.families(self._db)

    def idents(self) -> AbstractSet[int]:
        """The short form of the key of every article."""
        from feeds import identity, twins

        shared = set(map(identity.short, twins.keys(self._db).values()))
        if self._census:
            own = self._census.idents.keys()
            return own | shared if shared else own
        return shared.union(i for (i,) in self._db.execute("SELECT ident FROM headings"))

    def find(self, idents: Collection[int]) -> list[tuple[int, Heading, str]]:
        """Row, heading and key of each article whose key's short form is in `idents`."""
        from feeds import identity

        keyed = {f.winner: f.key for f in self.families() if identity.short(f.key) in idents}
        rows = self._db.execute(
            """SELECT row FROM headings WHERE ident IN (SELECT value FROM json_each(?))
               AND row NOT IN (SELECT row FROM twins)""",
            (json.dumps(list(idents)),),
        ).fetchall()
        found = ((row, self.heading(row)) for row in (*keyed, *(row for (row,) in rows)))
        return [(row, heading, keyed.get(row) or identity.key(heading)) for row, heading in found]

    # -- what the feeds are made of

    def sources(self) -> list[str]:
        """The first-level folders, sorted."""
        paths = self._db.execute("SELECT path FROM folders")
        return sorted({os.fsdecode(path.partition(b"/")[0]) for (path,) in paths} - {""})

    def newest(
        self, now: int, order: str, source: str | None, chunk: int
    ) -> Iterator[tuple[int, Heading]]:
        """The articles that are due at `now`, newest first, as `newest.newest` has them."""
        from feeds import newest

        return newest.newest(self._db, self._made, now, order, source, chunk)

    def every(self) -> list[tuple[int, Heading]]:
        """All headings with their rows, twins and future ones included."""
        return [(row, self.heading(row)) for (row,) in self._db.execute("SELECT row FROM headings")]

    def due(self, now: int) -> tuple[int, int | None]:
        """How many articles are dated after `now`, and the next instant at which one falls due."""
        if self._census and self._census.latest <= now:
            return 0, None
        count, following, updated = self._db.execute(
            """SELECT count(*) FILTER (WHERE published > :now),
                      min(published) FILTER (WHERE published > :now), min(updated)
               FROM headings WHERE updated > :now""",
            {"now": now},
        ).fetchone()
        return count, min(filter(None, (following, updated)), default=None)

    def keys(self, rows: Iterable[int]) -> dict[int, str]:
        """The key that the article in a row has from an older twin, where it has one."""
        from feeds import twins

        found = twins.keys(self._db)
        return {row: found[row] for row in rows if row in found}

    def problems(self) -> Iterator[Problem]:
        """What is held back, what was repaired, and which twins are not published."""
        folders = dict(self._db.execute("SELECT id, path FROM folders"))

        def path(folder: int, name: bytes) -> str:
            above = folders[folder]
            return os.fsdecode(b"%b/%b" % (above, name) if above and name else above or name)

        for folder, name, code, detail, line in self._db.execute("SELECT * FROM problems"):
            yield Problem(code, path(folder, name), detail, line)
        noted = "SELECT row, name, notes FROM headings WHERE notes <> ''"
        for row, name, notes in (
            self._db.execute(noted) if not self._census or self._census.noted else ()
        ):
            for note in notes.split():
                code, _, line = note.partition(":")
                yield Problem(code, path(row >> 32, name), line=int(line or 0))
        for row, notes in self._db.execute("SELECT row, notes FROM articles WHERE notes <> ''"):
            for code in notes.split():
                yield Problem(code, self.heading(row).path)
        for row, winner in self._db.execute("SELECT row, winner FROM twins WHERE row <> winner"):
            yield Problem(
                "twin", self.heading(row).path, f"published from {self.heading(winner).path}"
            )

    # -- articles

    def article(self, row: int) -> Article:
        """The article in a row; raises KeyError when it is not `parsed`."""
        query = "SELECT article, content FROM articles WHERE row = ?"
        found = self._db.execute(query, (row,)).fetchone()
        if found is None:
            raise KeyError(row)
        value: dict[str, Any] = json.loads(found[0])
        value["pictures"] = tuple(Picture(*picture) for picture in value["pictures"])
        frozen: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in value.items()
        }
        return Article(**(frozen | {"content": found[1]}))

    def parsed(self, row: int) -> bool:
        """Whether the article in a row can be had from here."""
        found = self._db.execute("SELECT 1 FROM articles WHERE row = ?", (row,)).fetchone()
        return found is not None

    def keep_article(self, row: int, article: Article) -> None:
        """Remember the article in a row until its seed changes."""
        # The content has a column of its own: as a part of the rest it takes ten times as long.
        rest = json.dumps(article._replace(content="", lookups=())._asdict(), ensure_ascii=False)
        lookups, notes = json.dumps(article.lookups), " ".join(article.notes)
        values = (row, lookups, notes, rest, article.content)
        self._db.execute("INSERT OR REPLACE INTO articles VALUES (?, ?, ?, ?, ?)", values)

    def remark(self, row: int, notes: Iterable[str]) -> None:
        """Tell what was repaired of an article that is not kept, until its seed changes."""
        name = self._db.execute("SELECT name FROM headings WHERE row = ?", (row,)).fetchone()[0]
        place = (row >> 32, name)
        self._db.execute("DELETE FROM problems WHERE folder = ? AND name = ?", place)
        self._db.executemany(
            "INSERT INTO problems VALUES (?, ?, ?, '', 0)", ((*place, note) for note in notes)
        )

    def hold(self, row: int, error: SeedError) -> bool:
        """Keep the file in a row out of every feed, until it changes.

        Whether another file of the same article takes its place.
        """
        from feeds import twins

        self._census = None
        heir = twins.leave(self._db, self.heading, row)
        heading = self.heading(row)
        name = os.fsencode(heading.path.rpartition("/")[2])
        for table in ("headings", "articles", "sketches"):
            self._db.execute(f"DELETE FROM {table} WHERE row = ?", (row,))
        problem = (row >> 32, name, error.code, error.detail, error.line)
        self._db.execute("INSERT INTO problems VALUES (?, ?, ?, ?, ?)", problem)
        return heir

    def forget_articles(self, keep: Collection[int]) -> None:
        """Forget every article but those in the rows `keep`; of the pictures, those they show."""
        found = self._db.execute("SELECT row FROM articles").fetchall()
        self._db.executemany(
            "DELETE FROM articles WHERE row = ?", ((row,) for (row,) in found if row not in keep)
        )


def _marks(values: Collection[object]) -> str:
    return ", ".join("?" * len(values))

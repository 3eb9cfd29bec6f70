"""Every article that was ever announced, and all that must be known of it for ever after.

Its mark (the last part of its id), under which key and file it was seen last, when it arrived, when
it really changed, and what stood in it.  The tables lie in the ledger; what is written here is on
the disk when the ledger's transaction ends.

An article has a row once it stood in a feed, or arrived after the ledger began.  Of all others only
the short form of their key is kept, so that a large archive costs little.
"""

from __future__ import annotations

import json
import struct
import zlib
from typing import TYPE_CHECKING, NamedTuple

from feeds import identity

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterable, Iterator
    from collections.abc import Set as AbstractSet

    from feeds.model import Heading

SCHEMA = """
    CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS known (ident INTEGER PRIMARY KEY);
    CREATE TABLE IF NOT EXISTS learnt (idents BLOB);
    CREATE TABLE IF NOT EXISTS aliases (key BLOB PRIMARY KEY, mark TEXT) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS joined (key BLOB PRIMARY KEY, mark TEXT) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS parted (path BLOB PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS articles (
        mark TEXT PRIMARY KEY, key BLOB, path BLOB, number BLOB, title TEXT, published INTEGER,
        arrived INTEGER, began INTEGER, changed INTEGER, version INTEGER, fingerprint TEXT,
        text BLOB
    );
    CREATE TABLE IF NOT EXISTS changes (
        at INTEGER, mark TEXT, kind TEXT, path BLOB, title TEXT, link TEXT, published INTEGER,
        body TEXT, PRIMARY KEY (at, mark)
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS aliases_mark ON aliases (mark);
    CREATE INDEX IF NOT EXISTS articles_path ON articles (path);
    CREATE INDEX IF NOT EXISTS articles_number ON articles (number) WHERE number <> x'';
    CREATE INDEX IF NOT EXISTS articles_title ON articles (published, title);
    CREATE INDEX IF NOT EXISTS articles_arrived ON articles (arrived) WHERE arrived > 0;
    CREATE INDEX IF NOT EXISTS articles_changed ON articles (changed) WHERE version > 1;
"""
_CHANGES = 5000  # that are remembered
_MANY = 1000  # questions that take longer than to read all answers
_FEW = 16  # keys that are sooner looked for among those packed than all are unpacked
_COLUMNS = "mark, key, path, title, published, arrived, began, changed, version, fingerprint"


class Account(NamedTuple):
    """What is known of one article."""

    mark: str  # the last part of its id
    key: str  # of the file it was seen in last
    path: str  # of that file
    title: str
    published: int  # seconds since the epoch, as are the next three
    arrived: int = 0  # when it was first seen, or fell due; 0: it was there when the ledger began
    began: int = 0  # its `updated` when it was first announced; 0: it never was
    changed: int = 0  # its `updated` since its last real change
    version: int = 1  # how many texts of it were announced
    fingerprint: str = ""  # of what it says (`revision.fingerprint`, and `reading`)

    @property
    def heading(self) -> Heading:
        """The account as the heading of a seed."""
        from feeds.model import Heading

        link = "" if self.key.startswith("path:") else f"https://{self.key}"
        return Heading(self.path, self.title, link, self.published, self.changed)


class Change(NamedTuple):
    """An edit of an article, or its removal."""

    at: int  # seconds since the epoch
    mark: str
    kind: str  # edited or removed
    path: str
    title: str
    link: str
    published: int
    body: str  # HTML that shows the difference

    @property
    def heading(self) -> Heading:
        """The heading of the article's seed."""
        from feeds.model import Heading

        return Heading(self.path, self.title, self.link, self.published, self.at)


class Register:
    """The tables of articles in an open ledger."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    # -- facts

    def fact(self, name: str) -> str:
        """What was kept under `name`; "" when nothing was."""
        found = self._db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return found[0] if found else ""

    def keep_fact(self, name: str, value: str) -> None:
        """Keep `value` under `name`."""
        if self.fact(name) != value:
            self._db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    def facts(self, first: str) -> dict[str, str]:
        """All that is kept under names that begin with the word `first`, by what follows it."""
        found = self._db.execute("SELECT name, value FROM facts WHERE name GLOB ?", (f"{first} *",))
        return {name.partition(" ")[2]: value for name, value in found}

    def forget_fact(self, name: str) -> None:
        """Let go of what was kept under `name`."""
        self._db.execute("DELETE FROM facts WHERE name = ?", (name,))

    # -- which keys have been seen

    def learn(self, idents: Collection[int]) -> None:
        """Remember keys, in their short form, as seen.

        Many at once are packed into one row: that takes a tenth of the time of a row for each.
        """
        if len(idents) > _MANY:
            packed = struct.pack(f"<{len(idents)}q", *idents)
            self._db.execute("INSERT INTO learnt VALUES (?)", (packed,))
        else:
            rows = ((ident,) for ident in idents)
            self._db.executemany("INSERT OR IGNORE INTO known VALUES (?)", rows)

    def known(self) -> list[int]:
        """Every key that was ever seen, in its short form, in order."""
        found = {ident for (ident,) in self._db.execute("SELECT ident FROM known")}
        return sorted(found.union(*map(_unpacked, self._packs())))

    def unknown(self, idents: AbstractSet[int]) -> AbstractSet[int]:
        """Those of the keys, in their short form, that were never seen."""
        packs = self._packs()
        if not packs and not self._db.execute("SELECT 1 FROM known LIMIT 1").fetchone():
            return idents
        if len(idents) <= _FEW:
            fresh = {one for one in idents if not any(_among(packed, one) for packed in packs)}
        else:
            fresh = set(idents)
            fresh.difference_update(*map(_unpacked, packs))
        if len(fresh) > _MANY:
            found = self._db.execute("SELECT ident FROM known")
        else:
            found = self._db.execute(
                "SELECT ident FROM known WHERE ident IN (SELECT value FROM json_each(?))",
                (json.dumps(list(fresh)),),
            )
        fresh.difference_update(ident for (ident,) in found)
        return fresh

    def _packs(self) -> list[bytes]:
        return [packed for (packed,) in self._db.execute("SELECT idents FROM learnt")]

    # -- which article a key means

    def mark_of(self, key: str) -> str:
        """The mark of the article with this key."""
        found = self._db.execute("SELECT mark FROM aliases WHERE key = ?", (_blob(key),)).fetchone()
        return found[0] if found else identity.mark(key)

    def marks_of(self, keys: Collection[str]) -> dict[str, str]:
        """The same for many keys."""
        if len(keys) <= _MANY:
            return {key: self.mark_of(key) for key in keys}
        aliases = dict(self.aliases())
        return {key: aliases.get(key) or identity.mark(key) for key in keys}

    def alias(self, key: str, mark: str) -> None:
        """From now on this key means the article with this mark."""
        if self.mark_of(key) == mark:
            return
        if identity.mark(key) == mark:
            self._db.execute("DELETE FROM aliases WHERE key = ?", (_blob(key),))
        else:
            self._db.execute("INSERT OR REPLACE INTO aliases VALUES (?, ?)", (_blob(key), mark))

    def keys_of(self, account: Account) -> set[str]:
        """Every key under which the article may be found."""
        found = self._db.execute("SELECT key FROM aliases WHERE mark = ?", (account.mark,))
        return {account.key, *(_text(key) for (key,) in found)}

    def aliases(self) -> list[tuple[str, str]]:
        """Every key that does not mean the article derived from it, with the mark it means."""
        found = self._db.execute("SELECT key, mark FROM aliases ORDER BY key")
        return [(_text(key), mark) for key, mark in found]

    # -- what a person decided

    def join(self, key: str, mark: str) -> None:
        """Files with this key are of the article with this mark, as are others joined to it."""
        self._db.execute("INSERT OR REPLACE INTO joined VALUES (?, ?)", (_blob(key), mark))

    def unjoin(self, key: str) -> None:
        """Files with this key are of no article by decision any more."""
        self._db.execute("DELETE FROM joined WHERE key = ?", (_blob(key),))

    def joined(self) -> list[tuple[str, str]]:
        """Every key that was joined to an article, with its mark."""
        found = self._db.execute("SELECT key, mark FROM joined ORDER BY key")
        return [(_text(key), mark) for key, mark in found]

    def part(self, path: str) -> None:
        """The file at this path is an article of its own."""
        self._db.execute("INSERT OR IGNORE INTO parted VALUES (?)", (_blob(path),))

    def unpart(self, path: str) -> bool:
        """The file at this path is an article of its own no longer; whether it was by decision."""
        found = self._db.execute("DELETE FROM parted WHERE path = ?", (_blob(path),))
        return found.rowcount > 0

    def parted(self) -> list[str]:
        """The paths of all files that were made articles of their own."""
        return [_text(path) for (path,) in self._db.execute("SELECT path FROM parted")]

    # -- accounts

    def account(self, mark: str) -> Account | None:
        """What is known of the article with this mark."""
        return next(self._accounts("mark = ?", mark), None)

    def accounts_of(self, marks: Iterable[str]) -> dict[str, Account]:
        """What is known of the articles with these marks, by mark."""
        among = "mark IN (SELECT value FROM json_each(?))"
        return {one.mark: one for one in self._accounts(among, json.dumps(list(marks)))}

    def any(self) -> bool:
        """Whether there is any account."""
        return self._db.execute("SELECT 1 FROM articles LIMIT 1").fetchone() is not None

    def accounts(self) -> Iterator[Account]:
        """All there are, by mark."""
        return self._accounts("true ORDER BY mark")

    def at(self, path: str) -> list[Account]:
        """The articles that were seen in the file at this path last."""
        return list(self._accounts("path = ?", _blob(path)))

    def like(self, heading: Heading) -> list[Account]:
        """The articles last seen in the same file, or as well described, the likeliest first."""
        number = _number(heading)
        # A partial index serves only a question that repeats its condition.
        numbered = "number <> x'' AND number = ?"
        found = {
            account.mark: account
            for account in (
                *self._accounts("path = ?", _blob(heading.path)),
                *(self._accounts(numbered, number) if number else ()),
                *self._accounts("published = ? AND title = ?", heading.published, heading.title),
            )
        }
        return list(found.values())

    def recent(self, since: int) -> list[Account]:
        """The articles that arrived or really changed after this instant."""
        return [
            *self._accounts("arrived > 0 AND arrived > ?", since),
            *self._accounts("version > 1 AND changed > ? AND arrived <= ?", since, since),
        ]

    def keep(self, account: Account) -> None:
        """Take over what is known of an article now."""
        self.keep_all((account,))

    def keep_all(self, accounts: Iterable[Account]) -> None:
        """Take over what is known of many articles now."""
        self._db.executemany(
            """INSERT INTO articles VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)
               ON CONFLICT (mark) DO UPDATE SET (key, path, number, title, published, arrived,
               began, changed, version, fingerprint) = (excluded.key, excluded.path,
               excluded.number, excluded.title, excluded.published, excluded.arrived,
               excluded.began, excluded.changed, excluded.version, excluded.fingerprint)""",
            ((a.mark, _blob(a.key), _blob(a.path), _number(a.heading), *a[3:]) for a in accounts),
        )

    def forget(self, mark: str) -> None:
        """Let go of an article, as it is part of another now."""
        self._db.execute("DELETE FROM articles WHERE mark = ?", (mark,))

    def kept(self, marks: Iterable[str]) -> dict[str, tuple[bool, bool]]:
        """Of those articles of which anything is known: was it announced, are its words kept."""
        found = self._db.execute(
            """SELECT mark, began > 0, text NOT NULL FROM articles
               WHERE mark IN (SELECT value FROM json_each(?))""",
            (json.dumps(list(marks)),),
        )
        return {mark: (bool(began), bool(worded)) for mark, began, worded in found}

    def text(self, mark: str) -> str | None:
        """The words of an article as they were announced last; None where they were not kept."""
        found = self._db.execute("SELECT text FROM articles WHERE mark = ?", (mark,)).fetchone()
        return zlib.decompress(found[0]).decode() if found and found[0] else None

    def keep_text(self, mark: str, text: str) -> None:
        """Keep the words of an article, to tell later what was changed."""
        packed = zlib.compress(text.encode())
        self._db.execute("UPDATE articles SET text = ? WHERE mark = ?", (packed, mark))

    # -- changes

    def change(self, change: Change) -> None:
        """Remember a change, and forget those that are long past."""
        values = (*change[:3], _blob(change.path), *change[4:])
        self._db.execute("INSERT OR REPLACE INTO changes VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)
        self._db.execute(
            "DELETE FROM changes WHERE at < (SELECT at FROM changes ORDER BY at DESC"
            f" LIMIT 1 OFFSET {_CHANGES})"
        )

    def changes(self) -> Iterator[Change]:
        """The changes that are remembered, the latest first."""
        found = self._db.execute("SELECT * FROM changes ORDER BY at DESC, mark")
        for at, mark, kind, path, *rest in found:
            yield Change(at, mark, kind, _text(path), *rest)

    def _accounts(self, where: str, *values: object) -> Iterator[Account]:
        found = self._db.execute(f"SELECT {_COLUMNS} FROM articles WHERE {where}", values)
        for mark, key, path, *rest in found.fetchall():
            yield Account(mark, _text(key), _text(path), *rest)


def _unpacked(packed: bytes) -> tuple[int, ...]:
    return struct.unpack(f"<{len(packed) // 8}q", packed)


def _among(packed: bytes, ident: int) -> bool:
    """Whether a key is among these, without unpacking them all."""
    wanted, at = struct.pack("<q", ident), -1
    while (at := packed.find(wanted, at + 1)) % 8:
        if at < 0:
            return False
    return True


def _number(heading: Heading) -> bytes:
    number = identity.number_of(heading.path)
    return _blob(f"{heading.source}/{number}") if number else b""


def _blob(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")  # a file's name may be no text


def _text(blob: bytes) -> str:
    return blob.decode("utf-8", "surrogateescape")

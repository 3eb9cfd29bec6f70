"""Which hub was told of which document, and which is still to be told: durable.

A document is known by its address and the digest of its bytes.  What is to be told is what a hub
was last told compared with what is published, so nothing is lost between the two.  One of three
doors to sqlite3.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, NamedTuple

from feeds.model import StateError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_SCHEMA = """
    CREATE TABLE IF NOT EXISTS letters (
        hub TEXT, topic TEXT, digest TEXT, told TEXT, attempts INTEGER, again INTEGER, reason TEXT,
        PRIMARY KEY (hub, topic)
    )
"""


class Letter(NamedTuple):
    """What one hub is to be told of one document."""

    hub: str
    topic: str  # the document's address
    digest: str  # of its bytes
    attempts: int  # that failed
    again: int  # not before this instant, in seconds since the epoch
    reason: str  # why the last attempt failed


class Outbox:
    """The open outbox; each method is a transaction of its own."""

    def __init__(self, path: str) -> None:
        """Open or make the outbox at `path`; raises StateError when it can't be used."""
        try:
            self._db = sqlite3.connect(path, isolation_level=None, timeout=30)
            self._db.execute(_SCHEMA)
        except sqlite3.DatabaseError as error:
            raise StateError(f"{path}: {error}") from None

    def close(self) -> None:
        """Close it."""
        self._db.close()

    def address(self, hubs: Iterable[str], topics: Mapping[str, str]) -> None:
        """Every hub is to know each topic's bytes, given by their digest; nothing else."""
        wanted = {(hub, topic): digest for hub in hubs for topic, digest in topics.items()}
        found = self._db.execute("SELECT hub, topic, digest FROM letters")
        known = {(hub, topic): digest for hub, topic, digest in found}
        gone = known.keys() - wanted.keys()
        new = [(*place, digest) for place, digest in wanted.items() if known.get(place) != digest]
        if not gone and not new:
            return
        with self._db:
            self._db.execute("BEGIN")
            self._db.executemany("DELETE FROM letters WHERE hub = ? AND topic = ?", gone)
            self._db.executemany(
                """INSERT INTO letters VALUES (?, ?, ?, '', 0, 0, '') ON CONFLICT DO UPDATE
                   SET digest = excluded.digest, attempts = 0,
                       again = iif(again < 0, 0, again)""",
                new,
            )

    def waiting(self) -> list[Letter]:
        """What no hub has heard of yet, the longest waiting first."""
        return [
            Letter(*row)
            for row in self._db.execute(
                """SELECT hub, topic, digest, attempts, again, reason FROM letters
                   WHERE digest <> told AND again >= 0 ORDER BY again, hub, topic"""
            )
        ]

    def delivered(self, letter: Letter) -> None:
        """The hub took it."""
        self._set(letter, told=letter.digest, attempts=0, again=0, reason="")

    def failed(self, letter: Letter, again: int, reason: str) -> None:
        """The hub did not take it: not before `again`; with -1, not before the bytes change."""
        self._set(letter, attempts=letter.attempts + 1, again=again, reason=reason)

    def _set(self, letter: Letter, **values: object) -> None:
        self._db.execute(
            f"UPDATE letters SET {', '.join(f'{name} = ?' for name in values)}"
            " WHERE hub = ? AND topic = ? AND digest = ?",
            (*values.values(), letter.hub, letter.topic, letter.digest),
        )

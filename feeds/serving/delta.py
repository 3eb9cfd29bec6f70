"""Delta answers (RFC 3229, `A-IM: feed`): of a feed, only the entries that a client has not got.

A version of a document is remembered as the marks of its entries, a mark being a hash of an entry's
bytes: an entry that was edited has another mark, so it is among those that are sent.  Entries that
have left the document are not told of, as no reader forgets what has moved out of a feed.

The history holds the versions that were given out, newest last, on disk too: after a restart,
readers still get deltas.  Losing it costs each of them one whole document.
"""

from __future__ import annotations

import contextlib
import json
import os
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

from feeds.serving import documents

if TYPE_CHECKING:
    from collections.abc import Collection

_SIZE = 8  # bytes of a mark


class Version(NamedTuple):
    """One version of a document that was given out."""

    tag: str  # digest of its bytes
    marks: bytes  # of its entries, in their order, one after the other

    def held(self) -> set[bytes]:
        """The mark of each of its entries."""
        return {self.marks[n : n + _SIZE] for n in range(0, len(self.marks), _SIZE)}


def asked(header: str | None) -> bool:
    """Whether the client takes deltas of feeds."""
    if not header:
        return False
    from feeds.serving.negotiation import weights

    return weights(header).get("feed", 0.0) > 0


def marks(body: bytes, media_type: str) -> bytes:
    """The mark of each entry of a document; empty where it can't be taken apart."""
    return b"".join(_mark(entry) for entry in _entries(body, media_type))


def since(body: bytes, media_type: str, held: Collection[bytes]) -> bytes:
    """The document with only those entries whose marks are not among `held`."""
    if media_type == documents.JSON:
        found = documents.items(body)
        assert found is not None
        document, items = found
        document["items"] = [item for item in items if _mark(_written(item)) not in held]
        return _written(document) + b"\n"
    parts: list[bytes] = []
    end = 0
    _, entries = documents.parted(body, media_type)
    for entry in entries:
        start = body.index(entry, end)
        parts.append(body[end:start])
        end = start + len(entry)
        if _mark(entry) not in held:
            parts.append(entry)
    parts.append(body[end:])
    return b"".join(parts)


def _entries(body: bytes, media_type: str) -> list[bytes]:
    if media_type == documents.JSON:
        found = documents.items(body)
        return [] if found is None else [_written(item) for item in found[1]]
    if b"<![CDATA[" in body or b"<!--" in body:
        return []  # not written by us: what looks like an entry may be none
    return documents.parted(body, media_type)[1]


def _written(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1).encode()


def _mark(entry: bytes) -> bytes:
    return blake2b(entry, digest_size=_SIZE).digest()


def remembered(history: tuple[Version, ...], version: Version, most: int) -> tuple[Version, ...]:
    """The history with this version as its newest, and at most `most` of them."""
    others = [one for one in history if one.tag != version.tag]
    return (*others, version)[-most:] if most else ()


# --- on disk ------------------------------------------------------------------------------------


def _path(folder: str, name: str) -> str:
    return os.path.join(folder, blake2b(os.fsencode(name), digest_size=16).hexdigest())


def recall(folder: str, name: str) -> tuple[Version, ...]:
    """The history of the document of this name; empty where there is none that can be read."""
    try:
        with open(_path(folder, name), encoding="ascii") as file:
            return tuple(Version(tag, bytes.fromhex(packed)) for tag, packed in json.load(file))
    except (OSError, ValueError, TypeError):
        return ()


def keep(folder: str, name: str, history: tuple[Version, ...]) -> None:
    """Write the history; where that can't be done, readers get whole documents after a restart."""
    path = _path(folder, name)
    half = f"{path}.{os.getpid()}"
    with contextlib.suppress(OSError):
        os.makedirs(folder, exist_ok=True)
        with open(half, "w", encoding="ascii") as file:
            json.dump([[version.tag, version.marks.hex()] for version in history], file)
        os.replace(half, path)

"""Who may read private feeds: one token for each subscriber, of which only a hash is kept.

A token stands in the path, as feed readers have no other place for it: `/~TOKEN/feed/atom.xml`.
"""

from __future__ import annotations

import hmac
import json
import os
import secrets
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from feeds.model import FeedsError, StateError

if TYPE_CHECKING:
    from collections.abc import Iterable

_BYTES = 24  # of randomness in a token


class Token(NamedTuple):
    """A subscriber's right to read private feeds."""

    name: str  # of the subscriber
    digest: str  # SHA-256 of the token
    made: int  # seconds since the epoch


def read(path: str) -> tuple[Token, ...]:
    """The tokens in the file at `path`; none where there is no file.

    Raises StateError when it can't be read.
    """
    try:
        with open(path, encoding="utf-8") as file:
            return tuple(Token(str(n), str(d), int(m)) for n, d, m in json.load(file))
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, TypeError) as error:
        raise StateError(f"{path}: it can't be read: {error}; move it away") from None


def add(path: str, name: str, now: int) -> str:
    """A new token for the subscriber; it is told this once and kept nowhere.

    Raises FeedsError when the subscriber has one already.
    """
    known = read(path)
    if any(token.name == name for token in known):
        raise FeedsError(f"{name!r} has a token already; revoke it first, or choose another name")
    secret = secrets.token_urlsafe(_BYTES)
    _write(path, (*known, Token(name, _digest(secret), now)))
    return secret


def revoke(path: str, name: str) -> None:
    """Make the subscriber's token invalid; raises FeedsError when there is none."""
    known = read(path)
    left = tuple(token for token in known if token.name != name)
    if left == known:
        raise FeedsError(f"{name!r} has no token; `feeds tokens list` tells who has")
    _write(path, left)


def owner(known: Iterable[Token], secret: str) -> str:
    """The subscriber to whom the token was given; "" if to no one.

    Every token is compared, each in constant time, so that the time tells nothing.
    """
    digest = _digest(secret)
    found = ""
    for token in known:
        if hmac.compare_digest(token.digest, digest):
            found = token.name
    return found


def _digest(secret: str) -> str:
    return sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def _write(path: str, tokens: tuple[Token, ...]) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    half = f"{path}.{os.getpid()}"
    file = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(file, "w", encoding="utf-8") as stream:
        json.dump(tokens, stream, ensure_ascii=False, indent=1)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(half, path)

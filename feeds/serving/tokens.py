"""Who may read private feeds: one token for each subscriber, of which only a hash is kept.

A token stands in the path, as feed readers have no other place for it: `/~TOKEN/feed/atom.xml`.
"""

from __future__ import annotations

import hmac
import json
import os
import secrets
import sys
from contextlib import contextmanager
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from feeds import lock
from feeds.model import FeedsError, StateError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_BYTES = 24  # of randomness in a token
_WAIT = 10.0  # seconds for another process to change the tokens
_BUSY = "the tokens are being changed by process {holder}; nothing was done. Try it again"


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
        raise StateError(
            f"{path}: who may read private feeds can't be read: {error}; mend it, or move it"
            " away and give out new tokens"
        ) from None


def add(path: str, name: str, now: int) -> str:
    """A new token for the subscriber; it is told this once and kept nowhere.

    Raises FeedsError when the subscriber has one already.
    """
    with _held(path):
        known = read(path)
        if any(token.name == name for token in known):
            raise FeedsError(
                f"{name!r} has a token already; revoke it first, or choose another name"
            )
        secret = secrets.token_urlsafe(_BYTES)
        _write(path, (*known, Token(name, _digest(secret), now)))
    return secret


def revoke(path: str, name: str) -> None:
    """Make the subscriber's token invalid; raises FeedsError when there is none."""
    with _held(path):
        known = read(path)
        left = tuple(token for token in known if token.name != name)
        if left == known:
            raise FeedsError(f"{name!r} has no token; `feeds tokens list` tells who has")
        _write(path, left)


class Register:
    """The tokens in a file, for a server: looked at anew when asked after a while."""

    def __init__(self, path: str, look: float) -> None:
        """`look` is the time for which what was read is true, in seconds."""
        self._path = path
        self._look = look
        self._read: tuple[Token, ...] | StateError = ()
        self._looked = float("-inf")

    def owner(self, secret: str, now: float) -> str:
        """As `owner` below, of what the file says at `now`; raises StateError as `read` does."""
        if now - self._looked > self._look:
            self._looked = now
            self._read = self._anew()
        if isinstance(self._read, StateError):
            raise self._read
        return owner(self._read, secret)

    def _anew(self) -> tuple[Token, ...] | StateError:
        try:
            return read(self._path)
        except StateError as error:
            if str(error) != str(self._read):
                print(f"feeds: {error}", file=sys.stderr)  # noqa: T201
            return error


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


@contextmanager
def _held(path: str) -> Iterator[None]:
    """Keep others from changing the file between our reading and our writing."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with lock.held(f"{path}.lock", _WAIT, lambda _: None, _BUSY):
        yield


def _write(path: str, tokens: tuple[Token, ...]) -> None:
    half = f"{path}.{os.getpid()}"
    file = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(file, "w", encoding="utf-8") as stream:
        json.dump(tokens, stream, ensure_ascii=False, indent=1)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(half, path)

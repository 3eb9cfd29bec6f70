"""What a person may see and decide of the ids of articles, for `feeds ids`.

The export is a text file with a line for each article, in an order that lets two of them be
compared; it can be kept with the articles, and makes a lost ledger good.
"""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any

from feeds import identity, lock
from feeds.ledger import Ledger
from feeds.model import FeedsError, StateError
from feeds.register import Account

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from feeds.config import Config
    from feeds.register import Register

_FORMAT = "feeds ids 1"


@contextmanager
def opened(config: Config, wait: float, *, make: bool = False) -> Iterator[Register]:
    """The register of the site's ledger; what is done to it lasts when all went well.

    Raises StateError when there is no ledger, unless `make` says to begin one.
    """
    path = os.path.join(config.paths.state, "ledger.sqlite")
    if make:
        os.makedirs(config.paths.state, exist_ok=True)
    elif not os.path.exists(path):
        raise StateError(f"{path}: there is no ledger yet; run `feeds generate` first")
    with lock.held(os.path.join(config.paths.state, "lock"), wait, lambda _: None):
        ledger = Ledger(path)
        try:
            ledger.begin()
            yield ledger.register
            ledger.promise(())
        finally:
            ledger.close()


def shown(config: Config, register: Register, account: Account) -> dict[str, Any]:
    """All that is known of an article, as plain values."""
    authority = config.site.authority if config.named else register.fact("authority")
    keys = sorted(register.keys_of(account))
    return {
        "id": identity.tag(authority or config.site.authority, config.site.since, account.mark),
        "title": account.title,
        "path": account.path,
        "key": account.key,
        "aliases": [key for key in keys if identity.mark(key) != account.mark],
        "published": _said(account.published),
        "arrived": _said(account.arrived),
        "announced": _said(account.began),
        "changed": _said(account.changed),
        "version": account.version,
    }


def lines(one: dict[str, Any], bold: Callable[[str], str]) -> Iterator[str]:
    """All that is known of an article, for a person."""
    yield f"{bold(one['id'])}"
    for name in ("title", "path", "key", "published", "arrived", "announced", "changed"):
        absent = {"arrived": "it was there when the ledger began", "announced": "it never was"}
        yield f"    {name:10} {one[name] or absent.get(name, '')}"
    yield f"    {'version':10} {one['version']}"
    for key in one["aliases"]:
        yield f"    {'also':10} {key}"


def below(path: str, seeds: str) -> str:
    """The path of a seed below the seed folder, given from the working folder or from there."""
    return os.path.relpath(path, seeds) if os.path.exists(path) else path


def find(register: Register, named: str, seeds: str) -> Account:
    """The article that an id, its last part, a seed's path or a key names.

    Raises FeedsError when there is none.
    """
    mark = named.rpartition(":")[2].partition(";")[0]
    for account in (register.account(mark), *register.at(below(named, seeds))):
        if account is not None:
            return account
    key = identity.address(named)
    account = register.account(register.mark_of(key))
    if account is None:
        raise FeedsError(
            f"{named}: no article with this id, file or address was ever announced;"
            " `feeds ids list` tells all"
        )
    return account


def merge(register: Register, kept: Account, other: Account) -> None:
    """Make two articles one: their files are one entry from now on, under the id of `kept`."""
    if kept.mark == other.mark:
        raise FeedsError("these are one article already")
    keys = register.keys_of(kept) | register.keys_of(other)
    for key in sorted(keys):
        register.join(key, kept.mark)
        register.alias(key, kept.mark)
    register.forget(other.mark)
    register.keep_fact("again", "merge")


def split(register: Register, path: str) -> None:
    """Make a file an article of its own, whatever it shares with others."""
    register.part(path)
    register.keep_fact("again", "split")


def export(register: Register) -> Iterator[str]:
    """The lines of the readable form, sorted by the ids of articles."""
    begun = _said(int(register.fact("begun") or 0))
    yield _line({"format": _FORMAT, "authority": register.fact("authority"), "begun": begun})
    for _, idents in groupby(register.known(), lambda ident: ident >> 56):
        yield _line({"known": " ".join(f"{ident % (1 << 64):016x}" for ident in idents)})
    for account in register.accounts():
        yield _line({"article": account.mark, **_plain(account)})
    for key, mark in register.aliases():
        yield _line({"key": key, "means": mark})
    for key, mark in register.joined():
        yield _line({"joined": key, "to": mark})
    for path in register.parted():
        yield _line({"apart": path})


def take(register: Register, text: str, name: str) -> int:
    """Take over what `export` wrote; how many articles it told of.

    Raises FeedsError, with the line, when it is nothing of the kind.
    """
    count = 0
    for number, line in enumerate(text.splitlines(), 1):
        try:
            count += _taken(register, json.loads(line), number)
        except (ValueError, KeyError, TypeError) as error:
            raise FeedsError(f"{name}:{number}: it is no export of ids: {error}") from None
    register.keep_fact("again", "import")
    return count


def _taken(register: Register, told: dict[str, Any], number: int) -> int:
    if number == 1:
        if told["format"] != _FORMAT:
            raise ValueError(f"its format is {told['format']!r}; known is {_FORMAT!r}")
        if told["authority"]:
            register.keep_fact("authority", told["authority"])
        if told.get("begun") and not register.fact("begun"):
            register.keep_fact("begun", str(_read(told["begun"])))  # what is unknown has arrived
    elif "known" in told:
        numbers = (int(one, 16) for one in told["known"].split())
        register.learn(n - (1 << 64) if n >> 63 else n for n in numbers)
    elif "article" in told:
        given: dict[str, Any] = {name: told[name] for name in _FIELDS}
        given |= {name: _read(told[name]) for name in _INSTANTS}
        register.keep(Account(mark=told["article"], **given))
        return 1
    elif "means" in told:
        register.alias(told["key"], told["means"])
    elif "joined" in told:
        register.join(told["joined"], told["to"])
    else:
        register.part(told["apart"])
    return 0


_FIELDS = Account._fields[1:]
_INSTANTS = ("published", "arrived", "began", "changed")


def _plain(account: Account) -> dict[str, Any]:
    values: dict[str, Any] = dict(zip(_FIELDS, account[1:], strict=True))
    return values | {name: _said(values[name]) for name in _INSTANTS}


def _line(told: dict[str, Any]) -> str:
    return json.dumps(told, ensure_ascii=False)


def _said(instant: int) -> str:
    return datetime.fromtimestamp(instant, UTC).isoformat() if instant else ""


def _read(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) if text else 0

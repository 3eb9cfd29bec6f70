"""What a person may see and decide of the ids of articles, for `feeds ids`.

The export is a text file with a line for each article, in an order that lets two of them be
compared; it can be kept with the articles, and makes a lost ledger good.
"""

from __future__ import annotations

import json
import os
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any

from feeds import formats, glance, identity, ledger, lock, publisher, seeds, survey
from feeds.model import FeedsError, SeedError, StateError
from feeds.register import Account

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from feeds.config import Config
    from feeds.register import Register

_FORMAT = "feeds ids 1"


@contextmanager
def read(config: Config, wait: float) -> Iterator[Register]:
    """The register of the site's ledger, only to be read.

    Raises StateError when there is no ledger, or it is damaged.
    """
    path = _present(config)
    with (
        lock.held(config.paths.lock, wait, lambda _: None, reading=True),
        ledger.opened(path, mode="read") as kept,
    ):
        if kept.new:
            raise _absent(config, path)
        yield kept.register


@contextmanager
def opened(config: Config, wait: float, *, make: bool = False) -> Iterator[Register]:
    """The register of the site's ledger; what is done to it lasts when all went well.

    Raises StateError when there is no ledger, unless `make` says to begin one.
    """
    path = config.paths.ledger if make else _present(config)
    lock.make(config.paths.state)
    with lock.held(config.paths.lock, wait, lambda _: None), ledger.opened(path) as kept:
        kept.begin()
        yield kept.register
        kept.promise(())


def remembered(config: Config) -> Config:
    """The configuration with the authority that stands in the ids of what was announced."""
    path = config.paths.ledger
    if config.named or not os.path.exists(path) or not os.path.getsize(path):
        return config
    with ledger.opened(path, mode="read") as kept:
        authority = kept.fact("authority")
    if not authority:
        return config
    return config._replace(site=config.site._replace(authority=authority), named=True)


def _present(config: Config) -> str:
    """Where the ledger lies; raises StateError when there is none."""
    path = config.paths.ledger
    if not os.path.exists(path) or not os.path.getsize(path):
        raise _absent(config, path)
    return path


def _absent(config: Config, path: str) -> StateError:
    """What is said where no build has kept anything: it may have been lost."""
    paths = config.paths
    if publisher.holds(paths.out, formats.SITE_FILES) or glance.noted(paths.catalogue, "report"):
        return StateError(
            f"{path}: the ledger is gone, though feeds were published here. Restore a copy of it,"
            " or have `feeds ids import` read the last export; else `feeds generate` begins a new"
            " one, in which only ids that can be derived are the same"
        )
    return StateError(f"{path}: there is no ledger yet; run `feeds generate` first")


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


def find(register: Register, named: str, config: Config) -> Account:
    """The article that an id, its last part, a seed's path or a key names.

    Raises FeedsError when there is none.
    """
    mark = named.rpartition(":")[2].partition(";")[0]
    merges = _merges(register)
    while mark in merges:
        mark = str(merges[mark]["into"])
    path, key = _file(named, config)
    for account in (
        register.account(mark),
        *register.at(path),
        register.account(register.mark_of(key)),
    ):
        if account is not None:
            return account
    raise FeedsError(
        f"{named}: no article with this id, file or address was ever announced;"
        " `feeds ids list` tells all"
    )


def _file(named: str, config: Config) -> tuple[str, str]:
    """The path below the seed folder of the file that is named, and its key."""
    try:
        path = seeds.below(config.paths.seeds, named)
    except FeedsError:
        return named, identity.address(named)  # it may be of a file that is gone
    with suppress(SeedError):
        habits = survey.habits(config)(path.partition("/")[0] if "/" in path else "")
        root, rules = config.paths.seeds, survey.rules_of(config)
        reading = survey.explained(root, path, rules, habits, seeds.mtime(root, path))
        return path, identity.key(reading.heading)
    return path, ""


def merge(register: Register, kept: Account, other: Account) -> None:
    """Make two articles one: their files are one entry from now on, under the id of `kept`.

    `split` undoes it.
    """
    if kept.mark == other.mark:
        raise FeedsError("these are one article already; `feeds ids split` takes a file out of it")
    ours, theirs = sorted(register.keys_of(kept)), sorted(register.keys_of(other))
    parted = [one.path for one in (kept, other) if register.unpart(one.path)]
    # What was an article of its own by decision alone is known by its address again.
    shared = {identity.unsalted(key) for key in (*ours, *theirs)} if parted else set()
    joins = sorted({*ours, *theirs, *shared})
    told = {
        "into": kept.mark, "kept": [*kept[1:5]], "ours": ours, "theirs": theirs, "joins": joins,
        "joined": {key: mark for key, mark in register.joined() if key in joins},
        "parted": parted, **_plain(other),
    }  # fmt: skip
    register.keep_fact(f"merged {other.mark}", json.dumps(told))
    for key in joins:
        register.join(key, kept.mark)
        register.alias(key, kept.mark)
    register.forget(other.mark)
    register.keep_fact("again", "merge")


def split(register: Register, named: str, config: Config) -> str:
    """Make a file an article of its own, whatever it shares with others; its path.

    What `merge` made one is two again, each with its own id.  Raises FeedsError when there is no
    such file.
    """
    path = seeds.below(config.paths.seeds, named)
    if path in register.parted():
        raise FeedsError(f"{path}: it is an article of its own already")
    key = _file(named, config)[1]

    def meant(there: str, keys: list[str]) -> bool:
        gone = not os.path.exists(os.path.join(config.paths.seeds, there))
        return path == there or (gone and key in keys)  # it may have another name now

    merges = _merges(register)
    # In a merge of several, the files of the others stay with it.
    undone = {m: told for m, told in merges.items() if meant(told["path"], told["theirs"])} or {
        m: told for m, told in merges.items() if meant(told["kept"][1], told["ours"])
    }
    for mark, told in undone.items():
        _unmerge(register, mark, told)
    if not undone:
        register.part(path)
    register.keep_fact("again", "split")
    return path


def _unmerge(register: Register, mark: str, told: dict[str, Any]) -> None:
    """Take back that the article with this mark was made part of another."""
    register.forget_fact(f"merged {mark}")
    into = told["into"]
    for key in told["joins"]:
        register.unjoin(key)
    for key, before in told["joined"].items():
        register.join(key, before)
    for key in told["theirs"]:
        register.alias(key, mark)
    for path in told["parted"]:
        register.part(path)
    register.keep(_account(mark, told))
    if kept := register.account(into):  # it was seen last in the file that had the newest text
        key, path, title, published = told["kept"]
        register.keep(kept._replace(key=key, path=path, title=title, published=published))
    for other in _merges(register).values():
        if other["into"] == into:
            for key in other["joins"]:
                register.join(key, into)


def _merges(register: Register) -> dict[str, dict[str, Any]]:
    """The articles that are part of others by decision, by their marks, as `merge` found them."""
    return {mark: json.loads(told) for mark, told in register.facts("merged").items()}


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
    for mark, told in sorted(register.facts("merged").items()):
        yield _line({"merged": mark, "told": told})


def save(path: str, text: str) -> None:
    """Write an export to a file whole, or leave what was there; raises FeedsError."""
    plain = os.path.isfile(path) or not os.path.exists(path)  # a pipe or a device can't be replaced
    path = os.path.realpath(path) if plain else path
    half = f"{path}.part" if plain else path
    try:
        with open(half, "wb") as file:
            file.write(text.encode("utf-8", "surrogateescape"))
            if plain:
                file.flush()
                os.fsync(file.fileno())
        if plain:
            os.replace(half, path)
    except OSError as error:
        if plain:
            with suppress(OSError):
                os.unlink(half)
        said = f"{path}: {error.strerror}; nothing was exported, and what was there stays"
        raise FeedsError(said) from None


def take(register: Register, text: str, name: str) -> int:
    """Take over what `export` wrote; how many articles it told of.

    Raises FeedsError, with the line, when it is nothing of the kind.
    """
    if not text:
        raise FeedsError(f"{name}: it is empty; `feeds ids export` writes what is read here")
    count = 0
    known: set[int] = set()
    # Not splitlines(), which would part a line where an address or a title holds U+2028.
    for number, line in enumerate(text.removesuffix("\n").split("\n"), 1):
        try:
            count += _taken(register, _strict(json.loads(line)), number, known)
        except KeyError as error:
            raise FeedsError(f"{name}:{number}: it is no export of ids: no {error}") from None
        except (ValueError, OverflowError) as error:
            raise FeedsError(f"{name}:{number}: it is no export of ids: {error}") from None
    register.learn(register.unknown(known))
    register.keep_fact("again", "import")
    return count


def _strict(told: Any) -> dict[str, Any]:
    """An object of texts and a version; raises ValueError when it is anything else."""
    if not isinstance(told, dict):
        raise ValueError(f"{told!r} is no object")
    for name, value in told.items():
        if not isinstance(value, int if name == "version" else str):
            raise ValueError(f"{name} can't be {value!r}")
    return told


def _taken(register: Register, told: dict[str, Any], number: int, known: set[int]) -> int:
    """Take over one line, but for the keys it says are `known`; how many articles it tells of."""
    if number == 1:
        if told["format"] != _FORMAT:
            raise ValueError(f"its format is {told['format']!r}; known is {_FORMAT!r}")
        if told["authority"]:
            register.keep_fact("authority", told["authority"])
        if told.get("begun") and not register.fact("begun"):
            register.keep_fact("begun", str(_read(told["begun"])))  # what is unknown has arrived
    elif "known" in told:
        for one in told["known"].split():
            key = int(one, 16)
            if not 0 <= key < 1 << 64:
                raise ValueError(f"{one!r} is no number of 64 bits")
            known.add(key - (1 << 64) if key >> 63 else key)
    elif "article" in told:
        register.keep(_account(told["article"], told))
        return 1
    elif "means" in told:
        register.alias(told["key"], told["means"])
    elif "joined" in told:
        register.join(told["joined"], told["to"])
    elif "merged" in told:
        merged = json.loads(told["told"])
        _account(told["merged"], merged)
        for name in _MERGE:
            merged[name]  # which says what misses
        register.keep_fact(f"merged {told['merged']}", told["told"])
    else:
        register.part(told["apart"])
    return 0


_FIELDS = Account._fields[1:]
_MERGE = ("into", "kept", "ours", "theirs", "joins", "joined", "parted")
_INSTANTS = ("published", "arrived", "began", "changed")


def _plain(account: Account) -> dict[str, Any]:
    values: dict[str, Any] = dict(zip(_FIELDS, account[1:], strict=True))
    return values | {name: _said(values[name]) for name in _INSTANTS}


def _account(mark: str, told: dict[str, Any]) -> Account:
    """What `_plain` wrote."""
    given: dict[str, Any] = {name: told[name] for name in _FIELDS}
    return Account(mark, **given | {name: _read(told[name]) for name in _INSTANTS})


def _line(told: dict[str, Any]) -> str:
    return json.dumps(told, ensure_ascii=False)


def _said(instant: int) -> str:
    return datetime.fromtimestamp(instant, UTC).isoformat() if instant else ""


def _read(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) if text else 0

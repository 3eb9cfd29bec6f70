"""Tables of TOML read by a schema: each value checked, each fault with its key, line and near miss.

A schema is a named tuple whose defaults are `Key`s: what each key means, how its value is read and
how it is checked.  So nothing can be read that is not documented.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any, NamedTuple

from feeds.checks import CHECKS, near
from feeds.model import Rule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Key(NamedTuple):
    """What the schema says of one key."""

    default: Any  # REQUIRED: there is none
    meaning: str
    reads: str = ""  # a name in `_READERS`; default: the type of the default
    check: str = ""  # a name in `CHECKS`
    choices: tuple[object, ...] = ()
    least: int | None = None
    most: int | None = None


REQUIRED = object()


def key(default: Any, meaning: str, **checks: Any) -> Any:
    """A key of a table, to stand as a field's default in its schema."""
    return Key(default, meaning, **checks)


def made(kind: type[Any], **given: Any) -> Any:
    """A table with the values given, and the defaults of all others."""
    return kind(**{name: known.default for name, known in kind._field_defaults.items()} | given)


Place = tuple[str | int, ...]
_UNITS = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
_SHORT = {"": 1, "ms": 1, "s": 1000}
_SIZES = {
    "": 1, "B": 1, "kB": 1000, "KB": 1000, "KiB": 1024, "MB": 1000**2, "MiB": 1024**2,
    "GB": 1000**3, "GiB": 1024**3,
}  # fmt: skip
_QUANTITY = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)\Z")


class _SeveralError(ValueError):
    """More than one thing is wrong with a value."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


def _all(error: ValueError) -> list[str]:
    return error.faults if isinstance(error, _SeveralError) else [str(error)]


class Reader:
    """Reads tables by their schema, and gathers what is wrong with them."""

    def __init__(self, shown: str, text: str, lists: tuple[str, ...]) -> None:
        """For a file that messages name `shown`, with this text; `lists` are tables in [[ ]]."""
        self.faults: list[tuple[int, str]] = []
        self._shown = shown
        self._lines = _lines(text)
        self._lists = lists

    def fault(self, place: Place, said: str) -> None:
        """Note what is wrong at a key or table."""
        line = next(
            (self._lines[place[:n]] for n in range(len(place), 0, -1) if place[:n] in self._lines),
            0,
        )
        table = str(place[0])
        named = f"[[{table}]] " if table in self._lists else f"[{table}] " if len(place) > 1 else ""
        where = f"{self._shown}:{line}" if line else self._shown
        self.faults.append((line, f"{where}: {named}{said}"))

    def tables(self, name: str, kind: type[Any], given: object) -> tuple[Any, ...]:
        """The tables of an array of tables."""
        if given is None:
            return ()
        if not isinstance(given, list) or not all(isinstance(table, dict) for table in given):
            self.fault((name,), f"write [[{name}]], in double brackets: there may be several")
            return ()
        return tuple(self.table((name, n), kind, table) for n, table in enumerate(given))

    def table(self, place: Place, kind: type[Any], given: object) -> Any:
        """One table, with its defaults filled in."""
        if not isinstance(given, dict):
            self.fault(place, f"[{place[0]}] must be a table")
            given = {}
        schema: dict[str, Key] = kind._field_defaults
        read: dict[str, Any] = {}
        for name, value in given.items():
            if name not in schema:
                self.fault((*place, name), f"{name}: unknown key{near(name, schema)}")
                continue
            try:
                read[name] = _value(schema[name], value)
            except ValueError as error:
                for said in _all(error):
                    self.fault((*place, name), f"{name}: {said}")
                read[name] = None if schema[name].default is REQUIRED else schema[name].default
        for name, known in schema.items():
            if known.default is REQUIRED and not read.get(name):
                if read.get(name, "") == "":
                    self.fault((*place, name), f"{name}: it is required: {known.meaning}")
                read[name] = ""
        return made(kind, **read)


def _value(known: Key, value: object) -> object:
    default = "" if known.default is REQUIRED else known.default
    read = _READERS[known.reads or type(default).__name__](value)
    for one in (read if isinstance(read, tuple) else (read,)) if known.choices else ():
        if one not in known.choices:
            choices = [str(one) for one in known.choices if one]
            none = "is none of" if len(choices) > 1 else "can only be"
            raise ValueError(f"{one!r} {none} {', '.join(choices)}")
    if known.choices and read == () != known.default:
        raise ValueError(f"at least one of {', '.join(map(str, known.choices))}")
    if known.least is not None and read < known.least:
        raise ValueError(f"{value!r} is too little; at least {_said(known, known.least)}")
    if known.most is not None and read > known.most:
        raise ValueError(f"{value!r} is too much; at most {_said(known, known.most)}")
    if known.check:
        CHECKS[known.check](read)
    return read


def _said(known: Key, value: int) -> str:
    return written(known, value).strip('"')


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} must be a string in quotes")
    return value.strip()


def _strings(value: object) -> tuple[str, ...]:
    items = value if isinstance(value, list) else [value]
    if not all(isinstance(item, str) for item in items):
        raise ValueError(f"{value!r} must be a list of strings")
    return tuple(items)


def _integer(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{value!r} must be a whole number")
    return _bounded(value)


def _bounded(number: int) -> int:
    if abs(number) >= 2**53:  # beyond it, neither JSON nor SQLite holds it
        raise ValueError("it is too much")
    return number


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{value!r} must be true or false")
    return value


def _quantity(units: dict[str, int], example: str) -> Callable[[object], int]:
    def read(value: object) -> int:
        found = _QUANTITY.match(str(value).strip()) if not isinstance(value, bool) else None
        if not found or found[2] not in units:
            raise ValueError(f"{value!r} must be a number with a unit, such as {example}")
        return _bounded(int(float(found[1]) * units[found[2]]))

    return read


def _rules(value: object) -> tuple[Rule, ...]:
    rules, faults = [], []
    for item in value if isinstance(value, list) else [value]:
        try:
            rules.append(_rule(item))
        except ValueError as error:
            faults.extend(_all(error))
    if faults:
        raise _SeveralError(faults)
    return tuple(rules)


def _rule(value: object) -> Rule:
    if not isinstance(value, dict):
        raise ValueError(f'{value!r} must be a table of conditions, such as {{ source = "voa" }}')
    known = ["not" if name == "none" else name for name in Rule._fields]
    read: dict[str, Any] = {}
    faults: list[str] = []
    for name, given in value.items():
        try:
            if name not in known:
                raise ValueError(f"unknown condition{near(name, known)}")
            if name in {"any", "all", "not"}:
                read["none" if name == "not" else name] = _rules(given)
            elif name in {"after", "before"}:
                read[name] = _moment(given)
            else:
                read[name] = _strings(given)
            if name == "title_matches":
                CHECKS["patterns"](read[name])
        except ValueError as error:
            faults.extend(f"{name}: {said}" for said in _all(error))
    if faults:
        raise _SeveralError(faults)
    return Rule(**read)


def _moment(value: object) -> int:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError(f"{value!r} is no date; write 2026-01-31") from None
    if isinstance(value, datetime):
        moment = value
    elif isinstance(value, date):
        moment = datetime.combine(value, time())
    else:
        raise ValueError(f"{value!r} is no date; write 2026-01-31")
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


_READERS: dict[str, Callable[[Any], Any]] = {
    "str": _string,
    "int": _integer,
    "bool": _boolean,
    "tuple": _strings,
    "seconds": _quantity(_UNITS, '"90s", "15m", "6h" or "30d"'),
    "milliseconds": _quantity(_SHORT, '"200ms" or "1.5s"'),
    "bytes": _quantity(_SIZES, '"500 KiB" or "5 MiB"'),
    "rules": _rules,
}


# --- where a key stands -------------------------------------------------------------------------

_TABLE = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?\Z")
_KEY = re.compile(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")
_LONG = re.compile(r'"""|\'\'\'')


def _lines(text: str) -> dict[Place, int]:
    """The line on which each table and key begins; tomllib does not tell."""
    found: dict[Place, int] = {}
    counts: dict[str, int] = {}
    table: Place = ()
    quote = ""  # inside a string of several lines
    depth = 0  # inside an array of several lines
    for number, line in enumerate(text.splitlines(), 1):
        if quote:
            quote = "" if quote in line else quote
            continue
        if depth == 0 and (header := _TABLE.match(line)):
            names = _names(header[2])
            if header[1] == "[[":
                counts[names[0]] = counts.get(names[0], -1) + 1
            table = (names[0], counts[names[0]], *names[1:]) if names[0] in counts else tuple(names)
            found.setdefault(table, number)
            found.setdefault(table[:1], number)
            continue
        if depth == 0 and (assignment := _KEY.match(line)):
            place = (*table, *_names(assignment[1]))
            for size in range(1, len(place) + 1):
                found.setdefault(place[:size], number)
        long = _LONG.findall(line)
        if len(long) % 2:
            quote = long[-1]
        bare = re.sub(r"""(["']).*?\1|#.*""", "", line)
        depth = max(0, depth + bare.count("[") - bare.count("]"))
    return found


def _names(dotted: str) -> list[str]:
    return [part.strip().strip("\"'") for part in dotted.split(".")]


# --- writing it ---------------------------------------------------------------------------------


def keys(kind: type[Any], table: object) -> Iterator[str]:
    """The lines that say what `table` holds."""
    for name in kind._fields:
        value = getattr(table, name)
        if value is not None:
            yield f"{name} = {written(kind._field_defaults[name], value)}\n"


_SHOWN = {  # the units a quantity is written in, the largest that it is a multiple of
    "seconds": {"d": 86_400, "h": 3600, "m": 60, "s": 1},
    "milliseconds": {"s": 1000, "ms": 1},
    "bytes": {"GiB": 1024**3, "MiB": 1024**2, "KiB": 1024, "B": 1},
}


def written(known: Key, value: Any) -> str:
    """The value of a key as TOML, with its unit where it has one."""
    for unit, size in _SHOWN.get(known.reads, {}).items():
        if value % size == 0 and (value or size == 1):
            return toml(f"{value // size}{' ' if known.reads == 'bytes' else ''}{unit}")
    return toml(value)


def toml(value: object) -> str:
    """A value as TOML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return '"' + "".join(_ESCAPES.get(c, c) for c in value) + '"'
    if isinstance(value, tuple) and not isinstance(value, Rule):
        return f"[{', '.join(toml(item) for item in value)}]"
    assert isinstance(value, Rule)
    given = ((name, getattr(value, name)) for name in Rule._fields)
    conditions = (
        f"{'not' if name == 'none' else name} = "
        + (str(datetime.fromtimestamp(v, UTC)) if name in {"after", "before"} else toml(v))
        for name, v in given
        if v not in ((), None)
    )
    return f"{{ {', '.join(conditions)} }}"


_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t"} | {
    chr(code): f"\\u{code:04X}" for code in (*range(0x20), 0x7F) if chr(code) not in "\n\t"
}


def documented(kind: type[Any]) -> Iterator[tuple[str, str, str]]:
    """Every key of a table: its name, its default as TOML ("" for a required one), its meaning."""
    for name, known in kind._field_defaults.items():
        default = known.default
        shown = "" if default is REQUIRED else "{ }" if default is None else written(known, default)
        yield name, shown, known.meaning

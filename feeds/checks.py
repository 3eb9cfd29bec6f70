"""What the value of a key must be, beyond its type: an address, a language, a host, a path.

Each check raises ValueError, which says what is wrong with the value and gives an example.  The
only door to soupsieve.
"""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Any

from feeds import urls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*\Z")
SLUG = re.compile(r"[^\W_](?:[\w.-]*[\w-])?\Z")
# RFC 4151 §2.1: a domain, or an e-mail address at one
_AUTHORITY = re.compile(r"(?:[\w.-]+@)?[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?\Z", re.ASCII)
_HOST = re.compile(r"(?!.{254})(?!-)[\w-]{1,63}(?<!-)(?:\.(?!-)[\w-]{1,63}(?<!-))*\.?\Z", re.ASCII)
# A part of a path that means itself: no "..", no scheme, nothing that an address would end at.
_SEGMENT = re.compile(r"(?!\.{1,2}\Z)[^\x00-\x1f\x7f\\/?#:]+\Z")
_EMAIL = re.compile(r"[^\s@<>]+@[^\s@<>]+\Z")


def near(name: str, known: Iterable[str]) -> str:
    """The known name that was probably meant, as the end of a message; else all of them."""
    from difflib import get_close_matches  # only a mistake pays for it

    known = list(known)
    close = get_close_matches(name, known, n=1, cutoff=0.5)
    return f'; did you mean "{close[0]}"?' if close else f"; known are {', '.join(known)}"


def _folder(value: str) -> None:
    address = urls.normal(value)
    if not address:
        raise ValueError(
            f"{value!r} must be an absolute address, such as https://example.org/feeds/"
        )
    if "?" in address or "#" in address:
        raise ValueError(f"{value!r} must be the address of a folder, without ? and #")


def _url(value: str) -> None:
    if value and not urls.normal(value):
        raise ValueError(f"{value!r} must be an absolute http or https address")


def _language(value: str) -> None:
    if value and not LANGUAGE.match(value):
        better = value.replace("_", "-")
        hint = f"; write {better!r}" if LANGUAGE.match(better) else ", such as en or zh-CN"
        raise ValueError(f"{value!r} is no language tag{hint}")


def _zone(value: str) -> None:
    if value in ("", "UTC"):
        return
    from zoneinfo import ZoneInfo, available_timezones

    try:
        ZoneInfo(value)
    except (OSError, ValueError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        close = near(value, sorted(available_timezones())) if value else ""
        close = close if "did you mean" in close else ", such as Europe/Rome"
        raise ValueError(f"{value!r} is no time zone{close}") from None


def _since(value: str) -> None:
    try:
        date.fromisoformat(f"{value}-01-01"[:10] if len(value) == 4 else f"{value}-01"[:10])
    except ValueError:
        raise ValueError(f"{value!r} must be a year, or a day as 2026-01-31") from None


def _path(value: str) -> None:
    if not value or "\0" in value:
        raise ValueError("it must name a folder")


def _patterns(values: tuple[str, ...]) -> None:
    for value in values:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"{value!r} is no regular expression: {error}") from None


def _slug(value: str) -> None:
    if value and not SLUG.match(value):
        raise ValueError(f"{value!r} may hold letters, digits, '-', '_' and '.'")


def _networks(values: tuple[str, ...]) -> None:
    from ipaddress import ip_network

    for value in values:
        try:
            ip_network(value, strict=False)
        except ValueError:
            raise ValueError(
                f"{value!r} is no address or network, such as 127.0.0.1 or 10.0.0.0/8"
            ) from None


def _authority(value: str) -> None:
    if value and not _AUTHORITY.match(value):
        raise ValueError(f"{value!r} must be a domain of yours, such as example.org")


def _email(value: str) -> None:
    if value and not _EMAIL.match(value):
        raise ValueError(f"{value!r} must be an address, such as me@example.org")


def _suffixes(values: tuple[str, ...]) -> None:
    if not values:
        raise ValueError("at least one ending, such as .md")
    for value in values:
        if not re.fullmatch(r"\.[^./\s]+", value):
            raise ValueError(f"{value!r} must be a dot and letters, such as .md")


def _selectors(values: tuple[str, ...]) -> None:
    from soupsieve import SelectorSyntaxError  # 20 ms: only where any is given
    from soupsieve import compile as selector

    for value in values:
        try:
            selector(value)
        except SelectorSyntaxError as error:
            said = str(error).partition("\n")[0].rstrip(":")
            raise ValueError(f"{value!r} is no CSS selector: {said}") from None


def _encoding(value: str) -> None:
    try:
        "".encode(value or "utf-8")
    except LookupError:
        raise ValueError(f"{value!r} is no encoding that Python knows") from None


def _urls(values: tuple[str, ...]) -> None:
    for value in values:
        _url(value)


def _cron(value: str) -> None:
    if value:
        from feeds import cron

        cron.parse(value)


def _host(value: str) -> None:
    from ipaddress import ip_address

    try:
        ip_address(value)
    except ValueError:
        if not _HOST.match(value):
            raise ValueError(
                f"{value!r} must be an address or a name of this machine, such as 127.0.0.1"
            ) from None


def _place(value: str) -> None:
    inner = value.removeprefix("/").removesuffix("/")
    if not all(_SEGMENT.match(part) for part in inner.split("/")):
        raise ValueError(f"{value!r} must be a path below url, such as news or news/atom.xml")


def _destination(value: str) -> None:
    if "://" in value:
        _url(value)
    elif value:
        _place(value)


def _address(value: str) -> None:
    host, colon, port = value.rpartition(":")
    if value and not (host and colon and port.isdecimal() and int(port) < 65_536):
        raise ValueError(f"{value!r} must be a host and a port, such as 127.0.0.1:9464")


CHECKS: dict[str, Callable[[Any], None]] = {
    "folder": _folder,
    "url": _url,
    "urls": _urls,
    "address": _address,
    "host": _host,
    "place": _place,
    "destination": _destination,
    "cron": _cron,
    "language": _language,
    "zone": _zone,
    "since": _since,
    "path": _path,
    "patterns": _patterns,
    "suffixes": _suffixes,
    "slug": _slug,
    "encoding": _encoding,
    "networks": _networks,
    "authority": _authority,
    "email": _email,
    "selectors": _selectors,
}

"""Whether feeds hold what they should: a run that made other feeds was another run."""

from __future__ import annotations

import os
from xml.etree import ElementTree as ET

from timing import VoidError

WINDOW = 50  # entries that a feed has
_ATOM = "{http://www.w3.org/2005/Atom}"


def links(atom: str, rss: str) -> list[str]:
    """The links of the entries; raises VoidError unless both feeds have the same 50 of them."""
    try:
        entries = ET.parse(atom).iter(f"{_ATOM}entry")
        items = ET.parse(rss).iter("item")
    except (OSError, ET.ParseError) as error:
        raise VoidError(f"{atom}, {rss}: {error}") from None
    found = [
        next(
            link.get("href", "")
            for link in entry.iter(f"{_ATOM}link")
            if link.get("rel", "alternate") == "alternate"
        )
        for entry in entries
    ]
    if len(found) != WINDOW or found != [item.findtext("link") for item in items]:
        raise VoidError(f"{atom}, {rss}: these are not the same {WINDOW} entries")
    return found


def holds(path: str, text: str) -> None:
    """Raise VoidError unless the file at `path` holds the text."""
    with open(path, encoding="utf-8") as file:
        if text not in file.read():
            raise VoidError(f"{path}: {text!r} is missing")


def age(path: str) -> tuple[int, int]:
    """What is another as soon as the file was written again."""
    try:
        status = os.stat(path)
    except OSError as error:
        raise VoidError(str(error)) from None
    return status.st_ino, status.st_mtime_ns


def untouched(path: str, before: tuple[int, int]) -> None:
    """Raise VoidError if the file was written again since its age was taken."""
    if age(path) != before:
        raise VoidError(f"{path}: it was written again though nothing had changed")

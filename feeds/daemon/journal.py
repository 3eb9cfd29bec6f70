"""What the daemon says while it works: one event a line, for people or for machines."""

from __future__ import annotations

import contextlib
import json
import threading
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

LEVELS = ("debug", "info", "warning", "error")


class Journal:
    """Writes events to a stream; safe to use from several threads."""

    def __init__(
        self, stream: TextIO, form: str, clock: Callable[[], datetime], least: str = "info"
    ) -> None:
        """Write as `form` "text" or "json", from the level `least` up.

        `stream` should keep nothing back: what could not be written is not tried again.
        """
        self._stream = stream
        self._json = form == "json"
        self._clock = clock
        self._least = LEVELS.index(least)
        self._lock = threading.Lock()

    def tell(self, event: str, level: str = "info", **facts: object) -> None:
        """Say that `event` happened, with the facts of it; one that is "" or () is left out."""
        if LEVELS.index(level) < self._least:
            return
        told = {
            name: round(fact, 3) if isinstance(fact, float) else fact
            for name, fact in facts.items()
            if fact not in ("", (), None)
        }
        time = self._clock().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        if self._json:
            fields = {"time": time, "level": level, "event": event, **told}
            line = _escaped(json.dumps(fields, ensure_ascii=False, default=str))
        else:
            parts = (f"{name}={_shown(fact)}" for name, fact in told.items())
            mark = "" if level == "info" else f"{level.upper()} "
            line = " ".join((time, mark + event, *parts))
        # A log that takes no more (its disk is full, its reader is gone) must not end the feeds.
        with self._lock, contextlib.suppress(OSError):
            self._stream.write(line + "\n")
            self._stream.flush()


def _shown(fact: object) -> str:
    """A fact so that the line stays one line and its parts can be told apart."""
    if isinstance(fact, (list, tuple)):
        return ",".join(_shown(part) for part in fact)
    text = str(fact)
    plain = text.isprintable() and not any(c in text for c in ' "=')
    return text if plain else _escaped(json.dumps(text, ensure_ascii=False))


def _escaped(text: str) -> str:
    """The same JSON, without what a terminal or a reader of lines takes for more than text."""
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)

"""A directory of articles in; Atom, RSS and JSON feeds out, kept right by themselves.

    from datetime import UTC, datetime
    from feeds import generate, load

    report = generate(load("config.toml"), now=datetime.now(UTC))

Everything below is the whole public surface; modules behind it may change at any time.
"""

from __future__ import annotations

TYPE_CHECKING = False  # what typing.TYPE_CHECKING is, without the time that its import takes

if TYPE_CHECKING:
    from feeds.api import generate, read, render
    from feeds.config import Config, load
    from feeds.model import (
        Article,
        Document,
        Enclosure,
        Entry,
        Feed,
        FeedsError,
        Heading,
        Problem,
        Report,
    )

_HOMES = {
    "generate": "feeds.api",
    "read": "feeds.api",
    "render": "feeds.api",
    "load": "feeds.config",
    "Config": "feeds.config",
    "Article": "feeds.model",
    "Document": "feeds.model",
    "Enclosure": "feeds.model",
    "Entry": "feeds.model",
    "Feed": "feeds.model",
    "FeedsError": "feeds.model",
    "Heading": "feeds.model",
    "Problem": "feeds.model",
    "Report": "feeds.model",
}

__all__ = [
    "Article",
    "Config",
    "Document",
    "Enclosure",
    "Entry",
    "Feed",
    "FeedsError",
    "Heading",
    "Problem",
    "Report",
    "generate",
    "load",
    "read",
    "render",
]


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for, so that `feeds --help` imports nothing."""
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'feeds' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__

"""The doors for other programs: the same engine as the commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from feeds import cycle, editing, formats, seeds, survey

if TYPE_CHECKING:
    from datetime import datetime

    from feeds.config import Config
    from feeds.model import Article, Document, Feed, Heading, Report


def generate(
    config: Config, now: datetime, *, offline: bool = False, accept: bool = False
) -> Report:
    """Make the output folder what the seeds, the configuration and `now` say.

    `now` is aware; articles dated after it wait.  With `offline`, no picture is asked for.  Raises
    a FeedsError when nothing can be published: what was published before stays.  So it does when
    too many entries would be shown again or vanish, unless you `accept` that.  Raises ValueError
    when `now` is naive.
    """
    if now.tzinfo is None:
        raise ValueError(f"{now!r} says no time zone; write datetime.now(UTC)")
    pictures = "none" if offline else "all"
    return cycle.build(config, int(now.timestamp()), pictures=pictures, accept=accept)


def read(config: Config, path: str) -> tuple[Heading, Article]:
    """How the seed at `path`, below the seed folder, is understood.

    Raises FeedsError when it can't be read as an article.
    """
    folder = path.partition("/")[0] if "/" in path else ""
    reading = survey.explained(
        config.paths.seeds,
        path,
        survey.rules_of(config),
        survey.habits(config)(folder),
        seeds.mtime(config.paths.seeds, path),
    )
    return reading.heading, editing.article_of(reading.heading, config, editing.cleaning_of(config))


def render(feed: Feed) -> tuple[Document, ...]:
    """The feed in each of its formats, and its page for people: a pure function."""
    return formats.render(feed)

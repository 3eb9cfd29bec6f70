"""How one seed was understood, step by step, for `feeds show`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

from feeds import (
    decoding,
    editing,
    enclosures,
    identity,
    ledger,
    naming,
    renewal,
    seeds,
    selection,
    survey,
)
from feeds.dates import utc
from feeds.glance import measured
from feeds.model import Measure, SeedError
from feeds.problems import CODES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from feeds.config import Config
    from feeds.model import Heading


class DateShown(NamedTuple):
    """One text that may have been the date."""

    place: str
    text: str
    read_as: datetime | None
    day_only: bool
    refused: str


class PictureShown(NamedTuple):
    """One picture of the article."""

    url: str
    role: str  # lead, enclosure, or why it is none
    media_type: str
    length: int
    width: int
    height: int
    caption: str
    file: str


class ProblemShown(NamedTuple):
    """One thing that was wrong with the seed."""

    code: str
    line: int
    meaning: str
    remedy: str


class Shown(NamedTuple):
    """All that is known of one seed."""

    path: str
    taken_by: tuple[str, ...] = ()  # slugs of the feeds whose rules take it, in their window or not
    title: str = ""
    link: str = ""
    id: str = ""
    key: str = ""  # what the id of a new article would be derived from
    source: str = ""
    language: str = ""
    encoding: str = ""
    published: datetime | None = None
    updated: datetime | None = None
    reason: str = ""  # why these dates
    dates: tuple[DateShown, ...] = ()
    summary: str = ""
    authors: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    pictures: tuple[PictureShown, ...] = ()
    problems: tuple[ProblemShown, ...] = ()


def explain(config: Config, path: str, now: int) -> Shown:
    """How the seed at `path` is understood; raises SeedError when it is held back."""
    below = seeds.below(config.paths.seeds, path)
    rules = survey.rules_of(config)
    source = config.source(below.partition("/")[0] if "/" in below else "")
    data = seeds.read(config.paths.seeds, below, rules)
    text = decoding.decode(data, source.encoding)
    mtime = seeds.mtime(config.paths.seeds, below)
    reading = survey.explained(
        config.paths.seeds, below, rules, survey.habits(config)(source.folder), mtime
    )
    heading = reading.heading
    article = editing.article_of(heading, config, editing.cleaning_of(config))
    channels = renewal.channels(config, seeds_folders(config))
    takers = selection.touched(channels, [heading])
    known = measured(config.paths.catalogue, [p.url for p in article.pictures])
    chosen = enclosures.chosen(article.pictures, known, "all")
    key = identity.key(heading)
    return Shown(
        path=below,
        taken_by=tuple(c.slug for c in takers) if heading.published <= now else (),
        title=heading.title,
        link=heading.link,
        id=_id(config, heading),
        key=key,
        source=source.title,
        language=article.language or source.language,
        encoding=text.encoding,
        published=utc(heading.published),
        updated=utc(heading.updated),
        reason=reading.reason,
        dates=tuple(
            DateShown(
                c.place, c.text, utc(c.instant.seconds) if c.instant else None,
                bool(c.instant and c.instant.day_only), c.refusal,
            )
            for c in reading.candidates
        ),
        summary=article.summary,
        authors=article.authors,
        categories=article.categories,
        pictures=tuple(
            _picture(p, known.get(p.url, Measure()), [e.url for e in chosen])
            for p in article.pictures
        ),
        problems=tuple(_problem(note) for note in (*heading.notes, *article.notes)),
    )  # fmt: skip


def _id(config: Config, heading: Heading) -> str:
    """The id under which subscribers know the article, or will."""
    path = config.paths.ledger
    mark, authority = identity.mark(identity.key(heading)), config.site.authority
    if os.path.exists(path) and os.path.getsize(path):
        with ledger.opened(path, mode="read") as kept:
            mark = naming.marked(heading, None, kept.register)
            if not config.named:
                authority = kept.fact("authority") or authority
    return identity.tag(authority, config.site.since, mark)


def refused(config: Config, path: str, error: SeedError) -> Shown:
    """What is known of a seed that is held back."""
    line = f"{error.code}:{error.line}" if error.line else error.code
    problem = _problem(line)
    if error.detail:
        problem = problem._replace(meaning=f"{problem.meaning} ({error.detail})")
    return Shown(path=seeds.below(config.paths.seeds, path), problems=(problem,))


def seeds_folders(config: Config) -> list[str]:
    """The first-level folders of the seed folder."""
    tops = seeds.tops(config.paths.seeds, survey.rules_of(config))
    return [os.fsdecode(top) for top in tops if top]


def _picture(picture: Any, measure: Any, chosen: list[str]) -> PictureShown:
    role = (
        "lead"
        if chosen[:1] == [picture.url]
        else "enclosure"
        if picture.url in chosen
        else "left out"
    )
    return PictureShown(
        picture.url, role, measure.media_type, measure.length, measure.width, measure.height,
        picture.caption or picture.alt, picture.file,
    )  # fmt: skip


def _problem(note: str) -> ProblemShown:
    code, _, line = note.partition(":")
    return ProblemShown(code, int(line or 0), CODES[code].meaning, CODES[code].remedy)


def lines(shown: Shown, bold: Callable[[str], str]) -> Iterator[str]:
    """The explanation for a person."""
    for problem in shown.problems:
        where = f" (line {problem.line})" if problem.line else ""
        yield f"{bold(problem.code)}{where}: {problem.meaning}"
        yield f"    {problem.remedy}"
    if shown.published is None:
        return
    yield f"{bold('title')}      {shown.title}"
    yield f"{bold('link')}       {shown.link or '(none: readers are sent to the page of the feed)'}"
    yield f"{bold('id')}         {shown.id}"
    derived = shown.id.endswith(f":{identity.mark(shown.key)}")
    yield f"           {'derived from' if derived else 'kept, though its key is now'} {shown.key}"
    yield f"{bold('source')}     {shown.source}; {shown.language}; {shown.encoding}"
    yield f"{bold('published')}  {shown.published:%Y-%m-%d %H:%M:%S} UTC: {shown.reason}"
    yield f"{bold('updated')}    {shown.updated:%Y-%m-%d %H:%M:%S} UTC"
    for date in shown.dates:
        read = (
            f"{date.read_as:%Y-%m-%d %H:%M:%S} UTC" if date.read_as else f"refused: {date.refused}"
        )
        only = " (day only)" if date.day_only else ""
        yield f"           {date.place} says {date.text!r}: {read}{only}"
    if shown.authors:
        yield f"{bold('authors')}    {', '.join(shown.authors)}"
    if shown.categories:
        yield f"{bold('categories')} {', '.join(shown.categories)}"
    yield f"{bold('summary')}    {shown.summary}"
    for picture in shown.pictures:
        size = f"{picture.width}×{picture.height}" if picture.width else "pixels unknown"
        length = f"{picture.length} bytes" if picture.length else "length unknown"
        yield f"{bold('picture')}    {picture.role}: {picture.url}"
        yield f"           {picture.media_type or 'type unknown'}, {length}, {size}"
        if picture.caption:
            yield f"           {picture.caption}"
    yield f"{bold('taken by')}   {', '.join(shown.taken_by) or '(no feed now)'}"

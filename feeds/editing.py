"""The second half of a build, up to the documents: feeds with entries, from the catalogue.

    Catalogue.newest -> selection.window -> article.parse -> images -> Entry -> Feed

Only what no build has parsed or measured before is parsed or measured.
"""

from __future__ import annotations

import posixpath
import re
from datetime import UTC, datetime
from functools import partial
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

from feeds import cadence, identity, images, seeds, selection, urls, workers
from feeds.catalogue import Asked, Catalogue
from feeds.dates import utc
from feeds.model import Article, Entry, Feed, Heading, Measure, PictureError, SeedError
from feeds.survey import rules_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from feeds.article import Cleaning
    from feeds.config import Config
    from feeds.cycle import Progress
    from feeds.model import Channel

Window = list[tuple[int, Heading]]
_FEW = 12  # articles that are parsed sooner than workers are forked
_HOUR = 3600
_HUGE = 1 << 30  # bytes; a picture beside the seeds may have so many


class Measured(NamedTuple):
    """What came of asking for pictures."""

    fresh: int  # measured in this build
    failed: tuple[str, ...]  # why, for each that stays unknown
    due: int | None  # ask again at this instant
    unasked: int  # that no build has asked for yet


class Edition(NamedTuple):
    """Feeds ready to be written."""

    feeds: tuple[Feed, ...]
    media: dict[str, tuple[str, ...]]  # by slug: pictures below the seed folder its entries show
    rows: frozenset[int]  # of the catalogue, of all entries
    measured: Measured


def edit(
    channels: Sequence[Channel],
    config: Config,
    catalogue: Catalogue,
    now: int,
    pictures: str,
    hurry: Callable[[], bool],
    progress: Progress,
) -> Edition:
    """The feeds that `channels` are at `now`; `pictures` and `hurry` are as in `cycle.build`."""

    def parse_all(missing: Sequence[tuple[int, Heading]]) -> None:
        parse(missing, config, catalogue, partial(progress, "parsing articles"))

    chosen = windows(channels, catalogue, now, parse_all)
    rows = frozenset(row for window in chosen.values() for row, _ in window)
    articles = {row: catalogue.article(row) for row in rows}
    measured = measure(
        articles.values(), config, catalogue, now, pictures, hurry,
        partial(progress, "measuring pictures"),
    )  # fmt: skip
    media = {
        slug: tuple(sorted({p.file for row, _ in window for p in articles[row].pictures if p.file}))
        for slug, window in chosen.items()
    }
    feeds = tuple(feed_of(c, chosen[c.slug], articles, config, catalogue) for c in channels)
    return Edition(feeds, media, rows, measured)


def windows(
    channels: Sequence[Channel],
    catalogue: Catalogue,
    now: int,
    parse: Callable[[Sequence[tuple[int, Heading]]], None],
) -> dict[str, Window]:
    """What stands in each channel, by slug, after `parse` saw to it that all of it can be had.

    An article that turns out to be none is held back by `parse`, and its place is filled.
    """
    chosen: dict[str, Window] = {}
    pending = list(channels)
    while pending:
        for channel in pending:
            newest = catalogue.newest(now, channel.order, channel.source, channel.limit)
            chosen[channel.slug] = selection.window(channel, newest)
        rows = {row: heading for window in chosen.values() for row, heading in window}
        missing = [(row, heading) for row, heading in rows.items() if not catalogue.parsed(row)]
        parse(missing)
        lost = {row for row, _ in missing if not catalogue.parsed(row)}
        pending = [c for c in channels if any(row in lost for row, _ in chosen[c.slug])]
    return chosen


def parse(
    missing: Sequence[tuple[int, Heading]],
    config: Config,
    catalogue: Catalogue,
    progress: Callable[[int, int], None],
) -> None:
    """Read and parse articles into the catalogue, and hold back those that can't be."""
    if not missing:
        return
    import feeds.article  # noqa: F401  before the workers are forked, so that each has it

    cleaning = cleaning_of(config)

    def work(task: tuple[int, Heading]) -> Iterator[tuple[int, Article | SeedError]]:
        row, heading = task
        try:
            yield row, article_of(heading, config, cleaning)
        except SeedError as error:
            yield row, error
        except Exception as error:  # noqa: BLE001  a mistake of ours must not cost the others
            yield row, SeedError("failed", repr(error))

    count = workers.cores() if len(missing) > _FEW else 1
    for done, (row, result) in enumerate(workers.spread(work, missing, count), 1):
        if isinstance(result, SeedError):
            catalogue.hold(row, result)
        else:
            catalogue.keep_article(row, result)
        progress(done, len(missing))


def cleaning_of(config: Config) -> Cleaning:
    """How the configuration wants bodies cleaned."""
    from feeds.article import Cleaning

    content = config.content
    patterns = tuple(re.compile(pattern) for pattern in content.boilerplate)
    return Cleaning(patterns, content.remove, content.summary, config.images.unwrap)


def article_of(heading: Heading, config: Config, cleaning: Cleaning) -> Article:
    """The article of one seed; raises SeedError when it can't be read."""
    from feeds import article
    from feeds.heading import body

    rules = rules_of(config)
    source = config.source(heading.source)
    data = seeds.read(config.paths.seeds, heading.path, rules)
    text = seeds.decode(data, source.encoding)
    folder = posixpath.dirname(heading.path)

    def beside(reference: str) -> tuple[str, str]:
        name = unquote(reference.partition("?")[0].partition("#")[0])
        path = posixpath.normpath(posixpath.join(folder, name))
        if path.startswith(("..", "/")) or seeds.picture(config.paths.seeds, path, rules) is None:
            return "", path
        return config.site.url + media_name(path, urls.escaped), path

    found = article.parse(body(text.text), heading.title, heading.link, cleaning, beside)
    notes = {*found.notes, *([text.note] if text.note else [])} - set(heading.notes)
    return found._replace(notes=tuple(sorted(notes)))


def media_name(path: str, escape: Callable[[str], str] = str) -> str:
    """Where a picture from beside the seeds is published, below the site."""
    return f"media/{escape(path)}"


def picture_bytes(path: str, config: Config) -> bytes:
    """All bytes of a picture that lies beside the seeds."""
    return seeds.read(config.paths.seeds, path, rules_of(config)._replace(max_size=_HUGE))


# --- pictures -----------------------------------------------------------------------------------


def measure(
    articles: Iterable[Article],
    config: Config,
    catalogue: Catalogue,
    now: int,
    pictures: str,
    hurry: Callable[[], bool],
    progress: Callable[[int, int], None],
) -> Measured:
    """Measure the articles' pictures: those beside the seeds, and of the others what is asked for.

    `pictures` and `hurry` are as in `cycle.build`; what was due and is not asked for stays due.
    """
    wanted = {p.url: p for article in articles for p in article.pictures if not p.minor}
    failed: list[str] = []
    new: list[str] = []
    stale: list[str] = []
    due: int | None = None
    for url, picture in wanted.items():
        known = catalogue.asked(url)
        if picture.file:
            if known is None:
                _measure_file(url, picture.file, config, catalogue)
        elif known is None:
            new.append(url)
        elif known.again <= now:
            stale.append(url)
        else:
            due = min(due or known.again, known.again)
            if known.reason and not known.measure.gone:
                failed.append(f"{url}: {known.reason}")
    asking = {"none": [], "new": new, "all": [*new, *stale]}[pictures]
    if not asking:
        return Measured(0, tuple(failed), now if new or stale else due, len(new))
    if pictures == "new" and stale:
        due = now
    table = config.images
    policy = images.Policy(
        agent=f"feeds/1.0 (+{config.site.url})",
        allow_hosts=table.allow_hosts,
        timeout=table.timeout,
        budget=table.budget,
    )
    done: set[str] = set()
    count = 0
    for url, answer in images.measure(
        asking, policy, hurry, lambda: progress(len(done), len(asking))
    ):
        done.add(url)
        count += isinstance(answer, Measure)
        asked = _asked(url, answer, catalogue.asked(url), table.refresh, now)
        catalogue.keep_asked(url, asked)
        due = min(due or asked.again, asked.again)
        if isinstance(answer, PictureError):
            failed.append(f"{url}: {answer}")
    left = [url for url in asking if url not in done]
    if left:
        failed.extend(f"{url}: not asked yet, as the time for pictures was over" for url in left)
        due = min(due or now + 60, now + 60)
    return Measured(count, tuple(failed), due, sum(url not in done for url in new))


def _measure_file(url: str, path: str, config: Config, catalogue: Catalogue) -> None:
    """Measure a picture that lies beside the seeds; it is measured anew when the file changes."""
    rules = rules_of(config)
    stamp = seeds.picture(config.paths.seeds, path, rules)
    try:
        if stamp is None:
            raise PictureError("the file is gone", gone=True)
        head = seeds.read(config.paths.seeds, path, rules._replace(max_size=_HUGE), images.HEAD)
        found = images.read(head, stamp[2])
    except (PictureError, SeedError) as error:
        catalogue.keep_asked(url, Asked(Measure(gone=True), str(error), 1, 0), path)
    else:
        catalogue.keep_asked(url, Asked(found, "", 0, 0), path)


def _asked(
    url: str, answer: Measure | PictureError, before: Asked | None, refresh: int, now: int
) -> Asked:
    """What to remember of an answer, and when to ask again.

    After a failure in an hour, then twice as late each time; a measured picture, and an address
    that holds none, after `refresh`.
    """
    spread = blake2b(url.encode(), digest_size=2).digest()  # so that not all fall due at once
    jitter = refresh * int.from_bytes(spread, "big") // 0xFFFF // 10
    if isinstance(answer, Measure):
        return Asked(answer, "", 0, now + refresh - jitter)
    failures = before.failures + 1 if before else 1
    if answer.gone:
        return Asked(Measure(gone=True), str(answer), failures, now + refresh - jitter)
    wait = min(_HOUR * 2 ** min(failures - 1, 10), max(refresh, _HOUR))
    known = before.measure if before and not before.measure.gone else Measure()
    return Asked(known, str(answer), failures, now + wait)


# --- entries and feeds --------------------------------------------------------------------------


def feed_of(
    channel: Channel,
    window: Window,
    articles: Mapping[int, Article],
    config: Config,
    catalogue: Catalogue,
) -> Feed:
    """The channel with its entries, ready to be written."""
    site = config.site
    keys = catalogue.keys(row for row, _ in window)
    entries = tuple(
        _entry(heading, keys.get(row), articles[row], channel, config, catalogue)
        for row, heading in window
    )
    return Feed(
        id=identity.feed_tag(site.authority, site.since, channel.slug),
        slug=channel.slug,
        title=channel.title,
        subtitle=channel.subtitle,
        home=home_of(channel.slug, config),
        site=site.url,
        site_title=site.title,
        language=channel.language,
        author=channel.author,
        updated=max((entry.updated for entry in entries), default=began(site.since)),
        entries=entries,
        formats=channel.formats,
        full=channel.full,
        email=site.email,
        rights=site.rights,
        icon=site.icon,
        logo=site.logo,
        hubs=config.websub.hubs if not channel.private else (),
        period=cadence.between_builds(config.schedule),
    )


def began(since: str) -> datetime:
    """The first instant of the year, month or day that the configuration calls the beginning."""
    year, month, day = (*map(int, since.split("-")), 1, 1)[:3]
    return datetime(year, month, day, tzinfo=UTC)


def home_of(slug: str, config: Config) -> str:
    """The URL of a feed's folder."""
    return f"{config.site.url}{urls.escaped(slug)}/"


def _entry(
    heading: Heading,
    key: str | None,
    article: Article,
    channel: Channel,
    config: Config,
    catalogue: Catalogue,
) -> Entry:
    site, source = config.site, config.source(heading.source)
    measures = {
        picture.url: asked.measure
        for picture in article.pictures
        if (asked := catalogue.asked(picture.url)) is not None
    }
    names = article.authors or ((source.author,) if source.author else ())
    return Entry(
        id=identity.tag(site.authority, site.since, key or identity.key(heading)),
        title=heading.title,
        link=heading.link,
        published=utc(heading.published),
        updated=utc(heading.updated),
        summary=article.summary,
        content=article.content,
        authors=names,
        categories=tuple(
            dict.fromkeys((*([source.title] if heading.source else ()), *article.categories))
        ),
        language=article.language or source.language,
        source=source.title if heading.source else "",
        enclosures=images.chosen(article.pictures, measures, channel.pictures),
        path=heading.path,
    )

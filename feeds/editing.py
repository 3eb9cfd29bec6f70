"""The second half of a build, up to the documents: feeds with entries, from the catalogue.

    Catalogue.newest -> selection.window -> article.parse -> images -> accounts -> Entry -> Feed

Only what no build has parsed or measured before is parsed or measured.
"""

from __future__ import annotations

import posixpath
import re
from datetime import UTC, datetime
from functools import partial
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

from feeds import (
    cadence,
    decoding,
    enclosures,
    fitting,
    identity,
    measuring,
    recognition,
    revision,
    seeds,
    selection,
    shelving,
    urls,
    workers,
)
from feeds.dates import utc
from feeds.model import Article, Entry, Feed, Heading, Measure, SeedError, digest
from feeds.survey import rules_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from feeds.article import Cleaning
    from feeds.catalogue import Catalogue
    from feeds.config import Config
    from feeds.cycle import Progress
    from feeds.ledger import Ledger
    from feeds.model import Channel
    from feeds.register import Account, Register
    from feeds.shelf import Shelf

Window = list[tuple[int, Heading]]
_LITTLE = 500_000  # bytes of articles that are parsed sooner than workers are forked


class Edition(NamedTuple):
    """Feeds ready to be written."""

    feeds: tuple[Feed, ...]
    media: dict[str, tuple[str, ...]]  # by slug: pictures below the seed folder its entries show
    rows: frozenset[int]  # of the catalogue, of all entries
    lately: dict[str, frozenset[str]]  # by slug: ids of entries that arrived lately
    crowded: dict[str, int]  # by slug: how many more arrived lately than have room
    returned: dict[str, dict[str, bool]]  # by slug: what came back, as `shelving.Arranged` has it
    vanished: dict[str, list[str]]  # by slug: what is gone, as it has it
    expires: dict[str, int]  # by slug: when an entry leaves by itself; 0: none does
    measured: measuring.Measured


def edit(
    channels: Sequence[Channel],
    every: Sequence[Channel],
    config: Config,
    catalogue: Catalogue,
    ledger: Ledger,
    affected: tuple[Heading, ...] | None,
    now: int,
    pictures: str,
    hurry: Callable[[], bool],
    progress: Progress,
) -> Edition:
    """The feeds that `channels`, of `every` there is, are at `now`.

    `affected` is as in `survey.Found`, `pictures` and `hurry` are as in `cycle.build`.
    """
    register = ledger.register

    read: dict[int, Article] = {}

    def parse_all(missing: Sequence[tuple[int, Heading]]) -> None:
        parse(missing, config, catalogue, partial(progress, "parsing articles"), read)

    reading = revision.reading(config)
    texts = any(channel.shows == "changes" for channel in every)
    if texts or any(channel.archive or channel.edits == "new" for channel in every):
        changed = recognition.touched(catalogue, register)
        parse_all([(row, heading) for row, heading, _ in changed if not catalogue.parsed(row)])
        again = {
            row: (heading, key if key != identity.key(heading) else None, catalogue.article(row))
            for row, heading, key in changed
            if catalogue.parsed(row)
        }
        recognition.accounts(again, register, reading, now, texts=texts)
        if texts:
            recognition.removals(catalogue, register, now)
    chosen, lately, crowded, expires, returned, vanished = windows(
        channels, catalogue, ledger, affected, now, parse_all
    )
    standing = {row: heading for window in chosen.values() for row, heading in window}
    rows = frozenset(standing)
    articles = {row: read.get(row) or catalogue.article(row) for row in rows}
    keys = catalogue.keys(rows)
    accounts = recognition.accounts(
        {
            row: (heading, keys.get(row), articles[row])
            for row, heading in sorted(standing.items(), key=lambda one: one[1].path)
        },
        register, reading, now, texts=texts,
    )  # fmt: skip
    measured = measuring.measure(
        articles.values(), config, catalogue, now, pictures, hurry,
        partial(progress, "measuring pictures"),
    )  # fmt: skip
    media = {
        slug: tuple(sorted({p.file for row, _ in window for p in articles[row].pictures if p.file}))
        for slug, window in chosen.items()
    }
    feeds = []
    for channel in channels:
        if channel.shows == "changes":
            entries, expires[channel.slug] = changes(channel, register, config, now)
        else:
            entries = tuple(
                entry_of(
                    heading, accounts[row], articles[row], channel, config,
                    _measures(articles[row], catalogue),
                )
                for row, heading in chosen[channel.slug]
            )  # fmt: skip
        feed = feed_of(channel, entries, config)
        feeds.append(linked(feed, ledger.shelf(channel.slug)) if channel.archive else feed)
    ids = {
        c.slug: frozenset(entry_id(accounts[row], c, config) for row, _ in lately[c.slug])
        for c in channels
    }
    return Edition(tuple(feeds), media, rows, ids, crowded, returned, vanished, expires, measured)


class Windows(NamedTuple):
    """What stands in each channel, by slug."""

    chosen: dict[str, Window]
    lately: dict[str, Window]  # that part of it that arrived lately
    crowded: dict[str, int]  # how many more did than have room
    expires: dict[str, int]  # when an entry leaves by itself; 0: none does
    returned: dict[str, dict[str, bool]]  # what came back, as `shelving.Arranged` has it
    vanished: dict[str, list[str]]  # what is gone, as it has it


def windows(
    channels: Sequence[Channel],
    catalogue: Catalogue,
    ledger: Ledger,
    affected: tuple[Heading, ...] | None,
    now: int,
    parse: Callable[[Sequence[tuple[int, Heading]]], None],
) -> Windows:
    """What stands in each channel after `parse` saw to it that all of it can be had.

    An article that turns out to be none is held back by `parse`, and its place is filled.
    """
    register = ledger.register
    made = Windows({}, {}, {}, {}, {c.slug: {} for c in channels}, {c.slug: [] for c in channels})
    chosen = made.chosen
    pending = list(channels)
    while pending:
        recent = recents(channels, catalogue, register, now)
        for channel in pending:
            if channel.shows == "changes":
                chosen[channel.slug], made.lately[channel.slug] = [], []
                made.crowded[channel.slug] = made.expires[channel.slug] = 0
                continue
            newest = catalogue.newest(now, channel.order, channel.source, channel.limit)
            window = selection.window(channel, newest)
            arrived = selection.lately(channel, recent, now)
            late = selection.latest(arrived, fitting.most(channel.max_size))
            more = [(row, heading) for row, heading, _ in late]
            if channel.archive:
                looked_for, recall = _looked_for(channel, ledger, affected)
                more, returned, vanished = shelving.arrange(
                    channel, window, more, catalogue, register, ledger.shelf(channel.slug), now,
                    looked_for, recall=recall,
                )  # fmt: skip
                made.returned[channel.slug].update(returned)
                made.vanished[channel.slug].extend(vanished)
                inside = {row for row, _ in more}
                window = [one for one in window if one[0] in inside]
                late = [one for one in late if one[0] in inside]
            made.crowded[channel.slug] = len(arrived) - len(late)
            chosen[channel.slug] = selection.merged(channel, window, more)
            made.lately[channel.slug] = [(row, heading) for row, heading, _ in late]
            beyond = {row for row, _ in chosen[channel.slug]} - {row for row, _ in window}
            made.expires[channel.slug] = min((end for r, _, end in late if r in beyond), default=0)
        rows = {row: heading for window in chosen.values() for row, heading in window}
        missing = [(row, heading) for row, heading in rows.items() if not catalogue.parsed(row)]
        parse(missing)
        lost = {row for row, _ in missing if not catalogue.parsed(row)}
        pending = [c for c in channels if any(row in lost for row, _ in chosen[c.slug])]
    return made


def _looked_for(
    channel: Channel, ledger: Ledger, affected: tuple[Heading, ...] | None
) -> tuple[tuple[Heading, ...] | None, bool]:
    """What `shelving.arrange` looks at, and whether the whole window is to stand in the feed.

    All articles when the feed takes others than before; the window when that is another.
    """
    register, name = ledger.register, f"taken by {channel.slug}"
    takes = digest(channel.source, channel.rule)
    whole = f"{takes} {digest(channel.order, channel.limit, channel.max_size)}"
    before = register.fact(name)
    register.keep_fact(name, whole)
    return (affected if before.partition(" ")[0] == takes else None), before != whole


def recents(
    channels: Sequence[Channel], catalogue: Catalogue, register: Register, now: int
) -> list[selection.Recent]:
    """The articles that arrived, or really changed, lately enough for one of the channels."""
    accounts = register.recent(now - max((c.recent for c in channels), default=0))
    keys = {identity.short(k): account for account in accounts for k in register.keys_of(account)}
    found: dict[int, selection.Recent] = {}
    for row, heading, key in catalogue.find(keys) if keys else ():
        account = keys[identity.short(key)]
        changed = account.changed if account.version > 1 else 0
        found[row] = selection.Recent(row, heading.clipped(now), account.arrived, changed)
    return list(found.values())


def parse(
    missing: Sequence[tuple[int, Heading]],
    config: Config,
    catalogue: Catalogue,
    progress: Callable[[int, int], None],
    read: dict[int, Article] | None = None,
) -> None:
    """Read and parse articles into the catalogue, and hold back those that can't be.

    Those that were parsed are left in `read` as well, by row.
    """
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

    count = hands((heading for _, heading in missing), config)
    for done, (row, result) in enumerate(workers.spread(work, missing, count), 1):
        if isinstance(result, SeedError):
            catalogue.hold(row, result)
        else:
            catalogue.keep_article(row, result)
            if read is not None:
                read[row] = result
        progress(done, len(missing))


def hands(headings: Iterable[Heading], config: Config) -> int:
    """How many processes should parse the articles of these headings."""
    sizes = (seeds.size(config.paths.seeds, heading.path) for heading in headings)
    return workers.cores() if any(total > _LITTLE for total in accumulate(sizes)) else 1


def cleaning_of(config: Config) -> Cleaning:
    """How the configuration wants bodies cleaned."""
    from feeds.article import Cleaning

    content = config.content
    patterns = tuple(re.compile(pattern) for pattern in content.boilerplate)
    return Cleaning(patterns, content.remove, content.summary, config.images.unwrap)


def article_of(heading: Heading, config: Config, cleaning: Cleaning) -> Article:
    """The article of one seed; raises SeedError when it can't be read."""
    try:
        return _article(heading, config, cleaning)
    except SeedError:
        raise
    except Exception as error:  # a mistake of ours must not cost the others
        raise SeedError("failed", repr(error)) from error


def _article(heading: Heading, config: Config, cleaning: Cleaning) -> Article:
    from feeds import article
    from feeds.heading import body

    rules = rules_of(config)
    source = config.source(heading.source)
    data = seeds.read(config.paths.seeds, heading.path, rules)
    text = decoding.decode(data, source.encoding)
    folder = posixpath.dirname(heading.path)

    def beside(reference: str) -> tuple[str, str]:
        name = unquote(reference.partition("?")[0].partition("#")[0])
        path = posixpath.normpath(posixpath.join(folder, name))
        if path.startswith(("..", "/")) or seeds.picture(config.paths.seeds, path, rules) is None:
            return "", path
        return config.site.url + measuring.media_name(path, urls.escaped), path

    found = article.parse(body(text.text), heading.title, heading.link, cleaning, beside)
    notes = {*found.notes, *([text.note] if text.note else [])} - set(heading.notes)
    return found._replace(notes=tuple(sorted(notes)))


# --- entries and feeds --------------------------------------------------------------------------


def feed_of(
    channel: Channel,
    entries: tuple[Entry, ...],
    config: Config,
) -> Feed:
    """The channel with its entries, ready to be written."""
    site = config.site
    if channel.order == "updated":  # what a seed says of itself may be no real change
        entries = tuple(sorted(entries, key=lambda e: (e.updated, e.published), reverse=True))
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


def linked(feed: Feed, shelf: Shelf) -> Feed:
    """The feed with a link to the last of its archive documents."""
    archives = shelf.archives()
    return feed._replace(previous=f"{feed.home}archive/{archives[-1].name}/") if archives else feed


def changes(
    channel: Channel, register: Register, config: Config, now: int
) -> tuple[tuple[Entry, ...], int]:
    """The edits and removals in a channel, the latest first, and when one leaves it by itself."""
    takes = selection.test(channel.rule)
    found: list[Entry] = []
    expires = 0
    for change in register.changes():
        beyond = len(found) >= channel.limit
        if change.at > now or not takes(change.heading):
            continue
        if channel.source is not None and channel.source != change.heading.source:
            continue
        if beyond and change.at <= now - channel.recent:
            break
        if beyond:
            expires = change.at + channel.recent
        source = config.source(change.heading.source)
        tag = identity.tag(config.site.authority, config.site.since, change.mark)
        found.append(
            Entry(
                id=f"{tag};c={change.at}",
                title=f"{change.kind.capitalize()}: {change.title}",
                link=change.link,
                published=utc(change.at),
                updated=utc(change.at),
                summary=f"{change.kind.capitalize()}: {change.title}",
                content=change.body,
                categories=(change.kind,),
                language=source.language,
                source=source.title if change.heading.source else "",
                path=change.path,
            )
        )
    return tuple(found), expires


def began(since: str) -> datetime:
    """The first instant of the year, month or day that the configuration calls the beginning."""
    year, month, day = (*map(int, since.split("-")), 1, 1)[:3]
    return datetime(year, month, day, tzinfo=UTC)


def home_of(slug: str, config: Config) -> str:
    """The URL of a feed's folder."""
    return f"{config.site.url}{urls.escaped(slug)}/"


def entry_id(account: Account, channel: Channel, config: Config) -> str:
    """The id of an article's entry; another for each version where a channel wants that."""
    version = f";v={account.version}" if channel.edits == "new" and account.version > 1 else ""
    return identity.tag(config.site.authority, config.site.since, account.mark) + version


def _measures(article: Article, catalogue: Catalogue) -> dict[str, Measure]:
    """What is known of the article's pictures."""
    return {
        picture.url: asked.measure
        for picture in article.pictures
        if (asked := catalogue.pictures.asked(picture.url)) is not None
    }


def entry_of(
    heading: Heading,
    account: Account,
    article: Article,
    channel: Channel,
    config: Config,
    measures: Mapping[str, Measure],
) -> Entry:
    """The article as an entry of the channel."""
    source = config.source(heading.source)
    names = article.authors or ((source.author,) if source.author else ())
    updated = account.began if channel.edits == "silent" else account.changed
    return Entry(
        id=entry_id(account, channel, config),
        title=heading.title,
        link=heading.link,
        published=utc(heading.published),
        updated=utc(max(updated, heading.published)),  # its date may have been corrected
        summary=article.summary,
        content=article.content,
        authors=names,
        categories=tuple(
            dict.fromkeys((*([source.title] if heading.source else ()), *article.categories))
        ),
        language=article.language or source.language,
        source=source.title if heading.source else "",
        enclosures=enclosures.chosen(article.pictures, measures, channel.pictures),
        path=heading.path,
    )

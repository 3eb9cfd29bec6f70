"""What a build does once something has changed: the feeds that may be other are made anew.

    editing -> feeds -> formats -> documents, each proof-read -> publisher -> out/

Feeds that no change can touch keep their documents, unread.
"""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from feeds import (
    archives,
    codings,
    drafts,
    editing,
    formats,
    measuring,
    memory,
    outlooks,
    publisher,
    recognition,
    selection,
)  # fmt: skip
from feeds.dates import utc
from feeds.ledger import Rendering
from feeds.model import (
    VERSION,
    ConfigError,
    Listed,
    PublishError,
    Report,
    Standing,
    digest,
)  # fmt: skip
from feeds.problems import CODES

if TYPE_CHECKING:
    from collections.abc import (
        Callable,
        Collection,
        Container,
        Iterable,
        Iterator,
        Mapping,
        Sequence,
    )

    from feeds.catalogue import Catalogue
    from feeds.config import Config
    from feeds.cycle import Progress
    from feeds.editing import Edition
    from feeds.forecast import Outlook
    from feeds.ledger import Ledger
    from feeds.model import Channel, Heading, Published
    from feeds.register import Register
    from feeds.survey import Found

SITE = ""  # the slug under which the ledger knows what belongs to no feed


class Prepared(NamedTuple):
    """All that is to be published, and what it means to subscribers."""

    config: Config  # as subscribers know the site
    bodies: dict[str, bytes | Callable[[], bytes]]
    times: dict[str, str]  # names that get the time of another
    before: dict[str, Published]
    others: set[str]  # names of before that stay as they are
    kept: dict[str, Rendering]
    standing: dict[str, tuple[Standing, ...]]  # by slug, of the feeds that were made anew
    outlooks: tuple[Outlook, ...]  # of these feeds, and of those that go
    listed: list[Listed]
    every: list[Channel]
    edition: Edition
    notes: tuple[str, ...]
    lost: tuple[str, ...]  # those of the notes that say what became of the ledger
    whole: bool  # every feed was looked at


def prepare(
    config: Config,
    now: int,
    catalogue: Catalogue,
    ledger: Ledger,
    found: Found,
    pictures: str,
    hurry: Callable[[], bool],
    progress: Progress,
    *,
    everything: bool,
) -> Prepared:
    """Make the feeds that `found` may have changed, or `everything`; nothing is published.

    `pictures` and `hurry` are as in `cycle.build`.  Raises PublishError when a document is not
    right, or somebody else's page would be replaced.
    """
    ledger.begin()
    register = ledger.register
    lost = tuple(_lost(config, catalogue, ledger))
    config = known_as(config, register)
    register.keep_fact("again", "")
    register.keep_fact("config", os.path.relpath(config.path, config.paths.state))
    recognition.recognise(catalogue, register, now, None if everything else found.affected)
    before, renderings = ledger.documents(), ledger.renderings()
    _look_for_strangers(config, before)
    every = channels(config, catalogue.sources())
    chosen = every if everything else _chosen(every, found.affected, renderings)
    dropped = _keep_house(every, ledger, config, before, everything=everything)
    memory.learn(
        every, catalogue, register, config, found.affected, now,
        partial(progress, "reading what is in no feed"),
    )  # fmt: skip
    edition = editing.edit(
        chosen, every, config, catalogue, ledger, found.affected, now, pictures, hurry, progress
    )
    limits = {channel.slug: channel for channel in chosen}
    pending = {}
    for feed in edition.feeds:
        slug = feed.slug
        draft = drafts.Draft(
            feed, limits[slug].max_size, edition.lately[slug], edition.crowded[slug]
        )
        known = None if everything or edition.vanished[slug] else renderings.get(slug)
        if not known or known._replace(entries=0) != drafts.rendering(draft, edition):
            pending[slug] = draft
    notes = list(lost)
    bodies: dict[str, bytes | Callable[[], bytes]] = {}
    times: dict[str, str] = {}
    standing: dict[str, tuple[Standing, ...]] = {}
    expected: list[Outlook] = []
    for paths in edition.media.values():
        for path in paths:
            bodies[measuring.media_name(path)] = partial(measuring.picture_bytes, path, config)
    for made in drafts.settled(pending, limits, ledger, now):
        slug, channel = made.slug, limits[made.slug]
        for document in made.documents:
            bodies[formats.placed(document.name, private=channel.private)] = document.body
        notes.extend(filter(None, [made.told]))
        standing[slug] = made.standing
        rendering = drafts.rendering(pending[slug], edition, made.inputs)
        renderings[slug] = rendering._replace(entries=len(made.standing))
        expected.append(
            outlooks.of_feed(
                channel,
                pending[slug].feed.entries,
                made.standing,
                edition,
                dropped,
                config,
                ledger,
                bare=not found.seeds,
            )
        )
    gone = sorted(renderings.keys() - {SITE, *(channel.slug for channel in every)})
    expected.extend(outlooks.of_gone(gone, every, dropped, config, ledger))
    if not found.seeds:
        expected = [outlook._replace(bare=True) for outlook in expected]
    kept = {channel.slug: renderings[channel.slug] for channel in every}
    listed = [_listed(channel, kept[channel.slug], config) for channel in every]
    public = [one for one, channel in zip(listed, every, strict=True) if not channel.private]
    kept[SITE] = Rendering(digest(VERSION, config.site, public))
    if everything or renderings.get(SITE) != kept[SITE]:
        bodies.update((d.name, d.body) for d in formats.render_site(config.site, public))
    for name, plain, packed in _packed(bodies, config.publish.precompressed):
        bodies[name], times[name] = packed, plain
    ours = set(_names(every, kept, config.publish.precompressed, ledger))
    others = {name for name in before if name in ours and name not in bodies}
    return Prepared(
        config, bodies, times, before, others, kept, standing, tuple(expected), listed, every,
        edition, tuple(notes), lost, chosen is every,
    )  # fmt: skip


def publish(
    prepared: Prepared,
    now: int,
    catalogue: Catalogue,
    ledger: Ledger,
    found: Found,
    progress: Progress,
) -> Report:
    """Publish what was prepared; raises PublishError when it can't be written."""
    config = prepared.config
    publisher.sweep(config.paths.out)
    before, others, bodies = dict(prepared.before), set(prepared.others), dict(prepared.bodies)

    def archive(*, later: bool) -> archives.Built:
        return _archives(prepared, now, catalogue, ledger, progress, later=later)

    def pictures(built: archives.Built, there: Container[str]) -> dict[str, Callable[[], bytes]]:
        names = {measuring.media_name(path): path for path in built.media}
        wanted = {name: path for name, path in names.items() if name not in there}
        return {n: partial(measuring.picture_bytes, p, config) for n, p in wanted.items()}

    first = archive(later=False)
    before |= first.published
    others |= first.published.keys()
    outcome = publisher.publish(
        config.paths.out, bodies | pictures(first, others), before, others, ledger.promise,
        partial(progress, "publishing"), prepared.times,
    )  # fmt: skip
    then = archive(later=True)
    published = outcome.published | then.published
    more = publisher.publish(
        config.paths.out, pictures(then, published), published, published, ledger.promise,
        partial(progress, "publishing"),
    )  # fmt: skip
    written = (*outcome.written, *first.written, *then.written, *more.written)
    ledger.record(more.published, prepared.kept, prepared.standing)
    catalogue.turnover.forget()
    report = told(found, catalogue, now)
    dues = (report.due, *(utc(r.expires) for r in prepared.kept.values() if r.expires))
    measured = prepared.edition.measured
    report = report._replace(
        due=min(filter(None, dues), default=None),
        feeds=tuple(
            one._replace(changed=tuple(n for n in written if _slug_of(n) == one.slug))
            for one in prepared.listed
        ),
        written=written,
        deleted=outcome.deleted,
        measured=measured.fresh,
        unmeasured=measured.failed,
        unasked=measured.unasked,
        notes=prepared.notes,
    )
    again = measured.due
    if prepared.whole:
        catalogue.forget_articles(prepared.edition.rows)
    elif (earlier := catalogue.note("pictures")) and (again is None or int(earlier) < again):
        again = int(earlier)
    catalogue.keep("pictures", str(again or ""))
    catalogue.keep("due", str(int(report.due.timestamp())) if report.due else "")
    return report


def _look_for_strangers(config: Config, before: Container[str]) -> None:
    """Raise PublishError when the start page of somebody else's site would be replaced."""
    name = formats.SITE_FILES[0]
    page = None if name in before else publisher.body_of(config.paths.out, name)
    if page is not None and not formats.ours(page):
        raise PublishError(
            f"{os.path.join(config.paths.out, name)}: feeds did not make this page, and would"
            " replace it; move it away, or set out in [paths] to another folder"
        )


def _archives(
    prepared: Prepared,
    now: int,
    catalogue: Catalogue,
    ledger: Ledger,
    progress: Progress,
    *,
    later: bool,
) -> archives.Built:
    """The archive documents of all feeds that have to be made, before these or `later`."""
    texts = any(channel.shows == "changes" for channel in prepared.every)
    built = [
        archives.build(
            channel, prepared.config, catalogue, ledger, now, partial(progress, "making archives"),
            texts=texts, later=later,
        )
        for channel in prepared.every
        if channel.archive
    ]  # fmt: skip
    return archives.Built(
        {name: file for one in built for name, file in one.published.items()},
        tuple(name for one in built for name in one.written),
        tuple(path for one in built for path in one.media),
    )


def _keep_house(
    every: Iterable[Channel],
    ledger: Ledger,
    config: Config,
    before: Mapping[str, Published],
    *,
    everything: bool,
) -> dict[str, list[str]]:
    """Forget the archive documents of feeds that have none any more, and find damaged ones.

    Returned are the marks of what stood in those that are forgotten, by slug.
    """
    archiving = {channel.slug: channel for channel in every if channel.archive}
    dropped = {}
    for slug in ledger.shelved() - archiving.keys():
        shelf = ledger.shelf(slug)
        dropped[slug] = [mark for mark, number in sorted(shelf.places().items()) if number]
        shelf.clear()
        ledger.register.keep_fact(f"taken by {slug}", "")
    if everything:
        for channel in archiving.values():
            archives.spoil(channel, ledger, config, before)
    return dropped


def known_as(config: Config, register: Register) -> Config:
    """The configuration with the authority under which subscribers know the articles.

    One that is stated is followed; else it is the host that the site's address had at first, so
    that a site may move.
    """
    if not config.named:
        first = register.fact("authority")
        if first:
            return config._replace(site=config.site._replace(authority=first))
    register.keep_fact("authority", config.site.authority)
    return config


def _lost(config: Config, catalogue: Catalogue, ledger: Ledger) -> Iterator[str]:
    """What became of the ledger of before, where this one is not it."""
    loss = (
        f"the ledger was damaged; it is set aside as {ledger.lost}"
        if ledger.lost
        else f"the ledger is gone; it should be {os.path.join(config.paths.state, 'ledger.sqlite')}"
        if ledger.new
        and (catalogue.note("report") or publisher.holds(config.paths.out, formats.SITE_FILES))
        else ""
    )
    if loss:
        yield (
            f"{loss}. A new one is begun: ids that can be derived stay; for the others,"
            " `feeds ids import` reads what `feeds ids export` wrote"
        )


def told(found: Found, catalogue: Catalogue, now: int) -> Report:
    """What can be said of the seeds alone."""
    problems = sorted((*catalogue.problems(), *found.problems), key=lambda p: (p.path, p.code))
    waiting, due = catalogue.due(now)
    return Report(
        seeds=found.seeds,
        read=found.read,
        removed=found.removed,
        held=tuple(p for p in problems if CODES[p.code].held),
        repaired=tuple(p for p in problems if not CODES[p.code].held),
        waiting=waiting,
        unsettled=found.unsettled,
        due=utc(due) if due is not None else None,
    )


# --- which feeds --------------------------------------------------------------------------------


def channels(config: Config, folders: Iterable[str]) -> list[Channel]:
    """Every feed there is: those declared, and those of each source."""
    found: dict[str, Channel] = {}
    sources = [config.source(folder) for folder in folders]
    for table in config.feeds:
        for source in sources if table.each else (None,):
            channel = config.channel(table, source)
            if (other := found.get(channel.slug)) is not None:
                said = (
                    f"{config.path}: two feeds have the slug {channel.slug!r}: {other.title!r} and"
                    f" {channel.title!r}; give one of them another, a source in its [[source]]"
                )
                raise ConfigError((said,))
            found[channel.slug] = channel
    return list(found.values())


def _chosen(
    every: list[Channel], affected: Iterable[Heading] | None, known: Collection[str]
) -> list[Channel]:
    """The feeds that may be other than they were."""
    if affected is None:
        return every
    touched = {channel.slug for channel in selection.touched(every, affected)}
    return [c for c in every if c.slug in touched or c.slug not in known]


# --- from feeds to documents --------------------------------------------------------------------


def _packed(
    bodies: Mapping[str, bytes | Callable[[], bytes]], wanted: Iterable[str]
) -> list[tuple[str, str, Callable[[], bytes]]]:
    """The precompressed files of documents: name, the document's name, and what makes the bytes."""
    return [
        (f"{name}{codings.SUFFIXES[coding]}", name, partial(codings.CODINGS[coding], body))
        for coding in wanted
        for name, body in bodies.items()
        if isinstance(body, bytes)
    ]


def _slug_of(name: str) -> str:
    """The slug of the feed to which a published file belongs; `SITE` for what belongs to none."""
    slug, slash, _ = name.removeprefix(f"{formats.PRIVATE}/").partition("/")
    return slug if slash else SITE


def _names(
    every: Iterable[Channel],
    kept: Mapping[str, Rendering],
    packed: Sequence[str],
    ledger: Ledger,
) -> Iterator[str]:
    """The names of all that is published."""
    for rendering in kept.values():
        yield from map(measuring.media_name, rendering.media)
    documents = [name for channel in every for name in formats.names(channel)]
    for name in (*documents, *formats.SITE_FILES):
        yield from codings.files(name, packed)
    for channel in every:
        for archive in ledger.shelf(channel.slug).archives() if channel.archive else ():
            yield from archives.names(channel, archive, packed)
            yield from map(measuring.media_name, archive.media)


def _listed(channel: Channel, rendering: Rendering, config: Config) -> Listed:
    return Listed(
        slug=channel.slug,
        title=channel.title,
        subtitle=channel.subtitle,
        home=editing.home_of(channel.slug, config),
        language=channel.language,
        formats=channel.formats,
        entries=rendering.entries,
        updated=utc(rendering.updated),
    )

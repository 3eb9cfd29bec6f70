"""What a build does once something has changed: the feeds that may be other are made anew.

    editing -> feeds -> formats -> documents, each proof-read -> publisher -> out/

Feeds that no change can touch keep their documents, unread.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from feeds import codings, editing, formats, publisher, selection, workers
from feeds.dates import utc
from feeds.formats import proof
from feeds.ledger import Rendering
from feeds.model import VERSION, ConfigError, Listed, PublishError, Report, digest
from feeds.problems import CODES

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from feeds.catalogue import Catalogue
    from feeds.config import Config
    from feeds.cycle import Progress
    from feeds.ledger import Ledger
    from feeds.model import Channel, Feed, Heading
    from feeds.survey import Found

_FEW = 3  # feeds that are written sooner than workers are forked
SITE = ""  # the slug under which the ledger knows what belongs to no feed


def renew(
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
) -> Report:
    """Make and publish the feeds that `found` may have changed, or `everything`.

    `pictures` and `hurry` are as in `cycle.build`.  Raises PublishError when a document is not
    right or can't be written.
    """
    before, renderings = ledger.documents(), ledger.renderings()
    every = channels(config, catalogue.sources())
    chosen = every if everything else _chosen(every, found.affected, renderings)
    edition = editing.edit(chosen, config, catalogue, now, pictures, hurry, progress)
    fresh = {feed.slug: _rendering(feed, edition.media[feed.slug]) for feed in edition.feeds}
    kept = {c.slug: fresh.get(c.slug) or renderings[c.slug] for c in every}
    listed = [_listed(channel, kept[channel.slug], config) for channel in every]
    private = {channel.slug for channel in every if channel.private}
    public = [one for one in listed if one.slug not in private]
    kept[SITE] = Rendering(digest(VERSION, config.site, public))

    bodies: dict[str, bytes | Callable[[], bytes]] = {}
    times: dict[str, str] = {}
    for paths in edition.media.values():
        for path in paths:
            bodies[editing.media_name(path)] = partial(editing.picture_bytes, path, config)
    stale = [f for f in edition.feeds if everything or renderings.get(f.slug) != fresh[f.slug]]
    for name, body in _rendered(stale):
        bodies[_placed(name, private)] = body
    if everything or renderings.get(SITE) != kept[SITE]:
        bodies.update((d.name, d.body) for d in formats.render_site(config.site, public))
    for name, document, packed in _packed(bodies, config.publish.precompressed):
        bodies[name], times[name] = packed, document
    ours = set(_names(every, kept, private, config.publish.precompressed))
    others = [name for name in before if name in ours and name not in bodies]
    publisher.sweep(config.paths.out)
    outcome = publisher.publish(
        config.paths.out, bodies, before, others, ledger.promise, partial(progress, "publishing"),
        times,
    )  # fmt: skip
    ledger.record(outcome.published, kept)

    report = told(found, catalogue, now)._replace(
        feeds=tuple(
            one._replace(changed=tuple(n for n in outcome.written if _slug_of(n) == one.slug))
            for one in listed
        ),
        written=outcome.written,
        deleted=outcome.deleted,
        measured=edition.measured.fresh,
        unmeasured=edition.measured.failed,
        unasked=edition.measured.unasked,
    )
    again = edition.measured.due
    if chosen is every:
        catalogue.forget_articles(edition.rows)
    elif (earlier := catalogue.note("pictures")) and (again is None or int(earlier) < again):
        again = int(earlier)
    catalogue.keep("pictures", str(again or ""))
    catalogue.keep("due", str(int(report.due.timestamp())) if report.due else "")
    return report


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


def _rendering(feed: Feed, media: tuple[str, ...]) -> Rendering:
    updated = int(feed.updated.timestamp())
    return Rendering(digest(VERSION, feed), len(feed.entries), updated, media)


def _rendered(stale: Sequence[Feed]) -> list[tuple[str, bytes]]:
    """The documents of the feeds by name, sorted, each proof-read."""
    if not stale:
        return []
    import feeds.formats.xml  # noqa: F401  before the workers are forked, so that each has it

    return sorted(workers.spread(_proofed, stale, workers.cores() if len(stale) > _FEW else 1))


def _proofed(feed: Feed) -> Iterator[tuple[str, bytes]]:
    for document in formats.render(feed):
        faults = proof.read(document, feed)
        if faults:
            said = "\n  ".join(faults)
            raise PublishError(
                f"{document.name} was not made right, so nothing is published:\n  {said}\n"
                "This is a mistake in feeds itself; please report it with the lines above"
            )
        yield document.name, document.body


def _placed(name: str, private: Collection[str]) -> str:
    """Where a feed's document of this name is published, below the output folder."""
    return f"{formats.PRIVATE}/{name}" if name.partition("/")[0] in private else name


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
    private: Collection[str],
    packed: Sequence[str],
) -> Iterator[str]:
    """The names of all that is published."""
    for rendering in kept.values():
        yield from map(editing.media_name, rendering.media)
    documents = [_placed(name, private) for channel in every for name in formats.names(channel)]
    for name in (*documents, *formats.SITE_FILES):
        yield name
        yield from (f"{name}{codings.SUFFIXES[coding]}" for coding in packed)


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

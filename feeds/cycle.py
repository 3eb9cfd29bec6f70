"""One build, as the list of its stages.

    seed folder --survey--> catalogue --editing--> feeds --formats--> documents --publisher--> out/

Everything that is not in its arguments stays out: the clock, the network, where to report to.
"""

from __future__ import annotations

import json
import os
from contextlib import closing
from datetime import datetime
from functools import partial
from hashlib import blake2b
from typing import TYPE_CHECKING, Protocol
from zoneinfo import ZoneInfo

from feeds import editing, formats, lock, publisher, selection, workers
from feeds.catalogue import Catalogue
from feeds.dates import utc
from feeds.formats import VERSION, proof
from feeds.ledger import Ledger, Rendering
from feeds.model import ConfigError, Listed, Problem, PublishError, Report, StateError
from feeds.problems import CODES
from feeds.survey import survey

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from feeds.config import Config
    from feeds.editing import Edition
    from feeds.heading import Habits
    from feeds.model import Channel, Document, Feed, Heading, Measure
    from feeds.publisher import Outcome
    from feeds.survey import Found

SITE = ""  # the slug under which the ledger knows what belongs to no feed


class Progress(Protocol):
    """What is told how far a build has come."""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """`done` of `total` are done in this stage; a total of 0 is not known."""


def silent(stage: str, done: int, total: int) -> None:
    """Report no progress."""


def build(
    config: Config,
    now: int,
    *,
    offline: bool = False,
    wait: float = 60.0,
    waiting: Callable[[int], None] = lambda _: None,
    progress: Progress = silent,
) -> Report:
    """Make the output folder what the seeds, the configuration and `now` say.

    1. survey: the catalogue agrees with the seed folder; only what changed is read
    2. what nothing has touched since the last build is left as it is
    3. editing: windows, articles, pictures, feeds
    4. formats: documents, each proof-read before any is published
    5. publisher: out/ agrees with the documents

    `now` is in seconds since the epoch.  Raises PublishError when the result can't be published:
    then what was published before stays; BusyError when another build goes on for `wait` seconds.
    """
    try:
        os.makedirs(config.paths.state, exist_ok=True)
    except OSError as error:
        raise StateError(f"{config.paths.state}: {error.strerror}") from None
    with lock.held(os.path.join(config.paths.state, "lock"), wait, waiting):
        catalogue = Catalogue(
            os.path.join(config.paths.state, "catalogue.sqlite"), *_recipes(config)
        )
        with closing(catalogue):
            ledger = Ledger(os.path.join(config.paths.state, "ledger.sqlite"))
            with closing(ledger):
                return _build(config, now, catalogue, ledger, progress, offline=offline)


def _build(
    config: Config,
    now: int,
    catalogue: Catalogue,
    ledger: Ledger,
    progress: Progress,
    *,
    offline: bool,
) -> Report:
    found = _survey(config, now, catalogue, progress)
    before, renderings = ledger.documents(), ledger.renderings()
    measuring = config.images.measure and not offline
    settings = _digest(VERSION, config)
    stale = (
        catalogue.note("settings") != settings
        or _passed(catalogue.note("due"), now)
        or (measuring and _passed(catalogue.note("pictures"), now))
        or not all(publisher.intact(config.paths.out, name, one) for name, one in before.items())
    )
    if not stale and not found.changed:
        return _recalled(catalogue.note("report"), found)
    # Until the end, a build that is cut off must not look like one that came to its end.
    catalogue.keep("settings", "")
    catalogue.commit()

    every = channels(config, catalogue.sources())
    chosen = every if stale else _chosen(every, found.affected, renderings)
    edition = editing.edit(chosen, config, catalogue, now, progress, measuring=measuring)
    fresh = {feed.slug: _rendering(feed, edition.media[feed.slug]) for feed in edition.feeds}
    kept = {c.slug: fresh.get(c.slug) or renderings[c.slug] for c in every}
    listed = [_listed(channel, kept[channel.slug], config) for channel in every]
    kept[SITE] = Rendering(_digest(VERSION, config.site, listed))

    bodies: dict[str, bytes | Callable[[], bytes]] = {}
    for feed in edition.feeds:
        for path in edition.media[feed.slug]:
            bodies[editing.media_name(path)] = partial(editing.picture_bytes, path, config)
        if stale or renderings.get(feed.slug) != fresh[feed.slug]:
            bodies.update(_proofed(formats.render(feed), feed))
    if stale or renderings.get(SITE) != kept[SITE]:
        bodies.update((d.name, d.body) for d in formats.render_site(config.site, listed))
    others = set(_names(before, kept)) - bodies.keys()
    outcome = publisher.publish(config.paths.out, bodies, before, others, ledger.promise)
    ledger.record(outcome.published, kept)

    report = _report(found, catalogue, now, edition, listed, outcome)
    _conclude(catalogue, report, edition, settings, everything=chosen is every)
    return report


def _survey(config: Config, now: int, catalogue: Catalogue, progress: Progress) -> Found:
    root = config.paths.seeds
    try:
        return survey(
            root, editing.rules_of(config), habits(config), catalogue, now, workers.cores(),
            lambda done: progress("reading seeds", done, 0),
        )  # fmt: skip
    except OSError as error:
        raise PublishError(
            f"{root}: {error.strerror}; without the seed folder nothing is published or removed"
        ) from None


def habits(config: Config) -> Callable[[str], Habits]:
    """What the configuration tells of the source in a first-level folder."""

    def of(folder: str) -> Habits:
        from feeds.heading import Habits

        source = config.source(folder)
        mtime = config.dates.missing == "mtime"
        zone = ZoneInfo(source.timezone)
        return Habits(zone, config.dates.max_gap, source.encoding, source.trim, mtime)

    return of


def _passed(instant: str, now: int) -> bool:
    return bool(instant) and int(instant) <= now


def _digest(*values: object) -> str:
    """Stands for values whose repr says all of them."""
    return blake2b(repr(values).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _recipes(config: Config) -> tuple[str, str]:
    """What decides how headings are read, and how articles are."""
    headings = _digest(VERSION, config.seeds, config.dates, config.sources, config.site.timezone)
    return headings, _digest(headings, config.content, config.images.unwrap, config.site.url)


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
    return Rendering(_digest(VERSION, feed), len(feed.entries), updated, media)


def _proofed(documents: Iterable[Document], feed: Feed) -> Iterator[tuple[str, bytes]]:
    for document in documents:
        faults = proof.read(document, feed)
        if faults:
            said = "\n  ".join(faults)
            raise PublishError(
                f"{document.name} was not made right, so nothing is published:\n  {said}\n"
                "This is a mistake in feeds itself; please report it with the lines above"
            )
        yield document.name, document.body


def _names(before: Iterable[str], kept: Mapping[str, Rendering]) -> Iterator[str]:
    """Which of the names of before still belong to a feed."""
    media = {editing.media_name(path) for rendering in kept.values() for path in rendering.media}
    for name in before:
        if name in media or name.partition("/")[0] in kept or name in formats.SITE_FILES:
            yield name


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


# --- the report ---------------------------------------------------------------------------------


def _report(
    found: Found,
    catalogue: Catalogue,
    now: int,
    edition: Edition,
    listed: Iterable[Listed],
    outcome: Outcome,
) -> Report:
    problems = sorted((*catalogue.problems(), *found.problems), key=lambda p: (p.path, p.code))
    waiting, due = catalogue.due(now)
    return Report(
        seeds=found.seeds,
        read=found.read,
        removed=found.removed,
        held=tuple(p for p in problems if CODES[p.code].held),
        repaired=tuple(p for p in problems if not CODES[p.code].held),
        waiting=waiting,
        feeds=tuple(
            one._replace(changed=tuple(n for n in outcome.written if n.startswith(f"{one.slug}/")))
            for one in listed
        ),
        written=outcome.written,
        deleted=outcome.deleted,
        measured=edition.measured.fresh,
        unmeasured=edition.measured.failed,
        due=utc(due) if due is not None else None,
    )


def _conclude(
    catalogue: Catalogue, report: Report, edition: Edition, settings: str, *, everything: bool
) -> None:
    """Let the next build know how this one ended."""
    pictures = edition.measured.due
    if everything:
        catalogue.forget_articles(edition.rows)
    elif (before := catalogue.note("pictures")) and (pictures is None or int(before) < pictures):
        pictures = int(before)
    catalogue.keep("pictures", str(pictures or ""))
    catalogue.keep("due", str(int(report.due.timestamp())) if report.due else "")
    catalogue.keep("report", json.dumps(report, default=str))
    catalogue.keep("settings", settings)
    catalogue.commit()


def _recalled(text: str, found: Found) -> Report:
    """The report of a build that found nothing to do: what the last one said of the state."""
    names = Report._fields
    said = dict(zip(names, json.loads(text), strict=True))
    lasting = {
        "held": tuple(Problem(*p) for p in said["held"]) + found.problems,
        "repaired": tuple(Problem(*p) for p in said["repaired"]),
        "waiting": said["waiting"],
        "feeds": tuple(
            Listed(*f)._replace(
                formats=tuple(f[5]), updated=datetime.fromisoformat(f[7]), changed=()
            )
            for f in said["feeds"]
        ),
        "unmeasured": tuple(said["unmeasured"]),
        "due": datetime.fromisoformat(said["due"]) if said["due"] else None,
    }
    return Report(seeds=found.seeds, **lasting)


def check(config: Config, now: int, *, progress: Progress = silent) -> Report:
    """What a build would say of every seed, each read and parsed whole; nothing is written."""
    catalogue = Catalogue(":memory:", *_recipes(config))
    with closing(catalogue):
        found = _survey(config, now, catalogue, progress)
        editing.parse(catalogue.every(), config, catalogue, partial(progress, "parsing articles"))
        nothing = editing.Edition((), {}, frozenset(), editing.Measured(0, (), None))
        return _report(found, catalogue, now, nothing, (), publisher.Outcome((), (), {}))


def pictures(config: Config, addresses: Iterable[str]) -> dict[str, Measure]:
    """What builds until now measured of these pictures."""
    path = os.path.join(config.paths.state, "catalogue.sqlite")
    if not os.path.exists(path):
        return {}
    with closing(Catalogue(path, *_recipes(config))) as catalogue:
        asked = {url: catalogue.asked(url) for url in addresses}
    return {url: known.measure for url, known in asked.items() if known is not None}

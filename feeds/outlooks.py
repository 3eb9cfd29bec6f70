"""What the subscribers of each feed would see, by what the ledger remembers of it."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING

from feeds import forecast, formats, identity, publisher
from feeds.model import FeedsError, Standing

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from feeds.config import Config
    from feeds.editing import Edition
    from feeds.forecast import Outlook
    from feeds.ledger import Ledger
    from feeds.model import Channel, Entry
    from feeds.shelf import Shelf


def of_feed(
    channel: Channel,
    entries: Iterable[Entry],
    standing: Sequence[Standing],
    edition: Edition,
    dropped: Mapping[str, Collection[str]],
    config: Config,
    ledger: Ledger,
    *,
    bare: bool,
) -> Outlook:
    """What becomes of the subscribers of a feed that was made anew.

    `entries` would stand in it, `standing` are those for which there is room; `dropped` holds, by
    slug, the marks of what stood in archive documents that are given up.  Where the ledger does not
    remember a feed, the output folder tells what stood there; `bare`: there is no seed at all.
    """
    slug = channel.slug
    slugs = (slug, *_former(channel, config))
    was = next((one for one in slugs if ledger.standing(one) is not None), slug)
    before = ledger.standing(was)
    if before is None:
        before = _published(config, channel)
    chosen = tuple(map(forecast.standing, entries))
    shelf = ledger.shelf(slug)
    there = {forecast.mark(one) for one in standing}
    gone = [m for m in dropped.get(was, ()) if m not in there and shelf.place(m) is None]
    vanished = [*edition.vanished[slug], *gone]
    return forecast.look(
        slug,
        before or (),
        standing,
        chosen=chosen,
        limit=channel.limit if len(chosen) >= channel.limit else 0,
        lives=partial(_archived, shelf) if channel.archive and not bare else None,
        returned=edition.returned[slug],
        vanished=_remembered(vanished, config, ledger),
        archived=shelf.count() + len(vanished) if vanished else 0,
    )


def of_gone(
    slugs: Iterable[str],
    every: Iterable[Channel],
    dropped: Mapping[str, Collection[str]],
    config: Config,
    ledger: Ledger,
) -> Iterator[Outlook]:
    """The same for feeds that are no more, unless their subscribers are led to another."""
    led = {old for channel in every for old in _former(channel, config)}
    for slug in slugs:
        if slug not in led:
            vanished = _remembered(dropped.get(slug, ()), config, ledger)
            before = ledger.standing(slug) or ()
            look = forecast.look(slug, before, (), vanished=vanished, archived=len(vanished))
            yield look._replace(gone=True)


def _former(channel: Channel, config: Config) -> list[str]:
    """The slugs whose subscribers [[moved]] leads to this feed."""
    return [m.path.strip("/") for m in config.moved if m.to.strip("/") == channel.slug]


def _remembered(marks: Iterable[str], config: Config, ledger: Ledger) -> list[Standing]:
    """What stood in archive documents, as far as it is remembered, the newest first."""
    accounts = ledger.register.accounts_of(marks).values()
    newest = sorted(accounts, key=lambda one: (-one.published, one.mark))
    ids = {m: identity.tag(config.site.authority, config.site.since, m) for m in marks}
    return [Standing(ids[a.mark], a.title, "", a.published, a.changed) for a in newest]


def _archived(shelf: Shelf, entry: Standing) -> bool:
    """Whether an entry that left its feed stands in an archive document of it."""
    return bool(shelf.place(forecast.mark(entry)))


def _published(config: Config, channel: Channel) -> tuple[Standing, ...] | None:
    """What stands in the feed by the output folder alone, where no ledger remembers it."""
    from feeds.formats import reading

    for form in ("json", "atom", "rss"):
        name = f"{channel.slug}/{formats.FILES[form][0]}"
        name = formats.placed(name, private=channel.private)
        body = publisher.body_of(config.paths.out, name)
        if body is not None:
            with contextlib.suppress(FeedsError):  # it is about to be replaced by a right one
                return tuple(one._replace(says="") for one in reading.entries(body, name))
    return None

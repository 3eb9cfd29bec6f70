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
    begun: bool,
    bare: bool,
) -> Outlook:
    """What becomes of the subscribers of a feed that was made anew.

    `entries` would stand in it, `standing` are those for which there is room; `dropped` holds, by
    slug, the marks of what stood in archive documents that are given up.  Unless the ledger had
    `begun`, the output folder tells what stood there; `bare` says that there is no seed at all.
    """
    slug = channel.slug
    before = ledger.standing(slug)
    given_up = dropped.get(slug, ())
    for old in _former(channel, config) if before is None else ():
        before = ledger.standing(old)
        given_up = dropped.get(old, ())
    if before is None and not begun:
        before = _published(config, channel)
    chosen = tuple(map(standing_of, entries))
    shelf = ledger.shelf(slug)
    there = {forecast.mark(one) for one in standing}
    gone = [m for m in given_up if m not in there and shelf.place(m) is None]
    vanished = [*edition.vanished[slug], *gone]
    return forecast.look(
        slug,
        before or (),
        standing,
        chosen=chosen,
        limit=channel.limit if len(chosen) >= channel.limit else 0,
        lives=partial(_archived, shelf) if channel.archive and not bare else None,
        returned=edition.returned[slug],
        vanished=[_remembered(mark, config, ledger) for mark in vanished],
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
            vanished = [_remembered(mark, config, ledger) for mark in dropped.get(slug, ())]
            before = ledger.standing(slug) or ()
            yield forecast.look(slug, before, (), vanished=vanished, archived=len(vanished))


def _former(channel: Channel, config: Config) -> list[str]:
    """The slugs whose subscribers [[moved]] leads to this feed."""
    return [m.path.strip("/") for m in config.moved if m.to.strip("/") == channel.slug]


def standing_of(entry: Entry) -> Standing:
    """An entry as subscribers know it."""
    return Standing(
        entry.id, entry.title, entry.link, int(entry.published.timestamp()),
        int(entry.updated.timestamp()),
    )  # fmt: skip


def _remembered(mark: str, config: Config, ledger: Ledger) -> Standing:
    """An article that stood in an archive document, as far as it is remembered."""
    id_ = identity.tag(config.site.authority, config.site.since, mark)
    account = ledger.register.account(mark)
    if account is None:
        return Standing(id_, "", "", 0, 0)
    return Standing(id_, account.title, "", account.published, account.changed)


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

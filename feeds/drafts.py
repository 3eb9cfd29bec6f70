"""Feeds on their way to documents, each as it has room, and what has none in its archive.

feed -> fitting -> formats -> documents, each proof-read; what is left out -> shelf -> anew
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

from feeds import editing, fitting, forecast, shelving, workers
from feeds.formats import proof
from feeds.ledger import Rendering
from feeds.model import VERSION, PublishError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from feeds.editing import Edition
    from feeds.ledger import Ledger
    from feeds.model import Channel, Document, Feed, Standing
    from feeds.shelf import Shelf

_FEW = 3  # feeds that are written sooner than workers are forked


class Draft(NamedTuple):
    """A feed that is to be written."""

    feed: Feed
    budget: int  # bytes
    lately: frozenset[str]  # ids of entries that are the last to be left out
    crowded: int  # how many of these are left out already


def rendering(draft: Draft, edition: Edition, inputs: str = "") -> Rendering:
    """What the documents are made from; how many entries there is room for does not count.

    `inputs` is what `settled` says, if the documents are written already.
    """
    feed = draft.feed
    return Rendering(
        inputs or _inputs(draft),
        updated=int(feed.updated.timestamp()),
        expires=edition.expires[feed.slug],
        media=edition.media[feed.slug],
    )


def _inputs(draft: Draft) -> str:
    """Stands for all that decides the bytes; texts go in as they are, as their repr takes long."""
    feed, budget, lately, crowded = draft
    frame = VERSION, feed._replace(entries=()), budget, sorted(lately), crowded
    told = [repr(frame)]
    for entry in feed.entries:
        told += repr(entry._replace(content="", summary="")), entry.content, entry.summary
    found = blake2b(digest_size=16)
    for text in told:
        data = text.encode("utf-8", "surrogatepass")
        found.update(b"%d:" % len(data))
        found.update(data)
    return found.hexdigest()


def settled(
    drafts: dict[str, Draft], channels: Mapping[str, Channel], ledger: Ledger, now: int
) -> Iterator[Written]:
    """The documents of the feeds; what has no room in one goes to its archive documents, if any.

    `drafts` are brought up to date with that.
    """
    pending = [*drafts]
    while pending:
        crowded = []
        for made in _rendered([drafts[slug] for slug in pending]):
            draft = drafts[made.slug]
            if channels[made.slug].archive and len(made.standing) < len(draft.feed.entries):
                drafts[made.slug] = _relieved(draft, made.standing, ledger.shelf(made.slug), now)
                crowded.append(made.slug)
            else:
                yield made
        pending = crowded
    for slug in drafts:
        if channels[slug].archive:
            shelving.link(ledger.shelf(slug), now)


def _relieved(draft: Draft, fit: Sequence[Standing], shelf: Shelf, now: int) -> Draft:
    """The feed without what went to its archive documents, as there is room for but `fit`."""
    entries = [(forecast.mark(one), one) for one in map(forecast.standing, draft.feed.entries)]
    room = {forecast.mark(one) for one in fit}
    gone = shelving.relieve(
        shelf,
        [(mark, one.published) for mark, one in entries],
        {mark for mark, _ in entries if mark not in room},
        {m for n, (m, one) in enumerate(entries) if n < fitting.PRESENT or one.id in draft.lately},
        now,
    )
    kept = [
        entry
        for entry, (mark, _) in zip(draft.feed.entries, entries, strict=True)
        if mark not in gone
    ]
    feed = draft.feed._replace(entries=tuple(kept), updated=max(entry.updated for entry in kept))
    lately = draft.lately & {entry.id for entry in kept}
    crowded = draft.crowded + len(draft.lately) - len(lately)
    return draft._replace(feed=editing.linked(feed, shelf), lately=lately, crowded=crowded)


class Written(NamedTuple):
    """What came of it."""

    slug: str
    documents: tuple[Document, ...]
    standing: tuple[Standing, ...]
    told: str
    inputs: str  # stands for what decided the bytes


def _rendered(drafts: Sequence[Draft]) -> list[Written]:
    """The documents of the feeds, by slug, each proof-read."""
    if not drafts:
        return []
    import feeds.formats.xml  # noqa: F401  before the workers are forked, so that each has it

    count = workers.cores() if len(drafts) > _FEW else 1
    return sorted(workers.spread(_written, drafts, count), key=lambda made: made.slug)


def _written(draft: Draft) -> Iterator[Written | None]:
    fitted = fitting.fit(*draft)
    for document in fitted.documents:
        yield None  # another process may wait to tell what it has written
        if faults := proof.read(document, fitted.feed):
            raise PublishError(proof.refusal(document, faults))
    standing = tuple(map(forecast.standing, fitted.feed.entries))
    yield Written(draft.feed.slug, fitted.documents, standing, fitted.told, _inputs(draft))

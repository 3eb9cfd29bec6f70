"""What articles said that stand in no feed, so that a feed of changes can tell of them too.

    seeds -> article.parse -> the words and the fingerprint of each -> register

An edit can be shown only to whom knows the text of before: so all articles are read once, when
such a feed is declared, and from then on those that are new or changed.  What was announced is
followed by `editing`; here is the rest.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from feeds import editing, identity, naming, recognition, revision, selection, workers
from feeds.model import Heading, SeedError, digest

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from feeds.article import Cleaning
    from feeds.catalogue import Catalogue
    from feeds.config import Config
    from feeds.model import Channel
    from feeds.register import Register

_EVER = 1 << 40  # seconds since the epoch: articles of the future are read as they come


class _Read(NamedTuple):
    """What one article says."""

    row: int
    says: str
    text: str


def learn(
    every: Sequence[Channel],
    catalogue: Catalogue,
    register: Register,
    config: Config,
    affected: Collection[Heading] | None,
    now: int,
    progress: Callable[[int, int], None],
) -> None:
    """Bring what the register knows of the articles of feeds of changes up to date.

    `affected` is as in `survey.Found`.
    """
    channels = [channel for channel in every if channel.shows == "changes"]
    asked = digest(*((c.source, c.rule) for c in channels)) if channels else ""
    if register.fact("memory") != asked:
        register.keep_fact("memory", asked)
        affected = None
    if not channels:
        return
    new = not catalogue.note("report")  # it can't tell what changed since the last build
    left = {identity.short(identity.key(heading)) for heading in catalogue.turnover.left()}
    rows = _rows(channels, catalogue, affected, left)
    keys = catalogue.keys(rows)
    marks = naming.marks({r: (h, keys.get(r)) for r, h in rows.items()}, register)
    kept = register.kept(marks.values())
    wanted = []
    for row, heading in rows.items():
        changed = new or identity.short(keys.get(row) or identity.key(heading)) in left
        announced, worded = kept.get(marks[row], (False, False))
        if not worded or (changed and not announced):
            wanted.append((row, heading))
    for read in _read(wanted, config, catalogue, progress):
        heading = rows[read.row]
        key = keys.get(read.row) or identity.key(heading)
        recognition.overhear(register, marks[read.row], key, heading, read.says, read.text, now)


def _rows(
    channels: Sequence[Channel],
    catalogue: Catalogue,
    affected: Collection[Heading] | None,
    left: Collection[int],
) -> Mapping[int, Heading]:
    """The articles of the channels: all there are, or those that `affected` and `left` name."""
    if affected is None:
        found = list(catalogue.newest(_EVER, "published", None, 1 << 30))
    else:
        own = {identity.short(identity.key(heading)) for heading in affected}
        found = [(row, heading) for row, heading, _ in catalogue.find(own | {*left})]
    takes = [(channel.source, selection.test(channel.rule)) for channel in channels]
    return {
        row: heading
        for row, heading in found
        if any(heading.within(source) and takes_it(heading) for source, takes_it in takes)
    }


def _read(
    wanted: Sequence[tuple[int, Heading]],
    config: Config,
    catalogue: Catalogue,
    progress: Callable[[int, int], None],
) -> Iterator[_Read]:
    if not wanted:
        return
    import feeds.article  # noqa: F401  before the workers are forked, so that each has it

    work = partial(_worded, config, editing.cleaning_of(config), revision.reading(config))
    processes = editing.hands((heading for _, heading in wanted), config)
    found: Iterator[_Read | tuple[int, SeedError]] = workers.spread(work, wanted, processes)
    for done, one in enumerate(found, 1):
        if isinstance(one, _Read):
            yield one
        else:
            catalogue.hold(*one)
        progress(done, len(wanted))


def _worded(
    config: Config,
    cleaning: Cleaning,
    reading: Callable[[Heading], str],
    task: tuple[int, Heading],
) -> Iterator[_Read | tuple[int, SeedError]]:
    row, heading = task
    try:
        article = editing.article_of(heading, config, cleaning)
    except SeedError as error:
        yield row, error
        return
    says = f"{revision.fingerprint(heading, article)} {reading(heading)}"
    yield _Read(row, says, revision.words(heading.title, article.content))

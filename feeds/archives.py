"""The archive documents of feeds, each made and written by one of several processes.

    shelf: what stands in which -> seeds -> article.parse -> entries -> documents -> out/

They are written before the feed names them, those that an article leaves for the feed after it, so
that it can be found at any time.  Each is known as soon as it is whole, and a build that is cut off
goes on where it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from feeds import (
    codings,
    editing,
    formats,
    identity,
    measuring,
    publisher,
    recognition,
    revision,
    workers,
)
from feeds.formats import proof
from feeds.model import VERSION, Measure, PublishError, SeedError, digest
from feeds.shelf import LATER
from feeds.shelving import locate

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Mapping, Sequence

    from feeds.article import Cleaning
    from feeds.catalogue import Catalogue
    from feeds.config import Config
    from feeds.ledger import Ledger
    from feeds.model import Article, Channel, Entry, Published
    from feeds.register import Account
    from feeds.shelf import Archive
    from feeds.shelving import Found

_STEP = 16  # documents after which the ledger is brought to the disk


class _Task(NamedTuple):
    archive: Archive
    previous: str  # names of its neighbours; "": there is none
    following: str
    members: tuple[tuple[str, Found, Account | None], ...]


class _Made(NamedTuple):
    """What a worker made of a task."""

    number: int  # of the archive document
    published: dict[str, Published]
    written: tuple[str, ...]
    accounts: tuple[Account, ...]
    texts: tuple[tuple[str, str], ...]  # marks, and the words of their articles
    held: tuple[tuple[int, SeedError], ...]
    notes: tuple[tuple[int, tuple[str, ...]], ...]
    media: tuple[str, ...]


class Built(NamedTuple):
    """What became of all of them."""

    published: dict[str, Published]
    written: tuple[str, ...]
    media: tuple[str, ...]  # pictures below the seed folder that any of their entries shows


def recipe(channel: Channel, config: Config) -> str:
    """Stands for all but seeds and ledger that decides what archive documents hold."""
    plain = channel._replace(limit=0, recent=0, max_size=0)
    return digest(
        VERSION, plain, config.site, config.content, config.sources, config.images.unwrap,
        config.publish,
    )  # fmt: skip


def folder(archive: str) -> str:
    """Where an archive document lies below its feed's folder."""
    return f"archive/{archive}"


def names(channel: Channel, archive: Archive, packed: Sequence[str]) -> list[str]:
    """The names of an archive document in each format, and precompressed in each coding."""
    documents = formats.names(channel._replace(slug=f"{channel.slug}/{folder(archive.name)}"))
    return [file for name in documents for file in codings.files(name, packed)]


def build(
    channel: Channel,
    config: Config,
    catalogue: Catalogue,
    ledger: Ledger,
    now: int,
    progress: Callable[[int, int], None],
    *,
    texts: bool,
    later: bool,
) -> Built:
    """Make the archive documents of a feed that have to be made, or those to be made `later`.

    Raises PublishError when one is not right or can't be written.
    """
    shelf = ledger.shelf(channel.slug)
    every = shelf.archives()
    wanted = recipe(channel, config)
    pending = [one for one in every if one.made != wanted and (one.made == LATER) is later]
    published: dict[str, Published] = {}
    written: list[str] = []
    while tasks := _tasks(channel, catalogue, ledger, now, every, pending):
        pending = []
        packed = config.publish.precompressed
        ledger.promise(
            [name for task in tasks.values() for name in names(channel, task.archive, packed)]
        )
        worker = _Worker(channel, config, catalogue, now, texts=texts)
        cores = workers.cores()
        count = cores + 1 if cores > 1 else 1  # one of them is always waiting for the disk
        for done, made in enumerate(workers.spread(worker, [*tasks.values()], count), 1):
            task = tasks[made.number]
            heirs = {row for row, error in made.held if catalogue.hold(row, error)}
            if heirs:  # another file of such an article takes its place: it is made once more
                pending.append(task.archive)
            done_by = task.archive.made if heirs else wanted
            shelf.put(task.archive._replace(made=done_by, media=made.media))
            shelf.drop(_lost(task, made, heirs))
            ledger.register.keep_all(made.accounts)
            for mark, text in made.texts:
                ledger.register.keep_text(mark, text)
            for row, notes in made.notes:
                catalogue.remark(row, notes)
            published |= made.published
            written += made.written
            ledger.add(made.published)
            if done % _STEP == 0:
                ledger.promise(())
            progress(done, len(tasks))
    media = {path for archive in shelf.archives() for path in archive.media}
    return Built(published, tuple(written), tuple(sorted(media)))


def _lost(task: _Task, made: _Made, heirs: Container[int]) -> list[str]:
    """The marks of articles that turned out to be none, and that no other file holds."""
    rows = {row for row, _ in made.held if row not in heirs}
    return [mark for mark, found, _ in task.members if found.row in rows]


def _tasks(
    channel: Channel,
    catalogue: Catalogue,
    ledger: Ledger,
    now: int,
    every: Sequence[Archive],
    pending: Sequence[Archive],
) -> dict[int, _Task]:
    """What has to be made, by the numbers of archive documents."""
    shelf, register = ledger.shelf(channel.slug), ledger.register
    if not pending:
        return {}
    members = {archive.number: shelf.members(archive.number) for archive in pending}
    marks = [mark for some in members.values() for mark in some]
    there = locate(marks, channel, catalogue, register, now)
    accounts = register.accounts_of(marks)
    shelf.drop(mark for mark in marks if mark not in there)
    at = {archive.number: n for n, archive in enumerate(every)}
    tasks = {}
    for archive in pending:
        n = at[archive.number]
        inside = (
            (mark, there[mark], accounts.get(mark))
            for mark in members[archive.number]
            if mark in there
        )
        tasks[archive.number] = _Task(
            archive,
            every[n - 1].name if n else "",
            every[n + 1].name if archive.following else "",
            tuple(inside),
        )
    return tasks


class _Worker:
    """Makes one archive document, in whichever process."""

    def __init__(
        self, channel: Channel, config: Config, catalogue: Catalogue, now: int, *, texts: bool
    ) -> None:
        import feeds.article
        import feeds.formats.xml  # noqa: F401

        self._channel = channel
        self._config = config
        self._now = now
        self._texts = texts
        self._cleaning: Cleaning = editing.cleaning_of(config)
        self._measures = catalogue.pictures.measures()
        self._reading = revision.reading(config)

    def __call__(self, task: _Task) -> Iterator[_Made]:
        """The document, written."""
        entries: list[tuple[Entry, str]] = []
        accounts, texts, held, notes = [], [], [], []
        media: set[str] = set()
        for mark, found, before in task.members:
            heading = found.heading.clipped(self._now)
            try:
                article = editing.article_of(heading, self._config, self._cleaning)
            except SeedError as error:
                held.append((found.row, error))
                continue
            key = found.shared or identity.key(heading)
            says = f"{revision.fingerprint(heading, article)} {self._reading(heading)}"
            after = recognition.after_reading(before, mark, key, heading, says, self._now)
            accounts.append(after)
            if self._texts:
                texts.append((mark, revision.words(heading.title, article.content)))
            if article.notes:
                notes.append((found.row, article.notes))
            media.update(p.file for p in article.pictures if p.file)
            entry = editing.entry_of(
                heading, after, article, self._channel, self._config, self._measured(article)
            )
            entries.append((entry, mark))
        try:
            published, written = self._written(task, entries)
        except OSError as error:
            raise publisher.failed(error, self._config.paths.out) from None
        yield _Made(
            task.archive.number, published, tuple(written), tuple(accounts), tuple(texts),
            tuple(held), tuple(notes), tuple(sorted(media)),
        )  # fmt: skip

    def _measured(self, article: Article) -> Mapping[str, Measure]:
        """What is known of the article's pictures; those beside the seeds are measured here."""
        for picture in article.pictures:
            if picture.file and picture.url not in self._measures:
                asked = measuring.asked_file(picture.file, self._config)
                self._measures[picture.url] = asked.measure
        return self._measures

    def _written(
        self, task: _Task, entries: list[tuple[Entry, str]]
    ) -> tuple[dict[str, Published], list[str]]:
        entries.sort(key=lambda one: (one[0].published, one[1]), reverse=True)
        feed = editing.feed_of(self._channel, tuple(e for e, _ in entries), self._config)
        below = folder(task.archive.name)
        feed = feed._replace(
            slug=f"{feed.slug}/{below}",
            home=f"{feed.home}{below}/",
            current=feed.home,
            previous=f"{feed.home}{folder(task.previous)}/" if task.previous else "",
            following=f"{feed.home}{folder(task.following)}/" if task.following else "",
            hubs=(),
            period=0,
        )
        published: dict[str, Published] = {}
        written: list[str] = []
        folders: set[str] = set()
        for document in formats.render(feed):
            if faults := proof.read(document, feed):
                raise PublishError(proof.refusal(document, faults))
            out = self._config.paths.out
            name = formats.placed(document.name, private=self._channel.private)
            bodies = {name: document.body}
            for coding in self._config.publish.precompressed:
                packed = codings.CODINGS[coding](document.body)
                bodies[f"{name}{codings.SUFFIXES[coding]}"] = packed
            for file, body in bodies.items():
                published[file], changed = publisher.put(out, file, body)
                if file != name:
                    published[file] = publisher.date(out, file, published[name], published[file])
                folders.update(changed)
                written.extend([file] if changed else [])
        for touched in sorted(folders):
            publisher.flush(touched)
        return published, written


def spoil(
    channel: Channel, ledger: Ledger, config: Config, before: Mapping[str, Published]
) -> None:
    """Have those made anew whose files are not as they were left."""
    out = config.paths.out
    shelf = ledger.shelf(channel.slug)
    for archive in shelf.archives():
        for name in names(channel, archive, config.publish.precompressed):
            if name not in before or not publisher.intact(out, name, before[name]):
                shelf.spoil(archive.number)
                break

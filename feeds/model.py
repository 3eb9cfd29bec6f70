"""The values that travel through a build, and the tree of errors that stop one.

    Seed -> Heading -> Article -> Entry -> Feed -> Document
    listed  indexed    parsed     +images  +window  bytes

Every value is a named tuple: frozen, quick to make, and quick to import, which a command that finds
nothing to do feels.  Every sequence is a tuple in its final order.  A `Heading` is made for every
seed and keeps its instants as whole seconds since 1970-01-01T00:00:00Z, cheap to store, compare
and sort; from `Entry` on, instants are aware `datetime`s in UTC.

    FeedsError
        ConfigError     the configuration can't be used: every fault, with its line
        SeedError       one seed can't be read as an article: it is held back, the others go on
        PictureError    one picture could not be measured: its entry goes on without the figures
        StateError      the folder of the program's own records can't be used
        BusyError       another build is at work on the same state
        PublishError    nothing was published: the last good documents stay
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import os
    from datetime import datetime


VERSION = "1.0.0"


def digest(*values: object) -> str:
    """Stands for values whose repr says all of them."""
    from hashlib import blake2b

    return blake2b(repr(values).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


class FeedsError(Exception):
    """Anything this package raises on purpose: str() says what, where, and what to do next."""


class ConfigError(FeedsError):
    """The configuration can't be used; `faults` holds every reason, in the order of the file."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class SeedError(FeedsError):
    """One seed can't be read as an article: a code of `problems.CODES`, and what was seen."""

    def __init__(self, code: str, detail: str = "", line: int = 0) -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail
        self.line = line


class PictureError(FeedsError):
    """One picture could not be measured; `gone` says that asking again is of little use."""

    def __init__(self, reason: str, *, gone: bool = False) -> None:
        super().__init__(reason)
        self.gone = gone


class StateError(FeedsError):
    """The state folder or a file in it can't be used."""


class BusyError(FeedsError):
    """Another build holds the state."""


class PublishError(FeedsError):
    """The documents were refused or could not be written; what was published before stays."""


def note(code: str, line: int = 0) -> str:
    """A code of `problems.CODES` with the line it belongs to, as headings and articles keep it."""
    return f"{code}:{line}" if line else code


# What the file system says of one version of a file, so that it differs whenever the file may:
# mtime and ctime in nanoseconds, size in bytes, inode.  ctime moves with every write, even with one
# that puts the mtime back.  A bare tuple, as one is made for every file at every build.
Stamp = tuple[int, int, int, int]
# What lies in one folder, by name: a file's stamp, or the code of the problem why it is no file.
Listing = dict[bytes, "Stamp | str"]


def stamp(status: os.stat_result) -> Stamp:
    """What differs whenever a file is another, or was written to."""
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino


class Heading(NamedTuple):
    """What the first KiB of a seed says of its article."""

    path: str  # of the seed, below the seed folder, with "/"
    title: str  # plain text
    link: str  # of the article at its source, absolute and in normal form; "" when it has none
    published: int  # seconds since the epoch
    updated: int  # seconds since the epoch, never earlier than `published`
    notes: tuple[str, ...] = ()  # what was repaired to understand it, each as `note` writes it
    beside: tuple[str, ...] = ()  # first-level folders of other files that hold the article

    @property
    def source(self) -> str:
        """The first-level folder the seed lies in; "" for a seed directly in the seed folder."""
        folder, slash, _ = self.path.partition("/")
        return folder if slash else ""

    def within(self, source: str | None) -> bool:
        """Whether one of the article's files lies in this source; every article is in None."""
        return source is None or source == self.source or source in self.beside

    def clipped(self, now: int) -> Heading:
        """The heading without an update of the future."""
        return self if self.updated <= now else self._replace(updated=self.published)


# A heading as the catalogue keeps it, without its folder: name, published, updated, ident (short
# form of its key), twin, title, link, notes with spaces between.  A bare tuple, as every seed has
# one.
Row = tuple[bytes, int, int, int, "int | None", str, str, str]


class Picture(NamedTuple):
    """A picture as an article shows it."""

    url: str  # absolute, in normal form: the very string that stands in the content
    alt: str = ""
    caption: str = ""
    width: int = 0  # pixels as the article states them; 0: not stated
    height: int = 0
    file: str = ""  # the picture's path below the seed folder, when it lies beside the seeds
    minor: bool = False  # looks like a tracker, an avatar, an icon or a rule


class Measure(NamedTuple):
    """What a picture's bytes say: 0 and "" stand for unknown."""

    media_type: str = ""
    length: int = 0  # bytes
    width: int = 0  # pixels
    height: int = 0
    gone: bool = False  # the address answers, but not with a picture


class Enclosure(NamedTuple):
    """A picture ready to stand in a feed."""

    url: str
    media_type: str  # application/octet-stream when unknown
    length: int = 0  # bytes; 0: unknown
    width: int = 0  # pixels; 0: unknown
    height: int = 0
    title: str = ""  # its caption, else its alternative text


class Article(NamedTuple):
    """What an author wrote, made safe and absolute."""

    content: str  # HTML that may stand in any page: no script, no relative address
    summary: str  # plain text
    digest: str  # of its words alone: the same however they are marked up
    authors: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    pictures: tuple[Picture, ...] = ()
    language: str = ""  # BCP 47; "" where the article does not say
    notes: tuple[str, ...] = ()  # as in a Heading
    lookups: tuple[str, ...] = ()  # files below the seed folder its references were tried on


class Entry(NamedTuple):
    """An article ready to appear in a feed."""

    id: str  # tag: URI (RFC 4151)
    title: str
    link: str  # "" for an article that has no page of its own
    published: datetime
    updated: datetime
    summary: str
    content: str
    authors: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    language: str = ""
    source: str = ""  # title of the source
    enclosures: tuple[Enclosure, ...] = ()  # the lead picture first
    path: str = ""  # of the seed


class Feed(NamedTuple):
    """One feed with the entries that stand in it, newest first: all that a format needs."""

    id: str
    slug: str  # its folder below the site
    title: str
    subtitle: str
    home: str  # URL of its folder, ends with "/"
    site: str  # URL of the folder that holds all feeds, ends with "/"
    site_title: str
    language: str
    author: str
    updated: datetime
    entries: tuple[Entry, ...]
    formats: tuple[str, ...]
    full: bool = True  # the whole content stands in the feed, not only the summary
    email: str = ""
    rights: str = ""
    icon: str = ""  # absolute URL of a square picture
    logo: str = ""  # absolute URL of a picture twice as wide as high
    previous: str = ""  # URL of the folder of the archive document with the entries before these
    following: str = ""  # the same for those after these
    current: str = ""  # in an archive document: URL of the folder of the feed itself
    hubs: tuple[str, ...] = ()  # WebSub hubs that tell of new entries
    period: int = 0  # seconds between two builds; 0: unknown


class Document(NamedTuple):
    """Bytes to publish at `name`, a path below the output folder."""

    name: str
    media_type: str
    body: bytes


class Standing(NamedTuple):
    """An entry as subscribers know it."""

    id: str
    title: str
    link: str
    published: int  # seconds since the epoch
    updated: int  # the same
    says: str = ""  # digest of its text, where that is known


class Published(NamedTuple):
    """A file of ours in the output folder, as it was left."""

    digest: str  # SHA-256 of its bytes
    size: int
    mtime: int  # nanoseconds


class Hint(NamedTuple):
    """What is known of a change in the seed folder, so that a build need not look everywhere."""

    folders: frozenset[bytes]  # paths below the seed folder of those in which something happened
    settled: int  # ns since the epoch: a file written later is still being written, and waits
    ahead: int  # ns: but not one written later than this, whose time was set by who knows whom


class Problem(NamedTuple):
    """Why a seed is held back from the feeds, or what was repaired to publish it."""

    code: str  # a key of `problems.CODES`
    path: str  # of the seed, below the seed folder
    detail: str = ""
    line: int = 0  # from 1; 0: the file as a whole


class Listed(NamedTuple):
    """A feed as the index page, the OPML and a report name it."""

    slug: str
    title: str
    subtitle: str
    home: str  # URL of its folder, ends with "/"
    language: str
    formats: tuple[str, ...]
    entries: int
    updated: datetime
    changed: tuple[str, ...] = ()  # names of its documents whose bytes are new


class Report(NamedTuple):
    """What one build found and did."""

    seeds: int = 0  # files that should be articles
    read: int = 0  # of these, read again because they are new or changed
    removed: int = 0  # known before, not there now
    held: tuple[Problem, ...] = ()
    repaired: tuple[Problem, ...] = ()
    waiting: int = 0  # articles dated in the future
    feeds: tuple[Listed, ...] = ()
    written: tuple[str, ...] = ()  # files below the output folder that are new or replaced
    deleted: tuple[str, ...] = ()  # files of ours that no feed needs any more
    measured: int = 0  # pictures whose figures are new
    unmeasured: tuple[str, ...] = ()  # pictures whose figures stay unknown, and why
    unasked: int = 0  # pictures that no build has asked for yet
    unsettled: int = 0  # seeds left as they were, as they are being written
    due: datetime | None = None  # when the feeds change next though no seed does
    seconds: float = 0.0
    notes: tuple[str, ...] = ()  # what else a person should know

    @property
    def unchanged(self) -> int:
        """Seeds that were not read, as nothing about them changed."""
        return self.seeds - self.read


class Rule(NamedTuple):
    """Which articles a feed takes: every condition that is given must hold.

    In a condition with several values, one of them is enough.
    """

    path: tuple[str, ...] = ()  # globs on the seed's path below the seed folder; "**" spans folders
    source: tuple[str, ...] = ()  # globs on the first-level folder
    host: tuple[str, ...] = ()  # globs on the host of the article's link
    title: tuple[str, ...] = ()  # words or phrases in the title; letter case does not count
    title_matches: tuple[str, ...] = ()  # regular expressions found in the title
    after: int | None = None  # published at or after this instant, in seconds since the epoch
    before: int | None = None  # published before it
    any: tuple[Rule, ...] = ()  # at least one of these holds
    all: tuple[Rule, ...] = ()  # all of these hold
    none: tuple[Rule, ...] = ()  # none of these holds ("not" in the configuration)


class Channel(NamedTuple):
    """One feed as declared: what it selects and what it says of itself."""

    slug: str
    title: str
    subtitle: str = ""
    limit: int = 50
    formats: tuple[str, ...] = ("atom", "rss", "json")
    full: bool = True
    order: str = "published"  # or "updated": what "newest" goes by
    language: str = ""
    author: str = ""
    pictures: str = "all"  # or "lead" or "none"
    recent: int = 0  # seconds; what arrived within them stands in it beyond the limit
    max_size: int = 1 << 60  # bytes that each of its documents may have
    archive: bool = False  # what leaves it goes on to stand in archive documents
    shows: str = "articles"  # or "changes": an entry for each edit and removal
    edits: str = "updated"  # what a real change does: or "silent" or "new"
    private: bool = False  # given out only to those who have a token
    source: str | None = None  # only articles of this first-level folder
    rule: Rule = Rule()

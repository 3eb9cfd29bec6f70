"""What `config.toml` may say: each table, each key with its meaning, its default and its checks.

Reading it, `feeds config show`, the file that `feeds init` writes and the documentation all follow
from what stands here.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

from feeds.schema import REQUIRED, key

if TYPE_CHECKING:
    from feeds.model import Rule

FORMATS = ("atom", "rss", "json")


class Site(NamedTuple):
    """What the feeds are published as."""

    title: str = key(REQUIRED, "the name of the whole, on the index page and in the OPML")
    url: str = key(REQUIRED, "where out/ is published; absolute", check="folder")
    description: str = key("", "one sentence for the index page")
    author: str = key("", "who stands as the author where an article names none; default: title")
    email: str = key(
        "", "the author's address; without it, feeds carry only the name",
        check="email",
    )  # fmt: skip
    language: str = key(
        "en", "of the feeds, and of articles that don't say (BCP 47)", check="language"
    )
    timezone: str = key("UTC", "of dates in articles that name no zone", check="zone")
    authority: str = key(
        "",
        "the domain in the ids of entries (RFC 4151); default: the host that url had at first",
        check="authority",
    )  # fmt: skip
    since: str = key(
        "2026", "a year or day on which the domain was yours; part of the ids. Never change it",
        check="since",
    )  # fmt: skip
    rights: str = key("", "a line on copyright for every feed")
    icon: str = key("", "absolute URL of a square picture", check="url")
    logo: str = key("", "absolute URL of a picture twice as wide as high", check="url")


class Paths(NamedTuple):
    """Where things lie, relative to this file."""

    seeds: str = key("seeds", "the articles", check="path")
    out: str = key("out", "the web root: everything in it is generated", check="path")
    state: str = key(".feeds", "the program's own records; must not lie in out", check="path")

    @property
    def catalogue(self) -> str:
        """What can be made again from the seeds."""
        return os.path.join(self.state, "catalogue.sqlite")

    @property
    def ledger(self) -> str:
        """What must not be lost."""
        return os.path.join(self.state, "ledger.sqlite")

    @property
    def lock(self) -> str:
        """Held by whoever is at work on both."""
        return os.path.join(self.state, "lock")


class Seeds(NamedTuple):
    """Which files are articles."""

    suffixes: tuple[str, ...] = key(
        (".md", ".markdown", ".html", ".htm", ".txt"), "the endings of article files",
        check="suffixes",
    )  # fmt: skip
    ignore: tuple[str, ...] = key(
        ("README*", "_*"), "names of files and folders to pass over, as globs; dot files always are"
    )
    follow_links: bool = key(False, "follow symbolic links that stay inside the seed folder")
    max_size: int = key(
        5 * 1024 * 1024, "an article may have so many bytes", reads="bytes", least=1024
    )


class Dates(NamedTuple):
    """How dates are settled."""

    missing: str = key(
        "hold", "an article without any date: hold it back, or use the mtime of its file",
        choices=("hold", "mtime"),
    )  # fmt: skip
    max_gap: int = key(
        366 * 86_400,
        "a note is made when an article was captured so long after it was published",
        reads="seconds",
    )


class Content(NamedTuple):
    """What is no part of an article."""

    boilerplate: tuple[str, ...] = key(
        ("获取更多RSS",),
        "regular expressions: a short block with such words is removed",
        check="patterns",
    )
    remove: tuple[str, ...] = key(
        (".jp-relatedposts", ".sharedaddy", ".sd-sharing", "#jp-post-flair", ".wpcnt",
         ".entry-meta", ".post-tags", ".entry-footer", ".likes-widget-placeholder"),
        "CSS selectors of elements to remove", check="selectors",
    )  # fmt: skip
    summary: int = key(300, "a summary has at most so many characters", least=40)


class Images(NamedTuple):
    """How pictures are named and measured."""

    measure: bool = key(True, "ask their servers for type, length and pixels")
    unwrap: bool = key(True, "name the origin of a picture instead of a proxy")
    allow_hosts: tuple[str, ...] = key(
        (), "hosts that may be asked though their address is private"
    )
    refresh: int = key(30 * 86_400, "measure again after so long", least=60, reads="seconds")
    timeout: int = key(10, "for one picture", least=1, reads="seconds")
    budget: int = key(
        30, "for all pictures of one build; the rest follows in the next", least=1, reads="seconds"
    )


class Schedule(NamedTuple):
    """When `feeds daemon` builds; `feeds generate` builds at once."""

    every: int = key(
        15 * 60, "build so often, and ask again for pictures", least=10, reads="seconds"
    )
    cron: str = key(
        "", "build at these times instead, in the site's time zone, such as 5 * * * *", check="cron"
    )
    jitter: int = key(
        0, "shift each time by up to so much, so that many hosts don't build at once",
        reads="seconds",
    )  # fmt: skip
    watch: str = key(
        "auto", "learn of changes from the system's events, or look; auto: as the disk allows",
        choices=("auto", "events", "look"),
    )  # fmt: skip
    settle: int = key(
        200, "wait until the files were quiet for so long", reads="milliseconds", least=10
    )
    rescan: int = key(
        5 * 60, "look through all seeds so often, whatever events tell", least=1, reads="seconds"
    )
    look: int = key(5, "where there are no events, look so often", least=1, reads="seconds")
    address: str = key(
        "", "where the daemon tells of its health and metrics, such as 127.0.0.1:9464",
        check="address",
    )  # fmt: skip


class Websub(NamedTuple):
    """Which hubs are told of new bytes (https://www.w3.org/TR/websub/)."""

    hubs: tuple[str, ...] = key((), "addresses of hubs", check="urls")


class Guard(NamedTuple):
    """When a build is refused, as it would show entries again or take them away."""

    share: int = key(
        20, "percent of a feed's entries that may be shown again or vanish", least=0, most=100
    )
    least: int = key(10, "so many entries of a feed never matter", least=0)


class Source(NamedTuple):
    """What is known of the articles in one first-level folder."""

    folder: str = key(REQUIRED, "the folder's name")
    title: str = key("", "its name for people; default: the folder's")
    slug: str = key("", "its name in addresses; default: made from the folder's", check="slug")
    language: str = key("", "of its articles, where they don't say", check="language")
    timezone: str = key("", "of its dates that name no zone", check="zone")
    encoding: str = key("", "of its files that are no UTF-8", check="encoding")
    author: str = key("", "of its articles, where they name none")
    trim: tuple[str, ...] = key((), "what its titles end with and is cut off")


class FeedTable(NamedTuple):
    """One feed; without any, there is one feed "all" of everything."""

    slug: str = key(REQUIRED, 'its folder in out; with each = "source" it holds "{source}"')
    title: str = key("", "its name; may hold \"{source}\"; default: the site's, or the source's")
    subtitle: str = key("", "one sentence about it")
    each: str = key("", "source: one feed for every first-level folder", choices=("", "source"))
    limit: int = key(50, "it holds at most so many entries", least=1)
    recent: int = key(
        2 * 86_400,
        "beyond the limit it holds all that arrived within this time, so that nobody misses any",
        reads="seconds",
    )
    max_size: int = key(
        1_000_000,
        "bytes of each document; when it would be larger, older entries become summaries",
        reads="bytes", least=20_000,
    )  # fmt: skip
    formats: tuple[str, ...] = key(FORMATS, "atom, rss, json", choices=FORMATS)
    content: str = key("full", "the whole article, or its summary", choices=("full", "summary"))
    order: str = key(
        "published", "what is newest: by the date of publication or of the last update",
        choices=("published", "updated"),
    )  # fmt: skip
    language: str = key("", "default: the source's or the site's", check="language")
    author: str = key("", "default: the source's or the site's")
    pictures: str = key("all", "which pictures become enclosures", choices=("all", "lead", "none"))
    archive: bool = key(
        False, "what leaves it goes on to stand in archive documents (RFC 5005), linked to it"
    )
    shows: str = key(
        "articles",
        "its entries are articles; or changes: what was edited in them, word by word, and removals",
        choices=("articles", "changes"),
    )
    edits: str = key(
        "updated",
        "an article whose words, link or lead picture changed: gets a new update instant, or"
        " silently none, or becomes a new entry",
        choices=("updated", "silent", "new"),
    )
    include: tuple[Rule, ...] | None = key(
        None,
        'only articles for which this holds, or one of a list: { title = ["word"] };'
        " also path, source, host, title_matches, after, before, any, all, not",
        reads="rules",
    )
    private: bool = key(False, "only for subscribers with a token, from `feeds serve`")
    exclude: tuple[Rule, ...] | None = key(
        None,
        'no article for which this holds, or one of a list: { path = "drafts/**" }',
        reads="rules",
    )


class Publish(NamedTuple):
    """What is published beside the documents."""

    precompressed: tuple[str, ...] = key(
        (), "gzip, br, zstd: every document also as .gz, .br, .zst, for a server that sends those",
        choices=("gzip", "br", "zstd"),
    )  # fmt: skip


class Serve(NamedTuple):
    """How `feeds serve` gives out what is published."""

    host: str = key(
        "127.0.0.1", "the address it listens on; 0.0.0.0: every one of this machine", check="host"
    )
    port: int = key(8000, "the port", least=1, most=65_535)
    trusted: tuple[str, ...] = key(
        (), "proxies whose X-Forwarded-For is believed, such as 127.0.0.1 or 10.0.0.0/8",
        check="networks",
    )  # fmt: skip
    log: str = key("access.log", 'the access log, in the state folder; "-": stdout; "": none')
    log_format: str = key("combined", "of its lines", choices=("combined", "common", "json"))
    log_size: int = key(
        32 << 20, "a larger log becomes log.1, and a new one begins", reads="bytes", least=1024
    )
    memory: int = key(
        32 << 20, "files may take so much memory; others are read when asked for", reads="bytes",
        least=1 << 20,
    )  # fmt: skip
    limit: int = key(
        0, "who fetches a whole feed more often than this, without asking for what is new, is told"
        " to wait (429); 0: no one is", reads="seconds",
    )  # fmt: skip


class Moved(NamedTuple):
    """What lay at another address before, or is gone."""

    path: str = key(REQUIRED, "where it was, below url: a feed's slug, or one file", check="place")
    to: str = key(
        "", "where it is now: another path, or an absolute address; not set: gone for good",
        check="destination",
    )  # fmt: skip
    status: int = key(301, "301, which every reader follows, or 308", choices=(301, 308))


TABLES: dict[str, type[Any]] = {
    "site": Site,
    "paths": Paths,
    "seeds": Seeds,
    "dates": Dates,
    "content": Content,
    "images": Images,
    "guard": Guard,
    "schedule": Schedule,
    "websub": Websub,
    "source": Source,  # [[source]]
    "feed": FeedTable,  # [[feed]]
    "publish": Publish,
    "serve": Serve,
    "moved": Moved,  # [[moved]]
}
LISTS = ("source", "feed", "moved")
PLURAL = {"source": "sources", "feed": "feeds", "moved": "moved"}  # as `Config` names them

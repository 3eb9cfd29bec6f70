"""`config.toml` -> one frozen `Config`, or every fault at once with key, line and near miss.

The only door to tomllib.  The tables below are the schema: reading, `feeds config show`, the
file that `feeds init` writes and the documentation all follow from them.
"""

from __future__ import annotations

import os
import re
import tomllib
from typing import Any, NamedTuple

from feeds import urls
from feeds.model import Channel, ConfigError, Rule, digest
from feeds.schema import (
    REQUIRED,
    SLUG,
    Reader,
    documented,
    key,
    keys,
    made,
    near,
    toml,
)  # fmt: skip

NAME = "config.toml"
FORMATS = ("atom", "rss", "json")
_RESERVED = ("media", "feeds.opml", "index.html", "style.css")


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
        "the domain in the ids of entries (RFC 4151); default: the host of url. Never change it",
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
    formats: tuple[str, ...] = key(FORMATS, "atom, rss, json", choices=FORMATS)
    content: str = key("full", "the whole article, or its summary", choices=("full", "summary"))
    order: str = key(
        "published", "what is newest: by the date of publication or of the last update",
        choices=("published", "updated"),
    )  # fmt: skip
    language: str = key("", "default: the source's or the site's", check="language")
    author: str = key("", "default: the source's or the site's")
    pictures: str = key("all", "which pictures become enclosures", choices=("all", "lead", "none"))
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

    host: str = key("127.0.0.1", "the address it listens on; 0.0.0.0: every one of this machine")
    port: int = key(8000, "the port", least=1)
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

    path: str = key(REQUIRED, "where it was, below url: a feed's slug, or one file")
    to: str = key(
        "", "where it is now: another path, or an absolute address; not set: gone for good"
    )
    status: int = key(301, "301, which every reader follows, or 308", choices=(301, 308))


class Config(NamedTuple):
    """Everything the configuration says, with absolute paths."""

    path: str  # of config.toml
    site: Site
    paths: Paths
    seeds: Seeds
    dates: Dates
    content: Content
    images: Images
    schedule: Schedule
    websub: Websub
    sources: tuple[Source, ...]
    feeds: tuple[FeedTable, ...]
    publish: Publish
    serve: Serve
    moved: tuple[Moved, ...]

    def source(self, folder: str) -> Source:
        """What is known of a first-level folder, with what the site says filled in."""
        from feeds.text import line  # not needed where nothing changed

        site = self.site
        found = next((s for s in self.sources if s.folder == folder), made(Source, folder=folder))
        return found._replace(
            title=found.title or line(folder) or site.title,
            slug=found.slug or slug_of(folder),
            language=found.language or site.language,
            timezone=found.timezone or site.timezone,
        )

    def channel(self, table: FeedTable, source: Source | None = None) -> Channel:
        """The feed that a table declares; for `each = "source"`, the one of `source`."""
        site = self.site
        title = table.title
        if source is None:
            named = table.slug
            title = title or (site.title if table.slug == "all" else f"{site.title}: {table.slug}")
        else:
            named = table.slug.replace("{source}", source.slug)
            title = title.replace("{source}", source.title) if title else source.title
        include = Rule(any=table.include) if table.include else Rule()
        return Channel(
            slug=named,
            title=title,
            subtitle=table.subtitle.replace("{source}", source.title if source else ""),
            limit=table.limit,
            formats=tuple(name for name in FORMATS if name in table.formats),
            full=table.content == "full",
            order=table.order,
            language=table.language or (source.language if source else site.language),
            author=table.author or (source.author if source else "") or site.author or site.title,
            pictures=table.pictures,
            private=table.private,
            source=source.folder if source else None,
            rule=Rule(all=(include,), none=table.exclude or ()),
        )


TABLES: dict[str, type[Any]] = {
    "site": Site,
    "paths": Paths,
    "seeds": Seeds,
    "dates": Dates,
    "content": Content,
    "images": Images,
    "schedule": Schedule,
    "websub": Websub,
    "source": Source,  # [[source]]
    "feed": FeedTable,  # [[feed]]
    "publish": Publish,
    "serve": Serve,
    "moved": Moved,  # [[moved]]
}
LISTS = ("source", "feed", "moved")
_PLURAL = {"source": "sources", "feed": "feeds", "moved": "moved"}  # as `Config` names them


def slug_of(folder: str) -> str:
    """A folder's name as part of an address: letters of any script, digits, "-", "." and "_"."""
    slug = re.sub(r"[^\w.-]+", "-", folder).strip("-._")
    return slug if slug and slug not in _RESERVED else f"source-{digest(folder)[:8]}"


def load(path: str) -> Config:
    """The configuration in the file at `path`.

    Raises ConfigError with all faults when it can't be read or says anything that can't be used.
    """
    shown = os.path.relpath(path) if not os.path.relpath(path).startswith("..") else path
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except FileNotFoundError:
        raise ConfigError((
            f"{shown}: there is no such file; `feeds init` writes one, --config names another",
        )) from None  # fmt: skip
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError((f"{shown}: it can't be read: {error}",)) from None
    return parse(text, path, shown)


def state_of(path: str) -> str:
    """The state folder that the file at `path` names, though the rest of it may be wrong."""
    try:
        with open(path, "rb") as file:
            named = tomllib.load(file).get("paths", {}).get("state")
    except (OSError, ValueError, AttributeError):
        named = None
    state = named if isinstance(named, str) and named else Paths._field_defaults["state"].default
    return os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(path)), state))


def parse(text: str, path: str, shown: str = NAME) -> Config:
    """The configuration that `text` states, for a file at `path`; raises as `load` does."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError((f"{shown}: it is no TOML: {error}",)) from None
    reader = Reader(shown, text, LISTS)
    read: dict[str, Any] = {}
    for name in tables:
        if name not in TABLES:
            reader.fault((name,), f"[{name}]: unknown table{near(name, TABLES)}")
    for name, kind in TABLES.items():
        given = tables.get(name)
        if name in LISTS:
            read[name] = reader.tables(name, kind, given)
        else:
            read[name] = reader.table((name,), kind, given or {})
    config = Config(
        path=os.path.abspath(path),
        sources=read.pop("source"),
        feeds=read.pop("feed") or (made(FeedTable, slug="all"),),
        **read,
    )
    _judge(config, reader)
    if reader.faults:
        raise ConfigError(tuple(said for _, said in sorted(reader.faults, key=lambda f: f[0])))
    return _settled(config)


def _settled(config: Config) -> Config:
    """The configuration with absolute paths and an absolute, closed URL."""
    home = os.path.dirname(config.path)
    paths = Paths(*(os.path.normpath(os.path.join(home, path)) for path in config.paths))
    url = urls.normal(config.site.url)
    hubs = tuple(dict.fromkeys(urls.normal(hub) for hub in config.websub.hubs))
    authority = config.site.authority or url.split("/")[2].partition(":")[0]
    site = config.site._replace(url=url if url.endswith("/") else f"{url}/", authority=authority)
    serve = config.serve
    if serve.log not in {"", "-"}:
        serve = serve._replace(log=os.path.normpath(os.path.join(paths.state, serve.log)))
    return config._replace(paths=paths, site=site, websub=Websub(hubs), serve=serve)


def _judge(config: Config, reader: Reader) -> None:
    """Find the faults that no key has by itself."""
    slugs: dict[str, int] = {}
    for number, table in enumerate(config.feeds):
        where = ("feed", number, "slug")
        bare = table.slug.replace("{source}", "source") if table.each else table.slug
        if not table.slug:
            continue
        if table.each and "{source}" not in table.slug:
            reader.fault(where, 'slug: with each = "source" it must hold "{source}"')
        elif not SLUG.match(bare):
            reader.fault(where, f"slug: {table.slug!r} may hold letters, digits, '-', '_' and '.'")
        elif table.slug in _RESERVED:
            reader.fault(where, f"slug: {table.slug!r} is the name of something else in out")
        elif table.slug in slugs:
            reader.fault(where, f"slug: {table.slug!r} is the slug of another feed already")
        slugs.setdefault(table.slug, number)
    folders: set[str] = set()
    for number, source in enumerate(config.sources):
        if source.folder in folders:
            reader.fault(
                ("source", number, "folder"), f"folder: {source.folder!r} stands here twice"
            )
        if source.slug in _RESERVED:
            where = ("source", number, "slug")
            reader.fault(where, f"slug: {source.slug!r} is the name of something else in out")
        folders.add(source.folder)
    home = os.path.dirname(config.path)
    seeds, out, state = (
        os.path.normpath(os.path.join(home, p))
        for p in (config.paths.seeds, config.paths.out, config.paths.state)
    )
    for one, other, said in (
        (out, seeds, "out: it lies in the seed folder, so feeds would read their own output"),
        (seeds, out, "seeds: they lie in out, which is cleared of what no feed needs"),
        (state, out, "state: it lies in out, so it would be published"),
    ):
        if f"{one}{os.sep}".startswith(f"{other}{os.sep}"):
            reader.fault(("paths", said.partition(":")[0]), said)


def effective(config: Config) -> str:
    """The whole configuration as TOML, with every default filled in."""
    parts: list[str] = []
    for name, kind in TABLES.items():
        if name in LISTS:
            tables = getattr(config, _PLURAL[name])
            parts.extend(f"[[{name}]]\n{''.join(keys(kind, table))}" for table in tables)
        else:
            parts.append(f"[{name}]\n{''.join(keys(kind, getattr(config, name)))}")
    return "\n".join(parts)


def as_tables(config: Config) -> dict[str, Any]:
    """The whole configuration as plain values, for machines."""
    tables: dict[str, Any] = {}
    for name in TABLES:
        if name in LISTS:
            listed = getattr(config, _PLURAL[name])
            tables[name] = [table._asdict() for table in listed]
        else:
            tables[name] = getattr(config, name)._asdict()
    return tables


def template(title: str, url: str, language: str, timezone: str, since: str) -> str:
    """A starting config.toml: every key with its meaning, those that keep their default set off."""
    given = {"title": title, "url": url, "language": language, "timezone": timezone, "since": since}
    head = (
        "# Configuration of feeds. Keys behind a # have their default.\n"
        "# `feeds config check` finds mistakes; `feeds config show --effective` shows all values.\n"
    )
    parts = [head]
    for name, kind in TABLES.items():
        listed = name in LISTS
        header = f"[[{name}]]" if listed else f"[{name}]"
        parts.append(f"\n# {kind.__doc__}\n{'# ' if listed else ''}{header}\n")
        for key_name, default, meaning in documented(kind):
            value = given.get(key_name) if name == "site" else None
            example = default or '"…"'
            line = (
                f"{key_name} = {toml(value)}" if value is not None else f"# {key_name} = {example}"
            )
            parts.append(f"{line:<40}  # {meaning}\n")
    return "".join(parts)

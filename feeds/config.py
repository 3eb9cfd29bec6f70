"""`config.toml` -> one frozen `Config`, or every fault at once with key, line and near miss.

The only door to tomllib.
"""

from __future__ import annotations

import os
import re
import tomllib
from functools import lru_cache
from typing import Any, NamedTuple

from feeds import model, urls
from feeds.checks import SLUG, near
from feeds.model import Channel, ConfigError, Rule, digest
from feeds.schema import Reader, documented, keys, made, toml
from feeds.tables import (
    FORMATS,
    LISTS,
    PLURAL,
    TABLES,
    Content,
    Dates,
    FeedTable,
    Guard,
    Images,
    Moved,
    Paths,
    Publish,
    Schedule,
    Seeds,
    Serve,
    Site,
    Source,
    Websub,
)

SAMPLE = "https://example.org/feeds/"  # the url that `feeds init` writes: nobody's
NAME = "config.toml"
_RESERVED = ("media", "feeds.opml", "index.html", "style.css")


class Config(NamedTuple):
    """Everything the configuration says, with absolute paths."""

    path: str  # of config.toml
    site: Site
    paths: Paths
    seeds: Seeds
    dates: Dates
    content: Content
    images: Images
    guard: Guard
    schedule: Schedule
    websub: Websub
    sources: tuple[Source, ...]
    feeds: tuple[FeedTable, ...]
    publish: Publish
    serve: Serve
    moved: tuple[Moved, ...]
    named: bool = False  # the authority is stated, not taken from the host of the site's url

    def source(self, folder: str) -> Source:
        """What is known of a first-level folder, with what the site says filled in."""
        return _source(folder, self.sources, self.site)

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
            recent=table.recent,
            max_size=table.max_size,
            archive=table.archive and table.shows == "articles",
            shows=table.shows,
            edits=table.edits,
            private=table.private,
            source=source.folder if source else None,
            rule=Rule(all=(include,), none=table.exclude or ()),
        )


@lru_cache  # asked for every article, more than once
def _source(folder: str, sources: tuple[Source, ...], site: Site) -> Source:
    from feeds.text import line  # not needed where nothing changed

    found = next((s for s in sources if s.folder == folder), made(Source, folder=folder))
    return found._replace(
        title=found.title or line(folder) or site.title,
        slug=found.slug or slug_of(folder),
        language=found.language or site.language,
        timezone=found.timezone or site.timezone,
    )


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
        text = text_of(path)
    except FileNotFoundError:
        raise ConfigError((
            f"{shown}: there is no such file; `feeds init` writes one, --config names another",
        )) from None  # fmt: skip
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError((f"{shown}: it can't be read: {error}",)) from None
    return parse(text, path, shown)


def text_of(path: str) -> str:
    """What the file at `path` says, without the mark that Windows puts at its beginning."""
    with open(path, encoding="utf-8-sig") as file:
        return file.read()


def stamp(path: str) -> tuple[int, ...]:
    """What differs whenever the file may; () when there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return ()
    return model.stamp(status)


def state_of(path: str) -> str:
    """The state folder that the file at `path` names, though the rest of it may be wrong."""
    try:
        named = tomllib.loads(text_of(path)).get("paths", {}).get("state")
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
    named = bool(config.site.authority)
    return config._replace(paths=paths, site=site, websub=Websub(hubs), serve=serve, named=named)


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
    for number, moved in enumerate(config.moved):
        if _circles(moved, config):
            said = (
                f"to: {moved.path!r} moves to {moved.to!r}, which leads back to it; follow the rows"
            )
            reader.fault(("moved", number, "to"), said)
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
        if f"{one}{os.sep}".startswith(f"{other.rstrip(os.sep)}{os.sep}"):
            reader.fault(("paths", said.partition(":")[0]), said)


def _circles(moved: Moved, config: Config) -> bool:
    """Whether who follows the redirects from here never arrives."""
    url = f"{urls.normal(config.site.url).rstrip('/')}/"
    place = moved.path.strip("/")
    for _ in range(len(config.moved) + 1):
        row = next((m for m in config.moved if _within(place, m.path.strip("/"))), None)
        if row is None or not row.to:
            return False
        to = urls.normal(row.to).removeprefix(url) if "://" in row.to else row.to
        if "://" in to:
            return False
        place = f"{to.strip('/')}{place[len(row.path.strip('/')) :]}"
    return True


def _within(place: str, folder: str) -> bool:
    return f"{place}/".startswith(f"{folder}/")


def effective(config: Config) -> str:
    """The whole configuration as TOML, with every default filled in."""
    parts: list[str] = []
    for name, kind in TABLES.items():
        if name in LISTS:
            tables = getattr(config, PLURAL[name])
            parts.extend(f"[[{name}]]\n{''.join(keys(kind, table))}" for table in tables)
        else:
            table = getattr(config, name)
            if name == "site" and not config.named:
                table = table._replace(authority="")  # where it is said, it is followed
            parts.append(f"[{name}]\n{''.join(keys(kind, table))}")
    return "\n".join(parts)


def as_tables(config: Config) -> dict[str, Any]:
    """The whole configuration as plain values, for machines."""
    tables: dict[str, Any] = {}
    for name in TABLES:
        if name in LISTS:
            listed = getattr(config, PLURAL[name])
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

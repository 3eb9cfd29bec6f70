"""Which articles stand in which feed: rules over headings, and windows over their order."""

from __future__ import annotations

import re
from fnmatch import translate
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from feeds import identity

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from feeds.model import Channel, Heading, Rule


def window(channel: Channel, newest: Iterable[tuple[int, Heading]]) -> list[tuple[int, Heading]]:
    """The first articles in `newest` that the channel takes, at most `channel.limit`."""
    found = []
    takes = test(channel.rule)
    for row, heading in newest:
        if takes(heading):
            found.append((row, heading))
            if len(found) == channel.limit:
                break
    return found


class Recent(NamedTuple):
    """An article that arrived lately, or really changed."""

    row: int
    heading: Heading
    arrived: int  # seconds since the epoch
    changed: int  # the same; 0: it did not


def lately(channel: Channel, recent: Iterable[Recent], now: int) -> list[tuple[int, Heading, int]]:
    """Those that stand in the channel whatever its limit, each with the instant that ends this.

    A changed article counts as arrived where a change makes it a new entry, and where it may stand
    in an archive document, which hardly any reader would look into again; not where a change is to
    go unnoticed.
    """
    takes = test(channel.rule)
    found = []
    for row, heading, arrived, changed in recent:
        edited = channel.edits == "new" or (channel.archive and channel.edits != "silent")
        end = channel.recent + (max(arrived, changed) if edited else arrived)
        if heading.published <= now < end and heading.within(channel.source) and takes(heading):
            found.append((row, heading, end))
    return found


def latest(late: Collection[tuple[int, Heading, int]], most: int) -> list[tuple[int, Heading, int]]:
    """At most so many of what `lately` found: those that arrived last, and of these the newest."""
    if len(late) <= most:
        return list(late)
    return sorted(late, key=lambda one: (-one[2], -one[1].published, one[1].path))[:most]


def merged(
    channel: Channel, window: list[tuple[int, Heading]], more: Iterable[tuple[int, Heading]]
) -> list[tuple[int, Heading]]:
    """A window with more articles, in the channel's order, each once."""
    rows = {row for row, _ in window}
    added = [one for one in more if one[0] not in rows]
    if not added:
        return window

    def order(one: tuple[int, Heading]) -> tuple[int, int, int, str]:
        heading = one[1]
        dates = (-heading.published, -heading.updated)
        ident = identity.short(identity.key(heading))
        first, second = dates if channel.order == "published" else dates[::-1]
        return first, second, ident, heading.path

    return sorted((*window, *added), key=order)


def touched(channels: Iterable[Channel], affected: Iterable[Heading]) -> Iterator[Channel]:
    """The channels that one of the headings stands in, stood in, or may stand in."""
    headings = tuple(affected)
    for channel in channels:
        takes = test(channel.rule)
        if any(heading.within(channel.source) and takes(heading) for heading in headings):
            yield channel


def test(rule: Rule) -> Callable[[Heading], bool]:
    """The rule as a test of one heading."""
    tests = list(_tests(rule))
    if len(tests) == 1:
        return tests[0]
    return lambda heading: all(holds(heading) for holds in tests)


def _tests(rule: Rule) -> Iterator[Callable[[Heading], bool]]:
    if rule.source:
        sources = _globs(rule.source)
        yield lambda heading: bool(sources(heading.source))
    if rule.path:
        paths = _globs(rule.path)
        yield lambda heading: bool(paths(heading.path))
    if rule.host:
        hosts = _globs(tuple(host.lower() for host in rule.host))
        yield lambda heading: bool(hosts(_host(heading.link)))
    if rule.title:
        phrases = tuple(phrase.casefold() for phrase in rule.title)
        yield lambda heading: any(phrase in heading.title.casefold() for phrase in phrases)
    if rule.title_matches:
        patterns = [re.compile(pattern) for pattern in rule.title_matches]
        yield lambda heading: any(pattern.search(heading.title) for pattern in patterns)
    if (after := rule.after) is not None:
        yield lambda heading: heading.published >= after
    if (before := rule.before) is not None:
        yield lambda heading: heading.published < before
    if rule.all:
        every = [test(part) for part in rule.all]
        yield lambda heading: all(holds(heading) for holds in every)
    if rule.any:
        some = [test(part) for part in rule.any]
        yield lambda heading: any(holds(heading) for holds in some)
    if rule.none:
        against = [test(part) for part in rule.none]
        yield lambda heading: not any(holds(heading) for holds in against)


def _host(link: str) -> str:
    return link.partition("://")[2].partition("/")[0].partition(":")[0]


@lru_cache
def _globs(globs: tuple[str, ...]) -> Callable[[str], object]:
    return re.compile("|".join(map(_glob, globs))).match


def _glob(glob: str) -> str:
    """A glob as a regular expression: `*` and `?` stop at a "/", `**` spans folders."""
    parts = re.split(r"(\*\*/?|[*?])", glob)
    written = {"**": ".*", "**/": "(?:.*/)?", "*": "[^/]*", "?": "[^/]"}
    return "".join(written.get(part) or _class(part) for part in parts) + r"\Z"


def _class(glob: str) -> str:
    """What stands between wildcards, without the frame that `translate` puts around it."""
    found = re.fullmatch(r"\(\?s:(.*)\)\\[zZ]", translate(glob), re.DOTALL)  # z from Python 3.14 on
    assert found is not None
    return found[1]

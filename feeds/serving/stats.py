"""What an access log tells a publisher: who reads each feed, how politely, and what it costs.

Works on whatever requests `feeds.serving.logs` reads.  What clients state of themselves is believed
within limits.  The only door to prometheus_client.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from feeds.serving.access import Hit

SITE = "(site)"  # what belongs to no feed: the index, the stylesheet, what is not there
SHARES = (200, 226, 304, 429)
_DOCUMENTS = ("atom.xml", "rss.xml", "feed.json")
_GIVEN = {200, 206, 226, 304}  # statuses that only what is there is answered with
# A whole number and the word, as aggregators write it; that in "App/5.0 RSS Reader" is none.
_SUBSCRIBERS = re.compile(
    r"(?<![\w.,/-])(\d{1,3}(?:[,.]\d{3}){1,2}|\d{1,7})\s(?:subscribers?|readers)\b"
    r"|\bsubscribers?[=:]\s?(\d{1,7})\b",
    re.IGNORECASE | re.ASCII,
)
_CROWD = 10_000_000  # no aggregator has so many subscribers to one feed
_FEED_ID = re.compile(r"\b(?:feed-?id|id)[=:]\s?([\w-]+)", re.IGNORECASE)
_PRODUCT = re.compile(r"\s*([^\s/(;]+(?:\s[A-Z][\w.-]*)*)")
_HASTE = 300  # seconds; who asks more often than this, in the median, is called hasty
_ENOUGH = 5  # requests for one document, before a client is judged
_WORST = 20  # clients that are told of
_NAMED = 100  # programs that are told of by name: anyone can make up another
_OTHERS = "(others)"


class FeedUse(NamedTuple):
    """How one feed is read."""

    feed: str  # slug; `SITE` for what belongs to none
    requests: int
    statuses: dict[int, int]
    sent: int  # bytes
    saved: int  # bytes that a 304, a 226 or a content coding did not have to send
    readers: dict[str, int]  # clients by the name of their program
    subscribers: int  # as aggregators state them, each with its latest figure
    aggregators: dict[str, int]

    def share(self, status: int) -> float:
        """The part of its requests that were answered so."""
        return self.statuses.get(status, 0) / self.requests if self.requests else 0.0


class Rude(NamedTuple):
    """A client that costs more than it need."""

    client: str
    agent: str
    path: str
    requests: int
    sent: int
    faults: tuple[str, ...]


class Use(NamedTuple):
    """What a log tells."""

    requests: int
    begin: int  # seconds since the epoch; 0 where there are no requests
    end: int
    unread: int  # lines that are none of an access log
    feeds: tuple[FeedUse, ...]
    rude: tuple[Rude, ...]  # the costliest first


def gather(hits: Iterable[Hit | None], known: Collection[str] = ()) -> Use:
    """What the requests of a log tell; None stands for a line that was none.

    A feed has a slug in `known`, or was given out at least once: anyone can ask for anything.
    """
    by_slug: defaultdict[str, list[Hit]] = defaultdict(list)
    unread = 0
    for hit in hits:
        if hit is None:
            unread += 1
        elif hit.method in {"GET", "HEAD"}:
            by_slug[slug_of(hit.path)].append(hit)
    every = [hit for found in by_slug.values() for hit in found]
    by_feed: defaultdict[str, list[Hit]] = defaultdict(list)
    for slug, found in by_slug.items():
        there = slug in known or any(hit.status in _GIVEN for hit in found)
        by_feed[slug if there else SITE].extend(found)
    times = [hit.time for hit in every]
    return Use(
        len(every),
        min(times, default=0),
        max(times, default=0),
        unread,
        tuple(
            _feed(slug, by_feed[slug])
            for slug in sorted(by_feed, key=lambda slug: (slug == SITE, -len(by_feed[slug]), slug))
        ),
        tuple(_rude(every)),
    )


def slug_of(path: str) -> str:
    """The slug of the feed to which a path leads; the token of a private feed is passed over."""
    parts = unquote(path.partition("?")[0]).strip("/").split("/")
    parts = [part for part in parts if not part.startswith("~")]
    if len(parts) < 2:
        return SITE
    if parts[-1] in {*_DOCUMENTS, "index.html"} or parts[-2] == "archive":
        return parts[-3] if parts[-2] == "archive" and len(parts) > 2 else parts[-2]
    return SITE


def _feed(slug: str, hits: list[Hit]) -> FeedUse:
    aggregators: dict[tuple[str, str], tuple[int, int]] = {}
    clients: defaultdict[str, set[str]] = defaultdict(set)
    for hit in hits:
        name = reader_of(hit.agent)
        clients[name].add(hit.client)
        count = subscribers_of(hit.agent) if hit.status in _GIVEN else None
        if count is not None:
            feed = _FEED_ID.search(hit.agent)
            key = (name, feed[1] if feed else hit.path.partition("?")[0])
            aggregators[key] = max(aggregators.get(key, (0, 0)), (hit.time, count))
    stated: Counter[str] = Counter()
    for (name, _), (_, count) in aggregators.items():
        stated[name] += count
    readers = Counter({name: len(clients[name]) for name in sorted(clients)})
    return FeedUse(
        slug,
        len(hits),
        dict(sorted(Counter(hit.status for hit in hits).items())),
        sum(hit.sent for hit in hits),
        _saved(hits),
        _named(readers),
        sum(stated.values()),
        _named(stated),
    )


def _named(counts: Counter[str]) -> dict[str, int]:
    """The largest counts by name, and what the others have together."""
    named = dict(counts.most_common(_NAMED))
    if len(counts) > _NAMED:
        named[_OTHERS] = counts.total() - sum(named.values())
    return named


def _saved(hits: list[Hit]) -> int:
    """Bytes that whole documents, as this server sent them, would have had more."""
    full: defaultdict[str, list[int]] = defaultdict(list)
    for hit in hits:
        if hit.status == 200 and hit.method == "GET":
            full[hit.path.partition("?")[0]].append(hit.sent)
    saved = 0
    for hit in hits:
        sizes = full.get(hit.path.partition("?")[0])
        if hit.status == 200 and hit.whole and hit.method == "GET":
            saved += max(0, hit.whole - hit.sent)
        elif hit.status in {226, 304}:
            saved += max(0, (hit.whole or (round(median(sizes)) if sizes else 0)) - hit.sent)
    return saved


def reader_of(agent: str) -> str:
    """The name of the program, without its version."""
    if (known := re.search(r"compatible; ([^;/)]+)", agent)) and agent.startswith("Mozilla"):
        return known[1].strip()
    found = _PRODUCT.match(agent)
    return found[1] if found else "(not stated)"


def subscribers_of(agent: str) -> int | None:
    """How many subscribers an aggregator says it asks for; None where it says nothing."""
    found = _SUBSCRIBERS.search(agent)
    if not found:
        return None
    count = int(re.sub(r"\D", "", found[1] or found[2]))
    return count if count < _CROWD else None


def _rude(hits: Iterable[Hit]) -> Iterator[Rude]:
    asked: defaultdict[tuple[str, str, str], list[Hit]] = defaultdict(list)
    for hit in hits:
        asked[hit.client, hit.agent, hit.path.partition("?")[0]].append(hit)
    found = []
    for (client, agent, path), those in asked.items():
        faults = tuple(_faults(sorted(those, key=lambda hit: hit.time)))
        if faults:
            sent = sum(hit.sent for hit in those)
            found.append(Rude(client, agent, path, len(those), sent, faults))
    yield from sorted(found, key=lambda rude: (-rude.sent, -rude.requests, rude[:3]))[:_WORST]


def _faults(hits: list[Hit]) -> Iterator[str]:
    """What one client does wrong with one document, in words."""
    statuses = Counter(hit.status for hit in hits)
    whole = [hit for hit in hits if hit.status == 200 and hit.method == "GET"]
    if len(hits) >= _ENOUGH and hits[0].path.partition("?")[0].endswith(_DOCUMENTS):
        if whole and not statuses[304] and not statuses[226]:
            again = sum(
                1 for a, b in pairwise(whole) if a.sent == b.sent and b.conditional is not True
            )
            if again >= _ENOUGH - 1:
                yield f"fetched the whole document {again} times although it had not changed"
        gap = median(b.time - a.time for a, b in pairwise(hits))
        if gap < _HASTE:
            yield f"asks every {gap:.0f} s"
        plain = sum(1 for hit in whole if hit.whole > 1024 and hit.sent >= hit.whole)
        if plain >= _ENOUGH:
            yield f"took no compression {plain} times"
    for status, said in (
        (410, "asks for what is gone"), (301, "does not follow for good to where it moved"),
        (308, "does not follow for good to where it moved"), (429, "does not heed Retry-After"),
        (404, "asks for what is not there"),
    ):  # fmt: skip
        if statuses[status] >= _ENOUGH:
            yield f"{said} ({statuses[status]} times {status})"


def lines(use: Use) -> Iterator[str]:
    """The same for a person."""
    days = f" in {(use.end - use.begin) / 86_400:.1f} days"
    yield f"{use.requests:,} requests{days}" if use.requests else "no requests"
    if use.unread:
        yield (
            f"{use.unread:,} lines could not be read: they have none of the formats combined,"
            " common, json (ours) and Caddy's"
        )
    if not use.requests:
        return
    yield ""
    width = max(len("feed"), *(len(feed.feed) for feed in use.feeds))
    yield (
        f"{'feed':{width}} {'requests':>9} {'200':>5} {'226':>5} {'304':>5} {'429':>5}"
        f" {'sent':>9} {'saved':>9}  subscribers"
    )
    for feed in use.feeds:
        shares = " ".join(f"{feed.share(status):5.0%}" for status in SHARES)
        yield (
            f"{feed.feed:{width}} {feed.requests:9,} {shares} {_bytes(feed.sent):>9}"
            f" {_bytes(feed.saved):>9}  {feed.subscribers or ''}".rstrip()
        )
    for feed in use.feeds:
        readers = ", ".join(f"{name} {count}" for name, count in list(feed.readers.items())[:8])
        yield ""
        yield f"{feed.feed}: read with {readers}"
        if feed.aggregators:
            told = ", ".join(f"{name} {count}" for name, count in feed.aggregators.items())
            yield f"{' ' * len(feed.feed)}  subscribers stated by {told}"
    if use.rude:
        yield ""
        yield "clients that cost more than they need"
    for rude in use.rude:
        yield f"{rude.client}  {rude.agent or '(no User-Agent)'}"
        yield f"    {rude.path}: {rude.requests} requests, {_bytes(rude.sent)}"
        yield from (f"    {fault}" for fault in rude.faults)


def _bytes(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def metrics(use: Use) -> str:
    """The same in the text format of Prometheus."""
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

    def told() -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "feeds_http_requests", "Requests by feed and status.", labels=("feed", "status")
        )
        sent = CounterMetricFamily("feeds_http_sent_bytes", "Bytes of bodies.", labels=("feed",))
        saved = CounterMetricFamily(
            "feeds_http_saved_bytes", "Bytes that 304, 226 and codings saved.", labels=("feed",)
        )
        clients = GaugeMetricFamily(
            "feeds_http_clients", "Clients by program.", labels=("feed", "reader")
        )
        subscribers = GaugeMetricFamily(
            "feeds_http_subscribers", "Subscribers as aggregators state them.",
            labels=("feed", "aggregator"),
        )  # fmt: skip
        rude = GaugeMetricFamily(
            "feeds_http_costly_clients", "Clients that cost more than they need."
        )
        unread = GaugeMetricFamily("feeds_http_unread_lines", "Lines that could not be read.")
        for feed in use.feeds:
            for status, count in feed.statuses.items():
                requests.add_metric((feed.feed, str(status)), count)
            sent.add_metric((feed.feed,), feed.sent)
            saved.add_metric((feed.feed,), feed.saved)
            for name, count in feed.readers.items():
                clients.add_metric((feed.feed, name), count)
            for name, count in feed.aggregators.items():
                subscribers.add_metric((feed.feed, name), count)
        rude.add_metric((), len(use.rude))
        unread.add_metric((), use.unread)
        yield from (requests, sent, saved, clients, subscribers, rude, unread)

    class Told:
        """What the registry asks."""

        collect = staticmethod(told)

    registry = CollectorRegistry()
    registry.register(Told())
    return generate_latest(registry).decode()

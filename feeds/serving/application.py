"""The site as a WSGI application (PEP 3333): what joins the pure answers to a server.

Answers are kept with the version of the file they were made from: the same request, which from feed
readers is the rule, costs two look-ups.
"""

from __future__ import annotations

import io
import os
import re
import threading
import time
from collections import OrderedDict
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from feeds.model import StateError, stamp
from feeds.serving import access, answers, folder, routes, tokens
from feeds.serving.client import Clients, household
from feeds.serving.limiter import Door, Limiter
from feeds.serving.site import LOOK, Rules, Site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import BinaryIO

    from feeds.config import Config
    from feeds.serving.answers import Answer
    from feeds.serving.site import Resource

    Environ = dict[str, Any]
    Start = Callable[[str, list[tuple[str, str]]], object]

# What an answer depends on besides the file, and what WSGI calls it.
_NAMES = (
    "if-none-match", "accept-encoding", "accept", "if-modified-since", "a-im", "range", "if-range",
    "if-match", "if-unmodified-since",
)  # fmt: skip
_KEY = ("REQUEST_METHOD", *(f"HTTP_{name.upper().replace('-', '_')}" for name in _NAMES))
_A_IM, _TAGS, _DATE = map(_KEY.index, ("HTTP_A_IM", "HTTP_IF_NONE_MATCH", "HTTP_IF_MODIFIED_SINCE"))
# What the log tells besides.
_REST = (
    "REMOTE_ADDR", "HTTP_X_FORWARDED_FOR", "PATH_INFO", "QUERY_STRING", "SERVER_PROTOCOL",
    "HTTP_USER_AGENT", "HTTP_REFERER",
)  # fmt: skip
_LONG = 1024  # characters of headers beyond which an answer is not kept
# A body that is given to the server at once is copied for each client, until it has read it; a
# larger one is sent in pieces, which takes a thread for as long.
_LARGE = 1 << 19
_PIECE = 1 << 16
_PLACES, _SHARE = 8, 4  # large bodies that are sent at once, to all clients and to one
# A library that asks for deltas on behalf of programs that may know nothing of them: rss2email
# takes a 226 for a failure.  A program that names itself is taken at its word.
_DEAF = ("feedparser/",)
_OFFERED = 4096  # deltas of which it is remembered to whom they were sent
_SAID = 512  # characters of a header that the log repeats
_LATER = (("Retry-After", "60"),)
_PATHS = 4096  # paths whose files are known
# What Host may be (RFC 9110 §7.2, RFC 3986 §3.2.2), but for a comma, which joins two of them.
_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+;=%-]+)(?::[0-9]*)?")
_PROTOCOLS = {"HTTP/1": "HTTP/1.0"}  # which granian calls by another name


class Application:
    """One site, answering requests from several threads."""

    def __init__(self, config: Config, period: int) -> None:
        """`period` is the time between two builds, in seconds."""
        self.log = access.Log(self._line)
        self._lock = threading.Lock()
        self._door = Door(_PLACES, _SHARE)
        self._offered: OrderedDict[int, None] = OrderedDict()
        self.adopt(config, period)

    def adopt(self, config: Config, period: int) -> None:
        """Go by this configuration from now on; raises OSError when its log can't be written."""
        served, state = config.serve, config.paths.state
        self.log.open(served.log, served.log_format, served.log_size)
        rules = Rules(
            config.paths.out, os.path.join(state, "history"), period, served.memory,
            url=config.site.url,
        )  # fmt: skip
        self.site = Site(rules, time.monotonic)
        self._names: dict[str, str] = {}  # what lies at a path that was asked for
        self._base = urlsplit(config.site.url).path or "/"
        self._moved = config.moved
        self._clients = Clients(served.trusted)
        self._limiter = Limiter(served.limit)
        self._limited = bool(served.limit)
        self._retry = max(60, min(period, 3600))
        self._tokens = tokens.Register(os.path.join(state, "tokens.json"), LOOK)

    def __call__(self, environ: Environ, start: Start) -> Iterable[bytes]:
        """Answer one request."""
        path, subscriber = environ["PATH_INFO"], ""
        key = tuple(map(environ.get, _KEY))
        if key[_A_IM] is not None and not self._takes_deltas(environ):
            key = (*key[:_A_IM], None, *key[_A_IM + 1 :])
        name = self._names.get(path)
        resource = self.site.find(name) if name is not None else None
        answer = _refused(environ, path)
        if answer is None and resource is not None:
            answer = resource.memo.get(key)
        if answer is None:
            answer, resource, subscriber = self._answer(path, key)
        if answer.status == 226:
            self._remember_offer(environ)
        elif self._limited and answer.status == 200 and resource is not None:
            answer = self._patience(answer, environ, resource)
        body: Iterable[bytes] = [answer.body]
        if answer.streamed is not None or len(answer.body) > _LARGE:
            answer, body = self._in_pieces(answer, environ, path, key)
        if self.log.on:
            rest = tuple(map(environ.get, _REST))
            sent = len(answer.body) or answer.length
            self.log.add((key, rest, subscriber, answer.status, sent, answer.whole))
        start(str(answer.status), list(answer.headers))
        return body

    def _takes_deltas(self, environ: Environ) -> bool:
        """Whether a client that asks for deltas should be sent one.

        Who comes back with the tag of before has not taken the one that was sent, and must not be
        kept from what is new.
        """
        agent = environ.get("HTTP_USER_AGENT", "")
        return not agent.startswith(_DEAF) and _offer(environ) not in self._offered

    def _remember_offer(self, environ: Environ) -> None:
        self._offered[_offer(environ)] = None
        if len(self._offered) > _OFFERED:
            self._offered.popitem(last=False)

    def _answer(self, raw: str, key: tuple[str | None, ...]) -> tuple[Answer, Resource | None, str]:
        """The answer to a request that was not kept, the file it is about, and the subscriber."""
        path = "/" if raw == "*" else os.fsdecode(raw.encode("latin-1"))
        try:
            target = routes.target(path, self.site, self._base, self._moved, self._subscriber)
        except StateError:  # the operator was told; the subscriber comes back
            return answers.plain(503, "Try again later.", _LATER), None, ""
        resource = target.resource
        # What is public is answered otherwise at a subscriber's address: it is private there.
        shared = resource is not None and resource.private == bool(target.subscriber)
        answer = resource.memo.get(key) if resource is not None and shared else None
        if answer is None:
            answer = self._made(key, target, keep=shared)
        if resource is not None and not target.subscriber:
            if len(self._names) >= _PATHS:
                self._names.clear()
            self._names[raw] = target.name
        return answer, resource, target.subscriber

    def _made(self, key: tuple[str | None, ...], target: routes.Target, *, keep: bool) -> Answer:
        method, *stated = key
        assert method is not None
        headers = {
            name: value for name, value in zip(_NAMES, stated, strict=True) if value is not None
        }
        answer = routes.respond(method, headers, target, int(time.time()))
        if target.resource is not None:
            if keep and answer.lasting and sum(len(part) for part in key if part) < _LONG:
                target.resource.remember(key, answer)
            self.site.settle(target.resource)
        return answer

    def _subscriber(self, secret: str) -> str:
        return self._tokens.owner(secret, time.monotonic())

    def _patience(self, answer: Answer, environ: Environ, resource: Resource) -> Answer:
        conditional = "HTTP_IF_NONE_MATCH" in environ or "HTTP_IF_MODIFIED_SINCE" in environ
        if conditional or environ["REQUEST_METHOD"] != "GET" or not resource.about.feed:
            return answer
        client = (self._client(environ), environ.get("HTTP_USER_AGENT", ""), resource.name)
        with self._lock:
            wait = self._limiter.wait(client, time.monotonic())
        if not wait:
            return answer
        return answers.plain(
            429,
            "This feed was asked for too often without If-None-Match or If-Modified-Since.\n"
            "Please keep the ETag of an answer and send it with the next request.",
            (("Retry-After", str(max(wait, self._retry))),),
        )

    def _in_pieces(
        self, answer: Answer, environ: Environ, path: str, key: tuple[str | None, ...]
    ) -> tuple[Answer, Iterable[bytes]]:
        """A large body, as it is read while it is sent."""
        source: BinaryIO | None = None
        if answer.streamed is not None:
            answer, source = self._opened(answer, path, key)
        elif answer.body:
            source = io.BytesIO(answer.body)
        if source is None:
            return answer, [answer.body]
        client = household(self._client(environ))
        if not self._door.enter(client):
            source.close()
            busy = answers.plain(503, "Too many are reading large files.", (("Retry-After", "10"),))
            return busy, [busy.body]
        first, length = (0, len(answer.body)) if answer.body else (answer.first, answer.length)
        return answer, _Pieces(source, first, length, partial(self._door.leave, client))

    def _opened(
        self, answer: Answer, path: str, key: tuple[str | None, ...]
    ) -> tuple[Answer, BinaryIO | None]:
        """The file that is the body, in the version which the answer tells of."""
        for _ in range(2):
            resource = answer.streamed
            if resource is None:
                return answer, None
            file = folder.opened(self.site.rules.out, resource.name)
            if file is not None:
                if stamp(os.fstat(file)) == resource.stamp:
                    return answer, open(file, "rb")
                os.close(file)
            # It was replaced since it was looked at.
            self.site.look_again(resource)
            answer, _, _ = self._answer(path, key)
        if answer.streamed is None:
            return answer, None
        return answers.plain(503, "The file is being written.", (("Retry-After", "1"),)), None

    def _line(self, form: str, now: int, noted: tuple[Any, ...]) -> str:
        """The line of the log for a request."""
        key, rest, subscriber, status, sent, whole = noted
        address, forwarded, path, query, protocol, agent, referer = rest
        method = key[0]
        if method == "HEAD":
            sent = 0
        protocol = _PROTOCOLS.get(protocol, protocol)
        client = self._clients.address(address, forwarded)
        if not query:
            line = access.plain(
                form, now, client, subscriber, method, path, protocol, status, sent, agent, referer
            )
            if line:
                return line
        if not path.isascii():
            path = path.encode("latin-1").decode("utf-8", "backslashreplace")
        hit = access.Hit(
            now,
            client,
            method,
            access.masked(f"{path}?{query}" if query else path),
            status,
            sent,
            (agent or "")[:_SAID],
            access.masked(referer or "")[:_SAID],
            protocol,
            subscriber,
            whole,
            key[_TAGS] is not None or key[_DATE] is not None,
        )
        return access.written(hit, form)

    def _client(self, environ: Environ) -> str:
        return self._clients.address(environ["REMOTE_ADDR"], environ.get("HTTP_X_FORWARDED_FOR"))


def _offer(environ: Environ) -> int:
    """Stands for who asks for the difference between what and now."""
    names = (
        "PATH_INFO", "HTTP_IF_NONE_MATCH", "REMOTE_ADDR", "HTTP_X_FORWARDED_FOR", "HTTP_USER_AGENT",
    )  # fmt: skip
    return hash(tuple(map(environ.get, names)))


def _refused(environ: Environ, path: str) -> Answer | None:
    """The answer to a request that breaks the rules of HTTP, or is too long."""
    if not _names_host(environ.get("HTTP_HOST", ""), environ["SERVER_PROTOCOL"]):
        return answers.plain(400, "A request names its host, and only one.")
    if path[:1] != "/" and (path != "*" or environ["REQUEST_METHOD"] != "OPTIONS"):
        return answers.plain(400, "The path of a request begins with a slash.")
    if len(path) + len(environ["QUERY_STRING"]) > answers.LONGEST:
        return answers.plain(414, "The address is too long.")
    return None


@lru_cache(maxsize=64)
def _names_host(host: str, protocol: str) -> bool:
    """Whether Host is as this version of HTTP wants it (RFC 9112 §3.2)."""
    return bool(_HOST.fullmatch(host)) or (not host and protocol != "HTTP/1.1")


class _Pieces:
    """A body in pieces; its source is closed when they are sent or no longer wanted."""

    def __init__(
        self, source: BinaryIO, first: int, length: int, done: Callable[[], object]
    ) -> None:
        self._source = source
        self._source.seek(first)
        self._left = length
        self._done = done

    def __iter__(self) -> Iterator[bytes]:
        while piece := self._source.read(min(_PIECE, self._left)):
            self._left -= len(piece)
            yield piece

    def close(self) -> None:
        """Give the source and the place back."""
        if not self._source.closed:
            self._source.close()
            self._done()

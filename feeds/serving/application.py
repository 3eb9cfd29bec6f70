"""The site as a WSGI application (PEP 3333): what joins the pure answers to a server.

Answers are kept with the version of the file they were made from: the same request, which from feed
readers is the rule, costs two look-ups.
"""

from __future__ import annotations

import ipaddress
import os
import threading
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from feeds.model import StateError
from feeds.serving import access, answers, routes, tokens
from feeds.serving.limiter import Limiter
from feeds.serving.site import LOOK, Rules, Site, opened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from feeds.config import Config
    from feeds.serving.answers import Answer
    from feeds.serving.site import Resource

    Environ = dict[str, Any]
    Start = Callable[[str, list[tuple[str, str]]], object]

# The headers that an answer can depend on, and what WSGI calls them.
_NAMES = (
    "if-none-match", "accept-encoding", "accept", "if-modified-since", "a-im", "range", "if-range",
    "if-match", "if-unmodified-since",
)  # fmt: skip
_A_IM = _NAMES.index("a-im")
_KEYS = tuple(f"HTTP_{name.upper().replace('-', '_')}" for name in _NAMES)
_LONG = 1024  # characters of headers beyond which an answer is not kept
_STREAMS = 4  # large files that are sent at once
_BLOCK = 1 << 16
# A library that asks for deltas on behalf of programs that may know nothing of them: rss2email
# takes a 226 for a failure.  A program that names itself is taken at its word.
_DEAF = ("feedparser/",)
_OFFERED = 4096  # deltas of which it is remembered to whom they were sent
_SAID = 512  # characters of a header that the log repeats
_LATER = (("Retry-After", "60"),)
_PATHS = 4096  # paths whose files are known
_PROTOCOLS = {"HTTP/1": "HTTP/1.0"}  # which granian calls by another name


class Application:
    """One site, answering requests from several threads."""

    def __init__(self, config: Config, period: int) -> None:
        """`period` is the time between two builds, in seconds."""
        served, state = config.serve, config.paths.state
        rules = Rules(
            config.paths.out, os.path.join(state, "history"), period, served.memory,
            url=config.site.url,
        )  # fmt: skip
        self.site = Site(rules, time.monotonic)
        self.log = access.Log(served.log, served.log_format, served.log_size)
        self._base = urlsplit(config.site.url).path or "/"
        self._moved = config.moved
        self._trusted = tuple(ipaddress.ip_network(one, strict=False) for one in served.trusted)
        self._limiter = Limiter(served.limit)
        self._limited = bool(served.limit)
        self._retry = max(60, min(period, 3600))
        self._lock = threading.Lock()
        self._streams = threading.Semaphore(_STREAMS)
        self._tokens = tokens.Register(os.path.join(state, "tokens.json"), LOOK)
        self._offered: OrderedDict[int, None] = OrderedDict()
        self._names: dict[str, str] = {}  # what lies at a path that was asked for

    def __call__(self, environ: Environ, start: Start) -> Iterable[bytes]:
        """Answer one request."""
        method, raw = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        answer = _refused(environ)
        target = self._target(raw) if answer is None else routes.Target()
        resource = target.resource
        key = (method, *map(environ.get, _KEYS))
        if "HTTP_A_IM" in environ and not self._takes_deltas(environ):
            key = (*key[: _A_IM + 1], None, *key[_A_IM + 2 :])
        if answer is None and resource is not None:
            answer = resource.memo.get(key)
        if answer is None:
            answer = self._answer(key, target)
        if answer.status == 226:
            self._offered[_offer(environ)] = None
            if len(self._offered) > _OFFERED:
                self._offered.popitem(last=False)
        if self._limited and answer.status == 200 and resource is not None and resource.about.feed:
            answer = self._patience(answer, environ, target.name)
        body: Iterable[bytes] = [answer.body]
        if answer.streamed is not None:
            answer, body = self._streaming(answer, answer.streamed)
        if self.log.on:
            self._note(environ, target.subscriber, answer)
        start(str(answer.status), list(answer.headers))
        return body

    def _takes_deltas(self, environ: Environ) -> bool:
        """Whether a client that asks for deltas should be sent one.

        Who comes back with the tag of before has not taken the one that was sent, and must not be
        kept from what is new.
        """
        agent = environ.get("HTTP_USER_AGENT", "")
        return not agent.startswith(_DEAF) and _offer(environ) not in self._offered

    def _target(self, raw: str) -> routes.Target:
        known = self._names.get(raw)
        if known is not None and (resource := self.site.find(known)) is not None:
            return routes.Target(resource, None, known)
        path = "/" if raw == "*" else os.fsdecode(raw.encode("latin-1"))
        try:
            found = routes.target(path, self.site, self._base, self._moved, self._subscriber)
        except StateError:  # the operator was told; the subscriber comes back
            return routes.Target(answer=answers.plain(503, "Try again later.", _LATER))
        if found.resource is not None and not found.subscriber:
            if len(self._names) >= _PATHS:
                self._names.clear()
            self._names[raw] = found.name
        return found

    def _answer(self, key: tuple[str | None, ...], target: routes.Target) -> Answer:
        method, *stated = key
        assert method is not None
        headers = {
            name: value for name, value in zip(_NAMES, stated, strict=True) if value is not None
        }
        answer = routes.respond(method, headers, target, int(time.time()))
        short = sum(len(part) for part in key if part) < _LONG
        if target.resource is not None and answer.lasting and short:
            target.resource.remember(key, answer)
        return answer

    def _subscriber(self, secret: str) -> str:
        return self._tokens.owner(secret, time.monotonic())

    def _patience(self, answer: Answer, environ: Environ, name: str) -> Answer:
        if any(key in environ for key in ("HTTP_IF_NONE_MATCH", "HTTP_IF_MODIFIED_SINCE")):
            return answer
        client = (self._client(environ), environ.get("HTTP_USER_AGENT", ""), name)
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

    def _streaming(self, answer: Answer, resource: Resource) -> tuple[Answer, Iterable[bytes]]:
        """The body of a large file, read while it is sent."""
        if not self._streams.acquire(blocking=False):
            busy = answers.plain(503, "Too many large files at once.", (("Retry-After", "10"),))
            return busy, [busy.body]
        file = opened(self.site.rules.out, resource.path[len(self.site.rules.out) + 1 :])
        if file is None or os.fstat(file).st_size != resource.size:
            if file is not None:
                os.close(file)
            self._streams.release()
            again = answers.plain(503, "The file is being replaced.", (("Retry-After", "1"),))
            return again, [again.body]
        return answer, _Stream(file, answer.first, answer.length, self._streams.release)

    def _note(self, environ: Environ, subscriber: str, answer: Answer) -> None:
        get = environ.get
        path, query, method = (
            environ["PATH_INFO"],
            environ["QUERY_STRING"],
            environ["REQUEST_METHOD"],
        )
        if not path.isascii():
            path = path.encode("latin-1").decode("utf-8", "backslashreplace")
        if query:
            path = f"{path}?{query}"
        length = len(answer.body) if answer.streamed is None else answer.length
        self.log.add(access.Hit(
            int(time.time()),
            self._client(environ),
            method,
            access.masked(path),
            answer.status,
            0 if method == "HEAD" else length,
            get("HTTP_USER_AGENT", "")[:_SAID],
            access.masked(referer)[:_SAID] if (referer := get("HTTP_REFERER", "")) else "",
            _PROTOCOLS.get(environ["SERVER_PROTOCOL"], "HTTP/1.1"),
            subscriber,
            answer.whole,
            "HTTP_IF_NONE_MATCH" in environ or "HTTP_IF_MODIFIED_SINCE" in environ,
        ))  # fmt: skip

    def _client(self, environ: Environ) -> str:
        """The client's address; what a proxy says of it counts only from a trusted one."""
        address: str = environ["REMOTE_ADDR"]
        if not self._trusted:
            return address
        said = [part.strip() for part in environ.get("HTTP_X_FORWARDED_FOR", "").split(",")]
        for before in reversed([part for part in said if part]):
            if not self._trusts(address):
                break
            try:
                address = str(ipaddress.ip_address(before))
            except ValueError:
                break
        return address

    def _trusts(self, address: str) -> bool:
        try:
            given = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(given in network for network in self._trusted)


def _offer(environ: Environ) -> int:
    """Stands for who asks for the difference between what and now."""
    names = (
        "PATH_INFO", "HTTP_IF_NONE_MATCH", "REMOTE_ADDR", "HTTP_X_FORWARDED_FOR", "HTTP_USER_AGENT",
    )  # fmt: skip
    return hash(tuple(map(environ.get, names)))


def _refused(environ: Environ) -> Answer | None:
    """The answer to a request that breaks the rules of HTTP, or is too long."""
    host = environ.get("HTTP_HOST", "")
    if not host:
        if environ["SERVER_PROTOCOL"] == "HTTP/1.1":
            return answers.plain(400, "A request names its host.")
    elif "," in host:
        return answers.plain(400, "A request names one host.")
    if len(environ["PATH_INFO"]) + len(environ["QUERY_STRING"]) > answers.LONGEST:
        return answers.plain(414, "The address is too long.")
    return None


class _Stream:
    """The blocks of a file, which is closed when they are sent or no longer wanted."""

    def __init__(self, file: int, first: int, length: int, done: Callable[[], object]) -> None:
        self._file = open(file, "rb")  # noqa: SIM115
        self._file.seek(first)
        self._left = length
        self._done = done

    def __iter__(self) -> Iterator[bytes]:
        while block := self._file.read(min(_BLOCK, self._left)):
            self._left -= len(block)
            yield block

    def close(self) -> None:
        """Give the file and its place back."""
        if not self._file.closed:
            self._file.close()
            self._done()

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
_STREAMS = 4  # large files that are sent at once
_BLOCK = 1 << 16
# A library that asks for deltas on behalf of programs that may know nothing of them: rss2email
# takes a 226 for a failure.  A program that names itself is taken at its word.
_DEAF = ("feedparser/",)
_OFFERED = 4096  # deltas of which it is remembered to whom they were sent
_SAID = 512  # characters of a header that the log repeats
_PATHS = 4096  # paths whose files are known


class Application:
    """One site, answering requests from several threads."""

    def __init__(self, config: Config, period: int) -> None:
        """`period` is the time between two builds, in seconds."""
        self.log = access.Log(self._line)
        self._lock = threading.Lock()
        self._streams = threading.Semaphore(_STREAMS)
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
        self._trusted = tuple(ipaddress.ip_network(one, strict=False) for one in served.trusted)
        self._limiter = Limiter(served.limit)
        self._limited = bool(served.limit)
        self._retry = max(60, min(period, 3600))
        self._tokens_path = os.path.join(state, "tokens.json")
        self._tokens: tuple[tokens.Token, ...] = ()
        self._tokens_looked = float("-inf")

    def __call__(self, environ: Environ, start: Start) -> Iterable[bytes]:
        """Answer one request."""
        path, subscriber = environ["PATH_INFO"], ""
        key = tuple(map(environ.get, _KEY))
        if key[_A_IM] is not None and not self._takes_deltas(environ):
            key = (*key[:_A_IM], None, *key[_A_IM + 1 :])
        name = self._names.get(path)
        resource = self.site.find(name) if name is not None else None
        answer = _refused(environ)
        if answer is None and resource is not None:
            answer = resource.memo.get(key)
        if answer is None:
            answer, resource, subscriber = self._answer(path, key)
        if answer.status == 226:
            self._remember_offer(environ)
        elif self._limited and answer.status == 200 and resource is not None:
            answer = self._patience(answer, environ, resource)
        body: Iterable[bytes] = [answer.body]
        if answer.streamed is not None:
            answer, body = self._streaming(answer, answer.streamed)
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
        target = routes.target(path, self.site, self._base, self._moved, self._subscriber)
        resource = target.resource
        answer = resource.memo.get(key) if resource is not None else None
        if answer is None:
            answer = self._made(key, target)
        if resource is not None and not target.subscriber:
            if len(self._names) >= _PATHS:
                self._names.clear()
            self._names[raw] = target.name
        return answer, resource, target.subscriber

    def _made(self, key: tuple[str | None, ...], target: routes.Target) -> Answer:
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
        now = time.monotonic()
        if now - self._tokens_looked > LOOK:
            self._tokens = tokens.read(self._tokens_path)
            self._tokens_looked = now
        return tokens.owner(self._tokens, secret)

    def _patience(self, answer: Answer, environ: Environ, resource: Resource) -> Answer:
        conditional = "HTTP_IF_NONE_MATCH" in environ or "HTTP_IF_MODIFIED_SINCE" in environ
        if conditional or not resource.about.feed:
            return answer
        address = self._client(environ["REMOTE_ADDR"], environ.get("HTTP_X_FORWARDED_FOR"))
        client = (address, environ.get("HTTP_USER_AGENT", ""), resource.name)
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

    def _line(self, form: str, now: int, noted: tuple[Any, ...]) -> str:
        """The line of the log for a request."""
        key, rest, subscriber, status, sent, whole = noted
        address, forwarded, path, query, protocol, agent, referer = rest
        method = key[0]
        if method == "HEAD":
            sent = 0
        if not (query or forwarded):
            line = access.plain(
                form, now, address, subscriber, method, path, protocol, status, sent, agent, referer
            )
            if line:
                return line
        if not path.isascii():
            path = path.encode("latin-1").decode("utf-8", "backslashreplace")
        hit = access.Hit(
            now,
            self._client(address, forwarded),
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

    def _client(self, address: str, forwarded: str | None) -> str:
        """The client's address; what a proxy says of it counts only from a trusted one."""
        if not self._trusted:
            return address
        said = [part.strip() for part in (forwarded or "").split(",")]
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

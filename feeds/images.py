"""A picture's address -> what it measures, asked for over the network.

A door to requests.  A picture is asked for once, with one GET of its first bytes (RFC 9110 §14):
the answer's Content-Range tells the whole length, the bytes tell type and pixels.  HEAD is asked
only where that answer states no length.

An address in a seed may be anyone's trap, so the guard stands where it can't be talked round: it
looks at the very address a socket is about to be connected to, after redirects and look-ups.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import threading
import time
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from feeds.enclosures import HEAD, read
from feeds.model import Measure, PictureError
from feeds.urls import normal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import requests

_LENGTH = re.compile(r"\d{1,15}\Z", re.ASCII)
_RANGE = re.compile(r"bytes 0-\d+/(\d{1,15})\Z", re.ASCII)
_PULSE = 0.1  # seconds between two looks whether to go on


class Policy(NamedTuple):
    """How pictures may be asked for."""

    agent: str  # User-Agent
    allow_hosts: tuple[str, ...] = ()  # hosts that may have a private address
    timeout: float = 10.0  # seconds for one picture, redirects and all
    budget: float = 30.0  # seconds for all pictures of one build
    at_once: int = 8  # connections
    per_host: int = 2


def public(address: str) -> bool:
    """Whether an IP address is one of the public internet, also when wrapped in an IPv6 one."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo and ip.teredo[1])
        if ip in ipaddress.ip_network("64:ff9b::/96"):  # NAT64, RFC 6052
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)
        if inner:
            ip = inner
        elif ip not in ipaddress.ip_network("2000::/3"):  # what is global unicast, RFC 4291
            return False
    return ip.is_global and not ip.is_multicast


def measure(
    urls: Iterable[str],
    policy: Policy,
    hurry: Callable[[], bool] = lambda: False,
    progress: Callable[[], None] = lambda: None,
) -> Iterator[tuple[str, Measure | PictureError]]:
    """Ask for each picture; yield its measure, or why there is none, as the answers come in.

    Ends after `policy.budget` seconds at the latest, and soon when `hurry` says so; pictures not
    answered by then are not yielded.  `progress` is told at least ten times a second, and may raise
    to end it.  At most `policy.per_host` connections to one host are open at once.
    """
    lanes: SimpleQueue[list[str]] = SimpleQueue()
    waiting = 0
    for urls_of_host in _by_host(urls).values():
        waiting += len(urls_of_host)
        for lane in range(min(policy.per_host, len(urls_of_host))):
            lanes.put(urls_of_host[lane :: policy.per_host])
    answers: SimpleQueue[tuple[str, Measure | PictureError]] = SimpleQueue()
    end = time.monotonic() + policy.budget

    def work() -> None:
        while time.monotonic() < end:
            try:
                lane = lanes.get_nowait()
            except Empty:
                return
            for url in lane:
                if time.monotonic() >= end:
                    return
                answers.put((url, _answer(url, policy)))

    # Daemon threads, as a look-up of a host name can't be interrupted and must not hold up the end.
    for _ in range(min(policy.at_once, waiting)):
        threading.Thread(target=work, daemon=True).start()
    try:
        while waiting and not hurry() and (left := end - time.monotonic()) > 0:
            progress()
            try:
                yield answers.get(timeout=min(_PULSE, left))
            except Empty:
                continue
            waiting -= 1
        progress()
    finally:
        end = 0.0  # the threads stop after the picture they are at


def _by_host(urls: Iterable[str]) -> dict[str, list[str]]:
    hosts: dict[str, list[str]] = {}
    for url in urls:
        hosts.setdefault(urlsplit(url).netloc, []).append(url)
    return hosts


def _answer(url: str, policy: Policy) -> Measure | PictureError:
    try:
        return probe(url, policy)
    except PictureError as error:
        return error


def probe(url: str, policy: Policy) -> Measure:
    """What the picture at `url` measures; raises PictureError when that can't be told."""
    import requests  # 90 ms: only a build that measures pays for it
    import urllib3

    guard = _Guard(policy.allow_hosts)
    # No timeout of the socket ends an answer that drips a byte a second; the timer does.
    deadline = threading.Timer(policy.timeout, guard.cut)
    deadline.daemon = True
    deadline.start()
    try:
        with _session(guard, policy) as session:
            measure = _ask(session, url, policy)
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        if guard.late:
            raise PictureError(f"no whole answer within {policy.timeout:g} s") from None
        raise PictureError(guard.refused or _plainly(error)) from None
    finally:
        deadline.cancel()
    if guard.late:  # http.client takes headers that were cut short for all of them
        raise PictureError(f"no whole answer within {policy.timeout:g} s")
    return measure


def _ask(session: requests.Session, url: str, policy: Policy) -> Measure:
    headers = {"Range": f"bytes=0-{HEAD - 1}", "Accept-Encoding": "identity", "Accept": "image/*"}
    with _follow(session, "GET", url, headers, policy.timeout) as answer:
        head: bytes = answer.raw.read(HEAD, decode_content=False) or b""
        if answer.headers.get("Content-Encoding", "identity") != "identity":
            raise PictureError("the server compresses it unasked")
        if answer.status_code == 206:
            found = _RANGE.match(answer.headers.get("Content-Range", ""))
            length = int(found[1]) if found else 0
        else:
            length = _stated(answer)
        if len(head) < HEAD and length and len(head) != length:
            raise PictureError(f"{len(head)} of {length} bytes came")
        if not length and len(head) < HEAD:
            length = len(head)
    measure = read(head, length)
    if length:
        return measure
    with _follow(session, "HEAD", url, {"Accept-Encoding": "identity"}, policy.timeout) as answer:
        return measure._replace(length=_stated(answer))


def _follow(
    session: requests.Session, method: str, url: str, headers: dict[str, str], timeout: float
) -> requests.Response:
    """The answer behind at most five redirects.

    Followed here, as requests reads the whole body of each redirect, however long that is.
    """
    for _ in range(6):
        session.close()  # a new connection for each request: the server may have ended the last
        answer = session.request(
            method, url, headers=headers, stream=True, timeout=timeout, allow_redirects=False
        )
        if answer.status_code in (200, 206):
            return answer
        answer.close()
        if not answer.is_redirect:
            gone = answer.status_code in (404, 410)
            raise PictureError(f"the server answers {answer.status_code}", gone=gone)
        target = normal(answer.headers["Location"], url)
        if not target:
            raise PictureError(f"redirected to {answer.headers['Location'][:100]!r}")
        url = target
    raise PictureError("redirected more than five times")


def _stated(answer: requests.Response) -> int:
    """The length that the answer's headers state; 0 when they state none."""
    value = answer.headers.get("Content-Length")
    if value is None or "Transfer-Encoding" in answer.headers:
        return 0
    if not _LENGTH.match(value):
        raise PictureError(f"its server states a length of {value[:40]!r}")
    return int(value)


def _plainly(error: Exception) -> str:
    """The innermost reason, without the objects that requests and urllib3 print around it."""
    reason: BaseException = error
    while parts := [
        part
        for part in (getattr(reason, "reason", None), *reason.args)
        if isinstance(part, Exception)
    ]:
        reason = parts[0]
    said = re.sub(r"^(?:<[^>]*>|\w+\([^)]*\))[:,]? ?", "", str(reason))
    return said or type(reason).__name__


class _Guard:
    """Which addresses one probe may connect to, and the sockets it has open."""

    def __init__(self, allow_hosts: tuple[str, ...]) -> None:
        self.allow_hosts = allow_hosts
        self.refused = ""
        self.late = False
        self._sockets: list[socket.socket] = []

    def connect(self, host: str, port: int, timeout: float | None) -> socket.socket:
        """A socket to the first of the host's addresses that answers, if all of them are public."""
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
        if host not in self.allow_hosts:
            for *_, address in found:
                if not public(str(address[0])):
                    named = "" if host == address[0] else f" is {address[0]}, which"
                    self.refused = (
                        f"{host}{named} is no public address; allow_hosts in [images] allows it"
                    )
                    raise OSError(self.refused)
        failure: OSError = OSError(f"{host} has no address")
        for family, kind, protocol, _, address in found:
            sock = socket.socket(family, kind, protocol)
            self._sockets.append(sock)
            try:
                if timeout is not None:
                    sock.settimeout(timeout)
                sock.connect(address)
            except OSError as error:
                failure = error
                sock.close()
            else:
                return sock
        raise failure

    def cut(self) -> None:
        """End whatever is still being waited for."""
        self.late = True
        for sock in self._sockets:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # closed already


def _session(guard: _Guard, policy: Policy) -> requests.Session:
    """A session whose every connection goes through the guard."""
    import requests
    from requests.adapters import HTTPAdapter
    from urllib3.connection import HTTPConnection, HTTPSConnection
    from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
    from urllib3.exceptions import NewConnectionError

    def guarded(self: Any) -> socket.socket:
        try:
            timeout = self.timeout if isinstance(self.timeout, (int, float)) else policy.timeout
            return guard.connect(self._dns_host, self.port, timeout)
        except OSError as error:
            raise NewConnectionError(self, str(error)) from error

    plain = type("GuardedHTTP", (HTTPConnection,), {"_new_conn": guarded})
    secure = type("GuardedHTTPS", (HTTPSConnection,), {"_new_conn": guarded})
    pools = {
        "http": type("PlainPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
        "https": type("SecurePool", (HTTPSConnectionPool,), {"ConnectionCls": secure}),
    }

    class Adapter(HTTPAdapter):
        def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
            super().init_poolmanager(*arguments, **options)
            self.poolmanager.pool_classes_by_scheme = pools

    session = requests.Session()
    session.trust_env = False  # no proxy, no .netrc: nothing of this host's goes along
    session.headers["User-Agent"] = policy.agent
    session.headers["Connection"] = "close"
    session.mount("http://", Adapter())
    session.mount("https://", Adapter())
    return session

"""Where the daemon is asked how it fares: a socket in the state folder, an address if wanted.

/livez    200 while the process works, else 503: start it anew
/readyz   200 once the feeds were built and while builds succeed, else 503: look into it
/freshz   200 while the feeds agree with the seeds, as far as was last looked, else 503
/status   everything, as JSON
/metrics  the figures, for Prometheus
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from feeds.daemon.health import Health

SOCKET = "daemon.sock"  # in the state folder
_LONGEST = 100  # bytes of a socket's path that every system takes
_TIMEOUT = 10.0  # seconds
_MOST = 32  # connections to one place at once; a further one ends the oldest


class Figures:
    """The health as metrics, collected when asked."""

    def __init__(self, health: Health, clock: Callable[[], datetime]) -> None:
        self._health, self._clock = health, clock

    def collect(self) -> Iterator[Metric]:
        """Yield each metric with its value now."""
        state, now = self._health.state, self._clock()
        age = self._health.age(now)
        last = state.last
        builds = CounterMetricFamily(
            "feeds_builds", "Builds that ended, by outcome", labels=["outcome"]
        )
        for outcome in ("changed", "unchanged", "failed"):
            builds.add_metric([outcome], state.builds.get(outcome, 0))
        yield builds
        yield CounterMetricFamily("feeds_build_seconds", "Time all builds took", state.building)
        figures = {
            "feeds_up": ("Whether the last build succeeded", float(not self._health.ready())),
            "feeds_fresh": (
                "Whether the feeds agree with the seeds",
                float(not self._health.stale(now)),
            ),
            "feeds_config_last_reload_successful": (
                "Whether config.toml is in use",
                float(not state.refused),
            ),
            "feeds_events": ("Whether the system tells of changes", float(not state.events)),
            "feeds_failures": ("Builds that failed in a row", float(state.failures)),
            "feeds_queue": ("What calls for the next build", float(state.queue)),
            "feeds_hub_messages": ("Messages to hubs that wait", float(state.untold)),
            "feeds_start_time_seconds": ("When the daemon started", state.started.timestamp()),
        }
        if age is not None:
            figures["feeds_age_seconds"] = ("Time since the seeds were last looked at", age)
        if last is not None:
            report = last.report
            figures |= {
                "feeds_last_build_seconds": ("How long the last build took", last.seconds),
                "feeds_last_build_timestamp_seconds": ("When it ended", last.at.timestamp()),
                "feeds_seeds": ("Files that should be articles", float(report.seeds)),
                "feeds_held": ("Articles held back", float(len({p.path for p in report.held}))),
                "feeds_waiting": ("Articles dated in the future", float(report.waiting)),
                "feeds_pictures_unmeasured": (
                    "Pictures of unknown size",
                    float(len(report.unmeasured)),
                ),
            }
        for name, (meaning, value) in figures.items():
            yield GaugeMetricFamily(name, meaning, value)
        entries = GaugeMetricFamily("feeds_entries", "Entries in a feed", labels=["feed"])
        changed = GaugeMetricFamily(
            "feeds_changed_timestamp_seconds", "When a feed's bytes last changed", labels=["feed"]
        )
        for feed in last.report.feeds if last else ():
            entries.add_metric([feed.slug], feed.entries)
        for slug, moment in state.changed.items():
            changed.add_metric([slug], moment.timestamp())
        yield from (entries, changed)


class _Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD; the server holds what it needs."""

    server: _Server | _Local
    timeout = _TIMEOUT
    server_version = "feeds"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer a question."""
        status, kind, body = self.server.answer(self.path.partition("?")[0])
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815  the name that the library calls

    def log_message(self, *arguments: object) -> None:
        """Say nothing: who asks how we fare is no event."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    answer: Callable[[str], tuple[int, str, bytes]]

    def __init__(self, address: tuple[str, int]) -> None:
        self._connected: dict[Any, None] = {}  # the oldest first
        self._lock = threading.Lock()
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        """Bind, without asking the network for the name of this host."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "localhost", 0

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer on a thread; who connects and says nothing can't keep the others out."""
        with self._lock:
            oldest = next(iter(self._connected)) if len(self._connected) >= _MOST else None
            self._connected.pop(oldest, None)
            self._connected[request] = None
        if oldest is not None:
            with contextlib.suppress(OSError):
                oldest.shutdown(socket.SHUT_RDWR)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """End a connection."""
        with self._lock:
            self._connected.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a connection that broke is no event."""


class _Local(_Server):
    address_family = socket.AF_UNIX

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection, and give its nameless other end a name."""
        return self.socket.accept()[0], ("local", 0)


class Door:
    """Answers on threads of its own until it is closed."""

    def __init__(
        self,
        health: Health,
        state: str,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float],
        shown: Callable[[object], str],
    ) -> None:
        """Listen in the folder `state`; raises OSError."""
        self._health, self._clock, self._monotonic, self._shown = health, clock, monotonic, shown
        self._registry = CollectorRegistry()
        self._registry.register(Figures(health, clock))
        self._path = os.path.join(state, SOCKET)
        self._servers: list[_Server] = []
        if os.path.lexists(self._path):
            os.unlink(self._path)  # of a daemon that was killed: the lock is ours
        with _short(self._path) as path:
            self._open(_Local(path))  # type: ignore[arg-type]
        os.chmod(self._path, 0o600)
        self._inode = os.stat(self._path).st_ino

    def listen(self, address: str) -> None:
        """Listen at an address "host:port" too; raises OSError."""
        host, _, port = address.rpartition(":")
        try:
            self._open(_Server((host.strip("[]"), int(port))))
        except OSError as error:
            raise OSError(error.errno, f"{address}: {error.strerror}") from None

    def intact(self) -> bool:
        """Whether who asks in the state folder still finds us."""
        try:
            return os.stat(self._path).st_ino == self._inode
        except OSError:
            return False

    def _open(self, server: _Server) -> None:
        server.answer = self.answer
        self._servers.append(server)
        threading.Thread(target=server.serve_forever, name="door", daemon=True).start()

    def answer(self, path: str) -> tuple[int, str, bytes]:
        """The status, media type and body for a path."""
        plain = "text/plain; charset=utf-8"
        health, now = self._health, self._clock()
        checks: dict[str, Callable[[], str]] = {
            "/livez": lambda: health.live(self._monotonic()),
            "/readyz": health.ready,
            "/freshz": lambda: health.stale(now),
        }
        if path in checks:
            wrong = checks[path]()
            return 503 if wrong else 200, plain, f"{wrong or 'ok'}\n".encode()
        if path == "/metrics":
            return 200, CONTENT_TYPE_LATEST, generate_latest(self._registry)
        if path == "/status":
            told = {
                **health.state._asdict(),
                "schedule": health.upcoming(),
                "ready": health.ready(),
                "stale": health.stale(now),
            }
            return 200, "application/json", (self._shown(told) + "\n").encode()
        known = "/livez /readyz /freshz /status /metrics"
        return 404, plain, f"nothing is here; known are {known}\n".encode()

    def close(self) -> None:
        """Answer no more."""
        for server in self._servers:
            server.shutdown()
            server.server_close()
        if self.intact():  # and not another daemon's by now
            os.unlink(self._path)


def ask(state: str) -> dict[str, Any] | None:
    """The status of the daemon whose state folder this is; None when none answers."""
    path = os.path.join(state, SOCKET)
    try:
        with _short(path) as short, socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(_TIMEOUT)
            sock.connect(short)
            connection = http.client.HTTPConnection("localhost")
            connection.sock = sock
            connection.request("GET", "/status")
            return dict(json.loads(connection.getresponse().read()))
    except OSError:
        return None


@contextlib.contextmanager
def _short(path: str) -> Iterator[str]:
    """The path, or another to the same place that is short enough for a socket's address."""
    if len(os.fsencode(path)) <= _LONGEST:
        yield path
        return
    folder = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{os.path.basename(path)}"
    finally:
        os.close(folder)

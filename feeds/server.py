"""The web server: granian, with the site as its application.

The only door to granian, which does the sockets: a parent that holds the port, and one worker that
answers.  Neither outlives the process that started it, so a port is never held by an orphan.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from feeds import cadence
from feeds.config import effective
from feeds.model import FeedsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from feeds.config import Config
    from feeds.serving.application import Application

_HEADERS = 10_000  # milliseconds for the head of a request to arrive
_BUFFER = 32_768  # bytes that the head of a request may have
_WAITING = 4096  # connections that the kernel holds, and requests that wait for a thread
_THREADS = 10  # two answer; the others may be held by clients that read large files slowly
_STALLED = 30  # seconds after which a connection is closed whose client takes nothing
_DRAIN = 10  # seconds for answers to be read once the server is told to stop
_LOOK = 1.0  # seconds between two looks at the configuration
_DEATH = 1  # PR_SET_PDEATHSIG
_MMAP_THRESHOLD, _BLOCK = -3, 1 << 17  # an option of mallopt(3), and its value in bytes
_MASTER = ("LANG", "LC_ALL", "PATH", "TZ")  # what the worker keeps of its environment


class Server:
    """The server as a process of its own, for a program that looks after it."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Where it answers."""
        return address(self._config.serve.host, self._config.serve.port)

    def start(self, patience: float = 10.0) -> None:
        """Start it, and return once it answers.

        Raises FeedsError when the address is taken, or no answer comes within `patience` seconds.
        """
        _try(self._config.serve.host, self._config.serve.port)
        self._process = subprocess.Popen(  # noqa: S603
            [
                sys.executable, "-m", "feeds", "serve", "--quiet", "--config", self._config.path,
                "--parent", str(os.getpid()),
            ],
            stdin=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the program that looks after it
        )  # fmt: skip
        assert self._process.stdin is not None
        # What the program goes by, whatever the file says by now; who ended at once reads nothing.
        with suppress(BrokenPipeError), self._process.stdin as told:
            told.write(effective(self._config).encode())
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise FeedsError(
                    f"{self.address}: the server ended at once; its reason stands above"
                )
            if answers(self._config.serve.host, self._config.serve.port):
                return
            time.sleep(0.05)
        self.stop(1.0)
        raise FeedsError(f"{self.address}: the server did not answer within {patience:.0f} s")

    def alive(self) -> bool:
        """Whether it is running."""
        return self._process is not None and self._process.poll() is None

    def stop(self, timeout: float = _DRAIN + 2.0) -> None:
        """Let it finish its answers, and end it after `timeout` seconds whatever happens."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def address(host: str, port: int) -> str:
    """The URL of a server on this host and port."""
    named = f"[{host}]" if ":" in host else host
    return f"http://{named}:{port}/"


def answers(host: str, port: int) -> bool:
    """Whether something takes connections there."""
    try:
        with socket.create_connection((_reached(host), port), timeout=1):
            return True
    except OSError:
        return False


def _reached(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104


def serve(config: Config, parent: int, begun: Callable[[], None]) -> None:
    """Serve until told to stop by SIGTERM or SIGINT; with a parent, end when that ends.

    Without a parent, who would see to it, a changed configuration is taken over within a second,
    but for the address.  `begun` is called once the address is known to be free.  Raises FeedsError
    when it is taken or is none of this machine.
    """
    from granian import Granian
    from granian.constants import HTTPModes, Interfaces
    from granian.http import HTTP1Settings
    from granian.log import LogLevels

    if parent:
        _die_with(parent)
    host, port = _try(config.serve.host, config.serve.port)
    claim = _claim(host, port)
    begun()
    server: Any = Granian(
        "feeds.server:load",
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        workers=1,
        blocking_threads=_THREADS,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=_HEADERS, max_buffer_size=_BUFFER),
        backlog=_WAITING,
        backpressure=_WAITING,
        log_level=LogLevels.error,
        workers_kill_timeout=_DRAIN,
        websockets=False,
    )
    if hasattr(signal, "SIGHUP"):
        # granian would start a new worker, and lose whom the old one had not yet accepted.
        server.on_startup(partial(signal.signal, signal.SIGHUP, signal.SIG_IGN))
    loader = partial(load, config, os.getpid(), watch=not parent)
    with claim:
        server.serve(target_loader=loader, wrap_loader=False)


def load(settings: Config, parent: int, *, watch: bool) -> Application:
    """The application, in a worker of the process `parent`.

    With `watch` it goes by the configuration as its file is changed, but for the address.
    """
    from multiprocessing.util import Finalize

    from feeds.serving.application import Application

    _die_with(parent)
    _give_memory_back()
    threading.Thread(target=_give_up_stalled, daemon=True).start()
    # WSGI copies the environment into every request.
    for name in set(os.environ) - set(_MASTER):
        del os.environ[name]
    made = Application(settings, cadence.between_builds(settings.schedule))
    Finalize(None, made.log.flush, exitpriority=1)
    if watch:
        threading.Thread(target=_watch, args=(made, settings), daemon=True).start()
    return made


def served_by(settings: Config) -> tuple[object, ...]:
    """What the server goes by."""
    return settings.serve, settings.moved, settings.paths, settings.site.url, settings.schedule


def _watch(application: Application, settings: Config) -> None:
    """Let the application go by what the file of the settings says, whenever that can be used."""
    from feeds import config

    stamp: tuple[int, ...] = ()
    while True:
        time.sleep(_LOOK)
        before, stamp = stamp, config.stamp(settings.path)
        if stamp == before:
            continue
        try:
            found = config.load(settings.path)
            host, port = settings.serve.host, settings.serve.port
            found = found._replace(serve=found.serve._replace(host=host, port=port))
            if served_by(found) != served_by(settings):
                application.adopt(found, cadence.between_builds(found.schedule))
                settings = found
        except (FeedsError, OSError) as error:
            print(f"feeds: {error}\nfeeds: what it said before stays", file=sys.stderr)  # noqa: T201


def _try(host: str, port: int) -> tuple[str, int]:
    """The address in numbers, which granian asks for, once it is found out that it can be had."""
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with closing(socket.socket(family, kind, protocol)) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind(where)
    except (OSError, UnicodeError) as error:
        raise _taken(host, port, getattr(error, "strerror", None) or "it is no name") from None
    return str(where[0]), port


def _claim(host: str, port: int) -> socket.socket:
    """What keeps the address from another server of ours while it is open (Linux).

    granian shares a port with whoever has it, so two that try it at one instant would both listen.
    A name in the kernel can be had by one only, and is free when its owner ends, however it ends.
    """
    claim = socket.socket(socket.AF_UNIX)
    if sys.platform == "linux":
        try:
            claim.bind(f"\0feeds serve {host} {port}")
        except OSError as error:
            claim.close()
            raise _taken(host, port, str(error.strerror)) from None
    return claim


def _taken(host: str, port: int, said: str) -> FeedsError:
    return FeedsError(f"{host}:{port}: {said}; set host and port in [serve], or --host and --port")


def _give_memory_back() -> None:
    """Have the C library return large blocks once they are free, and not keep them (glibc)."""
    with suppress(AttributeError):
        ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, _BLOCK)


def _give_up_stalled() -> None:
    """Have the system close connections that take nothing (Linux, RFC 5482).

    Each has the option from the socket on which it came in, which granian makes for itself; those
    that came before it was found there are given it too.
    """
    option = getattr(socket, "TCP_USER_TIMEOUT", None)
    listens = done = False
    while option is not None and not done:
        done = listens
        for file in map(int, os.listdir("/proc/self/fd")):
            with suppress(OSError):
                one = socket.socket(fileno=file)
                try:
                    one.setsockopt(socket.IPPROTO_TCP, option, _STALLED * 1000)
                    listens |= bool(one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
                finally:
                    one.detach()
        time.sleep(0.01)


def _die_with(parent: int) -> None:
    """Be told to stop when the parent ends, however it ends (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DEATH, signal.SIGTERM)
    if os.getppid() != parent:
        raise SystemExit(0)

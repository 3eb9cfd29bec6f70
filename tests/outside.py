"""Programs from outside of Python that the tests use, and servers that run for a test.

Where a program is missing its tests are skipped, and say so; on CI nothing is skipped.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

HOME = Path(__file__).parents[1]
PATIENCE = 30  # seconds


def program(*names: str) -> str:
    """The path of the first of these programs that is there; otherwise the test is skipped."""
    for name in names:
        found = shutil.which(name) or shutil.which(f"/usr/sbin/{name}")
        if found:
            return found
    return missing(f"{' or '.join(names)} is not installed (make outside)")


def missing(reason: str) -> str:
    """Skip the test for this reason; on CI, fail it."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def free_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as tried:
        tried.bind(("127.0.0.1", 0))
        return tried.getsockname()[1]


def eventually(true: object, seconds: float = PATIENCE, step: float = 0.02) -> None:
    """Wait until a function tells something true."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(step)


@dataclass
class Reply:
    """A response as it came over the socket."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def __getitem__(self, name: str) -> str:
        """The values of a header, joined; "" where there is none."""
        return ", ".join(value for key, value in self.headers if key == name.lower())


@dataclass
class Running:
    """A server that runs."""

    name: str
    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def connect(self, timeout: float = PATIENCE) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=timeout)

    def ask(self, path: str, method: str = "GET", version: str = "1.1", **headers: str) -> Reply:
        """One request on a connection of its own; `if_none_match="…"` is a header."""
        given = {"Host": f"127.0.0.1:{self.port}", "Connection": "close"}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        head = "".join(f"{name}: {value}\r\n" for name, value in given.items())
        return self.send(f"{method} {path} HTTP/{version}\r\n{head}\r\n".encode("latin-1"))

    def send(self, request: bytes) -> Reply:
        """The first response to bytes on a connection of their own."""
        with self.connect() as sock:
            sock.sendall(request)
            return receive(sock, head=request.startswith(b"HEAD "))


def receive(sock: socket.socket, *, head: bool = False, rest: bytearray | None = None) -> Reply:
    """One response from a connection; `rest` holds what came beyond the last one."""
    data = rest if rest is not None else bytearray()

    def more() -> bool:
        came = sock.recv(1 << 16)
        data.extend(came)
        return bool(came)

    while b"\r\n\r\n" not in data:
        if not more():
            raise ConnectionError(f"closed after {bytes(data)[:200]!r}")
    start, _, _ = bytes(data).partition(b"\r\n\r\n")
    first, *fields = start.decode("latin-1").split("\r\n")
    headers = [(k.lower(), v.strip()) for k, _, v in (field.partition(":") for field in fields)]
    status = int(first.split(" ")[1])
    del data[: len(start) + 4]
    stated = dict(headers)
    if head or status in {204, 304}:
        return Reply(status, headers, b"")
    if stated.get("transfer-encoding") == "chunked":
        body = bytearray()
        while True:
            while b"\r\n" not in data:
                assert more()
            line, _, _ = bytes(data).partition(b"\r\n")
            size = int(line, 16)
            while len(data) < len(line) + 2 + size + 2:
                assert more()
            body += data[len(line) + 2 : len(line) + 2 + size]
            del data[: len(line) + 2 + size + 2]
            if not size:
                return Reply(status, headers, bytes(body))
    if "content-length" not in stated:
        while more():
            pass
        size = len(data)
    else:
        size = int(stated["content-length"])
    while len(data) < size:
        if not more():
            raise ConnectionError(f"{len(data)} of {size} bytes came")
    body = bytes(data[:size])
    del data[:size]
    return Reply(status, headers, body)


@contextlib.contextmanager
def running(name: str, command: list[str], port: int, folder: Path) -> Iterator[Running]:
    """A server while it runs; what it says goes to a file in the folder."""
    with folder.joinpath(f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=folder, stdout=log, stderr=log, env={**os.environ, "PYTHONPATH": str(HOME)}
        )
    made = Running(name, port, process)

    def up() -> bool:
        if process.poll() is not None:
            raise AssertionError(folder.joinpath(f"{name}.log").read_text())
        with contextlib.suppress(OSError), made.connect(1):
            return True
        return False

    try:
        eventually(up)
        yield made
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def feeds_server(folder: Path, port: int = 0) -> contextlib.AbstractContextManager[Running]:
    """`feeds serve` for the site in the folder."""
    port = port or free_port()
    command = [sys.executable, "-m", "feeds", "serve", "--port", str(port)]
    return running("feeds", command, port, folder)


def nginx_config(folder: Path, port: int) -> Path:
    """packaging/nginx.conf for a site in the folder, within what Debian has around it."""
    text = HOME.joinpath("packaging/nginx.conf").read_text(encoding="utf-8")
    text = re.sub(r"    listen 80;\n    listen \[::\]:80;", f"    listen 127.0.0.1:{port};", text)
    text = text.replace("/var/www/feeds/out", str(folder / "out"))
    return around_nginx(
        folder, text.replace("/var/log/nginx/feeds.log", str(folder / "nginx-access.log"))
    )


def around_nginx(folder: Path, text: str) -> Path:
    """A configuration of nginx with these servers, within what Debian has around them."""
    places = "".join(
        f"    {kind}_temp_path {folder}/nginx-{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = folder / "nginx.conf"
    config.write_text(
        f"user {'root' if os.getuid() == 0 else 'nobody'};\n"
        f"worker_processes 1;\npid {folder}/nginx.pid;\nerror_log {folder}/nginx-error.log;\n"
        "events { worker_connections 4096; }\n"
        "http {\n    sendfile on;\n    tcp_nopush on;\n    types_hash_max_size 2048;\n"
        f"    include /etc/nginx/mime.types;\n{places}{text}\n}}\n",
        encoding="utf-8",
    )
    return config


def nginx_server(folder: Path) -> contextlib.AbstractContextManager[Running]:
    """nginx with our configuration, for the site in the folder."""
    port = free_port()
    command = [
        program("nginx"), "-p", str(folder), "-c", str(nginx_config(folder, port)),
        "-g", "daemon off;",
    ]  # fmt: skip
    return running("nginx", command, port, folder)


def caddy_server(folder: Path) -> contextlib.AbstractContextManager[Running]:
    """Caddy with our configuration, for the site in the folder."""
    port = free_port()
    text = HOME.joinpath("packaging/Caddyfile").read_text(encoding="utf-8")
    text = text.replace("feeds.example.org {", f"http://127.0.0.1:{port} {{")
    text = text.replace("/var/www/feeds/out", str(folder / "out"))
    text = text.replace("/var/log/caddy/feeds.log", str(folder / "caddy-access.log"))
    config = folder / "Caddyfile"
    config.write_text(text.replace("{\n", "{\n\tadmin off\n", 1), encoding="utf-8")
    command = [program("caddy"), "run", "--config", str(config), "--adapter", "caddyfile"]
    return running("caddy", command, port, folder)


def proxy_server(
    name: str, folder: Path, behind: int
) -> contextlib.AbstractContextManager[Running]:
    """nginx or Caddy as the README has it in front of `feeds serve`, which has the port `behind`."""
    port = free_port()
    kind = {"nginx": "nginx", "caddy": "caddyfile"}[name]
    (text,) = re.findall(
        rf"```{kind}\n(.*?)```", HOME.joinpath("README.md").read_text(encoding="utf-8"), re.DOTALL
    )
    text = text.replace("127.0.0.1:8000", f"127.0.0.1:{behind}")
    if name == "nginx":
        config = around_nginx(
            folder, f"server {{ listen 127.0.0.1:{port}; access_log off; {text} }}"
        )
        return running(
            name,
            [program(name), "-p", str(folder), "-c", str(config), "-g", "daemon off;"],
            port,
            folder,
        )
    config = folder / "Caddyfile"
    config.write_text(
        "{\n\tadmin off\n}\n" + text.replace("feeds.example.org", f"http://127.0.0.1:{port}"),
        encoding="utf-8",
    )
    return running(
        name,
        [program(name), "run", "--config", str(config), "--adapter", "caddyfile"],
        port,
        folder,
    )

"""Requests per second, latency and memory of `feeds serve`, beside nginx in the same run.

Each server has one core to itself and the load (wrk, 32 connections) another.  Rounds alternate
between the servers, and the ratio is the median of the rounds' ratios.  The document is an Atom
feed of about 250 KB.  nginx is set up as Debian does it, without maps and rules, and sends gzip
from precompressed files: faster than packaging/nginx.conf, which does more.  Both write an access
log.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.request import Request, urlopen

import corpus
import producer
from report import INFORMATION, Goal, megabytes, spread, times
from timing import Series, VoidError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scenes import Bench

SERVER_CORE, LOAD_CORE = "0", "1"
CONNECTIONS = 32
SIZE = 250_000  # bytes of the document, nearly
ENTRIES = 130
NAME = "250 KB"
ROUNDS, SECONDS = 5, 2  # of load on each server

CONFIG = """\
[site]
title = "Benchmark"
url = "http://127.0.0.1:{port}/"
[[feed]]
slug = "all"
limit = {entries}
[publish]
precompressed = ["gzip"]
[serve]
port = {port}
"""

NGINX = """\
user root;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 768; }}
http {{
    sendfile on;
    tcp_nopush on;
    types_hash_max_size 2048;
    include /etc/nginx/mime.types;
    default_type application/octet-stream;
    access_log {folder}/nginx-access.log;
    gzip_static on;
    gzip_vary on;
    server {{
        listen 127.0.0.1:{port};
        root {folder}/out;
    }}
}}
"""


class Load(NamedTuple):
    """What one run of the load told."""

    rate: float  # requests per second
    p99: float  # seconds


def free_port() -> int:
    with socket.socket() as tried:
        tried.bind(("127.0.0.1", 0))
        return tried.getsockname()[1]


def make_site(folder: Path, port: int, env: Mapping[str, str]) -> None:
    """A site whose Atom feed has about 250 KB, of prose as it compresses."""
    folder.joinpath("config.toml").write_text(
        CONFIG.format(port=port, entries=ENTRIES), encoding="utf-8"
    )
    corpus.write(ENTRIES, str(folder / "seeds"), 4, SIZE // ENTRIES - 1650, "seed")
    subprocess.run(
        [*producer.command(), "generate", "--offline", "-q"], cwd=folder, env=env, check=True
    )


def wait_for(port: int) -> None:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            time.sleep(0.05)
    raise VoidError(f"nothing answers on port {port}")


def wrk(port: int, headers: dict[str, str]) -> Load:
    """What a load of a few seconds tells."""
    command = [
        "taskset", "-c", LOAD_CORE, "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}", "--latency",
        *(part for name, value in headers.items() for part in ("-H", f"{name}: {value}")),
        f"http://127.0.0.1:{port}/all/atom.xml",
    ]  # fmt: skip
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)|Socket errors: (.*)", said)
    if failed:
        raise VoidError(f"{' '.join(command)}: {failed[0]}")
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", said)[1])
    value, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", said).groups()
    return Load(rate, float(value) * {"us": 1e-6, "ms": 1e-3, "s": 1}[unit])


def memory(process: int) -> float:
    """Proportional set size of a process and its children, in bytes."""
    kids = Path(f"/proc/{process}/task/{process}/children").read_text(encoding="ascii").split()
    total = sum(memory(int(kid)) for kid in kids)
    text = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii")
    return total + int(re.search(r"^Pss:\s+(\d+)", text, re.MULTILINE)[1]) * 1024


def scene(bench: Bench) -> None:
    """The same document from `feeds serve` and from nginx."""
    print(f"\nserving an Atom feed of about {SIZE:,} bytes (rounds: {ROUNDS})", flush=True)
    with bench.section(NAME, "serving"), tempfile.TemporaryDirectory(dir=bench.work) as temporary:
        for program in ("nginx", "wrk", "taskset"):
            if shutil.which(program) is None:
                raise VoidError(
                    f"{program} is missing; on Debian: apt install nginx-light wrk util-linux"
                )
        folder = Path(temporary)
        for above in (folder, *folder.parents):
            if above.stat().st_uid == os.getuid():
                above.chmod(above.stat().st_mode | 0o711)  # nginx's worker is nobody
        ours, other = free_port(), free_port()
        make_site(folder, ours, bench.env)
        config = folder / "nginx.conf"
        config.write_text(NGINX.format(folder=folder, port=other), encoding="utf-8")
        pinned = ["taskset", "-c", SERVER_CORE]
        serve = [*pinned, *producer.command(), "serve", "--quiet"]
        mine = subprocess.Popen(serve, cwd=folder, env=bench.env)
        theirs = subprocess.Popen([*pinned, "nginx", "-c", str(config), "-g", "daemon off;"])
        try:
            wait_for(ours)
            wait_for(other)
            _compare(bench, mine.pid, ours, other)
        finally:
            for process in (mine, theirs):
                process.terminate()
                process.wait(15)


def _compare(bench: Bench, mine: int, ours: int, other: int) -> None:
    kinds = {
        "200": ({}, {}),
        "gzip": ({"Accept-Encoding": "gzip"}, {"Accept-Encoding": "gzip"}),
        "304": tuple({"If-None-Match": _tag(port)} for port in (ours, other)),
    }
    for kind, (headers, others) in kinds.items():
        pairs = [(wrk(ours, headers), wrk(other, others)) for _ in range(ROUNDS)]
        here, there = ([load[n] for load in pairs] for n in range(2))
        rates = (Series(tuple(load.rate for load in side)) for side in (here, there))
        a, b = rates
        sides = (f"{a.median:,.0f}/s", f"nginx {b.median:,.0f}/s")
        bench.tell(NAME, f"{kind}, requests", sides, a.over(b), times, Goal.least(0.75))
        a, b = (Series(tuple(load.p99 for load in side)) for side in (here, there))
        goal = Goal.most(0.002) if kind == "304" else INFORMATION
        bench.tell(NAME, f"{kind}, p99", ("", f"nginx {spread(b, fine)}"), a, fine, goal)
    held = Series((memory(mine),))
    bench.tell(NAME, "memory", ("", ""), held, megabytes, Goal.most(64 << 20))


def fine(seconds: float) -> str:
    """Milliseconds with two decimals."""
    return f"{seconds * 1000:.2f} ms"


def _fetch(port: int):
    return urlopen(Request(f"http://127.0.0.1:{port}/all/atom.xml"))


def _tag(port: int) -> str:
    with _fetch(port) as answer:
        return answer.headers["ETag"]

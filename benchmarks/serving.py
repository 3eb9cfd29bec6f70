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
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple
from urllib.request import Request, urlopen

import corpus

HOME = Path(__file__).parents[1]
SERVER_CORE, LOAD_CORE = "0", "1"
CONNECTIONS = 32
SIZE = 250_000  # bytes of the document, nearly
ENTRIES = 130
GOALS = {"ratio": 0.75, "p99 of 304": 2.0, "MiB": 64}

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
    p50: float  # ms
    p99: float  # ms


def free_port() -> int:
    with socket.socket() as tried:
        tried.bind(("127.0.0.1", 0))
        return tried.getsockname()[1]


def make_site(folder: Path, port: int) -> None:
    """A site whose Atom feed has about 250 KB, of prose as it compresses."""
    folder.joinpath("config.toml").write_text(
        CONFIG.format(port=port, entries=ENTRIES), encoding="utf-8"
    )
    corpus.write(ENTRIES, str(folder / "seeds"), 4, SIZE // ENTRIES - 1650, "seed")
    subprocess.run(
        [sys.executable, "-m", "feeds", "generate", "--offline", "-q"], cwd=folder, check=True
    )


def wait_for(port: int) -> None:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            time.sleep(0.05)
    raise SystemExit(f"nothing answers on port {port}")


def wrk(port: int, headers: dict[str, str], seconds: int) -> Load:
    command = [
        "taskset", "-c", LOAD_CORE, "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}", "--latency",
        *(part for name, value in headers.items() for part in ("-H", f"{name}: {value}")),
        f"http://127.0.0.1:{port}/all/atom.xml",
    ]  # fmt: skip
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)|Socket errors: (.*)", said)
    if failed:
        raise SystemExit(f"{' '.join(command)}\n{said}")
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", said)[1])
    return Load(rate, _milliseconds("50%", said), _milliseconds("99%", said))


def _milliseconds(share: str, said: str) -> float:
    value, unit = re.search(rf"{share}\s+([\d.]+)(us|ms|s)", said).groups()
    return float(value) * {"us": 0.001, "ms": 1, "s": 1000}[unit]


def memory(process: int) -> float:
    """Proportional set size of a process and its children, in MiB."""
    kids = Path(f"/proc/{process}/task/{process}/children").read_text(encoding="ascii").split()
    total = sum(memory(int(kid)) for kid in kids)
    text = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii")
    return total + int(re.search(r"^Pss:\s+(\d+)", text, re.MULTILINE)[1]) / 1024


def run(rounds: int = 5, seconds: int = 2) -> bool:
    """Measure and print; whether the goals are met."""
    for program in ("nginx", "wrk", "taskset"):
        if shutil.which(program) is None:
            raise SystemExit(
                f"{program} is missing; on Debian: apt install nginx-light wrk util-linux"
            )
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        folder.chmod(0o755)
        ours, other = free_port(), free_port()
        make_site(folder, ours)
        config = folder / "nginx.conf"
        config.write_text(NGINX.format(folder=folder, port=other), encoding="utf-8")
        pinned = ["taskset", "-c", SERVER_CORE]
        mine = subprocess.Popen([*pinned, sys.executable, "-m", "feeds", "serve", "-q"], cwd=folder)
        theirs = subprocess.Popen([*pinned, "nginx", "-c", str(config), "-g", "daemon off;"])
        try:
            wait_for(ours)
            wait_for(other)
            return _compared(mine.pid, theirs.pid, ours, other, rounds, seconds)
        finally:
            for process in (mine, theirs):
                process.terminate()
                process.wait(15)


def _compared(mine: int, theirs: int, ours: int, other: int, rounds: int, seconds: int) -> bool:
    kinds = {
        "200": ({}, {}),
        "gzip": ({"Accept-Encoding": "gzip"}, {"Accept-Encoding": "gzip"}),
        "304": tuple({"If-None-Match": _tag(port)} for port in (ours, other)),
    }
    size = len(_fetch(ours).read())
    print(f"serving: an Atom feed of {size:,} bytes, {CONNECTIONS} connections, one core each,"
          f" {rounds} rounds of {seconds} s")  # fmt: skip
    print(f"{'':6} {'feeds/s':>9} {'nginx/s':>9} {'ratio':>6} {'p50 ms':>15} {'p99 ms':>15}")
    met = True
    for kind, (headers, others) in kinds.items():
        pairs = [(wrk(ours, headers, seconds), wrk(other, others, seconds)) for _ in range(rounds)]
        ratio = statistics.median(a.rate / b.rate for a, b in pairs)
        a, b = (
            Load(*(statistics.median(values) for values in zip(*loads, strict=True)))
            for loads in zip(*pairs, strict=True)
        )
        print(
            f"{kind:6} {a.rate:9,.0f} {b.rate:9,.0f} {ratio:6.2f}"
            f" {a.p50:7.2f}/{b.p50:<7.2f} {a.p99:7.2f}/{b.p99:<7.2f}"
        )
        met = met and ratio >= GOALS["ratio"]
        if kind == "304":
            met = met and a.p99 < GOALS["p99 of 304"]
    used = memory(mine)
    print(f"memory {used:.0f} MiB beside {memory(theirs):.0f} MiB of nginx")
    return met and used <= GOALS["MiB"]


def _fetch(port: int):
    return urlopen(Request(f"http://127.0.0.1:{port}/all/atom.xml"))


def _tag(port: int) -> str:
    with _fetch(port) as answer:
        return answer.headers["ETag"]


if __name__ == "__main__":
    os.environ["PYTHONPATH"] = str(HOME)
    raise SystemExit(0 if run() else 1)

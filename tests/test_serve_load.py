"""Load, abuse and sudden ends: every answer whole, its tag that of its body, memory bounded."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import Site, dated, seed
from outside import (
    HOME,
    Reply,
    Running,
    eventually,
    feeds_server,
    free_port,
    missing,
    receive,
    running,
)

from feeds.model import FeedsError
from feeds.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A site whose Atom feed has some 250 KB."""
    made = Site(tmp_path_factory.mktemp("large"))
    made.configure('[[feed]]\nslug = "all"\nlimit = 60\n')
    for n in range(60):
        words = " ".join(hashlib.sha256(f"{n} {k}".encode()).hexdigest() for k in range(58))
        made.write(
            f"s/{1000 + n}.md",
            seed(
                f"Article {n}",
                f"https://n.example.com/{n}",
                **dated(1_700_000_000 + n),
                body=f"<p>{words}</p>",
            ),
        )
    made.build()
    assert 200_000 < (made.root / "out/all/atom.xml").stat().st_size < 400_000
    return made


@contextlib.contextmanager
def many_files() -> Iterator[None]:
    """Room for thousands of connections, if the system allows them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 8192:
        missing(f"only {hard} open files are allowed here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 8192), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def workers(process: int) -> list[int]:
    text = Path(f"/proc/{process}/task/{process}/children").read_text(encoding="ascii")
    return [int(pid) for pid in text.split()]


def memory(process: int) -> float:
    """MiB of a process and its children."""
    total = 0
    for pid in (process, *workers(process)):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total / 1024


def test_slow_and_idle_clients_keep_no_one_waiting(large: Site) -> None:
    """1,000 that read a feed slowly, 2,000 that keep a connection, 200 that never finish asking."""
    with many_files(), feeds_server(large.root) as server, contextlib.ExitStack() as stack:
        body = server.ask("/all/atom.xml").body
        before = memory(server.process.pid)

        def opened(request: bytes, *, small: bool = False) -> socket.socket:
            sock = stack.enter_context(socket.socket())
            sock.settimeout(60)
            if small:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.connect(("127.0.0.1", server.port))
            sock.sendall(request)
            return sock

        ask = b"GET /all/atom.xml HTTP/1.1\r\nHost: x\r\n\r\n"
        slow = [opened(ask, small=True) for _ in range(1000)]
        idle = [opened(b"GET /style.css HTTP/1.1\r\nHost: x\r\n\r\n") for _ in range(2000)]
        for sock in idle:
            assert receive(sock).status == 200
        for _ in range(200):
            opened(b"GET /all/atom.xml HTTP/1.1\r\nHost: x\r\nX-Ha")
        # Between all of these, another client is answered.
        for _ in range(20):
            assert server.ask("/all/atom.xml", accept_encoding="gzip").status == 200
        assert memory(server.process.pid) - before < 400
        # Those who kept their connection may ask again; those who read slowly get all of it.
        for sock in idle[::100]:
            sock.sendall(ask)
            assert receive(sock).body == body
        for sock in slow[::50]:
            assert receive(sock).body == body


def stalled(port: int, path: str, source: str = "127.0.0.1") -> socket.socket:
    """A client that has asked and reads nothing, or as little as it can."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.settimeout(60)
    sock.bind((source, 0))
    sock.connect(("127.0.0.1", port))
    sock.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    return sock


def replaced(path: Path, body: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f".half{path.name}")
    half.write_bytes(body)
    half.replace(path)


def entries(n: int, size: int, version: int = 0) -> bytes:
    """A JSON Feed of about so many bytes, in which nothing repeats; a version has another entry."""
    said = random.Random(n).randbytes(size // 2).hex()
    items = [{"id": k, "content_text": said[k : k + 4000]} for k in range(0, size, 4000)]
    items.insert(0, {"id": f"new {version}", "content_text": "x"})
    return json.dumps({"version": "https://jsonfeed.org/version/1.1", "items": items}).encode()


def test_slow_readers_of_large_files_leave_the_feeds_alone(large: Site) -> None:
    content = os.urandom(20_000_000)
    replaced(large.root / "out/media/film.mp4", content)
    with feeds_server(large.root) as server, contextlib.ExitStack() as stack:
        eventually(lambda: server.ask("/media/film.mp4", "HEAD")["etag"])
        before = memory(server.process.pid)

        def status(source: str) -> int:
            with stalled(server.port, "/media/film.mp4", source) as sock:
                return receive(sock).status

        def take(source: str) -> list[socket.socket]:
            path = "/media/film.mp4"
            made = [stack.enter_context(stalled(server.port, path, source)) for _ in range(4)]
            assert {sock.recv(12, socket.MSG_PEEK) for sock in made} == {b"HTTP/1.1 200"}
            return made

        slow = take("127.0.0.1")
        others = take("127.0.0.2")
        assert server.ask("/media/film.mp4")["retry-after"] == "10"
        assert status("127.0.0.3") == 503
        for sock in others:
            sock.close()
        # No client has more than half of the places.
        eventually(lambda: status("127.0.0.3") == 200)
        assert status("127.0.0.1") == 503
        assert server.ask("/all/atom.xml").status == 200
        assert memory(server.process.pid) - before < 60
        assert receive(slow[0]).body == content
        stack.close()
        eventually(lambda: server.ask("/media/film.mp4").body == content)


def test_who_takes_nothing_is_given_up(large: Site) -> None:
    """The places of clients that have stalled are for others again."""
    if not hasattr(socket, "TCP_USER_TIMEOUT"):
        missing("the system does not give up on connections")
    replaced(large.root / "out/media/other.mp4", os.urandom(20_000_000))
    port = free_port()
    code = "from feeds import cli, server; server._STALLED = 1; raise SystemExit(cli.main())"
    command = [sys.executable, "-c", code, "serve", "--port", str(port)]
    with (
        running("feeds", command, port, large.root) as server,
        contextlib.ExitStack() as stack,
    ):
        for _ in range(4):
            sock = stack.enter_context(stalled(port, "/media/other.mp4"))
            assert sock.recv(12, socket.MSG_PEEK) == b"HTTP/1.1 200"
        eventually(lambda: server.ask("/media/other.mp4").status == 200)


def test_stalled_readers_of_a_large_feed_take_no_memory(large: Site) -> None:
    body = entries(1, 3_900_000)
    replaced(large.root / "out/large/feed.json", body)
    with feeds_server(large.root) as server, contextlib.ExitStack() as stack:
        assert server.ask("/large/feed.json").body == body
        before = memory(server.process.pid)
        first = stack.enter_context(stalled(server.port, "/large/feed.json"))
        assert first.recv(12, socket.MSG_PEEK) == b"HTTP/1.1 200"  # the others come after it
        for _ in range(59):
            stack.enter_context(stalled(server.port, "/large/feed.json"))
        assert server.ask("/all/atom.xml").status == 200
        assert memory(server.process.pid) - before < 40  # they asked for 230 MB
        assert receive(first).body == body
        part = server.ask("/large/feed.json", range="bytes=1000-999999")
        assert part.status == 206
        assert part.body == body[1000:1_000_000]


def test_all_that_is_kept_counts_as_memory(site: Site) -> None:
    """Answers, codings and differences, each of which a client can ask for in many ways."""
    site.configure('[serve]\nmemory = "1 MiB"\nlog = ""\n')
    for n in range(8):
        replaced(site.root / f"out/f{n}/feed.json", entries(n, 200_000))
    for n in range(40):
        replaced(site.root / f"out/t{n}.txt", b"x")
    with feeds_server(site.root) as server, server.connect() as sock:
        rest = bytearray()

        def ask(path: str, method: str = "GET", **headers: str) -> Reply:
            told = "".join(f"{k.replace('_', '-')}: {v}\r\n" for k, v in headers.items())
            sock.sendall(f"{method} {path} HTTP/1.1\r\nHost: x\r\n{told}\r\n".encode())
            return receive(sock, head=method == "HEAD", rest=rest)

        assert ask("/f0/feed.json").status == 200
        before = memory(server.process.pid)
        tags = {}
        for coding in ("identity", "br", "gzip", "zstd"):
            for n in range(8):
                tags[n] = ask(f"/f{n}/feed.json", accept_encoding=coding)["etag"]
        for n in range(8):
            replaced(site.root / f"out/f{n}/feed.json", entries(n, 200_000, 1))
            eventually(lambda n=n: ask(f"/f{n}/feed.json")["etag"] != tags[n].replace(".zst", ""))
        for coding in ("identity", "br", "gzip", "zstd"):
            for n in range(8):
                got = ask(
                    f"/f{n}/feed.json", a_im="feed", accept_encoding=coding, if_none_match=tags[n],
                    user_agent=coding,
                )  # fmt: skip
                assert got.status == 226
        for n in range(6000):
            ask(f"/t{n % 40}.txt", "HEAD", if_none_match=f'"{n:0450}"', accept=f"{n:0450}/x")
        assert memory(server.process.pid) - before < 20


def film(site: Site, size: int) -> None:
    path = site.root / "out/film.mp4"
    path.parent.mkdir()
    path.touch()
    os.truncate(path, size)


def test_no_one_waits_while_a_large_file_is_read(site: Site) -> None:
    film(site, 250_000_000)
    with feeds_server(site.root) as server:
        first = server.ask("/film.mp4", "HEAD")
        assert (first.status, first["etag"]) == (200, "")
        # Until its tag is known, all that needs none is answered.
        assert server.ask("/film.mp4", range="bytes=5-9").body == bytes(5)
        assert server.ask("/film.mp4", "HEAD", if_none_match='"x"').status == 200
        assert server.ask("/film.mp4", "HEAD", if_none_match="*").status == 304
        assert server.ask("/film.mp4", range="bytes=5-9", if_range='""').status == 200
        assert server.ask("/film.mp4", "HEAD", if_match='"x"').status in {503, 412}
        eventually(lambda: server.ask("/film.mp4", "HEAD")["etag"], 60)
        tag = server.ask("/film.mp4", "HEAD")["etag"]
        digest = hashlib.blake2b(bytes(250_000_000), digest_size=12).hexdigest()
        assert tag == f'"{digest}"'
        assert server.ask("/film.mp4", if_none_match=tag).status == 304


def test_the_port_of_the_command_line_is_no_change_of_the_configuration(site: Site) -> None:
    film(site, 120_000_000)
    with feeds_server(site.root) as server:
        eventually(lambda: server.ask("/film.mp4", "HEAD")["etag"])
        until = time.monotonic() + 2  # by then the configuration has been looked at
        while time.monotonic() < until:
            assert server.ask("/film.mp4", "HEAD")["etag"], "what was known of it was let go"
            time.sleep(0.02)


def test_a_file_that_never_keeps_still_is_given_out(site: Site) -> None:
    site.root.joinpath("out").mkdir()
    grown = [site.root / "out/small.txt", site.root / "out/large.bin"]
    grown[0].write_bytes(bytes(900_000))
    grown[1].write_bytes(bytes(90_000_000))
    done = threading.Event()

    def grow() -> None:
        with grown[0].open("ab", 0) as small, grown[1].open("ab", 0) as large:
            while not done.wait(0.002):
                small.write(b"x")
                large.write(b"x")

    growing = threading.Thread(target=grow)
    growing.start()
    try:
        with feeds_server(site.root) as server:
            for name in ("small.txt", "large.bin"):
                assert server.ask(f"/{name}", "HEAD").status == 200
            eventually(lambda: server.ask("/large.bin", range="bytes=0-9").status in {206, 503})
            done.set()
            growing.join()
            for path in grown:
                eventually(lambda p=path: server.ask(f"/{p.name}").body == p.read_bytes())
    finally:
        done.set()


def test_a_large_file_that_is_replaced_has_its_own_tag(site: Site) -> None:
    path = site.root / "out/large.jpg"
    seen: dict[str, set[bytes]] = {}
    with feeds_server(site.root) as server:
        for n in range(30):
            replaced(path, bytes([n]) * 2_000_000)
            got = server.ask("/large.jpg")
            assert (got.status, len(got.body)) == (200, 2_000_000)
            seen.setdefault(got["etag"], set()).add(got.body[:1])
        eventually(lambda: server.ask("/large.jpg").body[0] == 29)
    seen.pop("", None)  # not known yet
    assert seen
    assert all(len(bodies) == 1 for bodies in seen.values())


def test_a_thousand_replacements_while_it_is_read(large: Site, tmp_path: Path) -> None:
    """Each answer is one version as a whole, and its tag is the tag of that version only."""
    path = large.root / "out/all/feed.json"
    versions = {}
    tags: dict[str, set[str]] = {}
    wrong: list[str] = []
    done = threading.Event()
    begin = b'{"version": "https://jsonfeed.org/version/1.1", "items": [], "n": "'

    def made(n: int) -> bytes:
        body = begin + str(n).encode() * (2000 + n * 7 % 3000) + b'"}'
        versions[hashlib.sha256(body).hexdigest()] = n
        return body

    path.write_bytes(made(0))
    with feeds_server(large.root) as server:

        def read() -> None:
            rest = bytearray()
            try:
                with server.connect() as sock:
                    while not done.is_set():
                        sock.sendall(b"GET /all/feed.json HTTP/1.1\r\nHost: x\r\n\r\n")
                        got = receive(sock, rest=rest)
                        digest = hashlib.sha256(got.body).hexdigest()
                        if got.status != 200 or digest not in versions:
                            wrong.append(f"{got.status} {got.body[:80]!r}")
                        tags.setdefault(got["etag"], set()).add(digest)
            except Exception as error:  # noqa: BLE001
                wrong.append(repr(error))

        readers = [threading.Thread(target=read) for _ in range(4)]
        for thread in readers:
            thread.start()
        for n in range(1, 1001):
            body = made(n)
            half = path.with_name(f".half{n}")
            half.write_bytes(body)
            half.replace(path)
            time.sleep(0.002)
        last = hashlib.sha256(path.read_bytes()).hexdigest()
        eventually(lambda: hashlib.sha256(server.ask("/all/feed.json").body).hexdigest() == last)
        used = memory(server.process.pid)
        done.set()
        for thread in readers:
            thread.join()
    assert not wrong
    assert all(len(digests) == 1 for digests in tags.values())
    assert len(tags) > 3
    assert used < 100


def test_more_files_than_memory(site: Site) -> None:
    site.configure('[serve]\nmemory = "1 MiB"\n')
    folder = site.root / "out/x"
    folder.mkdir(parents=True)
    for n in range(200):
        folder.joinpath(f"{n}.txt").write_bytes(f"{n:05}".encode() * 10_000)
    with feeds_server(site.root) as server:
        server.ask("/x/0.txt")
        before = memory(server.process.pid)
        for _ in range(2):
            for n in range(200):
                assert server.ask(f"/x/{n}.txt").body == f"{n:05}".encode() * 10_000
        assert memory(server.process.pid) - before < 8


# --- beginning and end ----------------------------------------------------------------------------


def answering(port: int) -> bool:
    with (
        contextlib.suppress(OSError),
        socket.create_connection(("127.0.0.1", port), timeout=1) as sock,
    ):
        sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
        return bool(sock.recv(10))
    return False


@pytest.mark.parametrize("victim", ["parent", "worker"])
def test_whoever_is_killed_the_port_is_free_again(large: Site, victim: str) -> None:
    with feeds_server(large.root) as server:
        (worker,) = workers(server.process.pid)
        assert server.ask("/all/atom.xml").status == 200
        os.kill(server.process.pid if victim == "parent" else worker, signal.SIGKILL)
        eventually(lambda: not answering(server.port))
        eventually(lambda: not Path(f"/proc/{worker}").exists())
        assert server.process.wait(20) != 0


def test_an_answer_in_flight_is_finished(large: Site) -> None:
    body = (large.root / "out/all/atom.xml").read_bytes()
    with feeds_server(large.root) as server, socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.settimeout(30)
        sock.connect(("127.0.0.1", server.port))
        sock.sendall(b"GET /all/atom.xml HTTP/1.1\r\nHost: x\r\n\r\n")
        assert sock.recv(1, socket.MSG_PEEK)
        server.process.send_signal(signal.SIGTERM)
        assert receive(sock).body == body
        assert server.process.wait(20) == 0


def test_a_taken_port_is_told(large: Site) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        run = subprocess.run(
            [sys.executable, "-m", "feeds", "serve", "--port", str(taken.getsockname()[1])],
            cwd=large.root, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(HOME)}, timeout=60,
        )  # fmt: skip
    assert run.returncode == 3
    assert "Address already in use; set host and port in [serve]" in run.stderr
    assert "serving" not in run.stderr


@pytest.mark.parametrize("attempt", range(2))
def test_of_two_that_begin_at_once_one_has_the_port(large: Site, attempt: int) -> None:
    port = free_port()
    command = [sys.executable, "-m", "feeds", "serve", "--port", str(port)]
    environment = {**os.environ, "PYTHONPATH": str(HOME)}
    both = [
        subprocess.Popen(
            command, cwd=large.root, stderr=subprocess.PIPE, text=True, env=environment
        )
        for _ in range(2)
    ]
    try:
        eventually(lambda: answering(port) and any(one.poll() is not None for one in both))
        winner, loser = sorted(both, key=lambda one: one.poll() is not None)
        assert winner.poll() is None
        assert loser.returncode == 3
        winner.terminate()
        told = {one: one.communicate(timeout=30)[1] for one in both}
    finally:
        for one in both:
            one.kill()
            one.wait()
    assert f"127.0.0.1:{port}: Address already in use" in told[loser]
    assert f"at http://127.0.0.1:{port}/ (Ctrl-C ends it)" in told[winner]


@pytest.mark.parametrize(
    ("address", "said", "code"),
    [
        (("--host", "nowhere.invalid"), "nowhere.invalid:", 3), (("--host", "a" * 70), "it is no name; set host", 3), (("--host", "203.0.113.1"), "assign", 3),
        (("--port", "0"), "no port from 1 to 65535", 2), (("--port", "65536"), "no port from 1", 2), (("--port", "9" * 5000), "no port from 1", 2),
        (("--port", "x"), "no port from 1", 2),
    ],
)  # fmt: skip
def test_an_address_that_can_not_be_is_told(
    large: Site, address: tuple[str, ...], said: str, code: int
) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "feeds", "serve", *address],
        cwd=large.root, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(HOME)}, timeout=60,
    )  # fmt: skip
    assert (run.returncode, run.stdout) == (code, "")
    assert said in run.stderr
    assert "mistake" not in run.stderr
    assert "serving" not in run.stderr


def test_a_host_may_have_a_name(site: Site) -> None:
    site.configure('[serve]\nhost = "localhost"\n')
    port = free_port()
    command = [sys.executable, "-m", "feeds", "serve", "--port", str(port)]
    with running("feeds", command, port, site.root) as server:
        assert server.ask("/nothing").status == 404


def test_a_configuration_that_breaks_stops_no_server(site: Site) -> None:
    with feeds_server(site.root) as server:
        (before,) = workers(server.process.pid)
        assert server.ask("/nothing").status == 404
        site.configure('[site]\ntitle = "')
        server.process.send_signal(signal.SIGHUP)
        # A worker that is replaced takes some seconds to go; one that is not, has nothing to read.
        with contextlib.suppress(AssertionError):
            eventually(lambda: not Path(f"/proc/{before}").exists(), 6)
        assert server.ask("/nothing").status == 404
        assert server.process.poll() is None


def test_a_server_for_the_daemon(large: Site) -> None:
    config = large.load()
    server = Server(config._replace(serve=config.serve._replace(port=free_port())))
    assert not server.alive()
    server.start(30)
    assert server.alive()
    running = Running("feeds", int(server.address.rstrip("/").rpartition(":")[2]), None)
    assert running.ask("/all/atom.xml").status == 200
    server.stop()
    assert not server.alive()
    assert not answering(running.port)
    server.start(30)
    assert running.ask("/all/atom.xml").status == 200
    server.stop()
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", running.port))
        taken.listen()
        with pytest.raises(FeedsError, match="in use"):
            server.start(30)


def test_a_server_ends_with_the_program_that_started_it(large: Site) -> None:
    port = free_port()
    code = (
        "import sys, time\nfrom feeds import config\nfrom feeds.server import Server\n"
        f"c = config.load({str(large.root / 'config.toml')!r})\n"
        f"s = Server(c._replace(serve=c.serve._replace(port={port})))\ns.start(30)\nprint('up', flush=True)\ntime.sleep(600)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(HOME)},
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"up\n"
        assert answering(port)
        parent.kill()
    eventually(lambda: not answering(port))


# --- a new configuration --------------------------------------------------------------------------

MOVED = '[[moved]]\npath = "old"\n'


def test_a_changed_configuration_is_taken_over(site: Site) -> None:
    """By the same worker, and no request fails meanwhile."""
    site.configure(f'[serve]\nlog = ""\n{MOVED.replace("old", "other")}')
    failed: list[str] = []
    done = threading.Event()
    with feeds_server(site.root) as server:
        before = workers(server.process.pid)
        assert server.ask("/old/atom.xml").status == 404

        def ask() -> None:
            while not done.is_set():
                try:
                    if server.ask("/").status not in {200, 404}:
                        failed.append("status")
                except OSError as error:
                    failed.append(repr(error))

        asking = threading.Thread(target=ask)
        asking.start()
        site.configure(f'[serve]\nlog_format = "json"\n{MOVED}')
        eventually(lambda: server.ask("/old/atom.xml").status == 410)
        assert server.ask("/other/atom.xml").status == 404
        done.set()
        asking.join()
        assert not failed
        server.process.send_signal(signal.SIGHUP)
        log = site.root / ".feeds/access.log"
        eventually(lambda: log.exists() and '"/other/atom.xml"' in log.read_text(encoding="utf-8"))
        assert workers(server.process.pid) == before


def test_a_broken_configuration_is_told_and_the_one_before_stays(site: Site) -> None:
    site.configure(MOVED)
    told = site.root / "feeds.log"
    stays = "what it said before stays"
    with feeds_server(site.root) as server:
        before = workers(server.process.pid)
        for count, broken in enumerate(("[serve]\nprot = 3\n", None, '[site]\ntitle = "'), 1):
            if broken is None:
                site.root.joinpath("config.toml").unlink()
            else:
                site.configure(broken)
            eventually(lambda n=count: told.read_text(encoding="utf-8").count(stays) == n)
            assert server.ask("/old/atom.xml").status == 410
        assert "prot" in told.read_text(encoding="utf-8")
        site.configure(MOVED.replace("old", "older"))
        eventually(lambda: server.ask("/older/atom.xml").status == 410)
        assert server.ask("/old/atom.xml").status == 404
        assert workers(server.process.pid) == before

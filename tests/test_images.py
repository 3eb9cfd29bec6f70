"""Pictures: measured from their bytes, over a real server on loopback, and never anywhere else."""

from __future__ import annotations

import socket
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from feeds import enclosures, images
from feeds.images import Policy
from feeds.model import Measure, Picture, PictureError


def png(width: int = 40, height: int = 30, padding: int = 0) -> bytes:
    """A whole PNG picture, with a chunk of `padding` bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        whole = kind + data
        return struct.pack(">I", len(data)) + whole + struct.pack(">I", zlib.crc32(whole))

    rows = zlib.compress(b"".join(b"\0" + b"\x7f" * width * 3 for _ in range(height)))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    text = chunk(b"tEXt", b"x" * padding) if padding else b""
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + text
        + chunk(b"IDAT", rows)
        + chunk(b"IEND", b"")
    )


GIF = b"GIF89a" + struct.pack("<HH", 17, 13) + b"\x00\x00\x00;"
JPEG = (
    b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
    b"\xff\xc0\x00\x11\x08"
    + struct.pack(">HH", 33, 44)
    + b"\x03\x01\x22\x00\x02\x11\x01\x03\x11\x01\xff\xd9"
)
WEBP = (
    b"RIFF\x1a\x00\x00\x00WEBPVP8L\x0d\x00\x00\x00\x2f"
    + struct.pack("<I", 9 | 6 << 14)
    + b"\0" * 10
)
SVG = b'<?xml version="1.0"?>\n<!-- x -->\n<svg xmlns="http://www.w3.org/2000/svg" width="120" height="80"></svg>'


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (png(), ("image/png", 40, 30)),
        (GIF, ("image/gif", 17, 13)),
        (JPEG, ("image/jpeg", 44, 33)),
        (WEBP, ("image/webp", 10, 7)),
        (SVG, ("image/svg+xml", 120, 80)),
        (png()[:16], ("image/png", 0, 0)),  # cut inside the header
        (b"\xff\xd8\xff\xe0" + b"\0" * 50, ("image/jpeg", 0, 0)),
        (b"\x00\x00\x00\x1cftypavif" + b"\0" * 20, ("image/avif", 0, 0)),
        (b"<svg width='9' height='huge'/>", ("image/svg+xml", 0, 0)),
    ],
)
def test_bytes_tell_type_and_pixels(data: bytes, expected: tuple[str, int, int]) -> None:
    measure = enclosures.read(data, 1000)
    assert (measure.media_type, measure.width, measure.height) == expected
    assert measure.length == 1000


@pytest.mark.parametrize(
    "data", [b"", b"<html>", b"%PDF-1.4", b"\0" * 100, b"GIF", b"RIFF....WAVE"]
)
def test_bytes_that_are_no_pictures(data: bytes) -> None:
    with pytest.raises(PictureError) as caught:
        enclosures.read(data, 10)
    assert caught.value.gone


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://x.example/a.JPG?b=c.png", "image/jpeg"), ("https://x.example/a.webp", "image/webp"),
        ("https://x.example/a", ""), ("https://x.example/a.", ""), ("https://x.example/a.php", ""),
        ("https://x.example/", ""), ("https://x.jpg/a", ""),
    ],
)  # fmt: skip
def test_types_by_name(url: str, expected: str) -> None:
    assert enclosures.named_type(url) == expected


# --- the choice ---------------------------------------------------------------------------------


def chosen(*pictures: Picture, policy: str = "all", **measures: Measure) -> list[str]:
    return [e.url for e in enclosures.chosen(pictures, measures, policy)]


def test_the_lead_is_the_first_large_one() -> None:
    small = Picture("icon", width=120, height=60)
    assert chosen(small, Picture("photo")) == ["photo", "icon"]
    assert chosen(Picture("a"), Picture("b"), a=Measure("image/png", 9, 100, 50)) == ["b", "a"]
    assert chosen(Picture("a"), Picture("b"), a=Measure("image/png", 9, 800, 500)) == ["a", "b"]
    assert chosen(small) == ["icon"]


def test_what_is_no_enclosure() -> None:
    pictures = [
        Picture("avatar", minor=True), Picture("dot", width=10, height=10), Picture("line", width=600, height=3),
        Picture("gone"), Picture("tiny"), Picture("good"),
    ]  # fmt: skip
    gone, tiny = Measure(gone=True), Measure("image/gif", 43, 1, 1)
    assert chosen(*pictures, gone=gone, tiny=tiny) == ["good"]


def test_policies() -> None:
    pictures = Picture("a"), Picture("b")
    assert chosen(*pictures, policy="lead") == ["a"]
    assert chosen(*pictures, policy="none") == []


def test_what_is_unknown_stays_so() -> None:
    (known, unknown) = enclosures.chosen(
        [Picture("https://x.example/a.png", alt="A", caption="C"), Picture("https://x.example/b", alt="B")],
        {"https://x.example/a.png": Measure("image/webp", 5, 800, 500)},
        "all",
    )  # fmt: skip
    assert known == ("https://x.example/a.png", "image/webp", 5, 800, 500, "C")
    assert unknown == ("https://x.example/b", "application/octet-stream", 0, 0, 0, "B")


# --- over the network ---------------------------------------------------------------------------

Answer = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def serving(answers: dict[str, Answer]) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """A server on loopback that answers each path in its own way; its address, and its requests."""
    asked: list[tuple[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked.append((self.command, self.path))
            self.close_connection = True
            try:
                answers[self.path](self)
            except (BrokenPipeError, ConnectionResetError):
                pass

        do_HEAD = do_GET

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def reply(status: int, headers: dict[str, str], body: bytes = b"") -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(body)

    return answer


def ranged(data: bytes) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        first, last = handler.headers["Range"].removeprefix("bytes=").split("-")
        part = data[int(first) : int(last) + 1]
        whole = f"bytes {first}-{int(first) + len(part) - 1}/{len(data)}"
        reply(206, {"Content-Range": whole, "Content-Length": str(len(part))}, part)(handler)

    return answer


def plain(data: bytes, **headers: str) -> Answer:
    return reply(200, {"Content-Length": str(len(data)), **headers}, data)


def drip(data: bytes, every: float) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        for byte in data:
            handler.wfile.write(bytes([byte]))
            handler.wfile.flush()
            time.sleep(every)

    return answer


def endless(handler: BaseHTTPRequestHandler) -> None:
    reply(200, {}, png(padding=10))(handler)
    while True:
        handler.wfile.write(b"x" * 65536)


HERE = Policy("test", allow_hosts=("127.0.0.1",), timeout=2.0)
LARGE = png(800, 600, padding=100_000)
CASES: dict[str, tuple[Answer, Measure | str]] = {
    "/ranged": (ranged(LARGE), Measure("image/png", len(LARGE), 800, 600)),
    "/ranged-small": (ranged(GIF), Measure("image/gif", len(GIF), 17, 13)),
    "/no-range": (plain(LARGE), Measure("image/png", len(LARGE), 800, 600)),
    "/lying-type": (plain(png(), **{"Content-Type": "image/jpeg"}), Measure("image/png", len(png()), 40, 30)),
    "/no-length": (reply(200, {}, png()), Measure("image/png", len(png()), 40, 30)),
    "/no-length-large": (reply(200, {}, LARGE), Measure("image/png", 0, 800, 600)),
    "/chunked": (
        reply(200, {"Transfer-Encoding": "chunked"}, b"%x\r\n%b\r\n0\r\n\r\n" % (len(GIF), GIF)),
        Measure("image/gif", len(GIF), 17, 13),
    ),
    "/redirect": (reply(302, {"Location": "/ranged", "Content-Length": "0"}), Measure("image/png", len(LARGE), 800, 600)),
    "/404": (reply(404, {"Content-Length": "0"}), "the server answers 404"),
    "/500": (reply(500, {"Content-Length": "0"}), "the server answers 500"),
    "/page": (plain(b"<html>not found</html>", **{"Content-Type": "image/png"}), "its bytes are no picture's"),
    "/empty": (plain(b""), "its bytes are no picture's"),
    "/short": (reply(200, {"Content-Length": "5000"}, png()), "bytes came"),
    "/gzip": (plain(png(), **{"Content-Encoding": "gzip"}), "compresses it unasked"),
    "/length-lies": (reply(200, {"Content-Length": "+6"}, png()), "states a length of '+6'"),
    "/loop": (reply(302, {"Location": "/loop", "Content-Length": "0"}), "redirected more than five times"),
    "/to-file": (reply(302, {"Location": "file:///etc/passwd", "Content-Length": "0"}), "redirected to 'file:"),
    "/to-nowhere": (reply(302, {"Location": "http://127.0.0.2:1/", "Content-Length": "0"}), "no public address"),
    "/drip-body": (drip(b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n" + png(), 0.2), "no whole answer within 2 s"),
    "/drip-headers": (drip(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 1000, 0.2), "no whole answer within 2 s"),
    "/endless-100": (drip(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000, 0.001), ""),
    "/garbage": (drip(b"nonsense\r\n\r\n", 0), ""),
    "/huge-headers": (reply(200, {"X": "y" * 70_000}), ""),
    "/endless-body": (endless, Measure("image/png", 0, 40, 30)),
    "/negative": (reply(200, {"Content-Length": "-5"}, png()), "states a length of '-5'"),
}  # fmt: skip


@pytest.mark.parametrize("path", CASES)
def test_servers_of_every_kind(path: str) -> None:
    answer, expected = CASES[path]
    with serving({"/ranged": ranged(LARGE), path: answer}) as (here, _):
        begun = time.monotonic()
        if isinstance(expected, Measure):
            assert images.probe(here + path, HERE) == expected
        else:
            try:
                found = images.probe(here + path, HERE)
            except PictureError as error:
                assert expected in str(error)
                assert error.gone == (path in {"/404", "/page", "/empty"})
            else:
                assert not expected
                assert found.length in (0, len(png()))
        assert time.monotonic() - begun < HERE.timeout + 1


def test_head_only_where_the_length_is_not_stated() -> None:
    def without_length(handler: BaseHTTPRequestHandler) -> None:
        length = {"Content-Length": str(len(LARGE))} if handler.command == "HEAD" else {}
        reply(200, length, LARGE)(handler)

    with serving({"/a": without_length, "/b": ranged(LARGE)}) as (here, asked):
        assert images.probe(f"{here}/a", HERE).length == len(LARGE)
        assert images.probe(f"{here}/b", HERE).length == len(LARGE)
        assert asked == [("GET", "/a"), ("HEAD", "/a"), ("GET", "/b")]


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "localhost", "2130706433", "0x7f.0.0.1", "0177.0.0.1", "127.1", "0", "0.0.0.0", "[::1]",
        "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "127.0.0.1.", "LOCALHOST",
    ],
)  # fmt: skip
def test_no_spelling_of_loopback_is_asked(host: str) -> None:
    with serving({"/": ranged(GIF)}) as (here, asked):
        port = here.rpartition(":")[2]
        with pytest.raises(PictureError):
            images.probe(f"http://{host}:{port}/", HERE._replace(allow_hosts=()))
        assert asked == []


def test_a_redirect_to_loopback_is_not_followed() -> None:
    with serving({"/secret": ranged(GIF)}) as (inside, asked_inside):
        target = f"http://localhost:{inside.rpartition(':')[2]}/secret"
        with serving({"/": reply(302, {"Location": target, "Content-Length": "0"})}) as (
            here,
            asked,
        ):
            with pytest.raises(PictureError, match="no public address"):
                images.probe(f"{here}/", HERE)
            assert len(asked) == 1
        assert asked_inside == []


def test_a_name_that_resolves_anew_is_looked_at_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS rebinding: what counts is the address that a socket is connected to."""
    answers = iter(["93.184.216.34", "127.0.0.1"])

    def resolve(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    with serving({"/": ranged(GIF)}) as (here, asked):
        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        guard = images._Guard(())
        assert next(answers) == "93.184.216.34"  # whoever checked before was shown this
        with pytest.raises(OSError, match="no public address"):
            guard.connect("rebinding.example", int(here.rpartition(":")[2]), 1.0)
        assert asked == []


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
        "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1", "::ffff:10.0.0.1",
        "64:ff9b::a00:1", "2002:a00:1::", "2001:0:53aa:64c:0:0:f5ff:fffe", "198.18.0.1", "192.0.2.1", "240.0.0.1",
        "fec0::1", "::127.0.0.1", "::ffff:0:7f00:1", "64:ff9b:1::7f00:1", "5f00::1",
    ],
)  # fmt: skip
def test_addresses_that_are_not_public(address: str) -> None:
    assert not images.public(address)


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "2606:2800:220:1::1", "::ffff:93.184.216.34", "64:ff9b::5db8:d822"]
)
def test_addresses_that_are_public(address: str) -> None:
    assert images.public(address)


def test_the_environment_gives_no_proxy_and_no_password(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    with serving({"/": ranged(GIF)}) as (here, asked):
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, "http://127.0.0.2:9/")
        assert images.probe(f"{here}/", HERE).media_type == "image/gif"
        assert asked == [("GET", "/")]


def test_many_are_asked_at_once_but_each_host_gently() -> None:
    active = most = 0
    lock = threading.Lock()

    def slow(handler: BaseHTTPRequestHandler) -> None:
        nonlocal active, most
        with lock:
            active += 1
            most = max(most, active)
        time.sleep(0.05)
        with lock:
            active -= 1
        ranged(GIF)(handler)

    paths = [f"/{n}" for n in range(8)]
    with serving(dict.fromkeys(paths, slow)) as (here, asked):
        answers = dict(images.measure([here + path for path in paths], HERE))
        assert len(answers) == len(asked) == 8
        assert all(isinstance(answer, Measure) for answer in answers.values())
        assert most == HERE.per_host


def test_a_hundred_dead_hosts_end_with_the_budget() -> None:
    sockets = [socket.create_server(("127.0.0.1", 0), backlog=1) for _ in range(20)]  # never accept
    try:
        addresses = [
            f"http://127.0.0.1:{s.getsockname()[1]}/{n}" for s in sockets for n in range(5)
        ]
        begun = time.monotonic()
        answers = list(images.measure(addresses, HERE._replace(budget=2.5, timeout=1.0)))
        assert 2.0 < time.monotonic() - begun < 4.0
        assert 8 <= len(answers) < 100
        assert all(isinstance(answer, PictureError) for _, answer in answers)
    finally:
        for server in sockets:
            server.close()

"""Hubs are told of new bytes, and only of those: a small real hub, also down, slow and refusing."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import pytest
from conftest import NOW, Site, seed
from running import Daemon, run

from feeds import websub
from feeds.outbox import Letter, Outbox

TOPICS = [f"https://feeds.example.org/all/{name}" for name in ("atom.xml", "feed.json", "rss.xml")]


class Hub(ThreadingHTTPServer):
    """Takes what it is told, or answers what a test wants it to."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.status, self.headers, self.delay = 202, {}, 0.0
        self.heard: list[str] = []
        self.asked = 0
        self.url = f"http://127.0.0.1:{self.server_port}/"
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(BaseHTTPRequestHandler):
    server: Hub

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        form = parse_qs(body.decode())
        self.server.asked += 1
        time.sleep(self.server.delay)
        if 200 <= self.server.status < 300:
            assert form["hub.mode"] == ["publish"]
            assert form["hub.url"] == form["hub.topic"]
            self.server.heard += form["hub.url"]
        self.send_response(self.server.status)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def hub() -> Iterator[Hub]:
    made = Hub()
    yield made
    made.shutdown()
    made.server_close()


@pytest.fixture
def told(site: Site, hub: Hub) -> Iterator[Callable[[int], list[websub.Delivery]]]:
    """Publish, and tell the hub at an instant."""
    site.configure(f'[websub]\nhubs = ["{hub.url}"]\n')
    site.write("a/1.md", seed())
    site.build()

    def tell(now: int) -> list[websub.Delivery]:
        settings = site.load()
        websub.address(settings)
        with closing(Outbox(os.path.join(settings.paths.state, websub.OUTBOX))) as outbox:
            return websub.deliver(outbox, settings, lambda: now, lambda: False, {})

    return tell


Tell = Callable[[int], list[websub.Delivery]]


def test_each_document_once_for_its_bytes(site: Site, hub: Hub, told: Tell) -> None:
    told(NOW)
    assert sorted(hub.heard) == TOPICS
    site.build()
    assert told(NOW) == []
    site.write("a/2.md", seed("Another", "https://news.example.com/2"))
    site.build()
    told(NOW)
    assert sorted(hub.heard) == sorted(TOPICS * 2)


def test_only_documents_that_changed(site: Site, hub: Hub, told: Tell) -> None:
    site.configure(
        f'[websub]\nhubs = ["{hub.url}"]\n[[feed]]\nslug = "{{source}}"\neach = "source"\n'
    )
    site.write("b/2.md", seed("Another", "https://news.example.com/2"))
    site.build()
    told(NOW)
    hub.heard.clear()
    site.write("b/3.md", seed("A third", "https://news.example.com/3"))
    site.build()
    told(NOW)
    assert {url.split("/")[3] for url in hub.heard} == {"b"}


def test_a_hub_that_is_down_is_told_later(site: Site, hub: Hub, told: Tell) -> None:
    hub.status = 503
    (only,) = told(NOW)  # it is not asked a second time in one round
    assert only.reason == "it answered 503 Service Unavailable"
    assert told(NOW + 29)[0].letter.topic != only.letter.topic
    hub.status = 204
    assert told(NOW + 20)[0].reason == ""
    assert len(hub.heard) == 1
    told(NOW + 60)
    assert sorted(hub.heard) == TOPICS


def test_each_wait_is_twice_the_last_until_it_gives_up(site: Site, hub: Hub, told: Tell) -> None:
    site.configure(f'[websub]\nhubs = ["{hub.url}"]\n[[feed]]\nslug = "all"\nformats = ["atom"]\n')
    site.build()
    hub.status = 500
    now, waits = NOW, []
    for _ in range(20):
        (failed,) = told(now)
        with closing(Outbox(str(site.root / ".feeds" / websub.OUTBOX))) as outbox:
            if waiting := outbox.waiting():
                waits.append(waiting[0].again - now)
                assert told(now + waits[-1] - 1) == []
                now = waiting[0].again
    assert waits[:4] == [30, 60, 120, 240]
    assert max(waits) == 6 * 3600
    assert 2 * 86_400 < sum(waits) < 4 * 86_400
    assert "given up until the feed changes" in failed.reason
    assert told(now + 10**9) == []
    hub.status = 200
    site.write("a/2.md", seed("Another", "https://news.example.com/2"))
    site.build()
    assert [d.reason for d in told(now)] == [""]


@pytest.mark.parametrize(
    "after", ["120", formatdate(NOW + 120, usegmt=True)], ids=["seconds", "date"]
)
def test_a_hub_that_asks_for_patience_gets_it(hub: Hub, told: Tell, after: str) -> None:
    hub.status, hub.headers = 429, {"Retry-After": after}
    (only,) = told(NOW)
    hub.status = 200
    told(NOW + 119)
    assert only.letter.topic not in hub.heard
    told(NOW + 120)
    assert only.letter.topic in hub.heard


@pytest.mark.parametrize("after", ["soon", "-5", "99999999999", "", "Mon, 99 Foo 2026", "9" * 5000])
def test_an_odd_retry_after_does_no_harm(hub: Hub, told: Tell, after: str) -> None:
    hub.status, hub.headers = 503, {"Retry-After": after}
    assert told(NOW)[0].reason
    hub.status = 200
    told(NOW + 86_400)
    assert sorted(hub.heard) == TOPICS


def test_a_refusal_of_one_topic_does_not_keep_the_others(hub: Hub, told: Tell) -> None:
    hub.status = 404
    assert len(told(NOW)) == 3


def test_a_hub_that_moved_is_named_and_not_asked_elsewhere(hub: Hub, told: Tell) -> None:
    hub.status, hub.headers = 308, {"Location": "/other"}
    assert told(NOW)[0].reason == "it answered 308 Permanent Redirect, to /other"
    assert hub.asked == 3


@contextmanager
def dripping() -> Iterator[str]:
    """The address of a hub whose answer's headers never end."""
    over = threading.Event()

    def drip(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection, suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 OK\r\n")
            while not over.wait(0.05):
                connection.sendall(b"X")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=drip, args=(server,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"
        over.set()
        thread.join()


def test_a_hub_that_drips_holds_up_no_other(
    site: Site, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(websub, "_WHOLE", 0.5)
    with dripping() as slow:
        site.configure(f'[websub]\nhubs = ["{slow}", "{hub.url}"]\n')
        site.write("a/1.md", seed())
        site.build()
        settings = site.load()
        websub.address(settings)
        unfinished: dict[str, threading.Thread] = {}
        with closing(Outbox(os.path.join(settings.paths.state, websub.OUTBOX))) as outbox:
            done = websub.deliver(outbox, settings, lambda: NOW, lambda: False, unfinished)
            reasons = [d.reason for d in done if d.letter.hub == slow]
            assert reasons == ["no whole answer within 0.5 s"]
            assert sorted(hub.heard) == TOPICS
            # As long as it drips, it is not asked again.
            assert websub.deliver(outbox, settings, lambda: NOW, lambda: False, unfinished) == []
    assert unfinished.keys() == {slow}
    unfinished[slow].join(5.0)
    assert not unfinished[slow].is_alive()


def test_nobody_answers(site: Site, told: Tell) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    site.configure(f'[websub]\nhubs = ["http://127.0.0.1:{port}/"]\n')
    (only,) = told(NOW)
    assert only.reason.startswith("ConnectionError")


def test_a_hub_that_is_named_no_more_gets_nothing(site: Site, hub: Hub, told: Tell) -> None:
    site.configure("")
    assert told(NOW) == []
    assert hub.asked == 0


def test_an_answer_that_came_too_late_is_no_answer_for_newer_bytes(site: Site) -> None:
    with closing(Outbox(str(site.root / "outbox"))) as outbox:
        outbox.address(["h"], {"t": "1"})
        (letter,) = outbox.waiting()
        outbox.address(["h"], {"t": "2"})
        outbox.delivered(letter)
        assert outbox.waiting() == [Letter("h", "t", "2", 0, 0, "")]


def test_generate_tells_hubs_too(site: Site, hub: Hub) -> None:
    site.configure(f'[images]\nmeasure = false\n[websub]\nhubs = ["{hub.url}"]\n')
    site.write("a/1.md", seed())
    assert run(site.root, "generate", "--offline").returncode == 0
    assert hub.heard == []
    assert run(site.root, "generate").returncode == 0
    assert sorted(hub.heard) == TOPICS
    hub.status = 500
    site.write("a/2.md", seed("Another", "https://news.example.com/2"))
    failed = run(site.root, "generate", "-v")
    assert failed.returncode == 0
    assert "1 hub could not be told; the next run tries again" in failed.stderr


def test_the_daemon_tells_hubs_and_a_slow_one_holds_up_nothing(site: Site, hub: Hub) -> None:
    hub.delay = 3.0
    site.configure(
        f'[schedule]\nevery = "1d"\nrescan = "1h"\nsettle = "50ms"\n[websub]\nhubs = ["{hub.url}"]\n'
    )
    site.write("a/1.md", seed())
    daemon = Daemon(site.root).ready()
    try:
        daemon.wait(lambda: hub.asked)
        site.root.joinpath("seeds/a/2.md").write_text(seed("Another", "https://news.example.com/2"))
        daemon.wait_for("build.done", reasons=["event"])
        assert "Another" in site.titles()
        assert hub.heard != sorted(TOPICS * 2)
        hub.delay = 0.0
        daemon.wait(lambda: {*TOPICS} <= {*hub.heard})
        daemon.wait_for("hub.told", 3)
    finally:
        daemon.stop()


def test_hubs_are_told_after_the_state_folder_was_removed(site: Site, hub: Hub) -> None:
    site.configure(f'[schedule]\nevery = "1d"\nsettle = "50ms"\n[websub]\nhubs = ["{hub.url}"]\n')
    site.write("a/1.md", seed())
    daemon = Daemon(site.root).ready()
    try:
        daemon.wait(lambda: sorted(hub.heard) == TOPICS)
        os.rename(site.root / ".feeds", site.root / "gone")
        daemon.wait_for("build.done", reasons=["state"])
        hub.heard.clear()
        site.root.joinpath("seeds/a/2.md").write_text(seed("Another", "https://news.example.com/2"))
        daemon.wait(lambda: {*TOPICS} <= {*hub.heard})
    finally:
        daemon.stop()


def test_what_was_not_delivered_survives_a_kill(site: Site, hub: Hub) -> None:
    hub.delay = 60.0
    site.configure(f'[schedule]\nevery = "1d"\n[websub]\nhubs = ["{hub.url}"]\n')
    site.write("a/1.md", seed())
    daemon = Daemon(site.root).ready()
    daemon.wait(lambda: hub.asked)
    daemon.stop(9)
    hub.delay = 0.0
    daemon = Daemon(site.root).ready()
    try:
        daemon.wait(lambda: sorted(hub.heard) == TOPICS)
    finally:
        daemon.stop()

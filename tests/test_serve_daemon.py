"""The server and the daemon as one: `feeds daemon --serve`, `feeds serve --watch`."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest
from conftest import Site, dated, seed
from outside import Running, eventually, free_port
from running import Daemon, command, environment
from test_serve_load import answering, workers

if TYPE_CHECKING:
    from collections.abc import Iterator

SETTINGS = '[schedule]\nevery = "1d"\nrescan = "1h"\nsettle = "50ms"\n[serve]\nport = {port}\n'


@pytest.fixture
def port(site: Site) -> int:
    free = free_port()
    site.configure(SETTINGS.format(port=free))
    site.write("s/1.md", seed("First", "https://n.example.com/1", **dated(1_700_000_000)))
    return free


@pytest.fixture
def daemon(site: Site, port: int) -> Iterator[Daemon]:
    begun = Daemon(site.root, "--serve").ready()
    yield begun
    begun.stop(signal.SIGKILL)


def test_an_edit_reaches_those_who_ask(site: Site, port: int, daemon: Daemon) -> None:
    server = Running("feeds", port, daemon.process)
    eventually(lambda: answering(port))
    tag = server.ask("/all/atom.xml")["etag"]
    site.write("s/2.md", seed("Second", "https://n.example.com/2", **dated(1_700_000_100)))
    eventually(lambda: server.ask("/all/atom.xml", if_none_match=tag, a_im="feed").status == 226)
    assert daemon.stop() == 0
    assert not answering(port)


def test_a_server_that_was_killed_comes_back(site: Site, port: int, daemon: Daemon) -> None:
    eventually(lambda: answering(port))
    (parent,) = workers(daemon.process.pid)
    os.kill(parent, signal.SIGKILL)
    daemon.wait_for("server.started", 2)
    eventually(lambda: answering(port))


def test_a_broken_configuration_keeps_no_server_from_coming_back(
    site: Site, port: int, daemon: Daemon
) -> None:
    eventually(lambda: answering(port))
    site.configure('[site]\ntitle = "')
    daemon.wait_for("config.refused")
    (parent,) = workers(daemon.process.pid)
    (worker,) = workers(parent)
    os.kill(worker, signal.SIGKILL)
    daemon.wait_for("server.started", 2)
    eventually(lambda: answering(port))


def test_another_port_in_the_configuration(site: Site, port: int, daemon: Daemon) -> None:
    eventually(lambda: answering(port))
    other = free_port()
    site.configure(SETTINGS.format(port=other))
    daemon.wait_for("server.started", 2)
    assert answering(other)
    assert not answering(port)


def test_a_daemon_that_is_killed_leaves_no_server(site: Site, port: int, daemon: Daemon) -> None:
    eventually(lambda: answering(port))
    daemon.stop(signal.SIGKILL)
    eventually(lambda: not answering(port))


def test_serve_can_watch_too(site: Site, port: int) -> None:
    with subprocess.Popen(
        command("serve", "--watch"), cwd=site.root, env=environment(), stderr=subprocess.DEVNULL
    ) as process:
        server = Running("feeds", port, process)
        eventually(lambda: answering(port))
        eventually(lambda: b"First" in server.ask("/all/atom.xml").body)
        process.send_signal(signal.SIGINT)
        assert process.wait(40) == 0
    assert not answering(port)

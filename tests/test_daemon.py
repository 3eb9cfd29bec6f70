"""The daemon as a process: real files, real signals, real clocks."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from conftest import BASIC, Site, dated, seed
from running import PATIENCE, Daemon, command, environment, run, wait
from soak import soak

QUIET = '[schedule]\nevery = "1d"\nrescan = "1h"\nsettle = "50ms"\n'


def numbered(number: int, ago: int = 3600) -> str:
    return seed(
        f"Title {number}",
        f"https://news.example.com/{number}",
        **dated(int(time.time()) - ago - number),
    )


@pytest.fixture
def quiet(site: Site) -> Site:
    """A site where nothing but events and people call for a build."""
    site.configure(QUIET)
    site.write("a/1.md", numbered(1))
    return site


@pytest.fixture
def start(quiet: Site) -> Iterator[Callable[..., Daemon]]:
    begun: list[Daemon] = []

    def begin(*arguments: str, **given: str) -> Daemon:
        begun.append(Daemon(quiet.root, *arguments, **given))
        return begun[-1]

    yield begin
    for daemon in begun:
        daemon.stop(signal.SIGKILL)


def has(site: Site, *titles: str) -> Callable[[], bool]:
    def holds() -> bool:
        try:
            return {*titles} <= {*site.titles()}
        except FileNotFoundError:
            return False

    return holds


def test_an_article_is_published_when_its_file_is_written(
    quiet: Site, start: Callable[..., Daemon]
) -> None:
    daemon = start().ready()
    assert quiet.titles() == ["Title 1"]
    quiet.root.joinpath("seeds/a/2.md").write_text(numbered(2))
    daemon.wait(has(quiet, "Title 2"))
    done = daemon.wait_for("build.done", reasons=["event"])
    assert (done["read"], done["feeds"]) == (1, ["all"])
    os.replace(quiet.root / "seeds/a/2.md", quiet.root / "seeds/a/3.md")
    (quiet.root / "seeds/new/er").mkdir(parents=True)
    quiet.root.joinpath("seeds/new/er/4.md").write_text(numbered(4))
    daemon.wait(has(quiet, "Title 2", "Title 4"))
    shutil.rmtree(quiet.root / "seeds/a")
    daemon.wait(lambda: quiet.titles() == ["Title 4"])
    assert daemon.stop() == 0
    assert daemon.events[-1]["event"] == "daemon.stopped"


def test_what_editors_do_is_one_article(quiet: Site, start: Callable[..., Daemon]) -> None:
    daemon = start().ready()
    folder = quiet.root / "seeds" / "a"
    for name in (".2.md.swp", "4913", "2.md~", "2.md.tmp"):
        folder.joinpath(name).write_text(numbered(2))
        folder.joinpath(name).unlink()
    folder.joinpath("2.md.tmp").write_text(numbered(2))
    os.replace(folder / "2.md.tmp", folder / "2.md")
    done = daemon.wait_for("build.done", reasons=["event"])
    assert (done["read"], done["written"] > 0) == (1, True)
    assert sorted(quiet.titles()) == ["Title 1", "Title 2"]


def test_a_file_written_bit_by_bit_waits_until_it_is_whole(
    quiet: Site, start: Callable[..., Daemon]
) -> None:
    quiet.configure(QUIET.replace("50ms", "400ms"))
    daemon = start().ready()
    text = numbered(2).replace("</p>", "".join(f" word{n}" for n in range(40)) + " the end.</p>")
    with quiet.root.joinpath("seeds/a/2.md").open("w") as file:
        for at in range(0, len(text), len(text) // 60):  # for longer than any ceiling
            file.write(text[at : at + len(text) // 60])
            file.flush()
            if at > len(text) // 2:
                assert "Title 2" not in quiet.titles()
            time.sleep(0.1)
    daemon.wait(has(quiet, "Title 2"))
    assert "the end." in quiet.items()[1]["content_html"] + quiet.items()[0]["content_html"]


def test_five_thousand_files_at_once(quiet: Site, start: Callable[..., Daemon]) -> None:
    quiet.configure(QUIET + "[[feed]]\nslug = 'all'\nrecent = '0s'\n")  # else all stand in it
    daemon = start().ready()
    before = len(daemon.told("build.done"))
    for number in range(5_000):
        folder = quiet.root / "seeds" / f"s{number % 20}"
        folder.mkdir(exist_ok=True)
        folder.joinpath(f"{number + 1000}.md").write_text(
            numbered(number + 1000, ago=-number // 100 + 9000)
        )
    daemon.wait(lambda: sum(e["read"] for e in daemon.told("build.done")[before:]) >= 5_000)
    daemon.wait(lambda: daemon.told("build.done")[-1]["seeds"] == 5_001)
    assert len(daemon.told("build.done")) - before < 25
    with open(f"/proc/{daemon.process.pid}/status") as file:
        peak = next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))
    assert peak < 200_000  # KiB


def test_events_lost_while_it_was_stopped_are_found_by_looking(
    quiet: Site, start: Callable[..., Daemon]
) -> None:
    quiet.configure(QUIET.replace("1h", "2s"))
    daemon = start().ready()
    daemon.send(signal.SIGSTOP)
    quiet.root.joinpath("seeds/a/2.md").write_text(numbered(2))
    daemon.send(signal.SIGCONT)
    daemon.wait(has(quiet, "Title 2"))


def test_without_events_it_looks(quiet: Site, start: Callable[..., Daemon]) -> None:
    quiet.configure(QUIET + 'watch = "look"\nlook = "1s"\n')
    daemon = start()
    off = daemon.wait_for("events.off")
    assert (off["reason"], off["look_every"]) == ("the schedule says so", 1.0)
    quiet.root.joinpath("seeds/a/2.md").write_text(numbered(2))
    daemon.wait(has(quiet, "Title 2"))


def test_the_seed_folder_removed_and_put_back(quiet: Site, start: Callable[..., Daemon]) -> None:
    quiet.configure(QUIET + 'look = "1s"\n')
    daemon = start().ready()
    os.rename(quiet.root / "seeds", quiet.root / "away")
    failed = daemon.wait_for("build.failed")
    assert "seed folder" in failed["reason"]
    assert quiet.titles() == ["Title 1"]
    assert run(quiet.root, "status").returncode == 1
    os.rename(quiet.root / "away", quiet.root / "seeds")
    daemon.wait_for("build.recovered")
    quiet.root.joinpath("seeds/a/2.md").write_text(numbered(2))
    daemon.wait(has(quiet, "Title 2"))
    daemon.wait(lambda: run(quiet.root, "status").returncode == 0)


def test_an_article_dated_ahead_appears_at_its_hour(
    quiet: Site, start: Callable[..., Daemon]
) -> None:
    quiet.write("a/2.md", numbered(2, ago=-10))
    daemon = start().ready()
    assert quiet.titles() == ["Title 1"]
    daemon.wait(has(quiet, "Title 2"))
    daemon.wait_for("build.done", reasons=["due"])


def test_the_schedule_builds(quiet: Site, start: Callable[..., Daemon]) -> None:
    quiet.configure(QUIET.replace('every = "1d"', 'every = "10s"'))
    daemon = start().ready()
    daemon.wait(
        lambda: len([e for e in daemon.told("build.done") if "schedule" in e["reasons"]]) >= 2
    )


def test_a_second_daemon_refuses(quiet: Site, start: Callable[..., Daemon]) -> None:
    daemon = start().ready()
    second = run(quiet.root, "daemon")
    assert second.returncode == 3
    assert f"a daemon is at work on .feeds already (process {daemon.process.pid})" in second.stderr
    assert run(quiet.root, "status").returncode == 0


def test_it_stays_alone_when_the_state_folder_is_removed(
    quiet: Site, start: Callable[..., Daemon]
) -> None:
    daemon = start().ready()
    os.rename(quiet.root / ".feeds", quiet.root / "gone")
    daemon.wait_for("build.done", reasons=["state"])
    daemon.wait(quiet.root.joinpath(".feeds/daemon.sock").exists)
    assert run(quiet.root, "status").returncode == 0
    assert "already" in run(quiet.root, "daemon").stderr
    quiet.root.joinpath(".feeds/daemon.sock").unlink()
    daemon.wait(quiet.root.joinpath(".feeds/daemon.sock").exists)
    assert daemon.stop() == 0


def test_two_daemons_after_the_state_folder_was_removed(
    quiet: Site, start: Callable[..., Daemon]
) -> None:
    first = start().ready()
    first.send(signal.SIGSTOP)
    os.rename(quiet.root / ".feeds", quiet.root / "gone")
    second = start().ready()
    first.send(signal.SIGCONT)
    assert first.process.wait(PATIENCE) == 3
    told = json.loads(run(quiet.root, "status", "--format", "json").stdout)
    assert told["pid"] == second.process.pid
    assert second.stop() == 0


def test_a_build_by_hand_beside_it_is_safe(quiet: Site, start: Callable[..., Daemon]) -> None:
    daemon = start().ready()
    for number in range(2, 8):
        quiet.root.joinpath(f"seeds/a/{number}.md").write_text(numbered(number))
        assert run(quiet.root, "generate", "--offline").returncode == 0
    daemon.wait(has(quiet, *(f"Title {number}" for number in range(1, 8))))
    assert not daemon.told("build.failed")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_it_is_told_to(quiet: Site, start: Callable[..., Daemon], number: int) -> None:
    daemon = start().ready()
    assert daemon.stop(number) == 0
    assert daemon.events[-2]["signal"] == signal.Signals(number).name
    assert not quiet.root.joinpath(".feeds/daemon.sock").exists()


def test_it_ends_in_the_middle_of_a_build(quiet: Site, start: Callable[..., Daemon]) -> None:
    quiet.configure(QUIET + "[[feed]]\nslug = 'all'\nlimit = 3000\nmax_size = '1 GiB'\n")
    for number in range(3000):
        quiet.write(f"a/{number}.md", numbered(number))
    daemon = start()
    time.sleep(1.5)
    begun = time.monotonic()
    assert daemon.stop() == 0
    assert time.monotonic() - begun < 10  # seconds
    again = start().ready()
    assert len(quiet.items()) == 3000
    assert again.stop() == 0


def test_a_log_that_nobody_reads_any_more_ends_nothing(quiet: Site) -> None:
    reading, writing = os.pipe()
    process = subprocess.Popen(command("daemon"), cwd=quiet.root, stderr=writing, env=environment())
    os.close(writing)
    try:
        wait(process, lambda: b"build.done" in os.read(reading, 4096))
        os.close(reading)
        quiet.root.joinpath("seeds/a/2.md").write_text(numbered(2))
        wait(process, has(quiet, "Title 2"))
        process.terminate()
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()


def test_told_twice_it_ends_at_once(quiet: Site, start: Callable[..., Daemon]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as slow:  # takes connections, and never answers
        port = slow.getsockname()[1]
        quiet.configure(QUIET + f'[websub]\nhubs = ["http://127.0.0.1:{port}/"]\n')
        daemon = start()
        daemon.wait_for("build.done")
        daemon.send(signal.SIGTERM)
        daemon.send(signal.SIGTERM)
        assert daemon.process.wait(PATIENCE) in (0, 128 + signal.SIGTERM)


def test_a_changed_configuration_is_taken_over(quiet: Site, start: Callable[..., Daemon]) -> None:
    daemon = start().ready()
    quiet.configure(QUIET + "[[feed]]\nslug = 'other'\n")
    daemon.wait(quiet.root.joinpath("out/other/atom.xml").exists)
    daemon.wait(lambda: not quiet.root.joinpath("out/all/atom.xml").exists())
    assert len(daemon.told("config.loaded")) == 1


def test_a_configuration_that_is_wrong_is_refused(
    quiet: Site, start: Callable[..., Daemon]
) -> None:
    daemon = start().ready()
    quiet.configure(QUIET + "[[feed]]\nslug = 'other'\nlimit = 0\n")
    refused = daemon.wait_for("config.refused")
    assert "[[feed]] limit: 0 is too little" in refused["reason"]
    status = run(quiet.root, "status")
    assert "as changed it can't be used" in status.stdout
    quiet.root.joinpath("seeds/a/2.md").write_text(numbered(2))
    daemon.wait(has(quiet, "Title 2"))
    quiet.configure(QUIET)
    daemon.wait_for("config.loaded")
    assert "as changed" not in run(quiet.root, "status").stdout


def test_hangup_reloads(quiet: Site, start: Callable[..., Daemon]) -> None:
    daemon = start().ready()
    daemon.send(signal.SIGHUP)
    daemon.wait_for("config.loaded")
    daemon.wait(lambda: any("reload" in e["reasons"] for e in daemon.told("build.done")))


def test_the_state_folder_stays_where_it_is(quiet: Site, start: Callable[..., Daemon]) -> None:
    daemon = start().ready()
    quiet.configure(QUIET + '[paths]\nstate = ".other"\n')
    assert "restart it" in daemon.wait_for("config.refused")["reason"]


def test_a_schedule_and_an_address_can_change_while_it_runs(
    quiet: Site, start: Callable[..., Daemon]
) -> None:
    daemon = start().ready()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    quiet.configure(
        f'[schedule]\ncron = "0 3 * * *"\nwatch = "look"\naddress = "127.0.0.1:{port}"\n'
    )
    daemon.wait_for("events.off")
    assert get(port, "/livez") == (200, "ok\n")
    times = json.loads(run(quiet.root, "status", "--format", "json").stdout)["schedule"]
    assert [time[11:] for time in times] == ["03:00:00+08:00"] * 5


def test_an_address_that_is_taken_costs_no_status(
    quiet: Site, start: Callable[..., Daemon]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        quiet.configure(QUIET + f'address = "127.0.0.1:{port}"\n')
        daemon = start().ready()
        assert "in use" in daemon.wait_for("door.failed")["reason"]
        assert run(quiet.root, "status").returncode == 0
    quiet.configure(QUIET + f'address = "[::1]:{port}"\n')
    daemon.wait(lambda: any("reload" in e["reasons"] for e in daemon.told("build.done")))
    with urllib.request.urlopen(f"http://[::1]:{port}/livez", timeout=PATIENCE) as answer:
        assert answer.status == 200


def test_whoever_connects_and_says_nothing_keeps_nobody_out(
    quiet: Site, start: Callable[..., Daemon]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    quiet.configure(QUIET + f'address = "127.0.0.1:{port}"\n')
    daemon = start().ready()
    silent = []
    try:
        for number in range(150):
            silent.append(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE))
            silent[-1].sendall(b"GET /metrics HT"[: number % 16])
        assert get(port, "/livez") == (200, "ok\n")
        daemon.wait(lambda: len(os.listdir(f"/proc/{daemon.process.pid}/fd")) < 60)
        quiet.root.joinpath("seeds/a/2.md").write_text(numbered(2))
        daemon.wait(has(quiet, "Title 2"))
    finally:
        for one in silent:
            one.close()


def get(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=PATIENCE) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_health_and_metrics(quiet: Site, start: Callable[..., Daemon]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    quiet.configure(QUIET + f'look = "1s"\naddress = "127.0.0.1:{port}"\n')
    quiet.write("a/broken.md", b"\0\0")
    daemon = start().ready()
    for path in ("/livez", "/readyz", "/freshz"):
        assert get(port, path) == (200, "ok\n")
    status, text = get(port, "/metrics")
    assert status == 200
    figures = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert (figures["feeds_up"], figures["feeds_seeds"], figures["feeds_held"]) == (
        "1.0",
        "2.0",
        "1.0",
    )
    assert figures['feeds_builds_total{outcome="changed"}'] == "1.0"
    assert figures['feeds_entries{feed="all"}'] == "1.0"
    assert get(port, "/nothing")[0] == 404
    os.rename(quiet.root / "seeds", quiet.root / "away")
    daemon.wait_for("build.failed")
    daemon.wait(lambda: get(port, "/readyz")[0] == 503)
    assert "seed folder" in get(port, "/readyz")[1]
    assert get(port, "/livez") == (200, "ok\n")
    assert "feeds_up 0.0" in get(port, "/metrics")[1]


def test_a_failing_build_leaves_the_last_good_feeds(
    quiet: Site, start: Callable[..., Daemon]
) -> None:
    daemon = start().ready()
    before = quiet.published()
    shutil.rmtree(quiet.root / "out" / "all")
    quiet.root.joinpath("out/all").write_text("in the way")
    quiet.root.joinpath("seeds/a/2.md").write_text(numbered(2))
    failed = daemon.wait_for("build.failed")
    assert failed["again_in"] == 5
    assert quiet.root.joinpath("out/index.html").read_bytes() == before["index.html"][0]
    quiet.root.joinpath("out/all").unlink()
    daemon.wait_for("build.recovered")
    assert {*quiet.titles()} == {"Title 1", "Title 2"}


def test_status_without_a_daemon(quiet: Site) -> None:
    status = run(quiet.root, "status")
    assert status.returncode == 1
    assert "no daemon runs on config.toml; `feeds daemon` starts one" in status.stdout
    told = json.loads(run(quiet.root, "status", "--format", "json").stdout)
    assert told["running"] is False
    assert len(told["schedule"]) == 5


def test_an_idle_daemon_writes_nothing(quiet: Site, start: Callable[..., Daemon]) -> None:
    quiet.configure(QUIET.replace("1h", "2s"))
    daemon = Daemon(quiet.root, "-q")
    try:
        daemon.wait(has(quiet, "Title 1"))
        time.sleep(3)

        def written() -> int:
            with open(f"/proc/{daemon.process.pid}/io") as file:
                return next(int(line.split()[1]) for line in file if line.startswith("write_bytes"))

        before, files = written(), quiet.published()
        time.sleep(5)  # two looks
        assert written() == before
        assert quiet.published() == files
    finally:
        daemon.stop(signal.SIGKILL)


def notified(sock: socket.socket, until: str) -> list[str]:
    lines: list[str] = []
    while until not in lines:
        lines += sock.recv(4096).decode().splitlines()
    return lines


def test_the_service_manager_is_told(
    quiet: Site, start: Callable[..., Daemon], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = str(tmp_path_factory.mktemp("n") / "sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(path)
        sock.settimeout(PATIENCE)
        daemon = start(NOTIFY_SOCKET=path, WATCHDOG_USEC="2000000")
        assert any(line.startswith("STATUS=") for line in notified(sock, "READY=1"))
        notified(sock, "WATCHDOG=1")
        daemon.send(signal.SIGHUP)
        lines = notified(sock, "RELOADING=1")
        lines += notified(sock, "READY=1")
        assert any(line.startswith("MONOTONIC_USEC=") for line in lines)
        daemon.send(signal.SIGTERM)
        notified(sock, "STOPPING=1")
    assert daemon.process.wait(PATIENCE) == 0


def test_a_clock_that_jumps_is_noticed(quiet: Site, start: Callable[..., Daemon]) -> None:
    library = next(Path("/usr/lib").rglob("libfaketime.so.1"), None)
    if library is None:
        pytest.skip("libfaketime is not here (Debian: faketime)")
    control = quiet.root / "clock"
    control.write_text("+0\n")
    daemon = start(
        LD_PRELOAD=str(library), FAKETIME_TIMESTAMP_FILE=str(control), FAKETIME_NO_CACHE="1",
        FAKETIME_DONT_FAKE_MONOTONIC="1", DONT_FAKE_MONOTONIC="1",
    ).ready()  # fmt: skip
    quiet.write("a/2.md", numbered(2, ago=-3000))
    daemon.wait_for("build.done", 2)
    assert quiet.titles() == ["Title 1"]
    control.write_text("+7200\n")
    daemon.wait_for("clock.jumped")
    daemon.wait(has(quiet, "Title 2"))
    control.write_text("-7200\n")
    daemon.wait_for("clock.jumped", 2)
    quiet.write("a/3.md", numbered(3, ago=90_000))
    daemon.wait(has(quiet, "Title 3"))
    told = json.loads(run(quiet.root, "status", "--format", "json").stdout)
    assert datetime.fromisoformat(told["schedule"][0]) < datetime.now(UTC) + timedelta(days=1)
    before = len(daemon.events)
    control.write_text("+200000\n")
    daemon.wait_for("clock.jumped", 3)
    daemon.wait(lambda: any("schedule" in e.get("reasons", ()) for e in daemon.events[before:]))


def test_units_and_the_configuration_say_the_next_runs(quiet: Site) -> None:
    quiet.configure('[schedule]\ncron = "0 6 * * 1"\n')
    checked = run(quiet.root, "config", "check")
    assert checked.returncode == 0
    assert checked.stdout.count("T06:00:00+08:00") == 5


def test_a_basic_configuration_needs_no_schedule(quiet: Site, start: Callable[..., Daemon]) -> None:
    quiet.root.joinpath("config.toml").write_text(BASIC)
    start().ready()


def test_nobody_is_left_behind(quiet: Site, start: Callable[..., Daemon]) -> None:
    daemon = start().ready()
    daemon.stop(signal.SIGKILL)
    found = subprocess.run(["pgrep", "-f", str(quiet.root)], capture_output=True, check=False)
    assert found.stdout == b""
    again = start().ready()  # over the socket and the lock of the one that was killed
    assert run(quiet.root, "status").returncode == 0
    assert again.stop() == 0


def test_a_short_soak(tmp_path: Path) -> None:
    told = soak(tmp_path, kills=8, seconds=10, start=1)
    assert told["wrong"] == []
    assert told["kills"] >= 4
    assert told["reads"] > 50


def port_of_nobody() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def test_it_serves_what_it_keeps_right(quiet: Site, start: Callable[..., Daemon]) -> None:
    port, other = port_of_nobody(), port_of_nobody()
    quiet.configure(QUIET + f"[serve]\nport = {port}\n")
    daemon = start("--serve").ready()
    assert "Title 1" in get(port, "/all/atom.xml")[1]
    quiet.root.joinpath("seeds/a/2.md").write_text(numbered(2))
    daemon.wait(lambda: "Title 2" in get(port, "/all/atom.xml")[1])
    (child,) = children(daemon.process.pid)
    os.kill(child, signal.SIGKILL)
    daemon.wait_for("server.started", 2)
    assert get(port, "/all/atom.xml")[0] == 200
    quiet.configure(QUIET + f"[serve]\nport = {other}\n")
    daemon.wait_for("server.started", 3)
    assert get(other, "/all/atom.xml")[0] == 200
    assert daemon.stop() == 0
    with pytest.raises(urllib.error.URLError):
        get(other, "/all/atom.xml")


def children(pid: int) -> list[int]:
    found = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False)
    return [int(line) for line in found.stdout.split()]


def test_a_server_that_watches_is_a_daemon(quiet: Site) -> None:
    port = port_of_nobody()
    running = subprocess.Popen(
        command("serve", "--watch", "--port", str(port)), cwd=quiet.root, env=environment(),
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        end = time.monotonic() + PATIENCE
        while not has(quiet, "Title 1")() or not answers(port):
            assert time.monotonic() < end
            time.sleep(0.05)
        assert "Title 1" in get(port, "/all/atom.xml")[1]
    finally:
        running.terminate()
        assert running.wait(PATIENCE) == 0
    assert not answers(port)


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def test_an_address_that_is_taken_is_told_at_once(quiet: Site) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        quiet.configure(QUIET + f"[serve]\nport = {taken.getsockname()[1]}\n")
        refused = run(quiet.root, "daemon", "--serve")
    assert refused.returncode == 3
    assert "Address already in use" in refused.stderr


def test_what_would_vanish_is_refused_until_it_is_accepted(
    quiet: Site, start: Callable[..., Daemon]
) -> None:
    for number in range(2, 41):
        quiet.write(f"a/{number}.md", numbered(number))
    daemon = start().ready()
    before = quiet.published()
    for number in range(2, 31):
        quiet.root.joinpath(f"seeds/a/{number}.md").unlink()
    failed = daemon.wait_for("build.failed")
    assert "29 would vanish" in failed["reason"]
    assert quiet.published() == before
    status = run(quiet.root, "status")
    assert status.returncode == 1
    assert "feeds generate --accept" in status.stdout
    assert run(quiet.root, "generate", "--offline", "--accept").returncode == 0
    daemon.wait_for("build.recovered")
    assert len(quiet.titles()) == 11
    assert run(quiet.root, "status").returncode == 0

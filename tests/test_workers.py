"""Work shared out among processes, and the lock that keeps builds apart."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from feeds import lock, workers
from feeds.model import BusyError, FeedsError


def squares(task: int) -> Iterator[tuple[int, int]]:
    yield task, task * task
    yield -task, os.getpid()


@pytest.mark.parametrize("processes", [1, 2, 5])
@pytest.mark.parametrize("count", [0, 1, 2, 50])
def test_every_task_is_done_once(processes: int, count: int) -> None:
    results = list(workers.spread(squares, range(1, count + 1), processes))
    assert sorted(r for r in results if r[0] > 0) == [(n, n * n) for n in range(1, count + 1)]
    owners = {pid for n, pid in results if n < 0}
    assert bool(count) <= len(owners) <= max(1, min(processes, count))


def slow(task: int) -> Iterator[int]:
    time.sleep(0.05)
    yield os.getpid()


def test_this_process_does_its_share() -> None:
    owners = set(workers.spread(slow, range(8), 2))
    assert len(owners) == 2
    assert os.getpid() in owners


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets us shrink a pipe")
def test_many_processes_in_small_pipes(monkeypatch: pytest.MonkeyPatch) -> None:
    made = os.pipe

    def small() -> tuple[int, int]:
        ends = made()
        fcntl.fcntl(ends[1], fcntl.F_SETPIPE_SZ, 4096)  # as for a user who has many of them
        return ends

    def late(*_: object) -> None:
        raise TimeoutError

    monkeypatch.setattr(os, "pipe", small)
    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(20)
    try:
        results = list(workers.spread(squares, range(1, 4001), 40))
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    assert len([n for n, _ in results if n > 0]) == 4000


def test_chores_come_before_its_share() -> None:
    told: list[str] = []

    def work(task: int) -> Iterator[int]:
        told.append("work")
        yield from slow(task)

    chores = (told.append("chore") for _ in range(3))
    assert len(set(workers.spread(work, range(8), 2, chores))) == 2
    assert told[:4] == ["chore", "chore", "chore", "work"]


def test_nothing_is_no_result() -> None:
    def work(task: int) -> Iterator[int | None]:
        yield None
        yield task
        yield None

    for processes in (1, 2):
        assert sorted(workers.spread(work, range(8), processes)) == [*range(8)]


def test_a_long_task_of_its_own_is_looked_up_from() -> None:
    """What the others have to tell is heard before the task has come to its end."""

    def work(task: int) -> Iterator[tuple[int, float] | None]:
        if os.getpid() != here:
            yield os.getpid(), time.monotonic()
            time.sleep(0.1)
        else:
            for _ in range(100):
                time.sleep(0.02)
                yield None

    here = os.getpid()
    results = workers.spread(work, range(6), 2)
    _, sent = next(results)
    assert time.monotonic() - sent < 1
    results.close()


def test_without_others_no_chore_is_drawn() -> None:
    drawn: list[int] = []
    for processes, count in ((1, 5), (2, 1)):
        chores = map(drawn.append, range(3))
        assert set(workers.spread(slow, range(count), processes, chores)) == {os.getpid()}
    assert drawn == []


def test_large_results_come_whole() -> None:
    sizes = list(workers.spread(lambda n: [b"x" * n], [10_000_000, 5, 3_000_000], 2))
    assert sorted(map(len, sizes)) == [5, 3_000_000, 10_000_000]


def test_what_a_task_raises_is_raised_here() -> None:
    def fails(task: int) -> Iterator[int]:
        yield task
        if task == 3:
            raise ValueError(f"task {task}")

    with pytest.raises(ValueError, match="task 3"):
        list(workers.spread(fails, range(6), 2))


def test_a_child_that_dies_is_noticed() -> None:
    here = os.getpid()

    def deadly(task: int) -> Iterator[int]:
        if os.getpid() != here:
            os.kill(os.getpid(), signal.SIGKILL)
        yield from slow(task)

    with pytest.raises(FeedsError, match="a worker process died"):
        list(workers.spread(deadly, range(8), 2))


def test_no_child_is_left_when_the_caller_gives_up() -> None:
    def endless(task: int) -> Iterator[int]:
        yield os.getpid()
        if os.getpid() != here:
            time.sleep(60)
        time.sleep(0.05)

    here = os.getpid()
    results = workers.spread(endless, range(20), 2)
    child = next(pid for pid in results if pid != here)
    results.close()
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


def test_a_process_with_threads_does_not_fork() -> None:
    code = (
        "import threading; from feeds import workers; print(workers.cores() >= 1);"
        "t = threading.Thread(target=threading.Event().wait, daemon=True); t.start(); print(workers.cores())"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["True", "1"]


def test_one_at_a_time(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    holder = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(f"""
            from feeds import lock
            with lock.held({path!r}, 0, print):
                print("held", flush=True)
                input()
        """)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(BusyError, match=str(holder.pid)), lock.held(path, 0, print):
        pass
    told: list[int] = []
    begun = time.monotonic()
    with pytest.raises(BusyError), lock.held(path, 0.2, told.append):
        pass
    assert told == [holder.pid]
    assert time.monotonic() - begun < 2
    holder.kill()  # however it ends, the lock is free at once
    holder.communicate()
    with lock.held(path, 0, print):
        pass


def test_whoever_waits_is_next(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    holder = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(f"""
            import time
            from feeds import lock
            with lock.held({path!r}, 0, print):
                print("held", flush=True)
                time.sleep(0.5)
        """)],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert holder.stdout.readline() == "held\n"
    with lock.held(path, 10, lambda _: None):
        assert holder.wait(1) == 0
    holder.communicate()


def test_a_forked_worker_does_not_hold_the_lock(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    code = textwrap.dedent(f"""
        import os, time
        from feeds import lock
        with lock.held({path!r}, 0, print):
            if os.fork() == 0:
                print("ready", flush=True)
                time.sleep(30)
            time.sleep(30)
    """)
    parent = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, process_group=0
    )
    assert parent.stdout.readline() == "ready\n"
    parent.kill()
    parent.wait()
    parent.stdout.close()
    try:
        with lock.held(path, 0, print):
            pass
    finally:
        os.killpg(parent.pid, 9)


def test_a_long_task_does_not_hold_up_the_others() -> None:
    def work(task: int) -> Iterator[tuple[int, int]]:
        time.sleep(1.0 if task == 0 else 0.0)
        yield task, os.getpid()

    found = dict(workers.spread(work, range(40), 2))
    assert sum(pid == found[0] for pid in found.values()) < 10


FORKING = """
import errno, os, signal, sys
from feeds import workers

def work(task):
    yield task

fork = os.fork
def forked():
    {forking}
os.fork = forked
before = os.listdir("/proc/self/fd")
try:
    print(sorted(workers.spread(work, range(20), 12)) == [*range(20)], flush=True)
except KeyboardInterrupt:
    print("interrupted", flush=True)
print(os.getpid(), os.listdir("/proc/self/fd") == before, flush=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
@pytest.mark.parametrize(
    ("forking", "expected"),
    [
        # An interrupt that finds a child just born: it must not go on as if it were the parent.
        (
            "child = fork(); child or os.kill(os.getpid(), signal.SIGINT); return child",
            "True",
        ),
        ("os.kill(os.getpid(), signal.SIGINT); return fork()", "interrupted"),
        ("raise OSError(errno.EAGAIN, 'no more processes')", "True"),
    ],
)
def test_forks_that_are_disturbed(forking: str, expected: str) -> None:
    code = FORKING.format(forking=forking)
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as run:
        told, _ = run.communicate(timeout=60)
    assert told == f"{expected}\n{run.pid} True\n"
    assert run.returncode == 0

"""A function applied to many tasks on several cores, by forking.

Processes and not threads, as what is done in them holds the interpreter's lock; by a bare fork and
not by a pool, as a pool takes longer to start than most builds take.  Only for a process without
threads of its own: a forked child has none of them, but may have a lock that one of them held.
"""

from __future__ import annotations

import contextlib
import gc
import marshal
import os
import signal
import sys
from itertools import chain
from typing import IO, TYPE_CHECKING, Any, TypeVar

from feeds.model import FeedsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

Task = TypeVar("Task")
Result = TypeVar("Result")


_PORTIONS = 64  # for each process: enough that none waits long for the others at the end
_MOST = 2048  # portions: their numbers fit into the smallest pipe, so that no one waits to write
_PIPE = 1 << 20  # bytes: the most that Linux gives to whom is not root
_PICKLED = b"p"  # how a message begins that is not marshalled: no tuple begins so
_END = object()


def cores() -> int:
    """How many processes can do work at once; 1 where forking is not safe."""
    threading = sys.modules.get("threading")
    if (threading is not None and threading.active_count() > 1) or not hasattr(os, "fork"):
        return 1
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS
        return os.cpu_count() or 1


def spread(
    work: Callable[[Task], Iterable[Result | None]],
    tasks: Sequence[Task],
    processes: int,
    chores: Iterable[object] = (),
) -> Iterator[Result]:
    """Every result of `work` for every task, in no particular order.

    None is no result: where a task takes long, it lets this process look up from it.

    While the others have nothing to tell, this process draws `chores`, one by one, and then does
    its share.  With one process, or one task, nothing is forked, and no chore drawn.  What `work`
    raises is raised here; when a child dies without a word, FeedsError is.  Where the system allows
    fewer processes, fewer do it all.
    """
    if processes < 2 or len(tasks) < 2:
        for task in tasks:
            yield from (result for result in work(task) if result is not None)
        return
    count = min(processes * _PORTIONS, _MOST, len(tasks))
    portions = [tasks[number::count] for number in range(count)]
    claims, numbers = os.pipe()  # who is done with one portion takes the next from here
    os.write(numbers, b"".join(number.to_bytes(2, "big") for number in range(count)))
    os.close(numbers)
    claimed = _claimed(work, portions, claims)
    own = chain((None for _ in chores), claimed)
    children: dict[int, int] = {}  # the end to read from -> process id
    try:
        while len(children) < min(processes, count) - 1 and _begin(claimed, children):
            pass
        yield from _gather(children, own)
    finally:
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # one more comes after it
        os.close(claims)
        for reading, child in children.items():
            os.close(reading)
            os.kill(child, signal.SIGKILL)  # it has finished, unless the caller gave up
            os.waitpid(child, 0)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _begin(results: Iterable[object], children: dict[int, int]) -> bool:
    """Fork a child that tells these results; False where the system allows no more."""
    try:
        reading, writing = _pipe()
    except OSError:
        return False
    # An interrupt must find either no child or one that ignores it and that the parent knows.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what it means
            os.close(reading)
            _serve(results, writing)
        children[reading] = child
    except OSError:
        os.close(reading)
        return False
    finally:
        os.close(writing)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    return True


def _claimed(
    work: Callable[[Task], Iterable[Result | None]],
    portions: Sequence[Sequence[Task]],
    claims: int,
) -> Iterator[Result | None]:
    """The results for the portions that this process gets hold of."""
    while claim := os.read(claims, 2):
        for task in portions[int.from_bytes(claim, "big")]:
            yield from work(task)


def _pipe() -> tuple[int, int]:
    """A pipe with room enough that a child need not wait while a chore is done here."""
    import fcntl

    ends = os.pipe()
    with contextlib.suppress(AttributeError, OSError):  # not Linux; the user has many of them
        fcntl.fcntl(ends[1], fcntl.F_SETPIPE_SZ, _PIPE)
    return ends


def _serve(results: Iterable[object], writing: int) -> None:
    """The child's whole life; it must never return into the parent's code."""
    status = 1
    try:
        gc.freeze()  # what the parent made is not looked through, so its pages stay shared
        with os.fdopen(writing, "wb") as pipe:
            try:
                for result in results:
                    if result is not None:
                        _send(pipe, ("result", result))
                _send(pipe, ("done", None))
            except Exception as error:  # noqa: BLE001  whatever it is, the parent raises it
                _send(pipe, ("error", error))
        status = 0
    finally:
        os._exit(status)


def _send(pipe: IO[bytes], message: Any) -> None:
    try:  # for what is made of tuples, numbers and texts alone, in half the time
        data = marshal.dumps(message, 2)  # without references
    except ValueError:
        import pickle

        data = _PICKLED + pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    pipe.write(len(data).to_bytes(4, "big"))
    pipe.write(data)
    pipe.flush()


def _gather(children: Iterable[int], own: Iterator[Any]) -> Iterator[Any]:
    """What the children tell, and what is made here while they tell nothing."""
    import select

    idle: int | None = 0  # how long to wait for them: not at all while there is something to do
    waiting = set(children)
    room = bytearray(_PIPE)  # for every message, as memory that was never touched takes long
    ready = select.poll()
    for reading in waiting:
        ready.register(reading, select.POLLIN)
    while waiting or idle == 0:
        told = ready.poll(idle)
        if not told and (result := next(own, _END)) is not None:
            if result is _END:
                idle = None
            else:
                yield result
        for reading, _ in told:
            kind, value = _message(reading, room)
            if kind == "result":
                yield value
            elif kind == "error":
                raise value
            else:
                ready.unregister(reading)
                waiting.remove(reading)


def _message(reading: int, room: bytearray) -> tuple[str, Any]:
    """What a child has to say; raises FeedsError when it died before it had said it."""
    _fill(reading, room, 4)
    size = int.from_bytes(room[:4], "big")
    room.extend(bytes(max(0, size - len(room))))
    _fill(reading, room, size)
    with memoryview(room) as view:
        ours = view[:size]  # our own child's
        if ours[:1] == _PICKLED:
            import pickle

            message: tuple[str, Any] = pickle.loads(ours[1:])  # noqa: S301
        else:
            message = marshal.loads(ours)  # noqa: S302
    return message


def _fill(reading: int, room: bytearray, size: int) -> None:
    """Read so many bytes into `room`; who has begun to send them goes on."""
    done = 0
    with memoryview(room) as view:
        while done < size:
            got = os.readv(reading, [view[done:size]])
            if not got:
                raise FeedsError(
                    "a worker process died, so nothing was published; is there enough memory?"
                )
            done += got

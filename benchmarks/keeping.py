"""Programs that keep their feeds right by themselves, and how soon they notice an edit."""

from __future__ import annotations

import os
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from timing import VoidError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

_PATIENCE = 120.0  # seconds until a program must have begun, or noticed an edit
_STEP = 0.001  # seconds between two looks at its output
_REST = 1.0  # seconds between two edits, and until a program that has begun is at rest


class Keeper:
    """A running program that writes `output` anew when its input changed."""

    def __init__(self, process: subprocess.Popen[bytes], output: str) -> None:
        """Of a process that was started already."""
        self._process = process
        self._output = output

    def noticed(self, edit: Callable[[], None]) -> float:
        """Seconds from the end of `edit` until the output has been replaced."""
        time.sleep(_REST)
        before = self._version()
        edit()
        begun = time.perf_counter()
        while self._version() == before:
            if self._process.poll() is not None:
                raise VoidError(f"it ended with exit status {self._process.returncode}")
            if time.perf_counter() - begun > _PATIENCE:
                raise VoidError(f"an edit was not noticed within {_PATIENCE:.0f} s")
            time.sleep(_STEP)
        return time.perf_counter() - begun

    def idle(self, seconds: float) -> tuple[float, int]:
        """The share of one core it takes while nothing happens, and the bytes it writes."""
        time.sleep(_REST)
        before, written, begun = self._cpu(), self._written(), time.perf_counter()
        time.sleep(seconds)
        took = time.perf_counter() - begun
        return (self._cpu() - before) / took, self._written() - written

    def _version(self) -> tuple[int, int]:
        try:
            status = os.stat(self._output)
        except FileNotFoundError:
            return 0, 0
        return status.st_mtime_ns, status.st_ino

    def _cpu(self) -> float:
        with open(f"/proc/{self._process.pid}/stat", encoding="utf-8") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _written(self) -> int:
        with open(f"/proc/{self._process.pid}/io", encoding="utf-8") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("write_bytes"))


@contextmanager
def kept(command: Sequence[str], output: str, env: Mapping[str, str]) -> Iterator[Keeper]:
    """The program while it runs, once it has made its output and come to rest."""
    begun = time.time_ns()
    process = subprocess.Popen(
        command, env=env, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        end = time.monotonic() + _PATIENCE
        while not os.path.exists(output) or os.stat(output).st_mtime_ns < begun:
            if process.poll() is not None or time.monotonic() > end:
                raise VoidError(f"{' '.join(command)}: it made no {output}")
            time.sleep(0.05)
        time.sleep(5 * _REST)
        yield Keeper(process, output)
    finally:
        process.terminate()
        process.wait()

"""A daemon as a process, and what a test needs of it: its log, its status, an end to waiting."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).resolve().parent.parent
PATIENCE = 40.0  # seconds


def environment(**given: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(PACKAGE), **given}


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "feeds", *arguments]


def wait(process: subprocess.Popen[bytes], holds: Callable[[], object], log: str = "") -> Any:
    """Wait until it holds, while the process lives; what came of it, or AssertionError."""
    end = time.monotonic() + PATIENCE
    while not (found := holds()):
        assert process.poll() is None, Path(log).read_text() if log else "it ended"
        assert time.monotonic() < end, Path(log).read_text() if log else "it took too long"
        time.sleep(0.02)
    return found


class Daemon:
    """`feeds daemon` on the configuration in a folder, logging JSON."""

    def __init__(self, root: Path, *arguments: str, **given: str) -> None:
        self.root = root
        self.path = root / "daemon.log"
        self.seen = self.path.stat().st_size if self.path.exists() else 0
        with self.path.open("ab") as log:
            self.process = subprocess.Popen(
                command("daemon", "--log", "json", "-v", *arguments),
                cwd=root, stderr=log, env=environment(**given),
            )  # fmt: skip

    @property
    def events(self) -> list[dict[str, Any]]:
        """What this process said so far."""
        text = self.path.read_bytes()[self.seen :].decode()
        lines = text.splitlines() if text.endswith("\n") else text.splitlines()[:-1]
        return [json.loads(line) for line in lines]

    def told(self, event: str, **facts: object) -> list[dict[str, Any]]:
        """Those of its events with this name and these facts."""
        return [
            one
            for one in self.events
            if one["event"] == event and all(one.get(name) == fact for name, fact in facts.items())
        ]

    def wait(self, holds: Callable[[], object]) -> Any:
        """Wait until it holds; what it said when it does not, in time."""
        return wait(self.process, holds, str(self.path))

    def wait_for(self, event: str, count: int = 1, **facts: object) -> dict[str, Any]:
        """Wait for the event to come so often; the last."""
        return self.wait(lambda: len(found := self.told(event, **facts)) >= count and found)[-1]

    def ready(self) -> Daemon:
        """Wait until it listens, and has nothing to do."""
        self.wait_for("events.on")
        self.wait(lambda: any("rescan" in e["reasons"] for e in self.told("build.done")))
        return self

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it, and wait for that; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(PATIENCE)


def run(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        command(*arguments), cwd=root, capture_output=True, text=True, check=False,
        env=environment(), timeout=PATIENCE,
    )  # fmt: skip

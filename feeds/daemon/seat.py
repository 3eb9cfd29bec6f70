"""One daemon for one state folder, also after that was removed and made again."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

from feeds import lock
from feeds.model import StateError

if TYPE_CHECKING:
    from types import TracebackType

LOCK = "daemon.lock"  # in the state folder; held as long as the daemon lives


class Seat:
    """Held while the context lasts."""

    def __init__(self, state: str) -> None:
        """For the state folder `state`, which need not be there."""
        self._state = state
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Make the folder and hold its lock; raises StateError, BusyError when another does."""
        try:
            os.makedirs(self._state, exist_ok=True)
        except OSError as error:
            raise StateError(f"{self._state}: {error.strerror}") from None
        busy = (
            f"a daemon is at work on {os.path.relpath(self._state)} already (process {{holder}});"
            " `feeds status` tells what it does"
        )
        path = os.path.join(self._state, LOCK)
        self._holds = self._stack.enter_context(lock.held(path, 0.0, lambda _: None, busy))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let go."""
        self._stack.close()

    def lost(self) -> bool:
        """Whether the lock is no longer the one that another daemon would find."""
        return not self._holds()

    def regain(self) -> None:
        """Make and hold it again, with the errors of the first time."""
        self._stack.close()
        self.__enter__()

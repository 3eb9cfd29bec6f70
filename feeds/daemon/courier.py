"""Tells hubs what is new, on a thread of its own: a hub that is slow or down holds up no build."""

from __future__ import annotations

import math
import os
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING

from feeds import websub
from feeds.outbox import Outbox

if TYPE_CHECKING:
    from collections.abc import Callable

    from feeds.config import Config

_PATIENCE = 60.0  # seconds between two looks when nobody wakes it


class Courier(threading.Thread):
    """Delivers what is in the outbox, as soon as it may be."""

    def __init__(
        self, config: Config, told: Callable[[tuple[int, tuple[websub.Delivery, ...], str]], None]
    ) -> None:
        """Tell `told` after each round how many messages wait, and what came of those sent.

        Or, in its last place, why nothing could be done.
        """
        super().__init__(name="courier", daemon=True)
        self._config, self._told = config, told
        self._unfinished: dict[str, threading.Thread] = {}
        self._awake, self._over = threading.Event(), threading.Event()

    def run(self) -> None:
        """Deliver until told to stop."""
        while not self._over.is_set():
            self._awake.clear()
            soonest = time.time() + _PATIENCE
            try:
                # Opened for each round, as the state folder may have been made anew.
                with closing(Outbox(os.path.join(self._config.paths.state, websub.OUTBOX))) as box:
                    soonest = min(self._round(box), soonest)
            except Exception as error:  # noqa: BLE001  its disk may be full, and have room again
                self._told((0, (), f"{type(error).__name__}: {error}"))
            self._awake.wait(max(soonest - time.time(), 1.0))

    def _round(self, outbox: Outbox) -> float:
        """When the next message may be sent, in seconds since the epoch."""
        done = websub.deliver(outbox, self._config, time.time, self._over.is_set, self._unfinished)
        waiting = outbox.waiting()
        self._told((len(waiting), tuple(done), ""))
        return min((letter.again for letter in waiting), default=math.inf)

    def wake(self) -> None:
        """There may be something new."""
        self._awake.set()

    def stop(self) -> None:
        """End it soon; what was not delivered is, after the next start."""
        self._over.set()
        self._awake.set()

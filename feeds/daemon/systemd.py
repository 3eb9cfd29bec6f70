"""What systemd wants to know of a service of Type=notify: sd_notify(3), in its own words."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Notifier:
    """Tells the service manager; nobody, when no manager started the process."""

    def __init__(self, environment: Mapping[str, str], pid: int) -> None:
        """Read from `environment` whom to tell; `pid` is ours."""
        address = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        asked = environment.get("WATCHDOG_USEC", "")
        for_us = environment.get("WATCHDOG_PID", str(pid)) == str(pid)
        self.watchdog = int(asked) / 1e6 if asked.isdecimal() and for_us else 0.0  # s; 0: none
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) if self._address else None

    def tell(self, *words: str) -> None:
        """Send assignments such as READY=1; a manager that has gone does not matter."""
        if self._socket is not None:
            try:
                self._socket.sendto("\n".join(words).encode(), self._address)
            except OSError:
                return

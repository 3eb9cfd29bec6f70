"""Who asks: the address of a client, behind proxies that are trusted."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_HOUSEHOLD = 64  # bits of an IPv6 address that are the same for all that one client has
_MAPPED = "::ffff:"  # how a socket for both families writes an IPv4 address


class Clients:
    """Tells clients apart."""

    def __init__(self, trusted: Iterable[str]) -> None:
        """`trusted` are the networks whose word on behalf of others is taken."""
        self._trusted = tuple(ip_network(one, strict=False) for one in trusted)

    def address(self, peer: str, forwarded: str | None) -> str:
        """The client's address, by that of the peer and what X-Forwarded-For says of it."""
        peer = peer.removeprefix(_MAPPED)
        if not forwarded or not self._trusted:
            return peer
        for said in reversed([part for part in forwarded.split(",") if part.strip()]):
            if not self._trusts(peer):
                break
            before = _address(said)
            if before is None:
                break
            peer = str(before)
        return peer

    def _trusts(self, peer: str) -> bool:
        given = _address(peer)
        return given is not None and any(given in network for network in self._trusted)


def household(address: str) -> str:
    """The network that is likely to be one client's."""
    given = _address(address)
    if isinstance(given, IPv6Address):
        return str(ip_network((given, _HOUSEHOLD), strict=False))
    return address


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """An address as proxies write it: with a port, in brackets, with a zone; None if it is none."""
    host = text.strip().strip('"')
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        found = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return found.ipv4_mapped or found if isinstance(found, IPv6Address) else found

"""Content codings (RFC 9110 §8.4.1): gzip, br (RFC 7932) and zstd (RFC 8878).

The only door to brotli and zstandard.  The same bytes give the same bytes: gzip states no time and
no name of the system.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# What follows the name of a precompressed file; the order is that of preference, smallest first.
SUFFIXES = {"br": ".br", "zstd": ".zst", "gzip": ".gz"}
_WORTH = 256  # bytes below which a header says more than is saved


def gzip(body: bytes) -> bytes:
    """The body as one member of gzip (RFC 1952)."""
    import zlib

    packer = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS, 9)
    head = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"  # deflate, no name, no time, system unknown
    tail = zlib.crc32(body).to_bytes(4, "little") + (len(body) & 0xFFFF_FFFF).to_bytes(4, "little")
    return head + packer.compress(body) + packer.flush() + tail


def br(body: bytes) -> bytes:
    """The body in Brotli."""
    import brotli

    packed: bytes = brotli.compress(body, mode=brotli.MODE_TEXT, quality=6, lgwin=22)
    return packed


def zstd(body: bytes) -> bytes:
    """The body as one frame of Zstandard, with its size and within the window of RFC 9659."""
    import zstandard

    return zstandard.ZstdCompressor(level=9).compress(body)


CODINGS: dict[str, Callable[[bytes], bytes]] = {"br": br, "zstd": zstd, "gzip": gzip}


def files(name: str, wanted: Iterable[str]) -> list[str]:
    """The file of this name, and those of its precompressed forms in these codings."""
    return [name, *(name + SUFFIXES[coding] for coding in wanted)]


def worth(media_type: str, size: int) -> bool:
    """Whether a coding makes bytes of this type and number smaller."""
    return size >= _WORTH and (
        media_type.startswith("text/") or media_type.endswith(("xml", "json", "javascript"))
    )

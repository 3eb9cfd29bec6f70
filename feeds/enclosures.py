"""A picture's bytes -> what they say of it, and the pictures of an article -> its enclosures.

The only door to imagesize, which reads the pixels.
"""

from __future__ import annotations

import re
from io import BytesIO
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from feeds.model import Enclosure, Measure, Picture, PictureError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

HEAD = 64 * 1024  # bytes; the pixels of nearly every picture stand in its first KiBs
UNKNOWN = "application/octet-stream"

# By name, where the bytes are not at hand.  The system's own table differs from host to host.
_TYPES = {
    "jpg": "image/jpeg", "jpeg": "image/jpeg", "jpe": "image/jpeg", "jfif": "image/jpeg",
    "png": "image/png", "gif": "image/gif", "webp": "image/webp", "avif": "image/avif",
    "svg": "image/svg+xml", "bmp": "image/bmp", "ico": "image/vnd.microsoft.icon",
    "tif": "image/tiff", "tiff": "image/tiff", "heic": "image/heic", "jxl": "image/jxl",
}  # fmt: skip
_MAGIC = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
    (b"\x00\x00\x01\x00", "image/vnd.microsoft.icon"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"\xff\x0a", "image/jxl"),
    (b"\x00\x00\x00\x0cJXL \r\n\x87\n", "image/jxl"),
)
_BRANDS = {
    b"avif": "image/avif",
    b"avis": "image/avif",
    b"heic": "image/heic",
    b"heix": "image/heic",
}
_SVG = re.compile(
    rb"\s*(?:<\?xml[^>]*\?>\s*)?(?:<!--.*?-->\s*)*(?:<!DOCTYPE svg[^>]*>\s*)?<svg[\s>]", re.DOTALL
)


def named_type(url: str) -> str:
    """The media type the address promises; "" when its name has no ending that we know."""
    name = urlsplit(url).path.rpartition("/")[2]
    return _TYPES.get(name.rpartition(".")[2].lower(), "") if "." in name else ""


def sniff(head: bytes) -> str:
    """The media type of a picture from its first bytes; "" when they are no picture's."""
    for magic, media_type in _MAGIC:
        if head.startswith(magic):
            return media_type
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "")
    return "image/svg+xml" if _SVG.match(head) else ""


def read(head: bytes, length: int) -> Measure:
    """What the first bytes of a picture of `length` bytes say (0: length unknown).

    Raises PictureError when they are no picture's.
    """
    media_type = sniff(head)
    if not media_type:
        raise PictureError("its bytes are no picture's", gone=True)
    import imagesize  # 40 ms: only a build that measures pays for it

    try:
        width, height = imagesize.get(BytesIO(head))
    except Exception:  # noqa: BLE001  imagesize lets slip whatever odd bytes lead to
        width = height = 0
    width, height = round(width), round(height)
    if not (0 < width < 100_000 and 0 < height < 100_000):
        width = height = 0
    return Measure(media_type, length, width, height)


def chosen(
    pictures: Iterable[Picture], measures: Mapping[str, Measure], policy: str
) -> tuple[Enclosure, ...]:
    """The pictures of one article as enclosures, the lead picture first.

    `policy` is "all", "lead" or "none".  Left out are avatars, icons and rules, by what the markup
    says of them or by their pixels, and addresses that hold no picture.  The lead is the first
    picture that is large or of unknown size.
    """
    fit: list[Enclosure] = []
    lead = None
    for picture in pictures if policy != "none" else ():
        measure = measures.get(picture.url, Measure())
        width, height = measure.width or picture.width, measure.height or picture.height
        if measure.gone or picture.minor or _small(width, height):
            continue
        enclosure = Enclosure(
            picture.url,
            measure.media_type or named_type(picture.url) or UNKNOWN,
            measure.length,
            measure.width,
            measure.height,
            picture.caption or picture.alt,
        )
        if lead is None and (not width or not height or (width >= 200 and height >= 100)):
            lead = enclosure
        fit.append(enclosure)
    if not fit:
        return ()
    lead = lead or fit[0]
    return (lead,) if policy == "lead" else (lead, *(e for e in fit if e is not lead))


def _small(width: int, height: int) -> bool:
    return (0 < width < 50 and 0 < height < 50) or 0 < width < 8 or 0 < height < 8

"""A seed's bytes -> its text: which encoding they are in is decided by stated rules.

The only door to charset-normalizer.
"""

from __future__ import annotations

import re
from codecs import utf_8_decode
from typing import NamedTuple

from feeds.model import SeedError
from feeds.text import clean

_HEAD = 1024  # bytes in which an encoding may be declared
_BEGINNING = 8192  # bytes in which a NUL says that they are no text


class Text(NamedTuple):
    """A seed's bytes as text."""

    text: str
    encoding: str
    note: str = ""  # code of `problems.CODES`, when it had to be repaired


# What bytes that are no UTF-8 may be, when nothing declares it.  One encoding for each script:
# between its kin (windows-1250, -1252, -1257) no statistics decides, nor between Korean and noise,
# so those are to be declared.
_LEGACY = (
    "gb18030", "big5", "cp932", "euc_jp", "cp1251", "koi8_r", "cp1252", "cp1253",
    "cp1255", "cp1256", "cp874",
)  # fmt: skip
_MARKS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
_CHARSET = re.compile(rb"""charset\s*=\s*["']?([A-Za-z0-9_.:-]+)""", re.IGNORECASE)


def decode(data: bytes, declared: str = "") -> Text:
    """The text of a whole seed, decided by these rules, in this order.

    1. a byte order mark: UTF-8 or UTF-16;
    2. UTF-8, if the bytes are;
    3. the encoding declared for the source in the configuration, then the one that a `charset=` in
       the first KiB declares, if the bytes fit it;
    4. UTF-8 with U+FFFD, if at most one in twenty letters beyond ASCII is damaged (noted);
    5. the guess of charset-normalizer among one encoding for each script (noted).

    Raises SeedError for bytes that are no text, and where no rule decides.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            text = data[len(mark) :].decode(encoding, "replace")
            damaged = "\ufffd" in text and b"\xef\xbf\xbd" not in data
            return _text(text, encoding, "text-damaged" if damaged else "")
    if b"\0" in data[:_BEGINNING]:
        raise SeedError("binary")
    try:
        return _text(data.decode(), "utf-8")
    except UnicodeDecodeError as error:
        where = error.start
    found = _CHARSET.search(data[:_HEAD])
    for name in (declared, found[1].decode() if found else ""):
        try:
            if name:
                return _text(data.decode(name), name.lower())
        except (UnicodeDecodeError, LookupError):
            continue
    text = data.decode("utf-8", "replace")
    beyond = sum(not c.isascii() for c in text)
    if text.count("\ufffd") * 20 <= beyond:
        return _text(text, "utf-8", "text-damaged")
    from charset_normalizer import from_bytes  # 70 ms: only such a seed pays for it

    best = from_bytes(data, cp_isolation=list(_LEGACY), preemptive_behaviour=False).best()
    if best is None or not best.coherence or not _readable(str(best)):
        line = data.count(b"\n", 0, where) + 1
        raise SeedError("text-unknown", f"byte 0x{data[where]:02X} at offset {where}", line)
    return _text(str(best), best.encoding, "text-guessed")


def _readable(text: str) -> bool:
    """Whether what is beyond ASCII is letters and their company, not signs at random."""
    from unicodedata import category

    beyond = [c for c in text if not c.isascii()]
    letters = sum(category(c)[0] in "LMNPZ" for c in beyond)
    return letters * 10 >= len(beyond) * 9


def _text(text: str, encoding: str, note: str = "") -> Text:
    text = clean(text)
    if not text.strip():
        raise SeedError("empty")
    return Text(text, encoding, note)


def decode_head(data: bytes) -> str | None:
    """The text of a seed's first bytes, or None where only the whole seed can tell its encoding."""
    if b"\0" in data:
        return None
    try:
        return utf_8_decode(data, "strict", False)[0]  # False: a letter may be cut at the end
    except UnicodeDecodeError:
        return None

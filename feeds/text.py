"""Plain text: what may stand in it, and where it may be cut."""

from __future__ import annotations

import re
import unicodedata
from html import unescape


def _windows(code: int) -> str | None:
    try:
        return bytes([code]).decode("cp1252")
    except UnicodeDecodeError:
        return None


# Outside XML's Char (XML 1.0 §2.2) a character costs the whole document, and the noncharacters
# and C1 controls that XML lets pass are refused or shown as rubbish by readers.  Written as what is
# none of the legal ones: a search then decides most characters by one look.
_ILLEGAL = re.compile(
    "[^\t\n\r -~\xa0-\ud7ff\ue000-\ufdcf\ufdf0-\ufffd"
    + "".join(f"{chr(plane)}-{chr(plane + 0xFFFD)}" for plane in range(0x10000, 0x110000, 0x10000))
    + "]"
)
# A C1 control is nearly always a byte of windows-1252, and HTML reads `&#146;` so as well.
# A line tab and the end of a page part words.
_CONTROLS = {code: _windows(code) for code in range(0x80, 0xA0)} | {0x0B: " ", 0x0C: " "}
_ENDS = re.compile(r"\r\n?")
_HAN = "\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff"
_BESIDE = re.compile(rf" (?:(?<=[{_HAN}] )|(?=[{_HAN}]))")
# Typography that programs put in by themselves, or take out again.
_PLAIN = tuple(
    (sign, plain)
    for signs, plain in (
        ("\u00ad\u200b\u2060\ufeff", ""),
        ("\u2018\u2019\u201a\u201b\u2032", "'"),
        ("\u201c\u201d\u201e\u201f\u2033", '"'),
        ("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
    )
    for sign in signs
)
_WORD = re.compile(r"\w+")
_FOLD = re.compile(rf"(?<=[{_HAN}])[^\S\n]*\n\s*(?=[{_HAN}])")
_INLINE = re.compile(
    r"</?(?:a|abbr|b|bdi|bdo|big|br|cite|code|del|em|font|i|img|ins|kbd|mark|q|s|small|span|strike|"
    r"strong|sub|sup|tt|u|wbr)(?:\s[^<>]*)?/?>",
    re.IGNORECASE,
)


def clean(text: str) -> str:
    """`text` with LF line ends and without any character that may not stand in a feed."""
    if "\r" in text:
        text = _ENDS.sub("\n", text)
    if _ILLEGAL.search(text):
        text = _ILLEGAL.sub("", text.translate(_CONTROLS))
    return text


def line(text: str) -> str:
    """`text` on one line, cleaned, every run of white space one space."""
    return spaced(clean(text))


def spaced(text: str) -> str:
    """`text` with every run of white space one space, and none at its ends."""
    if "  " in text or not text.isprintable():
        return " ".join(text.split())
    return text.strip(" ")  # the only white space that is printable: so it takes a third


def flow(text: str) -> str:
    """`text` on one line as a browser would flow it, but for a line end between two Han or Kana.

    Those are written without spaces, so where pretty-printed markup ends a line between them, a
    space would be one that the author never wrote.
    """
    return flowed(clean(text))


def flowed(text: str) -> str:
    """The `flow` of what is `clean` already."""
    return spaced(_FOLD.sub("", text) if "\n" in text else text)


def wording(text: str) -> str:
    """What stays the same of `text` however it is written: equal texts say the same.

    White space, letter case, the kinds of quotes and dashes, and how a letter is composed are
    noise.  Every other sign counts: -1.5 is not 15, nor is a question an answer.
    """
    if text.isascii():
        return spaced(text).casefold()
    for sign, plain in _PLAIN:
        text = text.replace(sign, plain)  # far sooner done than by one table for all
    text = spaced(unicodedata.normalize("NFC", text))
    return unicodedata.normalize("NFC", _BESIDE.sub("", text).casefold())


def bare(text: str) -> str:
    """The letters and digits of `text` alone, whatever their case."""
    return "".join(_WORD.findall(text)).replace("_", "").casefold()


def plain(markup: str) -> str:
    """A title or name as plain text: inline tags removed, entities decoded once, on one line."""
    if "<" in markup:
        markup = _INLINE.sub("", markup)
    if "&" in markup:
        markup = unescape(markup)
    return line(markup)


# --- cutting ---------------------------------------------------------------------------------

_SENTENCE = re.compile(
    r"[。！？｡؟۔।॥…!?]+[\"'”’」』）)\]】》]*|\.+[\"'”’)\]]*(?=\s|\Z)|[:;](?=\s)", re.UNICODE
)
_OPENING = frozenset("([{（［｛「『《〈【〔“‘¿¡«‹")
_CLOSING = frozenset(
    ")]}）］｝」』》〉】〕”’»›,.;:!?、。，．；：！？・ーゝゞ々…‥%％ゃゅょっャュョッぁぃぅぇぉァィゥェォ"
)
_THAI_LEADING = frozenset("เแโใไ")  # written before the consonant they belong to; Lao's follow
_LAO_LEADING = frozenset("ເແໂໃໄ")


def shorten(text: str, limit: int) -> str:
    """`text`, or its beginning of at most `limit` characters with an ellipsis.

    The cut is made after a sentence where one ends in the last half; else between words; else, in
    scripts that put no space between words, where their rules of line breaking allow it (no
    closing mark at the start of what is left out, no opening one at the end, no letter without its
    marks).  Thai and Lao are cut at their spaces, which part phrases.
    """
    if len(text) <= limit:
        return text
    room = limit - 1  # for the ellipsis
    ends = [found.end() for found in _SENTENCE.finditer(text, 0, room + 1) if found.end() <= limit]
    if ends and ends[-1] >= limit // 2:
        whole = text[: ends[-1]].rstrip()
        return whole if whole[-1] not in ":;" else f"{whole[:-1]}…"
    cut = room
    while cut > limit // 2 and not _breaks(text, cut):
        cut -= 1
    if cut == limit // 2:  # one endless word: anywhere a letter keeps its marks
        cut = room
        while cut > 1 and not _separable(text, cut):
            cut -= 1
    return f"{text[:cut].rstrip(' ,;:、，；：-–—')}…"


def _breaks(text: str, at: int) -> bool:
    """Whether a line may be broken before text[at]."""
    before, after = text[at - 1], text[at]
    if before.isspace() or after.isspace():
        return True
    return (
        (_wide(before) or _wide(after))
        and before not in _OPENING
        and after not in _CLOSING
        and _separable(text, at)
    )


def _wide(character: str) -> bool:
    """Whether a script writes this character without spaces around words, as Han and Kana do."""
    return (
        unicodedata.east_asian_width(character) in {"W", "F"}
        and not "\uac00" <= character <= "\ud7a3"
    )


def _separable(text: str, at: int) -> bool:
    """Whether text[at] begins a new letter rather than completing the one before it."""
    before, after = text[at - 1], text[at]
    return not (
        unicodedata.category(after) in {"Mn", "Mc", "Me"}
        or after in "\u200d\ufe0f\u0e33\u0eb3"  # joiner, emoji selector, Thai and Lao SARA AM
        or "\U0001f3fb" <= after <= "\U0001f3ff"  # skin tones
        or before == "\u200d"
        or before in _THAI_LEADING
        or before in _LAO_LEADING
        or ("\U0001f1e6" <= before <= "\U0001f1ff" and "\U0001f1e6" <= after <= "\U0001f1ff")
    )

"""Any address an author wrote -> one absolute normal form, or nothing.

The same picture must be written with the same bytes wherever a feed names it, since readers drop
a repeated picture only when the strings are equal.  So there is one normal form (RFC 3986 §6.2.2
and §6.2.3): scheme and host in lower case, the host in ASCII (IDNA), no default port, no dot
segments, a path of at least "/", percent-encoding in upper case and only where it is needed.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, unquote, urljoin, urlsplit

# What most addresses look like already: nothing to mend, nothing to decode, no dot segments.
_NORMAL = re.compile(
    r"https?://[a-z0-9][a-z0-9.-]*[a-z0-9]/(?![^?]*/\.)(?!\.)[\w!$&'()*+,;=:@~./-]*"
    r"(?:\?[\w!$&'()*+,;=:@~./?-]+)?\Z",
    re.ASCII,
)
# Part of them, so that it may stand in a larger pattern, between parentheses or quotes.  What its
# group takes is what `common_key` is asked for.  No quantifier is possessive: Python before 3.11.5
# matches those wrongly.
_PART = r"[\w!$*+,;=:@~-][\w!$*+,;=:@~.-]*"
COMMON = (
    r"https?://(?:www\.|(?!www\.))([a-z0-9](?:[a-z0-9.-]*[a-z0-9])?/"
    rf"(?:{_PART}(?:/{_PART})*/?)?(?:\?[\w!$*+,;=:@~./?-]+)?)"
)
_BLANK = re.compile(r"[\t\n\r]")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_DIGITS = "0123456789ABCDEFabcdef"
# Each percent-encoding as its two digits -> what stands for it in the normal form.
_ESCAPES = {
    a + b: chr(int(a + b, 16)) if int(a + b, 16) in _UNRESERVED else f"%{a}{b}".upper()
    for a in _DIGITS
    for b in _DIGITS
}
_PATH = re.compile(r"[^A-Za-z0-9\-._~!$&'()*+,;=:@/%]")
_QUERY = re.compile(r"[^A-Za-z0-9\-._~!$&'()*+,;=:@/?%]")
_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_])?\.?\Z|\[[0-9a-f:.]+\]\Z")
_PORTS = {"http": 80, "https": 443}


def normal(reference: str, base: str = "") -> str:
    """The absolute http or https address that `reference` means on the page `base`, in normal form.

    "" when it means none: another scheme (`javascript:`, `data:`, `mailto:`), no host, a broken
    one, or one that carries a user name (RFC 9110 §4.2.4 warns of those).
    """
    if _NORMAL.match(reference):
        return reference
    try:
        return _normal(reference, base)
    except ValueError:  # urllib's word for "http://[::1" and its like; UnicodeError is one too
        return ""


def _normal(reference: str, base: str) -> str:
    reference = _BLANK.sub("", reference).strip(
        "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x0b\x0c \u00a0\u3000"
    )
    if not reference:
        return ""
    if not base and reference.startswith("//"):
        reference = f"https:{reference}"
    elif base and not (_SCHEME.match(reference) and "//" in reference[:12]):
        reference = urljoin(base, reference)
    parts = urlsplit(reference)
    scheme = parts.scheme.lower()
    if scheme not in _PORTS or not parts.hostname or parts.username is not None:
        return ""
    host = _ascii(parts.hostname)
    if not _HOST.match(host):
        return ""
    port = parts.port
    place = host if port is None or port == _PORTS[scheme] else f"{host}:{port}"
    path = _dots(_escaped(_PATH, parts.path)) or "/"
    query = f"?{_escaped(_QUERY, parts.query)}" if parts.query else ""
    fragment = f"#{_escaped(_QUERY, parts.fragment)}" if parts.fragment else ""
    return f"{scheme}://{place}{path}{query}{fragment}"


def _ascii(host: str) -> str:
    if host.isascii():
        return f"[{host}]" if ":" in host else host.lower()
    import idna  # 10 ms: only addresses with letters beyond ASCII pay for it

    return idna.encode(host, uts46=True, transitional=False).decode("ascii")


def _escaped(outside: re.Pattern[str], text: str) -> str:
    """`text` with everything `outside` its alphabet percent-encoded, and nothing encoded idly."""
    if "%" in text:
        first, *rest = text.split("%")
        text = first + "".join(_ESCAPES.get(part[:2], f"%25{part[:2]}") + part[2:] for part in rest)
    return outside.sub(_encoded, text)


def escaped(path: str) -> str:
    """A path below the site, or a part of one, as it stands in an address; "/" stays."""
    return _PATH.sub(_encoded, path.replace("%", "%25"))


def _encoded(found: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in found[0].encode("utf-8", "surrogateescape"))


def _dots(path: str) -> str:
    """The path without `.` and `..` segments (RFC 3986 §5.2.4)."""
    if "/." not in path:
        return path
    kept: list[str] = []
    segments = path.split("/")
    for segment in segments:
        if segment == "..":
            if len(kept) > 1:
                kept.pop()
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in {".", ".."}:
        kept.append("")
    return "/".join(kept)


# --- picture proxies -------------------------------------------------------------------------

_QUERY_PROXIES = {
    "images.weserv.nl": "url",
    "wsrv.nl": "url",
    "external-content.duckduckgo.com": "u",
    "proxy.duckduckgo.com": "u",
    "images1-focus-opensocial.googleusercontent.com": "url",
}
_PATH_PROXIES = re.compile(r"(?:i[0-3]\.wp\.com|cdn\.statically\.io/img)\Z")


def unwrapped(url: str) -> str:
    """The address behind a picture proxy; `url` itself when it is none that we know.

    Knows weserv and wsrv (`?url=`), Photon (`i0.wp.com/host/path`), statically, DuckDuckGo's and
    Google's.  `url` is in normal form, and so is what comes back.
    """
    for _ in range(3):  # a proxy of a proxy occurs
        origin = _origin(url)
        if not origin or origin == url:
            break
        url = origin
    return url


def _origin(url: str) -> str:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if key := _QUERY_PROXIES.get(host):
        target = next((v for k, v in parse_qsl(parts.query) if k == key), "")
        target = target.removeprefix("ssl:")
        return normal(target if "://" in target[:9] else f"https://{target.lstrip('/')}")
    path = parts.path.lstrip("/")
    if host == "cdn.statically.io" and path.startswith("img/"):
        host, path = f"{host}/img", path.removeprefix("img/")
    if _PATH_PROXIES.match(host) and "." in path.partition("/")[0]:
        # Photon fetches by http unless told `ssl=1`; statically always by https.
        plain = host.endswith(".wp.com") and ("ssl", "1") not in parse_qsl(parts.query)
        return normal(f"{'http' if plain else 'https'}://{path}")
    return ""


# --- identity --------------------------------------------------------------------------------

# Parameters that say who sent the reader, not what is to be read.  Ids are derived from what is
# left, so neither this list nor the rules of `key` may ever change.
_TRACKING = re.compile(
    r"(?:utm_\w+|fbclid|gclid|dclid|gbraid|wbraid|msclkid|yclid|mc_[ce]id|igshid|spm|_ga|_gl|"
    r"ref_src|ref_url|cmpid|s_cid|mkt_tok|wt_mc|ncid|share_token)\Z",
    re.IGNORECASE,
)
_PLAIN = re.compile(r"https?://(?:www\.)?([^/?#%]+/[^?#%]*)\Z")
_UNPLAIN = ("images.weserv.nl", "wsrv.nl")
_UNPLAIN_BYTES = tuple(host.encode() for host in _UNPLAIN)


def key(url: str) -> str:
    """What stays of an article's address when everything that may differ idly is gone.

    Scheme, `www.`, default port, fragment, tracking parameters, their order, a proxy and a closing
    slash don't count.  `url` is in normal form.
    """
    found = _PLAIN.match(url)
    if found and not found[1].startswith(_UNPLAIN):
        return found[1].rstrip("/")
    parts = urlsplit(unwrapped(url))
    host = (parts.netloc or "").removeprefix("www.")
    pairs = sorted(
        (k, v)
        for k, v in parse_qsl(parts.query, keep_blank_values=True)
        if not _TRACKING.match(k) and not (k == "source" and v.startswith("rss-"))
    )
    query = "&".join(f"{k}={v}" for k, v in pairs)
    place = f"{host}{unquote(parts.path)}".rstrip("/")
    return f"{place}?{query}" if query else place


def common_key(url: str, place: bytes) -> bytes:
    """The `key` of an address that `COMMON` matches, where its group takes `place`, as bytes."""
    if b"?" in place or place.startswith(_UNPLAIN_BYTES):
        return key(url).encode()
    return place.rstrip(b"/")

"""What a request is answered with: a pure function of the request and of what lies in the site.

RFC 9110 for methods, conditions, negotiation and ranges; RFC 3229 for deltas of feeds; RFC 8288 for
links.  A Resource is one version of one file, so a body and its tag always belong together.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from feeds import codings
from feeds.serving import conditions, delta, negotiation
from feeds.urls import escaped

if TYPE_CHECKING:
    from collections.abc import Mapping

    from feeds.serving.site import Resource

Headers = tuple[tuple[str, str], ...]

METHODS = "GET, HEAD, OPTIONS"
LONGEST = 8192  # bytes of a path with its query
_BROWSER = "application/xml"  # what browsers show, instead of saving it or showing its source
_SERVER = ("Server", "feeds")
_COMMON: Headers = (("X-Content-Type-Options", "nosniff"), _SERVER)
# A page shows pictures from anywhere, and nothing in it runs, is sent or framed.
_PAGE = (
    "default-src 'none'; img-src http: https: data:; media-src http: https:; style-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_DRAWING = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
_UNTOLD = ("Referrer-Policy", "no-referrer")
_MARKS = {"br": ".br", "zstd": ".zst", "gzip": ".gz", "": ""}


class Answer(NamedTuple):
    """A response; `body` is empty for HEAD, whose headers are those of GET."""

    status: int
    headers: Headers
    body: bytes = b""
    streamed: Resource | None = None  # its file is the body
    first: int = 0  # byte of the file with which the body begins
    length: int = 0  # of a body that is streamed
    whole: int = 0  # bytes that the whole document has, without a coding
    lasting: bool = True  # the same request gets the same answer, as long as the file is the same


def respond(
    method: str, headers: Mapping[str, str], resource: Resource, now: int, *, versions: bool = True
) -> Answer:
    """The answer to a request for a resource.

    `headers` have names in lower case; `now` is in seconds since the epoch.
    """
    if method == "OPTIONS":
        return Answer(204, (("Allow", METHODS), *_COMMON))
    if method not in {"GET", "HEAD"}:
        return plain(405, "Only GET and HEAD are answered here.", (("Allow", METHODS),))
    form = _Form(headers, resource, now)
    if form.media_type is None:
        return plain(406, "It is not to be had in a form that this request does not refuse.")
    refusal = _precondition(headers, form)
    if refusal is not None:
        return refusal
    held = conditions.tags(headers.get("if-none-match", ""))
    known = form.known(held)
    if known is not None or (not held and _unmodified(headers, form)):
        return Answer(
            304,
            (*form.validators(known or form.tag), _SERVER),
            whole=resource.size,
            lasting=form.settled,
        )
    ranged = headers.get("range") if method == "GET" else None
    if ranged is None and method == "GET" and held and resource.history and versions:
        answer = _difference(headers, held, form)
        if answer is not None:
            return answer
    if ranged is not None and _whole_for(headers.get("if-range"), form):
        ranged = None
    return _whole(method, ranged, form)


class _Form:
    """The form of a resource that a request asks for."""

    def __init__(self, headers: Mapping[str, str], resource: Resource, now: int) -> None:
        about = resource.about
        accept = headers.get("accept")
        self.resource = resource
        self.now = now
        xml = about.feed and about.media_type.endswith("xml")
        browser = xml and negotiation.browses(accept)
        offered = (about.media_type, _BROWSER) if xml else (about.media_type,)
        self.media_type: str | None = _BROWSER if browser else about.media_type
        if negotiation.refused(accept, offered):
            self.media_type = None
        elif xml and not browser and negotiation.refused(accept, (about.media_type,)):
            self.media_type, browser = _BROWSER, True
        self.varies = ("Accept, " if xml else "") + (
            "Accept-Encoding" if resource.compressible() else ""
        )
        wanted = headers.get("accept-encoding")
        if resource.compressible():
            self.codings = negotiation.codings(wanted)
        else:
            self.codings = ("",) if "" in negotiation.codings(wanted) else ()
        if "range" in headers and "" in self.codings:
            self.codings = ("",)  # ranges are of the plain bytes: the same on every host
        if not self.codings:
            self.media_type = None
        self.coding = self.codings[0] if self.codings else ""
        self.base = resource.digest + (".xml" if browser else "")
        self.tag = self.base + _MARKS[self.coding] if resource.digest else ""  # not known yet
        # Within the second in which a file was made, another version may come with the same date.
        # No date is stated until then: curl drops a body whose date is that of the one before.
        self.settled = now >= resource.modified

    def known(self, held: tuple[str, ...]) -> str | None:
        """The tag among `held` under which the client has what it asks for."""
        if not held:
            return None
        if held[0] == conditions.ANY:
            return self.tag
        if not self.tag:
            return None
        for coding in self.codings:
            tag = self.base + _MARKS[coding]
            if tag in held:
                return tag
        return None

    def validators(self, tag: str) -> Headers:
        """The headers that a 304 repeats (RFC 9110 §15.4.5)."""
        resource = self.resource
        scope = "private" if resource.private else "public"
        found = [("ETag", f'"{tag}"')] if tag else []
        found.append(("Cache-Control", f"{scope}, max-age={resource.fresh}"))
        if self.varies:
            found.append(("Vary", self.varies.removesuffix(", ")))
        return tuple(found)

    def dated(self) -> Headers:
        """Last-Modified, once it tells this version from all others."""
        if not self.settled:
            return ()
        moment = datetime.fromtimestamp(self.resource.modified, UTC)
        return (("Last-Modified", conditions.http_date(moment)),)

    def content(self) -> Headers:
        """The headers that belong to the body."""
        assert self.media_type is not None
        resource = self.resource
        media_type = self.media_type
        if media_type.startswith("text/") or media_type.endswith("xml"):
            typed = f"{media_type}; charset=utf-8"
        else:
            typed = media_type
        found = [("Content-Type", typed)]
        if self.coding:
            found.append(("Content-Encoding", self.coding))
        if media_type in {"text/html", _BROWSER}:
            found.append(("Content-Security-Policy", _PAGE))
        elif media_type == "image/svg+xml":
            found.append(("Content-Security-Policy", _DRAWING))
        if resource.private:
            found.append(_UNTOLD)
        if resource.about.feed:
            found.extend(("Link", _link(link)) for link in resource.about.links)
        return tuple(found)


def _link(link: tuple[str, str, str]) -> str:
    relation, url, media_type = link
    typed = f'; type="{media_type}"' if media_type and '"' not in media_type else ""
    return f'<{escaped_url(url)}>; rel="{relation}"{typed}'


def escaped_url(url: str) -> str:
    """A URL as it may stand in a header: what is no ASCII, and what would end it, is encoded."""
    return "".join(
        c if "!" <= c <= "~" and c not in '<>"\\' else escaped(c) if c > "~" else f"%{ord(c):02X}"
        for c in url
    )


def _precondition(headers: Mapping[str, str], form: _Form) -> Answer | None:
    """The refusal of a request that is only for a version which this is not."""
    wanted = headers.get("if-match")
    if wanted is not None:
        tags = conditions.tags(wanted, strong=True)
        if conditions.ANY in tags:
            return None
        if not form.tag:
            return plain(503, "Its tag is not known yet.", (("Retry-After", "10"),))
        if form.tag not in tags:
            return plain(412, "The document is another version by now.")
    elif (stated := headers.get("if-unmodified-since")) is not None:
        instant = conditions.date(stated)
        if instant is not None and form.resource.modified > instant:
            return plain(412, "The document is another version by now.")
    return None


def _unmodified(headers: Mapping[str, str], form: _Form) -> bool:
    """Whether the document is no newer than the client's, by If-Modified-Since alone.

    Many readers invent the date, so any that is not earlier will do; but one that lies in the
    future says nothing, and would hide every change until then.
    """
    stated = headers.get("if-modified-since")
    if stated is None or "if-none-match" in headers:
        return False
    instant = conditions.date(stated)
    return instant is not None and form.resource.modified <= instant <= form.now


def _difference(headers: Mapping[str, str], held: tuple[str, ...], form: _Form) -> Answer | None:
    """The entries that are new since a version that the client has (RFC 3229 §10.4.1)."""
    resource = form.resource
    if not delta.asked(headers.get("a-im")) or resource.body is None:
        return None
    known = {tag.partition(".")[0] for tag in held}
    version = next((v for v in reversed(resource.history) if v.tag in known and v.marks), None)
    if version is None or version.tag == resource.digest:
        return None
    body = _since(version, form)
    if not body:
        return None
    return Answer(
        226,
        (
            ("IM", "feed"),
            ("ETag", f'"{form.tag}"'),
            ("Cache-Control", "no-store, im"),
            ("Vary", f"A-IM, If-None-Match, {form.varies}".removesuffix(", ")),
            *form.dated(),
            *_COMMON,
            *form.content(),
        ),
        body,
        whole=resource.size,
        lasting=form.settled,
    )


def _since(version: delta.Version, form: _Form) -> bytes:
    """The difference to a version in the form's coding, made once; empty where it saves nothing."""
    resource = form.resource
    key = f"{version.tag} {form.coding}"
    body = resource.coded.get(key)
    if body is None:
        assert resource.body is not None
        body = delta.since(resource.body, resource.about.media_type, version.held())
        if len(body) >= resource.size:
            body = b""
        elif form.coding:
            body = codings.CODINGS[form.coding](body)
        resource.coded[key] = body
    return body


def _whole_for(stated: str | None, form: _Form) -> bool:
    """Whether If-Range says that a part is of no use."""
    if stated is None:
        return False
    if '"' in stated:
        return form.tag not in conditions.tags(stated, strong=True)
    return not form.settled or conditions.date(stated) != form.resource.modified


def _whole(method: str, ranged: str | None, form: _Form) -> Answer:
    resource = form.resource
    headers = (*form.validators(form.tag), *form.dated(), *_COMMON, *form.content())
    if resource.body is None:
        length, body = resource.size, b""
    else:
        body = resource.bytes_in(form.coding)
        length = len(body)
    if not form.coding:
        headers = (*headers, ("Accept-Ranges", "bytes"))
    streamed = resource if resource.body is None else None
    if ranged is not None:
        try:
            found = conditions.span(ranged, length)
        except ValueError:
            return plain(
                416, "The document is shorter than that.", (("Content-Range", f"bytes */{length}"),)
            )
        if found is not None:
            first, last = found
            stated = ("Content-Range", f"bytes {first}-{last}/{length}")
            size = last - first + 1
            return Answer(
                206, (*headers, stated, ("Content-Length", str(size))), body[first : last + 1],
                streamed, first, size, whole=resource.size, lasting=False,
            )  # fmt: skip
    sized = (*headers, ("Content-Length", str(length)))
    if method == "HEAD":
        return Answer(200, sized, whole=resource.size, lasting=form.settled)
    return Answer(
        200,
        sized,
        body,
        streamed,
        length=length,
        whole=resource.size,
        lasting=form.settled and resource.body is not None,
    )


def confidential(answer: Answer) -> Answer:
    """The answer as it goes to one whose token stands in the address: no one else may learn it."""
    kept = [
        (name, _private(value) if name == "Cache-Control" else value)
        for name, value in answer.headers
        if name != _UNTOLD[0]
    ]
    return answer._replace(headers=(*kept, _UNTOLD))


def _private(kept: str) -> str:
    if kept.startswith(("private", "no-store")):
        return kept
    return f"private, {kept.removeprefix('public, ')}"


def plain(status: int, text: str, headers: Headers = (), *, fresh: int = 0) -> Answer:
    """A small answer in words; a 404 may be kept for a minute, so that it costs little."""
    kept = f"max-age={fresh}" if fresh else "no-store"
    body = f"{text}\n".encode()
    return Answer(
        status,
        (
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Length", str(len(body))),
            ("Cache-Control", kept),
            *_COMMON,
            *headers,
        ),
        body,
    )

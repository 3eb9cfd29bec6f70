"""From a path to what lies there: a document, a redirect, something that moved or is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from feeds.formats import PRIVATE
from feeds.serving import answers
from feeds.serving.answers import Answer, plain
from feeds.urls import escaped

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from feeds.serving.site import Resource, Site
    from feeds.tables import Moved


class Target(NamedTuple):
    """What a path names."""

    resource: Resource | None = None
    answer: Answer | None = None  # for every method, where there is no resource
    name: str = ""  # below the output folder
    subscriber: str = ""  # to whom the token in the path was given


def target(
    path: str, site: Site, base: str, moved: tuple[Moved, ...], subscriber: Callable[[str], str]
) -> Target:
    """What the path of a request names; it is decoded, and begins with "/".

    `base` is the path at which the site is published, "/" or "/feeds/": a proxy may take it off or
    leave it.  `subscriber` names the owner of a token, "" for a token that is not valid.
    """
    if base != "/" and path == base.removesuffix("/"):
        return Target(answer=_folder(path))
    found = _below(path, site, moved, subscriber)
    if base != "/" and found.resource is None and path.startswith(base):
        inner = _below(path[len(base) - 1 :], site, moved, subscriber)
        if inner.resource is not None or (inner.answer and inner.answer.status != 404):
            return inner
    return found


def _below(
    path: str, site: Site, moved: tuple[Moved, ...], subscriber: Callable[[str], str]
) -> Target:
    name = path[1:]
    token = ""
    owner = ""
    if name.startswith("~"):
        token, below, name = name[1:].partition("/")
        owner = subscriber(token)
        if not owner:
            return Target(answer=missing())
        if not below:
            return Target(answer=_folder(path), subscriber=owner)
    if not name or name.endswith("/"):
        name += "index.html"
    resource = None
    if token:
        resource = site.find(f"{PRIVATE}/{name}", token)
    resource = resource or site.find(name)
    if resource is not None:
        return Target(resource, None, name, owner)
    answer = _elsewhere(name, token, site, moved) or missing()
    return Target(answer=answer, name=name, subscriber=owner)


def _elsewhere(name: str, token: str, site: Site, moved: tuple[Moved, ...]) -> Answer | None:
    """Where to go instead, or that it is gone for good."""
    bare = name.removesuffix("/index.html")
    for one in moved:
        old = one.path.strip("/")
        if bare != old and not name.startswith(f"{old}/"):
            continue
        if not one.to:
            return plain(410, "This feed has ended and does not come back.", fresh=86_400)
        rest = "" if bare == old else name[len(old) + 1 :]
        to = one.to if "://" in one.to else "../" * name.count("/") + escaped(one.to.strip("/"))
        if "." not in to.rpartition("/")[2] or rest:
            to = f"{to.rstrip('/')}/{escaped(rest)}"
        where = (("Location", answers.escaped_url(to)),)
        return plain(one.status, f"It has moved to {to}", where, fresh=86_400)
    if bare == "favicon.ico":
        # Browsers and readers ask for it of themselves; that there is none is no mistake.
        return Answer(204, (("Cache-Control", "public, max-age=86400"),))
    return _folder(name) if site.is_folder(name, token) else None


def _folder(name: str) -> Answer:
    """What lies below a folder is linked from its address with a slash."""
    last = escaped(name.rpartition("/")[2])
    return plain(301, "It is a folder.", (("Location", f"{last}/"),), fresh=86_400)


def missing() -> Answer:
    """There is nothing at this address; a minute later there may be."""
    return plain(404, "There is nothing here.", fresh=60)


def respond(
    method: str,
    headers: Mapping[str, str],
    found: Target,
    now: int,
) -> Answer:
    """The answer to a request for what a path names."""
    if found.resource is not None:
        answer = answers.respond(method, headers, found.resource, now)
    else:
        assert found.answer is not None
        answer = _worded(method, found.answer)
    return answers.confidential(answer) if found.subscriber else answer


def _worded(method: str, answer: Answer) -> Answer:
    if method == "OPTIONS":
        return Answer(204, (("Allow", answers.METHODS),))
    if method not in {"GET", "HEAD"}:
        return plain(405, "Only GET and HEAD are answered here.", (("Allow", answers.METHODS),))
    return answer._replace(body=b"") if method == "HEAD" else answer

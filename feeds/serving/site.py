"""What lies in the output folder, as it is given out: each file whole, with the tag of its bytes.

A file is read when it is first asked for, through one descriptor, so its bytes, its size and its
time belong together; from then on it is served from memory, and looked at again at most every fifth
of a second.  Nothing is read that a build did not put there under a plain name: no dot file, no
symbolic link, nothing outside of the folder.

Whatever is kept with a file is counted: its bytes, their codings, differences, answers.  When all
of it is more than the memory that is allowed, the files go that were not asked for for longest.
"""

from __future__ import annotations

import os
import sys
import threading
from collections import OrderedDict
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from feeds import cadence, codings
from feeds.formats import PRIVATE
from feeds.model import stamp
from feeds.serving import delta, documents, folder
from feeds.serving.digests import Digests
from feeds.urls import escaped

if TYPE_CHECKING:
    from collections.abc import Callable

    from feeds.model import Stamp

LOOK = 0.2  # seconds for which a file is taken to be as it was
STREAMED = 1 << 20  # bytes from which a file is not kept in memory
_HEAD = 1 << 18  # bytes of such a file that tell what it is about
_DOCUMENTS = (".xml", ".json", ".html", ".opml")
_DAY = 86_400
_MEMO = 256  # answers that are kept with a file
# What Python needs, nearly, besides the bytes that are counted one by one.
_FILE, _ANSWER, _VERSION = 2048, 2048, 200


class Resource:
    """One version of one file; everything but its caches stays as it was made."""

    __slots__ = (
        "about", "body", "coded", "digest", "fresh", "history", "memo", "modified", "name", "noted",
        "path", "size", "stamp", "token",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        body: bytes | None,
        digest: str,
        modified: int,
        size: int,
        about: documents.About,
        *,
        fresh: int = 900,
        history: tuple[delta.Version, ...] = (),
        token: str = "",
        path: str = "",
        stamp: Stamp = (0, 0, 0, 0),
    ) -> None:
        self.name = name
        self.body = body  # None: too large for memory, it is read from `path`
        self.digest = digest  # of its bytes; "": not known yet
        self.modified = modified  # the first whole second at which it was so, since the epoch
        self.size = size
        self.about = about
        self.fresh = fresh  # seconds for which it may be taken for current
        self.history = history  # versions of which a client may ask for the difference
        self.token = token  # of the subscriber for whom it is
        self.path = path
        self.stamp = stamp
        self.coded: dict[str, bytes] = {}  # in codings, and differences to earlier versions
        self.memo: dict[Any, Any] = {}
        self.noted = 0  # bytes of the answers in it

    @property
    def private(self) -> bool:
        """Whether it is for one subscriber."""
        return bool(self.token)

    def bytes_in(self, coding: str) -> bytes:
        """The body in a content coding; "" for none."""
        assert self.body is not None
        if not coding:
            return self.body
        packed = self.coded.get(coding)
        if packed is None:
            packed = self.coded[coding] = codings.CODINGS[coding](self.body)
        return packed

    def compressible(self) -> bool:
        """Whether it is given out in content codings."""
        return self.body is not None and codings.worth(self.about.media_type, self.size)

    def weight(self) -> int:
        """Bytes of memory it takes, nearly."""
        versions = sum(len(version.marks) + _VERSION for version in self.history)
        return _FILE + len(self.body or b"") + versions + self.growth()

    def growth(self) -> int:
        """Those of them that can be made again."""
        return sum(map(len, list(self.coded.values()))) + self.noted

    def remember(self, key: tuple[str | None, ...], answer: Any) -> None:
        """Keep the answer to a request; they are few for a feed, as readers ask alike."""
        if len(self.memo) >= _MEMO:
            self.memo.clear()
            self.noted = 0
        self.memo[key] = answer
        self.noted += _ANSWER + sum(len(part) for part in key if part)

    def forget(self) -> None:
        """Let go of all that can be made again."""
        self.coded.clear()
        self.memo.clear()
        self.noted = 0

    def tagged(self, digest: str) -> Resource:
        """The same, once its digest is known."""
        return Resource(
            self.name, self.body, digest, self.modified, self.size, self.about,
            fresh=self.fresh, history=self.history, token=self.token, path=self.path,
            stamp=self.stamp,
        )  # fmt: skip


class Rules(NamedTuple):
    """What decides how files are given out, besides themselves."""

    out: str
    state: str  # folder of the histories; "" keeps none
    period: int = 900  # seconds between two builds
    memory: int = 32 << 20  # bytes that files may take in memory
    versions: int = 30  # of a document that are remembered for deltas
    url: str = ""  # where out/ is published, with "/" at its end


class _Held:
    """A file's place in memory; `guard` is held by whoever looks at the file."""

    __slots__ = ("guard", "looked", "resource", "weight")

    def __init__(self) -> None:
        self.guard = threading.Lock()
        self.resource: Resource | None = None
        self.looked = float("-inf")
        self.weight = 0  # as it was counted last

    def tag(self, untagged: Resource, digest: str) -> None:
        """Give the file its digest, unless it is another by now."""
        with self.guard:
            if self.resource is untagged:
                self.resource = untagged.tagged(digest)


class Site:
    """The output folder, for several threads, which wait for each other at the same file only."""

    def __init__(self, rules: Rules, clock: Callable[[], float]) -> None:
        """`clock` is monotonic, in seconds."""
        self.rules = rules
        self._clock = clock
        self._held: OrderedDict[tuple[str, str], _Held] = OrderedDict()  # longest unused first
        self._used = 0  # bytes of memory
        self._lock = threading.Lock()
        self._digests = Digests()

    def find(self, name: str, token: str = "") -> Resource | None:
        """The file of this name below the folder, as it is; None where nothing is to be given out.

        With a token, the addresses in a feed are those of the token's own feed.
        """
        held = self._held.get((name, token))
        now = self._clock()
        if held is not None and now - held.looked < LOOK:
            return held.resource
        # A folder of private feeds is looked into for those with a token, and for no one else.
        if not folder.plain(name.removeprefix(f"{PRIVATE}/") if token else name):
            return None
        with self._lock:
            held = self._held.setdefault((name, token), _Held())
        untagged = None
        with held.guard:
            if now - held.looked >= LOOK:
                untagged = self._look(held, name, token)
                held.looked = now
        if untagged is not None:
            tell = partial(held.tag, untagged)
            self._digests.find(self.rules.out, name, untagged.stamp, tell)
        return held.resource

    def look_again(self, resource: Resource) -> None:
        """Look at the file when it is asked for next: it is not what it was."""
        held = self._held.get((resource.name, resource.token))
        if held is not None:
            held.looked = float("-inf")

    def is_folder(self, name: str, token: str = "") -> bool:
        """Whether this is a folder of feeds."""
        return folder.plain(name) and any(
            folder.is_folder(self.rules.out, inner)
            for inner in ((f"{PRIVATE}/{name}", name) if token else (name,))
        )

    def settle(self, resource: Resource) -> None:
        """Count what was added to a file since it was counted last, and make room for it."""
        key = (resource.name, resource.token)
        if resource.growth() > self.rules.memory // 2:
            resource.forget()
        with self._lock:
            held = self._held.get(key)
            if held is not None and held.resource is resource:
                self._count(key, held, resource.weight())

    def _count(self, key: tuple[str, str], held: _Held, weight: int) -> None:
        if self._held.get(key) is not held:
            self._drop(key)
        self._used += weight - held.weight
        held.weight = weight
        self._held[key] = held
        self._held.move_to_end(key)
        while self._used > self.rules.memory and len(self._held) > 1:
            self._drop(next(iter(self._held)))

    def _drop(self, key: tuple[str, str]) -> None:
        held = self._held.pop(key, None)
        if held is not None:
            self._used -= held.weight
            held.weight = 0

    def _look(self, held: _Held, name: str, token: str) -> Resource | None:
        """See to it that a file is held as it is; the file, if its digest is yet to be found."""
        before = held.resource
        if before is not None:
            try:
                status = os.stat(before.path, follow_symlinks=False)
            except (OSError, ValueError):
                status = None
            if status is not None and stamp(status) == before.stamp:
                with self._lock:
                    self._count((name, token), held, before.weight())
                return None
        after = held.resource = self._read(before, name, token)
        with self._lock:
            if after is not None:
                self._count((name, token), held, after.weight())
            elif self._held.get((name, token)) is held:
                self._drop((name, token))
        return after if after is not None and not after.digest else None

    def _read(self, earlier: Resource | None, name: str, token: str) -> Resource | None:
        file = folder.opened(self.rules.out, name)
        if file is None:
            return None
        with open(file, "rb") as stream:
            status = os.fstat(file)
            size, body = status.st_size, None
            if size <= self._kept(name, token):
                status, body = folder.read(stream)
                if token:
                    body = _addressed(body, self.rules.url, name, token)
                size, digest, about = len(body), folder.digest(body), documents.about(name, body)
            else:
                digest, about = "", documents.begun(name, stream.read(_HEAD))
        modified = -(-status.st_mtime_ns // 10**9)
        if earlier and (not digest or earlier.digest != digest):
            # Who goes by dates must see that it is another, whatever the file's time says.
            modified = max(modified, earlier.modified + 1)
        return Resource(
            name,
            body,
            digest,
            modified,
            size,
            about,
            fresh=self._fresh(about, modified),
            history=self._history(earlier, name, token, digest, body, about),
            token=token,
            path=os.path.join(self.rules.out, name),
            stamp=stamp(status),
        )

    def _kept(self, name: str, token: str) -> int:
        """The size up to which a file is kept in memory: documents are asked for often.

        One in which each subscriber has addresses of his own is made there, whatever its size.
        """
        document = name.endswith(_DOCUMENTS)
        if document and token:
            return sys.maxsize
        return min(STREAMED * 4 if document else STREAMED, self.rules.memory // 4)

    def _fresh(self, about: documents.About, modified: int) -> int:
        if about.feed and not about.archive:
            return cadence.fresh_for(self.rules.period, about.published, modified)
        if about.media_type.startswith(("text/", "application/xml", "application/json")):
            return min(cadence.fresh_for(self.rules.period, (), modified), 3600)
        return _DAY

    def _history(
        self,
        earlier: Resource | None,
        name: str,
        token: str,
        digest: str,
        body: bytes | None,
        about: documents.About,
    ) -> tuple[delta.Version, ...]:
        """The document's versions with this one among them."""
        if body is None or not about.feed or about.archive:
            return ()
        if not (self.rules.state and self.rules.versions):
            return ()
        key = f"{name} {token}"
        known = earlier.history if earlier else delta.recall(self.rules.state, key)
        version = delta.Version(digest, delta.marks(body, about.media_type))
        history = delta.remembered(known, version, self.rules.versions)
        if history != known:
            delta.keep(self.rules.state, key, history)
        return history


def _addressed(body: bytes, url: str, name: str, token: str) -> bytes:
    """The document with the token in the addresses of its own feed."""
    own = escaped(name.removeprefix(f"{PRIVATE}/").partition("/")[0])
    return body.replace(f"{url}{own}/".encode(), f"{url}~{token}/{own}/".encode())

"""What lies in the output folder, as it is given out: each file whole, with the tag of its bytes.

A file is read when it is first asked for, through one descriptor, so its bytes, its size and its
time belong together; from then on it is served from memory, and looked at again at most every fifth
of a second.  Nothing is read that a build did not put there under a plain name: no dot file, no
symbolic link, nothing outside of the folder.
"""

from __future__ import annotations

import os
import stat
import threading
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from feeds import cadence, codings
from feeds.formats import PRIVATE
from feeds.serving import delta, documents

if TYPE_CHECKING:
    from collections.abc import Callable

LOOK = 0.2  # seconds for which a file is taken to be as it was
STREAMED = 1 << 20  # bytes from which a file is not kept in memory
_TWINS = tuple(codings.SUFFIXES.values())
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_DIGEST = 12  # bytes of a tag
_DAY = 86_400
_MEMO = 256  # answers that are kept with a file


class Resource:
    """One version of one file; everything but its caches stays as it was made."""

    __slots__ = (
        "about", "body", "coded", "digest", "fresh", "history", "memo", "modified", "name", "path",
        "private", "size", "stamp",
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
        private: bool = False,
        path: str = "",
        stamp: tuple[int, ...] = (),
    ) -> None:
        self.name = name
        self.body = body  # None: too large for memory, it is read from `path`
        self.digest = digest  # of its bytes
        self.modified = modified  # the first whole second at which it was so, since the epoch
        self.size = size
        self.about = about
        self.fresh = fresh  # seconds for which it may be taken for current
        self.history = history  # versions of which a client may ask for the difference
        self.private = private
        self.path = path
        self.stamp = stamp
        self.coded: dict[str, bytes] = {}  # in codings, and differences to earlier versions
        self.memo: dict[Any, Any] = {}

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
        return len(self.body or b"") + sum(map(len, self.coded.values())) + 2048

    def remember(self, key: Any, answer: Any) -> None:
        """Keep the answer to a request; they are few for a feed, as readers ask alike."""
        if len(self.memo) >= _MEMO:
            self.memo.clear()
        self.memo[key] = answer


class Rules(NamedTuple):
    """What decides how files are given out, besides themselves."""

    out: str
    state: str  # folder of the histories; "" keeps none
    period: int = 900  # seconds between two builds
    memory: int = 32 << 20  # bytes that files may take in memory
    versions: int = 30  # of a document that are remembered for deltas
    url: str = ""  # where out/ is published, with "/" at its end


class _Held:
    __slots__ = ("looked", "resource")

    def __init__(self, resource: Resource, looked: float) -> None:
        self.resource = resource
        self.looked = looked


class Site:
    """The output folder; `find` may be called from several threads."""

    def __init__(self, rules: Rules, clock: Callable[[], float]) -> None:
        """`clock` is monotonic, in seconds."""
        self.rules = rules
        self._clock = clock
        self._held: dict[tuple[str, str], _Held] = {}
        self._lock = threading.Lock()

    def find(self, name: str, token: str = "") -> Resource | None:
        """The file of this name below the folder, as it is; None where nothing is to be given out.

        With a token, the addresses in a feed are those of the token's own feed.
        """
        held = self._held.get((name, token))
        now = self._clock()
        if held is not None and now - held.looked < LOOK:
            return held.resource
        with self._lock:
            return self._looked_at(name, token, now)

    def is_folder(self, name: str) -> bool:
        """Whether this is a folder of feeds."""
        if not plain(name):
            return False
        path = os.path.join(self.rules.out, name)
        return os.path.isdir(path) and not os.path.islink(path)

    def _looked_at(self, name: str, token: str, now: float) -> Resource | None:
        # A folder of private feeds is looked into for those with a token, and for no one else.
        if not plain(name.removeprefix(f"{PRIVATE}/") if token else name):
            return None
        key = (name, token)
        held = self._held.get(key)
        if held is not None:
            try:
                status = os.stat(held.resource.path, follow_symlinks=False)
            except (OSError, ValueError):
                status = None
            if status is not None and _stamp(status) == held.resource.stamp:
                held.looked = now
                return held.resource
        resource = self._read(name, token)
        if resource is None:
            self._held.pop(key, None)
            return None
        self._held[key] = _Held(resource, now)
        self._make_room(key)
        return resource

    def _make_room(self, but: tuple[str, str]) -> None:
        total = sum(held.resource.weight() for held in self._held.values())
        if total <= self.rules.memory:
            return
        for key in sorted(self._held, key=lambda key: self._held[key].looked):
            if key != but:
                total -= self._held.pop(key).resource.weight()
            if total <= self.rules.memory * 3 // 4:
                return

    def _read(self, name: str, token: str) -> Resource | None:
        file = opened(self.rules.out, name)
        if file is None:
            return None
        path = os.path.join(self.rules.out, name)
        with open(file, "rb") as stream:
            status, body, digest = _whole(stream, self._kept(name))
        stamp, modified = _stamp(status), -(-status.st_mtime_ns // 10**9)
        if body is None:
            about = documents.about(name, b"")
            return Resource(
                name, None, digest, modified, status.st_size, about,
                fresh=_DAY, path=path, stamp=stamp,
            )  # fmt: skip
        if token:
            body = _addressed(body, self.rules.url, name, token)
            digest = blake2b(body, digest_size=_DIGEST).hexdigest()
        about = documents.about(name, body)
        earlier = self._held.get((name, token))
        if earlier and earlier.resource.digest != digest:
            # Who goes by dates must see that it is another, whatever the file's time says.
            modified = max(modified, earlier.resource.modified + 1)
        return Resource(
            name,
            body,
            digest,
            modified,
            len(body),
            about,
            fresh=self._fresh(about, modified),
            history=self._history(name, token, digest, body, about),
            private=bool(token),
            path=path,
            stamp=stamp,
        )

    def _kept(self, name: str) -> int:
        """The size up to which a file is kept in memory: documents are asked for often."""
        document = name.endswith((".xml", ".json", ".html", ".opml"))
        return min(STREAMED * 4 if document else STREAMED, self.rules.memory // 4)

    def _fresh(self, about: documents.About, modified: int) -> int:
        if about.feed and not about.archive:
            return cadence.fresh_for(self.rules.period, about.published, modified)
        if about.media_type.startswith(("text/", "application/xml", "application/json")):
            return min(cadence.fresh_for(self.rules.period, (), modified), 3600)
        return _DAY

    def _history(
        self, name: str, token: str, digest: str, body: bytes, about: documents.About
    ) -> tuple[delta.Version, ...]:
        """The document's versions with this one among them."""
        if not (about.feed and self.rules.state and self.rules.versions) or about.archive:
            return ()
        key = f"{name} {token}"
        earlier = self._held.get((name, token))
        known = earlier.resource.history if earlier else delta.recall(self.rules.state, key)
        version = delta.Version(digest, delta.marks(body, about.media_type))
        history = delta.remembered(known, version, self.rules.versions)
        if history != known:
            delta.keep(self.rules.state, key, history)
        return history


def plain(name: str) -> bool:
    """Whether a name is one under which files are given out."""
    return bool(name) and not name.endswith(_TWINS) and all(
        part and not part.startswith(".") and "\0" not in part and "\\" not in part
        for part in name.split("/")
    )  # fmt: skip


def opened(folder: str, name: str) -> int | None:
    """A descriptor of a regular file below the folder, reached without any symbolic link."""
    at = None
    try:
        at = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        *parents, last = name.split("/")
        for parent in parents:
            inner = os.open(parent, _OPEN | os.O_DIRECTORY, dir_fd=at)
            os.close(at)
            at = inner
        file = os.open(last, _OPEN, dir_fd=at)
    except (OSError, ValueError):  # not there, a link, a name that can't be one
        return None
    finally:
        if at is not None:
            os.close(at)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        return None
    return file


def _whole(stream: BinaryIO, most: int) -> tuple[os.stat_result, bytes | None, str]:
    """A file's status, its bytes, unless they are more than `most`, and their digest.

    A file that is written in its place, as our own never are, is read again until it keeps still.
    """
    while True:
        status = os.fstat(stream.fileno())
        hashed = blake2b(digest_size=_DIGEST)
        body = None
        if status.st_size <= most:
            body = stream.read()
            hashed.update(body)
        else:
            while block := stream.read(1 << 18):
                hashed.update(block)
        if _stamp(os.fstat(stream.fileno())) == _stamp(status):
            return status, body, hashed.hexdigest()
        stream.seek(0)


def _stamp(status: os.stat_result) -> tuple[int, ...]:
    return (status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino)


def _addressed(body: bytes, url: str, name: str, token: str) -> bytes:
    """The document with the token in the addresses of its own feed."""
    from feeds.urls import escaped

    folder = escaped(name.removeprefix(f"{PRIVATE}/").partition("/")[0])
    return body.replace(f"{url}{folder}/".encode(), f"{url}~{token}/{folder}/".encode())

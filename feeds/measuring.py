"""The pictures of articles: where they are published, and what they measure.

    Article.pictures -> images -> Measure -> Catalogue

Those that lie beside the seeds are measured on disk, the others at their servers, once.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

from feeds import enclosures, seeds
from feeds.album import Asked
from feeds.model import VERSION, Article, Measure, PictureError, SeedError
from feeds.survey import rules_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from feeds.catalogue import Catalogue
    from feeds.config import Config

_HOUR = 3600
_HUGE = 1 << 30  # bytes; a picture beside the seeds may have so many


class Measured(NamedTuple):
    """What came of asking for pictures."""

    fresh: int  # measured in this build
    failed: tuple[str, ...]  # why, for each that stays unknown
    due: int | None  # ask again at this instant
    unasked: int  # that no build has asked for yet


def media_name(path: str, escape: Callable[[str], str] = str) -> str:
    """Where a picture from beside the seeds is published, below the site."""
    return f"media/{escape(path)}"


def picture_bytes(path: str, config: Config) -> bytes:
    """All bytes of a picture that lies beside the seeds."""
    return seeds.read(config.paths.seeds, path, rules_of(config)._replace(max_size=_HUGE))


def measure(
    articles: Iterable[Article],
    config: Config,
    catalogue: Catalogue,
    now: int,
    pictures: str,
    hurry: Callable[[], bool],
    progress: Callable[[int, int], None],
) -> Measured:
    """Measure the articles' pictures: those beside the seeds, and of the others what is asked for.

    `pictures` and `hurry` are as in `cycle.build`; what was due and is not asked for stays due.
    """
    wanted = {p.url: p for article in articles for p in article.pictures if not p.minor}
    failed: list[str] = []
    new: list[str] = []
    stale: list[str] = []
    due: int | None = None
    for url, picture in wanted.items():
        known = catalogue.pictures.asked(url)
        if picture.file:
            if known is None:
                catalogue.pictures.keep(url, asked_file(picture.file, config), picture.file)
        elif known is None:
            new.append(url)
        elif known.again <= now:
            stale.append(url)
        else:
            due = min(due or known.again, known.again)
            if known.reason and not known.measure.gone:
                failed.append(f"{url}: {known.reason}")
    asking = {"none": [], "new": new, "all": [*new, *stale]}[pictures]
    if not asking:
        return Measured(0, tuple(failed), now if new or stale else due, len(new))
    if pictures == "new" and stale:
        due = now
    from feeds import images  # not needed where nothing is asked

    table = config.images
    policy = images.Policy(
        agent=f"feeds/{VERSION} (+{config.site.url})",
        allow_hosts=table.allow_hosts,
        timeout=table.timeout,
        budget=table.budget,
    )
    done: set[str] = set()
    count = 0
    for url, answer in images.measure(
        asking, policy, hurry, lambda: progress(len(done), len(asking))
    ):
        done.add(url)
        count += isinstance(answer, Measure)
        asked = _asked(url, answer, catalogue.pictures.asked(url), table.refresh, now)
        catalogue.pictures.keep(url, asked)
        due = min(due or asked.again, asked.again)
        if isinstance(answer, PictureError):
            failed.append(f"{url}: {answer}")
    left = [url for url in asking if url not in done]
    if left:
        failed.extend(f"{url}: not asked yet, as the time for pictures was over" for url in left)
        due = min(due or now + 60, now + 60)
    return Measured(count, tuple(failed), due, sum(url not in done for url in new))


def asked_file(path: str, config: Config) -> Asked:
    """What a picture that lies beside the seeds measures; until the file changes."""
    rules = rules_of(config)
    stamp = seeds.picture(config.paths.seeds, path, rules)
    try:
        if stamp is None:
            raise PictureError("the file is gone", gone=True)
        head = seeds.read(config.paths.seeds, path, rules._replace(max_size=_HUGE), enclosures.HEAD)
        return Asked(enclosures.read(head, stamp[2]), "", 0, 0)
    except (PictureError, SeedError) as error:
        return Asked(Measure(gone=True), str(error), 1, 0)


def _asked(
    url: str, answer: Measure | PictureError, before: Asked | None, refresh: int, now: int
) -> Asked:
    """What to remember of an answer, and when to ask again.

    After a failure in an hour, then twice as late each time; a measured picture, and an address
    that holds none, after `refresh`.
    """
    spread = blake2b(url.encode(), digest_size=2).digest()  # so that not all fall due at once
    jitter = refresh * int.from_bytes(spread, "big") // 0xFFFF // 10
    if isinstance(answer, Measure):
        return Asked(answer, "", 0, now + refresh - jitter)
    failures = before.failures + 1 if before else 1
    if answer.gone:
        return Asked(Measure(gone=True), str(answer), failures, now + refresh - jitter)
    wait = min(_HOUR * 2 ** min(failures - 1, 10), max(refresh, _HOUR))
    known = before.measure if before and not before.measure.gone else Measure()
    return Asked(known, str(answer), failures, now + wait)

"""One build, as the list of its stages.

    seed folder --survey--> catalogue --editing--> feeds --formats--> documents --publisher--> out/

Everything that is not in its arguments stays out: the clock, the network, where to report to.
What only a build with something to do needs stands in `renewal`, and is not imported before.
"""

from __future__ import annotations

import json
import os
from contextlib import closing
from typing import TYPE_CHECKING, Protocol

from feeds import lock, publisher, state, workers
from feeds.catalogue import Catalogue
from feeds.model import VERSION, Listed, Problem, PublishError, Report, StateError
from feeds.survey import habits, rules_of, survey

if TYPE_CHECKING:
    from collections.abc import Callable

    from feeds.config import Config
    from feeds.ledger import Ledger
    from feeds.model import Hint
    from feeds.survey import Found


# What follows a survey that read many seeds; to import it takes as long as to read 10,000 of them.
_AHEAD = ("bs4", "lxml.etree", "feedgen.feed", "feeds.article", "feeds.renewal")


class Progress(Protocol):
    """What is told how far a build has come."""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """`done` of `total` are done in this stage; a total of 0 is not known.

        What it raises ends the build there, as whole as a build that was killed.
        """


def silent(stage: str, done: int, total: int) -> None:
    """Report no progress."""


def never() -> bool:
    """Don't hurry."""
    return False


def build(
    config: Config,
    now: int,
    *,
    pictures: str = "all",
    hint: Hint | None = None,
    hurry: Callable[[], bool] = never,
    wait: float = 60.0,
    waiting: Callable[[int], None] = lambda _: None,
    progress: Progress = silent,
) -> Report:
    """Make the output folder what the seeds, the configuration and `now` say.

    1. survey: the catalogue agrees with the seed folder; only what changed is read
    2. what nothing has touched since the last build is left as it is
    3. editing: windows, articles, pictures, feeds
    4. formats: documents, each proof-read before any is published
    5. publisher: out/ agrees with the documents

    `now` is in seconds since the epoch.  `pictures` says which are asked for: "all" that are due,
    "new" ones that were never asked for, or "none"; once `hurry` says so, no further ones are.
    With a `hint`, the survey trusts it.  Raises PublishError when the result can't be published:
    then what was published before stays; BusyError when another build goes on for `wait` seconds.
    """
    try:
        os.makedirs(config.paths.state, exist_ok=True)
    except OSError as error:
        raise StateError(f"{config.paths.state}: {error.strerror}") from None
    with lock.held(os.path.join(config.paths.state, "lock"), wait, waiting):
        return state.attended(
            config.paths.state,
            _recipes(config),
            lambda catalogue, ledger: _build(
                config, now, catalogue, ledger, pictures, hint, hurry, progress
            ),
        )


def _build(
    config: Config,
    now: int,
    catalogue: Catalogue,
    ledger: Ledger,
    pictures: str,
    hint: Hint | None,
    hurry: Callable[[], bool],
    progress: Progress,
) -> Report:
    if hint:
        catalogue.index()
    found = _survey(config, now, catalogue, progress, hint)
    if not config.images.measure:
        pictures = "none"
    settings = repr((VERSION, config))
    stale = (
        catalogue.note("settings") != settings
        or _passed(catalogue.note("due"), now)
        or (pictures != "none" and _passed(catalogue.note("pictures"), now))
        or not all(
            publisher.intact(config.paths.out, name, published)
            for name, published in ledger.documents().items()
        )
    )
    if not stale and not found.changed:
        return _recalled(catalogue.note("report"), found)
    # Until the end, a build that is cut off must not look like one that came to its end.
    catalogue.keep("settings", "")
    catalogue.commit()
    from feeds import renewal

    report = renewal.renew(
        config, now, catalogue, ledger, found, pictures, hurry, progress, everything=stale
    )
    catalogue.keep("report", json.dumps(report, default=str))
    catalogue.keep("settings", settings)
    catalogue.commit()
    return report


def _survey(
    config: Config, now: int, catalogue: Catalogue, progress: Progress, hint: Hint | None = None
) -> Found:
    root = config.paths.seeds
    try:
        return survey(
            root, rules_of(config), habits(config), catalogue, now, workers.cores(),
            lambda done: progress("reading seeds", done, 0), hint, map(__import__, _AHEAD),
        )  # fmt: skip
    except OSError as error:
        raise PublishError(
            f"{root}: {error.strerror}; without the seed folder nothing is published or removed"
        ) from None


def _recipes(config: Config) -> tuple[str, str]:
    """What decides how headings are read, and how articles are."""
    headings = repr((VERSION, config.seeds, config.dates, config.sources, config.site.timezone))
    return headings, repr((headings, config.content, config.images.unwrap, config.site.url))


def _passed(instant: str, now: int) -> bool:
    return bool(instant) and int(instant) <= now


def _recalled(text: str, found: Found) -> Report:
    """The report of a build that found nothing to do: what the last one said of the state."""
    from datetime import datetime

    names = Report._fields
    said = dict(zip(names, json.loads(text), strict=True))
    lasting = {
        "held": tuple(Problem(*p) for p in said["held"]) + found.problems,
        "repaired": tuple(Problem(*p) for p in said["repaired"]),
        "waiting": said["waiting"],
        "feeds": tuple(
            Listed(*f)._replace(
                formats=tuple(f[5]), updated=datetime.fromisoformat(f[7]), changed=()
            )
            for f in said["feeds"]
        ),
        "unmeasured": tuple(said["unmeasured"]),
        "unasked": said["unasked"],
        "unsettled": found.unsettled,
        "due": datetime.fromisoformat(said["due"]) if said["due"] else None,
    }
    return Report(seeds=found.seeds, **lasting)


def check(config: Config, now: int, *, progress: Progress = silent) -> Report:
    """What a build would say of every seed, each read and parsed whole; nothing is written."""
    from feeds import editing, renewal

    catalogue = Catalogue(":memory:", *_recipes(config))
    with closing(catalogue):
        found = _survey(config, now, catalogue, progress)
        editing.parse(
            catalogue.every(), config, catalogue,
            lambda done, total: progress("parsing articles", done, total),
        )  # fmt: skip
        return renewal.told(found, catalogue, now)

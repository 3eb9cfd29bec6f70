"""One build, as the list of its stages.

    seed folder --survey--> catalogue --editing--> feeds --formats--> documents --publisher--> out/

Everything that is not in its arguments stays out: the clock, the network, where to report to.
What only a build with something to do needs stands in `renewal`, and is not imported before.
"""

from __future__ import annotations

import json
import os
from contextlib import closing, nullcontext
from typing import TYPE_CHECKING, Protocol

from feeds import lock, publisher, state, workers
from feeds.catalogue import Catalogue
from feeds.model import VERSION, Listed, Problem, PublishError, Report, StateError
from feeds.survey import habits, rules_of, survey

if TYPE_CHECKING:
    from collections.abc import Callable

    from feeds.config import Config
    from feeds.forecast import Outlook
    from feeds.ledger import Ledger
    from feeds.model import Hint
    from feeds.renewal import Prepared
    from feeds.survey import Found
    from feeds.twins import Decisions


# What follows a survey that read many seeds; to import it takes as long as to read 10,000 of them.
_AHEAD = (
    "feeds.soup",
    "feeds.formats.xml",
    "feeds.article",
    "feeds.renewal",
)


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
    accept: bool = False,
    wait: float = 60.0,
    waiting: Callable[[int], None] = lambda _: None,
    progress: Progress = silent,
) -> Report:
    """Make the output folder what the seeds, the configuration and `now` say.

    1. survey: the catalogue agrees with the seed folder; only what changed is read
    2. what nothing has touched since the last build is left as it is
    3. editing: windows, articles, pictures, feeds
    4. formats: documents, each proof-read before any is published
    5. forecast: what subscribers would see again or lose is refused, unless `accept`
    6. publisher: out/ agrees with the documents

    `now` is in seconds since the epoch.  `pictures` says which are asked for: "all" that are due,
    "new" ones that were never asked for, or "none"; once `hurry` says so, no further ones are.
    With a `hint`, the survey trusts it.  Raises PublishError when the result can't be published:
    then what was published before stays; BusyError when another build goes on for `wait` seconds.
    """
    lock.make(config.paths.state)
    with lock.held(config.paths.lock, wait, waiting):
        return state.attended(
            config.paths,
            _recipes(config),
            str(now),
            lambda catalogue, ledger: _build(
                config, now, catalogue, ledger, pictures, hint, hurry, progress, accept=accept
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
    *,
    accept: bool,
) -> Report:
    _own(config, ledger)
    if hint:
        catalogue.index()
    found = _survey(config, now, catalogue, progress, ledger, hint)
    if not config.images.measure:
        pictures = "none"
    settings = repr((VERSION, config))
    stale = _stale(config, settings, now, catalogue, ledger, measuring=pictures != "none")
    if not stale and not found.changed:
        return _recalled(catalogue.note("report"), found)
    # Until the end, a build that is cut off must not look like one that came to its end.
    catalogue.keep("settings", "")
    if not hint:
        catalogue.commit()  # what was read stays read; where little was, that is not worth the wait
    from feeds import renewal

    prepared = renewal.prepare(
        config, now, catalogue, ledger, found, pictures, hurry, progress, everything=stale
    )
    if not accept:
        _judge(prepared, config)
    report = renewal.publish(prepared, now, catalogue, ledger, found, progress)
    catalogue.keep("report", json.dumps(report, default=str))
    catalogue.keep("settings", settings)
    catalogue.commit()
    return report


def _own(config: Config, ledger: Ledger) -> None:
    """Raise StateError when the records are those of another configuration that is still there.

    To each of the two, what the other publishes would be left over from before.
    """
    folder = config.paths.state
    owner = os.path.join(folder, ledger.fact("config") or os.path.relpath(config.path, folder))
    if os.path.exists(owner) and not os.path.samefile(owner, config.path):
        raise StateError(
            f"{config.path}: {folder} belongs to {os.path.normpath(owner)}; set state, and out,"
            " in [paths] to folders of its own"
        )


def _stale(
    config: Config,
    settings: str,
    now: int,
    catalogue: Catalogue,
    ledger: Ledger,
    *,
    measuring: bool,
) -> bool:
    """Whether all feeds have to be made anew, whatever the seeds say."""
    return (
        catalogue.note("settings") != settings
        or not ledger.fact("begun")
        or ledger.fact("again") != ""
        or _passed(catalogue.note("due"), now)
        or (measuring and _passed(catalogue.note("pictures"), now))
        or not all(
            publisher.intact(config.paths.out, name, published)
            for name, published in ledger.documents().items()
        )
    )


def plan(
    config: Config,
    now: int,
    *,
    wait: float = 60.0,
    waiting: Callable[[int], None] = lambda _: None,
    noting: Callable[[str], None] = lambda _: None,
    progress: Progress = silent,
) -> tuple[Outlook, ...]:
    """What subscribers would see if this were published, feed by feed; nothing is written.

    Feeds in which nothing would change are left out.  No picture is asked for.  `noting` is told
    what the report of the build would.  Raises StateError when the ledger is damaged.
    """

    def work(catalogue: Catalogue, ledger: Ledger) -> tuple[Outlook, ...]:
        found = _survey(config, now, catalogue, progress, ledger)
        stale = _stale(config, repr((VERSION, config)), now, catalogue, ledger, measuring=False)
        if not stale and not found.changed:
            return ()
        from feeds import renewal

        prepared = renewal.prepare(
            config, now, catalogue, ledger, found, "none", never, progress, everything=stale
        )
        for note in prepared.notes:
            noting(note)
        return tuple(outlook for outlook in prepared.outlooks if outlook.changes)

    paths = config.paths
    there = os.path.isdir(paths.state)
    with lock.held(paths.lock, wait, waiting, reading=True) if there else nullcontext():
        return state.imagined(paths, _recipes(config), work)


def _judge(prepared: Prepared, config: Config) -> None:
    """Raise PublishError when subscribers would be harmed more than the guard lets pass."""
    from feeds import forecast

    try:
        forecast.judge(prepared.outlooks, config.guard)
    except PublishError as error:
        raise PublishError("\n  ".join((str(error), *prepared.lost))) from None


def _survey(
    config: Config,
    now: int,
    catalogue: Catalogue,
    progress: Progress,
    ledger: Ledger | None = None,
    hint: Hint | None = None,
) -> Found:
    root = config.paths.seeds

    def decisions() -> Decisions:
        from feeds import recognition

        assert ledger is not None
        return recognition.decisions(catalogue, ledger.register)

    try:
        found = survey(
            root, rules_of(config), habits(config), catalogue, now, workers.cores(),
            lambda done: progress("reading seeds", done, 0), hint, map(__import__, _AHEAD),
            decisions if ledger else None, decided=bool(ledger and ledger.fact("again")),
        )  # fmt: skip
        # What a build saw that was refused or cut off has not been taken into account.
        return found if catalogue.note("settings") else found._replace(affected=None)
    except OSError as error:
        raise PublishError(
            f"{root}: {error.strerror}; without the seed folder nothing is published or removed:"
            " make it, or set seeds in [paths]"
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


def problems(config: Config) -> list[Problem]:
    """What the last build held back or repaired; raises StateError when there was none."""
    from feeds.glance import noted

    text = noted(config.paths.catalogue, "report")
    if not text:
        raise StateError("no build has come to its end here yet; run `feeds generate` first")
    said = dict(zip(Report._fields, json.loads(text), strict=True))
    return [Problem(*problem) for problem in (*said["held"], *said["repaired"])]


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

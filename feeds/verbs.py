"""What each verb of the command does."""

from __future__ import annotations

import os
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from feeds.console import PROBLEMS, USAGE, WELL
from feeds.model import ConfigError, SeedError

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator

    from feeds.config import Config
    from feeds.console import Console


def generate(given: Namespace, console: Console) -> int:
    """Bring the feeds up to date, once."""
    from feeds import config, cycle
    from feeds.console import report

    settings = config.load(given.config)
    begun = time.monotonic()
    built = cycle.build(
        settings,
        int(time.time()),
        pictures="none" if given.offline else "all",
        wait=given.wait,
        waiting=lambda holder: console.note(f"waiting for another build (process {holder}) to end"),
        progress=console.progress,
    )
    console.done()
    built = built._replace(seconds=round(time.monotonic() - begun, 3))
    console.result(built, report(built, os.path.relpath(settings.paths.out), console.bold))
    for reason in built.unmeasured:
        console.detail(f"picture unknown: {reason}")
    return PROBLEMS if built.held else WELL


def check(given: Namespace, console: Console) -> int:
    """Read every article, write nothing, and list every problem."""
    from feeds import config, cycle
    from feeds.console import problems

    settings = config.load(given.config)
    checked = cycle.check(settings, int(time.time()), progress=console.progress)
    console.done()
    console.result(checked, _checked(checked, settings, problems))
    wrong = checked.held or (given.strict and checked.repaired)
    return PROBLEMS if wrong else WELL


def _checked(checked: Any, settings: Config, problems: Any) -> Iterator[str]:
    yield from problems((*checked.held, *checked.repaired), os.path.relpath(settings.paths.seeds))
    yield (
        f"{checked.seeds} seeds: {len({p.path for p in checked.held})} held back,"
        f" {len({p.path for p in checked.repaired})} repaired"
    )


def show(given: Namespace, console: Console) -> int:
    """Explain how one article is understood."""
    from feeds import config, showing

    settings = config.load(given.config)
    try:
        shown = showing.explain(settings, given.path, int(time.time()))
    except SeedError as error:
        shown = showing.refused(settings, given.path, error)
        console.result(shown, showing.lines(shown, console.bold))
        return PROBLEMS
    console.result(shown, showing.lines(shown, console.bold))
    return WELL


def daemon(given: Namespace, console: Console) -> int:
    """Keep the feeds right, until it is told to stop."""
    from feeds.daemon import service
    from feeds.daemon.journal import Journal

    least = "warning" if console.quiet else "debug" if console.verbose else "info"
    journal = Journal(sys.stderr, given.log, lambda: datetime.now(UTC), least)
    return service.run(given.config, journal, os.environ)


def status(given: Namespace, console: Console) -> int:
    """Tell what the daemon does, and when it does the next."""
    from feeds import config
    from feeds.daemon import status

    settings = config.load(given.config)
    now = datetime.now(UTC)
    told = status.ask(settings, now)
    console.result(told, status.lines(told, settings, now, console.bold))
    return WELL if told["running"] and told["ready"] == told["stale"] == "" else PROBLEMS


def config(given: Namespace, console: Console) -> int:
    """Check or show the configuration."""
    from feeds import config as configuration

    try:
        settings = configuration.load(given.config)
    except ConfigError as error:
        if not console.machine:
            raise
        console.result({"faults": error.faults}, ())
        return USAGE
    if given.action == "check":
        console.result({"faults": []}, [f"{os.path.relpath(settings.path)}: it is right"])
    elif given.effective:
        text = configuration.effective(settings)
        console.result(configuration.as_tables(settings), text.splitlines())
    else:
        with open(settings.path, encoding="utf-8") as file:
            text = file.read()
        console.result({"text": text}, text.splitlines())
    return WELL


def init(given: Namespace, console: Console) -> int:
    """Write a starting configuration into an empty folder."""
    from feeds import starting

    made = starting.begin(
        given.folder, given.title, given.url, given.language, given.timezone, int(time.time())
    )
    folder = os.path.relpath(given.folder)
    there = "" if folder == "." else f"cd {folder}\n    "
    console.result(
        {"written": made},
        (
            *(f"wrote {os.path.join(folder, name)}" for name in made),
            "",
            "Next:",
            f"    {there}feeds generate",
            "then open out/index.html. Put your articles into seeds/, one folder for each source;",
            "set title and url in config.toml, and `feeds check` tells what could not be read.",
        ),
    )
    return WELL


def completion(given: Namespace, console: Console) -> int:
    """Print the completion script for a shell."""
    import shtab

    from feeds import cli

    script = shtab.complete(cli.parser(), given.shell)
    console.result({"script": script}, [script])
    return WELL

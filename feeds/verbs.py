"""What each verb of the command does."""

from __future__ import annotations

import io
import os
import sys
import time
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from feeds.console import PROBLEMS, USAGE, WELL
from feeds.model import ConfigError, FeedsError, SeedError
from feeds.problems import CODES

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Iterator

    from feeds.config import Config
    from feeds.console import Console

_HUBS = 20.0  # seconds after which no further hub is told
_WAIT = 60.0  # seconds for another build to end


def generate(given: Namespace, console: Console) -> int:
    """Bring the feeds up to date, once."""
    from feeds import config, cycle
    from feeds.console import report, wrong

    settings = config.load(given.config)
    begun = time.monotonic()
    built = cycle.build(
        settings,
        int(time.time()),
        accept=given.accept,
        pictures="none" if given.offline else "all",
        wait=given.wait,
        waiting=lambda holder: console.note(f"waiting for another build (process {holder}) to end"),
        progress=console.progress,
    )
    console.done()
    if settings.websub.hubs and not given.offline:
        _tell_hubs(settings, console)
    built = built._replace(seconds=round(time.monotonic() - begun, 3))
    if settings.site.url == config.SAMPLE:
        path, state = map(os.path.relpath, (settings.path, settings.paths.state))
        console.note(
            f"{path}: url is still the sample's, and ids are made of it for ever; before anyone"
            f" subscribes, set your own and remove {state}"
        )
    told = report(built, os.path.relpath(settings.paths.out), console.bold)
    console.result(built, told, wrong(built, console.bold))
    for reason in built.unmeasured:
        console.detail(f"picture unknown: {reason}")
    return PROBLEMS if built.held else WELL


def plan(given: Namespace, console: Console) -> int:
    """Tell what subscribers would see if this were published; write nothing."""
    from feeds import config, cycle, forecast

    settings = config.load(given.config)
    outlooks = cycle.plan(
        settings, int(time.time()), wait=given.wait,
        waiting=lambda holder: console.note(f"waiting for a build (process {holder}) to end"),
        noting=console.note, progress=console.progress,
    )  # fmt: skip
    console.done()
    console.answer(outlooks, forecast.lines(outlooks, console.bold))
    forecast.judge(outlooks, settings.guard)
    return WELL


def diff(given: Namespace, console: Console) -> int:
    """Tell what the subscribers of a document would see of its change."""
    from feeds import forecast
    from feeds.formats import reading

    told = []
    for path in (given.old, given.new):
        try:
            with open(path, "rb") as file:
                told.append(reading.entries(file.read(), path))
        except OSError as error:
            raise FeedsError(f"{path}: {error.strerror}") from None
    outlook = forecast.look(given.new, *told)
    console.answer(outlook, forecast.lines([outlook], console.bold))
    return WELL


def problems(given: Namespace, console: Console) -> int:
    """List the articles that the last build held back or repaired, and why."""
    from feeds import config, cycle
    from feeds.console import problems as listed

    settings = config.load(given.config)
    _check_codes(given.code)
    found = cycle.problems(settings)
    if given.code:
        found = [p for p in found if p.code in given.code]
    none = "no article has such a problem" if given.code else "no article is held back or repaired"
    console.answer(found, (
        *listed(found, os.path.relpath(settings.paths.seeds)),
        *([none] if not found else []),
    ))  # fmt: skip
    return PROBLEMS if any(CODES[problem.code].held for problem in found) else WELL


def explain(given: Namespace, console: Console) -> int:
    """Tell what the code of a problem means, and what to do."""
    from feeds.problems import table

    if given.table:
        tables = [table(held=True), table(held=False)]
        text = "\n".join(tables).splitlines()
        console.answer({"held": tables[0], "repaired": tables[1]}, (*text, ""))
        return WELL
    _check_codes(given.codes)
    codes = given.codes or list(CODES)
    console.answer({code: CODES[code] for code in codes}, _explained(codes, console))
    return WELL


def _explained(codes: list[str], console: Console) -> Iterator[str]:
    for code in codes:
        kind = CODES[code]
        yield f"{console.bold(code)}: {kind.meaning}"
        yield f"    {'held back' if kind.held else 'published after a repair'}; {kind.remedy}"


def _check_codes(codes: list[str]) -> None:
    """Raise ConfigError when one of these is no code of a problem."""
    from feeds.checks import near

    for code in codes:
        if code not in CODES:
            raise ConfigError((f"{code}: there is no such code{near(code, CODES)}",))


def _tell_hubs(settings: Config, console: Console) -> None:
    from contextlib import closing

    from feeds import websub
    from feeds.outbox import Outbox

    websub.address(settings)
    end = time.monotonic() + _HUBS
    with closing(Outbox(os.path.join(settings.paths.state, websub.OUTBOX))) as outbox:
        if not outbox.waiting():
            return
        done = websub.deliver(outbox, settings, time.time, lambda: time.monotonic() > end, {})
    failed = {delivery.letter.hub for delivery in done if delivery.reason}
    for delivery in done:
        said = delivery.reason or "told"
        console.detail(f"hub {delivery.letter.hub}, {delivery.letter.topic}: {said}")
    if failed:
        count = "1 hub" if len(failed) == 1 else f"{len(failed)} hubs"
        console.note(f"{count} could not be told; the next run tries again")


def check(given: Namespace, console: Console) -> int:
    """Read every article, write nothing, and list every problem."""
    from feeds import config, cycle
    from feeds.console import problems

    settings = config.load(given.config)
    checked = cycle.check(settings, int(time.time()), progress=console.progress)
    console.done()
    wrong = (*checked.held, *(checked.repaired if given.strict else ()))
    root = os.path.relpath(settings.paths.seeds)
    console.result(checked, _checked(checked, root, problems), problems(wrong, root))
    return PROBLEMS if wrong else WELL


def _checked(checked: Any, root: str, problems: Any) -> Iterator[str]:
    from feeds.console import many

    yield from problems((*checked.held, *checked.repaired), root)
    yield (
        f"{many(checked.seeds, 'seed')}: {len({p.path for p in checked.held})} held back,"
        f" {len({p.path for p in checked.repaired})} repaired"
    )


def ids(given: Namespace, console: Console) -> int:
    """See and decide which article has which id."""
    from feeds import config, ids

    settings = config.load(given.config)
    reading = given.deed in {"list", "show", "export"}
    with (
        ids.read(settings, _WAIT)
        if reading
        else ids.opened(settings, _WAIT, make=given.deed == "import")
    ) as register:
        if given.deed in {"list", "show"}:
            accounts = (
                list(register.accounts())
                if given.deed == "list"
                else [ids.find(register, given.article, settings)]
            )
            told = [ids.shown(settings, register, account) for account in accounts]
            brief = (f"{one['id']}  {one['title']}" for one in told)
            whole = (line for one in told for line in ids.lines(one, console.bold))
            console.answer(
                told if given.deed == "list" else told[0], brief if given.deed == "list" else whole
            )
        elif given.deed == "merge":
            kept, other = (ids.find(register, name, settings) for name in (given.kept, given.other))
            ids.merge(register, kept, other)
            console.result({"kept": kept.mark}, [f"{other.title} is {kept.title} from now on"])
        elif given.deed == "split":
            path = ids.split(register, given.path, settings)
            console.result({"apart": path}, [f"{path} is an article of its own from now on"])
        elif given.deed == "export":
            text = "".join(f"{line}\n" for line in ids.export(register))
            if given.file == "-":
                console.write(text.encode("utf-8", "surrogateescape"))
            else:
                ids.save(given.file, text)
        else:
            try:
                with open(given.file, "rb") as file:
                    text = file.read().decode("utf-8", "surrogateescape")
            except OSError as error:
                raise FeedsError(f"{given.file}: {error.strerror}") from None
            count = ids.take(register, text, given.file)
            console.result({"articles": count}, [f"{count} articles taken over"])
    return WELL


def show(given: Namespace, console: Console) -> int:
    """Explain how one article is understood."""
    from feeds import config, showing

    settings = config.load(given.config)
    try:
        shown = showing.explain(settings, given.path, int(time.time()))
    except SeedError as error:
        shown = showing.refused(settings, given.path, error)
        console.answer(shown, showing.lines(shown, console.bold))
        return PROBLEMS
    console.answer(shown, showing.lines(shown, console.bold))
    return WELL


def daemon(given: Namespace, console: Console) -> int:
    """Keep the feeds right, until it is told to stop."""
    return _keep(given, console, given.log, partial(_at, None, None) if given.serve else None)


def _keep(
    given: Namespace, console: Console, log: str, served: Callable[[Config], Config] | None
) -> int:
    from feeds.daemon import service
    from feeds.daemon.journal import Journal

    least = "warning" if console.quiet else "debug" if console.verbose else "info"
    # Not sys.stderr: what its buffer can't get rid of at the end would be our exit code.
    stream = io.TextIOWrapper(
        io.FileIO(2, "w", closefd=False), encoding="utf-8", write_through=True
    )
    journal = Journal(stream, log, lambda: datetime.now(UTC), least)
    return service.run(given.config, journal, os.environ, served)


def status(given: Namespace, console: Console) -> int:
    """Tell what the daemon does, and when it does the next."""
    from feeds import config
    from feeds.daemon import status

    settings = None
    try:
        settings = config.load(given.config)
    except ConfigError:  # a daemon that runs goes by the configuration of before
        if not os.path.exists(given.config):
            raise
    state = settings.paths.state if settings else config.state_of(given.config)
    now = datetime.now(UTC)
    told = status.ask(state, settings, now)
    lines = [*status.lines(told, os.path.relpath(given.config), now, console.bold)]
    well = told["running"] and told["ready"] == told["stale"] == ""
    console.result(told, lines, () if well else lines)
    return WELL if well else PROBLEMS


def config(given: Namespace, console: Console) -> int:
    """Check or show the configuration."""
    from feeds import config as configuration

    try:
        settings = configuration.load(given.config)
    except ConfigError as error:
        if not console.machine:
            raise
        console.answer({"faults": error.faults}, ())
        return USAGE
    if given.action == "check":
        from feeds.daemon.clock import upcoming

        times = upcoming(settings.schedule, settings.site.timezone, datetime.now(UTC))
        right = f"{os.path.relpath(settings.path)}: it is right"
        folder = os.path.relpath(settings.paths.seeds)
        missing = [
            f"note: [[source]] {source.folder}: there is no such folder in {folder} (yet)"
            for source in settings.sources
            if not os.path.isdir(os.path.join(settings.paths.seeds, source.folder))
        ]
        told = [right, *missing, f"a daemon would build at {', '.join(times)}"]
        console.result({"faults": [], "notes": missing, "schedule": times}, told, missing)
    elif given.effective:
        from feeds import ids

        settings = ids.remembered(settings)
        text = configuration.effective(settings)
        console.answer(configuration.as_tables(settings), text.splitlines())
    else:
        text = configuration.text_of(settings.path)
        console.answer({"text": text}, text.splitlines())
    return WELL


def init(given: Namespace, console: Console) -> int:
    """Write a starting configuration into an empty folder."""
    from feeds import config, starting

    url = given.url or config.SAMPLE
    made = starting.begin(
        given.folder, given.title, url, given.language, given.timezone, int(time.time())
    )
    folder = os.path.relpath(given.folder)
    console.result(
        {"written": made},
        (
            *(f"wrote {os.path.join(folder, name)}" for name in made),
            "",
            "Next:",
            *([f"    cd {folder}"] if folder != "." else []),
            *([] if given.url else ["    set url in config.toml: ids are made of it for ever"]),
            "    feeds generate",
            "then open out/index.html. Put your articles into seeds/, one folder for each source;",
            "`feeds check` tells what could not be read.",
        ),
    )
    return WELL


def serve(given: Namespace, console: Console) -> int:
    """Give the feeds out over HTTP, until told to stop."""
    from feeds import config, server

    adjusted = partial(_at, given.host, given.port)
    if given.watch:
        return _keep(given, console, "text", adjusted)
    settings = (
        config.parse(sys.stdin.buffer.read().decode(), given.config)  # from `server.Server`
        if given.parent
        else adjusted(config.load(given.config))
    )
    served, out = settings.serve, os.path.relpath(settings.paths.out)
    if not given.parent and not os.path.exists(os.path.join(out, "index.html")):
        console.note(f"there is nothing in {out} yet: `feeds generate` or `feeds daemon` fills it")
    address = server.address(served.host, served.port)
    server.serve(
        settings, given.parent, lambda: console.note(f"serving {out} at {address} (Ctrl-C ends it)")
    )
    return WELL


def _at(host: str | None, port: int | None, settings: Config) -> Config:
    """The settings with the address that the command line names."""
    served = settings.serve
    served = served._replace(host=host or served.host, port=port or served.port)
    return settings._replace(serve=served)


def stats(given: Namespace, console: Console) -> int:
    """Tell from an access log who reads the feeds, and how."""
    from feeds import config
    from feeds.serving import stats
    from feeds.serving.logs import lines, read

    settings = config.load(given.config)
    logs = given.logs or [
        path for path in (f"{settings.serve.log}.1", settings.serve.log) if os.path.exists(path)
    ]
    if not logs:
        console.error(
            f"{settings.serve.log or 'log in [serve] is off'}: there is no access log yet;"
            " `feeds serve` writes one, or name another server's"
        )
        return USAGE
    known = {table.slug for table in settings.feeds}
    known.update(part for moved in settings.moved for part in moved.path.split("/"))
    use = stats.gather((hit for path in logs for hit in read(lines(path))), known)
    if given.metrics:
        console.lines(stats.metrics(use).rstrip("\n").split("\n"))
    else:
        console.answer(use, stats.lines(use))
    return PROBLEMS if use.unread and not use.requests else WELL


def tokens(given: Namespace, console: Console) -> int:
    """Say who may read the private feeds."""
    from feeds import config
    from feeds.serving import tokens

    settings = config.load(given.config)
    path = os.path.join(settings.paths.state, "tokens.json")
    if given.action == "list":
        known = tokens.read(path)
        console.answer(
            [{"name": token.name, "made": token.made} for token in known],
            (f"{time.strftime('%Y-%m-%d', time.gmtime(t.made))}  {t.name}" for t in known),
        )
        return WELL
    if not given.name:
        console.error(f"say whose token: feeds tokens {given.action} NAME")
        return USAGE
    if given.action == "add":
        secret = tokens.add(path, given.name, int(time.time()))
        home = f"{settings.site.url}~{secret}/"
        console.answer(
            {"name": given.name, "token": secret, "url": home},
            (home, "This stands in front of every private feed's name. It is shown only now."),
        )
    else:
        tokens.revoke(path, given.name)
        console.result({"revoked": given.name}, (f"{given.name} can no longer read private feeds",))
    return WELL


def completion(given: Namespace, console: Console) -> int:
    """Print the completion script for a shell."""
    import shtab

    from feeds import cli

    script = shtab.complete(cli.parser(), given.shell)
    console.answer({"script": script}, script.split("\n"))
    return WELL

"""The `feeds` command: its verbs and options, and the exit code.

Each verb imports what it runs when it runs, so that `feeds --help` and a build with nothing to do
start at once.

    0  well
    1  done, with problems: an article is held back
    2  usage or configuration
    3  nothing was published: what was published before stays
"""

from __future__ import annotations

import argparse
import atexit
import gc
import os
import sys
from functools import partial

TYPE_CHECKING = False  # what typing.TYPE_CHECKING is, without the time that its import takes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    Verb = Callable[[str, str], argparse.ArgumentParser]


class _Grammar(argparse.ArgumentParser):
    """A parser that says what was meant, and that starts sooner.

    It asks how wide the terminal is when it writes there, not at every option: for that, argparse
    would import 3 ms of modules.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings, formatter_class=partial(argparse.HelpFormatter, width=80))

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Refuse what is not known here, where its usage and its near misses can be told."""
        known, unknown = super().parse_known_args(args, namespace)
        if unknown:
            from feeds.checks import near

            wrong = unknown[0]
            if wrong.startswith("-"):
                self.error(f"{wrong}: unknown{near(wrong, self._option_string_actions)}")
            self.error(f"{wrong}: there is no use for it here")
        return known, unknown

    def format_help(self) -> str:
        self.formatter_class = argparse.HelpFormatter
        return super().format_help()

    def format_usage(self) -> str:
        self.formatter_class = argparse.HelpFormatter
        return super().format_usage()


def parser() -> argparse.ArgumentParser:
    """The grammar of the command line."""
    top = _Grammar(
        prog="feeds",
        description="Turn a directory of articles into Atom, RSS and JSON feeds.",
        epilog="Exit codes: 0 well; 1 done with problems; 2 usage or config; 3 nothing published.",
        allow_abbrev=False,
    )
    top.add_argument("--version", action="store_true", help="tell the version")
    common = _common(argparse.SUPPRESS)
    _options(top, None)
    verbs = top.add_subparsers(title="verbs", dest="verb", metavar="VERB")

    def verb(name: str, told: str) -> argparse.ArgumentParser:
        return verbs.add_parser(
            name,
            help=told,
            description=f"{told[0].upper()}{told[1:]}.",
            parents=[common],
            allow_abbrev=False,
        )

    _making(verb)
    _explaining(verb)
    _running(verb)
    _deciding(verb, common)
    completion = verb("completion", "print the completion script for a shell")
    completion.add_argument("shell", choices=("bash", "zsh", "tcsh", "fish"))
    return top


def _making(verb: Verb) -> None:
    """What makes feeds, or tells what they would be."""
    init = verb("init", "write a starting configuration into an empty folder")
    init.add_argument("folder", nargs="?", default=".", help="default: the working folder")
    init.add_argument("--title", default="My articles", help="the name of the whole")
    init.add_argument("--url", help="where out/ will be published; it becomes part of every id")
    init.add_argument("--language", default="en", help="of the articles, such as en or zh-CN")
    init.add_argument("--timezone", default="UTC", help="of dates that name no zone")

    generate = verb("generate", "bring the feeds up to date, once")
    generate.add_argument("--offline", action="store_true", help="ask for no picture, tell no hub")
    generate.add_argument(
        "--accept", action="store_true", help="even if entries would be shown again or vanish"
    )
    plan = verb("plan", "tell what subscribers would see if this were published; write nothing")
    for waiting in (generate, plan):
        waiting.add_argument(
            "--wait", type=_seconds, default=60.0, metavar="SECONDS",
            help="for another build to end (60)",
        )  # fmt: skip

    diff = verb("diff", "show the change of a document as entries")
    diff.add_argument("old", help="an Atom, RSS or JSON feed as it was")
    diff.add_argument("new", help="the same as it is")


def _explaining(verb: Verb) -> None:
    """What tells how articles and the configuration are understood."""
    check = verb("check", "read every article, write nothing, and list every problem")
    check.add_argument(
        "--strict", action="store_true", help="exit with 1 for repaired articles too"
    )

    problems = verb("problems", "list what the last build held back or repaired, and why")
    problems.add_argument("code", nargs="*", help="only problems with these codes")

    explain = verb("explain", "tell what the code of a problem means, and what to do")
    explain.add_argument("codes", nargs="*", metavar="code", help="default: all of them")
    explain.add_argument("--table", action="store_true", help="all of them as Markdown")

    show = verb("show", "explain how one article is understood")
    show.add_argument("path", help="of its file")

    config = verb("config", "check or show the configuration")
    config.add_argument("action", choices=("check", "show"))
    config.add_argument(
        "--effective", action="store_true", help="show: with every default filled in"
    )


def _running(verb: Verb) -> None:
    """What goes on until it is told to stop, and what tells how it fares."""
    daemon = verb("daemon", "keep the feeds right, until it is told to stop")
    daemon.add_argument(
        "--log", choices=("text", "json"), default="text", help="how events are written (text)"
    )
    daemon.add_argument("--serve", action="store_true", help="give the feeds out over HTTP as well")

    verb("status", "tell what the daemon does, and when it does the next")

    serve = verb("serve", "give the feeds out over HTTP")
    serve.add_argument("--host", help="the address to listen on (host in [serve])")
    serve.add_argument("--port", type=_port, help="the port (port in [serve])")
    serve.add_argument("--watch", action="store_true", help="keep the feeds right too: a daemon")
    serve.add_argument("--parent", type=int, default=0, help=argparse.SUPPRESS)

    stats = verb("stats", "tell from an access log who reads the feeds, and how")
    stats.add_argument(
        "logs",
        nargs="*",
        help="ours or another server's, gzipped or not; - is stdin (log in [serve], and its .1)",
    )
    stats.add_argument("--metrics", action="store_true", help="in the text format of Prometheus")


def _deciding(verb: Verb, common: _Grammar) -> None:
    """What says who may read, and which article is which."""
    tokens = verb("tokens", "say who may read the private feeds")
    tokens.add_argument("action", choices=("list", "add", "revoke"))
    tokens.add_argument("name", nargs="?", default="", help="of the subscriber")

    ids = verb("ids", "see and decide which article has which id")
    deeds = ids.add_subparsers(title="what to do", dest="deed", metavar="WHAT", required=True)

    def deed(name: str, told: str) -> argparse.ArgumentParser:
        return deeds.add_parser(
            name, help=told, description=f"{told[0].upper()}{told[1:]}.", parents=[common],
            allow_abbrev=False,
        )  # fmt: skip

    deed("list", "every article that was ever announced, with its id")
    one = "an id, the path of a seed, or an address"
    deed("show", "all that is known of one article").add_argument("article", help=one)
    joined = deed("merge", "make two articles one, under the id of the first")
    joined.add_argument("kept", help=one)
    joined.add_argument("other", help=one)
    deed("split", "make a file an article of its own").add_argument("path", help="of the seed")
    deed("export", "write all ids as text").add_argument(
        "file", nargs="?", default="-", help="default: stdout"
    )
    deed("import", "take over what export wrote").add_argument("file", help="of the export")


def _seconds(text: str) -> float:
    """A number of seconds from 0 up."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds from 0 up")
    return value


def _port(text: str) -> int:
    """A number of a port."""
    if not (text.isascii() and text.isdecimal() and 0 < int(text[:6]) < 65_536):
        raise argparse.ArgumentTypeError(f"{text!r} is no port from 1 to 65535")
    return int(text)


def _common(default: object) -> _Grammar:
    common = _Grammar(add_help=False, allow_abbrev=False)
    _options(common, default)
    return common


def _options(to: argparse.ArgumentParser, default: object) -> None:
    """The options that stand before the verb or behind it."""
    suppressed = default is argparse.SUPPRESS
    to.add_argument(
        "-c", "--config", metavar="PATH", default=default if suppressed else "config.toml",
        help="the configuration (config.toml)",
    )  # fmt: skip
    to.add_argument(
        "--format", choices=("text", "json"), default=default if suppressed else "text",
        help="of the report on stdout (text)",
    )  # fmt: skip
    off = default if suppressed else False
    to.add_argument(
        "-q", "--quiet", action="store_true", default=off, help="say only what went wrong"
    )
    to.add_argument("-v", "--verbose", action="store_true", default=off, help="say more")


def _open_streams() -> None:
    """Stand in for standard streams that are closed, lest a file of ours take their place."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code."""
    # What is imported stays until the end, and then all memory goes at once: to look through it for
    # cycles, again and again and once more at exit, takes a twentieth of a first build.
    gc.set_threshold(100_000)
    atexit.register(gc.freeze)
    _open_streams()
    grammar = parser()
    given = grammar.parse_args(arguments)
    from feeds.console import PROBLEMS, REFUSED, USAGE, WELL, Console, UnheardError

    console = Console(quiet=given.quiet, verbose=given.verbose, machine=given.format == "json")
    if given.verb is None and not given.version:
        grammar.print_help()
        return USAGE

    from feeds import verbs
    from feeds.model import VERSION, ConfigError, FeedsError

    try:
        if given.version:
            console.lines([f"feeds {VERSION}"])
            return WELL
        return int(getattr(verbs, given.verb)(given, console))
    except ConfigError as error:
        console.error(str(error))
        return USAGE
    except FeedsError as error:
        console.error(str(error))
        console.refuse(str(error))
        return REFUSED
    except UnheardError as error:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115  what waits there can't be told
        console.error(f"{error}; what should be done is done")
        return PROBLEMS
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output has gone; there is no one to tell
        return WELL
    except KeyboardInterrupt:
        console.error("interrupted; what was published stays whole")
        return 130
    except MemoryError:
        console.error("there is not enough memory; what was published stays whole")
        return REFUSED
    except Exception as error:  # noqa: BLE001  Python's own exit code would be that of "problems"
        from traceback import format_exc

        console.error(f"a mistake in feeds itself, please report it: {error!r}\n{format_exc()}")
        return REFUSED
    finally:
        console.done()

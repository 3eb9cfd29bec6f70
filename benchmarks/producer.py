"""`feeds` as it is measured: one command, and a site in a folder of its own.

The configuration under test is one feed of the newest 50 articles with their whole content, in Atom
and RSS, pictures not measured; a site may have one such feed for each source besides.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

from timing import VoidError

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_START = "import sys; from feeds.cli import main; sys.exit(main())"  # as an installed script does

_CONFIG = """\
[site]
title = "Everything"
url = "https://feeds.example.org/"

[paths]
seeds = {seeds}

[images]
measure = false

[[feed]]
slug = "all"
limit = 50
formats = ["atom", "rss"]
content = "full"
"""
_EACH = """
[[feed]]
each = "source"
slug = "{source}"
limit = 50
formats = ["atom", "rss"]
content = "full"
"""


def command() -> tuple[str, ...]:
    """The `feeds` command of this environment, or what it would do if it were installed."""
    script = os.path.join(os.path.dirname(sys.executable), "feeds")
    return (script,) if os.access(script, os.X_OK) else (sys.executable, "-c", _START)


def path() -> str:
    """The PYTHONPATH with which `feeds` can be imported: this checkout's, where it is missing."""
    return os.environ.get("PYTHONPATH", "") or ("" if find_spec("feeds") else ROOT)


class Site:
    """A site of `feeds` in a folder of its own, made from the seeds in another."""

    def __init__(self, folder: str, seeds: str, *, each: bool = False) -> None:
        """Write the site's configuration; with `each`, for one feed for each source besides."""
        config = os.path.join(folder, "config.toml")
        self.out = os.path.join(folder, "out")
        self.atom = os.path.join(self.out, "all", "atom.xml")
        self.rss = os.path.join(self.out, "all", "rss.xml")
        self.command: tuple[str, ...] = (*command(), "generate", "--offline", "--config", config)
        self.daemon: tuple[str, ...] = (*command(), "daemon", "--config", config)
        self._state = os.path.join(folder, ".feeds")
        os.makedirs(folder)
        with open(config, "w", encoding="utf-8") as file:
            # A JSON string is a TOML string too.
            file.write(_CONFIG.format(seeds=json.dumps(os.path.abspath(seeds))))
            file.write(_EACH if each else "")

    def forget(self) -> None:
        """Remove all that earlier builds left behind."""
        shutil.rmtree(self.out, ignore_errors=True)
        shutil.rmtree(self._state, ignore_errors=True)

    def rests(self, env: Mapping[str, str]) -> None:
        """Raise VoidError unless a build finds nothing to read and nothing to write."""
        asked = (*self.command, "--format", "json")
        answer = subprocess.run(asked, env=env, stdout=subprocess.PIPE, check=False).stdout
        report = json.loads(answer)
        if report["read"] or report["written"]:
            raise VoidError(f"a build read {report['read']} seeds and wrote {report['written']}")

"""The house: who may import whom, one door for each library, nothing heavy where nothing is done."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Site, seed

import feeds

PACKAGE = Path(feeds.__file__).parent

# From the ground up; a module may import only from the rows below its own.
LAYERS = (
    ("model", "problems", "later"),
    ("text", "urls", "cron", "rows"),
    ("checks", "dates", "identity", "likeness"),
    ("schema", "soup"),
    ("tables",),
    ("config", "elements", "twins", "register", "revision", "shelf", "album", "turnover", "decoding", "difference", "enclosures"),
    ("cadence", "codings", "glance", "naming", "newest"),
    ("before",),
    ("illustrations", "recognition"),
    ("markup",),
    (
        "seeds", "heading", "article", "images", "catalogue", "ledger", "outbox", "selection", "publisher", "workers",
        "lock",
        "formats", "formats.links", "formats.xml", "formats.json", "formats.opml", "formats.page", "formats.proof",
        "formats.reading",
    ),
    ("survey", "state", "websub", "fitting", "forecast"),
    ("shelving", "measuring"),
    ("editing",),
    ("archives", "drafts", "memory", "outlooks"),
    ("renewal",),
    ("cycle",),
    (
        "serving", "serving.access", "serving.answers", "serving.application", "serving.client", "serving.conditions",
        "serving.delta", "serving.digests", "serving.documents", "serving.folder", "serving.limiter", "serving.logs",
        "serving.negotiation", "serving.routes", "serving.site",
        "serving.stats", "serving.tokens",
    ),
    ("server",),
    ("showing", "starting", "api", "ids", "console"),
    ("daemon", "daemon.agenda", "daemon.clock", "daemon.courier", "daemon.events", "daemon.health", "daemon.journal", "daemon.seat"),
    ("daemon.systemd", "daemon.door"),
    ("daemon.service",),
    ("daemon.status",),
    ("verbs",),
    ("cli",),
    ("__main__", "__init__"),
)  # fmt: skip

DOORS = {
    "tomllib": {"config"},
    "dateutil": {"dates"},
    "bs4": {"soup"},
    "soupsieve": {"checks"},
    "markdown_it": {"article"},
    "feedgen": {"formats.xml"},
    "lxml": {"soup", "formats.xml", "formats.opml"},
    "requests": {"images", "websub"},
    "apscheduler": {"daemon.clock"},
    "watchfiles": {"daemon.events"},
    "prometheus_client": {"daemon.door", "serving.stats"},
    "urllib3": {"images"},
    "imagesize": {"enclosures"},
    "charset_normalizer": {"decoding"},
    "idna": {"urls"},
    "sqlite3": {"catalogue", "glance", "ledger", "outbox", "state"},
    "argparse": {"cli", "verbs"},
    "shtab": {"verbs"},
    "rich": {"console"},
    "brotli": {"codings"},
    "zstandard": {"codings"},
    "granian": {"server"},
}


def imports(path: Path) -> set[str]:
    """The modules a file imports when it runs, whole names."""
    found: set[str] = set()

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            return
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(ast.parse(path.read_text(encoding="utf-8")))
    return found


MODULES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
RANK = {name: rank for rank, row in enumerate(LAYERS) for name in row}
PACKAGES = ("formats", "serving")  # whose modules may import each other


def test_every_module_has_its_place() -> None:
    assert set(MODULES) == set(RANK)


@pytest.mark.parametrize("name", MODULES)
def test_imports_go_only_down(name: str) -> None:
    for imported in imports(MODULES[name]):
        inner = imported.removeprefix("feeds.")
        if imported.startswith("feeds.") and inner in RANK:
            family = name.partition(".")[0] == inner.partition(".")[0] in PACKAGES
            allowed = RANK[inner] < RANK[name] or family
            lazily_up = (name, inner) == ("verbs", "cli")  # the grammar that completion prints
            assert allowed or lazily_up, f"{name} imports {inner}"


@pytest.mark.parametrize("name", MODULES)
def test_one_door_for_each_library(name: str) -> None:
    for imported in imports(MODULES[name]):
        library = imported.partition(".")[0]
        if library in DOORS:
            assert name in DOORS[library], f"{name} imports {library}"
        elif library not in sys.stdlib_module_names:
            assert library == "feeds", f"{library} has no door"


@pytest.mark.parametrize(
    "name",
    sorted(
        set(MODULES)
        - {"verbs", "lock", "images", "console", "daemon.service", "daemon.courier"}
        - {"server", "serving.application", "serving.access"}
    ),
)
def test_the_clock_and_the_environment_are_arguments(name: str) -> None:
    code = ast.parse(MODULES[name].read_text(encoding="utf-8"))
    asked = {ast.unparse(node) for node in ast.walk(code) if isinstance(node, ast.Attribute)}
    assert not asked & {
        "time.time", "time.time_ns", "time.monotonic", "datetime.now", "datetime.utcnow", "date.today",
        "os.environ", "os.getenv", "random.random",
    }  # fmt: skip


def test_the_public_surface_is_exact() -> None:
    assert dir(feeds) == feeds.__all__
    assert sorted(feeds._HOMES) == sorted(feeds.__all__) == feeds.__all__
    for name in feeds.__all__:
        assert getattr(feeds, name).__doc__
    with pytest.raises(AttributeError):
        feeds.nonsense  # noqa: B018


HEAVY = {
    "bs4", "lxml", "feedgen", "dateutil", "requests", "urllib3", "imagesize", "charset_normalizer", "rich",
    "shtab", "markdown_it", "asyncio", "logging", "email", "http", "multiprocessing", "concurrent",
}  # fmt: skip


def imported(site: Site, *arguments: str) -> set[str]:
    """The top-level modules that are loaded once a command has run."""
    code = (
        "import sys; from feeds.cli import main\n"
        f"try: main({list(arguments)!r})\nexcept SystemExit: pass\n"
        "sys.stderr.write(' '.join(sys.modules))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=site.root, capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(PACKAGE.parent)},
    )  # fmt: skip
    return {name for name in run.stderr.split() if "." not in name or name.startswith("feeds")}


def test_what_each_command_loads(site: Site) -> None:
    site.write("s/1.md", seed())
    told = imported(site, "--help")
    assert not told & (HEAVY | {"sqlite3", "tomllib", "dataclasses", "feeds.model"})
    first = imported(site, "generate", "--offline")
    assert first >= {"bs4", "feedgen", "lxml"}
    assert not first & {"soupsieve", "charset_normalizer", "requests", "markdown_it", "decimal"}
    nothing = imported(site, "generate", "--offline")
    assert not nothing & (HEAVY | {"feeds.heading", "feeds.article", "feeds.formats.xml"})
    assert not imported(site, "config", "show") & (HEAVY | {"sqlite3"})


def test_no_module_is_too_long() -> None:
    for name, path in MODULES.items():
        lines = len(path.read_text(encoding="utf-8").splitlines())
        assert lines <= 500, f"{name} has {lines} lines: has it one job?"

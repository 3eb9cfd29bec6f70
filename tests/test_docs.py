"""What the documents say is so."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from conftest import NOW, Site

from feeds import cli, config, cycle
from feeds.problems import CODES, table

HOME = Path(__file__).parents[1]
README = HOME.joinpath("README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_the_tables_of_problems_are_those_of_the_code() -> None:
    """`feeds explain --table` prints them."""
    for held in (True, False):
        assert table(held=held) in README


def test_every_problem_is_in_the_table() -> None:
    for code, kind in CODES.items():
        assert f"| `{code}` | {kind.meaning} | {kind.remedy} |" in README
    assert set(re.findall(r"^\| `([a-z-]+)` \| .* \| .* \|$", README, re.MULTILINE)) == set(CODES)


def test_every_verb_is_told() -> None:
    verbs = cli.parser()._subparsers._group_actions[0].choices
    for verb in verbs:
        assert f"| `{verb}" in README


def test_the_configurations_are_right() -> None:
    whole = ""
    for text in blocks("toml"):
        tomllib.loads(text)
        whole += text
    config.parse(whole, "/site/config.toml")


def test_the_articles_are_understood(site: Site) -> None:
    fences = re.findall(r"^```(\w*)\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
    written = [text for language, text in fences if not language and "\n---" in text]
    assert len(written) == 2
    for number, text in enumerate(written):
        site.write(f"s/{number}.md", text)
    site.build(NOW + 30 * 86_400)
    problems = cycle.check(site.load(), NOW + 30 * 86_400)
    assert (problems.held, problems.repaired) == ((), ())
    assert site.titles() == ["The title", "The title"]


def test_the_library_example_runs(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "feeds", "init"], cwd=tmp_path, check=True, capture_output=True
    )
    (example,) = blocks("python")
    run = subprocess.run(
        [sys.executable, "-c", example], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    assert run.stdout.startswith("1 []\nThe first article This is an article.")


def test_the_commands_run(tmp_path: Path) -> None:
    """Those of "In a minute" that make something of your own articles."""
    commands = "".join(block for block in blocks("sh") if "feeds init" in block)
    wanted = [
        line.partition("#")[0].strip()
        for line in commands.splitlines()
        if line.startswith("feeds ")
    ]
    assert len(wanted) == 4
    shutil.copy(HOME / "pyproject.toml", tmp_path)
    for command in wanted:
        run = subprocess.run(
            [sys.executable, "-m", *command.split()],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 0, (command, run.stderr)


def test_names_of_files_in_the_documents_exist() -> None:
    for document in ("README.md", "CONTRIBUTING.md"):
        text = HOME.joinpath(document).read_text(encoding="utf-8")
        bare = re.sub(r"`[^`]*`", "", text)
        modules = re.findall(r"`((?:feeds|tests)/[\w/]+\.py)`", text)
        targets = re.findall(r"\]\(([\w-]*[./][\w./-]*)\)", bare)
        for name in (*modules, *targets):
            assert HOME.joinpath(name).exists(), f"{document} names {name}"

"""What lies in packaging/ works, as far as a machine without it as its own can tell."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Site, seed
from running import Daemon, environment, run

PACKAGING = Path(__file__).resolve().parent.parent / "packaging"
UNITS = ["feeds.service", "feeds-generate.service", "feeds-generate.timer"]
needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here (Debian: systemd)"
)


def unit(name: str) -> configparser.ConfigParser:
    read = configparser.ConfigParser(strict=False, interpolation=None, delimiters="=")
    read.optionxform = str
    read.read(PACKAGING / name)
    return read


@needs_systemd
def test_systemd_understands_the_units(tmp_path: Path) -> None:
    for name in UNITS:
        text = PACKAGING.joinpath(name).read_text()
        tmp_path.joinpath(name).write_text(text.replace("/opt/feeds/bin/feeds", sys.executable))
    for name in UNITS:
        checked = subprocess.run(
            ["systemd-analyze", "verify", str(tmp_path / name)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        said = [line for line in checked.stderr.splitlines() if "feeds" in line]
        assert (checked.returncode, said) == (0, [])


@needs_systemd
@pytest.mark.parametrize("name", ["feeds.service", "feeds-generate.service"])
def test_the_services_are_exposed_to_little(name: str) -> None:
    scored = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", str(PACKAGING / name)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", scored.stdout)
    assert found, scored.stderr
    assert float(found[1]) <= 1.5


@pytest.mark.parametrize("name", ["feeds.service", "feeds-generate.service"])
def test_the_services_run_commands_that_there_are(name: str, site: Site) -> None:
    command = unit(name)["Service"]["ExecStart"].split()
    assert command[0] == "/opt/feeds/bin/feeds"
    assert run(site.root, *command[1:], "--help").returncode == 0


def test_the_services_are_hardened_alike() -> None:
    daemon, once = (unit(name)["Service"] for name in UNITS[:2])
    own = {"Type", "NotifyAccess", "ExecStart", "ExecReload", "Restart", "RestartSec", "TimeoutStartSec",
           "TimeoutStopSec", "WatchdogSec", "SuccessExitStatus"}  # fmt: skip
    assert {k: v for k, v in daemon.items() if k not in own} == {
        k: v for k, v in once.items() if k not in own
    }


def test_the_line_for_cron_builds(site: Site, tmp_path: Path) -> None:
    site.configure("[images]\nmeasure = false\n")
    site.write("a/1.md", seed())
    (line,) = (
        line
        for line in PACKAGING.joinpath("crontab").read_text().splitlines()
        if not line.startswith("#")
    )
    command = line.split(maxsplit=5)[5]
    command = command.replace("/srv/feeds", str(site.root))
    command = command.replace("/opt/feeds/bin/feeds", f"{sys.executable} -m feeds")
    done = subprocess.run(
        ["sh", "-c", command], capture_output=True, text=True, check=False, env=environment()
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert site.titles() == ["A title"]


def test_the_container_is_made_of_what_is_there() -> None:
    text = PACKAGING.joinpath("Containerfile").read_text()
    for line in re.findall(r"^COPY (?!--from)(.*) \S+$", text, re.MULTILINE):
        for name in line.split():
            assert PACKAGING.parent.joinpath(name).exists(), name
    assert re.search(r"^USER \d+:\d+$", text, re.MULTILINE)


def test_the_containers_health_is_the_daemons(site: Site) -> None:
    text = PACKAGING.joinpath("Containerfile").read_text()
    found = re.search(r'^HEALTHCHECK .* CMD \["feeds", (.*)\]$', text, re.MULTILINE)
    arguments = [part.strip('" ') for part in found[1].split(",")]
    site.write("a/1.md", seed())
    assert run(site.root, *arguments).returncode == 1
    daemon = Daemon(site.root).ready()
    try:
        asked = run(site.root, *arguments)
        assert (asked.returncode, asked.stdout) == (0, "")
    finally:
        daemon.stop()

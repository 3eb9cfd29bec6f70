"""The command, as a person and a script meet it."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from conftest import NOW, Site, dated, seed

from feeds import cli, console
from feeds.daemon import status

VERBS = ("init", "generate", "check", "show", "config", "completion")


def feeds(*arguments: str, at: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "feeds", *arguments], cwd=at, capture_output=True, text=True, check=False,
        env={**os.environ, "COLUMNS": "80", **environment}, timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize("verb", ["", *VERBS])
def test_help(verb: str, tmp_path: Path) -> None:
    run = feeds(*filter(None, (verb, "--help")), at=tmp_path)
    assert run.returncode == 0
    assert run.stdout.startswith("usage: feeds")


@pytest.mark.parametrize(
    "arguments", [(), ("nonsense",), ("generate", "--nonsense"), ("config",), ("show",)]
)
def test_usage(arguments: tuple[str, ...], tmp_path: Path) -> None:
    assert feeds(*arguments, at=tmp_path).returncode == 2


def test_an_option_that_is_misspelt(tmp_path: Path) -> None:
    run = feeds("generate", "--offlin", at=tmp_path)
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr.startswith("usage: feeds generate ")
    assert 'feeds generate: error: --offlin: unknown; did you mean "--offline"?' in run.stderr
    run = feeds("generate", "seeds", at=tmp_path)
    assert "error: seeds: there is no use for it here" in run.stderr
    run = feeds("--quit", "generate", at=tmp_path)
    assert 'feeds: error: --quit: unknown; did you mean "--quiet"?' in run.stderr


def test_from_an_empty_folder_to_feeds(tmp_path: Path) -> None:
    run = feeds("generate", at=tmp_path)
    assert run.returncode == 2
    assert "`feeds init` writes one" in run.stderr
    run = feeds(
        "init", "site", "--title", "My “site”", "--url", "https://me.example/f", at=tmp_path
    )
    assert run.returncode == 0
    assert "cd site" in run.stdout
    run = feeds("generate", "--offline", at=tmp_path / "site")
    assert (run.returncode, run.stderr) == (0, "")
    assert "look at" in run.stdout
    feed = json.loads((tmp_path / "site/out/all/feed.json").read_text())
    assert feed["title"] == "My “site”"
    assert feed["feed_url"] == "https://me.example/f/all/feed.json"
    assert [item["title"] for item in feed["items"]] == ["The first article"]
    again = feeds("init", "site", at=tmp_path)
    assert again.returncode == 2
    assert "overwrites nothing" in again.stderr
    assert feeds("init", "other", "--language", "e_n", at=tmp_path).returncode == 2
    assert not (tmp_path / "other").exists()


def test_config_before_or_behind_the_verb(site: Site, tmp_path: Path) -> None:
    site.write("s/1.md", seed())
    config = str(site.root / "config.toml")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert feeds("--config", config, "generate", "--offline", at=elsewhere).returncode == 0
    assert feeds("generate", "--offline", "-c", config, at=elsewhere).returncode == 0
    assert list(elsewhere.iterdir()) == []


def test_the_report_for_people_and_for_machines(site: Site) -> None:
    site.write("s/1.md", seed())
    site.write("s/2.md", "nothing")
    run = feeds("generate", "--offline", at=site.root)
    assert run.returncode == 1
    assert "2 seeds: 2 read, 0 unchanged" in run.stdout
    assert "1 date-missing" in run.stdout
    assert run.stderr == ""
    run = feeds("generate", "--offline", "--format", "json", at=site.root)
    report = json.loads(run.stdout)
    assert (report["seeds"], report["read"]) == (2, 0)
    assert report["held"][0]["path"] == "s/2.md"
    assert report["feeds"][0]["slug"] == "all"
    assert report["seconds"] >= 0
    run = feeds("generate", "--offline", "-q", at=site.root)
    assert (run.stdout, run.stderr) == (
        "held      1 date-missing   (`feeds check` tells why)\n",
        "",
    )


def test_quiet_tells_what_went_wrong_and_what_was_asked_for(site: Site) -> None:
    site.write("s/1.md", seed(epoch="NaN"))
    for verb in (("generate", "--offline"), ("check",), ("config", "check")):
        run = feeds(*verb, "-q", at=site.root)
        assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
    run = feeds("check", "--strict", "-q", at=site.root)
    assert (run.returncode, run.stdout.count("\n")) == (1, 2)
    assert run.stdout.startswith("seeds/s/1.md:1: epoch-invalid: ")
    run = feeds("-q", "tokens", "add", "anna", at=site.root)
    assert run.stdout.startswith("https://feeds.example.org/~")
    for verb in ("tokens list", "ids list", "show seeds/s/1.md", "plan", "explain twin", "problems",
                 "completion bash", "config show"):  # fmt: skip
        run = feeds("-q", *verb.split(), at=site.root)
        assert run.stdout == feeds(*verb.split(), at=site.root).stdout != "", verb


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_streams_that_are_closed(site: Site, closed: str) -> None:
    site.write("s/1.md", seed())
    command = f"{sys.executable} -m feeds generate --offline --format json {closed}"
    run = subprocess.run(["sh", "-c", command], cwd=site.root, capture_output=True, check=False)
    assert (run.returncode, run.stderr) == (0, b"")
    assert len(site.items()) == 1
    if closed in {"<&-", "2>&-"}:
        assert json.loads(run.stdout)["seeds"] == 1


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
@pytest.mark.parametrize("verb", ["generate --offline", "ids list", "ids export", "--version"])
def test_a_report_that_has_no_room(site: Site, verb: str) -> None:
    site.write("s/1.md", seed())
    site.build()
    command = f"{sys.executable} -m feeds {verb} >/dev/full"
    run = subprocess.run(
        ["sh", "-c", command], cwd=site.root, capture_output=True, text=True, check=False
    )
    assert run.returncode == 1
    assert run.stderr == "feeds: stdout: No space left on device; what should be done is done\n"


@pytest.mark.parametrize("title", ["泡泡", "naïve", "smile \N{GRINNING FACE}"])
def test_a_terminal_without_the_letters(site: Site, title: str) -> None:
    site.write("s/1.md", seed(title=title))
    site.build()
    run = feeds("ids", "list", at=site.root, PYTHONIOENCODING="ascii")
    assert run.returncode == 0
    assert title.encode("ascii", "backslashreplace").decode() in run.stdout
    run = feeds("ids", "list", "--format", "json", at=site.root, PYTHONIOENCODING="ascii")
    assert json.loads(run.stdout)[0]["title"] == title


def test_a_start_says_what_to_do_first(tmp_path: Path) -> None:
    run = feeds("init", "a/b", at=tmp_path)
    assert "    cd a/b\n    set url in config.toml: ids are made of it for ever\n" in run.stdout
    run = feeds("generate", "--offline", at=tmp_path / "a/b")
    assert run.returncode == 0
    assert "config.toml: url is still the sample's" in run.stderr
    tmp_path.joinpath("file").write_text("")
    run = feeds("init", "file/c", at=tmp_path)
    assert run.returncode == 3
    assert run.stderr == "feeds: file/c: Not a directory; name another folder\n"


def test_check_lists_file_line_code_and_remedy(site: Site) -> None:
    site.write("s/1.md", seed(epoch="NaN"))
    site.write("s/2.md", seed(epoch=None, date=None, link="https://news.example.com/2"))
    site.write("s/x\ny.md", b"\0")
    run = feeds("check", at=site.root)
    assert run.returncode == 1
    assert "seeds/s/1.md:1: epoch-invalid: " in run.stdout
    assert re.search(
        r"seeds/s/2\.md:3: date-missing: .*\n    held back; write a line such as Date: ", run.stdout
    )
    assert "seeds/s/x\\ny.md: binary: " in run.stdout
    assert "3 seeds: 2 held back, 1 repaired" in run.stdout
    report = json.loads(feeds("check", "--format", "json", at=site.root).stdout)
    assert [problem["code"] for problem in report["held"]] == ["date-missing", "binary"]
    (site.root / "seeds/s/2.md").unlink()
    (site.root / "seeds/s/x\ny.md").unlink()
    assert feeds("check", at=site.root).returncode == 0
    assert feeds("check", "--strict", at=site.root).returncode == 1
    assert not (site.root / "out").exists()


def test_show_explains(site: Site) -> None:
    from test_images import png

    site.write("s/p.png", png(320, 200))
    site.write("s/1.md", seed(epoch="NaN", body='<p>Text</p><img src="p.png" alt="Alt">'))
    for path in ("s/1.md", "seeds/s/1.md", str(site.root / "seeds/s/1.md")):
        run = feeds("show", path, at=site.root)
        assert run.returncode == 0, run.stderr
    assert "epoch-invalid (line 1)" in run.stdout
    assert "2020-07-15 21:40:09 UTC: the <i> element is the only date" in run.stdout
    assert "the epoch comment says 'NaN': refused" in run.stdout
    assert "derived from news.example.com/a/1.html" in run.stdout
    assert "lead: https://feeds.example.org/media/s/p.png" in run.stdout
    shown = json.loads(feeds("show", "s/1.md", "--format", "json", at=site.root).stdout)
    assert shown["id"].startswith("tag:feeds.example.org,2020:")
    assert shown["dates"][0]["refused"] == "not a whole number"
    assert shown["taken_by"] == ["all"]
    site.write("s/bad.md", "x")
    run = feeds("show", "s/bad.md", at=site.root)
    assert run.returncode == 1
    assert "date-missing" in run.stdout
    assert feeds("show", "s/none.md", at=site.root).returncode == 3
    assert "it is a folder" in feeds("show", "s", at=site.root).stderr
    for wait in ("nan", "-1", "inf", "x"):
        run = feeds("generate", f"--wait={wait}", at=site.root)
        assert run.returncode == 2
        assert "no number of seconds" in run.stderr
    assert feeds("show", "/etc/hostname", at=site.root).returncode == 3


def test_config_check_and_show(site: Site) -> None:
    run = feeds("config", "check", at=site.root)
    assert run.returncode == 0
    right, times = run.stdout.splitlines()
    assert right == "config.toml: it is right"
    assert times.startswith("a daemon would build at 20")
    assert "limit = 50" in feeds("config", "show", "--effective", at=site.root).stdout
    assert feeds("config", "show", at=site.root).stdout == (site.root / "config.toml").read_text()
    tables = json.loads(
        feeds("config", "show", "--effective", "--format", "json", at=site.root).stdout
    )
    assert tables["images"]["timeout"] == 10
    site.configure('[[feed]]\nslug = "a"\nlimt = 3\n')
    run = feeds("config", "check", at=site.root)
    assert run.returncode == 2
    assert 'config.toml:8: [[feed]] limt: unknown key; did you mean "limit"?' in run.stderr
    run = feeds("config", "check", "--format", "json", at=site.root)
    assert "limt" in json.loads(run.stdout)["faults"][0]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "tcsh"])
def test_completion(shell: str, tmp_path: Path) -> None:
    run = feeds("completion", shell, at=tmp_path)
    assert run.returncode == 0
    assert all(verb in run.stdout for verb in VERBS)
    if shell == "bash":
        subprocess.run(["bash", "-n"], input=run.stdout, text=True, check=True)


def test_refused(site: Site) -> None:
    (site.root / "seeds").rmdir()
    run = feeds("generate", "--offline", at=site.root)
    assert run.returncode == 3
    assert "without the seed folder" in run.stderr
    assert run.stdout == ""


def test_state_that_can_not_be_used(site: Site) -> None:
    (site.root / ".feeds").write_text("a file")
    run = feeds("generate", "--offline", at=site.root)
    assert run.returncode == 3
    assert ".feeds" in run.stderr


def test_no_colour_where_none_is_wanted(site: Site) -> None:
    site.write("s/1.md", seed())
    assert "\x1b[" not in feeds("generate", "--offline", at=site.root).stdout
    assert "\x1b[" in on_a_terminal(site, {})
    assert "\x1b[1m" not in on_a_terminal(site, {"NO_COLOR": "1"})


def test_a_stranger_s_words_stay_on_their_line(site: Site) -> None:
    """In no report, whatever it is about, do they move the cursor or turn the writing."""
    made = {"version": "https://jsonfeed.org/version/1.1", "title": "T", "items": []}
    site.root.joinpath("old.json").write_text(json.dumps(made))
    title = "\x1b]0;pwned\x07 \x1b[31m a\nfeeds: all is well \x9b1m \u202e \u2028 島\u200d é"
    made["items"] = [
        {
            "id": "tag:x,2020:1",
            "title": title,
            "url": "https://x.example/1",
            "date_published": "2026-01-01T00:00:00Z",
        }
    ]
    site.root.joinpath("new.json").write_text(json.dumps(made))
    for told in (
        feeds("diff", "old.json", "new.json", at=site.root).stdout,
        on_a_terminal(site, {"NO_COLOR": "1"}, "diff", "old.json", "new.json").replace("\r\n", "\n"),
    ):  # fmt: skip
        assert "島\u200d é" in told
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u202e]", told)
        assert "\nfeeds: all" not in told
    coloured = on_a_terminal(site, {}, "diff", "old.json", "new.json")
    assert "\x1b]" not in coloured
    assert "\x9b" not in coloured


def test_a_bar_shows_what_takes_longer_than_a_second(site: Site) -> None:
    for number in range(1200):
        site.write(
            f"s/{number}.md", seed(link=f"https://x.example/{number}", body="<p>word</p>" * 400)
        )
    assert "parsing articles" in on_a_terminal(site, {}, "check")
    assert "parsing articles" not in on_a_terminal(site, {}, "check", "-q")


def on_a_terminal(site: Site, environment: dict[str, str], *arguments: str) -> str:
    """What the command writes to a terminal."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "feeds", *(arguments or ("generate", "--offline"))], cwd=site.root,
        stdout=slave, stderr=slave, stdin=slave, env={**os.environ, "TERM": "xterm", **environment},
    )  # fmt: skip
    os.close(slave)
    seen = b""
    while True:
        ready, _, _ = select.select([master], [], [], 0.2)
        if ready:
            try:
                seen += os.read(master, 65536)
            except OSError:
                break
        elif process.poll() is not None:
            break
    process.wait()
    os.close(master)
    return seen.decode(errors="replace")


def test_a_pipe_that_closes_is_no_error(site: Site) -> None:
    site.write("s/1.md", seed())
    command = f"{sys.executable} -m feeds config show --effective | head -1"
    run = subprocess.run(
        ["sh", "-c", command], cwd=site.root, capture_output=True, text=True, check=True
    )
    assert (run.stdout, run.stderr) == ("[site]\n", "")


def test_an_interrupt_leaves_what_was_published(site: Site) -> None:
    for number in range(300):
        site.write(
            f"s/{number}.md", seed(link=f"https://x.example/{number}", body="<p>word</p>" * 2000)
        )
    process = subprocess.Popen(
        [sys.executable, "-m", "feeds", "check"], cwd=site.root, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, start_new_session=True,
        # What a shell starts in the background ignores interrupts, and so would our child.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )  # fmt: skip
    time.sleep(1.0)
    os.killpg(process.pid, signal.SIGINT)
    try:
        _, said = process.communicate(timeout=30)
    finally:
        process.kill()
    if process.returncode != 1:  # it may have been done before
        assert process.returncode == 130
        assert "interrupted" in said
        assert "Traceback" not in said


def test_waiting_for_another_build_is_told(site: Site) -> None:
    site.write("s/1.md", seed(**dated(NOW)))
    code = (
        "from feeds import lock; import os, time; os.makedirs('.feeds', exist_ok=True)\n"
        "with lock.held('.feeds/lock', 0, print):\n    print('held', flush=True); time.sleep(20)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=site.root, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout.readline() == "held\n"
        run = feeds("generate", "--offline", "--wait", "0.3", at=site.root)
        assert run.returncode == 3
        assert f"waiting for another build (process {holder.pid})" in run.stderr
        assert "another build is at work here" in run.stderr
        holder.kill()


def test_a_mistake_of_ours_is_not_taken_for_problems(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def slip(*arguments: object, **options: object) -> None:
        raise KeyError("slip")

    monkeypatch.setattr("feeds.cycle.build", slip)
    monkeypatch.chdir(site.root)
    assert cli.main(["generate"]) == 3
    assert (
        "a mistake in feeds itself, please report it: KeyError('slip')" in capsys.readouterr().err
    )


def test_problems_knows_its_codes(site: Site) -> None:
    site.write("s/1.md", seed())
    assert feeds("generate", "--offline", at=site.root).returncode == 0
    run = feeds("problems", "twim", at=site.root)
    assert (run.returncode, run.stdout) == (2, "")
    assert "twim: there is no such code" in run.stderr
    run = feeds("problems", "twin", at=site.root)
    assert (run.returncode, run.stdout) == (0, "no article has such a problem\n")


def test_items_without_an_id_are_told_apart(tmp_path: Path) -> None:
    head = '<rss version="2.0"><channel><title>x</title>'
    items = [f"<item><title>{title}</title></item>" for title in "abc"]
    for name, some in (("old", items[:2]), ("new", items)):
        (tmp_path / name).write_text(f"{head}{''.join(some)}</channel></rss>")
    run = feeds("diff", "old", "new", at=tmp_path)
    assert run.stdout.startswith("new: 1 new, 0 updated, 0 lost, 0 shown again"), run


def test_a_refusal_stands_on_lines_of_its_own_in_the_status() -> None:
    health = "the last build failed: 15 would vanish\n  `feeds plan` lists them"
    told = {
        "running": True, "pid": 1, "doing": "waiting", "started": "2026-11-22T12:00:00+00:00",
        "ready": health, "stale": "", "refused": "", "events": "", "last": None, "untold": 0,
        "schedule": [], "changed": {},
    }  # fmt: skip
    travelled = json.loads(console.as_json(told))
    now = datetime(2026, 11, 22, 13, tzinfo=UTC)
    lines = [*status.lines(travelled, "config.toml", now, str)]
    at = lines.index("health    the last build failed: 15 would vanish")
    assert lines[at + 1].strip() == "`feeds plan` lists them"
    assert json.loads(console.as_json("a\x1bb")) == "a\\x1bb"

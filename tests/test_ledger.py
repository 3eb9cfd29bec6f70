"""The ledger that is damaged, gone, or of another version: who says so, and who leaves it alone."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import sqlite3
import struct
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import BASIC, NOW, Site, article
from hypothesis import given
from hypothesis import strategies as st

from feeds import cli, cycle, ids, register
from feeds.ledger import opened
from feeds.model import FeedsError, PublishError, StateError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HOUR, DAY = 3600, 86_400
READING = (
    ("plan",), ("ids", "list"), ("ids", "show", "seeds/s/1.md"), ("ids", "export", "ids.txt"),
    ("show", "seeds/s/1.md"),
)  # fmt: skip


@pytest.fixture
def built(site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A site with a few articles, once built, in the working folder."""
    monkeypatch.chdir(site.root)
    for number in range(5):
        site.write(f"s/{number}.md", article(number))
    site.build(NOW)
    return site


def ledger(site: Site) -> Path:
    return site.root / ".feeds/ledger.sqlite"


def everything(site: Site) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in sorted(site.root.rglob("*")) if p.is_file()}


def overwritten(site: Site) -> None:
    ledger(site).write_bytes(b"no database at all, but something else" * 99)


def damaged_within(site: Site) -> None:
    data = ledger(site).read_bytes()
    middle = bytes(range(256)) * ((len(data) - 4096) // 256)
    ledger(site).write_bytes(data[:4096] + middle)


@pytest.mark.parametrize("damage", [overwritten, damaged_within])
@pytest.mark.parametrize("command", READING, ids=" ".join)
def test_who_only_reads_leaves_a_damaged_ledger_alone(
    built: Site, command: tuple[str, ...], damage: Callable[[Site], None],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    assert cli.main(["ids", "export", "ids.txt"]) == 0
    built.write("s/9.md", article(9))
    damage(built)
    before = everything(built)
    capsys.readouterr()
    assert cli.main([*command]) == 3
    said = capsys.readouterr().err
    assert "ledger.sqlite: the ledger is damaged" in said
    assert "`feeds generate` sets it aside" in said
    assert "`feeds ids import`" in said
    assert "Traceback" not in said
    assert everything(built) == before


def test_a_build_that_is_refused_says_that_the_ledger_was_damaged(site: Site) -> None:
    for number in range(30):
        site.write(f"s/{number}.md", article(number))
    site.build(NOW)
    (site.root / ".feeds/catalogue.sqlite").write_bytes(b"junk" * 999)
    overwritten(site)
    site.configure("", BASIC.replace('since = "2020"', 'since = "2021"'))
    with pytest.raises(PublishError, match="the ledger was damaged; it is set aside as"):
        site.build(NOW)
    with pytest.raises(PublishError, match="the ledger is gone"):
        site.build(NOW + 1)


@pytest.mark.parametrize("how", ["missing", "empty"])
@pytest.mark.parametrize("witness", ["catalogue", "out"])
def test_a_ledger_that_is_gone_is_said_so(
    built: Site, how: str, witness: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["ids", "export", "ids.txt"]) == 0
    text = (built.root / "ids.txt").read_text()
    if how == "missing":
        ledger(built).unlink()
    else:
        ledger(built).write_bytes(b"")
    if witness == "out":
        (built.root / ".feeds/catalogue.sqlite").unlink()
    else:
        shutil.rmtree(built.root / "out")
    capsys.readouterr()
    before = everything(built)
    assert cli.main(["plan"]) == 0
    assert "the ledger is gone" in capsys.readouterr().err
    assert cli.main(["ids", "export", "ids.txt"]) == 3
    assert "the ledger is gone" in capsys.readouterr().err
    assert everything(built) == before
    (note,) = built.build(NOW).notes
    assert note.startswith("the ledger is gone")
    assert built.build(NOW).notes == ()
    assert cli.main(["ids", "export", "ids.txt"]) == 0
    assert (built.root / "ids.txt").read_text() == text


def test_an_import_makes_it_good_before_anybody_is_told(built: Site) -> None:
    assert cli.main(["ids", "export", "ids.txt"]) == 0
    ledger(built).unlink()
    assert cli.main(["ids", "import", "ids.txt"]) == 0
    assert built.build(NOW).notes == ()


def test_a_new_site_has_lost_nothing(site: Site) -> None:
    site.write("s/1.md", article(1))
    assert cycle.plan(site.load(), NOW)
    assert not (site.root / ".feeds").exists()
    assert site.build(NOW).notes == ()


@pytest.mark.parametrize(
    ("version", "said"),
    [(99, "a newer version of feeds"), (2, "a version of feeds before 1.0 wrote it")],
)
def test_a_ledger_of_a_version_that_is_not_known_is_left_alone(
    built: Site, capsys: pytest.CaptureFixture[str], version: int, said: str
) -> None:
    with sqlite3.connect(ledger(built)) as db:
        db.execute(f"PRAGMA user_version = {version}")
    db.close()
    before = everything(built)
    for command in (*READING, ("generate", "--offline"), ("ids", "split", "seeds/s/1.md")):
        assert cli.main([*command]) == 3
        assert said in capsys.readouterr().err
    assert everything(built) == before


def test_a_ledger_of_an_older_version_is_taken_over_by_a_build(built: Site) -> None:
    before = built.bytes()
    with sqlite3.connect(ledger(built)) as db:
        db.executescript("DROP TABLE learnt; PRAGMA user_version = 3;")
    db.close()
    kept = ledger(built).read_bytes()
    for command in READING:
        assert cli.main([*command]) == 0
    assert ledger(built).read_bytes() == kept
    assert len(Path("ids.txt").read_text().splitlines()) == 11  # 5 keys, 5 articles
    built.write("s/9.md", article(9))
    assert built.build(NOW).notes == ()
    assert len(built.items()) == 6
    assert before.keys() == built.bytes().keys()


def test_many_keys_are_known_as_few_are(tmp_path: Path) -> None:
    edges = {0, 1, -1, 2**63 - 1, -(2**63)}
    many = {n * n * 7919 - 2**40 for n in range(5000)}
    with opened(str(tmp_path / "ledger.sqlite")) as kept:
        kept.begin()
        assert kept.register.unknown(edges) == edges
        kept.register.learn(edges)
        kept.register.learn(many)
        kept.register.learn({*edges, 5})
        kept.promise(())
    with opened(str(tmp_path / "ledger.sqlite"), mode="read") as kept:
        assert kept.register.known() == sorted(edges | many | {5})
        assert kept.register.unknown(edges | many | {6}) == {6}
        assert kept.register.unknown({5, 6, 7}) == {6, 7}
        some = set(range(8, 4000))
        assert kept.register.unknown(some) == some - many


@given(st.lists(st.sampled_from([0, 1, -1, 255, 256, 1 << 8 | 1 << 16, -256, 1 << 56]), max_size=5))
def test_a_key_is_found_among_many_where_it_begins(keys: list[int]) -> None:
    """Not where the end of one and the beginning of the next look like it."""
    packed = struct.pack(f"<{len(keys)}q", *keys)
    for key in (0, 1, -1, 255, 256, 1 << 8 | 1 << 16, -256, 1 << 56, 65_536, 1 << 40):
        assert register._among(packed, key) == (key in keys)


def test_what_was_imported_again_takes_no_more_room(built: Site) -> None:
    lines = [
        f'{{"known": "{" ".join(f"{line:02x}{n:014x}" for n in range(1100))}"}}'
        for line in range(3)
    ]
    assert cli.main(["ids", "export", "ids.txt"]) == 0
    Path("ids.txt").write_text("\n".join([Path("ids.txt").read_text().rstrip(), *lines]) + "\n")
    sizes = []
    for _ in range(3):
        assert cli.main(["ids", "import", "ids.txt"]) == 0
        with sqlite3.connect(ledger(built)) as db:
            sizes.append(db.execute("SELECT total(length(idents)) FROM learnt").fetchone()[0])
        db.close()
    assert sizes == [3300 * 8] * 3


@pytest.mark.parametrize("key", ["1" * 20, "-1", "x"])
def test_an_export_with_a_key_that_is_none(
    built: Site, capsys: pytest.CaptureFixture[str], key: str
) -> None:
    assert cli.main(["ids", "export", "ids.txt"]) == 0
    keys = " ".join([*(f"{n:016x}" for n in range(1100)), key])
    with open("ids.txt", "a") as file:
        file.write(f'{{"known": "{keys}"}}\n')
    assert cli.main(["ids", "import", "ids.txt"]) == 3
    assert "ids.txt:12: it is no export of ids: " in capsys.readouterr().err


def test_plan_writes_nothing(built: Site) -> None:
    built.write("s/9.md", article(9))
    built.configure("", BASIC.replace("Asia/Shanghai", "Asia/Tokyo"))
    (built.root / ".feeds/catalogue.sqlite").write_bytes(b"junk" * 999)
    before = everything(built)
    (outlook,) = cycle.plan(built.load(), NOW)
    assert outlook.new == 1
    assert everything(built) == before


@contextmanager
def written_to_be_refused() -> Iterator[None]:
    """No file can be written to, as when the disk is full."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)


def read_only(folder: Path) -> None:
    for path in folder.rglob("*"):
        os.chmod(path, 0o555 if path.is_dir() else 0o444)
    os.chmod(folder, 0o555)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_who_only_reads_needs_no_leave_to_write(
    built: Site, capsys: pytest.CaptureFixture[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """As on a file system that is mounted read-only."""
    built.write("s/9.md", article(9))
    read_only(built.root)
    for above in (built.root, *built.root.parents):
        os.chmod(above, os.stat(above).st_mode | 0o055)
    child = os.fork()
    if child == 0:
        code = 99
        try:
            os.setuid(65_534)
            code = max(
                cli.main([*command]) for command in (*READING[:3], READING[4], ("ids", "export"))
            )
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    said = capsys.readouterr()
    assert os.waitstatus_to_exitcode(status) == 0, said.err


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "it is empty"), ('{"format": "feeds ids 1", "authority": ["x"]}\n', "ids.txt:1: "),
     ('{"format": "feeds ids 1", "authority": ""}\n{"apart": 5}\n', "ids.txt:2: "),
     ('{"format": "feeds ids 1", "authority": ""}\n{"key": "a", "means": 5}\n', "ids.txt:2: "),
     ('{"format": "feeds ids 1", "authority": ""}\n[]\n', "ids.txt:2: ")],
)  # fmt: skip
def test_what_is_no_export_changes_nothing(built: Site, text: str, said: str) -> None:
    before = ledger(built).read_bytes()
    with (
        pytest.raises(FeedsError, match=said),
        ids.opened(built.load(), 0, make=True) as register,
    ):
        ids.take(register, text, "ids.txt")
    assert ledger(built).read_bytes() == before


def test_an_export_is_read_back_whatever_stands_in_an_address(site: Site) -> None:
    """U+2028, U+2029 and U+0085 end a line in some places."""
    site.write(
        "s/1.md", article(1, title="a\u2028b", link="https://x.example/a%E2%80%A8b%C2%85c%E2%80%A9")
    )
    site.build(NOW)
    with ids.opened(site.load(), 0) as register:
        text = "".join(f"{line}\n" for line in ids.export(register))
    with ids.opened(site.load(), 0, make=True) as register:
        assert ids.take(register, text, "ids.txt") == 1


def test_an_export_that_can_not_be_written(built: Site, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["ids", "export", "nowhere/ids.txt"]) == 3
    said = capsys.readouterr().err
    assert "nowhere/ids.txt: No such file or directory" in said
    assert "Traceback" not in said


def test_an_export_that_fails_leaves_the_one_before(
    built: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["ids", "export", "ids.txt"]) == 0
    before = everything(built)
    with written_to_be_refused():
        assert cli.main(["ids", "export", "ids.txt"]) == 3
    assert "what was there stays" in capsys.readouterr().err
    assert everything(built) == before
    os.mkfifo("pipe")
    reader = os.open("pipe", os.O_RDONLY | os.O_NONBLOCK)
    assert cli.main(["ids", "export", "pipe"]) == 0
    assert os.read(reader, 1 << 16) == (built.root / "ids.txt").read_bytes()
    os.close(reader)


def test_a_state_folder_that_is_a_file(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.root.joinpath(".feeds").write_text("x")
    assert cli.main(["-c", str(site.root / "config.toml"), "generate", "--offline"]) == 3
    assert "set state in [paths] to a folder" in capsys.readouterr().err


def test_an_output_folder_that_is_a_file(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.write("s/1.md", article(1))
    site.root.joinpath("out").write_text("x")
    assert cli.main(["-c", str(site.root / "config.toml"), "generate", "--offline"]) == 3
    assert "set out in [paths] to a folder" in capsys.readouterr().err


def test_a_refusal_for_machines(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(30):
        site.write(f"s/{number}.md", article(number))
    site.build(NOW)
    shutil.rmtree(site.root / "seeds/s")
    for number in range(30, 40):
        site.write(f"s/{number}.md", article(number))
    arguments = ["-c", str(site.root / "config.toml"), "--format", "json", "generate", "--offline"]
    assert cli.main(arguments) == 3
    told = capsys.readouterr()
    assert "would vanish" in json.loads(told.out)["refused"]
    assert "would vanish" in told.err


def test_the_effective_configuration_names_the_authority_that_is_in_force(
    built: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    built.configure("", BASIC.replace("feeds.example.org", "moved.example.org"))
    assert cli.main(["config", "show", "--effective"]) == 0
    assert 'authority = "feeds.example.org"' in capsys.readouterr().out


def test_show_tells_an_id_that_is_kept_from_one_that_is_derived(
    built: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["show", "seeds/s/1.md"]) == 0
    assert "derived from news.example.com/1" in capsys.readouterr().out
    built.write("s/1.md", article(1, link="https://moved.example.com/1"))
    built.build(NOW)
    assert cli.main(["show", "seeds/s/1.md"]) == 0
    said = capsys.readouterr().out
    assert "derived from" not in said
    assert "kept, though its key is now moved.example.com/1" in said


def test_a_full_disk_is_no_matter_to_a_plan(built: Site) -> None:
    """Nor is any other reason why nothing could be written."""
    built.write("s/9.md", article(9))
    with written_to_be_refused():
        (outlook,) = cycle.plan(built.load(), NOW)
        with pytest.raises((StateError, PublishError)):
            built.build(NOW)
    assert outlook.new == 1

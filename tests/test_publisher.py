"""The output folder: replaced whole, only where different, and only what is ours."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from conftest import NOW, Site, article

from feeds import cycle, publisher
from feeds.model import Published, PublishError


def put(
    out: Path, before: dict[str, Published], keep: tuple[str, ...] = (), **bodies: bytes
) -> publisher.Outcome:
    named = {name.replace("__", "/"): body for name, body in bodies.items()}
    return publisher.publish(str(out), named, before, keep, lambda names: None, lambda *_: None)


def test_files_are_written_with_their_folders(tmp_path: Path) -> None:
    out = tmp_path / "new" / "out"
    done = put(out, {}, a__atom=b"1", b=b"2")
    assert done.written == ("a/atom", "b")
    assert (out / "a" / "atom").read_bytes() == b"1"
    assert all(publisher.intact(str(out), name, one) for name, one in done.published.items())


def test_two_versions_never_have_the_same_second(tmp_path: Path) -> None:
    seconds = []
    for turn in range(4):
        put(tmp_path, {}, a=b"%d" % turn)
        seconds.append((tmp_path / "a").stat().st_mtime_ns // 10**9)
    assert len(set(seconds)) == 4
    assert seconds == sorted(seconds)


def test_what_is_equal_is_not_touched(tmp_path: Path) -> None:
    done = put(tmp_path, {}, a=b"1", b=b"2")
    times = {name: (tmp_path / name).stat().st_mtime_ns for name in "ab"}
    again = put(tmp_path, done.published, a=b"1", b=b"3")
    assert again.written == ("b",)
    assert (tmp_path / "a").stat().st_mtime_ns == times["a"]
    assert (tmp_path / "b").stat().st_mtime_ns != times["b"]
    # also when it is not known that we wrote it
    assert put(tmp_path, {}, a=b"1").written == ()


def test_only_what_is_ours_is_removed(tmp_path: Path) -> None:
    (tmp_path / "feed").mkdir()
    (tmp_path / "feed" / "theirs").write_bytes(b"x")
    done = put(tmp_path, {}, feed__a=b"1", other__b=b"2", c=b"3")
    again = put(tmp_path, done.published, ("c",))
    assert set(again.deleted) == {"feed/a", "other/b"}
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["c", "feed", "theirs"]
    assert set(again.published) == {"c"}


def test_a_file_that_someone_changed_is_made_right(tmp_path: Path) -> None:
    done = put(tmp_path, {}, a=b"1")
    (tmp_path / "a").write_bytes(b"9")
    assert not publisher.intact(str(tmp_path), "a", done.published["a"])
    assert put(tmp_path, done.published, a=b"1").written == ("a",)
    (tmp_path / "a").unlink()
    assert put(tmp_path, done.published, a=b"1").written == ("a",)


def test_new_names_are_promised_before_they_are_written(tmp_path: Path) -> None:
    promised: list[list[str]] = []

    def promise(names: object) -> None:
        assert not (tmp_path / "a").exists()
        promised.append(list(names))

    publisher.publish(str(tmp_path), {"a": b"1"}, {}, (), promise, lambda *_: None)
    assert promised == [["a"]]


def test_files_can_be_read_by_a_web_server(tmp_path: Path) -> None:
    mask = os.umask(0o022)
    try:
        put(tmp_path / "out", {}, a__b=b"1")
    finally:
        os.umask(mask)
    assert (tmp_path / "out/a/b").stat().st_mode & 0o777 == 0o644
    assert (tmp_path / "out/a").stat().st_mode & 0o777 == 0o755


def test_a_link_in_the_way_is_replaced_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"theirs")
    out = tmp_path / "out"
    out.mkdir()
    (out / "a").symlink_to(target)
    put(out, {}, a=b"ours")
    assert target.read_bytes() == b"theirs"
    assert not (out / "a").is_symlink()


def test_failures_leave_what_was_there(tmp_path: Path) -> None:
    done = put(tmp_path, {}, a=b"1")
    (tmp_path / "b").mkdir()  # where a file should be
    with pytest.raises(PublishError, match="stays"):
        put(tmp_path, done.published, b=b"2", a=b"3")
    assert (tmp_path / "a").read_bytes() == b"1"
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".feeds-")]


def test_a_full_disk_leaves_what_was_there(tmp_path: Path) -> None:
    """On a file system of one megabyte, where this user may mount one."""
    script = (
        f'mount -t tmpfs -o size=1m none {tmp_path} && {sys.executable} -c "\n'
        "from feeds import publisher\n"
        f"done = publisher.publish('{tmp_path}', {{'a': b'1' * 600000}}, {{}}, (), lambda n: None, lambda *_: None)\n"
        f"try: publisher.publish('{tmp_path}', {{'a': b'2' * 600000}}, done.published, (), lambda n: None, lambda *_: None)\n"
        "except publisher.PublishError as error: print('refused', error)\n"
        f"print(open('{tmp_path}/a').read(1))\n"
        f"import os; print(os.listdir('{tmp_path}'))\""
    )
    run = subprocess.run(
        ["unshare", "--mount", "--map-root-user", "sh", "-c", script],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if "unshare" in run.stderr or "mount" in run.stderr:
        pytest.skip(f"no mount namespaces here: {run.stderr.strip()}")
    assert "No space left" in run.stdout, run.stderr
    assert run.stdout.splitlines()[1:] == ["1", "['a']"]


def test_a_reader_sees_old_or_new_but_never_a_part(tmp_path: Path) -> None:
    old, new = b"o" * 300_000, b"n" * 300_000
    done = put(tmp_path, {}, a=old)
    seen: set[bytes] = set()
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            seen.add((tmp_path / "a").read_bytes())

    reader = threading.Thread(target=read)
    reader.start()
    for turn in range(60):
        done = put(tmp_path, done.published, a=new if turn % 2 == 0 else old)
    stop.set()
    reader.join()
    assert seen <= {old, new}


def test_half_written_files_of_a_killed_run_are_swept_up(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for name in (".feeds-0123456789abcdef", "sub/.feeds-0123456789abcdef", "sub/.htaccess", "a"):
        (tmp_path / name).write_bytes(b"x")
    publisher.sweep(str(tmp_path))
    assert sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*")) == [
        "a",
        "sub",
        "sub/.htaccess",
    ]


def test_a_page_of_somebody_else_is_not_replaced(site: Site) -> None:
    site.write("s/1.md", article(1))
    page = site.root / "out" / "index.html"
    page.parent.mkdir()
    page.write_text("<title>My own page</title>")
    said = r"out/index\.html: feeds did not make this page"
    with pytest.raises(PublishError, match=said):
        cycle.plan(site.load(), NOW)
    with pytest.raises(PublishError, match=said):
        site.build()
    assert [path.name for path in page.parent.iterdir()] == ["index.html"]
    page.unlink()
    site.build()
    before = site.bytes()
    for name in ("ledger.sqlite", "catalogue.sqlite"):
        site.root.joinpath(".feeds", name).unlink()
    page.write_bytes(page.read_bytes() + b"<!-- of an older version -->")
    site.build(accept=True)
    assert site.bytes() == before

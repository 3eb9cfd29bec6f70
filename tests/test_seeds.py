"""The seed folder: what is listed, what is read, how bytes become text."""

import os
import resource
import socket
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from feeds import seeds
from feeds.model import SeedError

RULES = seeds.Rules((".md", ".txt"), ("README*", "_*"))


def listed(root: Path, rules: seeds.Rules = RULES) -> dict[str, object]:
    """Every listed file, by path, with its stamp or its problem."""
    return {
        seeds.path_of(folder.path, name): stamp
        for top in seeds.tops(str(root), rules)
        for folder in seeds.walk(str(root), top, rules)
        for name, stamp in (folder.listing or {}).items()
    }


def fill(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x", encoding="utf-8")


def test_seeds_and_pictures_at_every_depth(tmp_path: Path) -> None:
    fill(tmp_path, "a.md", "B.MD", "泡泡/1_文.md", "泡泡/deep/er/2.txt", "x/p.jpg", "x/P.PNG")
    assert set(listed(tmp_path)) == {
        "a.md", "B.MD", "泡泡/1_文.md", "泡泡/deep/er/2.txt", "x/p.jpg", "x/P.PNG",
    }  # fmt: skip


def test_what_is_passed_over(tmp_path: Path) -> None:
    fill(tmp_path, ".hidden.md", ".git/a.md", "a.md~", ".#a.md", "#a.md#", "a.md.swp", "4913",
         "README.md", "_drafts/a.md", "x/_a.md", "data.csv", "noending", "md", "x/MD", "a.pdf")  # fmt: skip
    assert listed(tmp_path) == {}


@pytest.mark.parametrize(
    "globs",
    [(), ("README*",), ("README?.md",), ("README*", "README?.md"), ("*",), ("**",), ("[ab]*",), ("a?*", "*z.md"), ("_",)],
    ids=" ".join,
)  # fmt: skip
def test_globs_say_what_is_passed_over(tmp_path: Path, globs: tuple[str, ...]) -> None:
    names = (
        "README.md",
        "README1.md",
        "readme.md",
        "a.md",
        "ab.md",
        "b.md",
        "xyz.md",
        "_.md",
        "[ab]x.md",
    )
    fill(tmp_path, *names, *(f"folder/{name}" for name in names), "ax/1.md")
    kept = {name for name in names if not any(fnmatchcase(name, glob) for glob in globs)}
    wanted = kept | {f"folder/{name}" for name in kept} | {"ax/1.md"}
    passed = {f for f in ("folder", "ax", "1.md") if any(fnmatchcase(f, glob) for glob in globs)}
    wanted = {path for path in wanted if not passed.intersection(path.split("/"))}
    assert set(listed(tmp_path, RULES._replace(ignore=globs))) == wanted


def test_what_is_no_file_is_a_problem(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.md")
    os.mkfifo(tmp_path / "pipe.jpg")
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(tmp_path)  # a socket's name must be short
        try:
            server.bind("socket.md")
        finally:
            os.chdir(here)
    fill(tmp_path, "good.md")
    (tmp_path / "link.md").symlink_to("good.md")
    (tmp_path / "dangling.md").symlink_to("nowhere.md")
    (tmp_path / "zero.md").symlink_to("/dev/zero")
    (tmp_path / "folder").symlink_to(tmp_path)
    found = listed(tmp_path)
    assert isinstance(found.pop("good.md"), tuple)
    assert found == {
        "pipe.md": "not-a-file", "socket.md": "not-a-file", "link.md": "link",
        "dangling.md": "link", "zero.md": "link",
    }  # fmt: skip


def test_links_that_are_followed_stay_inside(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    fill(outside, "secret.md")
    root = tmp_path / "seeds"
    fill(root, "a/good.md")
    (root / "a" / "link.md").symlink_to("good.md")
    (root / "a" / "out.md").symlink_to(outside / "secret.md")
    (root / "a" / "zero.md").symlink_to("/dev/zero")
    (root / "a" / "loop.md").symlink_to("loop.md")
    (root / "a" / "up").symlink_to(root)
    (root / "b").symlink_to(root / "a")
    (root / "c").symlink_to(outside)
    found = listed(root, RULES._replace(follow_links=True))
    assert {name for name, stamp in found.items() if isinstance(stamp, tuple)} == {
        "a/good.md", "a/link.md", "b/good.md", "b/link.md",
    }  # fmt: skip
    assert {n: s for n, s in found.items() if n.startswith("a/") and isinstance(s, str)} == {
        "a/out.md": "link-broken", "a/zero.md": "link-broken", "a/loop.md": "link-broken",
    }  # fmt: skip


def test_names_need_not_be_text(tmp_path: Path) -> None:
    name = b"\xff\xfe\n\x1b.md"
    with open(os.path.join(os.fsencode(tmp_path), name), "wb") as file:
        file.write(b"x")
    (found,) = listed(tmp_path)
    assert os.fsencode(found) == name
    assert seeds.read(str(tmp_path), found, RULES) == b"x"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_folder_is_told_apart_from_an_empty_one(tmp_path: Path) -> None:
    fill(tmp_path, "a/x.md")
    (tmp_path / "a").chmod(0)
    try:
        (folder,) = seeds.walk(str(tmp_path), b"a", RULES)
        assert folder.listing is None
        assert folder.reason == "Permission denied"
    finally:
        (tmp_path / "a").chmod(0o755)


def test_no_seed_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        seeds.tops(str(tmp_path / "none"), RULES)


def test_a_pipe_that_took_a_files_place_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.md")
    with pytest.raises(SeedError, match="not-a-file"):
        seeds.read(str(tmp_path), "a.md", RULES)
    (found,) = seeds.heads(str(tmp_path), b"", [b"a.md", b"none.md"], RULES)
    assert {name: head for name, head, _ in found} == {
        b"a.md": b"",
        b"none.md": b"",
    }


@pytest.mark.parametrize("between", [False, True])
def test_only_what_was_opened_is_closed(tmp_path: Path, between: bool) -> None:
    fill(tmp_path, *(f"{n}.md" for n in range(200)))
    holes = [os.open(tmp_path, os.O_RDONLY) for _ in range(40)]
    for hole in holes[10:30:3] if between else ():
        os.close(hole)  # the next files get these numbers, and others behind the last
    kept = [h for h in holes if not (between and h in holes[10:30:3])]
    before = set(os.listdir("/proc/self/fd"))
    names = [b"%d.md" % n for n in range(200)]
    found = [one for some in seeds.heads(str(tmp_path), b"", names, RULES) for one in some]
    assert [(name, head) for name, head, _ in found] == [(name, b"x") for name in names]
    assert set(os.listdir("/proc/self/fd")) == before
    for hole in kept:
        os.close(hole)  # raises when it was closed


def test_a_link_that_took_a_files_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "a.md").symlink_to("/etc/passwd")
    with pytest.raises(SeedError, match="link"):
        seeds.read(str(tmp_path), "a.md", RULES)


def test_size_limit(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_bytes(b"x" * 2000)
    with pytest.raises(SeedError, match="too-large"):
        seeds.read(str(tmp_path), "a.md", RULES._replace(max_size=1999))
    assert len(seeds.read(str(tmp_path), "a.md", RULES._replace(max_size=2000))) == 2000


def test_pictures_only_inside(tmp_path: Path) -> None:
    root = tmp_path / "seeds"
    fill(tmp_path, "secret.jpg")
    fill(root, "a/p.jpg", "a/x.md")
    (root / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    (root / "up").symlink_to(tmp_path)
    (root / "in.jpg").symlink_to(root / "a/p.jpg")
    found = {
        path: seeds.picture(str(root), path, RULES) is not None
        for path in ("a/p.jpg", "a/x.md", "a/none.jpg", "../secret.jpg", "link.jpg",
                     "up/secret.jpg", "in.jpg", "a\0.jpg", "a")
    }  # fmt: skip
    assert found == dict.fromkeys(found, False) | {"a/p.jpg": True}
    assert seeds.picture(str(root), "in.jpg", RULES._replace(follow_links=True))
    assert not seeds.picture(str(root), "link.jpg", RULES._replace(follow_links=True))


def test_heads_where_few_files_may_be_open(tmp_path: Path) -> None:
    fill(tmp_path, *(f"{n}.md" for n in range(100)))
    held = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/dev/fd")) + 5, held[1]))
    try:
        names = [b"%d.md" % n for n in range(100)]
        found = [one for some in seeds.heads(str(tmp_path), b"", names, RULES) for one in some]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, held)
    assert [(name, head) for name, head, _ in found] == [(name, b"x") for name in names]
    assert all(stamp != seeds.UNREAD for _, _, stamp in found)


@pytest.mark.parametrize("name", ["a\nb.md", "a\x1b[31m.md", os.fsdecode(b"\xff.md"), "泡泡.md"])
def test_paths_as_they_are_shown(name: str) -> None:
    shown = seeds.shown(name)
    assert shown.isprintable()
    shown.encode()

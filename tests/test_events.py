"""What the system tells of changes: hints from real files, and what is done when it goes deaf."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from feeds.daemon import events
from feeds.seeds import Rules

RULES = Rules((".md", ".html"), ("_*",))
PATIENCE = 20.0  # seconds


@pytest.mark.parametrize(
    ("paths", "found"),
    [
        (["a/1.md"], {b"a"}),
        (["1.md"], {b""}),
        (["a/b/1.md", "a/b/2.md", "c/3.html"], {b"a/b", b"c"}),
        (["a/picture.jpg"], {b"a"}),
        (["new"], {b"new"}),  # gone, or a folder
        (["a/.1.md.swp", "a/1.md~", "a/4913", "a/#1.md#", "a/1.md.tmp", "a/1.md.part"], set()),
        ([".git/index", "a/.hidden/1.md", "a/.1.md"], set()),
        (["_drafts", "a/_1.md"], set()),
        (["."], set()),
        (["a/\udcff.md"], {b"a"}),
    ],
)
def test_folders_to_look_at(paths: list[str], found: set[bytes]) -> None:
    assert events.folders("/seeds", (f"/seeds/{path}" for path in paths), RULES) == found


def test_a_folder_with_a_suffix_is_looked_into(tmp_path: Path) -> None:
    tmp_path.joinpath("v1.0").mkdir()
    assert events.folders(str(tmp_path), [str(tmp_path / "v1.0")], RULES) == {b"v1.0"}


MOUNTS = r"""
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:26 / /srv rw - nfs4 server:/export rw,vers=4.2
31 30 8:2 / /srv/local rw - xfs /dev/sdb rw
32 22 0:40 / /mnt/with\040space rw master:1 - fuse.sshfs me@there:/x rw
33 22 0:41 / /mnt/winodws rw - cifs //host/share rw
34 22 0:42 / /dev/shm rw - tmpfs tmpfs rw
"""


@pytest.mark.parametrize(
    ("root", "kind"),
    [
        ("/home/me/seeds", ""),
        ("/srv", "nfs4"),
        ("/srv/seeds", "nfs4"),
        ("/srv/local/seeds", ""),
        ("/srvx", ""),
        ("/mnt/with space/seeds", "fuse.sshfs"),
        ("/mnt/winodws", "cifs"),
        ("/dev/shm/x", ""),
    ],
)
def test_disks_that_tell_of_nothing(root: str, kind: str) -> None:
    assert events.far(root, MOUNTS) == kind


class Ear:
    """A watcher on a folder, and all it told."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.heard: list[bytes] = []
        self.listening: list[str] = []
        self.told = threading.Event()
        self.watcher = events.Watcher(str(root), RULES, self.hear, self.listen)
        self.watcher.start()

    def hear(self, folders: frozenset[bytes]) -> None:
        self.heard.extend(folders)
        self.told.set()

    def listen(self, why: str) -> None:
        self.listening.append(why)
        self.told.set()

    def wait(self, holds: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE
        while not holds():
            assert time.monotonic() < end, (self.heard, self.listening)
            self.told.wait(0.05)
            self.told.clear()


@pytest.fixture
def ear(tmp_path: Path) -> Iterator[Ear]:
    root = tmp_path / "seeds"
    (root / "a" / "b").mkdir(parents=True)
    made = Ear(root)
    made.wait(lambda: made.listening == [""])
    yield made
    made.watcher.stop()
    made.watcher.join(PATIENCE)
    assert not made.watcher.is_alive()


def test_writing_renaming_and_removing_are_heard(ear: Ear) -> None:
    (ear.root / "a" / "1.md").write_text("x")
    ear.wait(lambda: b"a" in ear.heard)
    ear.heard.clear()
    os.replace(ear.root / "a" / "1.md", ear.root / "a" / "b" / "2.md")
    ear.wait(lambda: {b"a", b"a/b"} <= {*ear.heard})
    ear.heard.clear()
    (ear.root / "a" / "b" / "2.md").unlink()
    ear.wait(lambda: b"a/b" in ear.heard)


def test_a_new_folder_is_heard(ear: Ear) -> None:
    (ear.root / "c" / "d").mkdir(parents=True)
    (ear.root / "c" / "d" / "1.md").write_text("x")
    ear.wait(lambda: any(f in {b"c", b"c/d"} for f in ear.heard))


def test_the_seed_folder_removed_and_made_again(ear: Ear) -> None:
    shutil.rmtree(ear.root)
    ear.wait(lambda: "the seed folder was replaced" in ear.listening)
    ear.root.mkdir()
    ear.wait(lambda: ear.listening[-1] == "")
    ear.heard.clear()
    (ear.root / "1.md").write_text("x")
    ear.wait(lambda: b"" in ear.heard)


def test_the_seed_folder_swapped_for_another(ear: Ear) -> None:
    (ear.root.parent / "other").mkdir()
    os.rename(ear.root, ear.root.parent / "old")
    os.rename(ear.root.parent / "other", ear.root)
    ear.wait(lambda: ear.listening[-1] == "" and len(ear.listening) >= 3)
    (ear.root / "1.md").write_text("x")
    ear.wait(lambda: b"" in ear.heard)


def test_folders_that_the_system_does_not_watch_are_noticed(ear: Ear, tmp_path: Path) -> None:
    events._check(str(ear.root))
    crowded = tmp_path / "crowded"
    for number in range(50):
        (crowded / str(number)).mkdir(parents=True)
    with pytest.raises(OSError, match=r"watches 3 of 51 folders; raise fs\.inotify"):
        events._check(str(crowded))


def test_a_name_that_is_no_text_deafens_it_only_for_a_moment(ear: Ear) -> None:
    with open(os.fsencode(ear.root) + b"/a/\xff.md", "w") as file:
        file.write("x")
    (ear.root / "a" / "b" / "1.md").write_text("x")
    ear.wait(lambda: b"a" in ear.heard or (ear.listening[-1] == "" and len(ear.listening) >= 3))
    ear.heard.clear()
    (ear.root / "a" / "2.md").write_text("x")
    ear.wait(lambda: b"a" in ear.heard)

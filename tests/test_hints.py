"""Builds that trust a hint: they look where it says, and find all that happened there."""

from __future__ import annotations

import os
import random
import shutil
import time
from pathlib import Path

import pytest
from conftest import NOW, Site, dated, fresh, seed

from feeds import cycle
from feeds.model import Hint, PublishError, Report

LATE = 1 << 62  # ns: every file is settled


def hinted(site: Site, *folders: str, settled: int = LATE, ahead: int = LATE) -> Report:
    hint = Hint(frozenset(map(os.fsencode, folders)), settled, ahead)
    return cycle.build(site.load(), NOW, pictures="none", hint=hint, accept=True, wait=0)


def numbered(number: int, day: int = 1) -> str:
    return seed(
        f"Title {number}",
        f"https://news.example.com/{number}",
        **dated(NOW - day * 86_400 - number),
    )


@pytest.fixture
def filled(site: Site) -> Site:
    for number in range(6):
        site.write(f"{'ab'[number % 2]}/{number}.md", numbered(number))
    site.write("a/deep/7.md", numbered(7))
    site.build()
    return site


def test_only_the_folder_that_is_named_is_looked_at(filled: Site) -> None:
    filled.write("a/8.md", numbered(8))
    filled.write("b/9.md", numbered(9))
    assert hinted(filled, "a").read == 1
    assert "Title 8" in filled.titles()
    assert "Title 9" not in filled.titles()
    assert hinted(filled, "a").read == 0
    assert filled.build().read == 1
    assert "Title 9" in filled.titles()


def test_folders_below_are_looked_at_and_new_ones_are_found(filled: Site) -> None:
    filled.write("a/new/er/10.md", numbered(10))
    filled.write("a/deep/11.md", numbered(11))
    filled.write("c/d/12.md", numbered(12))
    assert hinted(filled, "a/new/er").read == 2  # a is the nearest that is known
    assert {"Title 10", "Title 11"} <= {*filled.titles()}
    assert hinted(filled, "c/d").read == 1
    filled.write("c/d/13.md", numbered(13))
    assert hinted(filled, "c/d", "c", "c/d/").read == 1


def test_a_link_in_a_folders_place_is_not_followed(filled: Site, tmp_path: Path) -> None:
    os.rename(filled.root / "seeds" / "a", tmp_path / "elsewhere")
    os.symlink(tmp_path / "elsewhere", filled.root / "seeds" / "a")
    tmp_path.joinpath("elsewhere", "secret.md").write_text(numbered(50))
    hinted(filled, "a/deep")
    assert filled.titles() == ["Title 1", "Title 3", "Title 5"]


def test_a_folder_that_is_gone_takes_all_below_it_along(filled: Site) -> None:
    shutil.rmtree(filled.root / "seeds" / "a")
    report = hinted(filled, "", "a", "a/deep")
    assert report.removed == 4
    assert filled.titles() == ["Title 1", "Title 3", "Title 5"]


def test_without_the_seed_folder_nothing_is_removed(filled: Site) -> None:
    before = filled.published()
    os.rename(filled.root / "seeds", filled.root / "away")
    with pytest.raises(PublishError, match="seed folder"):
        hinted(filled, "a")
    assert filled.published() == before
    os.rename(filled.root / "away", filled.root / "seeds")
    assert hinted(filled, "a").removed == 0


def test_a_hint_for_a_catalogue_that_knows_nothing_is_no_hint(site: Site) -> None:
    site.write("a/1.md", numbered(1))
    site.write("b/2.md", numbered(2))
    assert hinted(site, "a").read == 2


def test_very_many_hints_are_none(filled: Site) -> None:
    for number in range(1100):
        filled.write(f"many/{number}/{number}.md", numbered(100 + number, day=9))
    filled.build()
    filled.write("b/20.md", numbered(20))
    assert hinted(filled, *(f"many/{number}" for number in range(1100))).read == 1


def test_a_file_that_is_being_written_waits(filled: Site) -> None:
    now = time.time_ns()
    half = filled.root / "seeds" / "a" / "30.md"
    half.write_text(numbered(30))
    edited = filled.root / "seeds" / "a" / "0.md"
    edited.write_text(numbered(31))
    before = filled.published()
    report = hinted(filled, "a", settled=now - 10**9)
    assert (report.read, report.unsettled) == (0, 2)
    assert filled.published() == before
    report = hinted(filled, "a", settled=time.time_ns() + 10**9)
    assert (report.read, report.unsettled) == (2, 0)
    assert {"Title 30", "Title 31"} <= {*filled.titles()}


def test_a_file_dated_ahead_does_not_wait_for_its_time(filled: Site) -> None:
    late = filled.root / "seeds" / "a" / "30.md"
    late.write_text(numbered(30))
    now = time.time_ns()
    os.utime(late, ns=(0, now + 3600 * 10**9))
    report = hinted(filled, "a", settled=now, ahead=now + 10**9)
    assert (report.read, report.unsettled) == (1, 0)
    assert "Title 30" in filled.titles()


def test_a_build_without_a_hint_reads_a_file_that_never_settles(filled: Site) -> None:
    filled.root.joinpath("seeds/a/30.md").write_text(numbered(30))
    assert hinted(filled, "a", settled=0).unsettled == 1
    filled.build()
    assert "Title 30" in filled.titles()


@pytest.mark.parametrize("start", range(6))
def test_hinted_builds_come_to_what_a_fresh_one_does(
    site: Site, tmp_path_factory: pytest.TempPathFactory, start: int
) -> None:
    dice = random.Random(start)
    folders = ["a", "a/x", "a/x/y", "b", "c"]
    seeds = site.root / "seeds"
    site.write("a/0.md", numbered(0))
    site.build()
    for step in range(25):
        touched: set[str] = set()
        for _ in range(dice.randint(1, 3)):
            folder = dice.choice(folders)
            there = sorted(p for p in seeds.rglob("*.md"))
            match dice.choice(["write", "write", "remove", "move", "drop", "carry"]):
                case "write":
                    number = dice.randint(1, 20)
                    site.write(f"{folder}/{number}.md", numbered(number, dice.randint(1, 9)))
                    touched.add(folder)
                case "remove" if there:
                    gone = dice.choice(there)
                    gone.unlink()
                    touched.add(str(gone.parent.relative_to(seeds)))
                case "move" if there:
                    moved = dice.choice(there)
                    target = seeds / folder / f"{dice.randint(21, 40)}.md"
                    target.parent.mkdir(parents=True, exist_ok=True)
                    moved.rename(target)
                    touched |= {str(moved.parent.relative_to(seeds)), folder}
                case "drop" if (seeds / folder).is_dir():
                    shutil.rmtree(seeds / folder)
                    touched |= {folder, str(Path(folder).parent)}
                case "carry" if (seeds / folder).is_dir() and not (seeds / f"d{step}").exists():
                    os.rename(seeds / folder, seeds / f"d{step}")
                    touched |= {folder, str(Path(folder).parent), f"d{step}"}
        hinted(site, *("" if folder == "." else folder for folder in touched))
        assert site.bytes() == fresh(site, tmp_path_factory), step


def test_a_build_can_be_ended_between_two_steps(
    filled: Site, tmp_path_factory: pytest.TempPathFactory
) -> None:
    class EndedError(Exception):
        pass

    def end(stage: str, done: int, total: int) -> None:
        if stage == "publishing" and done == 1:
            raise EndedError

    filled.write("a/8.md", numbered(8))
    with pytest.raises(EndedError):
        cycle.build(filled.load(), NOW, pictures="none", progress=end, wait=0)
    report = filled.build()
    assert len(report.written) >= 1
    assert filled.bytes() == fresh(filled, tmp_path_factory)

"""What a person decides of ids: it lasts, and it can be taken back."""

from __future__ import annotations

import pytest
from conftest import NOW, Site, article

from feeds import cli

DAY = 86_400


@pytest.fixture
def two(site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Two articles, announced."""
    monkeypatch.chdir(site.root)
    for number in (101, 102):
        site.write(f"a/{number}_x.md", article(number))
    site.build(NOW)
    return site


def ids(site: Site) -> dict[str, str]:
    return {str(item["title"]): str(item["id"]) for item in site.items()}


def decide(*words: str) -> None:
    assert cli.main(["ids", *words]) == 0


def test_a_split_undoes_a_merge(two: Site) -> None:
    before = ids(two)
    for named in ("a/101_x.md", "seeds/a/102_x.md"):
        decide("merge", "a/101_x.md", "a/102_x.md")
        two.build(NOW)
        assert ids(two) == {"Article 102": before["Article 101"]}
        decide("split", named)
        two.build(NOW)
        assert ids(two) == before


def test_a_merge_undoes_a_split(two: Site) -> None:
    before = ids(two)
    decide("split", "a/101_x.md")
    two.build(NOW)
    assert ids(two) == before
    decide("merge", "a/101_x.md", "a/102_x.md")
    two.build(NOW)
    assert ids(two) == {"Article 102": before["Article 101"]}


def test_a_merged_file_is_found_under_every_name(
    two: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    before = ids(two)
    decide("merge", "a/101_x.md", "a/102_x.md")
    two.build(NOW)
    for named in (
        "a/101_x.md",
        "a/102_x.md",
        before["Article 102"],
        "https://news.example.com/102",
    ):
        capsys.readouterr()
        decide("show", named)
        assert before["Article 101"] in capsys.readouterr().out


def test_a_merge_lasts_when_files_are_renamed_and_can_be_undone_then(two: Site) -> None:
    before = ids(two)
    decide("merge", "a/101_x.md", "a/102_x.md")
    two.build(NOW)
    for number in (101, 102):
        (two.root / f"seeds/a/{number}_x.md").rename(two.root / f"seeds/a/{number + 100}_y.md")
    two.build(NOW)
    assert ids(two) == {"Article 102": before["Article 101"]}
    decide("split", "a/202_y.md")
    two.build(NOW)
    assert ids(two) == before


def test_a_merge_of_files_without_an_address_lasts_when_one_is_renamed(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(site.root)
    for name, number in (("one", 1), ("two", 2)):
        site.write(f"a/{name}.md", article(number, link=""))
    site.build(NOW)
    before = ids(site)
    decide("merge", "a/one.md", "a/two.md")
    site.build(NOW)
    (site.root / "seeds/a/two.md").rename(site.root / "seeds/a/zwei.md")
    site.build(NOW)
    assert ids(site) == {"Article 2": before["Article 1"]}


def test_a_split_lasts_when_the_file_is_renamed(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(site.root)
    for path, days in (("a/x.md", 9), ("b/y.md", 8)):
        site.write(path, article(1, body="<p>the same words</p>", epoch=(NOW - days * DAY) * 1000))
    site.build(NOW)
    assert len(site.items()) == 1
    decide("split", "b/y.md")
    site.build(NOW)
    before = {str(item["id"]) for item in site.items()}
    assert len(before) == 2
    for name in ("b/z.md", "c/z.md"):
        (site.root / "seeds" / name).parent.mkdir(exist_ok=True)
        (site.root / "seeds/b").joinpath("y.md" if name == "b/z.md" else "z.md").rename(
            site.root / "seeds" / name
        )
        site.build(NOW + 1)
        assert {str(item["id"]) for item in site.items()} == before
    assert cli.main(["ids", "split", "c/z.md"]) == 3


def test_a_merge_of_what_was_split_and_back(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(site.root)
    for path, days in (("a/x.md", 9), ("b/y.md", 8)):
        site.write(path, article(1, body="<p>the same words</p>", epoch=(NOW - days * DAY) * 1000))
    site.build(NOW)
    decide("split", "b/y.md")
    site.build(NOW)
    apart = [item["id"] for item in site.items()]
    decide("merge", "a/x.md", "b/y.md")
    site.build(NOW)
    assert len(site.items()) == 1
    decide("split", "b/y.md")
    site.build(NOW)
    assert [item["id"] for item in site.items()] == apart


def test_another_file_of_a_merged_article_is_parted_alone(two: Site) -> None:
    before = ids(two)
    two.write("b/101_x.md", article(101, title="Article 101, again", epoch=NOW * 1000))
    two.build(NOW)
    decide("merge", "a/101_x.md", "a/102_x.md")
    two.build(NOW)
    assert set(ids(two).values()) == {before["Article 101"]}
    decide("split", "b/101_x.md")
    two.build(NOW)
    after = ids(two)
    assert set(after) == {"Article 102", "Article 101, again"}
    assert before["Article 101"] in after.values()
    assert len({*after.values()}) == 2


def test_three_are_made_one_and_parted_again(two: Site) -> None:
    two.write("a/103_x.md", article(103))
    two.build(NOW)
    before = ids(two)
    decide("merge", "a/101_x.md", "a/102_x.md")
    decide("merge", "a/103_x.md", "a/101_x.md")
    two.build(NOW)
    assert ids(two) == {"Article 103": before["Article 103"]}
    decide("split", "a/101_x.md")
    two.build(NOW)
    assert ids(two) == {
        "Article 103": before["Article 103"], "Article 102": before["Article 101"],
    }  # fmt: skip
    decide("split", "a/102_x.md")
    two.build(NOW)
    assert ids(two) == before


def test_decisions_are_exported(two: Site) -> None:
    before = ids(two)
    decide("merge", "a/101_x.md", "a/102_x.md")
    two.build(NOW)
    decide("export", "ids.txt")
    (two.root / ".feeds/ledger.sqlite").unlink()
    decide("import", "ids.txt")
    two.build(NOW)
    assert ids(two) == {"Article 102": before["Article 101"]}
    decide("split", "a/102_x.md")
    two.build(NOW)
    assert ids(two) == before


@pytest.mark.parametrize(
    ("words", "said"),
    [(("split", "a/nothing.md"), "a/nothing.md: there is no such file"),
     (("merge", "a/101_x.md", "a/nothing.md"), "a/nothing.md: no article"),
     (("merge", "a/101_x.md", "seeds/a/101_x.md"), "one article already")],
)  # fmt: skip
def test_what_does_not_exist_is_refused(
    two: Site, words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["ids", *words]) == 3
    assert said in capsys.readouterr().err

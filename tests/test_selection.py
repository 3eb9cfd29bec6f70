"""Rules and windows."""

from __future__ import annotations

import re
from fnmatch import translate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds import identity, likeness, selection, twins
from feeds.model import Channel, Heading, Rule

ARTICLE = Heading(
    "voa/2020/5504336_Trade talks.md",
    "Trade Talks in 台北",
    "https://www.voa.example.com/a/1",
    1000,
    1000,
)


def holds(**conditions: object) -> bool:
    return selection.test(Rule(**conditions))(ARTICLE)


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({}, True),
        ({"source": ("voa",)}, True), ({"source": ("v?a", "x")}, True), ({"source": ("cdt",)}, False),
        ({"path": ("voa/**",)}, True), ({"path": ("voa/*.md",)}, False), ({"path": ("**/*Trade*",)}, True),
        ({"path": ("*.md",)}, False), ({"path": ("voa/2020/[0-9]*.md",)}, True),
        ({"host": ("*.example.com",)}, True), ({"host": ("www.VOA.example.com",)}, True), ({"host": ("example.com",)}, False),
        ({"title": ("trade talks",)}, True), ({"title": ("台北",)}, True), ({"title": ("war", "talks")}, True), ({"title": ("war",)}, False),
        ({"title_matches": (r"^Trade\b",)}, True), ({"title_matches": (r"^Talks",)}, False),
        ({"after": 1000}, True), ({"after": 1001}, False), ({"before": 1000}, False), ({"before": 1001}, True),
        ({"source": ("voa",), "title": ("war",)}, False),
        ({"any": (Rule(title=("war",)), Rule(source=("voa",)))}, True), ({"any": (Rule(title=("war",)),)}, False),
        ({"all": (Rule(title=("trade",)), Rule(source=("voa",)))}, True), ({"all": (Rule(title=("war",)), Rule())}, False),
        ({"none": (Rule(title=("war",)),)}, True), ({"none": (Rule(title=("war",)), Rule(source=("voa",)))}, False),
        ({"none": (Rule(none=(Rule(title=("talks",)),)),)}, True),
    ],
)  # fmt: skip
def test_conditions(conditions: dict[str, object], expected: bool) -> None:
    assert holds(**conditions) is expected


def heading(number: int) -> Heading:
    return Heading(
        f"s/{number}.md", f"Title {number}", f"https://x.example/{number}", number, number
    )


@given(st.integers(0, 30), st.integers(1, 10))
def test_a_window_takes_the_first_that_fit(count: int, limit: int) -> None:
    newest = [(n, heading(n)) for n in range(count, 0, -1)]
    channel = Channel(slug="a", title="A", limit=limit, rule=Rule(none=(Rule(title=("3",)),)))
    rows = [row for row, _ in selection.window(channel, iter(newest))]
    assert rows == [n for n in range(count, 0, -1) if "3" not in str(n)][:limit]


def test_only_feeds_that_a_seed_can_touch() -> None:
    channels = [
        Channel(slug="all", title="All"),
        Channel(slug="s", title="S", source="s"),
        Channel(slug="t", title="T", source="t"),
        Channel(slug="seven", title="Seven", rule=Rule(title=("7",))),
    ]
    assert [c.slug for c in selection.touched(channels, [heading(1)])] == ["all", "s"]
    assert [c.slug for c in selection.touched(channels, [heading(7)])] == ["all", "s", "seven"]
    assert list(selection.touched(channels, [])) == []


# --- identity -----------------------------------------------------------------------------------


def test_ids_are_tag_uris_of_the_canonical_address() -> None:
    one = Heading("a/1_x.md", "X", "https://www.x.example/p?utm_source=y", 1, 1)
    other = Heading("b/2_y.md", "Y", "http://x.example/p/", 2, 2)
    key = identity.key(one)
    assert key == identity.key(other) == "x.example/p"
    assert identity.tag("example.org", "2020", identity.mark(key)) == (
        "tag:example.org,2020:f87e3871d54e610c228d66ca66149207"
    )


def test_without_an_address_the_place_serves() -> None:
    assert identity.key(Heading("s/1001_title.md", "T", "", 1, 1)) == "path:s/1001"
    assert identity.key(Heading("s/1001_other.md", "T", "", 1, 1)) == "path:s/1001"
    assert identity.key(Heading("s/title.md", "T", "", 1, 1)) == "path:s/s/title.md"


@pytest.mark.parametrize(
    ("path", "number"),
    [
        ("s/5504336_a.md", "5504336"), ("s/5504336.md", "5504336"), ("s/4f5272d95a507ae4.txt", "4f5272d95a507ae4"),
        ("s/12.md", ""), ("s/2026_storm.md", ""), ("s/202611_storm.md", ""), ("s/20261120_storm.md", ""),
        ("s/20261120093000_storm.md", ""), ("s/2026_11_20_storm.md", ""), ("s/20269920_a.md", "20269920"), ("s/3026_a.md", "3026"),
        ("s/title.md", ""), ("123/title.md", ""), ("s/2020-01-01-title.md", ""), ("s/deadbeef-x.md", ""),
    ],
)  # fmt: skip
def test_numbers_in_names(path: str, number: str) -> None:
    assert identity.number_of(path) == number


def test_twins_share_source_number_and_date() -> None:
    one = identity.twin("s", identity.number_of("s/1047440_a.md"), 5)
    assert one == identity.twin("s", identity.number_of("s/b/1047440_b.md"), 5)
    assert one != identity.twin("s", "1047440", 6)
    assert one != identity.twin("t", "1047440", 5)
    assert identity.twin("s", identity.number_of("s/a.md"), 5) is None


def test_feed_ids() -> None:
    assert (
        identity.feed_tag("example.org", "2020", "泡泡")
        == "tag:example.org,2020:feed/%E6%B3%A1%E6%B3%A1"
    )


@pytest.mark.parametrize("end", [r"\Z", r"\z"])  # until Python 3.13, and from 3.14 on
def test_globs_on_every_python(monkeypatch: pytest.MonkeyPatch, end: str) -> None:
    monkeypatch.setattr(
        selection, "translate", lambda glob: translate(glob).removesuffix(r"\Z") + end
    )
    assert re.match(selection._glob("a.b/[0-9]*.md"), "a.b/7x.md")
    assert not re.match(selection._glob("a.b/[0-9]*.md"), "a.b/x7.md")


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["s/100_a.md", "s/100_b.md", "s/2.md", "s/c.md", "t/c.md"]),
            st.sampled_from("AB"),
            st.integers(0, 3).map(lambda n: n * 1000 + 7),
            st.frozensets(st.integers(0, 9), min_size=1, max_size=6),
        ),
        max_size=12,
    )
)
def test_files_at_one_address_are_parted_as_if_each_was_held_against_each(
    files: list[tuple[str, str, int, frozenset[int]]],
) -> None:
    members = [
        twins._Member(row, Heading(path, title, "https://x.example/", instant, instant + row))
        for row, (path, title, instant, _) in enumerate(files)
    ]

    def sketch(member: twins._Member) -> frozenset[int]:
        return files[member.row][3]

    expected: list[list[twins._Member]] = []
    for member in sorted(members, key=lambda one: one.birth):
        tests = (
            lambda other, one=member: identity.sure(one.heading, other.heading),
            lambda other, one=member: likeness.shared(sketch(one), sketch(other)) >= 0.5,
        )
        at = next((c for test in tests for c in expected if any(map(test, c))), None)
        if at is None:
            expected.append(at := [])
        at.append(member)
    assert twins._clusters(members, sketch) == expected

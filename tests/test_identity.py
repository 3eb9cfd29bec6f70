"""Ids that outlive every change of name: a reader that follows along sees each article once."""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from conftest import BASIC, NOW, Site, dated, fresh, seed
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from feeds import cli, cycle, identity, ids, naming, showing
from feeds.catalogue import Catalogue
from feeds.ledger import opened
from feeds.model import FeedsError, Heading, PublishError, StateError
from feeds.register import Register

HOUR, DAY = 3600, 86_400
OLD = NOW - 100 * DAY
PLAIN = "[[feed]]\nslug = 'all'\nlimit = 5\n"


def article(number: int, **changes: object) -> str:
    parts: dict[str, object] = {
        "title": f"Article {number}",
        "link": f"https://news.example.com/{number}",
        "body": f"<p>Words of number {number}, which are its own and no other's.</p>",
        **dated(OLD + number * HOUR),
    }
    return seed(**(parts | changes))


def only(site: Site) -> dict[str, object]:
    (item,) = site.items()
    return item


# --- two articles, however alike their names ------------------------------------------------------

TEXTS = (
    "Waves of nine metres broke over the harbour wall, and the ferry stayed where it was all day.",
    "She was elected again with sixty-one percent of all votes; her rival congratulated at night.",
    "Three to one in pouring rain: the home team has not won so clearly for eleven long years.",
)
DAY_ONLY = {"epoch": None, "date": "2020-07-01"}
OTHERS: dict[str, list[tuple[str, dict[str, object]]]] = {
    "a day for a number": [
        ("s/20200701_storm.md", {"title": "Storm", "link": "https://x.example/storm", **DAY_ONLY}),
        ("s/20200701_vote.md", {"title": "Vote", "link": "https://x.example/vote", **DAY_ONLY}),
        ("s/20200701_game.md", {"title": "Game", "link": "https://x.example/game", **DAY_ONLY}),
    ],
    "a number that is no id": [
        ("s/1047_storm.md", {"title": "Storm", "link": "https://x.example/storm", **DAY_ONLY}),
        ("s/1047_vote.md", {"title": "Vote", "link": "https://x.example/vote", **DAY_ONLY}),
        ("s/1047_game.md", {"title": "Game", "link": "https://x.example/game", **DAY_ONLY}),
    ],
    "a year for a number, no address": [
        ("s/2020_storm.md", {"title": "Storm", "link": ""}),
        ("s/2020_vote.md", {"title": "Vote", "link": "", **dated(OLD + DAY)}),
        ("s/2020_game.md", {"title": "Game", "link": "", **dated(OLD + 2 * DAY)}),
    ],
    "one number, no address": [
        ("s/1047_storm.md", {"title": "Storm", "link": ""}),
        ("s/1047_vote.md", {"title": "Vote", "link": "", **dated(OLD + DAY)}),
        ("s/1047_game.md", {"title": "Game", "link": "", **dated(OLD + 2 * DAY)}),
    ],
    "releases with one address, of one day": [
        ("s/v1.0.1.md", {"title": "Version 1.0.1", "link": "https://x.example/changes", **DAY_ONLY}),
        ("s/v1.0.2.md", {"title": "Version 1.0.2", "link": "https://x.example/changes", **DAY_ONLY}),
        ("s/v1.0.3.md", {"title": "Version 1.0.3", "link": "https://x.example/changes", **DAY_ONLY}),
    ],
    "one title and address": [
        ("s/a.md", {"title": "Weather", "link": "https://x.example/today"}),
        ("s/b.md", {"title": "Weather", "link": "https://x.example/today", **dated(OLD + DAY)}),
        ("s/c.md", {"title": "Weather", "link": "https://x.example/today", **dated(OLD + 2 * DAY)}),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("ledger", ["kept", "lost"])
def test_different_articles_are_never_one(site: Site, name: str, ledger: str) -> None:
    site.configure(PLAIN)
    announced: list[str] = []
    for (path, changes), words in zip(OTHERS[name], TEXTS, strict=True):
        site.write(path, article(1, body=f"<p>{words}</p>", **changes))
        site.build()
        found = {str(item["content_html"]): str(item["id"]) for item in site.items()}
        announced.append(found[f"<p>{words}</p>"])
        assert set(found.values()) == set(announced)
    assert len(set(announced)) == 3
    if ledger == "lost":
        shutil.rmtree(site.root / ".feeds")
        site.build()
        assert {item["id"] for item in site.items()} == set(announced)


@pytest.mark.parametrize("path", ["s/today.md", "s/2020_07_02_weather.md"])
def test_an_article_that_takes_anothers_place_is_new(site: Site, path: str) -> None:
    """A file that is written anew each day, or one that goes when the next one comes."""
    site.configure(PLAIN)
    first = "s/today.md" if path == "s/today.md" else "s/2020_07_01_weather.md"
    site.write(first, article(1, title="Weather", body=f"<p>{TEXTS[0]}</p>"))
    site.build()
    old = only(site)["id"]
    (site.root / "seeds" / first).unlink()
    site.write(path, article(2, title="Weather", body=f"<p>{TEXTS[1]}</p>"))
    site.build()
    assert only(site)["id"] != old


def test_an_address_that_several_share_is_the_firsts_own(site: Site) -> None:
    """And that is by the date that an article states, not by when it was captured again."""
    shared = {"link": "https://front.example/"}
    for number in range(2):
        text = article(number, body=f"<p>{TEXTS[number]}</p>", **shared)
        site.write(f"s/p{number}.md", text)
    site.build()
    ids = {item["title"]: item["id"] for item in site.items()}
    again = dated(OLD)["date"]
    site.write(
        "s/p0.md",
        article(0, body=f"<p>{TEXTS[0]}</p>", **shared, date=again, epoch=(NOW - 9) * 1000),
    )
    shutil.rmtree(site.root / ".feeds")
    site.build()
    assert {item["title"]: item["id"] for item in site.items()} == ids


# --- one article, whatever becomes of it ---------------------------------------------------------

CHANGES: dict[str, tuple[str, dict[str, object]]] = {
    "renamed": ("s/2_b.md", {}),
    "moved to another folder": ("t/1_a.md", {}),
    "title edited": ("s/1_a.md", {"title": "Another title"}),
    "address edited": ("s/1_a.md", {"link": "https://news.example.com/edited"}),
    "address and title edited": ("s/1_a.md", {"link": "https://news.example.com/e", "title": "New"}),
    "domain moved and renamed": ("s/one.md", {"link": "https://moved.example.net/1"}),
    "domain moved, folder renamed": ("t/1_a.md", {"link": "https://moved.example.net/1"}),
    "http": ("s/1_a.md", {"link": "http://www.news.example.com/1/?utm_source=x#top"}),
    "title, address and name, but not the id in it": ("s/1001_z.md", {"title": "N", "link": "https://b.example/"}),
    "without an address, renamed": ("s/other.md", {"link": ""}),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_an_article_keeps_its_id(site: Site, change: str) -> None:
    path, parts = CHANGES[change]
    number = "1001_a" if "1001" in path else "1_a"
    linkless = {"link": ""} if parts.get("link") == "" else {}
    first = site.write(f"s/{number}.md", article(1, **linkless))
    site.build(NOW)
    before = only(site)
    first.unlink()
    site.write(path, article(1, **parts))
    site.build(NOW + DAY)
    assert only(site)["id"] == before["id"]
    (site.root / ".feeds/catalogue.sqlite").unlink()
    site.build(NOW + 2 * DAY)
    assert only(site)["id"] == before["id"]
    assert showing.explain(site.load(), path, NOW).id == before["id"]


def test_an_article_keeps_its_id_through_any_chain_of_changes(site: Site) -> None:
    path = site.write("s/1_a.md", article(1))
    site.build(NOW)
    before = only(site)["id"]
    for turn in range(6):
        path.unlink()
        path = site.write(f"s/x{turn}.md", article(1, link=f"https://h{turn}.example/{turn}"))
        site.build(NOW + turn * DAY)
        assert only(site)["id"] == before


def test_the_older_twin_may_go(site: Site) -> None:
    old = site.write("s/4001_old.md", article(1, link="https://x.example/old"))
    site.build(NOW)
    before = only(site)["id"]
    site.write(
        "s/4001_new.md", article(1, title="New", link="https://x.example/new", epoch=NOW * 1000)
    )
    site.build(NOW)
    assert only(site)["id"] == before
    old.unlink()
    site.build(NOW + 1)
    assert (only(site)["id"], only(site)["title"]) == (before, "New")


def test_an_older_twin_that_comes_later_changes_no_id(site: Site) -> None:
    site.write("s/4001_new.md", article(1, link="https://x.example/new", epoch=(NOW - DAY) * 1000))
    site.build(NOW)
    before = only(site)["id"]
    site.write("s/4001_old.md", article(1, title="Old", link="https://x.example/old"))
    site.build(NOW)
    assert only(site)["id"] == before


def test_different_articles_never_share_an_id(
    site: Site, tmp_path_factory: pytest.TempPathFactory
) -> None:
    words = [
        "fog over the harbour and no ferry",
        "a recipe for lentils with lemon",
        "the council votes on the lamp",
    ]
    for number, text in enumerate(words, 1):
        site.write(
            f"s/{number}.md", article(number, link="https://x.example/", body=f"<p>{text}</p>" * 3)
        )
        site.build(NOW + number)
    assert len({item["id"] for item in site.items()}) == 3
    assert site.bytes() == fresh(site, tmp_path_factory, NOW + 3)
    kept = {item["title"]: item["id"] for item in site.items()}
    # one that is older than all of them does not push them out of their ids
    site.write(
        "s/0.md", article(0, link="https://x.example/", body="<p>Quite another thing, long ago</p>")
    )
    site.build(NOW + 4)
    now = {item["title"]: item["id"] for item in site.items()}
    assert len(set(now.values())) == 4
    assert {title: now[title] for title in kept} == kept


def test_an_address_that_is_used_again_is_another_article(site: Site) -> None:
    first = site.write("s/1001_a.md", article(1, link="https://x.example/today"))
    site.build(NOW)
    before = only(site)["id"]
    first.unlink()
    site.write("s/1002_b.md", article(2, link="https://x.example/today"))
    site.build(NOW + DAY)
    assert only(site)["id"] != before


def test_an_article_keeps_its_id_where_another_of_its_address_goes_as_it_gets_a_twin(
    site: Site,
) -> None:
    older = site.write("s/a.md", article(1, link="https://x.example/", body="<p>Lentils.</p>"))
    newer = article(2, link="https://x.example/", body="<p>A ferry in the fog.</p>")
    site.write("s/b.md", newer)
    site.build(NOW)
    before = {item["title"]: item["id"] for item in site.items()}
    assert len(set(before.values())) == 2
    older.unlink()
    site.write("s/c.md", newer)
    site.build(NOW + DAY)
    assert only(site)["id"] == before["Article 2"]


def test_a_renamed_file_keeps_its_id_though_an_older_article_takes_its_address(site: Site) -> None:
    file = site.write("s/a.md", article(2, link="https://x.example/", body="<p>A ferry.</p>"))
    site.write("s/b.md", article(3, link="https://x.example/", body="<p>The lamp is lit.</p>"))
    site.build(NOW)
    before = {item["title"]: item["id"] for item in site.items()}
    file.rename(file.with_name("c.md"))
    site.write("s/0.md", article(1, link="https://x.example/", body="<p>Lentils, lemon.</p>"))
    site.build(NOW + DAY)
    now = {item["title"]: item["id"] for item in site.items()}
    assert len(set(now.values())) == 3
    assert {title: now[title] for title in before} == before


FRONT = "https://x.example/"
NARROW = "[[feed]]\nslug = 'all'\nlimit = 2\n"


def front(number: int, link: str = FRONT, **changes: object) -> str:
    """An article of so many days ago at the address of others, unlike any of them."""
    body = f"<p>{number} lamps, {number**3} ferries, {number * 77} recipes of {number**2}.</p>"
    parts: dict[str, object] = {"body": body, **dated(NOW - number * DAY)}
    return article(number, link=link, **(parts | changes))


@pytest.mark.parametrize("other", ["", "touch", "edit", "retitle", "rename", "move", "settings"])
@pytest.mark.parametrize("name", ["s/n60.md", "s/1060_x.md"])
def test_only_what_comes_arrives_where_many_share_an_address(
    site: Site, other: str, name: str
) -> None:
    """Whatever becomes of the oldest, whose the address was: the keys of all may change."""
    site.configure(NARROW)
    oldest = site.write(name, front(60))
    for number in range(31, 60):
        site.write(f"s/n{number}.md", front(number))
    site.build(NOW)
    assert site.titles() == ["Article 31", "Article 32"]
    match other:
        case "touch":
            os.utime(oldest)
        case "edit":
            site.write(name, front(60) + "<p>More.</p>")
        case "retitle":
            site.write(name, front(60, title="Retitled"))
        case "rename":
            oldest.rename(oldest.with_name("other.md"))
        case "move":
            site.write(name, front(60, link="https://x.example/own"))
        case "settings":
            site.configure(f"{NARROW}[dates]\nmissing = 'mtime'\n")
    site.write("s/old.md", front(99))
    site.build(NOW + 60)
    assert site.titles() == ["Article 31", "Article 32", "Article 99"]
    site.write("s/new.md", front(1))
    site.build(NOW + 120)
    assert site.titles() == ["Article 1", "Article 31", "Article 99"]


@pytest.mark.parametrize("how", ["delete", "spoil", "move"])
def test_an_article_keeps_its_place_and_id_as_the_first_of_its_address_goes(
    site: Site, how: str
) -> None:
    site.configure(NARROW)
    for number in (20, 21):
        site.write(f"s/{number}.md", article(number, **dated(NOW - number * DAY)))
    first = site.write("s/a.md", front(60))
    site.build(NOW)
    site.write("s/b.md", front(50))
    site.build(NOW + 60)
    before = {item["title"]: item["id"] for item in site.items()}
    match how:
        case "delete":
            first.unlink()
        case "spoil":
            first.write_bytes(b"\0\0")
        case "move":
            site.write("s/a.md", front(60, link="https://x.example/own"))
    for turn in (2, 3):
        site.build(NOW + turn * 60)
        assert {item["title"]: item["id"] for item in site.items()} == before
        site.write("s/20.md", article(20, body="<p>Edited.</p>", **dated(NOW - 20 * DAY)))


def test_who_came_as_a_build_was_cut_off_arrives_though_it_is_edited_meanwhile(site: Site) -> None:
    site.configure(NARROW)
    for number in (20, 21):
        site.write(f"s/{number}.md", article(number, **dated(NOW - number * DAY)))
    site.write("s/a.md", front(60))
    site.build(NOW)
    site.write("s/b.md", front(70))

    class CutOffError(Exception):
        pass

    def cut(stage: str, done: int, total: int) -> None:
        if stage == "publishing":
            raise CutOffError

    with pytest.raises(CutOffError):
        cycle.build(site.load(), NOW + 60, pictures="none", progress=cut)
    for turn in range(3):
        site.write("s/b.md", front(70) + f"<p>Edit {turn}.</p>")
        with pytest.raises(CutOffError):
            cycle.build(site.load(), NOW + 60, pictures="none", progress=cut)
    with closing(sqlite3.connect(site.root / ".feeds/catalogue.sqlite")) as catalogue:
        assert catalogue.execute("SELECT count(*) FROM departed").fetchone() == (0,)
    site.build(NOW + 120)
    assert site.titles() == ["Article 20", "Article 21", "Article 70"]


def test_who_comes_where_one_goes_that_no_feed_showed_arrives(site: Site) -> None:
    site.configure(NARROW)
    for number in (20, 21):
        site.write(f"s/{number}.md", article(number, **dated(NOW - number * DAY)))
    first = site.write("s/a.md", front(60))
    site.build(NOW)
    first.unlink()
    site.write("s/b.md", front(70))
    site.build(NOW + 60)
    assert site.titles() == ["Article 20", "Article 21", "Article 70"]


@pytest.mark.parametrize("link", ["", "https://x.example/"])
def test_a_number_that_several_names_begin_with_is_no_id(site: Site, link: str) -> None:
    site.write("s/100_days.md", article(2, link=link, body="<p>A ferry in the fog.</p>"))
    site.write("s/b.md", article(3, link=link, body="<p>Lentils with lemon.</p>"))
    site.build(NOW)
    before = {item["title"]: item["id"] for item in site.items()}
    site.write("s/100_ways.md", article(1, link=link, body="<p>The council and a lamp.</p>"))
    site.build(NOW + DAY)
    now = {item["title"]: item["id"] for item in site.items()}
    assert len(set(now.values())) == 3
    assert {title: now[title] for title in before} == before


def test_an_article_that_no_feed_shows_keeps_its_id_as_all_of_it_changes(site: Site) -> None:
    site.configure("[[feed]]\nslug = 'all'\nlimit = 1\nrecent = '1m'\n")
    path = site.write("s/a.md", article(1))
    site.build(NOW)
    before = only(site)["id"]
    site.write("s/b.md", article(2))
    parts: dict[str, object] = {"link": "https://news.example.com/1"}
    for turn, more in enumerate((dated(OLD - DAY), {"title": "Another title"}), 1):
        parts |= more
        site.write("s/a.md", article(1, **parts))
        site.build(NOW + turn * DAY)
        assert only(site)["title"] == "Article 2"
    path.rename(path.with_name("c.md"))
    site.build(NOW + 3 * DAY)
    site.configure("[[feed]]\nslug = 'all'\n")
    site.build(NOW + 4 * DAY)
    assert {item["title"]: item["id"] for item in site.items()}["Another title"] == before


def test_whoever_is_left_of_those_at_one_address_has_it_alone(site: Site) -> None:
    for number, text in enumerate(("A ferry in the fog.", "Lentils with lemon."), 1):
        body = f"<p>{text}</p>"
        site.write(f"s/{number}.md", article(number, link="https://x.example/", body=body))
    for name in ("a", "b"):
        site.write(f"s/{name}.md", article(3))
    site.build(NOW)

    def keys() -> set[str]:
        settings = site.load()
        with closing(Catalogue(settings.paths.catalogue, *cycle._recipes(settings))) as catalogue:
            return {family.key for family in catalogue.families()}

    twins = "news.example.com/3"
    assert {key.partition("#")[0] for key in keys()} == {"x.example", twins}
    (site.root / "seeds/s/1.md").unlink()
    site.build(NOW + DAY)
    assert keys() == {twins}


def test_one_text_under_one_address_with_everything_else_edited_is_one_article(site: Site) -> None:
    body = "".join(
        f"<p>Sentence {n} of a long report that is updated all day.</p>" for n in range(20)
    )
    site.write("s/a.md", article(1, link="https://x.example/live", body=body))
    site.write(
        "s/b.md", article(2, link="https://x.example/live", body=body + "<p>And one more.</p>")
    )
    site.build(NOW)
    assert only(site)["title"] == "Article 2"


# --- the site's own domain -----------------------------------------------------------------------


def test_the_site_may_move(site: Site) -> None:
    site.write("s/1.md", article(1))
    site.build(NOW)
    before = only(site)["id"]
    site.configure("", BASIC.replace("feeds.example.org", "moved.example.org"))
    site.build(NOW)
    assert only(site)["id"] == before
    assert site.json()["feed_url"].startswith("https://moved.example.org/")


def test_another_authority_over_a_thousand_entries_is_refused(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    site.configure("[[feed]]\nslug = 'all'\nlimit = 1000\nmax_size = '9 MB'\n")
    for number in range(1000):
        site.write(f"s/{number}.md", article(number))
    site.build(NOW)
    before = site.published()
    config = site.root / "config.toml"
    config.write_text(config.read_text().replace("[site]", '[site]\nauthority = "new.example.org"'))
    arguments = ["-c", str(config)]
    assert cli.main([*arguments, "plan"]) == 3
    assert "all: 0 new, 0 updated, 0 lost, 1000 shown again" in capsys.readouterr().out
    assert cli.main([*arguments, "generate", "--offline"]) == 3
    said = capsys.readouterr().err
    assert "of 1000 entries, 1000 would be shown again" in said
    assert "--accept" in said
    assert "new.example.org" in said
    assert site.published() == before
    assert cli.main([*arguments, "generate", "--offline", "--accept"]) == 0
    assert site.items()[0]["id"].startswith("tag:new.example.org,2020:")
    assert cli.main([*arguments, "generate", "--offline"]) == 0


def test_without_a_ledger_the_output_folder_is_what_subscribers_know(site: Site) -> None:
    for number in range(30):
        site.write(f"s/{number}.md", article(number))
    site.build(NOW)
    shutil.rmtree(site.root / ".feeds")
    site.configure("", BASIC.replace('since = "2020"', 'since = "2021"'))
    with pytest.raises(PublishError, match="of 30 entries, 30 would be shown again"):
        site.build(NOW)


def test_sources_that_vanish_are_refused(site: Site) -> None:
    site.configure('[[feed]]\nslug = "{source}"\neach = "source"\n')
    for number in range(30):
        site.write(f"{'ab'[number % 2]}/{number}.md", article(number))
    site.build(NOW)
    shutil.rmtree(site.root / "seeds/a")
    with pytest.raises(PublishError, match="15 would vanish"):
        site.build(NOW)
    assert cycle.build(site.load(), NOW, pictures="none", accept=True).deleted
    assert site.build(NOW).deleted == ()


# --- what really changed -------------------------------------------------------------------------

NOISE: dict[str, dict[str, object]] = {
    "captured again": {"epoch": NOW * 1000},
    "markup": {"body": "<div><p>Words of number <b>1</b>,  which are\nits own and no other's.</p><hr></div>"},
    "boilerplate": {"body": "<p>Words of number 1, which are its own and no other's.</p><div>获取更多RSS：x</div>"},
    "address": {"link": "http://www.news.example.com/1?utm_source=rss"},
    "domain": {"link": "https://news.example.net/1"},
}  # fmt: skip


@pytest.mark.parametrize("noise", NOISE)
def test_noise_is_no_update(site: Site, noise: str) -> None:
    site.write("s/1.md", article(1))
    site.build(NOW)
    before = only(site)
    site.write("s/1.md", article(1, **NOISE[noise]))
    site.build(NOW + DAY)
    assert only(site)["date_modified"] == before["date_modified"]


def test_another_proxy_of_the_lead_picture_is_no_update(site: Site) -> None:
    body = '<p>x</p><img src="https://{}p.example/a.jpg">'
    site.write("s/1.md", article(1, body=body.format("images.weserv.nl?url=")))
    site.build(NOW)
    before = only(site)["date_modified"]
    site.write("s/1.md", article(1, body=body.format("i0.wp.com/")))
    site.build(NOW + DAY)
    assert only(site)["date_modified"] == before


EDITS: dict[str, dict[str, object]] = {
    "title": {"title": "Article one"},
    "text": {"body": "<p>Words of number 1, which are its own.</p>"},
    "address": {"link": "https://news.example.com/one"},
    "picture": {"body": '<img src="https://p.example/b.jpg"><p>Words of number 1, which are its own and no other\'s.</p>'},
}  # fmt: skip


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_is_an_update(site: Site, edit: str) -> None:
    site.write("s/1.md", article(1))
    site.build(NOW)
    site.write("s/1.md", article(1, **EDITS[edit]))
    site.build(NOW + DAY)
    assert only(site)["date_modified"] == "2026-11-23T12:00:00+00:00"
    site.write("s/1.md", article(1, **EDITS[edit], epoch=(NOW + 2 * DAY) * 1000))
    site.build(NOW + 3 * DAY)
    assert only(site)["date_modified"] == "2026-11-23T12:00:00+00:00"


def test_the_instant_of_a_real_change_is_the_one_the_seed_states(site: Site) -> None:
    site.write("s/1.md", article(1))
    site.build(NOW)
    site.write("s/1.md", article(1, title="Edited", epoch=(NOW + HOUR) * 1000))
    site.build(NOW + DAY)
    assert only(site)["date_modified"] == "2026-11-22T13:00:00+00:00"


def test_what_another_configuration_reads_otherwise_is_no_edit(site: Site) -> None:
    site.write("s/1.md", article(1, body="<p>Words.</p><p>Advert: buy</p>"))
    site.build(NOW)
    before = only(site)["date_modified"]
    site.configure('[content]\nboilerplate = ["Advert"]\n')
    site.build(NOW + DAY)
    assert "Advert" not in only(site)["content_html"]
    assert only(site)["date_modified"] == before


@pytest.mark.parametrize("policy", ["silent", "updated", "new"])
def test_each_feed_says_what_an_edit_is(site: Site, policy: str) -> None:
    site.configure(f"[[feed]]\nslug = 'all'\nedits = '{policy}'\n")
    site.write("s/1.md", article(1))
    site.build(NOW)
    before = only(site)
    site.write("s/1.md", article(1, title="Edited"))
    site.build(NOW + DAY)
    after = only(site)
    assert after["title"] == "Edited"
    assert (after["id"] == before["id"]) == (policy != "new")
    assert (after["date_modified"] == before["date_modified"]) == (policy == "silent")
    if policy == "new":
        assert after["id"] == f"{before['id']};v=2"


# --- feeds ids -----------------------------------------------------------------------------------


def exported(site: Site) -> str:
    with ids.opened(site.load(), 0) as register:
        return "".join(f"{line}\n" for line in ids.export(register))


def imported(site: Site, text: str) -> None:
    with ids.opened(site.load(), 0, make=True) as register:
        ids.take(register, text, "ids.txt")


def test_what_arrives_between_the_export_and_the_import_has_arrived(site: Site) -> None:
    site.configure("[[feed]]\nslug = 'all'\nlimit = 5\n")
    for number in range(1, 21):
        site.write(f"s/{number}.md", article(number))
    site.build(NOW)
    before = site.items()
    text = exported(site)
    shutil.rmtree(site.root / ".feeds")
    site.write("t/777.md", article(777, **dated(NOW - 300 * DAY)))
    imported(site, text)
    (outlook,) = cycle.plan(site.load(), NOW + HOUR)
    assert [change.kind for change in outlook.changes] == ["new"]
    site.build(NOW + HOUR)
    assert [i for i in site.items() if i in before] == before
    assert len(site.items()) == 6
    assert exported(site).count('"known"') >= text.count('"known"') > 5


def test_an_export_makes_a_lost_ledger_good(site: Site) -> None:
    path = site.write("s/1.md", article(1))
    site.write("s/2.md", article(2))
    site.build(NOW)
    path.unlink()
    path = site.write("s/one.md", article(1, link="https://x.example/one"))
    site.write("s/2.md", article(2, title="Edited"))
    site.build(NOW + DAY)
    before, text = site.items(), exported(site)
    shutil.rmtree(site.root / ".feeds")
    imported(site, text)
    path.unlink()  # and it moves once more before the next build
    site.write("s/uno.md", article(1, link="https://x.example/uno"))
    site.build(NOW + 2 * DAY)
    after = site.items()
    assert [i["id"] for i in after] == [i["id"] for i in before]
    assert after[0]["date_modified"] == before[0]["date_modified"]
    shutil.rmtree(site.root / ".feeds")
    imported(site, text)
    assert exported(site) == text


@pytest.mark.parametrize(
    ("text", "said"),
    [("nonsense", "ids.txt:1: it is no export"), ('{"format": "feeds ids 9"}', "known is 'feeds ids 1'"),
     ('{"format": "feeds ids 1", "authority": ""}\n{"artikel": 1}', "ids.txt:2")],
)  # fmt: skip
def test_what_is_no_export_is_refused(site: Site, text: str, said: str) -> None:
    site.build(NOW)
    with pytest.raises(FeedsError, match=said):
        imported(site, text)


def test_a_person_merges_and_splits(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(site.root)
    site.write("s/1.md", article(1))
    site.write("s/2.md", article(2, body="<p>Newer words.</p>"))
    site.build(NOW)
    two, one = site.items()
    assert cli.main(["ids", "merge", "seeds/s/1.md", str(two["id"])]) == 0
    site.build(NOW)
    assert (only(site)["id"], only(site)["title"]) == (one["id"], "Article 2")
    site.write("s/1.md", article(1, epoch=NOW * 1000))
    site.build(NOW + 1)
    assert (only(site)["id"], only(site)["title"]) == (one["id"], "Article 1")
    assert cli.main(["ids", "split", "seeds/s/2.md"]) == 0
    site.build(NOW + 2)
    assert len({item["id"] for item in site.items()}) == 2
    assert one["id"] in {item["id"] for item in site.items()}
    capsys.readouterr()
    assert cli.main(["--format", "json", "ids", "show", "https://news.example.com/1"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["id"], told["path"]) == (one["id"], "s/1.md")
    assert cli.main(["ids", "list"]) == 0
    assert str(one["id"]) in capsys.readouterr().out
    assert cli.main(["ids", "show", "nothing"]) == 3
    assert cli.main(["ids", "export", "ids.txt"]) == 0
    assert cli.main(["ids", "import", "ids.txt"]) == 0
    site.build(NOW + 3)
    assert len({item["id"] for item in site.items()}) == 2


def test_ids_before_any_build(site: Site) -> None:
    with pytest.raises(StateError, match="there is no ledger yet"), ids.opened(site.load(), 0):
        pass


def test_a_damaged_ledger_is_set_aside_and_said_so(site: Site) -> None:
    site.write("s/1.md", article(1))
    site.build(NOW)
    before = site.bytes()
    (site.root / ".feeds/ledger.sqlite").write_bytes(b"no database at all, but something else" * 99)
    report = site.build(NOW)
    assert "the ledger was damaged" in report.notes[0]
    assert (site.root / f".feeds/ledger-{NOW}.sqlite").exists()
    assert site.bytes() == before


# --- any history ---------------------------------------------------------------------------------


class Histories(RuleBasedStateMachine):
    """Articles live through any series of changes while readers with their own rhythm follow."""

    factory: pytest.TempPathFactory

    @initialize()
    def begin(self) -> None:
        self.site = Site(self.factory.mktemp("history"))
        self.site.configure(PLAIN + "recent = '2d'\n")
        self.site.root.joinpath("seeds").mkdir()
        self.now = NOW
        self.next = 0
        self.living: dict[
            int, dict[str, object]
        ] = {}  # number -> where it lies, and how it is written
        self.ids: dict[int, str] = {}
        self.readers = [{"period": hours * HOUR, "last": 0, "seen": {}} for hours in (1, 13, 47)]
        for _ in range(8):
            self.arrive(5)
        self.site.build(self.now)
        self.announced = {n for n in self.living if f"Mark {n}." in self.text()}
        self.owed: set[int] = set()
        self.poll()

    def text(self) -> str:
        return json.dumps(self.site.items(), ensure_ascii=False)

    def place(self, number: int) -> None:
        one = self.living[number]
        parts = {k: v for k, v in one.items() if k != "path"}
        one["file"] = self.site.write(
            str(one["path"]), article(number, **{k: v for k, v in parts.items() if k != "file"})
        )

    def pick(self, draw: int) -> int:
        return sorted(self.living)[draw % len(self.living)]

    def change(self, draw: int, **changes: object) -> None:
        number = self.pick(draw)
        if "path" in changes:
            self.living[number]["file"].unlink()
        self.living[number].update(changes)
        self.place(number)

    @rule(age=st.integers(0, 200))
    def arrive(self, age: int) -> None:
        number, self.next = self.next, self.next + 1
        instant = self.now - age * DAY + number
        self.living[number] = {
            "path": f"{'st'[number % 2]}/{5000 + number}_x.md", "body": f"<p>Mark {number}. Its words.</p>", **dated(instant),
        }  # fmt: skip
        self.place(number)
        if hasattr(self, "owed"):
            self.owed.add(number)

    @rule(draw=st.integers(0, 99), name=st.sampled_from(["y", "z", "长"]))
    def rename(self, draw: int, name: str) -> None:
        number = self.pick(draw)
        folder = str(self.living[number]["path"]).partition("/")[0]
        self.change(draw, path=f"{folder}/{5000 + number}_{name}.md")

    @rule(draw=st.integers(0, 99))
    def touch(self, draw: int) -> None:
        self.change(draw)

    @rule(draw=st.integers(0, 99))
    def capture_again(self, draw: int) -> None:
        self.change(draw, epoch=self.now * 1000)

    @rule(draw=st.integers(0, 99), word=st.sampled_from(["Edited", "Once more"]))
    def edit_title(self, draw: int, word: str) -> None:
        self.change(draw, title=f"{word} {self.pick(draw)}")

    @rule(draw=st.integers(0, 99), scheme=st.sampled_from(["http://www.", "https://"]))
    def change_scheme(self, draw: int, scheme: str) -> None:
        number = self.pick(draw)
        link = str(self.living[number].get("link", f"https://news.example.com/{number}"))
        self.change(draw, link=scheme + link.partition("://")[2].removeprefix("www."))

    @rule(draw=st.integers(0, 99), host=st.sampled_from(["a.example", "b.example"]))
    def move_domain_of_the_source(self, draw: int, host: str) -> None:
        self.change(draw, link=f"https://{host}/{self.pick(draw)}")

    @rule(old=st.sampled_from("stu"), new=st.sampled_from("stu"))
    def rename_folder(self, old: str, new: str) -> None:
        for number, one in list(self.living.items()):
            if str(one["path"]).startswith(f"{old}/") and old != new:
                one["file"].unlink()
                one["path"] = f"{new}/{str(one['path']).partition('/')[2]}"
                self.place(number)

    @rule(name=st.sampled_from(["feeds.example.org", "moved.example.org"]))
    def move_the_site(self, name: str) -> None:
        self.site.configure(PLAIN + "recent = '2d'\n", BASIC.replace("feeds.example.org", name))

    @rule()
    def restart(self) -> None:
        (self.site.root / ".feeds/catalogue.sqlite").unlink()

    @rule()
    def export_and_import(self) -> None:
        self.site.build(self.now)
        text = exported(self.site)
        (self.site.root / ".feeds/ledger.sqlite").unlink()
        imported(self.site, text)

    @rule(hours=st.integers(1, 30))
    def time_passes(self, hours: int) -> None:
        end = self.now + hours * HOUR
        while self.now < end:
            self.now = min(end, *(r["last"] + r["period"] for r in self.readers))
            self.poll()

    def poll(self) -> None:
        """Build, and let every reader look whose time has come; it knows entries by their ids."""
        self.site.build(self.now)
        for reader in self.readers:
            if self.now - reader["last"] < reader["period"]:
                continue
            reader["last"] = self.now
            for item in self.site.items():
                number = int(str(item["content_html"]).partition("Mark ")[2].partition(".")[0])
                assert reader["seen"].setdefault(number, item["id"]) == item["id"], "shown again"
                assert self.ids.setdefault(number, str(item["id"])) == item["id"], "its id changed"

    @invariant()
    def nothing_is_missed(self) -> None:
        self.site.build(self.now)
        assert len({i["id"] for i in self.site.items()}) == len(self.site.items())

    def teardown(self) -> None:
        if not hasattr(self, "owed"):
            return
        self.site.build(self.now)
        self.time_passes(48)
        for reader in self.readers:
            assert self.owed <= set(reader["seen"]), "an article was missed"


def test_ids_never_change_and_nothing_is_missed(tmp_path_factory: pytest.TempPathFactory) -> None:
    Histories.factory = tmp_path_factory
    run_state_machine_as_test(
        Histories, settings=settings(max_examples=12, stateful_step_count=12, deadline=None)
    )


PIECES = st.sampled_from("12 123 ٣ ٣٣٣ 2020 0715 0abcdef1 a _ . - é".split())


@given(st.lists(PIECES, max_size=5).map("".join))
def test_the_id_in_a_name_is_the_same_in_bytes(name: str) -> None:
    assert identity.number_in(name.encode()).decode() == identity.number_of(f"a/{name}")


def test_the_keys_of_addresses() -> None:
    assert identity.address("http://www.x.example/a/?utm_source=b") == "x.example/a"
    assert identity.address("path:s/1001") == "path:s/1001"


def test_a_question_of_an_article_looks_at_few_others(site: Site) -> None:
    """As a burst of thousands asks for each of them."""
    site.write("s/1001_a.md", seed())
    site.build()
    with sqlite3.connect(site.root / ".feeds/ledger.sqlite") as db:
        asked: list[str] = []
        db.set_trace_callback(asked.append)
        register = Register(db)
        register.like(Heading("s/1001_a.md", "A", "", 1, 1))
        register.recent(5)
        register.account("x")
        db.set_trace_callback(None)
        plans = [row[3] for query in asked for row in db.execute(f"EXPLAIN QUERY PLAN {query}")]
    assert len(plans) >= 6
    assert all(plan.startswith("SEARCH articles USING") for plan in plans), plans


ROOMY = "[[feed]]\nslug = 'all'\nlimit = 2\nrecent = '9d'\n"


@pytest.mark.parametrize("more", ["", "archive = true\n"])
@pytest.mark.parametrize("alike", ["nothing", "title", "day"])
def test_drafts_under_one_name_are_articles_of_their_own(
    site: Site, alike: str, more: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Each is written as draft.md, and renamed once it is done."""
    site.configure(ROOMY + more)
    for number in range(50, 53):
        site.write(f"s/{number}.md", article(number, link=""))
    site.build(NOW)
    now, ids = NOW, {}

    def entries() -> dict[str, str]:
        return {item["content_html"]: item["id"] for item in site.items()}

    for number in range(1, 6):
        now += 3600
        title = "Daily notes" if alike == "title" else f"Article {number}"
        when = dated(NOW if alike == "day" else now)
        site.write("s/draft.md", article(number, link="", title=title, **when))
        site.build(now)
        ids |= entries()
        now += 3600
        os.rename(site.root / "seeds/s/draft.md", site.root / f"seeds/s/post-{number}.md")
        site.build(now)
        assert entries().items() <= ids.items()
        told = " ".join(entries())
        # All arrived lately, and are more than the limit.
        assert all(f"Words of number {one}," in told for one in range(1, number + 1))
        assert site.bytes() == fresh(site, tmp_path_factory, now)
    assert len(set(ids.values())) == len(ids)


@pytest.mark.parametrize("more", ["", "archive = true\n"])
@pytest.mark.parametrize("many", [5, 70])
def test_a_file_that_gets_its_first_name_again_goes_on(
    site: Site, many: int, more: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    site.configure(f"[[feed]]\nslug = 'all'\nlimit = {2 if more else 80}\n{more}")
    for number in range(many):
        site.write(f"s/k{number}.md", article(number, link=""))
    site.build(NOW)

    def stands() -> list[str]:
        documents = [body.decode() for name, body in site.bytes().items() if name.endswith("m.xml")]
        return sorted(i for text in documents for i in re.findall("<entry><id>(.*?)</id>", text))

    before = stands()
    assert len(before) == many
    for number, (old, new) in enumerate((("k3", "other"), ("other", "k3"), ("k3", "other")), 1):
        os.rename(site.root / f"seeds/s/{old}.md", site.root / f"seeds/s/{new}.md")
        site.build(NOW + number * 60, accept=True)
        assert stands() == before
        assert site.bytes() == fresh(site, tmp_path_factory, NOW + number * 60)


def test_a_file_keeps_its_id_under_the_name_of_one_that_is_gone(site: Site) -> None:
    for number, name in enumerate("abc", 1):
        site.write(f"s/{name}.md", article(number, link=""))
    site.build(NOW)
    before = {item["title"]: item["id"] for item in site.items()}
    os.unlink(site.root / "seeds/s/a.md")
    site.build(NOW + 60)
    os.rename(site.root / "seeds/s/b.md", site.root / "seeds/s/a.md")
    site.build(NOW + 120)
    del before["Article 1"]
    assert {item["title"]: item["id"] for item in site.items()} == before
    os.rename(site.root / "seeds/s/c.md", site.root / "seeds/s/a.md")
    site.build(NOW + 180)
    del before["Article 2"]
    assert {item["title"]: item["id"] for item in site.items()} == before


@pytest.mark.parametrize("more", ["", "archive = true\n"])
def test_files_that_swap_their_names_or_pass_them_on_keep_their_ids(
    site: Site, more: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """As where notes.md becomes notes-1.md, and that notes-2.md, all in one build."""
    site.configure(ROOMY + more)
    folder, now = site.root / "seeds/s", NOW
    site.write("s/elsewhere.md", article(90))
    site.build(now)
    ids: dict[str, str] = {}

    def notes() -> dict[str, str]:
        mine = [item for item in site.items() if item["title"] == "Daily notes"]
        return {str(item["content_html"]): str(item["id"]) for item in mine}

    for number in range(1, 7):
        now += HOUR
        for old in range(number - 1, 0, -1):
            name = f"notes-{old - 1}.md" if old > 1 else "notes.md"
            os.rename(folder / name, folder / f"notes-{old}.md")
        site.write("s/notes.md", article(number, link="", title="Daily notes", **dated(now)))
        site.build(now)
        assert ids.items() <= notes().items()
        ids = notes()
        assert len(set(ids.values())) == len(ids) == number
        assert site.bytes() == fresh(site, tmp_path_factory, now)
    os.rename(folder / "notes.md", folder / "kept")
    os.rename(folder / "notes-3.md", folder / "notes.md")
    os.rename(folder / "kept", folder / "notes-3.md")
    site.build(now + 60)
    assert notes() == ids


def test_a_late_article_under_a_number_and_an_address_of_before_arrives(site: Site) -> None:
    shared = "https://news.example.com/shared"
    site.configure(ROOMY)
    for number in range(10, 15):
        site.write(f"s/{number}.md", article(number, link=""))
    site.write("s/post-2.md", article(0, link=shared, **dated(NOW - 30 * DAY)))
    site.write("s/1002_a.md", article(3, link=shared, **dated(NOW - 20 * DAY)))
    site.build(NOW)
    before = {item["title"]: item["id"] for item in site.items()}
    os.rename(site.root / "seeds/s/1002_a.md", site.root / "seeds/s/draft.md")
    site.build(NOW + 60)
    body = "<p>It rained for a week, and then the ferry came.</p>"
    site.write("s/1002_a.md", article(39, link=shared, body=body, **dated(NOW - 60 * DAY)))
    site.build(NOW + 120)
    after = {item["title"]: item["id"] for item in site.items()}
    assert before.items() <= after.items()
    assert after.keys() == {*before, "Article 39"}


@pytest.mark.parametrize(("old", "new"), [("b", "c"), ("c", "b")])
@pytest.mark.parametrize("more", ["", "archive = true\n"])
def test_a_copy_under_the_name_of_before_takes_no_id(
    site: Site, more: str, old: str, new: str
) -> None:
    """An article was renamed, and a file of its title and its date has its old name now."""
    site.configure(f"[[feed]]\nslug = 'all'\nlimit = {2 if more else 50}\n{more}")
    site.write(f"s/{old}.md", article(1, link=""))
    for number in range(2, 5):
        site.write(f"s/k{number}.md", article(number, link=""))
    site.build(NOW)
    os.rename(site.root / f"seeds/s/{old}.md", site.root / f"seeds/s/{new}.md")
    site.build(NOW + 60)
    before = {item["content_html"]: item["id"] for item in site.items()}
    site.write(f"s/{old}.md", article(1, link="", body="<p>Quite other words.</p>"))
    for later in (120, 180):
        site.build(NOW + later)
        after = {item["content_html"]: item["id"] for item in site.items()}
        assert len(set(after.values())) == len(after) == 5
        assert before.items() <= after.items()
        site.write("s/k2.md", article(2, link="", title="Edited"))


def test_no_two_articles_have_one_mark(tmp_path: Path) -> None:
    """Not even when the salt of one makes the key that another has already."""
    names = ("s/0/1111_a.md", "s/1/1111_b.md", "s/2/1111_c.md", "s/3/1111_d.md")
    headings = [Heading(name, "x", "", 1_700_000_000, 1_700_000_000) for name in names]
    key = identity.key(headings[0])
    shared = (f"{key}#1111", None, None, None)
    with opened(str(tmp_path / "ledger.sqlite")) as ledger:
        for some in itertools.permutations(range(4)):
            standing = {row: (headings[row], shared[row]) for row in some}
            marks = naming.marks(standing, ledger.register)
            assert len(set(marks.values())) == 4
            assert marks[0] == identity.mark(f"{key}#1111")
            assert marks[1] == identity.mark(key)


@pytest.mark.parametrize("meanwhile", ["", "configuration", "catalogue"])
def test_another_article_at_an_address_of_before_arrives(site: Site, meanwhile: str) -> None:
    site.configure(ROOMY)
    shared = "https://news.example.com/daily"
    for number in range(5):
        site.write(f"s/k{number}.md", article(number))
    site.write("s/first.md", article(7, link=shared, **dated(NOW - DAY)))
    site.build(NOW)
    (before,) = (item["id"] for item in site.items() if item["title"] == "Article 7")
    site.root.joinpath("seeds/s/first.md").unlink()
    body = "<p>It rained for a week, and then the ferry came.</p>"
    site.write("s/other.md", article(8, link=shared, body=body, **dated(NOW - 900 * DAY)))
    if meanwhile == "configuration":
        site.configure(ROOMY + "title = 'Everything'\n")
    elif meanwhile == "catalogue":
        site.root.joinpath(".feeds/catalogue.sqlite").unlink()
    site.build(NOW + 60, accept=True)
    (after,) = (item["id"] for item in site.items() if item["title"] == "Article 8")
    assert after != before

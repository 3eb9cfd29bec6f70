"""The configuration: what it says, and everything that is wrong with it at once."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path

import pytest
from conftest import BASIC

from feeds import config, schema
from feeds.model import ConfigError
from feeds.tables import TABLES


def load(text: str) -> config.Config:
    return config.parse(text, "/home/me/site/config.toml")


def faults(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(text)
    return list(caught.value.faults)


def test_all_faults_of_a_rule() -> None:
    rule = "{ title_matches = '(', after = 'then', foo = 3, not = [{ host = 7 }, { surce = 'x' }] }"
    said = faults(f"{BASIC}[[feed]]\nslug = 'x'\nexclude = {rule}\n")
    assert [line.split(": ", 3)[2:][0] for line in said] == [
        "title_matches",
        "after",
        "foo",
        "not",
        "not",
    ]
    assert "host: 7 must be a list of strings" in said[3]
    assert 'surce: unknown condition; did you mean "source"?' in said[4]


def test_a_mark_at_the_beginning_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(BASIC + "[paths]\nstate = 's'\n", encoding="utf-8-sig")
    assert config.load(str(path)).site.title == "Test site"
    assert config.state_of(str(path)) == str(tmp_path / "s")


def test_title_and_url_are_enough() -> None:
    found = load('[site]\ntitle = "T"\nurl = "https://feeds.example.org"\n')
    assert found.site.url == "https://feeds.example.org/"
    assert found.site.authority == "feeds.example.org"
    assert found.paths.seeds == "/home/me/site/seeds"
    assert found.paths.out == "/home/me/site/out"
    assert found.paths.state == "/home/me/site/.feeds"
    (table,) = found.feeds
    channel = found.channel(table)
    assert (channel.slug, channel.title, channel.limit) == ("all", "T", 50)
    assert channel.formats == ("atom", "rss", "json")
    assert channel.author == "T"


def test_all_faults_in_one_report_with_key_and_line() -> None:
    said = faults(
        '[site]\ntilte = "x"\nurl = "ftp://x"\nlanguage = "zh_CN"\ntimezone = "Europ/Rome"\nsince = "26"\n'
        '[pahts]\n[images]\nrefresh = "3 parsecs"\nmeasure = "yes"\n[[feed]]\nslug = "a b"\n'
        'formats = [\n "atom", # x\n "rdf"]\nlimit = 0\n[[feed]]\nslug = "{source}"\n[[feed]]\ntitle = "u"\n'
        '[feed.include]\nsurce = "x"\n[content]\nboilerplate = ["("]\n[[source]]\nfolder = "a"\nencoding = "utf-9"\n'
    )
    assert said[0].startswith("config.toml:1: [site] title: it is required")
    expected = {
        2: 'tilte: unknown key; did you mean "title"?', 3: "must be an absolute address", 4: "write 'zh-CN'",
        5: 'did you mean "Europe/Rome"?', 6: "must be a year", 7: 'unknown table; did you mean "paths"?',
        9: "must be a number with a unit", 10: "must be true or false", 12: "may hold letters",
        13: "'rdf' is none of atom, rss, json", 16: "too little; at least 1", 18: "may hold letters",
        19: "slug: it is required", 21: 'unknown condition; did you mean "source"?', 24: "no regular expression",
        27: "no encoding that Python knows",
    }  # fmt: skip
    found = {int(line.split(":")[1]): line for line in said if line.split(":")[1].isdigit()}
    for line, words in expected.items():
        assert words in found[line], (line, found.get(line))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = [", "it is no TOML"),
        ("[site]\ntitle = 1\nurl = 2", "must be a string in quotes"),
        ('[feed]\nslug = "a"\n' + BASIC, "write [[feed]], in double brackets"),
        (
            BASIC + '[[feed]]\nslug = "a"\n[[feed]]\nslug = "a"',
            "is the slug of another feed already",
        ),
        (BASIC + '[[feed]]\nslug = "media"', "is the name of something else in out"),
        (
            BASIC + '[[source]]\nfolder = "a"\nslug = "media"',
            "is the name of something else in out",
        ),
        (BASIC + '[[feed]]\nslug = "x"\neach = "source"', 'it must hold "{source}"'),
        (BASIC + '[[feed]]\nslug = "../x"', "may hold letters"),
        (BASIC + '[[feed]]\nslug = ".x"', "may hold letters"),
        (BASIC + '[paths]\nout = "seeds/out"', "feeds would read their own output"),
        (BASIC + '[paths]\nseeds = "out/x"', "cleared of what no feed needs"),
        (BASIC + '[paths]\nseeds = "."', "feeds would read their own output"),
        (BASIC + '[paths]\nstate = "out/.feeds"', "it would be published"),
        (BASIC + '[[source]]\nfolder = "a"\n[[source]]\nfolder = "a"', "stands here twice"),
        (BASIC + "[seeds]\nmax_size = true", "must be a number with a unit"),
        (BASIC + "[[feed]]\nslug = 'a'\ninclude = { after = 'soon' }", "is no date"),
        (BASIC + "[[feed]]\nslug = 'a'\ninclude = { any = 'x' }", "must be a table of conditions"),
        (BASIC + "[[feed]]\nslug = 'a'\nformats = []", "at least one of atom"),
        (
            BASIC + "[[feed]]\nslug = 'a'\ninclude = { title_matches = '(' }",
            "no regular expression",
        ),
        (BASIC + '[content]\nremove = [".a", "div["]', "'div[' is no CSS selector"),
        (BASIC + '[[feed]]\nslug = "a"\nlimit = 99999999999999999999', "too much"),
        (BASIC + '[images]\nrefresh = "99999999999999999d"', "too much"),
        (BASIC + 'authority = "no domain/"', "must be a domain of yours"),
        (BASIC + 'email = "nobody"', "must be an address"),
        (BASIC + "[seeds]\nsuffixes = []", "at least one ending"),
        (BASIC + "[seeds]\nsuffixes = ['md']", "'md' must be a dot and letters"),
        (BASIC + "[schedule]\nevery = '5s'", "every: '5s' is too little; at least 10s"),
        (BASIC + "[paths]\nout = '/'", "seeds: they lie in out"),
        (BASIC + "[guard]\nshare = 200", "share: 200 is too much; at most 100"),
        (BASIC + "[[feed]]\nslug = 'x'\neach = 'sources'", "each: 'sources' can only be source"),
        (BASIC + "[schedule]\ncron = '0 0 31 4 *'", "cron: '0 0 31 4 *' never comes"),
        (BASIC + "[schedule]\ncron = '* * * *'", "must have five fields"),
        (BASIC + "[schedule]\nsettle = '1m'", 'such as "200ms"'),
        (BASIC + "[schedule]\naddress = '9464'", "must be a host and a port"),
        (BASIC + "[websub]\nhubs = ['hub.example']", "must be an absolute http or https address"),
        (BASIC + "site = 3", "site: unknown key"),
        ("site = 3", "[site] must be a table"),
    ],
)
def test_faults(text: str, words: str) -> None:
    assert any(words in line for line in faults(text)), faults(text)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "::1", "::", "localhost", "feeds.example.org", "fe80::1%lo", "box_1"]
)
def test_hosts(host: str) -> None:
    assert load(f'{BASIC}[serve]\nhost = "{host}"\nport = 65535\n').serve.host == host


@pytest.mark.parametrize(
    "host",
    ["", "a b", "http://x", "127.0.0.1:80", "[::1]", "-a", "a..b", "a" * 64, "x/y", "é\\u0000"],
)
def test_what_is_no_host(host: str) -> None:
    (said,) = faults(f'{BASIC}[serve]\nhost = "{host}"\n')
    assert "[serve] host: " in said


@pytest.mark.parametrize("port", [0, -1, 65_536, 70_000, 99_999])
def test_what_is_no_port(port: int) -> None:
    (said,) = faults(f"{BASIC}[serve]\nport = {port}\n")
    assert "at least 1" in said or "at most 65535" in said


def moved(*pairs: tuple[str, str]) -> str:
    return BASIC + "".join(
        f'[[moved]]\npath = "{a}"\n' + (f'to = "{b}"\n' if b else "") for a, b in pairs
    )


@pytest.mark.parametrize(
    ("pairs", "wrong"),
    [
        ([("a", "a")], 1), ([("b", "b/c")], 1), ([("p", "q"), ("q", "p")], 2), ([("a", "b"), ("b", "c"), ("c", "a/x")], 3),
        ([("a", "https://feeds.example.org/a")], 1), ([("a", "b"), ("b", "https://FEEDS.example.org:443/a/")], 2), ([("/a/", "a/")], 1),
        ([("a", "b"), ("b", "b")], 2), ([("a/x", "a"), ("a", "b")], 0), ([("a", "b"), ("b", "c"), ("c", "")], 0), ([("a", "ab")], 0), ([("/a b/", "/b")], 0),
        ([("a", "https://other.example/a")], 0), ([("a", "b/atom.xml")], 0), ([("a/old.xml", "a/atom.xml")], 0), ([("島", "新聞")], 0),
        ([("a", "b"), ("a", "a")], 0),
    ],
)  # fmt: skip
def test_what_moves_arrives(pairs: list[tuple[str, str]], wrong: int) -> None:
    said = faults(moved(*pairs)) if wrong else []
    assert len(said) == wrong
    assert all("leads back" in one for one in said)
    if not wrong:
        assert len(load(moved(*pairs)).moved) == len(pairs)


@pytest.mark.parametrize(
    "place", ["../x", "a/../b", "a/./b", "..", "a//b", "a?b", "a#b", "a\\tb", "javascript:alert(1)", "//evil.example/", "\\\\evil"]
)  # fmt: skip
def test_a_place_lies_below_the_site(place: str) -> None:
    assert "[[moved]] path: " in faults(moved((place, "b")))[0]
    assert "[[moved]] to: " in faults(moved(("a", place)))[0]


@pytest.mark.parametrize(
    "to", ["ftp://x.example/", "https://", "javascript://x", "https://me@x.example/"]
)
def test_what_moves_away_has_an_address(to: str) -> None:
    assert "[[moved]] to: " in faults(moved(("a", to)))[0]


def test_a_missing_file_says_what_to_do() -> None:
    with pytest.raises(ConfigError, match="`feeds init` writes one"):
        config.load("/nowhere/config.toml")


def test_rules_are_read() -> None:
    found = load(
        BASIC
        + '[[feed]]\nslug = "a"\ninclude = [{ source = "x", any = [{ title = ["a b"] }, { host = "*.x" }],'
        ' not = { path = "x/**" }, after = 2020-01-01, before = 2021-01-01T08:00:00+08:00 }]\n'
        'exclude = { title_matches = "^Ad" }\n'
    )
    channel = found.channel(found.feeds[0])
    (include,) = channel.rule.all
    (rule,) = include.any
    assert rule.source == ("x",)
    assert rule.any[0].title == ("a b",)
    assert rule.none[0].path == ("x/**",)
    assert (rule.after, rule.before) == (1577836800, 1609459200)
    assert channel.rule.none[0].title_matches == ("^Ad",)


def test_sources_fill_in_from_the_site() -> None:
    found = load(
        BASIC
        + '[[source]]\nfolder = "泡泡 报"\nlanguage = "zh-CN"\n[[feed]]\nslug = "x-{source}"\neach = "source"\n'
    )
    source = found.source("泡泡 报")
    assert (source.title, source.slug, source.timezone) == ("泡泡 报", "泡泡-报", "Asia/Shanghai")
    channel = found.channel(found.feeds[0], source)
    assert (channel.slug, channel.title, channel.language) == ("x-泡泡-报", "泡泡 报", "zh-CN")
    assert channel.source == "泡泡 报"
    assert found.source("other").language == "en"


def test_quantities() -> None:
    found = load(BASIC + '[images]\nrefresh = "36h"\ntimeout = 5\n[seeds]\nmax_size = "1.5 MiB"\n')
    assert (found.images.refresh, found.images.timeout) == (129_600, 5)
    assert found.seeds.max_size == 1_572_864
    assert load(BASIC + '[seeds]\nmax_size = "100 KB"\n').seeds.max_size == 100_000


def test_lines_of_keys_in_odd_layouts() -> None:
    lines = schema._lines(
        '[a]\nx = """\n[not]\ny = 1\n"""\ny = [\n  1, # [\n  "]",\n]\n"quoted key" = 1\n[[b]]\nz.w = 1\n[b.c]\nq = 1\n[[b]]\nz = 2\n'
    )
    assert lines["a", "y"] == 6
    assert lines["a", "quoted key"] == 10
    assert lines["b", 0, "z", "w"] == 12
    assert lines["b", 0, "c", "q"] == 14
    assert lines["b", 1, "z"] == 16


def test_effective_is_read_back_as_the_same() -> None:
    text = (
        BASIC
        + '[[source]]\nfolder = "x\\"y"\ntrim = [" \\\\ - z"]\n[[feed]]\nslug = "a"\ninclude = { title = "t", after = 2020-01-01 }\n'
    )
    found = load(text)
    again = config.parse(config.effective(found), found.path)
    assert again == found


def test_quantities_are_written_with_their_units() -> None:
    text = config.template("T", "https://x.example/", "en", "UTC", "2026")
    assert re.search(r'^# max_size = "5 MiB"', text, re.MULTILINE)
    assert re.search(r'^# refresh = "30d"', text, re.MULTILINE)
    assert 'timeout = "10s"' in config.effective(load(BASIC))


def test_the_template_documents_every_key_and_is_right() -> None:
    text = config.template('A "title"', "https://x.example/", "en", "UTC", "2026")
    found = load(text)
    assert found.site.title == 'A "title"'
    uncommented = tomllib.loads(
        "\n".join(line.removeprefix("# ") for line in text.splitlines() if " = " in line or "[" in line[:4])
        .replace('"…"', '"x"').replace("{ }", "{}")
    )  # fmt: skip
    for name, kind in TABLES.items():
        table = uncommented[name][0] if isinstance(uncommented[name], list) else uncommented[name]
        assert set(table) == {key for key, _, _ in schema.documented(kind)}


def test_the_sample_names_every_key() -> None:
    text = Path(__file__).parents[1].joinpath("config.toml").read_text(encoding="utf-8")
    for name, kind in TABLES.items():
        for key, _, _ in schema.documented(kind):
            assert any(
                line.lstrip("# ").startswith((f"{key} =", f"{key}=")) for line in text.splitlines()
            ), f"[{name}] {key} is not in config.toml"


def test_every_meaning_is_written_down() -> None:
    for kind in TABLES.values():
        assert kind.__doc__
        for _, _, meaning in schema.documented(kind):
            assert meaning
            assert not meaning.endswith(".")


def test_a_config_need_not_lie_in_the_working_folder(tmp_path: Path) -> None:
    path = tmp_path / "sub" / "config.toml"
    path.parent.mkdir()
    path.write_text(BASIC, encoding="utf-8")
    assert config.load(os.path.relpath(path)).paths.seeds == str(tmp_path / "sub" / "seeds")

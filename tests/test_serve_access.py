"""The access log and what is read from it; clients behind proxies; the limit; hints."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys

import pytest
from conftest import Site, dated, seed
from hypothesis import given
from hypothesis import strategies as st
from outside import HOME, caddy_server, eventually, feeds_server, nginx_server, proxy_server

from feeds import cadence
from feeds.schema import made
from feeds.serving import access, logs, stats
from feeds.serving.client import Clients, household
from feeds.serving.limiter import BURST, Door, Limiter
from feeds.tables import Schedule

NGINX = r"""
203.0.113.9 - - [22/Nov/2026:10:00:00 +0000] "GET /all/atom.xml HTTP/1.1" 200 80590 "-" "Feedly/1.0 (+http://www.feedly.com/fetcher.html; 1,204 subscribers; )"
203.0.113.9 - - [22/Nov/2026:11:00:00 +0000] "GET /all/atom.xml HTTP/1.1" 304 0 "-" "Feedly/1.0 (+http://www.feedly.com/fetcher.html; 1,210 subscribers; )"
203.0.113.7 - - [22/Nov/2026:10:30:00 +0100] "GET /all/atom.xml?_=7 HTTP/2.0" 304 0 "-" "Mozilla/5.0 (compatible; inoreader.com; 17 subscribers)"
198.51.100.4 - bob [22/Nov/2026:10:00:01 +0000] "GET /all/rss.xml HTTP/1.1" 200 1000 "-" "Tiny \x22RSS\x22/1.2"
not a line
198.51.100.5 - - [22/Nov/2026:10:00:01 +0000] "\x16\x03\x01" 400 0 "-" "-"
198.51.100.6 - - [22/Nov/2026:10:00:01 +0000] "GET /%E5%B3%B6/feed.json HTTP/1.1" 429 20 "-" "R/2"
"""


def test_a_log_of_nginx_is_understood() -> None:
    use = stats.gather(logs.read(NGINX.strip().splitlines()), {"島"})
    assert (use.requests, use.unread) == (5, 1)
    by_name = {feed.feed: feed for feed in use.feeds}
    every = by_name["all"]
    assert (every.requests, every.statuses, every.sent) == (4, {200: 2, 304: 2}, 81590)
    assert every.saved == 2 * 80590
    assert every.subscribers == 1210 + 17
    assert every.aggregators == {"Feedly": 1210, "inoreader.com": 17}
    assert every.readers == {"Feedly": 1, "Tiny": 1, "inoreader.com": 1}
    assert by_name["島"].share(429) == 1
    assert use.end - use.begin == 5400


def test_what_is_written_can_be_read() -> None:
    hit = access.Hit(
        1_700_000_000,
        "::1",
        "GET",
        '/~tok"en/é/atom.xml?a=b c',
        226,
        7,
        'A "b"\\ \n é',
        "http://x/~tok/",
        "HTTP/1.1",
        "ann",
        900,
        conditional=True,
    )
    hit = hit._replace(path=access.masked(hit.path), referer=access.masked(hit.referer))
    for form in access.FORMATS:
        line = access.written(hit, form)
        assert "\n" not in line
        assert "tok" not in line
        (read,) = logs.read([line])
        assert read is not None
        assert read[:6] == hit[:6]
        assert read.agent == ("" if form == "common" else hit.agent)
    assert read == hit


@given(agent=st.text(), path=st.text(), referer=st.text(), user=st.text())
def test_any_text_stays_in_its_place(agent: str, path: str, referer: str, user: str) -> None:
    hit = access.Hit(1, "192.0.2.1", "GET", f"/{path}", 200, 1, agent, referer, user=user)
    for form in access.FORMATS:
        line = access.written(hit, form)
        assert line.splitlines() == [line]
        (read,) = logs.read([line])
        assert read is not None
        assert (read.status, read.sent) == (200, 1)


@given(
    form=st.sampled_from(access.FORMATS),
    path=st.text() | st.sampled_from(["all/atom.xml", "~tok/x", 'a"b', "%7Etok"]),
    agent=st.text() | st.sampled_from(["R/1", "x" * 600, 'a "b" c', "a\\b"]),
)
def test_a_plain_line_is_the_one_that_is_written(form: str, path: str, agent: str) -> None:
    hit = access.Hit(1, "192.0.2.1", "GET", f"/{path}", 200, 1, agent)
    line = access.plain(
        form, hit.time, hit.client, "", hit.method, hit.path, hit.protocol, 200, 1, agent, None
    )
    assert line in {"", access.written(hit, form)}
    assert not line or access.masked(line) == line
    assert bool(line) >= (form != "json" and (path, agent) == ("all/atom.xml", "R/1"))


@given(st.lists(st.one_of(st.text(), st.just('{"time": 3}'), st.just('x - - [1/Foo/2] "" 200 1'))))
def test_any_line_is_read(lines: list[str]) -> None:
    stats.gather(logs.read(lines))


GOOD = {
    "time": "2026-11-23T06:00:00Z",
    "client": "::1",
    "method": "GET",
    "path": "/a/atom.xml",
    "status": 200,
    "sent": 5,
}
CADDY = {
    "ts": 1_795_000_000.5, "request": {"remote_ip": "::1", "proto": "HTTP/2.0", "method": "GET", "uri": "/a/atom.xml", "headers": {}},
    "user_id": "", "size": 5, "status": 200,
}  # fmt: skip


@pytest.mark.parametrize(
    "line",
    [
        *(json.dumps(GOOD | wrong) for wrong in (
            {"method": ["GET"]}, {"path": 5}, {"status": "200"}, {"agent": None}, {"time": 7}, {"sent": True}, {"sent": -1}, {"sent": 1.5},
            {"time": "2026"}, {"time": "0001-01-01T00:00:00+23:00"}, {"conditional": "yes"}, {"client": {}}, {"whole": 10**30},
        )),
        *(json.dumps(CADDY | wrong) for wrong in (
            {"ts": "now"}, {"ts": []}, {"ts": float("inf")}, {"size": "5"}, {"request": 7}, {"request": []},
            {"request": CADDY["request"] | {"headers": {"User-Agent": []}}}, {"request": CADDY["request"] | {"headers": []}},
            {"request": CADDY["request"] | {"headers": {"Referer": [7]}}}, {"user_id": None}, {"status": None},
        )),
        "{" + '"a":[' * 200_000, "[" * 200_000, "{}", '{"request": {}}', '{"sent": ' + "9" * 5000 + "}",
        f'::1 - - [23/Nov/2026:06:00:00 +0000] "GET / HTTP/1.1" 200 {"9" * 5000}',
        '::1 - - [99/Nov/2026:06:00:00 +0000] "GET / HTTP/1.1" 200 9', '::1 - - [23/Nov/0001:06:00:00 +2300] "GET / HTTP/1.1" 200 9', "", "\x00",
    ],
)  # fmt: skip
def test_an_odd_line_is_counted_and_harms_no_other(line: str) -> None:
    whole = [json.dumps(GOOD), json.dumps(CADDY)]
    use = stats.gather(logs.read([whole[0], line, whole[1]]))
    assert (use.requests, use.unread) == (2, 1)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text() | st.integers(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from([*GOOD, *CADDY, "headers", "uri", "proto", "agent"]), inner),
    )
)  # fmt: skip
def test_any_json_is_read(value: object) -> None:
    for made_of in (GOOD, CADDY):
        for told in (
            {**made_of, **value} if isinstance(value, dict) else {},
            dict.fromkeys(made_of, value),
        ):
            use = stats.gather(logs.read([json.dumps(told)]))
            assert use.requests + use.unread <= 1
            list(stats.lines(use))
            stats.metrics(use)


def test_a_hostile_log_is_read_in_time() -> None:
    agents = [
        "9" * 512,
        "9 " * 250,
        "a" * 512,
        "subscribers:" * 40,
        "9 " + " " * 500,
        "compatible; " * 40,
        "1," * 250,
    ]
    log = [
        f'::1 - - [23/Nov/2026:06:00:00 +0000] "GET /a/atom.xml HTTP/1.1" 200 9 "-" "{agent}"'
        for agent in agents for _ in range(300)
    ]  # fmt: skip
    lines = [
        "::1 - -" + " [" * 40_000, "::1 - x" + ' [23/Nov/2026:06:00:00 +0000] "' * 3000, "9" * 80_000, " " * 80_000,
        '::1 - - [23/Nov/2026:06:00:00 +0000] "' + "\\\\" * 40_000, "x " * 40_000, "%25" * 30_000,
        *(f'::1 - - [23/Nov/2026:06:00:00 +0000] "GET /a/atom.xml HTTP/1.1" 200 9 "-" "{"9" * 30_000}"' for _ in range(3)),
    ]  # fmt: skip
    code = (
        "import json, sys; from feeds.serving import logs, stats\n"
        "use = stats.gather(logs.read(json.load(sys.stdin)))\nprint(use.requests, use.unread)"
    )
    # Each of these took from seconds to hours; the limit only tells them from milliseconds.
    run = subprocess.run(
        [sys.executable, "-c", code], input=json.dumps(log + lines), capture_output=True, text=True, check=True, timeout=40,
        env={"PYTHONPATH": str(HOME)},
    )  # fmt: skip
    assert run.stdout.split() == [str(len(log) + 3), str(len(lines) - 3)]


def request(path: str, status: int = 200, agent: str = "R/1", client: str = "192.0.2.1") -> str:
    return (
        f'{client} - - [23/Nov/2026:06:00:00 +0000] "GET {path} HTTP/1.1" {status} 9 "-" "{agent}"'
    )


def test_asking_for_a_feed_makes_none() -> None:
    crowd = "Foo/1.0 (9999999 subscribers; feed-id={})"
    log = [
        request("/all/atom.xml"), request("/all/atom.xml", 404),
        *(request(f"/{n}/atom.xml", 404, crowd.format(n)) for n in range(6)),
        request(f"/{'x' * 9000}/atom.xml", 414), request("/y/atom.xml", 400), request("/ended/atom.xml", 410, crowd.format(9)),
    ]  # fmt: skip
    use = stats.gather(logs.read(log), {"ended"})
    assert [(feed.feed, feed.requests, feed.subscribers) for feed in use.feeds] == [
        ("all", 2, 0), ("ended", 1, 0), (stats.SITE, 8, 0),
    ]  # fmt: skip


def test_made_up_programs_are_told_of_together() -> None:
    log = [
        request("/all/atom.xml", agent=f"Made-{n}x (2 subscribers)", client=f"192.0.2.{n}")
        for n in range(250)
    ]
    (every,) = stats.gather(
        logs.read(
            [*log, *[request("/all/atom.xml", agent="Real", client=str(n)) for n in range(3)]]
        )
    ).feeds
    assert (len(every.readers), every.readers["Real"], every.readers["(others)"]) == (101, 3, 151)
    assert (len(every.aggregators), every.subscribers, every.aggregators["(others)"]) == (
        101,
        500,
        300,
    )


def test_no_token_is_shown_from_any_log() -> None:
    address = "/~TOKEN/a/atom.xml"
    referer = f"https://x.example{address}"
    log = [
        json.dumps(GOOD | {"path": address, "referer": referer}),
        json.dumps(CADDY | {"request": CADDY["request"] | {"uri": address, "headers": {"Referer": [referer]}}}),
        f'::1 - - [23/Nov/2026:06:00:00 +0000] "GET {address} HTTP/1.1" 200 9 "{referer}" "R"',
    ]  # fmt: skip
    assert all(hit is not None for hit in logs.read(log))
    assert "TOKEN" not in str([*logs.read(log)])


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("/~TOKEN/a/atom.xml", "/~/a/atom.xml"), ("/%7ETOKEN/a", "/~/a"), ("/%257eTOKEN/a", "/~/a"), ("/%25257ETOKEN", "/~"),
        ("/?u=%2F~TOKEN/&n=7", "/?u=%2F~/&n=7"), ("/?u=%2F%7ETOKEN%2Fa", "/?u=%2F~"), ("/?t=~TOKEN&n=7", "/?t=~&n=7"),
        ("/a/b%20c.xml?x=1", "/a/b%20c.xml?x=1"), ("//~%54OKEN/a", "//~/a"),
    ],
)  # fmt: skip
def test_a_token_is_masked_wherever_it_stands(path: str, kept: str) -> None:
    assert access.masked(path) == kept


def feeds_stats(site: Site, *arguments: str, **given: object) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "feeds", "stats", *arguments], cwd=site.root, check=False, capture_output=True,
        env={"PYTHONPATH": str(HOME), "PATH": ""}, **given,
    )  # fmt: skip


def test_nothing_a_visitor_sent_moves_the_cursor(site: Site) -> None:
    path = "/\\x1b]0;pwned\\x07\\x1b[31mRED\\x0A127.0.0.1 fake line\\xC2\\x9b1m/atom.xml"
    quoted = "/%1b%5d0;pwned%07%1b%5b31mRED%0A127.0.0.1%20fake%20line%C2%9B1m/atom.xml"
    log = site.root / "log"
    log.write_text(
        "\n".join(request(p, s, path) for p in (path, quoted) for s in (200, 404) for _ in range(6))
    )
    for extra in ((), ("--metrics",), ("--format", "json")):
        told = feeds_stats(site, str(log), *extra)
        assert told.returncode == 0, told.stderr
        assert b"RED" in told.stdout
        assert all(line.isprintable() for line in told.stdout.decode().split("\n"))
        assert b"\n127" not in told.stdout


def test_logs_are_read_gzipped_or_not_and_what_is_no_log_is_told(site: Site) -> None:
    log, packed = site.root / "log", site.root / "log.gz"
    log.write_text(request("/all/atom.xml") + "\n")
    packed.write_bytes(gzip.compress(log.read_bytes()))
    for told in (
        feeds_stats(site, "log"), feeds_stats(site, "log.gz"),
        feeds_stats(site, "-", input=packed.read_bytes()), feeds_stats(site, "-", input=log.read_bytes()),
    ):  # fmt: skip
        assert told.stdout.startswith(b"1 requests"), told
    packed.write_bytes(gzip.compress(os.urandom(9000))[:-4000])
    for path, said in (("log.gz", b"cut off"), (".", b"directory"), ("none", b"No such file")):
        told = feeds_stats(site, path)
        assert (told.returncode, told.stdout) == (3, b"")
        assert said in told.stderr
        assert b"Traceback" not in told.stderr
    log.write_bytes(b"\x28\xb5\x2f\xfd\nmore\n")
    told = feeds_stats(site, "log")
    assert (told.returncode, told.stdout.count(b"\n")) == (1, 2)
    assert told.stdout.startswith(b"no requests\n2 lines could not be read: ")
    assert b"feeds_http_unread_lines 2.0" in feeds_stats(site, "log", "--metrics").stdout


def test_caddy_tells_the_same(site: Site) -> None:
    site.write("s/1.md", seed())
    site.build()
    agent = 'Polite/3 "é" (7 subscribers)'
    log = site.root / "caddy-access.log"

    def told(count: int) -> None:  # before the next is asked: it writes them in any order
        eventually(lambda: log.exists() and log.read_text(encoding="utf-8").count("\n") == count)

    with caddy_server(site.root) as server:
        tag = server.ask("/all/atom.xml", user_agent=agent)["etag"]
        told(1)
        server.ask("/all/atom.xml", if_none_match=tag, user_agent=agent, referer="http://x/~TOKEN/")
        told(2)
        server.ask("/~TOKEN/all/atom.xml")
        told(3)
    first, second, third = logs.read(logs.lines(str(log)))
    assert first is not None
    assert second is not None
    assert third is not None
    assert (first.client, first.method, first.path, first.status) == (
        "127.0.0.1",
        "GET",
        "/all/atom.xml",
        200,
    )
    assert (first.sent, first.conditional, first.protocol) == (
        site.root.joinpath("out/all/atom.xml").stat().st_size,
        False,
        "HTTP/1.1",
    )
    assert (second.status, second.conditional, second.referer) == (304, True, "http://x/~/")
    assert (third.status, third.path) == (404, "/~/all/atom.xml")
    (every,) = stats.gather((first, second, third)).feeds
    assert (every.feed, every.statuses, every.subscribers) == ("all", {200: 1, 304: 1, 404: 1}, 7)


def hits(
    count: int,
    every: int,
    status: int = 200,
    sent: int = 5000,
    path: str = "/a/atom.xml",
    **more: object,
) -> list[access.Hit]:
    return [
        access.Hit(1000 + n * every, "192.0.2.1", "GET", path, status, sent, "Rude/1", **more)
        for n in range(count)
    ]


@pytest.mark.parametrize(
    ("found", "faults"),
    [
        (hits(6, 3600), ["fetched the whole document 5 times although it had not changed"]),
        (hits(6, 60, 304, 0), ["asks every 60 s"]),
        (hits(6, 3600, 200, 5000, whole=5000, conditional=True), ["took no compression 6 times"]),
        (hits(5, 3600, 410, 9), ["asks for what is gone (5 times 410)"]),
        (hits(5, 3600, 301, 9), ["does not follow for good to where it moved (5 times 301)"]),
        (hits(5, 3600, 429, 9), ["does not heed Retry-After (5 times 429)"]),
        (hits(5, 3600, 404, 9, "/x/y.xml"), ["asks for what is not there (5 times 404)"]),
        (hits(40, 3600, 304, 0), []),
        (hits(4, 1), []),
    ],
)  # fmt: skip
def test_clients_that_cost_more_than_they_need(found: list[access.Hit], faults: list[str]) -> None:
    assert [fault for rude in stats.gather(found).rude for fault in rude.faults] == faults


@pytest.mark.parametrize(
    ("agent", "name", "count"),
    [
        ("Feedbin feed-id:1 - 3 subscribers", "Feedbin", 3), ("NewsBlur Feed Fetcher - 42 subscribers - http://x", "NewsBlur Feed Fetcher", 42),
        ("Bloglovin/1.0 (http://www.bloglovin.com; 1.024 subscribers)", "Bloglovin", 1024), ("Feedspot (subscribers: 8)", "Feedspot", 8),
        ("FreshRSS/1.2 (Linux; https://freshrss.org)", "FreshRSS", None), ("newsboat/2.30.1 (Linux x86_64)", "newsboat", None), ("", "(not stated)", None),
        ("Mozilla/5.0 (compatible; Miniflux/2.0; +https://miniflux.app)", "Miniflux", None), ("99999999999999999 subscribers", "99999999999999999", None),
        ("MyApp/5.0 RSS Reader", "MyApp", None), ("Raven Reader 1.0.72 feed reader", "Raven Reader", None), ("App 5 Reader", "App", None),
        ("App/5 readers", "App", None), ("A/1 (1 subscriber)", "A", 1), ("A/1 (25 readers)", "A", 25), ("A/1 (10,000,000 subscribers)", "A", None),
        ("A/1 (9,999,999 subscribers)", "A", 9_999_999), ("A/1 (1234,567 subscribers)", "A", None), ("A-7 users", "A-7", None),
    ],
)  # fmt: skip
def test_readers_and_what_they_state(agent: str, name: str, count: int | None) -> None:
    assert stats.reader_of(agent) == name
    assert stats.subscribers_of(agent) == count


@pytest.mark.parametrize("form", ["combined", "json"])
def test_a_running_server_tells_how_it_is_read(site: Site, form: str) -> None:
    site.configure(f'[serve]\nlog_format = "{form}"\n')
    for n in range(20):
        site.write(
            f"s/{1000 + n}.md",
            seed(f"Article {n}", f"https://n.example.com/{n}", **dated(1_700_000_000 + n)),
        )
    site.build()
    with feeds_server(site.root) as server:
        tag = server.ask(
            "/all/atom.xml", accept_encoding="gzip", user_agent="Polite/3 (7 subscribers)"
        )["etag"]
        for _ in range(3):
            server.ask(
                "/all/atom.xml",
                accept_encoding="gzip",
                if_none_match=tag,
                user_agent="Polite/3 (7 subscribers)",
            )
        server.ask("/nothing", user_agent="Lost/1")
        log = site.root / ".feeds/access.log"
        eventually(lambda: log.exists() and log.read_text(encoding="utf-8").count("\n") == 5)

    def feeds(*arguments: str) -> str:
        run = subprocess.run(
            [sys.executable, "-m", "feeds", "stats", *arguments], cwd=site.root, check=True, capture_output=True, text=True,
            env={"PYTHONPATH": str(HOME), "PATH": ""},
        )  # fmt: skip
        return run.stdout

    told = json.loads(feeds("--format", "json"))
    (every,) = [feed for feed in told["feeds"] if feed["feed"] == "all"]
    assert (every["requests"], every["statuses"], every["subscribers"]) == (
        4,
        {"200": 1, "304": 3},
        7,
    )
    assert every["saved"] > 3 * every["sent"] - 1
    text = feeds()
    assert "75%" in text
    assert "Polite 1" in text
    metrics = feeds("--metrics")
    assert 'feeds_http_requests_total{feed="all",status="304"} 3.0' in metrics
    assert 'feeds_http_subscribers{aggregator="Polite",feed="all"} 7.0' in metrics
    assert (
        feeds(".feeds/access.log", "--format", "json")
        == json.dumps(told, ensure_ascii=False, indent=2) + "\n"
    )


def test_nginx_tells_the_same(site: Site) -> None:
    site.write("s/1.md", seed())
    site.build()
    with nginx_server(site.root) as server:
        tag = server.ask("/all/atom.xml", user_agent="Polite/3")["etag"]
        server.ask("/all/atom.xml", if_none_match=tag, user_agent="Polite/3")
        log = site.root / "nginx-access.log"
        eventually(lambda: log.read_text(encoding="utf-8").count("\n") == 2)
    with log.open(encoding="utf-8") as lines:
        (every,) = stats.gather(logs.read(lines)).feeds
    assert (every.feed, every.statuses) == ("all", {200: 1, 304: 1})


def test_a_log_that_is_large_or_moved_away_begins_anew(site: Site) -> None:
    site.configure('[serve]\nlog_size = "1 KiB"\n')
    site.write("s/1.md", seed())
    site.build()
    log = site.root / ".feeds/access.log"
    with feeds_server(site.root) as server:
        for _ in range(15):
            server.ask("/all/atom.xml")
        eventually(lambda: log.with_name("access.log.1").exists())
        server.ask("/all/atom.xml")
        eventually(log.exists)
        log.rename(log.with_name("moved"))
        server.ask("/all/atom.xml")
        eventually(log.exists)


def test_a_log_that_cannot_be_written_keeps_no_one_waiting(site: Site) -> None:
    """Every request is answered, and the fault is said once, until it is over."""
    site.write("s/1.md", seed())
    site.build()
    log, told = site.root / ".feeds/access.log", site.root / "feeds.log"
    log.mkdir(parents=True)

    def faults() -> int:
        return told.read_text(encoding="utf-8").count("Is a directory")

    with feeds_server(site.root) as server:
        assert {server.ask("/all/atom.xml").status for _ in range(250)} == {200}
        eventually(lambda: faults() == 1)
        log.rmdir()
        server.ask("/all/atom.xml")
        eventually(log.is_file)
        log.unlink()
        log.mkdir()
        server.ask("/all/atom.xml")
        eventually(lambda: faults() == 2)


@pytest.mark.parametrize(
    ("trusted", "said", "client"),
    [
        ((), "203.0.113.5", "127.0.0.1"), (("127.0.0.0/8",), "203.0.113.5", "203.0.113.5"), (("127.0.0.1",), "6.6.6.6, 203.0.113.5", "203.0.113.5"),
        (("127.0.0.1", "203.0.113.0/24"), "2001:db8::1, 203.0.113.5", "2001:db8::1"), (("127.0.0.1",), "nonsense", "127.0.0.1"),
        (("127.0.0.1",), "", "127.0.0.1"), (("10.0.0.0/8",), "203.0.113.5", "127.0.0.1"), (("127.0.0.1",), "6.6.6.6,, 203.0.113.5 ,", "203.0.113.5"),
        (("127.0.0.1",), "203.0.113.5:5555", "203.0.113.5"), (("127.0.0.1",), "[2001:db8::1]:443", "2001:db8::1"), (("127.0.0.1",), '"[2001:db8::1]"', "2001:db8::1"),
        (("127.0.0.1", "203.0.113.5"), "2001:db8::1, 203.0.113.5:80", "2001:db8::1"), (("127.0.0.1",), "::ffff:203.0.113.5", "203.0.113.5"),
        (("127.0.0.1",), 'fe80::1%eth0" "x', "fe80::1"), (("127.0.0.1",), "203.0.113.5\x1b", "127.0.0.1"), (("127.0.0.1",), "[", "127.0.0.1"),
    ],
)  # fmt: skip
def test_a_proxy_is_believed_only_if_trusted(
    trusted: tuple[str, ...], said: str, client: str
) -> None:
    clients = Clients(trusted)
    for peer in ("127.0.0.1", "::ffff:127.0.0.1"):  # the second: a server for both families
        assert clients.address(peer, said) == client
        assert clients.address(peer, None) == "127.0.0.1"


def test_who_has_a_network_is_one_client() -> None:
    assert household("2001:db8:0:1::1") == household("2001:db8:0:1:ffff::2")
    assert household("2001:db8:0:1::1") != household("2001:db8:0:2::1")
    assert household("192.0.2.1") != household("192.0.2.2")
    assert household("") == ""


def test_a_client_has_its_share_and_no_more() -> None:
    door = Door(3, 2)
    assert [door.enter("a"), door.enter("a"), door.enter("a")] == [True, True, False]
    assert [door.enter("b"), door.enter("b"), door.enter("c")] == [True, False, False]
    door.leave("a")
    assert [door.enter("c"), door.enter("a")] == [True, False]
    for client in "abc":
        door.leave(client)
    assert [door.enter("d"), door.enter("d"), door.enter("d")] == [True, True, False]


def test_a_server_for_both_families_knows_its_proxies(site: Site) -> None:
    site.configure('[serve]\nhost = "::"\ntrusted = ["127.0.0.1"]\n')
    log = site.root / ".feeds/access.log"
    with feeds_server(site.root) as server:
        server.ask("/", x_forwarded_for="203.0.113.5:9999")
        eventually(
            lambda: log.exists() and log.read_text(encoding="utf-8").startswith("203.0.113.5 ")
        )


@pytest.mark.parametrize("proxy", ["caddy", "nginx"])
def test_no_client_chooses_its_address_behind_a_proxy_of_the_readme(site: Site, proxy: str) -> None:
    """Neither by the header, nor by its twin with underscores, which are one in WSGI."""
    site.configure('[serve]\ntrusted = ["127.0.0.1"]\n')
    log = site.root / ".feeds/access.log"
    with feeds_server(site.root) as server:
        with proxy_server(proxy, site.root, server.port) as front:
            for name in (
                "x_forwarded_for",
                "X-Forwarded-For",
                "X_Forwarded-For",
                "X-Forwarded_For",
            ):
                told = f"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n{name}: 6.6.6.6\r\n\r\n"
                assert front.send(told.encode()).status == 404
        eventually(lambda: log.exists() and log.read_text(encoding="utf-8").count("\n") == 4)
    assert "6.6.6.6" not in log.read_text(encoding="utf-8")


def test_the_log_names_the_client_behind_the_proxy(site: Site) -> None:
    site.configure('[serve]\ntrusted = ["127.0.0.1"]\n')
    log = site.root / ".feeds/access.log"
    with feeds_server(site.root) as server:
        server.ask("/", x_forwarded_for="203.0.113.5")
        eventually(
            lambda: log.exists() and log.read_text(encoding="utf-8").startswith("203.0.113.5 ")
        )
        server.ask("/old", version="1.0")
        eventually(lambda: '"GET /old HTTP/1.0" 404 ' in log.read_text(encoding="utf-8"))


def test_the_limit_is_for_those_who_fetch_everything_again(site: Site) -> None:
    site.configure('[serve]\nlimit = "1h"\n')
    site.write("s/1.md", seed())
    site.build()
    with feeds_server(site.root) as server:
        assert {server.ask("/all/atom.xml", "HEAD").status for _ in range(2 * BURST)} == {200}
        whole = [server.ask("/all/atom.xml") for _ in range(BURST + 2)]
        assert [got.status for got in whole] == [200] * BURST + [429] * 2
        assert int(whole[-1]["retry-after"]) >= 900
        assert len(whole[-1].body) < 300
        tag = whole[0]["etag"]
        # Asking for what is new, for another document, or as another client, is free.
        assert {server.ask("/all/atom.xml", if_none_match=tag).status for _ in range(20)} == {304}
        assert server.ask("/all/atom.xml", if_none_match='"old"').status == 200
        assert server.ask("/all/rss.xml").status == 200
        assert server.ask("/all/atom.xml", user_agent="Another").status == 200
        assert {server.ask("/all/index.html").status for _ in range(9)} == {200}


def test_the_limit_forgives_with_time() -> None:
    limiter = Limiter(60)
    client = ("192.0.2.1", "R", "all/atom.xml")
    assert [limiter.wait(client, 0) for _ in range(BURST)] == [0] * BURST
    wait = limiter.wait(client, 0)
    assert 0 < wait <= 60
    assert limiter.wait(client, wait - 1) > 0
    assert limiter.wait(client, wait + 1) == 0
    assert [limiter.wait(client, 10_000) for _ in range(BURST + 1)][-2:] == [0, 60]
    assert Limiter(0).wait(client, 0) == 0
    for n in range(25_000):
        limiter.wait((str(n),), 20_000)
    assert len(limiter._paid) <= 20_000


def test_how_long_a_feed_stays_as_it_is() -> None:
    day = 86_400
    now = 1_700_000_000
    assert cadence.fresh_for(900, (), now) == 900
    assert cadence.fresh_for(900, [now - n * 3600 for n in range(12)], now) == 900
    assert cadence.fresh_for(900, [now - n * day for n in range(12)], now) == 3 * 3600
    assert cadence.fresh_for(900, [now - 900 * day], now) == 6 * 3600
    assert cadence.fresh_for(10, (), now) == 60
    assert cadence.fresh_for(9 * day, (), now) == 6 * 3600
    assert cadence.fresh_for(900, [now + day], now) == 900


@pytest.mark.parametrize(
    ("table", "seconds"),
    [
        ({}, 900), ({"every": 60}, 60), ({"cron": "*/20 * * * *"}, 1200), ({"cron": "0 6,18 * * *"}, 12 * 3600), ({"cron": "5 * * * *"}, 3600),
        ({"cron": "0 0 * * 0"}, 86_400), ({"cron": "0,10 0,23 * * *"}, 600), ({"cron": "@hourly"}, 3600),
    ],
)  # fmt: skip
def test_the_time_between_builds(table: dict[str, object], seconds: int) -> None:
    assert cadence.between_builds(made(Schedule, **table)) == seconds


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(900, ("hourly", 4)), (3600, ("hourly", 1)), (6 * 3600, ("daily", 4)), (86_400, ("daily", 1)), (5 * 86_400, ("weekly", 1)), (20 * 86_400, ("monthly", 2))],
)  # fmt: skip
def test_hints_in_words(seconds: int, said: tuple[str, int]) -> None:
    assert cadence.update_period(seconds) == said

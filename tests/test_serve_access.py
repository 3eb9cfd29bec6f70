"""The access log and what is read from it; clients behind proxies; the limit; hints."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from conftest import Site, dated, seed
from hypothesis import given
from hypothesis import strategies as st
from outside import HOME, eventually, feeds_server, nginx_server, proxy_server

from feeds import cadence
from feeds.schema import made
from feeds.serving import access, stats
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
    use = stats.gather(access.read(NGINX.strip().splitlines()))
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
        (read,) = access.read([line])
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
        (read,) = access.read([line])
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
    stats.gather(access.read(lines))


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
        (every,) = stats.gather(access.read(lines)).feeds
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

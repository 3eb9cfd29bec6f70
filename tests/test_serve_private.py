"""Private feeds: who has a token reads them, no one else learns of them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import feedparser
import pytest
from conftest import Site, dated, seed
from outside import HOME, caddy_server, eventually, feeds_server, nginx_server
from running import command, environment

from feeds.model import FeedsError
from feeds.serving import tokens

CONFIG = """
[publish]
precompressed = ["gzip"]
[[feed]]
slug = "open"
[[feed]]
slug = "島"
title = "For members"
private = true
"""


def told(site: Site, *arguments: str) -> str:
    run = subprocess.run(
        [sys.executable, "-m", "feeds", *arguments], cwd=site.root, check=True, capture_output=True, text=True,
        env={"PYTHONPATH": str(HOME), "PATH": ""},
    )  # fmt: skip
    return run.stdout


@pytest.fixture
def private(site: Site) -> Site:
    site.configure(CONFIG)
    for n in range(3):
        site.write(f"s/{1000 + n}.md", seed(f"Article {n}", "", **dated(1_700_000_000 + n)))
    site.build()
    return site


def given(site: Site, name: str) -> str:
    return json.loads(told(site, "tokens", "add", name, "--format", "json"))["token"]


def test_only_a_token_opens_a_private_feed(private: Site) -> None:
    ann, bob = given(private, "ann"), given(private, "bob")
    with feeds_server(private.root) as server:
        seen = {}
        for secret in (ann, bob):
            for name in ("atom.xml", "rss.xml", "feed.json", "", "index.html"):
                got = server.ask(f"/~{secret}/%E5%B3%B6/{name}")
                assert got.status == 200, name
                assert got["cache-control"].startswith("private, ")
                assert got["referrer-policy"] == "no-referrer"
                other = bob if secret == ann else ann
                assert other not in got.body.decode()
                assert other not in str(got.headers)
                seen[secret, name] = got
        atom = seen[ann, "atom.xml"]
        # A reader that goes by the address in the document, or by a link, stays where it may read.
        parsed = feedparser.parse(atom.body)
        links = {link.rel: link.href for link in parsed.feed.links}
        assert links["self"] == f"https://feeds.example.org/~{ann}/%E5%B3%B6/atom.xml"
        assert links["alternate"] == f"https://feeds.example.org/~{ann}/%E5%B3%B6/"
        assert parsed.entries[0].link.startswith(f"https://feeds.example.org/~{ann}/%E5%B3%B6/#")
        assert f"/~{ann}/%E5%B3%B6/atom.xml>" in atom["link"]
        # Each has tags and deltas of his own.
        assert atom["etag"] != seen[bob, "atom.xml"]["etag"]
        assert server.ask(f"/~{ann}/%E5%B3%B6/atom.xml", if_none_match=atom["etag"]).status == 304
        private.write("s/1003.md", seed("Article 3", "", **dated(1_700_000_009)))
        private.build()
        path = f"/~{ann}/%E5%B3%B6/atom.xml"
        eventually(lambda: server.ask(path, if_none_match=atom["etag"]).status == 200)
        got = server.ask(path, if_none_match=atom["etag"], a_im="feed")
        assert got.status == 226
        assert [entry.title for entry in feedparser.parse(got.body).entries] == ["Article 3"]
        # The page's stylesheet and its way home are there too.
        assert server.ask(f"/~{ann}/style.css").status == 200
        assert server.ask(f"/~{ann}/").status == 200


def test_nothing_at_a_subscribers_address_is_for_others(private: Site) -> None:
    """What is public is private there, as its address holds the token."""
    ann = given(private, "ann")
    with feeds_server(private.root) as server:
        for path in ("open/atom.xml", "open/", "style.css", "nothing", "open", "%E5%B3%B6"):
            for _ in range(2):
                open_, own = server.ask(f"/{path}"), server.ask(f"/~{ann}/{path}")
                assert own["cache-control"].startswith("private, "), path
                assert own["referrer-policy"] == "no-referrer"
                assert not open_["cache-control"].startswith("private")
                assert not open_["referrer-policy"]
                assert own.status == open_.status or path == "%E5%B3%B6"
        tag = server.ask("/open/atom.xml")["etag"]
        known = server.ask(f"/~{ann}/open/atom.xml", if_none_match=tag)
        assert known.status == 304
        assert known["cache-control"].startswith("private, ")


def test_folders_of_a_subscriber_lead_to_their_pages(private: Site) -> None:
    ann = given(private, "ann")
    with feeds_server(private.root) as server:
        for path, to in (
            (f"/~{ann}", f"~{ann}/"), (f"/~{ann}/%E5%B3%B6", "%E5%B3%B6/"), (f"/~{ann}/open", "open/"),
        ):  # fmt: skip
            got = server.ask(path)
            assert (got.status, got["location"]) == (301, to), path
        assert server.ask("/~x").status == server.ask("/~x/open").status == 404
        assert server.ask("/%E5%B3%B6").status == 404


def test_a_large_document_is_what_a_small_one_is(private: Site) -> None:
    """Held in memory or not, a feed is a feed, and a private one is private."""
    for n in range(60):
        private.write(
            f"s/{1000 + n}.md",
            seed(
                f"Article {n}",
                "",
                **dated(1_700_000_000 + n * 60_000),
                body=f"<p>{'A sentence. ' * 600}</p>",
            ),
        )
    private.build()
    ann = given(private, "ann")
    names = ("atom.xml", "rss.xml", "feed.json")
    kinds = ("content-type", "cache-control", "link", "referrer-policy", "content-security-policy")
    seen = []
    for memory in ("32 MiB", "1 MiB"):
        private.configure(f'{CONFIG}\n[serve]\nmemory = "{memory}"\n')
        with feeds_server(private.root) as server:
            told = {}
            for path in (f"/{at}/{name}" for at in ("open", f"~{ann}/%E5%B3%B6") for name in names):
                for accept in ("*/*", "text/html"):
                    eventually(lambda p=path: server.ask(p, "HEAD")["etag"])
                    got = server.ask(path, accept=accept)
                    assert len(got.body) > 300_000
                    told[path, accept] = (got.status, got.body, [got[kind] for kind in kinds])
                    again = server.ask(path, accept=accept, if_none_match=got["etag"])
                    assert again.status == 304
                    assert again["vary"] == got["vary"]
                packed = server.ask(path, accept_encoding="gzip")
                assert ("accept-encoding" in packed["vary"].lower()) == bool(
                    packed["content-encoding"]
                )
            seen.append(told)
    assert seen[0] == seen[1]
    assert f"~{ann}/%E5%B3%B6/atom.xml" in str(seen[1][f"/~{ann}/%E5%B3%B6/atom.xml", "*/*"])


def test_without_a_token_there_is_nothing(private: Site) -> None:
    secret = given(private, "ann")
    for start in (feeds_server, nginx_server, caddy_server):
        with start(private.root) as server:
            for path in (
                "/%E5%B3%B6/atom.xml", "/%E5%B3%B6/", "/.private/%E5%B3%B6/atom.xml", "/%2eprivate/%E5%B3%B6/atom.xml", "/~/%E5%B3%B6/atom.xml",
                f"/~{secret[:-1]}/%E5%B3%B6/atom.xml", f"/~{secret}x/%E5%B3%B6/atom.xml", "/~x/.private/%E5%B3%B6/atom.xml", "/~x/open/atom.xml",
            ):  # fmt: skip
                assert server.ask(path).status == 404, (server.name, path)
            assert server.ask("/open/atom.xml").status == 200
    out = private.root / "out"
    for name in ("index.html", "feeds.opml", "open/index.html"):
        text = out.joinpath(name).read_text(encoding="utf-8")
        assert "For members" not in text
        assert "島" not in text
        assert "%E5%B3%B6" not in text
    assert {p.name for p in (out / ".private/島").iterdir()} >= {"atom.xml", "index.html"}


def test_a_feed_that_becomes_private_is_public_no_more(private: Site) -> None:
    private.configure(CONFIG.replace("private = true", ""))
    private.build()
    assert private.root.joinpath("out/島/atom.xml").exists()
    assert not private.root.joinpath("out/.private").exists()
    private.configure(CONFIG)
    report = private.build()
    assert not private.root.joinpath("out/島").exists()
    assert ".private/島/atom.xml" in report.written


def test_a_token_can_be_taken_back_while_the_server_runs(private: Site) -> None:
    secret = given(private, "ann")
    with feeds_server(private.root) as server:
        path = f"/~{secret}/%E5%B3%B6/atom.xml"
        assert server.ask(path).status == 200
        assert "ann" in told(private, "tokens", "list")
        assert secret not in told(private, "tokens", "list")
        told(private, "tokens", "revoke", "ann")
        eventually(lambda: server.ask(path).status == 404, 5)
        later = given(private, "ann")
        eventually(lambda: server.ask(f"/~{later}/%E5%B3%B6/atom.xml").status == 200, 5)


@pytest.mark.parametrize("form", ["combined", "common", "json"])
def test_no_token_stands_in_the_log(private: Site, form: str) -> None:
    private.configure(f'{CONFIG}\n[serve]\nlog_format = "{form}"\n')
    secret = given(private, "ann")
    with feeds_server(private.root) as server:
        for path in (
            f"/~{secret}/%E5%B3%B6/atom.xml",
            f"/%7E{secret}/%E5%B3%B6/atom.xml",
            f"/~{secret[:-1]}/x",
            f"/~{secret}",
            f"/%257E{secret}/%E5%B3%B6/atom.xml",
            f"/?u=https%3A%2F%2Ffeeds.example.org%2F~{secret}%2Fatom.xml",
            f"/?u=https%253A%252F%252Ffeeds.example.org%252F%257E{secret}%252Fatom.xml",
            f"/%257E{secret}/members/",
            f"/?u=%2F~{secret}/&u=%2F%257E{secret}%2F&t=~{secret}",
        ):
            server.ask(
                path, referer=f"https://feeds.example.org/~{secret}/%E5%B3%B6/", user_agent="R/1"
            )
        log = private.root / ".feeds/access.log"
        eventually(lambda: log.exists() and log.read_text(encoding="utf-8").count("\n") == 9)
    text = log.read_text(encoding="utf-8") + private.root.joinpath("feeds.log").read_text(
        encoding="utf-8"
    )
    assert secret[:-1] not in text
    assert "/~/" in text
    assert "ann" in text
    kept = private.root.joinpath(".feeds/tokens.json")
    assert secret not in kept.read_text(encoding="utf-8")
    assert kept.stat().st_mode & 0o077 == 0


def test_changes_of_the_tokens_at_one_time_are_all_kept(private: Site) -> None:
    told(private, "tokens", "add", "old")
    commands = [("revoke", "old"), *(("add", f"n{n}") for n in range(6))]
    begun = [
        subprocess.Popen(command("tokens", *one), cwd=private.root, env=environment(), stdout=subprocess.DEVNULL)
        for one in commands
    ]  # fmt: skip
    assert [process.wait(40) for process in begun] == [0] * 7
    known = tokens.read(str(private.root / ".feeds/tokens.json"))
    assert {token.name for token in known} == {f"n{n}" for n in range(6)}


def test_tokens_that_can_not_be_read_shut_the_door_for_a_while(private: Site) -> None:
    path = f"/~{given(private, 'ann')}/%E5%B3%B6/atom.xml"
    file = private.root / ".feeds/tokens.json"
    whole = file.read_bytes()
    with feeds_server(private.root) as server:
        assert server.ask(path).status == 200
        file.write_bytes(b"{")
        eventually(lambda: server.ask(path).status == 503)
        for _ in range(3):
            got = server.ask(path)
            assert (got.status, got["retry-after"]) == (503, "60")
        assert server.ask("/open/atom.xml").status == 200
        file.write_bytes(whole)
        eventually(lambda: server.ask(path).status == 200)
        log = private.root / ".feeds/access.log"
        eventually(lambda: '/atom.xml HTTP/1.1" 503 ' in log.read_text(encoding="utf-8"))
    said = private.root.joinpath("feeds.log").read_text(encoding="utf-8")
    assert said.count("tokens.json: who may read private feeds can't be read") == 1
    assert "Traceback" not in said


def test_tokens_are_told_apart(tmp_path: Path) -> None:
    path = str(tmp_path / "state" / "tokens.json")
    assert tokens.read(path) == ()
    secrets = {tokens.add(path, f"n{n}", n) for n in range(5)}
    assert len(secrets) == 5
    known = tokens.read(path)
    assert {tokens.owner(known, secret) for secret in secrets} == {token.name for token in known}
    assert tokens.owner(known, "") == tokens.owner(known, "\udcff") == ""
    with pytest.raises(FeedsError, match="already"):
        tokens.add(path, "n1", 0)
    with pytest.raises(FeedsError, match="no token"):
        tokens.revoke(path, "nobody")
    Path(path).write_text("{", encoding="utf-8")
    with pytest.raises(FeedsError, match="can't be read"):
        tokens.read(path)

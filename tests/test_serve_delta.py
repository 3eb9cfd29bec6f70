"""Deltas: whatever a client has, what it is sent makes it have what the whole document would."""

from __future__ import annotations

import gzip
import json
import os
from xml.etree import ElementTree as ET

import feedparser
import pytest
from conftest import Site, dated, seed
from hypothesis import given, settings
from hypothesis import strategies as st
from outside import Reply, Running, eventually, feeds_server

from feeds.serving import answers, delta, documents
from feeds.serving.site import Resource

FORMATS = {"atom.xml": documents.ATOM, "rss.xml": documents.RSS, "feed.json": documents.JSON}
ATOM = "{http://www.w3.org/2005/Atom}"


def entries(body: bytes, name: str) -> dict[str, object]:
    """The entries of a document by id, as another reader than ours understands them."""
    if name.endswith(".json"):
        return {item["id"]: item for item in json.loads(body)["items"]}
    root = ET.fromstring(body)
    if name == "atom.xml":
        return {e.findtext(f"{ATOM}id"): ET.tostring(e).strip() for e in root.iter(f"{ATOM}entry")}
    return {e.findtext("guid"): ET.tostring(e).strip() for e in root.iter("item")}


def document(name: str, state: dict[int, int], title: str) -> bytes:
    """A small document with entry `n` in its version `state[n]`, in the shape of ours."""
    if name == "feed.json":
        items = [
            {"id": f"tag:x,2020:{n}", "content_html": f"<p>{v} {'x' * 40}</p>"}
            for n, v in state.items()
        ]
        return json.dumps(
            {"version": "https://jsonfeed.org/version/1.1", "title": title, "items": items}
        ).encode()
    if name == "atom.xml":
        body = "".join(
            f'<entry xml:lang="en"><id>tag:x,2020:{n}</id><content type="html">{v} &lt;entry&gt; {"x" * 40}</content></entry>\n'
            for n, v in state.items()
        )
        return f'<?xml version="1.0"?>\n<feed xmlns="http://www.w3.org/2005/Atom"><title>{title}</title>{body}</feed>'.encode()
    body = "".join(
        f"<item><guid>tag:x,2020:{n}</guid><description>{v} {'x' * 40}</description></item>\n"
        for n, v in state.items()
    )
    return f'<?xml version="1.0"?>\n<rss version="2.0"><channel><title>{title}</title>{body}</channel></rss>'.encode()


# A history: each step is what stands in the document, entry -> version of its text, and its title.
HISTORIES = st.lists(
    st.tuples(st.dictionaries(st.integers(0, 7), st.integers(0, 2), max_size=8), st.sampled_from(["T", "U"])),
    min_size=1, max_size=8,
)  # fmt: skip


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=150)
@given(
    history=HISTORIES,
    polls=st.lists(st.booleans(), min_size=8, max_size=8),
    kept=st.integers(1, 9),
    coding=st.sampled_from(["", "gzip"]),
    rounds=st.integers(0, 3),
)
def test_applying_deltas_equals_fetching_in_full(
    name: str, history: list, polls: list, kept: int, coding: str, rounds: int
) -> None:
    """Two clients that poll at the same moments, one with `A-IM: feed`, always know the same."""
    whole: dict[str, object] = {}
    asking: dict[str, object] = {}
    tags = {"whole": "", "asking": ""}
    versions: tuple[delta.Version, ...] = ()
    for (state, title), polled in zip(history, polls, strict=False):
        body = document(name, state, title)
        about = documents.about(f"all/{name}", body)
        digest = str(hash(body))
        versions = delta.remembered(
            versions, delta.Version(digest, delta.marks(body, about.media_type)), kept
        )
        resource = Resource(f"all/{name}", body, digest, 1000, len(body), about, history=versions)
        if not polled:
            continue
        for who, known in (("whole", whole), ("asking", asking)):
            headers = {"if-none-match": tags[who]} if tags[who] else {}
            headers |= {"a-im": "feed"} if who == "asking" else {}
            headers |= {"accept-encoding": coding} if coding else {}
            answer = answers.respond("GET", headers, resource, 2000)
            told = dict(answer.headers)
            assert answer.status in ({200, 304} if who == "whole" else {200, 226, 304})
            tags[who] = told["ETag"]
            if answer.status == 304:
                continue
            sent = (
                gzip.decompress(answer.body)
                if told.get("Content-Encoding") == "gzip"
                else answer.body
            )
            assert documents.about(f"all/{name}", sent).media_type == FORMATS[name]
            known.update(entries(sent, name))
        assert asking == whole
        assert tags["asking"] == tags["whole"]


@given(body=st.binary(max_size=300), name=st.sampled_from(sorted(FORMATS)))
def test_any_bytes_can_lie_in_the_folder(body: bytes, name: str) -> None:
    for start in (
        b"",
        b'<feed xmlns="http://www.w3.org/2005/Atom">',
        b"<rss><channel>",
        b'{"version": "https://jsonfeed.org/version/1.1", "items": [',
    ):
        about = documents.about(name, start + body)
        if about.feed:
            delta.marks(start + body, about.media_type)


def test_what_was_not_written_by_us_has_no_deltas() -> None:
    body = b"<feed><!-- <entry>a</entry> --><entry>b</entry></feed>"
    assert delta.marks(body, documents.ATOM) == b""
    assert delta.marks(b"<feed><entry><![CDATA[</entry>]]></entry></feed>", documents.ATOM) == b""


# --- over a socket, with real documents -----------------------------------------------------------


def ask(server: Running, path: str, tag: str = "", **more: str) -> Reply:
    headers = {"A-IM": "feed", **more} | ({"If-None-Match": tag} if tag else {})
    return server.ask(path, **headers)


def publish(site: Site, count: int) -> None:
    for n in range(count):
        site.write(
            f"s/{1000 + n}.md",
            seed(f"Article {n}", f"https://news.example.com/{n}", **dated(1_700_000_000 + n * 60)),
        )
    site.build()


def test_a_reader_that_asks_is_sent_what_is_new(site: Site) -> None:
    publish(site, 5)
    with feeds_server(site.root) as server:
        tags = {name: ask(server, f"/all/{name}")["etag"] for name in FORMATS}
        for name, tag in tags.items():
            assert ask(server, f"/all/{name}", tag).status == 304
        publish(site, 6)
        for name, tag in tags.items():
            path = f"/all/{name}"
            eventually(lambda: server.ask(path, if_none_match=tag).status == 200)  # noqa: B023
            full = server.ask(path)
            got = ask(server, path, tag)
            assert (got.status, got["im"], got["cache-control"]) == (226, "feed", "no-store, im")
            assert got["etag"] == full["etag"]
            assert {"a-im", "if-none-match"} <= {
                part.strip().lower() for part in got["vary"].split(",")
            }
            assert got["content-type"] == full["content-type"]
            (one,) = entries(got.body, name).items()
            assert one in entries(full.body, name).items()
            assert "Article 5" in got.body.decode()
            parsed = feedparser.parse(got.body)
            if name != "feed.json":
                assert not parsed.bozo
                assert [entry.title for entry in parsed.entries] == ["Article 5"]
            packed = ask(
                server, path, tag, **{"Accept-Encoding": "gzip", "User-Agent": "Another/1"}
            )
            assert packed.status == 226
            assert gzip.decompress(packed.body) == got.body
            # Those who don't ask, or ask for something else, see nothing of it.
            for headers in ({}, {"a_im": "diffe"}, {"a_im": "feed;q=0"}, {"a_im": ""}):
                plain = server.ask(path, if_none_match=tag, **headers)
                assert (plain.status, plain.body) == (200, full.body)
                assert "a-im" not in plain["vary"].lower()
            assert server.ask(path, "HEAD", if_none_match=tag, a_im="feed").status == 200
            assert ask(server, path, '"unknown"').status == 200
            assert ask(server, path, full["etag"]).status == 304
        # Only what is subscribed to.
        assert ask(server, "/all/index.html", '"unknown"').status == 200


def test_an_edited_entry_is_sent_again_and_one_that_left_is_not_told_of(site: Site) -> None:
    publish(site, 5)
    with feeds_server(site.root) as server:
        before = ask(server, "/all/atom.xml")
        site.write(
            "s/1002.md", seed("Edited", "https://news.example.com/2", **dated(1_700_000_120))
        )
        site.root.joinpath("seeds/s/1000.md").unlink()
        site.build()
        eventually(lambda: server.ask("/all/atom.xml", if_none_match=before["etag"]).status == 200)
        got = ask(server, "/all/atom.xml", before["etag"])
        assert got.status == 226
        assert [entry.title for entry in feedparser.parse(got.body).entries] == ["Edited"]


def test_who_can_do_nothing_with_a_delta_misses_nothing(site: Site) -> None:
    publish(site, 5)
    with feeds_server(site.root) as server:
        tag = ask(server, "/all/atom.xml")["etag"]
        publish(site, 6)
        eventually(lambda: server.ask("/all/atom.xml", if_none_match=tag).status == 200)
        # Who comes back with the tag of before has made nothing of the answer.
        assert [ask(server, "/all/atom.xml", tag).status for _ in range(3)] == [226, 200, 200]
        assert ask(server, "/all/atom.xml", tag, **{"User-Agent": "Another/1"}).status == 226
        # The library asks on behalf of programs that know nothing of it.
        agent = {"User-Agent": "feedparser/6.0.11 +https://github.com/kurtmckee/feedparser/"}
        assert ask(server, "/all/atom.xml", tag, **agent).status == 200


def test_the_history_survives_a_restart(site: Site) -> None:
    publish(site, 5)
    with feeds_server(site.root) as server:
        tag = ask(server, "/all/atom.xml")["etag"]
    publish(site, 6)
    with feeds_server(site.root) as server:
        assert ask(server, "/all/atom.xml", tag).status == 226
    for name in os.listdir(site.root / ".feeds/history"):
        (site.root / ".feeds/history" / name).write_text("nonsense")
    with feeds_server(site.root) as server:
        assert ask(server, "/all/atom.xml", tag).status == 200

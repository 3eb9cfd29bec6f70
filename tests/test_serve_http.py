"""HTTP over a real socket: `feeds serve`, and what it shares with nginx and Caddy as we set them up."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import time
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import TYPE_CHECKING

import brotli
import pytest
import zstandard
from conftest import Site, dated, seed
from outside import Running, caddy_server, eventually, feeds_server, nginx_server, receive

from feeds.serving import conditions, negotiation

if TYPE_CHECKING:
    from collections.abc import Iterator

CONFIG = """
[[feed]]
slug = "all"
[[feed]]
slug = "島"
include = { source = "s" }
[publish]
precompressed = ["gzip", "br", "zstd"]
[websub]
hubs = ["https://hub.example.org/"]
[[moved]]
path = "old"
to = "all"
[[moved]]
path = "older/rss.xml"
to = "all/rss.xml"
status = 308
[[moved]]
path = "away"
to = "https://elsewhere.example.org/feed"
[[moved]]
path = "ended"
"""
CHROMIUM = (
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,"
    "application/signed-exchange;v=b3;q=0.7"
)
FIREFOX = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
READERS = (
    (
        "application/xml, application/atom+xml, application/rss+xml, application/rdf+xml, application/feed+json,"
        " text/html, */*;q=0.9"
    ),  # miniflux
    (
        "application/atom+xml, application/rss+xml, application/rdf+xml;q=0.9, application/xml;q=0.8,"
        " text/xml;q=0.8, text/html;q=0.7, unknown/unknown;q=0.1, application/unknown;q=0.1, */*;q=0.1"
    ),  # SimplePie
    (
        "application/atom+xml,application/rdf+xml,application/rss+xml,application/x-netcdf,application/xml;q=0.9,"
        "text/xml;q=0.2,*/*;q=0.1"
    ),  # feedparser
    "*/*",
    "",
)
DOCUMENTS = {
    "/all/atom.xml": "application/atom+xml; charset=utf-8",
    "/all/rss.xml": "application/rss+xml; charset=utf-8",
    "/all/feed.json": "application/feed+json",
    "/all/index.html": "text/html; charset=utf-8",
    "/index.html": "text/html; charset=utf-8",
    "/feeds.opml": "text/x-opml; charset=utf-8",
    "/style.css": "text/css; charset=utf-8",
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A site that no test changes."""
    made = Site(tmp_path_factory.mktemp("site"))
    made.configure(CONFIG)
    for n in range(12):
        made.write(
            f"s/{1000 + n}.md",
            seed(
                f"Article {n}",
                f"https://news.example.com/{n}",
                **dated(1_700_000_000 + n * 3600),
                body=f"<p>{'A sentence. ' * 60}</p>",
            ),
        )
    made.build()
    for path in (made.root / "out").rglob(
        "*.*"
    ):  # long enough ago for a date to tell versions apart
        os.utime(path, (1_790_000_000, 1_790_000_000))
    (made.root / "out" / "link.html").symlink_to(made.root / "config.toml")
    (made.root / "out" / "folder").symlink_to(made.root / "seeds")
    (made.root / "out" / ".hidden").write_text("hidden")
    (made.root / "out" / "media").mkdir()
    (made.root / "out" / "media" / "large.png").write_bytes(os.urandom(3_000_000))
    (made.root / "out" / "media" / "drawing.svg").write_text(
        "<svg xmlns='http://www.w3.org/2000/svg'/>"
    )
    return made


@pytest.fixture(scope="module")
def feeds(shared: Site) -> Iterator[Running]:
    with feeds_server(shared.root) as server:
        yield server


@pytest.fixture(scope="module", params=["feeds", "nginx", "caddy"])
def server(request: pytest.FixtureRequest, shared: Site) -> Iterator[Running]:
    """Each of the servers that can give out the folder."""
    start = {"feeds": feeds_server, "nginx": nginx_server, "caddy": caddy_server}[request.param]
    with start(shared.root) as one:
        yield one


# --- what all three do ----------------------------------------------------------------------------


@pytest.mark.parametrize(("path", "media_type"), DOCUMENTS.items())
def test_documents_are_given_out_as_what_they_are(
    server: Running, shared: Site, path: str, media_type: str
) -> None:
    got = server.ask(path)
    assert (got.status, got["content-type"]) == (200, media_type)
    assert got.body == (shared.root / "out" / path[1:]).read_bytes()
    assert got["x-content-type-options"] == "nosniff"
    assert "max-age=" in got["cache-control"]
    assert got["etag"].startswith('"')
    assert "expires" not in dict(got.headers)
    changed = parsedate_to_datetime(got["last-modified"]).timestamp()
    assert abs(changed - (shared.root / "out" / path[1:]).stat().st_mtime) <= 1
    assert ("default-src 'none'" in got["content-security-policy"]) == (
        media_type.startswith("text/html")
    )


@pytest.mark.parametrize("path", DOCUMENTS)
def test_head_has_the_headers_of_get(server: Running, path: str) -> None:
    whole, head = server.ask(path), server.ask(path, "HEAD")
    assert head.status == 200
    assert {h for h in head.headers if h[0] != "date"} == {
        h for h in whole.headers if h[0] != "date"
    }


@pytest.mark.parametrize("path", DOCUMENTS)
def test_a_client_that_has_it_gets_304(server: Running, path: str) -> None:
    for coding in ("identity", "gzip"):
        got = server.ask(path, accept_encoding=coding)
        tag = got["etag"]
        assert server.ask(path, accept_encoding=coding, if_none_match='"another"').status == 200
        for stated in (tag, f'"another", {tag}', "*", f"W/{tag}"):
            again = server.ask(path, accept_encoding=coding, if_none_match=stated)
            assert again.status == 304, stated
            assert not again.body
            for name in ("cache-control", "vary"):
                assert again[name] == got[name]
        last = parsedate_to_datetime(got["last-modified"])
        for later in (timedelta(0), timedelta(hours=2)):
            if last + later < parsedate_to_datetime(got["date"]) + timedelta(seconds=1):
                assert (
                    server.ask(
                        path, if_modified_since=format_datetime(last + later, usegmt=True)
                    ).status
                    == 304
                )
        assert (
            server.ask(
                path, if_modified_since=format_datetime(last - timedelta(seconds=1), usegmt=True)
            ).status
            == 200
        )
        # A tag says more than a date.
        assert (
            server.ask(
                path, if_none_match='"another"', if_modified_since=got["last-modified"]
            ).status
            == 200
        )


def test_a_date_that_a_reader_made_up_will_do(server: Running, shared: Site) -> None:
    path = shared.root / "out" / "all" / "atom.xml"
    stated = format_datetime(
        parsedate_to_datetime(server.ask("/all/atom.xml")["last-modified"]) + timedelta(seconds=1),
        usegmt=True,
    )
    assert path.exists()
    eventually(lambda: server.ask("/all/atom.xml", if_modified_since=stated).status == 304, 5)


def test_codings_are_those_that_the_client_takes(server: Running, shared: Site) -> None:
    plain = (shared.root / "out/all/atom.xml").read_bytes()
    unpack = {
        "gzip": gzip.decompress,
        "br": brotli.decompress,
        "zstd": lambda b: zstandard.ZstdDecompressor().decompress(b),
        "": bytes,
    }
    mine = {"feeds": {"gzip", "br", "zstd"}, "nginx": {"gzip"}, "caddy": {"gzip", "br", "zstd"}}[
        server.name
    ]
    for coding in mine:
        got = server.ask("/all/atom.xml", accept_encoding=coding)
        assert got["content-encoding"] == coding
        assert len(got.body) < len(plain) / 2
        assert unpack[coding](got.body) == plain
        assert "accept-encoding" in got["vary"].lower()
    for stated in ("identity", "gzip;q=0", "gzipx", "deflate", "gzip;q=0, br;q=0, zstd;q=0"):
        got = server.ask("/all/atom.xml", accept_encoding=stated)
        assert (got["content-encoding"], got.body) == ("", plain), stated
        assert "accept-encoding" in got["vary"].lower()


@pytest.mark.parametrize("accept", [CHROMIUM, FIREFOX])
def test_browsers_get_the_same_bytes_with_their_stylesheet(server: Running, accept: str) -> None:
    for path in ("/all/atom.xml", "/all/rss.xml"):
        reader, browser = server.ask(path), server.ask(path, accept=accept)
        assert browser["content-type"] == "application/xml; charset=utf-8"
        assert browser.body == reader.body
        assert "accept" in [v.strip().lower() for v in browser["vary"].split(",")]
        assert "accept" in [v.strip().lower() for v in reader["vary"].split(",")]
        assert "default-src 'none'" in browser["content-security-policy"]


@pytest.mark.parametrize("accept", READERS)
def test_readers_never_notice(server: Running, accept: str) -> None:
    for path in ("/all/atom.xml", "/all/rss.xml", "/all/feed.json"):
        assert server.ask(path, accept=accept)["content-type"] == DOCUMENTS[path]


def test_ranges(server: Running, shared: Site) -> None:
    body = (shared.root / "out/all/atom.xml").read_bytes()
    size = len(body)
    for stated, first, last in (
        ("0-9", 0, 9),
        ("-5", size - 5, size - 1),
        (f"{size - 3}-", size - 3, size - 1),
        (f"10-{size + 9}", 10, size - 1),
    ):
        got = server.ask("/all/atom.xml", range=f"bytes={stated}")
        assert (got.status, got.body) == (206, body[first : last + 1])
        assert got["content-range"] == f"bytes {first}-{last}/{size}"
    beyond = server.ask("/all/atom.xml", range=f"bytes={size}-")
    assert (beyond.status, beyond["content-range"]) == (416, f"bytes */{size}")
    tag = server.ask("/all/atom.xml")["etag"]
    assert server.ask("/all/atom.xml", range="bytes=0-9", if_range=tag).status == 206
    assert server.ask("/all/atom.xml", range="bytes=0-9", if_range='"another"').status == 200


def test_a_drawing_can_do_nothing(server: Running) -> None:
    policy = server.ask("/media/drawing.svg")["content-security-policy"]
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    assert not server.ask("/media/large.png", "HEAD")["content-security-policy"]


def test_how_long_an_answer_may_be_kept(server: Running) -> None:
    for path, seconds in (
        ("/media/drawing.svg", "86400"),
        ("/media/large.png", "86400"),
        ("/", "900"),
    ):
        assert server.ask(path, "HEAD")["cache-control"] == f"public, max-age={seconds}", path
    for path in ("/nothing", "/media/nothing.png", "/.hidden"):
        assert server.ask(path)["cache-control"] in {"max-age=60", ""}, path
    assert server.ask("/all/atom.xml", "POST", content_length="0")["cache-control"] in {
        "no-store",
        "",
    }


def test_what_is_not_to_be_had(server: Running) -> None:
    for path in (
        "/nothing", "/all/nothing.xml", "/../config.toml", "/%2e%2e/config.toml", "/..%2fconfig.toml", "/all/../../config.toml",
        "/.hidden", "/%2ehidden", *(() if server.name == "caddy" else ("/link.html", "/folder/s/1000.md")), "/all/atom.xml.gz", "/all/atom.xml.br", "/all/atom.xml/",
        "/" + "a" * 300, "/media/", "/%ff%fe",
    ):  # fmt: skip
        got = server.ask(path)
        assert got.status in {400, 403, 404}, path
        assert len(got.body) < 600, path
        assert b"site" not in got.body
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        got = server.ask("/all/atom.xml", method, content_length="0")
        assert (got.status, got["allow"]) == (405, "GET, HEAD, OPTIONS"), method
    options = server.ask("/all/atom.xml", "OPTIONS")
    assert (options.status, options["allow"], options.body) == (204, "GET, HEAD, OPTIONS", b"")


def test_a_query_changes_nothing(server: Running) -> None:
    plain = server.ask("/all/atom.xml")
    for junk in ("?", "?_=123", "?null", "?utm_source=x&y[]=%ff"):
        assert server.ask(f"/all/atom.xml{junk}", if_none_match=plain["etag"]).status == 304


def test_behind_a_link_there_is_no_folder(feeds: Running, shared: Site) -> None:
    """Whether a folder lies there is no one's business."""
    shared.root.joinpath("seeds/s/inner").mkdir(exist_ok=True)
    for path in ("/folder", "/folder/s", "/folder/s/inner", "/folder/s/nothing"):
        assert feeds.ask(path).status == 404


def test_folders_show_their_page(server: Running) -> None:
    for path, same in (
        ("/", "/index.html"),
        ("/all/", "/all/index.html"),
        ("/%E5%B3%B6/", "/%E5%B3%B6/index.html"),
    ):
        got = server.ask(path)
        assert (got.status, got["content-type"]) == (200, "text/html; charset=utf-8"), path
        assert got.body == server.ask(same).body


def test_pipelined_requests_are_answered_in_order(server: Running) -> None:
    paths = ["/all/atom.xml", "/nothing", "/all/rss.xml", "/style.css"] * 5
    with server.connect() as sock:
        sock.sendall(
            b"".join(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode() for path in paths)
        )
        rest = bytearray()
        got = [receive(sock, rest=rest) for _ in paths]
    assert [one.status for one in got] == [200, 404, 200, 200] * 5
    assert {hashlib.sha256(one.body).digest() for one in got[::4]} == {
        hashlib.sha256(got[0].body).digest()
    }


def test_large_headers_are_refused(server: Running) -> None:
    got = server.send(
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Large: " + b"a" * 60_000 + b"\r\n\r\n"
    )
    assert got.status in {400, 431}
    assert len(got.body) < 600


# --- what only ours does --------------------------------------------------------------------------


def test_tags_are_of_the_content(feeds: Running, shared: Site) -> None:
    tags = {
        (coding, accept): feeds.ask("/all/atom.xml", accept_encoding=coding, accept=accept)["etag"]
        for coding in ("identity", "gzip", "br", "zstd")
        for accept in ("*/*", CHROMIUM)
    }
    assert len(set(tags.values())) == len(tags)
    with feeds_server(shared.root) as another:
        for (coding, accept), tag in tags.items():
            assert (
                another.ask("/all/atom.xml", accept_encoding=coding, accept=accept)["etag"] == tag
            )
    # A tag of one coding is no proof of another.
    assert feeds.ask("/all/atom.xml", if_none_match=tags["gzip", "*/*"]).status == 200
    assert (
        feeds.ask(
            "/all/atom.xml", accept_encoding="br, gzip", if_none_match=tags["gzip", "*/*"]
        ).status
        == 304
    )
    assert (
        feeds.ask("/all/atom.xml", accept=CHROMIUM, if_none_match=tags["identity", "*/*"]).status
        == 200
    )


def test_tags_are_known_however_they_are_sent_back(feeds: Running) -> None:
    tag = feeds.ask("/all/atom.xml")["etag"].strip('"')
    for stated in (
        f"W/{tag}", tag, f'"{tag}-gzip"', f'W/"{tag}-gzip"', f'"{tag};gzip"', f'"x" , "{tag}"', f'"x","y", W/"{tag}"', f'"{tag}-br"',
    ):  # fmt: skip
        assert feeds.ask("/all/atom.xml", if_none_match=stated).status == 304, stated
    for stated in ('""', f'"{tag}x"', f'"{tag[:-1]}"', '"', ",,", "W/"):
        assert feeds.ask("/all/atom.xml", if_none_match=stated).status == 200, stated


def test_another_answer_to_a_precondition(feeds: Running) -> None:
    got = feeds.ask("/all/atom.xml")
    assert feeds.ask("/all/atom.xml", if_match=got["etag"]).status == 200
    assert feeds.ask("/all/atom.xml", if_match="*").status == 200
    assert feeds.ask("/all/atom.xml", if_match='"another"').status == 412
    assert feeds.ask("/all/atom.xml", if_match=f"W/{got['etag']}").status == 412
    assert (
        feeds.ask("/all/atom.xml", if_unmodified_since="Thu, 01 Jan 1970 00:00:00 GMT").status
        == 412
    )
    assert feeds.ask("/all/atom.xml", if_unmodified_since=got["last-modified"]).status == 200


def test_dates_in_every_form_and_dates_of_the_future(feeds: Running, shared: Site) -> None:
    os.utime(shared.root / "out/all/index.html", (1_600_000_000, 1_600_000_000))
    eventually(lambda: "2020" in feeds.ask("/all/index.html")["last-modified"])
    for stated in (
        "Sun, 13 Sep 2020 12:26:40 GMT",
        "Sunday, 13-Sep-20 12:26:40 GMT",
        "Sun Sep 13 12:26:40 2020",
        "Sun, 13 Sep 2020 14:26:40 +0200",
    ):
        assert feeds.ask("/all/index.html", if_modified_since=stated).status == 304, stated
    for stated in (
        "Sun, 13 Sep 2020 12:26:39 GMT",
        "Fri, 13 Sep 2999 12:26:40 GMT",
        "yesterday",
        "",
        "1600000000",
        f"Sun, {'9' * 20} Sep 2020 12:26:40 GMT",
        f"Sun, 13 Sep 2020 12:26:40 +{'9' * 20}",
    ):
        assert feeds.ask("/all/index.html", if_modified_since=stated).status == 200, stated


def test_a_date_that_can_not_be_is_ignored_wherever_it_stands(feeds: Running) -> None:
    for stated in (
        f"Mon, {'9' * 20} Nov 2026 06:00:00 GMT",
        f"Mon, 23 Nov 2026 06:00:00 +{'9' * 20}",
        f"Mon, 23 Nov {'9' * 20} 06:00:00 GMT",
    ):
        assert feeds.ask("/all/atom.xml", if_unmodified_since=stated).status == 200
        got = feeds.ask("/all/atom.xml", range="bytes=0-9", if_range=stated)
        assert got.status == 200


def test_a_header_takes_no_longer_than_its_length_asks(feeds: Running) -> None:
    """Expressions that go back over what they read took minutes, and held up every client."""
    blank, many = " " * 15_000, "-gzip" * 3000
    began = time.process_time()
    for header in (
        f'x{blank}"',
        f'{"x" * 9000}{blank}"',
        f"{many}x",
        f"W/{blank}W/",
        '"' * 15_000,
        "," * 15_000,
    ):
        conditions.tags(header)
        conditions.tags(header, strong=True)
    for header in (f"bytes={blank}x", f"bytes{blank}", f"{blank}=", f"bytes=0{blank}-{blank}x"):
        conditions.span(header, 10)
    for header in (f"{blank};", f"a;{blank}q", "a," * 9000, f"a;q={'1' * 15_000}"):
        negotiation.weights(header)
    assert time.process_time() - began < 5
    got = feeds.ask(
        "/all/atom.xml", if_none_match=f'x{blank}"', accept=f"a{blank};", range=f"bytes={blank}x"
    )
    assert got.status == 200


def test_quality_values_decide(feeds: Running) -> None:
    for stated, coding in (
        ("gzip, br, zstd", "br"), ("gzip;q=1, br;q=0.5", "gzip"), ("*", "br"), ("br;q=0, *", "zstd"), ("*;q=0.1, gzip;q=0.2", "gzip"),
        ("x-gzip", "gzip"), ("GZIP", "gzip"), ("identity, gzip;q=0.5", ""), ("gzip;q=0.5, identity;q=0.1", "gzip"), ("", ""), ("gzip;q=abc", ""),
    ):  # fmt: skip
        assert feeds.ask("/all/atom.xml", accept_encoding=stated)["content-encoding"] == coding, (
            stated
        )


def test_406_is_for_those_who_refuse_in_words(feeds: Running) -> None:
    assert feeds.ask("/all/atom.xml", accept="*/*;q=0").status == 406
    assert feeds.ask("/all/feed.json", accept="application/feed+json;q=0").status == 406
    assert feeds.ask("/media/large.png", accept_encoding="identity;q=0").status == 406
    assert feeds.ask("/all/atom.xml", accept="image/png").status == 200
    # Refused as a feed, it still is XML.
    assert (
        feeds.ask("/all/atom.xml", accept="application/atom+xml;q=0, */*")["content-type"]
        == "application/xml; charset=utf-8"
    )


def test_ranges_that_make_no_sense(feeds: Running) -> None:
    whole = feeds.ask("/all/atom.xml")
    for stated in (
        "bytes=5-2",
        "lines=0-9",
        "bytes=a-b",
        "bytes=",
        "bytes=0-1,4-5",
        "bytes",
        "bytes=--5",
    ):
        assert feeds.ask("/all/atom.xml", range=stated).status == 200, stated
    assert feeds.ask("/all/atom.xml", range="bytes=-0").status == 416
    for stated in (f"bytes={'0' * 30}-9", f"bytes=0-{'0' * 30}9"):
        assert feeds.ask("/all/atom.xml", range=stated).body == whole.body[:10]
    assert feeds.ask("/all/atom.xml", range=f"bytes=0-{'9' * 40}").status == 206
    assert feeds.ask("/all/atom.xml", range=f"bytes=-{'9' * 40}").body == whole.body
    assert feeds.ask("/all/atom.xml", range=f"bytes={'9' * 40}-").status == 416
    # A range is of the plain bytes, and a client that has the whole gets none of it.
    part = feeds.ask("/all/atom.xml", range="bytes=0-9", accept_encoding="gzip")
    assert (part.status, part["content-encoding"], part.body) == (206, "", whole.body[:10])
    assert feeds.ask("/all/atom.xml", range="bytes=0-9", if_none_match=whole["etag"]).status == 304
    assert (
        feeds.ask("/all/atom.xml", range="bytes=0-9", if_range=whole["last-modified"]).status == 206
    )
    assert (
        feeds.ask("/all/atom.xml", range="bytes=0-9", if_range=f"W/{whole['etag']}").status == 200
    )
    assert feeds.ask("/all/atom.xml", "HEAD", range="bytes=0-9").status == 200


def test_large_files_come_from_the_disk(feeds: Running, shared: Site) -> None:
    body = (shared.root / "out/media/large.png").read_bytes()
    got = feeds.ask("/media/large.png")
    assert (got.status, got["content-type"], got["content-length"]) == (200, "image/png", "3000000")
    assert got.body == body
    assert feeds.ask("/media/large.png", if_none_match=got["etag"]).status == 304
    assert feeds.ask("/media/large.png", "HEAD")["content-length"] == "3000000"
    part = feeds.ask("/media/large.png", range="bytes=1000000-1000099")
    assert (part.status, part.body) == (206, body[1_000_000:1_000_100])


def test_what_moved_and_what_is_gone(feeds: Running) -> None:
    for path, status, where in (
        ("/old/atom.xml", 301, "../all/atom.xml"), ("/old/", 301, "../all/"), ("/older/rss.xml", 308, "../all/rss.xml"),
        ("/away/atom.xml", 301, "https://elsewhere.example.org/feed/atom.xml"), ("/all", 301, "all/"), ("/%E5%B3%B6", 301, "%E5%B3%B6/"),
    ):  # fmt: skip
        for method in ("GET", "HEAD"):
            got = feeds.ask(path, method)
            assert (got.status, got["location"]) == (status, where), path
    assert feeds.ask("/ended/atom.xml").status == 410
    assert feeds.ask("/ended").status == 410
    assert feeds.ask("/endedx").status == 404


def test_the_site_below_a_path(site: Site) -> None:
    """Whether a proxy takes the path off or leaves it."""
    site.configure("", 'site.title = "T"\nsite.url = "https://example.org/feeds/"\n')
    site.write("s/1.md", seed())
    site.build()
    with feeds_server(site.root) as server:
        tag = server.ask("/all/atom.xml")["etag"]
        assert tag
        assert server.ask("/feeds/all/atom.xml")["etag"] == tag
        assert server.ask("/feeds/").status == 200
        assert server.ask("/feeds/all")["location"] == "all/"
        assert server.ask("/feeds")["location"] == "feeds/"


def test_links_repeat_the_document(feeds: Running) -> None:
    for path in ("/all/atom.xml", "/all/rss.xml", "/all/feed.json"):
        links = feeds.ask(path)["link"]
        assert f'<https://feeds.example.org{path}>; rel="self"' in links
        assert '<https://hub.example.org/>; rel="hub"' in links
        assert links.count('rel="self"') == 1
    assert "%E5%B3%B6/atom.xml>" in feeds.ask("/%E5%B3%B6/atom.xml")["link"]


def test_pages_lead_to_their_feeds(feeds: Running) -> None:
    page = feeds.ask("/all/").body.decode()
    for path in ("atom.xml", "rss.xml", "feed.json"):
        assert re.search(
            rf'<link rel="alternate" type="application/[\w+]+" href="https://feeds.example.org/all/{path}"',
            page,
        )


def test_hints_follow_the_schedule_and_the_pace(site: Site) -> None:
    """A feed with an article an hour, one that has slept for years, and a schedule of an hour."""
    now = int(time.time())
    site.configure('[schedule]\ncron = "5 * * * *"\n[[feed]]\neach = "source"\nslug = "{source}"\n')
    for n in range(10):
        site.write(
            f"brisk/{1000 + n}.md",
            seed(f"B {n}", f"https://n.example.com/b{n}", **dated(now - n * 3600 - 60)),
        )
        site.write(
            f"asleep/{2000 + n}.md",
            seed(f"S {n}", f"https://n.example.com/s{n}", **dated(now - (n + 300) * 86_400)),
        )
    site.build(now)
    assert b"<ttl>60</ttl>" in (site.root / "out/brisk/rss.xml").read_bytes()
    with feeds_server(site.root) as server:
        assert server.ask("/brisk/atom.xml")["cache-control"] == "public, max-age=3600"
        assert server.ask("/brisk/rss.xml")["cache-control"] == "public, max-age=3600"
        assert server.ask("/brisk/feed.json")["cache-control"] == "public, max-age=3600"
        assert server.ask("/asleep/atom.xml")["cache-control"] == "public, max-age=10800"


def test_requests_that_break_the_rules(feeds: Running) -> None:
    for request, status in (
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"nonsense\r\n\r\n", 400),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(200)) + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 60_000 + b"\r\n\r\n", 431),
        (b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 204),
        (b"GET / HTTP/1.0\r\n\r\n", 200),
        (b"GET * HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET style.css HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        *((b"GET / HTTP/1.1\r\nHost: " + host + b"\r\n\r\n", 400) for host in (b"a b", b"a@b", b"a/b", b"x:abc", b"x:1:2", b"[::1", b"::1", b"a,b", b"a\xff", b"a" * 9000 + b"@")),
        *((b"GET / HTTP/1.1\r\nHost: " + host + b"\r\n\r\n", 200) for host in (b"x:", b"x:80", b"[2001:db8::1]:80", b"a_b.example", b"xn--fa-hia.example.")),
        (b"GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n", 200),
    ):  # fmt: skip
        got = feeds.send(request)
        assert got.status == status, request[:40]
        assert status == 200 or len(got.body) < 200


def test_a_replaced_file_is_seen_at_once(site: Site) -> None:
    site.write("s/1.md", seed())
    site.build()
    path = site.root / "out/all/atom.xml"
    with feeds_server(site.root) as server:
        before = server.ask("/all/atom.xml")
        moment = path.stat()
        # As long as before and of the same time: what servers that go by time and size don't see.
        new = path.read_bytes().replace(b"A title", b"B title")
        half = path.with_name("half")
        half.write_bytes(new)
        os.utime(half, ns=(moment.st_atime_ns, moment.st_mtime_ns))
        half.replace(path)
        begun = time.monotonic()
        eventually(lambda: server.ask("/all/atom.xml", if_none_match=before["etag"]).status == 200)
        took = time.monotonic() - begun
        assert server.ask("/all/atom.xml").body == new
        path.unlink()
        eventually(lambda: server.ask("/all/atom.xml").status == 404)
        assert took < 5


def test_the_date_moves_on_with_every_version(site: Site) -> None:
    """A file that is put back with its old time is new to those who go by dates, as curl does."""
    site.write("s/1.md", seed())
    site.build()
    path = site.root / "out/all/atom.xml"
    os.utime(path, (1_700_000_000, 1_700_000_000))
    with feeds_server(site.root) as server:
        before = server.ask("/all/atom.xml")["last-modified"]
        path.write_bytes(path.read_bytes() + b"<!--2-->")
        os.utime(path, (1_600_000_000, 1_600_000_000))
        eventually(lambda: server.ask("/all/atom.xml").body.endswith(b"<!--2-->"))
        after = server.ask("/all/atom.xml", if_modified_since=before)
        assert after.status == 200
        assert parsedate_to_datetime(after["last-modified"]) > parsedate_to_datetime(before)


def test_a_second_of_the_same_time_is_told_apart_by_date_too(site: Site) -> None:
    """Two versions within one second: neither states a date before the second is over."""
    site.write("s/1.md", seed())
    site.build()
    path = site.root / "out/all/atom.xml"
    with feeds_server(site.root) as server:
        while time.time() % 1 > 0.3:
            time.sleep(0.01)
        path.write_bytes(path.read_bytes() + b"<!--1-->")
        eventually(lambda: server.ask("/all/atom.xml").body.endswith(b"<!--1-->"), 5, 0.01)
        first = server.ask("/all/atom.xml")
        made_up = first["date"]
        path.write_bytes(path.read_bytes() + b"<!--2-->")
        eventually(
            lambda: server.ask("/all/atom.xml", if_modified_since=made_up).body.endswith(
                b"<!--2-->"
            ),
            5,
        )
        assert not first["last-modified"]
        eventually(lambda: server.ask("/all/atom.xml")["last-modified"] > made_up, 5)

"""Documents: by the golden site, by other readers, and by the rules that validators do not see."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET
from xml.parsers import expat

import feedparser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds import fitting, formats, urls
from feeds.formats import proof
from feeds.model import Document, Enclosure, Entry, Feed, Listed
from feeds.schema import made
from feeds.tables import Site

ATOM = "{http://www.w3.org/2005/Atom}"
MEDIA = "{http://search.yahoo.com/mrss/}"
LANG = "{http://www.w3.org/XML/1998/namespace}lang"
WHEN = datetime(2026, 3, 1, 8, 30, tzinfo=UTC)
LEAD = Enclosure("https://p.example/1.jpg", "image/jpeg", 5000, 800, 600, "The <lead> & more")
OTHER = Enclosure("https://p.example/2", "application/octet-stream")


def entry(number: int = 1, **changes: object) -> Entry:
    made = Entry(
        id=f"tag:example.org,2020:{number:032x}",
        title=f"Title {number}",
        link=f"https://news.example.com/{number}",
        published=WHEN - timedelta(hours=number),
        updated=WHEN - timedelta(hours=number, minutes=-5),
        summary="A summary of it.",
        content="<p>A summary of it. And the <b>rest</b>.</p>",
        authors=("Jane Doe",),
        categories=("News", "历史"),
        language="en",
        source="Source",
        enclosures=(LEAD, OTHER),
        path=f"s/{number}.md",
    )
    return made._replace(**changes)


def feed(*entries: Entry, **changes: object) -> Feed:
    made = Feed(
        id="tag:example.org,2020:feed/all",
        slug="all",
        title="All of it",
        subtitle="Everything",
        home="https://feeds.example.org/all/",
        site="https://feeds.example.org/",
        site_title="The site",
        language="zh-CN",
        author="The site",
        updated=max((e.updated for e in entries), default=WHEN),
        entries=entries,
        formats=("atom", "rss", "json"),
    )
    return made._replace(**changes)


def rendered(given: Feed) -> dict[str, bytes]:
    return {d.name.rpartition("/")[2]: d.body for d in formats.render(given)}


FEED = feed(
    entry(1),
    entry(2, language="ar", title='<b> & "q" 5 < 6', authors=(), categories=()),
    entry(3, enclosures=()),
)
BODIES = rendered(FEED)
ATOM_ROOT = ET.fromstring(BODIES["atom.xml"])
RSS_ROOT = ET.fromstring(BODIES["rss.xml"])
CHANNEL = RSS_ROOT.find("channel")
JSON = json.loads(BODIES["feed.json"])


@pytest.mark.parametrize("name", ["atom.xml", "rss.xml"])
def test_documents_begin_as_they_should(name: str) -> None:
    body = BODIES[name]
    assert body.startswith(
        b"<?xml version='1.0' encoding='UTF-8'?>\n<?xml-stylesheet type=\"text/css\""
    )
    assert b"<!DOCTYPE" not in body
    assert b"&#13;" not in body
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.Parse(body, True)


def test_atom_feed() -> None:
    assert ATOM_ROOT.tag == f"{ATOM}feed"
    assert ATOM_ROOT.get(LANG) == "zh-CN"
    for name, expected in (("id", FEED.id), ("title", "All of it"), ("subtitle", "Everything")):
        (found,) = ATOM_ROOT.findall(f"{ATOM}{name}")
        assert found.text == expected
    assert ATOM_ROOT.findtext(f"{ATOM}updated") == FEED.updated.isoformat()
    assert ATOM_ROOT.findtext(f"{ATOM}author/{ATOM}name") == "The site"
    generator = ATOM_ROOT.find(f"{ATOM}generator")
    assert generator.text == "feeds"
    assert generator.get("version") == formats.VERSION
    links = {link.get("rel"): dict(link.attrib) for link in ATOM_ROOT.findall(f"{ATOM}link")}
    assert links == {
        "alternate": {"rel": "alternate", "type": "text/html", "href": FEED.home},
        "self": {"rel": "self", "type": "application/atom+xml", "href": f"{FEED.home}atom.xml"},
    }


def test_atom_entries() -> None:
    for element, given_entry in zip(ATOM_ROOT.findall(f"{ATOM}entry"), FEED.entries, strict=True):
        for name in ("id", "title", "updated", "published", "content", "summary"):
            assert len(element.findall(f"{ATOM}{name}")) == 1
        assert element.findtext(f"{ATOM}id") == given_entry.id != FEED.id
        assert element.findtext(f"{ATOM}title") == given_entry.title
        assert element.find(f"{ATOM}content").get("type") == "html"
        assert element.find(f"{ATOM}content").get(LANG) == given_entry.language
        assert element.get(LANG) == given_entry.language
        assert element.findtext(f"{ATOM}published") <= element.findtext(f"{ATOM}updated")
        assert element.findtext(f"{ATOM}updated") <= ATOM_ROOT.findtext(f"{ATOM}updated")
        links = element.findall(f"{ATOM}link")
        (alternate,) = (link for link in links if link.get("rel") == "alternate")
        assert alternate.get("href") == given_entry.link
        enclosures = [dict(link.attrib) for link in links if link.get("rel") == "enclosure"]
        assert [e["href"] for e in enclosures] == [e.url for e in given_entry.enclosures]
        assert all(e["type"] for e in enclosures)
        assert ["length" in e for e in enclosures] == [e.length > 0 for e in given_entry.enclosures]
        assert [c.get("term") for c in element.findall(f"{ATOM}category")] == list(
            given_entry.categories
        )


def test_rss_channel() -> None:
    assert RSS_ROOT.get("version") == "2.0"
    assert CHANNEL.findtext("link") == FEED.home
    assert CHANNEL.findtext("language") == CHANNEL.get(LANG) == "zh-CN"
    assert CHANNEL.findtext("docs") == "http://www.rssboard.org/rss-specification"
    (own,) = CHANNEL.findall(f"{ATOM}link")
    assert own.attrib == {
        "rel": "self",
        "type": "application/rss+xml",
        "href": f"{FEED.home}rss.xml",
    }
    assert parsedate_to_datetime(CHANNEL.findtext("lastBuildDate")) == FEED.updated
    for name in ("textInput", "cloud", "rating", "managingEditor", "webMaster"):
        assert CHANNEL.find(name) is None
    namespaces = set(re.findall(rb'xmlns:?(\w*)="([^"]+)"', BODIES["rss.xml"]))
    assert namespaces == {
        (b"atom", b"http://www.w3.org/2005/Atom"),
        (b"content", b"http://purl.org/rss/1.0/modules/content/"),
        (b"dc", b"http://purl.org/dc/elements/1.1/"),
        (b"media", b"http://search.yahoo.com/mrss/"),
    }


def test_rss_items() -> None:
    for item, given_entry in zip(CHANNEL.findall("item"), FEED.entries, strict=True):
        assert item.findtext("guid") == given_entry.id
        assert item.find("guid").get("isPermaLink") == "false"
        assert item.findtext("link") == given_entry.link
        assert item.find("author") is None
        names = [e.text for e in item.findall("{http://purl.org/dc/elements/1.1/}creator")]
        assert names == list(given_entry.authors or (FEED.author,))
        assert item.findtext("{http://purl.org/dc/elements/1.1/}language") == given_entry.language
        assert parsedate_to_datetime(item.findtext("pubDate")) == given_entry.published
        assert datetime.fromisoformat(item.findtext(f"{ATOM}updated")) == given_entry.updated
        tags = [child.tag for child in item]
        assert tags.index("description") < tags.index(
            "{http://purl.org/rss/1.0/modules/content/}encoded"
        )
        enclosures = [dict(e.attrib) for e in item.findall("enclosure")]
        assert enclosures == [
            {"url": e.url, "length": str(e.length), "type": e.media_type}
            for e in given_entry.enclosures[:1]
        ]


def test_text_that_rss_readers_take_for_html() -> None:
    item = CHANNEL.findall("item")[1]
    assert item.findtext("title") == '&lt;b&gt; &amp; "q" 5 &lt; 6'
    assert ATOM_ROOT.findall(f"{ATOM}entry")[1].findtext(f"{ATOM}title") == '<b> & "q" 5 < 6'
    assert JSON["items"][1]["title"] == '<b> & "q" 5 < 6'


@pytest.mark.parametrize("parent", [ATOM_ROOT.find(f"{ATOM}entry"), CHANNEL.find("item")])
def test_media_rss(parent: ET.Element) -> None:
    first, second = parent.findall(f"{MEDIA}content")
    assert first.attrib == {
        "url": LEAD.url, "medium": "image", "type": "image/jpeg", "fileSize": "5000", "width": "800", "height": "600",
    }  # fmt: skip
    assert first.findtext(f"{MEDIA}description") == LEAD.title
    assert second.attrib == {"url": OTHER.url, "medium": "image", "type": OTHER.media_type}
    assert parent.find(f"{MEDIA}group") is None


def test_json_feed() -> None:
    assert next(iter(JSON)) == "version"
    assert JSON["feed_url"] == f"{FEED.home}feed.json"
    assert JSON["home_page_url"] == FEED.home
    for item, given_entry in zip(JSON["items"], FEED.entries, strict=True):
        assert item["id"] == given_entry.id
        assert item["content_html"] == given_entry.content
        assert item["language"] == given_entry.language
        assert [a["url"] for a in item.get("attachments", [])] == [
            e.url for e in given_entry.enclosures
        ]
        assert all(a["mime_type"] and "title" not in a for a in item.get("attachments", []))
    sizes = [a.get("size_in_bytes") for a in JSON["items"][0]["attachments"]]
    assert sizes == [5000, None]
    assert JSON["items"][0]["image"] == LEAD.url
    assert "image" not in JSON["items"][2]
    assert all(key in KNOWN_JSON or key.startswith("_") for item in JSON["items"] for key in item)


KNOWN_JSON = {
    "id", "url", "title", "content_html", "content_text", "summary", "image", "date_published",
    "date_modified", "authors", "tags", "language", "attachments",
}  # fmt: skip


def test_ids_dates_and_languages_are_equal_in_all_formats() -> None:
    atom = [
        (e.findtext(f"{ATOM}id"), e.findtext(f"{ATOM}updated"))
        for e in ATOM_ROOT.findall(f"{ATOM}entry")
    ]
    rss = [(i.findtext("guid"), i.findtext(f"{ATOM}updated")) for i in CHANNEL.findall("item")]
    assert atom == rss == [(item["id"], item["date_modified"]) for item in JSON["items"]]


def test_summaries_only() -> None:
    bodies = rendered(feed(entry(1), entry(2, link=""), full=False))
    root, channel = ET.fromstring(bodies["atom.xml"]), ET.fromstring(bodies["rss.xml"])[0]
    for element in root.findall(f"{ATOM}entry"):
        assert element.find(f"{ATOM}content") is None
        assert element.findtext(f"{ATOM}summary") == "A summary of it."
        assert element.find(f"{ATOM}link[@rel='alternate']") is not None
        # feedparser would take a description of a picture for the article's content
        assert element.find(f"{MEDIA}content/{MEDIA}description") is None
    assert channel.find("item/{http://purl.org/rss/1.0/modules/content/}encoded") is None
    assert channel.findtext("item/description") == "A summary of it."
    item = json.loads(bodies["feed.json"])["items"][0]
    assert "content_html" not in item
    assert item["content_text"] == "A summary of it."


def test_an_entry_without_an_address_leads_to_its_place_on_the_page() -> None:
    bodies = rendered(feed(entry(7, link="")))
    address = "https://feeds.example.org/all/#e-00000000000000000000000000000007"
    assert ET.fromstring(bodies["rss.xml"]).findtext("channel/item/link") == address
    assert json.loads(bodies["feed.json"])["items"][0]["url"] == address
    assert b'<article id="e-00000000000000000000000000000007"' in bodies["index.html"]
    assert b"And the <b>rest</b>." in bodies["index.html"]


def test_hubs_stand_beside_the_one_self_link() -> None:
    hubs = ("https://hub.example.com/", "https://other.example.net/push")
    bodies = rendered(FEED._replace(hubs=hubs))
    for name, parent in (("atom.xml", "."), ("rss.xml", "channel")):
        links = ET.fromstring(bodies[name]).find(parent).findall(f"{ATOM}link")
        assert [link.get("href") for link in links if link.get("rel") == "hub"] == [*hubs]
        assert sum(link.get("rel") == "self" for link in links) == 1
    told = json.loads(bodies["feed.json"])["hubs"]
    assert told == [{"type": "WebSub", "url": hub} for hub in hubs]


def test_an_empty_feed_is_valid_too() -> None:
    bodies = rendered(feed())
    assert ET.fromstring(bodies["atom.xml"]).findtext(f"{ATOM}updated") == WHEN.isoformat()
    assert json.loads(bodies["feed.json"])["items"] == []


@pytest.mark.parametrize("name", ["atom.xml", "rss.xml"])
def test_feedparser_reads_it_back(name: str) -> None:
    headers = {"content-location": FEED.home, "content-type": "application/xml; charset=utf-8"}
    read = feedparser.parse(BODIES[name], response_headers=headers)
    assert not read.bozo
    assert read.feed.title == FEED.title
    for found, given_entry in zip(read.entries, FEED.entries, strict=True):
        assert found.id == given_entry.id
        assert found.link == given_entry.link
        assert found.content[0].value == given_entry.content
        assert datetime(*found.published_parsed[:6], tzinfo=UTC) == given_entry.published
        assert datetime(*found.updated_parsed[:6], tzinfo=UTC) == given_entry.updated
        assert found.summary == given_entry.summary
        expected = given_entry.enclosures if name == "atom.xml" else given_entry.enclosures[:1]
        assert [e.href for e in found.enclosures] == [e.url for e in expected]
        assert [e.type for e in found.enclosures] == [e.media_type for e in expected]
        lengths = [int(e.get("length", 0)) for e in found.enclosures]
        assert lengths == [e.length for e in expected]
        assert [t.term for t in found.get("tags", [])] == list(given_entry.categories)
        assert [m["url"] for m in found.get("media_content", [])] == [
            e.url for e in given_entry.enclosures
        ]


TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn", "Co"]), min_size=1, max_size=40)


@given(TEXTS, TEXTS)
def test_any_text_survives_every_format(title: str, words: str) -> None:
    given_feed = feed(entry(1, title=title, summary=words, content=f"<p>{words}]]&gt;&amp;</p>"))
    for document in formats.render(given_feed):
        assert proof.read(document, given_feed) == []
    item = json.loads(rendered(given_feed)["feed.json"])["items"][0]
    assert (item["title"], item["summary"]) == (title, words)


@given(
    st.text(st.sampled_from("a<>&\"'\n中é🎉")),
    st.sets(st.sampled_from(("atom", "rss", "json")), min_size=1),
    st.booleans(),
)
def test_a_feed_that_fits_to_the_byte_stays_whole(
    content: str, names: set[str], full: bool
) -> None:
    given_feed = feed(entry(1, content=content * 50), formats=tuple(sorted(names)), full=full)
    documents = formats.render(given_feed)
    size = max(len(d.body) for d in documents if d.media_type != "text/html")
    fitted = fitting.fit(given_feed, size, ())
    assert (fitted.feed, fitted.documents, fitted.told) == (given_feed, documents, "")
    assert fitting.fit(given_feed, size - 1, ()).told


def test_same_feed_same_bytes_whatever_the_host() -> None:
    code = (
        "import sys; sys.path.insert(0, 'tests'); import hashlib, test_formats as t;"
        "print(hashlib.sha256(b''.join(t.rendered(t.FEED).values())).hexdigest())"
    )
    said = set()
    for zone, seed, locale in (
        ("UTC", "1", "C"),
        ("Asia/Tokyo", "2", "C.UTF-8"),
        ("America/Lima", "3", "POSIX"),
    ):
        environment = {**os.environ, "TZ": zone, "PYTHONHASHSEED": seed, "LC_ALL": locale}
        run = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True,
            env=environment, cwd=Path(__file__).parents[1],
        )  # fmt: skip
        said.add(run.stdout)
    assert len(said) == 1


# --- proof-reading ------------------------------------------------------------------------------


def test_the_proof_finds_what_is_wrong() -> None:
    for document in formats.render(FEED):
        assert proof.read(document, FEED) == []
    atom, rss, json_feed, _ = formats.render(FEED)
    broken = [
        atom._replace(body=atom.body[:-10]),
        atom._replace(body=atom.body.replace(b'rel="enclosure" ', b"", 1)),
        atom._replace(body=atom.body.replace(b'length="5000"', b'length="5001"', 1)),
        atom._replace(
            body=atom.body.replace(b"<published>2026-03-01", b"<published>2026-03-02", 1)
        ),
        rss._replace(body=rss.body.replace(b"Title 1", b"Title 9")),
        rss._replace(body=rss.body.replace(b"<enclosure ", b"<enclosures ", 1)),
        rss._replace(body=rss.body.replace(b"<guid", b"<gui").replace(b"</guid", b"</gui")),
        json_feed._replace(body=json_feed.body.replace(b'"id"', b'"di"', 1)),
        json_feed._replace(body=b"{}"),
    ]
    for document in broken:
        assert proof.read(document, FEED), document.body[:200]
    twice = feed(entry(1), entry(1))
    assert "twice" in proof.read(formats.render(twice)[0], twice)[0]
    assert proof.read(Document("x", "text/html", b""), FEED) == []


# --- pages --------------------------------------------------------------------------------------


class Page(HTMLParser):
    """The elements of a page, with a check that they are well nested."""

    def __init__(self, body: bytes) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(body.decode())
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in {"meta", "link", "img", "br"}:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def test_the_page_of_a_feed() -> None:
    page = Page(BODIES["index.html"])
    assert page.all("html") == [{"lang": "zh-CN", "dir": "ltr"}]
    assert not page.all("script")
    alternates = [link for link in page.all("link") if link["rel"] == "alternate"]
    assert [(link["type"], link["href"]) for link in alternates] == [
        (formats.FILES[form][1], FEED.home + formats.FILES[form][0]) for form in FEED.formats
    ]
    addresses = [text for text in page.texts if text.startswith(FEED.home)]
    assert addresses == [FEED.home + formats.FILES[form][0] for form in FEED.formats]
    assert [a["lang"] for a in page.all("article")] == ["en", "ar", "en"]
    assert [img["src"] for img in page.all("img")] == [LEAD.url, LEAD.url]
    assert '<b> & "q" 5 < 6' in page.texts


def test_pages_of_right_to_left_feeds() -> None:
    assert Page(rendered(feed(language="ar"))["index.html"]).all("html")[0]["dir"] == "rtl"


def test_the_index_and_the_outline() -> None:
    listed = [
        Listed(
            "a", "A & B", "About", "https://feeds.example.org/a/", "en", ("atom", "rss"), 3, WHEN
        ),
        Listed("泡", "泡", "", "https://feeds.example.org/%E6%B3%A1/", "zh-CN", ("json",), 1, WHEN),
    ]
    site = made(
        Site, title="The <site>", url="https://feeds.example.org/", description="All & sundry"
    )
    documents = {d.name: d.body for d in formats.render_site(site, listed)}
    page = Page(documents["index.html"])
    assert "The <site>" in page.texts
    assert {"a/index.html", "%E6%B3%A1/index.html", "feeds.opml"} <= {
        a["href"] for a in page.all("a")
    }
    outline = ET.fromstring(documents["feeds.opml"])
    assert [o.get("xmlUrl") for o in outline.iter("outline")] == [
        "https://feeds.example.org/a/atom.xml", "https://feeds.example.org/%E6%B3%A1/feed.json",
    ]  # fmt: skip
    assert {o.get("type") for o in outline.iter("outline")} == {"rss"}
    assert documents["style.css"].startswith(b"@namespace atom")


def test_addresses_in_documents_are_in_normal_form() -> None:
    for name in ("atom.xml", "rss.xml"):
        for address in re.findall(rb'(?:href|url)="(https?:[^"]+)"', BODIES[name]):
            assert urls.normal(address.decode()) == address.decode()

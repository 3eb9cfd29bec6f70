"""The sample seeds and, where it lies beside the checkout, real input."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from xml.etree import ElementTree as ET

import feedparser
import pytest
from conftest import BASIC, NOW, Site

from feeds import config, cycle

HOME = Path(__file__).parents[1]
CORPUS = HOME.parent / "shared" / "corpus"


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Site:
    made = Site(tmp_path_factory.mktemp("samples"))
    shutil.copytree(HOME / "seeds", made.root / "seeds")
    shutil.copy(HOME / "config.toml", made.root)
    made.report = made.build()
    return made


def test_every_sample_is_published(samples: Site) -> None:
    assert samples.report.held == ()
    assert {p.code for p in samples.report.repaired} == {"twin", "epoch-invalid"}
    languages = {item["language"].partition("-")[0] for item in samples.items()}
    assert languages == {"zh", "en", "ar", "he"}


def test_samples_show_real_enclosures_without_a_network(samples: Site) -> None:
    measured = 0
    for item in samples.items():
        for attachment in item.get("attachments", []):
            if attachment["url"].startswith("https://feeds.example.org/media/"):
                assert attachment["mime_type"].startswith("image/")
                assert attachment["size_in_bytes"] > 1000
                measured += 1
    assert measured >= 15
    atom = (samples.root / "out/all/atom.xml").read_text(encoding="utf-8")
    assert len(re.findall(r'medium="image"[^>]* width="\d+" height="\d+"', atom)) >= 15


def test_published_pictures_are_what_the_feeds_say(samples: Site) -> None:
    published = {name: body for name, body in samples.bytes().items() if name.startswith("media/")}
    lengths = {len(body) for body in published.values()}
    for item in samples.items():
        for attachment in item.get("attachments", []):
            if "size_in_bytes" in attachment:
                assert attachment["size_in_bytes"] in lengths


def test_no_relative_and_no_foreign_scheme_anywhere(samples: Site) -> None:
    for name, body in samples.bytes().items():
        if name.endswith("feed.json"):
            for item in json.loads(body)["items"]:
                for address in re.findall(
                    r'(?:src|href|poster)="([^"]*)"', item.get("content_html", "")
                ):
                    assert address.startswith(("https://", "http://", "mailto:")), (name, address)


def read_back(site: Site) -> None:
    """Every XML feed is read by feedparser as its JSON says."""
    for path in site.root.joinpath("out").rglob("feed.json"):
        items = json.loads(path.read_text(encoding="utf-8"))["items"]
        for name in ("atom.xml", "rss.xml"):
            if not path.with_name(name).exists():
                continue
            body = path.with_name(name).read_bytes()
            headers = {"content-type": "application/xml; charset=utf-8"}
            read = feedparser.parse(
                body, response_headers=headers, sanitize_html=False
            )  # it drops <bdi>
            assert not read.bozo
            ET.fromstring(body)
            assert len(read.entries) == len(items)
            for found, item in zip(read.entries, items, strict=True):
                assert (found.id, found.link) == (item["id"], item["url"])
                if name == "atom.xml":
                    assert found.title == item["title"]
                urls = [a["url"] for a in item.get("attachments", [])]
                expected = urls if name == "atom.xml" else urls[:1]
                assert [e.href for e in found.enclosures] == expected
                if "content_html" in item:
                    assert found.content[0].value == item["content_html"]


def test_feedparser_reads_the_samples(samples: Site) -> None:
    read_back(samples)


@pytest.mark.skipif(not CORPUS.is_dir(), reason="there is no corpus beside the checkout")
@pytest.mark.parametrize("part", ["", "voa", "cdt", "oped"])
def test_real_input(part: str, tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.configure(
        f'[paths]\nseeds = "{CORPUS / part}"\n[[feed]]\nslug = "all"\nlimit = 400\n'
        '[[feed]]\nslug = "{source}"\neach = "source"\n',
        BASIC.replace("Test site", f"Corpus {part}"),
    )
    report = site.build()
    files = [path for path in (CORPUS / part).rglob("*") if path.is_file()]
    assert report.seeds == len(files)
    twins = [problem for problem in report.repaired if problem.code == "twin"]
    assert len(site.items()) + len(report.held) + len(twins) == len(files)
    assert report.held == ()
    assert {problem.code for problem in report.repaired} <= {"body-empty", "twin"}
    read_back(site)


@pytest.mark.skipif(not CORPUS.is_dir(), reason="there is no corpus beside the checkout")
def test_real_input_reads_the_same_in_a_check(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.configure(f'[paths]\nseeds = "{CORPUS}"\n')
    report = cycle.check(config.load(str(tmp_path / "config.toml")), NOW)
    assert report.read == report.seeds == 320
    assert report.held == ()

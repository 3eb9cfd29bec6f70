"""Content codings, and the precompressed files that other servers send."""

from __future__ import annotations

import gzip

import brotli
import pytest
import zstandard
from conftest import Site, dated, fresh, seed
from hypothesis import given
from hypothesis import strategies as st

from feeds import codings

UNPACK = {
    "gzip": gzip.decompress,
    "br": brotli.decompress,
    "zstd": zstandard.ZstdDecompressor().decompress,
}
ALL = '[publish]\nprecompressed = ["gzip", "br", "zstd"]\n'


@pytest.mark.parametrize("coding", codings.CODINGS)
@given(body=st.binary(max_size=3000))
def test_what_is_packed_can_be_unpacked(coding: str, body: bytes) -> None:
    packed = codings.CODINGS[coding](body)
    assert UNPACK[coding](packed) == body
    assert codings.CODINGS[coding](body) == packed


def test_what_is_worth_it() -> None:
    assert codings.worth("application/atom+xml", 5000)
    assert codings.worth("image/svg+xml", 5000)
    assert not codings.worth("application/atom+xml", 100)
    assert not codings.worth("image/png", 5000)


def publish(site: Site, count: int, table: str = ALL, feed: str = "") -> None:
    site.configure(f"{table}{feed}")
    for n in range(count):
        site.write(
            f"s/{1000 + n}.md",
            seed(f"Article {n}", f"https://n.example.com/{n}", **dated(1_700_000_000 + n)),
        )
    site.build()


def test_every_document_has_its_twins(site: Site) -> None:
    publish(site, 3)
    out = site.root / "out"
    documents = [
        path
        for path in out.rglob("*")
        if path.is_file() and path.suffix not in codings.SUFFIXES.values()
    ]
    assert len(documents) == 7
    for path in documents:
        for coding, suffix in codings.SUFFIXES.items():
            twin = path.with_name(path.name + suffix)
            assert UNPACK[coding](twin.read_bytes()) == path.read_bytes()
            # Servers state a twin's time as the document's.
            assert twin.stat().st_mtime_ns == path.stat().st_mtime_ns


def test_twins_keep_the_laws(site: Site) -> None:
    publish(site, 3)
    before = site.published()
    site.root.joinpath(".feeds/catalogue.sqlite").unlink()
    site.build()
    assert site.published() == before
    publish(site, 4)
    after = site.published()
    changed = {name for name in after if after[name] != before[name]}
    assert {"all/atom.xml", "all/atom.xml.gz", "all/atom.xml.br", "all/atom.xml.zst"} <= changed
    assert not any(name.startswith("style.css") for name in changed)
    # One that was removed or spoilt by someone comes back.
    site.root.joinpath("out/all/rss.xml.gz").unlink()
    site.root.joinpath("out/all/rss.xml.br").write_bytes(b"spoilt")
    site.build()
    assert site.bytes() == {name: body for name, (body, _) in after.items()}


def test_twins_go_with_their_document_or_when_they_are_not_wanted(site: Site) -> None:
    publish(site, 2)
    publish(site, 2, ALL, '[[feed]]\nslug = "all"\nformats = ["atom"]\n')
    names = set(site.bytes())
    assert not any("rss.xml" in name or "feed.json" in name for name in names)
    assert "all/atom.xml.gz" in names
    publish(site, 2, '[publish]\nprecompressed = ["gzip"]\n')
    assert {name.rpartition(".")[2] for name in site.bytes()} == {
        "xml",
        "json",
        "html",
        "css",
        "opml",
        "gz",
    }
    publish(site, 2, "")
    assert len(site.bytes()) == 7


def test_an_incremental_build_makes_the_same_twins(
    site: Site, tmp_path_factory: pytest.TempPathFactory
) -> None:
    publish(site, 2)
    publish(site, 5)
    assert site.bytes() == fresh(site, tmp_path_factory)

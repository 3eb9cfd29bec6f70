"""What an unlucky or unkind seed folder can hold: it harms nothing but itself."""

from __future__ import annotations

import os

import pytest
from conftest import Site, seed

EACH = '[[feed]]\nslug = "all"\n[[feed]]\nslug = "{source}"\neach = "source"\n'
PNG = (
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\0\0\0\0:~\x9bU"
    b"\0\0\0\nIDATx\x9cc`\0\0\0\x02\0\x01H\xaf\xa4q\0\0\0\0IEND\xaeB`\x82"
)


def test_a_picture_in_a_folder_whose_name_is_no_text(site: Site) -> None:
    site.configure(EACH)
    site.write("good/1.md", seed(title="Good", link="https://example.com/good"))
    folder = os.fsdecode(b"\xe9t\xe9")
    site.write(f"{folder}/p.png", PNG)
    site.write(f"{folder}/1.md", seed(title="Odd", body='<img src="p.png"><p>Text.</p>'))
    report = site.build()
    assert sorted(site.titles()) == ["Good", "Odd"]
    assert not report.held
    assert not site.build().written


@pytest.mark.parametrize("folder", ["a\nb", "a\x1bb", "a\ufffeb", os.fsdecode(b"a\xffb")])
def test_a_source_is_called_by_what_may_stand_in_a_feed(site: Site, folder: str) -> None:
    site.configure(EACH)
    site.write(f"{folder}/1.md", seed())
    site.build()
    assert site.json("a-b")["title"] in {"a b", "ab"}


@pytest.mark.parametrize("folder", ["media", "index.html", "style.css", "feeds.opml"])
def test_a_source_can_not_take_the_place_of_something_else_in_out(site: Site, folder: str) -> None:
    site.configure(EACH)
    site.write(f"{folder}/1.md", seed())
    report = site.build()
    assert len(report.feeds) == 2
    assert folder not in {feed.slug for feed in report.feeds}
    assert site.root.joinpath("out", "index.html").is_file()


def test_sources_without_a_letter_in_their_names_are_told_apart(site: Site) -> None:
    site.configure(EACH)
    site.write("---/1.md", seed(link="https://example.com/1"))
    site.write("!!!/1.md", seed(link="https://example.com/2"))
    assert len({feed.slug for feed in site.build().feeds}) == 3

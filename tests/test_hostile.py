"""What an unlucky or unkind seed folder can hold: it harms nothing but itself."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from zoneinfo import ZoneInfo

import pytest
from conftest import Site, seed

from feeds import article, heading
from feeds.article import Cleaning, parse

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


def test_words_of_boilerplate_within_boilerplate(site: Site) -> None:
    site.write("1.md", seed(body="<p>Text.</p><div>获取更多RSS<b>x</b>获取更多RSS</div>"))
    site.build()
    (item,) = site.items()
    assert item["content_html"] == "<p>Text.</p>"


@pytest.mark.parametrize("at", ["heading", "article"])
def test_a_mistake_of_ours_costs_one_seed_only(
    site: Site, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    def slip(*arguments: object, **options: object) -> None:
        if "odd" in str(arguments):
            raise KeyError("slip")
        return right(*arguments, **options)

    site.write("1.md", seed(title="Good", link="https://example.com/good", date="2020-07-15 21:40"))
    site.write("odd.md", seed(title="odd", date="2020-07-15 21:40"))
    module, name = (heading, "explain") if at == "heading" else (article, "parse")
    right = getattr(module, name)
    monkeypatch.setattr(module, name, slip)
    report = site.build()
    assert site.titles() == ["Good"]
    assert [(p.path, p.code, p.detail) for p in report.held] == [
        ("odd.md", "failed", "KeyError('slip')")
    ]


# --- what would take hours if it took more than its length --------------------------------------


class TooLongError(Exception):
    """It takes more time than anything of its size may."""


@contextmanager
def bounded(seconds: int) -> Iterator[None]:
    """A wide bound: what is linear needs a hundredth of it, what is not, a hundred times as much."""

    def over(*_: object) -> None:
        raise TooLongError

    before = signal.signal(signal.SIGPROF, over)
    signal.setitimer(signal.ITIMER_PROF, seconds)  # of work, so that a busy machine is no fault
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def understood(body: str) -> article.Article:
    cleaning = Cleaning((re.compile("获取更多RSS"),), (".wpcnt",))
    return parse(body, "Title", "https://example.com/", cleaning, lambda name: ("", name))


N = 30_000
PICTURE = "<img src=https://example.com/a.jpg>"


@pytest.mark.parametrize(
    "body",
    [
        "<div>获取更多RSS" * N,
        "<p>" + "获取更多RSS<br>" * N,
        "<div class=wp-caption>" + PICTURE * N + "<p class=wp-caption-text>c",
        "<div><p>" * N + PICTURE * N,
        "<span>" * N + PICTURE,
        "<div lang=en>a</div>" * N,
        "<div>" * 1_000_000,
    ],
    ids=lambda body: body[:30],
)
def test_bodies(body: str) -> None:
    with bounded(60):
        understood(body)


@pytest.mark.parametrize(
    "text",
    [
        "\n" * 4_000_000 + "x",
        "[a](https://e.org/)\n---\n" + "\n" * 4_000_000 + "x",
        "[a](https://e.org/)\n---\nx\n" + "[a](" * 1_000_000,
        "[a](" * 1_000_000,
        "[" * 4_000_000,
        "<!--" + " " * 4_000_000,
    ],
    ids=lambda text: repr(text[:30]),
)
def test_headers(text: str) -> None:
    with bounded(30):
        heading.body(text)


@pytest.mark.parametrize(
    "text",
    [
        "<i>" + " " * 3000 + "1" * 3000,
        "<i>" * 2700,
        "<i>1234" * 1000,
        "<time datetime='" + "1" * 8000,
        "<time " + "datetime='1234" * 500,
        "<meta name=date " * 500,
        "日期：" + "1" * 8000,
        "<b> " * 2000,
    ],
    ids=lambda text: repr(text[:30]),
)
def test_dates(text: str) -> None:
    head = f"<!--1594849284000-->\n[a](https://e.org/)\n------\n{text}"
    with bounded(10):
        heading.explain(head, "a.md", heading.Habits(ZoneInfo("UTC"), 86_400))


def test_more_tags_than_an_article_has() -> None:
    found = understood("<b>a</b> " * 60_000)
    assert found.notes == ("body-cut",)
    assert found.content.startswith("<b>a</b> <b>a</b>")

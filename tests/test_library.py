"""The package as other programs use it."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime

import pytest
from conftest import NOW, Site, seed

import feeds

WHEN = datetime.fromtimestamp(NOW, UTC)


def test_generate(site: Site) -> None:
    site.write("s/1.md", seed())
    report = feeds.generate(feeds.load(str(site.root / "config.toml")), WHEN, offline=True)
    assert isinstance(report, feeds.Report)
    assert report.seeds == 1
    assert site.titles() == ["A title"]


def test_a_build_leaves_the_collector_as_it_was(site: Site) -> None:
    for number in range(4):
        site.write(f"s{number}/1.md", seed(link=f"https://x.example/{number}"))
    code = (
        "import gc; from datetime import datetime, UTC; import feeds; from feeds import workers\n"
        "def state(): return gc.get_freeze_count(), gc.get_threshold(), gc.isenabled()\n"
        "workers.cores = lambda: 2; before = state()\n"
        "feeds.generate(feeds.load('config.toml'), datetime.now(UTC), offline=True)\n"
        "assert state() == before, (state(), before)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=site.root, check=True)
    assert len(site.items()) == 4


def test_an_instant_without_a_zone_is_refused(site: Site) -> None:
    with pytest.raises(ValueError, match="says no time zone"):
        feeds.generate(site.load(), datetime(2026, 11, 22), offline=True)
    assert not (site.root / "out").exists()


def test_read(site: Site) -> None:
    site.write("s/1.md", seed(body="<p>Text</p><script>x</script>"))
    heading, article = feeds.read(site.load(), "s/1.md")
    assert (heading.title, article.content) == ("A title", "<p>Text</p>")
    site.write("s/2.md", b"\0")
    with pytest.raises(feeds.FeedsError):
        feeds.read(site.load(), "s/2.md")
    with pytest.raises(feeds.FeedsError):
        feeds.read(site.load(), "s/none.md")


def test_render() -> None:
    feed = feeds.Feed(
        id="tag:example.org,2020:feed/a", slug="a", title="A", subtitle="", home="https://x.example/a/",
        site="https://x.example/", site_title="X", language="en", author="X", updated=WHEN, entries=(),
        formats=("atom", "json"),
    )  # fmt: skip
    documents = feeds.render(feed)
    assert [document.name for document in documents] == [
        "a/atom.xml",
        "a/feed.json",
        "a/index.html",
    ]
    assert documents == feeds.render(feed)


def test_errors_have_one_root(tmp_path: object) -> None:
    with pytest.raises(feeds.FeedsError):
        feeds.load(f"{tmp_path}/none.toml")

"""A person with a browser: the index, a feed's page, and a feed that was clicked on."""

from __future__ import annotations

import base64
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from conftest import Site, dated, seed
from outside import Running, feeds_server, free_port, missing, program

if TYPE_CHECKING:
    from collections.abc import Iterator

AXE = Path(sys.prefix) / "outside/axe.min.js"
SIZES = {"desktop": {"width": 1280, "height": 900}, "phone": {"width": 375, "height": 700}}
PAGES = ("", "all/", "all/index.html", "members/", "all/atom.xml", "all/rss.xml")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A site of articles in several scripts and directions, with pictures of its own."""
    site = Site(tmp_path_factory.mktemp("site"))
    port = free_port()
    site.configure(
        '[[feed]]\nslug = "all"\n[[feed]]\nslug = "members"\ntitle = "成员"\nsubtitle = "Zweite"\ncontent = "summary"\n',
        f'[site]\ntitle = "A site"\ndescription = "Of this and that."\nurl = "http://127.0.0.1:{port}/"\n',
    )
    picture = bytes.fromhex("89504e470d0a1a0a0000000d49484452000001400000014008020000005c05a7a1")
    site.write("s/p.png", picture)
    for n, (title, body) in enumerate((
        ("The ferry runs again", '<p>Some <a href="https://news.example.com/x">words</a> of it.</p><p><img src="p.png" alt="A ferry"></p>'),
        ("轮渡恢复通航", "<p>消息。</p>"), ("عادت العبّارة", "<p>خبر</p>"), ("A <b> in a title & more", "<p>x</p>" * 30), ("", "<p>Nameless.</p>"),
    )):  # fmt: skip
        site.write(
            f"s/{1000 + n}.md",
            seed(
                title,
                f"https://news.example.com/{n}" if n % 2 == 0 else "",
                **dated(1_700_000_000 + n * 90_000),
                body=body,
            ),
        )
    site.build()
    with feeds_server(site.root, port) as server:
        yield server


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    path = program("chromium", "chromium-browser")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        missing(str(error))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


@pytest.fixture(
    params=[(size, scheme) for size in SIZES for scheme in ("light", "dark")], ids="-".join
)
def page(request: pytest.FixtureRequest, chromium: Any) -> Iterator[Any]:
    size, scheme = request.param
    context = chromium.new_context(viewport=SIZES[size], color_scheme=scheme, bypass_csp=False)
    page = context.new_page()
    page.faults = []
    page.on(
        "console",
        lambda message: (
            page.faults.append(message.text) if message.type in {"error", "warning"} else None
        ),
    )
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.on("requestfailed", lambda failed: page.faults.append(f"{failed.url}: {failed.failure}"))
    page.on(
        "response",
        lambda got: page.faults.append(f"{got.status} {got.url}") if got.status >= 400 else None,
    )
    yield page
    context.close()


def lightness(colour: str) -> float:
    red, green, blue = (
        int(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(", ")[:3]
    )
    return (red + green + blue) / 765


@pytest.mark.parametrize("path", PAGES)
def test_what_a_person_sees(
    served: Running, page: Any, path: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    answer = page.goto(f"{served.url}{path}")
    assert answer.status == 200
    text = (
        page.inner_text("body")
        if not path.endswith(".xml")
        else page.evaluate("document.documentElement.textContent")
    )
    assert "轮渡恢复通航" in text or path == ""
    # playwright's own screenshot waits for the body of an HTML document, which XML has not.
    seen = page.context.new_cdp_session(page).send("Page.captureScreenshot")["data"]
    tmp_path.joinpath("seen.png").write_bytes(base64.b64decode(seen))
    assert len(seen) > 8000
    # It is styled, in the colours that the person chose.
    back, front = page.evaluate(
        """() => { const painted = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor;
            if (c !== 'rgba(0, 0, 0, 0)' && c !== 'transparent') return c } return '' };
            const e = document.querySelector('h1, title'); return [painted(e), getComputedStyle(e).color] }"""
    )
    dark = "dark" in request.node.name
    if back:
        assert (lightness(back) < 0.4) == dark, back
    assert (lightness(front) > 0.6) == dark, front
    # Nothing is wider than the screen.
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth + 1")
    assert page.faults == []


@pytest.mark.parametrize("path", ["", "all/", "members/"])
def test_everyone_can_use_the_pages(served: Running, chromium: Any, path: str) -> None:
    if not AXE.exists():
        missing(f"{AXE} is not there (make outside)")
    for scheme in ("light", "dark"):
        # axe is put into the page, which the page's own policy forbids, as it should.
        context = chromium.new_context(
            viewport=SIZES["phone"], color_scheme=scheme, bypass_csp=True
        )
        page = context.new_page()
        page.goto(f"{served.url}{path}")
        page.add_script_tag(path=AXE)
        found = page.evaluate("axe.run()")
        context.close()
        faults = [
            f"{fault['id']}: {fault['help']}: {fault['nodes'][0]['html'][:200]}"
            for fault in found["violations"]
        ]
        assert faults == []
        assert len(found["passes"]) > 10


def test_every_link_of_ours_leads_somewhere(served: Running, chromium: Any) -> None:
    page = chromium.new_page()
    waiting, seen = [served.url], set()
    while waiting:
        address = waiting.pop()
        if address in seen:
            continue
        seen.add(address)
        page.goto(address)
        for link in page.eval_on_selector_all(
            "a[href], link[href], img[src]", "all => all.map(e => e.href || e.src)"
        ):
            if link.startswith(served.url) and (bare := link.partition("#")[0]) not in seen:
                answer = page.request.get(bare)
                assert answer.status == 200, bare
                if "text/html" in answer.headers["content-type"]:
                    waiting.append(bare)
                else:
                    seen.add(bare)
    names = {address.removeprefix(served.url) for address in seen}
    assert names >= {
        "",
        "all/index.html",
        "all/atom.xml",
        "all/rss.xml",
        "all/feed.json",
        "members/atom.xml",
        "feeds.opml",
        "style.css",
        "media/s/p.png",
    }
    page.close()


def test_no_script_runs_in_what_is_given_out(served: Running, chromium: Any) -> None:
    context = chromium.new_context()
    page = context.new_page()
    said = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(f"{served.url}all/")
    with pytest.raises(Exception, match=r"Content Security Policy|violates"):
        page.add_script_tag(content="window.ran = true")
    assert not page.evaluate("window.ran")
    page.goto(f"{served.url}all/atom.xml")
    page.evaluate(
        "() => { const s = document.createElementNS('http://www.w3.org/1999/xhtml', 'script');"
        " s.textContent = 'window.ran = true'; document.documentElement.append(s) }"
    )
    assert not page.evaluate("window.ran")
    context.close()
    assert all("Content Security Policy" in one for one in said)
    assert len(said) == 2

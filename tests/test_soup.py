"""The tree is the one that BeautifulSoup's own builder makes, and every way through it is linked."""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
from bs4 import BeautifulSoup, XMLParsedAsHTMLWarning
from bs4.element import Doctype, NavigableString, Tag
from hypothesis import given
from hypothesis import strategies as st

from feeds import soup
from feeds.soup import soup_of

NAMES = st.sampled_from(
    "html head body p div span b i a pre textarea style script template ruby rt table tr td tbody"
    " li ul select option svg math title noscript xmp plaintext iframe img br hr h1 o:p".split()
)
PIECES = st.one_of(
    st.builds("<{}>".format, NAMES),
    st.builds("</{}>".format, NAMES),
    st.builds('<{} class="a b" lang="en" hidden>'.format, NAMES),
    st.sampled_from([
        "text", " ", " \n ", "\u3000", "&amp;", "&lt;p&gt;", "&#146;", "&#1;", "&nbsp;", "x" * 1500,
        "<!-- c -->", "<!---->", "<?x y?>", "<?x?>", "<![CDATA[x]]>", "<", "</", ">", "<a href='",
    ]),
)  # fmt: skip


def outline(tree: BeautifulSoup) -> list[object]:
    """Every node with its depth, kind and text or attributes, but for declarations."""

    def told(node: Tag, depth: int) -> list[object]:
        found: list[object] = []
        for child in node.contents:
            if isinstance(child, Tag):
                joined = {
                    k: " ".join(v) if isinstance(v, list) else v for k, v in child.attrs.items()
                }
                found += [(depth, child.name, joined), *told(child, depth + 1)]
            elif not isinstance(child, Doctype):
                found.append((depth, type(child), str(child)))
        return found

    return told(tree, 0)


def its_own(markup: str) -> BeautifulSoup:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", XMLParsedAsHTMLWarning)
        return BeautifulSoup(markup, "lxml")


@given(st.lists(PIECES, max_size=20))
def test_it_is_the_tree_of_bs4(pieces: list[str]) -> None:
    markup = "".join(pieces).replace("<!---->", "<!-- -->")
    assert outline(soup_of(markup)) == outline(its_own(markup))


@given(st.lists(PIECES, max_size=20))
def test_all_nodes_are_linked(pieces: list[str]) -> None:
    tree = soup_of("".join(pieces))
    tags = [tree, *(node for node in tree.descendants if isinstance(node, Tag))]
    for tag in tags:
        assert all(child.parent is tag for child in tag.contents)
        for one, other in pairwise([None, *tag.contents, None]):
            assert one is None or one.next_sibling is other
            assert other is None or other.previous_sibling is one
    there = [tree, *tree.descendants]
    assert sum(len(tag.contents) for tag in tags) + 1 == len(there)
    for one, other in pairwise(there):
        assert one.next_element is other
        assert other.previous_element is one


def test_an_article_that_was_left_halfway_does_not_run_into_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class StopError(Exception):
        pass

    def stop(*_: object) -> None:
        raise StopError

    soup_of("<p>one</p>")
    assert len(soup._IDLE) == 1
    with monkeypatch.context() as patched:
        patched.setattr(soup._Builder, "_add", stop)
        with pytest.raises(StopError):
            soup_of("<div><p>two</p></div>")
    assert soup_of("<p>three</p>").get_text() == "three"
    assert [type(s) for s in soup_of("<p>four</p>").find_all(string=True)] == [NavigableString]


def test_threads_do_not_read_into_each_other() -> None:
    def read(number: int) -> bool:
        return all(
            soup_of(f"<p>{number}</p>" * 50).get_text() == str(number) * 50 for _ in range(50)
        )

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(read, range(8)))

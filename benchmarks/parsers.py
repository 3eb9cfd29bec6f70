"""What reading the markup of articles costs with one parser and another, in µs for an article.

    python benchmarks/parsers.py [COUNT]

Each article is read by all of them, by turns, several times; of each the fastest counts, as nothing
but other work on the machine makes one slower than another.  Beside the parsers stands the whole of
what is done to an article's markup: whatever takes the place of the parser saves at most its part.
"""

from __future__ import annotations

import sys
import time
import warnings
from importlib.util import find_spec
from typing import TYPE_CHECKING

from bs4 import BeautifulSoup, XMLParsedAsHTMLWarning
from corpus import Press
from lxml import html

from feeds.article import Cleaning, parse
from feeds.soup import soup_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ROUNDS = 15
LINK = "https://news.example.org/1.html"


def contenders() -> dict[str, Callable[[str], object]]:
    """What is measured, by name."""
    found: dict[str, Callable[[str], object]] = {
        "the whole of it (feeds.article)": whole,
        "BeautifulSoup, linked by feeds.soup": soup_of,
        "BeautifulSoup, by its own builder": lambda markup: BeautifulSoup(markup, "lxml"),
        "lxml.html, no BeautifulSoup": html.document_fromstring,
    }
    if find_spec("selectolax"):
        from selectolax.lexbor import LexborHTMLParser

        found["selectolax, no BeautifulSoup"] = LexborHTMLParser
    return found


def whole(markup: str) -> object:
    """The article as `feeds` makes it: read, cleaned and written anew."""
    return parse(markup, "A title", LINK, Cleaning(), lambda reference: ("", reference))


def measure(bodies: Sequence[str]) -> dict[str, float]:
    """Seconds for an article with each of the contenders."""
    named = contenders()
    least = {name: [float("inf")] * len(bodies) for name in named}
    for _ in range(ROUNDS):
        for number, body in enumerate(bodies):
            for name, read in named.items():
                begun = time.perf_counter()
                read(body)
                least[name][number] = min(least[name][number], time.perf_counter() - begun)
    return {name: sum(took) / len(bodies) for name, took in least.items()}


def main() -> None:
    """Measure so many articles as the command line says, or 200."""
    warnings.simplefilter("ignore", XMLParsedAsHTMLWarning)
    press = Press()
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    for name, seconds in measure([press.article(n).body for n in range(count)]).items():
        print(f"{seconds * 1e6:8.0f}  {name}")


if __name__ == "__main__":
    main()

"""A folder of articles to measure with: the same bytes on every run and every machine.

    python benchmarks/corpus.py COUNT FOLDER [--sources N] [--body BYTES] [--format seed|hugo]

Article 0 is the newest; each further one was published a few minutes earlier.  An article depends
on its number and on `--body` alone, so a small corpus is the newest part of a large one, and the
seeds and Hugo's pages are the same articles.
"""

from __future__ import annotations

import argparse
import json
import os
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import NamedTuple

from vocabulary import Draw, sentence, sentence_zh, sources, title

BEGIN = datetime(2024, 6, 1, tzinfo=UTC)  # of the newest article; on no machine in the future
STEP = timedelta(minutes=7)
NEWEST_ID = 900_000
SOURCES = 40
BODY = 4750  # bytes of paragraphs; with all that stands around them, files of 5 to 6 KB
FORMATS = ("seed", "hugo")
_POOL = 400  # sentences of each language; drawing words for every article would take minutes


class Article(NamedTuple):
    """One article, before it is written in one format or the other."""

    number: int
    source: str
    title: str
    published: datetime
    body: str  # HTML

    @property
    def path(self) -> str:
        """Where it lies below the folder."""
        return f"{self.source}/{NEWEST_ID - self.number}_{self.title}.md"

    @property
    def link(self) -> str:
        """Its address; no two articles have the same."""
        return f"https://news.example.org/{self.published:%Y/%m/%d}/{NEWEST_ID - self.number}.html"


class Press:
    """Makes the articles of one corpus."""

    def __init__(self, count: int = SOURCES, body: int = BODY) -> None:
        """Articles from `count` sources, their paragraphs about `body` bytes long."""
        self._sources = sources(count)
        self._body = body
        draw = Draw("pool")
        pools = ([make(draw) for _ in range(_POOL)] for make in (sentence, sentence_zh))
        self._pools = [[(said, len(said.encode())) for said in pool] for pool in pools]

    def article(self, number: int) -> Article:
        """The article with this number."""
        draw = Draw(f"article {number}")
        source = self._sources[number % len(self._sources)]
        published = BEGIN - number * STEP - timedelta(seconds=draw.below(120))
        stamp = format_datetime(published, usegmt=True)
        picture = f"pictures.example.org/{published:%Y/%m}/{NEWEST_ID - number}.jpg"
        caption = draw.one(self._pools[number % 2])[0]
        body = (
            f"<div><i>{stamp}</i></div>"
            f'<img src="https://images.weserv.nl?url={picture}" width="100%">'
            f'<div><small style="color: #999;">{caption}</small></div>'
            f"{self._paragraphs(draw)}"
            "<br><hr><div>获取更多RSS：<br>"
            '<a href="https://feeds.example.org">https://feeds.example.org</a><br></div>\n'
        )
        return Article(number, source, title(draw), published, body)

    def _paragraphs(self, draw: Draw) -> str:
        """Paragraphs, English and Chinese by turns; one in three holds a link."""
        length = self._body * (91 + draw.below(19)) // 100
        parts: list[str] = []
        turn = draw.below(2)
        while length > 0:
            pool = self._pools[turn]
            said = [draw.one(pool) for _ in range(3 + draw.below(4))]
            text = ("", " ")[turn == 0].join(sentence for sentence, _ in said)
            length -= sum(size for _, size in said) + 7
            if draw.below(3) == 0:
                address = f"https://notes.example.org/{draw.below(100_000)}"
                text += f' <a href="{address}">{draw.one(self._pools[turn])[0]}</a>'
                length -= len(address) + 60
            parts.append(f"<p>{text}</p>")
            turn = 1 - turn
        return "".join(parts)


def seed(article: Article) -> str:
    """The article in the dialect of the seeds."""
    captured = article.published + timedelta(minutes=11)
    return (
        f"<!--{int(captured.timestamp())}000-->\n"
        f"[{article.title}]({article.link})\n------\n\n{article.body}"
    )


def page(article: Article) -> str:
    """The article as a page for Hugo: front matter in YAML, of which JSON strings are a part."""
    return (
        "---\n"
        f"title: {json.dumps(article.title, ensure_ascii=False)}\n"
        f"date: {article.published:%Y-%m-%dT%H:%M:%SZ}\n"
        f"link: {json.dumps(article.link)}\n---\n{article.body}"
    )


def write(count: int, folder: str, number_of_sources: int, body: int, form: str) -> None:
    """Write `count` articles below `folder`, each file as old as its article."""
    press = Press(number_of_sources, body)
    written = {"seed": seed, "hugo": page}[form]
    for name in sources(number_of_sources):
        os.makedirs(os.path.join(folder, name), exist_ok=True)
    for number in range(count):
        article = press.article(number)
        path = os.path.join(folder, article.path)
        with open(path, "wb") as file:
            file.write(written(article).encode())
        moment = int(article.published.timestamp())
        os.utime(path, (moment, moment))


def main() -> None:
    """Write the corpus that the command line asks for."""
    grammar = argparse.ArgumentParser(description="Write a corpus of articles to measure with.")
    grammar.add_argument("count", type=int, help="articles")
    grammar.add_argument("folder", help="where to; made if need be")
    grammar.add_argument("--sources", type=int, default=SOURCES, help=f"folders ({SOURCES})")
    grammar.add_argument("--body", type=int, default=BODY, help=f"bytes of paragraphs ({BODY})")
    grammar.add_argument("--format", choices=FORMATS, default="seed", help="of the files (seed)")
    given = grammar.parse_args()
    write(given.count, given.folder, given.sources, given.body, given.format)


if __name__ == "__main__":
    main()

"""What the daemon says: one event a line, whatever a file is called and wherever it goes."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.daemon.journal import Journal

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
HOSTILE = 'a\nb\r"c"\\ \x1b[31m \x9b31m \x7f \x85 \u2028 \u202eevil \udcff 新聞'


def said(form: str, **facts: object) -> str:
    stream = io.StringIO()
    Journal(stream, form, lambda: NOW).tell("seed.held", "warning", **facts)
    return stream.getvalue()


@pytest.mark.parametrize("form", ["text", "json"])
@given(text=st.text(st.characters()) | st.just(HOSTILE))
def test_no_name_forges_a_line_or_moves_the_cursor(form: str, text: str) -> None:
    line = said(form, path=text, paths=(text, "b"))
    assert line.endswith("\n")
    assert line[:-1].isprintable()
    line.encode()


@given(text=st.text(st.characters(), min_size=1) | st.just(HOSTILE))
def test_a_machine_reads_the_very_name(text: str) -> None:
    told = json.loads(said("json", path=text))
    assert told == {
        "time": "2026-11-22T12:00:00.000Z", "level": "warning", "event": "seed.held", "path": text,
    }  # fmt: skip


def test_people_read_their_own_letters() -> None:
    expected = '2026-11-22T12:00:00.000Z WARNING seed.held path=新聞/1.md detail="a b" n=0.123\n'
    assert said("text", path="新聞/1.md", detail="a b", n=0.12345, none="") == expected


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_log_that_takes_no_more_ends_nothing(form: str) -> None:
    with io.TextIOWrapper(io.FileIO("/dev/full", "w"), write_through=True) as full:
        journal = Journal(full, form, lambda: NOW)
        journal.tell("daemon.started")
        journal.tell("daemon.stopping")

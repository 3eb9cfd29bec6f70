"""Plain text: no character that may not stand in a feed, and cuts where a reader would make them."""

import sys
import unicodedata
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds import text


def test_every_code_point_leaves_a_document_whole() -> None:
    everything = "".join(map(chr, range(0x110000)))
    cleaned = text.clean(everything)
    document = ET.fromstring(f"<a>{cleaned.replace('&', '&amp;').replace('<', '&lt;')}</a>")
    assert document.text == cleaned
    for code in (*range(0x80, 0xA0), 0xFDD0, 0xFFFE, 0x1FFFF, 0x10FFFF, 0xD800, 0x7F, 0):
        assert chr(code) not in cleaned
    assert "\r" not in cleaned


def test_c1_controls_are_the_letters_of_windows_1252() -> None:
    assert text.clean("it\x92s \x93right\x94") == "it’s “right”"


@given(st.text())
def test_cleaning_twice_changes_nothing(value: str) -> None:
    assert text.clean(text.clean(value)) == text.clean(value)


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ("AT&amp;T", "AT&T"),
        ("&amp;lt;b&amp;gt;", "&lt;b&gt;"),  # decoded once
        ("a <b>bold</b> <EM class='x'>title</EM>", "a bold title"),
        ("<The Matrix> and a < b", "<The Matrix> and a < b"),
        ("two\n lines\u3000wide", "two lines wide"),
        ("nul\x00l", "null"),
    ],
)
def test_titles_become_plain(markup: str, expected: str) -> None:
    assert text.plain(markup) == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("专访\n   黄仁勋", "专访黄仁勋"),
        ("专访 \n \n 黄仁勋", "专访黄仁勋"),
        ("专访 黄仁勋", "专访 黄仁勋"),
        ("two\nwords", "two words"),
        ("中文\nEnglish", "中文 English"),
        ("日本の\nカナ", "日本のカナ"),
    ],
)
def test_line_ends_between_han_are_no_spaces(raw: str, expected: str) -> None:
    assert text.flow(raw) == expected


ENGLISH = (
    "The harbour was quiet. Nobody had seen the ship leave, and nobody expected it back so soon."
)
CHINESE = "美国国务院星期三同步宣布，今年晚些时候将与日本共同举行会议。这也是首度在西太平洋地区举行活动，有助于强化关系。"
JAPANESE = "首相は木曜日に発表した。「今年の後半に共同で会議を開催する」と述べた。経済の繁栄を推進するという。"
THAI = "นายกรัฐมนตรีกล่าวเมื่อวันพุธ ว่าจะมีการประชุมร่วมกัน ในช่วงปลายปีนี้ เพื่อส่งเสริมเศรษฐกิจ ให้เจริญรุ่งเรือง"
ARABIC = "قال رئيس الوزراء يوم الأربعاء. سيعقد مؤتمر مشترك في نهاية العام؟ وذلك لتعزيز الاقتصاد وازدهاره."


@pytest.mark.parametrize(
    ("whole", "limit", "expected"),
    [
        (ENGLISH, 200, ENGLISH),
        (ENGLISH, 40, "The harbour was quiet."),
        (ENGLISH, 60, "The harbour was quiet. Nobody had seen the ship leave, and…"),
        (CHINESE, 40, "美国国务院星期三同步宣布，今年晚些时候将与日本共同举行会议。"),
        (CHINESE, 20, "美国国务院星期三同步宣布，今年晚些时候…"),
        (JAPANESE, 31, "首相は木曜日に発表した。「今年の後半に共同で会議を開催する」…"),
        (THAI, 60, "นายกรัฐมนตรีกล่าวเมื่อวันพุธ ว่าจะมีการประชุมร่วมกัน…"),
        (ARABIC, 40, "قال رئيس الوزراء يوم الأربعاء."),
        ("x" * 50, 10, "x" * 9 + "…"),
        ("e\u0301" * 20, 10, "e\u0301" * 4 + "…"),
        ("👩‍👩‍👧" * 5, 8, "👩‍👩‍👧…"),
        ("เ" + "ก" * 20, 10, "เ" + "ก" * 8 + "…"),
        ("Version 2.5 is out now for everyone", 20, "Version 2.5 is out…"),
    ],
)  # fmt: skip
def test_summaries_are_cut_where_a_reader_would(whole: str, limit: int, expected: str) -> None:
    assert text.shorten(whole, limit) == expected


@pytest.mark.parametrize("limit", range(2, 60))
@pytest.mark.parametrize("whole", [ENGLISH, CHINESE, JAPANESE, THAI, ARABIC])
def test_no_cut_parts_a_letter_from_its_marks(whole: str, limit: int) -> None:
    cut = text.shorten(whole, limit)
    assert len(cut) <= limit
    kept = cut.removesuffix("…")
    assert whole.startswith(kept)
    rest = whole[len(kept) :]
    assert not rest or unicodedata.category(rest[0]) not in {"Mn", "Mc", "Me"}
    assert not kept or kept[-1] not in "เแโใไ"


@given(st.text(min_size=1, max_size=80).map(text.line), st.integers(2, 60))
def test_any_text_is_cut_to_its_limit(whole: str, limit: int) -> None:
    cut = text.shorten(whole, limit)
    assert len(cut) <= max(limit, 2)
    assert cut == whole or len(whole) > limit


def test_white_space_is_one_space() -> None:
    every = [chr(code) for code in range(sys.maxunicode + 1)]
    assert [c for c in every if c.isspace() and c.isprintable()] == [" "]
    for sign in every:
        for written in (sign, f"a{sign}b", f" {sign}a", f"a{sign}{sign}b{sign}"):
            assert text.spaced(written) == " ".join(written.split())

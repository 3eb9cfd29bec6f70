"""The encoding of a seed: decided by stated rules, never a crash, never rubbish in silence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds import decoding
from feeds.model import SeedError

CHINESE = (
    "美国国务院及台湾外交部星期三同步宣布，今年晚些时候将与日本共同举行会议，推动经济繁荣。" * 3
)
TRADITIONAL = (
    "臺灣外交部也在一個推文中說，緊密的合作及友誼是應對全球議題及促進所有人繁榮的關鍵。" * 3
)
JAPANESE = "日本の首相は木曜日、今年の後半にアメリカと共同で会議を開催すると発表した。" * 3
RUSSIAN = "Президент в среду объявил, что в конце этого года пройдет совместная конференция. " * 3
FRENCH = (
    "Été comme hiver, la forêt garde ses élèves près du café. À bientôt, garçon, où êtes-vous? " * 3
)
HEBREW = "ראש הממשלה הודיע ביום רביעי כי בסוף השנה תתקיים ועידה משותפת בנושא כלכלה. " * 3
KOREAN = "대통령은 수요일에 올해 말 공동 회의를 개최할 것이라고 발표했다. " * 3


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_unicode_is_read_without_a_word(encoding: str) -> None:
    text = decoding.decode(CHINESE.encode(encoding))
    assert (text.text, text.note) == (CHINESE, "")


@pytest.mark.parametrize(
    ("whole", "encoding"),
    [
        (CHINESE, "gb18030"), (TRADITIONAL, "big5"), (JAPANESE, "shift_jis"), (JAPANESE, "euc_jp"),
        (RUSSIAN, "cp1251"), (RUSSIAN, "koi8-r"), (FRENCH, "cp1252"), (HEBREW, "cp1255"),
    ],
)  # fmt: skip
def test_legacy_text_is_guessed_and_said_so(whole: str, encoding: str) -> None:
    header = "<!--1594849284000-->\n[x](https://example.org/a)\n------\n\n"
    text = decoding.decode((header + whole).encode(encoding))
    assert (text.text, text.note) == (header + whole, "text-guessed")


def test_what_is_declared_is_believed_if_it_fits() -> None:
    polish = "Zażółć gęślą jaźń, "
    assert decoding.decode(polish.encode("cp1250"), "cp1250") == (polish, "cp1250", "")
    declared = f'<meta charset="windows-1250">{polish}'
    assert decoding.decode(declared.encode("cp1250")).text == declared
    assert (
        decoding.decode(CHINESE.encode("gb18030"), "shift_jis").text == CHINESE
    )  # it does not fit
    assert decoding.decode(KOREAN.encode("euc_kr"), "euc_kr").text == KOREAN
    with pytest.raises(SeedError, match="text-unknown"):
        decoding.decode(KOREAN.encode("euc_kr"))
    assert decoding.decode(CHINESE.encode(), "gb18030").text == CHINESE  # it is UTF-8 after all


def test_a_little_damage_is_shown_and_said() -> None:
    data = bytearray(CHINESE.encode())
    del data[100]
    text = decoding.decode(bytes(data))
    assert text.note == "text-damaged"
    assert text.text.count("\ufffd") in (1, 2)
    assert text.text.startswith(CHINESE[:30])


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"), (b" \n\t ", "empty"), (b"\xef\xbb\xbf", "empty"), (b"\0\0\0", "binary"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "binary"), (b"abc\0def", "binary"),
    ],
)  # fmt: skip
def test_what_is_no_text(data: bytes, code: str) -> None:
    with pytest.raises(SeedError) as caught:
        decoding.decode(data)
    assert caught.value.code == code


@given(st.binary(max_size=300))
def test_any_bytes_are_text_or_refused(data: bytes) -> None:
    try:
        text = decoding.decode(data)
    except SeedError:
        return
    text.text.encode()  # no surrogate is left
    assert text.note or data.decode("utf-8", "ignore") or data[:2] in (b"\xff\xfe", b"\xfe\xff")


@pytest.mark.parametrize("cut", range(20))
def test_a_head_may_be_cut_inside_a_letter(cut: int) -> None:
    head = decoding.decode_head(("x" * 5 + CHINESE).encode()[: 100 + cut])
    assert head is not None
    assert ("x" * 5 + CHINESE).startswith(head)
    assert decoding.decode_head(CHINESE.encode("gb18030")[:100]) is None

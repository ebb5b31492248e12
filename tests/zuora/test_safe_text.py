"""Foreign text on its way to people."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zbatch.zuora.text import one_line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain text", "plain text"),
        ("Straße für Ärger – 請求書", "Straße für Ärger – 請求書"),
        ("a\r\nb\tc\u2028d\u2029e\u0085f\u00a0g", "a b c d e f g"),
        ("  a  b  ", "a b"),
        ("\x1b[31mred", "�[31mred"),
        ("a\u202eb\u200bc\u2066d\ufeffe", "a�b�c�d�e"),
        ("\x9b31m", "�31m"),
        ("\ud800", "�"),
        ("\x00\x7f", "��"),
    ],
)
def test_known_texts(text: str, expected: str) -> None:
    """Blanks collapse, what a terminal obeys or a reader cannot see is replaced, words stay."""
    assert one_line(text) == expected


def test_long_text_is_cut_with_a_sign() -> None:
    """A text beyond the limit ends with an ellipsis within the limit."""
    assert one_line("a" * 11, 10) == "a" * 9 + "…"
    assert one_line("a" * 10, 10) == "a" * 10
    assert one_line(" " * 1000 + "a", 10) == "…"


@given(st.text(st.characters(), max_size=100), st.integers(2, 60))
def test_every_line_is_safe(text: str, limit: int) -> None:
    """Whatever comes in, one printable line of bounded length comes out, and UTF-8 can hold it."""
    line = one_line(text, limit)
    assert len(line) <= limit
    assert line.isprintable()
    assert line.encode("utf-8").decode("utf-8") == line

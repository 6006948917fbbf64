"""What is wrong in a text is pointed at: the line, a caret below the character, and no more than one can read."""

import pytest

from engine.errors import QUOTED_CHARS_MAX, Fault, Mark, pointed_at

LONG = "a" * 80 + "X" + "b" * 80
CASES = [
    ("joinn(a)", 0, ("joinn(a)", "^")),
    ("a == 5", 5, ("a == 5", "     ^")),
    ("a ==", 4, ("a ==", "    ^")),
    ("a\nb == 5\nc", 7, ("b == 5", "     ^")),
    ("a\nb", 99, ("b", " ^")),
    ("", 0, ()),
    ("  \n", 1, ()),
]


@pytest.mark.parametrize(("text", "offset", "expected"), CASES)
def test_a_character_is_pointed_at(text, offset, expected) -> None:
    assert pointed_at(text, offset) == expected


@pytest.mark.parametrize("offset", [0, 40, 80, 120, 160])
def test_a_long_line_is_cut_around_it(offset) -> None:
    line, caret = pointed_at(LONG, offset)
    assert len(line) <= QUOTED_CHARS_MAX + 2
    assert line[caret.index("^") : caret.index("^") + 1] == LONG[offset : offset + 1]


def test_a_fault_shows_it_above_its_mend() -> None:
    fault = Fault("c", Mark("f.yaml", 3, 9), "p", "wrong", "write that", quoted="a + b", offset=2)
    assert str(fault) == "f.yaml:3:9: c: wrong\n    a + b\n      ^\n    write that"

"""Lines for people: whole in a pipe, broken where they may be on a narrow terminal, and never a terminal's master."""

import os
import sys

import pytest

from engine.cli import terminal
from engine.cli.terminal import fitted, say, say_parts

PARTS = [
    "evt-17      quarantined 2024-11-22T09:15:31Z",
    "orders@1",
    "id hook-1",
    "'4711-B' is not in table sku-registry",
]


@pytest.mark.parametrize(
    ("width", "lines"),
    [
        (None, ["  ".join(PARTS)]),
        (200, ["  ".join(PARTS)]),
        (
            80,
            [
                "evt-17      quarantined 2024-11-22T09:15:31Z  orders@1  id hook-1",
                "    '4711-B' is not in table sku-registry",
            ],
        ),
        (
            60,
            [
                "evt-17      quarantined 2024-11-22T09:15:31Z  orders@1",
                "    id hook-1  '4711-B' is not in table sku-registry",
            ],
        ),
        (
            40,
            [
                "evt-17      quarantined",
                "2024-11-22T09:15:31Z",
                "    orders@1  id hook-1",
                "    '4711-B' is not in table",
                "    sku-registry",
            ],
        ),
    ],
)
def test_parts_fill_lines(width: int | None, lines: list[str]) -> None:
    assert fitted(PARTS, width) == lines


@pytest.mark.parametrize("width", [0, 1, 39, 41, 77])
def test_whatever_the_width_every_word_is_there_and_no_line_is_longer_than_it_must_be(width: int) -> None:
    words = ["  key", "x" * 120, "a b c " * 40, "", "end"]
    lines = fitted(words, width)
    assert " ".join(lines).split() == " ".join(words).split()
    assert all(len(line) <= max(width, 40) or "x" * 120 in line for line in lines)


def test_a_pipe_gets_one_line_and_a_terminal_as_many_as_it_needs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    say_parts(*PARTS, "")
    assert capsys.readouterr().out == "  ".join(PARTS) + "\n"
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setattr(terminal.shutil, "get_terminal_size", lambda: os.terminal_size((60, 24)))
    say_parts(*PARTS)
    assert capsys.readouterr().out.count("\n") == 2


def test_nothing_moves_the_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    say("a\x1b[2Jb")
    say_parts("a\nb", "c\u202ed")
    assert capsys.readouterr().out == "a\\u001b[2Jb\na\\u000ab  c\\u202ed\n"

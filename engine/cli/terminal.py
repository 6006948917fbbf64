"""Lines for people at a terminal: nothing in them moves its cursor, and what does not fit is broken where it may be.

Only a terminal's lines are broken; a pipe gets one line for each thing, which is what `grep` and `cut` want.
"""

import shutil
import sys
import textwrap

from engine.cli.formats import shown

INDENT = 4
WIDTH_MIN = 40


def say(line: str) -> None:
    """One line. Ids, keys and reasons are others' words: what cannot be seen of them is written out."""
    sys.stdout.write(shown(line) + "\n")


def say_parts(*parts: str) -> None:
    """Parts of one line, two spaces between; on a terminal that is too narrow for them, indented below one another."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for line in fitted([shown(part) for part in parts if part], width):
        sys.stdout.write(line + "\n")


def fitted(parts: list[str], width: int | None) -> list[str]:
    """The lines that parts make in a width (None: one line). A part goes to the next line whole where it fits there,
    and is broken at its spaces where it does not."""
    whole = "  ".join(parts).rstrip()
    if width is None or len(whole) <= max(width, WIDTH_MIN):
        return [whole]
    lines: list[str] = []
    line = ""
    for part in parts:
        longer = f"{line}  {part}" if line else part
        if line and len(longer.rstrip()) > max(width, WIDTH_MIN):
            lines.append(line.rstrip())
            longer = " " * INDENT + part.lstrip()
        line = longer
    lines.append(line.rstrip())
    return [broken for each in lines for broken in break_line(each, max(width, WIDTH_MIN))]


def break_line(line: str, width: int) -> list[str]:
    indent = " " * (len(line) - len(line.lstrip()))
    wrapped = textwrap.wrap(
        line.lstrip(), width - len(indent), break_long_words=False, break_on_hyphens=False, replace_whitespace=False
    )
    return [indent + each for each in wrapped]

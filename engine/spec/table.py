"""CSV → a cross-reference table, or every fault with its line and column.

Read strictly (RFC 4180, UTF-8, a header): a reader that forgives swallows rows, and a row that is missing stops orders.
A header's cell may say what its column holds, `pack_size:integer`; every cell is then held to it. This file refuses to
guess delimiters, encodings, headers and types: a spreadsheet has guessed before, and `1.00232E+05` was an article.
"""

import csv
import re
from collections.abc import Iterator
from datetime import date
from difflib import get_close_matches
from hashlib import sha256
from io import StringIO
from typing import get_args

from engine.errors import Fault, Mark
from engine.language import TextTable
from engine.language.exact import NumberSizeError, json_number
from engine.language.tables import Cell, Kind, key_of

ROWS_MAX = 200_000
FAULTS_MAX = 100
ONE_ANSWER = "a look-up must have one answer: remove one of them"
KINDS: tuple[Kind, ...] = get_args(Kind)
SHAPES: dict[Kind, tuple[str, str]] = {
    "integer": (r"-?(?:0|[1-9][0-9]*)", "a whole number such as 12, without leading zeros or separators"),
    "decimal": (r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?", "a number such as 12.50, without separators or exponent"),
    "boolean": (r"true|false", "`true` or `false`"),
    "date": (r"[0-9]{4}-[0-9]{2}-[0-9]{2}", "a date such as 2026-11-01"),
}
"""Kind → how its cells are written, as a pattern and in words."""

Row = tuple[int, tuple[str, ...]]
"""The line a row ends on, and its cells."""


class Reading:
    """One table while it is read: its text, and the faults so far, of which there is an end."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.lines = re.split(r"\r\n|\n|\r", text)
        self.faults: list[Fault] = []
        self.begins: tuple[int, list[int]] = (0, [])

    def fault(self, line: int, message: str, hint: str, column: int = 1) -> None:
        if len(self.faults) == FAULTS_MAX:
            message, hint = f"{FAULTS_MAX} faults so far; the rest of the table was not read", "mend those first"
        if len(self.faults) <= FAULTS_MAX:
            self.faults.append(Fault("table", Mark(self.file, line, column), "", message, hint))

    @property
    def full(self) -> bool:
        return len(self.faults) > FAULTS_MAX

    def column(self, line: int, place: int, cells: int) -> int:
        """Where a row's cell at `place` begins on its line; the line's beginning for a row that has several lines."""
        if self.begins[0] != line:
            begins, quoted = [1], False
            for at, character in enumerate(self.lines[line - 1], 2):
                quoted ^= character == '"'
                if character == "," and not quoted:
                    begins.append(at)
            self.begins = line, begins
        begins = self.begins[1]
        return begins[place] if len(begins) == cells else 1


def read_table(raw: bytes, file: str) -> tuple[TextTable | None, tuple[Fault, ...]]:
    """The table, or None with its faults. Its version is the SHA-256 of the file."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        return None, (Fault("table", Mark(file, line, 1), "", "the table is not UTF-8", "save it as UTF-8"),)
    reading = Reading(file, text)
    if "\0" in text:
        reading.fault(text.count("\n", 0, text.index("\0")) + 1, "a NUL character", "take it out")
        return None, tuple(reading.faults)
    rows = read_rows(reading, text)
    if not reading.faults and (not rows or len(rows[0][1]) < 2):
        hint = "what is looked up, and what it gives"
        reading.fault(1, "a table needs a header row with at least two columns", hint)
    if not rows:
        return None, tuple(reading.faults)
    names, kinds = read_header(reading, rows[0])
    cells = read_cells(reading, rows[1:], names, kinds)
    if reading.faults:
        return None, tuple(reading.faults)
    return TextTable.of(names, cells, sha256(raw).hexdigest(), kinds, (line for line, _ in rows[1:])), ()


def read_rows(reading: Reading, text: str) -> list[Row]:
    """Every row that holds anything, the header first, up to where the text is no CSV."""
    rows: list[Row] = []
    try:
        for line, cells in cells_of(text):
            rows.append((line, cells))
            if len(rows) > ROWS_MAX + 1:
                reading.fault(line, f"more than {ROWS_MAX} rows", "split it into several tables")
                break
    except csv.Error as error:
        line = rows[-1][0] + 1 if rows else 1
        reading.fault(line, f"not CSV: {error}", "a quoted cell must be closed, and a quote inside it doubled")
    return rows


def cells_of(text: str) -> Iterator[Row]:
    """Rows that hold anything. Raises csv.Error. Only CR and LF end a line: U+2028 may stand in a cell."""
    lines = csv.reader(StringIO(text, newline=""), strict=True)
    return ((lines.line_num, tuple(cells)) for cells in lines if cells)


def read_header(reading: Reading, header: Row) -> tuple[tuple[str, ...], tuple[Kind, ...]]:
    """The names of the columns, and what each holds: text, where the header does not say."""
    line, cells = header
    names: list[str] = []
    kinds: list[Kind] = []
    for place, cell in enumerate(cells):
        name, colon, said = cell.partition(":")
        kind = next((kind for kind in KINDS if kind == said), None)
        if colon and kind is None:
            near = get_close_matches(said, KINDS, n=1, cutoff=0.3)
            hint = f"did you mean `{name[:60]}:{near[0]}`? " if near else ""
            hint += f"types: {', '.join(KINDS)}; a column without one holds text"
            reading.fault(line, f"`{said[:60]}` is no type of a column", hint, reading.column(line, place, len(cells)))
        names.append(name)
        kinds.append(kind or "text")
    if len(set(names)) != len(names) or not all(name.strip() for name in names):
        reading.fault(line, "the header's column names must be given and differ", "name each column")
    return tuple(names), tuple(kinds)


def read_cells(
    reading: Reading, rows: list[Row], names: tuple[str, ...], kinds: tuple[Kind, ...]
) -> list[tuple[Cell, ...]]:
    """The rows by the kinds of their columns; what they are looked up by stands once, and is never empty."""
    typed = tuple(
        (place, name, kind) for place, (name, kind) in enumerate(zip(names, kinds, strict=True)) if kind != "text"
    )
    key = key_of(kinds[0])
    seen: dict[str | None, int] = {}
    made: list[tuple[Cell, ...]] = []
    for line, texts in rows:
        if reading.full:
            break
        if len(texts) != len(names):
            hint = "quote cells that hold a comma"
            reading.fault(line, f"{len(texts)} cells where the header has {len(names)}", hint)
            continue
        cells: list[Cell] = list(texts)
        for place, name, kind in typed:
            cells[place] = cell = read_cell(texts[place], kind)
            if cell is None and texts[place]:
                message = f"`{texts[place][:60]}` is not what column `{name}` holds"
                hint = f"write {SHAPES[kind][1]}; leave it empty for none"
                reading.fault(line, message, hint, reading.column(line, place, len(texts)))
        made.append(tuple(cells))
        if not texts[0].strip():
            message = f"`{names[0]}` is empty, and rows are looked up by it"
            reading.fault(line, message, "fill it in, or remove the row")
        elif cells[0] is not None and seen.setdefault(key(cells[0]), line) != line:
            reading.fault(line, f"`{texts[0][:60]}` stands in line {seen[key(cells[0])]} already", ONE_ANSWER)
    return made


def read_cell(text: str, kind: Kind) -> Cell:
    """A cell of a column that is not text; None for an empty one, and for one that is not of its kind."""
    if not re.fullmatch(SHAPES[kind][0], text):
        return None
    try:
        if kind == "date":
            return date.fromisoformat(text).isoformat()
        return text == "true" if kind == "boolean" else json_number(text)
    except (ValueError, NumberSizeError):
        return None  # no day of the calendar, more digits than anybody counts

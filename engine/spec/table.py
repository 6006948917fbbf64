"""CSV → a cross-reference table, or every fault with its line.

Read strictly (RFC 4180, UTF-8, a header): a reader that forgives swallows rows, and a row that is missing stops orders.
This file refuses to guess delimiters, encodings and headers.
"""

import csv
from collections.abc import Callable, Iterator
from hashlib import sha256
from io import StringIO

from engine.errors import Fault, Mark
from engine.language import TextTable

ROWS_MAX = 200_000
ONE_ANSWER = "a look-up must have one answer: remove one of them"

Complaint = Callable[[int, str, str], None]
Row = tuple[int, tuple[str, ...]]
"""The line a row ends on, and its cells."""


def read_table(raw: bytes, file: str) -> tuple[TextTable | None, tuple[Fault, ...]]:
    """The table, or None with its faults. Its version is the SHA-256 of the file."""
    faults: list[Fault] = []

    def fault(line: int, message: str, hint: str) -> None:
        faults.append(Fault("table", Mark(file, line, 1), "", message, hint))

    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        fault(raw.count(b"\n", 0, error.start) + 1, "the table is not UTF-8", "save it as UTF-8")
        return None, tuple(faults)
    if "\0" in text:
        fault(text.count("\n", 0, text.index("\0")) + 1, "a NUL character", "take it out")
        return None, tuple(faults)
    rows: list[Row] = []
    try:
        for line, cells in cells_of(text):
            rows.append((line, cells))
            if len(rows) > ROWS_MAX + 1:
                fault(line, f"more than {ROWS_MAX} rows", "split it into several tables")
                break
    except csv.Error as error:
        line = rows[-1][0] + 1 if rows else 1
        fault(line, f"not CSV: {error}", "a quoted cell must be closed, and a quote inside it doubled")
    if not faults and (not rows or len(rows[0][1]) < 2):
        fault(1, "a table needs a header row with at least two columns", "what is looked up, and what it gives")
    if rows:
        check_rows(rows, fault)
    if faults:
        return None, tuple(faults)
    return TextTable.of(rows[0][1], (cells for _, cells in rows[1:]), sha256(raw).hexdigest()), ()


def cells_of(text: str) -> Iterator[Row]:
    """Rows that hold anything. Raises csv.Error. Only CR and LF end a line: U+2028 may stand in a cell."""
    lines = csv.reader(StringIO(text, newline=""), strict=True)
    return ((lines.line_num, tuple(cells)) for cells in lines if cells)


def check_rows(rows: list[Row], fault: Complaint) -> None:
    """Whether the header names its columns, every row has as many cells, and what is looked up stands once."""
    (_, header), *others = rows
    if len(set(header)) != len(header) or not all(cell.strip() for cell in header):
        fault(1, "the header's column names must be given and differ", "name each column")
    seen: dict[str, int] = {}
    for line, cells in others:
        if len(cells) != len(header):
            hint = "quote cells that hold a comma"
            fault(line, f"{len(cells)} cells where the header has {len(header)}", hint)
        elif cells[0] in seen:
            fault(line, f"`{cells[0][:60]}` stands in line {seen[cells[0]]} already", ONE_ANSWER)
        seen.setdefault(cells[0], line)

"""Cross-reference tables as look-ups see them: named, typed columns, and the row that has a text in a column.

Reading the file is not done here; rows are handed in. Where rows of one text differ in what they give, nothing tells
them apart: the look-up refuses rather than take the first.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from typing import Literal, Protocol

from engine.language.exact import Number, is_number, json_number, number_text

Kind = Literal["text", "integer", "decimal", "boolean", "date"]
"""What a column holds. A date is a text here as it is in a document."""

Cell = str | int | Decimal | bool | None
"""One cell by its column's kind; None is an empty one, which only a column of text does not have."""

Ignored = Literal["case", "space"]
"""What may not count when a text is looked up."""


CELL = " → "
"""Between two columns: the cell of one in the row that is found by the other, where it is that cell that is missing."""


class Answer(Enum):
    """What an index has instead of a cell: rows that differ."""

    AMBIGUOUS = "ambiguous"


@dataclass(frozen=True, slots=True)
class Index:
    """One way to look something up: `entries` is key → cell, `key` makes the key of a value of a document, None where
    no row can have it. `plain`: a text is its own key."""

    entries: Mapping[str, Cell | Answer]
    key: Callable[[object], str | None]
    plain: bool


class Table(Protocol):
    """One table. `version` names its contents (a hash), so that an attempt can record what it was mapped with."""

    @property
    def columns(self) -> tuple[str, ...]: ...

    @property
    def version(self) -> str: ...

    def kind(self, column: str) -> Kind:
        """What the column holds. Raises KeyError for a column that is not there."""
        ...

    def index(self, by: str, give: str, ignore: tuple[Ignored, ...] = ()) -> Index:
        """The look-up of column `by` for column `give`, made once. Raises KeyError for a column that is not there."""
        ...

    def conflicts(self, by: str, give: str, ignore: tuple[Ignored, ...] = ()) -> tuple[tuple[int, int], ...]:
        """Of each text that stands in several rows which differ in what they give, the lines of the first two such.
        Raises KeyError."""
        ...

    def find(self, by: str, give: str, text: str) -> Cell:
        """The cell in column `give` of the row with `text` in column `by`; None where there is no such row or cell.

        Raises KeyError for a column that is not there, LookupError where several rows differ in what they give.
        """
        ...


@dataclass(frozen=True, slots=True)
class TextTable:
    """A Table in memory: rows with one cell per column, of the column's kind, and the lines of the file they end on."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    version: str
    kinds: tuple[Kind, ...]
    lines: tuple[int, ...]
    _indexes: dict[tuple[str, str, tuple[Ignored, ...]], Index] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(
        cls,
        columns: Iterable[str],
        rows: Iterable[Iterable[Cell]],
        version: str,
        kinds: Iterable[Kind] = (),
        lines: Iterable[int] = (),
    ) -> "TextTable":
        """Without `kinds` every column is text; without `lines` each row is one line below a header."""
        names, made = tuple(columns), tuple(tuple(row) for row in rows)
        numbered = tuple(lines) or tuple(range(2, len(made) + 2))
        text: Kind = "text"
        return cls(names, made, version, tuple(kinds) or (text,) * len(names), numbered)

    def kind(self, column: str) -> Kind:
        return self.kinds[self._place(column)]

    def find(self, by: str, give: str, text: str) -> Cell:
        index = self.index(by, give)
        key = index.key(text)
        found = index.entries.get(key) if key is not None else None
        if found is Answer.AMBIGUOUS:
            raise LookupError("several rows of the table differ")
        return found

    def index(self, by: str, give: str, ignore: tuple[Ignored, ...] = ()) -> Index:
        index = self._indexes.get((by, give, ignore))
        if index is None:
            # Two threads may both make it: they make the same, and the last one stays.
            index = self._indexes[by, give, ignore] = self._index(by, give, ignore)
        return index

    def _index(self, by: str, give: str, ignore: tuple[Ignored, ...]) -> Index:
        at, place = self._place(by), self._place(give)
        key = key_of(self.kinds[at], ignore)
        entries: dict[str, Cell | Answer] = {}
        for row in self.rows:
            text, cell = key(row[at]), row[place]
            if text is not None:
                entries[text] = cell if entries.setdefault(text, cell) == cell else Answer.AMBIGUOUS
        return Index(entries, key, plain=self.kinds[at] in ("text", "date") and not ignore)

    def conflicts(self, by: str, give: str, ignore: tuple[Ignored, ...] = ()) -> tuple[tuple[int, int], ...]:
        entries = self.index(by, give, ignore).entries
        if Answer.AMBIGUOUS not in entries.values():
            return ()
        at, place, key = self._place(by), self._place(give), self.index(by, give, ignore).key
        first: dict[str, tuple[int, Cell]] = {}
        found: dict[str, tuple[int, int]] = {}
        for line, row in zip(self.lines, self.rows, strict=True):
            text = key(row[at])
            if text is not None and entries[text] is Answer.AMBIGUOUS:
                earlier, cell = first.setdefault(text, (line, row[place]))
                if cell != row[place]:
                    found.setdefault(text, (earlier, line))
        return tuple(found.values())

    def _place(self, column: str) -> int:
        if column not in self.columns:
            raise KeyError(column)
        return self.columns.index(column)


def look_up_columns(table: Table, by: str | None, give: str | None) -> tuple[str, str]:
    """The columns of a look-up that names none, or one, of them: the first two."""
    return by or table.columns[0], give or table.columns[min(1, len(table.columns) - 1)]


def pack_columns(table: Table) -> tuple[str, ...]:
    """The columns of a table of pack sizes that say how many pieces a pack holds: integers, beside the article."""
    return tuple(column for column in table.columns[1:] if table.kind(column) == "integer")


def key_of(kind: Kind, ignore: tuple[Ignored, ...] = ()) -> Callable[[object], str | None]:
    """What a column of a kind is looked up by: value → key. A number finds itself however it is written (1.50 is 1.5)
    in a column of numbers, and its digits in one of text; a text of a number finds the number."""
    if kind in ("integer", "decimal"):
        return _number_key
    if kind == "boolean":
        return _word_key
    if not ignore:
        return _text_key
    fold_case, fold_space = "case" in ignore, "space" in ignore

    def folded(value: object) -> str | None:
        text = _text_key(value)
        if text is None:
            return None
        if fold_space:
            text = " ".join(text.split())
        return text.casefold() if fold_case else text

    return folded


def _text_key(value: object) -> str | None:
    if isinstance(value, str):
        return value
    return number_text(value) if is_number(value) else None


def _number_key(value: object) -> str | None:
    number = json_number(value) if isinstance(value, str) else value
    return _shortest(number) if is_number(number) else None


def _shortest(number: Number) -> str:
    text = number_text(number)
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def _word_key(value: object) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else None

"""Cross-reference tables as lookups see them: columns of text, and the row that has a text in a column.

Reading the file is not done here; it is handed in as rows. A text that stands twice in a column cannot be told apart by
it: the lookup refuses it rather than take the first.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol


class Table(Protocol):
    """One table. `version` names its contents (a hash), so that an attempt can record what it was mapped with."""

    @property
    def columns(self) -> tuple[str, ...]: ...

    @property
    def version(self) -> str: ...

    def find(self, by: str, give: str, text: str) -> str | None:
        """The text in column `give` of the row with `text` in column `by`; None where there is no such row.

        Raises KeyError for a column that is not there, LookupError where several rows differ in what they give.
        """
        ...


@dataclass(frozen=True, slots=True)
class TextTable:
    """A Table in memory. Rows have one text per column; an index of two columns is made when it is first asked."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    version: str
    _indexes: dict[tuple[str, str], dict[str, str | None]] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, columns: Iterable[str], rows: Iterable[Iterable[str]], version: str) -> "TextTable":
        return cls(tuple(columns), tuple(tuple(row) for row in rows), version)

    def find(self, by: str, give: str, text: str) -> str | None:
        index = self._indexes.get((by, give))
        if index is None:
            # Two threads may both make it: they make the same, and the last one stays.
            index = self._indexes[by, give] = self._index(by, give)
        found = index.get(text, "")
        if found is None:
            raise LookupError("several rows of the table differ")
        return found if text in index else None

    def _index(self, by: str, give: str) -> dict[str, str | None]:
        """Text in `by` → text in `give`, None where rows differ."""
        for column in (by, give):
            if column not in self.columns:
                raise KeyError(column)
        key, value = self.columns.index(by), self.columns.index(give)
        index: dict[str, str | None] = {}
        for row in self.rows:
            index[row[key]] = row[value] if index.get(row[key], row[value]) == row[value] else None
        return index

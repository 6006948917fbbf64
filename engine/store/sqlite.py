"""SQLite as the verbs see it: a connection of apsw with the methods of `Database`.

SQLite compiles a statement at each new text, so texts are few: rows go in chunks of at most 64, and lists are filled up
to a power of two with their last value, which changes nothing of what is among them. There is one writer (the file's
lock), so rows and keys need none of their own. What is kept and how is the verbs' matter.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import apsw

from engine.store.database import Row, Value

CHUNK_ROWS = 64
FEW_ROWS = 8
CACHED_STATEMENTS = 1_000
UNBOUNDED_PAGES = 0xFFFFFFFE
RESERVE_SHARE = 8
"""One part in so many of a bounded store is kept for outcomes."""


def marks(count: int) -> str:
    return ",".join("?" * count)


def filled(values: Iterable[Value]) -> list[Value]:
    """Filled up to a power of two with the last of them."""
    found = list(values)
    return found + found[-1:] * ((1 << (len(found) - 1).bit_length()) - len(found))


def update_text(table: str, key: str, columns: str, count: int) -> str:
    """The statement for so many rows; for none, the one that is bound to each row."""
    names = [name.strip() for name in columns.split(",")]
    if not count:
        sets = ", ".join(f"{name} = ?{number}" for number, name in enumerate(names, 2))
        return f"UPDATE {table} SET {sets} WHERE {key} = ?1"
    sets = ", ".join(f"{name} = given.column{number}" for number, name in enumerate(names, 2))
    values = ",".join([f"({marks(len(names) + 1)})"] * count)
    return f"UPDATE {table} SET {sets} FROM (VALUES {values}) AS given WHERE {table}.{key} = given.column1"


class SqliteDatabase(apsw.Connection):
    """See `Database`. `lock` and `skip_locked` are empty: who writes has the file for himself."""

    lock = ""
    skip_locked = ""

    def __init__(self, filename: str, **more: Any) -> None:
        super().__init__(filename, statementcachesize=CACHED_STATEMENTS, **more)
        self.texts: dict[tuple[str, str, int, str], str] = {}
        self.most_pages: int | None = None

    def rows(self, statement: str, values: Sequence[Value] = ()) -> list[Row]:
        """See `Database.rows`."""
        return self.execute(statement, values).fetchall()

    def run(self, statement: str, values: Sequence[Value] = ()) -> int:
        """See `Database.run`."""
        self.execute(statement, values)
        return self.changes()

    def insert(self, table: str, columns: str, rows: Sequence[Sequence[Value]], tail: str = "") -> list[Row]:
        """See `Database.insert`."""
        given: list[Row] = []
        for at in range(0, len(rows), CHUNK_ROWS):
            chunk = rows[at : at + CHUNK_ROWS]
            shape = (table, columns, len(chunk), tail)
            text = self.texts.get(shape)
            if text is None:
                row = f"({marks(len(chunk[0]))})"
                values = ",".join([row] * len(chunk))
                text = self.texts[shape] = f"INSERT INTO {table} ({columns}) VALUES {values} {tail}"
            given += self.execute(text, [value for row in chunk for value in row]).fetchall()
        return given

    def update(self, table: str, key: str, columns: str, rows: Sequence[Sequence[Value]]) -> None:
        """See `Database.update`. Many in one statement from a list of values: by a third faster than the same one bound
        anew for each row, and it lets go of the interpreter once. The list costs as much as eight rows."""
        for at in range(0, len(rows), CHUNK_ROWS):
            chunk = rows[at : at + CHUNK_ROWS]
            few = len(chunk) < FEW_ROWS
            shape = (table, key, 0 if few else len(chunk), columns)
            text = self.texts.get(shape)
            if text is None:
                text = self.texts[shape] = update_text(table, key, columns, 0 if few else len(chunk))
            if few:
                self.executemany(text, chunk)
            else:
                self.execute(text, [value for row in chunk for value in row])

    def among(self, column: str, values: Iterable[Value]) -> tuple[str, list[Any]]:
        """See `Database.among`."""
        found = filled(values)
        return f"{column} IN ({marks(len(found))})", found

    def each(self, values: Iterable[Value]) -> tuple[str, list[Any]]:
        """See `Database.each`."""
        found = filled(values)
        return f"(SELECT column1 AS value FROM (VALUES {','.join(['(?)'] * len(found))}))", found

    def hold(self, digests: Iterable[bytes]) -> None:
        """See `Database.hold`: the one writer holds all."""

    def numbers(self, table: str, count: int) -> Sequence[int]:
        """See `Database.numbers`."""
        newest: int = self.execute(
            f"SELECT max(coalesce((SELECT max({table}) FROM {table}), 0),"
            f" coalesce((SELECT value FROM meta WHERE name = 'forgotten_{table}'), 0))"
        ).get  # what was forgotten had numbers too, which effects and identities still name
        return range(newest + 1, newest + 1 + count)

    def now(self, asked_at: int, /) -> int:
        """See `Database.now`: there is one engine, and its clock is the one."""
        return asked_at

    def silent_nodes(self) -> Sequence[int]:
        """See `Database.silent_nodes`: there is one engine, and it is asking."""
        return ()

    def room_bytes(self) -> int | None:
        """See `Database.room_bytes`."""
        most = self.pages_max()
        if most is None:
            return None
        page: int = self.pragma("page_size")
        used = self.pragma("page_count") - self.pragma("freelist_count")
        return int((most - used) * page - most * page // RESERVE_SHARE)

    def pages_max(self) -> int | None:
        """See `Database.pages_max`."""
        if self.most_pages is None:
            self.most_pages = int(self.pragma("max_page_count"))
        most: int = self.most_pages
        return most if most < UNBOUNDED_PAGES else None

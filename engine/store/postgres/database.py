"""PostgreSQL as the verbs see it: one connection inside a transaction, statements with `?` marks, many rows at once.

Columns are sent as arrays of one fixed type each, so that a statement's text and types are the same whatever the number
of rows and whatever they hold: the server plans it once. A text of PostgreSQL cannot hold U+0000; the symbol for it is
stored instead (`␀`), since a sender's odd id must neither be lost nor stop the engine. Digests are taken of the true text.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from math import inf
from struct import Struct as Packed
from typing import Any

import psycopg
from psycopg.adapt import Dumper
from psycopg.pq import Format
from psycopg.types.string import StrBinaryDumper

from engine.clock import SystemClock
from engine.store.database import Row, Value, lock_number
from engine.store.postgres.connect import Connection

pack_head = Packed(">iiIii").pack
pack_length = Packed(">i").pack
pack_bigint = Packed(">iq").pack
NULL = pack_length(-1)
NUL_SHOWN = "\u2400"


def as_bigint(value: Any) -> bytes:
    return pack_bigint(8, value)


def as_text(value: Any) -> bytes:
    raw: bytes = plain(value).encode()
    return pack_length(len(raw)) + raw


def as_bytes(value: Any) -> bytes:
    return pack_length(len(value)) + bytes(value)


def plain(text: str) -> str:
    return text.replace("\0", NUL_SHOWN) if "\0" in text else text


KINDS: Mapping[str, tuple[int, int, Callable[[Any], bytes]]] = {
    "bigint": (20, 1016, as_bigint),
    "text": (25, 1009, as_text),
    "bytea": (17, 1001, as_bytes),
}
"""Type → the numbers of it and of its array in PostgreSQL's catalogue, and how one value is written."""


class Array:
    """Values of one type, None among them. Each type has a class of its own: the driver chooses by it."""

    __slots__ = ("values",)

    def __init__(self, values: Sequence[Any]) -> None:
        self.values = values


class Bigints(Array):
    __slots__ = ()


class Texts(Array):
    __slots__ = ()


class Bytes(Array):
    __slots__ = ()


ARRAYS: Mapping[str, type[Array]] = {"bigint": Bigints, "text": Texts, "bytea": Bytes}


class ArrayDumper(Dumper):
    """An array as PostgreSQL reads it in binary."""

    format = Format.BINARY
    element_oid = 0
    encode: Callable[[Any], bytes]

    def dump(self, obj: Array) -> bytes:
        encode = type(self).encode
        parts = [NULL if value is None else encode(value) for value in obj.values]
        if not parts:
            return pack_head(0, 0, self.element_oid, 0, 0)[:12]
        return b"".join((pack_head(1, 1, self.element_oid, len(parts), 1), *parts))


class TextDumper(StrBinaryDumper):
    def dump(self, obj: str) -> Any:
        return super().dump(plain(obj))


def teach(connection: Connection) -> None:
    """Tells a connection of these types."""
    connection.adapters.register_dumper(str, TextDumper)
    for kind, (element, array, encode) in KINDS.items():
        made = type(
            f"{kind}ArrayDumper", (ArrayDumper,), {"oid": array, "element_oid": element, "encode": staticmethod(encode)}
        )
        connection.adapters.register_dumper(ARRAYS[kind], made)


def array_for(values: Sequence[Any]) -> Array:
    """The array for values of one Python type."""
    first = next((value for value in values if value is not None), None)
    if isinstance(first, str):
        return Texts(values)
    return Bigints(values) if isinstance(first, int) else Bytes(values)


@lru_cache(1024)
def numbered(statement: str) -> str:
    """`?` → `$1`, `$2`, as the server counts them. Our statements hold no other question mark."""
    first, *rest = statement.split("?")
    return first + "".join(f"${number}{part}" for number, part in enumerate(rest, 1))


class PostgresDatabase:
    """See `engine.store.database.Database`."""

    lock = " FOR UPDATE"
    skip_locked = " FOR UPDATE SKIP LOCKED"

    def __init__(self, connection: Connection, types: Mapping[str, Mapping[str, str]]) -> None:
        teach(connection)
        self.connection = connection
        self.types = types
        self.cursor = psycopg.RawCursor(connection)
        self.cursor.format = Format.BINARY
        self.texts: dict[tuple[str, ...], tuple[str, list[type[Array]]]] = {}
        self.clock = SystemClock()
        self.silent: Sequence[int] = ()
        self.asked_at = -inf  # who is silent; and since when they may be taken for dead
        self.judges_from = inf

    def rows(self, statement: str, values: Sequence[Value] = ()) -> list[Row]:
        return self.cursor.execute(numbered(statement), values).fetchall()

    def run(self, statement: str, values: Sequence[Value] = ()) -> int:
        return self.cursor.execute(numbered(statement), values).rowcount

    # ── many rows ────────────────────────────────────────────────────────────────────────────────────────────────────

    def insert(self, table: str, columns: str, rows: Sequence[Sequence[Value]], tail: str = "") -> list[Row]:
        if not rows:
            return []
        key = ("insert", table, columns, tail)
        if key not in self.texts:
            kinds = [self.types[table][name] for name in names(columns)]
            self.texts[key] = (
                f"INSERT INTO {table} ({columns}) SELECT * FROM unnest({arrays(kinds)}) {tail}",
                [ARRAYS[kind] for kind in kinds],
            )
        self.send(key, rows)
        return self.cursor.fetchall() if self.cursor.description else []

    def update(self, table: str, key: str, columns: str, rows: Sequence[Sequence[Value]]) -> None:
        if not rows:
            return
        text = ("update", table, key, columns)
        if text not in self.texts:
            sets = names(columns)
            kinds = [self.types[table][name] for name in (key, *sets)]
            given = f"unnest({arrays(kinds)}) AS _new ({key}, {columns})"
            set_to = ", ".join(f"{name} = _new.{name}" for name in sets)
            self.texts[text] = (
                f"UPDATE {table} SET {set_to} FROM {given} WHERE {table}.{key} = _new.{key}",
                [ARRAYS[kind] for kind in kinds],
            )
        self.send(text, rows)

    def send(self, key: tuple[str, ...], rows: Sequence[Sequence[Value]]) -> None:
        statement, kinds = self.texts[key]
        columns = zip(*rows, strict=True)
        self.cursor.execute(statement, [kind(values) for kind, values in zip(kinds, columns, strict=True)])

    @staticmethod
    def among(column: str, values: Iterable[Value]) -> tuple[str, list[Any]]:
        return f"{column} = ANY(?)", [array_for(list(values))]

    @staticmethod
    def each(values: Iterable[Value]) -> tuple[str, list[Any]]:
        return "(SELECT value FROM unnest(?) AS _one (value))", [array_for(list(values))]

    # ── what several nodes need ──────────────────────────────────────────────────────────────────────────────────────

    def hold(self, digests: Iterable[bytes]) -> None:
        """Advisory locks, sorted, so that two groups never wait for one another in a circle; until the commit."""
        numbers = sorted({lock_number(digest) for digest in digests})
        if numbers:
            self.rows("SELECT pg_advisory_xact_lock(number) FROM unnest(?) AS number", [Bigints(numbers)])  # type: ignore[list-item]

    def numbers(self, table: str, count: int) -> Sequence[int]:
        """From the table's sequence, which no roll-back takes back: who comes later gets higher ones."""
        return [
            number for (number,) in self.rows(f"SELECT nextval('{table}_number') FROM generate_series(1, ?)", (count,))
        ]

    def now(self, _asked_at: int, /) -> int:
        """The server's clock, at this moment and not when the transaction began: what is held is held by now."""
        ((now,),) = self.rows(f"SELECT {NOW}")
        return int(now)

    def silent_nodes(self) -> Sequence[int]:
        """Asked of the database once a second: a node has been silent for ten before it is dead. Whoever could not ask
        for so long waits as long again: while the database was away nobody was heard, and the others have outcomes to
        write that nobody else knows. Those that left, or surely ended, are dead at once."""
        now = self.clock.monotonic()
        if now >= self.asked_at + SILENT_ASKED_EVERY_S:
            if now > self.asked_at + UNASKED_S:
                self.judges_from = now + NODE_SILENT_US / 1_000_000
            self.asked_at = now
            before = f"{NOW} - {NODE_SILENT_US}" if now >= self.judges_from else "1"
            self.silent = [node for (node,) in self.rows(f"SELECT node FROM node WHERE seen_at < {before}")]
        return self.silent

    def room_bytes(self) -> int | None:
        return None

    def pages_max(self) -> int | None:
        return None


NODE_SILENT_US = 10_000_000
SILENT_ASKED_EVERY_S = 1.0
UNASKED_S = 8.0
"""An engine that has nothing to do asks every five seconds. Less than a node may be silent, by more than a beat."""
NOW = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
"""The database's clock, in our unit: nodes are judged, and quotas taken, by one clock."""


def names(columns: str) -> list[str]:
    return [name.strip() for name in columns.split(",")]


def arrays(kinds: Sequence[str]) -> str:
    return ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(kinds, 1))

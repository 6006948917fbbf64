"""The stores that pass the suite, as it drives them: one verb a transaction, on a connection of its own."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import psycopg

from engine.model import ItemState, Sighted
from engine.store import Effect, EventRow, Filter, GateRow, Line, Tally
from engine.store.groups import run_verbs
from engine.store.postgres.connect import column_types, connect
from engine.store.postgres.database import PostgresDatabase
from engine.store.readers import read_effects, read_events, read_gates, read_items, read_lines, read_tallies
from engine.store.settle import run_group
from engine.store.sqlite import SqliteDatabase
from engine.store.verbs import SqlStore


class Reading:
    """What readers see."""

    database: Any

    def rows(self, wanted: Filter = Filter()) -> list[EventRow]:  # noqa: B008 — a frozen value
        return list(read_events(self.database, wanted))

    def lines(self, event: int) -> list[Line]:
        return read_lines(self.database, event)

    def tallies(self) -> list[Tally]:
        return read_tallies(self.database, *Sighted)

    def items(self, event: int) -> tuple[ItemState, ...]:
        return read_items(self.database, event)

    def gates(self) -> list[GateRow]:
        return read_gates(self.database)

    def effects(self, event: int) -> list[Effect]:
        return read_effects(self.database, self.lines(event))


class SqliteDriver(Reading):
    """Several on one file take turns at writing."""

    def __init__(self, connection: SqliteDatabase) -> None:
        self.store = SqlStore()
        self.connection = self.database = connection

    def commit(self, verb: Callable[..., Sequence[Any]], *items: Any) -> list[Any]:
        return raised(run_group(self.connection, [(verb, item) for item in items]))

    def close(self) -> None:
        self.connection.close()


class AtGivenTimes(PostgresDatabase):
    """The suite makes up its times, so quotas go by them here; that they go by the server's clock is a test beside."""

    def now(self, asked_at: int, /) -> int:
        return asked_at


class PostgresDriver(Reading):
    """One connection to a database that has its schema. Who was caught in a circle of waiting runs again, as a
    committer does."""

    def __init__(self, url: str) -> None:
        self.store = SqlStore()
        self.connection = connect(url)
        self.database: PostgresDatabase = AtGivenTimes(self.connection, column_types(self.connection))

    def commit(self, verb: Callable[..., Sequence[Any]], *items: Any) -> list[Any]:
        while True:
            try:
                with self.connection.transaction():
                    return raised(run_verbs(self.database, [(verb, item) for item in items]))
            except psycopg.errors.DeadlockDetected:
                continue

    def close(self) -> None:
        self.connection.close()


def raised(results: list[Any]) -> list[Any]:
    for result in results:
        if isinstance(result, Exception):
            raise result
    return results


def wait_until(holds: Callable[[], bool]) -> None:
    """Asks until it holds; a server does some things in its own time."""
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)

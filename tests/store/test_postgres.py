"""The store on PostgreSQL passes the suite of all stores, and keeps the promises that are its own."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from conformance import Conformance
from conformance_counting import CountingConformance
from postgres_server import a_database

from engine.model import Sighted
from engine.store import EventRow, Filter, Line, Tally
from engine.store.groups import run_verbs
from engine.store.postgres.connect import column_types, migrate, open_first
from engine.store.postgres.database import PostgresDatabase
from engine.store.postgres.partitions import make_ahead
from engine.store.readers import read_events, read_lines, read_tallies
from engine.store.verbs import SqlStore


class PostgresDriver:
    """Commits one verb a transaction."""

    def __init__(self, database: PostgresDatabase) -> None:
        self.store = SqlStore()
        self.database = database

    def commit(self, verb: Callable[..., Sequence[Any]], *items: Any) -> list[Any]:
        with self.database.connection.transaction():
            results = run_verbs(self.database, [(verb, item) for item in items])
        for result in results:
            if isinstance(result, Exception):
                raise result
        return results

    def rows(self) -> list[EventRow]:
        return list(read_events(self.database, Filter()))

    def lines(self, event: int) -> list[Line]:
        return read_lines(self.database, event)

    def tallies(self) -> list[Tally]:
        return read_tallies(self.database, *Sighted)


@pytest.fixture(scope="module")
def database(postgres_server_url: str) -> Iterator[PostgresDatabase]:
    with a_database(postgres_server_url) as url, open_first(url) as connection:
        migrate(connection)
        make_ahead(connection)
        yield PostgresDatabase(connection, column_types(connection))


@pytest.fixture
def driver(database: PostgresDatabase) -> PostgresDriver:
    tables = ", ".join(table for table in database.types if not table.endswith("_0") and table != "meta")
    database.connection.execute(f"TRUNCATE {tables} RESTART IDENTITY")
    for sequence in ("event_number", "message_number", "node_number"):
        database.connection.execute(f"ALTER SEQUENCE {sequence} RESTART")
    return PostgresDriver(database)


class TestPostgres(Conformance, CountingConformance):
    pass

"""A database for the tests of stores."""

from collections.abc import Iterator

import pytest
from drivers import PostgresDriver
from postgres_server import a_database

from engine.store.postgres.connect import connect, migrate
from engine.store.postgres.partitions import make_ahead


@pytest.fixture(scope="session")
def migrated(postgres_server_url: str) -> Iterator[str]:
    """A database with the schema. Each test finds it empty: that is ten times faster than one for each."""
    with a_database(postgres_server_url) as url:
        with connect(url) as connection:
            migrate(connection)
            make_ahead(connection)
        yield url


@pytest.fixture
def emptied(migrated: str) -> str:
    with connect(migrated) as connection:
        tables = [
            name
            for (name,) in connection.execute(
                "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition"
                " AND relnamespace = current_schema()::regnamespace AND relname != 'meta'"
            )
        ]
        connection.execute(f"TRUNCATE {', '.join(tables)}")  # type: ignore[call-overload]
        connection.execute("DELETE FROM meta WHERE name != 'schema'")
        connection.execute("SELECT setval('event_number', 1, false)")
    return migrated


@pytest.fixture
def driver(emptied: str) -> Iterator[PostgresDriver]:
    """The store on PostgreSQL; the suites of all stores have drivers of their own."""
    one = PostgresDriver(emptied)
    yield one
    one.close()

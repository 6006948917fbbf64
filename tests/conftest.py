"""What every test shares. Folders that hold helpers of tests are on the path by `pythonpath` in pyproject.toml."""

import os
import signal
from collections.abc import Iterator

import pytest
from postgres_server import PostgresServer, a_database


def pytest_configure() -> None:
    """Who ends a run by SIGTERM, as a time limit does, ends it as Ctrl-C would: no server of a test outlives it."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.fixture(scope="session")
def postgres_server_url() -> Iterator[str]:
    """One server for all tests of a run; `WAYBILL_TEST_POSTGRES` names another, where we may make databases."""
    given = os.environ.get("WAYBILL_TEST_POSTGRES")
    if given:
        yield given
        return
    with PostgresServer(durable=False) as server:
        yield server.url()


@pytest.fixture
def postgres_url(postgres_server_url: str) -> Iterator[str]:
    """An empty database of the test's own."""
    with a_database(postgres_server_url) as url:
        yield url

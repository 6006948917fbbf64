"""What every test shares. Folders that hold helpers of tests are on the path by `pythonpath` in pyproject.toml."""

import os
from collections.abc import Iterator

import pytest
from postgres_server import PostgresServer, a_database


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

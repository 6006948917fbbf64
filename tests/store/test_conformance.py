"""Every store passes the same suite."""

from collections.abc import Iterator

import pytest
from conformance import Conformance
from conformance_counting import CountingConformance
from conformance_effects import EffectsConformance
from conformance_keys import KeysConformance
from conformance_stories import StoriesConformance
from drivers import PostgresDriver, SqliteDriver

from engine.store.files import open_memory


class All(Conformance, CountingConformance, KeysConformance, EffectsConformance, StoriesConformance):
    """The suite; below, for each store."""


class TestSqlite(All):
    @pytest.fixture
    def driver(self) -> Iterator[SqliteDriver]:
        driver = SqliteDriver(open_memory())
        yield driver
        driver.close()


class TestPostgres(All):
    @pytest.fixture
    def driver(self, emptied: str) -> Iterator[PostgresDriver]:
        driver = PostgresDriver(emptied)
        yield driver
        driver.close()

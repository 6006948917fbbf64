"""Every store passes the same suite."""

from collections.abc import Iterator

import pytest
from conformance import HOUR, T0, Conformance, arrival, record
from conformance_counting import CountingConformance
from conformance_deaths import DeathsConformance
from conformance_effects import EffectsConformance
from conformance_keys import KeysConformance
from conformance_standing import StandingConformance
from conformance_stories import StoriesConformance
from drivers import PostgresDriver, SqliteDriver

from engine.model import Status
from engine.store import ClaimRequest
from engine.store.files import open_memory


class All(
    Conformance,
    CountingConformance,
    KeysConformance,
    DeathsConformance,
    EffectsConformance,
    StoriesConformance,
    StandingConformance,
):
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

    def test_what_a_silent_node_holds_is_claimed_by_another_and_its_late_record_refused(
        self, driver: PostgresDriver
    ) -> None:
        driver.commit(driver.store.accept, arrival("a", "1"), arrival("b", "2"))
        for node in (7, 8):
            driver.connection.execute(
                "INSERT INTO node (node, name, seen_at) VALUES (%s, 'x', (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)",
                (node,),
            )
        (first,) = driver.commit(driver.store.claim, ClaimRequest(T0, 1, T0 + HOUR, node=7))
        (second,) = driver.commit(driver.store.claim, ClaimRequest(T0, 1, T0 + HOUR, node=8))
        driver.connection.execute("UPDATE node SET seen_at = 0 WHERE node = 7")
        driver.database.asked_at = 0.0
        (claimed,) = driver.commit(driver.store.claim, ClaimRequest(T0, 9, T0 + HOUR, node=8))
        assert [one.event for one in claimed.deliveries] == [first.deliveries[0].event]
        (late,) = first.deliveries
        assert driver.commit(driver.store.record, record(late, Status.DONE)) == [False]
        assert driver.commit(driver.store.record, record(second.deliveries[0], Status.DONE)) == [True]

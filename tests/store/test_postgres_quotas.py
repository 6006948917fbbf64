"""Quotas that several nodes share go by the clock of the server, whatever the nodes' own say."""

from collections.abc import Iterator

import pytest
from conformance import HOUR, T0, arrival, claim, intent, record
from drivers import PostgresDriver
from msgspec.structs import replace

from engine.model import Status
from engine.store import Answered, ClaimRequest, Leave, Quota
from engine.store.postgres.database import PostgresDatabase


@pytest.fixture
def driver(emptied: str) -> Iterator[PostgresDriver]:
    one = PostgresDriver(emptied)
    one.database = PostgresDatabase(one.connection, one.database.types)
    yield one
    one.close()


def test_quotas_go_by_the_server_s_clock_and_each_node_is_told_of_times_by_its_own(driver: PostgresDriver) -> None:
    driver.commit(driver.store.accept, *(arrival(f"{n}", f"{n}") for n in range(4)))
    first, second, third, fourth = claim(driver, limit=4)
    once_a_day = Quota("erp", rate=1, per_us=24 * HOUR, burst=2)
    took: list[Answered] = []
    for one, off in ((first, 0), (second, 48 * HOUR), (third, 480 * HOUR), (fourth, -480 * HOUR)):
        mine = replace(intent(one, once=f"{one.event}"), quotas=(once_a_day,), at=T0 + off)
        took += driver.commit(driver.store.begin, mine)
    assert [one.leave for one in took] == [Leave.SEND, Leave.SEND, Leave.GATED, Leave.GATED]
    assert 0 <= T0 + 504 * HOUR - took[2].at < HOUR
    assert 0 <= T0 - 456 * HOUR - took[3].at < HOUR
    waits = record(fourth, Status.WAITING, due_at=T0, gate="erp")
    driver.commit(driver.store.record, waits)
    asks = ClaimRequest(T0 + 960 * HOUR, 9, T0 + 961 * HOUR, quotas={"erp": once_a_day}, node=9)
    (claimed,) = driver.commit(driver.store.claim, asks)
    assert "erp" not in [gate for one in claimed.deliveries for gate in one.passes]
    assert claimed.next_due_at is not None
    assert 0 <= T0 + 984 * HOUR - claimed.next_due_at < HOUR

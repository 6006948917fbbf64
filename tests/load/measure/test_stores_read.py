"""What a run leaves in a store is read back alike from each kind of store, however many pages that takes."""

from collections.abc import Iterator
from typing import Any

import pytest
from conformance import DIGEST, T0, arrival, claim, intent, record
from drivers import PostgresDriver, SqliteDriver
from stores import POSTGRESQL, STORES

from engine.model import EffectState, Status
from engine.store import Line, Settled
from engine.store.files import open_memory
from engine.store.postgres.connect import connect, migrate
from engine.store.postgres.partitions import make_ahead
from harness.load.measure.timeline import StoryLine, ledger, of_event, read, to_move


@pytest.fixture(params=STORES)
def driver(request: pytest.FixtureRequest) -> Iterator[Any]:
    if request.param == POSTGRESQL:
        url = request.getfixturevalue("postgres_url")
        with connect(url) as connection:
            migrate(connection)
            make_ahead(connection)
        one: Any = PostgresDriver(url)
    else:
        one = SqliteDriver(open_memory())
    yield one
    one.close()


def test_events_and_their_stories_come_in_order_and_page_by_page(driver: Any) -> None:
    driver.commit(driver.store.accept, *(arrival(f"id-{n}", f"key-{n}", at=T0 + n) for n in range(7)))
    for delivery in claim(driver, T0 + 10):
        lines = tuple(
            Line("erp", "call", T0 + at, "erp.create", "o1", verdict, status, took_us=5)
            for at, verdict, status in ((20, "retry", 429), (30, "done", 201))
        )
        status = Status.DONE if delivery.id != "id-3" else Status.WAITING
        driver.commit(driver.store.record, record(delivery, status, T0 + 40, lines=lines, due_at=T0 + 90))
    found = list(read(driver.database, page=3))
    assert [told.id for told in found] == [f"id-{n}" for n in range(7)]
    assert found[0].lines == (
        StoryLine("erp", "call", T0 + 20, "erp.create", "retry", 429, 5),
        StoryLine("erp", "call", T0 + 30, "erp.create", "done", 201, 5),
    )
    assert (found[0].status, found[0].finished_at, found[0].received_at) == (Status.DONE, T0 + 40, T0)
    assert (found[3].status, found[3].finished_at, found[3].aside) == (Status.WAITING, None, False)
    assert len({told.key_digest for told in found}) == 7
    assert to_move(driver.database) == 1
    assert [of_event(driver.database, told.event) for told in found] == found
    assert of_event(driver.database, found[-1].event + 1) is None


def test_what_waits_for_an_event_of_a_topic_is_not_left_to_move(driver: Any) -> None:
    driver.commit(driver.store.accept, arrival())
    (delivery,) = claim(driver)
    driver.commit(driver.store.record, record(delivery, Status.WAITING, awaits=("orders", "k")))
    (told,) = read(driver.database)
    assert (told.waits, told.aside) == (True, True)
    assert to_move(driver.database) == 0


def test_the_ledger_is_read_with_the_digest_of_each_request(driver: Any) -> None:
    driver.commit(driver.store.accept, arrival())
    (delivery,) = claim(driver)
    driver.commit(driver.store.begin, intent(delivery, request=b"digest"))
    settled = Settled(DIGEST, EffectState.DONE, "so-1")
    driver.commit(driver.store.record, record(delivery, Status.DONE, settled=settled))
    (row,) = ledger(driver.database)
    assert (row.system, row.operation, row.once, row.event) == ("erp", "create_order", "order-1", delivery.event)
    assert (row.state, row.request, row.step) == ("done", b"digest", "erp")

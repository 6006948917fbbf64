"""What is over is forgotten in time, in batches; what somebody needs stays. The same on every store."""

from collections.abc import Iterator
from typing import Any

import pytest
from conformance import HOUR, T0, arrival, claim, intent, record
from drivers import PostgresDriver, SqliteDriver
from msgspec.structs import replace

from engine.model import EffectState, Emission, Status, effect_digest
from engine.store import Settled, retention
from engine.store.files import open_memory
from engine.store.retention import AT_ONCE, Forgotten, Retention
from engine.store.topics import MESSAGES_MAX

DAY = 24 * HOUR
LATER = T0 + 100 * DAY
Driver = SqliteDriver | PostgresDriver


@pytest.fixture(params=["sqlite", "postgresql"])
def driver(request: pytest.FixtureRequest) -> Iterator[Driver]:
    one: Driver
    if request.param == "sqlite":
        one = SqliteDriver(open_memory())
    else:
        one = PostgresDriver(request.getfixturevalue("emptied"))
    yield one
    one.close()


def forget(driver: Driver, **more: Any) -> Forgotten:
    """One batch, 90 days for events and 400 for effects."""
    wanted = replace(Retention(LATER, LATER - 90 * DAY, LATER - 400 * DAY), **more)
    (done,) = driver.commit(driver.store.retain, wanted)
    return done  # type: ignore[no-any-return]


def forget_all(driver: Driver, **more: Any) -> int:
    """Batches until a pass has seen everything; how many events."""
    count = 0
    while True:
        done = forget(driver, **more)
        count += done.events
        if not done.more:
            return count


def count(driver: Driver, table: str) -> int:
    return int(driver.database.rows(f"SELECT count(*) FROM {table}")[0][0])


def ended(driver: Driver, id_: str, status: Status, at: int = T0) -> int:
    """An event with a call that was done, at its end."""
    (receipt,) = driver.commit(driver.store.accept, arrival(id_, f"key {id_}", at=at))
    (delivery,) = claim(driver, at=at)
    once = f"order-{id_}"
    driver.commit(driver.store.begin, intent(delivery, once, at=at))
    digest = effect_digest("erp", "create_order", once)
    driver.commit(
        driver.store.record, record(delivery, status, at=at + 1, settled=Settled(digest, EffectState.DONE, "so-1"))
    )
    return int(receipt.event)


OVER = ["done", "ignored", "superseded", "compensated", "discarded"]


@pytest.mark.parametrize("status", OVER)
def test_what_ended_long_ago_is_forgotten_with_its_payload_and_story(driver: Driver, status: str) -> None:
    ended(driver, "a", Status(status))
    assert forget(driver).events == 1
    assert [count(driver, table) for table in ("event", "delivery", "line", "item")] == [0, 0, 0, 0]


@pytest.mark.parametrize("status", ["held", "quarantined", "dead", "waiting"])
def test_what_somebody_waits_for_is_never_forgotten(driver: Driver, status: str) -> None:
    ended(driver, "a", Status(status))
    assert forget_all(driver) == 0
    assert [row.status for row in driver.rows()] == [status]


def test_what_runs_or_was_never_claimed_is_never_forgotten(driver: Driver) -> None:
    driver.commit(driver.store.accept, arrival("a", "a"), arrival("b", "a"))
    claim(driver)
    assert forget_all(driver) == 0
    assert len(driver.rows()) == 2


def test_what_ended_a_moment_ago_stays(driver: Driver) -> None:
    ended(driver, "old", Status.DONE)
    ended(driver, "young", Status.DONE, at=LATER - 90 * DAY)
    assert forget_all(driver) == 1
    assert [row.id for row in driver.rows()] == ["young"]


def test_an_event_that_arrived_long_ago_and_ended_late_stays(driver: Driver) -> None:
    driver.commit(driver.store.accept, arrival())
    (delivery,) = claim(driver, at=LATER)
    driver.commit(driver.store.record, record(delivery, Status.DONE, at=LATER))
    assert forget_all(driver) == 0


def test_an_effect_outlives_its_event_and_still_answers(driver: Driver) -> None:
    ended(driver, "a", Status.DONE)
    forget_all(driver)
    assert count(driver, "effect") == 1
    driver.commit(driver.store.accept, arrival("again", "k", at=LATER))
    (delivery,) = claim(driver, at=LATER)
    (answer,) = driver.commit(driver.store.begin, intent(delivery, "order-a", at=LATER))
    assert (answer.leave, answer.result) == ("known", "so-1")


def test_an_effect_is_forgotten_in_its_own_time_but_not_before_its_event(driver: Driver) -> None:
    ended(driver, "over", Status.DONE)
    ended(driver, "dead", Status.DEAD)
    while forget(driver, effects_before=LATER).more:
        pass
    forget(driver, effects_before=LATER)
    assert driver.database.rows("SELECT once FROM effect") == [("order-dead",)]


def test_an_identity_lives_as_long_as_its_integration_says(driver: Driver) -> None:
    for id_, days in (("short", 1), ("long", 200)):
        driver.commit(driver.store.accept, replace(arrival(id_, id_), dedupe_for_s=days * 86_400))
        (delivery,) = claim(driver)
        driver.commit(driver.store.record, record(delivery, Status.DONE))
    done = forget(driver)
    assert (done.events, done.identities) == (2, 1)
    receipts = driver.commit(
        driver.store.accept, arrival("long", "long", at=LATER), arrival("short", "short", at=LATER)
    )
    assert [receipt.verdict for receipt in receipts] == ["duplicate", "accepted"]


def test_events_of_topics_go_with_their_ids(driver: Driver) -> None:
    driver.commit(driver.store.accept, arrival(at=LATER))
    (delivery,) = claim(driver, at=LATER)
    emitted = tuple(Emission("orders", "k", id_, b"{}", at) for id_, at in (("old", T0), ("new", LATER)))
    driver.commit(driver.store.record, record(delivery, Status.DONE, at=LATER, emitted=emitted))
    assert forget(driver).messages == 1
    assert driver.database.rows("SELECT id FROM message") == [("new",)]
    assert count(driver, "message_id") == 1


def test_the_common_body_of_a_delivery_goes_with_the_last_of_its_events(driver: Driver) -> None:
    items = [replace(arrival(id_, id_), envelope=b'{"all": []}') for id_ in ("a", "b")]
    driver.commit(driver.store.accept_all, items)
    assert count(driver, "envelope") == 1
    first, second = claim(driver)
    driver.commit(driver.store.record, record(first, Status.DONE))
    assert (forget_all(driver), count(driver, "envelope")) == (1, 1)
    driver.commit(driver.store.record, record(second, Status.DONE))
    assert (forget_all(driver), count(driver, "envelope")) == (1, 0)


def test_a_long_history_is_forgotten_in_batches_each_of_bounded_size(driver: Driver) -> None:
    many = [arrival(f"{number}", f"{number}") for number in range(AT_ONCE + 40)]
    driver.commit(driver.store.accept, *many)
    while deliveries := claim(driver, limit=100):
        driver.commit(driver.store.record, *(record(delivery, Status.DONE) for delivery in deliveries))
    first = forget(driver)
    assert (first.events, first.more) == (AT_ONCE, True)
    second = forget(driver)
    assert (second.events, second.more) == (40, False)


def test_what_stays_does_not_keep_a_pass_from_what_comes_behind_it(driver: Driver) -> None:
    many = [arrival(f"{number}", f"{number}") for number in range(AT_ONCE + 1)]
    driver.commit(driver.store.accept, *many)
    claimed = [delivery for _ in range(4) for delivery in claim(driver, limit=100)]
    *dead, last = claimed
    driver.commit(driver.store.record, *(record(delivery, Status.DEAD) for delivery in dead))
    driver.commit(driver.store.record, record(last, Status.DONE))
    assert forget_all(driver) == 1
    assert len(driver.database.rows("SELECT 1 FROM delivery")) == AT_ONCE


def test_rows_of_a_partition_that_will_be_dropped_are_left_to_it(driver: Driver) -> None:
    event = ended(driver, "a", Status.DONE)
    assert forget(driver, rows_from=event + 1).events == 1
    assert (count(driver, "delivery"), count(driver, "event")) == (0, 1)


def test_the_number_of_a_forgotten_event_is_given_to_no_other(driver: Driver) -> None:
    forgotten = ended(driver, "a", Status.DONE)
    assert forget(driver).events == 1
    (receipt,) = driver.commit(driver.store.accept, arrival("b", "b", at=LATER))
    assert receipt.event > forgotten


def test_the_id_of_an_event_of_a_topic_goes_in_its_time_though_its_body_went_before(driver: Driver) -> None:
    driver.commit(driver.store.accept, arrival(at=LATER))
    (delivery,) = claim(driver, at=LATER)
    emitted = tuple(Emission("orders", "k", f"{number}", b"{}", T0) for number in range(MESSAGES_MAX + 9))
    for one in emitted:
        driver.commit(driver.store.record, record(delivery, Status.RUNNING, at=LATER, emitted=(one,)))
    assert (count(driver, "message"), count(driver, "message_id")) == (MESSAGES_MAX, MESSAGES_MAX + 9)
    forget_all(driver)
    assert (count(driver, "message"), count(driver, "message_id")) == (0, 0)


def test_a_common_body_goes_though_an_event_that_came_beside_it_stays(driver: Driver) -> None:
    """Numbers of several nodes come mixed."""
    items = [replace(arrival(id_, id_), envelope=b'{"all": []}') for id_ in ("a", "b")]
    driver.commit(driver.store.accept_all, items)
    driver.commit(driver.store.accept, arrival("stays", "stays"))
    driver.database.run("UPDATE envelope SET last = last + 1")
    first, second, _ = claim(driver)
    driver.commit(driver.store.record, record(first, Status.DONE), record(second, Status.DONE))
    assert (forget_all(driver), count(driver, "envelope")) == (2, 0)


def test_the_newest_revision_of_a_key_is_kept_as_long_as_effects(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys that are numbered alike, more than a batch looks at."""
    monkeypatch.setattr(retention, "DIGESTS_AT_ONCE", 4)
    for number in range(10):
        at = T0 if number % 2 else LATER
        driver.commit(driver.store.accept, replace(arrival(f"{number}", f"{number}", at=at), revision=(1,)))
        (delivery,) = claim(driver, at=at)
        driver.commit(driver.store.record, record(delivery, Status.DONE, at=at))
    forget_all(driver)
    assert count(driver, "newest") == 10
    forget_all(driver, effects_before=T0 + 9)
    assert count(driver, "newest") == 5


def test_a_pass_has_an_end_though_its_kinds_of_rows_are_not_at_their_ends_together(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 2)
    monkeypatch.setattr(retention, "DIGESTS_AT_ONCE", 2)
    many = [replace(arrival(f"{n}", f"{n}", at=LATER - 200 * DAY), dedupe_for_s=10**9) for n in range(3)]
    driver.commit(driver.store.accept, *many)
    driver.database.insert("meta", "name, value", [("kept_identity_high", -1)])  # the last of the digests comes next
    assert not all(forget(driver).more for _ in range(9))

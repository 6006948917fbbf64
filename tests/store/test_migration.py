"""A store of the second schema, as the release before wrote it, opens with all it held: order, doubts, results, times."""

from importlib.resources import files
from pathlib import Path

import apsw
import pytest
from conformance import DIGEST, HOUR, T0, arrival, claim, intent, record
from drivers import SqliteDriver

from engine.errors import UserError
from engine.model import EffectState, Status, effect_digest
from engine.store import ClaimRequest, Leave, Move
from engine.store.files import StoreAddress, open_reader, open_writer
from engine.store.keys import digest_of, key_digest

EVENTS = [
    # event, key, status, ready, due_at, lease_until
    (1, "a", "done", 0, T0, 0),
    (2, "b", "running", 0, T0, T0 + HOUR),
    (3, "b", "accepted", 0, T0, 0),
    (4, "c", "waiting", 1, T0 + 50, 0),
    (5, "d", "held", 0, T0, 0),
    (6, "d", "accepted", 1, T0, 0),
    (7, "e", "dead", 0, T0, 0),
]


def write_second_schema(path: Path) -> None:
    """As the release before wrote its rows; DIGEST is done by event 1, an effect of event 2 has no outcome."""
    old = apsw.Connection(str(path))
    for number in (1, 2):
        old.execute(files("engine.store").joinpath("migrations", f"{number:04}.sql").read_text())
    old.pragma("user_version", 2)
    for event, key, status, ready, due_at, lease_until in EVENTS:
        old.execute(
            "INSERT INTO event (event, integration, id, key, received_at, headers, query, body)"
            " VALUES (?, 'shop', ?, ?, ?, '{\"x\":\"1\"}', '{}', ?)",
            (event, f"id-{event}", key, T0, b'{"n":1}'),
        )
        old.execute("INSERT INTO identity VALUES (?, ?, ?)", (digest_of("shop", f"id-{event}"), event, T0 + HOUR))
        old.execute(
            "INSERT INTO delivery (event, integration, plan, key_digest, status, ready, due_at, token, lease_until, number)"
            " VALUES (?, 'shop', 'p1', ?, ?, ?, ?, 1, ?, 1)",
            (event, key_digest("shop", key), status, ready, due_at, lease_until),
        )
        old.execute(
            "INSERT INTO line VALUES (?, 0, 'erp', 'call', ?, 'erp.create_order', 'order-1', 'done', 201, 9, '', 1, '7', '')",
            (event, T0),
        )
    for once, event, state in (("order-1", 1, "done"), ("order-2", 2, "open")):
        old.execute(
            "INSERT INTO effect VALUES (?, 'erp', 'create_order', ?, ?, 'erp', ?, ?, ?, 1, ?)",
            (
                effect_digest("erp", "create_order", once),
                once,
                event,
                state,
                b"r",
                T0,
                b"7" if state == "done" else None,
            ),
        )
    old.close()


@pytest.fixture
def driver(tmp_path: Path) -> SqliteDriver:
    path = tmp_path / "events.db"
    write_second_schema(path)
    with pytest.raises(UserError, match="start the engine once to migrate it"):
        open_reader(path)
    return SqliteDriver(open_writer(StoreAddress(path, None)))


def test_events_stand_where_they_stood(driver: SqliteDriver) -> None:
    assert [(row.event, row.key, row.status) for row in driver.rows()] == [
        (event, key, Status(status)) for event, key, status, *_ in EVENTS
    ]
    assert {row.lane for row in driver.rows()} == {1}


def test_claims_go_on_in_the_order_of_keys_and_times(driver: SqliteDriver) -> None:
    (first,) = claim(driver)
    assert (first.id, [step.result for step in first.steps]) == ("id-6", [7])
    assert [one.id for one in claim(driver, at=T0 + 50)] == ["id-4"]
    driver.commit(driver.store.recover, (0, T0 + 60))
    driver.commit(driver.store.move, Move(5, T0, "release", "ada"))
    found = []
    for _ in range(9):
        for delivery in claim(driver, at=T0 + 99):
            found.append(delivery.id)
            driver.commit(driver.store.record, record(delivery, Status.DONE))
    # What ran comes first of its key, and the released one after the one that took its key meanwhile.
    assert sorted(map(str, found)) == ["id-2", "id-3", "id-4", "id-5", "id-6"]
    assert found.index("id-2") < found.index("id-3")


def test_the_ledger_knows_what_it_knew(driver: SqliteDriver) -> None:
    (delivery,) = claim(driver)
    (known,) = driver.commit(driver.store.begin, intent(delivery))
    assert (known.leave, known.result, known.event) == (Leave.KNOWN, 7, 1)
    (busy,) = driver.commit(driver.store.begin, intent(delivery, once="order-2"))
    assert (busy.leave, busy.event) == (Leave.BUSY, 2)
    assert [(effect.state, effect.event) for effect in driver.effects(1)] == [(EffectState.DONE, 1)]
    assert driver.connection.execute("SELECT count(*) FROM effect WHERE digest = ?", (DIGEST,)).get == 1


def test_identities_are_known_and_new_events_come_after(driver: SqliteDriver) -> None:
    again, new = driver.commit(driver.store.accept, arrival("id-1"), arrival("new", "f"))
    assert (again.verdict, again.event, new.verdict, new.event) == ("duplicate", 1, "accepted", 8)


def test_a_migrated_store_is_sound(driver: SqliteDriver) -> None:
    assert driver.connection.execute("PRAGMA integrity_check").get == "ok"
    assert driver.commit(driver.store.claim, ClaimRequest(T0, 9, T0 + HOUR))[0].next_due_at == T0 + 50

"""What the store on PostgreSQL promises beside the suite of all stores: nodes, partitions, its adapter."""

import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from conformance import HOUR, T0, arrival, claim, record
from drivers import PostgresDriver, wait_until

from engine.model import Status
from engine.store import ClaimRequest
from engine.store.postgres import node, partitions
from engine.store.postgres.connect import connect, migrate
from engine.store.postgres.keeper import Keeper, measure
from engine.store.postgres.reader import PostgresReader
from engine.store.retention import Retention

DEAD_S = 10


# ── the adapter ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_no_text_of_postgresql_can_hold_is_shown_and_stops_nothing(driver: PostgresDriver) -> None:
    (first,) = driver.commit(driver.store.accept, arrival("a\0b", "k\0", b'{"\\u0000": "\0"}'))
    (again,) = driver.commit(driver.store.accept, arrival("a\0b", "k\0", b'{"\\u0000": "\0"}'))
    (other,) = driver.commit(driver.store.accept, arrival("a\u2400b", "k\0"))
    assert (again.verdict, again.event, other.verdict) == ("duplicate", first.event, "accepted")
    (delivery, *_) = claim(driver)
    assert (delivery.id, delivery.key, delivery.body) == ("a\u2400b", "k\u2400", b'{"\\u0000": "\0"}')
    driver.commit(driver.store.record, record(delivery, Status.HELD, reason="it said \0"))
    assert driver.rows()[0].reason == "it said \u2400"


def test_values_of_every_kind_come_back_as_they_went_in_whatever_the_column_holds(driver: PostgresDriver) -> None:
    driver.connection.execute("CREATE TEMP TABLE kinds (k bigint, t text, b bytea)")
    driver.database.types["kinds"] = {"k": "bigint", "t": "text", "b": "bytea"}
    rows = [
        (1, "ü{\"',\\}", b"\0\xff\\"),
        (2, None, None),
        (-(1 << 63), "", b""),
        ((1 << 63) - 1, "NULL", b"NULL"),
        (0, "␀", b"x" * 100_000),
    ]
    driver.database.insert("kinds", "k, t, b", rows)
    driver.database.insert("kinds", "k, t, b", [(None, None, None)])
    assert driver.database.rows("SELECT k, t, b FROM kinds WHERE k IS NOT NULL") == rows
    driver.database.update("kinds", "k", "t, b", [(1, None, b"new"), (2, "two", None)])
    inside, values = driver.database.among("k", [1, 2])
    assert driver.database.rows(f"SELECT t, b FROM kinds WHERE {inside} ORDER BY k", values) == [
        (None, b"new"),
        ("two", None),
    ]
    given, values = driver.database.each(["b", "a"])
    assert driver.database.rows(f"SELECT value FROM {given} AS one ORDER BY 1", values) == [("a",), ("b",)]
    assert driver.database.run("UPDATE kinds SET t = ? WHERE k > ?", ("x", True)) == 2
    driver.connection.execute("DROP TABLE kinds")


def test_a_statement_is_planned_once_whatever_the_number_of_rows(driver: PostgresDriver) -> None:
    for count in (1, 2, 3, 5, 8, 13, 21):
        many = [arrival(f"{count}-{n}", None if n % 3 else "k", reason="odd" if n % 3 else "") for n in range(count)]
        driver.commit(driver.store.accept, *many)
    prepared = driver.connection.execute(
        "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE 'INSERT INTO event %'"
    ).fetchone()
    assert prepared == (1,)


def test_who_decides_of_a_key_waits_for_who_does_already(emptied: str) -> None:
    one, two = PostgresDriver(emptied), PostgresDriver(emptied)
    got = threading.Event()

    def hold() -> None:
        with two.connection.transaction():
            two.database.hold([b"k" * 16])
            got.set()

    with one.connection.transaction():
        one.database.hold([b"j" * 16, b"k" * 16])
        waiting = threading.Thread(target=hold)
        waiting.start()
        wait_until(lambda: one.connection.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone() != (0,))
        assert not got.is_set()
    waiting.join(20)
    assert got.is_set()
    one.close()
    two.close()


# ── nodes ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def request(number: int, at: int = T0, limit: int = 10) -> ClaimRequest:
    return ClaimRequest(at, limit, at + HOUR, node=number)


def silence(driver: PostgresDriver, number: int, seconds: float) -> None:
    driver.connection.execute("UPDATE node SET seen_at = seen_at - %s WHERE node = %s", (int(seconds * 1e6), number))


def ask_anew(driver: PostgresDriver, connected_s: float = 60) -> None:
    """Has the silent nodes asked for again, on a connection that is so old."""
    now = driver.database.clock.monotonic()
    driver.database.asked_at = now - 2
    driver.database.judges_from = now + DEAD_S - connected_s


def test_every_engine_has_a_number_of_its_own(driver: PostgresDriver) -> None:
    numbers = {node.register(driver.connection) for _ in range(3)}
    assert len(numbers) == 3


def test_two_nodes_never_hold_the_same_delivery(emptied: str) -> None:
    one, two = PostgresDriver(emptied), PostgresDriver(emptied)
    first, second = node.register(one.connection), node.register(two.connection)
    one.commit(one.store.accept, *(arrival(f"{n}", f"{n}") for n in range(20)))
    with one.connection.transaction():
        (mine,) = one.store.claim(one.database, [request(first, limit=8)])
        with two.connection.transaction():  # while the first has not committed yet
            (theirs,) = two.store.claim(two.database, [request(second, limit=20)])
    held = [{delivery.event for delivery in claimed.deliveries} for claimed in (mine, theirs)]
    assert len(held[0]) == 8
    assert held[0].isdisjoint(held[1])
    one.close()
    two.close()


def test_what_a_silent_node_holds_is_given_back_and_its_late_record_is_refused(driver: PostgresDriver) -> None:
    first, second = node.register(driver.connection), node.register(driver.connection)
    driver.commit(driver.store.accept, arrival())
    (mine,) = driver.commit(driver.store.claim, request(first))
    ask_anew(driver)
    assert driver.commit(driver.store.claim, request(second, T0 + 1))[0].deliveries == ()
    silence(driver, first, DEAD_S + 1)
    ask_anew(driver)
    (theirs,) = driver.commit(driver.store.claim, request(second, T0 + 2))
    assert [delivery.event for delivery in theirs.deliveries] == [mine.deliveries[0].event]
    assert driver.commit(driver.store.record, record(mine.deliveries[0], Status.DEAD)) == [False]
    assert driver.commit(driver.store.record, record(theirs.deliveries[0], Status.DONE)) == [True]


def test_after_the_database_was_away_the_others_have_their_time_to_be_heard(driver: PostgresDriver) -> None:
    first, second = node.register(driver.connection), node.register(driver.connection)
    driver.commit(driver.store.accept, arrival())
    (mine,) = driver.commit(driver.store.claim, request(first))
    silence(driver, first, DEAD_S + 50)
    driver.database.asked_at -= DEAD_S + 50
    for connected_s in (0, DEAD_S - 1):
        assert driver.commit(driver.store.claim, request(second, T0 + 1))[0].deliveries == ()
        ask_anew(driver, connected_s)
    assert driver.commit(driver.store.record, record(mine.deliveries[0], Status.DONE)) == [True]


def test_who_is_surely_gone_is_dead_at_once(driver: PostgresDriver) -> None:
    first, second = node.register(driver.connection), node.register(driver.connection)
    driver.commit(driver.store.accept, arrival())
    driver.commit(driver.store.claim, request(first))
    driver.connection.execute("UPDATE node SET seen_at = 0 WHERE node = %s", (first,))
    ask_anew(driver, 0)
    assert len(driver.commit(driver.store.claim, request(second, T0 + 1))[0].deliveries) == 1


def test_a_node_that_claims_is_not_dead_to_itself(driver: PostgresDriver) -> None:
    """It was stopped, and its heart beats anew a moment later; or only its heart has no connection."""
    mine = node.register(driver.connection)
    driver.commit(driver.store.accept, arrival())
    (claimed,) = driver.commit(driver.store.claim, request(mine))
    silence(driver, mine, DEAD_S + 1)
    ask_anew(driver)
    assert driver.commit(driver.store.claim, request(mine, T0 + 1))[0].deliveries == ()
    assert driver.commit(driver.store.record, record(claimed.deliveries[0], Status.DONE)) == [True]


def test_a_silent_node_that_beats_again_is_alive(emptied: str, driver: PostgresDriver) -> None:
    number = node.register(driver.connection)
    silence(driver, number, DEAD_S + 100)
    heartbeat = node.Heartbeat(emptied, number, lambda: None, lambda name, data: None)
    heartbeat.thread.start()
    wait_until(lambda: not (ask_anew(driver) or driver.database.silent_nodes()))
    heartbeat.stop()
    ask_anew(driver)
    assert list(driver.database.silent_nodes()) == [number], "who leaves says so, and nobody waits for its silence"


def test_a_former_life_on_this_machine_is_dead_at_once_and_a_living_one_is_not(
    driver: PostgresDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    alive = node.register(driver.connection)
    own = node.own_name()
    monkeypatch.setattr(node, "own_name", lambda: own.rsplit(" ", 1)[0] + " 1")  # our number, begun at another time
    gone = node.register(driver.connection)
    monkeypatch.setattr(node, "own_name", lambda: "elsewhere " + own.split(" ", 1)[1].rsplit(" ", 1)[0] + " 1")
    other = node.register(driver.connection)
    node.register(driver.connection)
    ask_anew(driver)
    assert list(driver.database.silent_nodes()) == [gone]
    assert len({alive, gone, other}) == 3


def test_who_was_silent_for_a_day_and_holds_nothing_is_forgotten(driver: PostgresDriver) -> None:
    idle, holding, living = (node.register(driver.connection) for _ in range(3))
    driver.commit(driver.store.accept, arrival())
    driver.commit(driver.store.claim, request(holding))
    for number in (idle, holding):
        silence(driver, number, 90_000)
    node.forget_dead(driver.connection)
    assert driver.connection.execute("SELECT node FROM node ORDER BY 1").fetchall() == [(holding,), (living,)]
    assert driver.connection.execute("SELECT node FROM node_group ORDER BY 1").fetchall() == [(holding,), (living,)]


@pytest.mark.parametrize(("skew_s", "told"), [(0, 0), (4, 0), (6, 1), (-6, 1)])
def test_a_clock_that_is_not_the_databases_is_told(skew_s: int, told: int) -> None:
    facts: list[Any] = []
    heartbeat = node.Heartbeat(
        "postgresql:///", 1, lambda: None, lambda name, data: facts.append((name, data["seconds"]))
    )
    for _ in range(3):
        heartbeat.compare_clocks(T0 + skew_s * 1_000_000, T0, T0 + 100)
    assert [name for name, _ in facts] == ["clock_skew"] * told
    assert [abs(seconds) for _, seconds in facts] == [6.0] * told


def test_a_hint_reaches_the_other_nodes_and_is_only_a_hint(emptied: str, driver: PostgresDriver) -> None:
    number = node.register(driver.connection)
    hints: list[int] = []
    heartbeat = node.Heartbeat(emptied, number, lambda: hints.append(1), lambda name, data: None)
    heartbeat.chance = SimpleNamespace(uniform=lambda: 1e6)  # type: ignore[assignment]  # the next beat is far away
    heartbeat.thread.start()
    wait_until(
        lambda: (
            driver.connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'waybill heartbeat' AND query LIKE 'UPDATE%%'"
            ).fetchone()
            != (0,)
        )
    )
    assert hints == []
    node.hint(driver.connection)
    wait_until(lambda: hints != [])
    heartbeat.stop()


# ── partitions and upkeep ────────────────────────────────────────────────────────────────────────────────────────────

SMALL = 10


@pytest.fixture
def small(postgres_url: str) -> Iterator[PostgresDriver]:
    """A store whose partitions hold ten events each."""
    with connect(postgres_url) as connection:
        migrate(connection)
        partitions.make_ahead(connection, SMALL)
    one = PostgresDriver(postgres_url)
    yield one
    one.close()


def bring(driver: PostgresDriver, count: int, status: Status = Status.DONE) -> None:
    """Events one after the other, each at its end."""
    for _ in range(count):
        (receipt,) = driver.commit(driver.store.accept, arrival(f"{time.monotonic_ns()}", f"{time.monotonic_ns()}"))
        (delivery,) = claim(driver, limit=1)
        driver.commit(driver.store.record, record(delivery, status))
        partitions.make_ahead(driver.connection, SMALL)
        assert receipt.event == delivery.event


def numbers(driver: PostgresDriver, table: str = "event") -> list[int]:
    return sorted(partitions.partitions(driver.connection, table))


def test_partitions_are_there_before_their_events_are(small: PostgresDriver) -> None:
    assert numbers(small) == [0]
    bring(small, 6)
    assert numbers(small) == numbers(small, "line") == [0, 1]
    bring(small, 20)
    assert numbers(small) == [0, 1, 2, 3]


def test_a_partition_of_which_nothing_is_needed_is_dropped_and_no_other(small: PostgresDriver) -> None:
    bring(small, 12)
    bring(small, 1, Status.DEAD)
    bring(small, 14)
    later = Retention(T0 + HOUR, T0 + HOUR, 0, partitions.first_open(small.connection, SMALL))
    small.commit(small.store.retain, later)
    assert len(small.rows()) == 1, "the dead one"
    assert partitions.drop_forgotten(small.connection, SMALL) == [0]
    assert numbers(small) == numbers(small, "line") == [1, 2, 3]
    assert [row.status for row in small.rows()] == [Status.DEAD]
    left = small.connection.execute("SELECT count(*) FROM event_1").fetchone()
    assert left == (1,), "of a partition that stays for one event the rows of the others go"
    assert small.connection.execute("SELECT to_regclass('event_0')").fetchone() == (None,)


def test_the_newest_partitions_are_never_dropped_though_they_are_empty(small: PostgresDriver) -> None:
    bring(small, 6)
    small.commit(small.store.retain, Retention(T0 + HOUR, T0 + HOUR, 0, 0))
    assert partitions.drop_forgotten(small.connection, SMALL) == []
    assert numbers(small) == [0, 1]


def test_a_detachment_that_was_interrupted_is_finished(small: PostgresDriver) -> None:
    bring(small, 22)
    small.commit(small.store.retain, Retention(T0 + HOUR, T0 + HOUR, 0, 20))
    # Whoever reads an old state keeps the second half of it waiting; the first is then there for good.
    with psycopg.connect(small.connection.info.dsn) as reader:
        reader.execute("SELECT count(*) FROM event")
        small.connection.execute("SET statement_timeout = 300")
        with pytest.raises(psycopg.errors.QueryCanceled):
            partitions.drop_forgotten(small.connection, SMALL)
    small.connection.execute("SET statement_timeout = 0")
    assert partitions.partitions(small.connection, "event")[0] is True
    assert partitions.drop_forgotten(small.connection, SMALL) == [0]


def test_only_the_living_node_with_the_lowest_number_forgets(emptied: str, driver: PostgresDriver) -> None:
    low, high = node.register(driver.connection), node.register(driver.connection)
    keepers = [Keeper(emptied, number, lambda name, data: None) for number in (low, high)]
    for keeper in keepers:
        keeper.look(driver.connection)
    assert [keeper.rows_from for keeper in keepers] == [0, None]
    silence(driver, low, DEAD_S + 1)
    for keeper in keepers:
        keeper.look(driver.connection)
    assert [keeper.rows_from for keeper in keepers] == [None, 0]


def test_a_transaction_that_is_open_for_long_is_told(
    emptied: str, driver: PostgresDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts: list[Any] = []
    keeper = Keeper(emptied, 1, lambda name, data: facts.append((name, data)))
    keeper.look_for_pins(driver.connection)
    assert facts == []
    monkeypatch.setattr("engine.store.postgres.keeper.PINNED_S", 0.05)
    with psycopg.connect(emptied, application_name="a report") as reader:
        reader.execute("SELECT 1")
        time.sleep(0.1)
        keeper.look_for_pins(driver.connection)
    assert [name for name, _ in facts] == ["transaction_pinned"]
    assert "`a report`" in facts[0][1]["reason"]


def test_health_tells_sizes_dead_rows_and_what_keeps_them(emptied: str, driver: PostgresDriver) -> None:
    driver.commit(driver.store.accept, *(arrival(f"{n}", f"{n}") for n in range(50)))
    reader = PostgresReader(emptied)
    with psycopg.connect(emptied) as other:
        other.execute("SELECT txid_current()")
        health = measure(reader)
    reader.close()
    assert health.bytes["event"] > 0
    assert health.bytes["log"] > 0
    assert set(health.dead_rows) >= {"event", "delivery", "line"}
    assert health.partitions == 1
    assert health.oldest_transaction_s > 0

"""Engines that share a database: each is a node, what a dead one holds is given back, and nobody living is taken for dead."""

from types import SimpleNamespace
from typing import Any

import pytest
from conformance import HOUR, T0, arrival, record
from drivers import PostgresDriver, wait_until

from engine.model import Status
from engine.store import ClaimRequest
from engine.store.postgres import node
from engine.store.postgres.keeper import Keeper

DEAD_S = 10


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

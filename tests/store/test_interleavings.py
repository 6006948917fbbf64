"""Several engines on one store, each on a connection and a thread of its own, doing what comes to their minds.

Whatever the order in which their transactions come: of each key one event runs, events of a key that nobody held end in
the order in which they came, none is lost, an effect is sent by one event only, and what an engine records for a lease
that it has lost is refused.
"""

import threading
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from conformance import HOUR, T0, arrival, intent, record
from drivers import PostgresDriver, SqliteDriver
from msgspec.structs import replace

from engine.model import Delivery, EffectState, Status, effect_digest
from engine.store import ClaimRequest, Leave, Move, Settled
from engine.store.files import StoreAddress, open_writer
from engine.store.retention import Retention

NODES = 3
EVENTS = 90
KEYS = 7
TURNS_MAX = 4_000

Opener = Callable[[], Any]


class Book:
    """What the engines saw, all of them together."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.running: dict[str, int] = {}
        self.ended: dict[str, list[int]] = defaultdict(list)
        self.held: set[int] = set()
        self.senders: dict[str, int] = {}
        self.refused = 0
        self.wrong: list[str] = []

    def claimed(self, delivery: Delivery) -> None:
        key = delivery.key or ""
        with self.lock:
            if key in self.running:
                self.wrong.append(f"{key}: evt-{self.running[key]} ran when evt-{delivery.event} was claimed")
            self.running[key] = delivery.event

    def given_up(self, delivery: Delivery) -> None:
        """Told before the commit: another engine may have the key before this one hears of it."""
        with self.lock:
            self.running.pop(delivery.key or "", None)

    def sent(self, once: str, event: int) -> None:
        with self.lock:
            if self.senders.setdefault(once, event) != event:
                self.wrong.append(f"{once}: sent by evt-{self.senders[once]} and evt-{event}")


class Engine:
    """One engine: a random walk through the verbs until all events have ended."""

    def __init__(self, number: int, driver: Any, book: Book) -> None:
        self.number = number
        self.driver = driver
        self.store = driver.store
        self.book = book
        self.random = Random(number)
        self.mine: list[Delivery] = []
        self.lost: list[Delivery] = []

    def run(self) -> None:
        try:
            for turn in range(TURNS_MAX):
                if turn % 8 == 0 and self.is_over():
                    return
                self.random.choice([self.claim, self.go_on, self.go_on, self.go_on, self.crash, self.release])()
            self.book.wrong.append(f"engine {self.number} found no end")
        except BaseException as error:  # noqa: BLE001 — a thread has nobody else to tell
            self.book.wrong.append(f"engine {self.number}: {error!r}")

    def is_over(self) -> bool:
        rows = self.driver.rows()
        return not self.mine and len(rows) == EVENTS and all(row.status is Status.DONE for row in rows)

    def claim(self) -> None:
        (claimed,) = self.driver.commit(self.store.claim, ClaimRequest(T0, 3, T0 + HOUR, node=self.number))
        for delivery in claimed.deliveries:
            self.book.claimed(delivery)
        self.mine += claimed.deliveries

    def go_on(self) -> None:
        """Sends for one of its deliveries, and ends it, waits, or holds it."""
        if not self.mine:
            return
        delivery = self.mine.pop(self.random.randrange(len(self.mine)))
        once = f"{delivery.key}-{int(delivery.id or 0) // KEYS // 2}"
        (answered,) = self.driver.commit(self.store.begin, intent(delivery, once))
        if answered.leave is Leave.UNKNOWN:
            (answered,) = self.driver.commit(self.store.begin, intent(delivery, once, again=True))
        if answered.leave is Leave.SEND:
            self.book.sent(once, delivery.event)
        settled = Settled(effect_digest("erp", "create_order", once), EffectState.DONE, once)
        if answered.leave is Leave.BUSY:
            status, settled_now = Status.WAITING, None
        else:
            status = self.random.choice([Status.DONE, Status.DONE, Status.WAITING, Status.HELD])
            settled_now = settled if answered.leave is Leave.SEND else None
        with self.book.lock:
            if status is Status.DONE:
                self.book.ended[delivery.key or ""].append(delivery.event)
            if status is Status.HELD:
                self.book.held.add(delivery.event)
        self.book.given_up(delivery)
        done = record(delivery, status, due_at=T0 if status is Status.WAITING else 0, settled=settled_now)
        if self.driver.commit(self.store.record, done) != [True]:
            self.book.wrong.append(f"evt-{delivery.event}: refused, though its lease was not lost")

    def crash(self) -> None:
        """Dies with what it has, comes back under its number, and hears of its former life."""
        if not self.mine or self.random.random() < 0.8:
            return
        for delivery in self.mine:
            self.book.given_up(delivery)
        self.lost, self.mine = self.mine, []
        self.driver.commit(self.store.recover, (self.number, T0))
        for delivery in self.lost:
            if self.driver.commit(self.store.record, record(delivery, Status.DONE)) == [True]:
                self.book.wrong.append(f"evt-{delivery.event}: recorded for a lease that was lost")
            self.book.refused += 1

    def release(self) -> None:
        """People look after all that waits for them."""
        for row in self.driver.rows():
            if row.status in (Status.HELD, Status.QUARANTINED):
                with self.book.lock:
                    self.book.held.add(row.event)
                action = "release" if row.status is Status.HELD else "redrive"
                self.driver.commit(self.store.move, Move(row.event, T0, action, "ada"))


@pytest.fixture
def sqlite(tmp_path: Path) -> Opener:
    def opened() -> SqliteDriver:
        connection = open_writer(StoreAddress(tmp_path / "events.db", None))
        connection.pragma("synchronous", "off")
        return SqliteDriver(connection)

    return opened


@pytest.fixture
def postgres(emptied: str) -> Opener:
    return lambda: PostgresDriver(emptied)


@pytest.fixture(params=["sqlite", "postgres"])
def opener(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


def test_engines_that_do_as_they_like_keep_every_promise(opener: Opener) -> None:
    book = Book()
    drivers = [opener() for _ in range(NODES)]
    arrivals = [arrival(f"{n}", f"k{n % KEYS}") for n in range(EVENTS)]
    threads = [threading.Thread(target=Engine(number, driver, book).run) for number, driver in enumerate(drivers, 1)]
    drivers[0].commit(drivers[0].store.accept, *arrivals[: EVENTS // 2])
    for thread in threads:
        thread.start()
    other = opener()
    for at in range(EVENTS // 2, EVENTS):
        other.commit(other.store.accept, replace(arrivals[at], received_at=T0))
    for thread in threads:
        thread.join(120)
    rows = other.rows()
    for driver in (*drivers, other):
        driver.close()
    assert book.wrong == []
    assert len(rows) == EVENTS
    assert {row.status for row in rows} == {Status.DONE}
    assert book.refused > 0
    for ended in book.ended.values():
        never_held = [event for event in ended if event not in book.held]
        assert never_held == sorted(never_held)


def test_one_key_for_all_is_worked_off_one_by_one(opener: Opener) -> None:
    drivers = [opener() for _ in range(2)]
    drivers[0].commit(drivers[0].store.accept, *(arrival(f"{n}", "hot") for n in range(40)))
    seen: list[int] = []

    def work(driver: Any, number: int) -> None:
        for _ in range(400):
            (claimed,) = driver.commit(driver.store.claim, ClaimRequest(T0, 4, T0 + HOUR, node=number))
            for delivery in claimed.deliveries:
                seen.append(delivery.event)
                driver.commit(driver.store.record, record(delivery, Status.DONE))
            if len(seen) == 40:
                return

    threads = [threading.Thread(target=work, args=(driver, n)) for n, driver in enumerate(drivers, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    for driver in drivers:
        driver.close()
    assert seen == sorted(seen)
    assert len(seen) == 40


def test_two_engines_that_accept_the_same_ids_store_each_once(opener: Opener) -> None:
    drivers = [opener() for _ in range(2)]
    verdicts: list[str] = []

    def take(driver: Any, order: int) -> None:
        for at in range(0, 60, 6):
            batch = [arrival(f"{n}", f"k{n % 5}") for n in range(at, at + 6)][::order]
            verdicts.extend(receipt.verdict for receipt in driver.commit(driver.store.accept, *batch))

    threads = [
        threading.Thread(target=take, args=(driver, order)) for order, driver in zip((1, -1), drivers, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    rows = drivers[0].rows()
    claimed = {
        delivery.key
        for delivery in drivers[0].commit(drivers[0].store.claim, ClaimRequest(T0, 99, T0 + HOUR))[0].deliveries
    }
    for driver in drivers:
        driver.close()
    assert (verdicts.count("accepted"), verdicts.count("duplicate"), len(rows)) == (60, 60, 60)
    assert claimed == {f"k{n}" for n in range(5)}


class Between:
    """A database on which something else happens after the first statement that names a table."""

    def __init__(self, database: Any, table: str, happens: Callable[[], Any]) -> None:
        self._database = database
        self._table = f"FROM {table}"
        self._happens = [happens]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    def rows(self, statement: str, values: Any = ()) -> Any:
        found = self._database.rows(statement, values)
        if self._table in statement and self._happens:
            self._happens.pop()()
        return found


def test_who_asks_for_an_effect_while_it_is_recorded_leaves_it_as_it_is(emptied: str) -> None:
    one, two = PostgresDriver(emptied), PostgresDriver(emptied)
    one.commit(one.store.accept, arrival("a", "a"), arrival("b", "b"))
    (claimed,) = one.commit(one.store.claim, ClaimRequest(T0, 2, T0 + HOUR))
    first, second = claimed.deliveries
    one.commit(one.store.begin, intent(first))
    done = Settled(effect_digest("erp", "create_order", "order-1"), EffectState.DONE, "so-1")
    with two.connection.transaction():
        recorded = Between(
            two.database, "effect", lambda: one.commit(one.store.record, record(first, Status.DONE, settled=done))
        )
        (answered,) = two.store.begin(recorded, [intent(second)])  # type: ignore[arg-type]
    assert answered.leave in (Leave.BUSY, Leave.KNOWN)
    assert one.database.rows("SELECT state, event FROM effect") == [("done", first.event)]
    one.close()
    two.close()


def test_who_is_redriven_while_it_would_be_forgotten_stays(emptied: str) -> None:
    one, two = PostgresDriver(emptied), PostgresDriver(emptied)
    one.commit(one.store.accept, arrival("a", "a"))
    (claimed,) = one.commit(one.store.claim, ClaimRequest(T0, 2, T0 + HOUR))
    (delivery,) = claimed.deliveries
    one.commit(one.store.record, record(delivery, Status.HELD))
    one.commit(one.store.move, Move(delivery.event, T0, "reject", "ada"))
    later = T0 + 200 * 24 * HOUR
    with two.connection.transaction():
        moved = Between(
            two.database, "delivery", lambda: one.commit(one.store.move, Move(delivery.event, later, "redrive", "ada"))
        )
        two.store.retain(moved, [Retention(later, later - HOUR, later - HOUR)])  # type: ignore[arg-type]
    assert [row.status for row in one.rows()] == [Status.ACCEPTED]
    one.close()
    two.close()


def test_an_effect_that_is_begun_anew_while_it_would_be_forgotten_stays(emptied: str) -> None:
    one, two = PostgresDriver(emptied), PostgresDriver(emptied)
    one.commit(one.store.accept, arrival("a", "a"))
    (claimed,) = one.commit(one.store.claim, ClaimRequest(T0, 2, T0 + HOUR))
    (first,) = claimed.deliveries
    one.commit(one.store.begin, intent(first))
    clear = Settled(effect_digest("erp", "create_order", "order-1"), EffectState.CLEAR)
    one.commit(one.store.record, record(first, Status.DONE, settled=clear))
    later = T0 + 500 * 24 * HOUR
    one.commit(one.store.retain, Retention(later, later - HOUR, T0 - HOUR))  # the event, and not yet the effect
    one.commit(one.store.accept, arrival("b", "b", at=later))
    (claimed,) = one.commit(one.store.claim, ClaimRequest(later, 2, later + HOUR))
    with two.connection.transaction():
        begun = Between(
            two.database, "effect", lambda: one.commit(one.store.begin, intent(claimed.deliveries[0], at=later))
        )
        two.store.retain(begun, [Retention(later, later - HOUR, later - HOUR)])  # type: ignore[arg-type]
    assert one.database.rows("SELECT state, event FROM effect") == [("open", claimed.deliveries[0].event)]
    one.close()
    two.close()


def test_who_is_claimed_while_it_would_give_way_keeps_its_key(emptied: str) -> None:
    one, two = PostgresDriver(emptied), PostgresDriver(emptied)
    one.commit(one.store.accept, arrival("a", "k"), arrival("b", "k"))
    ((first,),) = (claimed.deliveries for claimed in one.commit(one.store.claim, ClaimRequest(T0, 1, T0 + HOUR)))
    one.commit(one.store.record, record(first, Status.HELD))
    ((later,),) = (claimed.deliveries for claimed in one.commit(one.store.claim, ClaimRequest(T0, 1, T0 + HOUR)))
    one.commit(one.store.record, record(later, Status.WAITING, due_at=T0))
    with two.connection.transaction():
        taken = Between(
            two.database, "delivery older", lambda: one.commit(one.store.claim, ClaimRequest(T0, 1, T0 + HOUR))
        )
        two.store.move(taken, [Move(first.event, T0, "release", "ada")])  # type: ignore[arg-type]
    assert [(row.event, row.status) for row in one.rows() if row.status is Status.RUNNING] == [
        (later.event, Status.RUNNING)
    ]
    (claimed,) = two.commit(two.store.claim, ClaimRequest(T0, 9, T0 + HOUR))
    assert claimed.deliveries == ()
    one.close()
    two.close()

"""The committer on PostgreSQL: a restart, a lost commit, a deadlock, a full disk; nothing answered is lost or done twice."""

import asyncio
import threading
import time
import traceback
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

import psycopg
import pytest
from postgres_server import PostgresServer, a_database

from engine.errors import StatementFailed, StoreAway, StoreBroken, StoreFull
from engine.store import Turn, turn
from engine.store.postgres.committer import PostgresCommitter
from engine.store.postgres.connect import migrate, open_first
from engine.store.postgres.node import register

FACTS: list[tuple[str, dict[str, Any]]] = []


def prepare(url: str) -> int:
    """Tables, and a node of our own."""
    with open_first(url) as connection:
        migrate(connection)
        connection.execute("CREATE TABLE IF NOT EXISTS kept (name text PRIMARY KEY, times bigint NOT NULL)")
        return register(connection)


def on_thread(url: str, play: Callable[[PostgresCommitter], Awaitable[Any]], *failed: type[BaseException]) -> Any:
    """Runs `play(committer)` as an engine would; `failed` are the failures that it must be told of."""

    async def run() -> Any:
        FACTS.clear()
        failures: list[BaseException] = []
        committer = PostgresCommitter(url, prepare(url), failures.append, lambda name, data: FACTS.append((name, data)))
        try:
            async with asyncio.timeout(240):
                return await play(committer)
        finally:
            await committer.close()
            assert [type(failure) for failure in failures] == list(failed)

    return asyncio.run(run())


def keep(database: Any, names: Sequence[str]) -> list[str]:
    """A verb: counts how often each name was written."""
    database.insert(
        "kept", "name, times", [(name, 1) for name in names], "ON CONFLICT (name) DO UPDATE SET times = kept.times + 1"
    )
    return list(names)


@turn(Turn.ACCEPT)
def arrive(database: Any, names: Sequence[str]) -> list[str]:
    return keep(database, names)


def stored(url: str) -> dict[str, int]:
    with psycopg.connect(url) as connection:
        return dict(connection.execute("SELECT name, times FROM kept").fetchall())  # type: ignore[arg-type]


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    with PostgresServer(durable=False) as one:  # processes die here, never the machine
        yield one


def test_what_is_answered_is_committed_and_many_share_few_commits(postgres_url: str) -> None:
    groups: list[int] = []

    def counting(database: Any, names: Sequence[str]) -> list[str]:
        groups.append(len(names))
        return keep(database, names)

    async def play(committer: PostgresCommitter) -> None:
        names = [f"n{number}" for number in range(400)]
        assert await asyncio.gather(*(committer.submit(counting, name) for name in names)) == names
        assert stored(postgres_url) == dict.fromkeys(names, 1)
        assert len(groups) < 10

    on_thread(postgres_url, play)


def test_outcomes_come_before_arrivals_within_a_group(postgres_url: str) -> None:
    order: list[str] = []

    @turn(Turn.CLAIM)
    def last(database: Any, items: Sequence[Any]) -> Sequence[Any]:
        order.append("claim")
        return items

    @turn(Turn.ACCEPT)
    def middle(database: Any, items: Sequence[Any]) -> Sequence[Any]:
        order.append("accept")
        return items

    def first(database: Any, items: Sequence[Any]) -> Sequence[Any]:
        order.append("record")
        return items

    async def play(committer: PostgresCommitter) -> None:
        await asyncio.gather(*(committer.submit(verb, 1) for verb in (last, middle, first)))

    on_thread(postgres_url, play)
    assert order == ["record", "accept", "claim"]


def test_a_verb_that_fails_stops_everything_loudly_and_leaves_nothing(postgres_url: str) -> None:
    def broken(database: Any, names: Sequence[str]) -> Sequence[Any]:
        keep(database, names)
        raise ZeroDivisionError

    async def play(committer: PostgresCommitter) -> None:
        with pytest.raises(ZeroDivisionError):
            await committer.submit(broken, "a")
        with pytest.raises(ZeroDivisionError):
            await committer.submit(keep, "b")
        assert stored(postgres_url) == {}

    on_thread(postgres_url, play, ZeroDivisionError)


def test_a_mistake_of_ours_in_a_statement_is_loud_and_tells_no_values(postgres_url: str) -> None:
    def wrong(database: Any, names: Sequence[str]) -> Sequence[Any]:
        database.rows("SELECT ?::bigint", (names[0],))
        return names

    async def play(committer: PostgresCommitter) -> None:
        with pytest.raises(StatementFailed, match="refused a statement") as caught:
            await committer.submit(wrong, "secret")
        assert "secret" not in str(caught.value)
        assert "wrong" in [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
        assert caught.value.__suppress_context__

    on_thread(postgres_url, play, StatementFailed)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["fast", "immediate", "kill"])
def test_restarts_under_load_lose_nothing_and_do_nothing_twice(server: PostgresServer, how: str) -> None:
    async def play(committer: PostgresCommitter) -> None:
        done: list[str] = []
        over = asyncio.Event()

        async def write(worker: int) -> None:
            number = 0
            while not over.is_set():
                done.append(await committer.submit(keep, f"{worker}-{number}"))
                number += 1

        workers = [asyncio.ensure_future(write(worker)) for worker in range(8)]

        async def until_done(count: int) -> None:
            while len(done) < count:
                await asyncio.sleep(0.005)

        for restarts in range(4):
            await until_done(40 * (restarts + 1))
            await asyncio.to_thread(server.restart, how)
        await until_done(200)
        over.set()
        await asyncio.gather(*workers)
        assert stored(server.url()) == dict.fromkeys(done, 1)

    on_thread(server.url(), play)


class Between:
    """A connection whose commits are lost: before they reach the server, or after it has done them."""

    def __init__(self, connection: Any, *, sent: bool) -> None:
        self.connection = connection
        self.sent = sent

    def __getattr__(self, name: str) -> Any:
        return getattr(self.connection, name)

    def execute(self, statement: str, *more: Any) -> Any:
        if statement != "COMMIT":
            return self.connection.execute(statement, *more)
        if self.sent:
            self.connection.execute("COMMIT")
        self.connection.close()
        raise psycopg.OperationalError("the connection is lost")


@pytest.mark.parametrize("sent", [True, False])
def test_a_commit_of_which_nobody_knows_is_known_by_its_number(postgres_url: str, sent: bool) -> None:
    lost: list[int] = []

    async def play(committer: PostgresCommitter) -> None:
        assert await committer.submit(keep, "before") == "before"
        real = committer.attempt

        def attempt(*given: Any) -> Any:
            if not lost:
                assert committer.database is not None
                committer.database.connection = Between(committer.database.connection, sent=sent)  # type: ignore[assignment]
                lost.append(1)
            return real(*given)

        committer.attempt = attempt  # type: ignore[method-assign]
        assert await committer.submit(keep, "a") == "a"
        assert await committer.submit(keep, "after") == "after"
        assert lost
        assert stored(postgres_url) == {"before": 1, "a": 1, "after": 1}

    on_thread(postgres_url, play)


def test_a_database_that_went_back_is_not_written_to(postgres_url: str) -> None:
    async def play(committer: PostgresCommitter) -> None:
        for name in "abc":
            await committer.submit(keep, name)
        with psycopg.connect(postgres_url) as connection:
            connection.execute("UPDATE node_group SET last_group = 1")
        with pytest.raises(StoreBroken, match=r"went back, or is another one: it stands at group 1 .* has had group 3"):
            await committer.submit(keep, "d")
        assert "d" not in stored(postgres_url)

    on_thread(postgres_url, play, StoreBroken)


def test_a_deadlock_ends_with_both_groups_written(postgres_url: str) -> None:
    both = threading.Barrier(2)

    def crossing(first: str, second: str) -> Any:
        tries: list[int] = []

        def verb(database: Any, items: Sequence[Any]) -> Sequence[Any]:
            tries.append(1)
            database.run("UPDATE kept SET times = times + 1 WHERE name = ?", (first,))
            if len(tries) == 1:
                both.wait(20)
            database.run("UPDATE kept SET times = times + 1 WHERE name = ?", (second,))
            return items

        return verb

    async def play(committer: PostgresCommitter) -> None:
        await committer.submit(keep, "a")
        await committer.submit(keep, "b")
        other = PostgresCommitter(postgres_url, prepare(postgres_url), pytest.fail, lambda name, data: None)
        await asyncio.gather(committer.submit(crossing("a", "b"), 1), other.submit(crossing("b", "a"), 1))
        await other.close()
        assert stored(postgres_url) == {"a": 3, "b": 3}

    on_thread(postgres_url, play)


@pytest.mark.parametrize(("races", "failed"), [(3, ()), (50, (StatementFailed,))])
def test_a_row_that_two_write_at_once_is_tried_again_but_not_for_ever(
    postgres_url: str, races: int, failed: tuple[type[BaseException], ...]
) -> None:
    tries: list[int] = []

    def racing(database: Any, names: Sequence[str]) -> Sequence[Any]:
        tries.append(1)
        if len(tries) <= races:
            for _ in range(2):
                database.insert("kept", "name, times", [(names[0], 1)])
        return keep(database, names)

    async def play(committer: PostgresCommitter) -> None:
        if failed:
            with pytest.raises(StatementFailed, match="unique") as caught:
                await committer.submit(racing, "a")
            assert "(a)" not in str(caught.value), "the detail holds the row"
        else:
            assert await committer.submit(racing, "a") == "a"
            assert stored(postgres_url) == {"a": 1}

    on_thread(postgres_url, play, *failed)
    assert len(tries) < 10


@pytest.mark.slow
def test_while_there_is_no_server_arrivals_are_refused_and_outcomes_wait(server: PostgresServer) -> None:
    async def play(committer: PostgresCommitter) -> None:
        await committer.submit(keep, "before")
        await asyncio.to_thread(server.stop)
        outcome, waiting = committer.submit(keep, "outcome"), committer.submit(arrive, "arrival")
        with pytest.raises(StoreAway):
            await waiting
        began = time.monotonic()
        with pytest.raises(StoreAway):
            await committer.submit(arrive, "another")
        assert time.monotonic() - began < 0.5, "once it is known, nobody waits"
        assert not outcome.done()
        await asyncio.to_thread(server.start)
        assert await outcome == "outcome"
        assert await committer.submit(arrive, "later") == "later"
        assert stored(server.url()).keys() >= {"before", "outcome", "later"}
        assert [name for name, _ in FACTS] == ["store_away", "store_back"]

    on_thread(server.url(), play)


def test_a_full_disk_refuses_arrivals_and_outcomes_wait_until_there_is_room(postgres_url: str) -> None:
    room = threading.Event()

    def full(database: Any, names: Sequence[str]) -> list[str]:
        if not room.is_set():
            raise psycopg.errors.DiskFull
        return keep(database, names)

    async def play(committer: PostgresCommitter) -> None:
        outcome, arrival = committer.submit(full, "outcome"), committer.submit(arrive, "arrival")
        with pytest.raises(StoreFull):
            await arrival
        with pytest.raises(StoreFull):
            await committer.submit(arrive, "another")
        assert not outcome.done()
        room.set()
        assert await outcome == "outcome"
        assert await committer.submit(arrive, "later") == "later"
        assert stored(postgres_url) == {"outcome": 1, "later": 1}

    on_thread(postgres_url, play)


def test_a_permission_taken_away_is_waited_for(postgres_url: str) -> None:
    async def play(committer: PostgresCommitter) -> None:
        await committer.submit(keep, "before")
        with psycopg.connect(postgres_url, autocommit=True) as owner:
            owner.execute("ALTER DATABASE " + owner.info.dbname + " SET default_transaction_read_only = on")
            owner.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'waybill writer' AND datname = current_database()"
            )
            outcome, arrival = committer.submit(keep, "outcome"), committer.submit(arrive, "arrival")
            with pytest.raises(StoreAway, match="read-only"):
                await arrival
            owner.execute("SET default_transaction_read_only = off")
            owner.execute("ALTER DATABASE " + owner.info.dbname + " RESET default_transaction_read_only")
        assert await outcome == "outcome"

    on_thread(postgres_url, play)


@pytest.mark.slow
def test_an_engine_that_stops_does_not_wait_for_a_server_for_ever(server: PostgresServer, monkeypatch: Any) -> None:
    monkeypatch.setattr("engine.store.postgres.committer.CLOSE_S", 0.3)

    async def play(committer: PostgresCommitter) -> None:
        await committer.submit(keep, "before")
        await asyncio.to_thread(server.stop)
        outcome = committer.submit(keep, "outcome")
        await asyncio.sleep(0)
        await committer.close()
        with pytest.raises(StoreAway):
            await outcome

    on_thread(server.url(), play)


def test_every_commit_waits_for_the_disk_whatever_the_database_says(postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as owner:
        owner.execute("ALTER DATABASE " + owner.info.dbname + " SET synchronous_commit = off")

    def asked(database: Any, items: Sequence[Any]) -> list[Any]:
        return database.rows("SHOW synchronous_commit") * len(items)

    async def play(committer: PostgresCommitter) -> Any:
        return await committer.submit(asked, 1)

    assert on_thread(postgres_url, play) == ("on",)


def test_a_transaction_that_is_left_open_is_ended_by_the_server(postgres_url: str) -> None:
    """A stopped engine must not keep the locks of its keys."""

    def asked(database: Any, items: Sequence[Any]) -> list[Any]:
        return database.rows("SHOW idle_in_transaction_session_timeout") * len(items)

    async def play(committer: PostgresCommitter) -> Any:
        return await committer.submit(asked, 1)

    assert on_thread(postgres_url, play) == ("5s",)


def test_databases_of_the_tests_are_apart(postgres_server_url: str) -> None:
    with a_database(postgres_server_url) as one, a_database(postgres_server_url) as two:
        prepare(one)
        with psycopg.connect(two) as connection:
            assert connection.execute("SELECT to_regclass('kept')").fetchone() == (None,)

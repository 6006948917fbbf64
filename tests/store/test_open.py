"""Both kinds of store, opened by their URL for an engine: what the loops get is the same."""

import asyncio
import sys
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import apsw
import psycopg
import pytest
from conformance import T0, arrival, record

from engine.errors import StoreBroken, UserError
from engine.model import Status
from engine.store import ClaimRequest
from engine.store.embedded import EmbeddedStore
from engine.store.files import StoreAddress, open_writer
from engine.store.open import commit_here, open_store, store_address
from engine.store.opened import OpenStore, Surroundings
from engine.store.readers import read_gauges
from engine.store.retention import AT_ONCE
from engine.store.verbs import SqlStore


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/events.db"
    found: str = request.getfixturevalue("postgres_url")
    return found


def opened(url: str, play: Callable[[OpenStore, list[str]], Awaitable[Any]]) -> Any:
    """Runs `play(store, facts)` as an engine would."""

    async def run() -> Any:
        facts: list[str] = []
        store = open_store(
            store_address(Path(), url), Surroundings(pytest.fail, lambda name, data: facts.append(name), lambda: None)
        )
        try:
            async with asyncio.timeout(60):
                return await play(store, facts)
        finally:
            await store.close()

    return asyncio.run(run())


def test_an_open_store_accepts_delivers_and_counts(url: str) -> None:
    async def play(store: OpenStore, facts: list[str]) -> None:
        await store.committer.submit(store.store.accept, arrival())
        claimed = await store.committer.submit(store.store.claim, ClaimRequest(T0, 5, T0 + 10**9, node=store.node))
        assert store.count(read_gauges).counts == {("shop", "running"): 1}
        await store.committer.submit(store.store.record, record(claimed.deliveries[0], Status.DONE))
        assert store.count(read_gauges).counts == {}
        health = store.health()
        assert sum(health.bytes.values()) > 0
        assert health.commits == 3
        assert 0 < health.commit_s < 60

    opened(url, play)


def test_what_was_stored_is_there_for_the_next_engine_and_every_thread_ends(url: str) -> None:
    async def store_one(store: OpenStore, facts: list[str]) -> None:
        await store.committer.submit(store.store.accept, arrival())

    async def look(store: OpenStore, facts: list[str]) -> Any:
        return store.count(read_gauges).counts

    before = threading.active_count()
    opened(url, store_one)
    assert opened(url, look) == {("shop", "accepted"): 1}
    assert threading.active_count() == before


def test_a_store_that_is_watched_forgets_what_is_over(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it at once, since it ended long before the clock of this machine."""
    monkeypatch.setattr("engine.store.postgres.keeper.LOOK_EVERY_S", 0.05)
    monkeypatch.setattr("engine.store.upkeep.REST_S", 0.05)
    monkeypatch.setattr("engine.store.upkeep.BUSY_PAUSE_S", 0.01)
    long_ago = 1_500_000_000_000_000

    async def play(store: OpenStore, facts: list[str]) -> None:
        many = [arrival(f"{n}", f"{n}", at=long_ago) for n in range(AT_ONCE + 10)]
        await asyncio.gather(*(store.committer.submit(store.store.accept, one) for one in many))
        while claimed := (
            await store.committer.submit(store.store.claim, ClaimRequest(long_ago, 64, 2**62, node=store.node))
        ).deliveries:
            ended = (record(one, Status.DONE, at=long_ago) for one in claimed)
            await asyncio.gather(*(store.committer.submit(store.store.record, one) for one in ended))
        watching = asyncio.ensure_future(store.watch())
        while store.reader.rows("SELECT count(*) FROM event") != [(0,)]:
            await asyncio.sleep(0.01)
        watching.cancel()

    opened(url, play)


def test_a_server_without_fsync_is_told(postgres_url: str) -> None:
    async def play(store: OpenStore, facts: list[str]) -> list[str]:
        await asyncio.sleep(0)
        return list(facts)

    with psycopg.connect(postgres_url) as connection:
        (fsync,) = connection.execute("SHOW fsync").fetchone() or ("",)
    assert ("store_not_durable" in opened(postgres_url, play)) is (fsync == "off")


def test_a_reader_that_pins_the_log_is_told_with_how_long_and_how_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.store.embedded.PINNED_S", 0.2)
    monkeypatch.setattr("engine.store.embedded.PINNED_BYTES", 1 << 16)
    monkeypatch.setattr("engine.store.embedded.LOOK_EVERY_S", 0.02)
    told: list[tuple[str, Any]] = []

    async def play() -> None:
        address = store_address(tmp_path, f"sqlite:///{tmp_path}/events.db")
        store = open_store(
            address, Surroundings(pytest.fail, lambda name, data: told.append((name, data)), lambda: None)
        )
        assert isinstance(store, EmbeddedStore)
        await store.committer.submit(store.store.accept, arrival())
        watching = asyncio.ensure_future(store.watch())
        number = 0
        for pinned in (False, True):
            reader = apsw.Connection(str(tmp_path / "events.db"), flags=apsw.SQLITE_OPEN_READONLY)
            if pinned:
                reader.execute("BEGIN; SELECT count(*) FROM event")
            async with asyncio.timeout(30):
                while not told and (pinned or number < 100):
                    number += 1
                    await store.committer.submit(store.store.accept, arrival(f"{number}", f"{number}"))
                    await asyncio.sleep(0.002)
            assert bool(told) is pinned
            reader.close()
        watching.cancel()
        await store.close()

    asyncio.run(play())
    ((name, data),) = told
    assert name == "log_pinned"
    assert data["seconds"] >= 0.2
    assert data["bytes"] > 0


def test_a_postgresql_url_without_its_driver_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith(("psycopg", "engine.store.postgres."))]:
        if name != "engine.store.postgres.address":
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(UserError, match=r"pip install 'waybill\[postgresql\]'"):
        opened("postgresql://me@host/db", None)  # type: ignore[arg-type]


def test_a_store_that_cannot_be_opened_is_not_kept_locked(tmp_path: Path) -> None:
    path = tmp_path / "events.db"
    path.write_bytes(b"x" * 8192)
    for _ in range(2):
        with pytest.raises(StoreBroken):
            opened(f"sqlite:///{path}", None)  # type: ignore[arg-type]


def test_a_store_that_opens_only_half_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_reader(path: Path) -> None:
        raise UserError("no reader")

    monkeypatch.setattr("engine.store.embedded.open_reader", no_reader)
    for _ in range(2):
        with pytest.raises(UserError, match="no reader"):
            opened(f"sqlite:///{tmp_path}/events.db", None)  # type: ignore[arg-type]


@pytest.mark.parametrize("error", [apsw.FullError, apsw.IOError, apsw.BusyError])
def test_a_command_that_cannot_write_says_why_without_a_trace(tmp_path: Path, error: type[apsw.Error]) -> None:
    address = StoreAddress(tmp_path / "events.db", None)
    open_writer(address).close()

    def refused(database: Any, items: Any) -> Any:
        raise error("database or disk is full")

    with pytest.raises((UserError, StoreBroken)):
        commit_here(address, [(refused, None)])
    commit_here(address, [(SqlStore().accept, arrival())])

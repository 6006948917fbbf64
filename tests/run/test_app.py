"""What joins the parts, where the store has no room or is away: the engine runs on, and a drain ends."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from engine.clock import SystemChance, SystemClock
from engine.errors import StoreAway, StoreFull, UserError
from engine.model import Fact
from engine.run import app
from engine.run.app import Engine, Settings
from engine.run.claim import Ports
from engine.run.client_in_use import ClientInUse
from engine.run.live import Live, none_kept
from engine.run.parts import Parts
from engine.store import GateRow
from engine.store.verbs import SqlStore

PLAN = SimpleNamespace(hash="p", integration="shop", version=1, content=b"")


class Client:
    """An http client that says whether it was closed."""

    def __init__(self, _found: object, _clock: object) -> None:
        CLIENTS.append(self)
        self.closed = False

    async def close(self) -> None:
        self.closed = True


CLIENTS: list[Client] = []


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """An engine of which only the surroundings are not real; `engine.refusal` is what its store says to all."""
    monkeypatch.setattr(app, "load", lambda *_: SimpleNamespace(plans={"shop": PLAN}, systems={}))
    monkeypatch.setattr(app, "addresses_and_routes", lambda _: ({}, {}))
    monkeypatch.setattr(app, "changed_versions", lambda *_: ())
    monkeypatch.setattr(app, "HttpClient", Client)
    made: Any = Engine(Settings(tmp_path, "local", None, "127.0.0.1", 0, 0, 1))
    facts: list[Fact] = []
    made.observe, made.facts = facts.append, facts
    made.store = SqlStore()
    made.committer = SimpleNamespace(submit=lambda *_: refuse(made.refusal))
    made.opened = SimpleNamespace(count=lambda _read: {}, shown="here", node=0)
    made.loaded = SimpleNamespace(plans={"shop": PLAN}, resources=None)
    live = Live({}, {}, none_kept, lambda _: None)
    ports = Ports(made.store, made.committer, Client(None, None), live, SystemClock(), SystemChance(), made.observe)
    made.parts = Parts(ports, 1, 0, none_read, {})
    CLIENTS.clear()
    return made


async def none_read() -> list[GateRow]:
    return []


async def refuse(refusal: Exception) -> None:
    raise refusal


def reasons(engine: Any) -> list[tuple[str, Any]]:
    return [(fact.name, fact.data.get("reason")) for fact in engine.facts]


def test_a_reload_whose_plans_find_no_room_is_refused_and_told(engine: Any) -> None:
    engine.refusal, before = StoreFull("the store is full"), engine.loaded
    asyncio.run(engine.reload())
    assert reasons(engine) == [("reload_refused", "its plans could not be kept: the store is full")]
    assert engine.loaded is before
    assert [client.closed for client in CLIENTS] == [True]


def test_a_reload_while_the_store_is_away_is_refused_and_told(engine: Any) -> None:
    def away(_read: object) -> None:
        raise StoreAway("the database cannot be read")

    engine.opened.count = away
    asyncio.run(engine.reload())
    assert reasons(engine) == [("reload_refused", "the database cannot be read")]


def test_two_reloads_are_one_after_the_other(engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    engine.refusal = StoreFull("the store is full")
    begun: list[int] = []

    def load(*_: object) -> Any:
        begun.append(len(engine.facts))
        return SimpleNamespace(plans={"shop": PLAN}, systems={})

    async def play() -> None:
        await asyncio.gather(engine.reload(), engine.reload())

    monkeypatch.setattr(app, "load", load)
    asyncio.run(play())
    assert begun == [0, 1]  # the second read its files when the first was through


def test_renewed_credentials_are_used_at_once_and_put_out_no_newer_client(
    engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "addresses", lambda _: {})

    async def play() -> None:
        first: Any = Client(None, None)
        engine.http = ClientInUse(first)
        engine.refresh("erp")
        assert engine.http.client is CLIENTS[1]
        reloaded: Any = Client(None, None)
        await engine.http.replace(reloaded)  # before what the refresh began has had its turn
        await asyncio.gather(*engine.background)
        assert engine.http.client is reloaded

    asyncio.run(play())
    assert [client.closed for client in CLIENTS] == [True, True, False]


def test_a_start_without_room_is_told_to_the_person_who_starts(engine: Any) -> None:
    engine.refusal = StoreFull("the store is full")
    with pytest.raises(UserError, match="here: the store is full; make room"):
        asyncio.run(engine.begin())


def test_a_plan_that_is_not_in_the_store_is_none_and_one_that_cannot_be_read_is_said(engine: Any) -> None:
    engine.opened.count = lambda _read: None
    assert asyncio.run(engine.kept_plan("gone")) is None

    def away(_read: object) -> None:
        raise StoreAway("the database cannot be read")

    engine.opened.count = away
    with pytest.raises(StoreAway):
        asyncio.run(engine.kept_plan("older"))


async def never() -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize("silent", ["flush", "deliveries"])
def test_a_drain_ends_though_the_store_does_not_answer(
    engine: Any, monkeypatch: pytest.MonkeyPatch, silent: str
) -> None:
    monkeypatch.setattr(app, "DRAIN_S", 0.02)
    ended = []

    async def stop(_drain_s: float) -> None:
        ended.append("listening")

    async def play() -> None:
        async def nothing() -> None:
            return

        engine.intake = SimpleNamespace(open=True)
        engine.deliverer = SimpleNamespace(drain=lambda: ended.append("claims"))
        engine.sightings = SimpleNamespace(flush=never if silent == "flush" else nothing)
        delivering = asyncio.ensure_future(never() if silent == "deliveries" else nothing())
        engine.stopping.set()
        async with asyncio.timeout(10):
            await engine.stop_when_told(SimpleNamespace(stop=stop), delivering, [])
        await asyncio.gather(delivering, return_exceptions=True)
        assert delivering.cancelled() == (silent == "deliveries")

    asyncio.run(play())
    assert sorted(ended) == ["claims", "listening"]

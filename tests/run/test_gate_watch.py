"""Gates and their rows kept together; gates as metrics show them."""

import asyncio

import pytest

from engine.errors import StoreFull
from engine.model import Fact, Outcome, Sent
from engine.rules.breaker import Breaking
from engine.rules.quota import Bucket, Heard, Quota, encode, learn, take
from engine.run.gate_view import GateView, view
from engine.run.gate_watch import GateWatch
from engine.run.gates import Admitted, Denied, Gates
from engine.run.live import Live, LiveSystem, none_kept
from engine.run.observe import Metrics
from engine.spec.shape import Retry
from engine.store import GateRow, Gauges
from engine.store.committer import InlineCommitter
from engine.store.files import open_memory
from engine.store.readers import read_gates
from engine.store.verbs import SqlStore

S = 1_000_000
NOW = 1_700_000_000 * S
SYSTEM = LiveSystem(5.0, Retry(), Breaking(30 * S, 2, 500_000, 0, 30 * S), {"erp": Quota("erp", rate=10, burst=20)})
SICK = Outcome(Sent.ANSWERED, status=500)


class Node:
    """A node over a store that it shares with others."""

    def __init__(self, store: InlineCommitter) -> None:
        self.at = NOW
        self.facts: list[Fact] = []
        self.woken = 0
        self.full = False
        self.store = store
        self.gates = Gates(Live({}, {"erp": SYSTEM}, none_kept, lambda _: None), 4)
        self.watch = GateWatch(self.gates, self.keep, self.read, self, self.facts.append, self.wake)

    def now(self) -> int:
        return self.at

    def monotonic(self) -> float:
        return self.at / S

    def wake(self) -> None:
        self.woken += 1

    async def keep(self, row: GateRow) -> None:
        if self.full:
            raise StoreFull
        await self.store.submit(SqlStore().keep_gates, row)

    async def read(self) -> list[GateRow]:
        return read_gates(self.store.connection)  # type: ignore[arg-type]

    def call(self, outcome: Outcome) -> None:
        admitted = self.ask()
        assert isinstance(admitted, Admitted)
        self.gates.told(admitted, outcome, self.at)

    def ask(self) -> Admitted | Denied:
        return self.gates.admit("erp", "create", retry=False, now=self.at)

    def settle(self) -> None:
        asyncio.run(self.watch.settle())


@pytest.fixture
def store() -> InlineCommitter:
    return InlineCommitter(open_memory())


def test_a_breaker_that_opens_is_told_written_and_found_by_other_nodes(store: InlineCommitter) -> None:
    first, second = Node(store), Node(store)
    first.call(SICK)
    first.call(SICK)
    first.settle()
    assert [fact.data for fact in first.facts] == [
        {"gate": "erp.create", "state": "open", "reason": "2 of 2 calls failed"}
    ]
    second.settle()
    assert isinstance(second.ask(), Denied)
    assert second.facts == []
    again = Node(store)
    again.settle()
    assert again.ask() == first.ask()


def test_a_full_store_puts_it_off(store: InlineCommitter) -> None:
    node = Node(store)
    node.call(SICK)
    node.call(SICK)
    node.full = True
    node.settle()
    assert read_gates(store.connection) == []  # type: ignore[arg-type]
    node.full = False
    node.settle()
    assert [row.state for row in read_gates(store.connection)] == ["open"]  # type: ignore[arg-type]


def test_what_a_person_wants_reaches_every_node_and_neither_undoes_the_other(store: InlineCommitter) -> None:
    first, second = Node(store), Node(store)
    asyncio.run(first.watch.force("erp", "open"))
    second.settle()
    assert isinstance(second.ask(), Denied)
    asyncio.run(second.watch.force("erp.create", "closed"))
    second.call(SICK)
    asyncio.run(second.watch.force("erp", ""))
    asyncio.run(second.watch.force("erp.create", ""))
    first.settle()
    assert isinstance(first.ask(), Admitted)
    assert first.woken == 2
    second.call(SICK)
    asyncio.run(first.watch.force("erp.create", "closed"))
    second.settle()
    (_, row) = read_gates(store.connection)  # type: ignore[arg-type]
    assert (row.gate, row.state, row.forced) == ("erp.create", "open", "closed")


def test_nothing_new_wakes_nobody(store: InlineCommitter) -> None:
    node = Node(store)
    node.settle()
    node.settle()
    assert node.woken == 0


# ── as they are seen ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_view_of_gates_says_what_the_rows_mean_now() -> None:
    quota = SYSTEM.quotas["erp"]
    silent = encode(learn(take(Bucket(), quota, NOW, 15), Heard(pause_us=60 * S), NOW))
    taken = encode(take(Bucket(), quota, NOW, 15))
    assert view([], {"erp": SYSTEM}, NOW) == [GateView("erp", tokens=20, burst=20)]
    assert view([GateRow("erp", quota=taken)], {"erp": SYSTEM}, NOW + S // 2)[0].tokens == 10
    (seen,) = view([GateRow("erp", quota=silent)], {"erp": SYSTEM}, NOW + S)
    assert (seen.tokens, seen.paused_until) == (0, NOW + 60 * S)
    (gone,) = view([GateRow("gone", "open", NOW, at=NOW - S, parked=3)], {}, NOW)
    assert gone == GateView("gone", "half_open", since=NOW, parked=3)


def test_metrics_of_gates() -> None:
    metrics = Metrics()
    gates = [
        GateView("erp", tokens=7, burst=20, paused_until=NOW + 3 * S, parked=2),
        GateView("erp.create", state="open"),
        GateView("ledger", state="half_open"),
        GateView("wms", forced="open"),
        GateView("wms.find", state="open", forced="closed"),
    ]
    page = metrics.page(Gauges({}, None), NOW, gates).decode().splitlines()
    for line in (
        'waybill_gate_open{gate="erp"} 0.0',
        'waybill_gate_open{gate="erp.create"} 1.0',
        'waybill_gate_open{gate="ledger"} 0.5',
        'waybill_gate_open{gate="wms"} 1.0',
        'waybill_gate_open{gate="wms.find"} 0.0',
        'waybill_gate_tokens{gate="erp"} 7.0',
        'waybill_gate_parked{gate="erp"} 2.0',
        'waybill_gate_paused_seconds{gate="erp"} 3.0',
    ):
        assert line in page
    assert 'waybill_gate_tokens{gate="wms"}' not in "\n".join(page)
    assert "erp" not in metrics.page(Gauges({}, None), NOW).decode()

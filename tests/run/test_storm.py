"""A storm, in simulated time over the real verbs: 100 events a second offered, 10 calls a second allowed.

The partner counts what reaches it, and refuses what is too much; what it counts in any window stays within the quota,
lanes get their 16:4:1, retries stay within their budget, and nothing that was offered is lost.
"""

import random
from collections import Counter
from collections.abc import Mapping
from heapq import heappop, heappush
from itertools import count

import pytest

from engine.model import Arrival, Delivery, Outcome, Sent, Status
from engine.rules.breaker import Breaking
from engine.rules.lanes import WEIGHTS
from engine.run.gates import Admitted, Denied, Gates
from engine.run.live import Live, LiveSystem, none_kept, quota_at
from engine.spec import shape
from engine.store import ClaimRequest, Intent, Leave, Quota, Record
from engine.store.files import open_memory
from engine.store.settle import run_group
from engine.store.verbs import SqlStore

S = 1_000_000
BEGIN = 1_700_000_000 * S
TICK = 50_000
RATE, BURST = 10, 20
OFFERED = 100
SECONDS = 60
DONE = Outcome(Sent.ANSWERED, status=200, took_us=20_000)
TOO_MANY = Outcome(Sent.ANSWERED, status=429, headers={"retry-after": "1"})
BUSY = Outcome(Sent.ANSWERED, status=408)
"""A refusal that is tried again and says nothing of the partner's health."""

SHAPED = shape.Quota(rate=shape.Rate(RATE, S), burst=BURST)
TEN_A_SECOND = {"erp": quota_at("erp", SHAPED)}


class Partner:
    """Counts calls as they reach it, and answers 429 to what is more than its bucket holds."""

    def __init__(self, chance: random.Random, failing: float) -> None:
        self.chance = chance
        self.failing = failing
        self.calls: list[int] = []
        self.refused = 0
        self.level = float(BURST)
        self.filled_at = BEGIN

    def answer(self, at: int) -> Outcome:
        self.calls.append(at)
        self.level = min(float(BURST), self.level + RATE * 1.05 * (at - self.filled_at) / S)
        self.filled_at = at
        if self.level < 1:
            self.refused += 1
            return TOO_MANY
        self.level -= 1
        return BUSY if self.chance.random() < self.failing else DONE


class Storm:
    """Nodes with one store between them; each claims every tick, and its calls take a while to get out and back."""

    def __init__(self, nodes: int, failing: float, quotas: Mapping[str, Quota] = TEN_A_SECOND) -> None:
        self.chance = random.Random(1)
        self.store, self.connection = SqlStore(), open_memory()
        system = LiveSystem(5.0, shape.Retry(), Breaking(30 * S, 20, 500_000, 0, 30 * S), quotas)
        live = Live({}, {"erp": system}, none_kept, lambda _: None)
        self.nodes = [(Gates(live, 32), off) for off in (0, 40_000, -40_000)[:nodes]]
        self.partner = Partner(self.chance, failing)
        self.lanes: dict[int, int] = {}
        self.sent: Counter[int] = Counter()
        self.retries = 0
        self.done: set[int] = set()
        self.ends: list[tuple[int, int, int, Delivery, Admitted]] = []
        self.numbers = count()

    def run(self, seconds: int, offered: int) -> None:
        for tick in range(seconds * S // TICK):
            time = BEGIN + tick * TICK
            if tick * TICK < SECONDS * S:
                self.offer(time, offered * TICK // S)
            for which in range(len(self.nodes)):
                self.claim(which, time)
            self.end_calls(time + TICK)

    def offer(self, time: int, events: int) -> None:
        arrivals = [
            Arrival("orders", "plan", f"{time}-{n}", f"{time}-{n}", {}, {}, b"{}", time, 60, lane=n % 3)
            for n in range(events)
        ]
        for arrival, receipt in zip(arrivals, self.store.accept(self.connection, arrivals), strict=True):
            assert not isinstance(receipt, Exception)
            self.lanes[receipt.event] = arrival.lane

    def claim(self, which: int, time: int) -> None:
        gates, off = self.nodes[which]
        now = time + off
        request = ClaimRequest(now, 32, now + 60 * S, allow=gates.allow(now), quotas=gates.quotas(now), node=which)
        ((claimed),) = self.store.claim(self.connection, [request])
        for delivery in claimed.deliveries:
            self.call(which, delivery, now, time)

    def call(self, which: int, delivery: Delivery, now: int, time: int) -> None:
        gates, _ = self.nodes[which]
        retry = delivery.attempts > 0
        admitted = gates.admit("erp", "create", retry=retry, now=now)
        if isinstance(admitted, Denied):
            at = now if admitted.gate else admitted.until
            self.park(delivery, now, at, admitted.gate)
            return
        intent = Intent(
            event=delivery.event,
            token=delivery.token,
            step="erp",
            system="erp",
            operation="create",
            once=None,
            request_digest=b"",
            at=now,
            lease_until=now + 60 * S,
            quotas=admitted.quotas,
            lane=self.lanes[delivery.event],
            passes=delivery.passes,
        )
        (answered,) = self.store.begin(self.connection, [intent])
        if answered.leave is not Leave.SEND:
            assert answered.leave is Leave.GATED, answered
            gates.withdraw(admitted, now)
            self.park(delivery, now, answered.at, answered.gate)
            return
        self.sent[self.lanes[delivery.event]] += 1
        self.retries += retry
        out = time + self.chance.randrange(60_000)  # the commit, and the connection
        heappush(self.ends, (out, next(self.numbers), which, delivery, admitted))

    def end_calls(self, until: int) -> None:
        while self.ends and self.ends[0][0] <= until:
            at, _, which, delivery, admitted = heappop(self.ends)
            gates, off = self.nodes[which]
            outcome = self.partner.answer(at)
            learnt = gates.told(admitted, outcome, at + off)
            if outcome is DONE:
                self.done.add(delivery.event)
                self.record(delivery, at + off, Status.DONE, learnt=learnt)
            else:
                due_at = at + off + self.chance.randrange(S, 3 * S)
                attempts = delivery.attempts + 1
                self.record(delivery, at + off, Status.WAITING, due_at=due_at, attempts=attempts, learnt=learnt)

    def park(self, delivery: Delivery, now: int, due_at: int, gate: str) -> None:
        """It waits, and no attempt is spent."""
        self.record(delivery, now, Status.WAITING, due_at=due_at, gate=gate, attempts=delivery.attempts)

    def record(self, delivery: Delivery, now: int, status: Status, **more: object) -> None:
        record = Record(delivery.event, delivery.token, now, status, **more)  # type: ignore[arg-type]
        assert run_group(self.connection, [(self.store.record, record)]) == [True]


def assert_within_quota(calls: list[int]) -> None:
    for first, begin in enumerate(calls):
        for last in range(first, len(calls)):
            assert last - first + 1 <= BURST + 1.05 * RATE * (calls[last] - begin) / S, (first, last)


@pytest.mark.parametrize("nodes", [1, 3])
def test_a_storm_stays_within_the_quota_and_lanes_have_their_shares(nodes: int) -> None:
    storm = Storm(nodes, failing=0.0)
    storm.run(SECONDS, OFFERED)
    calls = sorted(storm.partner.calls)
    assert storm.partner.refused == 0
    assert_within_quota(calls)
    assert len(calls) >= 0.95 * RATE * SECONDS, "what the quota lets through is used"
    for lane, weight in enumerate(WEIGHTS):
        share = storm.sent[lane] / sum(storm.sent.values())
        assert share == pytest.approx(weight / sum(WEIGHTS), abs=0.04), storm.sent
    assert storm.connection.execute("SELECT count(*) FROM delivery WHERE status = 'waiting'").get == len(
        storm.lanes
    ) - len(storm.done) - len(storm.ends)


@pytest.mark.parametrize("of_the_operation", [5, 10, 20])
def test_two_quotas_of_which_each_is_short_waste_nothing(of_the_operation: int) -> None:
    narrow = quota_at("erp.create", shape.Quota(rate=shape.Rate(of_the_operation, S), burst=BURST))
    storm = Storm(1, failing=0.0, quotas={**TEN_A_SECOND, "erp.create": narrow})
    storm.run(SECONDS, OFFERED)
    assert_within_quota(sorted(storm.partner.calls))
    assert len(storm.partner.calls) >= 0.95 * min(RATE, of_the_operation) * SECONDS


def test_retries_stay_within_their_budget_and_within_the_quota() -> None:
    storm = Storm(2, failing=0.6)
    storm.run(SECONDS, OFFERED)
    assert_within_quota(sorted(storm.partner.calls))
    assert storm.partner.refused == 0
    # Two nodes count each for itself, and each has a floor of a fifth of the quota: two retries a second.
    assert 0 < storm.retries <= 2 * (RATE * SECONDS // 5 + 20)


def test_after_the_storm_the_backlog_is_worked_off_and_nothing_is_lost() -> None:
    storm = Storm(1, failing=0.1)
    storm.run(SECONDS * 3, 20)
    assert_within_quota(sorted(storm.partner.calls))
    assert storm.done == set(storm.lanes)

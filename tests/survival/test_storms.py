"""A sale that is more than a partner takes, and a partner that is gone for a while: real engines over loopback. What is
asserted is counted by the partner, over its own clock; nothing here asserts how long anything took.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from blackbox.rig import DEADLINE_S, FILES, Rig, order_body, post, settle
from stores import POSTGRESQL, STORES, new_store

from engine.clock import SystemChance
from engine.rules.lanes import WEIGHTS
from harness.processes import HOST, Process, free_ports, python
from survival.life import another, told

pytestmark = pytest.mark.slow

LANES = ("urgent", "normal", "bulk")
WORKERS = 16
RATE, BURST = 10, 5
OFFERED, OFFERED_S = 100, 12
ON_ITS_WAY_S = 0.5
"""A token is taken before its call is written down, sent and read: on a busy machine so much later."""
FAILING = 0.6
WARM_UP = 3 * BURST
DOWN_S = 8.0

STRICT = """
system: strict
kind: erp
base_url: {local: {env: STRICT_URL}}
timeout: 5s
retry: {attempts_max: 40, first: 100ms, factor: 2, cap: 1s}
GATES
operations:
  book:
    request: {method: POST, path: /orders, body: input}
    effect: idempotent
    identity: body.id
"""
QUOTA = f"quota: {{rate: {RATE}/s, burst: {BURST}}}"
BREAKER = "breaker: {window: 10s, calls_min: 5, failures: 50%, open_for: 1s}"

SPEC = """
integration: orders-LANE
version: 1
summary: Orders of one lane.
owner: orders
impact: revenue
lane: LANE
receive:
  webhook: {path: /hooks/LANE, system: shop}
  contract: shop/order@1
  id: headers."x-shop-event"
  key: body.id
  dedupe_for: 7d
steps:
  - {id: book, call: strict.book, input: "{id: body.id, lane: 'LANE'}", once: body.id}
"""


def workspace(gates: str) -> dict[str, str]:
    kept = {name: text for name, text in FILES.items() if "shop" in name and not name.startswith("specs")}
    specs = {f"specs/orders-{lane}.yaml": SPEC.replace("LANE", lane) for lane in LANES}
    return {
        "charter/charter.yaml": FILES["charter/charter.yaml"],
        "charter/systems/strict.yaml": STRICT.replace("GATES", gates),
        **kept,
        **specs,
    }


@dataclass
class Partner:
    """The strict partner: gone and back on the same port. Each life writes a log of its own."""

    folder: Path
    options: dict[str, float]
    port: int = field(default_factory=lambda: free_ports(SystemChance())[0])
    lives: int = 0
    process: Process | None = None

    def start(self) -> None:
        self.lives += 1
        words = [str(self.log), str(self.port), str(self.lives), json.dumps(self.options)]
        program = str(Path(__file__).with_name("strict_partner.py"))
        self.process = Process("the strict partner", python(program, *words), self.folder / "strict.log", {})
        self.process.start(piped=True)
        self.process.read_line()

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()

    @property
    def log(self) -> Path:
        return self.folder / f"calls-{self.lives}.jsonl"

    def calls(self) -> list[dict[str, Any]]:
        """What this life of it was asked, in the order it came."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return sorted((json.loads(line) for line in lines), key=lambda call: float(call["at"]))


@contextmanager
def rigs_at(folder: Path, server_url: str, store: str, partner: Partner, gates: str) -> Iterator[list[Rig]]:
    """An engine, two on a store that takes two, and the partner; all end with the block."""
    with ExitStack() as ends:
        url = ends.enter_context(new_store(store, folder, server_url))
        rig = Rig(folder / "workspace", files=workspace(gates), store=url, options=("--workers", str(WORKERS)))
        rig.more_environment = {"STRICT_URL": f"http://{HOST}:{partner.port}"}
        rig.write()
        ends.callback(partner.kill)
        partner.start()
        rigs = [rig, *([ends.enter_context(another(rig, folder))] if store == POSTGRESQL else [])]
        for one in rigs:
            ends.callback(one.stop)
            one.start_engine()
        yield rigs


async def offer(rigs: Sequence[Rig], seconds: float, a_second: int) -> set[str]:
    """Offers orders of all lanes in turn at an even pace; the events that were acknowledged."""
    loop, numbers, acknowledged = asyncio.get_running_loop(), count(), set[str]()
    began = loop.time()

    async def send(session: aiohttp.ClientSession) -> None:
        for number in numbers:
            at = number / a_second
            if at >= seconds:
                return
            await asyncio.sleep(max(0.0, began + at - loop.time()))
            event, path = f"event-{number}", f"/hooks/{LANES[number % len(LANES)]}"
            body = order_body(f"{number}", "c", number)
            if await post(session, rigs[number % len(rigs)], event, body, path) == 202:
                acknowledged.add(event)

    async with aiohttp.ClientSession() as session:
        await asyncio.gather(*(send(session) for _ in range(8)))
    return acknowledged


def most_above(calls: Sequence[dict[str, Any]]) -> float:
    """By how many calls the fullest window holds more than burst + 1.05 x rate x its length."""
    most = -float("inf")
    lead = -float("inf")  # of the best first call of a window: what it must be ahead of
    for number, call in enumerate(calls):
        allowed = 1.05 * RATE * call["at"]
        lead = max(lead, allowed - number)
        most = max(most, number + 1 - allowed + lead - BURST)
    return most


@pytest.mark.parametrize("store", STORES)
def test_more_than_a_partner_takes(tmp_path: Path, postgres_server_url: str, store: str) -> None:
    partner = Partner(tmp_path, {"rate": RATE, "burst": BURST, "failing": FAILING})
    with rigs_at(tmp_path, postgres_server_url, store, partner, QUOTA) as rigs:
        acknowledged = asyncio.run(offer(rigs, OFFERED_S, OFFERED))
        calls = partner.calls()
        stored = {event["id"] for event in rigs[0].events()}
    assert len(acknowledged) > 5 * len(calls), "there was no storm"
    assert stored >= acknowledged
    assert most_above(calls) <= RATE * ON_ITS_WAY_S
    orders = [call["order"] for call in calls]
    retries = len(orders) - len(set(orders))
    # Each node counts for itself, by whole seconds, and may always retry a fifth of what the quota lets through in ten.
    assert 0 < retries <= len(calls) / 5 + RATE * 10 / 5 * len(rigs)
    shares = Counter(call["lane"] for call in calls[WARM_UP:])
    for lane, weight in zip(LANES, WEIGHTS, strict=True):
        assert shares[lane] / shares.total() == pytest.approx(weight / sum(WEIGHTS), abs=0.1), shares
        assert shares[lane], shares


def test_a_partner_that_is_gone_for_a_while(tmp_path: Path, postgres_server_url: str) -> None:
    partner = Partner(tmp_path, {"slow_s": 0.05})
    with rigs_at(tmp_path, postgres_server_url, "sqlite", partner, BREAKER) as (rig,):

        async def outage() -> None:
            while len(partner.calls()) < WORKERS:
                await asyncio.sleep(0.05)
            partner.kill()
            await asyncio.sleep(DOWN_S)
            partner.start()

        async def run() -> set[str]:
            acknowledged, _ = await asyncio.gather(offer([rig], DOWN_S, 40), outage())
            events = await settle(rig, DEADLINE_S)
            assert {event["status"] for event in events} == {"done"}
            assert {event["id"] for event in events} == acknowledged
            return acknowledged

        acknowledged = asyncio.run(run())
        calls = partner.calls()
        states = [fact["state"] for fact in told(rig, "breaker")]
    assert len(acknowledged) > 10 * WORKERS, "there was no backlog"
    # It begins again with one call, and so on: never more at once than had been answered before, and one.
    assert calls
    assert [call for call in calls if call["at_once"] > min(call["ended"] + 1, WORKERS)] == []
    assert max(call["at_once"] for call in calls) > 2
    assert states.count("closed") == 1, "there was a second outage"
    assert (states[0], states[-1]) == ("open", "closed")

"""The main job, as a user would see it: signed webhooks in, exactly one order out, nothing lost, whatever dies."""

import asyncio
import random
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
from stores import STORES, new_store

from blackbox.rig import Rig, order_body, post, rig_at, settle, tell_partner

ORDERS = 1515
CUSTOMERS = 200
WEBHOOKS = 2000
TERMINAL = {"done", "ignored", "superseded", "compensated", "discarded", "dead"}


@dataclass
class Sale:
    """What the shop sends: for each customer a list of (event, body), in order; every delivery until it is acknowledged."""

    by_customer: dict[str, list[tuple[str, bytes]]]
    acknowledged: set[str] = field(default_factory=set)
    answers: Counter[int | None] = field(default_factory=Counter)
    sent: int = 0


def make_sale(seed: int) -> Sale:
    """2,000 webhooks over 200 keys: 10 % are re-deliveries, and each fifth order is announced under two event ids."""
    die = random.Random(seed)
    by_customer: dict[str, list[tuple[str, bytes]]] = defaultdict(list)
    for number in range(ORDERS):
        customer = f"customer-{number % CUSTOMERS}"
        body = order_body(f"{number}", customer, number)
        by_customer[customer].append((f"event-{number}", body))
        if number % 5 == 0:
            by_customer[customer].append((f"second-{number}", body))
    plain = sum(map(len, by_customer.values()))
    for _ in range(WEBHOOKS - plain):
        deliveries = by_customer[f"customer-{die.randrange(CUSTOMERS)}"]
        place = die.randrange(len(deliveries))
        deliveries.insert(die.randrange(place, len(deliveries)) + 1, deliveries[place])
    return Sale(by_customer)


async def send_all(sale: Sale, rig: Rig, connections: int) -> None:
    """Each customer's deliveries in order, many customers at once; a delivery without 2xx is sent again, as shops do."""
    customers = asyncio.Queue[str]()
    for customer in sale.by_customer:
        customers.put_nowait(customer)

    async def worker(session: aiohttp.ClientSession) -> None:
        while not customers.empty():
            for event, body in sale.by_customer[customers.get_nowait()]:
                while (status := await post(session, rig, event, body)) not in (200, 202):
                    sale.answers[status] += 1
                    await asyncio.sleep(0.05)
                sale.answers[status] += 1
                sale.acknowledged.add(event)
                sale.sent += 1

    async with aiohttp.ClientSession() as session:
        await asyncio.gather(*(worker(session) for _ in range(connections)))


async def kill_and_restart(rig: Rig, sale: Sale) -> list[str]:
    """Three deaths at named points and three at random, spread over the sale; what happened, in words."""
    die = random.Random(7)
    story = []

    async def until_sent(share: float) -> None:
        while sale.sent < WEBHOOKS * share:
            await asyncio.sleep(0.01)

    async def restart(*mischief: str) -> None:
        await asyncio.to_thread(rig.wait_for_death)
        await asyncio.to_thread(rig.start_engine, *mischief)

    await until_sent(0.10)
    rig.kill_engine()
    await restart("die=after-accept:200")
    story.append("random")
    await restart("die=before-record:200")
    story.append("after the append")
    await restart()
    story.append("before the record")
    await until_sent(0.5)
    assert rig.engine is not None
    await tell_partner(rig, kill_after_commit=rig.engine.pid)
    await restart()
    story.append("after the partner committed")
    for share in (0.65, 0.8):
        await until_sent(share + die.random() * 0.1)
        rig.kill_engine()
        await restart()
        story.append("random")
    return story


@pytest.mark.slow
@pytest.mark.parametrize("store", STORES)
def test_every_acknowledged_order_becomes_one_effect_in_order_though_the_engine_dies_six_times(
    tmp_path: Path, postgres_server_url: str, store: str
) -> None:
    sale = make_sale(seed=3)
    assert sum(map(len, sale.by_customer.values())) == WEBHOOKS

    async def run(rig: Rig) -> list[dict[str, object]]:
        _, story = await asyncio.gather(send_all(sale, rig, connections=16), kill_and_restart(rig, sale))
        assert sorted(story) == [
            "after the append",
            "after the partner committed",
            "before the record",
            "random",
            "random",
            "random",
        ]
        return await settle(rig)

    with new_store(store, tmp_path, postgres_server_url) as url, rig_at(tmp_path, faults=0.3, store=url) as rig:
        rig.start_engine()
        events = asyncio.run(run(rig))
        effects = rig.effects()

    by_id = {event["id"]: event for event in events}
    assert set(by_id) >= sale.acknowledged
    assert {event["id"]: event["status"] for event in events if event["status"] not in TERMINAL} == {}
    assert Counter(event["status"] for event in events) == {"done": ORDERS + ORDERS // 5}
    booked = Counter(effect["order"] for effect in effects)
    assert len(booked) == ORDERS
    assert [order for order, times in booked.items() if times != 1] == []
    by_customer: dict[str, list[int]] = defaultdict(list)
    for effect in effects:
        by_customer[effect["customer"]].append(effect["number"])
    assert len(by_customer) == CUSTOMERS
    assert [numbers for numbers in by_customer.values() if numbers != sorted(numbers)] == []
    assert sale.answers[200] > 0, "no duplicate was told so"


@pytest.mark.slow
def test_a_full_store_answers_503_records_outcomes_and_recovers_alone(tmp_path: Path) -> None:
    store = f"sqlite://{tmp_path}/small.db?max_size=2MiB"

    async def run(rig: Rig) -> None:
        await tell_partner(rig, delay_s=0.5)
        accepted, full = set(), 0
        async with aiohttp.ClientSession() as session:
            for number in range(5000):
                event = f"event-{number}"
                body = order_body(f"{number}", f"customer-{number}", number, filler="x" * 6000)
                status = await post(session, rig, event, body)
                assert status in (202, 503)
                if status == 202:
                    accepted.add(event)
                else:
                    full += 1
                if full == 20:
                    break
            assert full == 20, "the store never filled"
            await tell_partner(rig, delay_s=0.0)
            events = await settle(rig)
            assert {event["id"] for event in events} == accepted
            assert {event["status"] for event in events} == {"done"}
            assert Counter(effect["order"] for effect in rig.effects()) == {
                event.replace("event", "shop"): 1 for event in accepted
            }
            # No hand moved: finished bodies make room for new orders.
            body = order_body("after", "customer-after", 1, filler="x" * 6000)
            assert await post(session, rig, "event-after", body) == 202
            first = order_body("0", "customer-0", 0, filler="x" * 6000)
            assert await post(session, rig, "event-0", first) == 200, "a duplicate must still be known"
        events = await settle(rig)
        assert {event["status"] for event in events} == {"done"}

    with rig_at(tmp_path, store=store) as rig:
        rig.start_engine()
        asyncio.run(run(rig))
        assert (tmp_path / "small.db").stat().st_size <= 2 << 20

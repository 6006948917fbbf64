"""The small world: who waits for an effect in doubt, which is a person's, is left to wait; whatever else is due goes on."""

import asyncio
from pathlib import Path

import pytest
from blackbox.rig import order_body
from run.shop import shop

from engine.model import Status
from engine.run.load import load
from engine.wire.answers import Inbound
from harness.world import World

ERP = "charter/systems/erp.yaml"
STEPS = """
  - {id: review, when: "body.number == `2`", hold: {queue: review, reason: look, expires: 3h}, on_failure: continue, default: none}
  - {id: erp, call: erp.create_order, input: body, once: body.id, on_unknown: hold}
"""


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Its ERP never says what came of an order."""
    files = shop(STEPS)
    files[ERP] = files[ERP].replace("answer: {status: 201,", "answer: {status: 500,", 1)
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text.lstrip())
    return World(load(tmp_path, "local"))


def statuses(world: World, *orders: tuple[str, int], waits: bool = False) -> list[Status]:
    """Where events stand that tell of these orders, each from another customer."""

    async def play() -> list[int]:
        plan, events = world.loaded.plans["shop-orders"], []
        for at, (order, number) in enumerate(orders):
            inbound = Inbound("POST", "/", {"x-shop-event": f"e{at}"}, {}, order_body(order, f"c{at}", number))
            events.append(await world.receive(plan, inbound))
        if waits:
            await world.wait_out()
        return events

    return [world.ended(event).status for event in asyncio.run(play())]


def test_who_waits_for_an_effect_in_doubt_is_left_to_wait(world: World) -> None:
    assert statuses(world, ("1", 1), ("1", 1), ("1", 1)) == [Status.HELD, Status.WAITING, Status.WAITING]


def test_what_else_is_due_goes_on_beside_it(world: World) -> None:
    assert statuses(world, ("1", 1), ("1", 1), ("2", 2), waits=True) == [Status.HELD, Status.WAITING, Status.HELD]
    assert [call.operation for call in world.calls[3]] == ["erp.create_order"], "it was waited for in vain, and went on"

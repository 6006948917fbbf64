"""A small workspace that really runs: one integration that is sent to, one that hears of it, and a partner of both."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from engine.clock import SystemClock
from engine.rules.signature import Verification, sign
from engine.run.load import load
from engine.store.open import reading, store_address
from harness.load.measure.joined import measure
from harness.load.measure.ran import Partners, Ran, ask_partners
from harness.load.measure.watch import Watch
from harness.load.model import Measures, Message, PhaseSpan, Sent
from harness.processes import HOST, Engine, Process, python

SECRET = b"a-secret-of-the-shop-that-signs"
FILES: Mapping[str, str] = {
    "charter/charter.yaml": """\
charter: Acme
environments: {local: {}}
teams: {orders: {contact: "#orders", on_call: orders-oncall}}
raci: {deploys: orders, monitors: orders, resolves: orders}
domains: {}
topics: {orders: {contract: shop/order@1, key: to_string(id)}}
""",
    "charter/models/shop/order@1.yaml": "type: object\nproperties: {id: {type: integer}}\nadditionalProperties: true\n",
    "charter/systems/shop.yaml": """\
system: shop
kind: storefront
webhooks: {verify: {scheme: shopify, secret: {secret: SHOP_SECRET}}}
""",
    "charter/systems/erp.yaml": """\
system: erp
kind: erp
base_url: {local: {env: ERP_URL}}
idempotency: {header: Idempotency-Key, valid_for: 24h}
quota: {rate: 1000/s, burst: 1000}
operations:
  create_order:
    request: {method: POST, path: /orders, body: "merge(input, {reference: once})"}
    effect: idempotent
    identity: body.reference
    result: body.id
    answer: {status: 201, body: {id: "so-{{ n }}"}}
  note:
    request: {method: PUT, path: "/notes/{{ input.id }}", query: {of: input.name}, body: input}
    effect: unprotected
    identity: path[1]
    answer: {status: 200, body: {}}
""",
    "specs/orders.yaml": """\
integration: orders
version: 1
summary: Every order becomes exactly one sales order.
owner: orders
impact: operations
receive:
  webhook: {path: /hooks/orders, system: shop}
  contract: shop/order@1
  id: headers."x-shopify-webhook-id"
  key: to_string(body.thing)
steps:
  - {id: erp, call: erp.create_order, input: body, once: to_string(body.id)}
  - {id: publish, emit: {topic: orders, body: body}}
sla:
  accept: {p99: 2s}
  complete: {p99: 20s, within: 1h, success: 99.9%}
""",
    "specs/notes.yaml": """\
integration: notes
version: 1
summary: Every order is noted once somebody heard of it.
owner: orders
impact: operations
receive: {topic: orders}
steps:
  - {id: note, call: erp.note, input: body, once: to_string(body.id)}
""",
}


def write(root: Path, changed: Mapping[str, str]) -> None:
    for name, text in {**FILES, **changed}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


@dataclass
class Stand:
    """What runs, for a test that sends to it itself."""

    root: Path
    session: aiohttp.ClientSession
    engine: Engine
    watch: Watch
    partners_url: str
    clock: SystemClock = field(default_factory=SystemClock)
    messages: list[Message] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
    began_us: int = 0

    def begin(self) -> None:
        self.began_us = self.clock.now()

    async def send(self, id_: int, thing: int, due_us: int | None = None, phase: int = 0) -> Sent:
        """One order, sent now; due now unless said otherwise."""
        body = json.dumps({"id": id_, "thing": thing, "name": "größer & kleiner"}).encode()
        headers = {
            **sign(Verification("shopify", "", "base64", (SECRET,)), body, 0),
            "x-shopify-webhook-id": f"w-{id_}",
            "content-type": "application/json",
        }
        number = next((at for at, one in enumerate(self.messages) if one.ids == (f"w-{id_}",)), len(self.messages))
        if number == len(self.messages):
            self.messages.append(Message("orders", b"", (f"w-{id_}",), (str(thing),)))
        sent_us = self.now_us()
        url = f"http://{HOST}:{self.engine.port}/hooks/orders"
        async with self.session.post(url, data=body, headers=headers) as answer:
            said = await answer.json()
        event = int(str(said["event"]).removeprefix("evt-"))
        record = Sent(
            number, phase, sent_us if due_us is None else due_us, sent_us, self.now_us(), answer.status, event
        )
        self.sent.append(record)
        return record

    def now_us(self) -> int:
        return self.clock.now() - self.began_us

    async def settle(self, wait_s: float = 20) -> None:
        """Until nothing is left to move."""
        async with asyncio.timeout(wait_s):
            while True:
                row = await self.watch.look()
                if row.page is not None and not row.page.backlog:
                    return
                await asyncio.sleep(0.1)

    async def measured(
        self, phases: Sequence[PhaseSpan], change: Callable[[Partners], Partners] | None = None
    ) -> Measures:
        """Stops the engine and measures."""
        ended_us = self.clock.now()
        partners = await ask_partners(self.session, self.partners_url, ["erp"], self.began_us)
        assert self.engine.end(20) == 0
        ran = Ran(
            began_us=self.began_us,
            ended_us=ended_us,
            phases=tuple(phases),
            messages=self.messages,
            sent=self.sent,
            rows=self.watch.rows,
            partners=change(partners) if change else partners,
        )
        with reading(store_address(self.root, None)) as database:
            return measure(load(self.root, "local"), ran, database)


@asynccontextmanager
async def stand(
    root: Path, *, options: Sequence[str] = (), changed: Mapping[str, str] | None = None
) -> AsyncIterator[Stand]:
    """All of it, ended whatever happens."""
    write(root, changed or {})
    words = python("-m", "harness.load.stage.partners", str(root), "erp", *options)
    partners = Process("the partners", words, root / "partners.log", {}, life_s=120)
    engine = None
    try:
        partners.start(piped=True)
        ready: dict[str, Any] = json.loads(partners.read_line())
        variables = {
            "ERP_URL": f"http://{HOST}:{ready['partners']['erp']}",
            "WAYBILL_SECRET_SHOP_SECRET": SECRET.decode(),
        }
        engine = Engine(root, root / "engine.log", variables, life_s=120)
        engine.start_ready()
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session:
            watch = Watch(session, f"http://{HOST}:{engine.admin_port}/metrics", engine.pid)
            found = Stand(root, session, engine, watch, f"http://{HOST}:{ready['admin_port']}")
            found.begin()
            yield found
    finally:
        if engine is not None:
            engine.kill()
        partners.kill()

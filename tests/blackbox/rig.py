"""A user's rig: a workspace written by hand, the engine and a partner as processes, webhooks signed as a shop would."""

import asyncio
import base64
import hashlib
import hmac
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from engine.clock import SystemChance
from harness.processes import ENGINE, HOST, Engine, Process, environment, free_ports, python

SECRET = b"a-shop-secret-of-decent-length"
HERE = Path(__file__).parent
DEADLINE_S = 120
GRACE_S = 10

FILES = {
    "charter/charter.yaml": """
charter: Test Brand
environments: {local: {}}
teams: {orders: {contact: "#orders", on_call: orders-oncall}}
raci: {deploys: orders, monitors: orders, resolves: orders}
""",
    "charter/systems/shop.yaml": """
system: shop
kind: storefront
webhooks:
  verify: {scheme: hmac-sha256, header: X-Shop-Signature, encoding: base64, secret: {secret: SHOP_SECRET}}
""",
    "charter/systems/erp.yaml": """
system: erp
kind: erp
base_url: {local: {env: ERP_URL}}
auth: {bearer: {secret: ERP_TOKEN}}
idempotency: {header: Idempotency-Key, valid_for: 24h}
timeout: 2s
retry: {attempts_max: 60, first: 20ms, factor: 2, cap: 200ms}
operations:
  create_order:
    request: {method: POST, path: /sales-orders, body: "merge(input, {external_id: once})"}
    effect: idempotent
    identity: body.external_id
    result: body.id
    lookup: {call: find_order, input: "{external_id: once}", found: "length(body.items) > `0`", result: "body.items[0].id"}
    answer: {status: 201, body: {id: "so-{{ n }}"}}
  find_order:
    request: {method: GET, path: /sales-orders, query: {external_id: input.external_id}}
    effect: none
    identity: query.external_id
    answer: [{when: known, status: 200, body: {items: [{id: "{{ known.result }}"}]}}, {status: 200, body: {items: []}}]
""",
    "charter/models/shop/order@1.yaml": """
$schema: https://json-schema.org/draft/2020-12/schema
type: object
required: [id, customer, number, total, currency]
properties:
  id: {type: string}
  customer: {type: string}
  number: {type: integer}
  total: {type: string, pattern: "^[0-9]+[.][0-9]{2}$"}
  currency: {type: string}
""",
    "charter/models/canonical/order@1.yaml": """
$schema: https://json-schema.org/draft/2020-12/schema
type: object
required: [id, customer, number, total_minor]
properties:
  id: {type: string}
  customer: {type: string}
  number: {type: integer}
  total_minor: {type: integer, minimum: 0}
""",
    "mappings/order.yaml": """
mapping: order
from: shop/order@1
to: canonical/order@1
fields:
  id: join('-', ['shop', id])
  customer: customer
  number: number
  total_minor: {from: total, money: currency}
""",
    "specs/shop-orders.yaml": """
integration: shop-orders
version: 1
summary: Every order of the shop becomes exactly one order of the ERP.
owner: orders
impact: revenue
receive:
  webhook: {path: /hooks/orders, system: shop}
  contract: shop/order@1
  id: headers."x-shop-event"
  key: body.customer
  dedupe_for: 7d
steps:
  - id: order
    map: order
  - id: erp
    call: erp.create_order
    input: order
    once: order.id
    on_unknown: lookup
""",
}


@dataclass
class Rig:
    """One workspace, its processes and the words to talk to them."""

    root: Path
    files: dict[str, str] = field(default_factory=lambda: dict(FILES))
    more_environment: dict[str, str] = field(default_factory=dict)
    faults: float = 0.0
    store: str | None = None
    options: tuple[str, ...] = ()
    port: int = 0
    admin_port: int = 0
    engine: Engine | None = None
    partner: Process | None = None
    partner_port: int = 0

    @property
    def book(self) -> Path:
        return self.root.parent / "book.jsonl"

    @property
    def log(self) -> Path:
        return self.root.parent / "engine.log"

    @property
    def variables(self) -> dict[str, str]:
        return {
            "WAYBILL_SECRET_SHOP_SECRET": SECRET.decode(),
            "WAYBILL_SECRET_STRIPE_SECRET": "whsec-of-decent-length",
            "WAYBILL_SECRET_ERP_TOKEN": "an-erp-token",
            "ERP_URL": f"http://{HOST}:{self.partner_port}",
            **self.more_environment,
        }

    @property
    def environment(self) -> dict[str, str]:
        return environment(self.variables)

    def write(self) -> None:
        for name, text in self.files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.lstrip())

    def start_partner(self, seed: int = 1) -> None:
        words = python(str(HERE / "partner_server.py"), str(self.book), str(seed), str(self.faults))
        self.partner = Process("the partner", words, self.root.parent / "partner.log", {})
        self.partner.start(piped=True)
        self.partner_port = int(self.partner.read_line())

    def make_engine(self, *mischief: str) -> Engine:
        """The engine, not yet started; with `mischief` (see `spoilt_engine.py`) something happens to it."""
        if self.port == 0:
            self.port, self.admin_port = free_ports(SystemChance())
        return Engine(
            self.root,
            self.log,
            self.variables,
            (self.port, self.admin_port),
            program=[str(HERE / "spoilt_engine.py"), *mischief] if mischief else ENGINE,
            options=[*(["--store", self.store] if self.store else []), *self.options],
            folder=self.root.parent,
        )

    def start_engine(self, *mischief: str) -> None:
        """Starts the engine and waits until it takes events."""
        self.engine = self.make_engine(*mischief)
        self.engine.start_ready()

    def is_alive(self) -> bool:
        return self.engine is not None and self.engine.is_alive

    def kill_engine(self) -> None:
        assert self.engine is not None
        self.engine.kill()

    def wait_for_death(self) -> None:
        assert self.engine is not None
        self.engine.wait(DEADLINE_S)

    def stop(self) -> int | None:
        code = None if self.engine is None else self.engine.end(DEADLINE_S)
        if self.partner is not None:
            self.partner.end(GRACE_S)
        return code

    def waybill(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            python(*ENGINE, *words),
            capture_output=True,
            text=True,
            env=self.environment,
            cwd=self.root.parent,
            timeout=DEADLINE_S,
            check=False,
        )

    def events(self, *more: str) -> list[dict[str, Any]]:
        store = ["--store", self.store] if self.store else []
        done = self.waybill("events", "--workspace", str(self.root), "--format", "json", *store, *more)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def effects(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.book.read_text().splitlines()] if self.book.exists() else []


@contextmanager
def rig_at(folder: Path, **more: Any) -> Iterator[Rig]:
    """A rig with its workspace written and its partner running; everything ends with the block."""
    rig = Rig(folder / "workspace", **more)
    rig.write()
    rig.start_partner()
    try:
        yield rig
    finally:
        rig.stop()


def order_body(order: str, customer: str, number: int, **more: Any) -> bytes:
    return json.dumps(
        {"id": order, "customer": customer, "number": number, "total": "19.99", "currency": "EUR", **more}
    ).encode()


def signed(event: str, body: bytes) -> dict[str, str]:
    signature = base64.b64encode(hmac.digest(SECRET, body, hashlib.sha256)).decode()
    return {"X-Shop-Event": event, "X-Shop-Signature": signature, "Content-Type": "application/json"}


async def post(
    session: aiohttp.ClientSession, rig: Rig, event: str, body: bytes, path: str = "/hooks/orders"
) -> int | None:
    """The status of one delivery, None where there was no answer."""
    try:
        async with session.post(
            f"http://{HOST}:{rig.port}{path}",
            data=body,
            headers=signed(event, body),
            timeout=aiohttp.ClientTimeout(total=5),
        ) as answer:
            await answer.read()
            return answer.status
    except (aiohttp.ClientError, TimeoutError, ConnectionError):
        return None


async def tell_partner(rig: Rig, **told: Any) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"http://{HOST}:{rig.partner_port}/_tell", json=told) as answer,
    ):
        assert answer.status == 200


async def settle(rig: Rig, deadline_s: float = DEADLINE_S) -> list[dict[str, Any]]:
    """Waits until nothing moves any more; the events."""
    async with asyncio.timeout(deadline_s):
        while True:
            events = await asyncio.to_thread(rig.events)
            if not any(event["status"] in ("accepted", "running", "waiting") for event in events):
                return events
            await asyncio.sleep(0.3)

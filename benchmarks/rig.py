"""What the benchmarks run against: the reference integration in an engine process, a partner that only answers, a bare server.

Every server is a process of its own on loopback and ends with its block. Payloads are made from a recording of this
repository, each with its own order and webhook id, signed as the shop would.
"""

import base64
import hashlib
import hmac
import json
import math
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from benchmarks.forty import EXPRESSIONS
from engine.cli.workspace import reference_files
from engine.store.open import Address, store_address
from harness import processes
from harness.processes import Process, python

SECRET = b"a-shop-secret-of-decent-length"
LIFE_S = 90.0
"""No server of a benchmark lives longer."""
GRACE_S = 10.0
ROOT = Path(__file__).resolve().parent.parent
HOOK = "/hooks/shopify/orders"
DROPPED = ("client_details", "discount_applications", "shipping_lines", "note_attributes", "payment_terms")
"""Left out of the recorded order, with every `*_set` and all lines but one, to come to the 4.7 KB that peers were measured with."""

BARE = """
import sys, uvloop
from aiohttp import web
async def handle(request):
    await request.read()
    return web.Response(status=202)
async def main():
    app = web.Application(client_max_size=8 << 20)
    app.router.add_post('/{path:.*}', handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, '127.0.0.1', 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    import asyncio
    await asyncio.Event().wait()
uvloop.run(main())
"""

PARTNER = """
import asyncio, sys, uvloop
ANSWER = b'{"id": "so-1"}'
HEAD = b'HTTP/1.1 201 Created\\r\\nContent-Type: application/json\\r\\nContent-Length: %d\\r\\n\\r\\n%b' % (len(ANSWER), ANSWER)
delay = float(sys.argv[1])
class Peer(asyncio.Protocol):
    def connection_made(self, transport): self.transport, self.got = transport, b''
    def data_received(self, data):
        self.got += data
        while (end := self.got.find(b'\\r\\n\\r\\n')) >= 0:
            head = self.got[:end].lower()
            at = head.find(b'content-length:')
            size = int(head[at + 15:].split(b'\\r\\n', 1)[0]) if at >= 0 else 0
            if len(self.got) < end + 4 + size: return
            self.got = self.got[end + 4 + size:]
            asyncio.get_running_loop().call_later(delay, self.answer) if delay else self.answer()
    def answer(self):
        if not self.transport.is_closing(): self.transport.write(HEAD)
async def main():
    server = await asyncio.get_running_loop().create_server(Peer, '127.0.0.1', 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()
uvloop.run(main())
"""


def make_payloads(count: int, first: int = 0) -> list[tuple[bytes, dict[str, str]]]:
    """Signed orders of the shop, numbered from `first`, each number an order and a webhook of its own: (body, headers)."""
    recorded = json.loads((ROOT / "recordings/shopify/order-paid.json").read_text())["body"]
    del recorded["line_items"][1:]
    for part in (recorded, recorded["line_items"][0]):
        for name in [name for name in part if name in DROPPED or name.endswith("_set")]:
            del part[name]
    marker = 918273645
    text = json.dumps({**recorded, "id": marker}, separators=(",", ":")).encode()
    before, after = text.split(str(marker).encode(), 1)
    made = []
    for number in range(first, first + count):
        body = before + str(6_000_000_000 + number).encode() + after
        signature = base64.b64encode(hmac.digest(SECRET, body, hashlib.sha256)).decode()
        made.append(
            (
                body,
                {
                    "X-Shopify-Webhook-Id": f"bench-{number}",
                    "X-Shopify-Hmac-Sha256": signature,
                    "X-Shopify-Topic": "orders/paid",
                },
            )
        )
    return made


@contextmanager
def folder_on_disk() -> Iterator[Path]:
    """A folder that ends with its block, on the disk of this repository: many a /tmp is memory, where fsync is free."""
    parent = ROOT / ".benchmarks"
    parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="waybill-", dir=parent) as folder:
        yield Path(folder)


@contextmanager
def running(process: Process) -> Iterator[Process]:
    """Ends a process with the block; its last words are printed where the block fails."""
    try:
        yield process
    except BaseException:
        print(process.failed(), file=sys.stderr)
        raise
    finally:
        process.end(GRACE_S)


@contextmanager
def server(*words: str) -> Iterator[tuple[Process, int]]:
    """A server process of Python and the port it prints."""
    with server_of(python(*words)) as started:
        yield started


@contextmanager
def server_of(command: list[str]) -> Iterator[tuple[Process, int]]:
    """A server process and the port it prints. It is told to end with the block, and made to after LIFE_S."""
    with folder_on_disk() as folder:
        started = Process("a server", command, folder / "log", {}, folder=ROOT, life_s=LIFE_S)
        started.start(piped=True)
        with running(started):
            yield started, int(started.read_line())


@contextmanager
def bare_server() -> Iterator[tuple[Process, int]]:
    with server("-c", BARE) as started:
        yield started


@contextmanager
def partner(delay_s: float = 0.0) -> Iterator[int]:
    with server("-c", PARTNER, str(delay_s)) as (_, port):
        yield port


class Engine(NamedTuple):
    """A running engine: its process, the port of its intake, and where its store is."""

    process: Process
    port: int
    store: Address


PUBLISH = b"""
  - id: publish                                # each announcement is news; who receives it says what is done once
    emit: {topic: orders, body: order}
"""
QUOTA = re.compile(rb"^quota: .*\n", re.MULTILINE)


def one_call_files() -> dict[str, bytes]:
    """The reference workspace with one integration, of one mapping and one call: what the peers do too. What follows
    from an order is not measured here, and the partner takes whatever it is sent."""
    spec = "specs/shopify-orders-to-erp.yaml"
    files = {name: raw for name, raw in reference_files().items() if not name.startswith("specs/") or name == spec}
    assert files[spec].count(PUBLISH) == 1
    erp = "charter/systems/erp.yaml"
    return {**files, spec: files[spec].replace(PUBLISH, b""), erp: QUOTA.sub(b"", files[erp])}


def forty_files() -> dict[str, bytes]:
    """The same with the forty fields that the peers map (`forty.py`), held against a contract of their own, and nothing
    else on the way to the call. What is null stays null."""
    files = one_call_files()
    fields = {name: {"from": text, "default": None} for name, text in EXPRESSIONS.items()}
    mapping = {"mapping": "forty", "from": "shopify/order@2024-10", "to": "peer/order@1", "fields": fields}
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "additionalProperties": False,
        "required": list(EXPRESSIONS),
        "properties": {name: {} for name in EXPRESSIONS},
    }
    spec, contract = "specs/shopify-orders-to-erp.yaml", "charter/models/shopify/order@2024-10.yaml"
    head, _, _ = files[spec].partition(b"steps:\n")
    assert files[contract].count(CUSTOMER) == 1
    files[contract] = files[contract].replace(CUSTOMER, CUSTOMER + CONSENT)
    made = {"mappings/forty.yaml": mapping, "charter/models/peer/order@1.yaml": schema}
    return {**files, **{name: json.dumps(one).encode() for name, one in made.items()}, spec: head + FORTY_STEPS}


CUSTOMER = b"""  customer:
    type: [object, "null"]
    properties:
"""
CONSENT = b"""      email_marketing_consent: {type: [object, "null"], properties: {state: {type: [string, "null"]}}}
"""
"""The one of the forty fields that the reference contract does not know."""
FORTY_STEPS = b"""steps:
  - {id: order, map: forty}
  - {id: erp, call: erp.create_order, input: order, once: order.id, on_unknown: lookup}
"""


@contextmanager
def engine(
    partner_port: int, workers: int | None = None, store: str | None = None, files: dict[str, bytes] | None = None
) -> Iterator[Engine]:
    """The engine on the first integration of the reference workspace, or on these `files`; `workers` and `store`
    as on the command line, None for what it takes by itself."""
    with folder_on_disk() as root:
        for name, raw in (files or one_call_files()).items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(raw)
        environment = {
            "WAYBILL_SECRET_SHOPIFY_WEBHOOK_SECRET": SECRET.decode(),
            "WAYBILL_SECRET_ERP_TOKEN": "erp-token-for-bench",
            "ERP_URL": f"http://127.0.0.1:{partner_port}",
        }
        options = (*(("--workers", str(workers)) if workers else ()), *(("--store", store) if store else ()))
        started = processes.Engine(root, root / "engine.log", environment, options=options, folder=ROOT, life_s=LIFE_S)
        started.start(piped=True)
        with running(started):
            started.read_ports()
            yield Engine(started, started.port, store_address(root, store))


def cpu_s(pid: int) -> float:
    """CPU seconds that a process and its children have used, all their threads, those it has buried too; nan where the
    system has no /proc to tell."""
    if not Path("/proc/self/stat").exists():
        return math.nan
    found = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has just ended
            fields = stat.read_text().rsplit(")", 1)[1].split()
            if stat.parent.name == str(pid):
                found += sum(map(int, fields[11:15]))
            elif fields[1] == str(pid):
                found += int(fields[11]) + int(fields[12])
    return found / os.sysconf("SC_CLK_TCK")

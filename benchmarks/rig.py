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
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from engine.cli.workspace import reference_files
from engine.store.files import store_address

SECRET = b"a-shop-secret-of-decent-length"
LIFE_S = 90.0
"""No server of a benchmark lives longer."""
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
def process(*command: str, environment: dict[str, str] | None = None) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """A server process and the first line it prints. It is told to end with the block, and made to after LIFE_S."""
    running = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environment or {})},
        cwd=ROOT,
    )
    assert running.stdout is not None
    assert running.stderr is not None
    said: deque[str] = deque(maxlen=20)
    listening = threading.Thread(target=said.extend, args=(running.stderr,), daemon=True)
    listening.start()
    end = threading.Timer(LIFE_S, running.kill)
    end.start()
    try:
        line = running.stdout.readline()
        assert line, f"{command[:4]} did not start: {''.join(said)}"
        yield running, line
    except BaseException:
        print("".join(said), file=sys.stderr)
        raise
    finally:
        running.terminate()
        running.wait()
        end.cancel()
        listening.join()
        running.stdout.close()
        running.stderr.close()


@contextmanager
def bare_server() -> Iterator[tuple["subprocess.Popen[str]", int]]:
    with process(sys.executable, "-c", BARE) as (running, line):
        yield running, int(line)


@contextmanager
def partner(delay_s: float = 0.0) -> Iterator[int]:
    with process(sys.executable, "-c", PARTNER, str(delay_s)) as (_, line):
        yield int(line)


class Engine(NamedTuple):
    """A running engine: its process, the port of its intake, and the file of its store."""

    process: "subprocess.Popen[str]"
    port: int
    store: Path


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


@contextmanager
def engine(partner_port: int, workers: int = 64, store: str | None = None) -> Iterator[Engine]:
    """The engine on the first integration of the reference workspace; `store` as on the command line, None for a file
    of its own."""
    with folder_on_disk() as root:
        for name, raw in one_call_files().items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(raw)
        environment = {
            "WAYBILL_SECRET_SHOPIFY_WEBHOOK_SECRET": SECRET.decode(),
            "WAYBILL_SECRET_ERP_TOKEN": "erp-token-for-bench",
            "ERP_URL": f"http://127.0.0.1:{partner_port}",
        }
        command = [
            sys.executable,
            "-m",
            "engine",
            "run",
            str(root),
            "--port",
            "0",
            "--admin-port",
            "0",
            "--workers",
            str(workers),
            *(["--store", store] if store else []),
        ]
        with process(*command, environment=environment) as (running, line):
            found = re.search(r":(\d+), admin on", line)
            assert found, "the engine did not start"
            yield Engine(running, int(found[1]), store_address(root, store).path)


def cpu_s(pid: int) -> float:
    """CPU seconds a process has used, all its threads; nan where the system has no /proc to tell."""
    if not Path("/proc/self/stat").exists():
        return math.nan
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

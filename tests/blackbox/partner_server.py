"""An ERP as a process of its own, so that killing the engine never touches it. Written for the tests, with no part of Waybill.

It keeps a book (every commit, doubles and all, appended to a file), answers by Idempotency-Key, and misbehaves as a
seeded die says: 429, 5xx before and after the commit, connections cut after the commit, delays.
"""

import asyncio
import json
import os
import random
import signal
import sys
from pathlib import Path

from aiohttp import web


class Erp:
    def __init__(self, book: Path, seed: int, faults: float) -> None:
        self.book = book
        self.die = random.Random(seed)
        self.faults = faults
        self.by_key: dict[str, dict[str, object]] = {}
        self.by_order: dict[str, dict[str, object]] = {}
        self.kill_after_commit: int | None = None
        self.delay_s = 0.0

    async def create(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        await asyncio.sleep(self.delay_s)
        fault = self.die.random() if self.die.random() < self.faults else 1.0
        if fault < 0.2:
            return web.json_response(
                {"error": "slow down"}, status=429, headers={"Retry-After": "0"} if fault < 0.1 else {}
            )
        if fault < 0.35:
            return web.json_response({"error": "not now"}, status=503)
        if fault < 0.5:
            return web.json_response({"error": "broken"}, status=500)
        key = request.headers["Idempotency-Key"]
        if key not in self.by_key:
            answer: dict[str, object] = {"id": f"so-{len(self.by_key) + 1}"}
            with self.book.open("a") as file:
                file.write(
                    json.dumps({"order": body["external_id"], "customer": body["customer"], "number": body["number"]})
                    + "\n"
                )
            self.by_key[key] = self.by_order[body["external_id"]] = answer
        if self.kill_after_commit is not None:
            os.kill(self.kill_after_commit, signal.SIGKILL)
            self.kill_after_commit = None
        if fault < 0.7:
            assert request.transport is not None
            request.transport.abort()
        elif fault < 0.85:
            return web.json_response({"error": "after the commit"}, status=500)
        elif fault < 1.0:
            await asyncio.sleep(0.2)
        return web.json_response(self.by_key[key], status=201)

    async def find(self, request: web.Request) -> web.StreamResponse:
        found = self.by_order.get(request.query.get("external_id", ""))
        return web.json_response({"items": [found] if found else []})

    async def tell(self, request: web.Request) -> web.StreamResponse:
        told = await request.json()
        self.kill_after_commit = told.get("kill_after_commit", self.kill_after_commit)
        self.faults = told.get("faults", self.faults)
        self.delay_s = told.get("delay_s", self.delay_s)
        return web.json_response({})


async def main(book: str, seed: str, faults: str) -> None:
    erp = Erp(Path(book), int(seed), float(faults))
    app = web.Application()
    app.router.add_post("/sales-orders", erp.create)
    app.router.add_get("/sales-orders", erp.find)
    app.router.add_post("/_tell", erp.tell)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

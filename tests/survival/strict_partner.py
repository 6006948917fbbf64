"""A partner with limits of its own, as a process, so that it can be killed and started again on its port. Written for
the tests, with no part of Waybill.

    strict_partner.py LOG PORT SEED OPTIONS     {"rate", "burst", "failing", "slow_s"}, all optional

What comes above its rate is answered 429; a share of the rest is put off (408); each answer takes `slow_s`. Of every
request it writes a line: when it came by its own clock, for which order, of which lane, how it was answered, how many
others were being answered, and how many had been before.
"""

import asyncio
import json
import random
import signal
import sys
import time
from pathlib import Path

from aiohttp import web


class Strict:
    def __init__(self, log: Path, seed: int, options: dict[str, float]) -> None:
        self.log = log.open("a", buffering=1)
        self.die = random.Random(seed)
        self.rate = options.get("rate", 0.0)
        self.burst = self.level = options.get("burst", 1.0)
        self.failing = options.get("failing", 0.0)
        self.slow_s = options.get("slow_s", 0.0)
        self.filled_at = time.monotonic()
        self.at_once = self.ended = 0

    async def book(self, request: web.Request) -> web.StreamResponse:
        at, ended = time.monotonic(), self.ended
        self.at_once += 1
        at_once, status = self.at_once, self.status(at)
        try:
            body = await request.json()
            await asyncio.sleep(self.slow_s)
            told = {"at": at, "order": body["id"], "lane": body["lane"], "status": status}
            self.log.write(json.dumps({**told, "at_once": at_once, "ended": ended}) + "\n")
            return web.json_response({}, status=status, headers={"Retry-After": "1"} if status == 429 else {})
        finally:
            self.at_once -= 1
            self.ended += 1

    def status(self, at: float) -> int:
        if self.rate:
            self.level = min(self.burst, self.level + self.rate * (at - self.filled_at))
            self.filled_at = at
            if self.level < 1:
                return 429
            self.level -= 1
        return 408 if self.die.random() < self.failing else 201


async def main(log: str, port: str, seed: str, options: str) -> None:
    app = web.Application()
    app.router.add_post("/orders", Strict(Path(log), int(seed), json.loads(options)).book)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", int(port)).start()
    print("ready", flush=True)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

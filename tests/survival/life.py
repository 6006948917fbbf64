"""A life: a sale sent to an engine that something happens to, until nothing moves any more and the books can be asked."""

import asyncio
import json
import re
import urllib.request
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp
from blackbox.rig import DEADLINE_S, Rig, post
from stores import new_store

from engine.errors import UserError
from harness.processes import HOST, PartnerProcess
from survival.brand import PARTNERS, WORKSPACE, Book, Event, Sale, broken_promises

FAULTS = "slow=0.3,slow_least_s=0.005,slow_most_s=0.06,throttle=0.05,throttle_wait_s=0"
SENDERS = 6
ACTIVE = ("accepted", "running", "waiting")
COUNTED = re.compile(r'^waybill_events\{[^}]*status="(\w+)"\} (\S+)', re.MULTILINE)


@dataclass
class Partners:
    """The partners that all lives share, as processes of their own: nothing that happens to an engine touches them.
    `server_url` is of the PostgreSQL beside them."""

    processes: dict[str, PartnerProcess]
    server_url: str

    @property
    def addresses(self) -> dict[str, str]:
        return {f"{system.upper()}_URL": process.url for system, process in self.processes.items()}

    def book(self, sale: Sale) -> Book:
        """What they booked for the orders of one sale."""
        book: dict[str, list[str]] = {}
        for system, process in self.processes.items():
            with urllib.request.urlopen(f"{process.admin_url}/_book", timeout=30) as answer:
                rows = json.load(answer)["rows"]
            for row in rows:
                if row["identity"] in sale.numbers:
                    book.setdefault(f"{system}.{row['operation']}", []).append(row["identity"])
        return book


@contextmanager
def partners_at(folder: Path, server_url: str, faults: str = FAULTS, seed: int = 1) -> Iterator[Partners]:
    """Partners described by the brand's workspace; they end with the block."""
    Rig(folder / "workspace", files=dict(WORKSPACE)).write()
    processes = {
        system: PartnerProcess(system, folder / "workspace", folder / f"{system}.log", seed, faults)
        for system in PARTNERS
    }
    try:
        for process in processes.values():
            process.start(piped=True)
        for process in processes.values():
            process.read_ports()
        yield Partners(processes, server_url)
    finally:
        for process in processes.values():
            process.kill()


@contextmanager
def rig_beside(partners: Partners, folder: Path, store: str, files: Mapping[str, str] = WORKSPACE) -> Iterator[Rig]:
    """A rig of the brand in a folder of its own, with a new store; its engine ends with the block."""
    with new_store(store, folder, partners.server_url) as url:
        rig = Rig(folder / "workspace", files=dict(files), store=url)
        rig.more_environment = partners.addresses
        rig.write()
        try:
            yield rig
        finally:
            if rig.engine is not None:
                rig.engine.kill()


@contextmanager
def another(rig: Rig, folder: Path) -> Iterator[Rig]:
    """One more engine on the same store, in a workspace of its own."""
    other = replace(rig, root=folder / "another" / "workspace", engine=None, port=0, admin_port=0)
    other.write()
    try:
        yield other
    finally:
        if other.engine is not None:
            other.engine.kill()


@dataclass
class Life:
    """One sale and one rig. `starts` is the mischief of each start, the last of which is none: what died is started
    again until then."""

    rig: Rig
    sale: Sale
    partners: Partners
    starts: list[Sequence[str]]
    judge: Callable[[Sale, Sequence[Event], Book], list[str]] = broken_promises
    others: list[Rig] = field(default_factory=list)
    """More engines that take events."""
    suspects_go_on: bool = False
    """A person lets go on what was at work in three deaths that were none of its doing."""
    pause_s: float = 0.0
    """How long a sender waits between two deliveries."""
    deaths: list[int | None] = field(default_factory=list)
    turn: int = 0

    async def run(self) -> None:
        """The whole sale, whatever dies, until nothing moves by itself."""
        await asyncio.to_thread(self.start)
        async with asyncio.timeout(DEADLINE_S), asyncio.TaskGroup() as group:
            living = group.create_task(self.keep_alive())
            await self.send_and_settle()
            living.cancel()

    async def send_and_settle(self) -> None:
        await self.send()
        await self.settled()

    def start(self) -> None:
        """Starts the engine as often as it dies before it takes events."""
        while True:
            mischief = self.starts.pop(0)
            try:
                self.rig.start_engine(*mischief)
            except UserError:
                assert self.rig.engine is not None
                self.deaths.append(self.rig.engine.kill())
                assert self.starts, self.rig.log.read_text()
            else:
                return

    async def keep_alive(self) -> None:
        """Starts what has died, as long as there is a start left."""
        while self.starts:
            while self.rig.is_alive():
                await asyncio.sleep(0.02)
            assert self.rig.engine is not None
            self.deaths.append(self.rig.engine.wait())
            await asyncio.to_thread(self.start)

    async def send(self) -> None:
        """Each customer's deliveries in order, some customers at once; what has no 2xx is sent again, as shops do."""
        customers = list(self.sale.by_customer)

        async def sender(session: aiohttp.ClientSession) -> None:
            while customers:
                for event, body in self.sale.by_customer[customers.pop()]:
                    while await post(session, self.taker(), event, body) not in (200, 202):
                        await asyncio.sleep(0.05)
                    self.sale.acknowledged.add(event)
                    await asyncio.sleep(self.pause_s)

        async with aiohttp.ClientSession() as session:
            await asyncio.gather(*(sender(session) for _ in range(SENDERS)))

    def taker(self) -> Rig:
        """The engine that takes the next delivery: each in its turn."""
        self.turn += 1
        return [self.rig, *self.others][self.turn % (1 + len(self.others))]

    def revive(self) -> None:
        """Waits for the death that is still to come, and starts the engine again."""
        assert self.rig.engine is not None
        self.deaths.append(self.rig.engine.wait())
        self.start()

    async def until(self, share: float) -> None:
        """Waits until so much of the sale is acknowledged."""
        while len(self.sale.acknowledged) < share * len(self.sale.order_of):
            await asyncio.sleep(0.01)

    async def settled(self) -> None:
        """Waits until nothing moves any more. A person lets go on what nobody can tell of, and what is suspected to kill
        engines; large orders stay held."""
        before: Counter[str] = Counter()
        async with asyncio.timeout(DEADLINE_S), aiohttp.ClientSession() as session:
            while True:
                standing = await self.standing(session)
                held = standing["held"] - self.sale.large + (standing["quarantined"] if self.suspects_go_on else 0)
                active = sum(standing[status] for status in ACTIVE)
                if standing["answers"] and not active and held <= 0:
                    return
                if held > 0 and standing == before:
                    await asyncio.to_thread(self.settle_doubts)
                before = standing
                await asyncio.sleep(0.1)

    async def standing(self, session: aiohttp.ClientSession) -> "Counter[str]":
        """Events by status, and under `answers` whether the engine told them; it may have just died."""
        try:
            async with session.get(f"http://{HOST}:{self.rig.admin_port}/metrics") as answer:
                found = COUNTED.findall(await answer.text())
        except aiohttp.ClientError:
            return Counter()
        standing = Counter({"answers": 1})
        for status, count in found:
            standing[status] += int(float(count))
        return standing

    def settle_doubts(self) -> None:
        """A person looks at the events of which nobody can tell whether they took effect, and lets them go on."""
        doubtful = self.rig.events("--queue", "unknown-effects", "--status", "held")
        self.sale.doubted.update(self.sale.order_of[event["id"]] for event in doubtful if event["step"] == "charge")
        self.release([event["event"] for event in doubtful])
        if self.suspects_go_on:
            quarantined = self.rig.events("--status", "quarantined")
            suspected = [event for event in quarantined if event["reason"].startswith("the engine died")]
            self.sale.passed.update(self.sale.order_of[event["id"]] for event in suspected)
            self.release([event["event"] for event in suspected])

    def release(self, events: Sequence[str]) -> None:
        if events:
            rig = self.rig
            words = ("--workspace", str(rig.root), "--store", str(rig.store), "--by", "ada", "--reason", "looked at it")
            rig.waybill("release", *events, *words)

    def verdict(self) -> list[str]:
        """Every promise that was not kept."""
        return self.judge(self.sale, self.rig.events(), self.partners.book(self.sale))


async def beside(life: Life, happens: Callable[[], Awaitable[None]]) -> None:
    """The whole sale, and what happens meanwhile."""
    async with asyncio.timeout(DEADLINE_S):
        await asyncio.gather(life.run(), happens())


def facts(rig: Rig) -> list[dict[str, Any]]:
    """What the engine has logged; what is no fact (the words of an end) is left out."""
    return [json.loads(line) for line in rig.log.read_text().splitlines() if line.startswith("{")]


def told(rig: Rig, name: str) -> list[dict[str, Any]]:
    return [fact for fact in facts(rig) if fact["fact"] == name]

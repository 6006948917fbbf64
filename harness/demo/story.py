"""The story from beginning to end: starts everything, kills the engine half-way, asks the books, ends everything.

Whatever happens, Ctrl-C included, no process and no temporary folder stays behind. This file refuses to judge
(`verdict.py`) and to know what a webhook looks like.
"""

import asyncio
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from rich.console import Console

from engine.cli import FAILED, HELD, INTERRUPTED
from engine.cli.workspace import reference_files
from engine.clock import SystemClock
from engine.errors import UserError
from engine.rules.signature import Verification
from engine.run.load import check
from engine.spec import shape
from engine.wire.files import read_files
from harness.demo.meter import Meter
from harness.demo.processes import ask, begin, metrics
from harness.demo.script import BURST_ORDERS, BURSTS_AT, Script
from harness.demo.shop import Shop
from harness.demo.verdict import Verdict, judge
from harness.demo.view import Picture, View, tell_verdict
from harness.faults import seeded
from harness.made_secrets import make_secrets
from harness.processes import HOST, Engine, PartnerProcess, Process, free_ports, python

PROMISED = {"erp": "create_order", "ledger": "post_payment"}
"""Where the shop's promises are kept: system → the operation whose book has them."""
PARTNERS = ("erp", "ledger", "parcelpost", "overland", "wms")
NOBODY = "http://127.0.0.1:9"
"""The address of partners that have no part in this story."""
FAULTS = (
    "slow=0.25,slow_least_s=0.05,slow_most_s=0.6,throttle=0.015,error_before=0.01,error_after=0.01,"
    "cut_before=0.01,cut_after=0.02,times_max=2"
)
"""Every fifteenth request fails: well below the fifth of what is sent that may be retries, so that little is left to be
tried when the shop has closed."""
SENDING_SHARE = 0.8
"""The shop sends for this part of the story; the rest is for what still has to be tried again."""
KILL_AT, DEAD_S, RELEASE_AT = 0.52, 1.5, 0.85
SETTLE_S = 120.0
LOOK_EVERY_S, DRAW_EVERY_S, TICK_EVERY_S = 0.4, 0.2, 1.0
REQUEST_S = 5.0
GRACE_S = 20.0
PERSON = "mira"


def play(seconds: int, seed: int, keep: Path | None) -> int:
    """Plays a story of about `seconds` seconds; 0 if every promise was kept, 1 if not, 130 if it was interrupted.

    `keep` is a folder to be made and left; without it everything lies in a temporary one. Raises UserError.
    """
    if keep is not None and keep.exists() and (not keep.is_dir() or any(keep.iterdir())):
        raise UserError(f"{keep} exists and is not empty; choose a new folder")
    folder = keep.resolve() if keep is not None else Path(tempfile.mkdtemp(prefix="waybill-demo-"))
    try:
        return asyncio.run(Story(folder, seconds, seed).run())
    finally:
        if keep is None:
            shutil.rmtree(folder, ignore_errors=True)


def first_of(errors: BaseExceptionGroup[UserError]) -> UserError:
    """One of them; when one part of the story fails the others fail after it."""
    error: UserError | BaseExceptionGroup[UserError] = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


class Story:
    """One playing of the story in `folder`."""

    def __init__(self, folder: Path, seconds: int, seed: int) -> None:
        self.folder = folder
        self.workspace = folder / "workspace"
        self.seconds = seconds
        self.sending_s = max(1, int(seconds * SENDING_SHARE))
        self.seed = seed
        self.clock = SystemClock()
        self.chance = seeded(seed, "shop")
        self.view = View(Console())
        self.picture = Picture(story_s=seconds)
        self.meter = Meter()
        self.began_s = 0.0
        self.kills = 0
        self.addresses: dict[str, str] = {}
        self.alive = asyncio.Event()

    async def run(self) -> int:
        """Plays, and ends what was started; a signal to stop is taken once, so that ending it is not interrupted."""
        loop = asyncio.get_running_loop()
        playing = asyncio.ensure_future(self.play())
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, lambda: playing.cancel() if not playing.cancelling() else None)
        try:
            return await playing
        except asyncio.CancelledError:
            self.view.say("interrupted; everything that was started has been ended")
            return INTERRUPTED

    async def play(self) -> int:
        signing = self.write_workspace()
        self.view.say(
            "a shop, an ERP, a ledger, a warehouse, two carriers and an engine on this machine,"
            f" for about {self.seconds} s; story {self.seed}"
        )
        timeout = aiohttp.ClientTimeout(total=REQUEST_S)
        async with aiohttp.ClientSession(timeout=timeout) as session, self.started() as (engine, partners):
            url = f"http://{HOST}:{engine.port}"
            shop = Shop(session, url, signing, self.clock, self.chance)
            with self.view:
                verdict = await self.tell(session, engine, partners, shop)
        tell_verdict(self.view, verdict, self.picture, self.kills)
        return HELD if verdict.held else FAILED

    # ── the stage ────────────────────────────────────────────────────────────────────────────────────────────────────

    def write_workspace(self) -> dict[str, Verification]:
        """Copies the reference workspace and makes its secrets up; how the shop signs with them."""
        for name, raw in reference_files().items():
            path = self.workspace / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(raw)
        systems = [document.content for document in check(read_files(self.workspace)).workspace.systems.values()]
        addresses = (system.base_url.get("local") for system in systems)
        self.addresses = {address.name: NOBODY for address in addresses if isinstance(address, shape.EnvironmentName)}
        made = make_secrets(self.folder / "secrets", systems)
        return {
            "shopify": Verification("shopify", "", "base64", (made["SHOPIFY_WEBHOOK_SECRET"].encode(),)),
            "stripe": Verification("stripe", "", "hex", (made["STRIPE_WEBHOOK_SECRET"].encode(),)),
        }

    @asynccontextmanager
    async def started(self) -> AsyncIterator[tuple[Engine, dict[str, PartnerProcess]]]:
        """The partners and the engine, running; ended whatever happens inside."""
        partners = {
            system: PartnerProcess(system, self.workspace, self.folder / f"{system}.log", self.seed, FAULTS)
            for system in PARTNERS
        }
        processes: list[Process] = list(partners.values())
        try:
            async with asyncio.TaskGroup() as group:
                for partner in partners.values():
                    group.create_task(begin(partner))
            urls = {f"{system.upper()}_URL": partner.url for system, partner in partners.items()}
            variables = {**self.addresses, **urls}
            variables["WAYBILL_SECRETS"] = str(self.folder / "secrets")
            engine = Engine(self.workspace, self.folder / "engine.log", variables, free_ports(self.chance))
            processes.append(engine)
            await begin(engine)
            self.alive.set()
            yield engine, partners
        except* UserError as errors:
            raise first_of(errors) from None
        finally:
            await asyncio.gather(*(asyncio.to_thread(process.kill) for process in processes))

    def recordings(self) -> dict[str, Any]:
        """The bodies of the reference recordings: `shopify/order-paid` → the order."""
        folder = self.workspace / "recordings"
        return {
            path.relative_to(folder).with_suffix("").as_posix(): msgspec.json.decode(path.read_bytes())["body"]
            for path in folder.rglob("*.json")
        }

    # ── the story ────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def elapsed_s(self) -> float:
        return self.clock.monotonic() - self.began_s

    async def tell(
        self, session: aiohttp.ClientSession, engine: Engine, partners: dict[str, PartnerProcess], shop: Shop
    ) -> Verdict:
        """Everything that happens, until the books are asked."""
        self.began_s = self.clock.monotonic()
        script = Script(self.recordings(), self.seed, self.sending_s, self.clock.now())
        async with asyncio.TaskGroup() as seeing:
            watching = seeing.create_task(self.watch(session, engine, partners, shop))
            drawing = seeing.create_task(self.show())
            async with asyncio.TaskGroup() as group:
                group.create_task(shop.play(script.chains(), self.began_s))
                group.create_task(self.kill_and_start(engine))
                group.create_task(self.release(shop))
                group.create_task(self.tell_bursts())
            await self.settled(session, engine)
            watching.cancel()
            drawing.cancel()
        await asyncio.to_thread(engine.end, GRACE_S)
        await self.look(session, partners, shop)
        self.view.draw(self.picture)
        promised: dict[str, list[str]] = {}
        others: dict[str, list[str]] = {}
        for system, partner in partners.items():
            for row in (await ask(partner, session, "_book"))["rows"]:
                name = row["operation"]
                book, at = (promised, system) if PROMISED.get(system) == name else (others, f"{system}.{name}")
                book.setdefault(at, []).append(str(row["identity"]))
        return judge(shop.promises, promised, others, shop.refusals)

    async def until(self, part: float) -> None:
        """Waits for a part of the sending time."""
        await asyncio.sleep(max(0.0, part * self.sending_s - self.elapsed_s))

    async def tell_bursts(self) -> None:
        for part in BURSTS_AT:
            await self.until(part)
            self.view.happened(self.elapsed_s, f"burst: {BURST_ORDERS} orders in one second")

    async def kill_and_start(self, engine: Engine) -> None:
        await self.until(KILL_AT)
        open_ = self.picture.backlog
        self.alive.clear()
        await asyncio.to_thread(engine.kill)
        self.kills += 1
        self.meter.restarted()
        self.picture.up = False
        self.view.happened(self.elapsed_s, f"SIGKILL: the engine dies with about {open_} events unfinished")
        await asyncio.sleep(DEAD_S)
        began_s = self.clock.monotonic()
        await begin(engine)
        self.alive.set()
        took_s = self.clock.monotonic() - began_s
        self.view.happened(
            self.elapsed_s, f"the engine is back after {took_s:.1f} s; the shop sends again what was not acknowledged"
        )

    async def release(self, shop: Shop) -> None:
        """A person looks at what was held, and lets it go on."""
        await self.until(RELEASE_AT)
        await self.alive.wait()  # beside a starting engine the command would hold the store's lock
        for event in list(shop.held):
            log = self.folder / "release.log"
            releasing = Process(
                "waybill release",
                python(
                    "-m", "engine", "release", event, "--workspace", str(self.workspace), "--by", PERSON,
                    "--reason", "called the customer, the order is real",
                ),
                log,
                {},
            )  # fmt: skip
            releasing.start()
            try:
                code = await asyncio.to_thread(releasing.wait)
            finally:
                releasing.kill()
            if code != 0:
                raise releasing.failed()
            self.view.happened(self.elapsed_s, f"{PERSON} looks at {event}, held for its total, and releases it")

    async def settled(self, session: aiohttp.ClientSession, engine: Engine) -> None:
        """Waits until nothing is left to do; after `SETTLE_S` seconds the verdict tells what is missing."""
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_S):
                while True:
                    page = await metrics(engine, session)
                    if page is not None:
                        self.meter.read(page)
                        if self.meter.backlog == 0:
                            return
                    await asyncio.sleep(LOOK_EVERY_S)

    # ── what is seen of it ───────────────────────────────────────────────────────────────────────────────────────────

    async def watch(
        self, session: aiohttp.ClientSession, engine: Engine, partners: dict[str, PartnerProcess], shop: Shop
    ) -> None:
        while True:
            page = await metrics(engine, session)
            self.picture.up = page is not None
            if self.alive.is_set() and engine.ended:
                raise engine.failed()
            if page is not None:
                self.meter.read(page)
            await self.look(session, partners, shop)
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self, session: aiohttp.ClientSession, partners: dict[str, PartnerProcess], shop: Shop) -> None:
        """Brings the picture up to date with the shop, the partners, and what the engine said last."""
        picture, meter = self.picture, self.meter
        picture.partners = {system: await ask(partner, session, "_counts") for system, partner in partners.items()}
        picture.accepted = len(shop.acknowledged)
        picture.waiting = meter.standing["waiting"]
        picture.backlog = meter.backlog
        picture.held = meter.standing["held"]
        picture.stuck = meter.standing["quarantined"] + meter.standing["dead"]
        if picture.up:  # while it is down nobody knows what it has done since it was last asked
            picture.done = max(picture.done, picture.accepted - meter.unfinished)
        picture.retries = meter.retries
        picture.redelivered = shop.told["duplicate"]
        picture.second_told = meter.total("waybill_effects_known_total")
        picture.sent_again = shop.told["again"]
        picture.p50_ms, picture.p99_ms = shop.percentiles_ms()

    async def show(self) -> None:
        ticked_s = 0.0
        while True:
            self.picture.elapsed_s = self.elapsed_s
            if self.elapsed_s - ticked_s >= TICK_EVERY_S:
                ticked_s = self.elapsed_s
                self.view.tick(self.picture)
            self.view.draw(self.picture)
            await asyncio.sleep(DRAW_EVERY_S)

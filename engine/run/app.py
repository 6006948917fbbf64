"""Opens, joins and drains everything under one TaskGroup: the only place that knows all the parts.

Start: open the store, keep the plans, give back a dead engine's leases, listen. Stop (SIGTERM): answer 503,
let what is under way end, close. Reload (SIGHUP): a workspace with faults is refused and the old one runs on; tables
alone are taken as they change.
"""

import asyncio
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.clock import SteadyClock, SystemChance, SystemClock
from engine.errors import FaultyWorkspace, StoreAway, StoreFull, UserError, WaybillError
from engine.model import Fact
from engine.rules.signature import SECRET_BYTES_STRONG
from engine.run.claim import Ports
from engine.run.client_in_use import ClientInUse
from engine.run.commands import Commands
from engine.run.gate_view import GateView, view
from engine.run.live import Live
from engine.run.load import load
from engine.run.observe import Log, Metrics
from engine.run.parts import Parts
from engine.run.start import addresses, addresses_and_routes, changed_versions, reached
from engine.run.store_metrics import StoreMetrics
from engine.run.tables import TableWatch, find_marks
from engine.spec.compile import compile_content
from engine.spec.plan import Plan
from engine.store import GateRow, Gauges
from engine.store.garbage import freeze_garbage
from engine.store.open import open_store, store_address
from engine.store.opened import Surroundings
from engine.store.readers import read_gates, read_gauges, read_kept_gates, read_plan, read_versions
from engine.wire.answers import Answer
from engine.wire.control import ControlServer, socket_path
from engine.wire.http_client import HttpClient
from engine.wire.http_server import IntakeServer, ServerLimits, admin_server
from engine.wire.loop import loop_factory

DRAIN_S = 30.0
CLOCK_WAIT_S = 0.02


@dataclass(frozen=True, slots=True)
class Settings:
    """How `waybill run` was called."""

    root: Path
    environment: str
    store: str | None
    host: str
    port: int
    admin_port: int
    workers: int


class Engine:
    """A running engine. `run` returns when it has drained; an error of ours ends it and is raised."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.clock = SteadyClock(SystemClock(), self.clock_set)
        self.log = Log()
        self.metrics = Metrics()
        self.store_metrics = StoreMetrics(self.metrics.registry)
        self.stopping = asyncio.Event()
        self.failure: BaseException | None = None
        self.ready = False
        self.counting = asyncio.Lock()
        self.reloading = asyncio.Lock()
        self.interrupted = False
        self.background: set[asyncio.Task[None]] = set()

    def observe(self, fact: Fact) -> None:
        self.metrics(fact)
        self.log(fact)

    def fact(self, name: str, **data: str | float | None) -> None:
        self.observe(Fact(name, self.clock.now(), data))

    def store_fact(self, name: str, data: Mapping[str, str | int | float | None]) -> None:
        self.observe(Fact(name, self.clock.now(), data))

    def wake(self) -> None:
        """There may be work: of ours, or another node's."""
        if self.ready:
            self.deliverer.wake()

    async def run(self) -> None:
        settings = self.settings
        marks = find_marks(settings.root)
        loaded = load(settings.root, settings.environment)
        found, inbound_routes = addresses_and_routes(loaded)
        client = HttpClient(found, self.clock)
        address = store_address(settings.root, settings.store)
        self.opened = open_store(address, Surroundings(self.fail, self.store_fact, self.wake))
        try:
            faults = changed_versions(loaded, read_versions(self.opened.reader))
            if faults:
                raise FaultyWorkspace(faults)
            self.store, self.committer = self.opened.store, self.opened.committer
            self.http = ClientInUse(client)
            self.loaded = loaded
            self.tables = TableWatch(settings.root, marks, lambda: self.loaded, self.fact)
            self.live = Live(loaded.plans, reached(loaded, found), self.kept_plan, self.refresh)
            ports = Ports(
                self.store,
                self.committer,
                self.http,
                self.live,
                self.clock,
                SystemChance(),
                self.observe,
                wake=self.wake,
            )
            self.parts = Parts(ports, settings.workers, self.opened.node, self.read_kept_gates, inbound_routes)
            self.gates, self.gate_watch = self.parts.gates, self.parts.gate_watch
            self.deliverer, self.intake = self.parts.deliverer, self.parts.intake
            self.sightings = self.parts.sightings
            self.commands = Commands(self.opened.shown, ports, self.tables.settle, self.gate_watch.force)
            try:
                await self.serve()
            finally:
                await self.http.retire(self.http.client)
        finally:
            await self.close_store()
        if self.failure is not None:
            raise self.failure
        if self.interrupted:
            raise KeyboardInterrupt

    async def close_store(self) -> None:
        """A store that has failed may fail again as it is closed: what was first is told."""
        try:
            await self.opened.close()
        except Exception as error:  # noqa: BLE001
            self.failure = self.failure or error

    async def serve(self) -> None:
        """From the first claim to the last answer."""
        await self.begin()
        server = IntakeServer(self.intake, ServerLimits(), self.clock, self.http_error)
        control = ControlServer(socket_path(self.settings.root), self.commands.carry_out)
        admin, admin_port = await self.open_admin()
        port = await server.start(self.settings.host, self.settings.port)
        await control.start()
        self.warn_of_weak_secrets()
        self.handle_signals()
        freeze_garbage()
        self.ready = True
        self.fact("started", environment=self.settings.environment, port=port, admin_port=admin_port)
        sys.stdout.write(
            f"waybill: taking events on http://{self.settings.host}:{port}, admin on http://{self.settings.host}:{admin_port}\n"
        )
        sys.stdout.flush()
        try:
            async with asyncio.TaskGroup() as group:
                delivering = group.create_task(self.deliverer.run())
                watches = (self.opened.watch(), self.tables.run(), self.sightings.run(), self.gate_watch.run())
                watching = [group.create_task(watch) for watch in watches]
                group.create_task(self.stop_when_told(server, delivering, watching))
        except* WaybillError as errors:
            self.failure = self.failure or errors.exceptions[0]
        finally:
            self.ready = False
            await control.stop()
            await server.stop(0)
            await admin.stop(0)
            self.fact("stopped")

    async def begin(self) -> None:
        """What must be on disk before the first event. Raises UserError where there is no room for it."""
        try:
            await self.parts.begin(self.loaded.plans.values())
        except StoreFull as error:
            raise UserError(f"{self.opened.shown}: {error}; make room on its disk, or raise its max_size") from None

    def warn_of_weak_secrets(self) -> None:
        for path, route in self.intake.routes.items():
            if min(map(len, route.verification.secrets)) < SECRET_BYTES_STRONG:
                self.fact(
                    "weak_secret", path=path, reason=f"a webhook secret has fewer than {SECRET_BYTES_STRONG} bytes"
                )

    async def stop_when_told(
        self, server: IntakeServer, delivering: "asyncio.Task[None]", watching: "list[asyncio.Task[None]]"
    ) -> None:
        await self.stopping.wait()
        self.fact("stopping")
        self.ready = self.intake.open = False
        ends_at = asyncio.get_running_loop().time() + DRAIN_S
        self.deliverer.drain()
        await server.stop(DRAIN_S)
        for watch in watching:
            watch.cancel()
        try:
            async with asyncio.timeout_at(ends_at):
                await asyncio.shield(delivering)
                if self.failure is None:
                    await self.sightings.flush()
        except TimeoutError:
            # What is still out is an intent on disk: it is `unknown` to the next start, and settled there. What was
            # counted in memory since the last writing is given up where the store does not take it in time.
            delivering.cancel()

    # ── plans ────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def kept_plan(self, hash_: str) -> Plan | None:
        content: bytes | None = await self.beside(self.opened.count, lambda reader: read_plan(reader, hash_))
        return None if content is None else compile_content(content, self.settings.environment, self.loaded.resources)

    def refresh(self, _system: str) -> None:
        """Reads credentials again after a partner said 401; the next send uses them."""
        try:
            client = HttpClient(addresses(self.loaded), self.clock)
        except UserError as error:
            self.fact("refresh_failed", reason=str(error))
            return
        self.spawn(self.http.replace(client))

    async def reload(self) -> None:
        """Puts in the workspace as it is on disk now, or refuses it and says why. One after the other: of two at a time
        the one that has read the older files could be through last."""
        async with self.reloading:
            await self.reload_alone()

    async def reload_alone(self) -> None:
        try:
            # Reading and compiling takes a good part of a second: beside the loop, so that no sender waits for it.
            loaded = await asyncio.to_thread(load, self.settings.root, self.settings.environment)
            faults = changed_versions(loaded, await self.beside(self.opened.count, read_versions))
            if faults:
                raise FaultyWorkspace(faults)
            found, inbound_routes = addresses_and_routes(loaded)
            client = HttpClient(found, self.clock)
        except (UserError, StoreFull) as error:
            self.fact("reload_refused", reason=str(error))
            return
        try:
            await self.parts.keep_plans(loaded.plans.values())
        except StoreFull as error:
            self.fact("reload_refused", reason=f"its plans could not be kept: {error}")
            await client.close()
            return
        self.loaded = loaded
        self.tables.forget()
        self.live.replace(loaded.plans, reached(loaded, found))
        self.intake.routes = inbound_routes
        await self.http.replace(client)
        self.fact("reloaded", integrations=len(loaded.plans))
        self.deliverer.wake()

    # ── pages ────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def beside(self, ask: Callable[..., Any], *what: Any) -> Any:
        """What takes a while, such as counting a large backlog: beside the loop, one at a time."""
        async with self.counting:
            return await asyncio.to_thread(ask, *what)

    async def read_kept_gates(self) -> Sequence[GateRow]:
        rows: Sequence[GateRow] = await self.beside(self.opened.count, read_kept_gates)
        return rows

    async def open_admin(self) -> "tuple[IntakeServer, int]":
        async def health() -> Answer:
            return Answer(200, b'{"status": "up"}')

        async def ready() -> Answer:
            return (
                Answer(200, b'{"status": "ready"}')
                if self.ready and not self.intake.full
                else Answer(503, b'{"status": "not ready"}')
            )

        async def metrics() -> Answer:
            gauges, gates = Gauges({}, None), list[GateView]()
            try:
                gauges = await self.beside(self.opened.count, read_gauges)
                self.store_metrics.health = await self.beside(self.opened.health)
                gates = view(await self.beside(self.opened.count, read_gates), self.loaded.systems, self.clock.now())
            except StoreAway:
                self.store_metrics.health = None
            page = self.metrics.page(gauges, self.clock.now(), gates)
            return Answer(200, page, "text/plain; version=0.0.4; charset=utf-8")

        pages = {"/health": health, "/ready": ready, "/metrics": metrics}
        return await admin_server(pages, self.settings.host, self.settings.admin_port, self.clock, self.http_error)

    # ── the process ──────────────────────────────────────────────────────────────────────────────────────────────────

    def handle_signals(self) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self.stopping.set)
        loop.add_signal_handler(signal.SIGINT, self.interrupt)
        loop.add_signal_handler(signal.SIGHUP, lambda: self.spawn(self.reload()))

    def interrupt(self) -> None:
        """Ctrl-C drains as SIGTERM does, and is told by the exit code; a second one does not wait for the drain."""
        if self.interrupted:
            raise KeyboardInterrupt
        self.interrupted = True
        self.stopping.set()

    def spawn(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self.background.add(task)
        task.add_done_callback(self.background.discard)

    def clock_set(self, jump: int) -> None:
        """The machine's clock was set: what was to happen at a time moves along, then the time is followed."""
        if self.ready:
            self.spawn(self.follow_clock(jump))
        else:
            self.clock.follow(jump)

    async def follow_clock(self, jump: int) -> None:
        """Nothing is under way and nothing comes in for the moment in which the times of rows and the clock move."""
        self.deliverer.paused = True
        try:
            while self.deliverer.tasks:
                await asyncio.sleep(CLOCK_WAIT_S)
            self.intake.open = False
            # Answered when all that was handed in before is on disk. What several nodes share goes by the time of them
            # all: there nothing is moved for the one whose clock was set.
            await self.committer.submit(self.store.shift, 0)
            if not self.opened.node:
                await self.committer.submit(self.store.shift, jump)
            self.clock.follow(jump)
            self.gates.clock_set(self.clock.now())
            self.fact("clock_set", seconds=jump / 1_000_000)
        except WaybillError:
            self.clock.follow(0)  # no room to write it down: the time goes on as before, and this is tried again
        finally:
            self.intake.open = not self.stopping.is_set()
            self.deliverer.paused = False
            self.deliverer.wake()

    def fail(self, error: BaseException) -> None:
        """The store cannot be written any more: stop, loudly."""
        self.failure = self.failure or error
        self.fact("failed", reason=str(error))
        self.stopping.set()

    def http_error(self, error: BaseException) -> None:
        self.fact("http_error", reason=type(error).__name__)


def run_engine(settings: Settings) -> None:
    """Runs an engine until it is told to stop; on uvloop where there is one."""
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(Engine(settings).run())

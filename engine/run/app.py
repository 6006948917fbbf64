"""Opens, joins and drains everything under one TaskGroup: the only place that knows all the parts.

Start: lock the store, check it, keep the plans, give back a dead engine's leases, listen. Stop (SIGTERM): answer 503,
let what is under way end, close. Reload (SIGHUP): a workspace with faults is refused and the old one runs on; tables
alone are taken as they change.
"""

import asyncio
import gc
import signal
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from engine.clock import SteadyClock, SystemChance, SystemClock
from engine.errors import FaultyWorkspace, StoreFull, UserError, WaybillError
from engine.model import Fact, Outcome, Request, Sighted
from engine.rules.signature import SECRET_BYTES_STRONG
from engine.run.deliver import Deliverer
from engine.run.intake import Intake
from engine.run.live import Live
from engine.run.load import Loaded, load
from engine.run.observe import Log, Metrics
from engine.run.sightings import Sightings, times_by_place
from engine.run.start import addresses, addresses_and_routes, changed_versions
from engine.run.tables import TableWatch, find_marks
from engine.run.walk import Ports
from engine.spec.compile import compile_content
from engine.spec.plan import Plan
from engine.store import Move
from engine.store.committer import WAL_RESTART_BYTES, ThreadCommitter
from engine.store.files import Lock, disk_free_bytes, open_reader, open_writer, store_address
from engine.store.readers import read_gauges, read_plan, read_versions
from engine.store.sqlite import SqliteStore
from engine.wire.answers import Answer
from engine.wire.control import ControlServer, socket_path
from engine.wire.http_client import HttpClient
from engine.wire.http_server import IntakeServer, ServerLimits, admin_server

DRAIN_S = 30.0
DISK_RESERVE_BYTES = 32 << 20
DISK_LOOK_EVERY_S = 1.0
PINNED_BYTES_MAX = 4 << 20
PINNED_LOOKS = 5
PINNED = "another process has been reading the store in one transaction; the log grows until that ends"
SIGHTINGS_EVERY_S = 5.0
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


class ClientInUse:
    """The http client of the moment. A reload puts a new one in; the old one closes once its calls have ended."""

    def __init__(self, client: HttpClient) -> None:
        self.client = client
        self.calls = {client: 0}

    async def send(self, request: Request, timeout_s: float) -> Outcome:
        client = self.client
        self.calls[client] += 1
        try:
            return await client.send(request, timeout_s)
        finally:
            self.calls[client] -= 1
            if client is not self.client and not self.calls[client]:
                await self.retire(client)

    async def replace(self, client: HttpClient) -> None:
        old, self.client = self.client, client
        self.calls[client] = 0
        if not self.calls[old]:
            await self.retire(old)

    async def retire(self, client: HttpClient) -> None:
        if self.calls.pop(client, None) is not None:
            await client.close()


class Engine:
    """A running engine. `run` returns when it has drained; an error of ours ends it and is raised."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.clock = SteadyClock(SystemClock(), self.clock_set)
        self.log = Log()
        self.metrics = Metrics()
        self.stopping = asyncio.Event()
        self.failure: BaseException | None = None
        self.ready = False
        self.interrupted = False
        self.background: set[asyncio.Task[None]] = set()

    def observe(self, fact: Fact) -> None:
        self.metrics(fact)
        self.log(fact)

    def fact(self, name: str, **data: str | float | None) -> None:
        self.observe(Fact(name, self.clock.now(), data))

    async def run(self) -> None:
        settings = self.settings
        marks = find_marks(settings.root)
        loaded = load(settings.root, settings.environment)
        self.address = store_address(settings.root, settings.store)
        found, inbound_routes = addresses_and_routes(loaded)
        client = HttpClient(found, self.clock)
        lock = Lock(self.address.path)
        try:
            connection = open_writer(self.address)
            faults = changed_versions(loaded, read_versions(connection))
            if faults:
                connection.close()
                raise FaultyWorkspace(faults)
            self.reader = open_reader(self.address.path)
            self.counter = open_reader(self.address.path)
            self.store = SqliteStore()
            bytes_max = self.address.bytes_max
            log_bytes_max = WAL_RESTART_BYTES if bytes_max is None else bytes_max // 4
            self.committer = ThreadCommitter(connection, self.address.path, self.fail, log_bytes_max)
            self.http = ClientInUse(client)
            self.loaded = loaded
            self.tables = TableWatch(settings.root, marks, lambda: self.loaded, self.fact)
            self.live = Live(loaded.plans, loaded.systems, self.kept_plan, self.refresh)
            self.sightings = Sightings()
            ports = Ports(
                self.store,
                self.committer,
                self.http,
                self.live,
                self.clock,
                SystemChance(),
                self.observe,
                self.sightings,
            )
            self.deliverer = Deliverer(ports, settings.workers)
            self.intake = Intake(
                self.store, self.committer, self.clock, self.observe, self.deliverer.wake, inbound_routes
            )
            try:
                await self.serve()
            finally:
                await self.close()
        finally:
            lock.release()
        if self.failure is not None:
            raise self.failure
        if self.interrupted:
            raise KeyboardInterrupt

    async def close(self) -> None:
        """Ends what `run` began. A store that has failed may fail again as it is closed: what was first is told."""
        await self.http.retire(self.http.client)
        for close in (
            self.committer.close,
            partial(asyncio.to_thread, self.reader.close),
            partial(asyncio.to_thread, self.counter.close),
        ):
            try:
                await close()
            except Exception as error:  # noqa: BLE001
                self.failure = self.failure or error

    async def serve(self) -> None:
        """From the first claim to the last answer."""
        await self.keep_plans(self.loaded)
        recovered = await self.committer.submit(self.store.recover, self.clock.now())
        if recovered:
            self.fact("recovered", events=recovered)
        server = IntakeServer(self.intake, ServerLimits(), self.clock, self.http_error)
        control = ControlServer(socket_path(self.settings.root), self.command)
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
                watches = (self.watch_disk(), self.tables.run(), self.write_sightings())
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
        await server.stop(DRAIN_S)
        self.deliverer.drain()
        for watch in watching:
            watch.cancel()
        try:
            async with asyncio.timeout(DRAIN_S):
                await asyncio.shield(delivering)
        except TimeoutError:
            # What is still out is an intent on disk: it is `unknown` to the next start, and settled there.
            delivering.cancel()
        if self.failure is None:
            await self.flush_sightings()

    # ── plans ────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def keep_plans(self, loaded: Loaded) -> None:
        now = self.clock.now()
        for plan in loaded.plans.values():
            await self.committer.submit(
                self.store.keep_plans, (plan.hash, plan.integration, plan.version, plan.content, now)
            )

    def kept_plan(self, hash_: str) -> Plan | None:
        content = read_plan(self.reader, hash_)
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
        """Puts in the workspace as it is on disk now, or refuses it and says why."""
        try:
            # Reading and compiling takes a good part of a second: beside the loop, so that no sender waits for it.
            loaded = await asyncio.to_thread(load, self.settings.root, self.settings.environment)
            faults = changed_versions(loaded, read_versions(self.reader))
            if faults:
                raise FaultyWorkspace(faults)
            found, inbound_routes = addresses_and_routes(loaded)
            client = HttpClient(found, self.clock)
        except UserError as error:
            self.fact("reload_refused", reason=str(error))
            return
        await self.keep_plans(loaded)
        self.loaded = loaded
        self.tables.forget()
        self.live.replace(loaded.plans, loaded.systems)
        self.intake.routes = inbound_routes
        await self.http.replace(client)
        self.fact("reloaded", integrations=len(loaded.plans))
        self.deliverer.wake()

    # ── what was seen ────────────────────────────────────────────────────────────────────────────────────────────────

    async def write_sightings(self) -> None:
        while True:
            await asyncio.sleep(SIGHTINGS_EVERY_S)
            await self.flush_sightings()

    async def flush_sightings(self) -> None:
        """Writes what was counted in memory; a full store puts it off."""
        tallies = self.sightings.take()
        if not tallies:
            return
        try:
            await self.committer.submit(self.store.tally, tallies)
        except StoreFull:
            self.sightings.give_back(tallies)
            return
        for contract, times in times_by_place(tallies).items():
            self.fact("sighted", kind=Sighted.UNKNOWN_FIELD.value, place=contract, times=times)

    # ── commands and pages ───────────────────────────────────────────────────────────────────────────────────────────

    async def command(self, request: Any) -> Any:
        """Carries out people's decisions: {store, moves: [[event, action, by, reason, latest]]} → {answers}.

        A command that means another store than ours is told so, and opens that one itself.
        """
        if request["store"] != str(self.address.path):
            return {"elsewhere": str(self.address.path)}
        if any(action != "reject" for _, action, *_ in request["moves"]):
            await self.tables.settle()  # whoever has just added a row means the table with it
        answers = await asyncio.gather(*(self.move(*move) for move in request["moves"]))
        self.deliverer.wake()
        return {"answers": answers}

    async def move(self, event: int, action: str, by: str, reason: str, latest: "str | None") -> str:
        plan = self.live.plans[latest].hash if latest in self.live.plans else None
        said = await self.committer.submit(self.store.move, Move(event, self.clock.now(), action, by, reason, plan))
        if not said:
            self.fact("released", event=event, action=action, by=by)
        return said

    async def open_admin(self) -> "tuple[IntakeServer, int]":
        async def health() -> Answer:
            return Answer(200, b'{"status": "up"}')

        async def ready() -> Answer:
            return (
                Answer(200, b'{"status": "ready"}')
                if self.ready and not self.intake.full
                else Answer(503, b'{"status": "not ready"}')
            )

        counting = asyncio.Lock()  # a large backlog takes a while to count: beside the loop, one at a time

        async def metrics() -> Answer:
            async with counting:
                gauges = await asyncio.to_thread(read_gauges, self.counter)
            return Answer(200, self.metrics.page(gauges, self.clock.now()), "text/plain; version=0.0.4; charset=utf-8")

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

    async def watch_disk(self) -> None:
        """Near a full disk the intake answers 503, so that outcomes still find room; what fills it unseen is told."""
        pinned = 0
        while True:
            self.store.disk_low = disk_free_bytes(self.address.path) < DISK_RESERVE_BYTES
            pinned = pinned + 1 if self.committer.pinned_bytes > PINNED_BYTES_MAX else 0
            if pinned == PINNED_LOOKS:
                self.fact("log_pinned", bytes=self.committer.pinned_bytes, reason=PINNED)
            await asyncio.sleep(DISK_LOOK_EVERY_S)

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
            await self.committer.submit(self.store.shift, 0)  # answered when all that was handed in before is on disk
            await self.committer.submit(self.store.shift, jump)
            self.clock.follow(jump)
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


def freeze_garbage() -> None:
    """What was made until now lives as long as the process; looking through it again is the longest pause left."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def run_engine(settings: Settings) -> None:
    """Runs an engine until it is told to stop; on uvloop where there is one."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(Engine(settings).run())
    else:
        uvloop.run(Engine(settings).run())

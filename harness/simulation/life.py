"""One life of the engine in a simulated run: the parts of production over simulated ports, until the power is cut.

What `engine.run.app` does about a process (signals, sockets, reloads, the admin port) has no place here, and retention
has none either: a run is shorter than what it forgets. Where nothing can change, waiting is cut short: an idle engine
asks its store every five seconds and looks at its gates every second, which for a hold of twelve hours would be fifty
thousand times nothing. The times at which it looks stay those of production."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.model import Fact, Outcome, Receipt, Request
from engine.run.claim import Ports
from engine.run.deliver import IDLE_WAIT_S, Deliverer
from engine.run.gate_watch import EVERY_S
from engine.run.intake import Route
from engine.run.live import Live
from engine.run.load import Loaded
from engine.run.parts import Parts
from engine.run.sightings import WRITE_EVERY_S
from engine.spec.compile import compile_content
from engine.spec.plan import Plan
from engine.store import GateRow
from engine.store.readers import read_kept_gates, read_plan
from engine.store.sqlite import SqliteDatabase
from engine.store.verbs import SqlStore
from harness.simulation.loop import SimLoop
from harness.simulation.partners import Network
from harness.simulation.ports import Power, SimChance, SimClock, SimCommitter, SimHttp
from harness.simulation.scenario import CallMade
from harness.simulation.streams import Streams
from harness.simulation.witness import Witness

NEVER_US = 1 << 62
ASLEEP = 3
"""What `ready` says in the store of what sleeps until it is due."""


class LeapingDeliverer(Deliverer):
    """The deliverer, which does not ask again and again while nothing can have changed: it asks next when it would have
    asked first after something else is due to happen. Where nothing is, it waits to be woken. Nor does it ask every
    second for an event that waits for what becomes of another one, before anything can become of that."""

    def __init__(self, ports: Ports, workers: int, node: int) -> None:
        super().__init__(ports, workers, node)
        self.dues: list[int] = []
        self.due_but_behind: Callable[[], int | None] = lambda: None

    async def claim(self, group: asyncio.TaskGroup) -> float:
        self.dues.clear()
        now_us = self.ports.clock.now()
        wait_s = await super().claim(group)
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SimLoop)
        if self.due.is_set() or not loop.quiet:
            return wait_s
        other_s = loop.next_timer_at()
        at_us = self.due_but_behind() if self.dues and not self.tasks else None
        if at_us is None and wait_s < IDLE_WAIT_S:
            return wait_s
        due_us = at_us or min(self.dues, default=NEVER_US)
        ask_s = math.inf if other_s is None else polls_until(other_s - loop.time()) * IDLE_WAIT_S
        due_s = math.inf if due_us == NEVER_US else max(0.001, (due_us - now_us) / 1_000_000)
        if min(ask_s, due_s) == math.inf:
            await self.due.wait()
            return 0.0
        return min(ask_s, due_s)

    def next_at(self, due_at: int | None, now: int) -> int | None:
        found = super().next_at(due_at, now)
        if found is not None:
            self.dues.append(found)
        return found


def later_s(outcome: Outcome) -> int:
    """After how many seconds the partner asks to be called again; simulated ones say it in whole seconds."""
    said = outcome.headers.get("retry-after", "")
    return int(said) if said.isdecimal() else 0


def polls_until(wait_s: float) -> int:
    """Which of the polls from now on is the first after so many seconds."""
    return max(1, math.ceil(wait_s / IDLE_WAIT_S))


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every life of one run finds: it is the same world that it wakes up in."""

    loaded: Loaded
    store: SqliteDatabase
    streams: Streams
    witness: Witness
    network: Network
    routes: Mapping[str, Route]
    workers: int
    begin_at: int
    disk_s: tuple[float, float]


class Life:
    """One engine from its start to its end. `begun` is set once it takes events, or has ended before; `ended` is told
    when it is over, with the error of ours that ended it, or None where the power was cut."""

    def __init__(
        self, number: int, around: Surroundings, ended: "Callable[[Life, BaseException | None], None]"
    ) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SimLoop)
        self.number = number
        self.loop = loop
        self.around = around
        self.witness = witness = around.witness
        witness.behind.clear()  # who it is that waits, each life finds anew
        self.ended = ended
        self.failure: BaseException | None = None
        self.ready = False
        self.begun = asyncio.Event()
        self.stirred: list[asyncio.Event] = []
        self.power = Power(self.cut)
        self.clock = SimClock(loop, around.begin_at, self.power)
        disk, chance = around.streams.of(f"disk {number}"), around.streams.of(f"chance {number}")
        self.committer = SimCommitter(around.store, self.power, witness, disk, around.disk_s, self.committed, self.fail)
        ports = Ports(
            SqlStore(),
            self.committer,
            SimHttp(self.power, witness, self.out),
            Live(around.loaded.plans, around.loaded.systems, self.kept_plan, self.refresh),
            self.clock,
            SimChance(chance, self.power),
            self.observe,
            wake=self.wake,
        )
        self.parts = Parts(ports, around.workers, 0, self.read_gates, around.routes, self.deliverer)
        self.task = loop.create_task(self.run(), name=f"engine-{number}")
        self.task.add_done_callback(self.over)

    # ── from start to end ────────────────────────────────────────────────────────────────────────────────────────────

    async def run(self) -> None:
        """As `engine.run.app` does: begins, then runs until it is drained."""
        await self.parts.begin(self.around.loaded.plans.values())
        self.ready = True
        self.begun.set()
        async with asyncio.TaskGroup() as group:
            watches = (
                self.every(EVERY_S, self.parts.gate_watch.settle),
                self.every(WRITE_EVERY_S, self.parts.sightings.flush),
            )
            watching = [group.create_task(watch) for watch in watches]
            await self.parts.deliverer.run()
            for watch in watching:
                watch.cancel()
        await self.parts.sightings.flush()

    async def drain(self) -> None:
        """Ends as an engine does that is told to stop: nothing comes in, what is under way ends."""
        self.parts.intake.open = False
        self.parts.deliverer.drain()
        await asyncio.wait((self.task,))

    def cut(self) -> None:
        """The power is gone. What is dropped is dropped in the next turn, before anything can wait for it."""
        self.ready = False
        self.loop.call_soon(self.task.cancel)

    def over(self, task: "asyncio.Task[None]") -> None:
        self.ready = False
        self.begun.set()
        error = None if task.cancelled() else task.exception()
        self.ended(self, self.failure or error if self.power.on else None)

    def fail(self, error: BaseException) -> None:
        """Nothing can be written any more: an error of ours, which ends it."""
        self.failure = self.failure or error
        self.loop.call_soon(self.task.cancel)

    async def every(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        """Does it every so many seconds, but for those in which nothing has happened."""
        began_s, stirred = self.loop.time(), asyncio.Event()
        self.stirred.append(stirred)
        while True:
            await stirred.wait()
            past_s = self.loop.time() - began_s
            await asyncio.sleep(began_s + (math.floor(past_s / seconds) + 1) * seconds - self.loop.time())
            stirred.clear()
            await work()

    def stir(self) -> None:
        """Something has happened that those who look now and then would see."""
        for stirred in self.stirred:
            stirred.set()

    # ── what its parts are given ─────────────────────────────────────────────────────────────────────────────────────

    def deliverer(self, ports: Ports, workers: int, node: int) -> Deliverer:
        made = LeapingDeliverer(ports, workers, node)
        made.due_but_behind = self.due_but_behind
        return made

    def due_but_behind(self) -> int | None:
        """When the first event is due that waits for no other one's effect (NEVER_US: none is); None where all must be
        asked for as ever: nobody waits so, or one could go on that is not asleep."""
        behind = self.witness.behind
        if not behind:
            return None
        rows = self.around.store.rows("SELECT event, ready, due_at FROM delivery WHERE ready > 0")
        others = [(ready, due_at) for event, ready, due_at in rows if event not in behind]
        if any(ready != ASLEEP for ready, _ in others):
            return None
        return min((due_at for _, due_at in others), default=NEVER_US)

    def wake(self) -> None:
        if self.ready:
            self.parts.deliverer.wake()

    def observe(self, fact: Fact) -> None:
        self.witness.fact(fact)

    async def kept_plan(self, hash_: str) -> Plan | None:
        self.power.check()
        content, loaded = read_plan(self.around.store, hash_), self.around.loaded
        return None if content is None else compile_content(content, loaded.environment, loaded.resources)

    def refresh(self, system: str) -> None:
        self.power.check()
        self.around.network.renewed(system)

    async def read_gates(self) -> Sequence[GateRow]:
        self.power.check()
        return read_kept_gates(self.around.store)

    # ── what it does ─────────────────────────────────────────────────────────────────────────────────────────────────

    def out(self, request: Request, timeout_s: float) -> "asyncio.Future[Outcome]":
        """A call goes out: whose it is, is known by the task that makes it."""
        self.stir()
        task: Any = asyncio.current_task()
        walk = self.parts.deliverer.tasks.get(task)
        event = walk.delivery.event if walk else 0
        intent = self.witness.intents.get(event)
        about = CallMade(
            at_us=0,
            system=request.system,
            operation=request.operation,
            identity="",
            event=event,
            label=self.witness.label_of(event),
            step=intent.step if intent else "",
            life=self.number,
            method=request.method,
            path="",
            headers={},
            body=None,
            once=(intent.once or "") if intent else "",
        )
        future: asyncio.Future[Outcome] = self.loop.create_future()

        def told(place: int, outcome: Outcome) -> None:
            if not self.power.on or future.done():
                return
            failure = outcome.failure.value if outcome.failure else ""
            call = self.witness.more(
                place,
                sent=outcome.sent.value,
                status=outcome.status,
                failure=failure,
                took_us=outcome.took_us,
                later_s=later_s(outcome),
            )
            self.witness.heard(call)
            future.set_result(outcome)

        self.around.network.out(request, timeout_s, about, told)
        return future

    def committed(self, verb: Any, item: Any, result: Any, sending: int | None) -> None:
        """Something is on disk."""
        name = verb.__name__
        if name in ("accept", "accept_all", "move") or (
            name in ("begin", "record") and item.event not in self.witness.behind
        ):
            self.stir()
        if name in ("accept", "accept_all"):
            receipts: Sequence[Receipt] = (result,) if name == "accept" else result
            if sending is not None:
                self.witness.accepted(sending, receipts)
        elif name == "record" and result:
            self.witness.recorded(item)
        elif name == "begin":
            self.witness.began(item, result)
        elif name == "move" and result == "":
            self.witness.decided(item)

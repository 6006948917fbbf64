"""One simulated run from its first line to its last: a loop, a store, partners, senders, and one life of the engine
after another.

The run ends when nothing moves any more: no delivery is under way or to come, no event waits for a time, nothing was
cut. What waits for people stays where it is, unless the scenario has people who come. Where nothing can move and
something still should, that is a deadlock, and it is told. This file refuses to judge what came of it."""

import asyncio
import contextlib
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from engine.errors import WaybillError
from engine.run.intake import Route
from engine.run.load import Loaded
from engine.run.start import Needs, find_routes
from engine.spec import shape
from engine.store import Filter
from engine.store.readers import read_events
from engine.wire.secrets import Secret
from harness.partner import Partner
from harness.simulation.fates import Fates
from harness.simulation.fence import Fence, Fenced
from harness.simulation.life import Life, Surroundings
from harness.simulation.loop import CALLBACKS_EACH_MAX, Deadlock, Livelock, SimLoop
from harness.simulation.partners import Network, Plays, SimPartner
from harness.simulation.people import People
from harness.simulation.ports import PowerCut
from harness.simulation.scenario import Run, Scenario
from harness.simulation.senders import Senders
from harness.simulation.streams import Streams
from harness.simulation.witness import Witness
from harness.world import new_store

DOWN_S = (0.5, 5.0)
"""From a cut to the next start."""
EVENTS_MAX = 1_000_000
KITS_KEPT = 4

Came = TypeVar("Came")


class SimNeeds(Needs):
    """Secrets that nobody has to set: each is called after itself."""

    def secret(self, name: shape.SecretName) -> Secret:
        return Secret(simulated_secret(name.name))


def simulated_secret(name: str) -> str:
    """What senders of a simulated run sign with."""
    return f"simulated-{name}-of-decent-length"


@dataclass(frozen=True, slots=True)
class Kit:
    """What is made once of a workspace: partners take thirty times longer to make than a run of one event takes."""

    loaded: Loaded
    partners: Mapping[str, Partner]
    routes: Mapping[str, Route]


KITS: deque[Kit] = deque(maxlen=KITS_KEPT)


def kit_of(loaded: Loaded) -> Kit:
    for kit in KITS:
        if kit.loaded is loaded:
            return kit
    needs = SimNeeds()
    partners = {name: Partner(loaded.shape(name), loaded.resources) for name in sorted(loaded.workspace.systems)}
    made = Kit(loaded, partners, find_routes(loaded, needs))
    needs.settle()
    KITS.append(made)
    return made


class Simulation:
    """One run. `run` gives what came of it."""

    def __init__(self, loaded: Loaded, scenario: Scenario, played: Mapping[str, Plays]) -> None:
        self.loaded = loaded
        self.scenario = scenario
        self.kit = kit_of(loaded)
        for partner in self.kit.partners.values():
            partner.clear()
        self.streams = self.new_streams()
        steps = self.streams.of("steps") if scenario.permute else None
        self.loop = SimLoop(self.streams.of("ties"), steps)  # type: ignore[abstract]  # the rest is refused by name
        self.witness = self.new_witness()
        fates = Fates(scenario.faults)
        partners = {
            name: SimPartner(played.get(name, partner), loaded.shape(name), scenario.limits)
            for name, partner in self.kit.partners.items()
        }
        network = self.new_network(fates, partners)
        self.senders = self.new_senders(fates)
        self.people = People(self.loop, self.witness, scenario.people, self.listening)
        self.store = new_store()
        self.witness.events_of = self.events_of
        self.witness.endless = self.too_late
        self.around = Surroundings(
            loaded,
            self.store,
            self.streams,
            self.witness,
            network,
            self.kit.routes,
            scenario.workers,
            scenario.begin_at,
            scenario.disk_s,
        )
        self.down_s = self.streams.of("restarts")
        self.life: Life | None = None
        self.lives = 0
        self.done: asyncio.Future[None] = self.loop.create_future()
        self.failure = ""
        self.still = True

    # ── what a run of another kind makes otherwise ───────────────────────────────────────────────────────────────────

    def new_streams(self) -> Streams:
        return Streams(self.scenario.seed)

    def new_witness(self) -> Witness:
        scenario = self.scenario
        return Witness(self.loop, self.streams.trace, scenario.sendings, scenario.crashes, scenario.faults)

    def new_senders(self, fates: Fates) -> Senders:
        return Senders(self.loop, self.streams, self.witness, fates, self.listening)

    def new_network(self, fates: Fates, partners: Mapping[str, SimPartner]) -> Network:
        return Network(self.loop, self.streams, self.witness, fates, partners, self.scenario.latencies_s)

    # ── from the first line to the last ──────────────────────────────────────────────────────────────────────────────

    def run(self) -> Run:
        """Runs it, behind a fence. Raises what the harness itself got wrong."""
        told = self.carried_out(self.told)
        self.store.close()
        return told

    def carried_out(self, told: Callable[[str], Came]) -> Came:
        """What `told` makes of the run, once it is over; it is given the deadlock, or empty text."""
        fence, loop, scenario = Fence(), self.loop, self.scenario
        loop.ends_at = scenario.until_s
        loop.callbacks_max += CALLBACKS_EACH_MAX * len(scenario.sendings)
        loop.idle, loop.late, loop.failed = self.settled, self.too_late, self.went_wrong
        deadlock = ""
        with fence.standing():
            main = loop.create_task(self.play(), name="main")
            try:
                loop.run_until_complete(main)
            except (Deadlock, Livelock) as error:
                deadlock = str(error)
                self.finish(still=False)
                with contextlib.suppress(Deadlock, Livelock):
                    loop.run_until_complete(main)
            if fence.touched:
                raise Fenced(fence.touched[0])
            came = told(deadlock)
        loop.close()
        return came

    async def play(self) -> None:
        """From the first start to the last stop."""
        if self.scenario.heal_at_us is not None:
            self.loop.call_at(self.scenario.heal_at_us / 1_000_000, self.heal)
        await self.start().begun.wait()
        senders = {sender.system: sender for sender in self.scenario.senders}
        self.senders.begin(self.scenario.sendings, self.loaded.plans, self.kit.routes, senders)
        await self.done
        life = self.life
        if life is None or life.task.done():
            return
        if self.still:
            await life.drain()
        else:
            life.power.cut()
            await asyncio.wait((life.task,))

    # ── the engine ───────────────────────────────────────────────────────────────────────────────────────────────────

    def start(self) -> Life:
        """The engine starts, for the first time or again."""
        self.lives += 1
        if self.lives > 1:
            self.witness.tell("restart", nth=self.lives)
        life = self.life = Life(self.lives, self.around, self.ended)
        return life

    def listening(self) -> Life | None:
        """The engine, where it takes events."""
        return self.life if self.life is not None and self.life.ready else None

    def ended(self, life: Life, error: BaseException | None) -> None:
        """A life is over: by a cut (another one begins), by an error of ours, or because it was drained."""
        if not life.power.on:
            self.life = None
            if not self.done.done():
                self.loop.call_later(self.down_s.between(*DOWN_S), self.start)
        elif error is not None:
            self.went_wrong(error)

    def went_wrong(self, error: BaseException) -> None:
        """An error of ours: loud, and the end of the run. What a cut leaves behind is none."""
        if only_cuts(error):
            return
        if not self.failure:
            self.failure = "; ".join(shown(one) for one in leaves(error))
            self.witness.tell("failed", detail=self.failure)
        self.finish(still=False)

    def events_of(self, integration: str, id_: str) -> Iterator[int]:
        return (row.event for row in read_events(self.store, Filter(integration=integration, id=id_)))

    # ── the end ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def heal(self) -> None:
        self.witness.healed = True
        self.witness.tell("heal")

    def settled(self) -> bool:
        """Nothing is ready and no timer is set: the run is over, if there is nothing left to do."""
        life = self.life
        if self.done.done() or life is None or not life.ready or life.parts.deliverer.tasks or self.senders.under_way:
            return False
        self.finish(still=True)
        return True

    def too_late(self) -> None:
        """Its time is over, or topics bring forth event after event: something moves that nothing will end."""
        self.finish(still=False)

    def finish(self, *, still: bool) -> None:
        if not self.done.done():
            self.still = still
            self.done.set_result(None)

    def told(self, deadlock: str) -> Run:
        """What came of it."""
        events = tuple(read_events(self.store, Filter(limit=EVENTS_MAX)))
        witness = self.witness
        for row in events:
            self.streams.trace.note(row.event, row.status.value, row.step, row.attempts, row.reason)
        return Run(
            events=events,
            effects=tuple(witness.effects),
            calls=tuple(witness.calls),
            acknowledged=tuple(sorted(self.senders.acknowledged)),
            moments=tuple(witness.moments),
            fired=dict(witness.fired),
            points=witness.passed.total(),
            deadlock=deadlock,
            trace=self.streams.trace.hex(),
            passed=dict(witness.passed),
            labels=dict(witness.labels),
            ended_at_us=witness.moments[-1].at_us if witness.moments else 0,
            lives=self.lives,
            still=self.still,
            failure=self.failure,
            told=tuple(witness.told),
            logged=witness.logged,
            behind=dict(witness.behind),
        )


def leaves(error: BaseException) -> Iterator[BaseException]:
    """The errors of a group, or the one."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from leaves(inner)
    else:
        yield error


def shown(error: BaseException) -> str:
    """What went wrong and where. Only our own texts are repeated: others may quote what an event held."""
    where = [*traceback.walk_tb(error.__traceback__)][-1:]
    places = [f" at {Path(frame.f_code.co_filename).name}:{line}" for frame, line in where]
    said = f": {error}" if isinstance(error, WaybillError) else ""
    return f"{type(error).__name__}{''.join(places)}{said}"


def only_cuts(error: BaseException) -> bool:
    return all(isinstance(one, PowerCut) for one in leaves(error))

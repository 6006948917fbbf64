"""ONE RUN: everything is started, the schedule is sent, the backlog drains, and what was left behind is measured.

The order matters: messages and schedule are made and written before anything is due; generators get a moment on a clock
that all processes share; the engine is ended before the partners are asked for their books, so that nothing moves any
more; the store is read last. Whatever happens, everything that was started has ended when this returns. This file
refuses to judge.
"""

import asyncio
import signal
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import chain
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec
from msgspec import Struct
from msgspec.structs import replace

from engine.clock import SystemClock
from engine.errors import UserError
from engine.run.load import Loaded
from engine.store.database import Database
from engine.store.open import reading
from harness.load.measure.joined import measure
from harness.load.measure.ran import Ran, ask_partners
from harness.load.measure.steady import steady
from harness.load.measure.timeline import to_move
from harness.load.measure.trust import invalid_because
from harness.load.measure.watch import Row, Watch, share
from harness.load.measure.work import GONE, calls_of, declared, of_whole, work_of
from harness.load.model import Arrival, Measures, Message, Sent
from harness.load.numbers import whole
from harness.load.send.arrivals import arrivals, spans
from harness.load.send.facts import Facts, generator_of, merged
from harness.load.send.feed import Writer, read_sent, write
from harness.load.send.generator import Orders
from harness.load.send.messages import Messages
from harness.load.send.profile import SECOND_US, Profile
from harness.load.stage.built import ENGINE_GRACE_S, Options, Stage, ended, up
from harness.load.tell.files import write_events
from harness.load.tell.view import Picture, View
from harness.processes import HOST, Process, python
from harness.recordings.exchange import Recording

LEAD_S: Final = 3.0
"""From the start of the generators until the first message can be due: they read what they are told meanwhile."""
MAKING_PER_S: Final = 3_000
"""About as many messages are made in a second: what is signed with a time is signed for when it is due."""
LOOK_EVERY_S: Final = 1.0
STILL_LOOKS: Final = 2
"""A backlog is drained when so many looks on end find nothing to move."""
ANSWER_S: Final = 30.0
UNFINISHED_MAX: Final = 0.1
"""Where more was left undone, the calls of a message are not known from the whole run."""
GENERATOR_GRACE_S: Final = 5.0
FACTS_BYTES_MAX: Final = 64 << 20
RATE_OVER: Final = 5
"""Rates that are shown are of so many seconds."""
ASK_S: Final = 30.0


class Plan(Struct, frozen=True):
    """What is run: `specs` are those that may be sent to, `what` names the run where there are several."""

    root: Path
    loaded: Loaded
    profile: Profile
    specs: tuple[str, ...]
    options: Options
    recordings: tuple[Recording, ...] = ()
    what: str = ""


def run_profile(plan: Plan, view: View, out: Path | None = None) -> Measures:
    """Runs a profile, and gives what was measured; `out` gets the events. Raises UserError, and KeyboardInterrupt where
    it was told to stop: by Ctrl-C, SIGTERM or SIGHUP, once everything has ended."""
    return asyncio.run(interruptible(plan, view, out))


async def interruptible(plan: Plan, view: View, out: Path | None) -> Measures:
    """A signal to stop is taken once, so that ending what was started is not interrupted itself."""
    loop = asyncio.get_running_loop()
    running = asyncio.ensure_future(conduct(plan, view, out))
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, lambda: running.cancel() if not running.cancelling() else None)
    try:
        return await running
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.remove_signal_handler(number)


async def conduct(plan: Plan, view: View, out: Path | None) -> Measures:
    profile, options = plan.profile, plan.options
    making_s = profile.due / MAKING_PER_S
    length_s = making_s + LEAD_S + profile.length_s + ANSWER_S + profile.drain_s
    named = plan.what or profile.name
    view.say(f"{named}: starting the partners and the engine")
    async with up(plan.root, plan.loaded, options, length_s) as stage:
        feed = Feed(stage.folder, plan)
        view.say(f"{named}: making about {whole(profile.due)} messages")
        await asyncio.to_thread(feed.write, stage.secrets)
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ASK_S)) as session:
            async with generating(stage, feed, options.generators) as generators:
                assert stage.engine is not None
                watch = Watch(
                    session,
                    f"http://{HOST}:{stage.engine.admin_port}/metrics",
                    stage.engine.pid,
                    [generator.pid for generator in generators.processes],
                )
                began_us = feed.clock.now() + round((generators.begin_s - feed.clock.monotonic()) * SECOND_US)
                await Conductor(plan, view, stage, generators, watch).watch()
                facts = await generators.ended()
            ended_us = feed.clock.now()
            await asyncio.to_thread(stage.engine.end, ENGINE_GRACE_S)
            assert stage.partners is not None
            partners = await ask_partners(session, stage.partners.admin_url, stage.systems, began_us)
        ran = Ran(
            began_us=began_us,
            ended_us=ended_us,
            phases=spans(profile),
            messages=feed.told,
            sent=feed.sent(),
            rows=watch.rows,
            partners=partners,
            processes=options.generators,
        )
        assert stage.store is not None
        with reading(stage.store) as database:
            measures = completed(plan, ran, measure(plan.loaded, ran, database), facts, database)
            if out is not None:
                write_events(out, database)
        return measures


def messages_of(plan: Plan, secrets: Mapping[str, str]) -> Messages:
    """The messages of a run, signed with these secrets."""
    profile = plan.profile
    return Messages(
        plan.loaded,
        plan.specs,
        plan.recordings,
        plan.options.seed,
        secrets,
        root=plan.root,
        mix=profile.mix,
        repeat=profile.repeat,
        hot=profile.hot,
    )


def completed(plan: Plan, ran: Ran, measures: Measures, facts: Facts, database: Database) -> Measures:
    """With what the generators say of themselves, and what was taken of everything."""
    generator = generator_of(facts, measures.generator)
    reasons = (*ran.reasons, *invalid_because(generator, measures.offered))
    over = sum(measures.ended.get(status, 0) for status in GONE)
    warm_up = next((phase for phase in ran.phases if not phase.counted), None)
    idle_ms = {}
    if warm_up is not None:
        span = (ran.began_us + round(at_s * SECOND_US) for at_s in (warm_up.begin_s, warm_up.end_s))
        idle_ms = {gate: mean_ms for gate, (_, mean_ms) in calls_of(database, *span).items()}
    work = work_of(
        database,
        measures.seconds,
        steady(ran.phases, measures.seconds),
        ran.began_us,
        declared(plan.loaded, plan.options.workers),
        messages_per_event=measures.completed / over if over else 1.0,
        idle_ms=idle_ms,
        store="sqlite" if (plan.options.store or "sqlite").startswith("sqlite") else "postgresql",
    )
    if work is not None and measures.books.unfinished <= UNFINISHED_MAX * measures.events:
        work = of_whole(work, calls_of(database, ran.began_us, ran.ended_us + SECOND_US), measures.completed)
    return replace(measures, generator=replace(generator, held=not reasons, reasons=reasons), work=work)


# ── what is sent ─────────────────────────────────────────────────────────────────────────────────────────────────────


class Feed:
    """The files of the generators. `told` has every message without its bytes: who measures asks for names alone."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        self.schedule, self.messages = folder / "schedule", folder / "messages"
        self.folder = folder
        self.plan = plan
        self.clock = SystemClock()
        self.told: list[Message] = []
        self.parts = plan.options.generators

    def write(self, secrets: Mapping[str, str]) -> None:
        """Makes all of it, signed with these secrets. In a thread of its own: which effects a message has is tried in a
        small world, which has its own loop."""
        messages = messages_of(self.plan, secrets)
        due_us: list[int] = []

        def noted() -> Iterator[Arrival]:
            for arrival in arrivals(self.plan.profile, self.plan.options.seed):
                if arrival.message >= len(due_us):
                    due_us.extend([arrival.due_us] * (arrival.message + 1 - len(due_us)))
                yield arrival

        write(self.schedule, noted())
        ahead_us = round((len(due_us) / MAKING_PER_S + LEAD_S) * SECOND_US)
        begin_us = self.clock.now() + ahead_us
        with Writer(self.messages) as append:
            for message in messages.make(len(due_us), lambda number: begin_us + due_us[number]):
                append(message)
                self.told.append(Message(message.integration, b"", message.ids, message.keys))

    def path_of(self, part: int) -> Path:
        return self.folder / f"sent-{part}"

    def sent(self) -> Iterator[Sent]:
        """What came of all of them."""
        paths = [self.path_of(part) for part in range(self.parts)]
        return chain.from_iterable(read_sent(path) for path in paths if path.exists())


class Generators:
    """The processes that send; `begin_s` is when the schedule begins, on the monotonic clock."""

    def __init__(self, stage: Stage, feed: Feed, count: int) -> None:
        assert stage.engine is not None
        self.begin_s = feed.clock.monotonic() + LEAD_S
        self.processes: list[Process] = []
        self.facts: list[Facts] = []
        self.progress: list[dict[str, Any]] = [{} for _ in range(count)]
        self.readers: list[asyncio.Task[None]] = []
        for part in range(count):
            orders = Orders(
                host=HOST,
                port=stage.engine.port,
                schedule=str(feed.schedule),
                messages=str(feed.messages),
                sent=str(feed.path_of(part)),
                begin_ns=round(self.begin_s * 1e9),
                part=part,
                parts=count,
                answer_s=ANSWER_S,
                progress=True,
            )
            path = stage.folder / f"orders-{part}.json"
            path.write_bytes(msgspec.json.encode(orders))
            log = stage.folder / f"generator-{part}.log"
            words = python("-m", "harness.load.send.generator", str(path))
            name = "the generator" if count == 1 else f"generator {part + 1}"
            self.processes.append(Process(name, words, log, {}, life_s=stage.life_s))

    async def listen(self, place: int) -> None:
        """Takes what one of them says, a line a second; the last one is what it says of the whole."""
        running = self.processes[place].running
        assert running is not None
        assert running.stdout is not None
        reader = asyncio.StreamReader(limit=FACTS_BYTES_MAX)
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), running.stdout)
        while line := await reader.readline():
            told = msgspec.json.decode(line)
            if "progress" in told:
                self.progress[place] = told["progress"]
            elif "facts" in told:
                self.facts.append(msgspec.convert(told["facts"], Facts))

    @property
    def sending(self) -> bool:
        return any(not reader.done() for reader in self.readers)

    async def ended(self) -> Facts:
        """What they say together. Raises UserError with the last words of one that said nothing."""
        await asyncio.gather(*self.readers)
        for process in self.processes:
            if await asyncio.to_thread(process.wait, GENERATOR_GRACE_S) != 0:
                raise process.failed()
        return merged(self.facts)


@asynccontextmanager
async def generating(stage: Stage, feed: Feed, count: int) -> AsyncIterator[Generators]:
    """The generators, running; ended whatever happens inside."""
    generators = Generators(stage, feed, count)
    try:
        for place, process in enumerate(generators.processes):
            process.start(piped=True)
            generators.readers.append(asyncio.ensure_future(generators.listen(place)))
        yield generators
    finally:
        for reader in generators.readers:
            reader.cancel()
        for process in generators.processes:
            process.kill()


# ── what is seen of it ───────────────────────────────────────────────────────────────────────────────────────────────


class Conductor:
    """Watches one run until it is over, and shows it."""

    def __init__(self, plan: Plan, view: View, stage: Stage, generators: Generators, watch: Watch) -> None:
        self.plan = plan
        self.view = view
        self.stage = stage
        self.generators = generators
        self.looker = watch
        self.clock = SystemClock()
        self.phases = spans(plan.profile)
        self.recent: deque[tuple[float, int, int, int]] = deque(maxlen=RATE_OVER + 1)

    async def watch(self) -> None:
        """Until everything was sent and answered and nothing is left to move, or the drain's time is over."""
        still, profile = 0, self.plan.profile
        begin_s = self.generators.begin_s
        next_s = self.clock.monotonic()
        while True:
            row = await self.looker.look()
            elapsed_s = self.clock.monotonic() - begin_s
            self.alive()
            self.view.show(self.picture(row, elapsed_s))
            if not self.generators.sending:
                still = still + 1 if self.left_to_move(row) == 0 else 0
                if still >= STILL_LOOKS or elapsed_s > profile.length_s + profile.drain_s:
                    return
            elif elapsed_s > profile.length_s + ANSWER_S + GENERATOR_GRACE_S:
                raise UserError("the generator does not come to an end", exit_code=4)
            next_s = max(next_s + LOOK_EVERY_S, self.clock.monotonic())
            await asyncio.sleep(next_s - self.clock.monotonic())

    def alive(self) -> None:
        """Raises UserError with the last words of a process that is not there any more."""
        error = ended(self.stage)
        if error is not None:
            raise error
        for process in self.generators.processes:
            if process.ended and process.wait() != 0:
                raise process.failed()

    def left_to_move(self, row: Row) -> int:
        """What waits for a person, or for an event of a topic, is left out: only the store knows."""
        if row.page is not None and row.page.backlog == 0:
            return 0
        assert self.stage.store is not None
        with reading(self.stage.store) as database:
            return to_move(database)

    def picture(self, row: Row, elapsed_s: float) -> Picture:
        said = [each for each in self.generators.progress if each]
        offered, accepted = (sum(each[word] for each in said) for word in ("due", "accepted"))
        page = row.page
        backlog = page.backlog if page else 0
        finished = max(0, (page.accepted if page else 0) - backlog)
        self.recent.append((elapsed_s, offered, accepted, finished))
        answered = [each["quantiles_ms"] for each in said]
        before = self.looker.rows[-2] if len(self.looker.rows) > 1 else None
        phase = next((each.name for each in self.phases if each.begin_s <= elapsed_s < each.end_s), "")
        if elapsed_s < 0:
            phase = "starting"
        return Picture(
            what=self.plan.what or self.plan.profile.name,
            phase=phase,
            elapsed_s=max(0.0, elapsed_s),
            length_s=self.plan.profile.length_s,
            drain_s=self.plan.profile.drain_s,
            offered_per_min=self.rate(1),
            accepted_per_min=self.rate(2),
            completed_per_min=self.rate(3),
            offered=offered,
            accepted=accepted,
            completed=finished,
            refused=sum(map(refused, said)),
            backlog=backlog,
            oldest_s=page.oldest_s if page else 0.0,
            retries=page.retries if page else 0,
            accept_p50_ms=worst(answered, "0.5"),
            accept_p95_ms=worst(answered, "0.95"),
            accept_p99_ms=worst(answered, "0.99"),
            engine_cpu=share_of(before, row),
            engine_rss_mib=row.engine.rss_mib if row.engine else 0.0,
            generator_cpu=max((each["cpu"] for each in said), default=0.0),
            lag_ms=worst(said, "lag_ms"),
            parked=page.parked if page else {},
        )

    def rate(self, place: int) -> float:
        """A minute, of the last seconds."""
        first, last = self.recent[0], self.recent[-1]
        span_s = last[0] - first[0]
        return max(0.0, 60 * (last[place] - first[place]) / span_s) if span_s > 0 else 0.0


def refused(said: dict[str, Any]) -> int:
    """Messages that got another answer than a 2xx, or none."""
    return int(sum(said["statuses"].values()) - said["accepted"])


def worst(said: Sequence[dict[str, Any]], name: str) -> float | None:
    """Of several generators the slowest: their distributions are joined at the end."""
    return max((each[name] for each in said if each.get(name) is not None), default=None)


def share_of(before: Row | None, row: Row) -> float:
    return share(before.engine, row.engine, row.at_s - before.at_s) if before is not None else 0.0

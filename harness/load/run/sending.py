"""WHAT A RUN SENDS, AND WHO: the files that generators read, made before anything is due, and their processes.

They get a moment on a clock that all processes share, to read what they are told until then. Whatever happens, all of
them have ended when the block is left. This file refuses to watch anybody but them.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from itertools import chain
from pathlib import Path
from typing import Any, Final

import msgspec

from engine.clock import SystemClock
from harness.load.model import SECOND_US, Arrival, Message, Sent
from harness.load.run.plan import Plan, messages_of
from harness.load.send.arrivals import arrivals
from harness.load.send.facts import Facts, merged
from harness.load.send.feed import Writer, read_sent, write
from harness.load.send.generator import Orders
from harness.load.stage.built import Stage
from harness.processes import HOST, Process, python

LEAD_S: Final = 3.0
"""From the start of the generators until the first message can be due: they read what they are told meanwhile."""
MAKING_PER_S: Final = 3_000
"""About as many messages are made in a second: what is signed with a time is signed for when it is due."""
ANSWER_S: Final = 30.0
"""A message that got no answer for so long gets none."""
GENERATOR_GRACE_S: Final = 5.0
FACTS_BYTES_MAX: Final = 64 << 20


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

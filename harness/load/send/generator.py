"""ONE GENERATOR: sends each message when it is due, whatever became of those before, and says how late it was itself.

    python -m harness.load.send.generator ORDERS.json

An open model over keep-alive connections (`protocol.py`). What finds no connection free waits, and its latency counts
from when it was due: a pool is how a sender is built, not a reason to offer less. Lag is told apart from that: from due
until the generator took the message in hand, which is its own fault alone. What came of each message goes to a file; at
the end one line of JSON says the rest. This file refuses to decide what is due, to make messages and to judge.
"""

import asyncio
import gc
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec
from msgspec import Struct

from engine.wire.loop import loop_factory
from harness.load.model import SECOND_US, Arrival, Message, Sent
from harness.load.send.facts import Counts, Facts
from harness.load.send.feed import MessageFile, Writer, read_arrivals
from harness.load.send.protocol import Connection

CONNECTIONS_MAX: Final = 256
CONNECTIONS_FIRST: Final = 8
"""Opened before the first message is due."""
AT_ONCE_MAX: Final = 128
"""Messages sent in one turn of the loop; then answers are read."""
TURN_S: Final = 0.001
"""The loop's timers count milliseconds, so it sleeps one at least and then sends all that came due. To turn until the
next is due was tried: never late by more, and always at all of its core."""


class Orders(Struct, frozen=True, kw_only=True):
    """What one generator process is told. Of several, process `part` of `parts` sends every `parts`th arrival;
    `begin_ns` is on CLOCK_MONOTONIC, which all processes of a machine share."""

    host: str
    port: int
    schedule: str
    messages: str
    sent: str
    begin_ns: int
    part: int = 0
    parts: int = 1
    connections_max: int = CONNECTIONS_MAX
    answer_s: float = 30.0
    progress: bool = False
    """Print a line a second as well; somebody must read them, or the generator stands still."""


class Given(Protocol):
    """Messages by their number: a list of them, or a file."""

    def __getitem__(self, number: int, /) -> Message: ...


class Sender:
    """Sends a schedule over one loop. Times are microseconds from `begin_ns`."""

    def __init__(
        self,
        host: str,
        port: int,
        messages: Given,
        record: Callable[[Sent], None],
        *,
        begin_ns: int,
        connections_max: int,
        answer_s: float,
        progress: Callable[[Counts, int], None] | None = None,
    ) -> None:
        self.counts = Counts()
        self._host, self._port = host, port
        self._messages = messages
        self._record = record
        self._begin_ns = begin_ns
        self._connections_max = connections_max
        self._answer_us = int(answer_s * SECOND_US)
        self._progress = progress
        self._loop = asyncio.get_running_loop()
        self._idle: list[Connection] = []
        self._busy: set[Connection] = set()
        self._dialling: set[asyncio.Task[None]] = set()
        self._waiting: deque[Arrival] = deque()
        self._arrivals: Iterator[Arrival] = iter(())
        self._next: Arrival | None = None
        self._over = self._loop.create_future()
        self._wall_ahead_ns = time.time_ns() - time.monotonic_ns()
        self._cpu_ns = time.process_time_ns()

    def now_us(self) -> int:
        return (time.monotonic_ns() - self._begin_ns) // 1000

    async def run(self, arrivals: Iterable[Arrival]) -> Facts:
        """Sends all arrivals, and waits for their answers."""
        self._loop.set_exception_handler(self._broken)
        for _ in range(min(CONNECTIONS_FIRST, self._connections_max)):
            self._dial()
        self._arrivals = iter(arrivals)
        self._next = next(self._arrivals, None)
        self._loop.call_soon(self._turn)
        watch = self._loop.create_task(self._watch())
        try:
            await self._over
        finally:
            watch.cancel()
            self._close()
        return self.counts.facts()

    # ── sending ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _turn(self) -> None:
        """Takes in hand all that is due, and comes back when the next is."""
        if self._over.done():  # something broke
            return
        arrival = self._next
        for _ in range(AT_ONCE_MAX):
            if arrival is None:
                break
            now_us = self.now_us()
            if arrival.due_us > now_us:
                break
            self.counts.taken(arrival, now_us)
            connection = self._take()
            if connection is None:
                self._wait(arrival)
            else:
                self._send(connection, arrival)
            arrival = next(self._arrivals, None)
        self._next = arrival
        if arrival is None:
            self._settle()
            return
        left_us = arrival.due_us - self.now_us()
        if left_us <= 0:
            self._loop.call_soon(self._turn)
        else:
            self._loop.call_later(max(TURN_S, left_us / SECOND_US), self._turn)

    def _take(self) -> Connection | None:
        """A connection that is free: the one used last, so that a pool larger than needed is left to rest."""
        while self._idle:
            connection = self._idle.pop()
            if not connection.gone:
                return connection
        return None

    def _send(self, connection: Connection, arrival: Arrival) -> None:
        self._busy.add(connection)
        connection.send(arrival, self._messages[arrival.message].raw, self.now_us())

    def _wait(self, arrival: Arrival) -> None:
        self.counts.waited += 1
        self._waiting.append(arrival)
        if len(self._dialling) < len(self._waiting):
            self._dial()

    def _answered(self, connection: Connection, status: int, event: int) -> None:
        arrival = connection.arrival
        assert arrival is not None
        connection.arrival = None
        self._busy.discard(connection)
        answered_us = self.now_us() if status else -1
        self._tell(arrival, connection.sent_us, answered_us, status, event)
        if not connection.gone:
            self._free(connection)
        elif self._waiting:
            self._dial()
        if self._next is None:
            self._settle()

    def _tell(self, arrival: Arrival, sent_us: int, answered_us: int, status: int, event: int) -> None:
        sent = Sent(arrival.message, arrival.phase, arrival.due_us, sent_us, answered_us, status, event)
        self.counts.answered(sent)
        self._keep(sent)

    def _keep(self, sent: Sent) -> None:
        try:
            self._record(sent)
        except OSError as error:  # which a loop takes for the connection's in a callback, and goes on
            if not self._over.done():
                self._over.set_exception(error)

    def _free(self, connection: Connection) -> None:
        """Gives a connection to who waits longest."""
        if self._waiting:
            self._send(connection, self._waiting.popleft())
        else:
            self._idle.append(connection)

    # ── connections ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _dial(self) -> None:
        """Opens one more connection, where there may be one more."""
        if len(self._idle) + len(self._busy) + len(self._dialling) >= self._connections_max:
            # Idle ones may have been closed by the server; they are not in the way of others.
            self._idle = [each for each in self._idle if not each.gone]
            if len(self._idle) + len(self._busy) + len(self._dialling) >= self._connections_max:
                return
        task = self._loop.create_task(self._connect())
        self._dialling.add(task)
        task.add_done_callback(self._dialling.discard)

    async def _connect(self) -> None:
        connection = Connection(self._answered)
        try:
            await self._loop.create_connection(lambda: connection, self._host, self._port)
        except OSError:
            # Who waits for it is not kept for ever: it was tried, and got no answer.
            if self._waiting:
                self._tell(self._waiting.popleft(), self.now_us(), -1, 0, 0)
            if self._next is None:
                self._settle()
            return
        self.counts.connections += 1
        self._free(connection)

    async def _watch(self) -> None:
        """Once a second: its own CPU, the clocks, answers that never come, and the line for whoever watches."""
        while True:
            await asyncio.sleep(1.0)
            cpu_ns, now_us = time.process_time_ns(), self.now_us()
            if now_us >= 0:
                self.counts.cpu_by_s.append(round((cpu_ns - self._cpu_ns) / 1e9, 4))
            self._cpu_ns = cpu_ns
            jumped_ns = abs(time.time_ns() - time.monotonic_ns() - self._wall_ahead_ns)
            self.counts.clock_jump_us = max(self.counts.clock_jump_us, jumped_ns // 1000)
            for connection in [each for each in self._busy if now_us - each.sent_us > self._answer_us]:
                connection.abort()
            while self._waiting and now_us - self._waiting[0].due_us > self._answer_us:
                self._tell_unsent(self._waiting.popleft())
            if self._waiting and not self._dialling:
                self._dial()
            if self._next is None:
                self._settle()
            if self._progress is not None and now_us >= 0:
                self._progress(self.counts, now_us)

    # ── the end ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _settle(self) -> None:
        """It is over once nothing is due, under way or waited for."""
        if not self._busy and not self._waiting and not self._over.done():
            self._over.set_result(None)

    def _broken(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """A mistake of ours, or a disk that is full: sending ends at once, loudly."""
        error = context.get("exception")
        if error is None:
            loop.default_exception_handler(context)
        elif not self._over.done():
            self._over.set_exception(error)

    def _tell_unsent(self, arrival: Arrival) -> None:
        self.counts.unsent += 1
        self._keep(Sent(arrival.message, arrival.phase, arrival.due_us, -1, -1, 0, 0))

    def _close(self) -> None:
        """Whatever is still open, also where it ends early."""
        for task in self._dialling:
            task.cancel()
        for connection in [*self._busy]:
            connection.abort()
        for connection in self._idle:
            connection.abort()
        while self._waiting:
            self._tell_unsent(self._waiting.popleft())


def generate(
    host: str,
    port: int,
    arrivals: Iterable[Arrival],
    messages: Given,
    record: Callable[[Sent], None],
    *,
    begin_ns: int | None = None,
    connections_max: int = CONNECTIONS_MAX,
    answer_s: float = 30.0,
    progress: Callable[[Counts, int], None] | None = None,
) -> Facts:
    """Sends a schedule from this process, and gives what it says of itself. It begins at `begin_ns`, or in 0.2 s."""

    async def sending() -> Facts:
        begin = time.monotonic_ns() + 200_000_000 if begin_ns is None else begin_ns
        sender = Sender(
            host,
            port,
            messages,
            record,
            begin_ns=begin,
            connections_max=connections_max,
            answer_s=answer_s,
            progress=progress,
        )
        return await sender.run(arrivals)

    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(sending())


# ── a process ────────────────────────────────────────────────────────────────────────────────────────────────────────


def follow(orders: Orders) -> Facts:
    """Does what a process was told."""
    messages = MessageFile(Path(orders.messages))
    arrivals = islice(read_arrivals(Path(orders.schedule)), orders.part, None, orders.parts)
    with Writer(Path(orders.sent)) as record:
        # Nothing here makes cycles, and a look through all that lives would be a pause of ours in what is measured.
        gc.collect()
        gc.freeze()
        gc.disable()
        try:
            return generate(
                orders.host,
                orders.port,
                arrivals,
                messages,
                record,
                begin_ns=orders.begin_ns,
                connections_max=orders.connections_max,
                answer_s=orders.answer_s,
                progress=progress_line if orders.progress else None,
            )
        finally:
            gc.enable()
            messages.close()


def progress_line(counts: Counts, now_us: int) -> None:
    """One line a second for whoever watches: the counts so far, the lag at p95 in the newest phase, and the latency of
    the stretch before."""
    before = counts.corrected_by_s.at(max(0, now_us // SECOND_US - 1))
    newest = counts.lag[max(counts.lag)].quantile_us(0.95) if counts.lag else None
    line = {
        "at_s": now_us // SECOND_US,
        "due": counts.due,
        "sent": counts.sent,
        "accepted": sum(count for status, count in counts.statuses.items() if 200 <= status < 300),
        "statuses": {str(status): count for status, count in counts.statuses.items()},
        "lag_ms": None if newest is None else newest / 1000,
        "quantiles_ms": {} if before is None else before.latency().quantiles_ms,
        "cpu": counts.cpu_by_s[-1] if counts.cpu_by_s else 0.0,
    }
    print_line({"progress": line})


def print_line(line: object) -> None:
    with suppress(BrokenPipeError):  # whoever watched has gone; what was sent is in the file
        sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
        sys.stdout.flush()


def main(arguments: Sequence[str]) -> int:
    orders = msgspec.json.decode(Path(arguments[0]).read_bytes(), type=Orders)
    facts = follow(orders)
    print_line({"facts": facts})
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

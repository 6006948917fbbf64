"""The connections to one partner: used again while fit, never more at once than allowed, first come first served.

A connection that rests is taken last in, first out, so that few stay warm and the others age; before the partner is
likely to close one it is closed here, because a request written meanwhile would be lost and its effect unknown.

Requests of one turn of the loop are written together at its end. Each of them written by itself woke a partner that had
gone to sleep since the last one (profiled on loopback: a sixth of the loop's time; a fourteenth more events a second
without it where others share the machine, and no difference that shows where nobody does). This file refuses to know
what is sent.
"""

import asyncio
from collections import deque
from contextlib import suppress

from engine.model import Failure
from engine.ports import Clock
from engine.wire.dial import Dialer, NotConnected
from engine.wire.partner import PartnerConnection

REST_S = 15.0
"""How long a connection may rest unused; less where the partner says that it will close it sooner."""

REST_MARGIN_S = 1.0

LOOK_AFTER_S = 0.5
"""After so much rest a connection's socket is looked at before it is used; it costs a system call."""

STOPPING = "the engine is stopping"


class Pool:
    """`_open` counts the connections there are or that are being made; each of `_waiting` is handed one that was freed,
    or None: the right to make one."""

    def __init__(self, dialer: Dialer, connections_max: int, clock: Clock) -> None:
        self._dialer = dialer
        self._connections_max = connections_max
        self._now = clock.monotonic
        self._open = 0
        self._resting: list[PartnerConnection] = []
        self._busy: set[PartnerConnection] = set()
        self._waiting: deque[asyncio.Future[PartnerConnection | None]] = deque()
        self._posted: list[tuple[PartnerConnection, bytes]] = []
        self._sweeps: asyncio.TimerHandle | None = None
        self._closed = False

    def take_resting(self) -> PartnerConnection | None:
        """A connection that is there and fit, at once; None: wait for `take`."""
        now = self._now() if self._resting else 0.0
        while self._resting:
            connection = self._resting.pop()
            self._busy.add(connection)
            if now < connection.rests_until:
                looked_at = now - connection.rested_from < LOOK_AFTER_S
                if not (connection.ended if looked_at else connection.stale()):
                    return connection
            connection.end()
        return None

    async def take(self) -> PartnerConnection:
        """The next connection there is for this call; raises `NotConnected`. Whoever stops waiting takes none."""
        while True:
            connection = self.take_resting()
            if connection is not None:
                return connection
            if self._closed:
                raise NotConnected(None, STOPPING)
            if self._open < self._connections_max:
                self._open += 1
                return await self._connected()
            handed = await self._handed()
            if handed is None:
                return await self._connected()
            if not handed.ended:
                return handed

    def post(self, connection: PartnerConnection, message: bytes) -> None:
        """See `Owner.post`."""
        if not self._posted:
            asyncio.get_running_loop().call_soon(self._write)
        self._posted.append((connection, message))

    def _write(self) -> None:
        posted, self._posted = self._posted, []
        for connection, message in posted:
            connection.write(message)

    def freed(self, connection: PartnerConnection, rest_s: float | None) -> None:
        rest_s = REST_S if rest_s is None else min(REST_S, rest_s - REST_MARGIN_S)
        if self._closed or rest_s <= 0:
            connection.end()
            return
        connection.rested_from = self._now()
        connection.rests_until = connection.rested_from + rest_s
        if not self._hand_on(connection):
            self._busy.discard(connection)
            self._resting.append(connection)
            if self._sweeps is None:
                self._sweeps = asyncio.get_running_loop().call_later(REST_S, self._sweep)

    def gone(self, connection: PartnerConnection) -> None:
        if connection in self._busy:
            self._busy.discard(connection)
        elif connection in self._resting:
            self._resting.remove(connection)
        else:
            return  # it never was one of ours: whoever was making it has its place
        self._give_place_back()

    def close(self) -> None:
        """Ends every connection, the calls under way with it, and those that wait for one."""
        self._closed = True
        if self._sweeps is not None:
            self._sweeps.cancel()
        waiting, self._waiting = self._waiting, deque()
        for waiter in waiting:
            if not waiter.done():
                waiter.set_exception(NotConnected(None, STOPPING))
        for connection in [*self._busy, *self._resting]:
            connection.end(STOPPING)

    async def _connected(self) -> PartnerConnection:
        """A new connection, for which a place is taken."""
        loop = asyncio.get_running_loop()
        try:
            connection = await self._dialer.connect(lambda connected: PartnerConnection(self, loop, connected))
        except BaseException:
            self._give_place_back()
            raise
        if not self._closed and not connection.ended:
            self._busy.add(connection)
            return connection
        connection.end()
        self._give_place_back()
        if self._closed:
            raise NotConnected(None, STOPPING)
        raise NotConnected(Failure.CONNECT, "the connection broke before the request was sent")

    async def _handed(self) -> PartnerConnection | None:
        waiter: asyncio.Future[PartnerConnection | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.cancelled():
                with suppress(ValueError):  # it was passed over already
                    self._waiting.remove(waiter)
            elif waiter.exception() is None:  # it was handed something in the same moment
                handed = waiter.result()
                if handed is None:
                    self._give_place_back()
                elif handed in self._busy:
                    self.freed(handed, None)
            raise

    def _hand_on(self, handed: PartnerConnection | None) -> bool:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(handed)
                return True
        return False

    def _give_place_back(self) -> None:
        if not self._hand_on(None):
            self._open -= 1

    def _sweep(self) -> None:
        """Ends what has rested too long."""
        now = self._now()
        for connection in [resting for resting in self._resting if resting.rests_until <= now]:
            connection.end()
        self._sweeps = None
        if self._resting:
            self._sweeps = asyncio.get_running_loop().call_later(REST_S, self._sweep)

"""The connections to one partner: bounded, in turn, and none used after the partner may have closed it."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from wire.net import Partner, partner, read_request

from engine.clock import SystemClock
from engine.model import Failure, Outcome, Request, Sent
from engine.wire.http_client import HttpClient, SystemAddress
from engine.wire.partner import Lost, PartnerConnection
from engine.wire.pool import REST_S


class SteppedClock(SystemClock):
    """Time goes on where a test says so."""

    def __init__(self) -> None:
        self.s = 0.0

    def monotonic(self) -> float:
        return self.s


@dataclass
class Shop:
    """A partner that answers when it is told to, and what it sees meanwhile."""

    fields: bytes = b""
    open: int = 0
    most: int = 0
    made: int = 0
    asked: list[bytes] = field(default_factory=list)
    answers: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))

    async def __call__(self, it: Partner, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.made += 1
        self.open += 1
        self.most = max(self.most, self.open)
        try:
            while True:
                self.asked.append((await read_request(it, reader)).split(b" ", 2)[1])
                await self.answers.acquire()
                writer.write(b"HTTP/1.1 200 OK\r\n" + self.fields + b"Content-Length: 1\r\n\r\n1")
        finally:
            self.open -= 1

    def answer(self, count: int) -> None:
        for _ in range(count):
            self.answers.release()


Play = Callable[[Shop, HttpClient, SteppedClock], Awaitable[Any]]


def play(what: Play, connections_max: int = 2, fields: bytes = b"") -> Any:
    async def run() -> Any:
        shop, clock = Shop(fields), SteppedClock()
        async with partner(shop) as it:
            address = SystemAddress(
                f"http://127.0.0.1:{it.port}", private_networks=True, connections_max=connections_max
            )
            client = HttpClient({"erp": address}, clock)
            try:
                return await what(shop, client, clock)
            finally:
                await client.close()

    return asyncio.run(run())


def order(number: int) -> Request:
    return Request("erp", "find", "GET", f"/{number}")


async def settle() -> None:
    await asyncio.sleep(0.05)


def test_no_more_connections_than_allowed_and_first_come_first_served() -> None:
    async def what(shop: Shop, client: HttpClient, clock: SteppedClock) -> None:
        calls = [asyncio.create_task(client.send(order(number), 5)) for number in range(12)]
        await settle()
        assert len(shop.asked) == 2
        shop.answer(12)
        assert {outcome.body for outcome in await asyncio.gather(*calls)} == {1}
        assert (shop.most, shop.made) == (2, 2)
        assert sorted(shop.asked[:2]) == [b"/0", b"/1"]
        numbers = [int(path[1:]) for path in shop.asked]
        # Two at a time: nobody is overtaken by more than who shares the other connection.
        assert all(abs(place - number) <= 1 for place, number in enumerate(numbers)), numbers

    play(what)


def test_who_gives_up_waiting_takes_no_connection() -> None:
    async def what(shop: Shop, client: HttpClient, clock: SteppedClock) -> None:
        first = asyncio.create_task(client.send(order(0), 5))
        await settle()
        waiting = [asyncio.create_task(client.send(order(number), 5)) for number in (1, 2, 3)]
        await settle()
        waiting[0].cancel()
        shop.answer(1)
        await first
        waiting[1].cancel()  # it was handed what the first one freed, and its request is out
        shop.answer(3)
        assert (await waiting[2]).body == 1
        assert (await client.send(order(4), 5)).body == 1
        assert shop.asked[-2:] == [b"/3", b"/4"]

    play(what, connections_max=1)


def test_a_call_that_was_handed_a_connection_and_is_cancelled_at_once_gives_it_back() -> None:
    async def what(shop: Shop, client: HttpClient, clock: SteppedClock) -> None:
        async def call_then_cancel_the_next() -> None:
            await client.send(order(0), 5)
            second.cancel()  # whose turn, with the connection in hand, is the next one

        first = asyncio.create_task(call_then_cancel_the_next())
        await settle()
        second = asyncio.create_task(client.send(order(1), 5))
        await settle()
        shop.answer(2)
        await first
        with pytest.raises(asyncio.CancelledError):
            await second
        assert (await client.send(order(2), 5)).body == 1
        assert (shop.asked, shop.made) == ([b"/0", b"/2"], 1)

    play(what, connections_max=1)


def test_what_waiting_took_is_missing_from_the_time_for_the_answer() -> None:
    """One deadline for the whole call."""

    async def what(shop: Shop, client: HttpClient, clock: SteppedClock) -> None:
        first = asyncio.create_task(client.send(order(0), 5))
        await settle()
        second = asyncio.create_task(client.send(order(1), 5))
        await settle()
        clock.s += 5
        shop.answer(1)
        await first
        await settle()
        shop.answer(1)
        outcome = await second
        assert (outcome.sent, outcome.failure) == (Sent.UNKNOWN, Failure.TIMEOUT_AFTER)
        assert outcome.reason == "no answer in 5 s"

    play(what, connections_max=1)


def test_connections_that_cannot_be_made_take_no_place() -> None:
    async def run() -> list[Outcome]:
        async with partner(Shop()) as it:
            port = it.port
        address = SystemAddress(f"http://127.0.0.1:{port}", private_networks=True, connections_max=1)
        client = HttpClient({"erp": address}, SystemClock())
        outcomes = await asyncio.gather(*(client.send(order(number), 5) for number in range(5)))
        await client.close()
        return outcomes

    assert {(outcome.sent, outcome.failure) for outcome in asyncio.run(run())} == {(Sent.NOT_SENT, Failure.CONNECT)}


def test_a_connection_that_broke_gives_its_place_to_who_waits() -> None:
    async def what(shop: Shop, client: HttpClient, clock: SteppedClock) -> None:
        first = asyncio.create_task(client.send(order(0), 5))
        await settle()
        second = asyncio.create_task(client.send(order(1), 5))
        await settle()
        first.cancel()
        shop.answer(2)
        assert (await second).body == 1
        assert shop.made == 2

    play(what, connections_max=1)


@pytest.mark.parametrize(
    ("fields", "rests_s"),
    [
        (b"", REST_S),
        (b"Keep-Alive: timeout=5\r\n", 4),
        (b"Keep-Alive: max=7, timeout=5\r\n", 4),
        (b"Keep-Alive: timeout=86400\r\n", REST_S),
        (b"Keep-Alive: timeout=never\r\n", REST_S),
        (b"Keep-Alive: timeout=1\r\n", 0),
    ],
)
def test_a_connection_is_used_until_the_partner_may_close_it(fields: bytes, rests_s: float) -> None:
    """A second before it says that it will, so that no request crosses the end on its way."""

    async def what(shop: Shop, client: HttpClient, clock: SteppedClock) -> list[int]:
        shop.answer(3)
        made = []
        for pause_s in (0, rests_s - 0.01, rests_s + 0.01):
            clock.s += max(0, pause_s)
            assert (await client.send(order(0), 5)).body == 1
            made.append(shop.made)
        return made

    assert play(what, fields=fields) == ([1, 1, 2] if rests_s else [1, 2, 3])


def test_what_rests_too_long_is_closed_though_nobody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.wire.pool.REST_S", 0.05)

    async def what(shop: Shop, client: HttpClient, clock: SteppedClock) -> tuple[int, int]:
        shop.answer(1)
        await client.send(order(0), 5)
        before = shop.open
        clock.s += 1
        await asyncio.sleep(0.2)
        return before, shop.open

    assert play(what) == (1, 0)


def test_closing_while_a_connection_is_made() -> None:
    """Nothing has gone out, and nothing goes out any more."""

    async def what(shop: Shop, client: HttpClient, clock: SteppedClock) -> Outcome:
        call = asyncio.create_task(client.send(order(0), 5))
        await asyncio.sleep(0)
        await client.close()
        outcome = await call
        await settle()
        assert shop.asked == []
        return outcome

    outcome = play(what)
    assert (outcome.sent, outcome.reason) == (Sent.NOT_SENT, "the engine is stopping")


def test_a_call_that_ends_in_the_turn_it_was_posted_in_was_never_sent() -> None:
    async def what(shop: Shop, client: HttpClient, _clock: SteppedClock) -> Any:
        shop.answer(1)
        await client.send(order(1), 5)
        posted = asyncio.create_task(client.send(order(2), 5))
        await asyncio.sleep(0)  # one turn: it has a connection, and is written in the next
        await client.close()
        outcome = await posted
        await settle()
        return outcome.sent, outcome.failure, outcome.reason, shop.asked

    broke = "the connection broke before the request was sent"
    assert play(what) == (Sent.NOT_SENT, Failure.CONNECT, broke, [b"/1"])


class Desk(asyncio.Transport):
    """An owner and a transport: keeps what is posted, and what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.posted: list[bytes] = []
        self.written: list[bytes] = []

    def post(self, connection: PartnerConnection, message: bytes) -> None:
        self.posted.append(message)

    def freed(self, connection: PartnerConnection, rest_s: float | None) -> None:
        raise AssertionError

    def gone(self, connection: PartnerConnection) -> None:
        pass

    def write(self, data: Any) -> None:
        self.written.append(data)

    def is_closing(self) -> bool:
        return False

    def abort(self) -> None:
        pass


def outcome(happens: Callable[[PartnerConnection, Desk], None]) -> tuple[Desk, Lost]:
    """What comes of a request that is posted, when this happens and no answer comes."""

    async def run() -> tuple[Desk, Lost]:
        desk = Desk()
        with socket.socket() as unused:
            connection = PartnerConnection(desk, asyncio.get_running_loop(), unused)
            connection.connection_made(desk)
            answer = connection.exchange(b"POST / HTTP/1.1\r\n\r\n", 5, 1024, bare=False)
            happens(connection, desk)
        with pytest.raises(Lost) as lost:
            await answer
        return desk, lost.value

    return asyncio.run(run())


@pytest.mark.parametrize("said", [b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1", b""], ids=["an answer", "the end"])
def test_nothing_that_comes_before_a_request_is_written_answers_it(said: bytes) -> None:
    def happens(connection: PartnerConnection, desk: Desk) -> None:
        if said:
            connection.data_received(said)
        else:
            connection.connection_lost(None)
        connection.write(desk.posted[0])

    desk, lost = outcome(happens)
    assert (desk.written, lost.sent) == ([], False)


def test_a_request_is_sent_from_the_moment_it_is_written() -> None:
    def happens(connection: PartnerConnection, desk: Desk) -> None:
        connection.write(desk.posted[0])
        connection.connection_lost(None)

    desk, lost = outcome(happens)
    assert desk.written == desk.posted
    assert lost.sent is True

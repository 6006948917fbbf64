"""What happens between a request and its answer: replies that come later, what is sent ahead, peers that stall or leave."""

import asyncio
from typing import Any

import pytest
from wire.net import Got, intake, peer

from engine.clock import SystemClock
from engine.wire.connection import AHEAD_MAX, PARSED_BYTES_MAX, Connection, Listener
from engine.wire.http_server import Answer, Inbound, IntakeServer, Reply, ServerLimits, accepts_data
from engine.wire.server_request import Desk, Handle

LIMITS = ServerLimits(linger_s=0.05)


def post(body: bytes, path: bytes = b"/", *fields: bytes) -> bytes:
    lines = b"".join(field + b"\r\n" for field in fields)
    return b"POST %b HTTP/1.1\r\nHost: a\r\n%bContent-Length: %d\r\n\r\n%b" % (path, lines, len(body), body)


class Later:
    """A handler that replies when the test says so, as the intake does after a commit."""

    def __init__(self) -> None:
        self.asked: list[tuple[Inbound, Reply]] = []
        self.errors: list[BaseException] = []

    def __call__(self, inbound: Inbound, reply: Reply) -> None:
        self.asked.append((inbound, reply))

    async def until(self, count: int) -> None:
        async with asyncio.timeout(20):
            while len(self.asked) < count:
                await asyncio.sleep(0.005)

    async def serve(self, limits: ServerLimits = LIMITS) -> tuple[IntakeServer, int]:
        server = IntakeServer(self, limits, SystemClock(), self.errors.append)
        return server, await server.start("127.0.0.1", 0)


async def serving(handle: Handle, errors: list[BaseException]) -> tuple[IntakeServer, int]:
    server = IntakeServer(handle, LIMITS, SystemClock(), errors.append)
    return server, await server.start("127.0.0.1", 0)


class Wire(asyncio.Transport):
    """A transport that only remembers what was asked of it; closing takes for ever."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.asked: list[str] = []
        self.aborted = asyncio.Event()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def close(self) -> None:
        self.asked.append("close")

    def abort(self) -> None:
        self.aborted.set()


def on_a_wire(handle: Handle, limits: ServerLimits = LIMITS) -> tuple[Connection, Wire]:
    """A connection without a socket, to be told what the loop would tell it."""
    connection, wire = Connection(Listener(Desk(handle, limits, accepts_data, print), SystemClock())), Wire()
    connection.connection_made(wire)
    return connection, wire


# ── replies ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_reply_may_come_later_and_counts_once() -> None:
    async def run() -> None:
        later = Later()
        server, port = await later.serve()
        async with peer(port) as sender:
            await sender.say(post(b"1"))
            await later.until(1)
            reply = later.asked[0][1]
            reply(Answer(202, b"one"))
            reply(Answer(500, b"again"))
            assert (await sender.answer()).body == b"one"
            await sender.say(post(b"2"))
            await later.until(2)
            reply(Answer(500, b"of another request"))
            later.asked[1][1](Answer(202, b"two"))
            assert (await sender.answer()).body == b"two"
        await server.stop(5)
        assert later.errors == []

    asyncio.run(run())


def test_a_reply_that_is_an_exception_is_500_and_reported() -> None:
    fault = RuntimeError("canary-4711")

    async def run() -> Got:
        later = Later()
        server, port = await later.serve()
        async with peer(port) as sender:
            await sender.say(post(b"1"))
            await later.until(1)
            later.asked[0][1](fault)
            got = await sender.answer()
        await server.stop(5)
        assert later.errors == [fault]
        return got

    got = asyncio.run(run())
    assert (got.status, b"4711" in got.body, got.headers["connection"]) == (500, False, "keep-alive")


@pytest.mark.parametrize("reset", [False, True], ids=["closes", "resets"])
def test_who_leaves_between_request_and_reply_is_missed_by_nobody(reset: bool) -> None:
    """The drain waits for the reply: what was handed on is done, though nobody hears of it."""

    async def run() -> None:
        later = Later()
        server, port = await later.serve()
        async with peer(port) as leaver:
            await leaver.say(post(b"kept"))
            await later.until(1)
            if reset:
                leaver.writer.transport.abort()
        stopping = asyncio.create_task(server.stop(20))
        done, _ = await asyncio.wait({stopping}, timeout=0.3)
        assert not done
        later.asked[0][1](Answer(202))
        await stopping
        assert later.errors == []

    asyncio.run(run())


def test_a_reply_after_the_stop_does_no_harm() -> None:
    async def run() -> None:
        later = Later()
        server, port = await later.serve()
        async with peer(port) as sender:
            await sender.say(post(b"1"))
            await later.until(1)
            await server.stop(0)
            later.asked[0][1](Answer(202))
            assert await sender.rest() == b""
        assert later.errors == []

    asyncio.run(run())


def test_a_stop_says_close_with_the_replies_it_waits_for() -> None:
    async def run() -> None:
        later = Later()
        server, port = await later.serve()
        async with peer(port) as one, peer(port) as two:
            await one.say(post(b"1"))
            await two.say(post(b"2"), post(b"sent ahead"))
            await later.until(2)
            stopping = asyncio.create_task(server.stop(20))
            await asyncio.sleep(0.05)
            for _, reply in later.asked:
                reply(Answer(202))
            for each in (one, two):
                got = await each.answer()
                assert (got.status, got.headers["connection"]) == (202, "close")
                assert await each.rest() == b""
        await stopping
        assert len(later.asked) == 2

    asyncio.run(run())


# ── what is sent ahead ───────────────────────────────────────────────────────────────────────────────────────────────


def echo(inbound: Inbound, _reply: Reply) -> Answer:
    return Answer(200, inbound.body)


def test_thousands_of_requests_in_one_breath_are_answered_in_order() -> None:
    """Many times what is parsed at once, each answered in the call that brought it."""
    count = AHEAD_MAX * 100

    async def run() -> None:
        errors: list[BaseException] = []
        server, port = await serving(echo, errors)
        async with peer(port) as sender:
            saying = asyncio.create_task(sender.say(b"".join(post(b"%d" % number) for number in range(count))))
            assert [(await sender.answer()).body for _ in range(count)] == [b"%d" % number for number in range(count)]
            await saying
        await server.stop(5)
        assert errors == []

    asyncio.run(run())


def test_one_peers_thousands_do_not_keep_another_waiting() -> None:
    """Between two requests of one peer the others have their turn."""

    async def run() -> None:
        errors: list[BaseException] = []
        order: list[str] = []

        def note(inbound: Inbound, _reply: Reply) -> Answer:
            order.append(inbound.path)
            if len(order) == 1:
                asyncio.get_running_loop().call_soon(order.append, "another")
            return Answer(200)

        server, port = await serving(note, errors)
        async with peer(port) as sender:
            await sender.say(post(b"", b"/mine") * 20)
            for _ in range(20):
                await sender.answer()
        await server.stop(5)
        assert order[1] == "another"
        assert order.count("/mine") == 20

    asyncio.run(run())


@pytest.mark.parametrize("behind", [AHEAD_MAX - 2, AHEAD_MAX - 1, AHEAD_MAX, AHEAD_MAX + 1, 3 * AHEAD_MAX])
def test_nothing_is_forgotten_behind_a_body_that_came_late(behind: int) -> None:
    """However many requests come with its end, and nothing after them that would make us look again."""

    async def run() -> None:
        errors: list[BaseException] = []
        server, port = await serving(echo, errors)
        async with peer(port) as sender:
            late = post(b"late")
            await sender.say(late[:-2], late[-2:] + b"".join(post(b"%d" % number) for number in range(behind)))
            bodies = [(await sender.answer()).body for _ in range(behind + 1)]
            assert bodies == [b"late", *(b"%d" % number for number in range(behind))]
        await server.stop(5)
        assert errors == []

    asyncio.run(run())


class Counted:
    """A parser, and how much it was given at once."""

    def __init__(self, parser: Any) -> None:
        self.parser = parser
        self.given: list[int] = []

    def feed_data(self, data: bytes) -> Any:
        self.given.append(len(data))
        return self.parser.feed_data(data)

    def message_consumed(self) -> None:
        self.parser.message_consumed()


def test_no_more_is_parsed_at_once_than_is_said() -> None:
    """A read of the size that loops are wont to give, full of the smallest chunks."""

    async def run() -> None:
        bodies: list[int] = []

        def note(inbound: Inbound, _reply: Reply) -> Answer:
            bodies.append(len(inbound.body))
            return Answer(200)

        connection, _ = on_a_wire(note)
        parser: Any = Counted(connection._parser)
        connection._parser = parser
        head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.data_received(head + b"1\r\nx\r\n" * 40_000 + b"0\r\n\r\n")
        assert bodies == []
        async with asyncio.timeout(20):
            while not bodies:
                await asyncio.sleep(0)
        assert bodies == [40_000]
        assert max(parser.given) == PARSED_BYTES_MAX
        assert len(parser.given) == 240_000 // PARSED_BYTES_MAX + 1

    asyncio.run(run())


SIZES = {
    "as much as is parsed at once": PARSED_BYTES_MAX,
    "more than is parsed at once": PARSED_BYTES_MAX * 3 + 17,
    "the largest": 1024 * 1024,
}


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_large_bodies_one_behind_the_other(size: int) -> None:
    bodies = [b"%d" % number + b"x" * (size - 1) for number in range(3)]

    async def run() -> None:
        async with intake(limits=LIMITS) as it, peer(it.port) as sender:
            chunked = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
            chunked += b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (bodies[1][:9], bodies[1][9:]))
            saying = asyncio.create_task(sender.say(post(bodies[0]) + chunked + b"0\r\n\r\n" + post(bodies[2])))
            for _ in bodies:
                assert (await sender.answer()).status == 202
            await saying
            assert [inbound.body for inbound in it.handled] == bodies

    asyncio.run(run())


def test_a_body_in_ten_thousand_chunks() -> None:
    async def run() -> None:
        async with intake(limits=LIMITS) as it, peer(it.port) as sender:
            head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
            await sender.say(head + b"1\r\nx\r\n" * 10_000 + b"0\r\n\r\n" + post(b"behind"))
            for _ in range(2):
                assert (await sender.answer()).status == 202
            assert [inbound.body for inbound in it.handled] == [b"x" * 10_000, b"behind"]

    asyncio.run(run())


def test_who_sends_on_while_it_is_answered_is_not_read() -> None:
    """What a peer may put into our memory by sending ahead is one read, however much it sends."""

    async def run() -> None:
        later = Later()
        desk = Desk(later, LIMITS, accepts_data, later.errors.append)
        listener = Listener(desk, SystemClock())
        server = await asyncio.get_running_loop().create_server(listener, "127.0.0.1", 0)
        flood = post(b"x" * 1000) * 20_000
        async with peer(server.sockets[0].getsockname()[1]) as sender:
            await sender.say(post(b"first"))
            await later.until(1)
            saying = asyncio.create_task(sender.say(flood))
            done, _ = await asyncio.wait({saying}, timeout=0.5)
            assert not done
            (connection,) = listener.connections
            assert 0 < len(connection._ahead) < 1024 * 1024
            later.asked[0][1](Answer(202))
            await later.until(2)
            assert (await sender.answer()).status == 202
            saying.cancel()
        server.close()
        await listener.close(0)

    asyncio.run(run())


@pytest.mark.parametrize("protocol", [b"websocket", b"h2c"])
def test_nothing_is_taken_behind_a_wish_for_another_protocol(protocol: bytes) -> None:
    """The request itself is answered, as HTTP/1.1; what follows may be anything, and the answer says that it is lost."""

    async def run() -> None:
        async with intake(limits=LIMITS) as it, peer(it.port) as sender:
            wish = post(b"first", b"/", b"Connection: Upgrade", b"Upgrade: " + protocol)
            await sender.say(post(b"before") + wish + post(b"behind"), post(b"later"))
            assert (await sender.answer()).headers["connection"] == "keep-alive"
            got = await sender.answer()
            assert (got.status, got.headers["connection"]) == (202, "close")
            assert await sender.rest() == b""
            assert [inbound.body for inbound in it.handled] == [b"before", b"first"]

    asyncio.run(run())


# ── who stalls ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_who_takes_a_large_answer_late_is_served_on() -> None:
    """The next request waits until the answer before it is taken."""
    size = 16 * 1024 * 1024

    async def run() -> None:
        sizes = iter((size, 1))
        handled: list[bytes] = []

        def large(inbound: Inbound, _reply: Reply) -> Answer:
            handled.append(inbound.body)
            return Answer(200, b"x" * next(sizes))

        errors: list[BaseException] = []
        server, port = await serving(large, errors)
        async with peer(port) as late:
            await late.say(post(b"1") + post(b"2"))
            await asyncio.sleep(0.2)
            assert handled == [b"1"]
            assert [len((await late.answer()).body) for _ in range(2)] == [size, 1]
        await server.stop(5)
        assert errors == []

    asyncio.run(run())


def test_the_rest_of_a_refused_body_is_dropped_for_a_while() -> None:
    """So long as it lasts the answer is not lost to a reset; a request behind it is none."""
    limits = ServerLimits(bytes_max=10, linger_s=20)

    async def run() -> None:
        async with intake(limits=limits) as it, peer(it.port) as sender:
            await sender.say(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n")
            assert (await sender.answer()).status == 413
            await sender.say(b"x" * 200_000, b"x" * 100_000 + post(b"behind"))
            async with asyncio.timeout(10):
                assert await sender.reader.read() == b""  # an end, and no reset
            assert it.handled == []

    asyncio.run(run())


def test_a_body_that_is_spoilt_has_no_rest_to_wait_for() -> None:
    limits = ServerLimits(linger_s=60)

    async def run() -> None:
        async with intake(limits=limits) as it, peer(it.port) as sender:
            await sender.say(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", b"no chunk\r\n")
            assert (await sender.answer()).status == 400
            assert await sender.rest() == b""

    asyncio.run(run())


def test_who_does_not_let_itself_be_closed_is_let_go() -> None:
    async def run() -> None:
        connection, wire = on_a_wire(echo, ServerLimits(answer_s=0.05))
        connection.data_received(post(b"1", b"/", b"Connection: close"))
        assert len(wire.written) == 1
        assert (wire.asked, wire.aborted.is_set()) == (["close"], False)
        async with asyncio.timeout(20):
            await wire.aborted.wait()

    asyncio.run(run())


# ── our own faults ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_fault_of_ours_ends_one_connection_and_is_told() -> None:
    fault = ZeroDivisionError("canary-4711")

    def broken(media_type: str) -> bool:
        if media_type == "text/broken":
            raise fault
        return True

    async def run() -> None:
        async with intake(limits=LIMITS, accepts=broken) as it:
            async with peer(it.port) as unlucky, peer(it.port) as other:
                await unlucky.say(post(b"1", b"/", b"Content-Type: text/broken"))
                assert await unlucky.rest() == b""
                await other.say(post(b"2"))
                assert (await other.answer()).status == 202
            async with asyncio.timeout(10):
                await it.server.stop(20)  # nothing is counted as under way that will never end
            assert it.errors == [fault]

    asyncio.run(run())

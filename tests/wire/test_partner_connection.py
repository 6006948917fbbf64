"""What a partner can do wrong with one answer, on both loops: the call ends, the reason quotes nobody, and nothing of
one answer is ever read as that of another call."""

import asyncio
import socket
import struct
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop
from wire.net import Partner, Script, answering, closing, partner, read_request

from engine.clock import SystemClock
from engine.model import Failure, Outcome, Request, Sent
from engine.wire.http_client import HttpClient, SystemAddress
from engine.wire.partner import FIELDS_MAX, INTERIM_MAX, PARSED_BYTES_MAX

READ = Request("erp", "find", "GET", "/orders")
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
INVALID, OFF = "the answer is not valid HTTP", "the answer broke off"

Run = Callable[[Coroutine[Any, Any, Any]], Any]


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Runs on the loop that production has, and on the one it falls back to."""

    def run_it(play: Coroutine[Any, Any, Any]) -> Any:
        with asyncio.Runner(loop_factory=request.param) as runner:
            return runner.run(play)

    return run_it


def framed(body: bytes, *fields: bytes) -> bytes:
    return HEAD + b"".join(field + b"\r\n" for field in fields) + b"Content-Length: %d\r\n\r\n" % len(body) + body


async def calls(script: Script, times: int = 1, request: Request = READ, timeout_s: float = 5) -> list[Outcome]:
    async with partner(script) as it:
        client = HttpClient({"erp": SystemAddress(f"http://127.0.0.1:{it.port}", private_networks=True)}, SystemClock())
        try:
            return [await client.send(request, timeout_s) for _ in range(times)]
        finally:
            await client.close()


MALFORMED = {
    "two lengths": HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n[] ",
    "a length that is none": HEAD + b"Content-Length: two\r\n\r\n[]",
    "a negative length": HEAD + b"Content-Length: -2\r\n\r\n[]",
    "a length past 64 bits": HEAD + b"Content-Length: 99999999999999999999999\r\n\r\n[]",
    "a length and chunks": HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n",
    "chunks and a length": HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\n[]\r\n0\r\n\r\n",
    "a chunk past 64 bits": HEAD + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n[]\r\n0\r\n\r\n",
    "a chunk longer than it says": HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\n[]\r\n0\r\n\r\n",
    "a field without a name": HEAD + b": canary-4711\r\nContent-Length: 2\r\n\r\n[]",
    "a NUL in a field": HEAD + b"X: canary\x00-4711\r\nContent-Length: 2\r\n\r\n[]",
    "more fields than read": HEAD + b"X: canary-4711\r\n" * FIELDS_MAX + b"Content-Length: 2\r\n\r\n[]",
    "a field larger than read": HEAD + b"X: " + b"canary-4711" * 1000 + b"\r\nContent-Length: 2\r\n\r\n[]",
    "a status line larger than read": b"HTTP/1.1 200 " + b"canary-4711" * 1000 + b"\r\nContent-Length: 2\r\n\r\n[]",
    "a version of its own": b"HTTP/7.4 200 OK\r\nContent-Length: 2\r\n\r\n[]",
    "a status of its own": b"HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\n[]",
    "a body where there is none": b"HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\n[2]",
    "a body that has not changed": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n[2]",
    "noise behind an answer": framed(b"1") + b"canary-4711",
    "noise behind the last answer": framed(b"1", b"Connection: close") + b"canary-4711",
    "HTTP/2": b"\x00\x00\x12\x04\x00\x00\x00\x00\x00",
    "TLS": b"\x15\x03\x01\x00\x02\x02\x46",
    "noise": bytes(range(256)) * 64,
    "hints without end": b"HTTP/1.1 103 Early Hints\r\nLink: canary-4711\r\n\r\n" * (INTERIM_MAX + 1) + framed(b"[]"),
}


@pytest.mark.parametrize("raw", MALFORMED.values(), ids=MALFORMED.keys())
def test_what_is_no_answer_tells_nothing_of_the_effect(run: Run, raw: bytes) -> None:
    (outcome,) = run(calls(closing(raw)))
    assert (outcome.sent, outcome.failure, outcome.reason) == (Sent.UNKNOWN, Failure.MALFORMED, INVALID)


def once_then(raw: bytes, *more: bytes) -> Script:
    """A partner that says one thing after the first request of a connection, another after the next, and so on."""

    async def script(it: Partner, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for said in (raw, *more):
            await read_request(it, reader)
            writer.write(said)
            await writer.drain()
        await reader.read()

    return script


SECOND = framed(b'"not yours"')
BEHIND = {
    "a whole answer more": framed(b"1") + SECOND,
    "half an answer more": framed(b"1") + SECOND[:30],
    "the first byte of one": framed(b"1") + SECOND[:1],
    "a hundred thousand more": framed(b"1") + SECOND * (2 * PARSED_BYTES_MAX // len(SECOND)),
    "another protocol": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n" + SECOND,
}


@pytest.mark.parametrize("raw", BEHIND.values(), ids=BEHIND.keys())
def test_what_comes_behind_an_answer_is_never_the_next_one(run: Run, raw: bytes) -> None:
    """Such a connection carries no other request."""
    connections = 0

    async def script(it: Partner, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await (once_then(raw) if connections == 1 else answering(framed(b'"yours"')))(it, reader, writer)

    first, second = run(calls(script, 2))
    assert first.sent is Sent.ANSWERED
    assert first.body in (1, None)
    assert (second.sent, second.body, connections) == (Sent.ANSWERED, "yours", 2)


LAST = {
    "that says so": framed(b"1", b"Connection: close"),
    "of an older version": framed(b"1").replace(b"1.1", b"1.0"),
}


@pytest.mark.parametrize("raw", LAST.values(), ids=LAST.keys())
def test_behind_the_last_answer_of_a_connection_nothing_is_asked(run: Run, raw: bytes) -> None:
    """Though the partner leaves it open: what it reads there it need not answer."""
    connections = 0

    async def script(it: Partner, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await once_then(raw)(it, reader, writer)

    assert [outcome.body for outcome in run(calls(script, 3))] == [1, 1, 1]
    assert connections == 3


def test_a_body_to_the_end_of_the_connection_is_not_whole_where_that_breaks(run: Run) -> None:
    async def script(it: Partner, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(it, reader)
        writer.write(HEAD + b"\r\n[1]")
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    (outcome,) = run(calls(script))
    assert (outcome.sent, outcome.failure, outcome.reason) == (Sent.UNKNOWN, Failure.LOST, OFF)


def test_garbage_that_comes_while_nothing_was_asked_ends_the_connection(run: Run) -> None:
    async def script(it: Partner, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(it, reader)
        writer.write(framed(b"1"))
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.write(SECOND)
        assert await reader.read() == b""  # the client has closed, and asked nothing more on this one

    async def play() -> list[object]:
        async with partner(script) as it:
            address = SystemAddress(f"http://127.0.0.1:{it.port}", private_networks=True)
            client = HttpClient({"erp": address}, SystemClock())
            first = await client.send(READ, 5)
            await asyncio.sleep(0.15)
            second = await client.send(READ, 5)
            await client.close()
            return [first.body, second.body, len(it.requests)]

    assert run(play()) == [1, 1, 2]


@pytest.mark.parametrize(
    ("method", "raw", "status"),
    [
        ("HEAD", HEAD + b"Content-Length: 17\r\n\r\n", 200),
        ("HEAD", HEAD + b"Transfer-Encoding: chunked\r\n\r\n", 200),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n", 204),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 17\r\n\r\n", 304),
        ("GET", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", 204),
        ("GET", HEAD + b"Content-Length: 0\r\n\r\n", 200),
        ("GET", HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 200),
    ],
)
def test_an_answer_without_a_body_ends_with_its_head(run: Run, method: str, raw: bytes, status: int) -> None:
    """Nobody waits for the rest, and the connection is used again."""
    connections = 0

    async def script(it: Partner, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await answering(raw)(it, reader, writer)

    outcomes = run(calls(script, 3, Request("erp", "find", method, "/orders")))
    assert [(outcome.sent, outcome.status, outcome.body) for outcome in outcomes] == [(Sent.ANSWERED, status, None)] * 3
    assert connections == 1


def test_an_answer_is_read_however_it_is_cut(run: Run) -> None:
    raw = framed(b'{"id": 1}', b"X-Note: a") + b""

    async def script(it: Partner, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(it, reader)
        for at in range(len(raw)):
            writer.write(raw[at : at + 1])
            await writer.drain()
            await asyncio.sleep(0)

    (outcome,) = run(calls(script))
    assert (outcome.status, outcome.body) == (200, {"id": 1})


def test_a_drip_does_not_hold_a_call_past_its_time(run: Run) -> None:
    """Each byte comes in time; the answer never does."""

    async def script(it: Partner, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(it, reader)
        writer.write(HEAD)
        while True:
            writer.write(b"X: y\r\n")
            await writer.drain()
            await asyncio.sleep(0.02)

    (outcome,) = run(calls(script, timeout_s=0.3))
    assert (outcome.sent, outcome.failure, outcome.reason) == (
        Sent.UNKNOWN,
        Failure.TIMEOUT_AFTER,
        "no answer in 0.3 s",
    )


def test_an_answer_to_half_a_request_is_one_and_the_connection_ends(run: Run) -> None:
    """413 while the body is still being written: the rest of it must not stand before the next request."""
    connections = 0

    async def script(it: Partner, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(5)

    large = Request("erp", "create", "POST", "/orders", body="x" * 30_000_000)
    outcomes = run(calls(script, 2, large))
    assert [(outcome.sent, outcome.status) for outcome in outcomes] == [(Sent.ANSWERED, 413)] * 2
    assert connections == 2


def test_an_answer_longer_than_allowed_is_not_read_to_its_end(run: Run) -> None:
    async def script(it: Partner, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(it, reader)
        writer.write(HEAD + b"\r\n")
        while True:
            writer.write(bytes(1 << 16))
            await writer.drain()

    (outcome,) = run(calls(script))
    assert (outcome.sent, outcome.status, outcome.failure) == (Sent.ANSWERED, 200, Failure.MALFORMED)
    assert outcome.malformed == "the answer has more than 5242880 bytes"


def test_a_fault_of_ours_is_raised_where_the_call_waits(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not swallowed by the loop, not taken for one of the network's."""

    def fail(fields: object) -> dict[str, str]:
        raise ZeroDivisionError

    monkeypatch.setattr("engine.wire.partner.lowered", fail)
    with pytest.raises(ZeroDivisionError):
        run(calls(closing(framed(b"1")), timeout_s=2))


def test_cancelling_ends_the_connection(run: Run) -> None:
    """The answer that nobody waits for must not be the next caller's."""

    async def script(it: Partner, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = len(it.requests)
        await read_request(it, reader)
        await asyncio.sleep(0 if number else 0.2)
        writer.write(framed(b"%d" % number))
        await reader.read()

    async def play() -> list[object]:
        async with partner(script) as it:
            address = SystemAddress(f"http://127.0.0.1:{it.port}", private_networks=True, connections_max=1)
            client = HttpClient({"erp": address}, SystemClock())
            first = asyncio.create_task(client.send(READ, 5))
            await asyncio.sleep(0.1)
            first.cancel()
            second = await client.send(READ, 5)
            with pytest.raises(asyncio.CancelledError):
                await first
            await client.close()
            return [second.body, len(it.requests)]

    assert run(play()) == [1, 2]


def test_a_connection_that_the_partner_closed_is_seen_before_it_is_used(run: Run) -> None:
    """Also where the loop had no chance to tell: the partner is a thread, and the loop stands still meanwhile."""
    closed = threading.Event()
    requests: list[bytes] = []
    listening = socket.create_server(("127.0.0.1", 0))
    listening.settimeout(5)

    def serve() -> None:
        for _ in range(2):
            peer, _ = listening.accept()
            with peer:
                requests.append(peer.recv(65536))
                peer.sendall(framed(b"1"))
            closed.set()

    class Later(SystemClock):
        """Some seconds go by while the thread closes."""

        gone_s = 0.0

        def monotonic(self) -> float:
            return super().monotonic() + self.gone_s

    async def play() -> list[Outcome]:
        clock = Later()
        address = SystemAddress(f"http://127.0.0.1:{listening.getsockname()[1]}", private_networks=True)
        client = HttpClient({"erp": address}, clock)
        first = await client.send(READ, 5)
        assert closed.wait(5)
        clock.gone_s = 3.0
        second = await client.send(READ, 5)
        await client.close()
        return [first, second]

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        outcomes = run(play())
    finally:
        listening.close()
        thread.join()
    assert [outcome.sent for outcome in outcomes] == [Sent.ANSWERED, Sent.ANSWERED]
    assert len(requests) == 2

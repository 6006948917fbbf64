"""The intake on a real loopback socket: what it takes, what it refuses, and that it survives both."""

import asyncio
import gzip
import json
import logging
import tracemalloc
import zlib

import pytest
from aiohttp import http_parser
from wire.net import Got, intake, peer

from engine.clock import SystemClock
from engine.errors import UserError, WaybillError
from engine.wire.http_server import Answer, Inbound, IntakeServer, ServerLimits, admin_server, require_strict_parser

CANARY = b"canary-4711"
HEAD = b"POST /hooks/a?token=canary-4711 HTTP/1.1\r\nHost: shop.example\r\n"
LIMITS = ServerLimits(linger_s=0.05, bytes_max=64 * 1024)


def post(body: bytes, *fields: bytes) -> bytes:
    lines = b"".join(field + b"\r\n" for field in fields)
    return HEAD + lines + b"Content-Length: %d\r\n\r\n" % len(body) + body


def raw_deflate(data: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return stream.compress(data) + stream.flush()


CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n"

REFUSED = {
    "a content length beside chunks": ([CHUNKED + b"Content-Length: 3\r\n\r\n0\r\n\r\n"], 400),
    "two content lengths that agree": ([HEAD + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\nx"], 400),
    "two content lengths that differ": ([HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nxy"], 400),
    "a header folded over two lines": ([HEAD + b"X-Note: canary-4711\r\n folded\r\n\r\n"], 400),
    "two hosts": ([HEAD + b"Host: other.example\r\n\r\n"], 400),
    "no host": ([b"GET /canary-4711 HTTP/1.1\r\n\r\n"], 400),
    "a space before the colon": ([HEAD + b"X-Note : canary-4711\r\n\r\n"], 400),
    "a NUL in a header": ([HEAD + b"X-Note: canary-4711\x00\r\n\r\n"], 400),
    "a length below zero": ([HEAD + b"Content-Length: -1\r\n\r\n"], 400),
    "a length that is no number": ([HEAD + b"Content-Length: 0x10\r\n\r\n"], 400),
    "a transfer encoding that is not chunked": ([HEAD + b"Transfer-Encoding: identity, xchunked\r\n\r\n"], 400),
    "a method nobody knows": ([b"CANARY-4711 / HTTP/1.1\r\nHost: a\r\n\r\n"], 400),
    "TLS on a plain port": ([b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03canary-4711\r\n\r\n"], 400),
    "a request for a tunnel": ([b"CONNECT canary-4711:443 HTTP/1.1\r\nHost: a\r\n\r\n"], 400),
    "a chunk size that is no number": ([CHUNKED + b"\r\ncanary-4711\r\n"], 400),
    "a bad chunk after the head was taken": ([CHUNKED + b"\r\n", b"canary-4711\r\n"], 400),
    "a bad chunk after a good one": ([CHUNKED + b"\r\n", b"3\r\nabc\r\n", b"canary-4711\r\n"], 400),
    "a path that is not UTF-8": ([b"POST /%ff%fe HTTP/1.1\r\nHost: a\r\n\r\n"], 400),
    "a path with bytes beyond ASCII": ([b"POST /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n"], 400),
    "a query that is not UTF-8": ([b"POST /?a=%ff HTTP/1.1\r\nHost: a\r\n\r\n"], 400),
    "a fragment": ([b"POST /a#canary-4711 HTTP/1.1\r\nHost: a\r\n\r\n"], 400),
    "a NUL in the path": ([b"POST /a%00b HTTP/1.1\r\nHost: a\r\n\r\n"], 400),
    "gzip that is none": ([post(b"canary-4711", b"Content-Encoding: gzip")], 400),
    "gzip that breaks off": ([post(gzip.compress(b"canary-4711" * 9)[:-9], b"Content-Encoding: gzip")], 400),
    "gzip with a wrong checksum": ([post(gzip.compress(CANARY)[:-8] + b"\x00" * 8, b"Content-Encoding: gzip")], 400),
    "gzip of too many members": ([post(gzip.compress(b"") * 17, b"Content-Encoding: gzip")], 400),
    "gzip with something after it": ([post(gzip.compress(CANARY) + b"tail", b"Content-Encoding: gzip")], 400),
    "gzip with zeros after it": ([post(gzip.compress(CANARY) + bytes(512), b"Content-Encoding: gzip")], 400),
    "a second member that breaks off": (
        [post(gzip.compress(CANARY) + gzip.compress(CANARY)[:-3], b"Content-Encoding: gzip")],
        400,
    ),
    "deflate that breaks off": ([post(zlib.compress(CANARY)[:-3], b"Content-Encoding: deflate")], 400),
    "deflate with a wrong checksum": ([post(zlib.compress(CANARY)[:-4] + bytes(4), b"Content-Encoding: deflate")], 400),
    "deflate that is none": ([post(b"canary-4711", b"Content-Encoding: deflate")], 400),
    "deflate with a tail": ([post(zlib.compress(CANARY) + b"tail", b"Content-Encoding: deflate")], 400),
    "a header larger than 8 KiB": ([HEAD + b"X-Note: " + CANARY * 1000 + b"\r\n\r\n"], 431),
    "a path larger than 8 KiB": ([b"POST /" + CANARY * 1000 + b" HTTP/1.1\r\nHost: a\r\n\r\n"], 431),
    "129 headers": ([HEAD + b"".join(b"X-%d: canary-4711\r\n" % n for n in range(128)) + b"\r\n"], 431),
    "a declared body too large, none of it sent": ([HEAD + b"Content-Length: 65537\r\n\r\n"], 413),
    "a declared body too large to count": ([HEAD + b"Content-Length: 99999999999999999999999\r\n\r\n"], 400),
    "chunks too large together": (
        [CHUNKED + b"\r\n" + b"8000\r\n" + b"x" * 0x8000 + b"\r\n"] * 1
        + [b"8000\r\n" + b"x" * 0x8000 + b"\r\n", b"1\r\nx\r\n0\r\n\r\n"],
        413,
    ),
    "a body too large once inflated": ([post(gzip.compress(b"x" * 65537), b"Content-Encoding: gzip")], 413),
    "two members too large together": ([post(gzip.compress(b"x" * 40_000) * 2, b"Content-Encoding: gzip")], 413),
    "deflate too large once inflated": ([post(zlib.compress(b"x" * 65537), b"Content-Encoding: deflate")], 413),
    "zstd": ([post(CANARY, b"Content-Encoding: zstd")], 415),
    "compress": ([post(CANARY, b"Content-Encoding: compress")], 415),
    "a content encoding nobody knows": ([post(CANARY, b"Content-Encoding: canary-4711")], 415),
    "a content encoding we do not undo": ([post(CANARY, b"Content-Encoding: br")], 415),
    "two content encodings": ([post(CANARY, b"Content-Encoding: gzip, gzip")], 415),
    "a content type nobody announced": ([post(CANARY, b"Content-Type: image/canary-4711")], 415),
    "an expectation we cannot meet": ([post(CANARY, b"Expect: canary-4711")], 417),
}


@pytest.mark.parametrize(("parts", "status"), REFUSED.values(), ids=REFUSED.keys())
def test_refuses(parts: list[bytes], status: int, caplog: pytest.LogCaptureFixture) -> None:
    """A problem without internals; the handler, the log and the engine hear nothing, and the next request is served."""
    caplog.set_level(logging.DEBUG)

    async def run() -> Got:
        async with intake(limits=LIMITS) as it:
            async with peer(it.port) as stranger:
                await stranger.say(*parts)
                got = await stranger.answer()
                again = b"" if got.headers["connection"] == "keep-alive" else await stranger.rest()
            async with peer(it.port) as other:
                await other.say(post(b"{}"))
                assert (await other.answer()).status == 202
            assert again == b""
            assert [inbound.body for inbound in it.handled] == [b"{}"]
            assert it.errors == []
        return got

    got = asyncio.run(run())
    assert got.status == status
    assert got.headers["content-type"] == "application/problem+json"
    problem = json.loads(got.body)
    assert problem["status"] == status
    assert problem["type"] == "about:blank"
    assert set(problem) == {"type", "title", "status", "detail"}
    assert CANARY not in got.body
    assert CANARY.decode() not in caplog.text


def test_bad_http_closes_the_connection() -> None:
    """Whatever follows what could not be parsed is never taken for a request."""

    async def run() -> None:
        async with intake() as it, peer(it.port) as stranger:
            smuggled = b"POST /smuggled HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
            await stranger.say(CHUNKED + b"Content-Length: 3\r\n\r\n0\r\n\r\n" + smuggled)
            got = await stranger.answer()
            assert (got.status, got.headers["connection"]) == (400, "close")
            assert await stranger.rest() == b""
            assert it.handled == []

    asyncio.run(run())


TAKEN = {
    "JSON": (post(b'{"id": 1}', b"Content-Type: application/json; charset=utf-8"), b'{"id": 1}'),
    "a kind of JSON": (post(b"{}", b"Content-Type: application/cloudevents+json"), b"{}"),
    "text, as some senders call their JSON": (post(b"{}", b"Content-Type: Text/Plain"), b"{}"),
    "a form": (post(b"a=1", b"Content-Type: application/x-www-form-urlencoded"), b"a=1"),
    "no content type": (post(b"{}"), b"{}"),
    "a body that is no JSON": (post(b"\xff\x00not json"), b"\xff\x00not json"),
    "no body": (post(b""), b""),
    "no body and no length": (HEAD + b"\r\n", b""),
    "chunks": (CHUNKED + b"\r\n2\r\n{}\r\n0\r\n\r\n", b"{}"),
    "gzip": (post(gzip.compress(b"{}"), b"Content-Encoding: gzip"), b"{}"),
    "gzip under its old name": (post(gzip.compress(b"{}"), b"Content-Encoding: X-GZIP"), b"{}"),
    "gzip in two members": (post(gzip.compress(b"{") + gzip.compress(b"}"), b"Content-Encoding: gzip"), b"{}"),
    "gzip in gzip, of which one is undone": (
        post(gzip.compress(gzip.compress(b"{}", mtime=0)), b"Content-Encoding: gzip"),
        gzip.compress(b"{}", mtime=0),
    ),
    "gzip of nothing": (post(b"", b"Content-Encoding: gzip"), b""),
    "deflate": (post(zlib.compress(b"{}"), b"Content-Encoding: deflate"), b"{}"),
    "deflate without its header": (post(raw_deflate(b"{}"), b"Content-Encoding: deflate"), b"{}"),
    "identity": (post(b"{}", b"Content-Encoding: identity"), b"{}"),
    "the largest body": (post(b"x" * 65536), b"x" * 65536),
    "the largest body once inflated": (post(gzip.compress(b"x" * 65536), b"Content-Encoding: gzip"), b"x" * 65536),
}


@pytest.mark.parametrize(("raw", "body"), TAKEN.values(), ids=TAKEN.keys())
def test_takes(raw: bytes, body: bytes) -> None:
    """The handler gets the body whole and inflated, in one segment as in three."""

    async def run() -> None:
        pieces = [raw[:40], raw[40:-1], raw[-1:]]
        async with intake(limits=LIMITS) as it, peer(it.port) as sender:
            for parts in ([raw], pieces):
                await sender.say(*parts)
                assert (await sender.answer()).status == 202
            assert [inbound.body for inbound in it.handled] == [body, body]

    asyncio.run(run())


def test_what_the_handler_gets() -> None:
    """Path and query decoded, header names lower, repeated ones joined, the first of two query values."""

    async def run() -> Inbound:
        async with intake() as it, peer(it.port) as sender:
            await sender.say(
                b"PUT /h%C3%B6ks/a%20b/?x=1&x=2&y=%26+z&empty= HTTP/1.1\r\nHOST: Shop.Example\r\nX-Sig: one\r\n"
                b"x-sig:  two \r\nX-Name: J\xf6rg\r\nX-City: K\xc3\xb6ln\r\nContent-Length: 2\r\n\r\n{}"
            )
            assert (await sender.answer()).status == 202
            return it.handled[0]

    inbound = asyncio.run(run())
    assert inbound == Inbound(
        "PUT",
        "/höks/a b/",
        {"host": "Shop.Example", "x-sig": "one, two", "x-name": "Jörg", "x-city": "Köln", "content-length": "2"},
        {"x": "1", "y": "& z", "empty": ""},
        b"{}",
    )


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"http://shop.example/a%20b?x=1", "/a b", {"x": "1"}),
        (b"/a?b?c=d", "/a", {"b?c": "d"}),
        (b"//a/../b", "//a/../b", {}),
    ],
    ids=["the absolute form of proxies", "a question mark in a query", "nothing is normalised"],
)
def test_reads_a_target(target: bytes, path: str, query: dict[str, str]) -> None:
    async def run() -> Inbound:
        async with intake() as it, peer(it.port) as sender:
            await sender.say(b"GET " + target + b" HTTP/1.1\r\nHost: shop.example\r\n\r\n")
            assert (await sender.answer()).status == 202
            return it.handled[0]

    inbound = asyncio.run(run())
    assert (inbound.path, inbound.query) == (path, query)


def test_answers_as_told() -> None:
    """Status, type, headers and body of the handler; the head alone for HEAD; no body and no length with 204."""

    async def handle(inbound: Inbound) -> Answer:
        if inbound.path == "/none":
            return Answer(204)
        return Answer(429, b"[accepted]", "text/plain", (("Retry-After", "7"),))

    async def run() -> None:
        async with intake(handle) as it, peer(it.port) as sender:
            await sender.say(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            got = await sender.answer()
            assert (got.status, got.body, got.headers["content-type"]) == (429, b"[accepted]", "text/plain")
            assert (got.headers["retry-after"], got.headers["connection"]) == ("7", "keep-alive")
            assert got.headers["date"].endswith(" GMT")
            await sender.say(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
            got = await sender.answer(bare=True)
            assert (got.status, got.headers["content-length"]) == (429, "10")
            await sender.say(b"GET /none HTTP/1.1\r\nHost: a\r\n\r\n")
            got = await sender.answer()
            assert got.status == 204
            assert "content-length" not in got.headers
            await sender.say(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            assert (await sender.answer()).headers["connection"] == "close"
            assert await sender.rest() == b""

    asyncio.run(run())


def test_requests_sent_ahead_are_answered_in_order() -> None:
    async def handle(inbound: Inbound) -> Answer:
        return Answer(200, inbound.body)

    async def run() -> None:
        async with intake(handle) as it, peer(it.port) as sender:
            await sender.say(b"".join(post(b"%d" % number) for number in range(100)))
            assert [(await sender.answer()).body for _ in range(100)] == [b"%d" % number for number in range(100)]

    asyncio.run(run())


def test_http_1_0_is_served_and_closed() -> None:
    async def run() -> None:
        async with intake() as it, peer(it.port) as sender:
            await sender.say(b"GET / HTTP/1.0\r\n\r\n")
            assert (await sender.answer()).status == 202
            assert await sender.rest() == b""

    asyncio.run(run())


def test_a_body_is_asked_for_where_its_sender_waits_to_be() -> None:
    """Expect: 100-continue, as curl sends before large bodies; refused up front where the length is too much."""

    async def run() -> None:
        async with intake(limits=LIMITS) as it:
            async with peer(it.port) as sender:
                await sender.say(HEAD + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
                assert (await sender.answer()).status == 100
                await sender.say(b"{}")
                assert (await sender.answer()).status == 202
            async with peer(it.port) as sender:
                await sender.say(HEAD + b"Expect: 100-continue\r\nContent-Length: 99999\r\n\r\n")
                assert (await sender.answer()).status == 413

    asyncio.run(run())


SLOW = {
    "a head that breaks off": [HEAD + b"Content-Le"],
    "a head that drips": [HEAD[:9], HEAD[9:20], HEAD[20:40], HEAD[40:]],
    "a body that does not come": [HEAD + b"Content-Length: 2\r\n\r\n"],
    "a body that breaks off": [HEAD + b"Content-Length: 9\r\n\r\n{"],
    "chunks that stop": [CHUNKED + b"\r\n2\r\n{}\r\n"],
    "a second head that breaks off": [post(b"{}"), HEAD],
}


@pytest.mark.parametrize("parts", SLOW.values(), ids=SLOW.keys())
def test_who_dawdles_is_answered_408_and_closed(parts: list[bytes]) -> None:
    async def run() -> None:
        async with intake(limits=ServerLimits(header_s=0.2, body_s=0.2, linger_s=0.05)) as it, peer(it.port) as slow:
            await slow.say(*parts)
            got = await slow.answer()
            if got.status == 202:
                got = await slow.answer()
            assert (got.status, got.headers["connection"]) == (408, "close")
            assert await slow.rest() == b""
            assert it.errors == []

    asyncio.run(run())


def test_who_says_nothing_is_closed_without_a_word() -> None:
    async def run() -> None:
        async with intake(limits=ServerLimits(header_s=0.1)) as it, peer(it.port) as silent:
            assert await silent.rest() == b""

    asyncio.run(run())


def test_who_rests_too_long_between_requests_is_closed() -> None:
    async def run() -> None:
        async with intake(limits=ServerLimits(idle_s=0.2)) as it, peer(it.port) as idle:
            await idle.say(post(b"{}"))
            assert (await idle.answer()).status == 202
            assert await idle.rest() == b""

    asyncio.run(run())


def test_who_rests_between_requests_owes_no_head() -> None:
    """The deadline of a head begins with its first byte, not with the answer before it."""

    async def run() -> None:
        async with intake(limits=ServerLimits(header_s=0.1)) as it, peer(it.port) as sender:
            for _ in range(2):
                await sender.say(post(b"{}"))
                assert (await sender.answer()).status == 202
                await asyncio.sleep(0.4)

    asyncio.run(run())


def test_a_slow_handler_is_not_taken_for_a_slow_sender() -> None:
    """The next request waits behind it, for longer than a head may take, and is served."""

    async def handle(inbound: Inbound) -> Answer:
        await asyncio.sleep(0.3 if inbound.body == b"first" else 0)
        return Answer(200, inbound.body)

    async def run() -> None:
        async with intake(handle, ServerLimits(header_s=0.1)) as it, peer(it.port) as sender:
            await sender.say(post(b"first"), post(b"second"))
            assert [(await sender.answer()).body for _ in range(2)] == [b"first", b"second"]

    asyncio.run(run())


@pytest.mark.parametrize(
    "raw", [HEAD, HEAD + b"Content-Length: 9\r\n\r\n{", CHUNKED + b"\r\n5\r\nab"], ids=["head", "body", "chunk"]
)
def test_who_leaves_early_is_forgotten(raw: bytes) -> None:
    """Nothing of a request that breaks off reaches the handler, and nobody is told."""

    async def run() -> None:
        async with intake() as it:
            for reset in (False, True):
                async with peer(it.port) as leaver:
                    await leaver.say(raw, b"")
                    if reset:
                        leaver.writer.transport.abort()
            async with peer(it.port) as other:
                await other.say(post(b"{}"))
                assert (await other.answer()).status == 202
            assert [inbound.body for inbound in it.handled] == [b"{}"]
            assert it.errors == []

    asyncio.run(run())


def test_who_leaves_before_the_answer_does_not_undo_the_work() -> None:
    """An accepted event stays accepted: the handler runs to its end without a listener."""
    done: list[bytes] = []

    async def run() -> None:
        started, release = asyncio.Event(), asyncio.Event()

        async def handle(inbound: Inbound) -> Answer:
            started.set()
            await release.wait()
            done.append(inbound.body)
            return Answer(202)

        async with intake(handle) as it:
            async with peer(it.port) as leaver:
                await leaver.say(post(b"kept"))
                await started.wait()
                leaver.writer.transport.abort()
            await asyncio.sleep(0.05)
            release.set()
            await it.server.stop(5)
            assert it.errors == []

    asyncio.run(run())
    assert done == [b"kept"]


@pytest.mark.parametrize(
    "fault",
    [RuntimeError("canary-4711"), TimeoutError("canary-4711"), OSError("canary-4711")],
    ids=["a bug", "a timeout", "an OSError"],
)
def test_a_handler_that_fails_is_answered_500_and_reported(fault: Exception) -> None:
    async def handle(inbound: Inbound) -> Answer:
        raise fault

    async def run() -> None:
        async with intake(handle) as it, peer(it.port) as sender:
            await sender.say(post(b"{}"))
            got = await sender.answer()
            assert (got.status, CANARY in got.body) == (500, False)
            assert it.errors == [fault]

    asyncio.run(run())


@pytest.mark.parametrize(
    "answer",
    [Answer(200, headers=(("X-Id", "1\r\nSet-Cookie: x"),)), Answer(200, content_type="text/plain\r\nX: y")],
    ids=["in a header", "in the content type"],
)
def test_an_answer_cannot_smuggle_a_line(answer: Answer) -> None:
    async def handle(inbound: Inbound) -> Answer:
        return answer

    async def run() -> None:
        async with intake(handle) as it, peer(it.port) as sender:
            await sender.say(post(b"{}"))
            assert (await sender.answer()).status == 500
            assert [type(error) for error in it.errors] == [ValueError]

    asyncio.run(run())


def test_connections_past_the_limit_get_503() -> None:
    async def run() -> None:
        async with intake(limits=ServerLimits(connections_max=2)) as it:
            async with peer(it.port) as one, peer(it.port) as two:
                for each in (one, two):
                    await each.say(post(b"{}"))
                    assert (await each.answer()).status == 202
                async with peer(it.port) as third:
                    got = await third.answer()
                    assert (got.status, got.headers["retry-after"]) == (503, "1")
                    assert await third.rest() == b""
            await asyncio.sleep(0.05)
            async with peer(it.port) as later:
                await later.say(post(b"{}"))
                assert (await later.answer()).status == 202

    asyncio.run(run())


def test_requests_past_the_limit_get_503_and_keep_their_connection() -> None:
    async def run() -> None:
        release = asyncio.Event()

        async def handle(inbound: Inbound) -> Answer:
            await release.wait()
            return Answer(202)

        async with intake(handle, ServerLimits(requests_max=1)) as it, peer(it.port) as one, peer(it.port) as two:
            await one.say(post(b"{}"))
            await asyncio.sleep(0.05)
            await two.say(post(b"{}"))
            got = await two.answer()
            assert (got.status, got.headers["retry-after"], got.headers["connection"]) == (503, "1", "keep-alive")
            release.set()
            assert (await one.answer()).status == 202
            await two.say(post(b"{}"))
            assert (await two.answer()).status == 202

    asyncio.run(run())


def test_bodies_past_the_limit_together_get_503_and_give_their_room_back() -> None:
    """Room is counted as bytes come in, not as they are announced, and returned however a request ends."""

    async def run() -> None:
        limits = ServerLimits(bodies_bytes_max=1000, linger_s=0.05, body_s=5)
        async with intake(limits=limits) as it:
            async with peer(it.port) as holder, peer(it.port) as other:
                await holder.say(HEAD + b"Content-Length: 900\r\n\r\n" + b"x" * 800)
                await asyncio.sleep(0.05)
                await other.say(post(b"x" * 300))
                assert (await other.answer()).status == 503
            await asyncio.sleep(0.05)
            for _ in range(3):
                async with peer(it.port) as later:
                    await later.say(post(b"x" * 900))
                    assert (await later.answer()).status == 202

    asyncio.run(run())


def test_who_takes_no_answer_is_let_go() -> None:
    """The answer is larger than the sockets' buffers; nobody reads it, and the drain still ends."""

    async def handle(inbound: Inbound) -> Answer:
        return Answer(200, b"x" * 32 * 1024 * 1024)

    async def run() -> None:
        async with intake(handle, ServerLimits(answer_s=0.2)) as it, peer(it.port) as deaf:
            await deaf.say(post(b"{}"))
            await asyncio.sleep(0.5)
            assert len(await deaf.rest()) < 32 * 1024 * 1024
            assert it.errors == []

    asyncio.run(run())


@pytest.mark.slow
def test_a_gzip_bomb_costs_what_the_limit_says() -> None:
    """300 KB that inflate to 300 MB: 413, and the peak stays near the 1 MiB allowed."""
    stream = zlib.compressobj(9, wbits=31)
    zeros = bytes(1024 * 1024)
    bomb = b"".join(stream.compress(zeros) for _ in range(300)) + stream.flush()
    assert 250_000 < len(bomb) < 350_000

    async def run() -> int:
        async with intake() as it, peer(it.port) as sender:
            tracemalloc.start()
            await sender.say(post(bomb, b"Content-Encoding: gzip"))
            assert (await sender.answer()).status == 413
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert it.handled == []
            return peak

    assert asyncio.run(run()) < 8 * 1024 * 1024


def test_a_stop_lets_requests_end_and_takes_no_new_ones() -> None:
    async def run() -> None:
        started, release = asyncio.Event(), asyncio.Event()

        async def handle(inbound: Inbound) -> Answer:
            started.set()
            await release.wait()
            return Answer(202)

        async with intake(handle) as it, peer(it.port) as idle, peer(it.port) as busy:
            await busy.say(post(b"{}"))
            await started.wait()
            stopping = asyncio.create_task(it.server.stop(10))
            assert await idle.rest() == b""
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", it.port)
            release.set()
            got = await busy.answer()
            assert (got.status, got.headers["connection"]) == (202, "close")
            assert await busy.rest() == b""
            await stopping

    asyncio.run(run())


def test_a_request_already_on_its_way_is_served_by_a_stop() -> None:
    async def run() -> None:
        async with intake() as it, peer(it.port) as sender:
            await sender.say(post(b"first"))
            assert (await sender.answer()).status == 202
            await sender.say(post(b"second"))
            await it.server.stop(5)
            assert (await sender.answer()).status == 202
            assert await sender.rest() == b""

    asyncio.run(run())


def test_a_stop_cancels_what_outlasts_the_drain() -> None:
    ended: list[str] = []

    async def run() -> None:
        started = asyncio.Event()

        async def handle(inbound: Inbound) -> Answer:
            started.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                ended.append("cancelled")
                raise
            return Answer(202)

        async with intake(handle) as it, peer(it.port) as busy:
            await busy.say(post(b"{}"))
            await started.wait()
            await it.server.stop(0.05)
            assert await busy.rest() == b""

    asyncio.run(run())
    assert ended == ["cancelled"]


def test_a_taken_port_is_told_to_the_person_at_the_terminal() -> None:
    async def run() -> None:
        async with intake() as it:
            second = IntakeServer(lambda inbound: asyncio.sleep(0, Answer(200)), LIMITS, SystemClock(), print)
            with pytest.raises(UserError, match=f"cannot listen on 127.0.0.1 port {it.port}: .*in use"):
                await second.start("127.0.0.1", it.port)

    asyncio.run(run())


def test_the_python_parser_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    require_strict_parser()
    monkeypatch.setattr(http_parser, "HttpRequestParser", http_parser.HttpRequestParserPy)
    with pytest.raises(WaybillError, match="C parser"):
        require_strict_parser()


def test_the_admin_server_reads_fixed_paths() -> None:
    async def health() -> Answer:
        return Answer(200, b"ok", "text/plain")

    async def run() -> None:
        errors: list[BaseException] = []
        server, port = await admin_server({"/health": health}, "127.0.0.1", 0, SystemClock(), errors.append)
        async with peer(port) as sender:
            await sender.say(b"GET /health?x=1 HTTP/1.1\r\nHost: a\r\n\r\n")
            got = await sender.answer()
            assert (got.status, got.body) == (200, b"ok")
            await sender.say(b"HEAD /health HTTP/1.1\r\nHost: a\r\n\r\n")
            assert (await sender.answer(bare=True)).status == 200
            await sender.say(b"GET /other HTTP/1.1\r\nHost: a\r\n\r\n")
            assert (await sender.answer()).status == 404
            await sender.say(b"POST /health HTTP/1.1\r\nHost: a\r\n\r\n")
            got = await sender.answer()
            assert (got.status, got.headers["allow"]) == (405, "GET, HEAD")
        await server.stop(1)
        assert errors == []

    asyncio.run(run())

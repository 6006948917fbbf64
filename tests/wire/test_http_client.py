"""The client against scripted partners on real sockets: what it says came of a call is what happened."""

import asyncio
import gzip
import socket
import struct
import tracemalloc
import zlib
from decimal import Decimal

import pytest
from msgspec.structs import replace
from wire.net import Partner, Script, answering, closing, partner, read_request

from engine.clock import SystemClock
from engine.errors import UserError
from engine.model import Failure, Outcome, Request, Sent
from engine.wire.http_client import HttpClient, SystemAddress
from engine.wire.secrets import Secret
from engine.wire.sign_in import Basic, Bearer, Header

CANARY = "canary-4711"
ORDER = Request(
    "erp", "create_order", "POST", "/sales-orders", (("token", CANARY),), (("X-Note", CANARY),), {"id": CANARY}
)


def ok(body: bytes, *fields: bytes, status: bytes = b"200 OK") -> bytes:
    lines = b"".join(field + b"\r\n" for field in (b"Content-Type: application/json", *fields))
    return b"HTTP/1.1 " + status + b"\r\n" + lines + b"Content-Length: %d\r\n\r\n" % len(body) + body


def at(port: int, **more: object) -> SystemAddress:
    return SystemAddress(f"http://127.0.0.1:{port}/api", private_networks=True, **more)  # type: ignore[arg-type]


async def call(system: SystemAddress, request: Request = ORDER, timeout_s: float = 5, *, times: int = 1) -> Outcome:
    """The outcome of the last of so many calls, one after the other."""
    client = HttpClient({"erp": system}, SystemClock())
    try:
        for _ in range(times):
            outcome = await client.send(request, timeout_s)
        return outcome
    finally:
        await client.close()


def outcome_of(
    script: Script, timeout_s: float = 5, request: Request = ORDER, **more: object
) -> tuple[Outcome, Partner]:
    """What the client says and what the partner saw of one order sent to it."""

    async def run() -> tuple[Outcome, Partner]:
        async with partner(script) as it:
            return await call(at(it.port, **more), request, timeout_s=timeout_s), it

    return asyncio.run(run())


def abort(writer: asyncio.StreamWriter) -> None:
    """Ends a connection with a reset instead of an orderly close."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def reset(it: Partner, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(it, reader)
    abort(writer)


async def reset_in_the_body(it: Partner, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(it, reader)
    writer.write(ok(b'{"id": 1}')[:-3])
    await writer.drain()
    await asyncio.sleep(0.05)
    abort(writer)


async def say_nothing(it: Partner, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(it, reader)
    await reader.read()


async def stop_in_the_body(it: Partner, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(it, reader)
    writer.write(ok(b'{"id": 1}')[:-3])
    await reader.read()


async def close_unread(it: Partner, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


LOST = {
    "reset before an answer": (reset, "the connection broke before an answer"),
    "closed before an answer": (closing(b""), "the connection broke before an answer"),
    "closed before the request was read": (close_unread, "the connection broke before an answer"),
    "closed within the head": (closing(b"HTTP/1.1 200 OK\r\nContent-Le"), "the connection broke before an answer"),
    "reset within the body": (reset_in_the_body, "the answer broke off"),
    "a body shorter than declared": (closing(ok(b'{"id": 1}')[:-3]), "the answer broke off"),
    "chunks without an end": (
        closing(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n"),
        "the answer broke off",
    ),
    "a chunk that is none": (
        closing(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
        "the answer is not valid HTTP",
    ),
    "no HTTP": (closing(b"SSH-2.0-canary-4711\r\n\r\n"), "the answer is not valid HTTP"),
    "a head too large": (
        closing(b"HTTP/1.1 200 OK\r\nX-Note: " + b"canary-4711" * 1000 + b"\r\n\r\n"),
        "the answer is not valid HTTP",
    ),
    "no answer in time": (say_nothing, "no answer in 0.2 s"),
    "no whole answer in time": (stop_in_the_body, "no answer in 0.2 s"),
}


KINDS = {
    "the connection broke before an answer": Failure.LOST,
    "the answer broke off": Failure.LOST,
    "the answer is not valid HTTP": Failure.MALFORMED,
    "no answer in 0.2 s": Failure.TIMEOUT_AFTER,
}


@pytest.mark.parametrize(("script", "reason"), LOST.values(), ids=LOST.keys())
def test_what_may_have_been_sent_is_unknown(script: Script, reason: str) -> None:
    """Never NOT_SENT, never an exception, nothing of the request or the answer in the reason."""
    outcome, it = outcome_of(script, timeout_s=0.2 if "0.2" in reason else 5)
    assert (outcome.sent, outcome.failure, outcome.reason) == (Sent.UNKNOWN, KINDS[reason], reason)
    assert (outcome.status, outcome.body, outcome.malformed) == (0, None, "")
    assert len(it.requests) <= 1


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "POST"])
@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_request_goes_out_once_also_on_a_kept_connection_that_breaks(method: str, how: str) -> None:
    """aiohttp would send GET, PUT and DELETE again; the partner may have acted on the first."""

    async def answer_then_break(it: Partner, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(it, reader)
        writer.write(ok(b"{}"))
        await read_request(it, reader)
        if how == "reset":
            abort(writer)

    async def run() -> tuple[Outcome, int]:
        async with partner(answer_then_break) as it:
            body = None if method in {"GET", "DELETE"} else {"id": 1}
            outcome = await call(at(it.port), Request("erp", "any", method, "/x", body=body), times=2)
            await asyncio.sleep(0.05)
            return outcome, len(it.requests)

    outcome, requests = asyncio.run(run())
    assert (outcome.sent, outcome.reason) == (Sent.UNKNOWN, "the connection broke before an answer")
    assert requests == 2


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


PRIVATE = "the address is private and this environment does not allow private_networks"
NEVER = "the address is link-local, multicast or reserved and is never called"
NOT_SENT = {
    "nobody listens": (at(free_port()), "connection refused"),
    "no such name": (SystemAddress("https://canary-4711.invalid"), "the partner's name does not resolve"),
    "a loopback address": (SystemAddress("https://127.0.0.1:9"), PRIVATE),
    "a name that leads to the loopback": (SystemAddress("https://localhost:9"), PRIVATE),
    "the IPv6 loopback": (SystemAddress("https://[::1]:9"), PRIVATE),
    "a loopback mapped into IPv6": (SystemAddress("https://[::ffff:127.0.0.1]:9"), PRIVATE),
    "a private address": (SystemAddress("https://10.1.2.3"), PRIVATE),
    "an address of a carrier's network": (SystemAddress("https://100.64.0.1"), PRIVATE),
    "an address behind NAT64": (SystemAddress("https://[64:ff9b::7f00:1]"), PRIVATE),
    "an address behind 6to4": (SystemAddress("https://[2002:7f00:1::]"), PRIVATE),
    "a cloud's metadata": (SystemAddress("https://169.254.169.254"), NEVER),
    "a cloud's metadata, private allowed": (SystemAddress("http://169.254.169.254", private_networks=True), NEVER),
    "the unspecified address": (SystemAddress("http://0.0.0.0:9", private_networks=True), NEVER),
    "a public address without TLS": (
        SystemAddress("http://93.184.215.14", private_networks=True),
        "the address is public and base_url is not https",
    ),
    "an address written as a number": (
        SystemAddress("https://2130706433"),
        "the partner's address is written in a form that is not called",
    ),
}


@pytest.mark.parametrize(("system", "reason"), NOT_SENT.values(), ids=NOT_SENT.keys())
def test_what_surely_did_not_go_out_is_not_sent(system: SystemAddress, reason: str) -> None:
    kinds = {"connection refused": Failure.CONNECT, "the partner's name does not resolve": Failure.DNS}
    outcome = asyncio.run(call(system))
    failure = kinds.get(reason, Failure.UNSENDABLE)  # what is not called is not worth another try
    assert (outcome.sent, outcome.failure, outcome.reason) == (Sent.NOT_SENT, failure, reason)


def test_a_tls_handshake_that_fails_is_not_sent() -> None:
    """The partner speaks plain HTTP on a port that should be TLS."""

    async def plain(it: Partner, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        it.requests.append(await reader.read(9))
        writer.write(ok(b"{}"))
        await writer.drain()

    async def run() -> tuple[Outcome, Partner]:
        async with partner(plain) as it:
            return await call(SystemAddress(f"https://127.0.0.1:{it.port}", private_networks=True)), it

    outcome, it = asyncio.run(run())
    assert (outcome.sent, outcome.failure, outcome.reason) == (
        Sent.NOT_SENT,
        Failure.TLS,
        "the TLS handshake failed",
    )
    assert b"POST" not in it.requests[0]


def test_no_free_connection_in_time_is_not_sent() -> None:
    async def run() -> tuple[Outcome, int]:
        async with partner(say_nothing) as it:
            client = HttpClient({"erp": at(it.port, connections_max=1)}, SystemClock())
            first = asyncio.create_task(client.send(ORDER, 5))
            await asyncio.sleep(0.1)
            outcome = await client.send(ORDER, 0.1)
            first.cancel()
            await asyncio.gather(first, return_exceptions=True)
            await client.close()
            return outcome, len(it.requests)

    outcome, requests = asyncio.run(run())
    assert (outcome.sent, outcome.failure, requests) == (Sent.NOT_SENT, Failure.TIMEOUT_BEFORE, 1)
    assert outcome.reason == "no connection in 0.1 s"


def test_the_systems_own_timeout_bounds_a_call() -> None:
    async def run() -> Outcome:
        async with partner(say_nothing) as it:
            return await call(at(it.port, timeout_s=0.1), timeout_s=60)

    outcome = asyncio.run(run())
    assert (outcome.sent, outcome.reason) == (Sent.UNKNOWN, "no answer in 0.1 s")


BIG = gzip.compress(b'"' + b"x" * 5 * 1024 * 1024 + b'"')
ANSWERED: dict[str, tuple[bytes, int, object, str]] = {
    "JSON": (ok(b'{"id": 12345678901234567890, "total": 19.90}'), 200,
             {"id": 12345678901234567890, "total": Decimal("19.90")}, ""),
    "JSON of a kind": (
        b"HTTP/1.1 400 Bad\r\nContent-Type: application/problem+json\r\nContent-Length: 2\r\n\r\n{}", 400, {}, ""),
    "JSON without a type": (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntrue", 200, True, ""),
    "chunks": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n[\r\n1\r\n]\r\n0\r\n\r\n", 200, [], ""),
    "until the end": (b"HTTP/1.1 200 OK\r\n\r\n[1]", 200, [1], ""),
    "after an early hint": (b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + ok(b"[]"), 200, [], ""),
    "gzip": (ok(gzip.compress(b"[1]"), b"Content-Encoding: gzip"), 200, [1], ""),
    "deflate": (ok(zlib.compress(b"[1]"), b"Content-Encoding: deflate"), 200, [1], ""),
    "an empty body": (ok(b""), 200, None, ""),
    "a body of spaces": (ok(b" \r\n"), 200, None, ""),
    "no content": (b"HTTP/1.1 204 No Content\r\n\r\n", 204, None, ""),
    "too many requests": (ok(b"{}", b"Retry-After: 7", status=b"429 Slow Down"), 429, {}, ""),
    "out of service": (ok(b"", status=b"503 Gone Fishing"), 503, None, ""),
    "a page of HTML from a proxy": (
        b"HTTP/1.1 502 Bad\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>", 502, None, ""),
    "a page of HTML as success": (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>", 200, None,
        "the answer declares a type that is not JSON"),
    "JSON that is none": (ok(b'{"id": canary-4711}'), 200, None, "the body is not JSON: invalid character at byte 7"),
    "an error that is no JSON": (
        ok(b"oops", status=b"500 Oops"), 500, None, "the body is not JSON: invalid character at byte 0"),
    "gzip that is none": (
        ok(b"canary-4711", b"Content-Encoding: gzip"), 200, None, "the answer cannot be inflated: it is not gzip"),
    "an encoding nobody asked for": (
        ok(b"canary-4711", b"Content-Encoding: br"), 200, None,
        "the answer has a content encoding that was not asked for"),
    "too large": (ok(b'"' + b"x" * 5 * 1024 * 1024 + b'"'), 200, None, "the answer has more than 5242880 bytes"),
    "too large once inflated": (
        ok(BIG, b"Content-Encoding: gzip"), 200, None, "the answer inflates to more than 5242880 bytes"),
    "a redirect": (ok(b"", b"Location: http://127.0.0.1:1/", status=b"302 Found"), 302, None, ""),
    "a redirect that keeps the method": (ok(b"", b"Location: /other", status=b"307 Moved"), 307, None, ""),
}  # fmt: skip


@pytest.mark.parametrize(("raw", "status", "body", "malformed"), ANSWERED.values(), ids=ANSWERED.keys())
def test_an_answer_is_an_answer(raw: bytes, status: int, body: object, malformed: str) -> None:
    """Whatever its body: the status stands, and what cannot be read is said without its contents."""
    outcome, it = outcome_of(closing(raw))
    assert (outcome.sent, outcome.reason) == (Sent.ANSWERED, "")
    assert (outcome.status, outcome.body, outcome.malformed) == (status, body, malformed)
    assert outcome.failure is (Failure.MALFORMED if malformed else None)
    assert len(it.requests) == 1


@pytest.mark.slow
def test_a_gzip_bomb_in_an_answer_costs_what_the_limit_says() -> None:
    stream = zlib.compressobj(9, wbits=31)
    bomb = b"".join(stream.compress(bytes(1024 * 1024)) for _ in range(300)) + stream.flush()

    async def run() -> tuple[Outcome, int]:
        async with partner(closing(ok(bomb, b"Content-Encoding: gzip"))) as it:
            tracemalloc.start()
            outcome = await call(at(it.port))
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            return outcome, peak

    outcome, peak = asyncio.run(run())
    assert outcome.malformed == "the answer inflates to more than 5242880 bytes"
    assert peak < 20 * 1024 * 1024


def test_headers_of_an_answer_are_lower_case_and_joined() -> None:
    outcome, _ = outcome_of(closing(ok(b"{}", b"Retry-After: 7", b"Link: <a>", b"LINK: <b>", b"X-Name: J\xf6rg")))
    assert {name: outcome.headers[name] for name in ("retry-after", "link", "x-name")} == {
        "retry-after": "7",
        "link": "<a>, <b>",
        "x-name": "Jörg",
    }


@pytest.mark.parametrize(
    ("type_", "raw", "body", "malformed"),
    [
        (b"text/csv", "sku;größe\n".encode(), "sku;größe\n", ""),
        (b"text/csv; charset=ISO-8859-1", "größe".encode("latin-1"), "größe", ""),
        (b"text/csv", "größe".encode("latin-1"), None, "the answer is not text in the charset it declares"),
        (b"text/csv; charset=utf-7", b"a", None, "the answer declares a charset that is not read here"),
    ],
    ids=["UTF-8", "Latin-1 as declared", "Latin-1 undeclared", "a charset nobody should use"],
)
def test_an_answer_can_be_read_as_text(type_: bytes, raw: bytes, body: str | None, malformed: str) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: " + type_ + b"\r\nContent-Length: %d\r\n\r\n" % len(raw) + raw
    outcome, _ = outcome_of(closing(answer), request=replace(ORDER, read="text"))
    assert (outcome.status, outcome.body, outcome.malformed) == (200, body, malformed)


PDF = b"%PDF-1.7 \x00\xff label"
LABEL = {
    "content_type": "application/pdf",
    "base64": "JVBERi0xLjcgAP8gbGFiZWw=",
    "bytes": 17,
    "sha256": "dcafd3d1de9759c062445aaddafa59ffe0a70861e0ddb8bd6a8cbf2b13928578",
}


def answer_of(status: bytes, type_: bytes, body: bytes, *fields: bytes) -> bytes:
    lines = b"".join(field + b"\r\n" for field in (b"Content-Type: " + type_, *fields))
    return b"HTTP/1.1 " + status + b"\r\n" + lines + b"Content-Length: %d\r\n\r\n" % len(body) + body


DOCUMENTS: dict[str, tuple[bytes, object, str]] = {
    "a label": (answer_of(b"200 OK", b"application/pdf", PDF), LABEL, ""),
    "a label, packed": (
        answer_of(b"201 Made", b"application/pdf", gzip.compress(PDF), b"Content-Encoding: gzip"), LABEL, ""),
    "JSON as a document": (
        answer_of(b"200 OK", b"application/json", b"{}"),
        {"content_type": "application/json", "base64": "e30=", "bytes": 2,
         "sha256": "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"}, ""),
    "no type": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n ",
        {"content_type": "application/octet-stream", "base64": "IA==", "bytes": 1,
         "sha256": "36a9e7f1c95b82ffb99743e0c5c4ce95d83c9a430aac59f84ef3cbfab6145068"}, ""),
    "nothing": (b"HTTP/1.1 204 No Content\r\n\r\n", None, ""),
    "an error as JSON": (
        answer_of(b"422 No", b"application/problem+json", b'{"code": "address"}'), {"code": "address"}, ""),
    "an error as a page": (answer_of(b"502 Bad", b"text/html", b"<html>"), None, ""),
    "too large": (
        answer_of(b"200 OK", b"image/png", bytes(1001)), None, "the answer has more than 1000 bytes"),
    "too large once inflated": (
        answer_of(b"200 OK", b"image/png", gzip.compress(bytes(1001)), b"Content-Encoding: gzip"), None,
        "the answer inflates to more than 1000 bytes"),
}  # fmt: skip


@pytest.mark.parametrize(("raw", "body", "malformed"), DOCUMENTS.values(), ids=DOCUMENTS.keys())
def test_an_operation_reads_a_document(raw: bytes, body: object, malformed: str) -> None:
    """Under a 2xx whatever it is, whole and with its digest; under another status what its `outcomes` look at."""
    outcome, _ = outcome_of(closing(raw), request=replace(ORDER, read="base64"), answer_bytes_max=1000)
    assert (outcome.sent, outcome.body, outcome.malformed) == (Sent.ANSWERED, body, malformed)


@pytest.mark.parametrize(
    ("auth", "line"),
    [
        (None, b""),
        (Bearer(Secret("t-1")), b"Authorization: Bearer t-1\r\n"),
        (Basic("jörg", Secret("p:w")), b"Authorization: Basic asO2cmc6cDp3\r\n"),
        (Header({"X-Api-Key": Secret("k-1")}), b"X-Api-Key: k-1\r\n"),
    ],
    ids=["nobody", "a bearer", "a user", "a key in a header"],
)
def test_what_goes_out(auth: object, line: bytes) -> None:
    """Method, path, query, headers, sign-in and body as given; a header of the operation never replaces the sign-in."""

    async def run() -> bytes:
        async with partner(answering(ok(b"{}"))) as it:
            fields = (("authorization", "Bearer forged"), ("x-api-key", "forged"), ("accept", "application/xml"))
            request = Request(
                "erp", "put", "PUT", "/orders/a%2Fb", (("q", "a b&c/ä"), ("q", "2")), fields, {"total": Decimal("1.10")}
            )
            assert (await call(at(it.port, auth=auth), request)).status == 200
            return it.requests[0]

    head, _, body = asyncio.run(run()).partition(b"\r\n\r\n")
    assert head.startswith(b"PUT /api/orders/a%2Fb?q=a%20b%26c%2F%C3%A4&q=2 HTTP/1.1\r\n")
    assert body == b'{"total":1.10}'
    assert line.lower() in head.lower() + b"\r\n"
    assert head.lower().count(b"accept:") == head.count(b"application/xml") == 1
    if auth is not None:
        name = line.partition(b":")[0].lower()
        assert head.lower().count(b"\r\n" + name + b":") == 1
    assert b"Content-Type: application/json\r\n" in head + b"\r\n"


def test_a_body_that_is_written_goes_out_as_it_is() -> None:
    async def run() -> bytes:
        async with partner(answering(ok(b"{}"))) as it:
            await call(at(it.port), Request("erp", "any", "POST", "/", body={"b": 1, "a": 2}, written=b'{"a":2,"b":1}'))
            return it.requests[0]

    assert asyncio.run(run()).endswith(b'\r\nContent-Length: 13\r\n\r\n{"a":2,"b":1}')


@pytest.mark.parametrize(
    ("method", "length"),
    [("GET", 0), ("HEAD", 0), ("OPTIONS", 0), ("POST", 1), ("PUT", 1), ("PATCH", 1), ("DELETE", 1)],
)
def test_a_request_without_a_body_says_so(method: str, length: int) -> None:
    """By a length of 0 where one could be expected (RFC 9110 §8.6): some partners answer 411 otherwise."""

    async def run() -> bytes:
        async with partner(answering(b"HTTP/1.1 204 No Content\r\n\r\n")) as it:
            await call(at(it.port), Request("erp", "any", method, "/orders"))
            return it.requests[0]

    raw = asyncio.run(run())
    assert raw.endswith(b"\r\n\r\n")
    assert raw.count(b"Content-Length: 0\r\n") == length
    assert b"Content-Type" not in raw


def test_connections_are_used_again_and_cookies_are_not_kept() -> None:
    connections = 0

    async def script(it: Partner, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await answering(ok(b"{}", b"Set-Cookie: session=1"))(it, reader, writer)

    async def run() -> list[bytes]:
        async with partner(script) as it:
            assert (await call(at(it.port), times=3)).status == 200
            return it.requests

    requests = asyncio.run(run())
    assert (len(requests), connections) == (3, 1)
    assert not any(b"Cookie" in request for request in requests)


UNSENDABLE = {
    "a line break in a header": (Request("erp", "x", "GET", "/", headers=(("X", "a\r\nY: b"),)), "a header of the"),
    "a line break in a header's name": (Request("erp", "x", "GET", "/", headers=(("X\r\nY", "b"),)), "a header of the"),
    "half of a character in a header": (Request("erp", "x", "GET", "/", headers=(("X", "\ud800"),)), "a header of the"),
    "a length of one's own": (
        Request("erp", "x", "GET", "/", headers=(("Content-Length", "5"),)),
        "the header content-length belongs",
    ),
    "a host of one's own": (Request("erp", "x", "GET", "/", headers=(("HOST", "a"),)), "the header host belongs"),
    "a method with a line break": (Request("erp", "x", "GET / HTTP/1.1\r\n", "/"), "the method of the request"),
    "a path with a space": (Request("erp", "x", "GET", "/a b"), "the path of the request"),
    "a path with a query": (Request("erp", "x", "GET", "/a?b"), "the path of the request"),
    "a path without a slash": (Request("erp", "x", "GET", ".evil.example/"), "the path of the request"),
    "a path that climbs": (Request("erp", "x", "GET", "/orders/../admin"), "the path of the request"),
    "a path that climbs, encoded": (Request("erp", "x", "GET", "/orders/%2e%2E/admin"), "the path of the request"),
    "half of a character in the query": (Request("erp", "x", "GET", "/", (("q", "\ud800"),)), "the query of the"),
    "a number JSON does not know": (Request("erp", "x", "POST", "/", body=Decimal("NaN")), "the body of the request"),
}


@pytest.mark.parametrize(("request_", "reason"), UNSENDABLE.values(), ids=UNSENDABLE.keys())
def test_what_would_be_another_request_is_not_sent(request_: Request, reason: str) -> None:
    async def run() -> tuple[Outcome, Partner]:
        async with partner(answering(ok(b"{}"))) as it:
            return await call(at(it.port), request_), it

    outcome, it = asyncio.run(run())
    assert (outcome.sent, outcome.failure) == (Sent.NOT_SENT, Failure.UNSENDABLE)
    assert outcome.reason.startswith(reason)
    assert it.requests == []


def test_a_system_without_an_address_is_not_sent_to() -> None:
    outcome = asyncio.run(HttpClient({}, SystemClock()).send(ORDER, 5))
    assert (outcome.sent, outcome.reason) == (Sent.NOT_SENT, "the system has no address at the moment")


def test_a_cancelled_call_stays_cancelled() -> None:
    """Whoever cancels decides what it means; an outcome would hide that nobody waits for it."""

    async def run() -> None:
        async with partner(say_nothing) as it:
            client = HttpClient({"erp": at(it.port)}, SystemClock())
            task = asyncio.create_task(client.send(ORDER, 5))
            await asyncio.sleep(0.1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await client.close()

    asyncio.run(run())


def test_closing_ends_calls_by_what_is_known_of_them() -> None:
    """One has sent, one waits for its connection, one comes too late."""

    async def run() -> list[Sent]:
        async with partner(say_nothing) as it:
            client = HttpClient({"erp": at(it.port, connections_max=1)}, SystemClock())
            sent = asyncio.create_task(client.send(ORDER, 5))
            await asyncio.sleep(0.1)
            waiting = asyncio.create_task(client.send(ORDER, 5))
            await asyncio.sleep(0.05)
            await client.close()
            late = await client.send(ORDER, 5)
            return [(await sent).sent, (await waiting).sent, late.sent]

    assert asyncio.run(run()) == [Sent.UNKNOWN, Sent.NOT_SENT, Sent.NOT_SENT]


class SteppingClock:
    """Moves a quarter of a second each time it is read."""

    def __init__(self) -> None:
        self.at = 0.0

    def now(self) -> int:
        return 0

    def monotonic(self) -> float:
        self.at += 0.25
        return self.at


def test_the_time_taken_is_by_the_clock_handed_in() -> None:
    async def run() -> Outcome:
        client = HttpClient({"erp": SystemAddress("https://127.0.0.1")}, SteppingClock())
        outcome = await client.send(ORDER, 5)
        await client.close()
        return outcome

    assert asyncio.run(run()).took_us == 250_000


def test_every_fault_of_every_address_at_once() -> None:
    """Told before anything is sent, and without repeating what may hold a password."""
    systems = {
        "userinfo": SystemAddress("https://me:canary-4711@erp.example"),
        "query": SystemAddress("https://erp.example/?key=canary-4711"),
        "climbs": SystemAddress("https://erp.example/a/../b"),
        "scheme": SystemAddress("ftp://canary-4711"),
        "port": SystemAddress("https://canary-4711:99999"),
        "lines": SystemAddress("https://erp.example", auth=Bearer(Secret("canary-4711\r\nX: y"))),
        "user": SystemAddress("https://erp.example", auth=Basic("a:b", Secret("canary-4711"))),
        "length": SystemAddress("https://erp.example", auth=Header({"Content-Length": Secret("1")})),
        "limits": SystemAddress("https://erp.example", timeout_s=0, answer_bytes_max=10**9),
        "fine": SystemAddress("https://erp.example/api/v2/", auth=Bearer(Secret("x"))),
    }
    with pytest.raises(UserError) as caught:
        HttpClient(systems, SystemClock())
    lines = str(caught.value).splitlines()
    assert [line.split(":")[0].removeprefix("system ") for line in lines] == [
        *(name for name in systems if name not in {"limits", "fine"}),
        "limits",
        "limits",
    ]
    assert CANARY not in str(caught.value)

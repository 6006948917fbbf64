"""Connections as they are made: which fault is whose, TLS with its names, several addresses, one look-up for many."""

import asyncio
import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvloop
from wire.net import answering, partner

from engine.clock import SystemClock
from engine.model import Failure, Outcome, Request, Sent
from engine.wire.dial import RESOLVED_S, tls_context
from engine.wire.http_client import HttpClient, SystemAddress

READ = Request("erp", "find", "GET", "/orders")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1"


class SteppedClock(SystemClock):
    """Time goes on where a test says so."""

    def __init__(self) -> None:
        self.s = 0.0

    def monotonic(self) -> float:
        return self.s


class Names:
    """A resolver for one loop: what it is asked, and what it answers."""

    def __init__(self, *addresses: str) -> None:
        self.asked: list[str] = []
        self.addresses = addresses
        self.fault: Exception | None = None

    def install(self) -> None:
        asyncio.get_running_loop().getaddrinfo = self  # type: ignore[method-assign,assignment]

    async def __call__(self, host: str, port: int, **_: object) -> list[Any]:
        self.asked.append(host)
        await asyncio.sleep(0.01)
        if self.fault is not None:
            raise self.fault
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in self.addresses]


def named(port: int, scheme: str = "http") -> SystemAddress:
    return SystemAddress(f"{scheme}://erp.example:{port}", private_networks=True)


def said(outcome: Outcome) -> tuple[Sent, Failure | None, str]:
    return outcome.sent, outcome.failure, outcome.reason


@pytest.mark.parametrize("fault", [socket.gaierror(-2, "canary"), UnicodeError("canary"), OSError(5, "canary")])
def test_a_name_that_leads_nowhere(fault: Exception) -> None:
    async def run() -> list[Outcome]:
        names = Names()
        names.fault = fault
        names.install()
        client = HttpClient({"erp": named(1)}, SystemClock())
        found = await asyncio.gather(*(client.send(READ, 5) for _ in range(3)))
        assert names.asked == ["erp.example"]
        await client.close()
        return found

    assert [said(outcome) for outcome in asyncio.run(run())] == [
        (Sent.NOT_SENT, Failure.DNS, "the partner's name does not resolve")
    ] * 3


def test_a_name_is_looked_up_once_for_many_calls_and_again_after_a_while() -> None:
    async def run() -> list[int]:
        async with partner(answering(OK)) as it:
            names, clock = Names("127.0.0.1"), SteppedClock()
            names.install()
            client = HttpClient({"erp": named(it.port)}, clock)
            counts = []
            for pause_s in (0.0, RESOLVED_S - 1, 2.0):
                clock.s += pause_s
                # More at once than connections rest: some are new each time.
                outcomes = await asyncio.gather(*(client.send(READ, 5) for _ in range(1 + 4 * len(counts))))
                assert {outcome.body for outcome in outcomes} == {1}
                counts.append(len(names.asked))
            await client.close()
            return counts

    assert asyncio.run(run()) == [1, 1, 2]


def test_a_caller_who_gives_up_leaves_the_look_up_to_the_others() -> None:
    async def run() -> tuple[Outcome, Outcome, int]:
        async with partner(answering(OK)) as it:
            names = Names("127.0.0.1")
            names.install()
            client = HttpClient({"erp": named(it.port)}, SystemClock())
            hasty = asyncio.create_task(client.send(READ, 0.001))
            patient = await client.send(READ, 5)
            await client.close()
            return await hasty, patient, len(names.asked)

    hasty, patient, asked = asyncio.run(run())
    assert said(hasty) == (Sent.NOT_SENT, Failure.TIMEOUT_BEFORE, "no connection in 0.001 s")
    assert (patient.body, asked) == (1, 1)


def test_where_one_address_refuses_the_next_one_is_tried() -> None:
    async def run() -> list[object]:
        async with partner(answering(OK)) as it:
            names = Names("127.0.0.2", "127.0.0.1")
            names.install()
            client = HttpClient({"erp": named(it.port)}, SystemClock())
            # Each new connection begins with another address.
            outcomes = await asyncio.gather(*(client.send(READ, 5) for _ in range(4)))
            await client.close()
            return [outcome.body for outcome in outcomes]

    assert asyncio.run(run()) == [1, 1, 1, 1]


def test_a_partner_that_moved_is_looked_up_again() -> None:
    """After a refusal, whatever was known of its name."""

    async def run() -> tuple[Outcome, Outcome]:
        async with partner(answering(OK)) as it:
            names = Names("127.0.0.2")
            names.install()
            client = HttpClient({"erp": named(it.port)}, SystemClock())
            refused = await client.send(READ, 5)
            names.addresses = ("127.0.0.1",)
            found = await client.send(READ, 5)
            await client.close()
            return refused, found

    refused, found = asyncio.run(run())
    assert said(refused) == (Sent.NOT_SENT, Failure.CONNECT, "connection refused")
    assert found.body == 1


def test_an_address_that_may_not_be_called_is_not_called_whoever_names_it() -> None:
    async def run() -> Outcome:
        names = Names("169.254.169.254")
        names.install()
        client = HttpClient({"erp": named(80)}, SystemClock())
        outcome = await client.send(READ, 5)
        await client.close()
        return outcome

    reason = "the address is link-local, multicast or reserved and is never called"
    assert said(asyncio.run(run())) == (Sent.NOT_SENT, Failure.UNSENDABLE, reason)


# ── TLS ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key, and a certificate for erp.example that nobody vouches for."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl here to make a certificate with")
    folder = tmp_path_factory.mktemp("tls")
    subject = ["-subj", "/CN=erp", "-addext", "subjectAltName=DNS:erp.example,IP:127.0.0.1", "-days", "2"]
    key = ["-newkey", "rsa:2048", "-nodes", "-keyout", folder / "key", "-out", folder / "certificate"]
    made: list[str | Path] = [openssl, "req", "-x509", *key, *subject]
    subprocess.run(made, check=True, capture_output=True)
    (folder / "pem").write_bytes((folder / "key").read_bytes() + (folder / "certificate").read_bytes())
    return folder / "pem"


@contextmanager
def trusted(pem: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The certificate is one of the machine's authorities meanwhile."""
    monkeypatch.setenv("SSL_CERT_FILE", str(pem.parent / "certificate"))
    tls_context.cache_clear()
    try:
        yield
    finally:
        monkeypatch.undo()
        tls_context.cache_clear()


async def over_tls(pem: Path, host: str, times: int = 1) -> tuple[list[Outcome], list[bytes], int]:
    """Outcomes of calls to a partner that shows the certificate, the requests it read, the handshakes it began."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem)
    requests: list[bytes] = []
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        try:
            while True:
                requests.append(await reader.readuntil(b"\r\n\r\n"))
                writer.write(OK)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    if host != "127.0.0.1":
        Names("127.0.0.1").install()
    port = server.sockets[0].getsockname()[1]
    client = HttpClient({"erp": SystemAddress(f"https://{host}:{port}", private_networks=True)}, SystemClock())
    outcomes = [await client.send(READ, 5) for _ in range(times)]
    await client.close()
    server.close()
    await asyncio.sleep(0.05)
    return outcomes, requests, connections


UNTRUSTED = "the partner's TLS certificate is not valid for its name, or not trusted"


@pytest.mark.slow
def test_a_certificate_nobody_vouches_for_is_not_sent_to(pem: Path) -> None:
    (outcome,), requests, _ = asyncio.run(over_tls(pem, "erp.example"))
    assert (said(outcome), requests) == ((Sent.NOT_SENT, Failure.TLS, UNTRUSTED), [])


@pytest.mark.slow
def test_a_certificate_of_another_is_not_sent_to(pem: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with trusted(pem, monkeypatch):
        (outcome,), requests, _ = asyncio.run(over_tls(pem, "other.example"))
    assert (said(outcome), requests) == ((Sent.NOT_SENT, Failure.TLS, UNTRUSTED), [])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("loop", "host"),
    [
        (asyncio.new_event_loop, "erp.example"),
        (asyncio.new_event_loop, "127.0.0.1"),
        (uvloop.new_event_loop, "127.0.0.1"),
    ],
)
def test_calls_over_tls_are_answered_and_share_a_connection(
    pem: Path, monkeypatch: pytest.MonkeyPatch, loop: Callable[[], asyncio.AbstractEventLoop], host: str
) -> None:
    with trusted(pem, monkeypatch), asyncio.Runner(loop_factory=loop) as runner:
        outcomes, requests, connections = runner.run(over_tls(pem, host, 3))
    assert [outcome.body for outcome in outcomes] == [1, 1, 1]
    assert (len(requests), connections) == (3, 1)
    assert requests[0].startswith(f"GET /orders HTTP/1.1\r\nHost: {host}:".encode())


def handshake_with(
    loop: Callable[[], asyncio.AbstractEventLoop], script: Callable[..., Any], timeout_s: float
) -> Outcome:
    async def run() -> Outcome:
        async with partner(script) as it:
            address = SystemAddress(f"https://127.0.0.1:{it.port}", private_networks=True)
            client = HttpClient({"erp": address}, SystemClock())
            outcome = await client.send(READ, timeout_s)
            await client.close()
            return outcome

    with asyncio.Runner(loop_factory=loop) as runner:
        return runner.run(run())


LOOPS = pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])


@LOOPS
def test_a_partner_that_says_nothing_in_the_handshake_is_not_sent_to(
    loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    async def script(it: Any, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    outcome = handshake_with(loop, script, 0.2)
    assert said(outcome) == (Sent.NOT_SENT, Failure.TIMEOUT_BEFORE, "no connection in 0.2 s")


@LOOPS
def test_a_partner_that_breaks_the_handshake_off_is_not_sent_to(
    loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    async def script(it: Any, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.transport.abort()

    assert said(handshake_with(loop, script, 5)) == (Sent.NOT_SENT, Failure.TLS, "the TLS handshake failed")


@LOOPS
def test_a_partner_that_speaks_no_tls_is_not_sent_to(loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def script(it: Any, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert b"GET" not in await reader.read(9)
        writer.write(OK)

    assert said(handshake_with(loop, script, 5)) == (Sent.NOT_SENT, Failure.TLS, "the TLS handshake failed")

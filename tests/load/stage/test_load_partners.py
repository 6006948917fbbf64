"""Partners under load over loopback: quotas, latencies, books, and what is told of each second."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from described import system
from spec.minimal import MINIMAL
from yarl import URL

from engine.clock import SystemClock
from engine.errors import UserError
from engine.language import Resources
from engine.model import Request
from engine.rules.calls import written
from engine.wire.exchange import target
from engine.wire.files import find_zone
from harness.faults import Faults
from harness.load.stage.partners import LoadPartners, read_latencies, recorded_latencies
from harness.partner import Partner
from harness.recordings.exchange import Exchange
from harness.served import NO_FAULTS

ROOT = Path(__file__).resolve().parents[3]
WAIT_S = 20
OPERATIONS = """
create_order:
  request:
    method: POST
    path: "/orders/{{ input.shop }}"
    query: {note: input.note, empty: "''"}
    headers: {X-Reference: input.reference}
    body: input
  effect: idempotent
  identity: body.external_id
  answer: {status: 201, body: {id: "so-{{ n }}"}}
cancel_order:
  request: {method: POST, path: "/orders/{{ input.id }}/cancel"}
  effect: idempotent
  identity: path[1]
  answer: {status: 200, body: {}}
book:
  request: {method: POST, path: /bookings, body: input}
  effect: unprotected
  identity: body.id
  answer: {status: 200, body: {}}
"""
KEY = "idempotency: {header: Idempotency-Key, valid_for: 24h}\n"

Talk = Callable[["Client"], Awaitable[None]]


class Client:
    """What tests say to the partner `shop`."""

    def __init__(self, session: aiohttp.ClientSession, url: str, admin: str, served: LoadPartners) -> None:
        self.session, self.url, self.admin, self.served = session, url, admin, served

    async def book(self, number: int) -> int:
        async with self.session.post(f"{self.url}/bookings", json={"id": number}) as answer:
            self.retry_after = answer.headers.get("Retry-After")
            return answer.status

    async def send(self, request: Request) -> int:
        """A request of the engine, as its client would send it."""
        headers = {**dict(request.headers), "Content-Type": "application/json", "Authorization": "Bearer x"}
        url = self.url + target(request)
        async with self.session.request(
            request.method, URL(url, encoded=True), data=request.written, headers=headers
        ) as answer:
            return answer.status

    async def page(self, name: str) -> Any:
        async with self.session.get(f"{self.admin}/{name}") as answer:
            return await answer.json()


@asynccontextmanager
async def served(head: str, latencies: dict[str, tuple[float, ...]], faults: Faults) -> AsyncIterator[Client]:
    shaped = system(OPERATIONS, head=head)
    partner = Partner(shaped, Resources(tables={}, zones=find_zone))
    it = LoadPartners([(shaped, partner)], faults, 7, SystemClock(), latencies)
    ports, admin_port = await it.start("127.0.0.1")
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=WAIT_S)) as session:
            yield Client(session, f"http://127.0.0.1:{ports['shop']}", f"http://127.0.0.1:{admin_port}", it)
    finally:
        await it.stop()


def during(
    talk: Talk, head: str = "", latencies: dict[str, tuple[float, ...]] | None = None, faults: Faults = NO_FAULTS
) -> None:
    async def run() -> None:
        async with asyncio.timeout(WAIT_S), served(head, latencies or {"shop": (0.0,)}, faults) as client:
            await talk(client)

    asyncio.run(run())


def test_past_its_bucket_a_partner_says_429_and_when_to_come_again() -> None:
    async def talk(client: Client) -> None:
        assert [await client.book(number) for number in range(4)] == [200, 200, 429, 429]
        assert client.retry_after == "60"
        counts = (await client.page("_counts"))["systems"]["shop"]
        assert (counts["booked"], counts["throttled"], counts["requests"]) == (2, 2, 4)
        seconds = (await client.page("_seconds"))["seconds"]
        told = [(what, count) for counted in seconds.values() for what, count in counted.items()]
        assert sum(count for what, count in told if what == "shop 200") == 2
        assert sum(count for what, count in told if what == "shop 429") == 2

    during(talk, "quota: {rate: 1/min, burst: 2}\n")


def test_past_its_places_a_partner_says_429_and_has_no_more_at_once() -> None:
    async def talk(client: Client) -> None:
        statuses = await asyncio.gather(*(client.book(number) for number in range(5)))
        assert sorted(statuses) == [200, 200, 429, 429, 429]
        assert client.served.served["shop"].counts["under_way_max"] == 2
        assert await client.book(9) == 200  # the places are given back

    during(talk, "quota: {concurrency: 2}\n", {"shop": (0.3,)})


def test_an_operations_own_latency_comes_before_its_systems() -> None:
    async def talk(client: Client) -> None:
        one = client.served.served["shop"]
        assert (one.latency_s("book"), one.latency_s("create_order")) == (0.002, 0.001)
        assert one.limits == {}

    during(talk, "", {"shop": (0.001,), "shop.book": (0.002,)})


@pytest.mark.parametrize("head", ["", KEY], ids=["by nature", "by key"])
def test_a_row_of_the_book_tells_its_requests_by_the_digest_that_the_ledger_has(head: str) -> None:
    key = (("Idempotency-Key", "k1"),) if head else ()
    plain = Request(
        system="shop",
        operation="create_order",
        method="POST",
        path="/orders/a%2Fb%20c",
        query=(("note", "ein & zwei = ü"), ("empty", "")),
        headers=(("X-Reference", "r-1"), *key),
        body={"external_id": "o1", "b": [1, 2], "a": "é"},
    )
    request, digest = written(plain)

    async def talk(client: Client) -> None:
        assert await client.send(request) == 201
        assert await client.send(request) == 201
        book = await client.page("_book?system=shop")
        (row,) = book["rows"]
        assert (row["operation"], row["identity"], row["sequence"]) == ("create_order", "o1", 1)
        assert row["requests"] == [digest.hex()]
        assert book["doubles"] == {}

    during(talk, head)


def test_a_book_that_has_an_effect_twice_says_so() -> None:
    async def talk(client: Client) -> None:
        for number in (1, 2, 1):
            await client.book(number)
        book = await client.page("_book?system=shop")
        assert book["doubles"] == {"book": ["1"]}
        assert [row["sequence"] for row in book["rows"]] == [1, 2, 3]

    during(talk)


def test_a_wrong_page_is_answered_with_the_right_ones() -> None:
    async def talk(client: Client) -> None:
        assert "/_book?system=NAME" in (await client.page("nothing"))["fault"]
        assert "shop" in (await client.page("_book"))["fault"]

    during(talk)


def test_what_faults_did_to_an_answer_is_counted_as_none() -> None:
    async def talk(client: Client) -> None:
        with pytest.raises(aiohttp.ClientError):
            await client.book(1)
        seconds = (await client.page("_seconds"))["seconds"]
        assert [what for counted in seconds.values() for what in counted] == ["shop none"]

    during(talk, faults=Faults(cut_before=1.0))


def test_latencies_are_read_and_a_wrong_one_is_told() -> None:
    assert read_latencies(["erp=50ms", "erp.create_order=1s"]) == {"erp": (0.05,), "erp.create_order": (1.0,)}
    for wrong in ("erp", "erp=5", "=5ms", "erp=fast"):
        with pytest.raises(UserError, match="no latency"):
            read_latencies([wrong])


def test_recordings_tell_how_long_a_partner_takes() -> None:
    shaped = system(OPERATIONS, head="base_url: {production: https://shop.example}")
    partner = Partner(shaped, Resources(tables={}, zones=find_zone))
    exchanges = [
        Exchange("a", 1, "POST", "shop.example", "/bookings", body=b'{"id": 1}', status=200, took_us=40_000),
        Exchange("a", 2, "POST", "", "/bookings", body=b'{"id": 2}', status=200, took_us=60_000, system="shop"),
        Exchange("a", 3, "POST", "other.example", "/bookings", body=b'{"id": 3}', status=200, took_us=90_000),
        Exchange("a", 4, "GET", "shop.example", "/nothing", status=200, took_us=90_000),
        Exchange("a", 5, "POST", "shop.example", "/bookings", body=b"[", status=200),
    ]
    assert recorded_latencies(exchanges, [(shaped, partner)]) == {"shop.book": (0.04, 0.06)}


@pytest.mark.slow
def test_one_process_serves_all_partners_and_ends_when_it_is_told_to(tmp_path: Path) -> None:
    for name, text in MINIMAL.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    words = [sys.executable, "-m", "harness.load.stage.partners", str(tmp_path), "erp", "--latency", "erp=1ms"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, cwd=ROOT, text=True) as process:
        try:
            assert process.stdout is not None
            ready = json.loads(process.stdout.readline())
            assert set(ready) == {"partners", "admin_port"}
            assert set(ready["partners"]) == {"erp"}
            process.terminate()
            assert process.wait(WAIT_S) == 0
        finally:
            process.kill()
    for more, said in (
        (["--latency", "shop=1ms"], "is not served"),
        (["--faults", "nothing=1"], "there is no fault `nothing`"),
    ):
        done = subprocess.run([*words, *more], capture_output=True, cwd=ROOT, text=True, timeout=WAIT_S, check=False)
        assert (done.returncode, said in done.stderr) == (2, True), done.stderr

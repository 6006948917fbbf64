"""The served partner over loopback: what each fault does to the caller, and to the book."""

import asyncio
import io
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from described import partner

from engine.clock import SystemClock
from engine.errors import UserError
from harness.faults import Faults
from harness.served import BODY_BYTES_MAX, ServedPartner, load_partner

ROOT = Path(__file__).resolve().parents[2]
WAIT_S = 20
OPERATIONS = """
create_order:
  request: {method: POST, path: /orders, body: input}
  effect: verifiable
  identity: body.external_id
  lookup: {call: find_order, input: "{external_id: once}", found: "length(body) > `0`"}
  undo: {call: cancel_order, input: "{id: once}"}
  answer: {status: 201, headers: {X-Number: "{{ n }}"}, body: {id: "so-{{ n }}"}}
find_order:
  request: {method: GET, path: /orders, query: {external_id: input.external_id}}
  effect: none
  identity: query.external_id
  answer: [{when: known, status: 200, body: ["{{ known.identity }}"]}, {status: 200, body: []}]
cancel_order:
  request: {method: POST, path: "/orders/{{ input.id }}/cancel"}
  effect: idempotent
  identity: path[1]
  answer: {status: 200, body: "{{ path[1] }}"}
read_label:
  request: {method: GET, path: "/orders/{{ input.id }}/label", read: base64}
  effect: none
  answer: {status: 200, headers: {content-type: application/pdf}, body: "%PDF {{ path[1] }}"}
"""


@dataclass
class Client:
    """What tests say to a served partner."""

    session: aiohttp.ClientSession
    url: str
    admin: str
    served: ServedPartner

    async def order(self, external_id: str) -> "aiohttp.ClientResponse | None":
        """The answer, None where the connection ended without one."""
        try:
            answer = await self.session.post(f"{self.url}/orders", json={"external_id": external_id})
            await answer.read()
        except aiohttp.ClientError:
            return None
        return answer

    async def page(self, name: str) -> dict[str, Any]:
        async with self.session.get(f"{self.admin}/{name}") as answer:
            data: dict[str, Any] = await answer.json()
            return data

    @property
    def booked(self) -> int:
        return len(self.served.partner.book()["create_order"])


@asynccontextmanager
async def served(faults: Faults) -> AsyncIterator[Client]:
    it = ServedPartner(partner(OPERATIONS), faults, 7, SystemClock())
    port, admin_port = await it.start("127.0.0.1", 0, 0)
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=WAIT_S)) as session:
            yield Client(session, f"http://127.0.0.1:{port}", f"http://127.0.0.1:{admin_port}", it)
    finally:
        await it.stop()


def during(faults: Faults, talk: Callable[[Client], Awaitable[None]]) -> None:
    async def run() -> None:
        async with asyncio.timeout(WAIT_S), served(faults) as client:
            await talk(client)

    asyncio.run(run())


def test_it_answers_as_its_operations_say() -> None:
    async def talk(client: Client) -> None:
        answer = await client.order("o1")
        assert answer is not None
        assert (answer.status, answer.headers["X-Number"], await answer.json()) == (201, "1", {"id": "so-1"})
        async with client.session.get(f"{client.url}/orders", params={"external_id": "o1"}) as found:
            assert await found.json() == ["o1"]
        async with client.session.post(f"{client.url}/orders/a%2Fb%20c/cancel") as cancelled:
            assert await cancelled.json() == "a/b c"
        async with client.session.get(f"{client.url}/nothing") as missing:
            assert missing.status == 404

    during(Faults(), talk)


def test_the_book_tells_every_effect_in_sequence() -> None:
    async def talk(client: Client) -> None:
        for external_id in ("b", "a", "b"):
            await client.order(external_id)
        book = await client.page("_book")
        assert [(row["sequence"], row["identity"], row["operation"]) for row in book["rows"]] == [
            (1, "b", "create_order"), (2, "a", "create_order"), (3, "b", "create_order"),
        ]  # fmt: skip
        times = [row["at"] for row in book["rows"]]
        assert times == sorted(times)
        assert book["rows"][0]["answer"]["body"] == book["rows"][0]["result"] == {"id": "so-1"}
        assert book["doubles"] == {"create_order": ["b"]}
        assert await client.page("_counts") == {"system": "shop", "requests": 3, "booked": 3}

    during(Faults(), talk)


def test_what_was_undone_no_longer_stands_in_the_book() -> None:
    async def talk(client: Client) -> None:
        for external_id in ("a", "b"):
            await client.order(external_id)
        async with client.session.post(f"{client.url}/orders/a/cancel") as cancelled:
            assert cancelled.status == 200
        rows = (await client.page("_book"))["rows"]
        assert [(row["sequence"], row["operation"], row["identity"]) for row in rows] == [
            (2, "create_order", "b"), (3, "cancel_order", "a"),
        ]  # fmt: skip
        assert await client.page("_counts") == {"system": "shop", "requests": 3, "booked": 3, "struck": 1}

    during(Faults(), talk)


def test_a_document_is_served_as_its_bytes() -> None:
    async def talk(client: Client) -> None:
        async with client.session.get(f"{client.url}/orders/a/label") as label:
            assert (label.headers["content-type"], await label.read()) == ("application/pdf", b"%PDF a")

    during(Faults(), talk)


def test_a_throttle_is_429_before_the_commit() -> None:
    async def talk(client: Client) -> None:
        answers = [await client.order(f"o{number}") for number in range(20)]
        assert {answer.status for answer in answers if answer} == {429}
        assert {answer.headers.get("Retry-After") for answer in answers if answer} == {"2", None}
        assert client.booked == 0

    during(Faults(throttle=1, throttle_wait_s=2), talk)


@pytest.mark.parametrize(("kind", "booked"), [("error_before", 0), ("error_after", 10)])
def test_an_error_is_5xx_before_or_after_the_commit(kind: str, booked: int) -> None:
    async def talk(client: Client) -> None:
        answers = [await client.order(f"o{number}") for number in range(10)]
        assert all(answer is not None and answer.status >= 500 for answer in answers)
        assert client.booked == booked
        assert (await client.page("_counts"))[kind] == 10

    during(Faults(**{kind: 1}), talk)


@pytest.mark.parametrize(("kind", "booked"), [("cut_before", 0), ("cut_after", 10)])
def test_a_cut_ends_the_connection_without_an_answer(kind: str, booked: int) -> None:
    async def talk(client: Client) -> None:
        assert [await client.order(f"o{number}") for number in range(10)] == [None] * 10
        assert client.booked == booked

    during(Faults(**{kind: 1}), talk)


@pytest.mark.parametrize(("kind", "booked"), [("silence_before", 0), ("silence_after", 2)])
def test_silence_is_no_answer_for_as_long_as_it_says(kind: str, booked: int) -> None:
    async def talk(client: Client) -> None:
        assert [await client.order(f"o{number}") for number in range(2)] == [None] * 2
        assert client.booked == booked

    during(Faults(**{kind: 1}, silence_s=0.01), talk)


def test_a_truncated_answer_breaks_off_after_the_commit() -> None:
    async def talk(client: Client) -> None:
        answer = await client.session.post(f"{client.url}/orders", json={"external_id": "o1"})
        assert answer.status == 201
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.read()
        assert client.booked == 1

    during(Faults(truncated=1), talk)


def test_an_invalid_answer_says_that_it_is_json_and_is_none() -> None:
    async def talk(client: Client) -> None:
        answer = await client.order("o1")
        assert answer is not None
        assert (answer.status, answer.content_type) == (201, "application/json")
        with pytest.raises(json.JSONDecodeError):
            await answer.json()
        assert client.booked == 1

    during(Faults(invalid=1), talk)


def test_slow_answers_are_counted_and_still_answers() -> None:
    async def talk(client: Client) -> None:
        answer = await client.order("o1")
        assert answer is not None
        assert answer.status == 201
        assert (await client.page("_counts"))["slow"] == 1

    during(Faults(slow=1, slow_least_s=0.01, slow_most_s=0.02), talk)


def test_who_asks_again_is_answered_in_the_end() -> None:
    async def talk(client: Client) -> None:
        answers = [await client.order("o1") for _ in range(3)]
        assert [answer.status if answer else None for answer in answers] == [429, 429, 201]

    during(Faults(throttle=1, times_max=2), talk)


def test_what_cannot_be_read_is_refused_and_books_nothing() -> None:
    async def talk(client: Client) -> None:
        async with client.session.post(f"{client.url}/orders", data=b'{"external_id": ') as broken:
            assert broken.status == 400
        padded = io.BytesIO(b'{"external_id": "o1", "padding": "' + b"1" * BODY_BYTES_MAX + b'"}')
        try:
            async with client.session.post(f"{client.url}/orders", data=padded) as large:
                assert large.status == 413
        except aiohttp.ClientError:
            pass  # it may close before all of a body that is too large has been written
        assert client.booked == 0

    during(Faults(), talk)


def test_a_system_that_is_not_there_is_told() -> None:
    with pytest.raises(UserError, match="known: amazon, avatax, checkout, easypost, erp, "):
        load_partner(ROOT, "crm")


def test_a_system_that_offers_nothing_is_told() -> None:
    with pytest.raises(UserError, match="no operations"):
        load_partner(ROOT, "stripe")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_as_a_process_it_tells_its_ports_and_ends_when_told(number: signal.Signals) -> None:
    command = [sys.executable, "-m", "harness.served", str(ROOT), "erp", "--faults", "slow=0.1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        assert told["system"] == "erp"
        assert told["port"] != told["admin_port"]
        process.send_signal(number)
        assert process.wait(WAIT_S) == 0


@pytest.mark.slow
def test_as_a_process_it_tells_what_is_wrong_and_ends_with_2() -> None:
    command = [sys.executable, "-m", "harness.served", str(ROOT), "erp", "--faults", "slo=0.1"]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=WAIT_S, check=False)
    assert ended.returncode == 2
    assert "slo" in ended.stderr
    assert "Traceback" not in ended.stderr

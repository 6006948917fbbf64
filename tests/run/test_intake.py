"""Before the 2xx: each request's answer, what is stored of it, and what is said of it."""

import base64
import hashlib
import hmac
from collections.abc import Callable
from typing import Any

import pytest
from blackbox.rig import SECRET, order_body
from run.stage import Stage

from engine.errors import StoreBroken, StoreFull
from engine.model import Fact
from engine.rules.signature import Verification
from engine.run.intake import Intake, Route
from engine.wire.answers import Answer, Inbound

PATH = "/hooks/orders"


class Desk:
    """An intake over a stage's store; replies, facts and wakings are kept in order."""

    def __init__(self, files: dict[str, str] | None = None, **route: Any) -> None:
        self.stage = Stage(files=files)
        (plan,) = self.stage.plans.values()
        verification = Verification("hmac-sha256", "X-Shop-Signature", "base64", (SECRET,))
        self.facts: list[Fact] = []
        self.woken = 0
        self.replies: list[Answer | BaseException] = []
        self.intake = Intake(
            self.stage.store,
            self.stage.committer,
            self.stage,
            self.facts.append,
            self.wake,
            {PATH: Route(plan, verification, **route)},
        )

    def wake(self) -> None:
        self.woken += 1

    def ask(self, body: bytes, event: str | None = "e1", path: str = PATH, method: str = "POST") -> Answer:
        signature = base64.b64encode(hmac.digest(SECRET, body, hashlib.sha256)).decode()
        headers = {"x-shop-signature": signature} | ({} if event is None else {"x-shop-event": event})
        return self.handle(Inbound(method, path, headers, {}, body))

    def handle(self, inbound: Inbound) -> Answer:
        before = len(self.replies)
        given = self.intake(inbound, self.replies.append)
        replies = self.replies[before:] if given is None else [given]
        assert len(replies) == 1
        assert isinstance(replies[0], Answer)
        return replies[0]

    def said(self) -> list[str]:
        return [fact.name for fact in self.facts]


ORDER = order_body("1", "c", 1)


def test_an_order_is_accepted_once_and_its_redelivery_is_a_duplicate() -> None:
    desk = Desk()
    first, again = desk.ask(ORDER), desk.ask(ORDER)
    assert (first.status, first.body) == (202, b'{"status": "accepted", "event": "evt-1"}')
    assert (again.status, again.body) == (200, b'{"status": "duplicate", "event": "evt-1"}')
    assert [row.status.value for row in desk.stage.rows()] == ["accepted"]
    assert desk.said() == ["accepted", "duplicate"]
    assert [{*fact.data} for fact in desk.facts] == [{"integration", "took_us"}] * 2
    assert desk.woken == 1


def test_the_same_id_with_another_body_is_accepted_for_a_person() -> None:
    desk = Desk()
    desk.ask(ORDER)
    assert desk.ask(order_body("1", "d", 2)).status == 202
    assert [row.status.value for row in desk.stage.rows()] == ["accepted", "quarantined"]
    assert desk.said() == ["accepted", "conflict"]


NAMED_NOT: dict[str, tuple[bytes, str | None, str]] = {
    "no id": (ORDER, None, "receive.id gave no text or number"),
    "no JSON": (b"hello", "e1", "the body cannot be read"),
    "no key": (ORDER.replace(b'"customer"', b'"custome"'), "e1", "receive.key gave no text or number"),
}


@pytest.mark.parametrize(("body", "event", "reason"), NAMED_NOT.values(), ids=NAMED_NOT)
def test_what_cannot_be_named_is_accepted_for_a_person(body: bytes, event: str | None, reason: str) -> None:
    desk = Desk()
    assert desk.ask(body, event).status == 202
    assert desk.stage.status() == "quarantined"
    assert reason in desk.stage.row().reason


def stopping(desk: Desk) -> None:
    desk.intake.open = False


REFUSED: dict[str, tuple[dict[str, str], Callable[[Desk], None], int, list[str]]] = {
    "another path": ({"path": "/elsewhere"}, lambda desk: None, 404, []),
    "another method": ({"method": "GET"}, lambda desk: None, 405, []),
    "an engine that stops": ({}, stopping, 503, []),
}


@pytest.mark.parametrize(("how", "before", "status", "said"), REFUSED.values(), ids=REFUSED)
def test_refuses_without_a_look(
    how: dict[str, str], before: Callable[[Desk], None], status: int, said: list[str]
) -> None:
    desk = Desk()
    before(desk)
    assert desk.ask(ORDER, **how).status == status
    assert (desk.said(), desk.stage.rows()) == (said, [])


def test_what_is_not_authentic_is_401_and_leaves_nothing() -> None:
    desk = Desk()
    assert desk.handle(Inbound("POST", PATH, {"x-shop-signature": "AAAA"}, {}, ORDER)).status == 401
    assert (desk.said(), desk.stage.rows()) == (["rejected"], [])


def failing(desk: Desk, error: Exception) -> None:
    def hand_in(verb: Any, item: Any, done: Callable[[Any], None]) -> None:
        done(error)

    desk.intake.committer.hand_in = hand_in  # type: ignore[method-assign]


def test_a_full_store_is_503_and_the_engine_is_not_ready_until_there_is_room() -> None:
    desk = Desk()
    hand_in = desk.intake.committer.hand_in
    failing(desk, StoreFull("full"))
    full = desk.ask(ORDER)
    assert (full.status, dict(full.headers)) == (503, {"Retry-After": "5"})
    assert (desk.said(), desk.intake.full) == (["refused_full"], True)
    desk.intake.committer.hand_in = hand_in  # type: ignore[method-assign]
    assert desk.ask(ORDER).status == 202
    assert not desk.intake.full


def test_a_store_that_fails_is_the_servers_to_answer_and_to_tell() -> None:
    desk = Desk()
    broken = StoreBroken("the disk failed")
    failing(desk, broken)
    signature = base64.b64encode(hmac.digest(SECRET, ORDER, hashlib.sha256)).decode()
    assert desk.intake(Inbound("POST", PATH, {"x-shop-signature": signature}, {}, ORDER), desk.replies.append) is None
    assert desk.replies == [broken]
    assert desk.said() == []


ANSWERS: dict[str, tuple[dict[str, Any], list[tuple[int, bytes]]]] = {
    "as they are": (
        {},
        [(202, b'{"status": "accepted", "event": "evt-1"}'), (200, b'{"status": "duplicate", "event": "evt-1"}')],
    ),
    "with the partner's status": (
        {"status": 204},
        [(204, b'{"status": "accepted", "event": "evt-1"}'), (204, b'{"status": "duplicate", "event": "evt-1"}')],
    ),
    "with the partner's words": ({"text": "[accepted]"}, [(202, b"[accepted]"), (202, b"[accepted]")]),
}


@pytest.mark.parametrize(("route", "answers"), ANSWERS.values(), ids=ANSWERS)
def test_answers(route: dict[str, Any], answers: list[tuple[int, bytes]]) -> None:
    desk = Desk(**route)
    assert [(answer.status, answer.body) for answer in (desk.ask(ORDER), desk.ask(ORDER))] == answers

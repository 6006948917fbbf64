"""The table of decisions, the HTTP default, and when to try again."""

from pathlib import Path
from typing import Any

import pytest

from engine.model import Effect, EffectState, Outcome, Sent, Verdict
from engine.rules import decide
from engine.rules.classify import classify
from engine.rules.decide import Known
from engine.rules.retry import backoff_us, next_try_at, retry_after_us
from engine.spec.plan import OperationPlan
from engine.spec.shape import Duration, Retry
from engine.spec.yaml import compose, plain

NOW = 1_000_000_000
POLICY = Retry(attempts_max=3, first=Duration(2_000_000), factor=2, cap=Duration(60_000_000))


def table() -> list[Any]:
    node, faults = compose(Path(__file__).with_name("decide.yaml").read_bytes(), "decide.yaml")
    assert not faults
    assert node is not None
    data: Any = plain(node)
    return [
        pytest.param(
            block["after"], row["given"], row["expect"], id=row.get("name", f"{block['after']} {row['given']}")
        )
        for block in data
        for row in block["rows"]
    ]


def known(given: dict[str, Any]) -> Known:
    key_valid_s, within_s = given.get("key_valid_s"), given.get("within_s")
    return Known(
        effect=Effect(given.get("effect", "idempotent")),
        on_unknown=given.get("on_unknown", "retry"),
        on_failure=given.get("on_failure", "dead_letter"),
        has_lookup=given.get("has_lookup", False),
        retry=POLICY,
        attempts=given.get("attempts", 1),
        now=NOW,
        chance=0.5,
        first_sent_at=NOW - int(given.get("sent_ago_s", 10) * 1_000_000),
        took_us=given.get("took_s", 0) * 1_000_000,
        key_valid_us=None if key_valid_s is None else key_valid_s * 1_000_000,
        retry_after=given.get("retry_after"),
        refreshed=given.get("refreshed", False),
        released=given.get("released", False),
        within_at=None if within_s is None else within_s * 1_000_000,
        in_doubt=given.get("in_doubt", False),
        answered=given.get("answered", True),
        several=given.get("several", False),
        another=given.get("another", False),
        surely=given.get("surely", False),
    )


@pytest.mark.parametrize(("after", "given", "expect"), table())
def test_decisions(after: str, given: dict[str, Any], expect: dict[str, Any]) -> None:
    if after == "answer":
        made = decide.after_answer(
            Verdict(given["verdict"]), known(given), wants_lookup=given.get("wants_lookup", False)
        )
    elif after == "open_intent":
        made = decide.on_open_intent(known(given))
    elif after == "undo":
        made = decide.after_undo(known(given), 7)
        assert "evt-7" in made.reason
    else:
        made = decide.after_lookup(given["found"], known(given), done=given.get("done", False))
    assert made.action == expect["action"]
    assert made.effect == (EffectState(expect["effect"]) if "effect" in expect else None)
    assert made.on_release == expect.get("on_release", "")
    assert made.queue == expect.get("queue", "")
    assert made.at == expect.get("at_s", 0) * 1_000_000


def operation(effect: str = "idempotent") -> OperationPlan:
    return OperationPlan("erp", "create", Effect(effect), None, (), None, None, None, None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (200, "done"),
        (201, "done"),
        (204, "done"),
        (301, "refused"),
        (302, "refused"),
        (400, "refused"),
        (401, "reauthenticate"),
        (404, "refused"),
        (408, "retry"),
        (409, "refused"),
        (422, "refused"),
        (425, "retry"),
        (429, "retry"),
        (500, "unknown"),
        (502, "unknown"),
        (503, "retry"),
        (504, "unknown"),
    ],
)
def test_the_http_default(status: int, verdict: str) -> None:
    assert classify(operation(), Outcome(Sent.ANSWERED, status=status), {})[0] == verdict


@pytest.mark.parametrize(
    ("outcome", "effect", "verdict"),
    [
        (Outcome(Sent.NOT_SENT, "connection refused"), "idempotent", "retry"),
        (Outcome(Sent.UNKNOWN, "no answer in 5 s"), "idempotent", "unknown"),
        (Outcome(Sent.UNKNOWN, "no answer in 5 s"), "none", "retry"),
        (Outcome(Sent.ANSWERED, status=500), "none", "retry"),
        (Outcome(Sent.ANSWERED, status=200, malformed="the answer is not JSON"), "idempotent", "done"),
        (Outcome(Sent.ANSWERED, status=200, malformed="the answer is not JSON"), "none", "retry"),
        (Outcome(Sent.ANSWERED, status=404, malformed="the answer is not JSON"), "idempotent", "refused"),
    ],
)
def test_lost_and_malformed_answers(outcome: Outcome, effect: str, verdict: str) -> None:
    assert classify(operation(effect), outcome, {})[0] == verdict


@pytest.mark.parametrize(
    ("text", "wait_s"),
    [
        ("0", 0),
        ("120", 120),
        (" 7 ", 7),
        ("Thu, 01 Jan 1970 00:16:50 GMT", 10),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("-5", None),
        ("1.5", 2),
        ("2.0", 2),
        ("soon", None),
        ("", None),
        ("٣", None),
        ("9" * 30, None),
        ("Fri, 31 Dec 99999999999999999999 23:59:59 GMT", None),
        ("Fri, 31 Dec 9999 23:59:59 -2359", 253_402_300_799 + 23 * 3600 + 59 * 60 - 1000),
    ],
)
def test_retry_after_in_both_forms(text: str, wait_s: int | None) -> None:
    assert retry_after_us(text, NOW) == (None if wait_s is None else wait_s * 1_000_000)


@pytest.mark.parametrize(
    ("attempts", "chance", "wait_us"),
    [
        (1, 0.0, 0),
        (1, 0.5, 1_000_000),
        (2, 0.5, 2_000_000),
        (5, 0.5, 16_000_000),
        (6, 0.5, 30_000_000),
        (50, 0.99, 59_400_000),
    ],
)
def test_backoff_is_drawn_from_nothing_to_a_doubling_bound(attempts: int, chance: float, wait_us: int) -> None:
    assert backoff_us(POLICY, attempts, chance) == wait_us


def test_those_told_the_same_time_do_not_return_at_once() -> None:
    assert next_try_at(POLICY, 1, 0.1, NOW, "10") != next_try_at(POLICY, 1, 0.9, NOW, "10")


@pytest.mark.parametrize(
    ("open_for_s", "wait_s"), [(0, 1), (8, 1), (80, 10), (480, 60), (86_400, 60)], ids=lambda seconds: f"{seconds} s"
)
def test_who_waits_for_anothers_effect_asks_the_less_often_the_longer_it_takes(open_for_s: int, wait_s: int) -> None:
    now = 1_800_000_000_000_000
    found = decide.on_busy(7, now - open_for_s * 1_000_000, now)
    assert (found.action, found.at - now, found.behind) == (decide.Action.WAIT, wait_s * 1_000_000, 7)

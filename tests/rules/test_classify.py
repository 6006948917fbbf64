"""What comes of a call means: the step's rules, the operation's, HTTP's; and rules about calls without an answer."""

from collections.abc import Mapping
from typing import Any

import pytest

from engine.language.errors import LanguageError
from engine.model import Effect, Failure, Outcome, Sent, Verdict
from engine.rules.classify import answer_scope, classify
from engine.spec.plan import Bound, OperationPlan

DONE, REFUSED, RETRY, UNKNOWN = Verdict.DONE, Verdict.REFUSED, Verdict.RETRY, Verdict.UNKNOWN
LOST = Outcome(Sent.UNKNOWN, "the connection broke", failure=Failure.LOST)
NO_NAME = Outcome(Sent.NOT_SENT, "the partner's name does not resolve", failure=Failure.DNS)
CONFLICT = Outcome(Sent.ANSWERED, status=409, body={"code": "exists"})


def failure_is(what: str) -> Bound:
    return lambda scope: scope["failure"] == what


def status_is(status: int) -> Bound:
    return lambda scope: scope["status"] == status


def no_errors(scope: Mapping[str, Any]) -> object:
    return not (scope["body"] or {}).get("errors")


def broken(scope: Mapping[str, object]) -> object:
    raise LanguageError("no")


def meaning(
    outcome: Outcome,
    *rules: tuple[Bound, Verdict],
    step: tuple[tuple[Bound, Verdict], ...] = (),
    effect: Effect = Effect.IDEMPOTENT,
) -> tuple[Verdict, bool]:
    operation = OperationPlan("erp", "create", effect, None, rules, None, None, None, None)  # type: ignore[arg-type]
    said = classify(operation, outcome, answer_scope(None, "o-1", outcome), step)
    return said.verdict, said.surely


def test_the_steps_rules_go_before_the_operations_and_both_before_the_default() -> None:
    assert meaning(CONFLICT) == (REFUSED, False)
    assert meaning(CONFLICT, (status_is(409), DONE)) == (DONE, False)
    assert meaning(CONFLICT, (status_is(409), DONE), step=((status_is(409), RETRY),)) == (RETRY, True)
    assert meaning(CONFLICT, (status_is(409), DONE), step=((status_is(404), RETRY),)) == (DONE, False)


@pytest.mark.parametrize(
    ("outcome", "rule", "expected"),
    [
        (NO_NAME, ("dns", REFUSED), (REFUSED, False)),
        (NO_NAME, ("tls", REFUSED), (RETRY, True)),
        (LOST, ("lost", RETRY), (RETRY, True)),
        (LOST, ("dns", RETRY), (UNKNOWN, False)),
        (Outcome(Sent.ANSWERED, status=200, malformed="no JSON"), ("malformed", UNKNOWN), (UNKNOWN, False)),
    ],
)
def test_a_rule_may_be_about_what_failed(
    outcome: Outcome, rule: tuple[str, Verdict], expected: tuple[Verdict, bool]
) -> None:
    assert meaning(outcome, (failure_is(rule[0]), rule[1])) == expected


def test_a_rule_that_holds_over_nothing_says_nothing_of_a_lost_answer() -> None:
    assert meaning(Outcome(Sent.ANSWERED, status=422, body={}), (no_errors, DONE)) == (DONE, False)
    assert meaning(LOST, (no_errors, DONE)) == (UNKNOWN, False)
    assert meaning(NO_NAME, (lambda _: True, DONE)) == (RETRY, True)


def test_a_rule_that_fails_makes_an_answer_unknown_and_a_lost_one_no_better() -> None:
    assert meaning(CONFLICT, (broken, DONE)) == (UNKNOWN, False)
    assert meaning(LOST, (broken, DONE)) == (UNKNOWN, False)
    assert meaning(NO_NAME, (broken, DONE), (failure_is("dns"), REFUSED)) == (REFUSED, False)


def failed(sent: Sent, failure: Failure) -> Outcome:
    return Outcome(sent, "a reason", failure=failure)


def garbled(status: int) -> Outcome:
    return Outcome(Sent.ANSWERED, status=status, malformed="its body is no JSON", failure=Failure.MALFORMED)


DEFAULTS = [
    # what failed, what it means to an operation with an effect (and whether it surely had none), and to one without
    (failed(Sent.NOT_SENT, Failure.UNSENDABLE), (REFUSED, True), REFUSED),
    (failed(Sent.NOT_SENT, Failure.DNS), (RETRY, True), RETRY),
    (failed(Sent.NOT_SENT, Failure.CONNECT), (RETRY, True), RETRY),
    (failed(Sent.NOT_SENT, Failure.TLS), (RETRY, True), RETRY),
    (failed(Sent.NOT_SENT, Failure.TIMEOUT_BEFORE), (RETRY, True), RETRY),
    (failed(Sent.UNKNOWN, Failure.TIMEOUT_AFTER), (UNKNOWN, False), RETRY),
    (failed(Sent.UNKNOWN, Failure.LOST), (UNKNOWN, False), RETRY),
    (failed(Sent.UNKNOWN, Failure.MALFORMED), (UNKNOWN, False), RETRY),
    (garbled(200), (DONE, False), RETRY),
    (garbled(404), (REFUSED, False), REFUSED),
    (garbled(429), (RETRY, False), RETRY),
    (garbled(500), (UNKNOWN, False), RETRY),
]


@pytest.mark.parametrize(
    ("outcome", "expected", "without_effect"),
    DEFAULTS,
    ids=[f"{outcome.failure} {outcome.sent} {outcome.status or ''}" for outcome, *_ in DEFAULTS],
)
def test_what_each_failure_means_where_no_rule_speaks_of_it(
    outcome: Outcome, expected: tuple[Verdict, bool], without_effect: Verdict
) -> None:
    assert meaning(outcome) == expected
    assert meaning(outcome, effect=Effect.NONE)[0] is without_effect


def test_every_failure_has_its_default() -> None:
    assert {outcome.failure for outcome, *_ in DEFAULTS} == set(Failure)


def test_a_rule_may_say_that_what_cannot_be_sent_is_tried_again() -> None:
    unsendable = failed(Sent.NOT_SENT, Failure.UNSENDABLE)
    assert meaning(unsendable, (failure_is("unsendable"), RETRY)) == (RETRY, True)


@pytest.mark.parametrize(
    ("outcome", "surely"),
    [
        (NO_NAME, True),
        (Outcome(Sent.ANSWERED, status=503), False),
        (Outcome(Sent.ANSWERED, status=429), False),
    ],
)
def test_only_what_never_left_is_surely_without_effect_by_default(outcome: Outcome, surely: bool) -> None:
    assert meaning(outcome) == (RETRY, surely)


def test_what_changes_nothing_surely_has_no_effect() -> None:
    assert meaning(LOST, effect=Effect.NONE) == (RETRY, True)
    assert meaning(Outcome(Sent.ANSWERED, status=500), effect=Effect.NONE) == (RETRY, True)

"""What comes of a call means to an operation: the step's own rules first, the operation's, then HTTP's default.

Refuses to guess in the dangerous direction: a rule that cannot be evaluated over an answer makes the outcome `unknown`,
never `done`; and where there was no answer, only rules that are about the failure count, since many a rule holds over
nothing (`!(body.errors)`).

| `failure` | by default |
|---|---|
| `unsendable` | refused at once: no repeat would go out either, and nothing has |
| `dns`, `connect`, `tls`, `timeout_before` | retry: nothing went out |
| `timeout_after`, `lost`, `malformed` without HTTP | unknown; retry where the operation has no effect |
| `malformed`, answered with a status | as the status says; a read under a 2xx retries: its answer is all it has |
"""

from collections.abc import Mapping
from typing import NamedTuple

from engine.language.errors import LanguageError
from engine.model import Effect, Failure, Outcome, Sent, Verdict
from engine.rules.truth import truth
from engine.spec.plan import Bound, LookupPlan, OperationPlan

RETRIED = (408, 425, 429, 503)
Rules = tuple[tuple[Bound, Verdict], ...]


class Meaning(NamedTuple):
    """What an outcome means, and why in words. `surely`: it says that the call had no effect whatsoever."""

    verdict: Verdict
    why: str
    surely: bool = False


def answer_scope(input_: object, once: str | None, outcome: Outcome) -> dict[str, object]:
    """What the rules of an outcome see. `status` is null where nothing was answered, `failure` where nothing failed."""
    return {
        "input": input_,
        "once": once,
        "status": outcome.status or None,
        "headers": outcome.headers,
        "body": outcome.body,
        "failure": failure_text(outcome),
    }


def failure_text(outcome: Outcome) -> str | None:
    if outcome.failure is not None:
        return outcome.failure.value
    return Failure.MALFORMED.value if outcome.malformed else None


def classify(operation: OperationPlan, outcome: Outcome, scope: Mapping[str, object], rules: Rules = ()) -> Meaning:
    """What an outcome means; `rules` are the step's own."""
    said = by_rule("the step", rules, outcome, scope) or by_rule(
        operation.full_name, operation.outcomes, outcome, scope
    )
    if said is None:
        said = by_default(operation, outcome)
    if operation.effect is not Effect.NONE:
        return said
    # What changes nothing may always be asked again, and anybody else instead.
    verdict = Verdict.RETRY if said.verdict is Verdict.UNKNOWN else said.verdict
    return Meaning(verdict, said.why, verdict is Verdict.RETRY)


def by_rule(whose: str, rules: Rules, outcome: Outcome, scope: Mapping[str, object]) -> Meaning | None:
    """What the first rule that holds says; None where none does."""
    is_answer = outcome.sent is Sent.ANSWERED
    for place, (when, verdict) in enumerate(rules, 1):
        try:
            if truth(when(scope)) and (is_answer or not truth(when({**scope, "failure": None}))):
                what = f"answered {outcome.status}" if is_answer else outcome.reason
                return Meaning(verdict, f"{what}, outcome {place} of {whose}", verdict is Verdict.RETRY)
        except LanguageError as error:
            if is_answer:
                return Meaning(Verdict.UNKNOWN, f"outcome {place} of {whose}: {error.message}")
    return None


def by_default(operation: OperationPlan, outcome: Outcome) -> Meaning:
    """HTTP's default, and what the wire saw happen."""
    if outcome.sent is Sent.NOT_SENT:
        hopeless = outcome.failure is Failure.UNSENDABLE
        return Meaning(Verdict.REFUSED if hopeless else Verdict.RETRY, outcome.reason, surely=True)
    if outcome.sent is Sent.UNKNOWN:
        return Meaning(Verdict.UNKNOWN, outcome.reason)
    verdict = http_default(outcome.status)
    if verdict is Verdict.DONE and outcome.malformed:
        # The status says that it is done; only what it answered is lost. A read has nothing but its answer.
        why = f"answered {outcome.status}, but {outcome.malformed}"
        return Meaning(Verdict.RETRY if operation.effect is Effect.NONE else verdict, why)
    return Meaning(verdict, f"answered {outcome.status}")


def http_default(status: int) -> Verdict:
    """The HTTP default of the dialect."""
    if 200 <= status < 300:
        return Verdict.DONE
    if status == 401:
        return Verdict.REAUTHENTICATE
    if status in RETRIED:
        return Verdict.RETRY
    if 300 <= status < 500:
        return Verdict.REFUSED
    return Verdict.UNKNOWN


def result_of(result: Bound | None, scope: Mapping[str, object]) -> object:
    """A call's result from its answer; null where it cannot be taken, for the call itself is done."""
    if result is None:
        return scope["body"]
    try:
        return result(scope)
    except LanguageError:
        return None


def is_found(lookup: LookupPlan, scope: Mapping[str, object]) -> bool | None:
    """Does the look-up's answer show the effect? None: nobody can tell."""
    try:
        return truth(lookup.found(scope))
    except LanguageError:
        return None

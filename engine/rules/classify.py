"""What an answer means to an operation: its own rules first, then HTTP's default.

Refuses to guess in the dangerous direction: a rule that cannot be evaluated makes the outcome `unknown`, never `done`.
"""

from collections.abc import Mapping

from engine.language.errors import LanguageError
from engine.model import Effect, Outcome, Sent, Verdict
from engine.rules.steps import truth
from engine.spec.plan import Bound, LookupPlan, OperationPlan

RETRIED = (408, 425, 429, 503)


def answer_scope(input_: object, once: str | None, outcome: Outcome) -> dict[str, object]:
    return {
        "input": input_,
        "once": once,
        "status": outcome.status,
        "headers": dict(outcome.headers),
        "body": outcome.body,
    }


def classify(operation: OperationPlan, outcome: Outcome, scope: Mapping[str, object]) -> tuple[Verdict, str]:
    """(verdict, why in words) of an outcome."""
    if outcome.sent is Sent.NOT_SENT:
        return Verdict.RETRY, outcome.reason
    if outcome.sent is Sent.UNKNOWN:
        return harmless(operation, Verdict.UNKNOWN), outcome.reason
    for place, (when, verdict) in enumerate(operation.outcomes):
        try:
            if truth(when(scope)):
                return harmless(
                    operation, verdict
                ), f"answered {outcome.status}, outcome {place + 1} of {operation.full_name}"
        except LanguageError as error:
            return harmless(
                operation, Verdict.UNKNOWN
            ), f"outcome {place + 1} of {operation.full_name}: {error.message}"
    verdict = harmless(operation, http_default(outcome.status))
    if verdict is Verdict.DONE and outcome.malformed:
        # The status says that it is done; only what it answered is lost. A read has nothing but its answer.
        read = operation.effect is Effect.NONE
        return Verdict.RETRY if read else verdict, f"answered {outcome.status}, but {outcome.malformed}"
    return verdict, f"answered {outcome.status}"


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


def harmless(operation: OperationPlan, verdict: Verdict) -> Verdict:
    """What changes nothing may always be asked again."""
    return Verdict.RETRY if verdict is Verdict.UNKNOWN and operation.effect is Effect.NONE else verdict


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

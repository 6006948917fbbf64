"""How far an event gets by thinking alone: from what is stored to the next call, question or end.

Mappings and conditions are made anew at every claim from the stored body and the results of ended steps; only what
the world answered is stored. Nothing here sends, waits or writes, and no error of an expression leaves this file: it
becomes an end that a person can read.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from engine.contract.body import BodyError, decode_body, sorted_json
from engine.contract.drift import missing_fields
from engine.language.errors import FieldProblem, LanguageError, MappingError
from engine.language.tables import Table
from engine.model import Delivery, Effect, Request, Sighted, Sighting, Status
from engine.spec.plan import CallStep, HoldStep, MapStep, Plan

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PROBLEMS_SHOWN = 5
ROWS_COUNTED_MAX = 50
"""Missing rows counted of one event."""
TEXT_CHARS_MAX = 200
"""Of a missing text; no SKU is longer, and a whole document may be looked up by mistake."""
VERSION_CHARS = 12


@dataclass(frozen=True, slots=True)
class Call:
    """A call must be made. `once` is None where the operation has no effect; `digest` stands for the request."""

    step: CallStep
    input: object
    once: str | None
    request: Request
    digest: bytes


@dataclass(frozen=True, slots=True)
class Ask:
    """A person must decide."""

    step: HoldStep
    reason: str


@dataclass(frozen=True, slots=True)
class End:
    """The event ends here, or stands still for a person: done, ignored, quarantined, held, dead. `sightings` are what
    is to be counted with it, `unknown` the fields that its contract does not know."""

    status: Status
    reason: str = ""
    step: str = ""
    queue: str = ""
    sightings: tuple[Sighting, ...] = ()
    unknown: tuple[str, ...] = ()


Need = Call | Ask | End


def time_text(at: int) -> str:
    """Microseconds since 1970 as `YYYY-MM-DDTHH:MM:SS.ffffffZ`."""
    return (EPOCH + timedelta(microseconds=at)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def open_event(plan: Plan, delivery: Delivery) -> dict[str, object] | End:
    """The scope of the steps, or why the event is not for them: decode, `when`, contract, in this order."""
    try:
        body = decode_body(delivery.body)
    except BodyError as error:
        return End(Status.QUARANTINED, f"the body cannot be read: {error.message}")
    receive = plan.receive
    if receive.when is not None:
        arriving = {"environment": plan.environment, "headers": delivery.headers, "query": delivery.query, "body": body}
        try:
            if not truth(receive.when(arriving)):
                return End(Status.IGNORED, "`receive.when` is false")
        except LanguageError as error:
            return End(Status.QUARANTINED, f"receive.when: {error.message}")
    if receive.contract is not None:
        violations = receive.contract.check(body)
        if violations:
            shown = "; ".join(
                f"{violation.path or 'the body'}: {violation.message}" for violation in violations[:PROBLEMS_SHOWN]
            )
            more = f" (and {len(violations) - PROBLEMS_SHOWN} more)" if len(violations) > PROBLEMS_SHOWN else ""
            reason = f"the body breaks {receive.contract.name}: {shown}{more}"
            name = receive.contract.name
            missing = tuple(Sighting(Sighted.MISSING_FIELD, name, path) for path in missing_fields(violations))
            # A field that did not come and one that nobody knows may be the same one, under its new name.
            unknown = receive.unknown(body) if receive.unknown else ()
            return End(Status.QUARANTINED, reason, sightings=missing, unknown=unknown)
    event = {
        "id": delivery.id,
        "key": delivery.key,
        "revision": None,
        "received_at": time_text(delivery.received_at),
        "integration": delivery.integration,
    }
    return {
        "environment": plan.environment,
        "event": event,
        "headers": dict(delivery.headers),
        "body": body,
        "envelope": body,
    }


def advance(
    plan: Plan, scope: dict[str, object], ended: Mapping[str, object], tables: dict[str, None] | None = None
) -> Need:
    """Walks the steps; `scope` grows by each step's result, `ended` holds the results that are stored, and `tables`
    grows by those that were looked up in, as `name@version`: tables are live, and may have changed since."""
    for step in plan.steps:
        if step.id in scope:
            continue
        if step.id in ended:
            scope[step.id] = ended[step.id]
            continue
        where = "when"
        try:
            if step.when is not None and not truth(step.when(scope)):
                scope[step.id] = None
                continue
            if tables is not None and not isinstance(step, HoldStep):
                tables.update(dict.fromkeys(versions(plan, step.tables)))
            if isinstance(step, MapStep):
                where = f"map {step.id}"
                result = step.mapping(step.source(scope))
                violations = step.contract.check(result)
                if violations:
                    shown = "; ".join(
                        f"{violation.path}: {violation.message}" for violation in violations[:PROBLEMS_SHOWN]
                    )
                    return End(
                        Status.QUARANTINED, f"step {step.id}: the result breaks {step.contract.name}: {shown}", step.id
                    )
                scope[step.id] = result
                continue
            where = "reason" if isinstance(step, HoldStep) else "call"
            if isinstance(step, HoldStep):
                return Ask(step, str(step.reason(scope)))
            assert isinstance(step, CallStep)
            return make_call(step, scope)
        except MappingError as error:
            return mapping_end(step.id, error.problems)
        except LanguageError as error:
            return End(Status.QUARANTINED, f"step {step.id}: {where}: {error.message}", step.id)
    return End(Status.DONE)


def versions(plan: Plan, names: tuple[str, ...]) -> Iterator[str]:
    """Tables as they are at this moment, as `sku-registry@1a2b3c4d5e6f`."""
    return (version_text(name, plan.tables[name]) for name in names if name in plan.tables)


def version_text(name: str, table: Table) -> str:
    return f"{name}@{table.version[:VERSION_CHARS]}"


def make_call(step: CallStep, scope: Mapping[str, object]) -> Need:
    operation = step.operation
    input_ = None if step.input is None else step.input(scope)
    once: str | None = None
    if operation.effect is not Effect.NONE:
        once = identity_text(step.once(scope) if step.once else None)
        if once is None:
            return End(
                Status.QUARANTINED,
                f"step {step.id}: `once` gave no text or number, and without an identity the call could double",
                step.id,
            )
    request = operation.request(input_, once)
    digest = sha256(sorted_json([request.method, request.path, request.query, request.headers, request.body])).digest()[
        :16
    ]
    return Call(step, input_, once, request, digest)


def mapping_end(step: str, problems: tuple[FieldProblem, ...]) -> End:
    """All problems of a mapping in one reason. What a table row's absence asks for counts; anything else
    quarantines."""
    asked = {problem.on_missing for problem in problems}
    shown = "; ".join(problem.told for problem in problems[:PROBLEMS_SHOWN])
    more = f" (and {len(problems) - PROBLEMS_SHOWN} more)" if len(problems) > PROBLEMS_SHOWN else ""
    reason = f"step {step}: {shown}{more}"
    status, queue = Status.QUARANTINED, ""
    if "fail" in asked:
        status = Status.DEAD
    elif asked == {"hold"}:
        status, queue = Status.HELD, "missing-rows"
    return End(status, reason, step, queue, missing_rows(problems))


def missing_rows(problems: tuple[FieldProblem, ...]) -> tuple[Sighting, ...]:
    """The rows that tables lack, each once."""
    rows = dict.fromkeys(problem.missing for problem in problems if problem.missing is not None)
    return tuple(
        Sighting(Sighted.MISSING_ROW, table, shortened(text), shortened(column))
        for table, column, text in [*rows][:ROWS_COUNTED_MAX]
    )


def shortened(text: str) -> str:
    return text if len(text) <= TEXT_CHARS_MAX else text[: TEXT_CHARS_MAX - 1] + "…"


def identity_text(value: object) -> str | None:
    """An identity as text: text as it stands, a whole number as its digits; anything else is none."""
    if isinstance(value, str):
        return value or None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return None


def truth(value: object) -> bool:
    """JMESPath's truth: false, null, and empty text, list or object are false; every number is true."""
    return not (value is None or value is False or (isinstance(value, str | list | dict) and not value))

"""From what is stored of an event to what its steps see, or why it is not for them.

In this order: is it stale, can it be read, does it pass `receive.when`, does it hold its contract. Nothing here sends,
waits or writes, and no error of an expression leaves this file: it becomes an end that a person can read.
"""

from datetime import timedelta
from functools import lru_cache

from engine.contract.body import BodyError, decode_body
from engine.contract.drift import missing_fields
from engine.contract.violations import Violation
from engine.language.errors import LanguageError
from engine.language.times import EPOCH
from engine.model import Delivery, Sighted, Sighting, Status
from engine.rules.needs import End
from engine.rules.order import older, revision_value
from engine.rules.truth import truth
from engine.spec.plan import Plan, ReceivePlan

LOCAL_EPOCH = EPOCH.replace(tzinfo=None)
"""Written without its offset: a Z behind it is shorter, and a fifth of the time of a format."""
PROBLEMS_SHOWN = 5


def time_text(at: int) -> str:
    """Microseconds since 1970 as `YYYY-MM-DDTHH:MM:SS.ffffffZ`."""
    return (LOCAL_EPOCH + timedelta(microseconds=at)).isoformat(timespec="microseconds") + "Z"


def open_event(plan: Plan, delivery: Delivery) -> dict[str, object] | End:
    """The scope of the steps, or why the event is not for them."""
    done = None if delivery.phase else delivery.done_revision
    if done is not None and delivery.revision is not None and older(delivery.revision, done):
        return End(Status.SUPERSEDED, "a newer revision of the same key is done")
    try:
        documents = bodies(delivery)
    except BodyError as error:
        return End(Status.QUARANTINED, f"the body cannot be read: {error.message}")
    event: dict[str, object] = {
        "id": delivery.id,
        "key": delivery.key,
        "revision": revision_value(delivery.revision),
        "received_at": time_text(delivery.received_at),
        "integration": delivery.integration,
        "served": {},
    }
    scope: dict[str, object] = {
        "environment": plan.environment,
        "event": event,
        "headers": delivery.headers,
        **documents,
    }
    # What it did is undone, whether or not it would be for the steps today.
    return scope if delivery.phase else refused(plan.receive, scope, delivery) or scope


def bodies(delivery: Delivery) -> dict[str, object]:
    """The documents of an event, by their names in a scope. Raises BodyError."""
    body = decode_body(delivery.body)
    return {"body": body, "envelope": body if delivery.envelope is None else decode_envelope(delivery.envelope)}


@lru_cache(maxsize=2)
def decode_envelope(raw: bytes) -> object:
    """The delivery that an event was split from: its siblings come with the same one, mostly one after the other."""
    return decode_body(raw)


def refused(receive: ReceivePlan, scope: dict[str, object], delivery: Delivery) -> End | None:
    """Why `receive.when` or the contract leaves an event out; None where they let it in."""
    if receive.when is not None:
        try:
            if not truth(receive.when(arriving(receive, scope, delivery))):
                return End(Status.IGNORED, "`receive.when` is false")
        except LanguageError as error:
            return End(Status.QUARANTINED, f"receive.when: {error.message}")
    if receive.contract is None:
        return None
    body = scope["body"]
    violations = receive.contract.check(body)
    if not violations:
        return None
    name = receive.contract.name
    more = f" (and {len(violations) - PROBLEMS_SHOWN} more)" if len(violations) > PROBLEMS_SHOWN else ""
    reason = f"the body breaks {name}: {told(violations)}{more}"
    missing = tuple(Sighting(Sighted.MISSING_FIELD, name, path) for path in missing_fields(violations))
    # A field that did not come and one that nobody knows may be the same one, under its new name.
    unknown = receive.unknown(body) if receive.unknown else ()
    return End(Status.QUARANTINED, reason, sightings=missing, unknown=unknown)


def arriving(receive: ReceivePlan, scope: dict[str, object], delivery: Delivery) -> dict[str, object]:
    """What `receive.*` sees of an event that is stored. Which item of its delivery it was is not: it is looked for, and
    equal items are one event anyway."""
    seen = {
        "environment": scope["environment"],
        "headers": scope["headers"],
        "query": delivery.query,
        "body": scope["body"],
        "envelope": scope["envelope"],
    }
    if receive.split is not None:
        items = receive.split({**seen, "body": scope["envelope"]})
        seen["index"] = items.index(scope["body"]) if isinstance(items, list) and scope["body"] in items else None
    return seen


def told(violations: tuple[Violation, ...], whole: str = "the body") -> str:
    """The first few ways in which a document breaks its contract."""
    return "; ".join(f"{violation.path or whole}: {violation.message}" for violation in violations[:PROBLEMS_SHOWN])

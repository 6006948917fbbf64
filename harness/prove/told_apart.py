"""DOCUMENTS and a PLAN → NEWS THAT THE PLAN CANNOT TELL APART: two items under one `once`, two states under one id.

The engine rightly takes what has one identity for one thing. Whether the identity is too wide shows only in documents
that hold two different things of it, so it is asked of those: the steps that think are made as the engine makes them,
the others are passed over. Pure, and it refuses to guess: a value that needs the answer of a partner is not looked
at.
"""

from collections.abc import Iterator
from typing import Any

from engine.contract.body import BodyError, canonical_json, decode_body
from engine.language import LanguageError
from engine.rules.steps import decided
from engine.rules.truth import truth
from engine.run import intake
from engine.spec.plan import CallStep, DecideStep, EachStep, EmitStep, MapStep, Plan, StepPlan
from engine.wire.answers import Inbound

Scope = dict[str, Any]


def scopes(plan: Plan, inbound: Inbound) -> Iterator[Scope]:
    """What the steps see of each event of a message, as far as nobody has to be asked for it."""
    try:
        body = decode_body(inbound.body)
    except BodyError:
        return
    outer: Scope = {"environment": plan.environment, "headers": inbound.headers, "query": inbound.query, "body": body}
    items = [body] if plan.receive.split is None else made(plan.receive.split, outer)
    arrivals = intake.named(plan, inbound, 0)
    for item, arrival in zip(items if isinstance(items, list) else (), arrivals, strict=False):
        event: Scope = {"id": arrival.id, "key": arrival.key, "integration": plan.integration, "served": {}}
        scope: Scope = {**outer, "event": event, "body": item, "envelope": body}
        for step in plan.steps:
            if not fill(scope, step):
                break
        yield scope


def fill(scope: Scope, step: StepPlan) -> bool:
    """Adds the result of a step that thinks; False where one failed, so that nothing behind it is reached."""
    try:
        if step.when is not None and not truth(step.when(scope)):
            scope[step.id] = None
        elif isinstance(step, MapStep):
            scope[step.id] = step.mapping(step.source(scope))
        elif isinstance(step, DecideStep):
            scope[step.id] = decided(step, scope)
    except KeyError:
        pass  # it reads what a partner would have answered
    except LanguageError:
        return False
    return True


def same_items(plan: Plan, scope: Scope) -> Iterator[tuple[str, int, int]]:
    """(place of a call, item, item) for items of an `each` that differ and have one `once` between them."""
    for each in plan.steps:
        items = made(each.items, scope) if isinstance(each, EachStep) else None
        if not isinstance(each, EachStep) or not isinstance(items, list):
            continue
        for call in (step for step in each.steps if isinstance(step, CallStep) and step.once is not None):
            seen: dict[object, int] = {}
            for index, item in enumerate(items):
                inner = {**scope, each.name: item, "index": index}
                if not all(fill(inner, step) for step in each.steps) or (call.when and not made(call.when, inner)):
                    continue
                once = made(call.once, inner) if call.once else None
                if once is None:
                    continue
                first = seen.setdefault(once, index)
                if first != index and alike(items[first]) != alike(item):
                    yield f"{each.id}[{index}].{call.id}", first, index


def same_emissions(plan: Plan, scope: Scope, other: Scope) -> Iterator[str]:
    """Steps that tell two messages' news under one id, though it differs: of the second nobody hears."""
    for step in plan.steps:
        if isinstance(step, EmitStep) and step.once is not None:
            ids = made(step.once, scope), made(step.once, other)
            bodies = made(step.body, scope), made(step.body, other)
            if ids[0] is not None and ids[0] == ids[1] and None not in bodies and alike(bodies[0]) != alike(bodies[1]):
                yield step.id


def made(value: Any, scope: Scope) -> Any:
    """A value over the scope; None where it cannot be made without a partner."""
    try:
        return value(scope)
    except (KeyError, LanguageError):
        return None


def alike(value: object) -> bytes:
    return canonical_json(value)

"""AN INTEGRATION against its contracts: what `receive` and the steps read of the body and of mapped results.

What the world answers is not known beforehand: headers, query and results of calls can be anything. The body is taken
to be what the contract says also where `when`, `id` and `key` read it, which is before it is checked: an expression
that reads what no good body has is wrong there, too.
"""

from engine.contract.static.kind import (
    ANYTHING,
    INTEGER,
    NEVER,
    OBJECT,
    TEXT,
    UNKNOWN,
    UNTOLD,
    Declared,
    Kind,
    Later,
    join,
    known,
    meet,
)
from engine.spec import shape
from engine.spec.invalid import INVALID
from engine.spec.proof.fit import misfit
from engine.spec.proof.functions import ANY_TEXT, NOTHING
from engine.spec.proof.mapping import Values
from engine.spec.proof.prover import Prover, Within, scope
from engine.spec.proof.words import describe
from engine.spec.workspace import Document

IDENTITY = TEXT | INTEGER
EVENT = {"id": ANY_TEXT, "key": ANY_TEXT, "revision": ANYTHING, "received_at": ANY_TEXT, "integration": ANY_TEXT}


def prove_integration(prover: Prover, document: Document) -> None:
    """Tells what in an integration can never be right; the document may be partial."""
    spec: shape.Integration = document.partial
    values = Values(prover, document)
    receive = spec.receive
    body = UNTOLD if receive.contract is None else prover.contract(receive.contract)
    arriving = {"environment": ANY_TEXT, "headers": UNTOLD, "query": UNTOLD, "body": body}
    within = scope(arriving)
    prover.expression(receive.when, within)
    for word in ("id", "key"):
        identity(values, getattr(receive, word), f"receive.{word}", within)
    names = {name: known(kind) for name, kind in EVENT.items()}
    event = Kind(OBJECT, members=Declared(names, frozenset(names), Later(lambda: NEVER), UNKNOWN, "event"))
    seen = {"environment": ANY_TEXT, "event": event, "headers": UNTOLD, "body": body, "envelope": body}
    for place, step in enumerate(spec.steps):
        if step is INVALID:
            continue
        result = prove_step(values, step, f"steps[{place}]", scope(seen), body)
        if step.id:
            seen = {**seen, step.id: join((result, NOTHING)) if step.when is not None else result}


def prove_step(values: Values, step: shape.Step, path: str, within: Within, body: Kind) -> Kind:
    """What a step's result can be, where it is not skipped."""
    prover = values.prover
    prover.expression(step.when, within)
    values.value(step.input, f"{path}.input", within, nullable=True)
    identity(values, step.once, f"{path}.once", within)
    if step.hold:
        prover.template(step.hold.reason, within)
    source = body if step.from_ is None else values.value(step.from_, f"{path}.from", within, nullable=True)
    mapping = prover.workspace.mappings.get(step.map) if step.map else None
    if mapping is None:
        return UNTOLD
    if found := misfit(source, prover.contract(mapping.partial.from_)):
        key = "map" if step.from_ is None else "from"
        message = f"mapping {step.map} reads {mapping.partial.from_}: {found.message}"
        hint = "map another part with `from`, or by a mapping that reads this"
        prover.fault(found.code, values.document.mark(f"{path}.{key}"), f"{path}.{key}", message, hint)
    # The result satisfies `to`, and holds what the mapping makes and nothing else.
    return meet(prover.contract(mapping.partial.to), prover.made.get(mapping.file, UNTOLD))


def identity(values: Values, value: shape.Value | None, path: str, within: Within) -> None:
    """`id`, `key` and `once` are texts or whole numbers; anything else names nothing."""
    kind = values.value(value, path, within, nullable=True)
    if kind.types and not kind.types & IDENTITY:
        text = value.from_ if isinstance(value, shape.Converted) else value
        message = f"an identity is a text or a whole number, and this is {describe(kind)}"
        hint = "name a field that is one; several are joined with join(':', [a, b])"
        values.fault("type-cannot-fit", text if isinstance(text, shape.Expression) else None, path, message, hint)

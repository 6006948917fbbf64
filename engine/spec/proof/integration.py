"""AN INTEGRATION against its contracts: what `receive` and the steps read of the body and of mapped results.

What the world answers is not known beforehand: headers, query and results of calls can be anything. The body is taken
to be what the contract says also where `when`, `id` and `key` read it, which is before it is checked: an expression
that reads what no good body has is wrong there, too.
"""

from engine.contract.static.kind import (
    ANYTHING,
    INTEGER,
    LIST,
    NEVER,
    NUMBER,
    OBJECT,
    TEXT,
    UNKNOWN,
    UNTOLD,
    Declared,
    Kind,
    Later,
    item_of,
    join,
    known,
    list_of,
    meet,
)
from engine.contract.static.of_value import kind_of_value
from engine.spec import shape
from engine.spec.invalid import INVALID
from engine.spec.proof.fit import misfit
from engine.spec.proof.functions import ANY_TEXT, NOTHING, an_object
from engine.spec.proof.mapping import Values
from engine.spec.proof.prover import Prover, Within, scope
from engine.spec.proof.words import describe, listed
from engine.spec.workspace import Document

Seen = dict[str, Kind]
"""What a step may name."""
IDENTITY = TEXT | INTEGER
EVENT = {
    "id": ANY_TEXT,
    "key": ANY_TEXT,
    "revision": ANYTHING,
    "received_at": ANY_TEXT,
    "integration": ANY_TEXT,
}


def prove_integration(prover: Prover, document: Document) -> None:
    """Tells what in an integration can never be right; the document may be partial."""
    spec: shape.Integration = document.partial
    values = Values(prover, document)
    receive = spec.receive
    body = prover.topic(receive.topic) if receive.topic else prover.contract(receive.contract or "")
    whole = body if receive.split is None else UNTOLD
    arriving = {"environment": ANY_TEXT, "headers": UNTOLD, "query": UNTOLD, "body": body}
    within = scope(arriving)
    if receive.split is not None:
        list_in(values, receive.split, "receive.split", scope({**arriving, "body": whole}))
        within = at_a_place(scope({**arriving, "envelope": whole}))
    prover.expression(receive.when, within)
    for word in ("id", "key"):
        identity(values, getattr(receive, word), f"receive.{word}", within)
    revisions(values, receive.revision, "receive.revision", within)
    event = declared("event", {**EVENT, "served": declared("event.served", {})})
    seen = {"environment": ANY_TEXT, "event": event, "headers": UNTOLD, "body": body, "envelope": whole}
    prove_steps(values, spec.steps, "steps", seen, inside=False)


def prove_charter(prover: Prover, document: Document) -> None:
    """Tells what the charter reads of a topic's bodies that none of them has."""
    charter: shape.Charter = document.partial
    values = Values(prover, document)
    for name, topic in charter.topics.items() if charter.topics else ():
        body = prover.contract(topic.contract)
        within = Within(body, {"root": body})
        identity(values, topic.key, f"topics.{name}.key", within)
        revisions(values, topic.revision, f"topics.{name}.revision", within)


# ── steps ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def prove_steps(
    values: Values, steps: tuple[shape.Step, ...], path: str, seen: Seen, *, inside: bool
) -> dict[str, Kind]:
    """Steps one after another; gives what each of them makes, by its id."""
    made: dict[str, Kind] = {}
    for place, step in enumerate(steps):
        if step is INVALID:
            continue
        result = prove_step(values, step, f"{path}[{place}]", {**seen, **made}, inside=inside)
        if step.id:
            made[step.id] = join((result, NOTHING)) if step.when is not None else result
            if isinstance(step.call, shape.AnyOf):
                seen = {**seen, "event": served_by(seen["event"], step.id, step.call)}
    return made


def served_by(event: Kind, step: str, call: shape.AnyOf) -> Kind:
    """The event, with the provider that served a step: one of its own, or null where it was skipped or failed."""
    before = event.members.find("served").kind.members
    members = {name: before.find(name).kind for name in before.names()}
    providers = join(tuple(kind_of_value(str(name)) for name in call.any_of or ())) if call.any_of else ANY_TEXT
    served = declared("event.served", {**members, step: join((providers, NOTHING))})
    return declared("event", {**EVENT, "served": served})


def declared(place: str, members: dict[str, Kind]) -> Kind:
    """An object of these members and no others."""
    names = {name: known(kind) for name, kind in members.items()}
    return Kind(OBJECT, members=Declared(names, frozenset(names), Later(lambda: NEVER), UNKNOWN, place))


def prove_step(values: Values, step: shape.Step, path: str, seen: Seen, *, inside: bool) -> Kind:
    """What a step's result can be, where it is not skipped."""
    within = at_a_place(scope(seen)) if inside else scope(seen)
    values.prover.expression(step.when, within)
    values.value(step.input, f"{path}.input", within, nullable=True)
    identity(values, step.once, f"{path}.once", within)
    if isinstance(step.call, shape.AnyOf) and step.call.pick:
        prove_pick(values, step.call, step.call.pick, f"{path}.call.pick", within)
    if step.hold:
        return prove_hold(values, step, path, seen, within)
    if step.decide:
        return prove_decide(values, step.decide, f"{path}.decide", within)
    if step.emit:
        topic = values.prover.topic(step.emit.topic)
        values.value(step.emit.body, f"{path}.emit.body", within, topic, nullable=True)
        return ANY_TEXT  # the new event's id
    if step.each:
        return prove_each(values, step, step.each, path, seen, within)
    return prove_map(values, step, path, within, seen["body"])


def prove_pick(values: Values, call: shape.AnyOf, pick: shape.Value, path: str, within: Within) -> None:
    """What is picked is a list of providers. A decision's literals were held against them row by row (`flow.py`)."""
    picked = values.value(pick, path, within, nullable=True)
    needs_list(values, picked, pick, path)
    texts = item_of(picked).texts
    is_of_a_decision = not isinstance(pick, shape.Expression) or pick.text.strip().isidentifier()
    if texts and call.any_of and texts.isdisjoint(call.any_of) and not is_of_a_decision:
        message = f"{listed(texts)} may be picked, and none of `any_of`"
        hint = "a `decide` table makes of who served one step who serves another"
        values.fault("pick-not-among", pick if isinstance(pick, shape.Expression) else None, path, message, hint)


def prove_map(values: Values, step: shape.Step, path: str, within: Within, body: Kind) -> Kind:
    prover = values.prover
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


def prove_hold(values: Values, step: shape.Step, path: str, seen: Seen, within: Within) -> Kind:
    """What people decided can be anything; what was waited for is a body of the topic, or what stands for none."""
    hold, prover = step.hold, values.prover
    assert hold is not None
    prover.template(hold.reason, within)
    if isinstance(hold.expires, shape.Expression):
        kind = prover.expression(hold.expires, within)
        if kind.types and not kind.types & TEXT:
            message = f"`expires` is a span, or a time as text, and this is {describe(kind)}"
            hint = "name a field that holds a time such as 2026-01-31T12:00:00Z"
            values.fault("type-cannot-fit", hold.expires, f"{path}.hold.expires", message, hint)
    if not hold.until:
        return UNTOLD
    body = prover.topic(hold.until.topic)
    prover.expression(hold.until.when, scope({**seen, "body": body}))
    if step.on_failure != "continue":
        return body
    return join((body, kind_of_value(step.default.value) if step.default else NOTHING))


def prove_decide(values: Values, decide: shape.Decide, path: str, within: Within) -> Kind:
    """One of the decisions, or null where no row need hold; of `all` a list of them."""
    word = "all" if decide.first is None else "first"
    rows = (decide.all if decide.first is None else decide.first) or ()
    made: list[Kind] = []
    for place, row in enumerate(rows):
        values.prover.expression(row.when, within)
        made.append(values.value(row.then, f"{path}.{word}[{place}].then", within, nullable=True))
    decided = join(tuple(made)) if made else UNTOLD
    always = any(row.when is None for row in rows)
    if word == "all":
        return list_of(decided)
    return join((decided, *(() if always else (NOTHING,))))


def prove_each(values: Values, step: shape.Step, text: shape.Expression, path: str, seen: Seen, within: Within) -> Kind:
    """A list of what was done with each item: the item under its name, and the inner steps' results."""
    item = list_in(values, text, f"{path}.each", within)
    inner = {**seen, step.as_: item} if step.as_ else seen
    made = prove_steps(values, step.steps or (), f"{path}.steps", inner, inside=True)
    if step.on_failure == "continue" or not step.as_ or not named_all(step.steps):
        return UNTOLD
    return list_of(an_object({step.as_: item, **made}, frozenset()))


def named_all(steps: tuple[shape.Step, ...] | None) -> bool:
    """Whether it is known what every one of inner steps is called."""
    return bool(steps) and all(step.id for step in steps or ())


# ── what is asked of values ──────────────────────────────────────────────────────────────────────────────────────────


def at_a_place(within: Within) -> Within:
    """What is seen where there is an item: its place, too."""
    return Within(within.current, {**within.variables, "index": Kind(INTEGER)})


def list_in(values: Values, text: shape.Expression, path: str, within: Within) -> Kind:
    """What the items of a list can be that an expression gives."""
    kind = values.prover.expression(text, within)
    needs_list(values, kind, text, path)
    item = item_of(kind)
    return item if item.types else UNTOLD


def needs_list(values: Values, kind: Kind, value: shape.Value, path: str) -> None:
    if kind.types and not kind.types & LIST:
        message = f"a list is needed here, and this is {describe(kind)}"
        text = value if isinstance(value, shape.Expression) else None
        values.fault("type-cannot-fit", text, path, message, "name a list; [x] makes a list of one item")


def revisions(values: Values, given: tuple[shape.Value, ...], path: str, within: Within) -> None:
    """Revisions are compared, so that each part is a text or a number; one value may also give a list of them."""
    for place, value in enumerate(given or ()):
        at = f"{path}[{place}]" if values.document.is_list(path) else path
        kind = values.value(value, at, within, nullable=True)
        if kind.types and not kind.types & (TEXT | NUMBER | LIST):
            text = value.from_ if isinstance(value, shape.Converted) else value
            message = f"a revision is a text, a number or a list of these, and this is {describe(kind)}"
            hint = "name what grows with every change, such as a counter or the time of the last one"
            values.fault("type-cannot-fit", text if isinstance(text, shape.Expression) else None, at, message, hint)


def identity(values: Values, value: shape.Value | None, path: str, within: Within) -> None:
    """`id`, `key` and `once` are texts or whole numbers; anything else names nothing."""
    kind = values.value(value, path, within, nullable=True)
    if kind.types and not kind.types & IDENTITY:
        text = value.from_ if isinstance(value, shape.Converted) else value
        message = f"an identity is a text or a whole number, and this is {describe(kind)}"
        hint = "name a field that is one; several are joined with join(':', [a, b])"
        values.fault("type-cannot-fit", text if isinstance(text, shape.Expression) else None, path, message, hint)

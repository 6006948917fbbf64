"""Each effect once: whether it has an identity, whether that is the right one, and whether anybody can keep it.

What a partner cannot promise, nobody can promise for it; then a rule says so before anything runs.
"""

from collections.abc import Iterable, Iterator

from engine.charter.ladders import begins_us, first_send_after, span
from engine.charter.look import Path, calls, effecting, effects, finding, integrations, reads, systems, undoing
from engine.errors import Fault
from engine.language import LanguageError, compile_expression
from engine.language.data import is_false
from engine.spec import shape
from engine.spec.steps import every_step
from engine.spec.workspace import Workspace

OF_THE_DELIVERY = (("event", "id"), ("event", "received_at"), ("event", "revision"), ("headers",))
"""What differs between two announcements of one thing."""
LOST = ("timeout_after", "lost", "malformed")
"""Failures after which nobody knows whether the partner did what was asked."""


def once_missing(workspace: Workspace) -> Iterator[Fault]:
    """A call with an effect and no identity for it would double: it must not start."""
    for call in effects(workspace):
        if call.step.once is None:
            message = f"`{call.name}` has an effect, and this step gives it no identity"
            hint = "add `once:` with what the effect is about, such as `once: order.id`"
            yield finding("once-missing", call.document, call.at, message, hint, "error")


def once_unused(workspace: Workspace) -> Iterator[Fault]:
    """An identity for what has no effect does nothing."""
    needed = {(call.document.file, call.at) for call in effects(workspace)}
    told = set()
    for call in calls(workspace):
        place = (call.document.file, call.at)
        if call.step.once is not None and place not in needed and place not in told:
            told.add(place)
            message = f"`{call.name}` has no effect, so `once` does nothing here"
            hint = "remove it, or correct the operation's `effect`"
            yield finding("once-unused", call.document, f"{call.at}.once", message, hint, "note")


def once_per_delivery(workspace: Workspace) -> Iterator[Fault]:
    """The identity is that of the effect: two events about one order must come to one order."""
    for call in effects(workspace):
        if call.step.once is None:
            continue
        found = sorted({".".join(path) for path in reads(call.step.once) or () if of_the_delivery(path)})
        if found:
            message = (
                f"`once` reads {', '.join(f'`{name}`' for name in found)}: one order under two events would double"
            )
            hint = "name the thing itself, not the news of it: the order's id, not the event's"
            yield finding("once-per-delivery", call.document, f"{call.at}.once", message, hint)


def of_the_delivery(path: Path) -> bool:
    return path == ("event",) or any(path[: len(start)] == start for start in OF_THE_DELIVERY)


def once_constant(workspace: Workspace) -> Iterator[Fault]:
    """An identity that never differs makes all effects one."""
    for call in effects(workspace):
        if call.step.once is not None and not differs(call.step.once):
            message = "`once` is the same for every event: only the first would take effect, all others get its result"
            hint = "name what the effect is about, such as `once: order.id`"
            yield finding("once-constant", call.document, f"{call.at}.once", message, hint)
    for document, spec in integrations(workspace):
        for at, step in every_step(spec.steps):
            if step.emit and step.once is not None and not differs(step.once):
                message = "`once` is the same for every event: only the first is ever told, all others count as repeats"
                hint = "name what is told, such as the order and its state; or leave `once` out: each event tells once"
                yield finding("once-constant", document, f"{at}.once", message, hint)


def once_of_all_items(workspace: Workspace) -> Iterator[Fault]:
    """Inside `each` every item has an effect, or an event, of its own, so that the identity names the item."""
    for document, spec in integrations(workspace):
        for at, step in every_step(spec.steps):
            inner = [*every_step(step.steps or (), f"{at}.steps")]
            of_the_item = {step.as_, "index", "root", "@", *(each.id for _, each in inner)}
            for path, each in inner:
                found = reads(each.once) if each.once is not None else None
                if found is not None and of_the_item.isdisjoint(name[0] for name in found):
                    message = "`once` is the same for every item: only the first would take effect"
                    hint = "name the item: its own id, or its place with to_string($index)"
                    yield finding("once-of-all-items", document, f"{path}.once", message, hint)


def differs(value: shape.Value) -> bool:
    """Whether a value reads anything that may differ between two events, or cannot be told to."""
    found = reads(value)
    return found is None or any(path[0] != "environment" for path in found)


def exactly_once_impossible(workspace: Workspace) -> Iterator[Fault]:
    """A call that may take effect twice is said to."""
    for call in (*calls(workspace), *undoing(workspace)):
        if call.on_unknown != "retry" or call.operation.effect not in ("unprotected", "verifiable"):
            continue
        if call.operation.effect == "unprotected":
            why = "is `unprotected`: a send without an answer is sent again, and the partner cannot tell it is the same"
            hint = "with a look-up it can be `verifiable`; or hold what is unknown: `on_unknown: hold`"
        else:
            why = "doubles on repeats, and this step sends again without looking"
            hint = "remove `on_unknown: retry`; the default looks up first"
        yield finding("exactly-once-impossible", call.document, call.called, f"{call.said} {why}", hint)


def lost_called_known(workspace: Workspace) -> Iterator[Fault]:
    """A lost answer leaves open whether there was an effect; an `outcomes` rule that says it is known may be wrong."""
    for call in effecting((*calls(workspace), *undoing(workspace))):
        own = () if call.undoes else call.step.outcomes
        verdict = verdict_of_lost((*own, *call.operation.outcomes, *call.system.outcomes))
        has_next = not call.undoes and len(call.step.providers) > 1
        comes = {
            "done": "if it did not arrive, there is no effect, and nobody is told",
            "refused": "if it arrived, the effect stands, and the event goes on as if it did not",
            "retry": "if it arrived, another send, or the next provider, takes effect once more",
        }.get(verdict, "")
        if verdict == "retry" and call.operation.effect == "idempotent" and not has_next:
            continue
        if comes:
            message = f"of {call.said} a lost answer is called `{verdict}`: {comes}"
            hint = "let it be `unknown`: then a look-up, the partner's key or a person tells"
            yield finding("lost-called-known", call.document, call.called, message, hint)


def verdict_of_lost(rules: Iterable[shape.OutcomeRule]) -> str:
    """What the rules call a call whose answer was lost; empty where they leave it to the default."""
    for rule in rules:
        if any(holds_of(rule.when.text, failure) for failure in LOST):
            return rule.is_
    return ""


def holds_of(text: str, failure: str) -> bool:
    """Whether a condition holds of a call that ended so, whatever was called, and holds because of that."""
    scope = dict.fromkeys(("input", "once", "status", "headers", "body", "failure"))
    try:
        evaluate = compile_expression(text).evaluate
        return not is_false(evaluate({**scope, "failure": failure}, {})) and is_false(evaluate(scope, {}))
    except LanguageError:
        return False


def key_forgotten(workspace: Workspace) -> Iterator[Fault]:
    """The partner remembers an idempotency key at least as long as we may repeat it, or can be asked."""
    for call in (*calls(workspace), *undoing(workspace)):
        key = call.system.idempotency
        operation = call.operation
        if operation.effect != "idempotent" or key is None or key.valid_for is None or operation.lookup is not None:
            continue
        if call.on_unknown != "retry":
            continue
        forgotten = key.valid_for.microseconds
        late = first_send_after(call.system, forgotten)
        if late is not None:
            message = (
                f"send {late} of {call.said} may come {span(begins_us(call.system, late))} after the first, and the"
                f" partner forgets the key after {span(forgotten)}: what is unknown by then is held for a person"
            )
            hint = "declare a `lookup`, or let `retry` give up within that time"
            yield finding("key-forgotten", call.document, call.called, message, hint)


def lookup_missing(workspace: Workspace) -> Iterator[Fault]:
    """`verifiable` says that a look-up tells; the engine would have nothing to ask, so it must not start."""
    for document, system in systems(workspace):
        for name, operation in system.operations.items():
            if operation.effect == "verifiable" and operation.lookup is None:
                message = f"`{system.system}.{name}` is `verifiable`, and declares no `lookup` to verify it with"
                hint = "add `lookup: {call, input, found}`; without one it is `unprotected` or `at_most_once`"
                yield finding("lookup-missing", document, f"operations.{name}.effect", message, hint, "error")


def unknown_needs_person(workspace: Workspace) -> Iterator[Fault]:
    """Where nobody can ask, a lost answer is a person's work; the team should know before it happens."""
    for call in (*calls(workspace), *undoing(workspace)):
        if call.operation.effect == "at_most_once" and call.operation.lookup is None:
            message = (
                f"every lost answer of {call.said} waits for a person: it is never sent again and cannot be asked for"
            )
            hint = "a `lookup`, where the partner has one, would answer most of them"
            yield finding("unknown-needs-person", call.document, call.called, message, hint, "note")

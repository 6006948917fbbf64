"""Small plans by hand: expressions as text, requests that show what they were made of."""

from collections.abc import Mapping
from typing import Any

from engine.contract.schema import Contract, compile_contract
from engine.language import compile_expression
from engine.model import Effect, Request
from engine.spec.plan import (
    Bound,
    CallStep,
    EachStep,
    EmitStep,
    HoldStep,
    OperationPlan,
    Plan,
    ReceivePlan,
    StepPlan,
    TopicPlan,
    UndoPlan,
)

NOTHING: Any = None


def bound(text: str) -> Bound:
    evaluate = compile_expression(text).evaluate
    return lambda scope: evaluate(scope, {})


def anything(name: str = "any@1") -> Contract:
    return compile_contract(name, {"type": "object"})


def operation(name: str, effect: Effect = Effect.IDEMPOTENT, undo: str | None = None) -> OperationPlan:
    """`system.operation`, whose request has its input as body; `undo` names the one that takes it back."""
    system, _, word = name.partition(".")
    back = None if undo is None else UndoPlan(operation(undo), bound("{id: result, once: once, made_of: input}"))

    def request(input_: object, once: str | None) -> Request:
        return Request(system, word, "POST", f"/{word}", body={"input": input_, "once": once})

    return OperationPlan(system, word, effect, request, (), None, None, None, None, back)


def call(id_: str, *operations: OperationPlan, **more: Any) -> CallStep:
    first, *others = operations
    words = {key: bound(more.pop(key)) for key in ("when", "input", "once", "pick") if key in more}
    return CallStep(
        id=id_,
        when=words.get("when"),
        operation=first,
        input=words.get("input"),
        once=words.get("once", bound("event.id")),
        on_unknown="",
        on_failure=more.get("on_failure", "dead_letter"),
        default=more.get("default"),
        tables=(),
        others=tuple(others),
        pick=words.get("pick"),
    )


def each(id_: str, items: str, name: str, *steps: StepPlan, **more: Any) -> EachStep:
    return EachStep(id_, None, bound(items), name, steps, more.get("on_failure", "dead_letter"), more.get("default"))


def hold(id_: str, **more: Any) -> HoldStep:
    return HoldStep(id_, None, "review", lambda _: "look at it", more.pop("on_failure", "dead_letter"), **more)


def emit(id_: str, topic: str, body: str, **more: Any) -> EmitStep:
    told = TopicPlan(topic, more.get("contract", anything()), bound(more.get("key", "body.id")), more.get("revision"))
    return EmitStep(id_, None, told, bound(body), bound(more["once"]) if "once" in more else None)


def plan(*steps: StepPlan) -> Plan:
    receive = ReceivePlan("/", "shop", None, None, None, NOTHING, NOTHING, None, 60)
    return Plan("hash", b"", "orders", 1, "local", receive, steps, {})


def scope(body: Mapping[str, object]) -> dict[str, object]:
    event = {"id": "e1", "key": "k", "served": {}}
    return {"environment": "local", "event": event, "headers": {}, "body": dict(body), "envelope": dict(body)}

"""A WORKSPACE → WHAT IT PROMISES: what the properties need of plans and systems, in one value.

Everything here is read off the declarations; nothing is run. It refuses to promise more than they do: an `unprotected`
effect whose step says `on_unknown: retry` may double, for somebody has written that down.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from msgspec import Struct

from engine.language import LanguageError
from engine.model import Verdict
from engine.rules.quota import Quota
from engine.rules.truth import truth
from engine.run.load import Loaded
from engine.spec import shape
from engine.spec.plan import CallStep, EachStep, EmitStep, HoldStep, MapStep, OperationPlan, Plan, StepPlan
from harness.simulation.partners import DECLINED

Operation = tuple[str, str]
"""(system, operation)."""

REPLACING = ("PUT", "PATCH")
"""Methods that replace what stands at their path (RFC 9110, 9.3.4; RFC 5789)."""


class CallPromise(Struct, frozen=True):
    """A step that calls: its providers, what each does, and whether it may double, as its author has written.
    `declined` are the providers whose no (`partners.DECLINED`) is one, by the rules for what they answer."""

    step: str
    providers: tuple[Operation, ...]
    may_double: bool
    on_failure: str
    declined: frozenset[Operation] = frozenset()


class SpecPromise(Struct, frozen=True):
    """One integration: `guarded` where a revision forbids stale news, `space` in which its keys are.

    `waits` are the steps that wait for an event, and of which topic; `endless` those of them that say no `expires`.
    `tells` are the steps at which every event that is done was told, and under which topic; `tells_most` is how often
    one event may be told under a topic, where that has a bound."""

    integration: str
    calls: Mapping[str, CallPromise]
    maps: tuple[str, ...]
    guarded: bool
    space: str
    endless: tuple[str, ...]
    waits: Mapping[str, str]
    contract: str
    blocks: bool
    tells: Mapping[str, str] = {}
    tells_most: Mapping[str, int] = {}


class Promises(Struct, frozen=True):
    """What is promised of effects (by operation), of tries (by system), of quotas (by gate). `breakers`
    are what they say of breakers, by system, and `key_headers` in which header they get an idempotency key.

    `doubles_after_us` are the operations of which nobody can tell whether a lost call was done, and after how long one
    more is another effect: who lets it go on has decided that."""

    specs: Mapping[str, SpecPromise]
    effects: Mapping[Operation, str]
    undone_by: Mapping[Operation, str]
    undoing: frozenset[Operation]
    helpers: frozenset[Operation]
    replacing: frozenset[Operation]
    attempts_max: Mapping[str, int]
    quotas: Mapping[str, Mapping[str, Quota]]
    breakers: Mapping[str, shape.Breaker] = {}
    key_headers: Mapping[str, str] = {}
    doubles_after_us: Mapping[Operation, int] = {}

    def effecting(self, spec: SpecPromise) -> frozenset[Operation]:
        """The operations by which an integration's own steps have effects."""
        providers = (provider for call in spec.calls.values() for provider in call.providers)
        return frozenset(provider for provider in providers if self.effects[provider] != "none")

    def call(self, integration: str, place: str) -> CallPromise | None:
        """The step of an integration that stands at a place; None where it does not call."""
        spec = self.specs.get(integration)
        return spec.calls.get(step_id(place)) if spec else None


def reach(loaded: Loaded, told: Iterable[str]) -> Loaded:
    """The workspace as far as these integrations reach: themselves, who receives what they emit, and who emits what
    they wait for. All others would start with every simulated engine and do nothing."""
    wanted: dict[str, None] = {}
    waiting = [name for name in told if name in loaded.plans]
    while waiting:
        name = waiting.pop()
        if name in wanted:
            continue
        wanted[name] = None
        topics = emits(loaded.plans[name])
        waiting += [other for other, plan in loaded.plans.items() if plan.receive.topic in topics]
        awaited = awaits(loaded.plans[name])
        waiting += [other for other, plan in loaded.plans.items() if awaited & emits(plan)]
    return replace(loaded, plans={name: plan for name, plan in loaded.plans.items() if name in wanted})


def emits(plan: Plan) -> set[str]:
    """The topics under which a plan tells anything."""
    return {step.topic.name for step in steps_of(plan.steps) if isinstance(step, EmitStep)}


def awaits(plan: Plan) -> set[str]:
    """The topics of which it waits for an event."""
    holds = (step for step in steps_of(plan.steps) if isinstance(step, HoldStep))
    return {step.until.topic for step in holds if step.until is not None}


def promises_of(loaded: Loaded) -> Promises:
    """What the plans of a workspace, and the systems they call, promise."""
    systems = {name: loaded.shape(name) for name in loaded.workspace.systems}
    operations = {(name, each): one for name, system in systems.items() for each, one in system.operations.items()}
    undone = {where: one.undo.call for where, one in operations.items() if one.undo}
    looked = {(where[0], one.lookup.call) for where, one in operations.items() if one.lookup}
    undoing = frozenset((where[0], call) for where, call in undone.items())
    return Promises(
        specs={name: spec_promise(loaded, plan) for name, plan in loaded.plans.items()},
        effects={where: one.effect for where, one in operations.items()},
        undone_by=undone,
        undoing=undoing,
        helpers=undoing | looked,
        replacing=frozenset(where for where, one in operations.items() if one.request.method in REPLACING),
        attempts_max={name: system.retry.attempts_max for name, system in systems.items()},
        breakers={name: system.breaker for name, system in systems.items()},
        quotas={name: live.quotas for name, live in loaded.systems.items()},
        key_headers={name: one.idempotency.header.lower() for name, one in systems.items() if one.idempotency},
        doubles_after_us={where: after_us for where in operations if (after_us := doubles_after(systems, where)) >= 0},
    )


def doubles_after(systems: Mapping[str, shape.System], where: Operation) -> int:
    """After how long one more call is another effect, and no look-up tells; -1 where that never is."""
    system = systems[where[0]]
    operation = system.operations[where[1]]
    if operation.lookup is not None:
        return -1
    if operation.effect == "idempotent" and system.idempotency and system.idempotency.valid_for:
        return system.idempotency.valid_for.microseconds
    return 0 if operation.effect == "unprotected" else -1


def siblings(promises: Promises, integration: str) -> list[str]:
    """Integrations that may be told the same as this one, and have effects by the same operations."""
    mine = promises.specs[integration]
    return [
        other.integration
        for other in promises.specs.values()
        if other is not mine
        and mine.contract
        and other.contract == mine.contract
        and not promises.effecting(mine).isdisjoint(promises.effecting(other))
    ]


def spec_promise(loaded: Loaded, plan: Plan) -> SpecPromise:
    content: shape.Integration = loaded.workspace.integrations[plan.integration].content
    said = {step.id: step for step in shapes_of(content.steps)}
    steps = list(steps_of(plan.steps))
    untils = [step for step in steps if isinstance(step, HoldStep) and step.until is not None]
    receive = plan.receive
    return SpecPromise(
        integration=plan.integration,
        calls={step.id: call_promise(step, said.get(step.id)) for step in steps if isinstance(step, CallStep)},
        maps=tuple(step.id for step in steps if isinstance(step, MapStep)),
        guarded=receive.revision is not None,
        space=receive.space or plan.integration,
        endless=tuple(step.id for step in untils if step.expires is None),
        waits={step.id: step.until.topic for step in untils if step.until is not None},
        contract=receive.contract.name if receive.contract else "",
        blocks=receive.blocks,
        tells={step.id: step.topic.name for step in plan.steps if isinstance(step, EmitStep) and step.when is None},
        tells_most=tells_most(plan),
    )


def tells_most(plan: Plan) -> dict[str, int]:
    """Topic → the steps that tell of it; of a topic that items of an `each` tell of, nothing is said."""
    often = Counter(step.topic.name for step in plan.steps if isinstance(step, EmitStep))
    items = [one for step in plan.steps if isinstance(step, EachStep) for one in steps_of(step.steps)]
    for step in items:
        if isinstance(step, EmitStep):
            often.pop(step.topic.name, None)
    return dict(often)


def call_promise(step: CallStep, said: shape.Step | None) -> CallPromise:
    providers = (step.operation, *step.others)
    written = said is not None and said.on_unknown == "retry"
    doubling = all(one.effect in ("unprotected", "verifiable") for one in providers)
    declined = frozenset(where(one) for one in providers if is_no(step, one))
    return CallPromise(step.id, tuple(where(one) for one in providers), written and doubling, step.on_failure, declined)


def is_no(step: CallStep, operation: OperationPlan) -> bool:
    """Whether a partner's no is one: by the first rule that holds for it, else as the dialect takes a 400. It is read
    here once more, for what the engine makes of it is what is proved."""
    answer = {"status": DECLINED.status, "headers": DECLINED.headers, "body": DECLINED.body}
    scope = {"input": None, "once": None, "failure": None, **answer}
    for when, verdict in (*step.outcomes, *operation.outcomes):
        try:
            if truth(when(scope)):
                return verdict is Verdict.REFUSED
        except LanguageError:
            return False
    return True


def where(operation: OperationPlan) -> Operation:
    return operation.system, operation.name


def steps_of(steps: tuple[StepPlan, ...]) -> Iterator[StepPlan]:
    """Every step, those inside `each` behind it."""
    for step in steps:
        yield step
        if isinstance(step, EachStep):
            yield from steps_of(step.steps)


def shapes_of(steps: tuple[shape.Step, ...]) -> Iterator[shape.Step]:
    for step in steps:
        yield step
        yield from shapes_of(step.steps or ())


def step_id(place: str) -> str:
    """The id of a step by its place: `label` of `parcels[2].label`."""
    return place.rpartition(".")[2].partition("[")[0]

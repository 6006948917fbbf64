"""The Plan: one integration with every name resolved and every expression bound to a function.

A plan is what an event is pinned to. It holds no address, credential, timeout or retry policy: those are live and are
looked up by system name when a call is made (`Live`). Functions take the scope as one dict.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from engine.contract.drift import UnknownFields
from engine.contract.schema import Contract
from engine.language.tables import Table
from engine.model import Effect, Request, Verdict

DEFAULT_ON_UNKNOWN = {
    Effect.NONE: "retry",
    Effect.IDEMPOTENT: "retry",
    Effect.UNPROTECTED: "retry",
    Effect.VERIFIABLE: "lookup",
    Effect.AT_MOST_ONCE: "hold",
}

Bound = Callable[[Mapping[str, object]], object]
"""A value or expression bound to its scope: names in scope → value. Raises engine.language.LanguageError."""


@dataclass(frozen=True, slots=True)
class LookupPlan:
    """How to ask whether an effect is there; `found` and `result` see the answer, with input and once of the call
    asked about."""

    operation: "OperationPlan"
    input: Bound
    found: Bound
    result: Bound | None


@dataclass(frozen=True, slots=True)
class UndoPlan:
    """How to take an effect back; `input` sees input, once and result of the call that is undone."""

    operation: "OperationPlan"
    input: Bound


@dataclass(frozen=True, slots=True)
class OperationPlan:
    """One operation of a system; `request` makes the whole request from input and once.

    `key_valid_us` is how long the partner remembers its idempotency key, in microseconds (None: it has none, or for
    ever).
    """

    system: str
    name: str
    effect: Effect
    request: Callable[[object, str | None], Request]
    outcomes: tuple[tuple[Bound, Verdict], ...]
    result: Bound | None
    lookup: LookupPlan | None
    identity: Bound | None
    key_valid_us: int | None
    undo: UndoPlan | None = None

    @property
    def full_name(self) -> str:
        return f"{self.system}.{self.name}"


@dataclass(frozen=True, slots=True)
class MapStep:
    """A mapping and the contract its result must hold. `tables` names those that it may look something up in."""

    id: str
    when: Bound | None
    source: Bound
    mapping: Callable[[object], object]
    contract: Contract
    tables: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CallStep:
    """A call, the identity of its effect, and what to do when it fails or nobody knows (`on_unknown` is empty where
    that goes by what each provider does there). `tables` names those that its request may look something up in."""

    id: str
    when: Bound | None
    operation: OperationPlan
    input: Bound | None
    once: Bound | None
    on_unknown: str
    on_failure: str
    default: object
    tables: tuple[str, ...]
    others: tuple[OperationPlan, ...] = ()
    """The further providers of an `any_of`; `operation` is the first."""
    pick: Bound | None = None
    """Gives the names of the providers to try, in order; None: as declared."""
    outcomes: tuple[tuple[Bound, Verdict], ...] = ()
    """What answers mean to this call, before the operation's own."""

    def alternatives(self, operation: OperationPlan) -> tuple[OperationPlan, ...]:
        """All that it may call but this one, picked or not: what is picked may be another one the next time."""
        return tuple(one for one in (self.operation, *self.others) if one is not operation)

    def provider(self, full_name: str) -> OperationPlan | None:
        """The operation of that name among those that the step may call."""
        return next((one for one in (self.operation, *self.others) if one.full_name == full_name), None)


@dataclass(frozen=True, slots=True)
class UntilPlan:
    """Waits for an event of a topic with the same key, for which `when` holds (None: any)."""

    topic: str
    when: Bound | None


@dataclass(frozen=True, slots=True)
class HoldStep:
    """A queue for people, or with `until` a wait for an event of a topic. `expires` is a span in microseconds or gives
    a time as text; `warn_us` is how long after the beginning somebody is told."""

    id: str
    when: Bound | None
    queue: str
    reason: Bound
    on_failure: str
    default: object = None
    until: UntilPlan | None = None
    expires: Bound | int | None = None
    warn_us: int | None = None


@dataclass(frozen=True, slots=True)
class DecideStep:
    """A table of decisions: the `then` of the first row whose `when` holds (None: always; no such row: null), or of
    `all` of them as a list."""

    id: str
    when: Bound | None
    rows: tuple[tuple[Bound | None, Bound], ...]
    all: bool
    tables: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TopicPlan:
    """A topic of the charter: the contract of its bodies, and how key and revision are read of one. Their scope holds
    it as `body`; within it they read the body itself."""

    name: str
    contract: Contract
    key: Bound
    revision: Bound | None = None


@dataclass(frozen=True, slots=True)
class EmitStep:
    """An event of a topic. `once` is its id; None: made of the event's id and the step's place."""

    id: str
    when: Bound | None
    topic: TopicPlan
    body: Bound
    once: Bound | None
    tables: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EachStep:
    """Steps for every item of a list. Inside, `name` is the item and `$index` its place; the result is a list of
    `{name, and each inner step's id}`."""

    id: str
    when: Bound | None
    items: Bound
    name: str
    steps: "tuple[StepPlan, ...]"
    on_failure: str
    default: object = None
    tables: tuple[str, ...] = ()


StepPlan = MapStep | CallStep | HoldStep | DecideStep | EmitStep | EachStep


@dataclass(frozen=True, slots=True)
class ReceivePlan:
    """What comes in: where, from whom, how it is named. `extract` decodes only what `id`, `key` and `revision` read,
    None: all. `unknown` gives the fields of a body that the contract does not know. With `topic` it comes from other
    integrations, and `path` and `system` are empty. `split` gives the items of a delivery; `space` is empty where keys
    are the integration's own."""

    path: str
    system: str
    when: Bound | None
    contract: Contract | None
    unknown: UnknownFields | None
    id: Bound
    key: Bound
    extract: Callable[[bytes], object] | None
    dedupe_for_s: int
    topic: str = ""
    split: Bound | None = None
    revision: Bound | None = None
    keep_newest: bool = False
    space: str = ""
    blocks: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """One version of one integration, ready to run. `content` is what the store keeps: enough to compile it again.
    `tables` are no part of it: they are those of the moment, the ones its mappings look things up in."""

    hash: str
    content: bytes
    integration: str
    version: int
    environment: str
    receive: ReceivePlan
    steps: tuple[StepPlan, ...]
    tables: Mapping[str, Table]
    lane: int = 1
    """0 urgent, 1 normal, 2 bulk."""
    within_us: int | None = None
    """`sla.complete.within`: from arrival; past it a call that fails without effect is not tried again."""
    done_with_body: frozenset[str] = frozenset()
    """The calls that, once they are made, leave no step that reads the event's body."""

    def every_step(self) -> "Iterator[tuple[str, StepPlan]]":
        """Its steps, those inside `each` too, in order; with each its place, without the numbers of items."""
        waiting = [(step.id, step) for step in reversed(self.steps)]
        while waiting:
            place, step = waiting.pop()
            yield place, step
            if isinstance(step, EachStep):
                waiting += [(f"{place}.{inner.id}", inner) for inner in reversed(step.steps)]

    def calls(self) -> Iterator[CallStep]:
        """Its calls."""
        return (step for _, step in self.every_step() if isinstance(step, CallStep))

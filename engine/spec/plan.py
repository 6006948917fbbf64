"""The Plan: one integration with every name resolved and every expression bound to a function.

A plan is what an event is pinned to. It holds no address, credential, timeout or retry policy: those are live and are
looked up by system name when a call is made (`Live`). Functions take the scope as one dict.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from engine.contract.drift import UnknownFields
from engine.contract.schema import Contract
from engine.language.tables import Table
from engine.model import Effect, Request, Verdict

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
    """A call, the identity of its effect, and what to do when it fails or nobody knows. `tables` names those that its
    request may look something up in."""

    id: str
    when: Bound | None
    operation: OperationPlan
    input: Bound | None
    once: Bound | None
    on_unknown: str
    on_failure: str
    default: object
    tables: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HoldStep:
    """A queue for people."""

    id: str
    when: Bound | None
    queue: str
    reason: Bound
    on_failure: str


StepPlan = MapStep | CallStep | HoldStep


@dataclass(frozen=True, slots=True)
class ReceivePlan:
    """What comes in: where, from whom, how it is named. `extract` decodes only what `id` and `key` read, None: all.
    `unknown` gives the fields of a body that the contract does not know."""

    path: str
    system: str
    when: Bound | None
    contract: Contract | None
    unknown: UnknownFields | None
    id: Bound
    key: Bound
    extract: Callable[[bytes], object] | None
    dedupe_for_s: int


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

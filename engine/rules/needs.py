"""What an event needs next: values that `steps` gives and the loops carry out.

A *place* says where in a plan it is needed: `erp`, or `parcels[2].label` inside an `each`; the item it belongs to is
what stands before the last dot. Nothing here thinks or does.
"""

from collections.abc import Mapping

from msgspec import Struct

from engine.model import Request, Revision, Sighting, Status
from engine.spec.plan import CallStep, EachStep, EmitStep, HoldStep, OperationPlan


class Call(Struct, frozen=True):
    """A call must be made. `once` is None where the operation has no effect; `digest` stands for the request.

    `providers` are all that an `any_of` may call, in the order they are tried; `operation` is the one that `request` is
    for, and `identity` the `once` of those that have an effect. `kind` is `call`, or `undo` of what was done at the
    place.
    """

    step: CallStep
    place: str
    operation: OperationPlan
    input: object
    once: str | None
    request: Request
    digest: bytes
    providers: tuple[OperationPlan, ...]
    identity: str | None
    kind: str = "call"


class Ask(Struct, frozen=True):
    """A person must decide, or with `until` an event of a topic must come. `expires_at` is a time that an expression
    gave (0: none did), `scope` is what the step sees."""

    step: HoldStep
    place: str
    reason: str
    expires_at: int
    scope: Mapping[str, object]


class Emit(Struct, frozen=True):
    """An event of a topic must be written."""

    step: EmitStep
    place: str
    id: str
    key: str
    revision: Revision | None
    body: bytes


class Failed(Struct, frozen=True):
    """All items of an `each` have ended, and some failed."""

    step: EachStep
    place: str
    reason: str


class Rest(Struct, frozen=True):
    """No item of an `each` can move now: each that has not ended waits or is held."""

    place: str


class End(Struct, frozen=True):
    """The event ends here, or stands still for a person: done, ignored, quarantined, held, dead; inside an `each` its
    item does. `sightings` are what is to be counted with it, `unknown` the fields that its contract does not know."""

    status: Status
    reason: str = ""
    step: str = ""
    queue: str = ""
    sightings: tuple[Sighting, ...] = ()
    unknown: tuple[str, ...] = ()


Need = Call | Ask | Emit | Failed | Rest | End


def item_of(place: str) -> str:
    """The item that a place belongs to, `parcels[2]` of `parcels[2].label`; empty outside of any."""
    return place.rpartition(".")[0]

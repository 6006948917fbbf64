"""The request of a call: its input, the identity of its effect, and which of several providers is asked.

Refuses to make a call without identity where the operation has an effect: such a call could double.
"""

from collections.abc import Mapping
from hashlib import sha256

from msgspec.structs import replace

from engine.contract.body import sorted_json
from engine.model import Effect, Request, Status
from engine.rules.needs import Call, End
from engine.rules.truth import identity_text
from engine.spec.plan import CallStep, OperationPlan

DIGEST_BYTES = 16


def make_call(step: CallStep, scope: Mapping[str, object], place: str, renewed: int = 0) -> Call | End:
    """The call of a step, to the first provider that it may be made to. `renewed`: how often a person asked for a new
    effect here."""
    providers = (step.operation,) if not step.others else picked(step, scope)
    if isinstance(providers, str):
        return End(Status.QUARANTINED, f"step {place}: {providers}", place)
    input_ = None if step.input is None else step.input(scope)
    once: str | None = None
    if any(operation.effect is not Effect.NONE for operation in providers):
        once = identity_text(step.once(scope) if step.once else None)
        if once is None:
            return End(
                Status.QUARANTINED,
                f"step {place}: `once` gave no text or number, and without an identity the call could double",
                place,
            )
        if renewed:
            once = f"{once}/{renewed + 1}"
    return to_provider(step, place, providers, 0, input_, once)


def to_provider(
    step: CallStep, place: str, providers: tuple[OperationPlan, ...], which: int, input_: object, identity: str | None
) -> Call:
    """The call as one of the providers takes it."""
    operation = providers[which]
    once = None if operation.effect is Effect.NONE else identity
    request, digest = written(operation.request(input_, once))
    return Call(step, place, operation, input_, once, request, digest, providers, identity)


def written(request: Request) -> tuple[Request, bytes]:
    """The request with its body written, and the digest of JSON `[method, path, query, headers, body]`: a body is
    written once, for the digest and for the wire, and its keys are sorted there too."""
    body = sorted_json(request.body)
    head = sorted_json([request.method, request.path, request.query, request.headers])
    digest = sha256(b"%b,%b]" % (head[:-1], body)).digest()[:DIGEST_BYTES]
    return request if request.body is None else replace(request, written=body), digest


def picked(step: CallStep, scope: Mapping[str, object]) -> tuple[OperationPlan, ...] | str:
    """The providers in the order they are tried, or why there are none."""
    if step.pick is None:
        return (step.operation, *step.others)
    names = step.pick(scope)
    if not isinstance(names, list) or not names:
        return "`pick` gave no list of providers"
    chosen: dict[str, OperationPlan] = {}
    for name in names:
        operation = step.provider(name) if isinstance(name, str) else None
        if operation is None:
            return "`pick` gave a name that is not among `any_of`"
        chosen[operation.full_name] = operation
    return tuple(chosen.values())

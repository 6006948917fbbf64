"""Quotas and breakers that say nothing, or what can never be: told where they stand, with what to write instead.

One key alone is the reader's matter; here is what only several together, or their sizes, show. This file refuses to
judge what may well be meant; the charter says what is unwise.
"""

from collections.abc import Iterator

from engine.errors import Fault
from engine.spec import shape
from engine.spec.invalid import INVALID
from engine.spec.workspace import Document, Workspace

WINDOW_LEAST_US = 1_000_000
WINDOW_MOST_US = 3_600_000_000


def gate_faults(workspace: Workspace) -> Iterator[Fault]:
    """The faults of every quota and breaker that could be read."""
    for document in (*workspace.systems.values(), *workspace.doubles.get("system", ())):
        system = document.partial
        if isinstance(system.quota, shape.Quota):
            yield from quota_faults(document, system.quota, "quota")
        if isinstance(system.breaker, shape.Breaker):
            yield from breaker_faults(document, system.breaker)
        for name, operation in system.operations.items():
            if isinstance(operation, shape.Operation) and isinstance(operation.quota, shape.Quota):
                yield from quota_faults(document, operation.quota, f"operations.{name}.quota")


def quota_faults(document: Document, quota: shape.Quota, path: str) -> Iterator[Fault]:
    if quota.rate is None and quota.spacing is None and quota.concurrency is None and quota.burst is not INVALID:
        message = "none of `rate`, `spacing` and `concurrency` is given: the quota limits nothing"
        yield fault(
            "missing-key", document, path, message, "add one of them, such as `rate: 25/s`; or remove the quota"
        )
    elif quota.rate is None:
        for word, given in (("burst", quota.burst is not None), ("kind", quota.kind == "leaky_bucket")):
            if given:
                message = f"`{word}` means nothing without a `rate`"
                yield fault("key-not-here", document, f"{path}.{word}", message, "add `rate:`, or remove it")
    if quota.rate is not None and quota.kind == "leaky_bucket" and quota.burst is not None:
        message = "a leaky bucket lets calls out one by one: there are no bursts"
        hint = "remove it; a partner that takes bursts, as Shopify's bucket of 40 does, is a token_bucket"
        yield fault("key-not-here", document, f"{path}.burst", message, hint)


def breaker_faults(document: Document, breaker: shape.Breaker) -> Iterator[Fault]:
    window = breaker.window
    if window is not INVALID and not WINDOW_LEAST_US <= window.microseconds <= WINDOW_MOST_US:
        message = "a breaker looks at the calls of a second to an hour"
        yield fault("out-of-range", document, "breaker.window", message, "write such as `window: 30s`")
    if breaker.failures is not INVALID and not breaker.failures.millionths:
        message = "at a share of 0% it opens although nothing fails"
        yield fault("out-of-range", document, "breaker.failures", message, "write such as `failures: 50%`")


def fault(code: str, document: Document, path: str, message: str, hint: str) -> Fault:
    return Fault(code, document.mark(path), path, message, hint)

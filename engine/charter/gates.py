"""Breakers against quotas and timeouts: what is declared and can never come about."""

from collections.abc import Iterator

from engine.charter.ladders import span
from engine.charter.look import finding, systems
from engine.errors import Fault
from engine.spec import shape
from engine.spec.workspace import Workspace


def breaker_never_opens(workspace: Workspace) -> Iterator[Fault]:
    """A breaker can see, in its window, as many calls as it wants before it says anything."""
    for document, system in systems(workspace):
        window_us, wanted = system.breaker.window.microseconds, system.breaker.calls_min
        quotas = {"quota": system.quota}
        quotas |= {f"operations.{name}.quota": operation.quota for name, operation in system.operations.items()}
        for path, quota in quotas.items():
            most = None if quota is None else calls_within(quota, window_us)
            if most is not None and most < wanted:
                message = (
                    f"at most {most} calls come through this quota in the breaker's window of {span(window_us)}, and it"
                    f" wants {wanted} before it opens: it never does"
                )
                hint = "let it see enough: a longer `window` or a smaller `calls_min` under `breaker`"
                severity = "note" if system.breaker == shape.Breaker() else "warning"
                yield finding("breaker-never-opens", document, path, message, hint, severity)


def calls_within(quota: shape.Quota, window_us: int) -> int | None:
    """The most calls a quota lets through in a window; None where it does not say."""
    bounds = []
    if quota.rate is not None:
        second = 1_000_000 * quota.rate.times // quota.rate.microseconds
        burst = 1 if quota.kind == "leaky_bucket" else quota.burst or max(1, second)
        bounds.append(burst + window_us * quota.rate.times // quota.rate.microseconds)
    if quota.spacing is not None and quota.spacing.microseconds:
        bounds.append(1 + window_us // quota.spacing.microseconds)
    return min(bounds, default=None)


def slow_never_seen(workspace: Workspace) -> Iterator[Fault]:
    """A call that takes as long as its timeout has failed: it is never only slow."""
    for document, system in systems(workspace):
        slow, timeout_us = system.breaker.slow, system.timeout.microseconds
        if slow is not None and slow.microseconds >= timeout_us:
            message = f"slow is what takes {span(slow.microseconds)}, and a call is given up after {span(timeout_us)}"
            hint = "write a `slow` well below `timeout`, or leave it out"
            yield finding("slow-never-seen", document, "breaker.slow", message, hint)

"""Breakers against quotas and timeouts, and quotas against the peak: what is declared and can never come about."""

from collections.abc import Iterator

from engine.charter.ladders import rate_text, span
from engine.charter.look import Call, calls, finding, integrations, systems
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


def peak_beyond_quota(workspace: Workspace) -> Iterator[Fault]:
    """What comes in at the peak goes out again in the time that is given for it, through the quotas of whom it calls.

    Only calls that every event makes are counted: those with `when`, of an `any_of` or for items may be fewer.
    """
    made = [call for call in calls(workspace) if is_certain(call)]
    for document, spec in integrations(workspace):
        peak = spec.sla.peak if spec.sla else None
        if peak is None:
            continue
        events = peak.rate.times * peak.for_.microseconds // peak.rate.microseconds
        until_us = peak.for_.microseconds + (peak.drain.microseconds if peak.drain else 0)
        for gate, (quota, each) in gates_of([call for call in made if call.document is document]).items():
            most = calls_within(quota, until_us)
            if most is not None and most < events * each:
                after = f" and {span(peak.drain.microseconds)} after it" if peak.drain else ""
                arriving = f"{rate_text(peak.rate)} for {span(peak.for_.microseconds)}"
                through = f"its quota lets {most} through in that time{after}"
                message = f"{arriving} are {events * each} calls of {gate}, and {through}"
                hint = (
                    f"give the peak a longer `drain`, of {span(drain_us(quota, events * each, peak))} at least, or ask"
                    " the partner for a larger quota"
                )
                yield finding("peak-beyond-quota", document, "sla.peak", message, hint)


def is_certain(call: Call) -> bool:
    return call.step.when is None and isinstance(call.step.call, str) and ".steps[" not in call.at


def gates_of(made: list[Call]) -> dict[str, tuple[shape.Quota, int]]:
    """Gate → its quota, and how often one event passes it."""
    found: dict[str, tuple[shape.Quota, int]] = {}
    for call in made:
        for gate, quota in ((call.system.system, call.system.quota), (call.name, call.operation.quota)):
            if quota is not None:
                found[gate] = (quota, found.get(gate, (quota, 0))[1] + 1)
    return found


def drain_us(quota: shape.Quota, wanted: int, peak: shape.Peak) -> int:
    """The shortest time after the peak by whose end the quota has let so many calls through, to a second."""
    low, high = 0, 1
    while (calls_within(quota, peak.for_.microseconds + high * 1_000_000) or wanted) < wanted:
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        enough = (calls_within(quota, peak.for_.microseconds + middle * 1_000_000) or wanted) >= wanted
        low, high = (low, middle) if enough else (middle, high)
    return high * 1_000_000

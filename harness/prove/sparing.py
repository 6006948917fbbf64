"""A RUN → HOW PARTNERS WERE ASKED: not too often for one event, not after a no, no more than they allow, no sooner than
they said.

Properties of their own, since they ask of the calls alone and need no reference. This file refuses to count what the
engine says it did: the calls are the partners'.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from engine.model import Status
from engine.spec import shape
from harness.prove.promises import step_id
from harness.prove.sides import Trial, Violation
from harness.simulation.scenario import CallMade


def bounded_attempts(trial: Trial) -> Iterator[Violation]:
    """No call is sent more often than its system's `retry` allows; a probe of an open breaker in vain is no attempt,
    and an engine that died while it called has to ask once more: what came of that call nobody knows."""
    again = Counter(moment.event for moment in trial.run.moments if moment.kind == "person")
    probes = probed_in_vain(trial)
    lives: dict[tuple[int, str, str, str, str], list[int]] = defaultdict(list)
    for number, sent in enumerate(trial.run.calls):
        if number not in probes:
            lives[sent.event, sent.step, sent.system, sent.operation, sent.once].append(sent.life)
    for (event, place, system, operation, _), called_in in lives.items():
        count, died = len(called_in), len({*called_in}) - 1
        spec = trial.spec(event)
        call = spec.calls.get(step_id(place)) if spec else None
        if spec is None or call is None or (system, operation) not in call.providers:
            continue
        # Whoever is let go on has all of them again.
        allowed = trial.promises.attempts_max[system] * (1 + again[event]) + died
        if count > allowed:
            label = trial.run.labels.get(event)
            words = f"{system}.{operation} was called {count} times for {label}, and {allowed} are allowed"
            yield Violation("bounded-attempts", spec.integration, place, words)
    yield from asked_after_no(trial)


def asked_after_no(trial: Trial) -> Iterator[Violation]:
    """Who has declined a call is not called with it again; unless the engine died and never heard of it, or a person
    said so."""
    moved = {moment.event for moment in trial.run.moments if moment.kind == "person"}
    declined: set[tuple[object, ...]] = set()
    for call in trial.run.calls:
        spec = trial.spec(call.event)
        step = spec.calls.get(step_id(call.step)) if spec else None
        if spec is None or step is None or (call.system, call.operation) not in step.declined or call.event in moved:
            continue
        what = (call.life, call.event, call.step, call.system, call.operation, call.once)
        if what in declined:
            words = f"the {call.system} declined {call.operation} for {call.label}, and is called with it again"
            yield Violation("bounded-attempts", spec.integration, call.step, words)
        elif call.fault == "decline" and call.status:
            declined.add(what)


def probed_in_vain(trial: Trial) -> set[int]:
    """The calls, by their place, that went out after a breaker's pause, once it had reason to open, and failed."""
    found: set[int] = set()
    before: dict[tuple[str, str], list[CallMade]] = defaultdict(list)
    opened: set[tuple[str, str]] = set()
    for place, call in enumerate(trial.run.calls):
        gate = (call.system, call.operation)
        breaker = trial.promises.breakers.get(call.system)
        if breaker is None:
            continue
        if gate not in opened and opens(breaker, before[gate]):
            opened.add(gate)
        paused = gate in opened and call.at_us - before[gate][-1].at_us >= breaker.open_for.microseconds
        if paused and not well(call):
            found.add(place)
        before[gate].append(call)
    return found


def opens(breaker: shape.Breaker, calls: Sequence[CallMade]) -> bool:
    """Whether of the last calls, as many as the breaker asks for within its window, too many failed or were slow."""
    slow_us = breaker.slow.microseconds if breaker.slow else 0
    failed = slow = 0
    for count, call in enumerate(reversed(calls), start=1):
        if call.at_us + call.took_us < calls[-1].at_us - breaker.window.microseconds:
            return False
        failed += not well(call)
        slow += bool(slow_us) and call.took_us >= slow_us
        if count >= breaker.calls_min and max(failed, slow) * 1_000_000 >= count * breaker.failures.millionths:
            return True
    return False


def well(call: CallMade) -> bool:
    return 0 < call.status < 500


def quota_kept(trial: Trial) -> Iterator[Violation]:
    """No partner is called more often, or more at once, than its file allows; and who is told to come later comes
    later."""
    for row in trial.run.events:
        spec = trial.promises.specs.get(row.integration)
        calls = [call for call in trial.now.calls[row.event] if call.step == row.step]
        if spec is None or row.status is not Status.DEAD or not calls or calls[-1].status != 429:
            continue
        system = calls[-1].system
        if len(calls) < trial.promises.attempts_max[system]:
            words = f"{trial.run.labels.get(row.event)} is dead, for the {system} said 429, which asks to come later"
            yield Violation("quota-kept", row.integration, row.step, words)
    yield from too_soon(trial)
    for system, quotas in trial.promises.quotas.items():
        for gate, quota in quotas.items():
            calls = [call for call in trial.run.calls if gate in (call.system, f"{call.system}.{call.operation}")]
            calls = [call for call in calls if call.fault not in ("refuse", "dns")]
            burst = (quota.burst or -(-quota.rate * 1_000_000 // quota.per_us)) if quota.rate else 0
            over = quota.rate and over_rate([call.at_us for call in calls], quota.rate, quota.per_us, burst)
            many = quota.concurrency and over_at_once(calls, quota.concurrency)
            if calls and (over or many):
                how = "more often" if over else "by more at once"
                words = f"{gate} was called {how} than the quota of {system} allows"
                yield Violation("quota-kept", trial.integration(calls[0]), calls[0].step, words)


WISH_MAX_S = 3_600
"""The longest wait that a partner is granted (`engine.rules.retry`)."""


def too_soon(trial: Trial) -> Iterator[Violation]:
    """Who is told to come after so many seconds does not come before; unless the engine died and never heard of it, or
    a person said so."""
    moved = {moment.event for moment in trial.run.moments if moment.kind == "person"}
    last: dict[tuple[object, ...], CallMade] = {}
    for call in trial.run.calls:
        who = (call.life, call.event, call.step, call.system, call.operation)
        before = last.get(who)
        last[who] = call
        if before is None or not before.later_s or call.event in moved:
            continue
        asked_us = before.at_us + before.took_us + min(before.later_s, WISH_MAX_S) * 1_000_000
        if call.at_us < asked_us:
            words = f"the {call.system} asked to be called again after {before.later_s} s, and was called sooner"
            yield Violation("quota-kept", trial.integration(call), call.step, words)


def over_rate(times: Sequence[int], rate: int, per_us: int, burst: int) -> bool:
    """Whether any window holds more than burst + rate x window, and one for the rounding of its ends."""
    full = 0.0
    at = times[0] if times else 0
    for time in sorted(times):
        full = max(0.0, full - (time - at) * rate / per_us) + 1
        at = time
        if full > burst + 1:
            return True
    return False


def over_at_once(calls: Sequence[CallMade], most: int) -> bool:
    """Whether more calls than these were under way at a time; of one that nobody heard the end of, nothing is said."""
    ends = sorted(
        [(call.at_us, 1) for call in calls if call.took_us]
        + [(call.at_us + call.took_us, -1) for call in calls if call.took_us]
    )
    under_way = 0
    for _, step in ends:
        under_way += step
        if under_way > most:
            return True
    return False

"""What may change while events are on their way: the newest plans, and the settings of systems that are not pinned.

An event keeps the plan it was accepted under, by hash; plans that are no longer the newest are compiled again from what
the store kept, once, when an event of theirs is claimed.
"""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass

from engine.errors import Gone
from engine.rules.breaker import Breaking
from engine.rules.quota import Quota, burst_of
from engine.spec import shape
from engine.spec.plan import EmitStep, Plan

NUMBERS = re.compile(r"\[[0-9]+\]")
"""Of items, in the place of a step inside an `each`."""
ON_THE_WAY_US = 100_000
"""Between a call's token and its first byte at the partner lie a commit and a connection, now quick and now slow: calls
bunch. What flows in meanwhile is held back from the burst, so that also the partner's own count stays within it."""


@dataclass(frozen=True, slots=True)
class LiveSystem:
    """What a system's file says that is not pinned: deadline of a call (seconds), retry policy, when its breakers open,
    and quotas by gate: the system's own under its name, an operation's under `system.operation`."""

    timeout_s: float
    retry: shape.Retry
    breaker: Breaking
    quotas: Mapping[str, Quota]


async def none_kept(_hash: str) -> Plan | None:
    """Where no store holds older plans."""
    return None


class Live:
    """The newest plans and settings; replaced as a whole by a reload."""

    def __init__(
        self,
        plans: Mapping[str, Plan],
        systems: Mapping[str, LiveSystem],
        kept: Callable[[str], Awaitable[Plan | None]],
        refresh: Callable[[str], None],
    ) -> None:
        self.kept = kept
        self.refresh = refresh
        self.older: dict[str, Plan] = {}
        self.replace(plans, systems)

    def replace(self, plans: Mapping[str, Plan], systems: Mapping[str, LiveSystem]) -> None:
        """Makes these the newest. `plans` goes by integration."""
        self.plans = dict(plans)
        self.systems = dict(systems)
        self.by_hash = {plan.hash: plan for plan in plans.values()}
        self.emitters = emitters(plans.values())
        self.older.clear()

    def at_hand(self, hash_: str) -> Plan | None:
        """The plan an event is pinned to, unless it has to be read first."""
        return self.by_hash.get(hash_) or self.older.get(hash_)

    async def plan(self, hash_: str) -> Plan:
        """The plan an event is pinned to. Raises Gone where it cannot be had, StoreAway where nobody can say."""
        plan = self.at_hand(hash_)
        if plan is None:
            plan = await self.kept(hash_)
            if plan is None:
                raise Gone(f"the plan it is pinned to ({hash_[:12]}) is not in the store")
            self.older[hash_] = plan
        return plan

    def shares(self, integration: str, topic: str, place: str) -> bool:
        """Does another integration tell events of the topic, without an id of their own, at a step of the same name?"""
        return bool(self.emitters.get((topic, NUMBERS.sub("", place)), set()) - {integration})

    def system(self, name: str) -> LiveSystem:
        """A system's settings. Raises Gone where the newest workspace has it no longer, or has no address of it."""
        system = self.systems.get(name)
        if system is None:
            raise Gone(f"system `{name}`, which its plan calls, is gone, or has no address or secrets here")
        return system


def emitters(plans: Iterable[Plan]) -> dict[tuple[str, str], set[str]]:
    """(topic, place) → the integrations that tell an event there whose id is made of their own event's."""
    found: dict[tuple[str, str], set[str]] = {}
    for plan in plans:
        for place, step in plan.every_step():
            if isinstance(step, EmitStep) and step.once is None:
                found.setdefault((step.topic.name, place), set()).add(plan.integration)
    return found


def live_systems(systems: Mapping[str, shape.System]) -> dict[str, LiveSystem]:
    return {
        name: LiveSystem(system.timeout.seconds, system.retry, breaking(system.breaker), quotas(name, system))
        for name, system in systems.items()
    }


def breaking(breaker: shape.Breaker) -> Breaking:
    return Breaking(
        window_us=breaker.window.microseconds,
        calls_min=breaker.calls_min,
        failed_ppm=breaker.failures.millionths,
        slow_us=breaker.slow.microseconds if breaker.slow else 0,
        open_for_us=breaker.open_for.microseconds,
    )


def quotas(name: str, system: shape.System) -> dict[str, Quota]:
    """The quotas that a system's file declares, by gate."""
    declared = {name: system.quota}
    declared |= {f"{name}.{operation}": shaped.quota for operation, shaped in system.operations.items()}
    return {gate: quota_at(gate, quota) for gate, quota in declared.items() if quota is not None}


def quota_at(gate: str, quota: shape.Quota) -> Quota:
    rate, per_us = (quota.rate.times, quota.rate.microseconds) if quota.rate else (0, 1_000_000)
    burst = max(1, (quota.burst or burst_of(rate, per_us)) - rate * ON_THE_WAY_US // per_us) if rate else 0
    return Quota(
        gate=gate,
        rate=rate,
        per_us=per_us,
        burst=burst,
        spacing_us=quota.spacing.microseconds if quota.spacing else 0,
        concurrency=quota.concurrency or 0,
        kind=quota.kind,
    )

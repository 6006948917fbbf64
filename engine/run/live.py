"""What may change while events are on their way: the newest plans, and the settings of systems that are not pinned.

An event keeps the plan it was accepted under, by hash; plans that are no longer the newest are compiled again from what
the store kept, once, when an event of theirs is claimed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from engine.errors import Gone
from engine.spec import shape
from engine.spec.plan import Plan


@dataclass(frozen=True, slots=True)
class LiveSystem:
    """What a system's file says that is not pinned: deadline of a call (seconds) and retry policy."""

    timeout_s: float
    retry: shape.Retry


class Live:
    """The newest plans and settings; replaced as a whole by a reload."""

    def __init__(
        self,
        plans: Mapping[str, Plan],
        systems: Mapping[str, LiveSystem],
        kept: Callable[[str], Plan | None],
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
        self.older.clear()

    def plan(self, hash_: str) -> Plan:
        """The plan an event is pinned to. Raises Gone where it cannot be had."""
        plan = self.by_hash.get(hash_) or self.older.get(hash_)
        if plan is None:
            plan = self.kept(hash_)
            if plan is None:
                raise Gone(f"the plan it is pinned to ({hash_[:12]}) is not in the store")
            self.older[hash_] = plan
        return plan

    def system(self, name: str) -> LiveSystem:
        """A system's settings. Raises Gone where the newest workspace no longer has it."""
        system = self.systems.get(name)
        if system is None:
            raise Gone(f"system `{name}`, which its plan calls, is no longer in the workspace")
        return system


def live_systems(systems: Mapping[str, shape.System]) -> dict[str, LiveSystem]:
    return {name: LiveSystem(system.timeout.seconds, system.retry) for name, system in systems.items()}

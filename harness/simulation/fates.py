"""Which call meets which fault: counted calls on one side, the faults of a scenario on the other.

This file refuses to carry a fault out; `partners` and `senders` do.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

from harness.simulation.scenario import SENDER_FAULTS, Fault


class Fates:
    """The faults that are yet to come. A fault that is told by its identity goes before one that is not."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self._calls: dict[tuple[str, str, str, int], Fault] = {}
        self._deliveries: dict[tuple[str, int], list[Fault]] = {}
        self._seen: Counter[tuple[str, str, str]] = Counter()
        for fault in faults:
            if fault.kind in SENDER_FAULTS:
                self._deliveries.setdefault((fault.operation, fault.nth), []).append(fault)
            else:
                self._calls.setdefault((fault.system, fault.operation, fault.identity, fault.nth), fault)

    def of_call(self, system: str, operation: str, identity: str) -> Fault | None:
        """Counts a call, and says what it meets."""
        found = None
        for named in dict.fromkeys((identity, "")):
            nth = self._seen[system, operation, named]
            self._seen[system, operation, named] = nth + 1
            found = found or self._calls.get((system, operation, named, nth))
        return found

    def of_delivery(self, integration: str, nth: int) -> Mapping[str, Fault]:
        """What the `nth` delivery to an integration meets, by kind."""
        return {fault.kind: fault for fault in self._deliveries.get((integration, nth), ())}

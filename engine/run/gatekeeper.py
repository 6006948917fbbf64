"""What a call asks before it may go out, as the loops see it."""

from collections.abc import Sequence
from typing import Protocol

from engine.model import Outcome
from engine.spec.plan import OperationPlan
from engine.store import Learnt, Quota


class Gatekeeper(Protocol):
    """What a call must pass before it may go out: breakers, quotas, the retry budget, the share of a system."""

    def admits(self, operation: OperationPlan) -> bool:
        """Does the breaker let calls through? Says nothing of the rest."""

    def ask(self, operation: OperationPlan, passes: Sequence[str], *, again: bool) -> tuple[str, int] | None:
        """None: it may go. Else the gate to wait at, and when that may end."""

    def quotas(self, operation: OperationPlan) -> tuple[Quota, ...]:
        """The quotas that the ledger takes a token of."""

    def tell(self, operation: OperationPlan, outcome: Outcome | None) -> tuple[Learnt, ...]:
        """What came of a call that was let go (None: it never went), and what that told of its gates."""


class Open:
    """Lets everything go: where one event is tried alone."""

    def admits(self, operation: OperationPlan) -> bool:  # noqa: ARG002
        return True

    def ask(self, operation: OperationPlan, passes: Sequence[str], *, again: bool) -> tuple[str, int] | None:  # noqa: ARG002
        return None

    def quotas(self, operation: OperationPlan) -> tuple[Quota, ...]:  # noqa: ARG002
        return ()

    def tell(self, operation: OperationPlan, outcome: Outcome | None) -> tuple[Learnt, ...]:  # noqa: ARG002
        return ()

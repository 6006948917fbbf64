"""People who look after what waits for them: some time after an event is held they release it, or say no.

They decide by the same verb as `waybill release`, a few times for each event and not for ever: what is held again after
that has shown that their saying yes does not help.
"""

import contextlib
from collections import Counter
from collections.abc import Callable

from engine.store import Move
from harness.simulation.life import Life
from harness.simulation.loop import SimLoop
from harness.simulation.ports import PowerCut
from harness.simulation.scenario import People as Habits
from harness.simulation.witness import Witness

DECISIONS_MAX = 3
"""For one event."""
AGAIN_S = 30.0
"""Whoever gets no answer tries again so much later."""


class People:
    """Whoever looks after the queues of a run; nobody, where there are no `habits`."""

    def __init__(self, loop: SimLoop, witness: Witness, habits: Habits | None, life: Callable[[], Life | None]) -> None:
        self.loop = loop
        self.witness = witness
        self.habits = habits
        self.life = life
        self.decided: Counter[int] = Counter()
        if habits is not None:
            witness.held = self.held

    def held(self, event: int) -> None:
        """An event waits for them."""
        if self.habits is not None and self.decided[event] < DECISIONS_MAX:
            self.decided[event] += 1
            self.loop.call_later(self.habits.after_s, self.decide, event, self.habits.action)

    def decide(self, event: int, action: str) -> None:
        again = self.loop.call_later(AGAIN_S, self.decide, event, action)
        life = self.life()
        if life is None:
            return
        ports = life.parts.ports

        def done(said: str | BaseException) -> None:
            again.cancel()
            if said == "":
                life.wake()

        with contextlib.suppress(PowerCut):
            move = Move(event, life.clock.now(), action, by="people", reason="simulated")
            ports.committer.hand_in(ports.store.move, move, done)

"""WHOEVER WATCHES A RUN UNTIL IT IS OVER: looks once a second, shows what is seen, and says when nothing is left to do.

A process that ended by itself ends the run, with its last words. This file refuses to start anything, and to measure.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any, Final

from engine.clock import SystemClock
from engine.errors import UserError
from engine.store.open import reading
from harness.load.measure.timeline import to_move
from harness.load.measure.watch import Row, Watch, engine_rss_mib, engine_share
from harness.load.run.plan import Plan
from harness.load.run.sending import ANSWER_S, GENERATOR_GRACE_S, Generators
from harness.load.send.arrivals import spans
from harness.load.stage.built import Stage, ended
from harness.load.tell.view import Picture, View

LOOK_EVERY_S: Final = 1.0
STILL_LOOKS: Final = 2
"""A backlog is drained when so many looks on end find nothing to move."""
RATE_OVER: Final = 5
"""Rates that are shown are of so many seconds."""


class Conductor:
    """Watches one run until it is over, and shows it."""

    def __init__(self, plan: Plan, view: View, stage: Stage, generators: Generators, watch: Watch) -> None:
        self.plan = plan
        self.view = view
        self.stage = stage
        self.generators = generators
        self.looker = watch
        self.clock = SystemClock()
        self.phases = spans(plan.profile)
        self.recent: deque[tuple[float, int, int, int]] = deque(maxlen=RATE_OVER + 1)

    async def watch(self) -> None:
        """Until everything was sent and answered and nothing is left to move, or the drain's time is over."""
        still, profile = 0, self.plan.profile
        begin_s = self.generators.begin_s
        next_s = self.clock.monotonic()
        while True:
            row = await self.looker.look()
            elapsed_s = self.clock.monotonic() - begin_s
            self.alive()
            self.view.show(self.picture(row, elapsed_s))
            if not self.generators.sending:
                still = still + 1 if self.left_to_move(row) == 0 else 0
                if still >= STILL_LOOKS or elapsed_s > profile.length_s + profile.drain_s:
                    return
            elif elapsed_s > profile.length_s + ANSWER_S + GENERATOR_GRACE_S:
                raise UserError("the generator does not come to an end", exit_code=4)
            next_s = max(next_s + LOOK_EVERY_S, self.clock.monotonic())
            await asyncio.sleep(next_s - self.clock.monotonic())

    def alive(self) -> None:
        """Raises UserError with the last words of a process that is not there any more."""
        error = ended(self.stage)
        if error is not None:
            raise error
        for process in self.generators.processes:
            if process.ended and process.wait() != 0:
                raise process.failed()

    def left_to_move(self, row: Row) -> int:
        """What waits for a person, or for an event of a topic, is left out: only the store knows."""
        if row.page is not None and row.page.backlog == 0:
            return 0
        assert self.stage.store is not None
        with reading(self.stage.store) as database:
            return to_move(database)

    def picture(self, row: Row, elapsed_s: float) -> Picture:
        said = [each for each in self.generators.progress if each]
        offered, accepted = (sum(each[word] for each in said) for word in ("due", "accepted"))
        page = row.page
        backlog = page.backlog if page else 0
        finished = max(0, (page.accepted if page else 0) - backlog)
        self.recent.append((elapsed_s, offered, accepted, finished))
        answered = [each["quantiles_ms"] for each in said]
        before = self.looker.rows[-2] if len(self.looker.rows) > 1 else None
        phase = next((each.name for each in self.phases if each.begin_s <= elapsed_s < each.end_s), "")
        if elapsed_s < 0:
            phase = "starting"
        return Picture(
            what=self.plan.what or self.plan.profile.name,
            phase=phase,
            elapsed_s=max(0.0, elapsed_s),
            length_s=self.plan.profile.length_s,
            drain_s=self.plan.profile.drain_s,
            offered_per_min=self.rate(1),
            accepted_per_min=self.rate(2),
            completed_per_min=self.rate(3),
            offered=offered,
            accepted=accepted,
            completed=finished,
            refused=sum(map(refused, said)),
            backlog=backlog,
            oldest_s=page.oldest_s if page else 0.0,
            retries=page.retries if page else 0,
            accept_p50_ms=worst(answered, "0.5"),
            accept_p95_ms=worst(answered, "0.95"),
            accept_p99_ms=worst(answered, "0.99"),
            engine_cpu=share_of(before, row),
            engine_rss_mib=engine_rss_mib(row),
            generator_cpu=max((each["cpu"] for each in said), default=0.0),
            lag_ms=worst(said, "lag_ms"),
            parked=page.parked if page else {},
        )

    def rate(self, place: int) -> float:
        """A minute, of the last seconds."""
        first, last = self.recent[0], self.recent[-1]
        span_s = last[0] - first[0]
        return max(0.0, 60 * (last[place] - first[place]) / span_s) if span_s > 0 else 0.0


def refused(said: dict[str, Any]) -> int:
    """Messages that got another answer than a 2xx, or none."""
    return int(sum(said["statuses"].values()) - said["accepted"])


def worst(said: Sequence[dict[str, Any]], name: str) -> float | None:
    """Of several generators the slowest: their distributions are joined at the end."""
    return max((each[name] for each in said if each.get(name) is not None), default=None)


def share_of(before: Row | None, row: Row) -> float:
    return engine_share(before, row) if before is not None else 0.0

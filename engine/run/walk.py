"""One claimed event on its way: think, do the one thing that is needed, record, until it ends or waits.

No policy lives here: what a case means is in `rules`, and what is remembered between claims is in rows, so that a crash
at any line resumes at the next claim. Calls are `call`'s, undoing is `compensate`'s.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence

from msgspec.structs import replace

from engine.errors import Gone, LeaseLost, StoreAway
from engine.model import Arrival, Delivery, EffectState, Emission, ItemState, Status
from engine.rules import steps
from engine.rules.decide import IN_DOUBT, UNKNOWN_EFFECTS, Action, Decision
from engine.rules.holds import began_of, times_of
from engine.rules.needs import Ask, Call, Emit, End, Failed, Need, Rest
from engine.rules.opening import open_event
from engine.rules.undo import DOUBT
from engine.run.call import CallOut
from engine.run.claim import FULL_WAIT_S, Claim, Ports
from engine.run.compensate import Compensation
from engine.run.wait import find_message
from engine.spec.plan import Plan

REASONS_SHOWN = 3


class Walk(Claim):
    """One claim of one event. `opened` is what its steps see, or why it is not for them; `need` is what was thought of
    and is not carried out yet."""

    def __init__(self, ports: Ports, delivery: Delivery) -> None:
        super().__init__(ports, delivery)
        self.opened: dict[str, object] | End | None = None
        self.need: Need | None = None

    async def run(self) -> None:
        """Goes as far as it can now. A lost lease ends it: whoever has the delivery goes on with it."""
        try:
            try:
                await self.walk()
            except Gone as error:
                # The next reload may bring it back; until then a person is told, and other events go on.
                self.settled = None
                await self.record(Status.HELD, queue="gone", reason=str(error), on_release="send")
        except LeaseLost:
            self.fact("lease_lost")

    async def walk(self) -> None:
        """Does the one thing that is needed, then thinks, until the event ends or waits."""
        if self.opened is None:
            await self.fetch_plan()
            think_of([self])
        if isinstance(self.opened, End):
            await self.finish(self.opened)
        elif self.phase:
            await Compensation(self).run()
        else:
            while await self.go_on():
                pass

    # ── thinking ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def look(self) -> None:
        """Opens the event, where its plan is at hand; else `walk` gets that first."""
        plan = self.ports.live.at_hand(self.delivery.plan)
        if plan is not None:
            self.plan, self.opened = plan, open_event(plan, self.delivery)

    async def fetch_plan(self) -> None:
        """Gets the plan of this event to hand. One that must be read from a store that is away is waited for."""
        while True:
            try:
                await self.ports.live.plan(self.delivery.plan)
            except StoreAway:
                self.fact("plan_waits_for_store")
                await asyncio.sleep(FULL_WAIT_S)
            else:
                return

    def count_unknown(self) -> None:
        """Counts the fields that the contract does not know; at the first claim only, since retries see them again."""
        if self.opened is None or self.delivery.token != 1:
            return
        receive = self.plan.receive
        if receive.contract is None or receive.unknown is None:
            return
        if isinstance(self.opened, End):
            unknown = self.opened.unknown
        elif self.ports.sightings.wants(receive.contract.name):
            unknown = receive.unknown(self.opened["body"])
        else:
            return
        if unknown:
            self.ports.sightings.add(receive.contract.name, unknown, self.delivery.event, self.ports.clock.now())

    def think(self) -> None:
        """What is needed first. What is undone thinks backwards, as `compensate` knows."""
        if self.opened is None or isinstance(self.opened, End):
            return
        self.open(self.plan, self.opened)
        if not self.phase:
            self.need = steps.advance(self.course, self.ports.clock.now())

    async def go_on(self) -> bool:
        """Does the one thing that is needed; true while the delivery goes on at once."""
        need, self.need = self.need or steps.advance(self.course, self.ports.clock.now()), None
        if isinstance(need, Call):
            calling = CallOut(self, need)
            return await self.carry_out(need, await calling.run())
        if isinstance(need, End):
            return await self.end(need)
        return await self.other(need)

    async def other(self, need: Need) -> bool:
        if isinstance(need, Ask):
            return await self.ask(need)
        if isinstance(need, Emit):
            self.emit(need)
            return True
        if isinstance(need, Failed):
            return await self.fail(need.place, need.step.on_failure, need.step.default, need.reason)
        assert isinstance(need, Rest)
        await self.rest(need.place)
        return False

    # ── ends ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def end(self, end: End) -> bool:
        """The event ends or stands still; inside an `each` only its item does."""
        item = self.item(end.step)
        if not item:
            await self.finish(end)
            return False
        self.count(end)
        if end.status is Status.HELD:
            self.hold_item(item, end.step, end.queue, end.reason, on_release="send")
        else:
            self.fail_item(item, end.step, end.reason)
        return True

    async def finish(self, end: End) -> None:
        on_release = "send" if end.status is Status.HELD else ""
        if end.reason and end.status is not Status.IGNORED:
            # A person will move it, and the reason with it: the story keeps it, and what was looked up in.
            self.tell(end.step, end.status.value, reason=end.reason)
        await self.record(
            end.status,
            step=end.step,
            queue=end.queue,
            reason=end.reason,
            on_release=on_release,
            sightings=end.sightings,
        )
        self.count(end)

    def count(self, end: End) -> None:
        if end.sightings:
            for (kind, place), times in Counter((seen.kind, seen.place) for seen in end.sightings).items():
                self.fact("sighted", kind=kind.value, place=place, times=times)

    async def fail(self, place: str, on_failure: str, default: object, reason: str) -> bool:
        """A step failed: what it declares for that. Inside an `each` its item fails."""
        item = self.item(place)
        if on_failure == "continue":
            self.end_doubts(place)
            self.end_step(place, "default", default, reason=reason)
            self.drop_items(place)
            return True
        if item:
            self.fail_item(item, place, reason)
            return True
        if on_failure == "compensate":
            return await self.compensate(place, reason)
        reason = f"step {place}: {reason}"
        if on_failure == "hold":
            self.hold_failed(place)
            await self.record(Status.HELD, step=place, queue="failed-items", reason=reason, on_release="send")
        else:
            await self.record(Status.DEAD, step=place, reason=reason)
        return False

    async def compensate(self, place: str, reason: str) -> bool:
        """From here on the event is undone."""
        self.cause = f"step {place}: {reason}"
        self.tell(place, "compensate", reason=self.cause)
        await Compensation(self).run()
        return False

    # ── calls ────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def carry_out(self, call: Call, decision: Decision) -> bool:
        """Goes on, waits, parks, holds or ends, as decided of a call."""
        action, place = decision.action, call.place
        if action in (Action.GO_ON, Action.DEFAULT):
            return True
        if action is Action.PARK:
            # Whatever else it could do meanwhile, most likely stands at the same gate.
            await self.park(place, decision)
            return False
        item = self.item(place)
        if action is Action.WAIT and item:
            state = self.state_of(item, place)
            waits = "behind" if decision.behind else "waiting"
            self.put_item(replace(state, state=waits, due_at=decision.at, reason=decision.reason))
            return True
        if action is Action.WAIT:
            await self.record(Status.WAITING, step=place, due_at=decision.at, reason=decision.reason)
            return False
        if action is Action.HOLD and item:
            self.hold_item(item, place, decision.queue, decision.reason, on_release=decision.on_release)
            return True
        if action is Action.HOLD:
            await self.record(
                Status.HELD,
                step=place,
                queue=decision.queue,
                reason=f"step {place}: {decision.reason}",
                on_release=decision.on_release,
            )
            return False
        if action is Action.DIE and item and decision.effect is EffectState.UNKNOWN:
            self.fail_item(item, place, decision.reason, UNKNOWN_EFFECTS)
            return True
        on_failure = "compensate" if action is Action.COMPENSATE else "dead_letter"
        return await self.fail(place, on_failure, None, decision.reason)

    # ── topics ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def emit(self, need: Emit) -> None:
        """Keeps an event of a topic, and what arrives of it, for the record that ends the step.

        Ids of events are an integration's own: where another one tells events of the topic at a step of the same name,
        a default id says whose it is, or the one message would be taken for the other. It is decided as the event is
        told, like who receives it: so it is no part of a plan, which another integration must not change, and no
        message of a time before is told anew, for the step that told it has ended in the same commit.
        """
        now, topic = self.ports.clock.now(), need.step.topic.name
        integration = self.delivery.integration
        if need.step.once is None and self.delivery.id is None:
            # One without an id, which a person let go on: else all of these would tell the same message.
            need = replace(need, id=f"evt-{self.delivery.event}:{need.place}")
        if need.step.once is None and self.ports.live.shares(integration, topic, need.place):
            need = replace(need, id=f"{integration}:{need.id}")
        arrivals = tuple(
            arrival_of(plan, need, now) for plan in self.ports.live.plans.values() if plan.receive.topic == topic
        )
        self.emitted.append(Emission(topic, need.key, need.id, need.body, now, arrivals))
        self.end_step(need.place, "emit", need.id, once=need.id, reason=f"told under {topic}")

    # ── holds ────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def ask(self, need: Ask) -> bool:
        """Asks a person, or waits for an event of a topic; goes on waiting where it did, unless its time is over."""
        now, place, step = self.ports.clock.now(), need.place, need.step
        item = self.item(place)
        state = self.course.items.get(item) if item else None
        if self.is_rejected(need, state):
            self.end_step(place, "default", step.default, reason=state.reason if state else self.cause)
            self.cause = ""
            return True
        times = times_of(need, self.began_at(need, state, now))
        found, newest = await find_message(self, need)
        if found:
            self.end_step(place, "until", found[0])
            return True
        if times.expired(now):
            self.tell(place, "expired", reason=need.reason)
            late = "nobody decided in time" if step.until is None else "it did not come in time"
            return await self.fail(place, step.on_failure, step.default, f"{late}: {need.reason}")
        warned = self.attempts_at(place) > 0
        if times.due_to_warn(now) and not warned:
            warned = True
            self.tell(place, "warn", reason=need.reason)
            self.fact("hold_overdue", step=place, queue=step.queue)
        due_at = times.next_at(warned=warned)
        if item:
            self.put_item(ItemState(item, "held", step.id, int(warned), due_at, need.reason, "end", queue=step.queue))
            return True
        self.attempts = int(warned)  # what waits sends nothing: so the count can say that it was told of
        await self.stand(need, due_at, newest)
        return False

    def began_at(self, need: Ask, state: ItemState | None, now: int) -> int:
        """When it began to wait; now, where it has not."""
        if state is not None and state.step == need.step.id and state.state == "held":
            return began_of(need, state)
        if not self.item(need.place) and self.delivery.step == need.place and self.delivery.held_at:
            return self.delivery.held_at
        self.tell(need.place, "hold", reason=need.reason)
        return now

    async def stand(self, need: Ask, due_at: int, newest: int) -> None:
        """The event waits: for a person, or for an event of a topic newer than those it has looked at."""
        step = need.step
        if step.until is not None:
            await self.record(
                Status.WAITING,
                step=need.place,
                due_at=due_at,
                reason=need.reason,
                awaits=(step.until.topic, self.delivery.key or ""),
                seen_message=newest,
            )
            return
        await self.record(
            Status.HELD,
            step=need.place,
            queue=step.queue,
            reason=need.reason,
            due_at=due_at,
            on_release="end",
            on_reject=ON_REJECT[step.on_failure],
        )

    def is_rejected(self, need: Ask, state: ItemState | None) -> bool:
        """Did a person say no to what goes on all the same? An item that failed is not asked for otherwise."""
        if need.step.on_failure != "continue":
            return False
        if self.item(need.place):
            return state is not None and state.state == "failed"
        return bool(self.cause) and self.delivery.step == need.place

    # ── items ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def hold_item(self, item: str, place: str, queue: str, reason: str, *, on_release: str) -> None:
        state = self.state_of(item, place)
        self.put_item(replace(state, state="held", due_at=0, reason=reason, on_release=on_release, queue=queue))

    def hold_failed(self, place: str) -> None:
        """The failed items of an `each` are a person's, whose release lets them go on."""
        for state in self.items_of(place):
            self.put_item(replace(state, state="held", on_release="send"))

    def end_doubts(self, place: str) -> None:
        """An `each` goes on without its failed items: of those that may have taken effect all the same, its story keeps
        it, for who undoes the event, and whoever else asks for these effects."""
        for state in self.items_of(place):
            if state.queue in IN_DOUBT:
                self.end_step(f"{state.place}.{state.step}", DOUBT, None, reason=state.reason)

    def fail_item(self, item: str, place: str, reason: str, queue: str = "") -> None:
        """`queue`: that of what nobody knows of, where it is that."""
        self.tell(place, "failed", reason=reason)
        self.put_item(replace(self.state_of(item, place), state="failed", due_at=0, reason=reason, queue=queue))

    async def rest(self, place: str) -> None:
        """No item can move now: the event waits for the first that will, or is held with those that are.

        Who waits for another event's effect may wait for ever, where that one waits for what is held here: so that is
        a person's at once, and the event wakes by itself to ask again."""
        states = self.course.items.values()
        held = [state for state in states if state.state == "held"]
        waiting = [state for state in states if state.waits]
        due_at = min((state.due_at for state in states if state.due_at), default=0)
        waits = not held or any(state.state == "waiting" for state in waiting)
        shown = "; ".join(f"{state.place}: {state.reason}" for state in (waiting if waits else held)[:REASONS_SHOWN])
        reason = f"step {place}: {len(waiting)} waiting and {len(held)} held of its items: {shown}"
        if waits:
            await self.record(Status.WAITING, step=place, due_at=due_at, reason=reason)
            return
        await self.record(
            Status.HELD,
            step=place,
            queue=held[0].queue,
            reason=reason,
            due_at=due_at,
            on_release="send",
            on_reject="items",
        )


def think_of(walks: Sequence[Walk]) -> None:
    """Takes each as far as thinking alone gets it, one stage of all of them after the other: code that runs over and
    over stays in the processor's caches. Measured: a fifth less CPU for a walk of one call than event by event."""
    for walk in walks:
        walk.look()
    for walk in walks:
        walk.count_unknown()
    for walk in walks:
        walk.think()


ON_REJECT = {"dead_letter": "discard", "hold": "discard", "continue": "continue", "compensate": "compensate"}


def arrival_of(plan: Plan, told: Emit, now: int) -> Arrival:
    """What arrives of an event of a topic at an integration that receives it."""
    receive = plan.receive
    return Arrival(
        integration=plan.integration,
        plan=plan.hash,
        id=told.id,
        key=told.key,
        headers={},
        query={},
        body=told.body,
        received_at=now,
        dedupe_for_s=receive.dedupe_for_s,
        space=receive.space,
        lane=plan.lane,
        revision=told.revision,
        keep_newest=receive.keep_newest,
        blocks=receive.blocks,
    )

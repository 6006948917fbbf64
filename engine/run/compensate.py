"""Undoes what an event did, one effect after the other, the last first: each an ordinary call, with its intent, its
retries, its look-up and its record.

A crash anywhere resumes: what was undone stands in the story, what could not be is an item of the event until the end.
What that end is, and what is undone how, is `rules.undo`'s.
"""

from engine.model import Allowed, ItemState, Status, Step, effect_digest
from engine.rules import undo
from engine.rules.decide import IN_DOUBT, Action, Decision
from engine.rules.steps import advance
from engine.run.call import CallOut
from engine.run.claim import Claim

PHASE = "compensate"
GOES_ON = (Action.GO_ON, Action.DEFAULT)


class Compensation:
    """The undoing of one event in one claim."""

    def __init__(self, claim: Claim) -> None:
        self.claim = claim

    async def run(self) -> None:
        """Undoes as much as it can now."""
        claim = self.claim
        if not claim.phase:
            self.keep_doubts()
            claim.phase, claim.attempts, claim.again = PHASE, 0, Allowed.NOTHING
        course = claim.course
        course.recall(claim.delivery)  # the inputs of what is undone are made anew
        course.surveys = True
        states, course.items = course.items, {}
        advance(course, claim.ports.clock.now())
        course.items = states
        while True:
            failed = {place for place, state in states.items() if state.state == "failed"}
            effect = undo.to_undo(claim.steps(), failed)
            if effect is None:
                await self.finish()
                return
            if not await self.undo(effect):
                return

    def keep_doubts(self) -> None:
        """Forgets the items, but for what nobody knows of: it may stand, and is told of in the end."""
        claim = self.claim
        doubts = [one for one in claim.course.items.values() if one.queue in IN_DOUBT]
        claim.drop_items()
        for one in doubts:
            place = f"{one.place}.{one.step}"
            claim.put_item(ItemState(place, "failed", place, reason=undo.IN_DOUBT))

    async def undo(self, effect: Step) -> bool:
        """Undoes one effect; false where the claim ends with it."""
        claim = self.claim
        call = undo.undo_call(claim.course, effect)
        if isinstance(call, str):
            self.leave(effect, call)
            return True
        decision = await CallOut(claim, call).run()
        if decision.action in GOES_ON:
            system, _, operation = effect.operation.partition(".")
            claim.undone.append(effect_digest(system, operation, effect.once))
            claim.drop_item(effect.id)
            claim.fact("undone", operation=effect.operation)
            return True
        if decision.action is Action.DIE:
            self.leave(effect, decision.reason)
            return True
        await self.wait(effect.id, decision)
        return False

    async def wait(self, place: str, decision: Decision) -> None:
        claim = self.claim
        if decision.action is Action.PARK:
            await claim.park(place, decision)
        elif decision.action is Action.WAIT:
            await claim.record(Status.WAITING, step=place, due_at=decision.at, reason=decision.reason)
        else:
            reason = f"step {place}: undo: {decision.reason}"
            await claim.record(
                Status.HELD, step=place, queue=decision.queue, reason=reason, on_release=decision.on_release
            )

    def leave(self, effect: Step, why: str) -> None:
        """An effect could not be undone; the others still may be."""
        claim = self.claim
        claim.attempts, claim.again = 0, Allowed.NOTHING
        claim.put_item(ItemState(effect.id, "failed", effect.id, reason=why))

    async def finish(self) -> None:
        """All that could be undone is."""
        claim = self.claim
        reasons = {place: state.reason for place, state in claim.course.items.items()}
        steps = claim.steps()
        for one in undo.remarks(steps):
            claim.tell(one.place, "remark", reason=f"{one.what}: {one.why}")
        left = undo.standing(claim.plan, steps, reasons)
        for one in left:
            claim.tell(one.place, "stands", reason=f"{one.what}: {one.why}")
        if left:
            await claim.record(Status.DEAD, step=left[0].place, reason=f"{claim.cause}; {undo.told(left)}")
        else:
            await claim.record(Status.COMPENSATED, reason=claim.cause)

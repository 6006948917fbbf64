"""What a compensation has to undo, in which order, and how.

The finished effects of an event are undone in reverse, each by the `undo` of the operation that made it. Only its own:
what another event had done before it stands, for that one's sake. What an event told under a topic was heard, and
stands too. This file refuses to undo by guess: where the input of a call cannot be made again, its effect stands, and a
person is told why.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from engine.language.errors import LanguageError
from engine.model import Effect, Step
from engine.rules.calls import written
from engine.rules.needs import Call
from engine.rules.steps import RELEASE, Course, scope_at
from engine.spec.plan import CallStep, EachStep, EmitStep, Plan, StepPlan

UNDO, EMIT, SHARED, DOUBT = "undo", "emit", "known", "in-doubt"
"""Kinds of lines: an effect taken back, an event of a topic, an effect that another event had made, a call that an
`each` went on without though nobody knows whether it took effect."""
STANDING_SHOWN = 20
IN_DOUBT = "nobody knows whether it took effect"


@dataclass(frozen=True, slots=True)
class Standing:
    """Something that was not undone, and why."""

    place: str
    what: str
    why: str


def to_undo(steps: tuple[Step, ...], passed: Collection[str]) -> Step | None:
    """The last effect that is still to be undone, leaving out the places in `passed`; None: all are."""
    # An undo that is never sent again, and that a person let go on, is over too: what came of it nobody knows.
    undone = {step.id for step in steps if step.kind in (UNDO, RELEASE)}
    for step in reversed(steps):
        if is_own_effect(step) and step.id not in undone and step.id not in passed:
            return step
    return None


def is_own_effect(step: Step) -> bool:
    return bool(step.once and step.operation) and step.kind not in (UNDO, EMIT, SHARED)


def undo_call(course: Course, effect: Step) -> Call | str:
    """The call that takes an effect back, or why there is none."""
    step = step_at(course.plan, effect.id)
    operation = step.provider(effect.operation) if isinstance(step, CallStep) else None
    if operation is None or not isinstance(step, CallStep):
        return "its step no longer calls it"
    undo = operation.undo
    if undo is None:
        return "it has no `undo`"
    scope = scope_at(course, effect.id)
    if scope is None:
        return "its input can no longer be made"
    try:
        made_of = None if step.input is None else step.input(scope)
        input_ = undo.input({"input": made_of, "once": effect.once, "result": effect.result})
        once = None if undo.operation.effect is Effect.NONE else effect.once
        request, digest = written(undo.operation.request(input_, once))
    except LanguageError as error:
        return f"its undo cannot be made: {error.message}"
    again = CallStep(effect.id, None, undo.operation, None, None, "", "dead_letter", None, ())
    return Call(again, effect.id, undo.operation, input_, once, request, digest, (undo.operation,), once, UNDO)


def step_at(plan: Plan, place: str) -> StepPlan | None:
    """The step of a plan that a place is of: `parcels[2].label` is the step `label` of `parcels`."""
    steps: tuple[StepPlan, ...] = plan.steps
    found: StepPlan | None = None
    for part in place.split("."):
        name = part.partition("[")[0]
        found = next((step for step in steps if step.id == name), None)
        steps = found.steps if isinstance(found, EachStep) else ()
    return found


def standing(plan: Plan, steps: tuple[Step, ...], reasons: dict[str, str]) -> list[Standing]:
    """What stands after all, or may, in the order it was made. `reasons` say by place why an effect could not be
    undone, or that nobody knows of it."""
    left = []
    made = {step.id for step in steps if is_own_effect(step)}
    for step in steps:
        if step.id in reasons and is_own_effect(step):
            left.append(Standing(step.id, f"{step.operation} {step.once}", reasons[step.id]))
        elif step.kind == RELEASE and step.id in made:
            left.append(Standing(step.id, f"the undo of {step.id}", IN_DOUBT))
        elif step.kind in (RELEASE, DOUBT) and isinstance(step_at(plan, step.id), CallStep):
            left.append(Standing(step.id, step.id, IN_DOUBT))
        elif step.kind == EMIT:
            emitted = step_at(plan, step.id)
            topic = emitted.topic.name if isinstance(emitted, EmitStep) else "a topic"
            left.append(Standing(step.id, f"{topic} {step.once}", "others have it already"))
    return left + [Standing(place, place, IN_DOUBT) for place in reasons if place not in made]


def remarks(steps: tuple[Step, ...]) -> Iterator[Standing]:
    """What stands because it is another event's."""
    for step in steps:
        if step.kind == SHARED and step.once:
            yield Standing(step.id, f"{step.operation} {step.once}", "it is another event's effect, and stands")


def told(left: list[Standing]) -> str:
    """What stands, in a line."""
    shown = ", ".join(f"{one.what} ({one.why})" for one in left[:STANDING_SHOWN])
    more = f" and {len(left) - STANDING_SHOWN} more" if len(left) > STANDING_SHOWN else ""
    return f"these stand: {shown}{more}"

"""How far an event gets by thinking alone: from what is stored to the next call, question or end.

Mappings, decisions and conditions are made anew at every claim from the stored body and the results of ended steps;
only what the world answered is stored. Nothing here sends, waits or writes, and no error of an expression leaves this
file: it becomes an end that a person can read.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from engine.language.errors import FieldProblem, LanguageError, MappingError
from engine.language.tables import Table
from engine.model import Delivery, ItemState, Sighted, Sighting, Status, Step
from engine.rules.calls import make_call
from engine.rules.emit import make_emission
from engine.rules.holds import make_question
from engine.rules.needs import Call, End, Failed, Need, Rest
from engine.rules.opening import PROBLEMS_SHOWN, bodies, told
from engine.rules.truth import truth
from engine.spec.plan import CallStep, DecideStep, EachStep, EmitStep, HoldStep, MapStep, Plan, StepPlan

ROWS_COUNTED_MAX = 50
"""Missing rows counted of one event."""
TEXT_CHARS_MAX = 200
"""Of a missing text; no SKU is longer, and a whole document may be looked up by mistake."""
VERSION_CHARS = 12
BODIES = frozenset(("body", "envelope"))
RELEASE = "release"
"""The kind of line of a step that a person's release ended."""
EACH_ITEMS_MAX = 1000
"""Items of one `each`: they are walked within one event, whose story is read at every claim."""


@dataclass(slots=True)
class Fan:
    """The items of one `each` in this claim: what each sees, and what each that is over came to."""

    values: list[object]
    scopes: dict[int, dict[str, object]] = field(default_factory=dict)
    results: dict[int, dict[str, object]] = field(default_factory=dict)


@dataclass(slots=True)
class Course:
    """One claim's way through a plan. `scope` grows by each step's result; `ended` holds by place the results that are
    stored, `released` those that a person's release ended, `served` the operation that gave one, `items` the state of
    items that have not ended, `renewed` by place how often a person asked for a new effect. `tables` grows by those
    that were looked up in, as `name@version`: tables are live, and may have changed since."""

    plan: Plan
    scope: dict[str, object]
    ended: dict[str, object] = field(default_factory=dict)
    released: set[str] = field(default_factory=set)
    served: dict[str, str] = field(default_factory=dict)
    items: dict[str, ItemState] = field(default_factory=dict)
    renewed: Mapping[str, int] = field(default_factory=dict)
    tables: dict[str, None] = field(default_factory=dict)
    fans: dict[str, Fan] = field(default_factory=dict)
    surveys: bool = False
    """Only what is there already is looked at: no item is asked to go on, and none keeps others from being seen."""

    def remember(self, steps: tuple[Step, ...]) -> None:
        """Takes up what is stored of steps that ended."""
        for step in steps:
            if step.kind == RELEASE and step.id not in self.ended:
                self.ended[step.id] = step.result
                self.released.add(step.id)
            elif step.kind not in ("undo", RELEASE):
                self.ended[step.id] = step.result
                if step.operation:
                    self.served[step.id] = step.operation

    def let_go(self) -> None:
        """Forgets the event's body, which no step reads any more."""
        for name in BODIES:
            self.scope.pop(name, None)

    def recall(self, delivery: Delivery) -> None:
        """Has the event's body again, for who looks back at what the steps saw."""
        if not self.scope.keys() >= BODIES:
            self.scope.update(bodies(delivery))


def advance(course: Course, now: int) -> Need:
    """Walks the steps to what is needed next. An item that waits, is held or has failed is passed, as long as others
    can go on.

    A body that no step will read any more is let go of before its call goes out: 5 KB of text are 17 KB of objects, and
    while a partner is slow every worker would keep its own."""
    need = through(course, course.plan.steps, course.scope, "", now) or End(Status.DONE)
    if isinstance(need, Call) and need.place in course.plan.done_with_body and not course.surveys:
        course.let_go()
    return need


def through(
    course: Course, steps: tuple[StepPlan, ...], scope: dict[str, object], prefix: str, now: int
) -> Need | None:
    """What the steps of one level need next; None: they are over."""
    for step in steps:
        if step.id in scope:
            continue
        place = prefix + step.id
        where = "when"
        try:
            if place in course.ended:
                end_step(course, step, scope, place)
                continue
            if step.when is not None and not truth(step.when(scope)):
                scope[step.id] = None
                continue
            where = WORDS[type(step)]
            need = think(course, step, scope, place, now)
        except MappingError as error:
            return mapping_end(place, error.problems)
        except LanguageError as error:
            return End(Status.QUARANTINED, f"step {place}: {where}: {error.message}", place)
        if need is not None:
            return need
    return None


WORDS = {MapStep: "map", CallStep: "call", HoldStep: "hold", DecideStep: "decide", EmitStep: "emit", EachStep: "each"}


def end_step(course: Course, step: StepPlan, scope: dict[str, object], place: str) -> None:
    """A step whose end is stored: its result, and of several providers the one that served, for later steps to see."""
    if isinstance(step, EachStep) and course.surveys:
        each(course, step, scope, place, 0)  # what failed of it does not matter: what its items saw does
    # Of a call that nobody knows the outcome of, who let it go on is no result.
    scope[step.id] = None if isinstance(step, CallStep) and place in course.released else course.ended[place]
    if isinstance(step, CallStep) and step.others:
        event = scope["event"]
        assert isinstance(event, dict)
        # An item has an event of its own, so that what served it is not seen by the next one.
        scope["event"] = {**event, "served": {**event["served"], step.id: course.served.get(place)}}


def think(course: Course, step: StepPlan, scope: dict[str, object], place: str, now: int) -> Need | None:
    """Makes what can be made here; what the step needs of the world, or None once its result is in the scope."""
    if not isinstance(step, HoldStep) and step.tables:
        course.tables.update(dict.fromkeys(versions(course.plan, step.tables)))
    if isinstance(step, MapStep):
        result = step.mapping(step.source(scope))
        violations = step.contract.check(result)
        if violations:
            reason = f"step {place}: the result breaks {step.contract.name}: {told(violations, 'the result')}"
            return End(Status.QUARANTINED, reason, place)
        scope[step.id] = result
        return None
    if isinstance(step, CallStep):
        return make_call(step, scope, place, course.renewed.get(place, 0))
    if isinstance(step, DecideStep):
        scope[step.id] = decided(step, scope)
        return None
    if isinstance(step, HoldStep):
        return make_question(step, scope, place)
    if isinstance(step, EmitStep):
        return make_emission(step, scope, place)
    return each(course, step, scope, place, now)


def decided(step: DecideStep, scope: Mapping[str, object]) -> object:
    """The decision of a table: of the first row that holds, null where none does; or the list of all that do."""
    taken: list[object] = []
    for when, then in step.rows:
        if when is None or truth(when(scope)):
            if not step.all:
                return then(scope)
            taken.append(then(scope))
    return taken if step.all else None


# ── each ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def each(course: Course, step: EachStep, scope: dict[str, object], place: str, now: int) -> Need | None:
    """What the items need next, those first that come first. When all have ended, a failed one fails the step."""
    fan = course.fans.get(place)
    if fan is None:
        values = step.items(scope)
        if not isinstance(values, list):
            return End(Status.QUARANTINED, f"step {place}: each: the expression gave no list", place)
        if len(values) > EACH_ITEMS_MAX:
            reason = f"step {place}: each: {len(values)} items; there may be {EACH_ITEMS_MAX} (EACH_ITEMS_MAX)"
            return End(Status.QUARANTINED, reason, place)
        fan = course.fans[place] = Fan(values)
    rests = False
    failed: list[ItemState] = []
    for index in range(len(fan.values)):
        if index in fan.results:
            continue
        state = course.items.get(f"{place}[{index}]")
        if state is not None and has_failed(step, state):
            failed.append(state)
        elif state is not None and stands(state, now):
            rests = True
        else:
            need = item(course, step, fan, scope, f"{place}[{index}]", index, now)
            if need is not None and not course.surveys:
                return need
            rests = rests or need is not None
    if rests:
        return Rest(place)
    if failed:
        return Failed(step, place, failures(failed, len(fan.values)))
    scope[step.id] = [fan.results[index] for index in range(len(fan.values))]
    return None


def item(
    course: Course, step: EachStep, fan: Fan, scope: dict[str, object], place: str, index: int, now: int
) -> Need | None:
    """What one item needs next; None once it is over."""
    inner = fan.scopes.get(index)
    if inner is None:
        inner = fan.scopes[index] = {**scope, step.name: fan.values[index], "index": index}
    need = through(course, step.steps, inner, f"{place}.", now)
    if need is None:
        fan.results[index] = {step.name: fan.values[index], **{one.id: inner[one.id] for one in step.steps}}
        del fan.scopes[index]
        course.items.pop(place, None)
    return need


def scope_at(course: Course, place: str) -> Mapping[str, object] | None:
    """What the step at a place saw; None where its claim has not come so far. Later results are in it too, which no
    expression of the step can name."""
    around, _, name = place.rpartition(".")
    if not around:
        return course.scope if name in course.scope else None
    each_place, _, index = around[:-1].rpartition("[")
    fan = course.fans.get(each_place)
    if fan is None:
        return None
    number = int(index)
    inner = fan.scopes.get(number)
    if inner is None and number in fan.results:
        inner = {**course.scope, "index": number, **fan.results[number]}
    return inner


def has_failed(step: EachStep, state: ItemState) -> bool:
    """A person's no fails an item, but not where its hold goes on all the same."""
    if state.state != "failed":
        return False
    return not any(
        isinstance(inner, HoldStep) and inner.id == state.step and inner.on_failure == "continue"
        for inner in step.steps
    )


def stands(state: ItemState, now: int) -> bool:
    """Does an item stand still at this moment? A held one wakes by itself only where a time is set."""
    return state.due_at > now or (state.state == "held" and not state.due_at)


def failures(failed: list[ItemState], count: int) -> str:
    shown = "; ".join(f"{state.place}: {state.reason}" for state in failed[:PROBLEMS_SHOWN])
    more = f" (and {len(failed) - PROBLEMS_SHOWN} more)" if len(failed) > PROBLEMS_SHOWN else ""
    return f"{len(failed)} of {count} items failed: {shown}{more}"


# ── tables and mappings ──────────────────────────────────────────────────────────────────────────────────────────────


def versions(plan: Plan, names: tuple[str, ...]) -> Iterator[str]:
    """Tables as they are at this moment, as `sku-registry@1a2b3c4d5e6f`."""
    return (version_text(name, plan.tables[name]) for name in names if name in plan.tables)


def version_text(name: str, table: Table) -> str:
    return f"{name}@{table.version[:VERSION_CHARS]}"


def mapping_end(place: str, problems: tuple[FieldProblem, ...]) -> End:
    """All problems of a mapping in one reason. What a table row's absence asks for counts; anything else
    quarantines."""
    asked = {problem.on_missing for problem in problems}
    shown = "; ".join(problem.told for problem in problems[:PROBLEMS_SHOWN])
    more = f" (and {len(problems) - PROBLEMS_SHOWN} more)" if len(problems) > PROBLEMS_SHOWN else ""
    reason = f"step {place}: {shown}{more}"
    status, queue = Status.QUARANTINED, ""
    if "fail" in asked:
        status = Status.DEAD
    elif asked == {"hold"}:
        status, queue = Status.HELD, "missing-rows"
    return End(status, reason, place, queue, missing_rows(problems))


def missing_rows(problems: tuple[FieldProblem, ...]) -> tuple[Sighting, ...]:
    """The rows that tables lack, each once."""
    rows = dict.fromkeys(problem.missing for problem in problems if problem.missing is not None)
    return tuple(
        Sighting(Sighted.MISSING_ROW, table, shortened(text), shortened(column))
        for table, column, text in [*rows][:ROWS_COUNTED_MAX]
    )


def shortened(text: str) -> str:
    return text if len(text) <= TEXT_CHARS_MAX else text[: TEXT_CHARS_MAX - 1] + "…"

"""A RUN and WHAT WAS PROMISED → VIOLATIONS: every property as a pure function, in the words of the domain.

Where a run took another road than its reference (`sides.py`), only what holds on every road is asked. This file refuses
to know how a scenario came about, and to call it a violation that an effect is doubled whose step says that it may be.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from msgspec.structs import replace

from engine.model import Status
from engine.run import intake
from engine.store import EventRow
from harness.prove.keyed import keyed
from harness.prove.labels import made_of, near_of, state_of, thing_of
from harness.prove.liveness import liveness
from harness.prove.named_twice import named_twice
from harness.prove.places import leaves
from harness.prove.promises import step_id
from harness.prove.secrecy import no_secret_out
from harness.prove.sides import FOR_A_PERSON, Trial, Violation
from harness.prove.sparing import bounded_attempts, quota_kept
from harness.prove.told_apart import same_emissions, same_items, scopes
from harness.simulation.scenario import Effect

PASSED = (*FOR_A_PERSON, Status.SUPERSEDED)
CONFLICT = "same id"
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def things(count: int, what: str) -> str:
    """`two orders`, said as people say it."""
    said = NUMBERS[count] if count < len(NUMBERS) else str(count)
    return f"{said} {what}" if count == 1 else f"{said} {what}s"


# ── properties ───────────────────────────────────────────────────────────────────────────────────────────────────────


def nothing_lost(trial: Trial) -> Iterator[Violation]:
    """What was answered with a 2xx is an event of the store, and what is done has done all it does where nothing goes
    wrong."""
    kept = Counter((row.integration, trial.run.labels.get(row.event)) for row in trial.run.events)
    for index in trial.run.acknowledged:
        sending = trial.scenario.sendings[index]
        # A delivery that holds no events is answered, and makes none.
        if not kept[sending.integration, sending.label] and thing_of(sending.label) in trial.then.of_thing:
            words = f"{sending.label} was acknowledged, and no event holds it"
            yield Violation("nothing-lost", sending.integration, "", words)
    yield from never_an_event(trial)
    if trial.undisturbed:
        yield from never_told(trial)
        yield from taken_for_another(trial)
        yield from not_told_apart(trial)
        return
    for thing in trial.now.of_thing:
        if not trial.comparable(thing):
            continue
        ends = trial.now.ends(thing)
        off = trial.turned_off(thing)
        now = trial.now.standing(thing)
        called = {(integration, place) for integration, place, _ in trial.now.last_calls(thing)}
        for (integration, place), wanted in trial.then.standing(thing).items():
            rows = now.get((integration, place), [])
            few = not rows if Status.SUPERSEDED in ends else len(rows) < len(wanted)
            call = trial.promises.call(integration, place)
            passed_over = call is not None and call.on_failure == "continue"  # convergence tells of it
            passed_over |= not trial.now.ends(thing, integration).isdisjoint(FOR_A_PERSON)
            if few and not passed_over and (not off or (not rows and (integration, place) in called)):
                words = f"{thing} is done, and the {wanted[0].system} holds no effect of it ({wanted[0].operation})"
                yield Violation("nothing-lost", integration, place, words)


def never_an_event(trial: Trial) -> Iterator[Violation]:
    """An item of a delivery that was answered with a 2xx, or what was told under a topic, that no event holds. Both are
    asked of the run alone: what is lost every time is lost in the reference too."""
    stored = {(row.integration, row.id) for row in trial.run.events}
    for index in trial.run.acknowledged:
        sending = trial.scenario.sendings[index]
        plan = trial.plans.get(sending.integration)
        if plan is None or plan.receive.split is None:
            continue
        for place, arrival in enumerate(intake.named(plan, sending.inbound, 0), start=1):
            if arrival.id is not None and (sending.integration, arrival.id) not in stored:
                words = f"{sending.label} was acknowledged, and no event holds its item {place}"
                yield Violation("nothing-lost", sending.integration, "", words)
    for told in trial.run.told:
        for integration, _ in told.missed:
            words = f"{trial.run.labels.get(told.event)} was told under {told.topic}, and no event holds it"
            yield Violation("nothing-lost", integration, "", words)


def never_told(trial: Trial) -> Iterator[Violation]:
    """An event that is done, and of which nobody heard under a topic though every such event is told there."""
    told = {(one.event, one.topic) for one in trial.run.told}
    for row in trial.run.events:
        spec = trial.promises.specs.get(row.integration)
        for step, topic in spec.tells.items() if spec and row.status is Status.DONE else ():
            if (row.event, topic) not in told:
                words = f"{trial.run.labels.get(row.event)} is done, and was never told under {topic}"
                yield Violation("nothing-lost", row.integration, step, words)


def taken_for_another(trial: Trial) -> Iterator[Violation]:
    """Where nothing goes wrong: news that the engine takes for a repeat of other news, or has no effect since another
    thing's stands for it."""
    seen: dict[tuple[str, str], list[Effect]] = {}
    for thing, events in trial.now.of_thing.items():
        standing = trial.now.standing(thing)
        first_step = next((place for _, place in standing), "")
        for event in events:
            row, label = trial.now.events[event], trial.run.labels[event]
            if state_of(label) > 1 and row.status is Status.QUARANTINED and CONFLICT in row.reason:
                words = f"{label} has the id of an earlier state, so it is taken for a repeat and never done"
                yield Violation("nothing-lost", row.integration, first_step, words)
        done = trial.now.ends(thing) == {Status.DONE}
        root = near_of(thing)
        for slot, rows in seen.items() if root and done else ():
            if slot not in standing and root == trial.now.thing(rows[0]):
                words = f"{thing} is done, and the {rows[0].system} holds an effect of {root} alone"
                yield Violation("nothing-lost", *slot, words)
        for slot, rows in standing.items():
            seen.setdefault(slot, rows)


def not_told_apart(trial: Trial) -> Iterator[Violation]:
    """Two items of one message, or two states of one thing, that have one identity between them."""
    before: dict[tuple[str, str], list[dict[str, object]]] = {}
    for sending in trial.scenario.sendings:
        plan = trial.plans.get(sending.integration)
        if plan is None:
            continue
        seen = list(scopes(plan, sending.inbound))
        for scope in seen:
            for place, first, second in same_items(plan, scope):
                two = f"items {first + 1} and {second + 1} of {sending.label}"
                words = f"{two} differ and have one `once`: one is never done"
                yield Violation("nothing-lost", sending.integration, place, words)
        thing = sending.integration, thing_of(sending.label)
        for scope, other in zip(before.get(thing, ()), seen, strict=False):
            for step in same_emissions(plan, other, scope):
                words = f"{sending.label} is told under the id of the state before it: nobody hears of it"
                yield Violation("nothing-lost", sending.integration, step, words)
        before[thing] = seen


def nothing_twice(trial: Trial) -> Iterator[Violation]:
    """A thing has no more effects at a step than it has where nothing goes wrong; and there, nothing has two under one
    identity."""
    if trial.undisturbed:
        yield from named_twice(trial)
    for thing in trial.now.of_thing:
        in_order, off = trial.sent_in_order(thing), trial.turned_off(thing)
        wanted, had = trial.then.standing(thing), trial.then.standing(thing, struck=True)
        for (integration, place), rows in trial.now.standing(thing).items():
            call = trial.promises.call(integration, place)
            if call is None or call.may_double or trial.doubled_by_hand(rows):
                continue
            left = trial.now.left_by_undo(thing, integration)  # what is taken back in the reference was right before
            others = (had if left else wanted).get((integration, place), [])
            if trial.undisturbed:  # the reference says nothing of itself
                doubled = done_twice(trial, rows)
            elif in_order and not off:
                doubled = len(rows) > len(others)
            else:  # the roads differ
                doubled = most_of_one(rows) > max(1, most_of_one(others))
            if doubled:
                yield Violation("nothing-twice", integration, place, twice(thing, rows, others))
    yield from keyed(trial)
    for (event, topic), count in Counter((one.event, one.topic) for one in trial.run.told).items():
        spec = trial.spec(event)
        most = spec.tells_most.get(topic) if spec else None
        if spec is not None and most is not None and count > most:
            words = f"{trial.run.labels.get(event)} is told {things(count, 'time')} under {topic}"
            yield Violation("nothing-twice", spec.integration, "", words)


def done_twice(trial: Trial, rows: Sequence[Effect]) -> bool:
    """Whether one event has several effects at one step though the partner answered the first of them well: whatever
    the reference holds, that is one too many. What a partner turns away under a 2xx may be booked more than once."""
    for event, count in Counter(row.event for row in rows).items():
        calls = [call for call in trial.now.calls[event] if call.step == rows[0].step and call.booked]
        if count > 1 and len({call.once for call in calls}) == 1 and 200 <= calls[0].status < 300:
            return True
    return False


def most_of_one(rows: Sequence[Effect]) -> int:
    """The most effects that one event has at one step: more than one are too many on every road."""
    return max(Counter(row.event for row in rows).values(), default=0)


def twice(thing: str, rows: Sequence[Effect], wanted: Sequence[Effect]) -> str:
    systems = dict.fromkeys(row.system for row in rows)
    if len(systems) > 1:
        return f"{' and '.join(systems)} both hold an effect of {thing}"
    if len(rows) == 1:
        return (
            f"the {rows[0].system} holds an effect of {thing} ({rows[0].operation}), and none where nothing goes wrong"
        )
    rows_told = f"the {rows[0].system} holds {things(len(rows), 'effect')} of {thing} ({rows[0].operation})"
    return rows_told if len(wanted) <= 1 else f"{rows_told}, and {len(wanted)} are right"


def order_per_key(trial: Trial) -> Iterator[Violation]:
    """Of one key, a later event calls nobody before an earlier one is through, unless that stood aside; and of one
    thing, news that came first is not done last."""
    for earlier, later in overwrites(trial):
        if later.event < earlier.event:
            now, before = trial.now.label(later), trial.now.label(earlier)
            words = f"{now} came first and was done last: the {later.system} holds it, and not {before}"
            yield Violation("order-per-key", trial.integration(later), later.step, words)
    lanes: dict[tuple[str, str], list[int]] = defaultdict(list)
    for row in trial.run.events:
        spec = trial.promises.specs.get(row.integration)
        if spec is not None and row.key is not None:
            lanes[spec.space, row.key].append(row.event)
    aside = {moment.event for moment in trial.run.moments if moment.kind == "recorded" and moment.detail in PASSED}
    for events in lanes.values():
        for first, second in pairwise(events):
            earliest, latest = trial.now.calls[first], trial.now.calls[second]
            spec = trial.spec(first)
            if not earliest or not latest or first in aside or spec is None or spec.waits:
                continue
            if earliest[-1].at_us > latest[0].at_us:
                labels = trial.run.labels
                words = f"{labels.get(second)} was worked on before {labels.get(first)}, which came first, was through"
                yield Violation("order-per-key", spec.integration, earliest[-1].step, words)


def no_stale_overwrite(trial: Trial) -> Iterator[Violation]:
    """What replaces something is never older than what it replaces, in whatever order the news came."""
    for earlier, later in overwrites(trial):
        if later.event > earlier.event:
            now, before = trial.now.label(later), trial.now.label(earlier)
            words = f"the {later.system} holds {now}, though it had {before} before"
            yield Violation("no-stale-overwrite", trial.integration(later), later.step, words)
    yield from dropped_for_nothing(trial)
    for thing in trial.now.of_thing if trial.undisturbed else ():
        place = next((place for _, place in trial.now.standing(thing)), "")
        for event in trial.now.of_thing[thing]:
            row, label = trial.now.events[event], trial.run.labels[event]
            direct = any(
                each.label == label and each.integration == row.integration for each in trial.scenario.sendings
            )
            if (
                direct
                and row.status is Status.SUPERSEDED
                and event == trial.now.of_thing[thing][-1]
                and state_of(label) > 1
            ):
                words = f"{label} counts as older than the state before it, and is dropped"
                yield Violation("no-stale-overwrite", row.integration, place, words)


def dropped_for_nothing(trial: Trial) -> Iterator[Violation]:
    """An event that counts as older than another, and there is no other: none of its key is newer and went on."""
    lanes: dict[tuple[str, str | None], list[EventRow]] = defaultdict(list)
    for row in trial.run.events:
        lanes[row.integration, row.key].append(row)
    for (integration, _), rows in lanes.items():
        spec = trial.promises.specs.get(integration)
        gone = [row for row in rows if row.status is Status.SUPERSEDED and row.event in trial.run.labels]
        for row in gone if spec is not None else ():
            thing, state = trial.news(row)
            others = [one for one in rows if one.status is not Status.SUPERSEDED]
            if spec is not None and spec.guarded:
                newer = [one for one in others if trial.news(one) >= (thing, state) or trial.news(one)[0] != thing]
            else:
                newer = [one for one in others if one.event > row.event]
            if not newer:
                place = next((place for _, place in trial.then.standing(thing)), "")
                words = f"{trial.run.labels[row.event]} counts as older than another, and nothing newer was done"
                yield Violation("no-stale-overwrite", integration, place, words)


def overwrites(trial: Trial) -> Iterator[tuple[Effect, Effect]]:
    """(effect, effect that came after it in its place and tells of an older state)."""
    last: dict[tuple[object, ...], Effect] = {}
    paths = {call.effect: call.path for call in trial.run.calls if call.booked and call.effect is not None}
    for place, effect in enumerate(trial.run.effects):
        where = (effect.system, effect.operation)
        spec = trial.spec(effect.event)
        if spec is None or where in trial.promises.undoing or effect.struck_at_us is not None:
            continue
        if trial.now.events[effect.event].status is Status.DEAD:
            continue  # the partner said no by what it answered, which its simulator books all the same
        thing = trial.now.thing(effect)
        slots: list[tuple[object, ...]] = [("identity", *where, effect.identity, thing)]
        if where in trial.promises.replacing:
            slots.append(("path", *where, paths.get(place, ""), thing))
        if spec.guarded:
            slots.append(("step", spec.integration, effect.step, thing, trial.now.events[effect.event].key))
        stale = [
            slot
            for slot in slots
            if slot in last and state_of(trial.now.label(last[slot])) > state_of(trial.now.label(effect))
        ]
        if stale:
            yield last[stale[0]], effect
        last.update(dict.fromkeys(slots, effect))


def compensation_complete(trial: Trial) -> Iterator[Violation]:
    """Whoever takes back what it did leaves nothing standing that nobody can take back or knows of."""
    for row in trial.run.events:
        spec = trial.promises.specs.get(row.integration)
        if spec is None or not (row.status is Status.COMPENSATED or row.phase == "compensate") or row.status.active:
            continue
        for effect in trial.run.effects:
            where = (effect.system, effect.operation)
            if effect.event != row.event or effect.struck_at_us is not None or where in trial.promises.undoing:
                continue
            undo = trial.promises.undone_by.get(where)
            if row.status is Status.COMPENSATED or undo is None:
                why = "" if undo else f": {effect.operation} has no undo"
                words = f"{trial.now.label(effect)} was taken back, and the {effect.system} still holds its effect{why}"
                yield Violation("compensation-complete", row.integration, effect.step, words)
    yield from rejected_and_kept(trial)


def rejected_and_kept(trial: Trial) -> Iterator[Violation]:
    """A person said no to an event, and what it had done stands, though its operation says how it is taken back."""
    rejected = {moment.event for moment in trial.run.moments if moment.kind == "person" and moment.detail == "reject"}
    for effect in trial.run.effects:
        row = trial.now.events.get(effect.event)
        undo = trial.promises.undone_by.get((effect.system, effect.operation))
        if row is None or row.event not in rejected or row.status is not Status.DISCARDED or undo is None:
            continue
        if effect.struck_at_us is None:
            words = f"{trial.now.label(effect)} was rejected, and the {effect.system} still holds its effect"
            yield Violation("compensation-complete", row.integration, effect.step, words)


def convergence(trial: Trial) -> Iterator[Violation]:
    """Whatever went wrong on the way, partners hold in the end what they hold where nothing does, and what they hold is
    told so."""
    for row in trial.run.events if not trial.undisturbed else ():
        # Where nothing goes wrong, a partner may say no by what it answers: its simulator books that all the same.
        if Status.DEAD in trial.then.ends(thing_of(trial.run.labels.get(row.event, ""))):
            continue
        standing = [one for one in trial.run.effects if one.event == row.event and one.struck_at_us is None]
        stands = next((one for one in standing if one.step == row.step), None)
        if row.status is Status.DEAD and not row.phase and stands is not None:
            words = f"{trial.now.label(stands)} is dead, and the {stands.system} holds its effect ({stands.operation})"
            yield Violation("convergence", row.integration, row.step, words)
    for thing in trial.now.of_thing:
        if not trial.comparable(thing):
            continue
        ends = trial.now.ends(thing)
        now, then = trial.now.standing(thing), trial.then.standing(thing)
        off = trial.turned_off(thing)
        for slot, wanted in then.items():
            rows = now.get(slot, [])
            call = trial.promises.call(*slot)
            if call is not None and call.on_failure == "continue" and not rows and Status.SUPERSEDED not in ends:
                words = (
                    f"{thing} is done, though {wanted[0].operation} failed and the {wanted[0].system} holds no effect"
                )
                yield Violation("convergence", *slot, words)
            elif len(rows) == len(wanted) and not off:
                yield from differing(trial, slot, rows, wanted)


def differing(
    trial: Trial, slot: tuple[str, str], rows: Sequence[Effect], wanted: Sequence[Effect]
) -> Iterator[Violation]:
    """The first field in which one of a thing's effects is not what it is in the reference."""
    others = trial.then.by_news(wanted)
    for news, row in trial.now.by_news(rows).items():
        if news not in others:
            continue
        now, then = dict(leaves(row.fields)), dict(leaves(others[news].fields))
        for place in dict.fromkeys((*now, *then)):
            here, there = now.get(place), then.get(place)
            if here == there or (trial.now.hangs_on_the_run(here) and trial.then.hangs_on_the_run(there)):
                continue
            name = next((part for part in reversed(place) if isinstance(part, str)), "")
            label = trial.now.label(row)
            words = f"the {row.system} holds {label} with another `{name}` than where nothing goes wrong"
            yield Violation("convergence", *slot, words)
            return


def mapping_total(trial: Trial) -> Iterator[Violation]:
    """What the receiving contract allows, mappings can map; a row that a table lacks is no failure of a mapping."""
    passed = {
        trial.promises.specs[row.integration].integration
        for row in trial.run.events
        if row.integration in trial.promises.specs
        and row.status not in (Status.QUARANTINED, Status.DEAD)
        and not made_of(trial.run.labels.get(row.event, ""))
    }
    for row in trial.run.events:
        spec = trial.promises.specs.get(row.integration)
        label = trial.run.labels.get(row.event, "")
        if spec is None or row.status is not Status.QUARANTINED or row.missing or not made_of(label):
            continue
        if row.integration in passed and step_id(row.step) in spec.maps:
            words = f"{label} is quarantined, though {spec.contract} allows it"
            yield Violation("mapping-total", row.integration, row.step, words)


Property = Callable[[Trial], Iterator[Violation]]

PROPERTIES: dict[str, Property] = {
    "nothing-lost": nothing_lost,
    "nothing-twice": nothing_twice,
    "order-per-key": order_per_key,
    "no-stale-overwrite": no_stale_overwrite,
    "bounded-attempts": bounded_attempts,
    "compensation-complete": compensation_complete,
    "convergence": convergence,
    "liveness": liveness,
    "mapping-total": mapping_total,
    "no-secret-out": no_secret_out,
    "quota-kept": quota_kept,
}
"""Name → property. Money and quantities are not among them: a charter cannot say yet what must be conserved."""


def violations(trial: Trial) -> tuple[Violation, ...]:
    """Everything that a run breaks, each once, in the order of the properties."""
    found: dict[tuple[str, str, str], Violation] = {}
    for check in PROPERTIES.values():
        for violation in check(trial):
            found.setdefault(violation.identity, replace(violation, step=step_id(violation.step)))
    return tuple(found.values())

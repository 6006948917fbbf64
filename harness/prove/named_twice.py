"""A REFERENCE → EFFECTS THAT THEIR PARTNER KNOWS BY ONE IDENTITY, AND WE BY TWO `once`.

One order may be announced to two integrations, or come to one operation by two steps. What holds the second effect
back is its `once` alone, and whether two of them mean one thing nobody can say who reads them. The partner can: an
operation's `identity` is how its book knows one effect. So this looks at books where nothing has gone wrong, and
refuses to judge what replaces what stood there before, and what a later state of a thing does.
"""

from collections.abc import Iterator

from harness.prove.sides import Trial, Violation
from harness.simulation.scenario import Effect


def named_twice(trial: Trial) -> Iterator[Violation]:
    """Where two steps name one effect of a message by two `once`, told of the later one."""
    onces = {call.effect: call.once for call in trial.run.calls if call.booked}
    first: dict[tuple[str, str, str, str], tuple[str, Effect]] = {}
    for place, effect in enumerate(trial.run.effects):
        where = (effect.system, effect.operation)
        if effect.struck_at_us is not None or where in trial.promises.undoing or where in trial.promises.replacing:
            continue
        once, label = onces.get(place, ""), trial.now.label(effect)
        known, other = first.setdefault((*where, effect.identity, label), (once, effect))
        if known != once:
            steps = " and ".join(f"{trial.integration(one)}.{one.step}" for one in (other, effect))
            words = (
                f"the {effect.system} holds two effects of {label} under one identity ({effect.operation}): {steps} "
                "name it by two `once`"
            )
            yield Violation("nothing-twice", trial.integration(effect), effect.step, words)

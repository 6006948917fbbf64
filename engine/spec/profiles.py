"""Profiles of load that name what nobody sends to, or that would send nothing, judge nothing or never end.

One key alone is the reader's matter; here is what only several together, or the workspace, show. This file refuses to
say whether a profile is wise, or whether a machine holds it: that is measured.
"""

from collections.abc import Iterator
from typing import Final

from engine.errors import Fault
from engine.spec import shape
from engine.spec.invalid import INVALID, Misnamed
from engine.spec.workspace import Document, Workspace, closest

LENGTH_MOST_US: Final = 24 * 3_600_000_000
MESSAGES_MAX: Final = 100_000_000


def profile_faults(workspace: Workspace) -> Iterator[Fault]:
    """The faults of every profile that could be read."""
    for document in (*workspace.profiles.values(), *workspace.doubles.get("profile", ())):
        profile = document.partial
        if not isinstance(profile, shape.Profile):
            continue
        if profile.mix is not INVALID:
            yield from mix_faults(workspace, document, profile)
        if isinstance(profile.keys, shape.Skew):
            yield from skew_faults(document, profile.keys)
        if profile.phases is not INVALID and all(isinstance(phase, shape.Phase) for phase in profile.phases):
            yield from phase_faults(document, profile.phases)


def mix_faults(workspace: Workspace, document: Document, profile: shape.Profile) -> Iterator[Fault]:
    for name in profile.mix:
        path = f"mix.{name}"
        if isinstance(name, Misnamed):
            continue
        if name not in workspace.integrations:
            hint = closest(name, workspace.integrations, "integrations")
            yield fault("unknown-integration", document, path, f"there is no integration `{name}`", hint)
            continue
        receive = getattr(workspace.integrations[name].partial, "receive", INVALID)
        if isinstance(receive, shape.Receive) and receive.topic not in (None, INVALID):
            message = f"`{name}` receives a topic: nobody sends to it"
            hint = "remove it, and send to an integration that tells its topic; it takes part by itself"
            yield fault("not-sent-to", document, path, message, hint)


def skew_faults(document: Document, keys: shape.Skew) -> Iterator[Fault]:
    if not isinstance(keys.hot, shape.Percent) or not isinstance(keys.repeat, shape.Percent):
        return
    if not keys.repeat.millionths:
        message = "`hot` means nothing without `repeat`: no key is told of twice"
        yield fault("key-not-here", document, "keys.hot", message, "add `repeat:`, such as `repeat: 20%`, or remove it")
    elif not keys.hot.millionths:
        message = "a share of 0% of the keys is none that could be told of again"
        yield fault("out-of-range", document, "keys.hot", message, "write such as `hot: 1%`, or remove it")


def phase_faults(document: Document, phases: tuple[shape.Phase, ...]) -> Iterator[Fault]:
    taken: set[str] = set()
    for place, phase in enumerate(phases):
        path = f"phases[{place}]"
        if phase.name in taken and phase.name is not INVALID:
            message = f"a second phase `{phase.name}`"
            yield fault(
                "duplicate-name", document, f"{path}.name", message, "what is measured of each is told by its name"
            )
        taken.add(phase.name)
        if phase.outage is True and phase.rate is None:
            message = "nothing is due in it that could be held back"
            yield fault("key-not-here", document, f"{path}.outage", message, "add `rate:`, or remove `outage`")
        elif phase.outage is True and (place + 1 == len(phases) or phases[place + 1].outage is True):
            message = "what is held back comes in the next phase, and there is none that is no outage"
            hint = "add a phase behind it, such as `{name: catch-up, for: 10s, rate: 20/s}`"
            yield fault("outage-without-end", document, f"{path}.outage", message, hint)
    if all(phase.rate is None for phase in phases):
        message = "no phase has a rate: nothing would be sent"
        yield fault("empty-profile", document, "phases", message, "add `rate:` to one, such as `rate: 20/s`")
    elif all(phase.warm_up is True for phase in phases):
        message = "every phase is a warm-up: nothing would be judged"
        yield fault("empty-profile", document, "phases", message, "remove `warm_up` from those that count")
    yield from size_faults(document, phases)


def size_faults(document: Document, phases: tuple[shape.Phase, ...]) -> Iterator[Fault]:
    if any(phase.for_ is INVALID for phase in phases):
        return
    if sum(phase.for_.microseconds for phase in phases) > LENGTH_MOST_US:
        message = "its phases last longer than a day"
        yield fault(
            "out-of-range", document, "phases", message, "shorten them; a soak of hours shows what one of days does"
        )
    elif sum(map(messages_in, phases)) > MESSAGES_MAX:
        message = f"it sends more than {MESSAGES_MAX:,} messages"
        yield fault("out-of-range", document, "phases", message, "lower the rates, or shorten the phases")


def messages_in(phase: shape.Phase) -> float:
    """About how many messages are due in a phase; 0 where that could not be read."""
    rate = phase.rate
    ends = (rate.from_, rate.to) if isinstance(rate, shape.Ramp) else (rate, rate)
    if not all(isinstance(end, shape.Rate) for end in ends):
        return 0
    return (
        sum(phase.for_.microseconds * end.times / end.microseconds for end in ends if isinstance(end, shape.Rate)) / 2
    )


def fault(code: str, document: Document, path: str, message: str, hint: str) -> Fault:
    return Fault(code, document.mark(path), path, message, hint)

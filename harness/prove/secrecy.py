"""A RUN → WHAT IT TOLD THAT IS NOBODY'S BUSINESS: planted secrets and what messages say of people, in every text of it.

This file refuses to guess at values: what a field is called says whether it is a person's.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from engine.contract.body import BodyError, decode_body
from engine.model import Status
from harness.prove.places import leaves
from harness.prove.sides import Trial, Violation

EVENT_LOGGED = re.compile(r'"event":"evt-(\d+)"')
PERSONAL = re.compile(
    r"e-?mail|phone|(?:first|last|family|given)_?name|address_?(?:line)?_?1|^line1$|street|iban", re.IGNORECASE
)
PERSONAL_CHARS_MIN = 6


def no_secret_out(trial: Trial) -> Iterator[Violation]:
    """No planted secret, and nothing that a message says of a person, is told in a reason, in a story, in what stands
    still or in the engine's log. What a `hold` says is its author's, and no line of a log."""
    people = {text for sending in trial.scenario.sendings for text in personal(sending.inbound.body)}
    told = [(row.event, row.reason, people if row.status is not Status.HELD else set()) for row in trial.run.events]
    told += [(moment.event, f"{moment.detail} {moment.identity}", people) for moment in trial.run.moments]
    told.append((0, trial.run.deadlock, people))
    told += [(of_event(line), line, people) for line in trial.run.logged]
    for event, text, private in told:
        if text and any(secret in text for secret in (*trial.secrets, *private)):
            row = trial.now.events.get(event)
            where = (row.integration, row.step) if row else ("", "")
            label = trial.run.labels.get(event, "an event")
            yield Violation("no-secret-out", *where, f"what is told of {label} holds what is nobody's business")


def of_event(line: str) -> int:
    """The event that a line of the log is about; 0 where it is about none."""
    found = EVENT_LOGGED.search(line)
    return int(found[1]) if found else 0


@lru_cache(1024)
def personal(body: bytes) -> frozenset[str]:
    """What a message says of a person, by what its fields are called."""
    try:
        found = leaves(decode_body(body))
    except BodyError:
        return frozenset()
    return frozenset(
        value
        for place, value in found
        if isinstance(value, str) and len(value) >= PERSONAL_CHARS_MIN and place and PERSONAL.search(str(place[-1]))
    )

"""A RUN → CALLS WHOSE PARTNER COULD NOT TELL A REPEAT: without the idempotency key that it asks for, or with another.

A key that is missing doubles nothing as long as no answer is lost, and nothing either where a look-up comes first or
the partner knows its effects by nature too. So the calls are asked, and not the books. This file refuses to know how a
key is made.
"""

from collections.abc import Iterator

from harness.prove.sides import Trial, Violation


def keyed(trial: Trial) -> Iterator[Violation]:
    """Every call that has an effect at a system with `idempotency` carries a key: one for one `once`, and its own."""
    keys: dict[tuple[str, str, str], str] = {}
    onces: dict[tuple[str, str, str], str] = {}
    for call in trial.run.calls:
        header = trial.promises.key_headers.get(call.system)
        if header is None or trial.promises.effects.get((call.system, call.operation), "none") == "none":
            continue
        key = call.headers.get(header, "")
        if not key:
            what = "without its idempotency key"
        elif keys.setdefault((call.system, call.operation, call.once), key) != key:
            what = "with another idempotency key than before"
        elif onces.setdefault((call.system, call.operation, key), call.once) != call.once:
            what = "with the idempotency key of another effect"
        else:
            continue
        words = f"the {call.system} is called for {call.label} {what} ({call.operation})"
        yield Violation("nothing-twice", trial.integration(call), call.step, words)

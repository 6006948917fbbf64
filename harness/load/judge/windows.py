"""THE WORST BACKLOG against DECLARED WINDOWS → sentences: what only a load shows of windows that a lint cannot add up.

`check` holds windows of time against one another as far as they are declared. How long events wait on a busy day is
declared nowhere; a run measures it, and everything that forgets, expires or gives up sooner is said here. An age of
what was not finished is told as `at least`. Pure: a workspace and measures in, sentences out. This file refuses to
break a verdict: what outlived its window today may be what was meant.
"""

from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from engine.charter.ladders import span
from engine.run.claim import LEASE_US
from engine.run.load import Loaded
from engine.spec import shape
from engine.spec.plan import CallStep, EmitStep, HoldStep, Plan
from engine.spec.steps import every_step
from harness.load.histogram import Histogram
from harness.load.model import SECOND_US, Ends, Latency, Measures
from harness.prove.promises import steps_of


class Patience(Struct, frozen=True):
    """How long a sender waits for an answer, and what then; where it says so."""

    us: int
    words: str
    source: str


PATIENCE: Final = {
    "shopify": Patience(
        5 * SECOND_US,
        "waits 5 s for an answer, and removes a subscription that keeps failing",
        "shopify.dev/docs/apps/build/webhooks/subscribe/https",
    ),
    "stripe": Patience(
        15 * SECOND_US, "does not say how long it waits; 15 s is what Svix waits", "docs.svix.com/retries"
    ),
    "hmac-sha256": Patience(
        15 * SECOND_US, "does not say how long it waits; 15 s is what Svix waits", "docs.svix.com/retries"
    ),
}
"""By signature scheme, as in `engine.charter.ladders`."""


def outlived(loaded: Loaded, measures: Measures) -> tuple[str, ...]:
    """Every window that something outlived, integration by integration."""
    found = [
        sentence
        for name, plan in sorted(loaded.plans.items())
        if name in measures.ends or name in measures.by_integration
        for sentence in of_integration(loaded, plan, measures)
    ]
    return (*found, *of_engine(measures))


def of_integration(loaded: Loaded, plan: Plan, measures: Measures) -> Iterator[str]:
    name = plan.integration
    content: shape.Integration = loaded.workspace.integrations[name].content
    yield from of_sender(loaded, content, measures)
    yield from of_topics(loaded, plan, content, measures)
    ends = measures.ends.get(name)
    if ends is None or not ends.events:
        return
    age_us, told = age(ends)
    dedupe_us = plan.receive.dedupe_for_s * SECOND_US
    if age_us > dedupe_us:
        window = span(dedupe_us)
        yield f"{name}: events wait {told}, and ids are forgotten after {window}: `dedupe_for` is too short"
    if plan.within_us is not None and age_us > plan.within_us:
        yield f"{name}: events take {told}, and nothing is tried again after {span(plan.within_us)} (`complete.within`)"
    systems = {step.operation.system for step in steps_of(plan.steps) if isinstance(step, CallStep)}
    for system in sorted(systems):
        yield from of_partner(name, system, loaded.shape(system), age_us, told)


def of_sender(loaded: Loaded, content: shape.Integration, measures: Measures) -> Iterator[str]:
    """Who sends a webhook gives up on an answer, counts it as failed, and sends again."""
    webhook, accept = content.receive.webhook, measures.by_integration.get(content.integration, {}).get("accept")
    if webhook is None or accept is None:
        return
    webhooks = loaded.shape(webhook.system).webhooks
    patience = PATIENCE.get(webhooks.verify.scheme) if webhooks and webhooks.verify else None
    if patience is not None and accept.max_ms * 1_000 > patience.us:
        late = above(accept, patience.us)
        count = f"{late} of {accept.count} answers" if late else "answers"
        slowest = f"the slowest {span(round(accept.max_ms * 1_000))}"
        yield (
            f"{content.integration}: {count} took longer than {span(patience.us)}, {slowest};"
            f" {webhook.system} {patience.words} ({patience.source}), and sends again"
        )


def of_topics(loaded: Loaded, plan: Plan, content: shape.Integration, measures: Measures) -> Iterator[str]:
    """Who waits for an event of a topic waits for the backlog of whoever tells it."""
    shaped = {step.id: step for _, step in every_step(content.steps)}
    for step in steps_of(plan.steps):
        if not isinstance(step, HoldStep) or step.until is None or step.id not in shaped:
            continue
        hold = shaped[step.id].hold
        topic = step.until.topic
        for teller in tellers(loaded, topic):
            ends = measures.ends.get(teller)
            if hold is None or ends is None or not ends.events:
                continue
            age_us, told = age(ends)
            expires_us = hold.expires.microseconds if isinstance(hold.expires, shape.Duration) else None
            for word, window_us in (("expires", expires_us), ("warns", hold.warn.microseconds if hold.warn else None)):
                if window_us is not None and age_us > window_us:
                    late = f"{teller} takes {told} to tell of {topic}"
                    yield f"{plan.integration}: step {step.id} {word} after {span(window_us)}, and {late}"
                    break


def tellers(loaded: Loaded, topic: str) -> list[str]:
    return [
        name
        for name, plan in sorted(loaded.plans.items())
        if any(isinstance(step, EmitStep) and step.topic.name == topic for step in steps_of(plan.steps))
    ]


def of_partner(name: str, system: str, shaped: shape.System, age_us: int, told: str) -> Iterator[str]:
    """What a partner forgets, and what must be changed there, while events wait."""
    known = shaped.idempotency
    if known is not None and known.valid_for is not None and age_us > known.valid_for.microseconds:
        window = span(known.valid_for.microseconds)
        yield (
            f"{name}: events take {told}, and {system} forgets an idempotency key after {window} (`valid_for`): a late"
            " retry becomes a look-up, or a person's"
        )
    for secret, credential in shaped.credentials.items():
        every = credential.rotate_every
        if every is not None and age_us > every.microseconds:
            yield (
                f"{name}: events take {told}, and {secret} of {system} is changed every {span(every.microseconds)}"
                " (`rotate_every`): what was begun with one is finished with the next"
            )


def of_engine(measures: Measures) -> Iterator[str]:
    """An engine that stands still for longer than its leases may be taken for dead."""
    stood = next((stage.latency for stage in measures.stages if stage.stage == "engine"), None)
    if stood is not None and stood.max_ms * 1_000 > LEASE_US:
        stood_told = span(round(stood.max_ms * 1_000))
        yield (
            f"the engine: an event stood {stood_told} between two of its steps, and a lease lasts {span(LEASE_US)}:"
            " another node would have taken it over"
        )


def age(ends: Ends) -> tuple[int, str]:
    """The longest that an event of an integration took, and how that is told."""
    age_us = round(ends.longest_s * SECOND_US)
    return age_us, f"{'at least ' if ends.unfinished else 'up to '}{span(age_us)}"


def above(latency: Latency, us: int) -> int:
    """How many of its samples are above a value; 0 where its histogram was not kept."""
    return Histogram.of(latency).above(us) if latency.histogram else 0

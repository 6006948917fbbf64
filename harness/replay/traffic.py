"""WHERE DELIVERIES COME FROM: recordings, a spec's examples, an engine's store.

A recording's exchanges play two parts. What was posted to the path of a webhook is the sender's; all else is the
partners'. News of a topic is left out where an integration of the workspace tells it: it will be told again.
"""

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from msgspec import Struct

from engine.errors import UserError
from engine.model import Delivery
from engine.run.load import Loaded
from engine.spec.plan import EmitStep
from engine.store import Filter
from engine.store.database import Database
from engine.store.deliveries import load
from engine.store.readers import read_events
from engine.wire.answers import Inbound
from harness.recordings.exchange import Became, Exchange, Recording
from harness.replay.world import Sending, effects_of
from harness.trial import read_event

PAGE = 500


class Parts(Struct, frozen=True):
    """A recording's two parts: deliveries, and (exchange, kind of its recording) of the partners."""

    sendings: tuple[Sending, ...]
    exchanges: tuple[tuple[Exchange, str], ...]


def parted(
    loaded: Loaded, recordings: Iterable[Recording], spec: str | None, known: Collection[str] | None = None
) -> Parts:
    """The parts of recordings. A delivery to an integration that is none of `known` is nobody's; without `known` it
    raises UserError where it is none of the workspace's."""
    sendings: list[Sending] = []
    exchanges: list[tuple[Exchange, str]] = []
    again = retold(loaded)
    for recording in recordings:
        for one in recording.exchanges:
            integration = receiver(loaded, one, recording.kind, spec, known)
            if integration is None:
                exchanges.append((one, recording.kind))
            elif spec in (None, integration) and integration not in again:
                sendings.append(sending(one, integration))
    return Parts(tuple(sendings), tuple(exchanges))


def receiver(loaded: Loaded, one: Exchange, kind: str, spec: str | None, known: Collection[str] | None) -> str | None:
    """Whose delivery an exchange is; None for a partner's."""
    if one.integration:
        if known is not None:
            return one.integration if one.integration in known else None
        if one.integration not in loaded.plans:
            raise UserError(f"{one.place}: it was received by `{one.integration}`, which this workspace does not have")
        return one.integration
    if kind == "event":
        named = [name for name in loaded.plans if exemplified(loaded, name, one.file)]
        if spec is not None and (not named or spec in named):
            return spec
        if not named:
            raise UserError(
                f"{one.file}: an event does not say who receives it; say which with --spec, or name it in an example"
            )
        return named[0]
    received = (name for name, plan in loaded.plans.items() if plan.receive.path == one.path and one.method == "POST")
    return next(received, None) if one.path != "/" else None


def exemplified(loaded: Loaded, integration: str, file: str) -> bool:
    """Does one of its examples name this file?"""
    examples = loaded.workspace.integrations[integration].content.examples
    return any(Path(file).as_posix().endswith(event) for example in examples for event in example.events)


def sending(one: Exchange, integration: str) -> Sending:
    inbound = Inbound("POST", one.path, dict(one.headers), dict(one.query), one.body)
    return Sending(integration, inbound, one.place, one.at, one.became)


def retold(loaded: Loaded) -> set[str]:
    """The integrations that receive a topic which an integration of the workspace tells."""
    steps = (step for plan in loaded.plans.values() for _, step in plan.every_step())
    told = {step.topic.name for step in steps if isinstance(step, EmitStep)}
    return {name for name, plan in loaded.plans.items() if plan.receive.topic in told}


def examples(loaded: Loaded, root: Path, spec: str | None = None) -> Iterator[tuple[str, tuple[Sending, ...]]]:
    """(which, its deliveries) of every example; each is a story of its own."""
    for name in loaded.plans:
        if spec not in (None, name):
            continue
        for example in loaded.workspace.integrations[name].content.examples:
            sent = tuple(Sending(name, read_event(root / file, raw=False), file) for file in example.events)
            yield f"{name}: {example.name}", sent


def stored(loaded: Loaded, database: Database, most: int, known: Collection[str]) -> tuple[tuple[Sending, ...], int]:
    """(what an engine has received, the newest `most` and oldest first; how many events cannot be sent again, because
    their body was forgotten or none of `known` receives them). Of a delivery that was split the envelope is sent."""
    rows = database.rows("SELECT max(event) FROM event")
    newest = rows[0][0] or 0 if rows else 0
    found: list[Sending] = []
    passed = 0
    envelopes: dict[bytes, int] = {}
    again = retold(loaded)
    after = max(0, newest - most)
    while True:
        page = list(read_events(database, Filter(after=after, limit=PAGE)))
        if not page:
            return tuple(found), passed
        after = page[-1].event
        for row, delivery in zip(page, load(database, [row.event for row in page]), strict=True):
            body = delivery.body if delivery.envelope is None else delivery.envelope
            if row.integration not in known or not body:
                passed += 1
            elif row.integration not in again and envelopes.get(body) != row.received_at:
                if delivery.envelope is not None:
                    envelopes[body] = row.received_at
                became = Became(row.status.value, effects_of(delivery)) if delivery.envelope is None else None
                found.append(as_received(delivery, body, became))


def as_received(delivery: Delivery, body: bytes, became: Became | None) -> Sending:
    inbound = Inbound("POST", "/", dict(delivery.headers), dict(delivery.query), body)
    return Sending(delivery.integration, inbound, f"evt-{delivery.event}", delivery.received_at, became)


def exchange_of(sending: Sending, path: str, number: int) -> Exchange:
    """A delivery as it is recorded."""
    inbound = sending.inbound
    return Exchange(
        file=sending.origin,
        number=number,
        method="POST",
        host="",
        path=path or "/",
        query=tuple(inbound.query.items()),
        headers=dict(inbound.headers),
        body=inbound.body,
        status=202,
        at=sending.at,
        integration=sending.integration,
        became=sending.became,
    )

"""What goes on between integrations, and what comes of a failure: topics, waits, and what can be taken back."""

from collections.abc import Iterator

from engine.charter.look import calls_of, charters, compensating, finding, integrations, place_of, stands_before
from engine.errors import Fault
from engine.spec import shape
from engine.spec.steps import every_step
from engine.spec.workspace import Document, Workspace


def topic_not_emitted(workspace: Workspace) -> Iterator[Fault]:
    """Who waits for what nobody emits waits for ever. Silent while an integration cannot be read: it may emit."""
    emitted = {topic for _, _, topic, _ in emissions(workspace)}
    for document, path, topic in receivers(workspace) if all_read(workspace) else ():
        if topic not in emitted:
            message = f"nothing emits topic `{topic}`, so nothing ever comes of this"
            hint = f"emit it somewhere: `emit: {{topic: {topic}, body: …}}`; or receive another one"
            yield finding("topic-not-emitted", document, path, message, hint)


def topic_not_received(workspace: Workspace) -> Iterator[Fault]:
    """A topic that nobody listens to is told into the void. Silent while an integration cannot be read."""
    received = {topic for _, _, topic in receivers(workspace)}
    for document, charter in charters(workspace) if all_read(workspace) else ():
        for name in charter.topics:
            if name not in received:
                message = f"nothing receives topic `{name}`, or waits for it"
                yield finding(
                    "topic-not-received", document, f"topics.{name}", message, "remove it, or receive it", "note"
                )


def topic_loop(workspace: Workspace) -> Iterator[Fault]:
    """Integrations that set one another off by topics may do so for ever."""
    out: dict[str, list[tuple[Document, str, str]]] = {}
    for document, spec, topic, path in emissions(workspace):
        out.setdefault(spec.receive.topic or "", []).append((document, path, topic))
    for start, edges in sorted(out.items()):
        for document, path, topic in edges if start else ():
            way = way_back(topic, start, out)
            if way is not None:
                message = f"what is emitted here comes back: {' → '.join((start, *way))}"
                hint = "let a `when` end it, or emit something else: a loop without an end fills the store"
                yield finding("topic-loop", document, path, message, hint)


def way_back(topic: str, start: str, out: dict[str, list[tuple[Document, str, str]]]) -> tuple[str, ...] | None:
    """The shortest way of topics from one to another; None where there is none."""
    ways: list[tuple[str, ...]] = [(topic,)]
    seen = {topic}
    for way in ways:
        if way[-1] == start:
            return way
        for _, _, following in out.get(way[-1], ()):
            if following not in seen:
                seen.add(following)
                ways.append((*way, following))
    return None


def waits_for_ever(workspace: Workspace) -> Iterator[Fault]:
    """A wait for a topic without an end is a place where events are forgotten."""
    for document, spec in integrations(workspace):
        for at, step in every_step(spec.steps):
            if step.hold and step.hold.until and step.hold.expires is None:
                message = f"an event waits here for topic `{step.hold.until.topic}`, however long that takes"
                hint = "add `expires:` with a span after which nothing will come any more"
                yield finding("waits-for-ever", document, f"{at}.hold", message, hint)


def compensation_leaves(workspace: Workspace) -> Iterator[Fault]:
    """What a compensation cannot take back stands when the event ends."""
    for document, at, undone, standing in compensations(workspace):
        if undone and standing:
            message = f"after a failure here this would stand: {', '.join(standing)}; the event then ends `dead`"
            hint = "declare `undo` in the operation, or put the step behind all that may fail"
            yield finding("compensation-leaves", document, f"{at}.on_failure", message, hint)


def compensation_empty(workspace: Workspace) -> Iterator[Fault]:
    """Compensating where nothing can be taken back does nothing."""
    for document, at, undone, standing in compensations(workspace):
        if not undone:
            done = f"what was done before has no `undo`: {', '.join(standing)}"
            message = f"there is nothing to undo here: {done if standing else 'nothing was done before'}"
            hint = "declare `undo` in the operation that should be taken back, or leave `on_failure` out"
            yield finding("compensation-empty", document, f"{at}.on_failure", message, hint)


def undo_shared(workspace: Workspace) -> Iterator[Fault]:
    """An undo has the `once` of the effect it takes back: of two such effects under one `once`, one is taken back."""
    for document, spec in integrations(workspace):
        last = max(map(place_of, compensating(spec)), default=0)
        made: dict[tuple[str, str], tuple[str, str]] = {}
        for call in calls_of(workspace, document, spec):
            undo, once = call.operation.undo, call.step.once
            if not undo or not isinstance(once, shape.Expression) or not stands_before(call.at, last):
                continue
            undoing = f"{call.name.partition('.')[0]}.{undo.call}"
            at, name = made.setdefault((undoing, once.text.strip()), (call.at, call.name))
            if (
                at != call.at and name != call.name
            ):  # of the providers of a step one serves; of one operation it is one effect
                message = f"`{undoing}` undoes this and `{name}` of an earlier step under one `once`: as one effect"
                hint = "give them different identities, such as `once: join('-', [order.id, 'invoice'])`"
                yield finding("undo-shared", document, f"{call.at}.once", message, hint)


def compensations(workspace: Workspace) -> Iterator[tuple[Document, str, list[str], list[str]]]:
    """(document, path, what can be undone, what would stand) of every step that compensates and could be read whole."""
    for document, spec in integrations(workspace):
        for at in compensating(spec):
            undone, standing, known = before(workspace, document, spec, place_of(at))
            if known:
                yield document, at, undone, standing


def before(
    workspace: Workspace, document: Document, spec: shape.Integration, place: int
) -> tuple[list[str], list[str], bool]:
    """(what can be undone, what would stand) of all that may have been done when the step at a place at the top
    fails, in words and in order; and whether every operation among it could be read."""
    undone: list[str] = []
    standing: list[str] = []
    known = True
    operations = {(call.at, call.name): call.operation for call in calls_of(workspace, document, spec)}
    for at, step in every_step(spec.steps):
        if not stands_before(at, place):
            continue
        for name in step.providers:
            operation = operations.get((at, name))
            known = known and operation is not None
            if operation is not None and operation.effect != "none":
                (undone if operation.undo else standing).append(f"`{name}` of step {step.id}")
        if step.emit:
            standing.append(f"the event of topic `{step.emit.topic}` of step {step.id}")
    return undone, standing, known


def emissions(workspace: Workspace) -> Iterator[tuple[Document, shape.Integration, str, str]]:
    """(document, spec, topic, path) of every event that a spec emits."""
    for document, spec in integrations(workspace):
        for at, step in every_step(spec.steps):
            if step.emit:
                yield document, spec, step.emit.topic, f"{at}.emit.topic"


def receivers(workspace: Workspace) -> Iterator[tuple[Document, str, str]]:
    """(document, path, topic) of whatever begins with, or waits for, an event of a topic."""
    for document, spec in integrations(workspace):
        if spec.receive.topic is not None:
            yield document, "receive.topic", spec.receive.topic
        for at, step in every_step(spec.steps):
            if step.hold and step.hold.until:
                yield document, f"{at}.hold.until.topic", step.hold.until.topic


def all_read(workspace: Workspace) -> bool:
    return all(document.content is not None for document in workspace.integrations.values())

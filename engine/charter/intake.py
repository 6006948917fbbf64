"""What comes in: named so that two things differ, ordered by what matters, checked, and answered as accepted."""

from collections.abc import Iterator

from engine.charter.effects import differs
from engine.charter.look import charters, finding, integrations, reads, systems
from engine.errors import Fault
from engine.spec.workspace import Document, Workspace


def id_constant(workspace: Workspace) -> Iterator[Fault]:
    """An id that never differs makes every event after the first a duplicate."""
    for document, spec in integrations(workspace):
        if spec.receive.id is not None and not differs(spec.receive.id):
            message = "`id` is the same for every event: all but the first would be duplicates of it"
            hint = 'name what the sender numbers its events by, such as `headers."x-shopify-webhook-id"`'
            yield finding("id-constant", document, "receive.id", message, hint)


def id_of_all_items(workspace: Workspace) -> Iterator[Fault]:
    """Of a delivery that is split each item has an id of its own, or all but the first are conflicts."""
    for document, spec in integrations(workspace):
        found = reads(spec.receive.id) if spec.receive.split is not None and spec.receive.id is not None else None
        if found and not any(path[0] in ("body", "index", "root", "@") for path in found):
            message = "`id` is the same for every item of a delivery: all but the first would be conflicts with it"
            hint = "name the item: a field of its `body`, or the delivery's id with to_string($index)"
            yield finding("id-of-all-items", document, "receive.id", message, hint)


def key_space_alone(workspace: Workspace) -> Iterator[Fault]:
    """A key space is for integrations that must not run at once for one key; alone it does nothing."""
    sharing: dict[str, list[Document]] = {}
    for document, spec in integrations(workspace):
        if spec.receive.key_space is not None:
            sharing.setdefault(spec.receive.key_space, []).append(document)
    for name, documents in sharing.items():
        if len(documents) == 1:
            message = f"no other integration has key space `{name}`, so that nothing is shared"
            hint = "write it in the other one too, spelled the same; or remove it"
            yield finding("key-space-alone", documents[0], "receive.key_space", message, hint, "note")


def key_constant(workspace: Workspace) -> Iterator[Fault]:
    """A key that never differs puts all events into one line."""
    named = [(document, "receive.key", spec.receive.key) for document, spec in integrations(workspace)]
    named += [
        (document, f"topics.{name}.key", topic.key)
        for document, charter in charters(workspace)
        for name, topic in charter.topics.items()
    ]
    for document, path, key in named:
        if key is not None and not differs(key):
            message = (
                "`key` is the same for every event: they all run one after another, and one that waits stops the rest"
            )
            hint = "name what must keep its order, such as `to_string(body.id)` for an order's events"
            yield finding("key-constant", document, path, message, hint)


def id_is_key(workspace: Workspace) -> Iterator[Fault]:
    """An id that is the key leaves nothing to put in order."""
    for document, spec in integrations(workspace):
        if spec.receive.id is None or spec.receive.key is None:
            continue
        id_reads = reads(spec.receive.id)
        if id_reads and id_reads == reads(spec.receive.key):
            message = (
                "`id` and `key` read the same: either a second event of one key is a duplicate, or no two share a key"
            )
            hint = "`id` is the event's own (an order's update has another), `key` is what the event is about"
            yield finding("id-is-key", document, "receive.key", message, hint, "note")


def contract_missing(workspace: Workspace) -> Iterator[Fault]:
    """Without a contract a change at the sender is found by the step it breaks."""
    for document, spec in integrations(workspace):
        if spec.receive.contract is None and spec.receive.topic is None:
            message = "nothing checks the body: a change at the sender would be found by whatever step it breaks"
            hint = "add `contract:` with a model of charter/models"
            yield finding("contract-missing", document, "receive", message, hint)


def answer_not_accepted(workspace: Workspace) -> Iterator[Fault]:
    """A sender takes anything but 2xx for a failure: it repeats, and in the end deletes the subscription."""
    for document, system in systems(workspace):
        answer = system.webhooks.answer if system.webhooks else None
        if answer is not None and not 200 <= answer.status <= 299:
            message = f"an accepted webhook is answered {answer.status}, which tells the sender that it failed"
            yield finding("answer-not-accepted", document, "webhooks.answer.status", message, "answer 200, 202 or 204")

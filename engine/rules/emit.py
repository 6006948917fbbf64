"""An event of a topic as it will be stored: checked against the topic's contract, named, and as bytes.

Refuses to emit what breaks the contract: its receivers would quarantine it one by one, and the one who made it would
end well.
"""

from collections.abc import Mapping

from engine.contract.body import encode_json
from engine.language.errors import LanguageError
from engine.model import Status
from engine.rules.needs import Emit, End
from engine.rules.opening import told
from engine.rules.order import revision_of
from engine.rules.truth import identity_text
from engine.spec.plan import EmitStep


def make_emission(step: EmitStep, scope: Mapping[str, object], place: str) -> Emit | End:
    """The event of a topic that the step tells, or why it cannot be told."""
    topic = step.topic
    body = step.body(scope)
    violations = topic.contract.check(body)
    if violations:
        reason = f"step {place}: the body breaks {topic.contract.name}: {told(violations)}"
        return End(Status.QUARANTINED, reason, place)
    event = scope["event"]
    assert isinstance(event, dict)
    once = identity_text(step.once(scope)) if step.once else f"{event['id']}:{place}"
    if once is None:
        return End(Status.QUARANTINED, f"step {place}: `once` gave no text or number", place)
    named = {"body": body}
    try:
        key = identity_text(topic.key(named))
        revision = None if topic.revision is None else revision_of(topic.revision(named))
    except LanguageError as error:
        return End(Status.QUARANTINED, f"step {place}: topic {topic.name}: {error.message}", place)
    if key is None:
        return End(Status.QUARANTINED, f"step {place}: the key of topic {topic.name} gave no text or number", place)
    if topic.revision is not None and revision is None:
        reason = f"step {place}: the revision of topic {topic.name} gave no text or number, nor a list of these"
        return End(Status.QUARANTINED, reason, place)
    return Emit(step, place, once, key, revision, encode_json(body))

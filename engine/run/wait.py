"""What a step waits for: an event of a topic that is there already, and for which its `when` holds."""

from engine.contract.body import BodyError, decode_body
from engine.language import LanguageError
from engine.rules.needs import Ask
from engine.rules.truth import truth
from engine.run.claim import Claim


async def find_message(claim: Claim, question: Ask) -> tuple[tuple[object, ...], int]:
    """(the body of the first event that is awaited, or nothing; the number of the newest that was looked at)."""
    until = question.step.until
    if until is None:
        return (), 0
    messages = await claim.commit(claim.ports.store.messages, (until.topic, claim.delivery.key or ""))
    for message in messages:
        try:
            body = decode_body(message.body)
            if until.when is None or truth(until.when({**question.scope, "body": body})):
                return (body,), message.message
        except (BodyError, LanguageError):
            continue  # it is not for this one: another may be
    return (), messages[-1].message if messages else 0

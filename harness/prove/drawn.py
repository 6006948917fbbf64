"""AN INTEGRATION WITHOUT RECORDINGS → MESSAGES OF IT, drawn from the contract of what it receives.

The same at every call. This file refuses to give what the engine would not take on.
"""

import re
from typing import Any, Final

from engine.errors import UserError
from engine.run.load import Loaded
from engine.spec import shape
from harness.alternatives import CannotDraw
from harness.prove.news import Document, Sample, Teller
from harness.strategies import documents
from harness.vocabulary import vocabulary

HEADER = re.compile(r'headers\."([^"]+)"|headers\.(\w+)')
DRAWN: Final = 8
"""Documents at most."""


def drawn(loaded: Loaded, integration: str, teller: Teller) -> list[Sample]:
    """Documents of the contract that the engine would take on. Raises UserError where there are none."""
    from hypothesis import HealthCheck, Phase, given, settings

    content: shape.Integration = loaded.workspace.integrations[integration].content
    contract = teller.plan.receive.contract
    name = contract.name if contract else ""
    schema: Any = loaded.workspace.models[name].content if contract else {}
    words: dict[str, tuple[str, ...]] = {}
    for step in content.steps:
        if step.map is not None:
            words |= vocabulary(loaded.workspace.mappings[step.map].content, loaded.workspace.tables)
    found: list[Sample] = []
    try:
        strategy = documents(name, schema, words)
    except CannotDraw as error:
        raise UserError(f"{integration} has no examples to begin from, and {error}") from None

    @settings(
        max_examples=100,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def draw(body: Any) -> None:
        document: Document = {"headers": headers_read(content, len(found)), "query": {}, "body": body}
        if len(found) < DRAWN and teller.sound(document):
            found.append(Sample("", document))

    draw()
    if not found:
        raise UserError(f"{integration} has no examples, and nothing drawn from {name} is taken on")
    return found


def headers_read(content: shape.Integration, number: int) -> dict[str, str]:
    """Every header that the integration may read of a delivery."""
    receive = content.receive
    values = [receive.id, receive.key, *receive.revision]
    texts = [each.text if isinstance(each, shape.Expression) else repr(each) for each in values if each is not None]
    return {quoted or plain: f"drawn-{number}" for text in texts for quoted, plain in HEADER.findall(text)}

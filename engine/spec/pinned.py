"""What an event is pinned to, as plain data: of all a workspace holds what one spec uses, and which of it is behaviour.

Credentials, addresses, timeouts, retries and quotas are live and left out, as are examples. It refuses to compile
anything.
"""

from typing import Any

from engine.spec import shape, yaml
from engine.spec.steps import every_step
from engine.spec.workspace import Document, Workspace

LIVE = ("quota",)
"""Of an operation what is looked up when a call is made, and is no part of what an event is pinned to."""


def gather(workspace: Workspace, spec: shape.Integration) -> dict[str, Any]:
    """What a plan is pinned to, as plain data: the mappings, contracts, operations and topics its spec names. Examples
    are left out."""
    steps = [step for _, step in every_step(spec.steps)]
    mappings = {step.map: yaml.plain(workspace.mappings[step.map].node) for step in steps if step.map}
    contracts = {spec.receive.contract} if spec.receive.contract else set()
    topics = {step.emit.topic for step in steps if step.emit} | ({spec.receive.topic} if spec.receive.topic else set())
    for name in mappings:
        shaped = workspace.mappings[name].content
        contracts |= {shaped.from_, shaped.to}
    contracts |= {workspace.topics[name].contract for name in topics}
    names = {provider.partition(".")[0] for step in steps for provider in step.providers}
    return {
        "mappings": mappings,
        "models": {name: workspace.models[name].content for name in contracts},
        "systems": {name: pinned(workspace.systems[name]) for name in names},
        # Left out where there is none, so that plans of a time without topics keep their hash.
        **({"topics": {name: topic_node(workspace, name) for name in topics}} if topics else {}),
    }


def pinned(system: Document) -> dict[str, Any]:
    """A system as plain data, without what is live."""
    node: Any = yaml.plain(system.node)
    kept = {key: node[key] for key in ("system", "kind", "idempotency", "operations", "outcomes") if key in node}
    operations = kept.get("operations", {}).items()
    plain = {name: {key: value for key, value in each.items() if key not in LIVE} for name, each in operations}
    return {**kept, "operations": plain} if plain else kept


def topic_node(workspace: Workspace, name: str) -> Any:
    assert workspace.charter is not None
    charter: Any = yaml.plain(workspace.charter.node)
    return charter["topics"][name]


def behaviour(content: Any) -> Any:
    """What of a plan's content makes another version of it: all but the words, the names of people, and those promises
    that the engine only measures itself by."""
    spec = {key: value for key, value in content["spec"].items() if key not in ("summary", "owner", "impact", "sla")}
    complete = content["spec"].get("sla", {}).get("complete", {})
    acted_on = {key: value for key, value in complete.items() if key == "within"}
    return {**content, "spec": {**spec, "sla": {"complete": acted_on}} if acted_on else spec}

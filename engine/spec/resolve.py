"""Every name a workspace uses, against what it names: documents, operations, steps, and what each expression may see.

Works on whatever could be read, the partial shapes: a document with faults of its own still exists for its neighbours,
and the rest of it is still checked, so that all faults are told in one pass and each once. The scopes are the table of
the dialect.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from engine.errors import Fault
from engine.language import Scope
from engine.spec import shape
from engine.spec.gates import gate_faults
from engine.spec.invalid import INVALID, Misnamed
from engine.spec.scopes import Checker, Doubtful, scope
from engine.spec.workspace import Document, Workspace
from engine.spec.zones import FindZone

RECEIVE = ("environment", "headers", "query", "body")
STEPS = ("environment", "event", "headers", "body", "envelope")
REQUEST = ("input", "once")
ANSWER = ("input", "once", "status", "headers", "body")
AS_RECEIVED = ("method", "path", "query", "headers", "body")
AS_ANSWERED = (*AS_RECEIVED, "known", "n")

HOMES = {"from_": "map", "input": "call", "once": "call", "on_unknown": "call", "default": "call"}
"""Which kind of step a key belongs to."""


@dataclass(frozen=True, slots=True)
class Resolver(Checker):
    """Walks the documents of a workspace."""

    def team(self, document: Document, name: str, path: str) -> None:
        if self.workspace.charter is not None:
            self.exists("unknown-team", document, path, name, self.workspace.charter.partial.teams)

    def called_system(self, document: Document, name: str, path: str) -> bool:
        return self.exists("unknown-system", document, path, name, self.workspace.systems)

    def contract(self, document: Document, name: str, path: str) -> None:
        self.exists("unknown-contract", document, path, name, self.workspace.models)

    # ── charter and systems ──────────────────────────────────────────────────────────────────────────────────────────

    def charter(self, document: Document, charter: shape.Charter) -> None:
        for task, team in charter.raci.items():
            self.team(document, team, f"raci.{task}")
        for name, domain in charter.domains.items():
            self.called_system(document, domain.system_of_record, f"domains.{name}.system_of_record")

    def system(self, document: Document, system: shape.System) -> None:
        charter = self.workspace.charter
        if charter is not None:
            for name in system.base_url:
                self.exists("unknown-environment", document, f"base_url.{name}", name, charter.partial.environments)
        if system.webhooks and system.webhooks.verify:
            self.verify(document, system.webhooks.verify)
        for name, operation in system.operations.items():
            self.operation(document, system, name, operation)

    def verify(self, document: Document, verify: shape.Verify) -> None:
        if verify.scheme is INVALID:
            return
        if verify.scheme == "hmac-sha256" and verify.header is None:
            self.fault(
                "missing-key",
                document,
                "webhooks.verify",
                "`header` is missing: hmac-sha256 does not say where the signature stands",
                "add `header:` with the header that carries the signature",
            )
        for word in ("header", "encoding"):
            if verify.scheme != "hmac-sha256" and getattr(verify, word) is not None:
                self.fault(
                    "key-not-here",
                    document,
                    f"webhooks.verify.{word}",
                    f"scheme `{verify.scheme}` fixes the {word} itself",
                    "remove it",
                )

    def operation(self, document: Document, system: shape.System, name: str, operation: shape.Operation) -> None:
        path = f"operations.{name}"
        request = scope(REQUEST, "a request")
        self.text(operation.request.path, request)
        for part in ("query", "headers"):
            for key, value in getattr(operation.request, part).items():
                self.value(document, value, f"{path}.request.{part}.{key}", request)
        self.value(document, operation.request.body, f"{path}.request.body", request)
        self.text(operation.identity, scope(AS_RECEIVED, "an operation's identity"))
        if operation.identity is None and operation.effect not in ("none", INVALID):
            self.fault(
                "missing-key",
                document,
                path,
                "`identity` is missing: an operation with an effect says how the partner's book knows it",
                "add `identity:`, an expression over method, path, query, headers and body of the request",
            )
        answered = scope(ANSWER, "an answer")
        for rule in operation.outcomes:
            self.text(rule.when, answered)
        self.value(document, operation.result, f"{path}.result", answered)
        if operation.lookup:
            self.lookup(document, system, path, operation.lookup)
        simulated = scope(AS_ANSWERED, "a simulated answer")
        for answer in operation.answer:
            self.text(answer.when, simulated)
            for literal in (answer.headers, answer.body):
                for template in literal.templates if literal else ():
                    self.text(template, simulated)

    def lookup(self, document: Document, system: shape.System, path: str, lookup: shape.Lookup) -> None:
        at, own = f"{path}.lookup.call", f"`{system.system or 'the system'}` has"
        if self.exists("unknown-operation", document, at, lookup.call, system.operations, own):
            effect = system.operations[lookup.call].effect
            if effect not in ("none", INVALID):
                self.fault(
                    "lookup-effect",
                    document,
                    at,
                    f"`{lookup.call}` has effect `{effect}`: a look-up must not change anything",
                    "look up with an operation whose effect is none",
                )
        self.value(document, lookup.input, f"{path}.lookup.input", scope(REQUEST, "a look-up's input"))
        answered = scope(ANSWER, "a look-up's answer")
        self.text(lookup.found, answered)
        self.value(document, lookup.result, f"{path}.lookup.result", answered)

    # ── mappings ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def mapping(self, document: Document, mapping: shape.Mapping) -> None:
        """Outside `each` there is no item, so neither `$parent` nor `$index`."""
        self.contract(document, mapping.from_, "from")
        self.contract(document, mapping.to, "to")
        what = f"mapping {mapping.mapping}" if mapping.mapping else "the mapping"
        within = (Scope if mapping.let is not INVALID else Doubtful)(None, frozenset(("root",)), what)
        for name, value in mapping.let.items():
            self.value(document, value, f"let.{name}", within)
            within = type(within)(None, within.variables | {name}, what)
        for name, value in mapping.fields.items():
            self.value(document, value, f"fields.{name}", within)

    # ── integrations ─────────────────────────────────────────────────────────────────────────────────────────────────

    def integration(self, document: Document, spec: shape.Integration) -> None:
        self.team(document, spec.owner, "owner")
        self.receive(document, spec.receive)
        names: tuple[str, ...] = STEPS
        doubtful = False
        for place, step in enumerate(spec.steps):
            path = f"steps[{place}]"
            if step.id in names:
                what = "is a name every step sees" if step.id in STEPS else "is the id of an earlier step"
                self.fault("duplicate-name", document, f"{path}.id", f"`{step.id}` {what}", "choose another id")
            self.step(document, step, path, scope(names, "a step", doubtful=doubtful))
            if step.id is INVALID:
                doubtful = True
            else:
                names = (*names, step.id)
        for place, example in enumerate(spec.examples):
            self.example(document, example, f"examples[{place}]")

    def receive(self, document: Document, receive: shape.Receive) -> None:
        self.called_system(document, receive.webhook.system, "receive.webhook.system")
        if receive.contract is not None:
            self.contract(document, receive.contract, "receive.contract")
        arriving = scope(RECEIVE, "receive")
        self.text(receive.when, arriving)
        self.value(document, receive.id, "receive.id", arriving)
        self.value(document, receive.key, "receive.key", arriving)

    def step(self, document: Document, step: shape.Step, path: str, within: Scope) -> None:
        self.text(step.when, within)
        if step.map is not None:
            self.exists("unknown-mapping", document, f"{path}.map", step.map, self.workspace.mappings)
        if step.call is not None:
            self.call(document, step, path)
        if step.hold:
            self.text(step.hold.reason, within)
        kinds = [word for word in ("map", "call", "hold") if getattr(step, word) is not None]
        for word in ("from_", "input", "once"):
            if len(kinds) != 1 or HOMES[word] in kinds:  # what does not belong here is told, and not also examined
                self.value(document, getattr(step, word), f"{path}.{word.rstrip('_')}", within)
        if len(kinds) == 1:
            self.keys_of_a_step(document, step, kinds[0], path)

    def keys_of_a_step(self, document: Document, step: shape.Step, kind: str, path: str) -> None:
        """Whether a step has the keys of its kind and no others."""
        for word, home in HOMES.items():
            if home != kind and getattr(step, word) not in (None, INVALID):
                key = word.rstrip("_")
                message = f"`{key}` belongs to a `{home}` step, this is a `{kind}` step"
                self.fault("key-not-here", document, f"{path}.{key}", message, "remove it")
        if step.on_failure is INVALID:
            return
        if kind == "map" and step.on_failure != "dead_letter":
            message = "a mapping that fails quarantines its event"
            self.fault("key-not-here", document, f"{path}.on_failure", message, "remove it")
        if kind == "call" and (step.on_failure == "continue") != (step.default is not None):
            message = "`on_failure: continue` and `default` go together"
            hint = "say with `default:` what later steps read when the call failed"
            self.fault("missing-key", document, path, message, hint)

    def call(self, document: Document, step: shape.Step, path: str) -> None:
        if not step.call or isinstance(step.call, Misnamed):
            return
        name, _, operation_name = step.call.partition(".")
        systems, at = self.workspace.systems, f"{path}.call"
        if not self.exists("unknown-system", document, at, name, systems):
            return
        operations = systems[name].partial.operations
        if not self.exists("unknown-operation", document, at, operation_name, operations, f"`{name}` has"):
            return
        operation = operations[operation_name]
        if step.on_unknown == "lookup" and operation.lookup is None:
            self.fault(
                "no-lookup",
                document,
                f"{path}.on_unknown",
                f"`{step.call}` has no `lookup`",
                "declare one in the system's file, or choose retry, hold or dead_letter",
            )
        if step.on_unknown == "retry" and operation.effect == "at_most_once":
            self.fault(
                "at-most-once",
                document,
                f"{path}.on_unknown",
                f"`{step.call}` is at_most_once: it is never sent again after `unknown`",
                "choose lookup, hold or dead_letter",
            )

    def example(self, document: Document, example: shape.Example, path: str) -> None:
        for place, event in enumerate(example.events):
            self.exists("unknown-recording", document, f"{path}.events[{place}]", event, self.workspace.recordings)
        if example.events is INVALID or example.expect is INVALID:
            return
        if len(example.events) != len(example.expect):
            self.fault(
                "example-count",
                document,
                f"{path}.expect",
                f"{len(example.expect)} expectations for {len(example.events)} events",
                "one entry per event, in order",
            )


def resolve(workspace: Workspace, find_zone: FindZone) -> list[Fault]:
    """Every fault of names and scopes in a workspace; `find_zone` gives the rules of a time zone, None for no zone."""
    resolver = Resolver(workspace, find_zone, [])
    if workspace.charter is not None:
        resolver.charter(workspace.charter, workspace.charter.partial)
    for word, documents, check in (
        ("system", workspace.systems, resolver.system),
        ("mapping", workspace.mappings, resolver.mapping),
        ("integration", workspace.integrations, resolver.integration),
    ):
        for document in (*documents.values(), *workspace.doubles.get(word, ())):
            check(document, document.partial)
    resolver.faults.extend(shared_paths(workspace))
    resolver.faults.extend(gate_faults(workspace))
    return resolver.faults


def shared_paths(workspace: Workspace) -> Iterator[Fault]:
    """Two integrations on one path: the second would never hear anything."""
    taken: dict[str, str] = {}
    for name, document in workspace.integrations.items():
        path = document.partial.receive.webhook.path
        if not path:
            continue
        if path in taken:
            yield Fault(
                "duplicate-path",
                document.mark("receive.webhook.path"),
                "receive.webhook.path",
                f"`{taken[path]}` listens on {path} already",
                "give each integration a path of its own",
            )
        taken.setdefault(path, name)

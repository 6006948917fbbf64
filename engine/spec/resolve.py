"""Every name a workspace uses, against what it names: documents, operations, steps, and what each expression may see.

Works on whatever could be read, the partial shapes: a document with faults of its own still exists for its neighbours,
and the rest of it is still checked, so that all faults are told in one pass and each once. The scopes are the table of
the dialect. What integrations receive and do is `flow.py`'s.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from engine.errors import Fault
from engine.language import Scope
from engine.spec import shape
from engine.spec.flow import OUTCOME, STEPS, FlowChecker, Seen
from engine.spec.gates import gate_faults
from engine.spec.invalid import INVALID
from engine.spec.profiles import profile_faults
from engine.spec.scopes import Doubtful, fault_in, scope
from engine.spec.workspace import Document, Workspace
from engine.spec.zones import FindZone

REQUEST = ("input", "once")
ANSWER = ("input", "once", "status", "headers", "body")
AS_RECEIVED = ("method", "path", "query", "headers", "body")
AS_ANSWERED = (*AS_RECEIVED, "known", "n")
DONE = ("input", "once", "result")
KNOWN = re.compile(r"(?<![\w.'])known\b")
ONE_BRACE = re.compile(r"(?<!\{)\{[A-Za-z_][\w.]*\}(?!\})")


@dataclass(frozen=True, slots=True)
class Resolver(FlowChecker):
    """Walks the documents of a workspace."""

    def team(self, document: Document, name: str, path: str) -> None:
        if self.workspace.charter is not None:
            self.exists("unknown-team", document, path, name, self.workspace.charter.partial.teams)

    # ── charter and systems ──────────────────────────────────────────────────────────────────────────────────────────

    def charter(self, document: Document, charter: shape.Charter) -> None:
        for task, team in charter.raci.items():
            self.team(document, team, f"raci.{task}")
        for name, domain in charter.domains.items():
            self.known_system(document, domain.system_of_record, f"domains.{name}.system_of_record")
        body = Scope(None, frozenset(("root",)), "the body of a topic's event")
        for name, topic in charter.topics.items():
            self.contract(document, topic.contract, f"topics.{name}.contract")
            self.value(document, topic.key, f"topics.{name}.key", body)
            self.several(document, topic.revision, f"topics.{name}.revision", body)

    def partner(self, document: Document, system: shape.System) -> None:
        charter = self.workspace.charter
        if charter is not None:
            for name in system.base_url:
                self.exists("unknown-environment", document, f"base_url.{name}", name, charter.partial.environments)
        if system.webhooks and system.webhooks.verify:
            self.verify(document, system.webhooks.verify)
        for rule in system.outcomes:
            self.text(rule.when, scope(OUTCOME, "what comes of a call"))
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
        self.braces(operation.request.path)
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
        elif operation.identity is None and known_used(operation):
            self.fault(
                "missing-key",
                document,
                path,
                "`identity` is missing: without it `known` is null, always, so that this answers that nothing is there",
                "add `identity:`, where the request says what is asked for, such as `identity: query.external_id`",
            )
        answered = scope(ANSWER, "an answer")
        for rule in operation.outcomes:
            self.text(rule.when, scope(OUTCOME, "what comes of a call"))
        self.value(document, operation.result, f"{path}.result", answered)
        if operation.lookup:
            self.lookup(document, system, path, operation.lookup)
        if operation.undo:
            self.undo(document, system, name, operation)
        simulated = scope(AS_ANSWERED, "a simulated answer")
        for answer in operation.answer:
            self.text(answer.when, simulated)
            for literal in (answer.headers, answer.body):
                for template in literal.templates if literal else ():
                    self.text(template, simulated)

    def braces(self, path: shape.Template | None) -> None:
        """`/orders/{id}`, as other formats write a hole: here it would be sent as it stands."""
        if path and (found := ONE_BRACE.search(path.text)):
            message = f"`{found[0]}` is no hole: it would be sent as it stands"
            self.faults.append(fault_in(path, found.start(), "template-syntax", message, "a hole is {{ input.NAME }}"))

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

    def undo(self, document: Document, system: shape.System, name: str, operation: shape.Operation) -> None:
        undo, path, own = operation.undo, f"operations.{name}.undo", f"`{system.system or 'the system'}` has"
        assert undo is not None
        self.value(document, undo.input, f"{path}.input", scope(DONE, "an undo's input"))
        if operation.effect == "none":
            self.fault(
                "key-not-here", document, path, f"`{name}` has no effect, so there is nothing to undo", "remove it"
            )
        elif self.exists("unknown-operation", document, f"{path}.call", undo.call, system.operations, own):
            problem = ""
            if undo.call == name:
                problem = f"`{name}` would undo itself by doing it again"
            elif system.operations[undo.call].effect == "none":
                problem = f"`{undo.call}` has effect `none`: it takes nothing back"
            if problem:
                hint = "undo with an operation that has an effect of its own, such as a cancellation or a refund"
                self.fault("undo-effect", document, f"{path}.call", problem, hint)

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
        self.flow(document, spec.steps, "steps", Seen(STEPS))
        splits = spec.receive is not INVALID and spec.receive.split is not None
        for place, example in enumerate(spec.examples):
            self.example(document, example, f"examples[{place}]", splits=splits)

    def example(self, document: Document, example: shape.Example, path: str, *, splits: bool) -> None:
        """`splits`: how many events a delivery becomes is not known here, and told where the example is run."""
        for place, event in enumerate(example.events):
            self.exists("unknown-recording", document, f"{path}.events[{place}]", event, self.workspace.recordings)
        if example.events is INVALID or example.expect is INVALID:
            return
        if not splits and len(example.events) != len(example.expect):
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
        ("system", workspace.systems, resolver.partner),
        ("mapping", workspace.mappings, resolver.mapping),
        ("integration", workspace.integrations, resolver.integration),
    ):
        for document in (*documents.values(), *workspace.doubles.get(word, ())):
            check(document, document.partial)
    resolver.faults.extend(shared_paths(workspace))
    resolver.faults.extend(gate_faults(workspace))
    resolver.faults.extend(profile_faults(workspace))
    return resolver.faults


def known_used(operation: shape.Operation) -> bool:
    """Does an answer of its simulator read the book?"""
    texts = [
        text for answer in operation.answer for part in (answer.headers, answer.body) if part for text in part.templates
    ]
    whens = [answer.when.text for answer in operation.answer if answer.when]
    return any(KNOWN.search(text) for text in (*whens, *(template.text for template in texts)))


def shared_paths(workspace: Workspace) -> Iterator[Fault]:
    """Two integrations on one path: the second would never hear anything."""
    taken: dict[str, str] = {}
    for name, document in workspace.integrations.items():
        webhook = document.partial.receive.webhook
        path = webhook.path if webhook else ""
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

"""Every name a workspace uses, against what it names: documents, steps, and each expression's static scope.

Works on whatever could be read: a document with faults of its own still counts as existing, so that one mistake is
told once. The scopes are the table of the dialect; a name that is not in scope is a fault here, not a null at two in
the morning.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from engine.errors import Fault
from engine.language import LanguageError, Scope, check_expression, check_template
from engine.spec import shape
from engine.spec.value import to_value
from engine.spec.workspace import Document, Workspace, closest

RECEIVE = ("environment", "headers", "query", "body")
STEPS = ("environment", "event", "headers", "body", "envelope")
REQUEST = ("input", "once")
ANSWER = ("input", "once", "status", "headers", "body")
AS_RECEIVED = ("method", "path", "query", "headers", "body")
AS_ANSWERED = (*AS_RECEIVED, "known", "n")


def scope(names: tuple[str, ...], what: str) -> Scope:
    """A closed scope: every name also as $name, and the whole as $root."""
    return Scope(frozenset(names), frozenset((*names, "root")), what)


@dataclass(frozen=True, slots=True)
class Resolver:
    """Walks a workspace; `faults` grows."""

    workspace: Workspace
    faults: list[Fault]

    def fault(self, code: str, document: Document, path: str, message: str, hint: str = "") -> None:
        self.faults.append(Fault(code, document.mark(path), path, message, hint))

    # ── expressions ──────────────────────────────────────────────────────────────────────────────────────────────────

    def text(self, text: shape.Expression | shape.Template, within: Scope) -> None:
        check = check_expression if isinstance(text, shape.Expression) else check_template
        for problem in check(text.text, within):
            self.faults.append(Fault(problem.code, text.mark, text.path, problem.message, problem.hint))

    def value(self, document: Document, value: shape.Value, path: str, within: Scope) -> None:
        """Checks every expression and table of a value, each in its own scope."""
        if isinstance(value, shape.Expression):
            self.text(value, within)
        elif isinstance(value, shape.Filled):
            self.text(value.template, within)
        elif isinstance(value, shape.Converted):
            self.converted(document, value, path, within)
        elif isinstance(value, shape.Object):
            for name, inner in value.fields.items():
                self.value(document, inner, f"{path}.fields.{name}", within)
        elif isinstance(value, shape.Items):
            self.text(value.each, within)
            inside = Scope(None, within.variables | {"root", "parent", "index"}, f"an item of {path}")
            for name, inner in value.fields.items():
                self.value(document, inner, f"{path}.fields.{name}", inside)

    def converted(self, document: Document, value: shape.Converted, path: str, within: Scope) -> None:
        for text in (value.from_, value.from_unit, value.money, value.decimal):
            if text is not None:
                self.text(text, within)
        try:
            to_value(value)
        except LanguageError as error:
            self.fault("converters", document, path, error.message, error.hint)
        if value.table is not None:
            self.table(document, value, path)

    def table(self, document: Document, value: shape.Converted, path: str) -> None:
        assert value.table is not None
        table = self.workspace.tables.get(value.table)
        if table is None:
            if value.table not in self.workspace.tables_unread:
                hint = closest(value.table, self.workspace.tables, "tables")
                self.fault("unknown-table", document, f"{path}.table", f"there is no table `{value.table}`", hint)
            return
        for word in ("by", "give"):
            column = getattr(value, word)
            if column is not None and column not in table.columns:
                hint = closest(column, table.columns, "columns")
                self.fault(
                    "unknown-column",
                    document,
                    f"{path}.{word}",
                    f"table `{value.table}` has no column `{column}`",
                    hint,
                )

    # ── documents ────────────────────────────────────────────────────────────────────────────────────────────────────

    def team(self, document: Document, name: str, path: str) -> None:
        charter = self.workspace.charter
        if charter is None or charter.content is None or name in charter.content.teams:
            return
        self.fault(
            "unknown-team", document, path, f"there is no team `{name}`", closest(name, charter.content.teams, "teams")
        )

    def charter(self, document: Document, charter: shape.Charter) -> None:
        for task, team in charter.raci.items():
            self.team(document, team, f"raci.{task}")
        for name, domain in charter.domains.items():
            record = domain.system_of_record
            if record not in self.workspace.systems:
                hint = closest(record, self.workspace.systems, "systems")
                self.fault(
                    "unknown-system",
                    document,
                    f"domains.{name}.system_of_record",
                    f"there is no system `{record}`",
                    hint,
                )

    def system(self, document: Document, system: shape.System) -> None:
        charter = self.workspace.charter
        if charter is not None and charter.content is not None:
            known = charter.content.environments
            for name in system.base_url:
                if name not in known:
                    hint = closest(name, known, "environments")
                    self.fault(
                        "unknown-environment", document, f"base_url.{name}", f"there is no environment `{name}`", hint
                    )
        verify = system.webhooks.verify if system.webhooks else None
        if verify is not None:
            if verify.scheme == "hmac-sha256" and verify.header is None:
                self.fault(
                    "missing-key",
                    document,
                    "webhooks.verify",
                    "`header` is missing: hmac-sha256 does not say where the signature stands",
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
        for name, operation in system.operations.items():
            self.operation(document, system, name, operation)

    def operation(self, document: Document, system: shape.System, name: str, operation: shape.Operation) -> None:
        path = f"operations.{name}"
        request = scope(REQUEST, "a request")
        self.text(operation.request.path, request)
        for part in ("query", "headers"):
            for key, value in getattr(operation.request, part).items():
                self.value(document, value, f"{path}.request.{part}.{key}", request)
        if operation.request.body is not None:
            self.value(document, operation.request.body, f"{path}.request.body", request)
        if operation.identity is not None:
            self.text(operation.identity, scope(AS_RECEIVED, "an operation's identity"))
        elif operation.effect != "none":
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
        if operation.result is not None:
            self.value(document, operation.result, f"{path}.result", answered)
        if operation.lookup is not None:
            self.lookup(document, system, path, operation.lookup)
        simulated = scope(AS_ANSWERED, "a simulated answer")
        for answer in operation.answer:
            if answer.when is not None:
                self.text(answer.when, simulated)
            for literal in (answer.headers, answer.body):
                for template in literal.templates if literal else ():
                    self.text(template, simulated)

    def lookup(self, document: Document, system: shape.System, path: str, lookup: shape.Lookup) -> None:
        called = system.operations.get(lookup.call)
        if called is None:
            hint = closest(lookup.call, system.operations, "operations")
            self.fault(
                "unknown-operation",
                document,
                f"{path}.lookup.call",
                f"`{system.system}` has no operation `{lookup.call}`",
                hint,
            )
        elif called.effect != "none":
            self.fault(
                "lookup-effect",
                document,
                f"{path}.lookup.call",
                f"`{lookup.call}` has effect `{called.effect}`: a look-up must not change anything",
                "look up with an operation whose effect is none",
            )
        self.value(document, lookup.input, f"{path}.lookup.input", scope(REQUEST, "a look-up's input"))
        answered = scope(ANSWER, "a look-up's answer")
        self.text(lookup.found, answered)
        if lookup.result is not None:
            self.value(document, lookup.result, f"{path}.lookup.result", answered)

    def contract(self, document: Document, name: str, path: str) -> None:
        if name not in self.workspace.models:
            hint = closest(name, self.workspace.models, "contracts")
            self.fault("unknown-contract", document, path, f"there is no contract `{name}`", hint)

    def mapping(self, document: Document, mapping: shape.Mapping) -> None:
        self.contract(document, mapping.from_, "from")
        self.contract(document, mapping.to, "to")
        variables = frozenset(("root", "parent", "index"))
        for name, value in mapping.let.items():
            self.value(document, value, f"let.{name}", Scope(None, variables, f"mapping {mapping.mapping}"))
            variables |= {name}
        for name, value in mapping.fields.items():
            self.value(document, value, f"fields.{name}", Scope(None, variables, f"mapping {mapping.mapping}"))

    def integration(self, document: Document, spec: shape.Integration) -> None:
        self.team(document, spec.owner, "owner")
        receive = spec.receive
        if receive.webhook.system not in self.workspace.systems:
            hint = closest(receive.webhook.system, self.workspace.systems, "systems")
            self.fault(
                "unknown-system",
                document,
                "receive.webhook.system",
                f"there is no system `{receive.webhook.system}`",
                hint,
            )
        if receive.contract is not None:
            self.contract(document, receive.contract, "receive.contract")
        arriving = scope(RECEIVE, "receive")
        if receive.when is not None:
            self.text(receive.when, arriving)
        self.value(document, receive.id, "receive.id", arriving)
        self.value(document, receive.key, "receive.key", arriving)
        names: tuple[str, ...] = STEPS
        for place, step in enumerate(spec.steps):
            path = f"steps[{place}]"
            if step.id in names:
                what = "is a name every step sees" if step.id in STEPS else "is the id of an earlier step"
                self.fault("duplicate-name", document, f"{path}.id", f"`{step.id}` {what}", "choose another id")
            self.step(document, step, path, scope(names, "a step"))
            names = (*names, step.id)
        for place, example in enumerate(spec.examples):
            self.example(document, example, f"examples[{place}]")

    def step(self, document: Document, step: shape.Step, path: str, within: Scope) -> None:
        if step.when is not None:
            self.text(step.when, within)
        kind = "map" if step.map else "call" if step.call else "hold"
        for word, home in (
            ("from_", "map"),
            ("input", "call"),
            ("once", "call"),
            ("on_unknown", "call"),
            ("default", "call"),
        ):
            value = getattr(step, word)
            if value is None:
                continue
            key = word.rstrip("_")
            if home != kind:
                self.fault(
                    "key-not-here",
                    document,
                    f"{path}.{key}",
                    f"`{key}` belongs to a `{home}` step, this is a `{kind}` step",
                    "remove it",
                )
            elif word in ("from_", "input", "once"):
                self.value(document, value, f"{path}.{key}", within)
        if step.map is not None and step.map not in self.workspace.mappings:
            hint = closest(step.map, self.workspace.mappings, "mappings")
            self.fault("unknown-mapping", document, f"{path}.map", f"there is no mapping `{step.map}`", hint)
        if step.hold is not None:
            self.text(step.hold.reason, within)
        if step.on_failure != "dead_letter" and kind == "map":
            self.fault(
                "key-not-here",
                document,
                f"{path}.on_failure",
                "a mapping that fails quarantines its event",
                "remove it",
            )
        if (step.on_failure == "continue") != (step.default is not None) and kind == "call":
            self.fault(
                "missing-key",
                document,
                path,
                "`on_failure: continue` and `default` go together",
                "say with `default:` what later steps read when the call failed",
            )
        if step.call is not None:
            self.call(document, step, path)

    def call(self, document: Document, step: shape.Step, path: str) -> None:
        assert step.call is not None
        system_name, _, operation_name = step.call.partition(".")
        system = self.workspace.systems.get(system_name)
        if system is None:
            hint = closest(system_name, self.workspace.systems, "systems")
            self.fault("unknown-system", document, f"{path}.call", f"there is no system `{system_name}`", hint)
            return
        if system.content is None:
            return
        operation = system.content.operations.get(operation_name)
        if operation is None:
            hint = closest(operation_name, system.content.operations, "operations")
            self.fault(
                "unknown-operation",
                document,
                f"{path}.call",
                f"`{system_name}` has no operation `{operation_name}`",
                hint,
            )
            return
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
            if event not in self.workspace.recordings:
                hint = closest(event, self.workspace.recordings, "recordings")
                self.fault(
                    "unknown-recording", document, f"{path}.events[{place}]", f"there is no file `{event}`", hint
                )
        if len(example.events) != len(example.expect):
            self.fault(
                "example-count",
                document,
                f"{path}.expect",
                f"{len(example.expect)} expectations for {len(example.events)} events",
                "one entry per event, in order",
            )


def resolve(workspace: Workspace) -> list[Fault]:
    """Every fault of names and scopes in a workspace."""
    resolver = Resolver(workspace, [])
    kinds = (
        ({"": workspace.charter} if workspace.charter else {}, resolver.charter),
        (workspace.systems, resolver.system),
        (workspace.mappings, resolver.mapping),
        (workspace.integrations, resolver.integration),
    )
    for documents, check in kinds:
        for document in documents.values():
            if document.content is not None:
                check(document, document.content)
    resolver.faults.extend(shared_paths(workspace))
    return resolver.faults


def shared_paths(workspace: Workspace) -> Iterator[Fault]:
    """Two integrations on one path: the second would never hear anything."""
    taken: dict[str, str] = {}
    for name, document in workspace.integrations.items():
        if document.content is None:
            continue
        path = document.content.receive.webhook.path
        if path in taken:
            yield Fault(
                "duplicate-path",
                document.mark("receive.webhook.path"),
                "receive.webhook.path",
                f"`{taken[path]}` listens on {path} already",
                "give each integration a path of its own",
            )
        taken.setdefault(path, name)

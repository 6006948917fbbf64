"""Workspace → Plans: names resolved, expressions and mappings bound, contracts compiled.

Called only on a workspace without faults. What an event is pinned to (spec, mappings, contracts, operations) is also
gathered as plain data, hashed and kept by the store; `compile_content` makes the same plan from it again, long after
the files have changed.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from engine.contract.body import decode_body, encode_json, sorted_json
from engine.contract.drift import compile_drift
from engine.contract.extract import compile_extractor
from engine.contract.schema import Contract, compile_contract
from engine.errors import Gone
from engine.language import (
    ExpressionError,
    Resources,
    TemplateError,
    compile_expression,
    compile_mapping,
    compile_template,
    compile_value,
    paths_used,
)
from engine.language.errors import place_text
from engine.model import Effect, Request, Verdict, effect_digest
from engine.spec import shape, yaml
from engine.spec.plan import Bound, CallStep, HoldStep, LookupPlan, MapStep, OperationPlan, Plan, ReceivePlan, StepPlan
from engine.spec.read import INVALID, Reader
from engine.spec.value import expressions_of, to_value, where
from engine.spec.workspace import Workspace

NO_VARIABLES: Mapping[str, object] = {}
DEFAULT_ON_UNKNOWN = {
    Effect.NONE: "retry",
    Effect.IDEMPOTENT: "retry",
    Effect.UNPROTECTED: "retry",
    Effect.VERIFIABLE: "lookup",
    Effect.AT_MOST_ONCE: "hold",
}


@dataclass(frozen=True, slots=True)
class Parts:
    """What one plan is made of, as shapes; schemas as plain data."""

    spec: shape.Integration
    mappings: Mapping[str, shape.Mapping]
    models: Mapping[str, Any]
    systems: Mapping[str, shape.System]


@dataclass(slots=True)
class Compiler:
    """Binds the parts of one plan; contracts and operations are compiled once each."""

    parts: Parts
    resources: Resources
    contracts: dict[str, Contract] = field(default_factory=dict)
    operations: dict[str, OperationPlan] = field(default_factory=dict)

    def contract(self, name: str) -> Contract:
        if name not in self.contracts:
            self.contracts[name] = compile_contract(name, self.parts.models[name])
        return self.contracts[name]

    def value(self, value: shape.Value) -> Bound:
        """A bare expression may give null; a value with converters says itself what null means."""
        if isinstance(value, shape.Expression):
            return expression(value)
        return bind(compile_value(to_value(value), self.resources))

    def optional(self, value: shape.Value | None) -> Bound | None:
        return None if value is None else self.value(value)

    def operation(self, full_name: str) -> OperationPlan:
        if full_name not in self.operations:
            self.operations[full_name] = self.bind_operation(full_name)
        return self.operations[full_name]

    def bind_operation(self, full_name: str) -> OperationPlan:
        system, _, name = full_name.partition(".")
        shaped = self.parts.systems[system]
        operation = shaped.operations[name]
        lookup, key = operation.lookup, shaped.idempotency if operation.effect != "none" else None
        return OperationPlan(
            system=system,
            name=name,
            effect=Effect(operation.effect),
            request=self.bind_request(system, name, operation.request, key.header if key else None),
            outcomes=tuple((expression(rule.when), Verdict(rule.is_)) for rule in operation.outcomes),
            result=self.optional(operation.result),
            lookup=None
            if lookup is None
            else LookupPlan(
                self.operation(f"{system}.{lookup.call}"),
                self.value(lookup.input),
                expression(lookup.found),
                self.optional(lookup.result),
            ),
            identity=None if operation.identity is None else expression(operation.identity),
            key_valid_us=key.valid_for.microseconds if key and key.valid_for else None,
        )

    def bind_request(
        self, system: str, name: str, request: shape.HttpRequest, key_header: str | None
    ) -> Callable[[object, str | None], Request]:
        path = compile_template(request.path.text, percent_encode=True)
        query = [(key, self.value(value)) for key, value in request.query.items()]
        headers = [(key, self.value(value)) for key, value in request.headers.items()]
        body = self.optional(request.body)

        def make(input_: object, once: str | None) -> Request:
            scope = {"input": input_, "once": once}
            key = () if key_header is None or once is None else ((key_header, effect_digest(system, name, once).hex()),)
            return Request(
                system=system,
                operation=name,
                method=request.method,
                path=path(scope, scope),
                query=texts(query, scope),
                headers=(*texts(headers, scope), *key),
                body=None if body is None else body(scope),
            )

        return make

    def tables(self, step: shape.Step) -> tuple[str, ...]:
        """The tables that a step may look something up in: its mapping's, or those of the request it makes."""
        found: list[shape.Value | None] = [step.from_, step.input, step.once]
        if step.map is not None:
            mapping = self.parts.mappings[step.map]
            found += [*mapping.let.values(), *mapping.fields.values()]
        if step.call is not None:
            system, _, name = step.call.partition(".")
            request = self.parts.systems[system].operations[name].request
            found += [request.body, *request.query.values(), *request.headers.values()]
        return tables_named(found)

    def mapping(self, name: str) -> tuple[Callable[[object], object], Contract]:
        shaped = self.parts.mappings[name]
        fields = {key: to_value(value) for key, value in shaped.fields.items()}
        let = {key: to_value(value) for key, value in shaped.let.items()}
        return compile_mapping(fields, let, self.resources), self.contract(shaped.to)

    def step(self, step: shape.Step) -> StepPlan:
        when = None if step.when is None else expression(step.when)
        if step.map is not None:
            run, contract = self.mapping(step.map)
            source = self.optional(step.from_) or body_of
            return MapStep(step.id, when, source, run, contract, self.tables(step))
        if step.call is not None:
            operation = self.operation(step.call)
            on_unknown = step.on_unknown or DEFAULT_ON_UNKNOWN[operation.effect]
            default = step.default.value if step.default else None
            return CallStep(
                step.id,
                when,
                operation,
                self.optional(step.input),
                self.optional(step.once),
                on_unknown,
                step.on_failure,
                default,
                self.tables(step),
            )
        assert step.hold is not None
        return HoldStep(step.id, when, step.hold.queue, template(step.hold.reason), step.on_failure)

    def receive(self, receive: shape.Receive) -> ReceivePlan:
        return ReceivePlan(
            path=receive.webhook.path,
            system=receive.webhook.system,
            when=None if receive.when is None else expression(receive.when),
            contract=None if receive.contract is None else self.contract(receive.contract),
            unknown=None if receive.contract is None else compile_drift(self.parts.models[receive.contract]),
            id=self.value(receive.id),
            key=self.value(receive.key),
            extract=body_extractor(receive.id, receive.key),
            dedupe_for_s=max(1, receive.dedupe_for.microseconds // 1_000_000),
        )


def tables_named(values: Iterable[shape.Value | None]) -> tuple[str, ...]:
    """The tables that values, and those inside them, name; sorted."""
    found: set[str] = set()
    waiting = [*values]
    while waiting:
        value = waiting.pop()
        if isinstance(value, shape.Converted):
            found |= {name for name in (value.table, value.packs) if name is not None}
        elif isinstance(value, shape.Object | shape.Items):
            waiting += value.fields.values()
    return tuple(sorted(found))


def body_of(scope: Mapping[str, object]) -> object:
    return scope["body"]


def bind(function: Callable[[object, Mapping[str, object]], object]) -> Bound:
    """In a scope the document and the variables are the same names; $root is the scope itself."""
    return lambda scope: function(scope, {**scope, "root": scope})


def expression(text: shape.Expression) -> Bound:
    evaluate = compile_expression(text.text).evaluate

    def bound(scope: Mapping[str, object]) -> object:
        try:
            return evaluate(scope, NO_VARIABLES)
        except ExpressionError as error:
            message = f"{error.message}{place_text(where(text), text.text, error.offset)}"
            raise ExpressionError(error.kind, message, error.offset, error.hint, error.code) from None

    return bound


def template(text: shape.Template) -> Bound:
    fill = compile_template(text.text)

    def bound(scope: Mapping[str, object]) -> object:
        try:
            return fill(scope, scope)
        except TemplateError as error:
            message = f"{error.message}{place_text(where(text), text.text, error.offset)}"
            raise TemplateError(message, error.offset, error.hint) from None

    return bound


def texts(pairs: list[tuple[str, Bound]], scope: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    """Query or header values as text; null leaves one out."""
    made = ((key, value(scope)) for key, value in pairs)
    return tuple((key, as_text(value)) for key, value in made if value is not None)


def as_text(value: object) -> str:
    """Text as it stands; numbers, booleans and the rest as JSON writes them."""
    return value if isinstance(value, str) else encode_json(value).decode()


def body_extractor(*named: shape.Value) -> Callable[[bytes], object] | None:
    """A decoder of only the paths that `id` and `key` read below `body`; None where all of it is needed."""
    paths: set[tuple[str, ...]] = set()
    for value in named:
        if not isinstance(value, shape.Expression | shape.Converted):
            return None
        for text in expressions_of(value):
            used = paths_used(text.text)
            if used is None:
                return None
            paths |= {path[1:] for path in used if path and path[0] == "body"}
    if () in paths:
        return None
    return compile_extractor(frozenset(paths))


def compile_plan(parts: Parts, content: dict[str, Any], environment: str, resources: Resources) -> Plan:
    """`content` is what the parts were read from, kept as written; for its hash the order of keys does not count."""
    compiler = Compiler(parts, resources)
    spec = parts.spec
    return Plan(
        hash=sha256(sorted_json(behaviour(content))).hexdigest(),
        content=encode_json(content),
        integration=spec.integration,
        version=spec.version,
        environment=environment,
        receive=compiler.receive(spec.receive),
        steps=tuple(compiler.step(step) for step in spec.steps),
        tables=resources.tables,
    )


def behaviour(content: Any) -> Any:
    """What of a plan's content makes another version of it: all but the words and the names of people."""
    words = ("summary", "owner", "impact")
    return {**content, "spec": {key: value for key, value in content["spec"].items() if key not in words}}


def compile_workspace(workspace: Workspace, environment: str, resources: Resources) -> dict[str, Plan]:
    """Integration name → Plan, for a workspace without faults."""
    plans = {}
    for name, document in workspace.integrations.items():
        used = gather(workspace, document.content)
        # Examples, words and owners are no behaviour: changing them is not a new version.
        spec = {key: value for key, value in yaml.plain(document.node).items() if key != "examples"}
        parts = Parts(
            document.content,
            {name: workspace.mappings[name].content for name in used["mappings"]},
            used["models"],
            {name: workspace.systems[name].content for name in used["systems"]},
        )
        plans[name] = compile_plan(parts, {"spec": spec, **used}, environment, resources)
    return plans


def gather(workspace: Workspace, spec: shape.Integration) -> dict[str, Any]:
    """What a plan is pinned to, as plain data: the mappings, contracts and operations its spec names. Examples are
    left out."""
    mappings = {step.map: yaml.plain(workspace.mappings[step.map].node) for step in spec.steps if step.map}
    contracts = {spec.receive.contract} if spec.receive.contract else set()
    for name in mappings:
        shaped = workspace.mappings[name].content
        contracts |= {shaped.from_, shaped.to}
    systems: dict[str, Any] = {}
    for name in {step.call.partition(".")[0] for step in spec.steps if step.call}:
        node: Any = yaml.plain(workspace.systems[name].node)
        systems[name] = {key: node[key] for key in ("system", "kind", "idempotency") if key in node}
        systems[name]["operations"] = {
            operation: {key: value for key, value in written.items() if key != "quota"}
            for operation, written in node["operations"].items()
        }  # how often it may be called is live, like the system's own quota
    return {
        "mappings": mappings,
        "models": {name: workspace.models[name].content for name in contracts},
        "systems": systems,
    }


def compile_content(content: bytes, environment: str, resources: Resources) -> Plan:
    """The same plan again from what the store kept. Raises Gone where this release no longer reads it."""
    data: Any = decode_body(content)
    reader = Reader()

    def shaped(kind: Any, plain: Any, file: str) -> Any:
        found = reader.read(yaml.from_plain(plain, file), kind, "")
        if found is INVALID:
            raise Gone(f"the plan it is pinned to was kept by an older release and cannot be read: {reader.faults[0]}")
        return found

    parts = Parts(
        shaped(shape.Integration, data["spec"], "spec"),
        {name: shaped(shape.Mapping, plain, name) for name, plain in data["mappings"].items()},
        data["models"],
        {name: shaped(shape.System, plain, name) for name, plain in data["systems"].items()},
    )
    return compile_plan(parts, data, environment, resources)

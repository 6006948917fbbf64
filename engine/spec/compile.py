"""Workspace → Plans: names resolved, expressions and mappings bound, contracts compiled.

Called only on a workspace without faults. What an event is pinned to (spec, mappings, contracts, operations) is also
gathered as plain data, hashed and kept by the store; `compile_content` makes the same plan from it again, long after
the files have changed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from engine.contract.body import BodyLimits, decode_body, encode_json, sorted_json
from engine.contract.drift import compile_drift
from engine.contract.schema import Contract, compile_contract
from engine.errors import Gone
from engine.language import (
    Resources,
    compile_mapping,
    compile_template,
    compile_value,
)
from engine.model import LANES, Effect, Request, effect_digest
from engine.spec import shape, yaml
from engine.spec.bind import (
    bind,
    body_extractor,
    body_of,
    expression,
    listed,
    nothing,
    rules,
    tables_named,
    template,
    texts,
)
from engine.spec.pinned import behaviour, gather
from engine.spec.plan import (
    DEFAULT_ON_UNKNOWN,
    Bound,
    CallStep,
    DecideStep,
    EachStep,
    EmitStep,
    HoldStep,
    LookupPlan,
    MapStep,
    OperationPlan,
    Plan,
    ReceivePlan,
    StepPlan,
    TopicPlan,
    UndoPlan,
    UntilPlan,
)
from engine.spec.read import INVALID, Reader
from engine.spec.reads import reads_body
from engine.spec.steps import values_of
from engine.spec.value import to_value
from engine.spec.workspace import Workspace

KEPT = BodyLimits(bytes_max=1 << 30, depth_max=128, nodes_max=1 << 30)
"""A plan holds many files, each of which was within its own limits: what was kept must always be read again."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What one plan is made of, as shapes; schemas as plain data."""

    spec: shape.Integration
    mappings: Mapping[str, shape.Mapping]
    models: Mapping[str, Any]
    systems: Mapping[str, shape.System]
    topics: Mapping[str, shape.Topic]


@dataclass(slots=True)
class Compiler:
    """Binds the parts of one plan; contracts and operations are compiled once each."""

    parts: Parts
    resources: Resources
    contracts: dict[str, Contract] = field(default_factory=dict)
    operations: dict[tuple[str, str], OperationPlan] = field(default_factory=dict)
    topics: dict[str, TopicPlan] = field(default_factory=dict)

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

    def over_body(self, value: shape.Value) -> Bound:
        """What the charter says of a topic reads the body itself, as a mapping its document; the scope holds that."""
        if isinstance(value, shape.Expression):
            read: Any = expression(value)
            return lambda scope: read(scope["body"])
        make = compile_value(to_value(value), self.resources)
        return lambda scope: make(scope["body"], {"root": scope["body"]})

    def operation(self, full_name: str, as_: str = "call") -> OperationPlan:
        """An operation as a step calls it, or as the `lookup` or `undo` of another: nothing is asked about a look-up,
        and nothing undoes an undo, so that two operations may name one another."""
        if (full_name, as_) not in self.operations:
            self.operations[full_name, as_] = self.bind_operation(full_name, as_)
        return self.operations[full_name, as_]

    def bind_operation(self, full_name: str, as_: str) -> OperationPlan:
        system, _, name = full_name.partition(".")
        shaped = self.parts.systems[system]
        operation = shaped.operations[name]
        lookup = None if as_ == "lookup" else operation.lookup
        undo = operation.undo if as_ == "call" else None
        key = shaped.idempotency if operation.effect != "none" else None
        return OperationPlan(
            system=system,
            name=name,
            effect=Effect(operation.effect),
            request=self.bind_request(system, name, operation.request, key.header if key else None),
            outcomes=rules((*operation.outcomes, *shaped.outcomes)),
            result=self.optional(operation.result),
            lookup=None
            if lookup is None
            else LookupPlan(
                self.operation(f"{system}.{lookup.call}", as_="lookup"),
                self.value(lookup.input),
                expression(lookup.found),
                self.optional(lookup.result),
            ),
            identity=None if operation.identity is None else expression(operation.identity),
            key_valid_us=key.valid_for.microseconds if key and key.valid_for else None,
            undo=None
            if undo is None
            else UndoPlan(self.operation(f"{system}.{undo.call}", as_="undo"), self.value(undo.input)),
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
                read=request.read,
            )

        return make

    def tables(self, step: shape.Step) -> tuple[str, ...]:
        """The tables that a step may look something up in: its mapping's, or those of the requests it may make."""
        found: list[shape.Value | None] = [*values_of(step)]
        if step.map is not None:
            mapping = self.parts.mappings[step.map]
            found += [*mapping.let.values(), *mapping.fields.values()]
        for provider in step.providers:
            system, _, name = provider.partition(".")
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
        tables = self.tables(step)
        if step.map is not None:
            run, contract = self.mapping(step.map)
            source = self.optional(step.from_) or body_of
            return MapStep(step.id, when, source, run, contract, tables)
        if step.call is not None:
            return self.call(step, when, tables)
        if step.hold is not None:
            return self.hold(step, step.hold, when)
        if step.decide is not None:
            rows = step.decide.first or step.decide.all or ()
            bound = tuple((expression(row.when) if row.when else None, self.value(row.then)) for row in rows)
            return DecideStep(step.id, when, bound, step.decide.all is not None, tables)
        if step.emit is not None:
            topic, body = self.topic(step.emit.topic), self.value(step.emit.body)
            return EmitStep(step.id, when, topic, body, self.optional(step.once), tables)
        assert step.each is not None
        return EachStep(
            id=step.id,
            when=when,
            items=expression(step.each),
            name=step.as_ or "",
            steps=tuple(self.step(inner) for inner in step.steps or ()),
            on_failure=step.on_failure,
            default=default_of(step),
        )

    def call(self, step: shape.Step, when: Bound | None, tables: tuple[str, ...]) -> CallStep:
        operation, *others = (self.operation(name) for name in step.providers)
        pick = step.call.pick if isinstance(step.call, shape.AnyOf) else None
        return CallStep(
            id=step.id,
            when=when,
            operation=operation,
            input=self.optional(step.input),
            once=self.optional(step.once),
            on_unknown=step.on_unknown or ("" if others else DEFAULT_ON_UNKNOWN[operation.effect]),
            on_failure=step.on_failure,
            default=default_of(step),
            tables=tables,
            others=tuple(others),
            pick=self.optional(pick),
            outcomes=rules(step.outcomes),
        )

    def hold(self, step: shape.Step, hold: shape.Hold, when: Bound | None) -> HoldStep:
        until, expires = hold.until, hold.expires
        return HoldStep(
            id=step.id,
            when=when,
            queue=hold.queue or "",
            reason=nothing if hold.reason is None else template(hold.reason),
            on_failure=step.on_failure,
            default=default_of(step),
            until=None
            if until is None
            else UntilPlan(until.topic, None if until.when is None else expression(until.when)),
            expires=expression(expires) if isinstance(expires, shape.Expression) else span(expires),
            warn_us=span(hold.warn),
        )

    def topic(self, name: str) -> TopicPlan:
        if name not in self.topics:
            topic = self.parts.topics[name]
            revision = listed([self.over_body(value) for value in topic.revision])
            self.topics[name] = TopicPlan(name, self.contract(topic.contract), self.over_body(topic.key), revision)
        return self.topics[name]

    def receive(self, receive: shape.Receive) -> ReceivePlan:
        if receive.topic is not None:
            return self.receive_topic(receive, receive.topic)
        assert receive.webhook is not None
        assert receive.id is not None
        assert receive.key is not None
        named = (receive.id, receive.key, *receive.revision)
        return ReceivePlan(
            path=receive.webhook.path,
            system=receive.webhook.system,
            when=None if receive.when is None else expression(receive.when),
            contract=None if receive.contract is None else self.contract(receive.contract),
            unknown=None if receive.contract is None else compile_drift(self.parts.models[receive.contract]),
            id=self.value(receive.id),
            key=self.value(receive.key),
            extract=body_extractor(*named) if receive.split is None else None,
            dedupe_for_s=seconds(receive.dedupe_for),
            split=None if receive.split is None else expression(receive.split),
            revision=listed([self.value(value) for value in receive.revision]),
            keep_newest=receive.keep == "newest",
            space=receive.key_space or "",
            blocks=receive.on_stuck == "block",
        )

    def receive_topic(self, receive: shape.Receive, name: str) -> ReceivePlan:
        """What emits an event knows its id; one that is tried by hand, without an emitter, is known by what it says."""
        topic = self.topic(name)
        return ReceivePlan(
            path="",
            system="",
            when=None if receive.when is None else expression(receive.when),
            contract=topic.contract,
            unknown=compile_drift(self.parts.models[topic.contract.name]),
            id=lambda scope: sha256(sorted_json(scope["body"])).hexdigest(),
            key=topic.key,
            extract=None,
            dedupe_for_s=seconds(receive.dedupe_for),
            topic=name,
            revision=topic.revision,
            keep_newest=receive.keep == "newest",
            space=receive.key_space or "",
            blocks=receive.on_stuck == "block",
        )


def span(duration: shape.Duration | None) -> int | None:
    return None if duration is None else duration.microseconds


def seconds(duration: shape.Duration) -> int:
    return max(1, duration.microseconds // 1_000_000)


def default_of(step: shape.Step) -> object:
    return step.default.value if step.default else None


def compile_plan(parts: Parts, content: dict[str, Any], environment: str, resources: Resources) -> Plan:
    """`content` is what the parts were read from, kept as written; for its hash the order of keys does not count."""
    compiler = Compiler(parts, resources)
    spec = parts.spec
    within = spec.sla.complete.within if spec.sla and spec.sla.complete else None
    return Plan(
        hash=sha256(sorted_json(behaviour(content))).hexdigest(),
        content=encode_json(content),
        integration=spec.integration,
        version=spec.version,
        environment=environment,
        receive=compiler.receive(spec.receive),
        steps=tuple(compiler.step(step) for step in spec.steps),
        tables=resources.tables,
        lane=LANES.index(spec.lane),
        within_us=span(within),
        done_with_body=done_with_body(spec.steps),
    )


def done_with_body(steps: tuple[shape.Step, ...]) -> frozenset[str]:
    """See `Plan.done_with_body`; a call that reads the body itself has done so when it is made."""
    found: set[str] = set()
    for step in reversed(steps):
        if step.call is not None:
            found.add(step.id)
        if reads_body(step):
            break
    return frozenset(found)


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
            {name: workspace.topics[name] for name in used.get("topics", ())},
        )
        plans[name] = compile_plan(parts, {"spec": spec, **used}, environment, resources)
    return plans


def compile_content(content: bytes, environment: str, resources: Resources) -> Plan:
    """The same plan again from what the store kept. Raises Gone where this release no longer reads it."""
    data: Any = decode_body(content, KEPT)
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
        {name: shaped(shape.Topic, plain, name) for name, plain in data.get("topics", {}).items()},
    )
    return compile_plan(parts, data, environment, resources)

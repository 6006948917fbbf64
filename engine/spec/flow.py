"""The names an integration uses, from what it receives to its last step: each in the scope where it stands.

Here is what a step of each kind has and lacks, who may be called, and what an inner step of an `each` may see. Systems,
mappings and the charter are `resolve.py`'s. Works on partial shapes, as all checking does.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from engine.language import Scope
from engine.spec import shape
from engine.spec.invalid import INVALID, Misnamed
from engine.spec.scopes import Checker, scope
from engine.spec.workspace import Document

RECEIVE = ("environment", "headers", "query", "body")
STEPS = ("environment", "event", "headers", "body", "envelope")
OUTCOME = ("input", "once", "status", "headers", "body", "failure")

KINDS = shape.Step.ONE_OF
HOMES = {
    "from_": ("map",),
    "input": ("call",),
    "once": ("call", "emit"),
    "on_unknown": ("call",),
    "outcomes": ("call",),
    "as_": ("each",),
    "steps": ("each",),
    "default": ("call", "hold", "each"),
}
"""Which kinds of steps a key belongs to."""
OF_A_TOPIC = ("contract", "split", "id", "key", "revision")
"""What the charter says of a topic, or its emitter of each event, so that a receiver does not."""


@dataclass(slots=True)
class Seen:
    """What a step may name. `doubtful`: an id before it could not be read. `each` is the id of the step around it,
    None at the top; `tables` are the decisions before it, by their step."""

    names: tuple[str, ...]
    doubtful: bool = False
    each: str | None = None
    tables: dict[str, tuple[str, shape.Decide]] = field(default_factory=dict)

    def scope(self) -> Scope:
        inside = self.each is not None
        what = "a step of `each`" if inside else "a step"
        return scope(self.names, what, only=("index",) if inside else (), doubtful=self.doubtful)

    def taken(self, name: str) -> str:
        """What stands under a name already, in words; empty where nothing does."""
        if name in STEPS:
            return "is a name every step sees"
        if name == "index":
            return "is the place of an item"
        if name and name == self.each:
            return "is the id of the step around it"
        return "is the name of an earlier step, or of the item" if name in self.names else ""

    def add(self, name: str) -> None:
        if name is INVALID:
            self.doubtful = True
        else:
            self.names = (*self.names, name)


class FlowChecker(Checker):
    """Checks what an integration receives, and its steps."""

    __slots__ = ()

    def topic(self, document: Document, name: str, path: str) -> None:
        if self.workspace.charter is not None:
            self.exists("unknown-topic", document, path, name, self.workspace.charter.partial.topics)

    def known_system(self, document: Document, name: str, path: str) -> bool:
        return self.exists("unknown-system", document, path, name, self.workspace.systems)

    def contract(self, document: Document, name: str, path: str) -> None:
        self.exists("unknown-contract", document, path, name, self.workspace.models)

    def receive(self, document: Document, receive: shape.Receive) -> None:
        if receive.webhook is not None:
            self.known_system(document, receive.webhook.system, "receive.webhook.system")
        if receive.topic is not None and receive.webhook is None:
            self.topic(document, receive.topic, "receive.topic")
            self.keys_of_a_topic(document, receive)
        if receive.contract is not None:
            self.contract(document, receive.contract, "receive.contract")
        arriving = scope(RECEIVE, "receive")
        self.text(receive.split, arriving)
        if receive.split is not None:
            arriving = scope((*RECEIVE, "envelope"), "receive", only=("index",))
        self.text(receive.when, arriving)
        self.value(document, receive.id, "receive.id", arriving)
        self.value(document, receive.key, "receive.key", arriving)
        self.several(document, receive.revision, "receive.revision", arriving)

    def keys_of_a_topic(self, document: Document, receive: shape.Receive) -> None:
        for word in OF_A_TOPIC:
            if getattr(receive, word) not in (None, (), INVALID):
                says = "who emits an event says its id" if word == "id" else "the charter says it of the topic"
                if word == "split":
                    says = "an event of a topic is one event"
                message = f"`{word}` has no place beside `topic`: {says}"
                self.fault("key-not-here", document, f"receive.{word}", message, "remove it")

    # ── steps ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def flow(self, document: Document, steps: tuple[shape.Step, ...], path: str, seen: Seen) -> None:
        """Steps one after another; `seen` grows by each one's id."""
        for place, step in enumerate(steps):
            if step is INVALID:
                seen.add(step.id)  # which may be any
                continue
            at = f"{path}[{place}]"
            if what := seen.taken(step.id):
                self.fault("duplicate-name", document, f"{at}.id", f"`{step.id}` {what}", "choose another id")
            self.step(document, step, at, seen)
            seen.add(step.id)
            if step.decide and step.id:
                seen.tables[step.id] = (f"{at}.decide", step.decide)

    def step(self, document: Document, step: shape.Step, path: str, seen: Seen) -> None:
        within = seen.scope()
        self.text(step.when, within)
        if step.map is not None:
            self.exists("unknown-mapping", document, f"{path}.map", step.map, self.workspace.mappings)
        if step.call is not None:
            self.call(document, step, path, seen)
        if step.hold:
            self.hold(document, step, path, seen)
        if step.decide:
            self.decide(document, step.decide, f"{path}.decide", within)
        if step.emit:
            self.topic(document, step.emit.topic, f"{path}.emit.topic")
            self.value(document, step.emit.body, f"{path}.emit.body", within)
        if step.each is not None:
            self.each(document, step, path, seen)
        kinds = [word for word in KINDS if getattr(step, word) is not None]
        for word in ("from_", "input", "once"):
            if len(kinds) != 1 or kinds[0] in HOMES[word]:  # what does not belong here is told, and not also examined
                self.value(document, getattr(step, word), f"{path}.{word.rstrip('_')}", within)
        if len(kinds) == 1:
            self.keys_of_a_step(document, step, kinds[0], path, seen)

    def keys_of_a_step(self, document: Document, step: shape.Step, kind: str, path: str, seen: Seen) -> None:
        """Whether a step has the keys of its kind and no others."""
        for word, homes in HOMES.items():
            if kind not in homes and getattr(step, word) not in (None, (), INVALID):
                key = word.rstrip("_")
                belongs = " or ".join(f"`{home}`" for home in homes)
                message = f"`{key}` belongs to a {belongs} step, this is a `{kind}` step"
                self.fault("key-not-here", document, f"{path}.{key}", message, "remove it")
        for word in ("as_", "steps"):
            if kind == "each" and getattr(step, word) is None:
                key = word.rstrip("_")
                hint = f"add `{key}:` — {'a name for the item' if word == 'as_' else 'what is done with each item'}"
                self.fault("missing-key", document, path, f"`{key}` is missing", hint)
        if step.on_failure is not INVALID:
            self.failure(document, step, kind, path, seen)

    def failure(self, document: Document, step: shape.Step, kind: str, path: str, seen: Seen) -> None:
        refused, hint = "", "remove it"
        if kind in ("map", "decide", "emit") and step.on_failure != "dead_letter":
            what = {"map": "a mapping", "decide": "a decision", "emit": "an event of a topic"}[kind]
            refused = f"{what} that fails quarantines its event"
        elif kind == "hold" and step.on_failure == "hold":
            refused = "what was rejected or has expired is not held once more"
        elif seen.each is not None and step.on_failure == "compensate":
            refused = "an item is not compensated by itself: what the event did is undone as a whole"
            hint = "write it at the `each` step"
        if refused:
            self.fault("key-not-here", document, f"{path}.on_failure", refused, hint)
            return
        # That nobody answered is null for who waited; what a call would have given has to be said.
        needed = step.on_failure == "continue" and kind in ("call", "each")
        if (needed and step.default is None) or (
            kind in HOMES["default"] and step.default is not None and step.on_failure != "continue"
        ):
            message = "`on_failure: continue` and `default` go together"
            hint = f"say with `default:` what later steps read when the {'call' if kind == 'call' else 'step'} failed"
            self.fault("missing-key", document, path, message, hint)

    def hold(self, document: Document, step: shape.Step, path: str, seen: Seen) -> None:
        hold, within, at = step.hold, seen.scope(), f"{path}.hold"
        assert hold is not None
        if isinstance(hold.expires, shape.Expression):
            self.text(hold.expires, within)
        elif hold.expires and hold.warn and hold.warn.microseconds >= hold.expires.microseconds:
            message = "`warn` comes when it has expired already, so nobody would be told"
            self.fault("warn-too-late", document, f"{at}.warn", message, "give it a shorter span than `expires`")
        if hold.until is None:
            self.text(hold.reason, within)
            return
        if hold.reason is not None and hold.queue is None:
            message = "`reason` is for people, and this waits for an event of a topic"
            self.fault("key-not-here", document, f"{at}.reason", message, "remove it")
        self.topic(document, hold.until.topic, f"{at}.until.topic")
        self.text(hold.until.when, within)
        if seen.each is not None:
            message = "inside `each` nothing waits for a topic: its events come with the key of the whole event"
            hint = "wait in a step before or after `each`; a `hold` for people may stand inside"
            self.fault("not-in-each", document, f"{at}.until", message, hint)

    def decide(self, document: Document, decide: shape.Decide, path: str, within: Scope) -> None:
        for word in ("first", "all"):
            ended = False
            for place, row in enumerate(getattr(decide, word) or ()):
                at = f"{path}.{word}[{place}]"
                if ended:
                    message = "this row is never reached: one before it holds always"
                    hint = "put the row without `when` last, or give it a `when`"
                    self.fault("row-never-reached", document, at, message, hint)
                self.text(row.when, within)
                self.value(document, row.then, f"{at}.then", within)
                ended = ended or (word == "first" and row.when is None and row.then is not INVALID)

    def each(self, document: Document, step: shape.Step, path: str, seen: Seen) -> None:
        """Inner steps see the item and `$index`, and what came before; after it only the list is seen."""
        self.text(step.each, seen.scope())
        if seen.each is not None:
            message = "an `each` inside another one: an item has one place, and no item has items of its own"
            hint = "make one list of all of them by an expression, and go over that"
            self.fault("not-in-each", document, f"{path}.each", message, hint)
        inner = Seen(seen.names, seen.doubtful, step.id, {**seen.tables})
        if step.as_ and (what := inner.taken(step.as_)):
            self.fault("duplicate-name", document, f"{path}.as", f"`{step.as_}` {what}", "choose another name")
        inner.add(INVALID if step.as_ is None else step.as_)
        self.flow(document, step.steps or (), f"{path}.steps", inner)

    # ── calls ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def call(self, document: Document, step: shape.Step, path: str, seen: Seen) -> None:
        within = scope(OUTCOME, "what comes of a call")
        for rule in step.outcomes:
            self.text(rule.when, within)
        if not step.call or isinstance(step.call, Misnamed):
            return
        several = isinstance(step.call, shape.AnyOf)
        names: list[str] = []
        for place, name in enumerate(step.providers):
            at = f"{path}.call.any_of[{place}]" if several else f"{path}.call"
            if name in names:
                message = f"`{name}` stands among the providers already"
                self.fault("duplicate-name", document, at, message, "remove one of them")
            names.append(name)
            operation = self.operation_named(document, name, at)
            if operation is not None:
                self.on_unknown(document, step, path, name, operation)
        if isinstance(step.call, shape.AnyOf):
            self.value(document, step.call.pick, f"{path}.call.pick", seen.scope())
            if not any(isinstance(name, Misnamed) or name is INVALID for name in names):
                self.pick(document, step.call, f"{path}.call.pick", seen)

    def operation_named(self, document: Document, full_name: str, at: str) -> shape.Operation | None:
        """The operation; None, perhaps after a fault, where there is none."""
        if not full_name or isinstance(full_name, Misnamed):
            return None
        name, _, operation_name = full_name.partition(".")
        systems = self.workspace.systems
        if not self.exists("unknown-system", document, at, name, systems):
            return None
        operations = systems[name].partial.operations
        if not self.exists("unknown-operation", document, at, operation_name, operations, f"`{name}` has"):
            return None
        operation: shape.Operation = operations[operation_name]
        return operation

    def on_unknown(
        self, document: Document, step: shape.Step, path: str, name: str, operation: shape.Operation
    ) -> None:
        if step.on_unknown == "lookup" and operation.lookup is None:
            self.fault(
                "no-lookup",
                document,
                f"{path}.on_unknown",
                f"`{name}` has no `lookup`",
                "declare one in the system's file, or choose retry, hold or dead_letter",
            )
        if step.on_unknown == "retry" and operation.effect == "at_most_once":
            self.fault(
                "at-most-once",
                document,
                f"{path}.on_unknown",
                f"`{name}` is at_most_once: it is never sent again after `unknown`",
                "choose lookup, hold or dead_letter",
            )

    def pick(self, document: Document, call: shape.AnyOf, path: str, seen: Seen) -> None:
        """What is picked, as far as it is written down: a literal, or the rows of the decision that `pick` names."""
        for at, value in self.picked(call.pick, path, seen):
            if not isinstance(value, shape.Constant) or value.value is INVALID:
                continue
            given = value.value.value
            if not isinstance(given, list) or not given:
                message = "`pick` takes a list of at least one operation"
                self.fault("pick-not-among", document, f"{at}.value", message, f"write {{value: [{call.any_of[0]}]}}")
                continue
            for place, name in enumerate(given):
                if name not in call.any_of:
                    message = f"`{str(name)[:80]}` is picked, and is none of `any_of`"
                    hint = f"one of {', '.join(f'`{known}`' for known in call.any_of)}"
                    self.fault("pick-not-among", document, f"{at}.value[{place}]", message, hint)

    @staticmethod
    def picked(pick: shape.Value | None, path: str, seen: Seen) -> Iterator[tuple[str, shape.Value]]:
        """Every value that `pick` may come to, with its path."""
        if isinstance(pick, shape.Expression):
            where, table = seen.tables.get(pick.text.strip(), ("", None))
            for word in ("first", "all"):
                for place, row in enumerate(getattr(table, word, None) or ()):
                    yield f"{where}.{word}[{place}].then", row.then
        elif pick:
            yield path, pick

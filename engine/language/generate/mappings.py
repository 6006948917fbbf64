"""Values and whole mappings → lines of Python: every field is tried, and all that fail are told together.

A field that cannot fail is a read and a check for null; one that can is an attempt of its own. Objects are written as
one display and what is optional and null is taken out again: that keeps the order of the fields and costs least where
nearly all are there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from engine.language.convert import Resources, conversions
from engine.language.frame import weight
from engine.language.generate import expressions
from engine.language.generate.expressions import Scope
from engine.language.generate.mapping_runtime import PROBLEMS_MAX, Place
from engine.language.generate.source import LIST, NULL, NUMBER, OBJECT, Code, Made
from engine.language.generate.texts import Texts
from engine.language.parser import parse
from engine.language.templates import read_template
from engine.language.tree import Node
from engine.language.values import UNSET, Each, Fields, FromExpression, Literal, Text, Value

_SHOWN_MAX = 60


@dataclass(frozen=True, slots=True)
class Target:
    """Where a value goes: the text of its way (`lines[`, `].sku`), between whose parts stand the `indexes`."""

    way: tuple[str, ...] = ("",)
    indexes: tuple[str, ...] = ()

    def named(self, name: str) -> "Target":
        dot = "." if self.way[-1] or self.indexes else ""
        return replace(self, way=(*self.way[:-1], f"{self.way[-1]}{dot}{name}"))

    def item(self, index: str) -> "Target":
        return Target((*self.way[:-1], f"{self.way[-1]}[", "]"), (*self.indexes, index))


@dataclass(frozen=True, slots=True)
class Values:
    """Writes values into a function. `what` names the document that its scope's current value is, for messages."""

    code: Code
    resources: Resources
    scope: Scope
    what: str

    def value(self, value: Value, target: Target, *, required: bool) -> Made:
        """The lines of a value; null where it failed (then a problem is kept) or has none."""
        if self.code.is_deep:
            return self.apart(value, target, required=required)
        match value:
            case FromExpression():
                return self.from_expression(value, target, required=required)
            case Literal(value=literal):
                return expressions.constant(self.code, literal)
            case Text():
                return self.text(value, target)
            case Fields(fields=fields):
                return self.fields(fields, target)
            case Each():
                return self.each(value, target)

    # ── one field ────────────────────────────────────────────────────────────────────────────────────────────────────

    def from_expression(self, value: FromExpression, target: Target, *, required: bool) -> Made:
        node = parse(value.text)
        converters = [
            (each.run, parse(each.operand) if each.operand else None) for each in conversions(value, self.resources)
        ]
        for read in (node, *(operand for _, operand in converters if operand)):
            expressions.prefetch(self.code, read, self.scope)
        place = self.place(target, f"{shown(value.text)} is null in {self.what}", value.text, value.where)
        name = self.code.local()
        with self.code.attempt(self.failure(name, place, target)):
            made = expressions.evaluate(self.code, node, self.scope)
            changes = converters or (value.default is not UNSET and value.default is not None)
            if changes or self.code.raises or not made.text.isidentifier():
                self.code.line(f"{name} = {made.text}")
                made = Made(name, made.types)
            for run, operand in converters:
                made = self.convert(name, run, operand)
            self.when_null(value, made, place, target, required=required)
        return made

    def convert(self, name: str, run: object, operand: Node | None) -> Made:
        """One converter; its operand is evaluated only where there is something to convert."""
        self.code.can_raise()
        with self.code.block(f"if {name} is not None and {name} is not UNSET:"):
            given = "None" if operand is None else expressions.evaluate(self.code, operand, self.scope).text
            self.code.line(f"{name} = {self.code.module.constant(run)}({name}, {given})")
        return Made(name)

    def when_null(self, value: FromExpression, made: Made, place: str, target: Target, *, required: bool) -> None:
        # Only a look-up can say that the default is to stand, and then there is one.
        name, may_be_unset = made.text, value.on_missing == "default"
        null = f"{name} is None or {name} is UNSET" if may_be_unset else f"{name} is None"
        if NULL not in made.types:
            return
        if value.default is not UNSET:
            if value.default is not None or may_be_unset:
                self.code.line(f"if {null}: {name} = {expressions.constant(self.code, value.default).text}")
        elif required and not value.optional:
            self.code.line(f"if {null}: is_null(frame, {place}, {indexes(target)})")

    def text(self, value: Text, target: Target) -> Made:
        name = self.code.local()
        place = self.place(target, "", value.template, value.where)
        body = read_template(value.template)
        with self.code.attempt(self.failure(name, place, target)):
            made = Texts(self.code, self.scope).text(body)
            self.code.line(f"{name} = {made.text}")
        return Made(name)

    def place(self, target: Target, null: str, text: str, where: str) -> str:
        return self.code.module.constant(Place(target.way, null, text, where))

    def failure(self, name: str, place: str, target: Target) -> tuple[str, ...]:
        return (
            "except FAILURES as error:",
            f"{name} = None",
            f"failed({self.code.frame}, {place}, {indexes(target)}, error)",
        )

    # ── objects and lists ────────────────────────────────────────────────────────────────────────────────────────────

    def fields(self, fields: Mapping[str, Value], target: Target) -> Made:
        made = {name: self.value(value, target.named(name), required=True) for name, value in fields.items()}
        pairs = ", ".join(f"{name!r}: {each.text}" for name, each in made.items())
        result = self.code.assign(f"{{{pairs}}}", frozenset((OBJECT,)))
        for name, value in fields.items():
            if isinstance(value, FromExpression) and value.optional:
                self.code.line(f"if {made[name].text} is None: del {result.text}[{name!r}]")
        return result

    def each(self, value: Each, target: Target) -> Made:
        source = parse(value.each)
        result, items = self.code.local(), self.code.local()
        place = self.place(target, f"{shown(value.each)} in {self.what}", value.each, value.where)
        self.code.line(f"{result} = None")
        with self.code.attempt(self.failure(items, place, target)):
            self.code.can_raise()
            made = expressions.evaluate(self.code, source, self.scope)
            self.code.line(f"{items} = items({self.code.frame}, {place}, {indexes(target)}, {made.text})")
        with self.code.block(f"if {items} is not None:"):
            root = self.scope.names.get("root") or self.code.assign("variables.get('root', document)")
            self.code.line(f"{result} = []")
            index, item = Made(self.code.local(), frozenset((NUMBER,))), Made(self.code.local())
            price = 1 + sum(price_of(inner) for inner in value.fields.values())
            self.code.line(f"frame.left -= len({items}) * {price}")
            with self.code.loop(f"for {index.text}, {item.text} in enumerate({items}):"):
                names = {"root": root, **self.scope.names, "parent": self.scope.current, "index": index}
                inner = replace(
                    self,
                    scope=replace(self.scope, current=item, names=names),
                    what=f"an item of {shown(value.each)}",
                )
                made = inner.fields(value.fields, target.item(index.text))
                self.code.line(f"{result}.append({made.text})")
                self.code.line(f"if len(frame.problems) >= {PROBLEMS_MAX} or frame.left < 0: break")
            self.code.line(f"if frame.left < 0: too_many_steps(frame, {place}, {indexes(target)})")
        return Made(result, frozenset((LIST, NULL)))

    def apart(self, value: Value, target: Target, *, required: bool) -> Made:
        """A value that stands too deep here, as a function of its own."""
        names = self.scope.names
        given = {name: Made(f"p{place}", made.types) for place, (name, made) in enumerate(names.items())}
        counted = tuple(f"i{place}" for place in range(len(target.indexes)))
        parameters = ("current", "frame", *(made.text for made in given.values()), *counted)
        inner = Code(self.code.module, self.code.module.name("f"), parameters)
        inner.loops = self.code.loops
        scope = Scope(Made("current"), given, self.scope.dynamic)
        if self.scope.dynamic:
            inner.line("document, variables = frame.document, frame.variables")
        values = replace(self, code=inner, scope=scope)
        made = values.value(value, replace(target, indexes=counted), required=required)
        inner.line(f"return {made.text}")
        inner.finish()
        handed = (self.scope.current.text, self.code.frame, *(made.text for made in names.values()), *target.indexes)
        return self.code.assign(f"{inner.name}({', '.join(handed)})")


def indexes(target: Target) -> str:
    return f"({', '.join(target.indexes)},)" if target.indexes else "()"


def price_of(value: Value) -> int:
    """What one making of a value costs, in the steps of expressions."""
    match value:
        case FromExpression(text=text):
            return weight(parse(text))
        case Fields(fields=fields):
            return 1 + sum(price_of(inner) for inner in fields.values())
        case _:
            return 1


def shown(text: str) -> str:
    return f"`{text if len(text) <= _SHOWN_MAX else text[:_SHOWN_MAX] + '…'}`"

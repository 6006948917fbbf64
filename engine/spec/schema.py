"""The dialect as JSON Schema 2020-12, for editors: what completes and underlines while a file is written.

Made by walking the same annotations the reader walks, so that the two cannot drift apart. It refuses to know what a
schema cannot say: whether a name exists, what an expression may see; `waybill check` says that. An editor reads YAML by
its own lights, so a schema is a little kinder than the reader, never stricter.
"""

import types
from collections.abc import Callable
from dataclasses import Field, is_dataclass
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from engine.contract.dialect import DIALECT
from engine.spec import shape
from engine.spec.annotations import has_default, keys
from engine.spec.leaves import DATE, DURATION, PERCENT, RATE
from engine.spec.read import VALUE_WORDS

Kind = Literal["spec", "mapping", "system", "charter", "profile"]
Schema = dict[str, Any]

DOCUMENTS: Final = {
    "spec": shape.Integration,
    "mapping": shape.Mapping,
    "system": shape.System,
    "charter": shape.Charter,
    "profile": shape.Profile,
}


def editor_schema(kind: Kind) -> Schema:
    """The schema of one kind of file. Shapes that are used in several places stand once, under `$defs`."""
    writer = _Writer()
    root = writer.shape(DOCUMENTS[kind])
    return {"$schema": DIALECT, "title": f"waybill {kind}", **root, "$defs": dict(sorted(writer.defs.items()))}


class _Writer:
    """Annotations → schemas; `defs` grows by each shape that is met."""

    def __init__(self) -> None:
        self.defs: dict[str, Schema] = {}

    def of(self, kind: Any, details: Any = types.MappingProxyType({})) -> Schema:
        """The schema of an annotation; `details` is the key's metadata. The cases are those of `Reader.read`."""
        origin = get_origin(kind)
        if kind in _LEAVES:
            return _LEAVES[kind]()
        if kind == shape.Value:
            return self.define("Value", self.value)
        if origin is Annotated:
            return self.annotated(kind)
        if origin is Literal:
            return {"enum": list(get_args(kind))}
        if origin in (Union, types.UnionType):
            return {"anyOf": [self.of(part) for part in get_args(kind)]}
        if origin is tuple:
            item = self.of(get_args(kind)[0])
            many: Schema = {"type": "array", "items": item}
            filled: Schema = {**many, "minItems": 1}
            if details.get("single"):
                return {"anyOf": [item, filled]}
            return filled if details.get("filled") else many
        if origin is dict:
            name, item = get_args(kind)
            named = {} if name is str else {"propertyNames": self.of(name)}
            return {"type": "object", **named, "additionalProperties": self.of(item)}
        assert isinstance(kind, type), kind
        assert is_dataclass(kind), kind
        return self.define(str(kind.__name__), lambda: self.shape(kind))

    def define(self, name: str, make: Callable[[], Schema]) -> Schema:
        if name not in self.defs:
            self.defs[name] = {}  # a value holds values: the name must be taken before they are written
            self.defs[name] = make()
        return {"$ref": f"#/$defs/{name}"}

    def shape(self, kind: Any) -> Schema:
        known = keys(kind)
        schema: Schema = {
            "type": "object",
            "description": (kind.__doc__ or "").strip(),
            "properties": {name: self.property(field, annotation) for name, (field, annotation) in known.items()},
            "additionalProperties": False,
        }
        required = [name for name, (field, _) in known.items() if not has_default(field)]
        if required:
            schema["required"] = required
        one_of = getattr(kind, "ONE_OF", ())
        if one_of:
            schema["oneOf"] = [{"required": [name]} for name in one_of]
        stands_for = {
            name: field.metadata["unless"] for name, (field, _) in known.items() if "unless" in field.metadata
        }
        if stands_for:
            schema["allOf"] = [
                {"anyOf": [{"required": [other]} for other in (name, *others)]} for name, others in stands_for.items()
            ]
        # A key without a value reads as a mapping without keys: `local:` is `local: {}`.
        return schema if required or one_of else {**schema, "type": ["object", "null"]}

    def property(self, field: Field[Any], annotation: Any) -> Schema:
        schema = {**self.of(annotation, field.metadata), "description": field.metadata["help"]}
        default = field.default
        if isinstance(default, str | bool | int):
            schema["default"] = default
        return schema

    def annotated(self, kind: Any) -> Schema:
        inner, *marks = get_args(kind)
        schema = self.of(inner)
        for mark in marks:
            if isinstance(mark, shape.Pattern):
                schema |= {"pattern": f"^(?:{mark.regex})$"}
            elif isinstance(mark, shape.AtLeast):
                schema |= {"minimum": mark.least, **({} if mark.most is None else {"maximum": mark.most})}
        return schema

    def value(self) -> Schema:
        forms = [self.of(kind) for kind in VALUE_WORDS.values()]
        return {
            "description": "JMESPath, or an object that says what it is by its keys",
            "anyOf": [_expression(), *forms],
        }


def _text() -> Schema:
    return {"type": "string"}


def _expression() -> Schema:
    return {"type": "string", "description": "JMESPath"}


def _template() -> Schema:
    return {"type": "string", "description": "text with {{ holes }}"}


def _matching(regex: str) -> Callable[[], Schema]:
    return lambda: {"type": "string", "pattern": f"^(?:{regex})$"}


def _name_of(word: str) -> Schema:
    """`{secret: NAME}` or `{env: NAME}`."""
    name = _Writer().of(shape.Variable)
    return {"type": "object", "properties": {word: name}, "required": [word], "additionalProperties": False}


_LEAVES: dict[Any, Callable[[], Schema]] = {
    str: _text,
    int: lambda: {"type": "integer"},
    bool: lambda: {"type": "boolean"},
    shape.Expression: _expression,
    shape.Template: _template,
    shape.Duration: _matching(DURATION.pattern),
    shape.Rate: _matching(RATE.pattern),
    shape.Moment: lambda: {"type": "string", "description": "a span of time, or JMESPath giving a time"},
    shape.Percent: _matching(PERCENT.pattern),
    shape.Date: _matching(DATE.pattern),
    shape.SecretName: lambda: _name_of("secret"),
    shape.EnvironmentName: lambda: _name_of("env"),
    shape.Plain: dict,
    shape.Literally: dict,
}
"""The reader's leaves and one more; the tests hold the two tables together."""

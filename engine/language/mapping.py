"""Values → functions of a document, and whole mappings: every field is tried, and all that fail are told together.

Inside `each` bare names are the item's; `$root` is the source document, `$parent` what the list was read from, `$index`
the item's place; the fields of `$root` stay readable as `$name`. Fields of the target are in no scope.
Results may share structure with the document and with literals, and must not be changed in place.
"""

from collections.abc import Callable, Mapping

from engine.language.convert import Resources
from engine.language.generate.expressions import Scope
from engine.language.generate.mapping_runtime import MAPPING_RUNTIME
from engine.language.generate.mappings import Target, Values
from engine.language.generate.runtime import RUNTIME
from engine.language.generate.source import Code, Made, Module
from engine.language.generate.template_runtime import TEMPLATE_RUNTIME
from engine.language.values import Fields, Value

CompiledValue = Callable[[object, Mapping[str, object]], object]
"""(document, variables) → the value. Raises MappingError."""


def compile_value(
    value: Value, resources: Resources, *, required: bool = True, what: str = "the document"
) -> CompiledValue:
    """The value as a function of (document, variables); variables are named without their `$`.

    With `required`, a null that has neither `default` nor `optional` is a problem, as it always is inside `fields`;
    without, it stays null. `what` names the document in messages. Raises LanguageError where a text cannot be compiled;
    the function raises MappingError, whose problems have paths relative to the value.
    """
    code = Code(new_module(), "value", ("document", "variables"), "Reading(document, variables)")
    values = Values(code, resources, Scope(Made("document", is_given=True), dynamic=True), what)
    made = code.atom(values.value(value, Target(), required=required))
    if code.uses_frame:
        code.line("if frame.problems: refuse(frame)")
    code.line(f"return {made.text}")
    code.finish()
    compiled: CompiledValue = code.module.function("value")
    return compiled


def compile_mapping(
    fields: Mapping[str, Value], let: Mapping[str, Value], resources: Resources, *, what: str = "the source document"
) -> Callable[[object], dict[str, object]]:
    """A whole mapping as one function of its source document.

    `let` is evaluated once, in order, each seeing those before it as `$name`; a null there stays null. Fields are made
    when every `let` was. Raises LanguageError where a text cannot be compiled; the function raises MappingError.
    """
    code = Code(new_module(), "mapped", ("document",), "Reading(document, {})")
    root = Made("document", is_given=True)
    names = {"root": root}
    for name, value in let.items():
        values = Values(code, resources, Scope(root, dict(names)), what)
        names[name] = code.atom(values.value(value, Target((f"let.{name}",)), required=False))
    if let:
        code.line(f"if {code.frame}.problems: refuse(frame)")
    made = Values(code, resources, Scope(root, names), what).value(Fields(fields), Target(), required=True)
    code.line(f"if {code.frame}.problems: refuse(frame)")
    code.line(f"return {made.text}")
    code.finish()
    mapped: Callable[[object], dict[str, object]] = code.module.function("mapped")
    return mapped


def new_module() -> Module:
    return Module({**RUNTIME, **TEMPLATE_RUNTIME, **MAPPING_RUNTIME})

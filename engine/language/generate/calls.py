"""Calls of functions → lines; those that nearly every mapping makes, without a call at all.

A short way stands before the function itself and is taken only where the function would do just the same: the argument
is of the one type that nearly always comes. Everything else, and every error, is the function's own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.language import tree
from engine.language.frame import weight
from engine.language.functions import FUNCTIONS, fault_of
from engine.language.generate import expressions
from engine.language.generate.runtime import PLAIN_INT, TEXT_FREE_MAX, bound_call
from engine.language.generate.source import BOOLEAN, LIST, NULL, NUMBER, OBJECT, TEXT, Code, Made

if TYPE_CHECKING:
    from engine.language.generate.expressions import Scope

JOINED_MAX = 8
"""More texts than these are joined by the function, which pays for them before they are one."""
_TEXTS, _BOOLEANS, _NUMBERS = frozenset((TEXT,)), frozenset((BOOLEAN,)), frozenset((NUMBER,))


@dataclass(frozen=True, slots=True)
class Short:
    """The short way of a function over texts: Python over its arguments, and the types it gives."""

    arguments: int
    text: str
    types: frozenset[str]


SHORT = {
    "lower": Short(1, "{0}.lower()", _TEXTS),
    "upper": Short(1, "{0}.upper()", _TEXTS),
    "trim": Short(1, "{0}.strip()", _TEXTS),
    "trim_left": Short(1, "{0}.lstrip()", _TEXTS),
    "trim_right": Short(1, "{0}.rstrip()", _TEXTS),
    "starts_with": Short(2, "{0}.startswith({1})", _BOOLEANS),
    "ends_with": Short(2, "{0}.endswith({1})", _BOOLEANS),
    "contains": Short(2, "({1} in {0})", _BOOLEANS),
}
GIVES = {
    **dict.fromkeys(("ends_with", "starts_with", "contains"), _BOOLEANS),
    **dict.fromkeys(("join", "lower", "upper", "trim", "trim_left", "trim_right", "replace", "type", "hash"), _TEXTS),
    **dict.fromkeys(("abs", "ceil", "floor", "length", "sum"), _NUMBERS),
    **dict.fromkeys(("keys", "values", "map", "sort", "sort_by", "to_array", "split", "items"), frozenset((LIST,))),
    **dict.fromkeys(("merge", "from_items", "group_by", "url_query"), frozenset((OBJECT,))),
}
"""What a function surely gives where it does not fail; any type for those that are not here."""


def call(code: Code, node: tree.Call, scope: "Scope") -> Made:
    """Raises ExpressionError for a call that can never run."""
    fault = fault_of(node)
    if fault is not None:
        raise fault
    code.can_raise()
    if node.name in SPECIAL and (made := SPECIAL[node.name](code, node, scope)) is not None:
        return made
    arguments = [argument(code, each, scope) for each in node.arguments]
    slow = slow_call(code, node, [made.text for made in arguments])
    short = SHORT.get(node.name)
    types = GIVES.get(node.name, expressions.constant(code, 0).types | frozenset((TEXT, NULL, BOOLEAN, LIST, OBJECT)))
    if short is None or short.arguments != len(arguments):
        return code.assign(slow, types)
    checks = [check for made in arguments for check in is_short_text(code, made)]
    text = short.text.format(*(made.text for made in arguments))
    return code.assign(f"{text} if {' and '.join(checks)} else {slow}" if checks else text, short.types)


def argument(code: Code, node: tree.Node, scope: "Scope") -> Made:
    if not isinstance(node, tree.Reference):
        made = expressions.emit(code, node, scope)
        return made if made.types == _TEXTS and made.is_literal else code.atom(made)
    name, more = expressions.function(code, node.body, scope)
    handed = f"({', '.join(more)},)" if more else "()"
    return Made(f"Applied({name}, {weight(node.body)}, {code.frame}, {handed})")


def slow_call(code: Code, node: tree.Call, arguments: list[str]) -> str:
    """The function with its checks, its words and its place."""
    name = code.module.constant(bound_call(FUNCTIONS[node.name], node.offset, len(arguments)))
    return f"{name}({', '.join((code.frame, *arguments))})"


def is_short_text(code: Code, made: Made) -> list[str]:
    """Checks that an atom is a text; in a loop also a short one, for a long one has to be paid for."""
    checks = [] if made.types == _TEXTS else [f"type({made.text}) is str"]
    return [*checks, f"len({made.text}) < {TEXT_FREE_MAX}"] if code.loops and not made.is_literal else checks


# ── ways of their own ────────────────────────────────────────────────────────────────────────────────────────────────


def to_string(code: Code, node: tree.Call, scope: "Scope") -> Made | None:
    made = code.atom(expressions.emit(code, node.arguments[0], scope))
    slow = slow_call(code, node, [made.text])
    types = _TEXTS if NULL not in made.types else frozenset((TEXT, NULL))
    value = made.text
    number = f"str({value}) if type({value}) is int and {-PLAIN_INT} < {value} < {PLAIN_INT}"
    return code.assign(f"{value} if type({value}) is str else {number} else {slow}", types, is_given=made.is_given)


def join(code: Code, node: tree.Call, scope: "Scope") -> Made | None:
    """A few values with a constant between them, which is how identities are made: one formatted text."""
    glue, joined = node.arguments
    if not isinstance(glue, tree.Literal) or not isinstance(glue.value, str):
        return None
    if not isinstance(joined, tree.ListSelect) or not 1 < len(joined.items) <= JOINED_MAX:
        return None
    # Of a null current value a multi-select is null, which cannot be joined; its items are then made for nothing.
    current = code.atom(scope.current)
    inside = scope.at(Made(current.text, current.types - {NULL}, current.is_given))
    made = [code.atom(expressions.emit(code, each, inside)) for each in joined.items]
    checks = [f"type({each.text}) is str" for each in made if each.types != _TEXTS]
    texts = f"[{', '.join(each.text for each in made)}]"
    if NULL in current.types:
        checks.append(f"{current.text} is not None")
        texts += f" if {current.text} is not None else None"
    pattern = _escaped(glue.value).join(piece(joined.items[place], each) for place, each in enumerate(made))
    slow = slow_call(code, node, [repr(glue.value), texts])
    result = code.assign(f"f{pattern!r}" + (f" if {' and '.join(checks)} else {slow}" if checks else ""), _TEXTS)
    if code.loops or not all(each.is_given for each in made):
        code.line(f"if len({result.text}) >= {TEXT_FREE_MAX}: pay({code.frame}, {result.text})")
    return result


def piece(node: tree.Node, made: Made) -> str:
    """One value within a formatted text."""
    return (
        _escaped(node.value) if isinstance(node, tree.Literal) and isinstance(node.value, str) else f"{{{made.text}}}"
    )


def _escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def not_null(code: Code, node: tree.Call, scope: "Scope") -> Made | None:
    made = [code.atom(expressions.emit(code, each, scope)) for each in node.arguments]
    text = made[-1].text
    for each in reversed(made[:-1]):
        text = f"{each.text} if {each.text} is not None else {text}"
    return code.assign(text)


def length(code: Code, node: tree.Call, scope: "Scope") -> Made | None:
    made = code.atom(expressions.emit(code, node.arguments[0], scope))
    slow = slow_call(code, node, [made.text])
    return code.assign(f"len({made.text}) if isinstance({made.text}, (str, list, dict)) else {slow}", _NUMBERS)


def to_array(code: Code, node: tree.Call, scope: "Scope") -> Made | None:
    made = code.atom(expressions.emit(code, node.arguments[0], scope))
    text = f"{made.text} if isinstance({made.text}, list) else [{made.text}]"
    return code.assign(text, frozenset((LIST,)))


def contains(code: Code, node: tree.Call, scope: "Scope") -> Made | None:
    """A value among texts that the expression lists: one look into a set."""
    listed, searched = node.arguments
    if not isinstance(listed, tree.ListSelect) or not all(
        isinstance(each, tree.Literal) and isinstance(each.value, str) for each in listed.items
    ):
        return None
    texts = [each.value for each in listed.items if isinstance(each, tree.Literal)]
    current = code.atom(scope.current)
    made = code.atom(expressions.emit(code, searched, scope))
    slow = slow_call(code, node, [f"{code.module.constant(texts)} if {current.text} is not None else None", made.text])
    checks = [f"type({made.text}) is str", *([f"{current.text} is not None"] if NULL in current.types else [])]
    found = f"({made.text} in {code.module.constant(frozenset(texts))})"
    return code.assign(f"{found} if {' and '.join(checks)} else {slow}", _BOOLEANS)


Special = Callable[[Code, tree.Call, "Scope"], Made | None]
SPECIAL: dict[str, Special] = {
    "to_string": to_string,
    "join": join,
    "not_null": not_null,
    "length": length,
    "to_array": to_array,
    "contains": contains,
}
"""Functions with lines of their own; None from one of them says that this call has none."""

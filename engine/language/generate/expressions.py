"""An expression's tree → lines of Python that evaluate it.

Every node becomes lines and a `Made`: its value as Python over locals. Reading a document cannot fail and is shared:
what was read of a local is not read again where it is still known. What may fail, or loops, spends or raises as
`runtime` does. Results may share lists and objects with the document and with literals; nobody may change them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from engine.language import tree
from engine.language.frame import may_grow, weight
from engine.language.generate import calls
from engine.language.generate.runtime import LESS
from engine.language.generate.source import BOOLEAN, LIST, NULL, NUMBER, OBJECT, TEXT, Code, Made, literal
from engine.language.tree import Node


@dataclass(frozen=True, slots=True)
class Scope:
    """What is in scope where a node stands: the current value, and the locals that hold `$name`.

    `dynamic`: a name that is not among them is looked for in the frame when it runs, else in `$root`.
    """

    current: Made
    names: Mapping[str, Made] = field(default_factory=dict)
    dynamic: bool = False

    def at(self, current: Made) -> "Scope":
        return replace(self, current=current)


def evaluate(code: Code, node: Node, scope: Scope) -> Made:
    """A whole expression; one whose result could outgrow its document is measured."""
    made = emit(code, node, scope)
    if may_grow(node):
        made = code.atom(made)
        code.can_raise()
        code.line(f"measure({made.text}, {code.frame})")
    return made


def emit(code: Code, node: Node, scope: Scope) -> Made:
    """The lines of a node and its value."""
    if code.is_deep and tree.children(node):
        return outlined(code, node, scope)
    match node:
        case tree.Current():
            return scope.current
        case tree.Field(name=name):
            return member(code, scope.current, name)
        case tree.Literal(value=value):
            return constant(code, value)
        case tree.Index(position=position):
            return item(code, scope.current, position)
        case tree.Chain(parts=parts):
            for part in parts:
                scope = scope.at(emit(code, part, scope))
            return scope.current
        case _:
            return emit_more(code, node, scope)


def emit_more(code: Code, node: Node, scope: Scope) -> Made:
    """What does more than read."""
    match node:
        case tree.Variable():
            return variable(code, node, scope)
        case tree.ListSelect() | tree.ObjectSelect():
            return select(code, node, scope)
        case tree.Or() | tree.And():
            return logic(code, node, scope)
        case tree.Not(operand=operand):
            return Made(falsehood(code.atom(emit(code, operand, scope))), frozenset((BOOLEAN,)))
        case tree.Comparison():
            return comparison(code, node, scope)
        case tree.Arithmetic():
            return arithmetic(code, node, scope)
        case tree.Call():
            return calls.call(code, node, scope)
        case _:  # a Reference is an argument's, and `calls` takes it apart
            return projection(code, node, scope)


def prefetch(code: Code, node: Node, scope: Scope) -> None:
    """Reads what the node is sure to read of its current value, before lines that may be passed over or fail."""
    match node:
        case tree.Field():
            emit(code, node, scope)
        case tree.Chain(parts=parts):
            for part in parts:
                is_read = isinstance(part, tree.Field) or (isinstance(part, tree.Variable) and part.name in scope.names)
                if not is_read:
                    if part is parts[0]:
                        prefetch(code, part, scope)
                    return
                scope = scope.at(emit(code, part, scope))
        case tree.Or(operands=operands) | tree.And(operands=operands):
            prefetch(code, operands[0], scope)
        case tree.Reference():
            return
        case _ if isinstance(node, tree.Projection):
            prefetch(code, node.source, scope)
        case _:
            for child in tree.children(node):
                prefetch(code, child, scope)


NOTHING = Made("None", frozenset((NULL,)), is_given=True)

# ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def member(code: Code, base: Made, name: str) -> Made:
    """`base.name`, null for anything that is no object."""
    if OBJECT not in base.types:
        return NOTHING
    base = code.atom(base)
    key = (base.text, name)
    if key not in code.known:
        code.known[key] = code.assign(f"{view(code, base)}.get({literal(name)})", is_given=base.is_given)
    return code.known[key]


def view(code: Code, base: Made) -> str:
    """A local that is surely an object: the value itself, or an empty one for what is none."""
    if base.types == frozenset((OBJECT,)):
        return base.text
    key = (base.text, _VIEW)
    if key not in code.known:
        text = f"{base.text} if isinstance({base.text}, dict) else EMPTY"
        code.known[key] = code.assign(text, frozenset((OBJECT,)))
    return code.known[key].text


_VIEW = object()


def item(code: Code, base: Made, position: int) -> Made:
    if LIST not in base.types:
        return NOTHING
    base = code.atom(base)
    key = (base.text, position)
    if key not in code.known:
        fits = f"len({base.text}) > {position}" if position >= 0 else f"len({base.text}) >= {-position}"
        text = f"{base.text}[{position}] if isinstance({base.text}, list) and {fits} else None"
        code.known[key] = code.assign(text, is_given=base.is_given)
    return code.known[key]


def variable(code: Code, node: tree.Variable, scope: Scope) -> Made:
    if node.name in scope.names:
        return scope.names[node.name]
    name = literal(node.name)
    code.can_raise()
    if scope.dynamic:
        return code.assign(f"variable({code.frame}, {name}, {node.offset})")
    known = code.module.constant(tuple(scope.names))
    return code.assign(f"field_of_root({scope.names['root'].text}, {name}, {node.offset}, {known})")


def constant(code: Code, value: object) -> Made:
    kinds = {str: TEXT, bool: BOOLEAN, list: LIST, dict: OBJECT, type(None): NULL}
    types = frozenset((kinds.get(type(value), NUMBER),))
    written = literal(value)
    return Made(code.module.constant(value) if written is None else written, types, is_given=True)


# ── truth ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def truth(made: Made) -> str:
    """JMESPath's truth of an atom: what Python finds true, and every number."""
    return f"({made.text} or type({made.text}) in NUMBERS)" if NUMBER in made.types else made.text


def falsehood(made: Made) -> str:
    """The opposite; null goes first, since that is what nearly all that is false is."""
    if NUMBER not in made.types:
        return f"(not {made.text})"
    if NULL not in made.types:
        return f"(not {made.text} and type({made.text}) not in NUMBERS)"
    return f"({made.text} is None or not {made.text} and type({made.text}) not in NUMBERS)"


def logic(code: Code, node: tree.Or | tree.And, scope: Scope) -> Made:
    first = emit(code, node.operands[0], scope)
    name, types = code.local(), first.types
    code.line(f"{name} = {first.text}")
    for operand in node.operands[1:]:
        holds = falsehood if isinstance(node, tree.Or) else truth
        with code.block(f"if {holds(Made(name, types))}:"):
            made = emit(code, operand, scope)
            code.line(f"{name} = {made.text}")
        types = made.types | (types - {NULL} if isinstance(node, tree.Or) else types)
    return Made(name, types)


def comparison(code: Code, node: tree.Comparison, scope: Scope) -> Made:
    left, right = code.operand(emit(code, node.left, scope)), code.operand(emit(code, node.right, scope))
    if node.operator in LESS:
        return ordering(node, left, right)
    sign = "" if node.operator == "==" else "not "
    return Made(f"({sign}{equality(code, left, right)})", frozenset((BOOLEAN,)))


def equality(code: Code, left: Made, right: Made) -> str:
    for one, other in ((left, right), (right, left)):
        if one.types <= {TEXT, NULL}:  # these are equal to nothing of another type, in Python too
            return f"{left.text} == {right.text}"
        if one.text in ("True", "False"):
            return f"{code.atom(other).text} is {one.text}"
    code.can_raise()
    slow = f"equal({left.text}, {right.text}, {code.frame})"
    for one, other in ((left, right), (right, left)):
        if one.is_literal and NUMBER in one.types:
            return f"({other.text} == {one.text} if type({other.text}) is int else {slow})"
    return f"({left.text} == {right.text} if type({left.text}) is str else {slow})"


def ordering(node: tree.Comparison, left: Made, right: Made) -> Made:
    """Of two numbers or two texts; null for anything else, as the specification says."""
    slow = f"{LESS[node.operator]}({left.text}, {right.text})"
    checks = [
        f"type({side.text}) is int" for side in (left, right) if not (side.is_literal and NUMBER in side.types)
    ]  # fmt: skip
    text = f"({left.text} {node.operator} {right.text} if {' and '.join(checks) or 'True'} else {slow})"
    return Made(text, frozenset((BOOLEAN, NULL)))


def arithmetic(code: Code, node: tree.Arithmetic, scope: Scope) -> Made:
    made = emit(code, node.first, scope)
    for symbol, operand in node.rest:
        right = emit(code, operand, scope)
        code.can_raise()
        word = {"+": "plus", "-": "minus", "*": "times"}[symbol]
        made = code.assign(f"{word}({made.text}, {right.text}, {node.offset})", frozenset((NUMBER,)))
    return made


# ── making ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def select(code: Code, node: tree.ListSelect | tree.ObjectSelect, scope: Scope) -> Made:
    """`[a, b]` and `{a: x}`: null where the current value is."""
    current = code.atom(scope.current)
    if NULL not in current.types:
        made = display(code, node, scope)
        return code.assign(made.text, made.types)
    prefetch(code, node, scope)
    name = code.local()
    code.line(f"{name} = None")
    known = Made(current.text, current.types - {NULL})
    with code.block(f"if {current.text} is not None:"):
        made = display(code, node, scope.at(known))
        code.line(f"{name} = {made.text}")
    return Made(name, made.types | {NULL})


def display(code: Code, node: tree.ListSelect | tree.ObjectSelect, scope: Scope) -> Made:
    if isinstance(node, tree.ListSelect):
        items = [emit(code, each, scope).text for each in node.items]
        return Made(f"[{', '.join(items)}]", frozenset((LIST,)))
    pairs = [f"{literal(key)}: {emit(code, each, scope).text}" for key, each in node.pairs]
    return Made(f"{{{', '.join(pairs)}}}", frozenset((OBJECT,)))


def projection(code: Code, node: Node, scope: Scope) -> Made:
    """A loop over the source: condition, body, and what is not null is kept."""
    assert isinstance(node, tree.Projection)
    source = code.atom(emit(code, node.source, scope))
    if not source.types & {LIST, OBJECT}:
        return NOTHING
    result = code.local()
    code.line(f"{result} = None")
    wanted, elements = "list", source.text
    if isinstance(node, tree.ObjectProjection):
        wanted, elements = "dict", f"{source.text}.values()"
    elif isinstance(node, tree.SliceProjection):
        parts = ("" if part is None else str(part) for part in (node.start, node.stop, node.step))
        elements = f"{source.text}[{':'.join(parts)}]"
    condition = node.condition if isinstance(node, tree.FilterProjection) else None
    price = 1 + weight(node.body) + (weight(condition) if condition else 0)
    with code.block(f"if isinstance({source.text}, {wanted}):"):
        code.line(f"{result} = []")
        if isinstance(node, tree.FlattenProjection):
            outer = code.local()
            with code.loop(f"for {outer} in {elements}:"):
                code.line(f"{outer} = {outer} if isinstance({outer}, list) else ({outer},)")
                spend(code, f"{price} + len({outer}) * {price}")
                loop(code, outer, condition, node.body, result, scope)
        else:
            if code.loops or not source.is_given:  # once through what was given costs what the expression's length says
                spend(code, f"len({source.text}) * {price}")
            loop(code, elements, condition, node.body, result, scope)
    return Made(result, frozenset((LIST, NULL)))


def loop(code: Code, elements: str, condition: Node | None, body: Node, result: str, scope: Scope) -> None:
    element = Made(code.local())
    with code.loop(f"for {element.text} in {elements}:"):
        first = body.parts[0] if isinstance(body, tree.Chain) else body
        if condition is None and isinstance(first, tree.ListSelect | tree.ObjectSelect):
            code.line(f"if {element.text} is None: continue")  # of null both make null, which is not kept
            element = Made(element.text, element.types - {NULL})
        inside = scope.at(element)
        if condition is None:
            keep(code, emit(code, body, inside), result)
            return
        prefetch(code, condition, inside)
        with code.block(f"if {truth(code.atom(emit(code, condition, inside)))}:"):
            keep(code, emit(code, body, inside), result)


def keep(code: Code, made: Made, result: str) -> None:
    if NULL in made.types:
        made = code.atom(made)
        code.line(f"if {made.text} is not None: {result}.append({made.text})")
    else:
        code.line(f"{result}.append({made.text})")


def spend(code: Code, steps: str) -> None:
    code.can_raise()
    code.line(f"{code.frame}.left -= {steps}")
    code.line("if frame.left < 0: exhausted(frame)")


# ── functions of their own ───────────────────────────────────────────────────────────────────────────────────────────


def outlined(code: Code, node: Node, scope: Scope) -> Made:
    """The node as a function that is called here."""
    code.can_raise()
    name, more = function(code, node, scope)
    arguments = ", ".join((scope.current.text, code.frame, *more))
    return code.assign(f"{name}({arguments})")


def function(code: Code, node: Node, scope: Scope) -> tuple[str, tuple[str, ...]]:
    """A function of (current value, frame, some locals) that evaluates the node: (its name, those locals)."""
    used = {below.name for below in tree.walk(node) if isinstance(below, tree.Variable)}
    if not scope.dynamic:
        used.add("root")
    names = {name: made for name, made in scope.names.items() if name in used}
    inner = Code(
        code.module, code.module.name("f"), ("current", "frame", *(f"p{place}" for place in range(len(names))))
    )
    inner.loops = 1  # whoever calls it may call it often
    given = {name: Made(f"p{place}", made.types) for place, (name, made) in enumerate(names.items())}
    made = emit(inner, node, Scope(Made("current"), given, scope.dynamic))
    inner.line(f"return {made.text}")
    inner.finish()
    return inner.name, tuple(made.text for made in names.values())

"""Tree → closures: each node becomes one Python function of (current value, frame).

No node is visited twice: names, literals and checks are bound when an expression is compiled. Results may share lists
and objects with the document and with literals, and nobody may change them in place.
"""

from collections.abc import Callable

from engine.language import exact, tree
from engine.language.data import compare, equal, is_false, type_name
from engine.language.errors import ExpressionError
from engine.language.exact import BoundsError, Number, is_number
from engine.language.frame import Applied, Evaluator, Frame, weight
from engine.language.functions import FUNCTIONS, fault_of
from engine.language.signature import found_words
from engine.language.tree import Node

_MISSING = object()
_ORDERINGS: dict[str, Callable[[int], bool]] = {
    "<": lambda sign: sign < 0,
    "<=": lambda sign: sign <= 0,
    ">": lambda sign: sign > 0,
    ">=": lambda sign: sign >= 0,
}
_OPERATIONS: dict[str, Callable[[Number, Number], Number]] = {
    "+": exact.add,
    "-": exact.subtract,
    "*": exact.multiply,
}


def compile_node(node: Node) -> Evaluator:
    """The node as a function. Raises ExpressionError where it holds a call that can never run."""
    match node:
        case tree.Current():
            return lambda current, _frame: current
        case tree.Field(name=name):
            return _field(name)
        case tree.Variable():
            return _variable(node)
        case tree.Literal(value=value):
            return lambda _current, _frame: value
        case tree.Index(position=position):
            return _index(position)
        case tree.Chain(parts=parts):
            return _chain(parts)
        case tree.ListSelect() | tree.ObjectSelect():
            return _select(node)
        case tree.Or() | tree.And() | tree.Not():
            return _logic(node)
        case tree.Comparison():
            return _comparison(node)
        case tree.Arithmetic():
            return _arithmetic(node)
        case tree.Call():
            return _call(node)
        case tree.Reference():
            return _reference(node)
        case _:
            return _projection(node)


def _field(name: str) -> Evaluator:
    def field(current: object, _frame: Frame) -> object:
        return current.get(name) if isinstance(current, dict) else None

    return field


def _variable(node: tree.Variable) -> Evaluator:
    name = node.name

    def variable(_current: object, frame: Frame) -> object:
        value = frame.variables.get(name, _MISSING)
        if value is not _MISSING:
            return value
        root = frame.variables.get("root", frame.document)
        if name == "root":
            return root
        if isinstance(root, dict) and name in root:
            return root[name]
        known = ", ".join(f"${each}" for each in sorted({"root", *frame.variables}))
        raise ExpressionError("undefined-variable", f"there is no ${name} here", node.offset, f"there are: {known}")

    return variable


def _index(position: int) -> Evaluator:
    def index(current: object, _frame: Frame) -> object:
        if isinstance(current, list) and -len(current) <= position < len(current):
            return current[position]
        return None

    return index


def _chain(parts: tuple[Node, ...]) -> Evaluator:
    names = tuple(part.name for part in parts if isinstance(part, tree.Field))
    if len(names) == len(parts):
        return _path(names)
    evaluators = tuple(compile_node(part) for part in parts)

    def chain(current: object, frame: Frame) -> object:
        for evaluator in evaluators:
            current = evaluator(current, frame)
        return current

    return chain


def _path(names: tuple[str, ...]) -> Evaluator:
    """A chain of plain names, which most expressions are: one function for all of them."""

    def path(current: object, _frame: Frame) -> object:
        for name in names:
            if not isinstance(current, dict):
                return None
            current = current.get(name)
        return current

    return path


def _projection(node: Node) -> Evaluator:
    assert isinstance(node, tree.Projection)
    source = compile_node(node.source)
    elements = _elements(node)
    if isinstance(node.body, tree.Current):

        def selected(current: object, frame: Frame) -> object:
            items = elements(source(current, frame), frame)
            return None if items is None else [item for item in items if item is not None]

        return selected
    body, price = compile_node(node.body), weight(node.body)

    def projected(current: object, frame: Frame) -> object:
        items = elements(source(current, frame), frame)
        if items is None:
            return None
        frame.spend(len(items) * price)
        return [value for item in items if (value := body(item, frame)) is not None]

    return projected


def _elements(node: tree.Projection) -> Callable[[object, Frame], list[object] | None]:
    """What the projection goes over: (source's value, frame) → elements, None where it is of the wrong type."""
    match node:
        case tree.FilterProjection(condition=condition_node):
            condition, price = compile_node(condition_node), weight(condition_node)

            def filtered(base: object, frame: Frame) -> list[object] | None:
                if not isinstance(base, list):
                    return None
                frame.spend(len(base) * price)
                return [item for item in base if not is_false(condition(item, frame))]

            return filtered
        case tree.SliceProjection(start=start, stop=stop, step=step):
            taken = slice(start, stop, step)
            return lambda base, frame: _paid(base[taken], frame) if isinstance(base, list) else None
        case tree.ObjectProjection():
            return lambda base, frame: _paid(list(base.values()), frame) if isinstance(base, dict) else None
        case tree.FlattenProjection():
            return _flattened
        case _:
            return lambda base, frame: _paid(base, frame) if isinstance(base, list) else None


def _paid(items: list[object], frame: Frame) -> list[object]:
    frame.spend(len(items))
    return items


def _flattened(base: object, frame: Frame) -> list[object] | None:
    if not isinstance(base, list):
        return None
    frame.spend(sum(len(item) if isinstance(item, list) else 1 for item in base))
    result: list[object] = []
    for item in base:
        if isinstance(item, list):
            result.extend(item)
        else:
            result.append(item)
    return result


def _select(node: tree.ListSelect | tree.ObjectSelect) -> Evaluator:
    if isinstance(node, tree.ListSelect):
        items = tuple(compile_node(item) for item in node.items)
        return lambda current, frame: None if current is None else [item(current, frame) for item in items]
    pairs = tuple((key, compile_node(value)) for key, value in node.pairs)
    return lambda current, frame: None if current is None else {key: value(current, frame) for key, value in pairs}


def _logic(node: tree.Or | tree.And | tree.Not) -> Evaluator:
    if isinstance(node, tree.Not):
        operand = compile_node(node.operand)
        return lambda current, frame: is_false(operand(current, frame))
    operands = tuple(compile_node(each) for each in node.operands)
    stops_at_false = isinstance(node, tree.And)

    def logic(current: object, frame: Frame) -> object:
        value: object = None
        for each in operands:
            value = each(current, frame)
            if is_false(value) is stops_at_false:
                return value
        return value

    return logic


def _comparison(node: tree.Comparison) -> Evaluator:
    left, right = compile_node(node.left), compile_node(node.right)
    if node.operator == "==":
        return lambda current, frame: equal(left(current, frame), right(current, frame), frame)
    if node.operator == "!=":
        return lambda current, frame: not equal(left(current, frame), right(current, frame), frame)
    holds = _ORDERINGS[node.operator]

    def ordering(current: object, frame: Frame) -> object:
        sign = compare(left(current, frame), right(current, frame))
        return None if sign is None else holds(sign)

    return ordering


def _arithmetic(node: tree.Arithmetic) -> Evaluator:
    first = compile_node(node.first)
    rest = tuple((symbol, _OPERATIONS[symbol], compile_node(operand)) for symbol, operand in node.rest)

    def arithmetic(current: object, frame: Frame) -> object:
        result = first(current, frame)
        for symbol, operate, operand in rest:
            right = operand(current, frame)
            if not (is_number(result) and is_number(right)):
                wrong = type_name(right if is_number(result) else result)
                hint = "where it may be missing, use not_null(x, `0`); a text becomes a number with to_number(x)"
                raise ExpressionError("invalid-type", f"`{symbol}` takes two numbers, not {wrong}", node.offset, hint)
            try:
                result = operate(result, right)
            except BoundsError as error:
                raise ExpressionError(error.kind, f"`{symbol}`: {error}", node.offset) from None
        return result

    return arithmetic


def _call(node: tree.Call) -> Evaluator:
    fault = fault_of(node)
    if fault is not None:
        raise fault
    function, offset = FUNCTIONS[node.name], node.offset
    run = function.call
    arguments = tuple(
        (index, compile_node(argument), function.check_of(index)) for index, argument in enumerate(node.arguments)
    )

    def call(current: object, frame: Frame) -> object:
        values = []
        for index, argument, check in arguments:
            value = argument(current, frame)
            if not check(value):
                raise function.wrong_type(index, found_words(value), offset)
            values.append(value)
        try:
            return run(frame, *values)
        except BoundsError as error:
            raise ExpressionError(error.kind, f"{function.name}(): {error}", offset) from None

    return call


def _reference(node: tree.Reference) -> Evaluator:
    body, price = compile_node(node.body), weight(node.body)
    return lambda _current, frame: Applied(body, price, frame)

"""Text with holes → a function of a document. Text is all it makes; every value it cannot show is an error.

Strict: a missing member, a null, a list or an object in a hole raises TemplateError with the path. `default` alone lets
a missing or null value pass. Numbers appear with every digit, true and false as in JSON. In `{% if %}` empty texts,
lists and objects, null and the number 0 are false, as in Jinja; `truncate(n)` cuts after n characters and adds nothing.
"""

from collections.abc import Callable, Mapping
from urllib.parse import quote

from engine.language import template_tree as parsed
from engine.language.data import compare, equal, type_name
from engine.language.errors import TemplateError
from engine.language.exact import BoundsError, is_number, number_text
from engine.language.frame import Frame

OUTPUT_BYTES_MAX = 65_536

Template = Callable[[object, Mapping[str, object]], str]
"""A compiled template: (document, variables) → text. Raises TemplateError."""

_Finish = Callable[[str, str, int | None], str]
"""What becomes of a hole's text: (text, its name, its offset) → text."""
_Evaluator = Callable[[object, Mapping[str, object]], object]
_MISSING = object()
_CHANGES: dict[str, Callable[[str], str]] = {"lower": str.lower, "upper": str.upper, "trim": lambda text: text.strip()}


class TemplateGapError(TemplateError):
    """A hole has nothing to show: a member is missing, or null. What `default` catches."""


def compile_template(text: str, *, percent_encode: bool = False) -> Template:
    """The template as a function of (document, variables); a name is the document's member, else a variable.

    With `percent_encode` the text is a URL's path: what fills a hole is encoded for one segment (RFC 3986: all but the
    unreserved characters), must not be empty, and no segment may become `.` or `..`. Raises TemplateError whose
    `problems` hold every fault of the text.
    """
    from engine.language.template_parser import parse_template

    body, _, problems = parse_template(text)
    if problems:
        first = problems[0]
        raise TemplateError(first.message, first.offset, first.hint, problems)
    render = _body(body, _segment if percent_encode else _plain)

    def template(document: object, variables: Mapping[str, object]) -> str:
        result = render(document, variables)
        size = len(result) if result.isascii() else len(result.encode("utf-8", "surrogatepass"))
        if size > OUTPUT_BYTES_MAX:
            raise _too_long()
        if percent_encode and not {".", ".."}.isdisjoint(result.partition("?")[0].split("/")):
            raise TemplateError("a segment of the path is `.` or `..`, which would lead to another place")
        return result

    return template


def _too_long() -> TemplateError:
    return TemplateError(f"the text is longer than {OUTPUT_BYTES_MAX} bytes")


def _body(body: parsed.Body, finish: _Finish) -> Template:
    parts = tuple(_part(piece, finish) for piece in body)

    def render(document: object, variables: Mapping[str, object]) -> str:
        pieces, length = [], 0
        for part in parts:
            piece = part if isinstance(part, str) else part(document, variables)
            length += len(piece)
            if length > OUTPUT_BYTES_MAX:
                raise _too_long()
            pieces.append(piece)
        return "".join(pieces)

    return render


def _part(piece: str | parsed.Expression | parsed.Choice, finish: _Finish) -> str | Template:
    if isinstance(piece, str):
        return piece
    if isinstance(piece, parsed.Choice):
        return _choice(piece, finish)
    value, name, offset = _expression(piece), _name(piece), _offset(piece)
    return lambda document, variables: finish(_text(value(document, variables), name, offset), name, offset)


def _plain(text: str, _name: str, _offset: int | None) -> str:
    return text


def _segment(text: str, name: str, offset: int | None) -> str:
    """What fills a hole of a path, percent-encoded."""
    if not text:
        raise TemplateError(f"{name} is empty, and the path would lead to another place", offset)
    try:
        return quote(text, safe="")
    except UnicodeEncodeError:
        raise TemplateError(f"{name} holds half of a surrogate pair", offset) from None


def _choice(choice: parsed.Choice, finish: _Finish) -> Template:
    branches = tuple((_expression(test), _body(body, finish)) for test, body in choice.branches)
    otherwise = _body(choice.otherwise, finish)

    def chosen(document: object, variables: Mapping[str, object]) -> str:
        for test, body in branches:
            if test(document, variables):
                return body(document, variables)
        return otherwise(document, variables)

    return chosen


def _text(value: object, name: str, offset: int | None) -> str:
    """What a hole shows of a value."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        raise TemplateGapError(f"{name} is null", offset, "use `| default('…')` where it may be")
    if is_number(value):
        try:
            return number_text(value)
        except BoundsError as error:
            raise TemplateError(f"{name}: {error}", offset) from None
    hint = "use `| join(', ')`" if isinstance(value, list) else "name one of its members"
    raise TemplateError(f"{name} is of type {type_name(value)}, not text", offset, hint)


def _name(node: parsed.Expression) -> str:
    """How errors call what fills a hole: its path, where it has one."""
    while isinstance(node, parsed.Filtered):
        node = node.value
    return path_text(node.keys) if isinstance(node, parsed.Path) else "the value"


def _offset(node: parsed.Expression) -> int | None:
    return getattr(node, "offset", None)


def path_text(keys: tuple[str | int, ...]) -> str:
    """`order.lines[0].sku` of ("order", "lines", 0, "sku")."""
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys).lstrip(".")


def _expression(node: parsed.Expression) -> _Evaluator:
    match node:
        case parsed.Constant(value=value):
            return lambda _document, _variables: value
        case parsed.Path():
            return _path(node)
        case parsed.Filtered(name="default"):
            return _default(node)
        case parsed.Filtered():
            return _filtered(node)
        case parsed.Compared():
            return _compared(node)
        case parsed.Conditional(test=test, then=then, otherwise=otherwise):
            holds, yes, no = _expression(test), _expression(then), _expression(otherwise)
            return lambda document, variables: (yes if holds(document, variables) else no)(document, variables)
        case parsed.Negated(operand=operand):
            inner = _expression(operand)
            return lambda document, variables: not inner(document, variables)
        case parsed.Logic(operator=operator, left=first, right=second):
            left, right = _expression(first), _expression(second)
            if operator == "and":
                return lambda document, variables: left(document, variables) and right(document, variables)
            return lambda document, variables: left(document, variables) or right(document, variables)


def _path(node: parsed.Path) -> _Evaluator:
    name, keys, offset = node.keys[0], node.keys, node.offset

    def path(document: object, variables: Mapping[str, object]) -> object:
        value = document.get(name, _MISSING) if isinstance(document, dict) else _MISSING
        if value is _MISSING:
            value = variables.get(str(name), _MISSING)
        for count, key in enumerate(keys[1:], 1):
            if value is _MISSING or value is None:
                raise _gap(keys[:count], value, offset)
            value = _member(value, key)
        if value is _MISSING:
            raise _gap(keys, value, offset)
        return value

    return path


def _member(value: object, key: str | int) -> object:
    """A member of an object or an item of a list; never an attribute of Python."""
    if isinstance(key, int):
        return value[key] if isinstance(value, list) and -len(value) <= key < len(value) else _MISSING
    return value.get(key, _MISSING) if isinstance(value, dict) else _MISSING


def _gap(keys: tuple[str | int, ...], value: object, offset: int) -> TemplateGapError:
    what = "null" if value is None else "missing"
    return TemplateGapError(f"{path_text(keys)} is {what}", offset, "use `| default('…')` where it may be")


def _default(node: parsed.Filtered) -> _Evaluator:
    assert node.argument is not None
    inner, fallback = _expression(node.value), _expression(node.argument)

    def default(document: object, variables: Mapping[str, object]) -> object:
        try:
            value = inner(document, variables)
        except TemplateGapError:
            value = None
        return fallback(document, variables) if value is None else value

    return default


def _filtered(node: parsed.Filtered) -> _Evaluator:
    inner, name, offset = _expression(node.value), _name(node), node.offset
    argument = node.argument.value if isinstance(node.argument, parsed.Constant) else None
    if node.name == "join":
        glue = str(argument or "")

        def join(document: object, variables: Mapping[str, object]) -> object:
            value = inner(document, variables)
            if not isinstance(value, list):
                raise TemplateError(f"join takes a list; {name} is of type {type_name(value)}", offset)
            return glue.join(_text(item, f"an item of {name}", offset) for item in value)

        return join
    if node.name == "truncate":
        assert isinstance(argument, int)
        return lambda document, variables: _text(inner(document, variables), name, offset)[:argument]
    change = _CHANGES[node.name]
    return lambda document, variables: change(_text(inner(document, variables), name, offset))


def _compared(node: parsed.Compared) -> _Evaluator:
    left, right, symbol, offset = _expression(node.left), _expression(node.right), node.operator, node.offset

    def compared(document: object, variables: Mapping[str, object]) -> object:
        one, other = left(document, variables), right(document, variables)
        if symbol in ("==", "!="):
            return equal(one, other, Frame(None, {})) is (symbol == "==")
        sign = compare(one, other)
        if sign is None:
            kinds = f"{type_name(one)} and {type_name(other)}"
            raise TemplateError(f"`{symbol}` compares two numbers or two texts, not {kinds}", offset)
        return {"<": sign < 0, "<=": sign <= 0, ">": sign > 0, ">=": sign >= 0}[symbol]

    return compared

"""What a template's generated lines call: reading a path strictly, showing what is no text, and the errors of both."""

from collections.abc import Mapping
from urllib.parse import quote

from engine.language.data import compare, equal, type_name
from engine.language.errors import TemplateError
from engine.language.exact import BoundsError, is_number, number_text
from engine.language.frame import Frame
from engine.language.template_tree import Path

OUTPUT_BYTES_MAX = 65_536
OUTPUT_CHARACTERS_FREE_MAX = OUTPUT_BYTES_MAX // 4
"""So many characters fit, whatever they are."""
_MISSING = object()


class TemplateGapError(TemplateError):
    """A hole has nothing to show: a member is missing, or null. What `default` catches."""


def strictly(path: Path, document: object, variables: Mapping[str, object]) -> object:
    """The value of a path, which may be null; TemplateGapError where a member is missing or stands below null."""
    keys, offset = path.keys, path.offset
    value = document.get(keys[0], _MISSING) if isinstance(document, dict) else _MISSING
    if value is _MISSING:
        value = variables.get(str(keys[0]), _MISSING)
    for count, key in enumerate(keys[1:], 1):
        if value is _MISSING or value is None:
            raise _gap(keys[:count], value, offset)
        value = _member(value, key)
    if value is _MISSING:
        raise _gap(keys, value, offset)
    return value


def _member(value: object, key: str | int) -> object:
    """A member of an object or an item of a list; never an attribute of Python."""
    if isinstance(key, int):
        return value[key] if isinstance(value, list) and -len(value) <= key < len(value) else _MISSING
    return value.get(key, _MISSING) if isinstance(value, dict) else _MISSING


def item(value: object, key: int) -> object:
    found = _member(value, key)
    return None if found is _MISSING else found


def _gap(keys: tuple[str | int, ...], value: object, offset: int) -> TemplateGapError:
    what = "null" if value is None else "missing"
    return TemplateGapError(f"{path_text(keys)} is {what}", offset, "use `| default('…')` where it may be")


def path_text(keys: tuple[str | int, ...]) -> str:
    """`order.lines[0].sku` of ("order", "lines", 0, "sku")."""
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys).lstrip(".")


def shown(value: object, name: str, offset: int | None) -> str:
    """What a hole shows of a value that is no plain text."""
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


def joined(value: object, glue: str, name: str, offset: int) -> str:
    if not isinstance(value, list):
        raise TemplateError(f"join takes a list; {name} is of type {type_name(value)}", offset)
    pieces, length = [], 0
    for each in value:
        pieces.append(shown(each, f"an item of {name}", offset))
        length += len(pieces[-1]) + len(glue)
        if length - len(glue) > OUTPUT_BYTES_MAX:
            too_long()
    return glue.join(pieces)


def compared(symbol: str, left: object, right: object, offset: int) -> bool:
    if symbol in ("==", "!="):
        return equal(left, right, Frame(None, {})) is (symbol == "==")
    sign = compare(left, right)
    if sign is None:
        kinds = f"{type_name(left)} and {type_name(right)}"
        raise TemplateError(f"`{symbol}` compares two numbers or two texts, not {kinds}", offset)
    return {"<": sign < 0, "<=": sign <= 0, ">": sign > 0, ">=": sign >= 0}[symbol]


def segment(text: str, name: str, offset: int | None) -> str:
    """What fills a hole of a path, percent-encoded."""
    if not text:
        raise TemplateError(f"{name} is empty, and the path would lead to another place", offset)
    try:
        return quote(text, safe="")
    except UnicodeEncodeError:
        raise TemplateError(f"{name} holds half of a surrogate pair", offset) from None


def whole_path(path: str) -> str:
    """The path itself. Raises TemplateError where it would lead to another place."""
    if not {".", ".."}.isdisjoint(path.partition("?")[0].split("/")):
        raise TemplateError("a segment of the path is `.` or `..`, which would lead to another place")
    return path


def bound(text: str) -> None:
    if len(text.encode("utf-8", "surrogatepass")) > OUTPUT_BYTES_MAX:
        too_long()


def too_long() -> None:
    raise TemplateError(f"the text is longer than {OUTPUT_BYTES_MAX} bytes")


TEMPLATE_RUNTIME: Mapping[str, object] = {
    "TemplateGapError": TemplateGapError,
    "bound": bound,
    "compared": compared,
    "item": item,
    "joined": joined,
    "segment": segment,
    "shown": shown,
    "strictly": strictly,
    "too_long": too_long,
    "whole_path": whole_path,
}

"""Nodes → the shapes that hold no others: text, numbers, spans of time, expressions, names of secrets.

Each leaf is read alone and says alone what is wrong with it; what encloses it goes on (`read.py`).
"""

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, get_args

from engine.spec import shape
from engine.spec.annotations import sample
from engine.spec.invalid import INVALID
from engine.spec.secret_text import is_no_name
from engine.spec.yaml import Mapping, Node, Scalar, Sequence, plain

if TYPE_CHECKING:
    from engine.spec.read import Reader

DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)(us|ms|s|m|h|d)")
MICROSECONDS = {"us": 1, "ms": 1_000, "s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000}
RATE = re.compile(r"(\d{1,5}(?:\.\d{1,6})?)/(s|min|h|d)")
RATE_US = {"s": 1_000_000, "min": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000}
DATE = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")
PERCENT = re.compile(r"(100|\d{1,2})(\.\d{1,4})?%")
VARIABLE = next(mark.regex for mark in get_args(shape.Variable) if isinstance(mark, shape.Pattern))


def describe(node: Node) -> str:
    """What a node is, in a word: never what it holds, which may be a secret."""
    if isinstance(node, Mapping):
        return "a mapping"
    if isinstance(node, Sequence):
        return "a list"
    if isinstance(node.value, bool):
        return f"`{node.text}`"
    return "text" if isinstance(node.value, str) else "a number"


def join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def read_text(reader: "Reader", node: Node, path: str) -> Any:
    if not isinstance(node, Scalar) or node.value is None:
        return reader.wrong(node, path, "text", sample(str))
    if not isinstance(node.value, str):
        return reader.wrong(node, path, "text", f'"{node.text[:40]}"')
    return node.value


def read_int(reader: "Reader", node: Node, path: str) -> Any:
    if isinstance(node, Scalar) and isinstance(node.value, int) and not isinstance(node.value, bool):
        return node.value
    return reader.wrong(node, path, "a whole number", sample(int))


def read_bool(reader: "Reader", node: Node, path: str) -> Any:
    if isinstance(node, Scalar) and isinstance(node.value, bool):
        return node.value
    return reader.wrong(node, path, "`true` or `false`", sample(bool))


def read_expression(reader: "Reader", node: Node, path: str) -> Any:
    if not isinstance(node, Scalar) or node.value is None:
        return reader.wrong(node, path, "JMESPath", sample(shape.Expression))
    if not isinstance(node.value, str):
        hint = f"for a literal write {{value: {node.text}}}, or inside an expression `{node.text}` between backticks"
        return reader.fault("bare-literal", node.mark, path, f"{describe(node)} where JMESPath is expected", hint)
    return shape.Expression(node.value, node.mark, path, reader.column(node))


def read_template(reader: "Reader", node: Node, path: str) -> Any:
    text = read_text(reader, node, path)
    if text is INVALID or not isinstance(node, Scalar):
        return INVALID
    return shape.Template(text, node.mark, path, reader.column(node))


def read_duration(reader: "Reader", node: Node, path: str) -> Any:
    microseconds = duration_us(node.text) if isinstance(node, Scalar) else None
    if microseconds is None:
        said = f"`{node.text[:40]}`" if isinstance(node, Scalar) else "this"
        hint = "a number and a unit: 250ms, 30s, 5m, 12h, 14d"
        return reader.fault("bad-duration", node.mark, path, f"{said} is not a duration", hint)
    return shape.Duration(microseconds)


def duration_us(text: str) -> int | None:
    """`1.5h` → microseconds; None for what is no span."""
    found = DURATION.fullmatch(text)
    if found is None:
        return None
    number, unit = found.groups()
    whole, _, fraction = number.partition(".")
    return int(whole) * MICROSECONDS[unit] + int(fraction.ljust(6, "0") or 0) * MICROSECONDS[unit] // 1_000_000


def read_rate(reader: "Reader", node: Node, path: str) -> Any:
    text = node.text if isinstance(node, Scalar) else ""
    said = f"`{text[:40]}`" if text else "this"
    found = RATE.fullmatch(text)
    if found is None:
        hint = "a number, a slash and a unit: 25/s, 100/min, 2000/h, 50000/d"
        return reader.fault("bad-rate", node.mark, path, f"{said} is not a rate", hint)
    whole, _, fraction = found[1].partition(".")
    times = int(whole + fraction)
    if not times:
        hint = "leave `rate` out where there is no such limit, or where nothing is to come"
        return reader.fault("bad-rate", node.mark, path, f"{said} never lets anything through", hint)
    return shape.Rate(times, RATE_US[found[2]] * 10 ** len(fraction))


def read_moment(reader: "Reader", node: Node, path: str) -> Any:
    """No expression begins with a digit: what does is a span, if perhaps a misspelled one."""
    is_span = isinstance(node, Scalar) and node.text[:1].isdigit()
    return read_duration(reader, node, path) if is_span else read_expression(reader, node, path)


def read_percent(reader: "Reader", node: Node, path: str) -> Any:
    if isinstance(node, Scalar) and PERCENT.fullmatch(node.text):
        return shape.Percent(node.text)
    return reader.wrong(node, path, "a percentage", sample(shape.Percent))


def read_date(reader: "Reader", node: Node, path: str) -> Any:
    if isinstance(node, Scalar) and DATE.fullmatch(node.text):
        return shape.Date(node.text)
    return reader.wrong(node, path, "a date, YYYY-MM-DD", sample(shape.Date))


def read_secret(reader: "Reader", node: Node, path: str) -> Any:
    in_clear = isinstance(node, Scalar) and node.value is not None
    if isinstance(node, Mapping) and [name.text for name, _ in node.entries] == ["secret"]:
        given = node.entries[0][1]
        # What is no name is probably the secret itself; the fault for names would show it.
        in_clear = isinstance(given, Scalar) and given.value is not None and not names_secret(given)
        if not in_clear:
            name = reader.part(given, shape.Variable, join(path, "secret"))
            return name if name is INVALID else shape.SecretName(name, node.mark)
    if in_clear:
        hint = (
            "write {secret: NAME}, put the value into the file NAME of the secrets folder, and change it: it was seen"
        )
        return reader.fault("literal-secret", node.mark, path, "a secret is written here in the clear", hint)
    return reader.wrong(node, path, "{secret: NAME}", sample(shape.SecretName))


def names_secret(given: Scalar) -> bool:
    return re.fullmatch(VARIABLE, given.text) is not None and not is_no_name(given.text)


def read_setting(reader: "Reader", node: Node, path: str, *, secret: bool = False) -> Any:
    if isinstance(node, Mapping) and [name.text for name, _ in node.entries] == ["env"]:
        name = reader.part(node.entries[0][1], shape.Variable, join(path, "env"))
        return name if name is INVALID else shape.EnvironmentName(name, node.mark)
    if isinstance(node, Mapping):
        if secret:
            return read_secret(reader, node, path)
        return reader.wrong(node, path, "text or {env: NAME}", sample(shape.EnvironmentName))
    return read_text(reader, node, path)


def read_plain(_reader: "Reader", node: Node, _path: str) -> Any:
    return shape.Plain(plain(node))


def read_literally(reader: "Reader", node: Node, path: str) -> Any:
    return shape.Literally(plain(node), tuple(templates_in(reader, node, path)))


def templates_in(reader: "Reader", node: Node, path: str) -> Iterator[shape.Template]:
    if isinstance(node, Mapping):
        for name, value in node.entries:
            yield from templates_in(reader, value, join(path, name.text))
    elif isinstance(node, Sequence):
        for place, item in enumerate(node.items):
            yield from templates_in(reader, item, f"{path}[{place}]")
    elif isinstance(node.value, str) and ("{{" in node.value or "{%" in node.value):
        yield shape.Template(node.value, node.mark, path, reader.column(node))


LEAVES: dict[Any, Callable[["Reader", Node, str], Any]] = {
    str: read_text,
    int: read_int,
    bool: read_bool,
    shape.Expression: read_expression,
    shape.Template: read_template,
    shape.Duration: read_duration,
    shape.Rate: read_rate,
    shape.Moment: read_moment,
    shape.Percent: read_percent,
    shape.Date: read_date,
    shape.SecretName: read_secret,
    shape.Plain: read_plain,
    shape.Literally: read_literally,
}

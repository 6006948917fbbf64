"""The 26 functions of the JMESPath specification, exact on ints and Decimals.

Differences from jmespath.py: `to_string(null)` is null (pinned); texts of numbers keep every digit, objects' keys are
sorted; `to_number` reads JSON numbers only, so ` 7`, `1_000` and `nan` give null; `contains` of a text and something
that is no text is false, and `max_by`, `min_by` refuse keys of mixed types, where jmespath.py breaks with a TypeError.
"""

from collections.abc import Callable, Iterable
from typing import cast

from engine.language import data, exact
from engine.language.exact import Number, NumberSizeError
from engine.language.frame import Applied, Frame
from engine.language.signature import ArgumentTypeError, Function, spend_text

Json = object
List = list[object]
Object = dict[str, object]


def _avg(frame: Frame, numbers: list[Number]) -> Json:
    frame.spend(len(numbers))
    return exact.average(numbers)


def _sum(frame: Frame, numbers: list[Number]) -> Json:
    frame.spend(len(numbers))
    return exact.total(numbers)


def _contains(frame: Frame, subject: List | str, search: Json) -> Json:
    if isinstance(subject, str):
        return isinstance(search, str) and search in subject
    frame.spend(len(subject))
    return any(data.equal(item, search, frame) for item in subject)


def _join(frame: Frame, glue: str, texts: list[str]) -> Json:
    spend_text(frame, sum(map(len, texts)) + len(glue) * len(texts))
    frame.spend(len(texts))
    return glue.join(texts)


def _map(_frame: Frame, body: Applied, items: List) -> Json:
    return [body(item) for item in items]


def _merge(frame: Frame, *objects: Object) -> Json:
    result: Object = {}
    for each in objects:
        frame.spend(len(each))
        result.update(each)
    return result


def _reverse(frame: Frame, subject: List | str) -> Json:
    frame.spend(len(subject) // 16 if isinstance(subject, str) else len(subject))
    return subject[::-1]


def _sorted(frame: Frame, items: List, key: Callable[[object], object]) -> List:
    frame.spend(4 * len(items))
    return sorted(items, key=key)  # type: ignore[arg-type]  # the caller made sure that keys compare


def _sort(frame: Frame, items: List) -> Json:
    return _sorted(frame, items, lambda item: item)


def _keys_by(items: List, body: Applied, name: str) -> List:
    """What the body gives for each item: all numbers or all texts, else ArgumentTypeError."""
    keys = [body(item) for item in items]
    kinds = {data.type_name(key) for key in keys}
    if len(kinds) > 1 or not kinds <= {"number", "string"}:
        found = " and ".join(sorted(kinds))
        raise ArgumentTypeError(f"{name}() needs its &expression to give only numbers or only texts, not {found}")
    return keys


def _sort_by(frame: Frame, items: List, body: Applied) -> Json:
    keys = _keys_by(items, body, "sort_by")
    order = _sorted(frame, list(range(len(items))), lambda index: keys[cast("int", index)])
    return [items[cast("int", index)] for index in order]


def _best(items: Iterable[object], keys: Iterable[object], sign: int) -> Json:
    best, best_key, first = None, None, True
    for item, key in zip(items, keys, strict=True):
        if first or sign * (data.compare(key, best_key) or 0) > 0:
            best, best_key, first = item, key, False
    return best


def _max_by(_frame: Frame, items: List, body: Applied) -> Json:
    return _best(items, _keys_by(items, body, "max_by"), 1)


def _min_by(_frame: Frame, items: List, body: Applied) -> Json:
    return _best(items, _keys_by(items, body, "min_by"), -1)


def _max(frame: Frame, items: List) -> Json:
    frame.spend(len(items))
    return _best(items, items, 1)


def _min(frame: Frame, items: List) -> Json:
    frame.spend(len(items))
    return _best(items, items, -1)


def _not_null(_frame: Frame, *values: Json) -> Json:
    return next((value for value in values if value is not None), None)


def _to_number(_frame: Frame, value: Json) -> Json:
    if isinstance(value, str):
        try:
            return exact.json_number(value)
        except NumberSizeError:
            return None
    if exact.is_number(value):
        return value
    data.refuse_float(value)
    return None


def to_string(frame: Frame, value: Json) -> Json:
    """A text itself, null as null, anything else as canonical JSON with exact numbers."""
    return value if value is None or isinstance(value, str) else data.canonical_text(value, frame)


def _keys(frame: Frame, value: Object) -> Json:
    frame.spend(len(value))
    return list(value)


def _values(frame: Frame, value: Object) -> Json:
    frame.spend(len(value))
    return list(value.values())


STANDARD = (
    Function("abs", ("number",), lambda _frame, number: exact.absolute(number)),
    Function("avg", ("array-number",), _avg),
    Function("ceil", ("number",), lambda _frame, number: exact.ceiling(number)),
    Function("contains", ("array|string", "any"), _contains),
    Function("ends_with", ("string", "string"), lambda _frame, text, end: text.endswith(end)),
    Function("floor", ("number",), lambda _frame, number: exact.floor(number)),
    Function("join", ("string", "array-string"), _join),
    Function("keys", ("object",), _keys),
    Function("length", ("string|array|object",), lambda _frame, value: len(value)),
    Function("map", ("expref", "array"), _map),
    Function("max", ("array-number|array-string",), _max),
    Function("max_by", ("array", "expref"), _max_by),
    Function("merge", ("object",), _merge, variadic=True),
    Function("min", ("array-number|array-string",), _min),
    Function("min_by", ("array", "expref"), _min_by),
    Function("not_null", ("any",), _not_null, variadic=True),
    Function("reverse", ("array|string",), _reverse),
    Function("sort", ("array-number|array-string",), _sort),
    Function("sort_by", ("array", "expref"), _sort_by),
    Function("starts_with", ("string", "string"), lambda _frame, text, start: text.startswith(start)),
    Function("sum", ("array-number",), _sum),
    Function("to_array", ("any",), lambda _frame, value: value if isinstance(value, list) else [value]),
    Function("to_number", ("any",), _to_number),
    Function("to_string", ("any",), to_string),
    Function("type", ("any",), lambda _frame, value: data.type_name(value)),
    Function("values", ("object",), _values),
)

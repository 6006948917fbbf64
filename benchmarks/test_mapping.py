"""The reference mapping of a Shopify order, against the `jmespath` library.

Measured: `mappings/shopify-order.yaml` compiled, over the whole recorded order (12 KB, numbers exact): every expression,
and every converter, table and template after it. Baseline: the same expressions alone, one compiled search of the
`jmespath` library for each field and item, with the Community functions as Python functions. Names that only Waybill knows (`$shop`, `$root`) are written out, and nothing is
converted, so the baseline does less. Before anything is timed, fields without a converter must come out alike.
"""

from collections.abc import Callable
from typing import Any

import jmespath
from jmespath import functions

from benchmarks.conftest import Clocked
from benchmarks.orders import INTEGRATION, recorded_order, reference
from benchmarks.report import Topic
from engine.language import UNSET, Each, Fields, FromExpression, Text, Value
from engine.spec.plan import MapStep
from engine.spec.value import to_value

MAPPING = reference().workspace.mappings["shopify-order"].content
LET = {"$shop": "'shopify'", "$full_name": "join(' ', [customer.first_name, customer.last_name][?@])"}
"""The mapping's `let`, written out where it is used: the library has no variables."""


class Community(functions.Functions):  # type: ignore[misc]  # the library has no types for it
    """The Community functions that the mapping uses."""

    @functions.signature({"types": ["string"]})
    def _func_lower(self, text: str) -> str:
        return text.lower()

    @functions.signature({"types": ["string"]})
    def _func_trim(self, text: str) -> str:
        return text.strip()

    @functions.signature({"types": ["string"]}, {"types": ["string"]})
    def _func_split(self, text: str, separator: str) -> list[str]:
        return text.split(separator) if text else []


OPTIONS = jmespath.Options(custom_functions=Community())
FIELDS = {name: to_value(value) for name, value in MAPPING.fields.items()}


def count(value: Value) -> int:
    """Fields of the mapping that hold a value of their own."""
    return sum(map(count, value.fields.values())) if isinstance(value, Fields | Each) else 1


SECTION = f"Mapping: shopify-order, {sum(map(count, FIELDS.values()))} fields, an order of 12 KB"
ALL_FIELDS = Topic(SECTION, "a whole order, converted and checked", "µs", "≤ 0.15 (closures), then 0.12 (1.3 of hand-written)")
JMESPATH = "jmespath, one compiled search a field, unconverted"


def compile_fields(fields: dict[str, Value]) -> Callable[[object], dict[str, object]]:
    """The fields as searches of the library: document → results."""
    searches = [(name, compile_search(value)) for name, value in fields.items()]
    return lambda document: {name: search(document) for name, search in searches}


def compile_search(value: Value) -> Callable[[object], object]:
    match value:
        case FromExpression(text=text):
            search = jmespath.compile(written_out(text)).search
            return lambda document: search(document, OPTIONS)
        case Fields(fields=fields):
            return compile_fields(dict(fields))
        case Each(each=each, fields=fields):
            items, of_item = jmespath.compile(each).search, compile_fields(dict(fields))
            return lambda document: [of_item(item) for item in items(document, OPTIONS)]
        case Text(template=template):
            assert template == "Shopify order {{ name }}, {{ financial_status }}"
            search = jmespath.compile("join('', ['Shopify order ', name, ', ', financial_status])").search
            return lambda document: search(document, OPTIONS)
        case literal:
            return lambda _document: literal.value


def written_out(text: str) -> str:
    for name, expression in LET.items():
        text = text.replace(name, f"({expression})" if " " in expression else expression)
    return text


def plain_fields(fields: dict[str, Value], ours: Any, theirs: Any, path: str = "") -> list[str]:
    """Paths of fields without converters, each of which must have come out alike."""
    found = []
    for name, value in fields.items():
        where = f"{path}{name}"
        if isinstance(value, Fields):
            found += plain_fields(dict(value.fields), ours[name], theirs[name], f"{where}.")
        elif isinstance(value, Each):
            for one, other in zip(ours[name], theirs[name], strict=True):
                found += plain_fields(dict(value.fields), one, other, f"{where}[].")
        elif not (isinstance(value, FromExpression) and has_converter(value)):
            assert ours.get(name) == theirs[name], where
            found.append(where)
    return found


def has_converter(value: FromExpression) -> bool:
    named = ("table", "time", "unit", "money", "decimal", "number")
    return value.default is not UNSET or any(getattr(value, name) is not None for name in named)


def our_mapping() -> Callable[[object], object]:
    step = next(step for step in reference().plans[INTEGRATION].steps if isinstance(step, MapStep))
    return step.mapping


def test_maps_an_order(clocked: Clocked) -> None:
    order, mapped, searched = recorded_order(), our_mapping(), compile_fields(FIELDS)
    assert len(plain_fields(FIELDS, mapped(order), searched(order))) >= 20
    clocked.benchmark.group = "mapping"
    clocked.benchmark(mapped, order)
    clocked.put(ALL_FIELDS)


def test_searches_an_order_with_the_library(clocked: Clocked) -> None:
    clocked.benchmark.group = "mapping"
    clocked.benchmark(compile_fields(FIELDS), recorded_order())
    clocked.put(ALL_FIELDS, JMESPATH)

"""The reference mapping of a Shopify order, against the `jmespath` library.

Measured over the whole recorded order (12 KB, numbers exact): `mappings/shopify-order.yaml` compiled as it stands, with
every converter, table and template; and the same mapping with its expressions alone. Baseline of both: the expressions
alone as one compiled search of the `jmespath` library for each field and item, with the Community functions it lacks as
Python functions, and the names it lacks (`$shop`, `$root`) written out. Before anything is timed, the expressions alone
must give what the library gives, field by field.
"""

from collections.abc import Callable
from urllib.parse import parse_qsl

import jmespath
from jmespath import functions

from benchmarks.conftest import Clocked
from benchmarks.orders import INTEGRATION, recorded_order, reference
from benchmarks.report import Topic
from engine.language import Each, Fields, FromExpression, Text, Value, compile_mapping
from engine.spec.plan import MapStep
from engine.spec.value import to_value

MAPPING = reference().workspace.mappings["shopify-order"].content
LET = {name: " ".join(value.text.split()) for name, value in MAPPING.let.items()}
"""The mapping's `let`, written out where it is used, the last first: the library has no variables."""


class Community(functions.Functions):
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

    @functions.signature({"types": ["object"]})
    def _func_items(self, value: dict[str, object]) -> list[list[object]]:
        return [list(pair) for pair in value.items()]

    @functions.signature({"types": ["string"]})
    def _func_url_query(self, url: str) -> dict[str, str]:
        return dict(parse_qsl(url.partition("#")[0].partition("?")[2], keep_blank_values=True))


OPTIONS = jmespath.Options(custom_functions=Community())
FIELDS = {name: to_value(value) for name, value in MAPPING.fields.items()}


def count(value: Value) -> int:
    """Fields of the mapping that hold a value of their own."""
    return sum(map(count, value.fields.values())) if isinstance(value, Fields | Each) else 1


def alone(value: Value) -> Value:
    """The value without its converters; what is null stays null, as in the library."""
    match value:
        case FromExpression(text=text):
            return FromExpression(text=text, default=None)
        case Fields(fields=fields):
            return Fields({name: alone(inner) for name, inner in fields.items()})
        case Each(each=each, fields=fields):
            return Each(each, {name: alone(inner) for name, inner in fields.items()})
        case _:
            return value


SECTION = f"Mapping: shopify-order, {sum(map(count, FIELDS.values()))} fields, an order of 12 KB"
EXPRESSIONS = Topic(SECTION, "its expressions alone", "µs", "≤ 0.15 (closures), then 0.12, 0.10 (generated source)")
WHOLE = Topic(SECTION, "the whole mapping, converters and tables too", "µs")
JMESPATH = "jmespath, a compiled search for each expression"


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
    for name, expression in reversed(LET.items()):
        text = text.replace(f"${name}", f"({expression})" if " " in expression else expression)
    return text


def test_evaluates_the_expressions_of_an_order(clocked: Clocked) -> None:
    let = {name: to_value(value) for name, value in MAPPING.let.items()}
    mapped = compile_mapping({name: alone(value) for name, value in FIELDS.items()}, let, reference().resources)
    assert mapped(recorded_order()) == compile_fields(FIELDS)(recorded_order())
    clocked.call("mapping", mapped, recorded_order())
    clocked.put(EXPRESSIONS)


def test_maps_an_order(clocked: Clocked) -> None:
    step = next(step for step in reference().plans[INTEGRATION].steps if isinstance(step, MapStep))
    clocked.call("mapping", step.mapping, recorded_order())
    clocked.put(WHOLE)


def test_searches_an_order_with_the_library(clocked: Clocked) -> None:
    clocked.call("mapping", compile_fields(FIELDS), recorded_order())
    for topic in (EXPRESSIONS, WHOLE):
        clocked.put(topic, JMESPATH)

"""Mappings and templates, against functions written by hand and the libraries their languages come from.

Measured over an order of 4.7 KB, numbers exact: forty JMESPath fields as one mapping (`forty.py`), against the frozen
hand-written function of the same fields and against the `jmespath` library, one compiled search for each field; five
texts with holes against Jinja's sandbox. Over the recorded order (12 KB): `mappings/shopify-order.yaml` as it stands,
with its converters, tables and templates, against the library's searches for its expressions alone. Before anything is
timed, all sides must give the same.
"""

from collections.abc import Callable
from statistics import median
from typing import Any
from urllib.parse import parse_qsl

import jmespath
from jinja2.sandbox import SandboxedEnvironment
from jmespath import functions

from benchmarks.conftest import Clocked
from benchmarks.forty import EXPRESSIONS, TEMPLATES, by_hand
from benchmarks.orders import INTEGRATION, recorded_order, reference
from benchmarks.report import Report, Topic
from benchmarks.rig import make_payloads
from engine.contract.body import decode_body
from engine.language import (
    Each,
    Fields,
    FromExpression,
    Resources,
    Text,
    Value,
    compile_expression,
    compile_mapping,
    compile_template,
)
from engine.spec.plan import MapStep
from engine.spec.value import to_value

ORDER: Any = decode_body(make_payloads(1)[0][0])
NOTHING = Resources({}, lambda _name: None)
RATIO_MAX, LIBRARY_RATIO_MAX, TEMPLATES_RATIO_MAX = 1.3, 1 / 8, 1 / 5

SECTION = f"Mapping: {len(EXPRESSIONS)} fields of an order of 4.7 KB"
BY_HAND = "the same fields written by hand (frozen)"
JMESPATH = "jmespath, a compiled search for each field"
MAPPED = Topic(SECTION, "one mapping", "µs", "≤ 1.3, then 1.1")
MAPPED_LIBRARY = Topic(SECTION, "one mapping", "µs", "≤ 0.125")
ALONE = Topic(SECTION, "compile_expression, each field alone", "µs")

TEXTS_SECTION = f"Templates: {len(TEMPLATES)} texts with holes"
SANDBOX = "Jinja's SandboxedEnvironment"
RENDERED = Topic(TEXTS_SECTION, "compile_template", "µs", "≤ 0.2")

MAPPING = reference().workspace.mappings["shopify-order"].content
FIELDS = {name: to_value(value) for name, value in MAPPING.fields.items()}
LET = {name: " ".join(value.text.split()) for name, value in MAPPING.let.items()}
"""The reference mapping's `let`, written out where it is used, the last first: the library has no variables."""


def test_maps_forty_fields(clocked: Clocked) -> None:
    mapped = compile_mapping({name: plain(text) for name, text in EXPRESSIONS.items()}, {}, NOTHING)
    assert mapped(ORDER) == by_hand(ORDER)
    clocked.call("forty fields", mapped, ORDER)
    clocked.put(MAPPED)
    clocked.put(MAPPED_LIBRARY)


def plain(text: str) -> FromExpression:
    """What is null stays null, as in the library and by hand."""
    return FromExpression(text=text, default=None)


def test_maps_forty_fields_by_hand(clocked: Clocked) -> None:
    clocked.call("forty fields", by_hand, ORDER)
    clocked.put(MAPPED, BY_HAND)


def test_evaluates_forty_fields_alone(clocked: Clocked) -> None:
    compiled = {name: compile_expression(text) for name, text in EXPRESSIONS.items()}

    def evaluated(order: object) -> dict[str, object]:
        return {name: expression(order) for name, expression in compiled.items()}

    assert evaluated(ORDER) == by_hand(ORDER)
    clocked.call("forty fields", evaluated, ORDER)
    clocked.put(ALONE)


def test_searches_forty_fields_with_the_library(clocked: Clocked) -> None:
    compiled = {name: jmespath.compile(text) for name, text in EXPRESSIONS.items()}

    def searched(order: object) -> dict[str, object]:
        return {name: expression.search(order) for name, expression in compiled.items()}

    assert searched(ORDER) == by_hand(ORDER)
    clocked.call("forty fields", searched, ORDER)
    for topic in (MAPPED_LIBRARY, ALONE):
        clocked.put(topic, JMESPATH)


# ── templates ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_fills_templates(clocked: Clocked) -> None:
    compiled = [compile_template(text) for text in TEMPLATES.values()]
    clocked.call("templates", lambda: [template(ORDER, {}) for template in compiled])
    clocked.put(RENDERED)


def test_renders_templates_in_the_sandbox(clocked: Clocked) -> None:
    environment = SandboxedEnvironment()
    compiled = [environment.from_string(text) for text in TEMPLATES.values()]
    ours = [compile_template(text)(ORDER, {}) for text in TEMPLATES.values()]
    assert [template.render(ORDER) for template in compiled] == ours
    clocked.call("templates", lambda: [template.render(ORDER) for template in compiled])
    clocked.put(RENDERED, SANDBOX)


# ── the reference mapping ────────────────────────────────────────────────────────────────────────────────────────────


def count(value: Value) -> int:
    """Fields of the mapping that hold a value of their own."""
    return sum(map(count, value.fields.values())) if isinstance(value, Fields | Each) else 1


WHOLE_SECTION = f"Mapping: shopify-order, {sum(map(count, FIELDS.values()))} fields, an order of 12 KB"
WHOLE = Topic(WHOLE_SECTION, "the whole mapping, converters and tables too", "µs")


class Community(functions.Functions):
    """The Community functions that the mapping uses, and ours."""

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


def test_maps_an_order(clocked: Clocked) -> None:
    step = next(step for step in reference().plans[INTEGRATION].steps if isinstance(step, MapStep))
    clocked.call("mapping", step.mapping, recorded_order())
    clocked.put(WHOLE)


def test_searches_an_order_with_the_library(clocked: Clocked) -> None:
    clocked.call("mapping", compile_fields(FIELDS), recorded_order())
    clocked.put(WHOLE, JMESPATH)


def test_keeps_to_its_ratios(report: Report) -> None:
    assert median(report.ratios(MAPPED, BY_HAND)) <= RATIO_MAX
    assert median(report.ratios(MAPPED_LIBRARY, JMESPATH)) <= LIBRARY_RATIO_MAX
    assert median(report.ratios(RENDERED, SANDBOX)) <= TEMPLATES_RATIO_MAX

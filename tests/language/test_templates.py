"""Text with holes: what it shows, what it refuses, and that nothing of Jinja can be reached through it."""

import tracemalloc
from decimal import Decimal

import pytest

from engine.language import TemplateError, compile_template

DOCUMENT = {
    "name": "Ünal",
    "big": 123456789012345678901234567890,
    "price": Decimal("19.90"),
    "paid": True,
    "nothing": None,
    "empty": "",
    "zero": 0,
    "tags": ["a", 1, False],
    "order": {"id": 7, "lines": [{"sku": "A"}, {"sku": "B"}], "x-y": "z"},
    "dots": "..",
    "path": "a/b ?&#%",
}

SHOWN = [
    ("plain", "plain"),
    ("{{ name }} paid {{ price }}: {{ paid }}\n", "Ünal paid 19.90: true\n"),
    ("{{ big }}", "123456789012345678901234567890"),
    ("{{ order.lines[1].sku }}{{ order.lines[-1].sku }}{{ order.lines.0.sku }}{{ order['x-y'] }}", "BBAz"),
    ("{{ nothing | default('-') }}{{ absent.a.b | default(name) }}{{ empty | default('-') }}", "-Ünal"),
    ("{{ absent | upper | default('-') }}", "-"),
    ("{{ name | lower }}{{ name | upper }}{{ ' a ' | trim }}{{ name | truncate(2) }}", "ünalÜNALaÜn"),
    ("{{ tags | join(', ') }}{{ tags | join }}", "a, 1, falsea1false"),
    ("{% if price >= 19.9 %}a{% elif paid %}b{% else %}c{% endif %}", "a"),
    ("{% if zero %}a{% elif not paid %}b{% else %}c{% endif %}", "c"),
    ("{% if nothing %}a{% endif %}", ""),
    ("{{ 'y' if paid and order.id == 7 else 'n' }}{{ 'y' if empty or zero else 'n' }}", "yn"),
    ("{{ nothing == none }}{{ paid == 1 }}{{ 1 < order.id < 9 }}{{ -1 }}", "truefalsetrue-1"),
    ("{{ name != 'x' }}{{ 'a' < 'b' }}", "truetrue"),
    ("{# comment #}{% raw %}{{ x }}{% endraw %}", "{{ x }}"),
    ("a {{- name -}} b", "aÜnalb"),
    ("{{ index }}", "3"),
]


@pytest.mark.parametrize(("text", "result"), SHOWN, ids=[f"{text!r} shows" for text, _ in SHOWN])
def test_a_template_shows(text, result):
    assert compile_template(text)(DOCUMENT, {"index": 3, "name": "hidden by the document"}) == result


UNFILLED = [
    ("{{ nothing }}", "nothing is null"),
    ("{{ absent }}", "absent is missing"),
    ("{{ order.absent.x }}", "order.absent is missing"),
    ("{{ nothing.x }}", "nothing is null"),
    ("{{ order.lines[9].sku }}", "order.lines[9] is missing"),
    ("{{ name.x }}", "name.x is missing"),
    ("{{ order }}", "order is of type object"),
    ("{{ tags }}", "tags is of type array"),
    ("{{ nothing | lower }}", "nothing is null"),
    ("{{ order.lines | join }}", "an item of order.lines is of type object"),
    ("{{ name | join }}", "join takes a list"),
    ("{% if name < 1 %}{% endif %}", "not string and number"),
    ("{% if absent %}{% endif %}", "absent is missing"),
]


@pytest.mark.parametrize(("text", "says"), UNFILLED, ids=[f"{text!r} fails" for text, _ in UNFILLED])
def test_a_hole_that_cannot_be_filled_names_its_path(text, says):
    with pytest.raises(TemplateError) as caught:
        compile_template(text)(DOCUMENT, {})
    assert says in caught.value.message
    assert "Ünal" not in str(caught.value)


REFUSED = [
    ("{% for x in tags %}{% endfor %}", "a loop"),
    ("{% set x = 1 %}", "an assignment"),
    ("{% macro m() %}{% endmacro %}", "`macro`"),
    ("{% include 'x' %}", "`include`"),
    ("{% extends 'x' %}", "`extends`"),
    ("{% import 'x' as y %}", "`import`"),
    ("{% filter upper %}{% endfilter %}", "`filterblock`"),
    ("{{ range(99999) }}", "a call"),
    ("{{ name.upper() }}", "a call"),
    ("{{ cycler.__init__.__globals__ }}", "begins with __"),
    ("{{ name['__class__'] }}", "begins with __"),
    ("{{ ''.__class__ }}", "no name"),
    ("{{ ().__class__ }}", "no name"),
    ("{{ name | attr('upper') }}", "the filter attr"),
    ("{{ tags | map('upper') }}", "the filter map"),
    ("{{ '%1000000000d' % 1 }}", "`mod`"),
    ("{{ 'a' * 1000000000 }}", "`mul`"),
    ("{{ 10 ** 1000 }}", "`pow`"),
    ("{{ 'a' ~ 'b' }}", "`~`"),
    ("{{ name is defined }}", "`is`"),
    ("{{ 'a' in name }}", "`in`"),
    ("{{ [1] }}", "`list`"),
    ("{{ tags[zero] }}", "no constant"),
    ("{{ tags[1:] }}", "no constant"),
    ("{{ name if paid }}", "without `else`"),
    ("{{ name | default }}", "default with these arguments"),
    ("{{ name | default('a', true) }}", "default with these arguments"),
    ("{{ name | truncate(zero) }}", "truncate with these arguments"),
    ("{{ name | truncate(99999999) }}", "truncate with these arguments"),
    ("{{ name | truncate(length=9) }}", "truncate with these arguments"),
    ("{{ tags | join(name) }}", "join with these arguments"),
    ("{{ name | lower('x') }}", "lower with these arguments"),
    ("{{ price > 1.2345678901234567890123 }}", "so many digits"),
    ("{{ name", "end of"),
    ("{% if name %}", "end of"),
    ("{{ }}", "Expected an expression"),
    ("{% nope %}", "nope"),
    ("a" * 20_000, "20000 characters"),
    ("{{ " + "(" * 5000 + " }}", "nested too deeply"),
    ("{{ " + "9" * 5000 + " }}", "too long"),
    ("{{ " + "9" * 2000 + " }}", "a number so large"),
    ("{{ not " * 1 + "not " * 100 + "name }}", "64 levels"),
    ("{{ name" + " | lower" * 100 + " }}", "64 levels"),
    ("{% if paid %}" * 100 + "{% endif %}" * 100, "64 levels"),
    ("{{ " + " or ".join(["paid"] * 100) + " }}", "64 levels"),
]


@pytest.mark.parametrize(("text", "says"), REFUSED, ids=[f"{text[:40]!r} is refused" for text, _ in REFUSED])
def test_what_may_not_stand_in_a_template_is_refused_with_its_place(text, says):
    with pytest.raises(TemplateError) as caught:
        compile_template(text)
    assert any(says in problem.message for problem in caught.value.problems)
    assert all(0 <= problem.offset <= len(text) for problem in caught.value.problems)


PLACES = [
    ("a\r\n{{ b|x }}", 8),
    ("a\n\n{% set b = 1 %}", 3),
    ("{{ a|x }}", 5),
    ("{{ a }} {{ a|lower|x }}", 19),
]


@pytest.mark.parametrize(("text", "offset"), PLACES)
def test_a_problem_stands_where_it_is(text, offset):
    with pytest.raises(TemplateError) as caught:
        compile_template(text)
    assert caught.value.offset == offset


ENCODED = [
    ("/orders/{{ path }}", "/orders/a%2Fb%20%3F%26%23%25"),
    ("/orders/{{ name }}-{{ big }}", "/orders/%C3%9Cnal-123456789012345678901234567890"),
    ("/orders/{{ price }}/x", "/orders/19.90/x"),
    ("/{% if paid %}{{ path }}{% endif %}", "/a%2Fb%20%3F%26%23%25"),
]


@pytest.mark.parametrize(("text", "result"), ENCODED, ids=[f"{text!r} is encoded" for text, _ in ENCODED])
def test_holes_of_a_path_are_percent_encoded(text, result):
    assert compile_template(text, percent_encode=True)(DOCUMENT, {}) == result


@pytest.mark.parametrize("text", ["/a/{{ empty }}/b", "/a/{{ dots }}", "/a/.{{ '.' }}/b", "/a/{{ surrogate }}"])
def test_a_hole_cannot_lead_a_path_to_another_place(text):
    with pytest.raises(TemplateError):
        compile_template(text, percent_encode=True)({**DOCUMENT, "surrogate": "\ud800"}, {})


@pytest.mark.parametrize("text", ["{{ a }}{{ a }}", "{{ b }}", "{{ c | join }}"])
def test_the_text_is_bounded(text):
    document = {"a": "x" * 40_000, "b": "ü" * 40_000, "c": ["x" * 40_000] * 2}
    with pytest.raises(TemplateError, match="65536 bytes"):
        compile_template(text)(document, {})


def test_a_number_without_bounds_is_not_written_out():
    with pytest.raises(TemplateError, match="1000 digits"):
        compile_template("{{ a }}")({"a": Decimal("1e1000000")}, {})


def test_texts_within_texts_are_bounded_one_by_one():
    """Eight holes may stand in a body unmeasured, so a body must be measured before another is made of it."""
    text = "{{ n }}" * 8
    for _ in range(2):
        text = ("{% if n %}" + text + "{% endif %}") * 8
    tracemalloc.start()
    with pytest.raises(TemplateError, match="65536 bytes"):
        compile_template(text)({"n": "x" * 1_000_000}, {})
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 40_000_000

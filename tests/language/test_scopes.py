"""What a text may name, found without running it."""

import pytest

from engine.language import (
    ExpressionError,
    Scope,
    check_expression,
    check_template,
    names_used,
    paths_used,
    variables_used,
)

STEP = Scope(frozenset({"environment", "event", "headers", "body", "order", "risk"}), frozenset({"index"}), "a step")
MAPPING = Scope(None, frozenset({"root", "shop"}), "a mapping")
HEADERS = Scope(frozenset({"headers", "body"}), frozenset({"headers"}), "a step", lowered=frozenset({"headers"}))

CLEAN = [
    ("body.id", STEP),
    ("$body.id", STEP),
    ("$index", STEP),
    ("order.lines[?sku == 'a' && unknown].anything", STEP),
    ("order.lines[*].{a: anything}", STEP),
    ("sort_by(order.lines, &price)[0].sku", STEP),
    ("order | whatever", STEP),
    ("order.whatever.[a, b]", STEP),
    ("@.body.id", STEP),
    ("sum(order.lines[].weight_g) > `20000`", STEP),
    ("merge(body, {external_id: event.id})", STEP),
    ("headers.\"x-shopify-topic\" == 'orders/paid'", STEP),
    ("order.true", STEP),
    ("!(body.cancelled) && !body", STEP),
    ("!body | to_string(@)", STEP),
    ("anything.at_all[?a == $shop]", MAPPING),
    ('"true"', MAPPING),
    ('status == "paid"', MAPPING),
    ('headers."X-Id" || body.Headers', MAPPING),
    ('headers."x-id" || body.Headers', HEADERS),
]


@pytest.mark.parametrize(("text", "scope"), CLEAN, ids=[f"{text} is clean in {scope.what}" for text, scope in CLEAN])
def test_what_is_in_scope_has_no_problem(text, scope):
    assert check_expression(text, scope) == ()


FAULTS = [
    # each row: a text, its scope, and for each problem its offset, code and a part of the hint
    ("ordr.id", STEP, [(0, "unknown-name", "did you mean order?")]),
    ("zzz", STEP, [(0, "unknown-name", "in scope: body, environment, event")]),
    ("@.ordr", STEP, [(2, "unknown-name", "order")]),
    ("index", STEP, [(0, "unknown-name", "write $index")]),
    ("$indx", STEP, [(0, "unknown-variable", "did you mean $index?")]),
    ("order.lines[?a == $nope]", STEP, [(18, "unknown-variable", "$body")]),
    ("$shopp", MAPPING, [(0, "unknown-variable", "did you mean $shop?")]),
    ("$currency", MAPPING, [(0, "unknown-variable", "$root.currency")]),
    ("body.status == paid", STEP, [(15, "unknown-name", "single quotes: 'paid'")]),
    ('body.status == "paid"', STEP, [(15, "unknown-name", "single quotes: 'paid'")]),
    ("body.ok == true", STEP, [(11, "bare-literal", "`true`")]),
    ("body.lines[?ok == null]", STEP, [(18, "bare-literal", "`null`")]),
    ("ok == false", MAPPING, [(6, "bare-literal", "`false`")]),
    ("body.total > 5", STEP, [(13, "bare-number", "`5`")]),
    ("x-foo", MAPPING, [(0, "hyphen-needs-quotes", '"x-foo"')]),
    ("body.", STEP, [(5, "expression-syntax", "")]),
    ('headers."X-Id"', HEADERS, [(8, "header-case", 'headers."x-id"')]),
    ("$headers.Accept == 'a' && headers.accept", HEADERS, [(9, "header-case", 'headers."accept"')]),
    ("lenght(body)", STEP, [(0, "unknown-function", "length()")]),
    ("length(body, body)", STEP, [(0, "wrong-arity", "")]),
    ("map(body, &a)", STEP, [(4, "wrong-type", "")]),
    ("body[::0]", STEP, [(5, "wrong-value", "")]),
    ("!" * 100, STEP, [(64, "too-large", "")]),
    ("foo(zzz) || $bar", STEP, [(0, "unknown-function", ""), (4, "unknown-name", ""), (12, "unknown-variable", "")]),
    ("[zzz, {a: yyy}]", STEP, [(1, "unknown-name", ""), (10, "unknown-name", "")]),
    ("!body.cancelled", STEP, [(0, "not-binds-first", "!(a.b)")]),
    ("event && !body[?a]", STEP, [(9, "not-binds-first", "!(a.b)")]),
    ("zzz[?a].b", STEP, [(0, "unknown-name", "")]),
    ("zzz[].b[*]", STEP, [(0, "unknown-name", "")]),
    ("!zzz + (yyy.a * `2`)", STEP, [(1, "unknown-name", ""), (8, "unknown-name", "")]),
]


@pytest.mark.parametrize(("text", "scope", "expected"), FAULTS, ids=[f"{row[0][:30]} is told" for row in FAULTS])
def test_every_problem_of_an_expression_is_told_at_its_place(text, scope, expected):
    problems = check_expression(text, scope)
    assert [(problem.offset, problem.code) for problem in problems] == [(at, code) for at, code, _ in expected]
    assert all(hint in problem.hint for problem, (_, _, hint) in zip(problems, expected, strict=True))


def test_a_message_names_the_place():
    assert "in a step" in check_expression("zzz", STEP)[0].message


TEMPLATES = [
    ("Order {{ order.id }} {{ index }}", STEP, []),
    ("{{ anything.at.all }}", MAPPING, []),
    ("a\n  {{ ordr.id }}", STEP, [(7, "unknown-name")]),
    ("{{ zzz|wat }}", STEP, [(3, "unknown-name"), (7, "template-not-allowed")]),
    ("{% for x in body %}{% endfor %}", STEP, [(0, "template-not-allowed")]),
    ("{{ body", STEP, [(0, "template-syntax")]),
    ("{% if zzz %}{{ yyy }}{% endif %}", STEP, [(6, "unknown-name"), (15, "unknown-name")]),
    ("{{ zzz if body else zzz }}", STEP, [(3, "unknown-name"), (20, "unknown-name")]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "scope", "expected"), TEMPLATES, ids=[f"{row[0]!r} is checked" for row in TEMPLATES])
def test_every_problem_of_a_template_is_told(text, scope, expected):
    problems = check_template(text, scope)
    assert sorted((problem.offset, problem.code) for problem in problems) == sorted(expected)


NAMES = [
    ("body.id", {"body"}, set()),
    ("join('-', [body.a, to_string($event.b)])", {"body"}, {"event"}),
    ("a[?b == $c].d | e", {"a"}, {"c"}),
    ("sort_by(a.b, &c)", {"a"}, set()),
    ("{x: a, y: @.b}", {"a", "b"}, set()),
    ("`1`", set(), set()),
]


@pytest.mark.parametrize(("text", "names", "variables"), NAMES, ids=[f"names of {row[0]}" for row in NAMES])
def test_the_names_an_expression_reads(text, names, variables):
    assert names_used(text) == names
    assert variables_used(text) == variables


PATHS = [
    ("body.id", {("body", "id")}),
    ("body", {("body",)}),
    ("body | id", {("body", "id")}),
    ('headers."x-shopify-webhook-id"', {("headers", "x-shopify-webhook-id")}),
    ("to_string(body.id)", {("body", "id")}),
    ("join('-', [body.a, to_string(body.b.c)])", {("body", "a"), ("body", "b", "c")}),
    ("body.a == 'x' && !(body.b) || query.c", {("body", "a"), ("body", "b"), ("query", "c")}),
    ("body.a * `100` + body.b", {("body", "a"), ("body", "b")}),
    ("{id: body.id}", {("body", "id")}),
    ("'constant'", set()),
    ("body.lines[0].id", None),
    ("body.lines[*].id", None),
    ("body.lines[?a].id", None),
    ("body.lines[]", None),
    ("body.*", None),
    ("to_string(@)", None),
    ("$body.id", None),
    ("map(&id, body.lines)", None),
    ("split(body.id, '-')[0]", None),
    ("body.[a, b]", None),
]


@pytest.mark.parametrize(("text", "paths"), PATHS, ids=[f"paths of {text}" for text, _ in PATHS])
def test_the_paths_an_expression_reads(text, paths):
    assert paths_used(text) == paths


@pytest.mark.parametrize("question", [names_used, variables_used, paths_used])
def test_a_faulty_text_reads_nothing(question):
    with pytest.raises(ExpressionError):
        question("a.")

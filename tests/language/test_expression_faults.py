"""Expressions that cannot be compiled: the kind, the place, and the mend newcomers are told."""

import pytest

from engine.language import ExpressionError, compile_expression

FAULTS = [
    # (expression, code, offset, part of the message or the hint)
    ("", "expression-syntax", 0, "empty"),
    ("   ", "expression-syntax", 3, "empty"),
    ("a.", "expression-syntax", 2, "must follow the dot"),
    ("(a", "expression-syntax", 2, "`)` is missing"),
    ("a b", "expression-syntax", 2, "operator or a comma"),
    ("total > 5", "bare-number", 8, "write `5`"),
    ("total > 5.25", "bare-number", 8, "write `5.25`"),
    ("total > -5", "bare-number", 8, "write `-5`"),
    ("12345678901234567890123", "bare-number", 0, "`12345678901234567890123`"),
    ("a - 5", "bare-number", 4, "write `5`"),
    ("a -5", "bare-number", 2, "write - `5`"),
    ("lines[?price > 10]", "bare-number", 15, "write `10`"),
    ("x-foo", "hyphen-needs-quotes", 0, '"x-foo"'),
    ("headers.x-shopify-topic == 'a'", "hyphen-needs-quotes", 8, '"x-shopify-topic"'),
    ("size-10", "hyphen-needs-quotes", 0, '"size-10"'),
    ("a+b", "expression-syntax", 1, "write a + b"),
    ("a +b", "expression-syntax", 2, "space on both sides"),
    ("a*b", "expression-syntax", 1, "write a * b"),
    ("(a)-b", "expression-syntax", 3, "space on both sides"),
    ("-a", "expression-syntax", 0, "`0` - x"),
    ("a = b", "expression-syntax", 2, "`==`"),
    ("a and b", "expression-syntax", 2, "&&"),
    ("a or b", "expression-syntax", 2, "||"),
    ("a / b", "expression-syntax", 2, "no division"),
    ("a ==", "expression-syntax", 4, "ends where a value"),
    ("{{ a }}", "expression-syntax", 1, "template"),
    ("foo['bar']", "expression-syntax", 4, "foo.bar"),
    ("foo[*][a]", "expression-syntax", 6, "items[*].[a, b]"),
    ('"sum"(a)', "expression-syntax", 5, "no quotes"),
    ("sum(a,)", "expression-syntax", 6, "before `)`"),
    ("join('-' a)", "expression-syntax", 9, "comma"),
    ("&a", "expression-syntax", 0, "argument of a function"),
    ("$", "expression-syntax", 0, "$name"),
    ("'abc", "expression-syntax", 0, "not closed"),
    ("`abc`", "expression-syntax", 0, "single quotes"),
    ("`NaN`", "expression-syntax", 0, "NaN"),
    ('`{"a": 1, "a": 2}`', "expression-syntax", 0, "twice"),
    ('"\\ud800"', "expression-syntax", 0, "surrogate"),
    ("`1e999999999`", "expression-syntax", 0, "1000 digits"),
    ("`1e9999999999999999999999`", "expression-syntax", 0, "1000 digits"),
    (f"`{'9' * 1001}`", "expression-syntax", 0, "1000 digits"),
    ("lenght(a)", "unknown-function", 0, "did you mean length()"),
    ("a || abs(b, c)", "wrong-arity", 5, "1 argument, not 2"),
    ("max_by(a, b)", "wrong-type", 10, "& is missing"),
]


@pytest.mark.parametrize(
    ("text", "code", "offset", "says"), FAULTS, ids=[f"{text[:30]!r} is a fault" for text, *_ in FAULTS]
)
def test_a_faulty_expression_is_located_and_mended(text, code, offset, says):
    with pytest.raises(ExpressionError) as caught:
        compile_expression(text)
    assert caught.value.code == code
    assert caught.value.offset == offset
    assert says in str(caught.value)


def test_what_is_no_text_is_a_syntax_error():
    with pytest.raises(ExpressionError, match="not int"):
        compile_expression(5)


@pytest.mark.parametrize(
    "text", ["a == true", "true", 'a == "x"', "null || a", "a[*] | [0]", "foo . bar", "[ * ]", "a [ 0 ]"]
)
def test_what_jmespath_allows_compiles(text):
    compile_expression(text)

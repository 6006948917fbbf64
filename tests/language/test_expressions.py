"""What expressions give: what Waybill adds to JMESPath, exactness, variables, functions."""

import hashlib
from decimal import Decimal

import pytest

from engine.language import ExpressionError, compile_expression

D = Decimal
THIRTY = 123456789012345678901234567890

VALUES = [
    # each row: an expression, a document, and the result
    ("a + b", {"a": 1, "b": 2}, 3),
    ("a - b", {"a": 1, "b": 2}, -1),
    ("a * b", {"a": 3, "b": 2}, 6),
    ("a + b * c", {"a": 1, "b": 2, "c": 3}, 7),
    ("(a + b) * c", {"a": 1, "b": 2, "c": 3}, 9),
    ("a - b - c", {"a": 9, "b": 2, "c": 3}, 4),
    ("a - (b - c)", {"a": 9, "b": 2, "c": 3}, 10),
    ("a * b - c * d", {"a": 2, "b": 3, "c": 4, "d": 5}, -14),
    ("a + b > c && c < a * b", {"a": 2, "b": 3, "c": 4}, True),
    ("items[*].price | sum(@) * `2`", {"items": [{"price": D("0.1")}, {"price": D("0.2")}]}, D("0.6")),
    ("items[*].[price * quantity][]", {"items": [{"price": D("19.99"), "quantity": 3}]}, [D("59.97")]),
    ("items[?price * quantity > `50`].id", {"items": [{"id": 7, "price": D("19.99"), "quantity": 3}]}, [7]),
    ("* | [0] * [1]", {"a": 6, "b": 7}, 42),
    ("a\n+\tb", {"a": 1, "b": 2}, 3),
    ("`0.1` + `0.2`", None, D("0.3")),
    ("`0` - a", {"a": D("1.50")}, D("-1.50")),
    # A float is somebody else's: it is taken as the decimal it is written as.
    ("a + b", {"a": 1.5, "b": 1}, D("2.5")),
    ("sum(a)", {"a": [0.1, 0.2]}, D("0.3")),
    ("a == `0.1`", {"a": 0.1}, True),
    ("to_string(a)", {"a": [1.5]}, "[1.5]"),
    ("a", {"a": float("nan")}, None),
    ("`1e400` + `1`", None, D("1" + "0" * 399 + "1")),
    # numbers of thirty digits survive everything
    ("id", {"id": THIRTY}, THIRTY),
    ("id + `1`", {"id": THIRTY}, THIRTY + 1),
    ("id * id", {"id": THIRTY}, THIRTY * THIRTY),
    ("to_string(id)", {"id": THIRTY}, str(THIRTY)),
    ("to_number(id)", {"id": str(THIRTY)}, THIRTY),
    (f"id == `{THIRTY}`", {"id": THIRTY}, True),
    (f"id > `{THIRTY - 1}`", {"id": THIRTY}, True),
    ("sum(ids)", {"ids": [THIRTY, D("0.01")]}, D(f"{THIRTY}.01")),
    ("max(ids)", {"ids": [THIRTY, THIRTY + 1]}, THIRTY + 1),
    ("sort(ids)", {"ids": [THIRTY + 1, THIRTY]}, [THIRTY, THIRTY + 1]),
    ("abs(id)", {"id": D(f"-{THIRTY}.{THIRTY}")}, D(f"{THIRTY}.{THIRTY}")),
    ("floor(id)", {"id": D(f"{THIRTY}.9")}, THIRTY),
    ("ceil(id)", {"id": D(f"{THIRTY}.1")}, THIRTY + 1),
    ("avg(ids)", {"ids": [THIRTY, THIRTY + 2]}, THIRTY + 1),
    ("avg(@)", [1, 2, 2], D("1.666666666666666666666666666666667")),
    ("avg(@)", [1, 2], D("1.5")),
    ("avg(@)", [], None),
    # equality is deep, exact and typed
    ("a == b", {"a": D("1.0"), "b": 1}, True),
    ("a == b", {"a": [{"x": D("1.00")}], "b": [{"x": 1}]}, True),
    ("a == b", {"a": True, "b": 1}, False),
    ("a == b", {"a": [True], "b": [1]}, False),
    ("a == b", {"a": {"x": False}, "b": {"x": 0}}, False),
    ("contains(a, `1`)", {"a": [True]}, False),
    ("a == b", {"a": {"x": 1, "y": 2}, "b": {"y": 2, "x": 1}}, True),
    ("a != b", {"a": None, "b": False}, True),
    # ordering: two numbers or two texts, else null
    ("a < b", {"a": "a", "b": "b"}, True),
    ("a < b", {"a": "1", "b": 2}, None),
    ("a < b", {"a": None, "b": 2}, None),
    ("a >= b", {"a": True, "b": 1}, None),
    ("a <= b", {"a": D("2.0"), "b": 2}, True),
    # texts of values
    ("to_string(@)", None, None),
    ("to_string(@)", True, "true"),
    ("to_string(@)", D("19.90"), "19.90"),
    ("to_string(@)", D("1E+3"), "1000"),
    ("to_string(@)", D("1E-7"), "0.0000001"),
    ("to_string(@)", {"b": [1, D("2.50"), None], "a": 'ü"\n'}, '{"a":"ü\\"\\n","b":[1,2.50,null]}'),
    ("to_string(@)", [], "[]"),
    ("to_number(@)", "19.90", D("19.90")),
    ("to_number(@)", "-0.5e2", D("-50")),
    *((f"to_number('{text}')", None, None) for text in (" 7", "1_000", "nan", "Infinity", "+7", "007", "1e999")),
    # variables
    ("$root.a", {"a": 1}, 1),
    ("$a", {"a": 1}, 1),
    ("$a", {"a": None}, None),
    ("lines[?currency == $currency].id", {"currency": "EUR", "lines": [{"id": 1, "currency": "EUR"}, {"id": 2}]}, [1]),
    ("lines[*].{id: id, shop: $root.shop}", {"shop": "s", "lines": [{"id": 1}]}, [{"id": 1, "shop": "s"}]),
    ("sort_by(lines, &(n * $rate))[0].id", {"rate": -1, "lines": [{"id": 1, "n": 2}, {"id": 2, "n": 3}]}, 2),
    # the Community's functions, examples of JEP-13, 14 and 18
    ("items(@)", {"a": "first", "b": "second"}, [["a", "first"], ["b", "second"]]),
    ("from_items(@)", [["one", 1], ["two", 2], ["one", 3]], {"one": 3, "two": 2}),
    ("zip(a, b)", {"a": ["a", "b", "c"], "b": [1, 2]}, [["a", 1], ["b", 2]]),
    ("group_by(@, &k)", [{"k": "x", "n": 1}, {"k": "y"}, {"k": "x", "n": 2}, {"n": 3}],
     {"x": [{"k": "x", "n": 1}, {"k": "x", "n": 2}], "y": [{"k": "y"}]}),
    ("find_first(@, 'string')", "subject string", 8),
    ("find_first(@, 'string', `-99`, `100`)", "subject string", 8),
    ("find_first(@, 'string', `0`, `13`)", "subject string", None),
    ("find_first(@, 's', `1`)", "subject string", 8),
    ("find_first(@, '')", "subject string", None),
    ("find_last(@, 's')", "subject string", 8),
    ("find_last(@, 's', `7`)", "subject string", 0),
    ("find_last(@, 'string', `7`)", "subject string", None),
    ("find_last(@, 'string', `8`)", "subject string", 8),
    ("lower(@)", "ÄB", "äb"),
    ("upper(@)", "äb", "ÄB"),
    ("pad_left(@, `5`, '0')", "42", "00042"),
    ("pad_left(@, `1`)", "42", "42"),
    ("pad_right(@, `4`)", "42", "42  "),
    ("replace(@, 'aa', '-')", "aabaaabaaaab", "-b-ab--b"),
    ("replace(@, 'aa', '-', `2`)", "aabaaabaaaab", "-b-abaaaab"),
    ("replace(@, 'aa', '-', `0`)", "aabaaabaaaab", "aabaaabaaaab"),
    ("split(@, '-')", "a-b-c", ["a", "b", "c"]),
    ("split(@, '-', `1`)", "a-b-c", ["a", "b-c"]),
    ("split(@, '-', `0`)", "a-b-c", ["a-b-c"]),
    ("split(@, '-', `1e400`)", "a-b-c", ["a", "b", "c"]),
    ("split(@, '')", "abc", ["a", "b", "c"]),
    ("split(@, '', `1`)", "abc", ["a", "bc"]),
    ("trim(@)", "  a b ", "a b"),
    ("trim(@, '')", "  a b ", "a b"),
    ("trim(@, '-')", "--a-b-", "a-b"),
    ("trim_left(@, '0')", "00420", "420"),
    ("trim_right(@)", " a ", " a"),
    # ours
    ("url_query(@)", "https://x.example/p?a=1&b=x%20y+z&a=2&f&&e=#f?c=3", {"a": "1", "b": "x y z", "f": "", "e": ""}),
    ("url_query(@)", "https://x.example/p", {}),
    ("url_query(@)", "?a=%ff&b=%00", {"a": "\ufffd", "b": "\ufffd"}),
    ("hash(@)", "ü", hashlib.sha256("ü".encode()).hexdigest()),
]  # fmt: skip


@pytest.mark.parametrize(("text", "document", "result"), VALUES, ids=[f"{text} gives" for text, *_ in VALUES])
def test_an_expression_gives_exactly(text, document, result):
    value = compile_expression(text)(document)
    assert value == result
    assert type(value) is type(result)


ERRORS = [
    # (expression, document, kind, what the message says)
    ("a + b", {"a": 1}, "invalid-type", "two numbers, not null"),
    ("a + b", {"a": 1, "b": "2"}, "invalid-type", "two numbers, not string"),
    ("a * b", {"a": True, "b": 1}, "invalid-type", "two numbers, not boolean"),
    ("a * a", {"a": 10**900}, "invalid-value", "1000 digits"),
    ("a + `1`", {"a": 10**5000}, "invalid-value", "1000 digits"),
    ("to_string(a)", {"a": D("1e1000000")}, "invalid-value", "1000 digits"),
    ("floor(a)", {"a": D("1e1000000")}, "invalid-value", "1000 digits"),
    ("$nope", {"a": 1}, "undefined-variable", "there is no $nope"),
    ("$nope", [1], "undefined-variable", "there is no $nope"),
    ("sum(a)", {"a": [1, "x"]}, "invalid-type", "a list of numbers"),
    ("max_by(a, &b)", {"a": [{"b": 1}, {"b": "x"}]}, "invalid-type", "only numbers or only texts"),
    ("group_by(a, &b)", {"a": [{"b": 1}]}, "invalid-type", "a text or null"),
    ("group_by(a, &b)", {"a": [1]}, "invalid-type", "a list of objects"),
    ("from_items(a)", {"a": [["x"]]}, "invalid-value", "pairs"),
    ("from_items(a)", {"a": [[1, 2]]}, "invalid-value", "pairs"),
    ("pad_left('a', `3`, 'xy')", {}, "invalid-value", "one character"),
    ("pad_left('a', `-1`)", {}, "invalid-value", "at least 0"),
    ("pad_left('a', `1.5`)", {}, "invalid-value", "whole number"),
    ("split('a', ',', `-1`)", {}, "invalid-value", "at least 0"),
    ("replace('a', '', 'b')", {}, "invalid-value", "look for"),
    ("replace('a', 'a', 'b', `-1`)", {}, "invalid-value", "at least 0"),
    ("hash(a)", {"a": "\ud800"}, "invalid-value", "surrogate"),
    ("hash(a)", {"a": 1}, "invalid-type", "a text as its first argument, not number"),
    ("zip()", {}, "invalid-arity", "at least 1"),
    ("split('a')", {}, "invalid-arity", "2 to 3"),
    ("sort_by(a, b)", {}, "invalid-type", "& is missing"),
    ("length(&a)", {}, "invalid-type", "not an &expression"),
    ("lenght(a)", {}, "unknown-function", "lenght"),
    ("a[::0]", {}, "invalid-value", "step by 0"),
]


@pytest.mark.parametrize(("text", "document", "kind", "says"), ERRORS, ids=[f"{text} fails" for text, *_ in ERRORS])
def test_an_expression_that_cannot_be_evaluated_says_why(text, document, kind, says):
    with pytest.raises(ExpressionError) as caught:
        compile_expression(text)(document)
    assert caught.value.kind == kind
    assert says in caught.value.message


def test_no_error_shows_a_value_of_the_document():
    secret = "4111111111111111"
    for text in ("a + `1`", "sum([a])", "max_by([{b: a}, {b: `1`}], &b)", "from_items([a])", "abs(a)", "$nope"):
        with pytest.raises(ExpressionError) as caught:
            compile_expression(text)({"a": secret})
        assert secret not in str(caught.value)


def test_variables_win_over_fields_and_root_is_what_the_caller_says():
    document = {"a": 1, "b": 2}
    assert compile_expression("$a").evaluate(document, {"a": 9}) == 9
    assert compile_expression("$b").evaluate(document, {"a": 9}) == 2
    assert compile_expression("[$root.c, $c, a]").evaluate(document, {"root": {"c": 3}}) == [3, 3, 1]
    assert compile_expression("$index + `1`").evaluate(document, {"index": 0}) == 1


def test_an_expression_knows_its_text():
    expression = compile_expression("a.b")
    assert expression.text == "a.b"
    assert "a.b" in repr(expression)


def test_a_document_is_never_changed():
    document = {"a": [3, 1, 2], "b": {"x": 1}}
    for text in ("sort(a)", "reverse(a)", "merge(b, {y: `2`})", "a[]", "to_array(a)", "sort_by(a, &@)"):
        compile_expression(text)(document)
    assert document == {"a": [3, 1, 2], "b": {"x": 1}}

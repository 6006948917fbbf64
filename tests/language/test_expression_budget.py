"""Bombs: no text and no document makes an expression hang, eat memory, or break the interpreter's stack."""

from decimal import Decimal

import pytest

from engine.language import ExpressionError, LanguageError, compile_expression


def deep(levels, make):
    value = 1
    for _ in range(levels):
        value = make(value)
    return value


TEXTS = {
    "too long": "a" * 4097,
    "5000 negations": "!" * 5000,
    "100 negations": "!" * 100 + "a",
    "4000 brackets": "[" * 4000,
    "100 parentheses": "(" * 100 + "a" + ")" * 100,
    "100 multi-selects": "[" * 100 + "a" + "]" * 100,
    "100 objects": "{a:" * 100 + "a" + "}" * 100,
    "100 filters": "[?" * 100 + "a" + "]" * 100,
    "100 calls": "abs(" * 100 + "a" + ")" * 100,
    "100 flattenings": "a" + "[]" * 100,
    "100 projections": "a" + "[*].b" * 100,
    "100 comparisons": " == ".join(["a"] * 100),
    "4000 brackets in a literal": "`" + "[" * 2000 + "]" * 2000 + "`",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_text_that_is_too_long_or_too_deep_is_refused(text):
    with pytest.raises(ExpressionError) as caught:
        compile_expression(text)
    assert caught.value.kind == "budget"
    assert caught.value.code == "too-large"


LONG = {
    "dots": ".".join(["a"] * 2000),
    "pipes": "|".join(["a"] * 2000),
    "alternatives": "||".join(["a"] * 1300),
    "indexes": "a" + "[0]" * 1300,
    "sums": " + ".join(["`1`"] * 600),
}


@pytest.mark.parametrize("text", LONG.values(), ids=LONG)
def test_a_long_chain_is_no_nesting(text):
    compile_expression(text)({"a": {"a": 1}})


RUNS = {
    "[@,@] 22 times": ("|".join(["[@,@]"] * 22), 1),
    "{a:@,b:@} 30 times": ("|".join(["{a:@,b:@}"] * 30), 1),
    "[@,@][] 25 times": ("|".join(["[@,@][]"] * 25), [1]),
    "doubling a text": ("|".join(["join('',[@,@])"] * 60), "abc"),
    "comparing a million shared nodes": ("|".join(["[@,@]"] * 40) + " | @ == @", 1),
    "writing a million shared nodes": ("|".join(["[@,@]"] * 40) + " | to_string(@)", 1),
    "zipping": ("|".join(["zip(@,@)[]"] * 30), [1, 2]),
    "padding": ("pad_left('a', `1000000000`)", None),
    "replacing": ("|".join(["replace(@, 'a', 'aaaaaaaaaa')"] * 30), "a"),
    "a long loop of the document": ("[*].[$root]", [1] * 5000),
    "a long loop of a literal": ("[*].[`[[],[],[],[]]`]", [1] * 200_000),
    "a loop in a loop": ("[*][?@ > `1`]", [list(range(1000))] * 1000),
    "a text in a loop": ("[*].[$root[0]]", ["x" * 100_000] * 1000),
    "a mapped loop": ("map(&map(&@, $root), @)", list(range(2000))),
}


@pytest.mark.parametrize(("text", "document"), RUNS.values(), ids=RUNS)
def test_an_evaluation_that_grows_without_end_is_stopped(text, document):
    with pytest.raises(ExpressionError) as caught:
        compile_expression(text)(document)
    assert caught.value.kind == "budget"


@pytest.mark.parametrize("text", ["[@]" + " | [@]" * 500, "to_string(@)"])
def test_a_value_nested_too_deeply_is_refused(text):
    with pytest.raises(ExpressionError, match="nested deeper"):
        compile_expression(text)(deep(600, lambda inner: [inner]))


def test_a_deep_document_is_compared_and_read_without_recursion():
    one, other = (deep(100_000, lambda inner: [inner]) for _ in range(2))
    document = {"one": one, "other": other}
    assert compile_expression("one == other")(document) is True
    assert compile_expression("one[][][]")(document) is not None


ODD = [
    float("nan"),
    1.5,
    object(),
    b"x",
    (1,),
    {1, 2},
    Decimal("NaN"),
    Decimal("sNaN"),
    Decimal("Infinity"),
    {1: 2},
    "\ud800",
]
FUNCTIONS_OF_ONE = [
    "abs",
    "avg",
    "ceil",
    "floor",
    "hash",
    "items",
    "keys",
    "length",
    "lower",
    "max",
    "merge",
    "min",
    "not_null",
    "reverse",
    "sort",
    "sum",
    "to_array",
    "to_number",
    "to_string",
    "trim",
    "type",
    "upper",
    "url_query",
    "values",
    "zip",
    "from_items",
]


@pytest.mark.parametrize("value", ODD, ids=lambda value: repr(value).partition(" at ")[0])
def test_only_errors_of_the_family_leave_whatever_the_document_holds(value):
    texts = [f"{name}(@)" for name in FUNCTIONS_OF_ONE] + [f"{name}([@])" for name in FUNCTIONS_OF_ONE]
    texts += [
        "@ == @",
        "@ < @",
        "@ < `1`",
        "@ + `1`",
        "[@, @] == [`1`, @]",
        "sort_by([@], &@)",
        "@.a",
        "@[0]",
        "@[*]",
        "@.*",
    ]
    outcomes = []
    for text in texts:
        try:
            compile_expression(text)(value)
            outcomes.append(True)
        except LanguageError:
            outcomes.append(False)
    assert True in outcomes
    assert False in outcomes

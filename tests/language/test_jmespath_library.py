"""Generated expressions over generated documents: ours against jmespath.py.

Known differences, kept out of what is generated or looked over where they show:
- jmespath.py breaks with a TypeError where it orders a text against a number, looks for a number in a text, or compares
  keys of several types in max_by and min_by; ours gives null, false and `invalid-type`.
- jmespath.py finds 1 and true equal inside lists and objects; so 0 and 1 are not generated.
- jmespath.py's numbers are floats; so fractions are quarters, and means are compared nearly.
- texts of numbers and objects, `to_number` of texts that are no JSON numbers: see test_expressions.
"""

from decimal import Decimal

import jmespath
import jmespath.exceptions
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.language import ExpressionError, compile_expression

NAMES = st.sampled_from(["a", "b", "c", "d"])
QUARTERS = st.integers(-9, 9).map(lambda whole: Decimal(4 * whole + 1) / 4)
SCALARS = st.none() | st.booleans() | st.integers(2, 9) | QUARTERS | st.sampled_from(["", "a", "b", "xy", "a b"])
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=14
)
ITEMS = st.lists(st.dictionaries(NAMES, SCALARS, max_size=4), max_size=4)
DOCUMENTS = st.fixed_dictionaries({"a": VALUES, "b": ITEMS, "c": VALUES, "d": st.lists(st.integers(2, 9), max_size=4)})
LITERALS = st.sampled_from(["`2`", "`-3`", "`2.25`", "`null`", "`true`", "`[2, 3]`", "'a'", "''", '`{"a": 2}`'])
INDEXES = st.sampled_from(["[0]", "[-1]", "[1:]", "[::-1]", "[:2]", "[*]", "[]"])
ONE = st.sampled_from(
    [
        "length",
        "keys",
        "values",
        "sort",
        "sum",
        "avg",
        "max",
        "min",
        "reverse",
        "not_null",
        "to_array",
        "type",
        "abs",
        "ceil",
        "floor",
        "merge",
    ]
)
BY = st.sampled_from(["sort_by", "max_by", "min_by"])
COMPARED = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])


def larger(inner):
    return st.one_of(
        st.tuples(inner, NAMES).map(".".join),
        st.tuples(inner, INDEXES).map("".join),
        st.tuples(inner, NAMES).map(lambda each: f"{each[0]}[*].{each[1]}"),
        st.tuples(inner, inner).map(lambda each: f"{each[0]}[?{each[1]}]"),
        st.tuples(inner, COMPARED, inner).map(lambda each: f"({each[0]} {each[1]} {each[2]})"),
        st.tuples(inner, st.sampled_from(["||", "&&", "|"]), inner).map(lambda each: f"({' '.join(each)})"),
        inner.map(lambda each: f"!{each}"),
        st.tuples(inner, inner).map(lambda each: f"[{each[0]}, {each[1]}]"),
        st.tuples(inner, inner).map(lambda each: f"{{a: {each[0]}, b: {each[1]}}}"),
        st.tuples(ONE, inner).map(lambda each: f"{each[0]}({each[1]})"),
        st.tuples(BY, inner, inner).map(lambda each: f"{each[0]}({each[1]}, &{each[2]})"),
        st.tuples(inner, inner).map(lambda each: f"map(&{each[0]}, {each[1]})"),
        st.tuples(inner, inner).map(lambda each: f"contains({each[0]}, {each[1]})"),
        st.tuples(inner).map(lambda each: f"join('-', {each[0]})"),
        st.tuples(inner).map(lambda each: f"{each[0]}.*"),
    )


EXPRESSIONS = st.recursive(NAMES | LITERALS | st.just("@"), larger, max_leaves=6)
KINDS = {
    jmespath.exceptions.JMESPathTypeError: "invalid-type",
    jmespath.exceptions.ArityError: "invalid-arity",
    jmespath.exceptions.VariadictArityError: "invalid-arity",
    jmespath.exceptions.ParseError: "syntax",
}


@settings(max_examples=250, derandomize=True, deadline=None, database=None)
@given(EXPRESSIONS, DOCUMENTS)
def test_a_generated_expression_gives_what_the_library_gives(text, document):
    try:
        expected = ("result", jmespath.search(text, floats(document)))
    except jmespath.exceptions.JMESPathError as error:
        expected = ("error", KINDS[type(error)])
    except TypeError:
        expected = None
    try:
        outcome = ("result", compile_expression(text)(document))
    except ExpressionError as error:
        outcome = ("error", error.kind)
    if expected is not None:
        assert outcome[0] == expected[0]
        assert same(outcome[1], expected[1])


def floats(value):
    """The document as the library wants it."""
    if isinstance(value, list):
        return [floats(item) for item in value]
    if isinstance(value, dict):
        return {key: floats(item) for key, item in value.items()}
    return float(value) if isinstance(value, Decimal) else value


def same(ours, theirs):
    if isinstance(theirs, list):
        return isinstance(ours, list) and len(ours) == len(theirs) and all(map(same, ours, theirs))
    if isinstance(theirs, dict):
        return (
            isinstance(ours, dict) and list(ours) == list(theirs) and all(same(ours[key], theirs[key]) for key in ours)
        )
    if isinstance(theirs, (int, float)) and not isinstance(theirs, bool):
        return isinstance(ours, (int, Decimal)) and not isinstance(ours, bool) and abs(float(ours) - theirs) < 1e-9
    return type(ours) is type(theirs) and ours == theirs

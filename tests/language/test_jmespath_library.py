"""Generated expressions over generated documents: ours against jmespath.py.

Known differences, kept out of what is generated or looked over where they show:
- jmespath.py breaks with a TypeError where it orders a text against a number, looks for a number in a text, or compares
  keys of several types in max_by and min_by; ours gives null, false and `invalid-type`, as the specification says.
- jmespath.py finds 1 and true equal inside lists and objects; so 0 and 1 are not generated.
- jmespath.py's numbers are floats, ours exact decimals; so fractions are quarters, and means are compared nearly.
- jmespath.py makes no projection of a slice that follows an index (`a[*][0][1:].b`), though the specification makes one
  of every slice; such texts are passed over, and the first of them is a case of its own below.
- `to_string(null)` is null here; texts of numbers and objects, `to_number` of texts that are no JSON numbers: see
  test_expressions.
"""

import re
from decimal import Decimal

import jmespath
import jmespath.exceptions
import pytest
from expressions_at_random import Draw

from engine.language import ExpressionError, compile_expression

EXPRESSIONS, DOCUMENTS = 12_500, 8
PAIRS = EXPRESSIONS * DOCUMENTS
SLICE_OF_AN_ITEM = re.compile(r"\[-?[0-9]+\]\[[-0-9]*:")
KINDS = {
    jmespath.exceptions.JMESPathTypeError: "invalid-type",
    jmespath.exceptions.ArityError: "invalid-arity",
    jmespath.exceptions.VariadictArityError: "invalid-arity",
    jmespath.exceptions.ParseError: "syntax",
}


@pytest.mark.slow
def test_a_hundred_thousand_pairs_give_what_the_library_gives():
    draw, compared, wrong, told = Draw(20261125), 0, [], {"result": 0, "error": 0}
    documents = [draw.document() for _ in range(400)]
    theirs = [floats(document) for document in documents]
    for number in range(EXPRESSIONS):
        text = draw.expression(1 + number % 4)
        if SLICE_OF_AN_ITEM.search(text):
            text = draw.random.choice(("a", "b", "c", "d"))
        ours, library = compile_expression(text), jmespath.compile(text)
        for place in range(DOCUMENTS):
            index = (number * DOCUMENTS + place) % len(documents)
            expected = of_library(library, theirs[index])
            compared += 1
            if expected is None:
                continue
            told[expected[0]] += 1
            found = of_ours(ours, documents[index])
            if found[0] != expected[0] or not same(found[1], expected[1]):
                wrong.append((text, documents[index], expected, found))
    assert not wrong[:3]
    assert compared == PAIRS == 100_000
    assert min(told.values()) > PAIRS // 20, "both results and errors must be among them"


def test_a_slice_of_an_item_is_a_projection():
    text, document = "a.*[0][:1].b", {"a": {"x": [[{"b": 2}]]}}
    assert compile_expression(text)(document) == [[2]]
    assert jmespath.search(text, document) is None, "the library has mended it: compare such texts again"


def of_library(compiled, document):
    try:
        return ("result", compiled.search(document))
    except jmespath.exceptions.JMESPathError as error:
        return ("error", KINDS[type(error)])
    except TypeError:
        return None


def of_ours(compiled, document):
    try:
        return ("result", compiled(document))
    except ExpressionError as error:
        return ("error", error.kind)


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

"""Hostile expressions: each ends in an error of a known kind, or in a result that is no larger than the budget allows.

Only `compile_expression` is asked, so that this holds whatever an expression is compiled to; no time is measured.
"""

from decimal import Decimal

import pytest

from engine.language import ExpressionError, compile_expression
from engine.language.frame import GROWTH_FREE, STEPS_MAX

ROWS = [{"k": place % 7, "t": "x", "place": place} for place in range(20_000)]
FEW = ROWS[:2_000]
NUMBERS = list(range(2_000))
LETTERS = "a" * 200_000
ONE = {"a": 1}
NUL = chr(0)
HALF = chr(0xD800)
DEEP: object = 1
for _ in range(100_000):
    DEEP = [DEEP]


def repeated(step: str, times: int, glue: str = " | ") -> str:
    return glue.join([step] * times)


ERRORS = {
    # (expression, document, the error's kind)
    # the text itself
    "too long": (repeated("a", 2_000), ONE, "budget"),
    "too deep in parentheses": ("(" * 1_000 + "a" + ")" * 1_000, ONE, "budget"),
    "too deep in brackets": ("[" * 1_000 + "a" + "]" * 1_000, ONE, "budget"),
    "too deep in filters": ("[?" * 1_000 + "a" + "]" * 1_000, ONE, "budget"),
    "too deep in calls": ("abs(" * 900 + "a" + ")" * 900, ONE, "budget"),
    "too deep in negations": ("!" * 4_000 + "a", ONE, "budget"),
    "too deep in a literal": ("`" + "[" * 2_000 + "]" * 2_000 + "`", ONE, "budget"),
    "nothing": ("", ONE, "syntax"),
    "commas": ("[" + "," * 4_000 + "]", ONE, "syntax"),
    "brackets that never close": ("a[" * 1_900, ONE, ("syntax", "budget")),
    "backslashes in a literal": ("`" + "\\" * 4_000 + "`", ONE, "syntax"),
    "quotes": ("'" * 4_001, ONE, "syntax"),
    "half of a surrogate pair in a text": (f"'{HALF}'", ONE, "syntax"),
    "half of a surrogate pair as a name": (HALF, ONE, "syntax"),
    "half of a surrogate pair in a literal": ('`"\\ud800"`', ONE, "syntax"),
    "a NUL in a name": (f"a{NUL}b", ONE, "syntax"),
    "a NUL in a quoted name": (f'"a{NUL}b"', ONE, "syntax"),
    "a full-width index": ("a[\uff11]", ONE, "syntax"),
    "a literal of 4000 digits": ("`" + "9" * 4_000 + "`", ONE, "syntax"),
    "a literal of a million digits": ("`1e999999`", ONE, "syntax"),
    "a literal no library holds": ("`[-1e-99999999999999999999]`", ONE, "syntax"),
    "a literal with a key twice": ('`{"a": 1, "a": 2}`', ONE, "syntax"),
    # what it gives
    "a slice by nothing": ("a[::0]", {"a": [1]}, "invalid-value"),
    "numbers that square": (repeated("@ * @", 20), 99_999, "invalid-value"),
    "a mean of giants": ("avg(@)", [10**999] * 1_000, "invalid-value"),
    "a number without end": ("to_string(@)", Decimal("1e1000000"), "invalid-value"),
    "a hash of half a surrogate pair": ("hash(a)", {"a": HALF}, "invalid-value"),
    "a text and a number in order": ("sort_by(@, &a)", [{"a": 1}, {"a": "x"}], "invalid-type"),
    # what grows
    "lists that double": (repeated("[@, @]", 40), 1, "budget"),
    "objects that double": (repeated("{a: @, b: @}", 40), 1, "budget"),
    "lists that double at each item": ("[*]" + ".[@, @]" * 12, NUMBERS, "budget"),
    "objects of 200 members at each item": ("[*].{" + ", ".join(f"a{at}: @" for at in range(200)) + "}", ROWS, "budget"),
    "the document at each item": ("[*].[$root]", ROWS, "budget"),
    "the document in every item": ("[*].[$root[*].k]", ROWS, "budget"),
    "a literal at each item": ("[*].[`" + repr([[]] * 500) + "`]", FEW, "budget"),
    "join that doubles": (repeated("join('', [@, @])", 60), "ab", "budget"),
    "join of the document at each item": ("join(',', [*].to_string($root))", FEW, "budget"),
    "pad_left to a billion": ("pad_left('a', `1000000000`)", 1, "budget"),
    "pad_right to 1e400": ("pad_right('a', `1e400`)", 1, "budget"),
    "replace that multiplies": (repeated("replace(@, 'a', 'aaaaaaaaaa')", 30), "a", "budget"),
    "replace that grows at once": (f"replace(@, 'a', '{'b' * 4_000}')", LETTERS, "budget"),
    "normalize that grows": ("normalize(@, 'NFKD')", "\ufdfa" * 900_000, "budget"),
    "split into every letter": ("split(@, '')", LETTERS * 6, "budget"),
    "a query of a million names": ("url_query(@)", "?" + "a&" * 1_100_000, "budget"),
    "zip that doubles": (repeated("zip(@, @)[]", 40), [1, 2], "budget"),
    "merge of itself a thousand times": (f"merge({', '.join(['@'] * 1_000)})", {str(at): at for at in NUMBERS}, "budget"),
    "sort_by over many": ("sort_by(@, &k)", ROWS * 15, "budget"),
    "max_by that sums at each item": ("max_by(@, &sum($root[*].k))", FEW, "budget"),
    "map in map": ("map(&map(&@, $root), @)", FEW, "budget"),
    "group_by that compares at each item": ("group_by(@, &to_string(contains($root, @)))", FEW, "budget"),
    "a filter in a filter": ("[?length($root[?k == `1`]) > `0`]", FEW, "budget"),
    "what is doubled compared with itself": (repeated("[@, @]", 40) + " | @ == @", 1, "budget"),
    "what is doubled written out": (repeated("[@, @]", 40) + " | to_string(@)", 1, "budget"),
    "what is doubled made flat": (repeated("[@, @][]", 40), [1], "budget"),
    "a document too deep to write out": ("to_string(@)", DEEP, ("budget", "invalid-value")),
}  # fmt: skip


@pytest.mark.parametrize(("text", "document", "kinds"), ERRORS.values(), ids=ERRORS)
def test_a_hostile_expression_ends_in_an_error_of_its_kind(
    text: str, document: object, kinds: str | tuple[str]
) -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_expression(text)(document)
    assert caught.value.kind in ((kinds,) if isinstance(kinds, str) else kinds)
    assert caught.value.message
    assert len(str(caught.value)) < 1_000


RESULTS = {
    "60 negations": ("!" * 60 + "a", ONE, True),
    "1000 alternatives": (repeated("b", 1_000, "||"), ONE, None),
    "800 conditions": (repeated("a", 800, " && "), ONE, 1),
    "1000 dots": (repeated("a", 1_000, "."), ONE, None),
    "1000 pipes": (repeated("@", 1_000, "|"), ONE, ONE),
    "1000 indexes": ("a" + "[0]" * 1_000, ONE, None),
    "an index beyond 64 bits": ("a[99999999999999999999999]", {"a": [1]}, None),
    "an index beyond 64 bits from the end": ("a[-99999999999999999999999]", {"a": [1]}, None),
    "a slice beyond 64 bits": ("a[0:99999999999999999999999]", {"a": [1, 2]}, [1, 2]),
    "a slice from beyond 64 bits": ("a[-99999999999999999999999:]", {"a": [1, 2]}, [1, 2]),
    "a slice by steps beyond 64 bits": ("a[::99999999999999999999999]", {"a": [1, 2]}, [1]),
    "a slice back by steps beyond 64 bits": ("a[::-99999999999999999999999]", {"a": [1, 2]}, [2]),
    "40 flattenings": ("a" + "[]" * 40, {"a": [[[1]]]}, [1]),
    "30 filters in one another": ("[?" * 30 + "@" + "]" * 30, [1], []),
    "a name that is a NUL": ('"\\u0000"', {NUL: 1}, 1),
    "a comparison of comparisons": ("a < b < c", ONE, None),
    "sort_by over 20000": ("sort_by(@, &k)[0].place", ROWS, 0),
    "sums of giants": ("sum(@) - sum(@)", [10**998] * 9, 0),
    "a deep document compared with itself": ("@ == @", DEEP, True),
    "a deep document made flat": ("[][][][] | length(@)", DEEP, 1),
}  # fmt: skip


@pytest.mark.parametrize(("text", "document", "result"), RESULTS.values(), ids=RESULTS)
def test_an_odd_expression_that_is_cheap_gives_its_result(text: str, document: object, result: object) -> None:
    assert compile_expression(text)(document) == result


LARGE = {
    "zip of the document with itself": ("zip(@, @, @, @)", ROWS),
    "every item 16 times": ("[*].[@, @, @, @, @, @, @, @, @, @, @, @, @, @, @, @]", FEW),
    "every item under two names": ("[*].{a: @, b: @}", ROWS),
    "the document 16 times": ("[@, @, @, @, @, @, @, @, @, @, @, @, @, @, @, @]", ROWS),
    "group_by over all": ("group_by(@, &t)", ROWS),
    "items over all": ("[*].items(@)", FEW),
    "a text of a million": ("pad_left('', `1000000`)", 1),
    "a text grown eight times": (repeated("join('', [@, @])", 3), LETTERS),
    "a text written out": ("to_string(@)", LETTERS),
    "a text taken apart": ("split(@, '')", LETTERS),
    "a text in a normal form": ("normalize(@, 'NFKD')", "\ufdfa" * 10_000),
}


@pytest.mark.parametrize(("text", "document"), LARGE.values(), ids=LARGE)
def test_a_large_result_is_within_the_budget(text: str, document: object) -> None:
    result = compile_expression(text)(document)
    allowed = max(STEPS_MAX, GROWTH_FREE * size(document) + GROWTH_FREE)
    assert size(result) <= allowed
    assert size(result) > 1_000


def size(value: object) -> int:
    """What the budget counts: nodes, and every 16 characters, shared ones as often as they appear."""
    found, stack = 0, [value]
    while stack:
        node = stack.pop()
        found += 1
        if isinstance(node, str):
            found += len(node) // 16
        elif isinstance(node, list | dict):
            stack.extend(node if isinstance(node, list) else node.values())
    return found


def test_there_are_enough_of_them() -> None:
    assert len(ERRORS) + len(RESULTS) + len(LARGE) >= 20

"""Expressions and documents drawn from one seed: quick enough for a hundred thousand pairs.

What is drawn keeps out of the known differences from the `jmespath` library: see `test_jmespath_library.py`.
"""

from collections.abc import Callable
from decimal import Decimal
from random import Random

NAMES = ("a", "b", "c", "d")
LITERALS = ("`2`", "`-3`", "`2.25`", "`null`", "`true`", "`[2, 3]`", "'a'", "''", '`{"a": 2}`', "'xy'", "`[]`")
INDEXES = ("[0]", "[-1]", "[1:]", "[::-1]", "[:2]", "[*]", "[]")
ONE = (
    *("length", "keys", "values", "sort", "sum", "avg", "max", "min", "reverse", "not_null", "to_array", "type"),
    *("abs", "ceil", "floor", "merge"),
)
BY = ("sort_by", "max_by", "min_by")
COMPARED = ("==", "!=", "<", "<=", ">", ">=")


class Draw:
    def __init__(self, seed: int) -> None:
        self.random = Random(seed)

    def expression(self, depth: int = 3) -> str:
        one = self.random.choice
        if depth == 0 or self.random.random() < 0.15:
            return one((*NAMES, *NAMES, *LITERALS, "@"))

        def inner() -> str:
            return self.expression(depth - 1)

        kinds: tuple[Callable[[], str], ...] = (
            lambda: f"{inner()}.{one(NAMES)}",
            lambda: f"{inner()}.{one(NAMES)}",
            lambda: f"{inner()}{one(INDEXES)}",
            lambda: f"{inner()}[*].{one(NAMES)}",
            lambda: f"{inner()}[?{inner()}]",
            lambda: f"({inner()} {one(COMPARED)} {inner()})",
            lambda: f"({inner()} {one(COMPARED)} {inner()})",
            lambda: f"({inner()} {one(('||', '&&', '|'))} {inner()})",
            lambda: f"!{inner()}",
            lambda: f"[{inner()}, {inner()}]",
            lambda: f"{{a: {inner()}, b: {inner()}}}",
            lambda: f"{one(ONE)}({inner()})",
            lambda: f"{one(BY)}({inner()}, &{inner()})",
            lambda: f"map(&{inner()}, {inner()})",
            lambda: f"contains({inner()}, {inner()})",
            lambda: f"contains(['a', 'xy'], {inner()})",
            lambda: f"join('-', [{inner()}, {inner()}])",
            lambda: f"join('-', {inner()})",
            lambda: f"{inner()}.*",
        )
        return one(kinds)()

    def document(self) -> dict[str, object]:
        return {
            "a": self.value(3),
            "b": [{name: self.scalar() for name in self.some()} for _ in range(self.random.randrange(4))],
            "c": self.value(2),
            "d": [self.random.randrange(2, 9) for _ in range(self.random.randrange(5))],
        }

    def some(self) -> list[str]:
        return self.random.sample(NAMES, self.random.randrange(5))

    def value(self, depth: int) -> object:
        kind = self.random.randrange(4) if depth else 0
        if kind == 2:
            return [self.value(depth - 1) for _ in range(self.random.randrange(4))]
        if kind == 3:
            return {name: self.value(depth - 1) for name in self.some()}
        return self.scalar()

    def scalar(self) -> object:
        return self.random.choice(
            (None, True, False, 2, 5, 9, Decimal("2.25"), Decimal("-4.75"), "", "a", "b", "xy", "a b", 3, "a")
        )

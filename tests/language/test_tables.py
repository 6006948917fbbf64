"""Look-ups: what a table answers, what it is asked by, and what is told of a row that is missing."""

from decimal import Decimal

import pytest

from engine.language import FromExpression, MappingError, Resources, TextTable, compile_value
from engine.language.convert import conversions
from engine.language.errors import ConversionError
from engine.language.tables import Answer, Index

REGISTRY = TextTable.of(
    ["sku", "erp", "price", "active", "since", "note"],
    [
        ["A-1", 100, Decimal("1.50"), True, "2026-01-01", "first"],
        ["B-2", 200, Decimal("2.00"), False, None, ""],
        ["C-3", 200, None, True, "2026-01-01", "same number as B-2"],
    ],
    "v1",
    ["text", "integer", "decimal", "boolean", "date", "text"],
)
TABLES = {"registry": REGISTRY}


def looked_up(given, tables=TABLES, **converters):
    value = FromExpression(text="x", table="registry", **converters)
    return compile_value(value, Resources(tables, lambda _: None), required=False)({"x": given}, {})


def problem_of(given, tables=TABLES, **converters):
    with pytest.raises(MappingError) as caught:
        looked_up(given, tables, **converters)
    (problem,) = caught.value.problems
    return problem


GIVES = [
    ("A-1", {}, 100),
    ("A-1", {"give": "price"}, Decimal("1.50")),
    ("A-1", {"give": "active"}, True),
    ("A-1", {"give": "since"}, "2026-01-01"),
    ("B-2", {"give": "since", "optional": True}, None),
    ("B-2", {"give": "since", "default": "never"}, "never"),
    ("B-2", {"give": "note"}, ""),
    # A number finds itself however it is written, and a text of a number finds the number.
    (100, {"by": "erp", "give": "sku"}, "A-1"),
    (Decimal("100.00"), {"by": "erp", "give": "sku"}, "A-1"),
    ("100", {"by": "erp", "give": "sku"}, "A-1"),
    (Decimal("1.5"), {"by": "price", "give": "sku"}, "A-1"),
    ("1.500", {"by": "price", "give": "sku"}, "A-1"),
    (2, {"by": "price", "give": "sku"}, "B-2"),
    (False, {"by": "active", "give": "sku"}, "B-2"),
    ("false", {"by": "active", "give": "sku"}, "B-2"),
    # What is given is converted further.
    ("A-1", {"give": "price", "money": "'EUR'"}, 150),
    ("A-1", {"give": "since", "time": "date"}, "2026-01-01"),
    ("200", {"by": "erp", "give": "erp"}, 200),
]


@pytest.mark.parametrize(("given", "converters", "result"), GIVES, ids=[f"{row[0]!r} by {row[1]}" for row in GIVES])
def test_a_look_up_gives_the_cell_by_its_columns_kind(given, converters, result):
    value = looked_up(given, **converters)
    assert value == result
    assert type(value) is type(result)


FAILS = [
    ("0100", {"by": "erp", "give": "sku"}, "missing-row", "'0100' is not in table registry (column erp)"),
    ("x", {"by": "erp", "give": "sku"}, "missing-row", "'x' is not in table registry (column erp)"),
    ("a-1", {}, "missing-row", "'a-1' is not in table registry (column sku)"),
    ("TRUE", {"by": "active", "give": "active"}, "missing-row", "column active"),
    (200, {"by": "erp", "give": "sku"}, "ambiguous-row", "'200' stands in several rows of table registry (column erp)"),
    (True, {"by": "sku"}, "table", "only a text or a number"),
    (True, {"by": "erp", "give": "sku"}, "table", "only a text or a number"),
    ({}, {}, "table", "only a text or a number"),
    (["A-1"], {}, "table", "only a text or a number"),
    ("1" * 2000, {"by": "erp", "give": "sku"}, "too-large", "1000 digits"),
]


@pytest.mark.parametrize(
    ("given", "converters", "code", "says"), FAILS, ids=[f"{str(r[0])[:9]} by {r[1]}" for r in FAILS]
)
def test_a_look_up_without_an_answer_says_why(given, converters, code, says):
    problem = problem_of(given, **converters)
    assert problem.code == code
    assert says in problem.message


def test_case_and_space_count_unless_they_are_ignored():
    rows = [["Red  Mug", "1"], ["red mug ", "1"], ["RED CUP", "2"], ["red cup", "3"]]
    tables = {"registry": TextTable.of(["a", "b"], rows, "v1")}
    assert looked_up("Red  Mug", tables) == "1"
    assert problem_of("red mug", tables).code == "missing-row"
    assert looked_up("red mug", tables, ignore=("space",)) == "1"
    assert problem_of("RED MUG", tables, ignore=("space",)).code == "missing-row"
    assert looked_up(" RED\tmug", tables, ignore=("case", "space")) == "1"
    assert problem_of("Red Cup", tables, ignore=("case",)).code == "ambiguous-row"


def test_what_differs_is_known_by_its_lines():
    table = TextTable.of(
        ["a", "b"], [["x", "1"], ["y", "1"], ["X", "1"], ["Y", "2"], ["y ", "1"]], "v1", lines=[2, 4, 5, 8, 9]
    )
    assert table.conflicts("a", "b") == ()
    assert table.conflicts("a", "b", ("case",)) == ((4, 8),)
    assert table.conflicts("b", "a") == ((2, 4),)
    assert table.conflicts("b", "b") == ()
    with pytest.raises(KeyError):
        table.conflicts("a", "c")


def test_an_index_is_made_once_for_each_look_up():
    table = TextTable.of(["a", "b"], [["x", "1"]], "v1")
    assert table.index("a", "b") is table.index("a", "b")
    assert table.index("a", "b") is not table.index("a", "b", ("case",))
    assert table.index("b", "a", ("case",)).entries == {"1": "x"}
    assert REGISTRY.index("erp", "sku").entries == {"100": "A-1", "200": Answer.AMBIGUOUS}
    assert not REGISTRY.index("erp", "sku").plain


class Watched(dict):
    """Entries that count how often they are asked."""

    asked = 0

    def get(self, key, default=None):
        self.asked += 1
        return super().get(key, default)


class WatchedTable:
    """A table that counts how often it is asked for an index."""

    columns, version = ("a", "b"), "v1"

    def __init__(self):
        self.asked = 0
        self.entries = Watched(x="1")

    def index(self, by, give, ignore=()):
        self.asked += 1
        return Index(self.entries, str, plain=True)


def test_a_plain_look_up_is_one_access_and_the_index_is_asked_for_once():
    table = WatchedTable()
    (conversion,) = conversions(FromExpression(text="x", table="t"), Resources({"t": table}, lambda _: None))
    assert [conversion.run("x", None) for _ in range(5)] == ["1"] * 5
    assert (table.asked, table.entries.asked) == (1, 5)


# ── live ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_table_that_stands_in_anothers_place_is_asked_from_then_on():
    tables = {"registry": TextTable.of(["a", "b"], [["x", "old"]], "v1")}
    value = compile_value(
        FromExpression(text="x", table="registry", ignore=("case",)), Resources(tables, lambda _: None)
    )
    assert value({"x": "X"}, {}) == "old"
    tables["registry"] = TextTable.of(["a", "b"], [["x", "new"]], "v2")
    assert value({"x": "X"}, {}) == "new"
    tables["registry"] = TextTable.of(["a", "b"], [["x", "new"], ["X", "other"]], "v3")
    with pytest.raises(MappingError, match="several rows"):
        value({"x": "x"}, {})
    del tables["registry"]
    with pytest.raises(MappingError, match="no table registry"):
        value({"x": "x"}, {})
    tables["registry"] = TextTable.of(["only"], [["x"]], "v4")
    assert value({"x": "x"}, {}) == "x"


# ── what is missing ──────────────────────────────────────────────────────────────────────────────────────────────────

SIZES = TextTable.of(
    ["sku", "case", "note"], [["A-1", 12, ""], ["B-2", None, ""], ["C-3", 0, ""]], "v1", ["text", "integer", "text"]
)


def missing(given, operands=(None,), **converters):
    value = FromExpression(text="x", **converters)
    resources = Resources({"registry": REGISTRY, "sizes": SIZES}, lambda _: None)
    with pytest.raises(ConversionError) as caught:
        for conversion, operand in zip(conversions(value, resources), operands, strict=True):
            given = conversion.run(given, operand)
    return caught.value


def packed(article, unit, **converters):
    by = {"unit": "each", "from_unit": "u", "packs": "sizes", "packs_of": "a", **converters}
    return missing(1, (article, unit), **by)


def test_a_missing_row_can_be_counted():
    error = missing("4711-B", table="registry", by="sku", on_missing="hold")
    assert (error.code, error.on_missing, error.missing) == ("missing-row", "hold", ("registry", "sku", "4711-B"))
    assert missing(7, table="registry", by="erp", give="sku").missing == ("registry", "erp", "7")
    assert missing("x" * 5000, table="registry").missing == ("registry", "sku", "x" * 5000)


def test_a_missing_size_of_a_pack_can_be_counted():
    assert packed("nope", "CS").missing == ("sizes", "sku", "nope")
    assert packed("B-2", "CS").missing == ("sizes", "sku → case", "B-2")
    assert packed("A-1", "PX").missing == ("sizes", "sku → pallet", "A-1")
    assert packed("A-1", "u" * 5000).missing == ("sizes", "sku → " + "u" * 5000, "A-1")
    assert packed("nope", "CS", on_missing="fail").on_missing == "fail"


def test_nothing_else_counts_as_missing():
    assert missing(200, table="registry", by="erp", give="sku").missing is None
    assert missing({}, table="registry").missing is None
    assert missing("x", table="nowhere").missing is None
    assert packed(None, "CS").missing is None
    assert packed("A-1", "kg").missing is None
    assert packed("A-1", None).missing is None


def test_a_pack_holds_at_least_one_piece():
    assert "no whole number of pieces" in packed("C-3", "CS").message


def test_a_column_of_a_partners_own_code_wins_over_what_the_code_stands_for():
    table = TextTable.of(["sku", "case", "CS"], [["A-1", 12, 10]], "v1", ["text", "integer", "integer"])
    value = FromExpression(text="n", unit="each", from_unit="u", packs="sizes", packs_of="a")
    count = compile_value(value, Resources({"sizes": table}, lambda _: None))
    assert [count({"n": 1, "u": unit, "a": "A-1"}, {}) for unit in ("case", "CS", "XCS")] == [12, 10, 12]


def test_a_pack_is_counted_where_the_item_is_null_and_the_quantity_is_the_roots():
    value = FromExpression(
        text="$root.quantity", unit="each", from_unit="$root.unit", packs="sizes", packs_of="$root.sku"
    )
    root = {"quantity": 2, "unit": "CS", "sku": "A-1"}
    assert compile_value(value, Resources({"sizes": SIZES}, lambda _: None))(None, {"root": root}) == 24


def test_an_empty_cell_is_missing_and_said_to_be():
    """The document is not to blame, and whoever fills the cell has to find it; who asked for null has it."""
    table = TextTable.of(["sku", "size"], [["A-1", None], ["A-2", 4]], "v1", ["text", "integer"])
    resources = Resources({"sizes": table}, lambda name: None)

    def sized(**more):
        return compile_value(FromExpression(text="x", table="sizes", **more), resources)({"x": "A-1"}, {})

    with pytest.raises(MappingError) as caught:
        sized(on_missing="hold")
    (problem,) = caught.value.problems
    assert problem.message == "'A-1' has no size in table sizes"
    assert (problem.on_missing, problem.missing) == ("hold", ("sizes", "sku → size", "A-1"))
    assert sized(default=1) == 1
    assert sized(optional=True) is None

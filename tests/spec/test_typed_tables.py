"""Typed tables as files, and the keys that ask them: each fault at its line, column or key, with the mend."""

from decimal import Decimal

import pytest
from spec.minimal import MAPPING, MINIMAL, TABLE, Edit, edited, read, told
from spec.mistake import assert_told, mistake

from engine.charter import examine
from engine.language.exact import PLACES_MAX
from engine.spec import shape
from engine.spec.table import FAULTS_MAX, read_table

TYPED = """\
sku,size:integer,price:decimal,active:boolean,since:date,note:text
A-1,12,1.50,true,2026-02-28,"a, b"
B-2,-1,0.10,false,,

C-3,,,,,x
"""


def test_cells_are_of_their_columns_kind() -> None:
    table, faults = read_table(TYPED.encode(), "t.csv")
    assert not faults
    assert table is not None
    assert table.columns == ("sku", "size", "price", "active", "since", "note")
    assert table.kinds == ("text", "integer", "decimal", "boolean", "date", "text")
    assert table.rows == (
        ("A-1", 12, Decimal("1.50"), True, "2026-02-28", "a, b"),
        ("B-2", -1, Decimal("0.10"), False, None, ""),
        ("C-3", None, None, None, None, "x"),
    )
    assert table.lines == (2, 3, 5)
    assert str(table.rows[0][2]) == "1.50"


def test_the_version_is_that_of_the_file() -> None:
    one, other = (read_table(text.encode(), "t.csv")[0] for text in ("a,b\nx,1\n", "a,b:integer\nx,1\n"))
    assert one is not None
    assert other is not None
    assert one.version != other.version
    assert len(one.version) == 64


CELLS = [
    # (the table, line, column, what is wrong, the mend)
    ("a,b:integer\nx,007\n", 2, 3, "`007` is not what column `b` holds", "without leading zeros"),
    ("a,b:integer\nx,1.0\n", 2, 3, "`1.0`", "whole number"),
    ("a,b:integer\nx,+1\n", 2, 3, "`+1`", "whole number"),
    ("a,b:integer\nx, 1\n", 2, 3, "` 1`", "leave it empty for none"),
    ("a,b:integer\nx,\uff11\n", 2, 3, "`\uff11`", "whole number"),
    ("a,b:integer\nx,1.00232E+05\n", 2, 3, "`1.00232E+05`", "whole number"),
    (f"a,b:integer\nx,{'1' * 1001}\n", 2, 3, "is not what column `b` holds", "whole number"),
    ('a,b:decimal\n"x,y","1,50"\n', 2, 7, "`1,50`", "without separators"),
    ("a,b:decimal\nx,1e3\n", 2, 3, "`1e3`", "or exponent"),
    ("a,b:decimal\nx,NaN\n", 2, 3, "`NaN`", "12.50"),
    ("a,b:boolean\nx,TRUE\n", 2, 3, "`TRUE`", "`true` or `false`"),
    ("a,b:boolean\nx,1\n", 2, 3, "`1`", "`true` or `false`"),
    ("a,b:date\nx,2026-02-30\n", 2, 3, "`2026-02-30`", "2026-11-01"),
    ("a,b:date\nx,01/02/2026\n", 2, 3, "`01/02/2026`", "2026-11-01"),
    ("a,b:date\nx,2026-W01\n", 2, 3, "`2026-W01`", "2026-11-01"),
    ('a,b,c:integer\n"x\ny",z,no\n', 3, 1, "`no`", "whole number"),
    ("a:integer,b\nx,1\n", 2, 1, "`x`", "whole number"),
    ("a:decimal,b\n1.5,x\n1.50,y\n", 3, 1, "`1.50` stands in line 2 already", "one answer"),
    ("a,b\nx,1\n,2\n", 3, 1, "`a` is empty, and rows are looked up by it", "remove the row"),
    ("a,b\nx,1\n,\n", 3, 1, "`a` is empty", "remove the row"),
    ("a:integer,b\n1,x\n,y\n", 3, 1, "`a` is empty", "remove the row"),
    ("a,bb:int\nx,1\n", 1, 3, "`int` is no type of a column", "did you mean `bb:integer`?"),
    ("a,b:\nx,1\n", 1, 3, "`` is no type of a column", "types: text, integer, decimal, boolean, date"),
    ("a,b:zzz\nx,1\n", 1, 3, "`zzz` is no type of a column", "a column without one holds text"),
    ("a,a:integer\nx,1\n", 1, 1, "names must be given and differ", "name each column"),
    ("a,:integer\nx,1\n", 1, 1, "names must be given and differ", "name each column"),
]


@pytest.mark.parametrize(("text", "line", "column", "says", "hint"), CELLS, ids=[f"{row[0][:24]!r}" for row in CELLS])
def test_a_cell_of_another_kind_is_one_fault_at_its_place(
    text: str, line: int, column: int, says: str, hint: str
) -> None:
    table, faults = read_table(text.encode(), "t.csv")
    assert table is None
    assert [(fault.code, fault.mark.line, fault.mark.column) for fault in faults] == [("table", line, column)], told(
        faults
    )
    assert says in faults[0].message
    assert hint in faults[0].hint


def test_every_fault_of_a_table_is_told_up_to_a_hundred() -> None:
    _, faults = read_table(b"a,b:integer,c:date\nx,no,no\n,1,\nx,1,\n", "t.csv")
    assert [(fault.mark.line, fault.mark.column) for fault in faults] == [(2, 3), (2, 6), (3, 1), (4, 1)]
    columns = ",".join(f"c{place}:integer" for place in range(500))
    _, faults = read_table(f"{columns}\n{','.join(['x'] * 500)}\n".encode() * 3, "t.csv")
    assert len(faults) == FAULTS_MAX + 1
    assert "the rest of the table was not read" in faults[-1].message


# ── keys ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

MONEY = "total_price, money: currency"
LOOK_UP = "table: statuses"
BY = "table: statuses, by: note, give: ours"
PACKED = "n, unit: each, from_unit: u, packs: statuses, packs_of: sku"
SIZES = "sku,case:integer,note\nA-1,12,\n"


def keyed(title: str, old: str, new: str, code: str, at: str, hint: str, table: str | None = None) -> object:
    """The mistake in the mapping; `table` is what statuses.csv holds instead."""
    also = () if table is None else ((TABLE, MINIMAL[TABLE], table),)
    return mistake(title, MAPPING, old, new, code, at, hint, also=also)


WORDS = [
    keyed("round", MONEY, f"{MONEY}, round: halfup", "unknown-word", "halfup", "did you mean `half_up`?"),
    keyed("ignore", LOOK_UP, f"{LOOK_UP}, ignore: [caps]", "unknown-word", "caps", "did you mean `case`?"),
    keyed("ignore is a list", LOOK_UP, f"{LOOK_UP}, ignore: case", "wrong-type", "case", "[case, space]"),
    keyed("digits below", MONEY, "n, number: decimal, round: up, digits: -1", "wrong-type", "-1", "write 0 or more"),
    keyed("digits beyond", MONEY, "n, number: decimal, round: up, digits: 31", "wrong-type", "31", "write 30 or less"),
    keyed(
        "disambiguation",
        MONEY,
        "t, time: utc, zone: Europe/Berlin, disambiguation: latest",
        "unknown-word",
        "latest",
        "did you mean `later`?",
    ),
]

TOGETHER = [
    keyed("round alone", MONEY, "n, round: up", "converters", "{from: n", "nothing else can have more digits"),
    keyed("round and decimal", MONEY, "n, decimal: c, round: up", "converters", "{from: n", "nothing else"),
    keyed("digits alone", MONEY, "n, number: decimal, digits: 2", "converters", "{from: n", "add `round: half_up`"),
    keyed(
        "digits of money", MONEY, f"{MONEY}, round: up, digits: 2", "converters", "{from: total", "digits of its own"
    ),
    keyed(
        "digits of integers", MONEY, "n, number: integer, round: up, digits: 2", "converters", "{from: n", "has none"
    ),
    keyed(
        "disambiguation without zone",
        MONEY,
        "t, time: utc, disambiguation: later",
        "converters",
        "{from: t",
        "add `zone",
    ),
    keyed(
        "disambiguation of dates",
        MONEY,
        "t, time: date, zone: UTC, disambiguation: later",
        "converters",
        "{from: t",
        "has its date written",
    ),
    keyed("ignore without table", MONEY, "n, ignore: [case]", "converters", "{from: n", "add `table: NAME`"),
    keyed("on_missing without table", MONEY, "n, on_missing: hold", "converters", "{from: n", "add `table: NAME`"),
    keyed("packs of grams", MONEY, PACKED.replace("each", "g"), "converters", "{from: n", "a pack holds pieces", SIZES),
    keyed("packs of dozens", MONEY, PACKED.replace("each", "dozen"), "converters", "{from: n", "pieces", SIZES),
    keyed(
        "packs of nothing",
        MONEY,
        PACKED.replace(", packs_of: sku", ""),
        "converters",
        "{from: n",
        "`packs_of: sku`",
        SIZES,
    ),
    keyed(
        "packs_of without packs",
        MONEY,
        PACKED.replace("packs: statuses, ", ""),
        "converters",
        "{from: n",
        "`packs: TABLE`",
    ),
    keyed(
        "ignore where a number is looked up",
        LOOK_UP,
        f"{LOOK_UP}, ignore: [case]",
        "converters",
        "[case]",
        "remove it",
        "theirs:integer,ours,note\n1,a,\n",
    ),
    keyed(
        "an unknown unit is not guessed", MONEY, "n, unit: kgs, from_unit: u", "converters", "{from: n", "mean `kg`?"
    ),
]

ANSWERS = [
    keyed("a column without a name", LOOK_UP, f"{LOOK_UP}, by: ''", "unknown-column", "''", "columns: note, ours"),
    keyed(
        "a column that is asked and has two answers",
        LOOK_UP,
        BY,
        "ambiguous-row",
        "note",
        "one answer",
        "theirs,ours,note\na,1,x\n\nb,2,y\nc,3,x\n",
    ),
    keyed(
        "two names of one article",
        LOOK_UP,
        "table: statuses, by: ours, give: theirs",
        "ambiguous-row",
        "ours",
        "tells them apart",
        "theirs,ours\na,1\nb,1\n",
    ),
    keyed(
        "texts that are one when case is ignored",
        LOOK_UP,
        f"{LOOK_UP}, ignore: [case]",
        "ambiguous-row",
        "[case]",
        "one answer",
        "theirs,ours\nPaid,1\npaid,2\n",
    ),
    keyed(
        "two answers that are not for what is ignored",
        LOOK_UP,
        f"{BY}, ignore: [case]",
        "ambiguous-row",
        "note",
        "tells them apart",
        "theirs,ours,note\na,1,x\nb,2,x\n",
    ),
    keyed(
        "a table of packs without a pack", MONEY, PACKED, "pack-table", "statuses", "`case:integer`", "sku,note\nA-1,\n"
    ),
    keyed(
        "a pack that is text",
        MONEY,
        PACKED,
        "pack-table",
        "statuses",
        "write `case:integer` in its header",
        "sku,case,pallet:integer\nA-1,12,480\n",
    ),
    keyed(
        "a pack of nothing", MONEY, PACKED, "pack-table", "statuses", "leave the cell empty", SIZES.replace("12", "0")
    ),
    keyed(
        "a table of packs that is not there",
        MONEY,
        PACKED.replace("statuses", "sizes"),
        "unknown-table",
        "sizes",
        "statuses",
    ),
    keyed("a pack in no quotes", MONEY, PACKED.replace("u,", "case,"), "bare-unit", "case", "'case'", SIZES),
    keyed("a code in no quotes", MONEY, PACKED.replace("u,", "CS,"), "bare-unit", "CS", "'CS'", SIZES),
    keyed("an article that is no expression", MONEY, f"{PACKED}(", "expression-syntax", "", "", SIZES),
]


@pytest.mark.parametrize(("edit", "also", "code", "at", "hint"), [*WORDS, *TOGETHER, *ANSWERS])
def test_one_mistake_is_one_located_fault(edit: Edit, also: tuple[Edit, ...], code: str, at: str, hint: str) -> None:
    assert_told(edit, also, code, at, hint)


def test_rows_that_differ_are_named_by_their_lines() -> None:
    rows = "".join(f"{text},{number}\n" for number, text in enumerate(["x", "X", "y", "Y ", *"aAbBcCdDeE"]))
    changed = edited(
        (MAPPING, LOOK_UP, f"{LOOK_UP}, ignore: [case, space]"), (TABLE, MINIMAL[TABLE], f"theirs,ours\n{rows}")
    )
    _, (fault,) = read(changed)
    assert fault.message == (
        "rows of table `statuses` are alike in `theirs` but for case and space and differ in `ours`: "
        "lines 2 and 3; 4 and 5; 6 and 7; 8 and 9; 10 and 11; and 2 more"
    )
    _, (fault,) = read(edited((MAPPING, LOOK_UP, BY), (TABLE, MINIMAL[TABLE], "theirs,ours,note\na,1,x\n\nb,3,x\n")))
    assert fault.message.endswith("are alike in `note` and differ in `ours`: lines 2 and 4")


SOUND = [
    (BY, "theirs,ours,note\na,1,x\nb,1,x\nc,3,y\n"),
    (f"{BY}, ignore: [space]", "theirs,ours,note\na,1,x\nb,1, x\nc,3,y\n"),
    (f"{LOOK_UP}, ignore: [case]", "theirs,ours\npaid,1\nvoid,1\n"),
    (f"{LOOK_UP}, by: ours, give: theirs", "theirs,ours:integer\na,1\nb,2\n"),
]


@pytest.mark.parametrize(("look_up", "table"), SOUND)
def test_a_look_up_that_has_one_answer_is_no_fault(look_up: str, table: str) -> None:
    _, faults = read(edited((MAPPING, LOOK_UP, look_up), (TABLE, MINIMAL[TABLE], table)))
    assert not faults, told(faults)


def test_a_table_of_packs_is_used_and_its_keys_are_read() -> None:
    sizes = "charter/tables/sizes.csv"
    files = edited((MAPPING, MONEY, f"{PACKED.replace('statuses', 'sizes')}, round: up, digits: 1, on_missing: hold"))
    workspace, faults = read({**files, sizes: SIZES})
    assert not faults, told(faults)
    value = workspace.mappings["shop-order"].content.fields["total"]
    assert (value.packs, value.packs_of.text, value.round, value.digits) == ("sizes", "sku", "up", 1)
    assert not [finding for finding in examine(workspace) if finding.code == "unused"]
    workspace, _ = read({**edited(), sizes: SIZES})
    assert [finding.mark.file for finding in examine(workspace) if finding.code == "unused"] == [sizes]


def test_a_table_that_cannot_be_read_is_the_only_fault() -> None:
    _, faults = read(edited((MAPPING, MONEY, PACKED), (TABLE, MINIMAL[TABLE], "sku,case:int\nA-1,x\n")))
    assert [(fault.code, fault.mark.file) for fault in faults] == [("table", TABLE)]


def test_a_look_up_with_a_part_that_cannot_be_read_is_not_also_ambiguous() -> None:
    table = (TABLE, MINIMAL[TABLE], "theirs,ours,note\na,1,x\nb,2,x\n")
    for keys, code in (("by: [note]", "wrong-type"), ("ignore: [caps], by: note", "unknown-word")):
        _, faults = read(edited((MAPPING, LOOK_UP, f"{LOOK_UP}, {keys}"), table))
        assert [fault.code for fault in faults] == [code], told(faults)


def test_digits_end_where_the_language_ends_them() -> None:
    (bounds,) = shape.Digits.__metadata__
    assert (bounds.least, bounds.most) == (0, PLACES_MAX)

"""Look-ups in tables, as converters: a text for what a table gives, a quantity of packs for the pieces in them.

Tables are live: the one of the moment is asked, and what was worked out for it is kept until another stands in its
place. What is missing is told with its table, column and text, because a person has to add it there.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from engine.language import units
from engine.language.errors import ConversionError
from engine.language.exact import is_number, number_text
from engine.language.tables import CELL, Answer, Cell, Index, Table, look_up_columns, pack_columns
from engine.language.units import PACKS, UNITS
from engine.language.values import UNSET, FromExpression, Unset

_SHOWN_MAX = 100
_ABSENT = object()

Look = Callable[[object, object], object]
"""(value, operand) → what was found, or UNSET where the default is to stand. Raises ConversionError and BoundsError."""


@dataclass(frozen=True, slots=True)
class _Bound:
    """A look-up bound to the table that stood there when it was last asked."""

    table: Table
    by: str
    give: str
    index: Index
    entries: Mapping[str, Cell | Answer]
    plain: bool


def look_up(value: FromExpression, tables: Mapping[str, Table]) -> Look:
    """`table`, with `by`, `give`, `ignore` and `on_missing`; the operand is not asked."""
    name = value.table
    assert name is not None
    bound: _Bound | None = None

    def bind() -> _Bound:
        table = _table(name, tables, value)
        by, give = look_up_columns(table, value.by, value.give)
        try:
            index = table.index(by, give, value.ignore)
        except KeyError:
            raise ConversionError("unknown-column", f"table {name} has no columns {by} and {give}") from None
        return _Bound(table, by, give, index, index.entries, index.plain)

    def look(item: object, _operand: object) -> object:
        # What is bound is one object, so that no thread sees one table's rows beside another's.
        nonlocal bound
        held = bound
        if held is None or held.table is not tables.get(name):
            held = bound = bind()
        # What nearly every look-up is: one access with the text itself.
        key = item if held.plain and type(item) is str else _key(name, held.index, item)
        found = _ABSENT if key is None else held.entries.get(key, _ABSENT)
        if found is _ABSENT:
            return _missing(value, name, held.by, item, f"is not in table {name} (column {held.by})")
        if found is Answer.AMBIGUOUS:
            message = f"{_shown(item)} stands in several rows of table {name} (column {held.by}), which differ"
            raise ConversionError("ambiguous-row", message)
        if found is None and value.default is UNSET and not value.optional:
            give = held.give
            return _missing(value, name, f"{held.by}{CELL}{give}", item, f"has no {give} in table {name}")
        return found

    return look


@dataclass(frozen=True, slots=True)
class _Packed:
    """A quantity, and the article that it is of."""

    quantity: object
    article: object


def packs(value: FromExpression, tables: Mapping[str, Table]) -> tuple[Look, Look]:
    """`packs`: two converters, because there are two operands. The first keeps the article beside the quantity, the
    second is given the unit.

    One expression for both operands, `[from_unit, packs_of]`, was tried: it is null where the current value is, though
    both sides may read `$root`, and its faults stand in no text that anybody wrote.
    """
    name, how, digits = value.packs, value.round, value.digits or 0
    assert name is not None

    def beside(item: object, article: object) -> object:
        return _Packed(item, article)

    def count(item: object, unit: object) -> object:
        assert isinstance(item, _Packed)
        if not isinstance(unit, str) or unit in UNITS:
            return units.convert_unit(item.quantity, unit, "each", how, digits)
        size = _size(value, name, _table(name, tables, value), item.article, unit)
        return UNSET if size is UNSET else units.pieces(item.quantity, size, how, digits)

    return beside, count


def _size(value: FromExpression, name: str, table: Table, article: object, unit: str) -> int | Unset:
    """How many pieces of the article a pack of the unit holds; UNSET where the default is to stand."""
    by = table.columns[0]
    articles = table.index(by, by)
    if article is None and value.on_missing != "default":
        raise ConversionError("table", f"`packs_of` is null, and table {name} gives a size for each article")
    key = None if article is None else _key(name, articles, article)
    if key is None or key not in articles.entries:
        return _missing(value, name, by, article, f"is not in table {name} (column {by})")
    column = unit if unit in table.columns else PACKS.get(unit, unit)
    size = table.index(by, column).entries[key] if column in pack_columns(table) else None
    if size is None:
        return _missing(value, name, f"{by}{CELL}{column}", article, f"has no size of {_shown(column)} in table {name}")
    if not isinstance(size, int) or size < 1:
        raise ConversionError("table", f"table {name} has no whole number of pieces for {_shown(article)} in {column}")
    return size


def _table(name: str, tables: Mapping[str, Table], value: FromExpression) -> Table:
    table = tables.get(name)
    if table is None:
        raise ConversionError("unknown-table", f"there is no table {name}", on_missing=value.on_missing)
    return table


def _key(name: str, index: Index, item: object) -> str | None:
    """What the item is looked up by, None where no row can have it."""
    key = index.key(item)
    if key is None and not isinstance(item, str) and not is_number(item):
        raise ConversionError("table", f"only a text or a number can be looked up in table {name}")
    return key


def _missing(value: FromExpression, table: str, column: str, item: object, said: str) -> Unset:
    if value.on_missing == "default":
        return UNSET
    missing = (table, column, _text(item))
    raise ConversionError("missing-row", f"{_shown(item)} {said}", on_missing=value.on_missing, missing=missing)


def _text(item: object) -> str:
    return number_text(item) if is_number(item) else str(item)


def _shown(item: object) -> str:
    text = _text(item)
    return repr(text if len(text) <= _SHOWN_MAX else text[:_SHOWN_MAX] + "…")

"""The texts of a workspace against what they may read: each expression in its static scope, each value's table, zone
and converters.

A name that is not in scope is a fault here, not a null at two in the morning. Works on partial shapes: what could not
be read is passed over, and what it might have named is not called unknown. Which scope stands where is `resolve.py`'s.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace

from engine.errors import Fault
from engine.language import LanguageError, Scope, check_expression, check_template
from engine.language.money import EXPONENTS
from engine.language.tables import Table, look_up_columns, pack_columns
from engine.language.units import PACK_NAMES, PACKS, UNITS
from engine.spec import shape
from engine.spec.invalid import INVALID, Misnamed
from engine.spec.secret_text import looks_like_secret
from engine.spec.value import to_value
from engine.spec.workspace import Document, Workspace, closest
from engine.spec.zones import FindZone, closest_zone

UNKNOWN = ("unknown-name", "unknown-variable")
LINES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Doubtful(Scope):
    """A scope of which some names could not be read: one that is not in it may be one of them."""


def scope(names: Collection[str], what: str, *, only: Collection[str] = (), doubtful: bool = False) -> Scope:
    """A closed scope: every name also as $name, the whole as $root; those of `only` as nothing but $name."""
    variables = frozenset((*names, *only, "root"))
    return (Doubtful if doubtful else Scope)(frozenset(names), variables, what, lowered=frozenset(["headers"]))


def fault_in(text: shape.Expression | shape.Template, offset: int, code: str, message: str, hint: str = "") -> Fault:
    """A fault within an expression or a template, which it quotes, unless that holds what should not be shown."""
    quoted = "" if looks_like_secret(text.text) else text.text
    return Fault(code, text.at(offset), text.path, message, hint, quoted=quoted, offset=offset)


@dataclass(frozen=True, slots=True)
class Checker:
    """Checks texts, values and references of one workspace; `faults` grows."""

    workspace: Workspace
    find_zone: FindZone
    faults: list[Fault]

    def fault(self, code: str, document: Document, path: str, message: str, hint: str = "") -> None:
        self.faults.append(Fault(code, document.mark(path), path, message, hint))

    def exists(
        self, code: str, document: Document, path: str, name: str, known: Collection[str], where: str = "there is"
    ) -> bool:
        """Whether a name leads somewhere; the fault `unknown-…` where not. What could not be read is neither."""
        if name is INVALID or isinstance(name, Misnamed):
            return False
        if name in known:
            return True
        what = code.removeprefix("unknown-")
        self.fault(code, document, path, f"{where} no {what} `{name}`", closest(name, known, f"{what}s"))
        return False

    # ── texts ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def text(self, text: shape.Expression | shape.Template | None, within: Scope) -> None:
        """One expression or template; None for a key that was left out."""
        if not text:
            return
        check = check_expression if isinstance(text, shape.Expression) else check_template
        for problem in check(text.text, within):
            if problem.code not in UNKNOWN or not isinstance(within, Doubtful):
                self.faults.append(fault_in(text, problem.offset, problem.code, problem.message, problem.hint))

    def value(self, document: Document, value: shape.Value | None, path: str, within: Scope) -> None:
        """Checks every expression and table of a value, each in its own scope; None for a key that was left out."""
        if isinstance(value, shape.Expression):
            self.text(value, within)
        elif isinstance(value, shape.Filled):
            self.text(value.template, within)
        elif isinstance(value, shape.Converted):
            self.converted(document, value, path, within)
        elif isinstance(value, shape.Object):
            for name, inner in value.fields.items():
                self.value(document, inner, f"{path}.fields.{name}", within)
        elif isinstance(value, shape.Items):
            self.text(value.each, within)
            variables = within.variables | {"root", "parent", "index"}
            inside = replace(within, names=None, variables=variables, what=f"an item of {path}")
            for name, inner in value.fields.items():
                self.value(document, inner, f"{path}.fields.{name}", inside)

    def several(self, document: Document, values: tuple[shape.Value, ...], path: str, within: Scope) -> None:
        """The values of a key that takes one or a list."""
        for place, value in enumerate(values):
            self.value(document, value, f"{path}[{place}]" if document.is_list(path) else path, within)

    # ── converters ───────────────────────────────────────────────────────────────────────────────────────────────────

    def converted(self, document: Document, value: shape.Converted, path: str, within: Scope) -> None:
        self.text(value.from_, within)
        self.text(value.packs_of, within)
        units = frozenset((*UNITS, *PACKS, *PACK_NAMES)) if value.packs else UNITS
        for word, known, what in (
            ("money", EXPONENTS, "currency"),
            ("decimal", EXPONENTS, "currency"),
            ("from_unit", units, "unit"),
        ):
            text: shape.Expression | None = getattr(value, word)
            if text and text.text.strip() in known:
                bare = text.text.strip()
                code = "bare-currency" if known is EXPONENTS else "bare-unit"
                message = f"`{word}` is an expression: {bare} reads a field of that name, not the {what}"
                hint = f'write `{word}: "\'{bare}\'"`; for a field of that name, `{word}: "@.{bare}"`'
                self.fault(code, document, f"{path}.{word}", message, hint)
            else:
                self.text(text, within)
        # With a part that could not be read nobody knows which converters exclude or need one another.
        if not any(getattr(value, word) is INVALID for word in value.__slots__):
            try:
                to_value(value)
            except LanguageError as error:
                self.fault("converters", document, path, error.message, error.hint)
        if value.zone and self.find_zone(value.zone) is None:
            message = f"there is no time zone `{value.zone[:60]}`"
            self.fault("unknown-zone", document, f"{path}.zone", message, closest_zone(value.zone))
        if value.table and (table := self.known_table(document, f"{path}.table", value.table)):
            self.look_up(document, value, path, table)
        if value.packs and (table := self.known_table(document, f"{path}.packs", value.packs)):
            self.packs(document, f"{path}.packs", value.packs, table)

    def known_table(self, document: Document, path: str, name: str) -> Table | None:
        """The table of that name; None, perhaps after a fault, where there is none or it could not be read."""
        if name in self.workspace.tables_unread:
            return None
        found = self.exists("unknown-table", document, path, name, self.workspace.tables)
        return self.workspace.tables[name] if found else None

    def look_up(self, document: Document, value: shape.Converted, path: str, table: Table) -> None:
        """Whether the columns are there, and whatever may be looked up has one answer."""
        for word in ("by", "give"):
            column = getattr(value, word)
            if column is not None:
                has = f"table `{value.table}` has"
                self.exists("unknown-column", document, f"{path}.{word}", column, table.columns, has)
        by, give = look_up_columns(table, value.by, value.give)
        if not {by, give} <= {*table.columns} or INVALID in (value.by, value.give, *value.ignore):
            return
        if value.ignore and table.kind(by) != "text":
            message = f"`ignore` is for text, and column `{by}` of table `{value.table}` holds {table.kind(by)}"
            self.fault("converters", document, f"{path}.ignore", message, "remove it")
            return
        conflicts = table.conflicts(by, give, value.ignore)
        if conflicts:
            where = "ignore" if value.ignore and not table.conflicts(by, give) else "by"
            alike = f" but for {' and '.join(value.ignore)}" if where == "ignore" else ""
            lines = "; ".join(f"{earlier} and {later}" for earlier, later in conflicts[:LINES_SHOWN])
            more = f"; and {len(conflicts) - LINES_SHOWN} more" if len(conflicts) > LINES_SHOWN else ""
            message = f"rows of table `{value.table}` are alike in `{by}`{alike} and differ in `{give}`"
            hint = "a look-up must have one answer: remove one of the rows, or look in a column that tells them apart"
            self.fault("ambiguous-row", document, f"{path}.{where}", f"{message}: lines {lines}{more}", hint)

    def packs(self, document: Document, path: str, name: str, table: Table) -> None:
        """Whether a table says how many pieces packs hold."""
        columns = pack_columns(table)
        untyped = [column for column in table.columns[1:] if column in PACK_NAMES and column not in columns]
        for column in untyped:
            message = f"column `{column}` of table `{name}` holds {table.kind(column)}, and a pack holds whole pieces"
            self.fault("pack-table", document, path, message, f"write `{column}:integer` in its header")
        if not columns and not untyped:
            message = f"table `{name}` has no column that says how many pieces a pack holds"
            hint = "name it for the pack, such as `case:integer`, beside the first column, which is the article's"
            self.fault("pack-table", document, path, message, hint)
        for column in columns:
            sizes = table.index(table.columns[0], column).entries.items()
            article, size = next((each for each in sizes if isinstance(each[1], int) and each[1] < 1), ("", 1))
            if size != 1:
                message = f"table `{name}` says that a {column} of `{article[:60]}` holds {size} pieces"
                self.fault("pack-table", document, path, message, "leave the cell empty where there is no such pack")

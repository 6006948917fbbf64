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
from engine.language.units import UNITS
from engine.spec import shape
from engine.spec.invalid import INVALID, Misnamed
from engine.spec.secret_text import looks_like_secret
from engine.spec.value import to_value
from engine.spec.workspace import Document, Workspace, closest
from engine.spec.zones import FindZone, closest_zone

UNKNOWN = ("unknown-name", "unknown-variable")


@dataclass(frozen=True, slots=True)
class Doubtful(Scope):
    """A scope of which some names could not be read: one that is not in it may be one of them."""


def scope(names: Collection[str], what: str, *, doubtful: bool = False) -> Scope:
    """A closed scope: every name also as $name, and the whole as $root."""
    return (Doubtful if doubtful else Scope)(frozenset(names), frozenset((*names, "root")), what)


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

    # ── converters ───────────────────────────────────────────────────────────────────────────────────────────────────

    def converted(self, document: Document, value: shape.Converted, path: str, within: Scope) -> None:
        self.text(value.from_, within)
        for word, known, what in (
            ("money", EXPONENTS, "currency"),
            ("decimal", EXPONENTS, "currency"),
            ("from_unit", UNITS, "unit"),
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
        if value.table:
            self.table(document, value, path)

    def table(self, document: Document, value: shape.Converted, path: str) -> None:
        name = value.table
        if name is None or name in self.workspace.tables_unread:
            return
        if self.exists("unknown-table", document, f"{path}.table", name, self.workspace.tables):
            columns = self.workspace.tables[name].columns
            for word in ("by", "give"):
                column = getattr(value, word)
                if column is not None:
                    self.exists("unknown-column", document, f"{path}.{word}", column, columns, f"table `{name}` has")

"""A MAPPING against both its contracts: what every field can be, held against what the target asks there.

What it proves of a mapping without faults: no field reads what `from` does not declare, none makes what `to` refuses
whatever the document, and none that `to` requires is left unmade. What goes wrong with some documents only is left to
the run, which has an answer for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from engine.contract.static.kind import LIST, NULL, OBJECT, UNTOLD, Kind, item_of, join, list_of, without
from engine.contract.static.of_value import Refusal, kind_of_value, refusal, refused
from engine.spec import shape
from engine.spec.proof.convert import convert
from engine.spec.proof.fit import OTHERWISE, misfit, uncovered
from engine.spec.proof.functions import an_object
from engine.spec.proof.prover import Prover, Text, Within, begin
from engine.spec.proof.words import describe, file_of, listed, owner
from engine.spec.workspace import Document, closest

CODES = {"type": "type-cannot-fit", "enum": "enum-not-covered", "const": "enum-not-covered"}
"""What a broken rule of the contract is called where a literal breaks it; any other: value-not-in-contract."""


def prove_mapping(prover: Prover, document: Document) -> None:
    """Tells what in a mapping can never be right; the document may be partial."""
    mapping: shape.Mapping = document.partial
    source = prover.contract(mapping.from_)
    within = Within(source, {"root": source})
    values = Values(prover, document)
    for name, value in mapping.let.items():
        kind = values.value(value, f"let.{name}", within, nullable=True)
        within = Within(source, {**within.variables, name: kind})
    made = values.fields(mapping.fields or {}, "fields", within, prover.contract(mapping.to), "")
    if document.content is not None:
        prover.made[document.file] = made


@dataclass(frozen=True, slots=True)
class Values:
    """The values of one document. `asked` is what the target asks where a value stands, `label` the way there in the
    target (`lines[].sku`)."""

    prover: Prover
    document: Document

    def value(
        self,
        value: shape.Value | None,
        path: str,
        within: Within,
        asked: Kind = UNTOLD,
        label: str = "",
        *,
        nullable: bool = False,
    ) -> Kind:
        """What a value can be. Null is among it where the value is `nullable`, or optional: else a run lets none
        pass."""
        if not value or (self.document.file, path) in self.prover.told:
            return UNTOLD
        if (self.document.file, path) in self.prover.doubtful:
            within, asked = Within(UNTOLD, within.variables), UNTOLD
        text: Text | None
        match value:
            case shape.Constant():
                return self.literal(value.value, f"{path}.value", asked, label)
            case shape.Object():
                return self.fields(value.fields or {}, f"{path}.fields", within, asked, label)
            case shape.Items():
                return self.items(value, path, within, asked, label)
            case shape.Filled():
                kind, text = self.prover.template(value.template, within), value.template
            case shape.Converted():
                kind, text = self.converted(value, path, within, asked, label), value.from_
                nullable = nullable or value.optional or value.default is not None
            case _:
                kind, text = self.prover.expression(value, within), value
        if kind.types == NULL and not nullable:
            message = f"{named(label)}this is always null, and a value is needed"
            self.fault("type-cannot-fit", text, path, message, "read another field, or mend its type in the contract")
            return UNTOLD
        self.fits(without(kind, NULL), asked, text, path, label)
        return kind if nullable else without(kind, NULL)

    def fits(self, kind: Kind, asked: Kind, text: Text | None, path: str, label: str) -> None:
        """Tells of a value that never is what is asked, and of texts among it that are not allowed."""
        if found := misfit(kind, asked):
            where = f"{label}{'' if found.path.startswith('[') else '.'}{found.path}" if found.path else label
            self.fault(found.code, text, path, f"{named(where)}{found.message}", found.hint)
        elif texts := uncovered(kind, asked):
            mark = text.at(begin(text)) if text else self.document.mark(path)
            message = f"{named(label)}{listed(texts)} can come, and the contract does not allow it"
            hint = f"it allows {listed(asked.texts or frozenset())}; a table makes one word of another"
            self.prover.finding("enum-partly-covered", mark, path, message, hint)

    def fault(self, code: str, text: Text | None, path: str, message: str, hint: str) -> None:
        """A fault of a text, or of the value at `path` where the text could not be read."""
        if text:
            self.prover.fault_at(text, code, message, hint)
        else:
            self.prover.fault(code, self.document.mark(path), path, message, hint)

    # ── the kinds of values ──────────────────────────────────────────────────────────────────────────────────────────

    def literal(self, literal: shape.Plain | None, path: str, asked: Kind, label: str) -> Kind:
        """A literal is held against the whole of what is asked, not only against its kind."""
        if not literal:
            return UNTOLD
        if found := refusal(asked, literal.value):
            self.refused(found, literal.value, path, asked, label)
            return UNTOLD
        return kind_of_value(literal.value)

    def refused(self, found: Refusal, value: object, path: str, asked: Kind, label: str) -> None:
        inside = f".{found.path}" if found.path else ""
        hint = "write a value that keeps the rule, or change the rule in the contract"
        if isinstance(value, str) and asked.texts:
            hint = closest(value, asked.texts, "allowed texts")
        message = f"{named(label)}the literal {found}"
        code = CODES.get(found.rule, "value-not-in-contract")
        self.prover.fault(code, self.document.mark(path + inside), path, message, hint)

    def converted(self, value: shape.Converted, path: str, within: Within, asked: Kind, label: str) -> Kind:
        made = convert(self.prover, self.document, value, path, within)
        if made.given is not None and (bad := list(refused(asked, made.given))):
            key = "table" if value.give is None else "give"
            texts, rule = [str(text) for text, _ in bad], bad[0][1].rule
            message = f"{named(label)}table {value.table} gives {listed(texts)}, which {bad[0][1].message}"
            code = "enum-not-covered" if rule == "enum" else CODES.get(rule, "value-not-in-contract")
            hint = "change the rows, take another column with `give`, or change the rule in the contract"
            self.prover.fault(code, self.document.mark(f"{path}.{key}"), path, message, hint)
            return UNTOLD
        if value.default is None:
            return made.kind
        default = self.literal(value.default, f"{path}.default", asked, label)
        return join((without(made.kind, NULL), default))

    def items(self, value: shape.Items, path: str, within: Within, asked: Kind, label: str) -> Kind:
        kind = self.prover.expression(value.each, within)
        item = item_of(kind)
        if kind.types and not kind.types & LIST:
            message = f"{named(label)}`each` takes a list, and this is {describe(kind)}"
            hint = "name a list, or mend its type in the contract; [x] makes a list of one item"
            self.fault("type-cannot-fit", value.each, path, message, hint)
            item = UNTOLD
        if asked.types and not asked.types & LIST:
            message = f"{named(label)}{describe(asked)} is asked for, and `each` makes a list"
            self.prover.fault("type-cannot-fit", self.document.key_mark(path, "each"), path, message, OTHERWISE)
            asked = UNTOLD
        asked_item = item_of(asked)
        return list_of(
            self.fields(
                value.fields or {},
                f"{path}.fields",
                within.item(item),
                asked_item if asked_item.types else UNTOLD,
                f"{label}[]",
            )
        )

    def fields(self, fields: Mapping[str, shape.Value], path: str, within: Within, asked: Kind, label: str) -> Kind:
        """An object made field by field; `path` is that of the mapping which names the fields."""
        above = path.rpartition(".")[0]
        if asked.types and not asked.types & OBJECT:
            message = f"{named(label)}{describe(asked)} is asked for, and `fields` makes an object"
            self.prover.fault("type-cannot-fit", self.document.key_mark(above, "fields"), path, message, OTHERWISE)
            asked = UNTOLD
        made: dict[str, Kind] = {}
        optional: set[str] = set()
        meant: set[str] = set()
        for name, value in fields.items():
            wanted = asked.members.find(name).kind
            if not wanted.types:
                meant |= self.not_allowed(name, path, asked)
                wanted = UNTOLD
            inner = f"{label}.{name}" if label else name
            kind = self.value(value, f"{path}.{name}", within, wanted, inner)
            if isinstance(value, shape.Converted) and value.optional and kind.types & NULL:
                optional.add(name)
                kind = without(kind, NULL)
            made[name] = kind
        self.required(asked, made, optional, meant, path)
        return an_object(made, frozenset(optional))

    def not_allowed(self, name: str, path: str, asked: Kind) -> set[str]:
        """Tells of a field that the target does not allow; gives the one that was probably meant."""
        where, contract = owner(asked.members)
        hint = closest(name, asked.members.names(), "fields")
        if contract and not hint.endswith("?"):
            hint += f"; or declare it in {file_of(contract)}"
        message = f"{where} allows no field `{name[:60]}`"
        self.prover.fault("target-not-in-contract", self.document.key_mark(path, name), f"{path}.{name}", message, hint)
        return {known for known in asked.members.names() if f"`{known}`?" in hint}

    def required(self, asked: Kind, made: Mapping[str, Kind], optional: set[str], meant: set[str], path: str) -> None:
        """Tells of what the target requires and no field makes, or one may leave out. Where part of the file could not
        be read, nothing is missing."""
        required = asked.members.required
        if self.document.content is None or (self.document.file, path.rpartition(".")[0]) in self.prover.doubtful:
            return
        where, contract = owner(asked.members)
        for name in sorted(required & optional):
            at = f"{path}.{name}.optional"
            message = f"{where} requires `{name}`, which is left out where it is null"
            hint = "remove `optional`: an event without it is then quarantined; or give a `default`"
            self.prover.fault("target-required", self.document.mark(at), at, message, hint)
        missing = required - made.keys() - meant
        if missing:
            mark = self.document.key_mark(path.rpartition(".")[0], path.rpartition(".")[2])
            message = f"{where} requires {listed(missing)}, which no field makes"
            hint = "make it" if len(missing) == 1 else "make them"
            hint += f", or take out of `required` in {file_of(contract)} what may be missing" if contract else ""
            self.prover.fault("target-required", mark, path, message, hint)


def named(label: str) -> str:
    """The field of the target that a message is about, before it."""
    return f"`{label}`: " if label else ""

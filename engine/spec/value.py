"""The shape of a value, which knows where it stands, as the language's own, which does not."""

from engine.language import values
from engine.spec import shape


def expressions_of(value: shape.Expression | shape.Converted) -> tuple[shape.Expression, ...]:
    """Every expression of a value: its own, and those that give its converters' operands."""
    if isinstance(value, shape.Expression):
        return (value,)
    given = (value.from_, value.money, value.decimal, value.from_unit, value.packs_of)
    return tuple(each for each in given if each is not None)


def to_value(value: shape.Value) -> values.Value:
    """The shape of a value, with its marks, as the language's own."""
    if isinstance(value, shape.Expression):
        return values.FromExpression(text=value.text, where=where(value))
    if isinstance(value, shape.Constant):
        return values.Literal(value.value.value)
    if isinstance(value, shape.Filled):
        return values.Text(value.template.text, where(value.template))
    if isinstance(value, shape.Object):
        return values.Fields({name: to_value(inner) for name, inner in value.fields.items()})
    if isinstance(value, shape.Items):
        fields = {name: to_value(inner) for name, inner in value.fields.items()}
        return values.Each(value.each.text, fields, where(value.each))
    return values.FromExpression(
        text=value.from_.text,
        money=value.money.text if value.money else None,
        minor=value.minor,
        decimal=value.decimal.text if value.decimal else None,
        number=value.number,
        round=value.round,
        digits=value.digits,
        time=value.time,
        zone=value.zone,
        disambiguation=value.disambiguation,
        unit=value.unit,
        from_unit=value.from_unit.text if value.from_unit else None,
        packs=value.packs,
        packs_of=value.packs_of.text if value.packs_of else None,
        table=value.table,
        by=value.by,
        give=value.give,
        ignore=value.ignore,
        on_missing=value.on_missing,
        default=value.default.value if value.default else values.UNSET,
        optional=value.optional,
        where=where(value.from_),
    )


def where(text: shape.Written) -> str:
    """The file and line of a text; empty for one of a kept plan, which stands in no file any more."""
    return f"{text.mark.file}:{text.mark.line}" if text.mark.file.endswith(".yaml") else ""

"""One mistake that no event could survive is one fault, at the place, with the mend; what some events survive is none."""

import pytest
from spec.minimal import MAPPING, SOURCE, SPEC, TABLE, TARGET, read, told
from spec.proof.shop import FILES, LET, MAPPING_TEXT, Edit, edited, only_fault, warnings, with_field


def field(title: str, text: str, code: str, at: str, hint: str = "") -> object:
    """Another field of the mapping is wrong, at the text `at`; `hint` stands in the mend."""
    return pytest.param(with_field(text), code, at, hint, id=title)


def change(title: str, file: str, old: str, new: str, code: str, at: str, hint: str = "") -> object:
    return pytest.param((file, old, new), code, at, hint, id=title)


PATHS = [
    field("a misspelled name", "note: nmae", "path-not-in-contract", "nmae", "did you mean `name`?"),
    field("a name far from all", "note: zzzzzz", "path-not-in-contract", "zzzzzz", "; or declare it in charter/models/shop/order@1.yaml"),
    field("below an object", "email: {from: customer.emial, optional: true}", "path-not-in-contract", "emial", "did you mean `email`?"),
    field("at the end of a long path", "note: line_items[0].tax_lines[0].titel", "path-not-in-contract", "titel", "did you mean `title`?"),
    field("in a projection", "tags: line_items[*].skuu", "path-not-in-contract", "skuu", "did you mean `sku`?"),
    field("in a flattened one", "tags: line_items[].tax_lines[].titel", "path-not-in-contract", "titel", "did you mean `title`?"),
    field("in a filter", "tags: line_items[?qantity > `1`].sku", "path-not-in-contract", "qantity", "did you mean `quantity`?"),
    field("in a function", "note: upper(nmae)", "path-not-in-contract", "nmae", "did you mean `name`?"),
    field("in an &expression", "note: sort_by(line_items, &prise)[0].sku", "path-not-in-contract", "prise", "did you mean `price`?"),
    field("in a multi-select", "anything: '{a: nmae}'", "path-not-in-contract", "nmae", "did you mean `name`?"),
    field("on the right of a comparison", "test: name == nmae", "path-not-in-contract", "nmae", "did you mean `name`?"),
    field("behind $root", "note: $root.nmae", "path-not-in-contract", "nmae", "did you mean `name`?"),
    field("behind a pipe", "note: customer | emial", "path-not-in-contract", "emial", "did you mean `email`?"),
    field("in a currency", "grams: {from: weight, unit: g, from_unit: unti}", "path-not-in-contract", "unti"),
    field("in a template", 'note: {template: "Order {{ nmae }}"}', "path-not-in-contract", "nmae", "did you mean `name`?"),
    field("below a name in a template", 'note: {template: "for {{ customer.emial }}"}', "path-not-in-contract", "emial", "did you mean `email`?"),
    field("in a condition of a template", 'note: {template: "{% if nmae %}x{% endif %}"}', "path-not-in-contract", "nmae"),
    field("in one of two shapes", "note: address.cty", "path-not-in-contract", "cty", "did you mean `city`?"),
    field("in what the expression itself makes", "note: '{a: name}.b'", "path-not-in-contract", "b", "fields: a"),
    field("a field of a text", "note: name.first", "path-not-in-contract", "first"),
    field("a field of a list", "note: line_items.sku", "path-not-in-contract", "sku", "write [*].sku for that of all items"),
    field("an item of an object", "note: customer[0]", "path-not-in-contract", "0]", "write .* for the values of an object"),
    field("items of a text", "tags: name[*]", "path-not-in-contract", "name"),
    field("values of a list", "anything: line_items.*", "path-not-in-contract", "line_items", "write [*] for the items"),
    change("in let", MAPPING, LET, "let: {shop: nmae}", "path-not-in-contract", "nmae", "did you mean `name`?"),
    change("inside each, a name of the order", MAPPING, "sku: sku", "sku: name", "path-not-in-contract", "name"),
    change("inside each, behind $parent", MAPPING, "sku: sku", "sku: $parent.nmae", "path-not-in-contract", "nmae"),
    change("where each begins", MAPPING, "each: line_items", "each: lineitems", "path-not-in-contract", "lineitems", "`line_items`"),
]  # fmt: skip

TYPES = [
    field("a number for a text", "note: number", "type-cannot-fit", "number", "to_string(x)"),
    field("a text for a number", "grams: name", "type-cannot-fit", "name", "to_number(x)"),
    field("a fraction is asked of a text", "counts: tags", "type-cannot-fit", "tags"),
    field("a list for a text", "note: tags", "type-cannot-fit", "tags"),
    field("items of the wrong type", "tags: line_items[*].quantity", "type-cannot-fit", "line_items", "to_string(x)"),
    field("an object for a text", "note: {fields: {a: name}}", "type-cannot-fit", "fields"),
    field("a list for an object", "customer: {each: tags, fields: {email: '@'}}", "type-cannot-fit", "each"),
    field("a list of what is none", "anything: {each: customer, fields: {a: email}}", "type-cannot-fit", "customer"),
    field("always null", "note: nothing", "type-cannot-fit", "nothing"),
    field("a truth for a text", "note: number > `1`", "type-cannot-fit", "number"),
    field("a date for an instant", "placed_at: due_on", "type-cannot-fit", "due_on"),
    field("an instant made a date for an instant", "placed_at: {from: created_at, time: date}", "type-cannot-fit", "created_at"),
    field("an instant made of a date", "placed_at: {from: due_on, time: utc}", "type-cannot-fit", "due_on", "time: date"),
    field("money for a text", "note: {from: total_price, money: currency}", "type-cannot-fit", "total_price", "to_string(x)"),
    field("money of a list", "anything: {from: tags, money: currency}", "type-cannot-fit", "tags"),
    field("a currency that is a number", "anything: {from: total_price, money: number}", "type-cannot-fit", "number"),
    field("a currency that is none", "anything: {from: total_price, money: \"'EURO'\"}", "type-cannot-fit", "'EURO'", "did you mean `EUR`?"),
    field("a time of a truth", "anything: {from: test, time: utc}", "type-cannot-fit", "test"),
    field("a row for an object", "anything: {from: customer, table: statuses}", "type-cannot-fit", "customer"),
    field("a table's text for a number", "grams: {from: status, table: statuses}", "type-cannot-fit", "statuses"),
    field("a function of the wrong type", "note: lower(number)", "type-cannot-fit", "number", "to_string(x)"),
    field("a sum of texts", "anything: sum(line_items[*].price)", "type-cannot-fit", "line_items", "map(&to_number(@), list)"),
    field("a list joined of numbers", "note: \"join('-', [number])\"", "type-cannot-fit", "[number]", "map(&to_string(@), list)"),
    field("a number among joined texts", "note: \"join('-', [name, number])\"", "type-cannot-fit", "number", "to_string(x)"),
    field("texts multiplied", "anything: total_price * number", "type-cannot-fit", "total_price", "to_number(x)"),
    field("a literal of the wrong type", "note: {value: 5}", "type-cannot-fit", "5"),
    field("a default of the wrong type", "note: {from: name, default: 5}", "type-cannot-fit", "5"),
    field("a default null", "note: {from: name, default: null}", "type-cannot-fit", "null"),
    field("a list in a hole", 'note: {template: "{{ tags }}"}', "type-cannot-fit", "tags", "use `| join(', ')`"),
    field("a text joined in a hole", "note: {template: \"{{ name | join(', ') }}\"}", "type-cannot-fit", "name"),
    field("an object made by an expression", "customer: '{email: number}'", "type-cannot-fit", "{email"),
]  # fmt: skip

COMPARISONS = [
    field("a number with a text", "test: number == '5'", "comparison-cannot-hold", "number", "to_string(x)"),
    field("a text ordered with a number", "test: total_price > `100`", "comparison-cannot-hold", "total_price", "to_number(x)"),
    field("a word that the enumeration lacks", "test: status == 'payed'", "comparison-cannot-hold", "status", "did you mean `paid`?"),
    field("in a filter", "tags: \"line_items[?quantity == '1'].sku\"", "comparison-cannot-hold", "quantity"),
    field("a number in a list of texts", "test: \"contains(['1', '2'], number)\"", "comparison-cannot-hold", "contains", "to_string(x)"),
    field("a word in a list of others", "test: \"contains(['payed', 'void'], status)\"", "comparison-cannot-hold", "contains"),
    field("in a template", "note: {template: \"{% if number == 'x' %}a{% endif %}\"}", "comparison-cannot-hold", "=="),
]  # fmt: skip

TARGETS = [
    field("a field that is not allowed", "chanel: {value: shop}", "target-not-in-contract", "chanel", "did you mean `channel`?"),
    change("a required one misspelled", MAPPING, "total: {from", "totl: {from", "target-not-in-contract", "totl", "did you mean `total`?"),
    field("one deep inside", "customer: {fields: {email: name, fax: name}}", "target-not-in-contract", "fax", "or declare it in"),
    field("one that an expression makes", "customer: '{email: name, fax: name}'", "target-not-in-contract", "{email"),
    change("one inside each", MAPPING, "sku: sku", "sku: sku\n      skuu: sku", "target-not-in-contract", "skuu", "did you mean `sku`?"),
    field("one in a literal", "customer: {value: {email: a, fax: b}}", "value-not-in-contract", "{email"),
    change("a required one that nobody makes", MAPPING, "  total: {from: total_price, money: currency}\n", "", "target-required", "fields:", "make it"),
    change("one inside each that nobody makes", MAPPING, "      sku: sku\n", "", "target-required", "fields:", "make it"),
    field("one inside an object", "customer: {fields: {phone: name}}", "target-required", "fields:"),
    field("one inside an expression's object", "customer: '{phone: name}'", "target-required", "{phone"),
    field("one inside a literal", "customer: {value: {phone: a}}", "value-not-in-contract", "{phone"),
    change("a required one that may be left out", MAPPING, "id: join('-', [$shop, to_string(id)])", "id: {from: name, optional: true}", "target-required", "true", "default"),
]  # fmt: skip

ENUMERATIONS = [
    field("a literal", "channel: {value: shopp}", "enum-not-covered", "shopp", "did you mean `shop`?"),
    field("a default", "channel: {from: name, default: none}", "enum-not-covered", "none"),
    field("a text of an expression", "channel: \"'shopp'\"", "enum-not-covered", "'shopp'", "did you mean `shop`?"),
    change("a row of a table", TABLE, "voided,void,", "voided,voidd,", "enum-not-covered", "statuses"),
    change("a whole column", MAPPING, "table: statuses}", "table: statuses, give: theirs}", "enum-not-covered", "theirs"),
    field("a literal that breaks a pattern", "currency: {value: eur}", "value-not-in-contract", "eur"),
    field("a literal out of bounds", "grams: {value: -1}", "value-not-in-contract", "-1"),
    field("a literal that is no date", "due: {value: tomorrow}", "value-not-in-contract", "tomorrow"),
    field("a text that breaks a pattern", "currency: \"'eur'\"", "value-not-in-contract", "'eur'"),
]  # fmt: skip

INTEGRATIONS = [
    change("in when", SPEC, "when: body.status == 'paid'", "when: body.statsu == 'paid'", "path-not-in-contract", "statsu", "did you mean `status`?"),
    change("a word in when", SPEC, "when: body.status == 'paid'", "when: body.status == 'payed'", "comparison-cannot-hold", "body", "`paid`"),
    change("in the key", SPEC, "to_string(body.id)", "to_string(body.idd)", "path-not-in-contract", "idd", "did you mean `id`?"),
    change("a key that is no identity", SPEC, "to_string(body.id)", "body.customer", "type-cannot-fit", "body.customer"),
    change("in once", SPEC, "once: order.id", "once: order.idd", "path-not-in-contract", "idd", "did you mean `id`?"),
    change("what the mapping does not make", SPEC, "once: order.id", "once: order.note", "type-cannot-fit", "order.note"),
    change("in a step's condition", SPEC, "order.total >", "order.totl >", "path-not-in-contract", "totl", "did you mean `total`?"),
    change("a comparison in a condition", SPEC, "order.total > `500`", "order.id > `500`", "comparison-cannot-hold", "order.id"),
    change("in a reason", SPEC, "{{ order.id }}", "{{ order.idd }}", "path-not-in-contract", "idd", "did you mean `id`?"),
    change("in an input", SPEC, "input: order\n", "input: '{x: body.nmae}'\n", "path-not-in-contract", "nmae", "did you mean `name`?"),
    change("of the event", SPEC, "once: order.id", "once: event.ident", "path-not-in-contract", "ident", "did you mean `id`?"),
    change("the wrong part is mapped", SPEC, "map: shop-order", "map: shop-order\n    from: body.line_items", "type-cannot-fit", "body.line_items"),
]  # fmt: skip

EVERY = [*PATHS, *TYPES, *COMPARISONS, *TARGETS, *ENUMERATIONS, *INTEGRATIONS]


@pytest.mark.parametrize(("edit", "code", "at", "hint"), EVERY)
def test_a_mistake_is_told_once_where_it_stands(edit: Edit, code: str, at: str, hint: str) -> None:
    fault, text = only_fault(edited(edit))
    assert (fault.code, text.startswith(at)) == (code, True), f"{fault}\npoints at: {text}"
    assert fault.hint, "every fault says what to write instead"
    assert hint in fault.hint, fault
    assert fault.severity == "error"


def test_the_table_is_long_and_the_workspace_it_stands_on_is_clean() -> None:
    assert len(EVERY) >= 90
    _, faults = read(FILES)
    assert not faults, told(faults)
    assert not warnings(FILES)


SILENT = {
    "a name below an object that declares none": "anything: attributes.colour",
    "a name of an object of any names": "note: texts.colour",
    "a name of an object that is open on purpose": "anything: open.colour",
    "a name that one of two shapes has": "note: address.zip",
    "null on the way is no mistake": "note: customer.email",
    "what may be null": "email: {from: customer.email, optional: true}",
    "a default for null": "email: {from: customer.email, default: none}",
    "a number where a whole one is asked": "total_: total",
    "a name with a default in a template": "note: {template: \"{{ name | default('?') }}\"}",
    "a list joined in a template": "note: {template: \"{{ tags | join(', ') }}\"}",
    "a variable in a template": 'note: {template: "{{ shop }} {{ root.name }}"}',
    "null asked for out of caution": "test: number != `null`",
    "what may be one or the other": "anything: not_null(test, name) == 'x'",
    "the idiom for if": "note: test && name || 'none'",
    "the idiom for a list that may be missing": "tags: tags || `[]`",
    "a list that is always empty": "counts: '`[]`'",
    "an empty list's items": 'anything: "`[]`[*].any"',
    "a text that a function makes a number": "grams: to_number(total_price)",
    "a word of the enumeration": "test: status == 'paid'",
    "a table behind which another converter stands": "anything: {from: status, table: statuses, number: integer}",
    "a column that is free text": "note: {from: status, table: statuses, give: note}",
    "a whole literal": "customer: {value: {email: a@b.example}}",
    "an object by an expression": "customer: '{email: name}'",
    "an object taken over whole": "anything: customer",
    "what a function gives of any names": "note: url_query(name).utm_source",
    "group by": "anything: group_by(line_items, &sku).x[0].price",
    "merge": "note: 'merge(open, {a: name}).a'",
    "merge, a name of neither": "anything: 'merge(texts, {a: name}).b'",
    "items": "anything: items(texts)[*][0]",
    "a filter over another": "tags: line_items[?tax_lines[?rate > `0`]].sku",
    "$parent and $index in each": "anything: {each: line_items, fields: {a: $parent.name, b: $index, c: $root.id}}",
    "lists in lists": "anything: {each: line_items, fields: {a: {each: tax_lines, fields: {t: title, s: $parent.sku}}}}",
    "let": "note: $shop",
}


@pytest.mark.parametrize("text", [pytest.param(text, id=title) for title, text in SILENT.items()])
def test_what_some_document_survives_is_no_fault(text: str) -> None:
    if text.startswith("total_"):
        files = edited((MAPPING, "{from: total_price, money: currency}", "weight"))
    else:
        files = edited(with_field(text))
    _, faults = read(files)
    assert not faults, told(faults)
    assert not warnings(files)


# ── findings ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_word_of_the_source_for_which_the_table_has_no_row_is_a_warning() -> None:
    (found,) = warnings(edited((TABLE, "voided,void,\n", "")))
    assert (found.mark.file, found.path, found.severity) == (MAPPING, "fields.status.table", "warning")
    assert "`voided`" in found.message
    silent = edited(
        (TABLE, "voided,void,\n", ""),
        (MAPPING, "table: statuses}", "table: statuses, on_missing: default, default: open}"),
    )
    assert not warnings(silent)


def test_a_word_of_the_source_that_the_target_does_not_allow_is_a_warning() -> None:
    (found,) = warnings(edited(with_field("kind: kind")))
    assert (found.path, found.severity) == ("fields.kind", "warning")
    assert "`wholesale`" in found.message
    assert "`trade`" in found.hint


# ── whatever has a fault of its own ──────────────────────────────────────────────────────────────────────────────────

PARTIAL = {
    "an expression that cannot be parsed": (with_field("note: nmae."), "expression-syntax"),
    "a bare literal": (with_field("test: name == true"), "bare-literal"),
    "a variable out of scope": (with_field("note: $shpo"), "unknown-variable"),
    "a function that does not exist": (with_field("note: uper(number)"), "unknown-function"),
    "a converter that does not exist": (with_field("note: {from: number, nubmer: integer}"), "unknown-key"),
    "converters that exclude one another": (with_field("note: {from: number, number: integer, time: utc}"), "converters"),
    "a zone that does not exist": (with_field("grams: {from: name, time: utc, zone: Mars}"), "unknown-zone"),
    "a table that does not exist": (with_field("grams: {from: status, table: status}"), "unknown-table"),
    "a column that does not exist": (with_field("grams: {from: status, table: statuses, give: x}"), "unknown-column"),
    "a table with faults": ((TABLE, "voided,void,", "voided,void"), "table"),
    "a source contract with faults": ((SOURCE, "number: {type: integer}", "number: {type: intger}"), "contract-schema"),
    "a target contract with faults": ((TARGET, "total: {type: integer}", "total: {type: intger}"), "contract-schema"),
    "a source contract that does not exist": ((MAPPING, "from: shop/order@1", "from: shop/order@9"), "unknown-contract"),
    "a target contract that does not exist": ((MAPPING, "to: canonical/order@1", "to: canonical/order@9"), "unknown-contract"),
    "each misspelled": ((MAPPING, "    each: line_items", "    eahc: line_items"), "unknown-key"),
    "fields misspelled": ((MAPPING, "\nfields:\n", "\nfeilds:\n"), "unknown-key"),
    "let misspelled": ((MAPPING, LET, LET.replace("let", "lett")), "unknown-key"),
    "a required field that could not be read": ((MAPPING, "{from: total_price, money: currency}", "5"), "bare-literal"),
    "an alias instead of a field": ((MAPPING, "total: {from: total_price, money: currency}", "total: *x"), "yaml-alias"),
    "a mapping that does not exist": ((SPEC, "map: shop-order", "map: shop-ordr"), "unknown-mapping"),
    "a step without a name": ((SPEC, "- id: review", "- id: Review"), "bad-name"),
}  # fmt: skip


@pytest.mark.parametrize(("edit", "code"), [pytest.param(*case, id=title) for title, case in PARTIAL.items()])
def test_what_has_a_fault_already_is_passed_over_and_so_is_what_depends_on_it(edit: Edit, code: str) -> None:
    fault, _ = only_fault(edited(edit))
    assert fault.code == code


def test_a_fault_hides_no_proof_of_anything_else() -> None:
    text = "note: nmae.\nemail: custmer.email\ngrams: {value: x}"
    _, faults = read(edited(with_field(text), (SPEC, "order.total >", "order.totl >")))
    assert [fault.code for fault in faults] == [
        "expression-syntax",
        "path-not-in-contract",
        "type-cannot-fit",
        "path-not-in-contract",
    ], told(faults)


def test_a_key_that_the_proof_does_not_know_makes_the_value_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    from engine.spec.proof import convert

    files = edited(with_field("note: {from: number, number: integer}"))
    assert only_fault(files)[0].code == "type-cannot-fit"
    monkeypatch.setattr(convert, "KEYS", convert.KEYS - {"number"})
    _, faults = read(files)
    assert not faults, told(faults)


def test_the_text_of_the_mapping_is_the_one_the_tests_change() -> None:
    assert FILES[MAPPING] == MAPPING_TEXT

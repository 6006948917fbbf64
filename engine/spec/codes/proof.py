"""Codes of what can never be right, told from contracts before anything runs. Their proofs live in
`engine.spec.proof`."""

from engine.spec.codes.explanation import Explanation

PROOF = (
    Explanation(
        "path-not-in-contract",
        "An expression or a hole reads a name that the contract does not declare there, or looks for fields or items in"
        " what has none.",
        "A misspelled name gives null for every event, quietly where the field is optional. That a contract leaves an"
        " object open lets other fields pass; it does not say that they come.",
        "Write the name as the contract has it. A field that is really sent is declared in the contract, under"
        " `properties`; an object whose names nobody knows beforehand says so, with `additionalProperties: true` or a"
        " schema. The items of a list are read with [*].",
        "fields: {total: {from: totl_price, money: currency}}",
        "fields: {total: {from: total_price, money: currency}}",
    ),
    Explanation(
        "type-cannot-fit",
        "A value is never of the type that is needed: by the field of the target, a converter, a function, a hole or an"
        " identity.",
        "Whatever arrives, the event ends quarantined; with the first real event, not with the first test.",
        "Convert it: `money`, `number`, `time`, `unit`, or to_string() and to_number() inside an expression. Where the"
        " contract is wrong about the type, mend the contract.",
        "fields: {number: order_number}       # a number; the target asks for a text",
        "fields: {number: to_string(order_number)}",
    ),
    Explanation(
        "comparison-cannot-hold",
        "A comparison has the same outcome whatever the document: its sides are never of one type, or a text is none of"
        " those that the contract allows.",
        "A condition that is never true runs no step and holds no order, and nobody notices that it does not.",
        "Compare a text with a text in single quotes, a number with a number between backticks; to_number(x) makes a"
        " number of a text. Write words as the contract's enumeration has them.",
        "when: body.total_price > `100`       # a text such as '99.90'",
        "when: to_number(body.total_price) > `100`",
    ),
    Explanation(
        "target-not-in-contract",
        "A mapping makes a field that its target does not allow.",
        "The target is closed (`additionalProperties: false`), so every result would break it.",
        "Write the name as the contract has it, or declare the field in the contract.",
    ),
    Explanation(
        "target-required",
        "The target requires a field that no field of the mapping makes, or one that is left out where it is null.",
        "A result without it breaks the contract, and its event is quarantined.",
        "Make the field. Where a value may be null, drop `optional` (events without it are then quarantined by"
        " name), give a `default`, or do not require it in the contract.",
        "fields: {id: {from: id, optional: true}}",
        "fields: {id: id}",
    ),
    Explanation(
        "enum-not-covered",
        "A text that a table, a literal or a default gives is not among those that the target's enumeration allows.",
        "The events that get it break the contract; a row of a table may wait for months for its first one.",
        "Write one of the allowed texts into the table or the mapping, or allow the new one in the contract.",
        "fields: {channel: {value: shopfy}}",
        "fields: {channel: {value: shopify}}",
    ),
    Explanation(
        "value-not-in-contract",
        "A literal, a default or a cell of a table breaks a rule of the target: a pattern, a bound, a format, a field"
        " that it requires.",
        "It is the same for every event, so every event that gets it is quarantined.",
        "Write a value that keeps the rule, or mend the rule in the contract.",
        "fields: {currency: {value: eur}}     # the contract: pattern ^[A-Z]{3}$",
        "fields: {currency: {value: EUR}}",
    ),
    Explanation(
        "enum-partly-covered",
        "The contract of the source allows texts for which a table has no row, or which the target does not allow.",
        "Nothing is wrong until the first event comes with one of them; that event waits for a person.",
        "Add the rows to the table, say with `on_missing: default` what stands for all others, or translate the texts"
        " by a table.",
    ),
)

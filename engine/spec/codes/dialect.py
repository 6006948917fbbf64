"""Codes of the dialect: keys and words that are not its own, and names that lead nowhere."""

from engine.spec.codes.explanation import Explanation

DIALECT = (
    Explanation(
        "unknown-key",
        "A key is not part of the dialect at this place.",
        "A key that nobody reads does nothing; it would look as if it worked.",
        "Correct its spelling, or move it to where it belongs; the message lists the keys of the place.",
        "recieve:\n  webhook: {path: /hooks/orders, system: shopify}",
        "receive:\n  webhook: {path: /hooks/orders, system: shopify}",
    ),
    Explanation(
        "missing-key",
        "A key that must be given is not.",
        "There is no default that would be right for everybody.",
        "Add it. Where a key is needed only beside another, the message says beside which.",
    ),
    Explanation(
        "one-of",
        "Of several keys exactly one must be given.",
        "Each says what the thing is: a step maps, calls, holds, decides, emits, or goes over a list.",
        "Keep one of them; make two steps where both are meant.",
        "- {id: erp, map: shopify-order, call: erp.create_order}",
        "- {id: order, map: shopify-order}\n- {id: erp, call: erp.create_order, input: order, once: order.id}",
    ),
    Explanation(
        "not-available",
        "A key, a word or a kind of file is part of the dialect, and this release does not run it yet.",
        "It is told rather than ignored: an integration that silently lacks its `silence` or its `pages` is worse"
        " than none.",
        "Leave it out for now, or stay with what does this today.",
    ),
    Explanation(
        "key-not-here",
        "A key of the dialect stands where it means nothing.",
        "`once` belongs to a call or an emitted event, `from` to a mapping; a signature scheme that fixes its header"
        " takes no other; of a topic the charter says contract and key, so that its receivers do not.",
        "Remove it, or move it to the step it was meant for.",
        "- {id: order, map: shopify-order, once: body.id}",
        "- {id: order, map: shopify-order}",
    ),
    Explanation(
        "wrong-type",
        "A value is of another kind than the key takes: a list for a text, a text for a number, nothing at all.",
        "Guessing what was meant would guess wrong one day. A key without a value is often a `#` that began a comment.",
        "Write what the message asks for. Quote text that looks like a number, a date's part or a word of"
        " YAML, and text"
        " with a `#`.",
        "contact: #orders",
        'contact: "#orders"',
    ),
    Explanation(
        "wrong-value",
        "An object stands for a value and does not say what kind, or an expression has an argument that can"
        " never work.",
        "`{a: b}` could be a literal, an object made field by field, or a misspelled converter.",
        "An object needs one of `from`, `value`, `template`, `fields`, `each`.",
        "input: {id: order.id}",
        "input: {fields: {id: order.id}}",
    ),
    Explanation(
        "bad-name",
        "A name is not spelled as names of its kind are.",
        "Files and systems are kebab-case; steps, operations and `let` names, which expressions use, are snake_case,"
        " since `a-b` in an expression is not a name.",
        "Respell it as the message shows.",
        "- {id: create-order, call: erp.create_order}",
        "- {id: create_order, call: erp.create_order}",
    ),
    Explanation(
        "unknown-word",
        "A word is none of those the key knows.",
        "A word that nobody knows would be a default in disguise.",
        "Choose one of the words that the message lists.",
        "effect: idempotant",
        "effect: idempotent",
    ),
    Explanation(
        "empty-list",
        "A list that must hold something is empty.",
        "No secret would verify nothing, and no answer would answer nothing.",
        "Give at least one item, or remove the key.",
    ),
    Explanation(
        "bad-duration",
        "A span of time is not written as one.",
        "Without its unit 30 is half a minute to one reader and half an hour to the next.",
        "A number and a unit: us, ms, s, m, h, d.",
        "timeout: 30",
        "timeout: 30s",
    ),
    Explanation(
        "bad-rate",
        "A rate is not written as one, or never lets anything through.",
        "Without its unit 25 is a second's worth to one reader and a minute's to the next.",
        "A number, a slash and a unit: s, min, h, d. A part of one may be written: 0.5/s is one call in two seconds.",
        "quota: {rate: 25}",
        "quota: {rate: 25/s}",
    ),
    Explanation(
        "out-of-range",
        "A value is of the right kind, and of a size with which the key can do nothing, or nothing else.",
        "It would be read as a limit, a pause or a share, and be none.",
        "Write one within the range that the message gives, or remove the key and take its default.",
        "breaker: {failures: 0%}",
        "breaker: {failures: 50%}",
    ),
    Explanation(
        "literal-secret",
        "A secret is written into the file.",
        "Files are committed, copied and shown in reviews; whoever has read the repository has the secret.",
        "Refer to it: {secret: NAME}, with the value in the file NAME of the folder WAYBILL_SECRETS names, or in"
        " WAYBILL_SECRET_NAME. Then change the secret, for it was written down.",
        "auth: {bearer: a-token-in-the-clear}",
        "auth: {bearer: {secret: ERP_TOKEN}}",
    ),
    Explanation(
        "converters",
        "The converters of a value exclude or need one another.",
        "A value is converted once: a table first, then one of time, unit, money, decimal and number, then the default."
        " `zone` without `time`, `round` where nothing has more digits than are wanted, or `optional` with a `default`"
        " would do nothing.",
        "Keep those that belong together; two conversions are two steps of a mapping's `let`.",
        "total: {from: total_price, minor: true}",
        "total: {from: total_price, money: currency, minor: true}",
    ),
    Explanation(
        "unknown-team",
        "No team of the charter has this name.",
        "Somebody must answer for it at night.",
        "Correct it, or add the team to charter/charter.yaml.",
    ),
    Explanation(
        "unknown-environment",
        "No environment of the charter has this name.",
        "An address for an environment that is misspelled is never used, and the engine starts without it elsewhere.",
        "Correct it, or add it to `environments` in charter/charter.yaml.",
    ),
    Explanation(
        "unknown-system",
        "No file of charter/systems has this name.",
        "Its address, sign-in and signatures would be unknown.",
        "Correct it, or describe the system in charter/systems/<name>.yaml.",
    ),
    Explanation(
        "unknown-operation",
        "The system declares no operation of this name.",
        "What the call sends, and what it does there, stands in the operation.",
        "Correct it, or add the operation to the system's file.",
        "call: erp.creat_order",
        "call: erp.create_order",
    ),
    Explanation(
        "unknown-integration",
        "No file of specs/ has this name.",
        "A profile of load would leave out whom it was written for.",
        "Correct it, or write specs/<name>.yaml.",
    ),
    Explanation(
        "not-sent-to",
        "A profile of load sends to an integration that receives a topic.",
        "Nobody outside sends to it: its events are told by other integrations, as many as those are sent.",
        "Take it out of `mix`; it takes part as soon as one that tells its topic is sent to.",
        "mix: {orders-to-parcels: 1}",
        "mix: {shopify-orders-to-erp: 1}          # which tells the topic `orders`",
    ),
    Explanation(
        "outage-without-end",
        "A profile of load holds messages back and has no later phase in which they come.",
        "What is due in an outage comes over the whole of the next phase; it would never be sent, and the run would"
        " look better than the day.",
        "Add a phase behind it. Its length is how long the senders take to make up for what they held back.",
        "phases:\n  - {name: outage, for: 10s, rate: 50/s, outage: true}",
        "phases:\n  - {name: outage, for: 10s, rate: 50/s, outage: true}\n  - {name: catch-up, for: 5s, rate: 50/s}",
    ),
    Explanation(
        "empty-profile",
        "A profile of load sends nothing, or nothing that is judged.",
        "A run of it would hold whatever the engine does.",
        "Give a phase that is no warm-up a rate.",
    ),
    Explanation(
        "unknown-mapping",
        "No file of mappings/ has this name.",
        "The step would have nothing to run.",
        "Correct it, or write mappings/<name>.yaml.",
    ),
    Explanation(
        "unknown-contract",
        "No contract of charter/models has this name.",
        "Nothing would be checked against it.",
        "Correct it, with its version, or add charter/models/<family>/<name>@<version>.yaml.",
        "contract: shopify/order",
        "contract: shopify/order@2024-10",
    ),
    Explanation(
        "unknown-topic",
        "The charter has no topic of this name.",
        "Topics are what integrations tell one another; contract and key of each stand in the charter, so that who"
        " emits and who receives mean the same.",
        "Correct it, or add it to `topics` in charter/charter.yaml, with its contract and its key.",
        "receive: {topic: order}",
        "receive: {topic: orders}",
    ),
    Explanation(
        "unknown-table",
        "No file of charter/tables has this name.",
        "Every look-up would miss.",
        "Correct it, or add charter/tables/<name>.csv.",
    ),
    Explanation(
        "unknown-column",
        "The table has no column of this name.",
        "`by` and `give` name columns of the header; every look-up would miss.",
        "Correct it; the message lists the columns.",
    ),
    Explanation(
        "ambiguous-row",
        "A look-up in a table can have two answers.",
        "Rows are told apart by the first column alone. With `by:` another column is asked, with `ignore:` texts that"
        " are not the same count as one; where such rows differ in what they give, no answer would be right.",
        "Remove one of the rows whose lines are named, look in a column that tells them apart, or ignore less.",
        "sku: {from: erp_sku, table: sku-registry, by: name, give: sku}",
        "sku: {from: erp_sku, table: sku-registry, by: erp_sku, give: sku}",
    ),
    Explanation(
        "pack-table",
        "A table that `packs` names does not say how many pieces a pack holds.",
        "Its first column is the article. Every other column that is typed `integer` is a pack, under the name that"
        " `from_unit` gives or that its UN/CEFACT code stands for (CS is `case`, CT `carton`, PK `pack`, PX `pallet`);"
        " an empty cell says that the article has no such pack.",
        "Give the table a header such as `sku,case:integer,pallet:integer`, and sizes of at least 1.",
    ),
    Explanation(
        "unknown-zone",
        "There is no time zone of this name.",
        "A stamp without an offset would be read in no zone at all: every event that carries one would be quarantined.",
        "Write a name of the IANA time zone database. Abbreviations such as CET do not say when the clocks change"
        " everywhere they are used.",
        "placed_at: {from: created, time: utc, zone: Europe/Berln}",
        "placed_at: {from: created, time: utc, zone: Europe/Berlin}",
    ),
    Explanation(
        "unknown-recording",
        "An example names an event that is not there.",
        "An example that cannot be run shows nothing.",
        "Correct the path; it begins at the workspace, with recordings/.",
    ),
    Explanation(
        "example-count",
        "An example has another number of expectations than of events.",
        "Each event ends somewhere of its own; with a number missing nobody knows which. Only of a delivery that is"
        " split the number is not known before it runs.",
        "Give one entry of `expect` for each of `events`, in the same order.",
        "events: [recordings/a.json, recordings/b.json]\nexpect: [{status: done}]",
        "events: [recordings/a.json, recordings/b.json]\nexpect: [{status: done}, {status: done}]",
    ),
    Explanation(
        "duplicate-path",
        "Two integrations listen on the same path.",
        "One request goes to one integration; the other would never hear anything.",
        "Give each a path of its own, and register both at the sender.",
    ),
    Explanation(
        "lookup-effect",
        "A look-up calls an operation that changes something.",
        "A look-up is asked when nobody knows what happened, and may be asked often.",
        "Look up with an operation whose effect is `none`.",
    ),
    Explanation(
        "undo-effect",
        "What should undo an operation takes nothing back.",
        "An operation without effect changes nothing, and one that is called again does the same thing twice.",
        "Undo with an operation that has an effect of its own: a cancellation, a refund, a release.",
        "undo: {call: find_order, input: '{id: result}'}",
        "undo: {call: cancel_order, input: '{id: result}'}",
    ),
    Explanation(
        "pick-not-among",
        "`pick` gives what is none of the step's `any_of`, or no list.",
        "Only what `any_of` lists is checked, asked before anything is sent, and known when the effect is undone. An"
        " event whose `pick` gives something else is quarantined; here it always would be.",
        "Add the operation to `any_of`, or correct its name in `pick` or in the row of the decision.",
        "call: {any_of: [dhl.label, ups.label], pick: {value: [gls.label]}}",
        "call: {any_of: [dhl.label, ups.label], pick: {value: [ups.label]}}",
    ),
    Explanation(
        "row-never-reached",
        "A row of a decision stands behind one that always holds.",
        "With `first` the first row that holds decides, and a row without `when` always does.",
        "Put the row without `when` last; it says what is decided where no other row holds.",
        "first:\n  - {then: {value: [dhl.label]}}\n  - {when: body.heavy, then: {value: [ups.label]}}",
        "first:\n  - {when: body.heavy, then: {value: [ups.label]}}\n  - {then: {value: [dhl.label]}}",
    ),
    Explanation(
        "warn-too-late",
        "A hold warns when it has expired already.",
        "Nobody would be told in time, which is what `warn` is for.",
        "Give `warn` a shorter span than `expires`.",
        "hold: {queue: review, reason: odd, expires: 12h, warn: 1d}",
        "hold: {queue: review, reason: odd, expires: 12h, warn: 8h}",
    ),
    Explanation(
        "not-in-each",
        "A step that works only outside stands inside `each`.",
        "An item has one place in its list, so that each effect has one identity and a crash finds the way back: no"
        " item has items of its own. And what a topic tells has the key of the whole event, so that no item waits for"
        " it.",
        "Make one list of all things by an expression and go over that; wait for a topic before or after. A `hold` for"
        " people may stand inside: it holds the event once all other items have ended or wait as well.",
        "each: body.parcels\nas: parcel\nsteps:\n  - {id: lines, each: parcel.lines, as: line, steps: []}",
        "each: body.parcels[].lines[]\nas: line\nsteps:\n  - {id: stock, call: wms.pick, input: line}",
    ),
    Explanation(
        "no-lookup",
        "A step looks up what is unknown, and the operation declares no look-up.",
        "There would be nothing to ask.",
        "Declare `lookup:` in the operation, or choose retry, hold or dead_letter for `on_unknown`.",
    ),
    Explanation(
        "at-most-once",
        "A step retries what must never be sent again.",
        "`at_most_once` says that a repeat does harm that nothing undoes; after a lost answer only a person"
        " or a look-up"
        " may decide.",
        "Choose lookup, hold or dead_letter for `on_unknown`, or correct the operation's `effect`.",
    ),
    Explanation(
        "version-unchanged",
        "The content of an integration changed under the version that the store already knows.",
        "Every event is pinned to the version it was accepted under; with two contents under one number nobody could"
        " tell which one an old event ran under. The content is the spec and all its mappings, contracts and"
        " operations.",
        "Raise `version` by one. Events already accepted stay on what they were accepted under.",
        "version: 3",
        "version: 4",
    ),
)

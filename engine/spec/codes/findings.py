"""Codes of the charter: what a workspace that can be read still should not be. Their rules live in `engine.charter`."""

from engine.spec.codes.explanation import Explanation

FINDINGS = (
    Explanation(
        "owner-unreachable",
        "A team cannot be reached when it must be.",
        "What earns money, or costs a penalty, stops at night as well; then `contact` is a channel nobody watches.",
        "Give the team a `contact`, and an `on_call` where it owns revenue or penalties.",
        'teams: {orders: {contact: "#orders"}}',
        'teams: {orders: {contact: "#orders", on_call: orders-oncall}}',
    ),
    Explanation(
        "raci-incomplete",
        "The charter does not say who deploys, monitors or resolves.",
        "The question is asked first when something breaks, and by then nobody has time to agree on an answer.",
        "Name a team for each of the three.",
        "raci: {deploys: orders}",
        "raci: {deploys: orders, monitors: orders, resolves: orders}",
    ),
    Explanation(
        "summary-says-nothing",
        "The summary repeats the name.",
        "It is what a person on call, or from finance, reads to learn what stopped.",
        "Write one sentence on what the business gets from it.",
        "summary: Shopify orders",
        "summary: Every paid Shopify order becomes exactly one ERP sales order.",
    ),
    Explanation(
        "unsigned-webhook",
        "Nothing verifies that a webhook comes from whom it says.",
        "The path is guessed or leaked one day; whoever knows it could then place orders. An engine does not start so.",
        "Declare `webhooks.verify` in the sender's file, with the scheme it signs by and the secret's name.",
        "webhooks: {}",
        "webhooks: {verify: {scheme: shopify, secret: {secret: SHOPIFY_WEBHOOK_SECRET}}}",
    ),
    Explanation(
        "secret-in-text",
        "A text looks like a credential.",
        "Files are committed, copied and shown in reviews; keys that were written down are found by robots in minutes.",
        "Move it into a secret and refer to it, {secret: NAME}, in `auth` or `webhooks.verify`; then change"
        " it. If it is"
        " no credential, such as a partner's long identifier, it belongs into a table.",
    ),
    Explanation(
        "insecure-address",
        "A system is called without TLS outside `local`.",
        "Credentials and customers' data would travel in the clear, and whoever stands between could answer.",
        "Write https://; plain http is for `local`.",
        "base_url: {production: 'http://erp.example'}",
        "base_url: {production: 'https://erp.example'}",
    ),
    Explanation(
        "address-missing",
        "A system that an integration calls has no address in one of the environments.",
        "The engine refuses to start there, which is found out on the day of the first deployment.",
        "Add the environment to `base_url`; {env: NAME} where the address is known only there.",
    ),
    Explanation(
        "rotation-unknown",
        "A credential does not say when it was last changed, or how often it must be.",
        "One without the other decides nothing: nobody can tell whether it is overdue.",
        "Write both.",
        "credentials: {ERP_TOKEN: {rotated: 2026-11-01}}",
        "credentials: {ERP_TOKEN: {rotated: 2026-11-01, rotate_every: 90d}}",
    ),
    Explanation(
        "credential-unused",
        "A credential is listed that nothing in the system's file uses.",
        "Somebody will rotate it, or look for it, for nothing; perhaps another name was meant.",
        "Remove it, or correct its name.",
    ),
    Explanation(
        "credential-undeclared",
        "A system lists its credentials, and uses a secret that is not among them.",
        "What it may do and when it must be changed is then in somebody's head, and the list looks complete.",
        "Add it to `credentials` of the system's file.",
        "credentials:\n  ERP_HOOK: {scopes: [orders], rotated: 2026-11-01, rotate_every: 90d}",
        "credentials:\n  ERP_HOOK: {scopes: [orders], rotated: 2026-11-01, rotate_every: 90d}\n"
        "  ERP_TOKEN: {scopes: [orders], rotated: 2026-11-01, rotate_every: 90d}",
    ),
    Explanation(
        "id-constant",
        "`receive.id` is the same for every event.",
        "The same id is the same event: all but the first would be answered as duplicates and never run.",
        "Name what the sender numbers its events by: a header, or a field of the body.",
        "id: \"'order'\"",
        'id: headers."x-shopify-webhook-id"',
    ),
    Explanation(
        "id-of-all-items",
        "`receive.split` makes several events of a delivery, and `receive.id` is the same for all of them.",
        "The same id is the same event: the first item runs, every other one is quarantined as a conflict with it.",
        "Name the item: a field of its body, or the delivery's id and its place, `$index`.",
        'id: headers."x-event-id"',
        "id: join('-', [headers.\"x-event-id\", to_string($index)])",
    ),
    Explanation(
        "key-space-alone",
        "Only one integration has this key space.",
        "Integrations of one key space take turns for each key; one alone takes turns with nobody. Perhaps it is"
        " spelled otherwise in the other one.",
        "Write the same `key_space` where the same things are changed, or remove it.",
    ),
    Explanation(
        "key-constant",
        "`receive.key` is the same for every event.",
        "Events of one key run one after another: everything would stand in one line, and wait whenever one waits.",
        "Name what must keep its order, such as the order or the payment.",
        "key: \"'orders'\"",
        "key: to_string(body.id)",
    ),
    Explanation(
        "id-is-key",
        "`receive.id` and `receive.key` read the same.",
        "If it is the order's id, an update of the order is a duplicate or a conflict and does not run; if it is the"
        " event's, no two events share a key and an update may overtake what it updates.",
        "Let `id` be the event's own and `key` what the event is about. Where a sender tells of each thing"
        " once, it is fine.",
    ),
    Explanation(
        "contract-missing",
        "Nothing checks the body of what comes in.",
        "When the sender changes a field, the event fails at whichever step reads it, or worse, does not.",
        "Add `contract:`; what breaks it is kept and quarantined, with the path and the rule.",
    ),
    Explanation(
        "answer-not-accepted",
        "An accepted webhook is answered with another status than 2xx.",
        "Senders take it for a failure: they repeat the event, and after some days delete the subscription.",
        "Answer 200, 202 or 204; what the sender insists on beyond that goes into `text`.",
    ),
    Explanation(
        "once-missing",
        "A step calls an operation that has an effect, and gives the effect no identity.",
        "One order announced by two webhooks would be two orders. An engine does not start so.",
        "Say what the effect is about: `once: order.id`.",
        "- {id: erp, call: erp.create_order, input: order}",
        "- {id: erp, call: erp.create_order, input: order, once: order.id}",
    ),
    Explanation(
        "once-unused",
        "A step gives an identity to a call that has no effect.",
        "It does nothing; either it is left over, or the operation has an effect after all and should say so.",
        "Remove `once`, or correct the operation's `effect`.",
    ),
    Explanation(
        "once-per-delivery",
        "`once` names the news and not the thing: an event's id, its time, a header of its delivery.",
        "Shops tell of one order under several event ids: created, paid, and again after an outage. Each would be an"
        " effect of its own.",
        "Name the thing: the order's id, the payment and its state.",
        "once: event.id",
        "once: order.id",
    ),
    Explanation(
        "once-constant",
        "`once` is the same for every event.",
        "Effects with the same identity are one effect: the first would be done, and all others get its result.",
        "Name what the effect is about: `once: order.id`.",
    ),
    Explanation(
        "once-of-all-items",
        "`once` inside `each` is the same for every item.",
        "Effects with the same identity are one effect: the first item's would be done, and all others get its result;"
        " five parcels, one label.",
        "Name the item: its own id, or its place with `$index`.",
        "- {id: label, call: dhl.label, input: parcel, once: order.id}",
        "- {id: label, call: dhl.label, input: parcel, once: \"join('-', [order.id, to_string($index)])\"}",
    ),
    Explanation(
        "exactly-once-impossible",
        "A call may take effect twice.",
        "After a lost answer it is sent again, and the partner neither knows repeats nor is asked. Nobody can promise"
        " exactly once then; it is said here, before the sale, rather than found in the books.",
        "Ask the partner for an idempotency key (`idempotent`) or a look-up (`verifiable`); else let a person decide:"
        " `on_unknown: hold`.",
    ),
    Explanation(
        "lost-called-known",
        "An `outcomes` rule says what happened where nobody can know.",
        "When an answer is lost, the partner may have done what was asked or not. A rule over `failure` that calls this"
        " `retry` sends again, or lets the next provider of an `any_of` do it too; `refused` leaves an effect that"
        " nobody looks for; `done` believes in one that may not be there.",
        "Leave these failures `unknown`: `timeout_after`, `lost` and `malformed`. What never arrived"
        " (`unsendable`, `dns`, `connect`, `tls`, `timeout_before`) may be called what it is to you.",
        'outcomes: [{when: "failure != `null`", is: retry}]',
        "outcomes: [{when: \"failure == 'tls'\", is: refused}]",
    ),
    Explanation(
        "key-forgotten",
        "A call may be repeated after the partner has forgotten its idempotency key.",
        "A repeat under a forgotten key is a new effect. Waybill does not send it then: the event is held, and a long"
        " outage becomes a queue of work by hand.",
        "Declare a `lookup`, which is asked instead, or let `retry` give up before `idempotency.valid_for` has passed.",
        "idempotency: {header: Idempotency-Key, valid_for: 1h}\nretry: {attempts_max: 12, cap: 15m}",
        "idempotency: {header: Idempotency-Key, valid_for: 24h}\nretry: {attempts_max: 12, cap: 15m}",
    ),
    Explanation(
        "breaker-never-opens",
        "A breaker wants more calls in its window than a quota ever lets through in it.",
        "Fewer calls than `calls_min` say nothing, so the breaker stays closed while every one of them fails.",
        "Give it a longer `window`, or a smaller `calls_min`.",
        "quota: {rate: 10/min}\nbreaker: {window: 30s, calls_min: 20}",
        "quota: {rate: 10/min}\nbreaker: {window: 2m, calls_min: 10}",
    ),
    Explanation(
        "slow-never-seen",
        "The time from which a call is slow is not shorter than the system's timeout.",
        "A call that takes so long has timed out and counts as failed; the share of slow ones is always nothing, and"
        " the breaker never sees a partner that gets slower and slower.",
        "Write a `slow` well below `timeout`: what the partner needs on a bad day, not on its worst.",
        "timeout: 5s\nbreaker: {slow: 5s}",
        "timeout: 5s\nbreaker: {slow: 2s}",
    ),
    Explanation(
        "peak-beyond-quota",
        "More comes in at the declared peak than the quota of a system that every event calls lets out in time.",
        "Whatever the engine can do, it may not call more often: what is left over waits until long after the peak, and"
        " nothing that was promised of it holds.",
        "Ask the partner for a larger quota, declare a longer `drain`, or make fewer calls for each event. `waybill"
        " load` shows the same with real arrivals.",
        "sla: {peak: {rate: 2000/min, for: 15m}}  # and `quota: {rate: 25/s}` of the system that is called",
        "sla: {peak: {rate: 2000/min, for: 15m, drain: 10m}}",
    ),
    Explanation(
        "lookup-missing",
        "An operation is `verifiable` and declares no look-up.",
        "`verifiable` means that repeats double and a look-up tells what happened. Without one there is"
        " nothing to ask, so"
        " an engine does not start.",
        "Declare `lookup:`, or call the effect what it is: `at_most_once` (a person decides) or"
        " `unprotected` (may double).",
    ),
    Explanation(
        "unknown-needs-person",
        "Every lost answer of a call waits for a person.",
        "It is `at_most_once` and cannot be looked up. That is honest, and work: some answers are lost every day.",
        "Nothing must be mended. A look-up, where the partner has one, would decide most of them.",
    ),
    Explanation(
        "topic-not-emitted",
        "An integration receives, or waits for, a topic that nothing emits.",
        "Nothing ever comes of it; perhaps another topic was meant, or the step that emits it was taken out.",
        "Emit it in the integration that has the news, or receive another topic.",
    ),
    Explanation(
        "topic-not-received",
        "No integration receives a topic of the charter, or waits for it.",
        "What is emitted to it is stored, and nobody does anything with it.",
        "Nothing must be mended while the receiver is being written. Else remove the topic and the steps that emit it.",
    ),
    Explanation(
        "topic-loop",
        "An integration emits what, by way of others or at once, sets it off again.",
        "Each event makes the next one, for as long as nothing ends it; the store fills, and partners are called in a"
        " circle.",
        "Let a `when` end it where the news changes nothing any more, or emit to another topic.",
    ),
    Explanation(
        "waits-for-ever",
        "A step waits for an event of a topic, and no time is set for it.",
        "What does not come then waits without anybody's knowing: no queue shows it, and nothing is due.",
        "Add `expires:`, and `warn:` where somebody should look before.",
        "hold: {until: {topic: payments}}",
        "hold: {until: {topic: payments}, expires: 7d, warn: 3d}",
    ),
    Explanation(
        "compensation-leaves",
        "A step compensates, and something done before it cannot be taken back.",
        "Its operation declares no `undo`, or it is an event that others have received. After a failure the rest is"
        " undone, this stands, and the event ends `dead` with the list of it: a person's work.",
        "Declare `undo` in the operation; or put what cannot be undone behind everything that may fail.",
        "create_order:\n  effect: idempotent",
        "create_order:\n  effect: idempotent\n  undo: {call: cancel_order, input: '{id: result}'}",
    ),
    Explanation(
        "compensation-empty",
        "A step compensates, and nothing done before it can be taken back.",
        "It looks as if a failure left nothing behind. It ends the event as `dead_letter` would.",
        "Declare `undo` in the operations before it, or leave `on_failure: compensate` out.",
    ),
    Explanation(
        "undo-shared",
        "Two effects under one `once` are undone by one operation.",
        "An undo is itself an effect, under the `once` of the one it takes back. So the two undos are one effect under"
        " one key: the first is sent, and the second is held for a person as a changed request.",
        "Give the two effects different identities.",
        "- {id: erp, call: erp.create_order, once: order.id}\n"
        "- {id: invoice, call: erp.create_invoice, once: order.id}",
        "- {id: erp, call: erp.create_order, once: order.id}\n"
        "- {id: invoice, call: erp.create_invoice, once: \"join('-', [order.id, 'invoice'])\"}",
    ),
    Explanation(
        "dedupe-too-short",
        "Ids are forgotten before the sender stops repeating.",
        "A repeat that comes after is a new event. `once` still protects the effects, and everything else runs again.",
        "Raise `dedupe_for` above the sender's schedule; the default, 14 days, is above all that are known here.",
        "dedupe_for: 1h",
        "dedupe_for: 14d",
    ),
    Explanation(
        "dedupe-outlived",
        "An event may still be on its way when its id is forgotten.",
        "A repeat by the sender, or by hand, would then start a second one beside it. The message shows the sum: sends,"
        " their timeouts, the waits between them, and how long holds and waits for topics may last.",
        "Raise `dedupe_for`, let the systems' `retry` give up sooner, or let a hold expire sooner.",
    ),
    Explanation(
        "examples-missing",
        "Revenue depends on an integration, and no example shows what it does.",
        "Examples are recorded events with where each ends; the tests run them, and whoever changes the"
        " mapping sees what"
        " breaks.",
        "Record some (paid, not paid, malformed, twice) and say what comes of them.",
    ),
    Explanation(
        "record-out-of-reach",
        "The system of record of a domain cannot be asked.",
        "It has the last word, and without an operation that reads nobody can compare with it.",
        "Add an operation with `effect: none` to its file.",
    ),
    Explanation(
        "contract-outgrown",
        "A mapping or a spec uses an older version of a contract, and the newest one does not take all its documents.",
        "What is written by the old one will be quarantined by whoever has moved on. Two versions side by side are how"
        " one moves; this is the list of what has not.",
        "Nothing must be mended today. `waybill contract diff OLD NEW` tells what changed and which lines it reaches;"
        " move them, or make the newest version take what the old one did.",
        "to: canonical/order@1",
        "to: canonical/order@2",
    ),
    Explanation(
        "unused",
        "Nothing refers to a system, mapping, contract or table.",
        "It looks as if it mattered; somebody will keep it up to date.",
        "Remove the file, or use it.",
    ),
)

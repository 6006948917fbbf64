"""Codes of expressions and templates: what a newcomer to JMESPath or to the scopes writes first."""

from engine.spec.codes.explanation import Explanation

LANGUAGE = (
    Explanation(
        "expression-syntax",
        "The text is not a JMESPath expression.",
        "Wherever a value stands a text is an expression, so a plain word reads a field and a sentence is not valid.",
        "Mend the place that is named. Text stands in single quotes, a literal between backticks; in YAML quote an"
        " expression that holds [ ] { } , or #.",
        "when: body.status = paid",
        "when: body.status == 'paid'",
    ),
    Explanation(
        "bare-number",
        "A number stands in an expression without backticks.",
        "In JMESPath `10` alone is no expression; literals stand between backticks.",
        "Put it between backticks, and quote the whole in YAML.",
        'when: "order.total > 500000"',
        'when: "order.total > `500000`"',
    ),
    Explanation(
        "bare-literal",
        "`true`, `false`, `null` or a number stands where an expression is expected.",
        "As a bare word `true` reads a field called true, which is null; as YAML it is no expression at all.",
        "For a literal value write {value: true}; inside an expression put it between backticks.",
        "when: body.test == false",
        "when: body.test == `false`",
    ),
    Explanation(
        "bare-currency",
        "`money` or `decimal` holds a currency's code as it stands, and not as a text.",
        "Both are expressions, so that the currency can come from the document: EUR reads a field named EUR, which is"
        " null in every event.",
        "Put the code into single quotes for JMESPath, and those into double quotes for YAML; or name the field that"
        " holds the currency.",
        "total: {from: total_price, money: EUR}",
        "total: {from: total_price, money: \"'EUR'\"}",
    ),
    Explanation(
        "bare-unit",
        "`from_unit` holds a unit as it stands, and not as a text.",
        "It is an expression, so that the unit can come from the document: kg reads a field named kg, which is null in"
        " every event. `unit` itself is a name, and stands without quotes.",
        "Put the unit into single quotes for JMESPath, and those into double quotes for YAML; or name the field that"
        " holds the unit.",
        "weight_g: {from: weight, unit: g, from_unit: kg}",
        "weight_g: {from: weight, unit: g, from_unit: \"'kg'\"}",
    ),
    Explanation(
        "hyphen-needs-quotes",
        "A name with a hyphen stands in an expression without quotes.",
        "`headers.x-topic` means headers.x minus topic.",
        "Put the name into double quotes, and quote the whole in YAML where it begins with one.",
        "id: headers.x-shopify-webhook-id",
        'id: headers."x-shopify-webhook-id"',
    ),
    Explanation(
        "header-case",
        "A header is read under a name with capital letters.",
        "Headers are told apart whatever their letters, so here all their names are in small ones: another spelling is"
        " null, always.",
        "Write the name in small letters.",
        'id: headers."X-Shopify-Webhook-Id"',
        'id: headers."x-shopify-webhook-id"',
    ),
    Explanation(
        "not-binds-first",
        "A member is read of what `!` gave.",
        "`!` binds before the dot: `!a.b` is the member b of true or false, which is null, always.",
        "Put what is negated into brackets.",
        'when: "!body.test"',
        'when: "!(body.test)"',
    ),
    Explanation(
        "unknown-name",
        "An expression or a template reads a name that is not in scope where it stands.",
        "It would be null, always. What is in scope differs: `receive` sees the request, a step also sees"
        " `event` and the"
        " results of earlier steps, an operation's request sees `input` and `once`, a mapping sees its document.",
        "Use a name the message lists. A step's result is read under its id, and only by later steps; a text that was"
        " meant as text stands in single quotes.",
        "once: orders.id                      # the step is called order",
        "once: order.id",
    ),
    Explanation(
        "unknown-variable",
        "An expression reads a `$name` that is not in scope.",
        "`$name` reads a mapping's `let`, or a name in scope from inside a filter; a field of the document has no `$`.",
        "Correct it, define it in `let:`, or read a field as `name` or `$root.name`.",
    ),
    Explanation(
        "unknown-function",
        "There is no function of this name.",
        "The functions are JMESPath's own, the Community's (`lower`, `trim`, `split`, `group_by`, …), `hash`,"
        " `normalize` and `url_query`.",
        "Correct it; the message lists all of them.",
        "email: lowercase(email)",
        "email: lower(email)",
    ),
    Explanation(
        "wrong-arity",
        "A function is called with too few or too many arguments.",
        "It could never run.",
        "Give as many as the message says; `join` for one takes the glue first, then the list.",
        "name: join([first_name, last_name])",
        "name: join(' ', [first_name, last_name])",
    ),
    Explanation(
        "too-large",
        "An expression or a template asks for more than it may have: length, depth, digits.",
        "Whatever a workspace says ends soon; a text that nobody can read is also one that nobody can check.",
        "Split it: a mapping's `let` names parts, and a further step maps the result of the one before.",
    ),
    Explanation(
        "template-syntax",
        "A text with holes cannot be read.",
        "A hole is {{ name }}, a condition {% if x %}…{% endif %}; one that is not closed swallows the rest.",
        "Close what was opened. In YAML quote a text that begins with a hole.",
        'reason: "order {{ order.number }"',
        'reason: "order {{ order.number }}"',
    ),
    Explanation(
        "template-not-allowed",
        "A text with holes uses more of Jinja than may stand here.",
        "Templates make text and nothing else: no loops, calls, assignments or tests, so that they always end and reach"
        " nothing.",
        "Work the value out in an expression and fill it in; lists are joined with `| join(', ')`. There are"
        " the filters"
        " default, join, lower, trim, truncate and upper.",
        'reason: "{% for line in lines %}{{ line }}{% endfor %}"',
        "reason: \"{{ lines | join(', ') }}\"",
    ),
)

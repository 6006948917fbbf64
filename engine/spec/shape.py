"""The dialect as frozen types: every key, its meaning, its default, and nothing else.

The reader (`read.py`), the editor schema (`schema.py`) and the documentation come from these classes, so a key exists
in one place. `help` is what an editor shows. A class lists in `LATER` the keys of the dialect that this release does
not run; they are the fault `not-available`, never ignored; those in `INSTEAD` stand for keys that are else missing.
`ONE_OF` names keys of which a mapping has exactly one; a key that is `unless` some of these must be given where none of
them is. This file refuses to read, resolve or run anything.

A trailing underscore is dropped to make the YAML key (`from_` is `from`).
"""

from dataclasses import MISSING, dataclass, field
from typing import Annotated, Any, ClassVar, Literal

from engine.errors import Mark


@dataclass(frozen=True, slots=True)
class Later:
    """Marks words of an enumeration that the dialect has and this release does not run."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pattern:
    """Marks text that must match a regular expression; `what` says in words what is expected, `sample` shows it."""

    regex: str
    what: str
    sample: str


@dataclass(frozen=True, slots=True)
class AtLeast:
    """Marks a number with a smallest allowed value, and perhaps a largest one."""

    least: int
    most: int | None = None


KebabName = Annotated[str, Pattern(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", "a kebab-case name", "shopify-orders")]
SnakeName = Annotated[str, Pattern(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", "a snake_case name", "create_order")]
ContractName = Annotated[str, Pattern(r"[a-z0-9-]+/[a-z0-9-]+@[A-Za-z0-9.-]+", "a contract", "canonical/order@1")]
OperationName = Annotated[str, Pattern(r"[a-z][a-z0-9-]*\.[a-z][a-z0-9_]*", "`system.operation`", "erp.create_order")]
HeaderName = Annotated[str, Pattern(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", "an HTTP header's name", "X-Api-Key")]
HookPath = Annotated[str, Pattern(r"/[A-Za-z0-9._~/-]*", "a path", "/hooks/shopify/orders")]
Variable = Annotated[
    str, Pattern(r"[A-Za-z][A-Za-z0-9_-]{0,127}", "a name of letters, digits, `_` and `-`", "ERP_TOKEN")
]
PositiveInt = Annotated[int, AtLeast(1)]
Digits = Annotated[int, AtLeast(0, 30)]
Calls = Annotated[int, AtLeast(1, 1_000_000)]
Weight = Annotated[int, AtLeast(1, 1_000)]


@dataclass(frozen=True, slots=True)
class Duration:
    """A span of time, from text such as `250ms`, `30s`, `5m`, `12h`, `14d`."""

    microseconds: int

    @property
    def seconds(self) -> float:
        return self.microseconds / 1_000_000


@dataclass(frozen=True, slots=True)
class Rate:
    """How often: `times` in so many microseconds, from text such as `25/s`, `100/min`, `0.5/s`."""

    times: int
    microseconds: int


@dataclass(frozen=True, slots=True)
class Percent:
    """A share, from text such as `99.9%`; kept as its text."""

    text: str

    @property
    def millionths(self) -> int:
        whole, _, fraction = self.text.rstrip("%").partition(".")
        return int(whole) * 10_000 + int(fraction.ljust(4, "0"))


@dataclass(frozen=True, slots=True)
class Date:
    """A calendar date, YYYY-MM-DD; kept as text."""

    text: str


@dataclass(frozen=True, slots=True)
class Written:
    """A text with a grammar of its own. `column` is where its first character stands on the mark's line; 0 where the
    text is not written as it reads, as in a block."""

    text: str
    mark: Mark
    path: str
    column: int = 0

    def at(self, offset: int) -> Mark:
        """Where the character at `offset` stands; the beginning of the text where that cannot be told."""
        return Mark(self.mark.file, self.mark.line, self.column + offset) if self.column else self.mark


@dataclass(frozen=True, slots=True)
class Expression(Written):
    """JMESPath text and where it stands."""


@dataclass(frozen=True, slots=True)
class Template(Written):
    """Text with Jinja holes and where it stands."""


@dataclass(frozen=True, slots=True)
class Plain:
    """A literal: plain YAML data, taken as it stands."""

    value: Any


@dataclass(frozen=True, slots=True)
class Literally:
    """Literal data whose texts may hold Jinja holes (an operation's `answer`)."""

    value: Any
    templates: tuple[Template, ...]


@dataclass(frozen=True, slots=True)
class SecretName:
    """`{secret: NAME}`: resolved when the engine starts, never written down."""

    name: str
    mark: Mark


@dataclass(frozen=True, slots=True)
class EnvironmentName:
    """`{env: NAME}`: a variable of the process's environment."""

    name: str
    mark: Mark


Setting = str | EnvironmentName
Confidential = SecretName


def entry(help_: str, default: Any = MISSING, **more: Any) -> Any:
    """Declares one YAML key: its help, and its default (None and empty defaults mean it may be left out). `more` is for
    the reader; `lasting` says what is wrong with a span of nothing, and what to write instead."""
    if callable(default):
        return field(default_factory=default, metadata={"help": help_, **more})
    return field(default=default, metadata={"help": help_, **more})


# ── values ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """A value taken from an expression and converted: table, then one of time, unit, money, decimal, number, then
    default."""

    from_: Expression = entry("JMESPath over the document in scope")
    table: KebabName | None = entry("cross-reference table of charter/tables", None)
    by: str | None = entry("the table's column to look in (default: its first)", None)
    give: str | None = entry("the table's column to give (default: its second)", None)
    ignore: tuple[Literal["case", "space"], ...] = entry(
        "what does not count when a text is looked up: upper or lower case, white space around and the amount within",
        tuple,
        sample="[case, space]",
    )
    on_missing: Literal["quarantine", "hold", "default", "fail"] = entry(
        "what happens when the table has no such row", "quarantine"
    )
    time: Literal["utc", "date"] | None = entry("instant in UTC, or a calendar date", None)
    zone: str | None = entry("time zone of stamps that carry none, such as Europe/Berlin", None)
    disambiguation: Literal["earlier", "later", "compatible"] | None = entry(
        "what a local time is that the zone has twice or never: the earlier or the later instant, or `compatible`, the"
        " earlier of a repeated and the later of a skipped one; without it such a time is an error",
        None,
    )
    unit: str | None = entry("the unit wanted, such as `g`", None)
    from_unit: Expression | None = entry("JMESPath giving the unit the number is in", None)
    packs: KebabName | None = entry(
        "table of how many pieces a pack holds: the article, and an integer column for each pack, such as `case`", None
    )
    packs_of: Expression | None = entry("JMESPath giving the article that `packs` is asked for", None)
    money: Expression | None = entry("JMESPath giving the ISO 4217 currency; gives integer minor units", None)
    minor: bool = entry("the amount is in minor units already", False)
    decimal: Expression | None = entry("JMESPath giving the ISO 4217 currency; minor units to decimal text", None)
    number: Literal["integer", "decimal"] | None = entry("text or number to an exact number", None)
    round: Literal["half_up", "half_even", "half_down", "up", "down", "ceiling", "floor"] | None = entry(
        "how more digits than the currency, the integer or `digits` has are rounded (`up` is away from zero); without"
        " it they are an error",
        None,
    )
    digits: Digits | None = entry("digits kept behind the point by `round` (default: 0)", None)
    default: Plain | None = entry("literal used for null", None)
    optional: bool = entry("null leaves the field out", False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant:
    """A literal value."""

    value: Plain = entry("any literal")


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """Text with holes."""

    template: Template = entry("text with {{ holes }}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Object:
    """An object made field by field."""

    fields: "dict[str, Value]" = entry("field name to value")


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """A list of objects, one for each item of a list."""

    each: Expression = entry("JMESPath giving the list")
    fields: "dict[str, Value]" = entry("field name to value; names are read from the item")


Value = Expression | Converted | Constant | Filled | Object | Items
Moment = Duration | Expression
"""When something ends: a span from its beginning, or an expression that gives a time."""

# ── charter ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """A place the workspace runs in."""

    private_networks: Literal["allow", "refuse"] | None = entry(
        "may calls reach private and loopback addresses; only `local` may by default", None
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    """People who own things."""

    contact: str = entry("where to reach them")
    on_call: str | None = entry("the on-call rotation", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """A kind of data and the system that is right about it."""

    system_of_record: KebabName = entry("the system whose word counts")


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """News that integrations emit and others receive. `key` and `revision` are read over the emitted body."""

    contract: ContractName = entry("contract of the bodies")
    key: Value = entry("events of one key run one at a time, in order; JMESPath over the body")
    revision: tuple[Value, ...] = entry(
        "which state of the thing a body tells of: a value, or a list compared left to right", tuple, single=True
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Charter:
    """Who owns what, where it runs, which system is right."""

    LATER: ClassVar[tuple[str, ...]] = ("policies", "calendar")

    charter: str = entry("the name of the organisation")
    environments: dict[KebabName, Environment] = entry("the places this workspace runs in", sample="{production: {}}")
    teams: dict[KebabName, Team] = entry("team name to its people", sample='{orders: {contact: "#orders"}}')
    raci: dict[KebabName, KebabName] = entry("responsibility to team", dict, sample="{deploys: orders}")
    domains: dict[KebabName, Domain] = entry(
        "kind of data to its system of record", dict, sample="{order: {system_of_record: erp}}"
    )
    topics: dict[KebabName, Topic] = entry(
        "news between integrations", dict, sample="{orders: {contract: canonical/order@1, key: id}}"
    )


# ── systems ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Basic:
    """HTTP basic credentials."""

    user: Setting | Confidential = entry("the user's name")
    password: Confidential = entry("{secret: NAME}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Auth:
    """How calls to the system are signed in; exactly one of the keys."""

    ONE_OF: ClassVar[tuple[str, ...]] = ("bearer", "header", "basic")
    LATER: ClassVar[tuple[str, ...]] = ("oauth2",)

    bearer: Confidential | None = entry("bearer token", None)
    header: dict[HeaderName, Confidential] | None = entry(
        "header name to secret", None, sample="{X-Api-Key: {secret: NAME}}"
    )
    basic: Basic | None = entry("user and password", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Idempotency:
    """The header under which the partner knows repeats of one call."""

    header: HeaderName = entry("the header that carries the key")
    valid_for: Duration | None = entry(
        "how long the partner remembers a key; past it a retry becomes a look-up or a hold",
        None,
        lasting=("a key that is forgotten at once makes every retry a look-up or a hold", "24h"),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Exponential backoff with full jitter: a wait drawn evenly from 0 to min(cap, first x factor^n)."""

    attempts_max: PositiveInt = entry("sends of one call at most", 12)
    first: Duration = entry("upper bound of the first wait", Duration(1_000_000))
    factor: PositiveInt = entry("growth of the bound", 2)
    cap: Duration = entry("upper bound of any wait", Duration(900_000_000))


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """How often, and how many at once, calls may be made; shared by all integrations, and by all nodes. What the
    partner tells in its answers tightens it further."""

    rate: Rate | None = entry("calls in a time", None)
    burst: Calls | None = entry("calls at once after a quiet time (default: those of one second)", None)
    kind: Literal["token_bucket", "leaky_bucket"] = entry(
        "token_bucket allows bursts; leaky_bucket lets calls out one by one, as evenly as the rate goes", "token_bucket"
    )
    spacing: Duration | None = entry(
        "least time from the beginning of one call to that of the next",
        None,
        lasting=("a spacing of nothing keeps nothing apart", "200ms"),
    )
    concurrency: Calls | None = entry("calls under way at once", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """When the calls of one operation pause, because its partner fails or is slow. It then begins again by a ramp: one
    call, two, four."""

    window: Duration = entry("time over which calls are counted", Duration(30_000_000))
    calls_min: Calls = entry("fewer calls in the window say nothing", 20)
    failures: Percent = entry("share of calls that fail, or are slow, at which it opens", Percent("50%"))
    slow: Duration | None = entry(
        "a call that takes so long is slow", None, lasting=("every call takes longer than no time", "2s")
    )
    open_for: Duration = entry(
        "how long it pauses before it tries again",
        Duration(30_000_000),
        lasting=("a breaker that is open for no time pauses nothing", "30s"),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """The request an operation makes. Sees `input` and `once`."""

    LATER: ClassVar[tuple[str, ...]] = ("url",)
    INSTEAD: ClassVar[tuple[str, ...]] = ("url",)

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = entry("HTTP method")
    path: Template = entry("path under the base URL; holes are percent-encoded")
    query: dict[str, Value] = entry("query parameter to value; null leaves it out", dict, sample="{NAME: input.id}")
    headers: dict[HeaderName, Value] = entry("header to value; null leaves it out", dict, sample="{NAME: input.id}")
    body: Value | None = entry("the JSON body", None)
    read: Annotated[Literal["json", "text", "base64"], Later(("csv", "tsv", "xml"))] = entry(
        "what the answer is read as; base64: a document, as {content_type, base64, bytes, sha256}", "json"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeRule:
    """What comes of a call means this; the first rule that holds counts, else the HTTP default. Where there was no
    answer, only rules count that hold because of `failure`."""

    when: Expression = entry("JMESPath over input, once, status, headers, body and failure, which is null for answers")
    is_: Literal["done", "refused", "retry", "reauthenticate", "unknown"] = entry("what it means")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """How to ask whether a call took effect."""

    call: SnakeName = entry("an operation of the same system, with effect none", sample="find_order")
    input: Value = entry("its input; sees input and once of the call looked up", sample='"{external_id: once}"')
    found: Expression = entry(
        "true when the effect is there; sees status, headers, body of the answer",
        sample='"length(body.items) > `0`"',
    )
    result: Value | None = entry("the call's result, from the answer", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Undo:
    """How to take an effect back. Its `once` is that of the effect undone."""

    call: SnakeName = entry("an operation of the same system, with an effect of its own", sample="cancel_order")
    input: Value = entry("its input; sees input, once and result of the call undone", sample='"{id: result}"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the system's simulator answers."""

    when: Expression | None = entry("only when this holds; sees the request, known and n", None)
    status: int = entry("HTTP status")
    headers: Literally | None = entry("headers", None)
    body: Literally | None = entry("JSON body; texts may hold {{ holes }}", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One thing a system can be asked to do."""

    LATER: ClassVar[tuple[str, ...]] = ("pages",)

    request: HttpRequest = entry("the request", sample="{method: POST, path: /orders}")
    effect: Literal["none", "idempotent", "verifiable", "at_most_once", "unprotected"] = entry(
        "what it does there, and what of repeats"
    )
    identity: Expression | None = entry("how the partner's book knows one effect; sees the request", None)
    outcomes: tuple[OutcomeRule, ...] = entry("what answers mean, where HTTP's default is not right", tuple)
    result: Value | None = entry("the call's result, from the answer (default: its body)", None)
    lookup: Lookup | None = entry("how to ask whether it took effect", None)
    quota: Quota | None = entry("how often it may be called, within the system's quota", None)
    undo: Undo | None = entry("how to take its effect back", None)
    answer: tuple[Answer, ...] = entry(
        "what its simulator answers: one answer or a list, first hit", tuple, single=True
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Verify:
    """How a webhook's signature is checked, over the raw bytes."""

    scheme: Annotated[
        Literal["hmac-sha256", "shopify", "stripe"], Later(("adyen", "standard-webhooks", "easypost"))
    ] = entry("signature scheme")
    header: HeaderName | None = entry("the header that carries it (hmac-sha256)", None)
    encoding: Literal["base64", "hex"] | None = entry("how it is written (hmac-sha256; default base64)", None)
    secret: tuple[Confidential, ...] = entry("{secret: NAME}, or a list while one replaces another", single=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookAnswer:
    """What an accepted webhook is answered."""

    status: int = entry("HTTP status", 202)
    text: str | None = entry("plain text instead of JSON", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhooks:
    """How the system's webhooks are trusted and answered."""

    verify: Verify | None = entry(
        "signature check", None, sample="{scheme: hmac-sha256, header: X-Signature, secret: {secret: NAME}}"
    )
    answer: WebhookAnswer | None = entry("answer to accepted webhooks, where the sender insists", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """What is known of a secret, never the secret."""

    scopes: tuple[str, ...] = entry("what it may do", tuple)
    rotated: Date | None = entry("when it was last changed", None)
    rotate_every: Duration | None = entry("how often it must be changed", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendor:
    """Who stands behind the system."""

    contact: str | None = entry("whom to call", None)
    availability: Percent | None = entry("what they promise", None)
    contract_ends: Date | None = entry("until when", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """A partner: address, sign-in, webhook verification, operations."""

    LATER: ClassVar[tuple[str, ...]] = ("hosts",)

    system: KebabName = entry("its name; the file's stem")
    kind: Literal["marketplace", "storefront", "payments", "erp", "wms", "carrier", "pim", "fraud", "other"] = entry(
        "what it is"
    )
    base_url: dict[KebabName, Setting] = entry("environment to address", dict, sample="{production: https://…}")
    auth: Auth | None = entry("how calls are signed in", None)
    idempotency: Idempotency | None = entry("its idempotency key, where it has one", None)
    timeout: Duration = entry(
        "a call's total deadline", Duration(10_000_000), lasting=("no call is answered in no time", "5s")
    )
    quota: Quota | None = entry("how often it may be called", None)
    retry: Retry = entry("how failed calls are retried", Retry)
    breaker: Breaker = entry("when calls pause, because it fails or is slow", Breaker)
    operations: dict[SnakeName, Operation] = entry("what it can be asked to do", dict)
    outcomes: tuple[OutcomeRule, ...] = entry("what comes of its calls means, after the operation's own rules", tuple)
    webhooks: Webhooks | None = entry("its webhooks", None)
    credentials: dict[Variable, Credential] = entry(
        "secret name to what is known of it", dict, sample="{NAME: {rotated: 2026-11-01, rotate_every: 90d}}"
    )
    vendor: Vendor | None = entry("who stands behind it", None)


# ── mappings ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapping:
    """One contract into another, field by field; the result is checked against `to`."""

    mapping: KebabName = entry("its name; the file's stem")
    from_: ContractName = entry("contract of the source document")
    to: ContractName = entry("contract of the result")
    let: dict[SnakeName, Value] = entry("names used as $name", dict, sample="{customer: customer.id}")
    fields: dict[str, Value] = entry(
        "field of the result to value; required unless it says otherwise", sample="{id: order_id}"
    )


# ── integrations ─────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A path the engine listens on, and the system that calls it."""

    path: HookPath = entry("path on the intake port")
    system: KebabName = entry("the sender; its webhooks.verify is used")


@dataclass(frozen=True, slots=True, kw_only=True)
class Receive:
    """What comes in, and how it is named. Of a topic the charter says contract, key and revision, the emitter the
    id."""

    ONE_OF: ClassVar[tuple[str, ...]] = ("webhook", "topic")
    LATER: ClassVar[tuple[str, ...]] = ("poll", "file")
    INSTEAD: ClassVar[tuple[str, ...]] = ("poll", "file")

    webhook: Webhook | None = entry("signed HTTP requests", None)
    topic: KebabName | None = entry("a topic of the charter: what other integrations emit", None)
    when: Expression | None = entry("false: the event ends `ignored`", None)
    contract: ContractName | None = entry("contract of the body", None)
    split: Expression | None = entry("JMESPath giving a list: each item is an event, all stored or none", None)
    id: Value | None = entry("the same id is the same event; null: quarantined", None, unless=("topic",))
    key: Value | None = entry("events of one key run one at a time, in order", None, unless=("topic",))
    key_space: KebabName | None = entry(
        "integrations of one key space share keys; without it they are its own", None, sample="orders"
    )
    revision: tuple[Value, ...] = entry(
        "which state of the thing it tells of, a value or a list compared left to right; strictly older than one"
        " already done is `superseded`",
        tuple,
        single=True,
    )
    keep: Literal["all", "newest"] = entry("newest: an arrival supersedes what is older and not yet running", "all")
    dedupe_for: Duration = entry("how long an id is remembered", Duration(14 * 86_400_000_000))
    on_stuck: Literal["pass", "block"] = entry(
        "what a held, quarantined or dead event does to later ones of its key", "pass"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Until:
    """An event of a topic with the same key; one already stored counts."""

    topic: KebabName = entry("a topic of the charter")
    when: Expression | None = entry("JMESPath over the step's names, with the awaited event's `body`", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A queue for people, or with `until` a wait for an event of a topic."""

    ONE_OF: ClassVar[tuple[str, ...]] = ("queue", "until")

    queue: KebabName | None = entry("the queue's name", None)
    until: Until | None = entry("the result is that event's body", None)
    reason: Template | None = entry("why, for the person who decides", None, unless=("until",))
    expires: Moment | None = entry(
        "when it ends by itself, as `on_failure` says: a span, or JMESPath for a time",
        None,
        lasting=("it would end as it begins, before anybody could decide", "12h"),
    )
    warn: Duration | None = entry("after how long somebody is told that it still waits", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyOf:
    """Providers of one thing. The next is tried only where the one before surely had no effect. Later steps read which
    one served as `event.served.STEP`."""

    any_of: tuple[OperationName, ...] = entry("the operations, in the order they are tried", filled=True)
    pick: Value | None = entry("gives the names of those to try, in order (default: all, as declared)", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of a decision table."""

    when: Expression | None = entry("the row holds where this does (default: always)", None)
    then: Value = entry("the decision")


@dataclass(frozen=True, slots=True, kw_only=True)
class Decide:
    """A decision table. Where no row of `first` holds, the decision is null, of `all` an empty list."""

    ONE_OF: ClassVar[tuple[str, ...]] = ("first", "all")

    first: tuple[Row, ...] | None = entry("the first row that holds decides", None, filled=True)
    all: tuple[Row, ...] | None = entry("a list of what every row that holds gives", None, filled=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Emit:
    """An event of a topic, stored together with the step's end."""

    topic: KebabName = entry("a topic of the charter")
    body: Value = entry("what is told; it must hold the topic's contract")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of an integration: a mapping, a call, a hold, a decision, an event of a topic, or steps for each item of
    a list."""

    ONE_OF: ClassVar[tuple[str, ...]] = ("map", "call", "hold", "decide", "emit", "each")

    id: SnakeName = entry("its name; later steps read its result under it")
    when: Expression | None = entry("false: the step is skipped and its result is null", None)
    map: KebabName | None = entry("a mapping of mappings/", None)
    from_: Value | None = entry("what is mapped (default body)", None)
    call: OperationName | AnyOf | None = entry("system.operation, or {any_of: […]} of several", None)
    input: Value | None = entry("the call's input", None)
    once: Value | None = entry(
        "the identity of the effect, mandatory where the operation has one; of an emitted event its id", None
    )
    on_unknown: Literal["retry", "lookup", "hold", "dead_letter"] | None = entry(
        "what to do when nobody knows whether the call took effect", None
    )
    outcomes: tuple[OutcomeRule, ...] = entry("what comes of this call means, before the operation's own rules", tuple)
    hold: Hold | None = entry(
        "wait for a person, or for an event of a topic", None, sample='{queue: large-orders, reason: "TEXT"}'
    )
    decide: Decide | None = entry("a decision table", None)
    emit: Emit | None = entry("an event of a topic", None)
    each: Expression | None = entry("JMESPath giving the list; its items retry and fail separately", None)
    as_: SnakeName | None = entry("what the inner steps call the item", None)
    steps: "tuple[Step, ...] | None" = entry("what is done with each item", None, filled=True)
    on_failure: Literal["dead_letter", "hold", "continue", "compensate"] = entry(
        "what to do when the step failed without effect, was rejected or expired", "dead_letter"
    )
    default: Plain | None = entry("the result when on_failure is continue", None)

    @property
    def providers(self) -> tuple[str, ...]:
        """The operations that a call may be made to, in the order declared; none where it is no call."""
        if not self.call:
            return ()
        return (self.call,) if isinstance(self.call, str) else tuple(self.call.any_of)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What one example event comes to."""

    status: Literal[
        "held", "quarantined", "done", "ignored", "superseded", "compensated", "discarded", "dead", "waiting"
    ] = entry("where it ends")
    calls: tuple[str, ...] | None = entry("operations called, in order", None)
    steps: Plain | None = entry("step id to result; only the fields named are compared", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """Recorded events and what comes of them; tests run it."""

    name: str = entry("what it shows")
    events: tuple[str, ...] = entry("files of recordings/")
    expect: tuple[Expected, ...] = entry("one entry per event, in order")


@dataclass(frozen=True, slots=True, kw_only=True)
class Complete:
    """Until when an event is done."""

    p99: Duration | None = entry(
        "99 of 100 are done in this time from when they were sent, what waits for a person left out; load judges it",
        None,
        lasting=("nothing is done in no time", "30s"),
    )
    within: Duration | None = entry(
        "from arrival; past it a call that fails without effect is not tried again",
        None,
        lasting=("every event is late as it arrives, so that nothing is ever tried again", "24h"),
    )
    success: Percent | None = entry("share of events that come to a good end by themselves; load judges it", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Accept:
    """Until when a webhook is answered."""

    p99: Duration = entry(
        "99 of 100 are answered in this time from when they were due; load judges it",
        lasting=("nothing is answered in no time", "250ms"),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Peak:
    """The busiest time that is expected, in events; load judges it."""

    rate: Rate = entry("events in a time")
    for_: Duration = entry("how long it lasts", lasting=("a peak of no time is none", "15m"))
    drain: Duration | None = entry(
        "how long what has piled up may take afterwards",
        None,
        lasting=("what is accepted in the last moment is never done in the same", "10m"),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sla:
    """What is promised to the business."""

    LATER: ClassVar[tuple[str, ...]] = ("silence",)

    accept: Accept | None = entry("until when a webhook is answered", None)
    complete: Complete | None = entry("until when an event is done", None)
    peak: Peak | None = entry("the busiest time that is expected", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Integration:
    """What runs: a way in, steps, and what is promised."""

    integration: KebabName = entry("its name; the file's stem")
    version: PositiveInt = entry("raised with every change of content")
    summary: str = entry("one sentence: what it does for the business")
    owner: KebabName = entry("a team of the charter")
    impact: Literal["revenue", "penalty", "operations"] = entry("what a failure costs")
    lane: Literal["urgent", "normal", "bulk"] = entry("its share of scarce capacity: 16, 4 or 1", "normal")
    receive: Receive = entry(
        "what comes in", sample="{webhook: {path: /hooks/orders, system: shop}, id: body.event, key: body.id}"
    )
    steps: tuple[Step, ...] = entry("what is done, in order")
    sla: Sla | None = entry("what is promised to the business", None)
    examples: tuple[Example, ...] = entry("recorded events and what comes of them", tuple)


# ── profiles of load ─────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Ramp:
    """A rate that changes evenly from the phase's beginning to its end."""

    from_: Rate = entry("messages in a time, at the beginning", sample="10/s")
    to: Rate = entry("messages in a time, at the end", sample="200/s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """A part of a profile. What is due in an `outage` is not sent: it comes over the whole of the next phase, on top of
    that one's own rate, as senders make up for what they could not deliver."""

    name: KebabName = entry("what it is called where it is measured", sample="burst")
    for_: Duration = entry("how long it lasts", lasting=("a phase of no time sends nothing", "30s"))
    rate: Rate | Ramp | None = entry("messages in a time, or {from, to} of a ramp; without it nothing is due", None)
    warm_up: bool = entry("it is not judged: connections open, code and caches warm up", False)
    outage: bool = entry("the way to the engine is broken: what is due is held back until the next phase", False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Skew:
    """How messages share keys: not every order is a new one, and a few are told of far more often than the others."""

    repeat: Percent = entry("share of messages that tell a later state of a key told before", Percent("0%"))
    hot: Percent | None = entry("share of the keys that all of these tell of (default: every key is as likely)", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """How messages arrive when integrations are put under load: decided beforehand, whatever the engine answers."""

    profile: KebabName = entry("its name; the file's stem")
    summary: str = entry("one sentence: which day it stands for")
    arrivals: Literal["poisson", "even"] = entry(
        "poisson: as senders that know nothing of each other; even: one gap like the other", "poisson"
    )
    mix: dict[KebabName, Weight] = entry(
        "integration to its weight among the others (default: all that are chosen, alike)", dict, sample="{orders: 3}"
    )
    keys: Skew = entry("how messages share keys (default: each tells of another)", Skew)
    again: Percent = entry("share of messages that are delivered a second time within seconds", Percent("0%"))
    drain: Duration = entry(
        "how long after the last message the backlog may take to be empty",
        Duration(120_000_000),
        lasting=("no backlog is empty in no time", "2m"),
    )
    phases: tuple[Phase, ...] = entry("one after the other", filled=True)


LATER_DOCUMENTS = ("reconciliation",)
"""Documents of the dialect that this release does not run, by the key that names them."""

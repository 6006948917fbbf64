"""EXCHANGES → EXCHANGES WITHOUT ANYBODY'S DATA: everything is replaced or left out, unless it is known to be harmless.

Deny by default. What stays: structure and names of fields, true, false and null; amounts, short numbers and times;
codes such as EUR; and what the workspace itself says (`said.py`). Every other text and long number becomes a keyed
pseudonym, the same wherever it stands, so that joins and dedupe keys survive. What is named like a person's data or a
secret is replaced whatever it looks like. Headers are left out unless the workspace reads them; credentials, cookies
and signatures always. Of a body that cannot be taken apart, a label or a page, nothing stays but that there was one.

A list of what to hide, as other recorders have it, was rejected: it is complete on the day nobody adds a field.
"""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlencode

from msgspec import Struct
from msgspec.structs import replace

from engine.contract.body import BodyError, decode_body, encode_json
from harness.recordings.exchange import BODY_LIMITS, Became, Exchange
from harness.recordings.names import (
    ALSO_AMOUNTS,
    AMOUNTS,
    HANDED_DOWN,
    IDS,
    LABELLED,
    LABELS,
    PERSONAL,
    SECRET,
    named,
)
from harness.recordings.pseudonyms import RUN, Pseudonyms
from harness.recordings.said import Said

TEXT_CHARS_MAX: Final = 2_000
"""A longer text is a document: it is left out."""
NUMBERS_MAX: Final = 100_000
REMOVED: Final = "removed"

_TIME = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?)?")
_LONG_PAST = re.compile(r"(1\d{3}|200\d)-\d{2}-\d{2}")
"""No delivery is dated by such a day: it is somebody's birthday, whatever the field is called."""
_AMOUNT = re.compile(r"[+-]?\d{1,12}\.\d{1,6}")
_WHOLE = re.compile(r"[+-]?\d{1,8}")
_SHORT = re.compile(r"[+-]?\d{1,3}")
_CODE = re.compile(r"[A-Z]{2,3}")
_FIELD = re.compile(r"[A-Za-z_$@][A-Za-z0-9_$.:-]{0,63}")
_DATA_FOR_A_NAME = re.compile(r"\d{5}|\.[a-z]{2,}$|[0-9a-f]{16}|\d[A-Za-z]+\d")
_METHOD = re.compile(r"[A-Z]{3,10}")
_EMAIL = re.compile(r"[^@\s]{1,200}@[^@\s]{1,200}")
_URL = re.compile(r"([a-z][a-z0-9+.-]{1,20})://([^/?#\s]*)(\S*)")
_NUMBER_DIGITS_MAX = 8
"""A longer whole number is an id, a telephone or a card, and no amount."""
_ID_DIGITS_MAX = 3
_KEPT_DIGITS_MAX = 6
"""Of numbers in clear within one text: more are a telephone or a card, each group of which was an amount somewhere."""
_DECIMAL_DIGITS_MAX = 12
_DATE = r"[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT"
_HEADER_FORMS = {
    "content-type": re.compile(r"[a-z]{1,20}/[a-z0-9.+-]{1,60}"),
    "date": re.compile(_DATE),
    "retry-after": re.compile(rf"\d{{1,6}}|{_DATE}"),
    "ratelimit-limit": re.compile(r"\d{1,9}"),
    "ratelimit-remaining": re.compile(r"\d{1,9}"),
    "ratelimit-reset": re.compile(r"\d{1,9}"),
    "allow": re.compile(r"[A-Z]{3,7}(, [A-Z]{3,7}){0,8}"),
}
COUNTED: Final = AMOUNTS | {"vat"}
_FORM = "application/x-www-form-urlencoded"


class Scrubbed(Struct, frozen=True):
    """An exchange that holds nobody's data; only `Scrubber` makes one."""

    exchange: Exchange


class Scrubber:
    """Scrubs under one key, with what one workspace says."""

    def __init__(self, key: bytes, said: Said) -> None:
        self.pseudonyms = Pseudonyms(key, self.is_said)
        self.said = said
        self.numbers: set[str] = set()

    def look(self, one: Exchange) -> None:
        """Learns which numbers of an exchange will stand in clear: written in a text, as `100231:4101`, they stay what
        they are there too. Who has a whole recording looks at all of it first."""
        for body, headers in ((one.body, one.headers), (one.answer_body, one.answer_headers)):
            self.body(body, headers)

    def scrub(self, one: Exchange) -> Scrubbed:
        return Scrubbed(
            replace(
                one,
                method=one.method if _METHOD.fullmatch(one.method) else REMOVED,
                host=self.host(one.host),
                path=self.path(one.path),
                query=tuple((self.field(name), str(self.value(value, name))) for name, value in one.query),
                headers=self.headers(one.headers),
                body=self.body(one.body, one.headers),
                answer_headers=self.headers(one.answer_headers),
                answer_body=self.body(one.answer_body, one.answer_headers),
                became=self.became(one.became),
            )
        )

    # ── around the body ──────────────────────────────────────────────────────────────────────────────────────────────

    def host(self, host: str) -> str:
        return host if host in self.said.hosts or not host else f"{self.pseudonyms.text(host)}.invalid"

    def path(self, path: str) -> str:
        return "/".join(self.segment(part) for part in path.split("/"))

    def segment(self, part: str) -> str:
        if part in self.said.segments or unquote(part) in self.said.texts:
            return part
        plain = unquote(part)
        return quote(self.pseudonyms.text(plain, self.kept_in(plain)), safe=":@,;~")

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        kept = {}
        for name, value in headers.items():
            if name in _HEADER_FORMS:
                kept[name] = self.plain_header(name, value)
            elif name in self.said.headers and not named(name) & {"authorization", "cookie", "signature", "hmac"}:
                kept[name] = self.text(value, "")
        return kept

    def plain_header(self, name: str, value: str) -> str:
        """The value of a header that says nothing of anybody, where it is what such a header holds."""
        if name == "content-type":
            value = value.partition(";")[0].strip()
        return value if _HEADER_FORMS[name].fullmatch(value) else REMOVED

    def body(self, body: bytes, headers: Mapping[str, str]) -> bytes:
        if not body:
            return b""
        try:
            return encode_json(self.value(decode_body(body, BODY_LIMITS), ""))
        except BodyError:
            pass
        if headers.get("content-type", "").partition(";")[0].strip().lower() == _FORM:
            try:
                fields = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=10_000)
            except ValueError:
                return self.pseudonyms.document(body)
            return urlencode([(self.field(name), str(self.value(value, name))) for name, value in fields]).encode()
        return self.pseudonyms.document(body)

    def became(self, became: Became | None) -> Became | None:
        if became is None:
            return None
        effects = tuple((operation, self.text(once, "")) for operation, once in became.effects)
        return Became(became.status, effects)

    # ── values ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def value(self, value: object, name: str) -> object:
        """A value of the field `name`; the items of a list are named as the list is."""
        if isinstance(value, dict):
            above = name if named(name) & HANDED_DOWN else ""
            label = self.label(value)
            return {
                self.field(key): self.value(item, f"{above} {label if label and key in LABELLED else key}".strip())
                for key, item in value.items()
            }
        if isinstance(value, list):
            return [self.value(item, name) for item in value]
        if isinstance(value, str):
            return self.text(value, name)
        if isinstance(value, bool) or value is None:
            return value
        return self.number(value, name) if isinstance(value, int | Decimal) else REMOVED

    def label(self, value: Mapping[str, object]) -> str:
        """What an object says that its value is. What the workspace does not know, a person may have typed."""
        label = next((said for key in LABELS if isinstance(said := value.get(key), str)), "")
        known = not label or label in self.said.texts or named(label) & AMOUNTS
        return label if known else f"{label} note"

    def field(self, name: str) -> str:
        """Names of fields are structure, unless somebody uses data for names."""
        harmless = _FIELD.fullmatch(name) and not _DATA_FOR_A_NAME.search(name)
        return name if harmless or name in self.said.texts else self.pseudonyms.text(name)

    def text(self, text: str, name: str) -> str:
        if not text or self.is_plain(text, name):
            return text
        if len(text) > TEXT_CHARS_MAX:
            return REMOVED
        words = named(name)
        hides = bool(words & (SECRET | PERSONAL)) or bool(re.search(r"\s", text))
        if _EMAIL.fullmatch(text):
            return f"{self.pseudonyms.text(text).replace('@', '-')}@example.invalid"
        url = _URL.fullmatch(text)
        if url:
            scheme, host, rest = url.groups()
            return f"{scheme}://{self.host(host.rpartition('@')[2])}{self.pseudonyms.text(rest, self.kept_in(rest))}"
        return self.pseudonyms.text(text, (lambda _: False) if hides else self.kept_in(text))

    def number(self, number: int | Decimal, name: str) -> object:
        if self.is_plain(number, name):
            if isinstance(number, int) and len(self.numbers) < NUMBERS_MAX:
                self.numbers.add(str(abs(number)))
            return number
        return self.pseudonyms.number(number) if isinstance(number, int) else Decimal(0)

    def is_plain(self, value: object, name: str) -> bool:
        """Whether a value is harmless as it stands: nobody's data, and no secret."""
        words = named(name)
        if words & SECRET:
            return value is None or isinstance(value, bool)
        personal, counted = bool(words & PERSONAL), bool(words & COUNTED)
        if personal and not words & PERSONAL <= ALSO_AMOUNTS:
            return value is None or isinstance(value, bool)
        if isinstance(value, str):
            if words & AMOUNTS and not words & IDS and _WHOLE.fullmatch(value):
                return True
            if personal:
                return (counted and bool(_AMOUNT.fullmatch(value))) or value in self.said.texts
            forms = (_AMOUNT, _SHORT, _CODE) if _LONG_PAST.fullmatch(value) else (_TIME, _AMOUNT, _SHORT, _CODE)
            return any(form.fullmatch(value) for form in forms) or value in self.said.texts
        if isinstance(value, int) and not isinstance(value, bool):
            digits = len(str(abs(value)))
            return digits <= (_ID_DIGITS_MAX if words & IDS or (personal and not counted) else _NUMBER_DIGITS_MAX)
        if not isinstance(value, Decimal):
            return True
        return len(value.as_tuple().digits) <= _DECIMAL_DIGITS_MAX and (counted or not personal)

    def kept_in(self, text: str) -> Callable[[str], bool]:
        """Which runs of a text stay: those that the workspace says, and numbers in clear where they are few digits; of
        a text with so few digits in all, these too, as they would stay where they are a number."""
        if sum(map(str.isdigit, text)) <= _ID_DIGITS_MAX:
            return lambda run: run in self.said.runs or run.isdigit()
        digits = sum(len(run) for run in RUN.findall(text) if run in self.numbers and run not in self.said.runs)
        return self.said.runs.__contains__ if digits > _KEPT_DIGITS_MAX else self.is_said

    def is_said(self, run: str) -> bool:
        return run in self.said.runs or run in self.numbers

"""Bodies: what is read, what is refused before it costs, and that what is written is what was read."""

import json
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields
from decimal import Decimal
from typing import NoReturn

import pytest
from contract.bad_bodies import BAD, HEAVY, Bad
from hypothesis import given
from hypothesis import strategies as st
from real import real_data

from engine.contract.body import BodyError, BodyLimits, canonical_json, decode_body, encode_json, same_json

CANARY = "canary-4711"

READ = {
    "an order": (b'{"id": 1, "lines": [{"sku": "a"}]}', {"id": 1, "lines": [{"sku": "a"}]}),
    "an amount": (b"19.99", Decimal("19.99")),
    "an amount with its zeros": (b"1.50", Decimal("1.50")),
    "a power": (b"1e3", Decimal("1E+3")),
    "the largest power": (b"9.9e400", Decimal("9.9E+400")),
    "the smallest power": (b"1e-400", Decimal("1E-400")),
    "an id of thirty digits": (b"123456789012345678901234567890", 123456789012345678901234567890),
    "a thousand digits": (b"7" * 1000, int("7" * 1000)),
    "a thousand digits below zero": (b"-" + b"7" * 1000, -int("7" * 1000)),
    "four hundred digits and a fraction": (b"7" * 400 + b"." + b"5" * 600, Decimal("7" * 400 + "." + "5" * 600)),
    "long digits that are text": (b'"' + b"7" * 5000 + b'"', "7" * 5000),
    "minus zero": (b"-0.0", Decimal("-0.0")),
    "words": (b" [true, false, null] ", [True, False, None]),
    "an emoji as a pair of escapes": (rb'"\ud83d\ude00"', "\U0001f600"),
    "a backslash before what looks like half a pair": (rb'"\\ud83d"', "\\ud83d"),
    "a backslash before what looks like U+0000": (rb'"\\u0000"', "\\u0000"),
    "UTF-8": ('"Zoë 東京"'.encode(), "Zoë 東京"),
    "punctuation inside text": (rb'{"a": "}{][,:\"\\", "b": ":"}', {"a": '}{][,:"\\', "b": ":"}),
    "one key in two objects": (b'[{"a": 1}, {"a": 1}]', [{"a": 1}, {"a": 1}]),
    "64 levels": (b"[" * 64 + b"]" * 64, None),
    "more brackets than levels": (b"[" + b"[[]]," * 100 + b"1]", [[[]]] * 100 + [1]),
    "ten thousand brackets inside text": (b'"' + b"[" * 10_000 + b'"', "[" * 10_000),
}


@pytest.mark.parametrize(("raw", "value"), READ.values(), ids=READ)
def test_it_reads(raw: bytes, value: object) -> None:
    read = decode_body(raw)
    if value is None:
        read, value = json.dumps(read), raw.decode()
    assert read == value
    assert type(read) is type(value)


def test_there_are_bad_bodies_of_every_kind() -> None:
    assert len(BAD) >= 20
    assert {bad.code for bad in BAD.values()} == {
        "empty", "size", "encoding", "json", "duplicate-key", "number", "depth", "nodes", "surrogate", "nul"
    }  # fmt: skip
    assert {bad.limit for bad in BAD.values()} - {""} == {field.name for field in fields(BodyLimits)}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_it_refuses(bad: Bad) -> None:
    with pytest.raises(BodyError) as refused:
        decode_body(bad.make())
    assert refused.value.code == bad.code
    assert str(refused.value) == refused.value.message
    if bad.limit:  # it is the budget that refuses, and says so
        assert str(getattr(BodyLimits(), bad.limit)) in refused.value.message


REFUSED_PEAK_TIMES_MAX = 32
"""So many times its own bytes a bad body may take while it is refused: a copy or two, or one small piece for each text
or value of it (21 times, measured, over 100,000 objects in one another)."""

READ_PEAK_TIMES_MAX, READ_PEAK_A_VALUE = 8, 200
"""So many times its bytes, and so many bytes for each value that a body may have: what Python's objects take."""


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_refusing_takes_a_bounded_multiple_of_the_body(bad: Bad) -> None:
    raw = bad.make()
    peak = peak_of(decode_body, raw)
    assert peak < REFUSED_PEAK_TIMES_MAX * len(raw) + 64 * 1024


@pytest.mark.parametrize("make", HEAVY.values(), ids=HEAVY)
def test_reading_takes_a_bounded_multiple_of_the_body_and_its_values(make: Callable[[], bytes]) -> None:
    raw = make()
    decode_body(raw)
    assert peak_of(decode_body, raw) < READ_PEAK_TIMES_MAX * len(raw) + READ_PEAK_A_VALUE * BodyLimits().nodes_max


def peak_of(read: Callable[[bytes], object], raw: bytes) -> int:
    """The most memory that reading took at once, in bytes; what it said is another test's."""
    tracemalloc.start()
    try:
        with suppress(BodyError):
            read(raw)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("raw", "limits", "code"),
    [
        (b"[1, 2, 3]", BodyLimits(nodes_max=3), "nodes"),
        (b"[[], {}, [1]]", BodyLimits(nodes_max=4), "nodes"),
        (b'{"a": "b"}', BodyLimits(nodes_max=1), "nodes"),
        (b"[[1]]", BodyLimits(depth_max=1), "depth"),
        (b"1234", BodyLimits(digits_max=3), "number"),
        (b"12.34", BodyLimits(digits_max=3), "number"),
        (b"1e4", BodyLimits(exponent_max=3), "number"),
        (b"12345", BodyLimits(bytes_max=4), "size"),
    ],
)
def test_limits_are_those_given(raw: bytes, limits: BodyLimits, code: str) -> None:
    with pytest.raises(BodyError) as refused:
        decode_body(raw, limits)
    assert refused.value.code == code


@pytest.mark.parametrize("raw", [b"[1, 2, 3]", b"[[], {}, 1]", b'{"a": "b", "c": "d", "e": ","}', b"[ [ ] , { } , 1 ]"])
def test_nodes_are_counted_exactly(raw: bytes) -> None:
    decode_body(raw, BodyLimits(nodes_max=4))
    with pytest.raises(BodyError):
        decode_body(raw, BodyLimits(nodes_max=3))


BROKEN_AROUND_A_CANARY = {
    "syntax": f'{{"a": "{CANARY}" x}}',
    "key": f'{{"{CANARY}": 1, "{CANARY}": 2}}',
    "end": f'{{"{CANARY}": "{CANARY}',
    "escape": f'"{CANARY}\\q"',
    "pair": f'"{CANARY}\\ud800"',
    "nul": f'"{CANARY}\\u0000"',
    "number": f'["{CANARY}", 1e4711]',
}


@pytest.mark.parametrize("text", BROKEN_AROUND_A_CANARY.values(), ids=BROKEN_AROUND_A_CANARY)
def test_no_error_shows_what_a_body_holds(text: str) -> None:
    with pytest.raises(BodyError) as refused:
        decode_body(text.encode())
    assert "4711" not in f"{refused.value!r} {refused.value} {refused.value.__cause__!r}"


def test_an_error_says_where() -> None:
    with pytest.raises(BodyError, match="byte 8"):
        decode_body(b'{"a": 1 x}')
    with pytest.raises(BodyError, match="byte 7"):
        decode_body(b'{"a": "\xff"}')


def test_errors_are_values() -> None:
    assert BodyError("json", "why") == BodyError("json", "why")
    assert len({BodyError("json", "why"), BodyError("json", "why"), BodyError("empty", "why")}) == 2


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
NUMBERS = st.integers() | st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
    max_leaves=20,
)


@given(VALUES)
def test_what_is_written_is_what_was_read(value: object) -> None:
    assert decode_body(encode_json(value)) == value


@given(VALUES)
def test_the_canonical_form_is_one_form(value: object) -> None:
    once = canonical_json(value)
    assert canonical_json(decode_body(once)) == once
    assert decode_body(once) == value


@given(VALUES, st.integers(0, 200), st.sampled_from(["", *'{}[]:,"\\u0de+-.1n ', "\\ud800", "1e500", '"a":1,', "NaN"]))
def test_one_slip_in_json_is_judged_as_the_standard_library_judges_it(value: object, place: int, slip: str) -> None:
    text = encode_json(value).decode()
    text = text[:place] + slip + text[place + 1 :]
    try:
        expected = json.loads(text, parse_float=close_decimal, object_pairs_hook=refuse_twice, parse_constant=refuse)
        refuse_unstorable(json.dumps(expected, ensure_ascii=False, default=str))
    except (ValueError, ArithmeticError):
        with pytest.raises(BodyError):
            decode_body(text.encode())
    else:
        assert decode_body(text.encode()) == expected


def close_decimal(text: str) -> Decimal:
    number = Decimal(text)
    return number if abs(number.adjusted()) <= 400 else refuse("beyond")


def refuse_unstorable(text: str) -> None:
    text.encode()
    if "\\u0000" in text.replace("\\\\", ""):
        refuse("U+0000")


def refuse(word: str) -> NoReturn:
    raise ValueError(word)


def refuse_twice(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("twice")
    return dict(pairs)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": Decimal("1.50"), "a": 10**40}, b'{"b":1.50,"a":1' + b"0" * 40 + b"}"),
        (Decimal("1E+400"), b"1E+400"),
        (Decimal("1E-400"), b"1E-400"),
        ('Zoë "東京"\n', '"Zoë \\"東京\\"\\n"'.encode()),
        (["NaN", "Infinity"], b'["NaN","Infinity"]'),
    ],
)
def test_it_writes(value: object, text: bytes) -> None:
    assert encode_json(value) == text
    json.loads(text)


@pytest.mark.parametrize(
    "value", [Decimal("NaN"), [Decimal("Infinity")], {"a": (Decimal("sNaN"),)}, "\ud800", {"a": Decimal("-Infinity")}]
)
def test_it_refuses_to_write_what_json_cannot_hold(value: object) -> None:
    for write in (encode_json, canonical_json):
        with pytest.raises(ValueError, match=r"NaN|surrogates"):
            write(value)


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        (b'{"a": 1.0, "b": [1.50, 1e2]}', b'{"b":[1.5,100],"a":1}', True),
        (b"1e400", b"1" + b"0" * 400, True),
        (b"-0.0", b"0", True),
        (rb'"\u00e9"', '"é"'.encode(), True),
        (b"[1,2]", b"[2,1]", False),
        (b"true", b"1", False),
        (b"null", b"{}", False),
        (b'"1"', b"1", False),
        (b"1." + b"0" * 300 + b"1", b"1." + b"0" * 300 + b"2", False),
        (b"not json", b"not json", True),
        (b"not json", b"not  json", False),
        (b'{"a":1,"a":1}', b'{"a":1}', False),
    ],
)
def test_two_bodies_say_the_same(left: bytes, right: bytes, same: bool) -> None:
    assert same_json(left, right) is same
    assert same_json(right, left) is same


@pytest.mark.real
def test_every_recorded_json_body_is_read_as_the_standard_library_reads_it() -> None:
    read, refused = 0, []
    for file in sorted((real_data() / "traffic").rglob("*.json")):
        raw = file.read_bytes()
        try:
            expected = json.loads(raw.decode(), parse_float=Decimal, object_pairs_hook=refuse_twice)
        except ValueError:
            refused.append(file.name)
            with pytest.raises(BodyError):
                decode_body(raw)
            continue
        assert decode_body(raw) == expected, file
        assert decode_body(encode_json(expected)) == expected, file
        read += 1
    assert read == 302
    assert refused == ["empty.json", "invalid_json.json", "revoke_token.json"]

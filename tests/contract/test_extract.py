"""A few fields of a body: exactly those, as strictly as a whole body, and a BodyError where the shape differs."""

import json
from collections.abc import Callable
from decimal import Decimal

import pytest
from contract.bad_bodies import BAD, HEAVY, Bad
from contract.test_body import peak_of
from hypothesis import given
from hypothesis import strategies as st
from real import real_data

from engine.contract.body import BodyError, decode_body
from engine.contract.extract import compile_extractor

ORDER = (
    b'{"id": 7, "total": 1.50, "customer": {"id": "c-1", "note": {"by": "me"}}, "lines": [1, {"a": 2}], "gone": null}'
)

TAKEN = {
    "one field": ([("id",)], {"id": 7}),
    "an exact amount": ([("total",)], {"total": Decimal("1.50")}),
    "a whole list": ([("lines",)], {"lines": [1, {"a": 2}]}),
    "a field of an object": ([("customer", "id")], {"customer": {"id": "c-1"}}),
    "several levels": ([("customer", "note", "by"), ("id",)], {"customer": {"note": {"by": "me"}}, "id": 7}),
    "a null": ([("gone",)], {"gone": None}),
    "a null on the way": ([("gone", "id")], {"gone": None}),
    "an absent field": ([("other",)], {}),
    "an absent object": ([("other", "id")], {}),
    "an absent field of an object": ([("customer", "other")], {"customer": {}}),
    "a field and what is inside it": (
        [("customer", "note", "by"), ("customer",)],
        {"customer": {"id": "c-1", "note": {"by": "me"}}},
    ),
    "nothing": ([], {}),
    "everything": ([()], decode_body(ORDER)),
}


@pytest.mark.parametrize(("paths", "taken"), TAKEN.values(), ids=TAKEN)
def test_it_takes(paths: list[tuple[str, ...]], taken: object) -> None:
    assert compile_extractor(frozenset(paths))(ORDER) == taken


LEAVES = {
    "a small number": b"7",
    "nought": b"0",
    "eighteen digits": b"123456789012345678",
    "nineteen digits": b"1234567890123456789",
    "thirty digits": b"123456789012345678901234567890",
    "a number below nought": b"-7",
    "an exponent": b"1e3",
    "plain text": b'"a-1 ~"',
    "no text": b'""',
    "digits as text": b'"007"',
    "long text": b'"' + b"x" * 300 + b'"',
    "text with an escape": rb'"a\"b\\c\u00e9"',
    "text beyond ASCII": '"Köln"'.encode(),
    "text with the last of ASCII": b'"a\x7f"',
}


@pytest.mark.parametrize("raw", LEAVES.values(), ids=LEAVES)
def test_a_value_is_the_one_the_whole_body_has(raw: bytes) -> None:
    """What is read in a short way is read the same."""
    body = b'{"id": ' + raw + b"}"
    taken, whole = compile_extractor(frozenset({("id",)}))(body), decode_body(body)
    assert taken == whole
    assert type(taken["id"]) is type(whole["id"])  # type: ignore[index]


@pytest.mark.parametrize("raw", [b"007", b"00", b"+7", b"7.", b'"a\tb"', b"7 8", b'"a" "b"', b"'a'"])
def test_a_value_that_is_no_json_is_refused(raw: bytes) -> None:
    with pytest.raises(BodyError):
        compile_extractor(frozenset({("id",)}))(b'{"id": ' + raw + b"}")


@pytest.mark.parametrize("name", ["order-id", "a b", "é", "1", "class", "$id", "a.b", "", "__init__", "f0", "東京"])
def test_a_name_may_be_any_text(name: str) -> None:
    raw = json.dumps({name: {name: 1, "z": 2}, "y": 3}).encode()
    assert compile_extractor(frozenset({(name, name)}))(raw) == {name: {name: 1}}


@pytest.mark.parametrize("name", ['a"b', "a\\b", "a\nb", "a\x7fb"])
def test_a_name_it_cannot_look_for_reads_the_object_around_it(name: str) -> None:
    document = {"o": {name: 1, "z": 2}, "y": 3}
    raw = json.dumps(document).encode()
    assert compile_extractor(frozenset({("o", name)}))(raw) == {"o": document["o"]}
    assert compile_extractor(frozenset({(name,)}))(raw) == document


REFUSED = {
    "a list": b"[1]",
    "text": b'"id"',
    "no JSON": b"id=7",
    "nothing": b"",
    "half": b'{"id": 7',
    "no JSON in what is skipped": b'{"id": 7, "x": NaN}',
    "a number on the way": b'{"id": 7, "customer": 1}',
    "a list on the way": b'{"id": 7, "customer": [{"id": 1}]}',
    "a taken number too far out": b'{"id": 1e1000000}',
    "a taken number too long": b'{"id": ' + b"7" * 100_000 + b"}",
    "a taken value with a key twice": b'{"id": {"a": 1, "a": 2}}',
    "a taken text with U+0000": rb'{"id": "\u0000"}',
    "a taken text with half a pair": rb'{"id": "\ud800"}',
    "a taken text that is not UTF-8": b'{"id": "\xff"}',
    "a taken value nested too deep": b'{"id": ' + b"[" * 65 + b"]" * 65 + b"}",
    "a skipped value nested beyond reason": b'{"x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "a body too large": b'{"id": "' + b"x" * (5 * 1024 * 1024) + b'"}',
    "UTF-16": '{"id": 7}'.encode("utf-16"),
}


@pytest.mark.parametrize("raw", REFUSED.values(), ids=REFUSED)
def test_it_refuses(raw: bytes) -> None:
    with pytest.raises(BodyError):
        compile_extractor(frozenset({("id",), ("customer", "id")}))(raw)


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_a_bad_body_is_refused_or_is_bad_only_where_nothing_is_taken(bad: Bad) -> None:
    """Before the ack only `id` is named; what is wrong elsewhere is found after it, and never taken for something."""
    take, raw = compile_extractor(frozenset({("id",)})), bad.make()
    try:
        taken = take(raw)
    except BodyError:
        return
    assert bad.code in ("duplicate-key", "surrogate", "nul", "number", "nodes", "depth")
    assert taken == {} or bad.code == "duplicate-key"


@pytest.mark.parametrize("make", [*(bad.make for bad in BAD.values()), *HEAVY.values()], ids=[*BAD, *HEAVY])
def test_taking_a_field_costs_no_more_than_the_body_has(make: Callable[[], bytes]) -> None:
    raw = make()
    assert peak_of(compile_extractor(frozenset({("id",), ("customer", "id")})), raw) < 4 * len(raw) + 64 * 1024


def test_its_errors_show_nothing_of_the_body() -> None:
    with pytest.raises(BodyError) as refused:
        compile_extractor(frozenset({("id",)}))(b'["canary-4711"]')
    assert "4711" not in f"{refused.value}{refused.value.__cause__!r}"


NAMES = st.sampled_from(["a", "b", "c-d"])
OBJECTS = st.recursive(
    st.none() | st.integers() | st.text("xyz"), lambda inner: st.dictionaries(NAMES, inner), max_leaves=8
)


@given(st.dictionaries(NAMES, OBJECTS), st.frozensets(st.lists(NAMES, min_size=1, max_size=3).map(tuple), max_size=4))
def test_what_it_takes_is_what_the_whole_body_has(document: dict, paths: frozenset[tuple[str, ...]]) -> None:
    try:
        taken = compile_extractor(paths)(json.dumps(document).encode())
    except BodyError:
        assert any(not isinstance(at(document, path[:n]), dict | None) for path in paths for n in range(1, len(path)))
        return
    for path in paths:
        assert at(taken, path) == at(document, path)


def at(value: object, path: tuple[str, ...]) -> object:
    """As an expression reads it: absent, or a field of null, is null."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


@pytest.mark.real
def test_the_fields_of_recorded_orders() -> None:
    raw = (real_data() / "traffic" / "shopify-rest" / "order.json").read_bytes()
    take = compile_extractor(frozenset({("order", "id"), ("order", "updated_at"), ("order", "customer", "id")}))
    assert take(raw) == {
        "order": {"id": 450789469, "updated_at": "2008-01-10T11:00:00-05:00", "customer": {"id": 207119551}}
    }

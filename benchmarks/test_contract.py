"""Reading a body and holding it against its contract, against the libraries beneath and beside.

Measured, over orders of 4.7 KB: `decode_body` (strict: no key twice, no half characters, bounds on depth, nodes and
digits, every digit kept), and `Contract.check` of shopify/order@2024-10 on a decoded order that holds it. Baselines of
the first: `json.loads` as it is (floats, last key wins), and with Decimals and a hook that refuses a key given twice.
Of the second: the same validator of `jsonschema-rs` called bare, and the `jsonschema` library with formats checked.
"""

import json
from decimal import Decimal
from statistics import median

import jsonschema_rs
from jsonschema import Draft202012Validator, FormatChecker

from benchmarks.conftest import Clocked
from benchmarks.orders import INTEGRATION, reference
from benchmarks.report import Report, Topic
from benchmarks.rig import make_payloads
from engine.contract.body import decode_body
from engine.contract.dialect import OPTIONS

RAW = make_payloads(1)[0][0]
ORDER = decode_body(RAW)
SCHEMA = reference().workspace.models["shopify/order@2024-10"].content

DECODING = Topic("Reading: an order of 4.7 KB", "decode_body, strict and exact", "µs")
SECTION = f"Contract: shopify/order@2024-10, {len(SCHEMA['properties'])} properties at the top, an order of 4.7 KB"
CHECKING = Topic(SECTION, "Contract.check, an order that holds it", "µs", "≤ 1.2")
CHECKING_PLAIN = Topic(SECTION, "Contract.check, an order that holds it", "µs", "≤ 0.02, then 0.011 (1.2 of 112)")
PLAIN_RATIO_MAX = 1 / 50
PLAIN = "jsonschema, is_valid"


def test_decodes_a_body(clocked: Clocked) -> None:
    clocked.call("body", decode_body, RAW)
    clocked.put(DECODING)


def test_loads_json(clocked: Clocked) -> None:
    clocked.call("body", json.loads, RAW)
    clocked.put(DECODING, "json.loads (floats, the last of a doubled key)")


def test_loads_json_strictly(clocked: Clocked) -> None:
    def once_each(pairs: list[tuple[str, object]]) -> dict[str, object]:
        made = dict(pairs)
        assert len(made) == len(pairs)
        return made

    def loads(raw: bytes) -> object:
        return json.loads(raw, parse_float=Decimal, object_pairs_hook=once_each)

    assert loads(RAW) == ORDER
    clocked.call("body", loads, RAW)
    clocked.put(DECODING, "json.loads (Decimals, no key twice)")


def test_checks_a_contract(clocked: Clocked) -> None:
    contract = reference().plans[INTEGRATION].receive.contract
    assert contract is not None
    assert contract.check(ORDER) == ()
    clocked.call("contract", contract.check, ORDER)
    for topic in (CHECKING, CHECKING_PLAIN):
        clocked.put(topic)


def test_checks_with_the_fast_library(clocked: Clocked) -> None:
    validator = jsonschema_rs.Draft202012Validator(SCHEMA, **OPTIONS)
    assert validator.is_valid(ORDER)
    clocked.call("contract", validator.is_valid, ORDER)
    clocked.put(CHECKING, "jsonschema-rs, is_valid")


def test_checks_with_the_plain_library(clocked: Clocked) -> None:
    # It tells numbers by type and knows no Decimal, so it gets what json.loads gives.
    validator, order = Draft202012Validator(SCHEMA, format_checker=FormatChecker()), json.loads(RAW)
    assert validator.is_valid(order)
    clocked.call("contract", validator.is_valid, order)
    clocked.put(CHECKING_PLAIN, PLAIN)


def test_keeps_to_its_ratio(report: Report) -> None:
    assert median(report.ratios(CHECKING_PLAIN, PLAIN)) <= PLAIN_RATIO_MAX

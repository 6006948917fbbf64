"""Requests as they are written: once, for their digest and for the wire."""

from decimal import Decimal
from hashlib import sha256

import pytest

from engine.contract.body import decode_body, sorted_json
from engine.model import Request
from engine.rules.calls import DIGEST_BYTES, written

BODIES: dict[str, object] = {
    "an order": {"total": Decimal("19.90"), "id": "shop-1", "lines": [{"sku": "é", "quantity": 1}]},
    "a list": [1, None, "a"],
    "a text": "x",
    "nothing": None,
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_digest_stands_for_all_that_goes_out(body: object) -> None:
    request = Request("erp", "any", "POST", "/orders", (("a", "b"),), (("Key", "k"),), body)
    sent, digest = written(request)
    parts = [request.method, request.path, request.query, request.headers, request.body]
    assert digest == sha256(sorted_json(parts)).digest()[:DIGEST_BYTES]  # as stores of earlier versions hold it
    assert sent.body == body
    assert sent.written is None if body is None else decode_body(sent.written or b"") == body


def test_the_order_of_keys_makes_no_other_request() -> None:
    one, other = ({"a": 1, "b": {"c": 2, "d": 3}}, {"b": {"d": 3, "c": 2}, "a": 1})
    assert written(Request("erp", "any", "POST", "/", body=one)) == written(
        Request("erp", "any", "POST", "/", body=other)
    )

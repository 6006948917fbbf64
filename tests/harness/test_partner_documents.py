"""Documents of the simulated partner: a label or an image goes out as its bytes, an error beside it as JSON."""

from base64 import b64encode
from hashlib import sha256

import pytest
from described import partner

from harness.partner import PartnerAnswer, Received

DOCUMENT = """
label:
  request: {method: GET, path: "/labels/{{ input.id }}", read: base64}
  effect: none
  answer:
    - {when: "path[1] == 'none'", status: 404, body: {error: no label}}
    - {when: "path[1] == 'binary'", status: 200, headers: {content-type: image/png}, body: {base64: iVBORw==}}
    - {when: "path[1] == 'broken'", status: 200, body: {base64: "no base64"}}
    - {status: 200, headers: {Content-Type: application/pdf}, body: "%PDF {{ path[1] }}"}
note: {request: {method: GET, path: /note, read: text}, effect: none, answer: {status: 200, body: "gone {{ n }}"}}
"""


def get(path: str) -> PartnerAnswer:
    return partner(DOCUMENT).answer(Received("GET", path.split("/")[1:], {}, {}, None))


@pytest.mark.parametrize(
    ("path", "content_type", "raw"),
    [("/labels/L1", "application/pdf", b"%PDF L1"), ("/labels/binary", "image/png", b"\x89PNG")],
)
def test_a_document_travels_as_its_bytes_and_is_read_as_one(path: str, content_type: str, raw: bytes) -> None:
    said = get(path)
    assert (said.status, said.raw()) == (200, raw)
    assert said.body == {
        "content_type": content_type,
        "base64": b64encode(raw).decode(),
        "bytes": len(raw),
        "sha256": sha256(raw).hexdigest(),
    }


def test_an_error_where_a_document_was_asked_for_is_json_and_a_text_is_itself() -> None:
    none = get("/labels/none")
    assert (none.status, none.raw()) == (404, b'{"error":"no label"}')
    assert get("/labels/broken").status == 400
    assert get("/note").raw() == b"gone 1"  # what keeps no book numbers what it is asked

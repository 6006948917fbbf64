"""Cassettes of vcrpy and of Ruby's VCR: where they keep the status, how they write bodies, and what a YAML file may do
to its reader.
"""

import gzip
import json
from base64 import b64encode
from typing import Any

import pytest

from engine.errors import UserError
from harness.recordings.exchange import Exchange, Recording
from harness.recordings.read import read_bytes

RUBY = """
http_interactions:
- request:
    method: post
    uri: https://api.example/v2/shipments
    body: {encoding: UTF-8, string: '{"name":"Jos\u00e9"}'}
    headers: {Authorization: "<REDACTED>", Accept: ["*/*", "a/b"]}
  response:
    status: {code: 201, message: Created}
    headers: {Content-Type: [application/json]}
    body: {encoding: ASCII-8BIT, string: !!binary "eyJpZCI6MX0="}
  recorded_at: Mon, 29 Jul 2024 18:10:04 GMT
recorded_with: VCR 6.0.0
"""


def cassette(request: dict[str, Any] | None = None, response: dict[str, Any] | None = None) -> Exchange:
    sent = {"method": "POST", "uri": "https://api.example/a", "headers": {}, "body": None, **(request or {})}
    answered = {"status": {"code": 200, "message": "OK"}, "headers": {}, "body": {"string": ""}, **(response or {})}
    raw = json.dumps({"interactions": [{"request": sent, "response": answered}], "version": 1}).encode()
    (one,) = read_bytes(raw, "c.json").exchanges
    return one


def yaml(text: str | bytes) -> Recording:
    return read_bytes(text.encode() if isinstance(text, str) else text, "c.yaml", yaml=True)


def test_a_ruby_cassette() -> None:
    recording = yaml(RUBY)
    (one,) = recording.exchanges
    assert (recording.kind, recording.timed) == ("ruby-vcr", True)
    assert (one.method, one.host, one.path, one.status) == ("POST", "api.example", "/v2/shipments", 201)
    assert one.headers == {"authorization": "<REDACTED>", "accept": "*/*, a/b"}
    assert (one.body, one.answer_body) == ('{"name":"Jos\u00e9"}'.encode(), b'{"id":1}')
    assert one.at == 1_722_276_604_000_000


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(None, b"", id="none"),
        pytest.param("a=1", b"a=1", id="a text"),
        pytest.param({"string": "a"}, b"a", id="a text in an object"),
        pytest.param({"base64_string": b64encode(b"\x00").decode()}, b"\x00", id="base64"),
        pytest.param({"encoding": "ISO-8859-1", "string": "\u00e9"}, b"\xe9", id="another encoding"),
        pytest.param({"encoding": "ASCII-8BIT", "string": "\u00ff"}, b"\xff", id="bytes as a text"),
        pytest.param({"encoding": "no-such", "string": "\u00e9"}, b"\xc3\xa9", id="an encoding that nobody knows"),
        pytest.param(["a"], b"", id="what is no body"),
    ],
)
def test_a_body_however_it_is_written(body: object, expected: bytes) -> None:
    assert cassette({"body": body}, {"body": body}).body == expected
    assert cassette({"body": body}, {"body": body}).answer_body == expected


def test_a_status_wherever_it_stands() -> None:
    assert cassette(response={"status": 204}).status == 204
    assert cassette(response={"status": None}).status == 0
    older = {"request": {"uri": "https://a/"}, "response": {"status_code": 202, "content": "x"}}
    (one,) = read_bytes(json.dumps({"interactions": [older]}).encode(), "c.json").exchanges
    assert (one.status, one.answer_body, one.method) == (202, b"x", "GET")


def test_gzip_is_undone_where_it_is_there() -> None:
    packed = {
        "headers": {"Content-Encoding": ["gzip"]},
        "body": {"base64_string": b64encode(gzip.compress(b"[1]")).decode()},
    }
    assert cassette(response=packed).answer_body == b"[1]"
    assert cassette(response={**packed, "body": {"string": "[1]"}}).answer_body == b"[1]"
    broken = {**packed, "body": {"base64_string": b64encode(gzip.compress(b"[1]")[:-4]).decode()}}
    assert cassette(response=broken).answer_body.startswith(b"\x1f\x8b")


def test_vcrpy_has_no_times_and_says_so() -> None:
    recording = yaml("interactions:\n- request: {uri: https://a/, body: null}\n- response: {}\nversion: 1\n")
    assert (recording.kind, recording.timed, len(recording.exchanges)) == ("vcrpy", False, 1)


LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join(['*' + chr(97 + n)] * 10)}]\n" for n in range(8)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("interactions: [", "it cannot be read as YAML on line 1"),
        ("interactions: &a\n- *a\n", "an alias stands within the value it names, which would never end"),
        (LAUGHS, "it holds more than 400000 values, 10000 aliases or 64 levels"),
        ("[" * 70, "it holds more than 400000 values, 10000 aliases or 64 levels"),
        ("a: *nothing", "it cannot be read as YAML"),
        (b"\xff\x81", "it is no text in UTF-8"),
        ("!" * 60_000, "a word with `!` is longer than 50000 characters"),
        ("- 1", "it is neither HAR"),
    ],
)  # fmt: skip
def test_what_is_no_cassette_is_told_and_not_shown(text: str | bytes, message: str) -> None:
    with pytest.raises(UserError) as raised:
        yaml(text)
    assert str(raised.value).startswith(f"c.yaml: {message}")
    assert "canary" not in str(raised.value)

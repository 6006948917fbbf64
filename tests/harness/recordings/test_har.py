"""HAR documents as exporters really write them: unsorted, with negative timings, in base64, with parts missing."""

import json
from base64 import b64encode
from typing import Any

import pytest

from engine.errors import UserError
from harness.recordings.exchange import EXCHANGES_MAX, Recording
from harness.recordings.read import read_bytes


def entry(url: str = "https://erp.example/orders?id=7&tag=a%20b", **more: Any) -> dict[str, Any]:
    request = {"method": "post", "url": url, "headers": [{"name": "X-Id", "value": "e-1"}], **more.pop("request", {})}
    response = {"status": 201, "headers": [], "content": {"text": '{"id": 1}'}, **more.pop("response", {})}
    return {
        "startedDateTime": "2026-11-01T10:00:00.000Z",
        "time": 12.5,
        "request": request,
        "response": response,
        **more,
    }


def read(*entries: Any, **log: Any) -> Recording:
    return read_bytes(json.dumps({"log": {"version": "1.2", "entries": list(entries), **log}}).encode(), "a.har")


def test_an_entry_is_an_exchange() -> None:
    recording = read(entry(request={"postData": {"mimeType": "application/json", "text": '{"a": 1.50}'}}))
    (one,) = recording.exchanges
    assert (recording.kind, recording.timed, recording.scrubbed) == ("har", True, False)
    assert (one.method, one.host, one.path, one.query) == (
        "POST",
        "erp.example",
        "/orders",
        (("id", "7"), ("tag", "a b")),
    )
    assert (one.headers, one.body, one.status, one.answer_body) == ({"x-id": "e-1"}, b'{"a": 1.50}', 201, b'{"id": 1}')
    assert (one.at, one.took_us, one.place) == (1_793_527_200_000_000, 12_500, "a.har #1")


def test_entries_come_in_the_order_in_which_they_were_sent() -> None:
    late, early = entry("https://a/late"), entry("https://a/early", startedDateTime="2026-11-01T10:59:00+02:00")
    assert [(one.path, one.number) for one in read(late, early).exchanges] == [("/early", 1), ("/late", 2)]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({"time": -1}, {"took_us": 0}, id="a negative time"),
        pytest.param({"time": None}, {"took_us": 0}, id="no time"),
        pytest.param({"time": "NaN"}, {"took_us": 0}, id="a time that is none"),
        pytest.param({"startedDateTime": "yesterday"}, {"at": None}, id="a start that is none"),
        pytest.param({"response": {"status": -1}}, {"status": 0}, id="no status"),
        pytest.param({"response": {"content": None}}, {"answer_body": b""}, id="no content"),
        pytest.param({"response": {"content": {"encoding": "base64", "text": b64encode(b"\x00\xff").decode()}}}, {"answer_body": b"\x00\xff"}, id="content in base64"),
        pytest.param({"response": {"content": {"encoding": "base64", "text": "%"}}}, {"answer_body": b""}, id="content in broken base64"),
        pytest.param({"request": {"headers": None}}, {"headers": {}}, id="no headers"),
        pytest.param({"request": {"headers": [{"name": "A", "value": "1"}, {"name": "a", "value": "2"}, 7]}}, {"headers": {"a": "1, 2"}}, id="a header twice, and one that is none"),
        pytest.param({"request": {"postData": {"params": [{"name": "a", "value": "x y"}]}}}, {"body": b"a=x+y"}, id="a form without its text"),
        pytest.param({"request": {"url": "http://[bad/"}}, {"host": "", "path": "/"}, id="an address that is none"),
        pytest.param({"request": {"url": "https://user:pass@h:8/a b"}}, {"host": "h:8", "path": "/a%20b"}, id="an address with a sign-in"),
        pytest.param({"request": {"method": None}}, {"method": "GET"}, id="no method"),
    ],
)  # fmt: skip
def test_what_is_missing_or_odd_is_read_as_the_least(given: dict[str, Any], expected: dict[str, Any]) -> None:
    (one,) = read(entry(**given)).exchanges
    assert {name: getattr(one, name) for name in expected} == expected


def test_an_entry_without_a_response_or_a_request() -> None:
    without = entry()
    del without["response"]
    assert [one.status for one in read(without, {}, None, 3, {"request": None}).exchanges] == [0]


def test_a_log_without_entries_and_one_in_another_object() -> None:
    assert read_bytes(b'{"log": {}}', "a.har").exchanges == ()
    wrapped = json.dumps({"result": {"log": {"entries": [entry()]}}}).encode()
    assert len(read_bytes(b"\xef\xbb\xbf" + wrapped, "a.har").exchanges) == 1


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "a.har: it cannot be read as JSON"),
        (b"[\n", "a.har: it cannot be read as JSON on line 2"),
        (b'{"log":\n x', "a.har: it cannot be read as JSON on line 2"),
        (b"[" * 100_000, "a.har: it cannot be read as JSON"),
        (b'{"log": "\xff"}', "a.har: it is no text in UTF-8"),
        (b'{"canary-secret": 1}', "a.har: it is neither HAR (`log`), nor a VCR cassette"),
        (json.dumps({"log": {"entries": [0] * (EXCHANGES_MAX + 1)}}).encode(), "a.har: it has 100001 entries; at most 100000 are read"),
    ],
)  # fmt: skip
def test_what_is_no_har_is_told_and_not_shown(raw: bytes, message: str) -> None:
    with pytest.raises(UserError, match=r"a\.har: it ") as raised:
        read_bytes(raw, "a.har")
    assert str(raised.value).startswith(message)
    assert "canary" not in str(raised.value)

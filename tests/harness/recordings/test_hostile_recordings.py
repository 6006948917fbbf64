"""What a stranger may hand over as a recording: none of it ends in a stack trace, waits for ever or fills the memory."""

import json
from pathlib import Path
from typing import Any

import pytest

from engine.errors import UserError
from harness.recordings import bounded, own, parts, read
from harness.recordings.exchange import Exchange
from harness.recordings.read import read_all, read_bytes, read_file

ENTRY: dict[str, Any] = {
    "startedDateTime": "2026-11-01T10:00:00Z",
    "time": 5,
    "request": {"method": "POST", "url": "https://a.example/x", "headers": [{"name": "X-A", "value": "b"}]},
    "response": {"status": 200},
}
HAR = json.dumps({"log": {"entries": [ENTRY]}})
LINE = json.dumps(
    {
        "at": 1,
        "took_us": 2,
        "request": {"method": "GET", "host": "h", "path": "/", "query": [], "headers": {}, "json": "b"},
        "answer": {"status": 200, "headers": {}},
    }
)
VCRPY = """
interactions:
- request: {method: !!python/unicode 'GET', uri: !!python/unicode 'https://a.example/x', body: null}
  response: {status: {code: 200}, body: {string: !ruby/string:HTTParty::Text 'said'}, headers: !ruby/hash:H {A: [b]}}
"""


def only(raw: str | bytes, *, yaml: bool = False) -> Exchange:
    (one,) = read_bytes(raw if isinstance(raw, bytes) else raw.encode(), "r", yaml=yaml).exchanges
    return one


@pytest.mark.parametrize(
    "number", ["1e400000000", "9e999999", "-1e400000000", "NaN", "Infinity", '"9e9"', "true", "[]"]
)
def test_a_number_beyond_all_bounds_is_none(number: str) -> None:
    one = only(HAR.replace('"time": 5', f'"time": {number}').replace('"status": 200', f'"status": {number}'))
    assert (one.status, one.took_us) in ((0, 0), (1, 1000))
    assert only(HAR).took_us == 5_000


@pytest.mark.parametrize("time", ["0001-01-01T10:00:00Z", "9999-12-31T23:59:59-23:59", "1969-12-31", "2201-01-01"])
def test_a_time_that_no_recording_was_made_at_is_none(time: str) -> None:
    assert only(HAR.replace("2026-11-01T10:00:00Z", time)).at is None


def test_half_a_surrogate_pair_is_read_as_something_that_can_be_written_again() -> None:
    half = "\\ud800"
    one = only(HAR.replace("/x", f"/x{half}?q={half}").replace('"X-A"', f'"X-{half}"').replace('"b"', f'"{half}"'))
    assert (one.path, one.query) == ("/x%EF%BF%BD", (("q", "\ufffd"),))
    assert one.headers == {"x-\ufffd": "\ufffd"}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_a_recording_in_another_encoding_is_read_or_told(encoding: str) -> None:
    raw = HAR.encode(encoding)
    if encoding == "utf-16-le":  # without a mark
        with pytest.raises(UserError, match="it cannot be read as JSON"):
            read_bytes(raw, "r")
    else:
        assert only(raw).path == "/x"


def test_what_is_no_text_is_told() -> None:
    with pytest.raises(UserError, match=r"^r: it is no text in UTF-8$"):
        read_bytes(b"\xff\x00\x81", "r")


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ('"at": 1', '"at": 1e400000000'),
        ('"at": 1', f'"at": {10**40}'),
        ('"at": 1', '"at": -1'),
        ('"status": 200', '"status": 1e400000000'),
        ('"took_us": 2', '"took_us": "2"'),
        ('"json": "b"', '"json": "\\ud800"'),
        ('"path": "/"', '"path": "\\ud800"'),
    ],
)
def test_a_line_of_ours_with_what_we_never_write_is_told(was: str, now: str) -> None:
    assert only(own.FIRST + LINE.encode()).at == 1
    assert LINE.count(was) == 1
    with pytest.raises(UserError, match=r"^r line 2: it is no exchange of a Waybill recording$"):
        read_bytes(own.FIRST + LINE.replace(was, now).encode(), "r")


def test_a_recording_of_a_later_version_is_told_as_one() -> None:
    with pytest.raises(UserError, match="another version of Waybill wrote it"):
        read_bytes(own.FIRST.replace(b"1", b"2") + LINE.encode(), "r.jsonl")


def test_tags_that_old_recorders_wrote_hide_nothing() -> None:
    one = only(VCRPY, yaml=True)
    assert (one.method, one.path, one.status, one.answer_body, one.answer_headers) == (
        "GET",
        "/x",
        200,
        b"said",
        {"a": "b"},
    )


def test_a_tag_builds_nothing_but_data(tmp_path: Path) -> None:
    made = tmp_path / "made"
    text = f"interactions: [{{request: {{uri: !!python/object/apply:os.mkdir ['{made}']}}, response: {{}}}}]"
    only(text, yaml=True)
    assert not made.exists()


def test_an_event_that_nobody_can_send_is_told() -> None:
    with pytest.raises(UserError, match="half a surrogate pair"):
        read_bytes(b'{"body": "\\ud800"}', "r.json")


def test_yaml_and_many_recordings_have_their_own_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.har").write_text(HAR)
    (tmp_path / "b.har").write_text(HAR)
    assert len(read_all([tmp_path])) == 2
    monkeypatch.setattr(read, "ALL_BYTES_MAX", len(HAR) + 1)
    with pytest.raises(UserError, match="name fewer"):
        read_all([tmp_path])
    monkeypatch.setattr(bounded, "YAML_BYTES_MAX", len(VCRPY))
    with pytest.raises(UserError, match="the most of YAML"):
        read_bytes(f"{VCRPY} ".encode(), "r", yaml=True)
    monkeypatch.setattr(bounded, "YAML_NODES_MAX", 10)
    with pytest.raises(UserError, match="more than 10 values"):
        read_bytes(VCRPY.encode(), "r", yaml=True)


def test_a_file_that_cannot_be_opened_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.har"
    file.write_text(HAR)

    def refused(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refused)
    with pytest.raises(UserError, match=r"a\.har: it cannot be read: Permission denied"):
        read_file(file)


def test_a_status_is_one_of_http() -> None:
    assert [parts.status(one) for one in (200, "404", 999, 1000, None)] == [200, 404, 999, 0, 0]

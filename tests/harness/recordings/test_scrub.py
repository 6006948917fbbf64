"""What is written of traffic holds nobody's data and no secret, and can still be joined, mapped and replayed."""

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from canaries import CANARIES, body, found_in, har, headers
from real import ROOT

from engine.errors import UserError
from engine.run.load import load
from harness.recordings import own
from harness.recordings.exchange import Exchange
from harness.recordings.key import workspace_key
from harness.recordings.read import read_bytes
from harness.recordings.said import Said, said_by
from harness.recordings.scrub import Scrubber

KEY = b"k" * 32
SAID = said_by(load(ROOT, "local").workspace)
SCRUBBER = Scrubber(KEY, SAID)


def scrubbed(scrubber: Scrubber = SCRUBBER) -> Any:
    (one,) = read_bytes(har(), "a.har").exchanges
    return json.loads(own.line(scrubber.scrub(one)), parse_float=Decimal)


def test_the_canaries_are_in_what_is_scrubbed() -> None:
    assert set(found_in(har().decode())) == set(CANARIES)


@pytest.mark.parametrize("said", [SAID, Said()], ids=["with the reference workspace", "with no workspace"])
def test_no_canary_of_any_class_is_written(said: Said) -> None:
    (one,) = read_bytes(har(), "a.har").exchanges
    line = own.line(Scrubber(KEY, said).scrub(one)).decode()
    assert list(found_in(line)) == []
    assert "canary" not in line.lower()


def test_what_is_harmless_stays() -> None:
    written = scrubbed()["request"]["json"]
    assert written["financial_status"] == "paid"  # a table of the workspace knows it
    assert (written["total_price"], written["currency"]) == ("119.90", "EUR")
    assert written["placed_at"] == "2026-11-01T10:00:00Z"
    assert scrubbed(Scrubber(KEY, Said()))["request"]["json"]["financial_status"] != "paid"


def test_joins_survive() -> None:
    document = scrubbed()
    written = document["request"]["json"]
    order = str(written["id"])
    assert len(order) == 12
    assert written["gid"].endswith(f"/{order}")
    assert document["request"]["headers"]["x-shopify-webhook-id"].endswith(f"-{order}")
    assert written["custom"][1] == written["shipping_address"]["email"]
    assert written == document["answer"]["json"]


@pytest.mark.parametrize("first", [0, 995, 99_990])
def test_no_two_ids_become_one_beside_numbers_that_stay(first: int) -> None:
    scrubber = Scrubber(KEY, Said())
    sent = [
        Exchange("a", number, "POST", "shop", "/", body=b'{"id": "d-%d", "pieces": %d}' % (number, number + 3))
        for number in range(first, first + 30)
    ]
    for one in sent:
        scrubber.look(one)
    written = [json.loads(scrubber.scrub(one).exchange.body) for one in sent]
    assert [one["pieces"] for one in written] == [number + 3 for number in range(first, first + 30)]
    ids = [one["id"] for one in written]
    assert len(set(ids)) == 30
    assert all(id_[0].isalpha() and id_[1] == "-" and id_[2:].isdigit() for id_ in ids)


def test_headers_are_left_out_unless_the_workspace_reads_them() -> None:
    assert set(scrubbed()["request"]["headers"]) == {"content-type", "x-shopify-webhook-id"}
    assert set(scrubbed(Scrubber(KEY, Said()))["answer"]["headers"]) == {"content-type"}
    signed = Said(headers=frozenset(("x-shopify-hmac-sha256", "authorization", "cookie")))
    assert set(Scrubber(KEY, signed).headers({name.lower(): value for name, value in headers().items()})) == {
        "content-type"
    }


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("content-type", "application/json; boundary=Canarina", "application/json"),
        ("content-type", "Canarina Kestrelmann", "removed"),
        ("date", "Wed, 04 Sep 2024 09:14:12 GMT", "Wed, 04 Sep 2024 09:14:12 GMT"),
        ("date", "Canarina", "removed"),
        ("retry-after", "120", "120"),
        ("retry-after", "4929123456781234", "removed"),
    ],
)
def test_a_header_that_is_harmless_is_kept_if_it_is_what_it_should_be(name: str, value: str, kept: str) -> None:
    assert SCRUBBER.headers({name: value}) == {name: kept}


@pytest.mark.parametrize(
    ("name", "value", "stays"),
    [
        pytest.param("quantity", 12345678, True, id="a number of eight digits"),
        pytest.param("quantity", 123456789, False, id="a longer one"),
        pytest.param("order_id", 4711, False, id="a short id"),
        pytest.param("line", "17", True, id="a short number as a text"),
        pytest.param("zip", "17", False, id="the same where a person lives"),
        pytest.param("tax", Decimal("8.77"), True, id="a tax"),
        pytest.param("total_price", "27600", True, id="a sum in yen, as a text"),
        pytest.param("price", "4929123456781234", False, id="a card where a price should be"),
        pytest.param("tax_number", "81190798", False, id="the number of a tax payer, as digits"),
        pytest.param("tax_id", "DE811907980", False, id="the number of a tax payer"),
        pytest.param("latitude", Decimal("52.520008"), False, id="where somebody is"),
        pytest.param("account", True, True, id="a boolean"),
        pytest.param("status", "on its way", False, id="a text that nobody said"),
        pytest.param("password", 1, False, id="a secret that is a number"),
        pytest.param("anything", "2026-11-01", True, id="a date"),
        pytest.param("birthday", "1984-05-12", False, id="a date of birth"),
        pytest.param("born_on", "2011-05-12", False, id="a date of birth by another name"),
        pytest.param("Geburtsdatum", "1984-05-12", False, id="a day long past, in any language"),
        pytest.param("account", 12345678, False, id="the number of an account"),
        pytest.param("card", 42424242, False, id="half a card"),
        pytest.param("location", Decimal("52.520008"), False, id="where a person is"),
        pytest.param("account_balance", Decimal("10.50"), True, id="what is left on an account"),
        pytest.param("vat", 1900, True, id="a tax by its short name"),
        pytest.param("ratio", Decimal(4929123456781234), False, id="a card as a decimal"),
    ],
)  # fmt: skip
def test_a_value_by_its_field(name: str, value: object, stays: bool) -> None:
    assert (SCRUBBER.value(value, name) == value) is stays


@pytest.mark.parametrize(
    "written",
    [
        {"dob": {"day": 31, "month": 12, "year": 1980}},
        {"phone": {"value": "77889900", "national": 7788990}},
        {"otp": [{"value": "123456"}]},
        {"customer": {"birth": {"on": "2011-01-31"}}},
        {"note_attributes": [{"name": "birthday", "value": "2011-01-31"}, {"name": "phone", "value": "77889900"}]},
        {"meta": [{"key": "Türcode", "value": "4711"}, {"key": "pin", "value": 4711}]},
    ],
)  # fmt: skip
def test_a_value_is_hidden_that_is_named_above_or_beside_it(written: dict[str, Any]) -> None:
    def values(value: object) -> list[str]:
        if isinstance(value, dict):
            return [one for item in value.values() for one in values(item)]
        return [one for item in value for one in values(item)] if isinstance(value, list) else [str(value)]

    kept = SCRUBBER.value(written, "")
    assert json.dumps(kept).count(":") == json.dumps(written).count(":")
    assert set(values(kept)) & set(values(written)) == set()


def test_what_stands_below_an_address_or_beside_an_amount_stays() -> None:
    for written in (
        {"shipping_address": {"country_code": "DE"}},
        {"authorization": {"amount": 12345}},
        {"parts": [{"name": "cost", "value": 590}]},
    ):
        assert SCRUBBER.value(written, "") == written | {
            key: SCRUBBER.value(value, "") for key, value in written.items() if key == "parts"
        }


def test_a_card_in_groups_is_hidden_though_each_of_them_was_an_amount_somewhere() -> None:
    scrubber = Scrubber(KEY, Said())
    scrubber.value({"a": [4929, 1234, 5678, 4101]}, "")
    kept = scrubber.value({"b": "4929-1234-5678-1234", "c": "100231:4101"}, "")
    assert isinstance(kept, dict)
    assert not {"4929", "1234", "5678"} & set(kept["b"].split("-"))
    assert kept["c"].endswith(":4101")  # so that an identity made of a number in clear can be made again
    assert kept["c"] != "100231:4101"


def test_a_token_that_names_a_field_and_a_method_that_is_none_are_hidden() -> None:
    kept = SCRUBBER.value({"tok_canary_7Yt6Re5W": 1, "shipping_address2": 2}, "")
    assert isinstance(kept, dict)
    assert list(kept)[1:] == ["shipping_address2"]
    assert "tok_canary_7Yt6Re5W" not in kept
    assert SCRUBBER.scrub(Exchange("a", 1, "CANARINA KESTREL", "h", "/")).exchange.method == "removed"


def test_what_cannot_be_taken_apart_is_left_out() -> None:
    for kind, raw in (("text/html", b"<b>Canarina</b>"), ("application/json", b"{'Canarina'}"), ("", b"\xff\x00")):
        one = Exchange("a", 1, "POST", "h", "/", headers={"content-type": kind}, body=raw)
        kept = SCRUBBER.scrub(one).exchange.body
        assert re.fullmatch(rb"removed [0-9a-f]{16}", kept)
        assert kept != SCRUBBER.body(raw + b" ", {})
    long = json.dumps({"x": "Canarina" * 1000}).encode()
    assert SCRUBBER.body(long, {}) == b'{"x":"removed"}'


def test_a_form_is_scrubbed_field_by_field() -> None:
    kept = SCRUBBER.body(b"email=canary%40a.example&amount=1.50", {"content-type": "application/x-www-form-urlencoded"})
    assert kept.startswith(b"email=")
    assert kept.endswith(b"%40example.invalid&amount=1.50")
    assert b"canary" not in kept


def test_what_was_written_reads_back_the_same(tmp_path: Path) -> None:
    (one,) = read_bytes(har(), "a.har").exchanges
    line = own.line(SCRUBBER.scrub(one))
    recording = read_bytes(own.FIRST + line + line, "r.jsonl")
    assert (recording.kind, recording.scrubbed, recording.timed, len(recording.exchanges)) == ("waybill", True, True, 2)
    again = recording.exchanges[0]
    assert (again.method, again.status, again.at, again.took_us) == ("POST", 201, one.at, one.took_us)
    assert json.loads(again.body).keys() == {SCRUBBER.field(name) for name in body()}


@pytest.mark.parametrize("line", ["{}", '{"request": {}, "answer": {}}', '{"request": 1, "answer": 2}', "[", '"x"'])
def test_a_line_that_is_not_ours_is_told_with_its_number(line: str) -> None:
    with pytest.raises(UserError, match=r"^r\.jsonl line 3: it "):
        read_bytes(own.FIRST + b"\n" + line.encode(), "r.jsonl")


def test_the_key_is_made_once_and_is_nobody_else_s(tmp_path: Path) -> None:
    key = workspace_key(tmp_path)
    assert key == workspace_key(tmp_path)
    assert len(key) == 32
    assert (tmp_path / ".waybill" / "recordings.key").stat().st_mode & 0o777 == 0o600
    assert key != workspace_key(tmp_path / "other")
    (tmp_path / ".waybill" / "recordings.key").write_bytes(b"short")
    with pytest.raises(UserError, match="it is no key of 32 bytes"):
        workspace_key(tmp_path)

"""`easypost-labels` and `tax-quotes` are played to what EasyPost and AvaTax really answered: each request of theirs is
made again as it was recorded, and each answer understood.
"""

from collections import Counter
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cassette_events import label_request, tax_request
from real import ROOT, real_data

from engine.contract.body import decode_body
from engine.run.load import Loaded, load
from harness.recordings.exchange import Recording
from harness.recordings.read import read_all
from harness.replay.play import Played, play, recorded_and_made, replayed
from harness.replay.report import Report
from harness.replay.traffic import parted

pytestmark = pytest.mark.real

TRANSACTIONS = "/api/v2/transactions/createoradjust"


@cache
def reference() -> Loaded:
    return load(ROOT, "local")


def cassettes(*folders: str) -> list[Recording]:
    return read_all([real_data() / "traffic" / folder for folder in folders])


def report_of(spec: str, *recordings: Recording) -> Report:
    return replayed(reference(), ROOT, recordings, spec, speed=1)


def played(spec: str, *recordings: Recording) -> Played:
    return play(reference(), ROOT, parted(reference(), recordings, spec), spec, 1, 1)


# ── AvaTax ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@cache
def avatax() -> tuple[Recording, ...]:
    """Every cassette, and for each transaction asked of AvaTax the event that asks it."""
    found = cassettes("avatax-vcrpy")
    events = [tax_request(one) for recording in found for one in recording.exchanges if one.path == TRANSACTIONS]
    return (*found, *events)


def test_every_transaction_that_avatax_was_asked_is_asked_again_as_it_was() -> None:
    report = report_of("tax-quotes", *avatax())
    assert report.facts["deliveries"] == 30
    assert report.facts["exchanges"] == "30 of 30 asked for again"
    assert [report.compared.changes, report.misses, report.proposed] == [(), (), ()]
    assert report.held
    assert [remark for remark in report.remarks if remark.startswith("not ")] == [
        "not compared: 1 exchanges that no operation in question makes"  # its list of tax codes
    ]


def test_every_answer_of_avatax_is_understood() -> None:
    world = played("tax-quotes", *avatax()).world
    # An order to an address that AvaTax does not take is not in its books: somebody is asked before the checkout is told.
    assert Counter(status for _, _, status in world.named()) == {"done": 29, "held": 1}
    told = [call.body for call in world.http.calls if call.operation == "checkout.tell_tax"]
    assert Counter(one["status"] for one in told if isinstance(one, dict)) == {"known": 27, "unknown": 2}
    for one in told:
        assert isinstance(one, dict)
        if (quote := one["quote"]) and quote["currency"] != "JPY":  # a total in yen is rounded once, not line by line
            assert quote["tax"] == sum(line["tax"] for line in quote["lines"])
            assert quote["net"] == sum(line["net"] for line in quote["lines"])


def test_a_tax_in_cents_is_the_tax_that_was_answered() -> None:
    world = played("tax-quotes", *avatax()).world
    answered: Any = {}
    for one in avatax():
        for exchange in one.exchanges:
            if exchange.status == 201:
                document: Any = decode_body(exchange.answer_body)
                answered[document["code"]] = document
    told: Any = {call.body["request"]: call.body for call in world.http.calls if call.operation == "checkout.tell_tax"}  # type: ignore[index, call-overload]
    assert len(answered) == 27
    for code, document in answered.items():
        scale = 1 if document["currencyCode"] == "JPY" else 100
        assert abs(told[code]["quote"]["tax"] - document["totalTax"] * scale) <= Decimal("0.5")


# ── EasyPost ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def speaks_of_a_parcel(recording: Recording) -> bool:
    """Does it ask for a shipment between addresses, and leave the choice of a rate for later?"""
    for one in recording.exchanges:
        if one.method == "POST" and one.path == "/v2/shipments" and one.status == 201:
            asked: Any = decode_body(one.body)["shipment"]  # type: ignore[index]
            return "name" in asked["from_address"] and "service" not in asked
    return False


@cache
def easypost() -> tuple[Recording, ...]:
    return tuple(one for one in cassettes("easypost-rubyvcr", "easypost-vcrpy") if speaks_of_a_parcel(one))


EMPTY = ("_with_empty_or_nil_objects_and_arrays.yml", "test_shipment_create_empty_objects.yaml")
"""Cassettes whose requests name options that are empty, which we leave out."""
RETRIEVED = ("_retrieves_a_shipment.yml", "test_shipment_retrieve.yaml")
"""Cassettes that go on to look at the shipment, which we do only where a label may have been bought."""


def test_shipments_are_asked_for_and_labels_bought_as_they_were() -> None:
    asked: Counter[str] = Counter()
    beyond: Counter[str] = Counter()
    for recording in easypost():
        report = report_of("easypost-labels", recording, label_request(recording))
        assert report.facts["deliveries"] == 1
        assert report.misses == (), recording.file
        told = {(change.what, change.operation, change.effect) for change in report.compared.changes}
        if recording.file.endswith(RETRIEVED):
            assert told == {("no longer told", "easypost.bought", False)}
        elif not recording.file.endswith(EMPTY):
            assert told == set(), recording.file
        pairs = played("easypost-labels", recording, label_request(recording)).world.recorded.pairs
        asked.update(pair.operation for pair in pairs if pair.known)
        beyond.update([remark.partition(":")[0] for remark in report.remarks])
    assert len(easypost()) == 25
    assert asked == {"easypost.prices": 25, "easypost.buy": 5, "easypost.print": 1}
    assert beyond["simulated, for nothing of them is recorded"] == 25


def test_the_label_that_was_bought_is_told_to_the_desk() -> None:
    told = []
    for recording in easypost():
        world = played("easypost-labels", recording, label_request(recording)).world
        assert [status for _, _, status in world.named()] == ["done"], recording.file
        told += [call.body for call in world.http.calls if call.operation == "wms.tell_label"]
    bought = [one for one in told if isinstance(one, dict) and one["tracking"]]
    assert (len(told), len(bought)) == (25, 5)
    assert all(one["label"].startswith("https://easypost-files.s3") for one in bought)
    assert {one["price"] for one in bought} == {"5.93", "6.07"}


def test_what_we_leave_out_is_told_field_by_field() -> None:
    (recording,) = [one for one in easypost() if one.file.endswith(EMPTY[1])]
    report = report_of("easypost-labels", recording, label_request(recording))
    told = {(group.example.what, group.example.path) for group in report.compared.groups()}
    assert told == {("dropped", f"body.shipment.{name}") for name in ("customs_info", "options", "tax_identifiers")}


def test_ruby_s_cassettes_have_a_clock_and_vcrpy_s_say_that_they_have_none() -> None:
    clocks = Counter(
        str(report_of("easypost-labels", recording, label_request(recording)).facts["clock"])
        for recording in easypost()
    )
    assert clocks == {"of the recording": 9, "made up, for the recording has no times": 16}


@pytest.mark.parametrize("name", ["test_shipment_buy.yaml"])
def test_a_lane_that_is_used_up_says_so(name: str) -> None:
    (recording,) = [one for one in easypost() if Path(one.file).name == name]
    once, again = label_request(recording), label_request(recording)
    other = recorded_again(again)
    report = report_of("easypost-labels", recording, once, other)
    assert [miss["nearest"] for miss in report.misses] == [f"nearest is {recording.file} #1; consumed 1 of 1"]
    assert not report.held


def recorded_again(recording: Recording) -> Recording:
    """The same event under other ids."""
    (one,) = recording.exchanges
    body: Any = decode_body(one.body)
    from cassette_events import event

    return event({**body, "request": "LR-again"}, "again.json", x_wms_delivery="again")


def test_both_parts_of_every_replay_have_the_same_events() -> None:
    recorded, made = recorded_and_made(played("tax-quotes", *avatax()))
    assert recorded.keys() == made.keys()
    assert len(made) == 30

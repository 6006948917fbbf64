"""Recordings told anew: another thing, a later state, again, under another id."""

from pathlib import Path
from typing import Any

import pytest
from workspaces import ORDER, SPEC, shop

from harness.prove.news import Sample, Teller, inbound_of, later, more, night, other, tens
from harness.prove.places import put, without, written
from harness.prove.study import Study
from harness.simulation.scenario import simulate

REPOSITORY = Path(__file__).resolve().parents[2]


def sample(**body: Any) -> Sample:
    return Sample("recordings/order.json", {"headers": {"x-shop-event": "e-1"}, "query": {}, "body": {**ORDER, **body}})


@pytest.fixture
def teller(tmp_path: Path) -> Teller:
    return Teller(shop(tmp_path), "orders")


def test_which_leaf_is_what_is_seen_by_changing_it(teller: Teller) -> None:
    parts = teller.parts(sample(attempt=1))
    found = {name: [written(place) for place in getattr(parts, name)] for name in parts.__struct_fields__}
    assert found == {
        "thing": ["body.order"],
        "message": ["headers.x-shop-event"],
        "idlike": [],
        "state": ["body.version"],
        "amounts": ["body.total"],
        "volatile": ["body.attempt"],
        "once": [],
    }


def test_another_thing_has_another_key_and_another_id(teller: Teller) -> None:
    first = sample()
    made = teller.as_thing(first, 3)
    assert made is not None
    assert (made["headers"]["x-shop-event"], made["body"]["order"]) == ("e-4", 10)
    assert {**made["body"], "order": 7} == ORDER
    assert teller.as_thing(first, 0) == first.document


def test_a_later_state_is_another_message_of_the_same_thing_with_a_higher_version(teller: Teller) -> None:
    first = sample()
    made = teller.as_state(first, first.document, 1)
    assert made is not None
    assert (made["body"]["order"], made["body"]["version"], made["body"]["total"]) == (7, 2, 2000)
    assert made["headers"] != first.document["headers"]


def test_a_thing_without_version_or_time_has_no_later_state(tmp_path: Path) -> None:
    model = "charter/models/shop/order@1.yaml"
    loaded = shop(tmp_path, (model, "required: [order, total, version]", "required: [order, total]"))
    first = sample()
    del first.document["body"]["version"]
    assert Teller(loaded, "orders").as_state(first, first.document, 1) is None


def test_what_comes_again_is_as_it_was_but_for_what_senders_count(teller: Teller) -> None:
    first = sample(attempt=1)
    again = teller.again(first, first.document, 1)
    assert again["body"] == {**first.document["body"], "attempt": 2}
    other_id = teller.announced_again(first, first.document)
    assert other_id is not None
    assert other_id["headers"] != first.document["headers"]
    assert other_id["body"] == again["body"]


def test_news_under_another_id_is_told_only_where_the_id_is_the_message_s_alone(tmp_path: Path) -> None:
    loaded = shop(tmp_path, (SPEC, 'id: headers."x-shop-event"', "id: to_string(body.order)"))
    first = sample()
    assert Teller(loaded, "orders").announced_again(first, first.document) is None


@pytest.mark.parametrize(
    ("value", "number", "made"),
    [
        ("e-1", 1, "e-2"),
        ("pi_NW0099", 1, "pi_NW0100"),
        ("0099-x", 2, "0101-x"),
        ("9", 1, "10"),
        ("ada", 2, "ada-2"),
        (450789469, 5, 450789474),
    ],
)
def test_another_id_is_as_long_where_it_can_be(value: object, number: int, made: object) -> None:
    assert other(value, number) == made


@pytest.mark.parametrize(
    ("value", "made"),
    [
        ("2026-11-01T23:59:30Z", "2026-11-02T00:00:30Z"),
        ("2026-11-01T09:30:00.123+01:00", "2026-11-01T09:31:00.123+01:00"),
        ("2026-11-01 09:30", "2026-11-01 09:31"),
        ("2026-11-30", "2026-12-01"),
        (9, 10),
        ("9", "10"),
    ],
)
def test_a_later_stamp_is_written_as_the_first_one_was(value: object, made: object) -> None:
    assert later(value, 1) == made


def test_stamps_that_are_often_compared_wrongly() -> None:
    assert [tens(1, state) for state in (0, 1)] == [9, 10]
    assert [tens("1", state) for state in (0, 1)] == ["9", "10"]
    assert tens("2026-11-01", 1) == "2026-11-01"
    assert [night("2026-11-01T09:30:00+01:00", state) for state in (0, 1)] == [
        "2026-10-25T02:50:00+02:00",
        "2026-10-25T02:10:00+01:00",
    ]
    assert night("2026-11-01T09:30:00Z", 1) == "2026-11-01T09:30:00Z"


@pytest.mark.parametrize(("value", "made"), [("19.99", "20.00"), ("0.005", "0.006"), (3, 4), ("paid", "paid")])
def test_a_larger_amount_is_written_as_the_first_one_was(value: object, made: object) -> None:
    assert more(value, 1) == made


def test_a_thing_that_a_table_knows_becomes_another_row_of_it() -> None:
    from engine.run.load import load
    from harness.prove.news import document_of
    from harness.trial import read_event

    loaded = load(REPOSITORY, "local")
    teller = Teller(loaded, "stock-to-shopify")
    inbound = read_event(REPOSITORY / "recordings/topics/stock/plenty.json", raw=False)
    first = Sample("", document_of(inbound))
    made = teller.as_thing(first, 1)
    assert made is not None
    assert made["body"]["article"] != first.document["body"]["article"]
    assert made["body"]["article"] in teller.known
    assert document_of(inbound_of(made)) == made


def test_recordings_that_do_not_say_which_is_later_are_no_states_of_a_thing(tmp_path: Path) -> None:
    study = Study(tmp_path, shop(tmp_path), "orders", simulate)
    (sample,) = study.samples
    later = put(sample.document, ("body", "version"), 2)
    assert study.in_order(sample, [later, sample.document]) == [sample.document, later]
    silent = [without(each, ("body", "version")) for each in (later, sample.document)]
    assert study.in_order(sample, silent) == []


def test_recordings_that_say_only_when_they_were_made_are_ordered_by_that(tmp_path: Path) -> None:
    study = Study(tmp_path, shop(tmp_path), "orders", simulate)
    (sample,) = study.samples
    plain = without(sample.document, ("body", "version"))
    first, second = (put(plain, ("body", "created"), at) for at in (1_732_267_531, 1_732_356_931))
    of = Sample(sample.source, first)
    assert study.in_order(of, [second, first]) == [first, second]
    assert study.in_order(of, [first, first]) == []  # made in one second: nobody knows

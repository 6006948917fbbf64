"""Deliveries of many events: stored whole or not at all, counted in the answer, each item named and quarantined alone."""

import json

import pytest
from run.shop import shop
from run.stage import answered
from run.test_intake import PATH, Desk

from engine.contract.body import decode_body
from engine.errors import StoreFull
from engine.run import intake

STEPS = '\n  - {id: touch, call: erp.touch, input: "{id: body.id, of: envelope.batch}", once: body.id}\n'
RECEIVE = """
receive:
  webhook: {path: /hooks/orders, system: shop}
  split: body.items
  when: "body.keep && length(envelope.items) > `0`"
  id: "join('-', [envelope.batch, body.id, to_string($index)])"
  key: body.customer
  revision: [body.at, envelope.batch]
  keep: newest
  on_stuck: block
  key_space: orders
"""


def desk() -> Desk:
    files = shop(STEPS)
    spec = files["specs/shop-orders.yaml"]
    start, end = spec.index("receive:"), spec.index("steps:")
    return Desk(files={**files, "specs/shop-orders.yaml": spec[:start] + RECEIVE.lstrip() + spec[end:]})


def batch(*items: object, name: str = "b1") -> bytes:
    return json.dumps({"batch": name, "items": items}).encode()


def item(id_: str, **more: object) -> dict[str, object]:
    return {"id": id_, "customer": f"c-{id_}", "at": 1, "keep": True, **more}


def test_every_item_is_an_event_and_the_answer_counts_them() -> None:
    one = desk()
    first = one.ask(batch(item("1"), item("2")))
    assert (first.status, json.loads(first.body)) == (202, {"status": "accepted", "accepted": 2, "duplicates": 0})
    again = one.ask(batch(item("1"), item("2")))
    assert (again.status, json.loads(again.body)) == (200, {"status": "duplicate", "accepted": 0, "duplicates": 2})
    more = one.ask(batch(item("1"), item("2"), item("3")))
    assert (more.status, json.loads(more.body)) == (202, {"status": "accepted", "accepted": 1, "duplicates": 2})
    assert [(row.id, row.key) for row in one.stage.rows()] == [(f"b1-{at}-{at - 1}", f"c-{at}") for at in (1, 2, 3)]
    assert one.said() == ["accepted"] * 2 + ["duplicate"] * 4 + ["accepted"]
    assert one.woken == 2


def test_steps_see_the_item_and_the_delivery_it_came_in() -> None:
    one = desk()
    one.ask(batch(item("1"), item("2", keep=False)))
    one.stage.replies.append(answered(200))
    one.stage.run_all()
    assert [row.status.value for row in one.stage.rows()] == ["done", "ignored"]
    assert one.stage.sent[0].body == {"id": "1", "of": "b1"}


def test_an_item_that_cannot_be_named_is_quarantined_alone() -> None:
    one = desk()
    said = one.ask(batch(item("1"), {"id": "2"}, item("3", at=None), 7))
    assert (said.status, json.loads(said.body)["accepted"]) == (202, 4)
    rows = one.stage.rows()
    assert [row.status.value for row in rows] == ["accepted", "quarantined", "quarantined", "quarantined"]
    assert "receive.key" in rows[1].reason
    assert "receive.revision" in rows[2].reason


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"hello", "the body cannot be read"),
        (b'{"batch": "b1"}', "receive.split gave no list"),
        (b'{"batch": "b1", "items": {}}', "receive.split gave no list"),
        (batch(*range(intake.SPLIT_ITEMS_MAX + 1)), "SPLIT_ITEMS_MAX"),
    ],
    ids=["no JSON", "nothing", "no list", "too many"],
)
def test_what_cannot_be_split_is_one_event_for_a_person(body: bytes, reason: str) -> None:
    one = desk()
    assert one.ask(body).status == 202
    assert (one.stage.status(), len(one.stage.rows())) == ("quarantined", 1)
    assert reason in one.stage.row().reason


def test_copies_of_what_items_share_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "SPLIT_BYTES_MAX", 80)
    one = desk()
    assert one.ask(batch(item("1"), item("2"))).status == 202
    assert (one.stage.status(), len(one.stage.rows())) == ("quarantined", 1)
    assert "SPLIT_BYTES_MAX" in one.stage.row().reason


def test_an_empty_delivery_is_answered_and_stores_nothing() -> None:
    one = desk()
    said = one.ask(batch())
    assert (said.status, json.loads(said.body)) == (200, {"status": "accepted", "accepted": 0, "duplicates": 0})
    assert one.stage.rows() == []


def test_a_full_store_refuses_it_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    one = desk()

    def full(verb: object, item: object, done: object) -> None:
        assert len(item) == 2  # type: ignore[arg-type]
        done(StoreFull("full"))  # type: ignore[operator]

    monkeypatch.setattr(one.stage.committer, "hand_in", full)
    assert (one.ask(batch(item("1"), item("2"))).status, one.intake.full) == (503, True)


def test_a_sender_that_insists_gets_its_answer() -> None:
    files = shop(STEPS)
    spec = files["specs/shop-orders.yaml"]
    start, end = spec.index("receive:"), spec.index("steps:")
    one = Desk(
        files={**files, "specs/shop-orders.yaml": spec[:start] + RECEIVE.lstrip() + spec[end:]},
        status=200,
        text="[accepted]",
    )
    assert (one.ask(batch(item("1"))).status, one.ask(batch(item("1"))).body) == (200, b"[accepted]")


def test_what_the_spec_says_of_order_goes_with_the_arrival() -> None:
    one = desk()
    (plan,) = one.stage.plans.values()
    (arrival,) = intake.split(plan, intake.Inbound("POST", PATH, {}, {}, batch(item("1", at=5))), 1)
    assert arrival.revision == (5, "b1")
    assert (arrival.keep_newest, arrival.blocks, arrival.space, arrival.lane) == (True, True, "orders", 1)
    assert decode_body(arrival.body) == item("1", at=5)
    assert arrival.envelope == batch(item("1", at=5))

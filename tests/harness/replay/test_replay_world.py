"""A replay's engine: signed again at the wall clock of the recording, through the real intake; recorded answers found by
event, operation and occurrence, and never twice.
"""

import asyncio
import json
from functools import cache
from typing import Any

import pytest
from msgspec.structs import asdict
from real import ROOT

from engine.errors import WaybillError
from engine.model import Failure, Request, Sent
from engine.rules.signature import Verification
from engine.run.load import Loaded, load
from engine.store import Filter
from engine.store.readers import read_events
from harness.partner import ROWS_MAX
from harness.recordings.exchange import Exchange
from harness.replay import world as replay_world
from harness.replay.compare import compare
from harness.replay.noise import infer
from harness.replay.play import SEEDS, play
from harness.replay.recorded import RecordedHttp
from harness.replay.traffic import Parts
from harness.replay.world import SHIFT_S_MAX, ReplayWorld, Sending
from harness.trial import read_event
from harness.world import run

STRIPE, CHARGE = "stripe-payments-to-ledger", "recordings/stripe/charge-succeeded.json"
LONG_AGO = 1_600_000_000_000_000
PAID = "recordings/shopify/order-paid.json"


@cache
def reference() -> Loaded:
    return load(ROOT, "local")


def world(*exchanges: Exchange, kind: str = "har", seed: int = 1) -> ReplayWorld:
    http = RecordedHttp(reference())
    assert http.learn(reference(), [(one, kind) for one in exchanges], frozenset(reference().called)) == []
    return ReplayWorld(reference(), http, seed)


def sending(integration: str, file: str, at: int | None = None, **body: Any) -> Sending:
    inbound = read_event(ROOT / file, raw=False)
    changed = {**json.loads(inbound.body), **body}
    return Sending(integration, type(inbound)("POST", "/", inbound.headers, {}, json.dumps(changed).encode()), file, at)


# ── the sender's part ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_delivery_is_signed_again_at_the_clock_of_the_recording() -> None:
    """Stripe's signature is good for five minutes; this one was made years before, with a secret nobody has any more."""
    played = world()
    run(played.play([sending(STRIPE, CHARGE, LONG_AGO)]))
    (row, *_) = read_events(played.connection, Filter(integration=STRIPE))
    assert (row.received_at, row.status.value) == (LONG_AGO, "done")


def test_the_intake_is_the_real_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay_world, "sign", lambda verification, body, now: {"stripe-signature": "t=1,v1=0"})
    with pytest.raises(WaybillError, match="the intake answered 401"):
        run(world().play([sending(STRIPE, CHARGE, LONG_AGO)]))


def test_the_time_between_deliveries_is_the_recording_s() -> None:
    played = world()
    hour = 3_600_000_000
    sent = [
        sending(STRIPE, CHARGE, LONG_AGO + 2 * hour, id="evt_2"),
        sending(STRIPE, CHARGE, LONG_AGO, id="evt_1"),
        sending(STRIPE, CHARGE, None, id="evt_3"),
    ]
    run(played.play([sent[1], sent[0], sent[2]]))
    received = [row.received_at - LONG_AGO for row in read_events(played.connection, Filter(integration=STRIPE))]
    assert received == [0, 2 * hour, 2 * hour + 1_000_000]


def test_another_seed_is_another_moment_and_the_same_work() -> None:
    one, other = world(), world(seed=2)
    for played in (one, other):
        run(played.play([sending("shopify-orders-to-erp", PAID, LONG_AGO)]))
    assert one.told().keys() == other.told().keys()
    assert 1 <= (other.clock.now() - one.clock.now()) / 1_000_000 <= SHIFT_S_MAX + 1


# ── the partners' part ───────────────────────────────────────────────────────────────────────────────────────────────


def created(order: str, result: str, number: int = 1, file: str = "a.har", **more: Any) -> Exchange:
    body = json.dumps({"external_id": order, **more}).encode()
    answer = json.dumps({"id": result}).encode()
    return Exchange(
        file, number, "POST", "erp.northwind.example", "/sales-orders", body=body, status=201, answer_body=answer
    )


def ask(http: RecordedHttp, event: int, order: str, **more: Any) -> Any:
    http.event = event
    request = Request("erp", "create_order", "POST", "/sales-orders", body={"external_id": order, **more})
    return asyncio.run(http.send(request, 1.0))


def answers(http: RecordedHttp, *asked: tuple[int, str]) -> list[Any]:
    return [(ask(http, event, order).body or {}).get("id") for event, order in asked]


def test_answers_go_to_whom_they_are_about_in_whatever_order_they_are_asked_for() -> None:
    http = world(created("o-1", "so-1"), created("o-2", "so-2", 2), created("o-3", "so-3", 3)).recorded
    assert answers(http, (3, "o-3"), (1, "o-1"), (2, "o-2")) == ["so-3", "so-1", "so-2"]


def test_the_same_request_again_gets_the_next_answer_and_then_none() -> None:
    http = world(created("o-1", "so-1"), created("o-1", "so-1-again", 2)).recorded
    assert answers(http, (1, "o-1"), (1, "o-1")) == ["so-1", "so-1-again"]
    missed = ask(http, 1, "o-1")
    assert (missed.sent, missed.failure) == (Sent.NOT_SENT, Failure.UNSENDABLE)
    assert http.pairs[-1].nearest == "nearest is a.har #1; consumed 2 of 2"


def test_a_401_is_answered_again_to_the_same_request_and_to_no_other() -> None:
    """The engine reads its credentials again and asks once more; what was recorded knew no others."""
    refused = Exchange(**{**asdict(created("o-1", "so-1")), "status": 401})
    http = world(refused).recorded
    assert [ask(http, 1, "o-1").status for _ in range(3)] == [401, 401, 401]
    assert len(http.pairs) == 1
    assert ask(http, 2, "o-1").sent is Sent.NOT_SENT
    assert ask(http, 1, "o-1").sent is Sent.NOT_SENT  # asked again later, and by another in between


def test_of_those_alike_the_one_that_is_most_like_it() -> None:
    http = world(created("o-1", "far", total=1, city="a"), created("o-1", "near", 2, total=2, city="b")).recorded
    assert ask(http, 1, "o-1", total=2, city="b").body == {"id": "near"}


def test_a_cassette_belongs_to_the_event_that_found_something_in_it() -> None:
    one, other = created("o-1", "one", file="one.yaml"), created("o-1", "other", file="other.yaml")
    more = created("o-1", "one-again", 2, "one.yaml")
    http = world(one, more, other, kind="vcrpy").recorded
    assert answers(http, (1, "o-1"), (2, "o-1"), (1, "o-1")) == ["one", "other", "one-again"]
    assert ask(http, 2, "o-1").sent is Sent.NOT_SENT


def test_a_miss_tells_the_nearest_and_a_system_of_which_nothing_is_known_is_simulated() -> None:
    http = world(created("o-1", "so-1", total=5)).recorded
    ask(http, 1, "o-2", total=5)
    assert http.pairs[-1].nearest == "nearest is a.har #1; consumed 0 of 1"
    request = Request("erp", "find_order", "GET", "/sales-orders", query=(("external_id", "o-1"),))
    http.event = 1
    asyncio.run(http.send(request, 1.0))
    assert http.pairs[-1].nearest == "the recording holds no erp.find_order"
    ledger = Request("fraud", "score", "POST", "/scores", body={"id": "x"})
    assert asyncio.run(http.send(ledger, 1.0)).sent is Sent.ANSWERED
    assert http.simulated == {"fraud": 1}


def test_an_answer_that_was_not_recorded_or_cannot_be_read() -> None:
    lost = created("o-1", "x")
    broken = created("o-2", "x", 2)
    http = world(
        Exchange(**{**{name: getattr(lost, name) for name in lost.__struct_fields__}, "status": 0}),
        Exchange(**{**{name: getattr(broken, name) for name in broken.__struct_fields__}, "answer_body": b"<html>"}),
    ).recorded
    assert (ask(http, 1, "o-1").sent, ask(http, 2, "o-2").failure) == (Sent.UNKNOWN, Failure.MALFORMED)


BASKET = b'{"createTransactionModel": {"type": "SalesOrder", "code": "t-1"}}'


def test_a_sandbox_s_host_is_known_by_its_operations_and_a_stranger_s_is_not() -> None:
    http = RecordedHttp(reference())
    sandbox = Exchange(
        "a", 1, "POST", "sandbox-rest.avatax.com", "/api/v2/transactions/createoradjust", status=201, body=BASKET
    )
    shared = Exchange("a", 2, "POST", "sandbox.example", "/v2/shipments", status=201)  # two carriers have this one
    stranger = Exchange("a", 3, "GET", "www.example", "/", status=200)
    named = Exchange("a", 4, "POST", "10.0.0.7", "/v2/shipments", status=201, system="easypost")
    assert http.learn(
        reference(), [(one, "har") for one in (sandbox, shared, stranger, named)], frozenset(reference().called)
    ) == [shared, stranger]
    assert [one.operation for one in http.known] == ["avatax.reckon", "easypost.prices"]


def test_the_signature_s_secret_is_this_run_s_own() -> None:
    verifications = {route.verification for route in world().intake.routes.values()}
    assert all(isinstance(one, Verification) and one.secrets == (replay_world.SECRET,) for one in verifications)


# ── what another order and another chance show ───────────────────────────────────────────────────────────────────────

LABELS, LABEL = "easypost-labels", "recordings/wms/label-request.json"
DAY_US = 86_400_000_000


@pytest.mark.parametrize("seed", [1, 2])
def test_who_waits_for_somebody_that_waits_for_a_person_does_not_hold_up_a_replay(seed: int) -> None:
    """A label in doubt is held; a second request for it asks every second whether it is settled. Days pass."""
    played = world(seed=seed)
    played.recorded.partners["easypost"].number_from(ROWS_MAX)  # its book is full, so that it answers 507
    again = "recordings/wms/label-request-again.json"
    run(
        played.play(
            [
                sending(LABELS, LABEL, LONG_AGO),
                sending(LABELS, again, LONG_AGO + DAY_US),
                sending(STRIPE, CHARGE, LONG_AGO + 9 * DAY_US),
            ]
        )
    )
    rows = {row.integration: row for row in read_events(played.connection, Filter())}
    assert (rows[LABELS].status.value, "open intent" in rows[LABELS].reason) == ("waiting", True)
    assert rows[STRIPE].status.value == "done"


def test_of_what_is_due_at_once_another_seed_takes_another_order() -> None:
    walked: dict[int, list[int]] = {}
    for seed in (1, 2):
        played = world(seed=seed)
        run(played.play([sending("stock-counts", "recordings/wms/counts.json", LONG_AGO)]))
        walked[seed] = [pair.event for pair in played.recorded.pairs]
    assert sorted(set(walked[1])) == sorted(set(walked[2]))
    assert walked[1] != walked[2]


def test_a_number_that_a_simulated_partner_gives_away_is_noise() -> None:
    parts = Parts((sending(LABELS, LABEL, LONG_AGO),), ())
    one, other = (play(reference(), ROOT, parts, None, 1, seed).world.told() for seed in SEEDS)
    found, unsteady = infer(compare(one, other))
    assert unsteady.changes == ()
    assert "wms.tell_label body.tracking text" in map(str, found)  # the tracking number is the carrier's n-th

"""Holds that expire and warn, waits for events of topics, and events that are told: each in its transaction."""

import asyncio

import pytest
from run.shop import shop
from run.stage import Crash, Stage, answered

from engine.run.walk import Walk

HOLD = """
  - {id: review, hold: {queue: look, reason: "order {{ body.id }}", expires: 1h, warn: 10m}, on_failure: ON_FAILURE}
  - {id: touch, call: erp.touch, input: "{id: body.id, why: review}", once: body.id}
"""
UNTIL = """
  - {id: news, hold: {until: {topic: news, when: "body.what == 'paid'"}, expires: 1h, warn: 10m}, on_failure: ON_FAILURE}
  - {id: touch, call: erp.touch, input: "{id: envelope.id, why: news}", once: envelope.id}
"""
TELLER = """
receive:
  webhook: {path: /hooks/news, system: shop}
  id: headers."x-shop-event"
  key: body.customer
steps:
  - {id: publish, emit: {topic: news, body: {fields: {customer: body.customer, at: body.number, what: body.currency}}}}
"""
HEARER = """
receive: {topic: orders}
steps:
  - {id: touch, call: erp.touch, input: {fields: {id: body.id}}, once: body.id}
"""
SECOND = """
receive:
  webhook: {path: /hooks/second, system: shop}
  id: headers."x-shop-event"
  key: body.customer
steps:
  - {id: order, map: order}
  - {id: publish, emit: {topic: orders, body: order}}
"""
PUBLISH = """
  - {id: order, map: order}
  - {id: publish, emit: {topic: orders, body: order}}
"""
DONE = answered(200)


def waits(steps: str, on_failure: str = "dead_letter", *replies: object, **others: str) -> Stage:
    more = ", default: none" if on_failure == "continue" else ""
    files = shop(steps.replace("ON_FAILURE", on_failure + more), **others)
    stage = Stage(*(replies or [DONE]), files=files)  # type: ignore[arg-type]
    stage.arrive()
    stage.run()
    return stage


def told(stage: Stage, what: str, id_: str = "n1", customer: str = "c", number: int = 1) -> int:
    """Another integration tells news; the event that told it."""
    event = stage.arrive(id_, "9", "tellers", customer=customer, number=number, currency=what)
    stage.run()
    return event


def overdue(stage: Stage) -> int:
    return [fact.name for fact in stage.facts].count("hold_overdue")


# ── people ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_hold_is_told_of_once_and_expires_at_its_time() -> None:
    stage = waits(HOLD)
    assert (stage.status(), stage.row().queue, stage.row().reason) == ("held", "look", "order 1")
    stage.pass_time(599)
    assert stage.run() == 0
    stage.pass_time(1)
    assert (stage.run(), stage.status(), overdue(stage)) == (1, "held", 1)
    stage.pass_time(2999)
    assert stage.run() == 0
    stage.pass_time(1)
    stage.run_all()
    assert (stage.status(), overdue(stage), stage.sent) == ("dead", 1, [])
    assert "nobody decided in time" in stage.row().reason
    assert stage.story() == ["hold", "warn", "expired"]


def test_a_crash_while_it_warns_does_not_begin_its_time_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = waits(HOLD)
    stage.pass_time(600)
    submit = stage.committer.submit

    async def dying(verb: object, item: object) -> object:
        if getattr(verb, "__name__", "") == "record":
            raise Crash
        return await submit(verb, item)  # type: ignore[arg-type]

    monkeypatch.setattr(stage.committer, "submit", dying)
    stage.run()
    monkeypatch.undo()
    stage.run()
    assert stage.story() == ["hold", "warn"]
    stage.pass_time(3000)
    stage.run_all()
    assert stage.status() == "dead"


def test_an_expired_hold_may_go_on_with_its_default() -> None:
    stage = waits(HOLD, "continue")
    stage.pass_time(3600)
    stage.run_all()
    assert (stage.status(), stage.sent[0].body) == ("done", {"id": "1", "why": "none"})


def test_who_released_it_is_the_result() -> None:
    stage = waits(HOLD)
    stage.decide("release")
    stage.run_all()
    assert (stage.status(), stage.sent[0].body) == ("done", {"id": "1", "why": {"by": "ada", "reason": "because"}})


@pytest.mark.parametrize(("on_failure", "status"), [("dead_letter", "discarded"), ("continue", "done")])
def test_a_no_does_what_the_step_says(on_failure: str, status: str) -> None:
    stage = waits(HOLD, on_failure)
    stage.decide("reject")
    stage.run_all()
    assert stage.status() == status
    if status == "done":
        assert stage.sent[0].body == {"id": "1", "why": "none"}
        assert "rejected by ada" in next(line.reason for line in stage.lines() if line.kind == "default")


def test_a_hold_expires_at_a_time_that_the_event_names() -> None:
    stage = Stage(files=shop(HOLD.replace("1h", "body.until").replace("ON_FAILURE", "dead_letter")))
    stage.arrive(until="2027-01-15T08:00:05Z")  # five seconds after the stage's beginning
    stage.run()
    assert stage.row().due_at == stage.at + 5_000_000
    stage.pass_time(5)
    stage.run_all()
    assert (stage.status(), overdue(stage)) == ("dead", 0)


# ── topics ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_event_waits_until_a_topic_says_so_and_its_result_is_what_was_said() -> None:
    stage = waits(UNTIL, tellers=TELLER)
    assert (stage.status(), stage.row().reason) == ("waiting", "waits for an event of news")
    assert stage.row().due_at == stage.at + 600_000_000
    told(stage, "open")
    stage.run()
    assert stage.status() == "waiting"
    told(stage, "paid", "n2", customer="other")
    stage.run()
    assert stage.status() == "waiting"
    told(stage, "paid", "n3", number=7)
    stage.run_all()
    assert stage.status() == "done"
    assert stage.sent[0].body == {"id": "1", "why": {"customer": "c", "at": 7, "what": "paid"}}
    assert stage.story()[:2] == ["hold", "until"]


def test_one_that_was_said_before_counts() -> None:
    stage = Stage(DONE, files=shop(UNTIL.replace("ON_FAILURE", "dead_letter"), tellers=TELLER))
    told(stage, "paid")
    stage.arrive()
    stage.run()
    assert stage.status(2) == "done"


def test_one_that_is_said_while_it_makes_up_its_mind_is_not_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(DONE, files=shop(UNTIL.replace("ON_FAILURE", "dead_letter"), tellers=TELLER))
    stage.arrive()
    stage.arrive("n1", "9", "tellers", number=1, currency="paid")
    waiting, telling = stage.claim_of("shop-orders"), stage.claim_of("tellers")
    submit = stage.committer.submit

    async def overtaken(verb: object, item: object) -> object:
        if getattr(item, "awaits", None) is not None:
            monkeypatch.undo()
            await Walk(stage.ports, telling).run()
        return await submit(verb, item)  # type: ignore[arg-type]

    monkeypatch.setattr(stage.committer, "submit", overtaken)
    asyncio.run(Walk(stage.ports, waiting).run())
    assert (stage.status(1), stage.row(1).due_at, stage.status(2)) == ("waiting", stage.at, "done")
    stage.run()
    assert stage.status(1) == "done"


def test_a_wait_that_expires_is_null_where_it_goes_on() -> None:
    files = shop(UNTIL.replace("ON_FAILURE", "continue"), tellers=TELLER)
    stage = Stage(DONE, files=files)
    stage.arrive()
    stage.run()
    stage.pass_time(600)
    stage.run()
    assert (stage.status(), overdue(stage)) == ("waiting", 1)
    stage.pass_time(3000)
    stage.run_all()
    assert (stage.status(), stage.sent[0].body) == ("done", {"id": "1", "why": None})


def test_while_it_waits_for_a_topic_later_events_of_its_key_pass() -> None:
    stage = waits(UNTIL, tellers=TELLER)
    stage.arrive("e2", "2")
    stage.run()
    assert stage.status(2) == "waiting"
    assert stage.story(2) == ["hold"]


def test_what_is_told_arrives_once_at_whoever_receives_the_topic() -> None:
    stage = Stage(
        DONE,
        DONE,
        files=shop(
            PUBLISH, hearers=HEARER, others_too=HEARER.replace("once: body.id", "once: \"join('-', ['too', body.id])\"")
        ),
    )
    stage.arrive()
    stage.run()
    assert [row.integration for row in stage.rows()] == ["shop-orders", "hearers", "others-too"]
    assert [(row.id, row.key) for row in stage.rows()[1:]] == [("e1:publish", "c")] * 2
    stage.run_all()
    assert [row.status.value for row in stage.rows()] == ["done"] * 3
    assert [request.body for request in stage.sent] == [{"id": "shop-1"}] * 2


def test_two_integrations_that_tell_of_events_with_one_id_are_not_taken_for_one() -> None:
    stage = Stage(DONE, DONE, files=shop(PUBLISH, second=SECOND, hearers=HEARER))
    stage.arrive("7")
    stage.arrive("7", "9", "second")
    stage.run()
    heard = [row.id for row in stage.rows() if row.integration == "hearers"]
    assert sorted(map(str, heard)) == ["second:7:publish", "shop-orders:7:publish"]
    stage.run_all()
    assert {row.status.value for row in stage.rows()} == {"done"}
    assert sorted(str(request.body) for request in stage.sent) == ["{'id': 'shop-1'}", "{'id': 'shop-9'}"]


def test_events_without_an_id_that_a_person_lets_go_on_each_tell_their_own() -> None:
    stage = Stage(DONE, DONE, files=shop(PUBLISH, hearers=HEARER))
    for order in ("1", "2"):
        stage.arrive("", order)
    assert [stage.status(1), stage.status(2)] == ["quarantined"] * 2
    stage.decide("redrive", 1)
    stage.decide("redrive", 2)
    stage.run_all()
    assert [row.id for row in stage.rows() if row.integration == "hearers"] == ["evt-1:publish", "evt-2:publish"]
    assert [request.body for request in stage.sent] == [{"id": "shop-1"}, {"id": "shop-2"}]


def test_another_step_name_or_a_once_is_enough_and_the_id_is_the_plain_one() -> None:
    otherwise = SECOND.replace("id: publish", "id: tell")
    named = SECOND.replace("body: order}}", "body: order}, once: order.id}")
    elsewhere = TELLER
    for second in (otherwise, named, elsewhere):
        stage = Stage(files=shop(PUBLISH, second=second, hearers=HEARER))
        stage.arrive("7")
        stage.run()
        assert stage.rows()[1].id == "7:publish"


def test_who_has_told_does_not_tell_again_though_another_integration_joins() -> None:
    """Also of a time when ids said nothing of integrations."""
    steps = PUBLISH + "  - {id: touch, call: erp.touch, input: {fields: {id: body.id}}, once: body.id}\n"
    stage = Stage(answered(503), DONE, DONE, files=shop(steps, second=SECOND, hearers=HEARER))
    alone = {name: plan for name, plan in stage.plans.items() if name != "second"}
    stage.live.replace(alone, stage.live.systems)
    stage.arrive("7")
    stage.run()
    stage.live.replace(stage.plans, stage.live.systems)
    stage.run_all()
    assert [row.id for row in stage.rows() if row.integration == "hearers"] == ["7:publish"]
    assert stage.status() == "done"


def test_who_tells_and_dies_before_the_commit_tells_once(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = PUBLISH + "  - {id: touch, call: erp.touch, input: {fields: {id: body.id}}, once: body.id}\n"
    stage = Stage(Crash, DONE, DONE, files=shop(steps, hearers=HEARER))
    stage.arrive()
    stage.run()  # what was told went with the intent; the engine dies while the request is out
    assert [row.integration for row in stage.rows()] == ["shop-orders", "hearers"]
    stage.run_all()
    assert [row.status.value for row in stage.rows()] == ["done", "done"]


def test_what_breaks_the_topics_contract_quarantines_the_teller() -> None:
    files = shop(PUBLISH.replace("body: order", 'body: "merge(order, {number: body.total})"'), hearers=HEARER)
    stage = Stage(files=files)
    stage.arrive()
    stage.run()
    assert (stage.status(), len(stage.rows())) == ("quarantined", 1)
    assert "the body breaks canonical/order@1" in stage.row().reason


# ── order ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_stale_revision_never_overwrites_a_newer_one() -> None:
    steps = '  - {id: touch, call: erp.touch, input: {fields: {id: event.revision}}, once: headers."x-shop-event"}\n'
    stage = Stage(DONE, DONE, files=shop(steps, receive="  revision: body.at\n"))
    stage.arrive("e1", at=5)
    stage.run_all()
    stage.arrive("e2", at=4)
    stage.arrive("e3", at=5)
    stage.run_all()
    assert [row.status.value for row in stage.rows()] == ["done", "superseded", "done"]
    assert [request.body for request in stage.sent] == [{"id": 5}, {"id": 5}]

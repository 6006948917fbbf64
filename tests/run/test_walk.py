"""Deliveries as transcripts: what arrives, what the partner answers, where the engine dies, and where the event stands."""

import pytest
from blackbox.rig import FILES
from run.stage import CREATED, LOST, REFUSED, SECOND, Crash, Stage, answered

from engine.errors import StoreAway
from engine.model import Outcome, Sent, effect_digest
from engine.run import walk
from engine.spec.plan import Plan

FOUND = answered(200, {"items": [{"id": "so-7"}]})
NOT_FOUND = answered(200, {"items": []})
POST, GET = "POST /sales-orders", "GET /sales-orders"
LOOK_UP = """    lookup: {call: find_order, input: "{external_id: once}", found: "length(body.items) > `0`", result: "body.items[0].id"}
"""


def spec(old: str, new: str) -> dict[str, str]:
    """The workspace with its spec changed."""
    text = FILES["specs/shop-orders.yaml"]
    assert old in text
    return {**FILES, "specs/shop-orders.yaml": text.replace(old, new)}


def erp(old: str, new: str, spec_old: str = "", spec_new: str = "") -> dict[str, str]:
    """The workspace with its ERP changed, and perhaps the spec."""
    text = FILES["charter/systems/erp.yaml"]
    assert old in text
    return {**(spec(spec_old, spec_new) if spec_old else FILES), "charter/systems/erp.yaml": text.replace(old, new)}


AT_MOST_ONCE = erp("effect: idempotent", "effect: at_most_once", "on_unknown: lookup", "on_unknown: hold")
RETRIED = spec("on_unknown: lookup", "on_unknown: retry")
THREE_ATTEMPTS = erp("attempts_max: 60", "attempts_max: 3")


def test_an_order_becomes_one_call_with_the_key_of_its_effect() -> None:
    stage = Stage(CREATED)
    stage.arrive()
    stage.run()
    assert (stage.status(), stage.story()) == ("done", ["call done"])
    (request,) = stage.sent
    assert request.body == {"id": "shop-1", "customer": "c", "number": 1, "total_minor": 1999, "external_id": "shop-1"}
    assert dict(request.headers) == {"Idempotency-Key": effect_digest("erp", "create_order", "shop-1").hex()}
    assert stage.lines()[0].result == "so-1"


def test_what_never_left_or_was_turned_away_is_sent_again_after_a_wait() -> None:
    stage = Stage(REFUSED, answered(503), answered(429), CREATED)
    stage.arrive()
    stage.run()
    assert (stage.status(), stage.row().due_at > stage.at) == ("waiting", True)
    stage.run_all()
    assert (stage.status(), stage.story()) == ("done", ["call retry", "call retry", "call retry", "call done"])


def test_the_partners_own_wish_for_a_wait_is_honoured() -> None:
    stage = Stage(answered(429, **{"retry-after": "60"}), CREATED, files=erp("cap: 200ms", "cap: 90s"))
    stage.arrive()
    stage.run()
    assert stage.row().due_at - stage.at >= 60 * SECOND


def test_a_lost_answer_is_looked_up_and_found() -> None:
    stage = Stage(LOST, FOUND)
    stage.arrive()
    stage.run_all()
    assert (stage.status(), stage.story()) == ("done", ["call unknown", "look-up found"])
    assert stage.paths() == [POST, GET]
    assert dict(stage.sent[1].query) == {"external_id": "shop-1"}
    assert stage.lines()[1].result == "so-7"


def test_a_lost_request_is_looked_up_not_found_and_sent_again_with_the_same_key() -> None:
    stage = Stage(LOST, NOT_FOUND, CREATED)
    stage.arrive()
    stage.run_all()
    assert (stage.status(), stage.paths()) == ("done", [POST, GET, POST])
    assert stage.sent[0].headers == stage.sent[2].headers


def test_a_look_up_that_cannot_be_made_holds_the_event() -> None:
    files = erp('"{external_id: once}", found', '"{external_id: input.nothing.at_all | length(@)}", found')
    stage = Stage(
        LOST,
        files={
            **files,
            "charter/systems/erp.yaml": files["charter/systems/erp.yaml"].replace(
                "attempts_max: 60", "attempts_max: 3"
            ),
        },
    )
    stage.arrive()
    stage.run_all()
    assert (stage.status(), stage.row().queue, stage.paths()) == ("held", "unknown-effects", [POST])


@pytest.mark.parametrize("failed", [answered(500), LOST, answered(404), answered(200, {"unexpected": True})])
def test_a_look_up_that_cannot_tell_is_never_taken_for_not_there(failed: object) -> None:
    stage = Stage(LOST, failed, FOUND)  # type: ignore[arg-type]
    stage.arrive()
    stage.run_all()
    assert (stage.status(), stage.paths()) == ("done", [POST, GET, GET])


def test_attempts_spent_in_doubt_end_held_and_a_release_looks_up_before_anything_is_sent() -> None:
    files = {**RETRIED, "charter/systems/erp.yaml": THREE_ATTEMPTS["charter/systems/erp.yaml"]}
    stage = Stage(LOST, LOST, LOST, FOUND, files=files)
    stage.arrive()
    stage.run_all()
    assert (stage.status(), stage.row().queue, stage.row().attempts) == ("held", "unknown-effects", 3)
    stage.decide("release")
    stage.run_all()
    assert (stage.status(), stage.paths()) == ("done", [POST, POST, POST, GET])
    assert stage.row().attempts == 4


def test_a_released_doubt_survives_a_look_up_that_cannot_tell() -> None:
    files = erp("effect: idempotent", "effect: verifiable", "on_unknown: lookup", "on_unknown: hold")
    stage = Stage(LOST, answered(503), NOT_FOUND, CREATED, files=files)
    stage.arrive()
    stage.run_all()
    stage.decide("release")
    stage.run_all()
    assert (stage.status(), stage.paths()) == ("done", [POST, GET, GET, POST])


def test_a_released_doubt_without_a_look_up_is_sent_once_more() -> None:
    files = erp(LOOK_UP, "", "on_unknown: lookup", "on_unknown: hold")
    stage = Stage(LOST, CREATED, files=files)
    stage.arrive()
    stage.run_all()
    assert stage.status() == "held"
    stage.decide("release")
    stage.run_all()
    assert (stage.status(), len(stage.sent)) == ("done", 2)


def test_a_dead_letter_in_doubt_is_settled_by_a_redrive() -> None:
    stage = Stage(LOST, FOUND, files=spec("on_unknown: lookup", "on_unknown: dead_letter"))
    stage.arrive()
    stage.run_all()
    assert stage.status() == "dead"
    stage.decide("redrive")
    stage.run_all()
    assert (stage.status(), stage.paths()) == ("done", [POST, GET])


def test_a_2xx_that_cannot_be_read_is_done_and_its_result_is_looked_up() -> None:
    garbled = Outcome(Sent.ANSWERED, status=200, malformed="the answer is not JSON")
    stage = Stage(garbled, FOUND)
    stage.arrive()
    stage.run_all()
    assert (stage.status(), stage.paths(), stage.lines()[-1].result) == ("done", [POST, GET], "so-7")


def test_what_is_at_most_once_is_never_sent_again() -> None:
    stage = Stage(LOST, files=AT_MOST_ONCE)
    stage.arrive()
    stage.run_all()
    assert stage.status() == "held"
    stage.decide("release")
    stage.run_all()
    assert (stage.status(), len(stage.sent)) == ("done", 1)


def test_a_refusal_is_a_dead_letter_and_a_redrive_sends_it_again() -> None:
    stage = Stage(answered(422), CREATED)
    stage.arrive()
    stage.run_all()
    assert (stage.status(), stage.row().reason) == ("dead", "step erp: answered 422")
    stage.decide("redrive")
    stage.run_all()
    assert stage.status() == "done"


def test_attempts_spent_without_effect_do_as_the_step_says() -> None:
    files = {
        **spec("on_unknown: lookup", "on_unknown: lookup\n    on_failure: continue\n    default: none"),
        "charter/systems/erp.yaml": THREE_ATTEMPTS["charter/systems/erp.yaml"],
    }
    stage = Stage(answered(503), answered(503), answered(503), files=files)
    stage.arrive()
    stage.run_all()
    assert (stage.status(), stage.lines()[-1].result) == ("done", "none")


def test_a_401_reads_the_credentials_again_once() -> None:
    stage = Stage(answered(401), CREATED)
    stage.arrive()
    stage.run_all()
    assert (stage.status(), stage.refreshed) == ("done", ["erp"])
    stage = Stage(answered(401), answered(401))
    stage.arrive()
    stage.run_all()
    assert (stage.status(), stage.refreshed) == ("dead", ["erp"])


def test_an_outcome_of_its_own_goes_before_the_http_default() -> None:
    files = erp("    result: body.id", '    outcomes: [{when: "status == `409`", is: done}]\n    result: body.id')
    stage = Stage(answered(409, {"error": "exists"}), FOUND, files=files)
    stage.arrive()
    stage.run_all()
    assert (stage.status(), stage.story()) == ("done", ["call done", "look-up found"])


# ── crashes ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_crash_while_the_request_is_out_is_looked_up_before_anything_is_sent_again() -> None:
    stage = Stage(Crash, FOUND)
    stage.arrive()
    stage.run()
    assert stage.lines() == []
    stage.run_all()
    assert (stage.status(), stage.paths()) == ("done", [POST, GET])


def test_a_crash_while_the_look_up_is_out_resumes_there() -> None:
    stage = Stage(LOST, Crash, FOUND)
    stage.arrive()
    stage.run_all()
    assert (stage.status(), stage.paths()) == ("done", [POST, GET, GET])


def test_a_crash_in_doubt_of_what_is_at_most_once_is_for_a_person() -> None:
    stage = Stage(Crash, files=AT_MOST_ONCE)
    stage.arrive()
    stage.run_all()
    assert (stage.status(), len(stage.sent)) == ("held", 1)


def test_attempts_survive_a_crash() -> None:
    stage = Stage(
        Crash, LOST, Crash, files={**RETRIED, "charter/systems/erp.yaml": THREE_ATTEMPTS["charter/systems/erp.yaml"]}
    )
    stage.arrive()
    stage.run_all()
    assert (stage.status(), len(stage.sent), stage.row().attempts) == ("held", 3, 3)


# ── effects shared by events ─────────────────────────────────────────────────────────────────────────────────────────


def test_one_order_announced_twice_is_one_effect() -> None:
    stage = Stage(CREATED)
    stage.arrive("e1")
    stage.arrive("e2")
    stage.run_all()
    assert [stage.status(1), stage.status(2)] == ["done", "done"]
    assert (len(stage.sent), stage.story(2)) == (1, ["known"])
    assert stage.lines(2)[0].result == "so-1"


def test_a_second_event_of_another_key_waits_for_the_open_intent() -> None:
    stage = Stage(LOST, FOUND)
    stage.arrive("e1", customer="c1")
    stage.arrive("e2", customer="c2")
    stage.run()
    assert "evt-1 has an open intent" in stage.row(2).reason
    stage.run_all()
    assert ([stage.status(1), stage.status(2)], stage.paths()) == (["done", "done"], [POST, GET])
    assert "another request" in stage.lines(2)[-1].reason


def test_the_same_event_with_another_request_is_held_not_sent() -> None:
    stage = Stage(LOST, files=RETRIED)
    stage.arrive()
    stage.run()
    other = Stage(
        files={
            **RETRIED,
            "mappings/order.yaml": FILES["mappings/order.yaml"].replace("number: number", "number: number + `1`"),
        }
    )
    stage.plans.update(other.plans)
    stage.live.replace(other.plans, stage.live.systems)
    (newer,) = other.plans.values()
    stage.connection.execute("UPDATE delivery SET plan = ?", (newer.hash,))
    stage.at += 10 * SECOND
    stage.run()
    assert (stage.status(), stage.row().queue, len(stage.sent)) == ("held", "changed-requests", 1)


# ── what is not for the steps ────────────────────────────────────────────────────────────────────────────────────────


def test_an_event_that_its_when_leaves_out_is_ignored() -> None:
    stage = Stage(files=spec("  contract:", "  when: body.currency == 'USD'\n  contract:"))
    stage.arrive()
    stage.run()
    assert (stage.status(), stage.sent) == ("ignored", [])


def test_a_body_that_breaks_the_contract_is_quarantined_with_path_and_rule_but_no_value() -> None:
    stage = Stage()
    stage.arrive(total="nineteen euros")
    stage.run()
    assert stage.status() == "quarantined"
    assert "total: must match the pattern" in stage.row().reason
    assert "nineteen" not in stage.row().reason


def test_a_result_that_breaks_its_contract_is_quarantined() -> None:
    mapping = FILES["mappings/order.yaml"].replace(
        "total_minor: {from: total, money: currency}", "total_minor: {from: 'number - `3`', number: integer}"
    )
    stage = Stage(files={**FILES, "mappings/order.yaml": mapping})
    stage.arrive()
    stage.run()
    assert (stage.status(), "total_minor" in stage.row().reason) == ("quarantined", True)


def test_a_skipped_step_gives_null_to_those_that_read_it() -> None:
    files = spec(
        "  - id: erp\n",
        "  - id: other\n    when: body.number == `2`\n    map: order\n  - id: erp\n    when: other == `null`\n",
    )
    stage = Stage(CREATED, files=files)
    stage.arrive()
    stage.run()
    assert (stage.status(), len(stage.sent)) == ("done", 1)


def test_an_identity_that_gives_nothing_is_quarantined_before_the_call() -> None:
    stage = Stage(files=spec("once: order.id", "once: headers.nothing"))
    stage.arrive()
    stage.run()
    assert (stage.status(), stage.sent) == ("quarantined", [])
    assert "`once` gave no text or number" in stage.row().reason


def test_a_full_disk_is_waited_out_with_the_outcome_in_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    from engine.errors import StoreFull

    monkeypatch.setattr("engine.run.claim.FULL_WAIT_S", 0.001)
    stage = Stage(CREATED)
    stage.arrive()
    submit, refusals = stage.committer.submit, [2]

    async def full_at_first(verb: object, item: object) -> object:
        if getattr(verb, "__name__", "") == "record" and refusals[0]:
            refusals[0] -= 1
            raise StoreFull
        return await submit(verb, item)  # type: ignore[arg-type]

    monkeypatch.setattr(stage.committer, "submit", full_at_first)
    stage.run()
    assert (stage.status(), len(stage.sent), refusals) == ("done", 1, [0])


def test_a_system_that_left_the_workspace_holds_the_event_and_not_the_engine() -> None:
    stage = Stage(CREATED)
    stage.arrive()
    systems = stage.live.systems
    stage.live.replace(stage.plans, {})
    stage.run()
    assert (stage.status(), "system `erp`" in stage.row().reason) == ("held", True)
    stage.live.replace(stage.plans, systems)
    stage.decide("release")
    stage.run()
    assert stage.status() == "done"


def test_a_plan_that_cannot_be_had_holds_the_event_and_not_the_engine() -> None:
    stage = Stage()
    stage.arrive()
    stage.connection.execute("UPDATE delivery SET plan = 'lost'")
    stage.run()
    assert (stage.status(), "not in the store" in stage.row().reason) == ("held", True)


def test_a_plan_that_cannot_be_read_while_the_store_is_away_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walk, "FULL_WAIT_S", 0)
    stage = Stage(CREATED)
    stage.arrive()
    (plan,) = stage.plans.values()
    reads = iter([StoreAway("the database cannot be read"), plan])

    async def kept(_hash: str) -> Plan | None:
        found = next(reads)
        if isinstance(found, StoreAway):
            raise found
        return found

    stage.live.replace({}, stage.live.systems)
    stage.live.kept = kept
    stage.run()
    assert stage.status() == "done"
    assert [fact.name for fact in stage.facts][:1] == ["plan_waits_for_store"]


def test_an_event_whose_plan_is_nowhere_is_held_for_a_person() -> None:
    stage = Stage()
    stage.arrive()
    stage.live.replace({}, stage.live.systems)
    stage.run()
    assert (stage.status(), stage.row().queue) == ("held", "gone")

"""Calls and the gates before them: what is denied waits and spends nothing, what went is told, late ones never leave."""

from collections import deque

import pytest
from run.shop import shop
from run.stage import LOST, REFUSED, SECOND, Crash, Stage, answered

from engine.model import Outcome, Request
from engine.store import Answered, Leave

CALL = "\n  - {id: erp, call: erp.create_order, input: body, once: body.id}\n"
LABEL = """
  - id: label
    call: {any_of: [carrier-a.buy, carrier-b.buy]}
    input: {fields: {id: body.id}}
    once: body.id
"""
CREATED = answered(201, {"id": "so-1"})
ERP = "charter/systems/erp.yaml"


def files(keys: str, steps: str = CALL, system: str = ERP) -> dict[str, str]:
    made = shop(steps)
    return {**made, system: made[system].replace("timeout: 2s\n", f"timeout: 2s\n{keys}\n")}


def waiting(stage: Stage) -> list[tuple[int, str, int]]:
    """(event, gate, attempts) of what waits."""
    return [
        (event, gate, attempts)
        for event, gate, attempts in stage.connection.rows(
            "SELECT event, gate, attempts FROM delivery WHERE status = 'waiting' ORDER BY event"
        )
    ]


def test_a_spent_quota_makes_events_wait_at_its_gate_and_spends_no_attempt() -> None:
    stage = Stage(*[CREATED] * 5, files=files("quota: {rate: 1/s, burst: 2}"), gates=8)
    for at in range(5):
        stage.arrive(f"e{at}", str(at), customer=f"c{at}")
    stage.run()
    went = len(stage.sent)
    assert 0 < went < 5
    assert [(gate, attempts) for _, gate, attempts in waiting(stage)] == [("erp", 0)] * (5 - went)
    for _ in range(10):
        stage.pass_time(1)
        stage.run()
    assert [row.status.value for row in stage.rows()] == ["done"] * 5


def test_an_open_breaker_pauses_calls_and_a_probe_lets_them_go_on() -> None:
    keys = "breaker: {window: 10s, calls_min: 2, failures: 50%, open_for: 30s}"
    stage = Stage(REFUSED, REFUSED, *[CREATED] * 3, files=files(keys), gates=8)
    for at in range(3):
        stage.arrive(f"e{at}", str(at), customer=f"c{at}")
    stage.run()
    assert len(stage.sent) == 2
    stage.pass_time(10)
    stage.run()
    assert len(stage.sent) == 2
    assert {(gate, attempts) for _, gate, attempts in waiting(stage)} == {
        ("erp.create_order", 0),
        ("erp.create_order", 1),
    }
    for _ in range(10):
        stage.pass_time(21)
        stage.run()
    assert [row.status.value for row in stage.rows()] == ["done"] * 3


BREAKER = "breaker: {window: 10s, calls_min: 2, failures: 50%, open_for: 30s}"


def two_attempts(keys: str, steps: str = CALL) -> dict[str, str]:
    made = files(keys, steps)
    assert "attempts_max: 4" in made[ERP]
    return {**made, ERP: made[ERP].replace("attempts_max: 4", "attempts_max: 2")}


@pytest.mark.parametrize("ill", [REFUSED, answered(503)])
def test_probes_of_a_long_outage_spend_no_attempt_of_whoever_makes_them(ill: Outcome) -> None:
    stage = Stage(*[ill] * 20, CREATED, CREATED, files=two_attempts(BREAKER), gates=8)
    for at in range(2):
        stage.arrive(f"e{at}", str(at), customer=f"c{at}")
    stage.run()
    for _ in range(100):
        if len(stage.sent) < 20:
            stage.pass_time(16)
            stage.run()
    assert [attempts for _, _, attempts in waiting(stage)] == [1, 1]
    for _ in range(8):
        stage.pass_time(16)
        stage.run()
    assert [row.status.value for row in stage.rows()] == ["done", "done"]


def test_a_probe_of_an_item_spends_no_attempt_of_it() -> None:
    each = '\n  - {id: all, each: "[body.id]", as: one, steps: [{id: erp, call: erp.create_order, input: body, once: one}]}\n'
    stage = Stage(
        *[REFUSED] * 12, CREATED, files=two_attempts(BREAKER.replace("calls_min: 2", "calls_min: 1"), each), gates=8
    )
    stage.arrive()
    for _ in range(30):
        stage.run()
        stage.pass_time(16)
    assert (stage.status(), len(stage.sent)) == ("done", 13)


def test_a_request_that_makes_its_partner_fail_does_not_keep_the_breaker_open_for_all() -> None:
    """It is not the first to probe once others wait, and behind them its attempts count."""
    stage = Stage(files=two_attempts(BREAKER), gates=8)

    async def send(request: Request, _timeout_s: float) -> Outcome:
        stage.sent.append(request)
        assert isinstance(request.body, dict)
        return answered(503) if request.body["id"] == "0" or len(stage.sent) <= 4 else CREATED

    stage.send = send  # type: ignore[method-assign]
    for at in range(4):
        stage.arrive(f"e{at}", str(at), customer=f"c{at}")
    for _ in range(40):
        stage.run()
        stage.pass_time(16)
    assert [row.status.value for row in stage.rows()] == ["dead", "done", "done", "done"]


def test_an_open_breaker_is_skipped_while_another_provider_can_serve() -> None:
    keys = "breaker: {window: 10s, calls_min: 1, failures: 50%, open_for: 30s}"
    made = files(keys, LABEL, "charter/systems/carrier-a.yaml")
    stage = Stage(REFUSED, answered(201, {"label": "b-1"}), answered(201, {"label": "b-2"}), files=made, gates=8)
    stage.arrive("e1", "1")
    stage.run()
    stage.arrive("e2", "2")
    stage.run()
    assert stage.paths() == ["POST /carrier-a/labels", "POST /carrier-b/labels", "POST /carrier-b/labels"]
    assert [row.status.value for row in stage.rows()] == ["done", "done"]


def test_where_all_are_open_it_waits_at_the_first_ones_gate() -> None:
    keys = "breaker: {window: 10s, calls_min: 1, failures: 50%, open_for: 30s}"
    made = files(keys, LABEL, "charter/systems/carrier-a.yaml")
    path = "charter/systems/carrier-b.yaml"
    made[path] = made[path].replace("timeout: 2s\n", f"timeout: 2s\n{keys}\n")
    stage = Stage(REFUSED, REFUSED, answered(201, {"label": "a-1"}), files=made, gates=8)
    stage.arrive()
    stage.run()
    stage.pass_time(5)
    stage.run()
    assert waiting(stage) == [(1, "carrier-a.buy", 2)]
    stage.pass_time(30)
    stage.run()
    assert (stage.status(), stage.paths()[-1]) == ("done", "POST /carrier-a/labels")


def test_what_is_in_doubt_at_a_provider_waits_for_its_breaker_and_goes_nowhere_else() -> None:
    keys = "breaker: {window: 10s, calls_min: 1, failures: 50%, open_for: 30s}"
    stage = Stage(
        LOST, answered(201, {"label": "a-1"}), files=files(keys, LABEL, "charter/systems/carrier-a.yaml"), gates=8
    )
    stage.arrive()
    stage.run()
    stage.pass_time(5)
    stage.run()
    assert waiting(stage) == [(1, "carrier-a.buy", 1)]
    stage.pass_time(30)
    stage.run()
    assert (stage.status(), stage.paths()) == ("done", ["POST /carrier-a/labels"] * 2)


@pytest.mark.parametrize("end", [CREATED, answered(422), REFUSED, LOST, Crash])
def test_whatever_comes_of_a_call_its_place_is_given_back(end: object) -> None:
    stage = Stage(end, files=files(""), gates=8)  # type: ignore[arg-type]
    stage.arrive()
    stage.run()
    assert stage.gates is not None
    assert stage.gates.out["erp"] == 0


def test_what_the_ledger_knows_gives_its_place_back() -> None:
    stage = Stage(CREATED, files=files(""), gates=8)
    stage.arrive("e1")
    stage.run()
    stage.arrive("e2")
    stage.run()
    assert stage.gates is not None
    assert (stage.status(2), stage.gates.out["erp"], len(stage.sent)) == ("done", 0, 1)


def test_a_look_up_is_not_counted_among_the_retries() -> None:
    lost = [LOST] * 40
    made = files("breaker: {calls_min: 1000}", CALL.replace("once: body.id", "once: body.id, on_unknown: lookup"))
    stage = Stage(*lost, *[answered(200, {"items": [{"id": "so-1"}]})] * 40, files=made, gates=64)
    for at in range(40):
        stage.arrive(f"e{at}", str(at), customer=f"c{at}")
    for _ in range(4):
        stage.run()
    stage.pass_time(1)
    for _ in range(4):
        stage.run()
    assert [row.status.value for row in stage.rows()] == ["done"] * 40


# ── leases ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def stopped(stage: Stage, monkeypatch: pytest.MonkeyPatch, *seconds: float) -> list[Answered]:
    """Each intent's commit takes so long by the node's own clock."""
    left, answers = deque(seconds), []
    submit = stage.committer.submit

    async def slow(verb: object, item: object) -> object:
        said = await submit(verb, item)  # type: ignore[arg-type]
        if getattr(verb, "__name__", "") == "begin":
            stage.took_s += left.popleft() if left else 0.0
            answers.append(said)
        return said

    monkeypatch.setattr(stage.committer, "submit", slow)
    return answers  # type: ignore[return-value]


def test_a_process_that_was_stopped_begins_again_before_it_sends(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(CREATED, files=files(""))
    answers = stopped(stage, monkeypatch, 31)
    stage.arrive()
    stage.run()
    assert [one.leave for one in answers] == [Leave.SEND, Leave.SEND]
    assert (stage.status(), len(stage.sent)) == ("done", 1)


def test_one_that_is_stopped_time_and_again_leaves_it_to_the_next_claim(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(CREATED, files=files(""))
    stopped(stage, monkeypatch, 31, 31, 31)
    stage.arrive()
    stage.run()
    assert (stage.sent, [fact.name for fact in stage.facts]) == ([], ["lease_lost"])


def test_one_whose_event_was_claimed_meanwhile_sends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(CREATED, files=files(""))
    submit = stage.committer.submit

    async def taken(verb: object, item: object) -> object:
        said = await submit(verb, item)  # type: ignore[arg-type]
        if getattr(verb, "__name__", "") == "begin" and not stage.took_s:
            stage.took_s = 200.0
            stage.at += 200 * SECOND
            assert len(stage.claim()) == 1
        return said

    monkeypatch.setattr(stage.committer, "submit", taken)
    stage.arrive()
    stage.run()
    assert (stage.sent, stage.status()) == ([], "running")

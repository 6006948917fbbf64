"""`waybill prove` over a small workspace: what it finds, what it lets pass, what it prints, writes and replays."""

import builtins
import json
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from workspaces import ERP, LATE, LATE_MENDED, LATE_SPEC, NOTE_EXPECTED, ONCE_PER_EVENT, ORDER, SPEC, lay, shop

from engine.cli import main
from engine.model import Status
from engine.rules import decide
from engine.run.claim import Claim
from engine.run.load import load
from harness.prove import command, prover
from harness.prove.again import trace_elsewhere
from harness.prove.attacks import Attacks, Surroundings
from harness.prove.cases import Case, read_case, written
from harness.prove.profiles import PROFILES
from harness.prove.promises import promises_of
from harness.prove.prover import Judge, Unsteady, prove
from harness.prove.story import story
from harness.prove.study import Study
from harness.prove.view import not_proved
from harness.simulation.scenario import Crash, Fault, Limit, People, Run, Scenario, Sender, Sending, simulate
from harness.zoo import animals
from harness.zoo.stand_ins import sends_what_is_let_go

Captured = pytest.CaptureFixture[str]
TINY = replace(PROFILES["quick"], drawn=3, shrunk_max=30)


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PROFILES, "quick", TINY)


def found(root: Path, *changes: tuple[str, str, str]) -> list[tuple[str, str]]:
    proved = prove(root, shop(root, *changes), "orders", TINY, 0)
    return [(failure.violation.breaks, failure.violation.step) for failure in proved.failures]


def test_a_sound_integration_holds_every_property_and_everything_that_was_tried_happened(tmp_path: Path) -> None:
    proved = prove(tmp_path, shop(tmp_path), "orders", TINY, 0)
    assert proved.failures == ()
    assert proved.coverage.never_fired == ()
    assert {"silence_after", "throttle", "expired", "duplicate", "before send", "after record"} <= {
        *proved.coverage.fired
    }
    assert proved.coverage.ends["done"] > 50


def test_an_effect_named_by_its_event_is_doubled_and_the_story_is_two_sentences(tmp_path: Path) -> None:
    proved = prove(tmp_path, shop(tmp_path, ONCE_PER_EVENT), "orders", TINY, 0)
    (failure,) = [each for each in proved.failures if each.violation.breaks == "nothing-twice"]
    assert failure.violation.step == "erp"
    assert failure.story == (
        "shop sends order 1",
        "shop sends order 1 again",
        "the erp holds two effects of order 1 (create_order)",
    )


def test_a_mapping_that_needs_what_the_contract_does_not_promise_is_found(tmp_path: Path) -> None:
    assert found(tmp_path, NOTE_EXPECTED) == [("mapping-total", "order")]


def test_an_integration_without_recordings_is_told_documents_of_its_contract(tmp_path: Path) -> None:
    text = (lay(tmp_path) / SPEC).read_text()
    examples = text[text.index("examples:") :]
    assert found(tmp_path / "sound", (SPEC, examples, "")) == []
    assert ("nothing-twice", "erp") in found(tmp_path / "doubles", (SPEC, examples, ""), ONCE_PER_EVENT)


def test_two_proofs_of_one_seed_are_one_proof(tmp_path: Path) -> None:
    loaded = shop(tmp_path, ONCE_PER_EVENT)
    first, second = (prove(tmp_path, loaded, "orders", TINY, 5) for _ in range(2))
    assert first.failures == second.failures
    assert first.coverage.fired == second.coverage.fired


def test_a_scenario_that_does_not_come_out_the_same_twice_is_a_fault_of_the_harness(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    count = 0

    def unsteady(*asked: Any) -> Run:
        nonlocal count
        count += 1
        return replace(simulate(*asked), trace=str(count))

    monkeypatch.setattr(prover, "simulate", unsteady)
    with pytest.raises(Unsteady, match="did not come out the same twice"):
        found(tmp_path, ONCE_PER_EVENT)
    assert main(["prove", "--workspace", str(tmp_path)]) == 4
    assert "did not come out the same twice" in capsys.readouterr().err


LINES = (ERP, "path: /orders, body: input", "path: /orders, body: 'merge(input, {lines: [`1`, `2`]})'")
TOLD = 'answer: {status: 201, body: {id: "so-{{ n }}"}}'
ONE_TOLD = (ERP, TOLD, TOLD.replace('"}}', '", taken: [one]}}'))
TAKEN_TOLD = (
    ERP,
    TOLD,
    """answer:
      - {when: "length(body.lines) == `1`", status: 201, body: {id: "so-{{ n }}", taken: [one]}}
      - {status: 201, body: {id: "so-{{ n }}", taken: [one, two]}}""",
)


def test_that_a_part_is_taken_is_tried_where_the_answer_says_so(tmp_path: Path) -> None:
    """Where it does not, no caller could tell, and none is blamed."""
    silent = prove(tmp_path, shop(tmp_path, LINES, ONE_TOLD), "orders", TINY, 0)
    assert (silent.failures, silent.coverage.planned["partial"]) == ((), 0)
    told = prove(tmp_path, shop(tmp_path, LINES, TAKEN_TOLD), "orders", TINY, 0)
    assert [failure.violation.identity for failure in told.failures] == [("convergence", "orders", "erp")]
    assert told.failures[0].story[1] == "the erp takes only a part of the list (create_order)"


NEVER_AGAIN = (ERP, "effect: idempotent", "effect: at_most_once")


def test_what_a_person_lets_go_on_is_not_sent_again_where_it_never_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = shop(tmp_path, NEVER_AGAIN)
    judge = Judge(loaded)
    attacks = Attacks(Study(tmp_path, loaded, "orders", simulate), judge.promises, Surroundings(), TINY, 0)
    doubts = [each.scenario for each in attacks.doubts(attacks.chosen[0])]
    assert [[fault.kind for fault in each.faults] for each in doubts] == [["silence_before"], ["silence_after"]]
    for doubt in doubts:
        broken, run = judge.judge(doubt)
        assert (broken, run.events[0].status, len(run.calls)) == ((), Status.DONE, 1)
    monkeypatch.setattr(decide, "hold_unknown", sends_on_release(decide.hold_unknown))
    monkeypatch.setattr(decide, "on_open_intent", sends_what_is_let_go(decide.on_open_intent))
    broken, run = judge.judge(doubts[1])
    assert [violation.identity for violation in broken] == [("nothing-twice", "orders", "erp")]
    assert story(run, broken[0]) == (
        "shop sends order 1",
        "the erp commits and the answer is lost (create_order)",
        "order 1 is held",
        "somebody releases order 1",
        "the erp holds two effects of order 1 (create_order)",
    )


def sends_on_release(was: Callable[..., decide.Decision]) -> Callable[..., decide.Decision]:
    """A person's release sends once more, also what is sent at most once."""
    return lambda *given: replace(was(*given), on_release="send")


def test_two_integrations_that_are_told_the_same_have_one_effect_or_are_found_out(
    tmp_path: Path, capsys: Captured
) -> None:
    lay(tmp_path)
    (tmp_path / LATE).write_text(LATE_SPEC)
    loaded = load(tmp_path, "local")
    failures = prove(tmp_path, loaded, "orders", TINY, 0).failures
    assert [failure.violation.identity for failure in failures] == [
        ("nothing-twice", "late-orders", "erp"),
        ("nothing-twice", "orders", "erp"),
    ]
    assert failures[0].story[-1] == (
        "the erp holds two effects of order 1 under one identity (create_order): orders.erp and late-orders.erp name it "
        "by two `once`"
    )
    assert main(["prove", "orders", "--workspace", str(tmp_path)]) == 1
    assert main(["test", "--workspace", str(tmp_path)]) == 1
    (tmp_path / LATE).write_text(LATE_MENDED)
    assert main(["test", "--workspace", str(tmp_path)]) == 0
    assert prove(tmp_path, load(tmp_path, "local"), "orders", TINY, 0).failures == ()
    assert "2 cases" in capsys.readouterr().out


def test_what_the_engine_writes_to_its_log_is_looked_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = Claim.fact

    def leaking(claim: Claim, name: str, **data: Any) -> None:
        told(claim, name, **data, body=claim.delivery.body.decode())

    monkeypatch.setattr(Claim, "fact", leaking)
    proved = prove(tmp_path, shop(tmp_path), "orders", TINY, 0)
    assert {failure.violation.breaks for failure in proved.failures} == {"no-secret-out"}
    assert not any(ORDER["email"] in line for failure in proved.failures for line in failure.story)


# ── the command ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_json_is_one_object_a_line_with_the_pinned_keys(tmp_path: Path, capsys: Captured) -> None:
    lay(tmp_path, ONCE_PER_EVENT)
    assert main(["prove", "orders", "--workspace", str(tmp_path), "--seed", "2", "--format", "json"]) == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {tuple(line) for line in lines} == {("spec", "property", "held", "step", "seed", "story", "case")}
    assert {line["seed"] for line in lines} == {2}
    broken = [line for line in lines if not line["held"]]
    assert next((line["spec"], line["property"], line["step"]) for line in broken) == ("orders", "nothing-twice", "erp")
    assert broken[0]["story"][0] == "shop sends order 1"
    assert Path(broken[0]["case"]).is_file()
    assert {line["property"] for line in lines} >= {"nothing-lost", "liveness", "no-secret-out"}


def test_text_says_the_verdict_first_then_the_story_the_seed_and_the_command(tmp_path: Path, capsys: Captured) -> None:
    lay(tmp_path, ONCE_PER_EVENT)
    assert main(["prove", str(tmp_path / SPEC), "--profile", "quick"]) == 1
    told, watched = capsys.readouterr()
    lines = told.splitlines()
    assert lines[0] == "FAIL  orders  nothing-twice at step erp"
    assert lines[1].startswith("  Shop sends order 1; shop sends order 1 again; the erp holds two effects")
    assert any(line.startswith("  seed 0; again: waybill prove orders --profile quick --seed 0") for line in lines)
    assert any(line.startswith("  case ") and "waybill test" in line for line in lines)
    assert any(line.startswith("  held: nothing-lost") for line in lines)
    assert lines[-1] == "FAIL  0 of 1 integration holds every property"
    assert watched == "orders (1 of 1)\n"


def test_a_sound_workspace_passes_and_leaves_no_case(tmp_path: Path, capsys: Captured) -> None:
    lay(tmp_path)
    assert main(["prove", "--workspace", str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "PASS  1 of 1 integration holds every property"
    assert not (tmp_path / "cases").exists()


def test_of_several_proved_at_a_time_it_is_told_how_far_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    lay(tmp_path)
    (tmp_path / LATE).write_text(LATE_MENDED)
    told: list[tuple[str, str]] = []
    monkeypatch.setattr(command.Watch, "tell", lambda self, what, *_: told.append((self.integration, what)))
    monkeypatch.setattr(command.os, "cpu_count", lambda: 2)
    assert main(["prove", "--workspace", str(tmp_path)]) == 0
    assert {("late-orders", "a fault"), ("late-orders", "a crash")} <= {
        *told
    }  # the first, so that somebody waits for it
    assert "2 of 2 integrations" in capsys.readouterr().out


def test_an_unknown_integration_and_a_missing_hypothesis_are_said_in_a_sentence(
    tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay(tmp_path)
    assert main(["prove", "odrers", "--workspace", str(tmp_path)]) == 2
    assert "there is no integration `odrers`" in capsys.readouterr().err
    importing = builtins.__import__

    def without(name: str, *more: Any, **named: Any) -> Any:
        if name == "hypothesis":
            raise ModuleNotFoundError(name)
        return importing(name, *more, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    assert main(["prove", "--workspace", str(tmp_path)]) == 2
    assert capsys.readouterr().err == "waybill: `waybill prove` needs Hypothesis: pip install 'waybill[prove]'\n"


def test_a_case_fails_until_the_integration_is_mended(tmp_path: Path, capsys: Captured) -> None:
    lay(tmp_path, ONCE_PER_EVENT)
    assert main(["prove", "orders", "--workspace", str(tmp_path)]) == 1
    cases = sorted(path.name for path in (tmp_path / "cases").iterdir())
    assert "orders-nothing-twice-erp.json" in cases
    capsys.readouterr()
    assert main(["test", "--workspace", str(tmp_path)]) == 1
    assert "nothing-twice: shop sends order 1; shop sends order 1 again" in capsys.readouterr().out
    lay(tmp_path)
    assert main(["test", "--workspace", str(tmp_path)]) == 0
    assert f"PASS  {len(cases)} case" in capsys.readouterr().out


def test_a_run_that_comes_out_otherwise_in_another_process_is_a_fault_of_the_harness(
    tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay(tmp_path, ONCE_PER_EVENT)
    monkeypatch.setattr(command, "trace_elsewhere", lambda *_: "another")
    assert main(["prove", "--workspace", str(tmp_path)]) == 4
    assert "came out otherwise in another process" in capsys.readouterr().err
    assert not (tmp_path / "cases").exists()


# ── cases ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def a_case(root: Path, **more: Any) -> Case:
    from harness.prove.news import document_of
    from harness.trial import read_event

    inbound = read_event(root / "recordings/order.json", raw=False)
    document: Mapping[str, Any] = document_of(inbound)
    assert document["body"]["order"] == 7
    sendings = (Sending(0, "orders", inbound, "order 1"), Sending(5, "orders", inbound, "order 1"))
    scenario = Scenario(seed=1, sendings=sendings, **more)
    return Case("a", "orders", "nothing-twice", "erp", 0, "waybill prove", ("it breaks",), scenario)


def test_a_case_is_read_as_it_was_written_and_shows_nothing_of_its_recording(tmp_path: Path) -> None:
    root = lay(tmp_path)
    from harness.prove.news import document_of, inbound_of

    case = a_case(
        root,
        permute=True,
        faults=(Fault("throttle", "erp", "create_order", 1, 2.5), Fault("refuse", "erp", "create_order", 0)),
        crashes=(Crash("before send", 2),),
        senders=(Sender("shop", 5.0, (1.0, 60.0)),),
        limits=(Limit("erp", rate=2),),
        people=People("reject", 5.0),
    )
    document = document_of(case.scenario.sendings[0].inbound)
    changed = inbound_of({**document, "body": {**document["body"], "order": 10**30, "note": None}})
    sendings = (case.scenario.sendings[0], Sending(5, "orders", changed, "order 2"))
    case = replace(case, scenario=replace(case.scenario, sendings=sendings))
    path = root / "cases" / "a.json"
    path.parent.mkdir()
    path.write_bytes(written(case, {"recordings/order.json": document}))
    assert read_case(root, path) == case
    text = path.read_text()
    assert "mira@example.com" not in text
    assert json.loads(text)["sendings"][1]["changes"] == [
        {"at": ["body", "order"], "is": 10**30},
        {"at": ["body", "note"], "is": None},
    ]
    path.write_bytes(written(case, {}))  # a message that no recording resembles stands there whole
    assert read_case(root, path) == case


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"{", "a case is JSON"),
        (b"[]", "is no case"),
        (b"{}", "`run` is missing"),
        (b'{"run": {"seed": 1, "permute": false}, "sendings": [{}]}', "is missing"),
        (b'{"run": {"seed": 1, "permute": false}, "sendings": [{"recording": "../x.json"}]}', "leads out of"),
    ],
)
def test_a_file_that_is_no_case_is_said_to_be_none_and_keeps_no_other_test_from_being_run(
    tmp_path: Path, capsys: Captured, content: bytes, why: str
) -> None:
    root = lay(tmp_path)
    (root / "cases").mkdir()
    (root / "cases" / "odd.json").write_bytes(content)
    assert main(["test", "--workspace", str(root)]) == 1
    told = capsys.readouterr().out
    assert why in told
    assert "PASS  orders  1 example" in told


def test_a_case_of_an_integration_or_a_property_that_is_gone_says_so(tmp_path: Path, capsys: Captured) -> None:
    root = lay(tmp_path)
    (root / "cases").mkdir()
    for name, case in (("gone", replace(a_case(root), spec="gone")), ("odd", replace(a_case(root), property="none"))):
        (root / "cases" / f"{name}.json").write_bytes(written(case, {}))
    assert main(["test", "--workspace", str(root)]) == 1
    told = capsys.readouterr().out
    assert "there is no integration `gone` any more" in told
    assert "there is no property `none`" in told


@pytest.mark.slow
def test_another_process_with_another_hash_seed_comes_to_the_same_trace(tmp_path: Path) -> None:
    root = lay(tmp_path)
    case = a_case(root, faults=(Fault("silence_after", "erp", "create_order", 0),))
    assert trace_elsewhere(root, "local", case) == simulate(shop(tmp_path), case.scenario).trace


def test_the_judge_runs_a_reference_once(tmp_path: Path) -> None:
    judge = Judge(shop(tmp_path))
    scenario = a_case(tmp_path).scenario
    for fault in ("silence_after", "error_before"):
        assert judge.judge(replace(scenario, faults=(Fault(fault, "erp", "create_order", 0),)))[0] == ()
    assert judge.coverage.runs == 3


def test_what_nothing_called_and_what_never_fired_is_told_and_not_passed_over(tmp_path: Path, capsys: Captured) -> None:
    never = '  - {id: more, when: "body.total > `99999`", call: erp.create_order, input: order, once: event.id}\n'
    refund = "\n  refund:\n    request: {method: POST, path: /refunds, body: input}\n    effect: idempotent\n    identity: body.order\n"
    never = never.replace("erp.create_order", "erp.refund")
    lay(
        tmp_path,
        (SPEC, "\nexamples:", f"{never}\nexamples:"),
        ("charter/systems/erp.yaml", "\noperations:", f"\noperations:{refund.rstrip()}"),
    )
    assert main(["prove", "--workspace", str(tmp_path)]) == 0
    assert "  never called, so not proved: erp.refund" in capsys.readouterr().out.splitlines()
    assert main(["prove", "--workspace", str(tmp_path), "--format", "json"]) == 0
    assert "orders: never called, so not proved: erp.refund\n" in capsys.readouterr().err


def test_the_power_is_cut_at_every_point_that_one_event_passes(tmp_path: Path) -> None:
    loaded = shop(tmp_path)
    study = Study(tmp_path, loaded, "orders", simulate)
    attacks = Attacks(study, promises_of(loaded), Surroundings(), TINY, 0)
    cuts = {each.scenario.crashes for each in attacks.crashes(attacks.chosen[0]) if not each.scenario.faults}
    alone = simulate(loaded, attacks.scenario([attacks.one(attacks.chosen[0])]))
    assert len(cuts) == attacks.passings == alone.points > 10


RECEIVER = """
integration: labels
version: 1
summary: Every order that is told gets one label.
owner: orders
impact: revenue

receive: {topic: orders}

steps:
  - {id: label, call: erp.create_order, input: body, once: event.id}
"""


def test_what_breaks_on_the_way_is_told_once_and_of_the_integration_in_which_it_breaks(
    tmp_path: Path, capsys: Captured
) -> None:
    """The emitter tells a message under the id of the webhook; whoever receives it makes an effect of each."""
    root = lay(
        tmp_path,
        ("charter/charter.yaml", "teams:", "topics: {orders: {contract: erp/order@1, key: to_string(order)}}\nteams:"),
        (
            SPEC,
            "call: erp.create_order\n    input: order\n    once: to_string(body.order)       # the order",
            "emit: {topic: orders, body: order}",
        ),
        (SPEC, "calls: [erp.create_order]", "calls: []"),
    )
    (root / "specs/labels.yaml").write_text(RECEIVER.lstrip())
    assert main(["prove", "orders", "--workspace", str(root), "--format", "json"]) == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    broken = [line for line in lines if not line["held"]]
    assert ("labels", "nothing-twice", "label") in {(line["spec"], line["property"], line["step"]) for line in broken}
    assert {line["spec"] for line in broken} == {"labels"}
    assert {line["spec"] for line in lines if line["held"]} == {"orders"}
    assert main(["prove", "labels", "--workspace", str(root)]) == 0


def test_the_commands_that_are_told_work_where_they_are_told(
    tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay(tmp_path / "my shop", ONCE_PER_EVENT)
    monkeypatch.chdir(tmp_path)
    assert main(["prove", f"my shop/{SPEC}"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert not [line for line in lines if len(line) > 80 and ";" not in line]
    again = next(line.partition("; again: ")[2] for line in lines if "; again: " in line)
    replay = next(line.partition("; replayed by: ")[2] for line in lines if "; replayed by: " in line)
    assert again == "waybill prove orders --profile quick --seed 0 --workspace 'my shop'"
    assert main(shlex.split(again)[1:]) == 1
    assert main(shlex.split(replay)[1:]) == 1
    cases = [json.loads(case.read_text()) for case in (tmp_path / "my shop" / "cases").iterdir()]
    assert {case["command"] for case in cases} == {"waybill prove orders --profile quick --seed 0"}


def test_where_no_second_thing_can_be_told_of_that_is_said(tmp_path: Path) -> None:
    (animal,) = (one for one in animals() if one.name == "items-named-by-delivery")
    root = animal.lay(tmp_path, mended=True)
    path = root / "specs/refunds.yaml"
    path.write_text(path.read_text().replace("to_string(body.refund)", "join(':', ['b', to_string($index)])", 1))
    proved = prove(root, load(root, "local"), "refunds", PROFILES["quick"], seed=0)
    assert "one id or key, so not proved: two things at a time" in " ".join(not_proved(proved))

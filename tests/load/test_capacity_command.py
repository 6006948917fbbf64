"""`waybill capacity`: a projection that says that it is one."""

import json
from pathlib import Path

import msgspec
import pytest
from load.results import worked

from engine.cli import main
from harness.load.model import Capacity, GateWork, Limiting, Result, Run, Work
from harness.load.tell.files import as_json

WORK = Work(
    begin_s=0,
    end_s=10,
    completed=1000,
    messages=1000,
    workers=64,
    engine_cpu=0.3,
    gates=(GateWork(gate="erp", calls=1000, call_ms=20, idle_call_ms=20, rate_per_s=100, burst=200, places=32),),
)


def result(work: Work | None = WORK, *, held: bool = True, capacity: Capacity | None = None) -> Result:
    measures = worked(work=work, generator_held=held)
    run = Run(
        command="waybill load",
        profile="flash-sale",
        specs=("orders",),
        seed=1,
        workspace_hash="0",
        version="1",
        python="3",
        machine="2 cores",
        store="sqlite",
        began_at="2026-11-26T00:00:00Z",
        took_s=1.0,
    )
    return Result(
        verdict="held",
        why=(),
        slo=(),
        accepted=1000,
        completed=1000,
        lost=0,
        doubled=0,
        out_of_order=0,
        drain_s=1.0,
        capacity=capacity,
        run=run,
        measures=measures,
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return written(tmp_path, result())


def written(folder: Path, value: Result) -> Path:
    file = folder / "result.json"
    file.write_bytes(as_json(value))
    return file


def test_a_result_holds_all_that_is_needed_to_project_it(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["capacity", str(path), "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["projection"] is True
    assert found["per_minute"] == 6000
    assert found["limiting"] == {"stage": "quota", "name": "erp"}
    assert [stage["stage"] for stage in found["stages"]] == ["quota", "cpu", "pool"]


def test_a_larger_quota_and_more_nodes(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["capacity", str(path), "--nodes", "2", "--quota", "erp=60000/min", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["limiting"], found["per_minute"]) == ({"stage": "cpu", "name": "engine"}, 40_000)
    assert found["quotas_per_s"] == {"erp": 1000.0}
    assert any("PostgreSQL" in warning for warning in found["warnings"])


def test_for_people_it_says_first_that_it_is_reckoned(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["capacity", str(path), "--quota", "erp=200/s"]) == 0
    first, gives, *rest = capsys.readouterr().out.splitlines()
    assert first == "PROJECTION  12,000/min with 1 node, erp 200/s  reckoned, not measured"
    assert gives.split("  ")[1] == "gives first"
    assert "quota erp" in gives
    assert "measured 6,000/min" in gives
    assert any("no capacity was looked for" in line for line in rest)


def test_a_capacity_that_was_measured_stands_beside_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    known = Capacity(per_minute=5_950, low=5_700, high=6_300, limiting=Limiting("quota", "erp"), virtual=True)
    main(["capacity", str(written(tmp_path, result(capacity=known)))])
    assert "quota erp gave at 5,950/min in virtual time" in capsys.readouterr().out


def test_behind_a_generator_that_did_not_hold_nothing_is_known(tmp_path: Path) -> None:
    assert main(["capacity", str(written(tmp_path, result(held=False)))]) == 3


def test_without_completed_events_there_is_no_projection(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["capacity", str(written(tmp_path, result(work=None)))]) == 2
    assert "too little was completed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("quota", "message"),
    [
        ("erp", "`erp` is no quota: write SYSTEM=RATE"),
        ("erp=fast", "is no quota"),
        ("erp=0/s", "is no quota"),
        ("crm=5/s", "nothing was called at `crm` in this run; called: erp"),
    ],
)
def test_a_wrong_quota_is_answered_with_what_to_write(
    path: Path, capsys: pytest.CaptureFixture[str], quota: str, message: str
) -> None:
    assert main(["capacity", str(path), "--quota", quota]) == 2
    assert message in capsys.readouterr().err


def test_a_result_survives_being_written_and_read() -> None:
    assert msgspec.json.decode(as_json(result()), type=Result) == result()

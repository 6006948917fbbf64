"""A workspace, and what was measured of it → what outlived the windows that it declares."""

from pathlib import Path

import pytest
from load.judge.test_verdict import SOUND, latency
from load.stand import FILES, write
from msgspec.structs import replace

from engine.run.load import Loaded, load
from harness.load.judge.windows import outlived
from harness.load.model import Ends, Measures, StageTime


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("workspace")


def loaded(root: Path, changed: dict[str, str]) -> Loaded:
    write(root, changed)
    return load(root, "local")


def spec(name: str, old: str, new: str) -> dict[str, str]:
    assert old in FILES[name]
    return {name: FILES[name].replace(old, new)}


def measured(longest_s: float, *, unfinished: int = 0, integration: str = "orders") -> Measures:
    ends = Ends(events=10, good=10 - unfinished, failed=0, person=0, unfinished=unfinished, late=0, longest_s=longest_s)
    return replace(SOUND, ends={integration: ends})


ORDERS, NOTES, ERP = "specs/orders.yaml", "specs/notes.yaml", "charter/systems/erp.yaml"
DEDUPE = spec(ORDERS, "  key: to_string(body.thing)\n", "  key: to_string(body.thing)\n  dedupe_for: 30m\n")
SHORT_KEY = spec(ERP, "valid_for: 24h", "valid_for: 10m")
CREDENTIALS = spec(
    ERP, "quota:", "auth: {bearer: {secret: T}}\ncredentials: {T: {rotated: 2026-11-01, rotate_every: 1h}}\nquota:"
)
UNTIL = spec(
    NOTES,
    "steps:\n",
    "steps:\n  - {id: heard, hold: {until: {topic: orders}, expires: 20m, warn: 5m}, on_failure: continue}\n",
)

OUTLIVED = [
    pytest.param(DEDUPE, 2_460, 0, ["events wait up to 41m, and ids are forgotten after 30m"], id="dedupe_for"),
    pytest.param(DEDUPE, 2_460, 3, ["events wait at least 41m"], id="of what is not finished"),
    pytest.param(DEDUPE, 1_800, 0, [], id="as long as it is remembered"),
    pytest.param({}, 3_700, 0, ["nothing is tried again after 1h (`complete.within`)"], id="within"),
    pytest.param(SHORT_KEY, 660, 0, ["erp forgets an idempotency key after 10m"], id="idempotency key"),
    pytest.param(
        CREDENTIALS, 3_601, 0, ["after 1h (`complete.within`)", "T of erp is changed every 1h"], id="credential"
    ),
    pytest.param(UNTIL, 1_300, 0, ["notes: step heard expires after 20m, and orders takes up to 21m 40s"], id="until"),
    pytest.param(UNTIL, 400, 0, ["notes: step heard warns after 5m"], id="warn"),
]


@pytest.mark.parametrize(("changed", "longest_s", "unfinished", "said"), OUTLIVED)
def test_what_outlives_a_window_is_told(
    root: Path, changed: dict[str, str], longest_s: float, unfinished: int, said: list[str]
) -> None:
    measures = measured(longest_s, unfinished=unfinished)
    if changed is UNTIL:
        measures = replace(measures, ends={**measures.ends, **measured(1, integration="notes").ends})
    found = outlived(loaded(root, changed), measures)
    assert len(found) == len(said), found
    assert all(part in sentence for part, sentence in zip(said, found, strict=True)), found


@pytest.mark.parametrize(("tail_ms", "told"), [(6_100, True), (4_900, False)])
def test_answers_that_come_after_the_sender_has_given_up_are_told(root: Path, tail_ms: float, told: bool) -> None:
    measures = replace(SOUND, ends={}, by_integration={"orders": {"accept": latency(40, 2_000, tail_ms=tail_ms)}})
    found = outlived(loaded(root, {}), measures)
    said = "orders: 40 of 2000 answers took longer than 5s, the slowest 7s; shop waits 5 s for an answer"
    assert bool(found) is told
    assert all(sentence.startswith(said) for sentence in found), found


def test_an_engine_that_stands_for_longer_than_a_lease_is_told(root: Path) -> None:
    stages = (
        StageTime(stage="engine", latency=latency(130_000, 10)),
        StageTime(stage="queue", latency=latency(900_000)),
    )
    (found,) = outlived(loaded(root, {}), replace(SOUND, ends={}, stages=stages))
    assert "an event stood 2m 10s between two of its steps, and a lease lasts 2m" in found

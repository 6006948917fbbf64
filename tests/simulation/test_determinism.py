"""One seed is one run: the same trace again, in this process and in others; another seed is another run."""

import os
import subprocess
import sys
from pathlib import Path

from acting import DOUBLES, SECOND, erp, order, play, shop

from harness.simulation.scenario import POINTS, Crash, Fault, Run

ROOT = Path(__file__).resolve().parents[2]
KINDS = ("refuse", "cut_after", "error_before", "throttle", "silence_after", "slow", "invalid")


def bad_day(seed: int = 1, *, permute: bool = False) -> Run:
    """Ten customers, forty orders, faults and crashes: enough to differ wherever something can."""
    orders = [order(number, number * SECOND // 20, customer=str(number % 10)) for number in range(40)]
    faults = [erp(kind, nth, 1.0) for nth, kind in enumerate(KINDS * 3)]
    faults += [Fault("duplicate", "shop", "shop-orders", nth) for nth in range(5)]
    crashes = tuple(Crash(f"after {what}", 3) for what in POINTS)
    return play(*orders, of=shop(*DOUBLES), seed=seed, faults=tuple(faults), crashes=crashes, permute=permute)


def test_two_runs_of_one_seed_are_the_same() -> None:
    for permute in (False, True):
        first, second = bad_day(permute=permute), bad_day(permute=permute)
        assert first.trace == second.trace
        assert first == second


def test_another_seed_is_another_run_and_so_is_another_order_of_steps() -> None:
    assert len({bad_day(seed).trace for seed in range(5)}) == 5
    assert bad_day().trace != bad_day(permute=True).trace


def test_a_run_before_leaves_nothing_behind() -> None:
    alone = bad_day()
    play(order(7))
    assert bad_day().trace == alone.trace


def test_another_hash_seed_and_another_process_make_no_difference() -> None:
    here = [bad_day(permute=permute).trace for permute in (False, True)]
    look = "from test_determinism import bad_day; print(bad_day().trace, bad_day(permute=True).trace)"
    paths = os.pathsep.join(map(str, (Path(__file__).parent, ROOT / "tests", ROOT)))
    for hash_seed in ("0", "12345"):
        environment = {**os.environ, "PYTHONPATH": paths, "PYTHONHASHSEED": hash_seed}
        ended = subprocess.run(
            [sys.executable, "-c", look], capture_output=True, text=True, env=environment, check=True, timeout=120
        )
        assert ended.stdout.split() == here

"""What a terminal is told at the end: the verdict first, and nothing that it cannot show."""

import io

import pytest
from load.results import broken, invalid, result, with_capacity
from msgspec.structs import replace
from rich.console import Console

from harness.load.tell.told import told, write


def lines(made) -> list[str]:
    file = io.StringIO()
    write(told(made), Console(file=file, width=80))
    return file.getvalue().splitlines()


@pytest.mark.parametrize(("made", "word"), [(result(), "PASS"), (broken(), "FAIL"), (invalid(), "INVALID")])
def test_the_verdict_comes_first(made, word: str):
    assert lines(made)[0].startswith(f"{word}  flash-sale  shopify-orders-to-erp")


def test_the_worst_reason_comes_second():
    assert lines(broken())[1] == "  1 acknowledged event was lost"


def test_every_promise_is_a_line_with_its_window_and_samples():
    found = [line for line in lines(broken()) if line.startswith(("  ✓", "  ✗"))]
    assert len(found) == 3
    assert found[0].split("  ")[1:] == [
        "✗ shopify-orders-to-erp complete.p99", "41.2 s", "(promised 30s)", "window 12-22 s", "n 5,400",
    ]  # fmt: skip


def test_of_many_that_held_a_line_counts_them():
    made = broken()
    held = [replace(made.slo[1], name=f"x{number} accept.p99", judged=number > 1) for number in range(30)]
    found = [line for line in lines(replace(made, slo=(*made.slo, *held))) if line.startswith(("  ✓", "  ✗"))]
    assert len(found) == 3
    assert found[1].startswith("  ✗ no loss")
    assert found[2] == "  ✓ 31 more promises held; 2 of them of too few samples to say: --out DIR has each"


def test_corrected_and_service_time_stand_side_by_side():
    found = next(line for line in lines(result()) if line.startswith("  accept "))
    assert "p50 3 ms p95 9 ms p99 18 ms max 55 ms  (service p50 2.7 ms p95 8.1 ms p99 16.2 ms)  n 12,000" in found


def test_a_capacity_is_told_with_its_bracket_and_what_gives():
    found = lines(with_capacity())
    assert any("5,940/min  5,650/min held, 6,240/min did not  2 probes" in line for line in found)
    assert any("gives first quota erp at 6,000/min" in line for line in found)
    assert any("then        cpu at 28,500/min" in line for line in found)


def test_a_starved_generator_is_told():
    assert any("NOT IN TIME" in line and "CPU 97 %" in line for line in lines(invalid()))


def test_a_run_in_virtual_time_says_that_it_is_blind_to_cpu():
    made = result()
    found = lines(replace(made, run=replace(made.run, virtual=True)))
    assert "blind to CPU" in found[0]
    assert not any("lag p99" in line for line in found)


def test_what_moves_a_cursor_is_written_out():
    made = replace(result(), why=("\x1b[2J",), windows=("\x1b]0;x\x07",))
    assert not any("\x1b" in line for line in lines(made))


def test_ascii_terminals_get_ascii_marks():
    file = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="strict")
    write(told(broken()), Console(file=file, width=80))

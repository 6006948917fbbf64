"""The live view shows the numbers at any width, and moves no cursor but its own."""

import io

import pytest
from rich.console import Console

from harness.load.tell.view import Picture, View, plain, sparkline

PICTURE = Picture(
    phase="burst",
    elapsed_s=31.2,
    length_s=60.0,
    drain_s=30.0,
    offered_per_min=3_612,
    accepted_per_min=3_598,
    completed_per_min=2_904,
    offered=1_410,
    accepted=1_402,
    completed=1_122,
    refused=3,
    backlog=280,
    oldest_s=4.2,
    retries=17,
    accept_p50_ms=3.1,
    accept_p95_ms=9.4,
    accept_p99_ms=None,
    engine_cpu=0.62,
    engine_rss_mib=94.0,
    generator_cpu=0.08,
    lag_ms=1.6,
    parked={"wms": 3, "erp": 1_200},
)


def page(width: int, picture: Picture = PICTURE, backlogs=(10, 200, 280)) -> list[str]:
    file = io.StringIO()
    view = View(Console(file=file, width=width, force_terminal=True, color_system=None, legacy_windows=False))
    view.backlogs.extend(backlogs)
    view.console.print(view.page(picture))
    return file.getvalue().splitlines()


@pytest.mark.parametrize("width", [60, 80, 100, 140, 200])
def test_every_number_is_there_and_no_line_is_wider(width: int):
    lines = page(width)
    assert max(map(len, lines)) <= width
    told = " ".join(" ".join(lines).replace("│", " ").split())
    for number in ("3,612", "3,598", "2,904", "280", "4.2 s", "3.1 ms", "62 %", "94 MiB", "1.6 ms", "17"):
        assert number in told, number


def test_wide_ones_stand_beside_one_another():
    assert sum("latency and load" in line and "events" in line for line in page(140)) == 1
    assert sum("latency and load" in line and "events" in line for line in page(139)) == 0


def test_a_late_generator_is_told():
    late = " ".join(page(140, Picture(lag_ms=40.0, generator_cpu=0.3)))
    assert "generator is late" in late
    assert "generator in time" in " ".join(page(140))


def test_draining_is_told():
    picture = Picture(elapsed_s=65.0, length_s=60.0, drain_s=30.0)
    assert "draining, 5 s of at most 30 s" in " ".join(page(100, picture))


def test_a_phase_moves_no_cursor():
    assert not any("\x1b[2J" in line for line in page(80, Picture(phase="\x1b[2J")))


def test_where_events_wait_is_told_the_most_first():
    assert "waiting at erp 1,200, wms 3" in " ".join(page(140))


def test_elsewhere_it_is_a_line_every_five_seconds():
    file = io.StringIO()
    view = View(Console(file=file, width=80))
    with view:
        for second in range(12):
            view.show(Picture(phase="burst", elapsed_s=float(second), length_s=60.0))
    lines = file.getvalue().splitlines()
    assert [line.split()[0] for line in lines] == ["0", "5", "10"]
    assert all("\x1b" not in line for line in lines)


def test_a_line_has_the_numbers_too():
    line = plain(PICTURE)
    for number in ("3,612/min", "2,904/min", "backlog 280", "p50 3.1 ms", "p99 -", "lag 1.6 ms"):
        assert number in line


def test_a_history_is_numbers_where_a_terminal_has_only_ascii():
    assert sparkline([1, 2, 3], "ascii") == "1 2 3"
    assert sparkline([0, 4, 8], "utf-8") == "▁▄█"
    assert sparkline([0, 0], "utf-8") == ""

"""What the demo counts and shows: over restarts of the engine, on narrow and wide terminals, and on none."""

import io

import pytest
from rich.console import Console

from harness.demo.meter import Meter
from harness.demo.verdict import Verdict
from harness.demo.view import Picture, View, plain, sparkline, tell_verdict

PAGE = """\
# HELP waybill_events Events that are not over, by status
# TYPE waybill_events gauge
waybill_events{integration="orders",status="waiting"} 3.0
waybill_events{integration="payments",status="waiting"} 2.0
waybill_events{integration="orders",status="accepted"} 4.0
waybill_events{integration="orders",status="held"} 1.0
# HELP waybill_calls_total Calls to partners by verdict
# TYPE waybill_calls_total counter
waybill_calls_total{kind="call",operation="erp.create_order",verdict="done"} 10.0
waybill_calls_total{kind="call",operation="erp.create_order",verdict="retry"} 2.0
waybill_calls_total{kind="call",operation="ledger.post_payment",verdict="unknown"} 1.0
# HELP waybill_effects_known_total Calls spared because the effect was there
# TYPE waybill_effects_known_total counter
waybill_effects_known_total{operation="erp.create_order"} 5.0
"""

PICTURE = Picture(
    elapsed_s=12.3, story_s=30, up=True, accepted=123_456, waiting=312, backlog=440, done=122_000, held=2, stuck=1,
    retries=14_000, redelivered=6_100, second_told=9_900, sent_again=77, p50_ms=4.2, p99_ms=1204.4,
    partners={
        "erp": {"booked": 121_111, "requests": 151_000, "slow": 30_000, "throttle": 8_000, "cut_after": 3_300},
        "ledger": {"booked": 21_100, "error_after": 4},
    },
)  # fmt: skip


def test_gauges_are_those_of_the_last_page() -> None:
    meter = Meter()
    meter.read(PAGE)
    meter.read(PAGE)
    assert (meter.standing["waiting"], meter.backlog, meter.unfinished) == (5, 9, 10)


def test_counters_go_on_over_a_restart() -> None:
    meter = Meter()
    meter.read(PAGE)
    meter.restarted()
    assert meter.retries == 3
    meter.read(PAGE)
    assert meter.retries == 6
    assert meter.total("waybill_calls_total", "done") == 20
    assert meter.total("waybill_calls_total") == 26
    assert meter.total("waybill_effects_known_total") == 10
    assert meter.total("waybill_nothing_total") == 0


def console(width: int, *, terminal: bool, encoding: str = "utf-8") -> Console:
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    return Console(file=file, width=width, height=24, force_terminal=terminal, color_system=None, legacy_windows=False)


def shown(page: object, on: Console) -> list[str]:
    with on.capture() as capture:
        on.print(page)
    return capture.get().splitlines()


@pytest.mark.parametrize("width", [60, 80, 100, 139, 140, 200])
def test_the_page_fits_its_terminal_and_shows_every_number(width: int) -> None:
    view = View(console(width, terminal=True))
    for second in range(200):
        view.tick(PICTURE)
        view.happened(second, f"something worth a line of its own happened {second}")
    lines = shown(view.page(PICTURE), view.console)
    assert max(map(len, lines)) <= width
    text = " ".join(lines)
    for number in ("123,456", "312", "122,000", "14,000", "16,000", "440"):
        assert number in text
    assert "happened 199" in text
    if width >= 80:
        assert len(lines) <= 24
        for number in ("121,111", "151,000", "30,000", "8,000", "3,300", "21,100", "4 ms", "1204 ms"):
            assert number in text


def test_a_dead_engine_is_said_so() -> None:
    view = View(console(80, terminal=True))
    down = Picture(story_s=30, up=False)
    assert "engine is down" in " ".join(shown(view.page(down), view.console))
    assert "ENGINE DOWN" in plain(down)


def test_without_a_terminal_there_are_plain_lines_and_no_control_characters() -> None:
    on = console(80, terminal=False)
    view = View(on)
    with view, on.capture() as capture:
        view.draw(PICTURE)
        view.tick(PICTURE)
        view.happened(3, "SIGKILL")
    first, second = capture.get().splitlines()
    assert "accepted 123456" in first
    assert "partner faults 11304" in first
    assert second == "   3 s  SIGKILL"
    assert "\x1b" not in first + second


def test_a_terminal_without_unicode_gets_numbers() -> None:
    from collections import deque

    assert sparkline(deque([0, 5, 10]), "latin-1") == "backlog a second: 0 5 10"
    assert sparkline(deque([0, 5, 10]), "utf-8") == "backlog ▁▄█"
    assert sparkline(deque(), "utf-8") == "backlog "


@pytest.mark.parametrize(
    ("missing", "word", "other"), [((), "PASS", "FAIL"), (("order 7 is not in the book of erp",), "FAIL", "PASS")]
)
def test_the_verdict_is_told_in_a_few_lines(missing: tuple[str, ...], word: str, other: str) -> None:
    on = console(200, terminal=False)
    with on.capture() as capture:
        tell_verdict(View(on), Verdict(90, {"erp": 80, "ledger": 10}, missing, (), (), (), ()), PICTURE, 1)
    text = capture.get()
    assert word in text
    assert other not in text
    assert "erp 80, ledger 10" in text
    assert "3,300 cut after commit" in text
    assert "1 SIGKILL" in text
    assert all(one in text for one in missing)
    assert len(text.splitlines()) <= 7

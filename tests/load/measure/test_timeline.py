"""Stories of events → where their time went; and the store as it is read back, on both of its kinds."""

import pytest

from engine.model import Status
from harness.load.measure.timeline import Stage, StoryLine, Told, parked_by, stages, story

BEGAN = 1_000_000_000


def told(*lines: StoryLine, status: Status = Status.DONE, finished: int | None = 1_000, waits: bool = False) -> Told:
    """An event that arrived at 0 ms of the run; times of lines are milliseconds."""
    return Told(
        event=7,
        integration="orders",
        status=status,
        received_at=BEGAN,
        finished_at=None if finished is None else BEGAN + finished * 1_000,
        id="w-7",
        key_digest=b"k",
        waits=waits,
        revision=None,
        lines=lines,
    )


def call(
    at_ms: int, took_ms: int, verdict: str = "done", status: int = 200, operation: str = "erp.create"
) -> StoryLine:
    return StoryLine("erp", "call", BEGAN + at_ms * 1_000, operation, verdict, status, took_ms * 1_000)


def line(kind: str, at_ms: int, step: str = "review") -> StoryLine:
    return StoryLine(step, kind, BEGAN + at_ms * 1_000)


CASES = [
    pytest.param((), {"queue": 1_000}, id="no line at all"),
    pytest.param((call(150, 50),), {"queue": 100, "partner": 50, "engine": 850}, id="one call"),
    pytest.param(
        (call(150, 50), call(300, 100)),
        {"queue": 100, "partner": 150, "engine": 750},
        id="two calls, the engine between",
    ),
    pytest.param(
        (call(150, 50, "retry", 429), call(700, 100)),
        {"queue": 100, "partner": 150, "retry": 450, "engine": 300},
        id="a call that came again",
    ),
    pytest.param(
        (call(150, 50, "unknown", 0), StoryLine("erp", "look-up", BEGAN + 400_000, "erp.find", "found", 200, 50_000)),
        {"queue": 100, "partner": 100, "retry": 200, "engine": 600},
        id="a look-up after an answer that was lost",
    ),
    pytest.param(
        (line("hold", 20), line("release", 820), call(900, 50)),
        {"queue": 20, "person": 800, "engine": 130, "partner": 50},
        id="a person's time",
    ),
    pytest.param((line("hold", 20),), {"queue": 20, "person": 980}, id="still with a person"),
    pytest.param(
        (line("hold", 20), line("until", 520)), {"queue": 520, "engine": 480}, id="an event of a topic is no person"
    ),
    pytest.param(
        (call(150, 200),), {"partner": 150, "engine": 850}, id="a call that began before the arrival, by a set clock"
    ),
    pytest.param(
        (call(2_150, 50, operation="slow.thing"),), {"gate": 2_100, "partner": 50}, id="others wait at its gate"
    ),
    pytest.param(
        (call(2_150, 50, operation="slow.other"),), {"queue": 2_100, "partner": 50}, id="at another operation's gate"
    ),
]


@pytest.mark.parametrize(("lines", "expected"), CASES)
def test_time_is_cut_at_what_the_story_tells(lines: tuple[StoryLine, ...], expected: dict[Stage, int]) -> None:
    until_ms = max(1_000, *(one.at // 1_000 - BEGAN // 1_000 for one in lines)) if lines else 1_000
    parked = parked_by({1: {"slow.thing": 4}}, BEGAN)
    found = stages(told(*lines), BEGAN + until_ms * 1_000, parked)
    assert {stage: us // 1_000 for stage, us in found.items()} == expected
    assert sum(found.values()) == until_ms * 1_000  # nothing is left out, and nothing counted twice


@pytest.mark.parametrize(
    ("gate", "begin_s", "end_s", "expected"),
    [
        ("erp.create", 0, 2, True),
        ("erp.create", 3, 9, False),
        ("erp.find", 0, 2, False),
        ("carrier.buy", 4, 6, True),
        ("carrier.buy", 100, 10_000, False),
    ],
)
def test_a_gate_was_waited_at_where_others_were_seen_waiting(
    gate: str, begin_s: int, end_s: int, expected: bool
) -> None:
    parked = parked_by({1: {"erp.create": 3}, 5: {"carrier": 1}}, BEGAN)
    assert parked(gate, BEGAN + begin_s * 1_000_000, BEGAN + end_s * 1_000_000) is expected


@pytest.mark.parametrize(
    ("event", "aside"),
    [
        (told(call(10, 5)), False),
        (told(call(10, 5, "retry", 429), call(500, 5)), False),
        (told(line("hold", 5), line("release", 50), call(90, 5)), True),
        (told(line("dead", 5), line("redrive", 50)), True),
        (told(status=Status.SUPERSEDED), True),
        (told(status=Status.WAITING, finished=None, waits=True), True),
    ],
)
def test_who_waited_for_a_person_let_others_pass(event: Told, aside: bool) -> None:
    assert event.aside is aside


def test_a_story_is_told_in_seconds_of_the_run_and_without_content() -> None:
    event = told(call(150, 50, "retry", 429), call(700, 100, status=201))
    assert story(event, BEGAN - 2_000_000) == (
        (2.0, "accepted by orders"),
        (2.15, "erp: call erp.create retry (429) in 50 ms"),
        (2.7, "erp: call erp.create done (201) in 100 ms"),
        (3.0, "done"),
    )

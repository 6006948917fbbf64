"""When a breaker opens, how it begins again, and that nothing jams it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.model import Failure, Outcome, Sent
from engine.rules.breaker import Breaker, Breaking, Counted, Let, State, ask, count, from_row, look, places, tell

S = 1_000_000
NOW = 1_700_000_000 * S
POLICY = Breaking(window_us=30 * S, calls_min=20, failed_ppm=500_000, slow_us=2 * S, open_for_us=30 * S, ramp_max=8)
TIMEOUT = 5 * S


def told(counted: str, breaker: Breaker | None = None, now: int = NOW, policy: Breaking = POLICY) -> Breaker:
    """After a row of calls: `w` well, `s` slow, `f` failed, `n` says nothing."""
    words = {word.value[0]: word for word in Counted}
    breaker = breaker or Breaker()
    for letter in counted:
        breaker = tell(breaker, policy, now, words[letter])
    return breaker


def half_open(now: int = NOW + 30 * S) -> Breaker:
    return look(told("f" * 20), POLICY, now)


# ── what counts ──────────────────────────────────────────────────────────────────────────────────────────────────────

OUTCOMES: list[Any] = [
    (Outcome(Sent.ANSWERED, status=200), "well"),
    (Outcome(Sent.ANSWERED, status=200, took_us=2 * S), "slow"),
    (Outcome(Sent.ANSWERED, status=422), "well"),
    (Outcome(Sent.ANSWERED, status=404, took_us=2 * S), "slow"),
    (Outcome(Sent.ANSWERED, status=401), "well"),
    (Outcome(Sent.ANSWERED, status=429, took_us=9 * S), "nothing"),
    (Outcome(Sent.ANSWERED, status=500), "failed"),
    (Outcome(Sent.ANSWERED, status=503, headers={"retry-after": "1"}), "failed"),
    (Outcome(Sent.NOT_SENT, failure=Failure.CONNECT), "failed"),
    (Outcome(Sent.NOT_SENT, failure=Failure.DNS), "failed"),
    (Outcome(Sent.NOT_SENT, failure=Failure.TIMEOUT_BEFORE), "failed"),
    (Outcome(Sent.UNKNOWN, failure=Failure.TIMEOUT_AFTER, took_us=5 * S), "failed"),
    (Outcome(Sent.NOT_SENT, failure=Failure.UNSENDABLE), "nothing"),
]


@pytest.mark.parametrize(("outcome", "expected"), OUTCOMES)
def test_what_an_outcome_says_of_its_partner(outcome: Outcome, expected: str) -> None:
    assert count(outcome, POLICY) == expected


def test_without_a_bound_nothing_is_slow() -> None:
    slow = Outcome(Sent.ANSWERED, status=200, took_us=100 * S)
    assert count(slow, Breaking(30 * S, 20, 500_000, 0, 30 * S)) is Counted.WELL


# ── closed ───────────────────────────────────────────────────────────────────────────────────────────────────────────

WINDOWS: list[Any] = [
    ("f" * 19, "closed", "too few calls say nothing"),
    ("f" * 20, "open", "enough calls, all failed"),
    ("w" * 11 + "f" * 10, "closed", "a little less than half"),
    ("w" * 10 + "f" * 10, "open", "half of them"),
    ("w" * 10 + "s" * 10, "open", "half of them slow"),
    ("w" * 8 + "s" * 6 + "f" * 6, "closed", "the two shares are not added"),
    ("n" * 100 + "f" * 19, "closed", "what says nothing is not counted"),
]


@pytest.mark.parametrize(("calls", "state", "why"), WINDOWS, ids=[row[2] for row in WINDOWS])
def test_when_it_opens(calls: str, state: str, why: str) -> None:
    assert told(calls).state == state, why


def test_it_says_why_and_until_when() -> None:
    breaker = told("w" * 10 + "f" * 10)
    assert (breaker.reason, breaker.since, breaker.until) == ("10 of 20 calls failed", NOW, NOW + 30 * S)
    assert ask(breaker, POLICY, NOW + S, 0)[1] == Let(False, until=NOW + 30 * S)
    assert places(breaker, POLICY, NOW + S) == 0


def test_what_is_older_than_the_window_is_forgotten() -> None:
    assert told("f", told("f" * 19), NOW + 33 * S).state is State.CLOSED
    assert told("f", told("f" * 19), NOW + 20 * S).state is State.OPEN


def test_a_clock_set_back_forgets_the_window_and_ends_the_pause() -> None:
    assert told("f", told("f" * 19), NOW - 3600 * S).state is State.CLOSED
    assert look(told("f" * 20), POLICY, NOW - 3600 * S).state is State.HALF_OPEN


def test_closed_lets_all_through() -> None:
    assert ask(Breaker(), POLICY, NOW, 0) == (Breaker(), Let(True))
    assert places(Breaker(), POLICY, NOW) is None


# ── half open ────────────────────────────────────────────────────────────────────────────────────────────────────────


def probe_all(breaker: Breaker, now: int) -> tuple[Breaker, list[int]]:
    """Takes every place there is."""
    out: list[int] = []
    while True:
        breaker, let = ask(breaker, POLICY, now, now + TIMEOUT)
        if not let.through:
            return breaker, out
        out.append(let.probe)


def test_it_begins_again_by_a_ramp_and_closes_after_its_last_stage() -> None:
    breaker, now, stages = half_open(), NOW + 30 * S, []
    while breaker.state is State.HALF_OPEN:
        assert places(breaker, POLICY, now) == breaker.ramp
        breaker, out = probe_all(breaker, now)
        stages.append(len(out))
        for probe in out:
            breaker = tell(breaker, POLICY, now, Counted.WELL, probe)
    assert stages == [1, 2, 4, 8]
    assert breaker.state is State.CLOSED
    assert told("f" * 19, breaker, now).state is State.CLOSED, "it begins with an empty window"


@pytest.mark.parametrize("counted", [Counted.FAILED, Counted.SLOW])
def test_a_first_probe_that_fails_or_is_slow_opens_it_again(counted: Counted) -> None:
    breaker, (probe,) = probe_all(half_open(), NOW + 30 * S)
    breaker = tell(breaker, POLICY, NOW + 31 * S, counted, probe)
    assert (breaker.state, breaker.until) == (State.OPEN, NOW + 61 * S)


def test_a_few_failures_among_many_probes_do_not() -> None:
    breaker, now = half_open(), NOW + 30 * S
    while breaker.ramp < 8:
        breaker, out = probe_all(breaker, now)
        for probe in out:
            breaker = tell(breaker, POLICY, now, Counted.WELL, probe)
    breaker, out = probe_all(breaker, now)
    for probe in out:
        breaker = tell(breaker, POLICY, now, Counted.FAILED if probe in out[:3] else Counted.WELL, probe)
    assert breaker.state is State.CLOSED


def test_a_probe_that_never_comes_back_counts_as_failed_and_jams_nothing() -> None:
    breaker, (probe,) = probe_all(half_open(), NOW + 30 * S)
    assert ask(breaker, POLICY, NOW + 31 * S, 0)[1] == Let(False, until=NOW + 30 * S + TIMEOUT)
    after = look(breaker, POLICY, NOW + 30 * S + TIMEOUT)
    assert (after.state, after.reason) == (State.OPEN, "a probe did not come back in time")
    again = look(after, POLICY, after.until)
    assert tell(again, POLICY, after.until, Counted.WELL, probe) == again, "the late answer is of another ramp"


def test_a_probe_that_says_nothing_gives_its_place_back() -> None:
    breaker, (probe,) = probe_all(half_open(), NOW + 30 * S)
    breaker = tell(breaker, POLICY, NOW + 30 * S, Counted.NOTHING, probe)
    assert places(breaker, POLICY, NOW + 30 * S) == 1


def test_calls_sent_before_it_opened_say_nothing_new() -> None:
    opened = told("f" * 20)
    assert told("f" * 50, opened) == opened
    assert told("w" * 50, half_open()) == half_open()


# ── rows ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

ROWS: list[Any] = [
    (Breaker(), "open", NOW + 20 * S, NOW - S, "open", "another node's is taken over"),
    (Breaker(), "open", NOW - S, NOW - 40 * S, "half_open", "a former life's that is over: by a ramp"),
    (Breaker(), "half_open", 0, NOW - S, "half_open", "a former life's ramp begins again"),
    (Breaker(), "closed", 0, NOW - S, "closed", "nothing to take over"),
    (Breaker(since=NOW), "open", NOW + 20 * S, NOW - S, "closed", "older than our own"),
    (Breaker(since=NOW - 9 * S), "open", NOW + 20 * S, NOW - S, "open", "newer than our own"),
    (Breaker(since=NOW - 9 * S), "half_open", 0, NOW - S, "closed", "another's ramp is not ours"),
    (Breaker(State.OPEN, NOW - 9 * S, NOW + S), "closed", 0, NOW - S, "half_open", "closed elsewhere: by our own ramp"),
    (Breaker(State.OPEN, NOW - 9 * S, NOW + S), "closed", 0, NOW - 10 * S, "open", "closed before ours opened"),
    (Breaker(), "open", NOW + 3600 * S, NOW - S, "half_open", "further off than it can be"),
]


@pytest.mark.parametrize(("breaker", "state", "until", "at", "expected", "why"), ROWS, ids=[row[5] for row in ROWS])
def test_what_others_wrote(breaker: Breaker, state: str, until: int, at: int, expected: str, why: str) -> None:
    after = from_row(breaker, POLICY, NOW, state=state, until=until, reason="theirs", at=at)
    assert after.state == expected, why


# ── whatever happens ─────────────────────────────────────────────────────────────────────────────────────────────────

EVENTS = st.lists(
    st.tuples(st.sampled_from(["ask", "back", "back", "hang"]), st.sampled_from(Counted), st.integers(-5 * S, 20 * S)),
    max_size=150,
)


@given(EVENTS, st.integers(1, 5))
def test_it_never_jams_and_never_lets_more_than_its_ramp_through(
    events: list[tuple[str, Counted, int]], calls_min: int
) -> None:
    policy = Breaking(10 * S, calls_min, 500_000, S, 5 * S, ramp_max=4)
    breaker, now, out = Breaker(), NOW, list[int]()
    for event, counted, later in events:
        now += later
        if event == "ask":
            breaker, let = ask(breaker, policy, now, now + TIMEOUT)
            if let.through:
                out.append(let.probe)
            else:
                assert let.until > now or breaker.state is State.HALF_OPEN
        elif out and event == "back":
            breaker = tell(breaker, policy, now, counted, out.pop(0))
        elif out:
            out.pop()
        assert len(breaker.probes) <= breaker.ramp
        assert len(breaker.slices) <= 10
    # However it stands: with well answers it is closed after a while.
    for _ in range(40):
        now += 5 * S
        breaker, let = ask(breaker, policy, now, now + TIMEOUT)
        if let.through:
            breaker = tell(breaker, policy, now, Counted.WELL, let.probe)
    assert breaker.state is State.CLOSED

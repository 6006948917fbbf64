"""Until when something waits for a person, and when somebody is told."""

import pytest

from engine.language.errors import LanguageError
from engine.model import ItemState
from engine.rules.holds import Times, began_of, time_at, times_of
from engine.rules.needs import Ask
from engine.spec.plan import HoldStep

BEGAN_AT = 1_000
NEVER = 0


def question(expires: int | None = None, warn: int | None = None, until: int = 0) -> Ask:
    """`expires` and `warn` are spans, `until` is a time that an expression gave."""
    bound = (lambda _: until) if until else expires
    return Ask(HoldStep("review", None, "q", lambda _: "", "hold", None, None, bound, warn), "review", "", until, {})


@pytest.mark.parametrize(
    ("asked", "times"),
    [
        (question(), Times(NEVER, NEVER)),
        (question(expires=50), Times(1_050, NEVER)),
        (question(warn=20), Times(NEVER, 1_020)),
        (question(expires=50, warn=20), Times(1_050, 1_020)),
        (question(until=1_200, warn=20), Times(1_200, 1_020)),
        (question(until=1_010, warn=20), Times(1_010, NEVER)),
    ],
)
def test_spans_count_from_when_it_began(asked: Ask, times: Times) -> None:
    assert times_of(asked, BEGAN_AT) == times


@pytest.mark.parametrize(
    ("times", "warned", "wakes_at"),
    [
        (Times(NEVER, NEVER), False, NEVER),
        (Times(1_050, 1_020), False, 1_020),
        (Times(1_050, 1_020), True, 1_050),
        (Times(NEVER, 1_020), True, NEVER),
    ],
)
def test_it_wakes_to_warn_and_to_expire(times: Times, warned: bool, wakes_at: int) -> None:
    assert times.next_at(warned=warned) == wakes_at


def test_it_expires_at_the_moment_itself() -> None:
    assert [Times(1_050, 0).expired(now) for now in (1_049, 1_050)] == [False, True]
    assert not Times(NEVER, NEVER).expired(10**18)
    assert [Times(0, 1_020).due_to_warn(now) for now in (1_019, 1_020)] == [False, True]


@pytest.mark.parametrize("warned", [False, True])
@pytest.mark.parametrize("asked", [question(expires=50), question(expires=50, warn=20), question(until=1_200, warn=20)])
def test_a_held_item_knows_when_it_began_by_when_it_wakes(asked: Ask, warned: bool) -> None:
    times = times_of(asked, BEGAN_AT)
    held = ItemState("parcels[0]", "held", "parcels[0].review", int(warned), times.next_at(warned=warned))
    assert times_of(asked, began_of(asked, held)).expires_at == times.expires_at
    if not warned:
        assert times_of(asked, began_of(asked, held)).warn_at == times.warn_at


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("1970-01-01T00:00:01Z", 1_000_000),
        ("1970-01-01T01:00:00.5+01:00", 500_000),
        (3, 3_000_000),
    ],
)
def test_a_time_is_a_stamp_or_seconds(text: object, at: int) -> None:
    assert time_at(text) == at


@pytest.mark.parametrize("value", ["tomorrow", "2026-11-01", "2026-11-01T09:00:00", None, True, []])
def test_what_is_no_instant_is_none(value: object) -> None:
    with pytest.raises(LanguageError):
        time_at(value)

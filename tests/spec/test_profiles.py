"""Profiles of load as they are written: what is read, and what is told of those that send nothing or to nobody."""

import pytest
from spec.everything import EVERYTHING
from spec.minimal import edited, read, told
from spec.mistake import assert_told, mistake

from engine.spec import shape

PROFILE = "charter/profiles/sale.yaml"
FILES = {
    **EVERYTHING,
    PROFILE: """\
profile: sale
summary: A crowd within seconds.
mix: {orders: 3}
keys: {repeat: 20%, hot: 1%}
again: 5%
phases:
  - {name: warm-up, for: 5s, rate: 10/s, warm_up: true}
  - {name: rush, for: 10s, rate: {from: 10/s, to: 200/s}}
  - {name: broken, for: 10s, rate: 200/s, outage: true}
  - {name: tail, for: 20s, rate: 90/min}
""",
}


def test_a_profile_as_the_dialect_shows_it() -> None:
    workspace, faults = read(FILES)
    assert not faults, told(faults)
    found: shape.Profile = workspace.profiles["sale"].content
    assert found.arrivals == "poisson"
    assert found.mix == {"orders": 3}
    assert found.keys == shape.Skew(repeat=shape.Percent("20%"), hot=shape.Percent("1%"))
    assert found.drain == shape.Duration(120_000_000)
    second = 1_000_000
    assert found.phases[0] == shape.Phase(
        name="warm-up", for_=shape.Duration(5 * second), rate=shape.Rate(10, second), warm_up=True
    )
    assert found.phases[1].rate == shape.Ramp(from_=shape.Rate(10, second), to=shape.Rate(200, second))
    assert found.phases[2].outage
    assert found.phases[3].rate == shape.Rate(90, 60 * second)


def test_a_profile_may_say_little() -> None:
    little = "profile: sale\nsummary: Little.\nphases: [{name: all, for: 1s, rate: 1/s}, {name: quiet, for: 1s}]\n"
    workspace, faults = read({**FILES, PROFILE: little})
    assert not faults, told(faults)
    found: shape.Profile = workspace.profiles["sale"].content
    assert (found.mix, found.keys, found.again.millionths) == ({}, shape.Skew(), 0)
    assert found.phases[1].rate is None


def changed(title: str, old: str, new: str, code: str, at: str, hint: str = "") -> object:
    return mistake(title, PROFILE, old, new, code, at, hint)


RUSH = "rate: {from: 10/s, to: 200/s}"
MISTAKES = [
    changed("another name", "profile: sale", "profile: sales", "name-differs", "sales", "write `profile: sale`"),
    changed("no phase", FILES[PROFILE][FILES[PROFILE].index("phases:") :], "phases: []\n", "empty-list", "[]"),
    changed("a phase without its time", "for: 10s, " + RUSH, RUSH, "missing-key", "{name: rush", "add `for:`"),
    changed("a phase of no time", "for: 10s, " + RUSH, "for: 0s, " + RUSH, "out-of-range", "0s", "for: 30s"),
    changed("a rate without a unit", RUSH, "rate: 10", "bad-rate", "10}", "25/s"),
    changed("a rate of nothing", RUSH, "rate: 0/s", "bad-rate", "0/s", "where nothing is to come"),
    changed("a ramp to nowhere", RUSH, "rate: {from: 10/s}", "missing-key", "{from", "add `to:`"),
    changed("a ramp by another word", RUSH, "rate: {from: 1/s, too: 2/s}", "unknown-key", "too", "did you mean `to`?"),
    changed("a share that is a fraction", "again: 5%", "again: 0.05", "wrong-type", "0.05", "99.9%"),
    changed(
        "a word that is not known", "mix:", "arrivals: uniform\nmix:", "unknown-word", "uniform", "one of `poisson`"
    ),
    changed("nobody of that name", "orders: 3", "order: 3", "unknown-integration", "3", "did you mean `orders`?"),
    changed("one that is sent nothing", "orders: 3", "order-mails: 3", "not-sent-to", "3", "tells its topic"),
    changed("a weight of nothing", "orders: 3", "orders: 0", "wrong-type", "0", "write 1 or more"),
    changed("hot keys that nothing repeats", "repeat: 20%, hot", "hot", "key-not-here", "1%", "add `repeat:`"),
    changed("no hot keys", "hot: 1%", "hot: 0%", "out-of-range", "0%", "hot: 1%"),
    changed("two phases of one name", "name: tail", "name: rush", "duplicate-name", "rush", "by its name"),
    changed("an outage of nothing", "rate: 200/s, outage", "outage", "key-not-here", "true", "add `rate:`"),
    changed(
        "an outage that never ends",
        "  - {name: tail, for: 20s, rate: 90/min}\n",
        "",
        "outage-without-end",
        "true",
        "add a phase behind it",
    ),
    changed(
        "a profile that sends nothing",
        FILES[PROFILE][FILES[PROFILE].index("phases:") :],
        "phases: [{name: quiet, for: 5s}]\n",
        "empty-profile",
        "[{name",
        "add `rate:`",
    ),
    changed(
        "a profile that only warms up",
        FILES[PROFILE][FILES[PROFILE].index("  - {name: rush") :],
        "",
        "empty-profile",
        "- {name",
        "remove `warm_up`",
    ),
    changed("days", "for: 20s, rate: 90/min", "for: 2d, rate: 90/min", "out-of-range", "- {name", "shorten them"),
    changed(
        "too many", "for: 20s, rate: 90/min", "for: 12h, rate: 9000/s", "out-of-range", "- {name", "lower the rates"
    ),
]


@pytest.mark.parametrize(("edit", "also", "code", "at", "hint"), MISTAKES)
def test_a_mistake_is_told_where_it_stands(edit, also, code: str, at: str, hint: str) -> None:  # type: ignore[no-untyped-def]
    assert_told(edit, also, code, at, hint, of=FILES)


def test_a_profile_that_cannot_be_read_is_told_once() -> None:
    _, faults = read(edited((PROFILE, "phases:", "phases: 5\nphasen:"), of=FILES))
    assert [fault.code for fault in faults] == ["wrong-type", "unknown-key"], told(faults)

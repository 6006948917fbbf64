"""Quotas and breakers as they are written: what is read, and what is told of those that can do nothing."""

import pytest
from spec.minimal import ERP, Edit, edited, read, told
from spec.mistake import assert_told, mistake

from engine.language import Resources
from engine.spec import shape
from engine.spec.compile import compile_workspace
from engine.wire.files import find_zone


def system(keys: str = "", of_the_operation: str = "") -> shape.System:
    """The system's file with these keys more."""
    edits = [(ERP, "timeout: 5s\n", f"timeout: 5s\n{keys}\n")]
    edits += [(ERP, "    effect: idempotent\n", f"    effect: idempotent\n    {of_the_operation}\n")]
    workspace, faults = read(edited(*edits))
    assert not faults, told(faults)
    found: shape.System = workspace.systems["erp"].content
    return found


@pytest.mark.parametrize(
    ("text", "times", "microseconds"),
    [
        ("25/s", 25, 1_000_000),
        ("100/min", 100, 60_000_000),
        ("2000/h", 2000, 3_600_000_000),
        ("50000/d", 50000, 86_400_000_000),
        ("0.5/s", 5, 10_000_000),
        ("0.0167/s", 167, 10_000_000_000),
    ],
)
def test_rates_are_exact(text: str, times: int, microseconds: int) -> None:
    assert system(f"quota: {{rate: {text}}}").quota == shape.Quota(rate=shape.Rate(times, microseconds))


@pytest.mark.parametrize(
    ("text", "millionths"), [("50%", 500_000), ("99.9%", 999_000), ("0.0001%", 1), ("100%", 10**6)]
)
def test_shares_are_exact(text: str, millionths: int) -> None:
    assert system(f"breaker: {{failures: {text}}}").breaker.failures.millionths == millionths


def test_a_quota_and_a_breaker_as_the_dialect_shows_them() -> None:
    keys = "quota: {rate: 25/s, burst: 50, concurrency: 8}\n"
    keys += "breaker: {window: 30s, calls_min: 20, failures: 50%, slow: 2s, open_for: 30s}"
    found = system(keys, "quota: {spacing: 200ms}")
    assert found.quota == shape.Quota(rate=shape.Rate(25, 1_000_000), burst=50, concurrency=8)
    assert found.breaker == shape.Breaker(slow=shape.Duration(2_000_000))
    assert found.operations["create_order"].quota == shape.Quota(spacing=shape.Duration(200_000))


def test_every_system_has_a_breaker_and_none_a_quota_unless_it_says_so() -> None:
    assert system().breaker == shape.Breaker()
    assert system().quota is None


def added(title: str, keys: str, code: str, at: str, hint: str) -> object:
    return mistake(title, ERP, "timeout: 5s\n", f"timeout: 5s\n{keys}\n", code, at, hint)


MISTAKES = [
    added("a rate without a unit", "quota: {rate: 25}", "bad-rate", "25", "25/s"),
    added("minutes written as metres", "quota: {rate: 25/m}", "bad-rate", "25/m", "100/min"),
    added("a rate of nothing", "quota: {rate: 0.00/s}", "bad-rate", "0.00/s", "leave `rate` out"),
    added("a rate that is a list", "quota: {rate: [25/s]}", "bad-rate", "[25/s]", "25/s"),
    added("a quota of nothing", "quota: {}", "missing-key", "{}", "rate: 25/s"),
    added("only a burst", "quota: {burst: 5}", "missing-key", "{burst", "rate: 25/s"),
    added("a burst without a rate", "quota: {burst: 5, concurrency: 2}", "key-not-here", "5", "add `rate:`"),
    added(
        "a kind without a rate", "quota: {concurrency: 2, kind: leaky_bucket}", "key-not-here", "leaky", "add `rate:`"
    ),
    added(
        "bursts of a leaky bucket",
        "quota: {rate: 2/s, burst: 40, kind: leaky_bucket}",
        "key-not-here",
        "40",
        "token_bucket",
    ),
    added("a kind of its own", "quota: {rate: 2/s, kind: window}", "unknown-word", "window", "leaky_bucket"),
    added("a spacing of nothing", "quota: {spacing: 0s}", "out-of-range", "0s", "200ms"),
    added("no call at once", "quota: {concurrency: 0}", "wrong-type", "0", ""),
    added("a window of an instant", "breaker: {window: 10ms}", "out-of-range", "10ms", "30s"),
    added("a window of a day", "breaker: {window: 1d}", "out-of-range", "1d", "30s"),
    added("a share of nothing", "breaker: {failures: 0%}", "out-of-range", "0%", "50%"),
    added("a share that is a number", "breaker: {failures: 50}", "wrong-type", "50", "99.9%"),
    added("slow from the beginning", "breaker: {slow: 0s}", "out-of-range", "0s", "slow: 2s"),
    added("open for no time", "breaker: {open_for: 0ms}", "out-of-range", "0ms", "open_for: 30s"),
    mistake(
        "an operation's quota of nothing",
        ERP,
        "    effect: idempotent\n",
        "    effect: idempotent\n    quota: {kind: token_bucket}\n",
        "missing-key",
        "{kind",
        "rate: 25/s",
    ),
]


@pytest.mark.parametrize(("edit", "also", "code", "at", "hint"), MISTAKES)
def test_a_quota_or_breaker_that_does_nothing_is_told(
    edit: Edit, also: tuple[Edit, ...], code: str, at: str, hint: str
) -> None:
    assert_told(edit, also, code, at, hint)


def test_quotas_and_breakers_are_live_and_make_no_other_plan() -> None:
    def plan(*edits: Edit) -> str:
        workspace, faults = read(edited(*edits))
        assert not faults, told(faults)
        resources = Resources(tables=workspace.tables, zones=find_zone)
        return compile_workspace(workspace, "local", resources)["orders"].hash

    quota = (ERP, "    effect: idempotent\n", "    effect: idempotent\n    quota: {rate: 1/s}\n")
    live = (ERP, "timeout: 5s\n", "timeout: 5s\nquota: {rate: 2/s}\nbreaker: {window: 60s}\n")
    assert plan(quota, live) == plan()
    assert plan((ERP, "    effect: idempotent\n", "    effect: idempotent\n    outcomes: []\n")) != plan()

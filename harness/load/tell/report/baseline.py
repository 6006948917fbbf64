"""TWO RESULTS → ROWS: what was, what is, and by how much.

This file refuses to say whether a change is more than chance: `waybill compare` does.
"""

from collections.abc import Callable

from msgspec import Struct

from harness.load.model import Result
from harness.load.numbers import ABSENT, milliseconds, number, per_minute, seconds, signed, whole
from harness.load.tell.report.tables import Tone, best_per_minute


class Delta(Struct, frozen=True):
    name: str
    before: str
    now: str
    change: str
    tone: Tone


def unlike(result: Result, baseline: Result) -> tuple[str, ...]:
    """In what two runs differ beyond what was to be compared: each alone would make a difference in the numbers."""
    told: tuple[tuple[str, Callable[[Result], object]], ...] = (
        ("profile", lambda r: r.run.profile),
        ("specs", lambda r: sorted(r.run.specs)),
        ("machine", lambda r: r.run.machine),
        ("store", lambda r: r.run.store),
        ("kind of time", lambda r: r.run.virtual),
        ("number of messages offered", lambda r: r.measures.offered),
    )
    found = [name for name, of in told if of(result) != of(baseline)]
    found += [f"verdict of {name}: invalid" for name, r in (("this run", result), ("the baseline", baseline))
              if r.verdict == "invalid"]  # fmt: skip
    return tuple(found)


def deltas(result: Result, baseline: Result) -> list[Delta]:
    """Of each number that both runs have, or one of them."""
    told: list[tuple[str, Callable[[Result], float | None], Callable[[float], str], int]] = [
        ("complete, median", lambda r: r.measures.complete.quantiles_ms.get("0.5"), milliseconds, -1),
        ("complete, p99", lambda r: r.measures.complete.quantiles_ms.get("0.99"), milliseconds, -1),
        ("accept, median", lambda r: r.measures.accept.quantiles_ms.get("0.5"), milliseconds, -1),
        ("accept, p99", lambda r: r.measures.accept.quantiles_ms.get("0.99"), milliseconds, -1),
        ("completed at most", lambda r: best_per_minute(r.measures.seconds, lambda s: s.completed), per_minute, 1),
        ("capacity", lambda r: r.capacity.per_minute if r.capacity else None, per_minute, 1),
        ("drain", lambda r: r.drain_s, seconds, -1),
        ("backlog at most", lambda r: r.measures.backlog_max, whole, -1),
        ("calls an event", lambda r: r.measures.calls_per_event, number, -1),
        ("engine CPU an event", lambda r: r.measures.engine_cpu_us_per_event, lambda us: f"{number(us)} µs", -1),
        ("lost", lambda r: r.lost, whole, -1),
        ("doubled", lambda r: r.doubled, whole, -1),
        ("out of order", lambda r: r.out_of_order, whole, -1),
    ]
    found = [(name, of(baseline), of(result), word, better) for name, of, word, better in told]
    return [
        Delta(
            name,
            ABSENT if before is None else word(before),
            ABSENT if now is None else word(now),
            changed(before, now, word),
            toned(before, now, better),
        )
        for name, before, now, word, better in found
        if before is not None or now is not None
    ]


def changed(before: float | None, now: float | None, word: Callable[[float], str]) -> str:
    if before is None or now is None:
        return ABSENT
    if before == now:
        return "the same"
    if not before:
        return f"+{word(now)}"
    change = (now - before) / before
    return f"{signed(change * 100)} %"


def toned(before: float | None, now: float | None, better: int) -> Tone:
    """`better` is 1 where more is. A change below 5 % is nobody's."""
    if before is None or now is None or abs(now - before) <= abs(before) * 0.05:
        return "plain"
    return "good" if (now > before) == (better > 0) else "bad"

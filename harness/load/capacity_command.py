"""`waybill capacity RESULT`: what a measured result says of more nodes and larger quotas. On paper, and it says so."""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from engine.cli import HELD, INVALID
from engine.cli.terminal import say_parts
from engine.contract.body import encode_json
from engine.errors import UserError
from engine.spec.leaves import RATE, RATE_US
from harness.load.judge.limits import Stage, first_of, projected, rate_text
from harness.load.model import SECOND_US, Result, Work
from harness.load.numbers import per_minute, share
from harness.load.tell.files import read_result

SHOWN: Final = 8
"""Stages told of."""


def run(arguments: argparse.Namespace) -> int:
    """3 where the result's generator did not hold: then nothing is known of what stands behind it."""
    result = read_result(Path(arguments.result))
    work = work_of(result, arguments.result)
    rates = read_rates(arguments.quota, work)
    found = projected(work, arguments.nodes, rates)
    if arguments.format == "json":
        sys.stdout.write(encode_json(as_json(result, work, found, arguments.nodes, rates)).decode() + "\n")
    else:
        for parts in told(result, work, found, arguments.nodes, rates):
            say_parts(*parts)
    return HELD if result.measures.generator.held else INVALID


def work_of(result: Result, path: str) -> Work:
    """Raises UserError where there is nothing to reckon from."""
    work = result.measures.work
    if work is None or not first_of(work):
        raise UserError(
            f"{path} is of a run in which too little was completed to reckon from; make another, longer one"
        )
    return work


def read_rates(texts: Sequence[str], work: Work) -> dict[str, float]:
    """`erp=200/s` → calls a second by gate. Raises UserError."""
    known = [gate.gate for gate in work.gates]
    found: dict[str, float] = {}
    for text in texts:
        gate, equals, said = text.partition("=")
        rate = RATE.fullmatch(said) if equals else None
        if rate is None or not float(rate[1]):
            raise UserError(f"`{text[:60]}` is no quota: write SYSTEM=RATE, such as erp=200/s or erp=3000/min")
        if gate not in known:
            raise UserError(f"nothing was called at `{gate[:60]}` in this run; called: {', '.join(known) or 'nobody'}")
        found[gate] = float(rate[1]) * SECOND_US / RATE_US[rate[2]]
    return found


# ── told ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def as_json(
    result: Result, work: Work, found: Sequence[Stage], nodes: int, rates: Mapping[str, float]
) -> dict[str, Any]:
    """`measured` is what the run itself found, a number only where it looked for a capacity."""
    return {
        "projection": True,
        "nodes": nodes,
        "quotas_per_s": dict(rates),
        "per_minute": round(found[0].per_minute, 1),
        "limiting": {"stage": found[0].stage, "name": found[0].name},
        "stages": [stage_json(stage) for stage in found],
        "measured": {
            "per_minute": result.capacity.per_minute if result.capacity else None,
            "stages": [stage_json(stage) for stage in first_of(work)],
        },
        "warnings": list(warnings(result, work, nodes)),
    }


def stage_json(stage: Stage) -> dict[str, Any]:
    return {"stage": stage.stage, "name": stage.name, "per_minute": round(stage.per_minute, 1), "why": stage.why}


def told(
    result: Result, work: Work, found: Sequence[Stage], nodes: int, rates: Mapping[str, float]
) -> Iterator[tuple[str, ...]]:
    """For people: what gives first then, and what was measured."""
    given = [f"{nodes} node{'s' if nodes > 1 else ''}", *(f"{gate} {rate_text(rate)}" for gate, rate in rates.items())]
    yield (f"PROJECTION  {per_minute(found[0].per_minute)} with {', '.join(given)}", "reckoned, not measured")
    measured = {(stage.stage, stage.name): stage for stage in first_of(work)}
    for place, stage in enumerate(found[:SHOWN]):
        before = measured.get((stage.stage, stage.name))
        same = before is None or before.per_minute == stage.per_minute
        changed = "" if before is None or same else f"measured {per_minute(before.per_minute)}"
        word = "gives first" if place == 0 else "then"
        yield (f"  {word:<11}", f"{stage.called:<28}", f"{per_minute(stage.per_minute):>12}", stage.why, changed)
    first = first_of(work)[0]
    if result.capacity is not None:
        where = " in virtual time" if result.capacity.virtual else ""
        yield ("  measured", f"{first.called} gave at {per_minute(result.capacity.per_minute)}{where}")
    else:
        yield ("  measured", f"{first.called} was {share(first.used)} used; no capacity was looked for (--capacity)")
    yield from (("  note", warning) for warning in warnings(result, work, nodes))


def warnings(result: Result, work: Work, nodes: int) -> Iterator[str]:
    """Why the numbers might be too large, or too small."""
    if not result.measures.generator.held:
        yield "the generator of this run did not hold, so what stands behind it is not known"
    if work.virtual and not work.engine_cpu:
        yield "the run was in virtual time, which knows nothing of CPU and disk: they may give before all this"
    if nodes > 1 and work.store == "sqlite":
        yield "several nodes need PostgreSQL; this was measured on SQLite, whose commits cost otherwise"
    if nodes > 1:
        yield "what nodes cost one another is not in it"
    if result.capacity is None:
        yield "at less than its capacity an engine takes more CPU for each message: what is said of it is the least"

"""Runs made by hand, for properties that judge them."""

from typing import Any

from engine.model import Status
from engine.store import EventRow
from engine.wire.answers import Inbound
from harness.prove.attacks import reference_of
from harness.prove.invariants import violations
from harness.prove.promises import CallPromise, Promises, SpecPromise
from harness.prove.sides import Trial
from harness.simulation.scenario import CallMade, Crash, Effect, Moment, Run, Scenario, Sending

ERP = ("erp", "create_order")


def spec(**more: Any) -> SpecPromise:
    said: dict[str, Any] = {
        "integration": "orders",
        "calls": {"erp": CallPromise("erp", (ERP,), may_double=False, on_failure="dead_letter")},
        "maps": ("order",),
        "guarded": False,
        "space": "orders",
        "endless": (),
        "waits": {},
        "contract": "shop/order@1",
        "blocks": False,
    }
    return SpecPromise(**(said | more))


def promises(of: SpecPromise | None = None, **more: Any) -> Promises:
    said: dict[str, Any] = {
        "specs": {"orders": of or spec()},
        "effects": {ERP: "idempotent"},
        "undone_by": {},
        "undoing": frozenset(),
        "helpers": frozenset(),
        "replacing": frozenset(),
        "attempts_max": {"erp": 3},
        "quotas": {},
    }
    return Promises(**(said | more))


def row(event: int = 1, status: Status = Status.DONE, key: str = "1", **more: Any) -> EventRow:
    said: dict[str, Any] = {
        "event": event,
        "integration": "orders",
        "id": f"e-{event}",
        "key": key,
        "status": status,
        "attempts": 1,
        "received_at": 1_800_000_000_000_000 + event,
        "finished_at": None,
        "due_at": 0,
        "plan": "",
        "version": 1,
        "step": "",
        "queue": "",
        "reason": "",
    }
    return EventRow(**(said | more))


def effect(event: int = 1, label: str = "order 1", identity: str = "1", **more: Any) -> Effect:
    said: dict[str, Any] = {"fields": {"order": 1}, "step": "erp", "result": None}
    return Effect(*ERP, identity, 10 * event, label=label, event=event, **(said | more))


def call(event: int = 1, at_us: int = 10, status: int = 201, **more: Any) -> CallMade:
    said: dict[str, Any] = {"label": "order 1", "step": "erp", "life": 1, "method": "POST", "path": "/orders"}
    said |= {"headers": {}, "body": None, "once": "1", "status": status, "took_us": 5, "identity": "1"}
    return CallMade(at_us, *ERP, event=event, **(said | more))


def sending(label: str = "order 1", at_us: int = 0, body: bytes = b"{}") -> Sending:
    return Sending(at_us, "orders", Inbound("POST", "/", {}, {}, body), label)


def run(
    rows: tuple[EventRow, ...] = (),
    effects: tuple[Effect, ...] = (),
    calls: tuple[CallMade, ...] = (),
    labels: dict[int, str] | None = None,
    **more: Any,
) -> Run:
    said: dict[str, Any] = {
        "acknowledged": (0,),
        "moments": (),
        "fired": {},
        "points": 0,
        "deadlock": "",
        "trace": "",
        "passed": {},
        "labels": {each.event: "order 1" for each in rows} | (labels or {}),
    }
    return Run(events=rows, effects=effects, calls=calls, **(said | more))


GOOD = run((row(),), (effect(),), (call(),))


def broken(
    now: Run,
    then: Run = GOOD,
    of: Promises | None = None,
    sendings: tuple[Sending, ...] = (sending(),),
    secrets: tuple[str, ...] = (),
    crashes: tuple[Crash, ...] = (),
) -> list[tuple[str, str]]:
    """(property, step) of everything that a run breaks."""
    scenario = Scenario(seed=0, sendings=sendings, crashes=crashes)
    found = violations(Trial(of or promises(), {}, scenario, now, then, secrets))
    return [(each.breaks, each.step) for each in found]


def recorded(event: int, status: str, step: str = "", at_us: int = 1) -> Moment:
    return Moment(at_us, "recorded", event=event, detail=status, step=step)


assert reference_of(Scenario(seed=1, sendings=(sending(),))).sendings == (sending(),)

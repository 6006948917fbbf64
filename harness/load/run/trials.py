"""A capacity's trials as real runs: each from a clean start, on the arrivals that the search asks for.

What the messages are (which integrations, how often a key comes again) stays as the profile that was named says; how
they arrive is the trial's. This file refuses to decide which rates are tried.
"""

from pathlib import Path

from msgspec.structs import replace

from harness.load.judge.capacity import Found, Trial, find
from harness.load.model import Measures
from harness.load.numbers import whole
from harness.load.run.plan import Plan
from harness.load.run.real import run_profile
from harness.load.run.virtual import run_virtual
from harness.load.tell.view import View


def search(plan: Plan, view: View, out: Path | None = None) -> Found:
    """The capacity of what a plan would run; `out` gets the events of the last real trial. Raises UserError as `find`
    and `run_profile` do."""

    def run(trial: Trial) -> Measures:
        return virtual(plan, trial) if trial.virtual else run_profile(tried(plan, trial), view, out)

    return find(run, view.say)


def tried(plan: Plan, trial: Trial) -> Plan:
    """The plan of one trial."""
    said = plan.profile
    profile = replace(trial.profile(), mix=said.mix, repeat=said.repeat, hot=said.hot)
    return replace(plan, profile=profile, what=f"{trial.purpose} {whole(trial.rate_per_s * 60)}/min")


def virtual(plan: Plan, trial: Trial) -> Measures:
    """A trial in virtual time, with the latencies that were seen live."""
    return run_virtual(tried(plan, trial), {gate: (call_ms / 1_000,) for gate, call_ms in trial.latencies_ms.items()})

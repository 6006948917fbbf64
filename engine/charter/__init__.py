"""SPECS → FINDINGS: what a workspace that can be read still should not be.

A rule is a pure function of the workspace with one code; its finding says what is wrong, why it matters there and how
to mend it, and `engine.spec.codes` explains the code at length. Rules look at whatever could be read, never raise, and
never repeat what the reader or the resolver has said. `error` is only for what must not start; the rest is a warning,
or a note.

    ownership.py  who answers
    trust.py      signatures, secrets, addresses
    intake.py     identity, order, contract and answer of what comes in
    effects.py    each effect once
    flow.py       topics between integrations, waits, and what a compensation takes back
    windows.py    windows of time that must outlast one another, by the sums of ladders.py
    gates.py      breakers against quotas and timeouts, quotas against the peak
    upkeep.py     examples, references, versions
    look.py       what the rules look at

A new rule is a function in the family's file, a line in RULES, an explanation, and a failing and a passing case.
"""

from collections.abc import Callable, Iterator

from engine.charter import effects, flow, gates, intake, ownership, trust, upkeep, windows
from engine.errors import Fault
from engine.spec.workspace import Workspace

Rule = Callable[[Workspace], Iterator[Fault]]

RULES: tuple[Rule, ...] = (
    ownership.owner_unreachable,
    ownership.raci_incomplete,
    ownership.summary_says_nothing,
    trust.unsigned_webhook,
    trust.secret_in_text,
    trust.insecure_address,
    trust.address_missing,
    trust.rotation_unknown,
    trust.credential_unused,
    trust.credential_undeclared,
    intake.id_constant,
    intake.id_of_all_items,
    intake.key_constant,
    intake.id_is_key,
    intake.key_space_alone,
    intake.contract_missing,
    intake.answer_not_accepted,
    effects.once_missing,
    effects.once_unused,
    effects.once_per_delivery,
    effects.once_constant,
    effects.once_of_all_items,
    effects.exactly_once_impossible,
    effects.lost_called_known,
    effects.key_forgotten,
    effects.lookup_missing,
    effects.unknown_needs_person,
    flow.topic_not_emitted,
    flow.topic_not_received,
    flow.topic_loop,
    flow.waits_for_ever,
    flow.compensation_leaves,
    flow.compensation_empty,
    flow.undo_shared,
    windows.dedupe_too_short,
    windows.dedupe_outlived,
    gates.breaker_never_opens,
    gates.slow_never_seen,
    gates.peak_beyond_quota,
    upkeep.examples_missing,
    upkeep.record_out_of_reach,
    upkeep.contract_outgrown,
    upkeep.unused,
)
"""Every rule, in the order of a reading: who, whom, what comes in and goes out, what is undone, how long, the rest."""


def examine(workspace: Workspace) -> list[Fault]:
    """Every finding of every rule. Never raises, whatever faults the workspace has."""
    return [finding for rule in RULES for finding in rule(workspace)]

"""This node's part in who may call: breakers, retry budgets, bulkheads; and what answers told of quotas.

A call passes two gates, its system's (`erp`) and its operation's (`erp.create_order`). For every call:

    admitted = gates.admit(system, operation, retry=…, now=…)   before its intent; `retry`: it was sent before
    if isinstance(admitted, Denied):
        record WAITING with `denied.reason`, and spend no attempt: with `gate=denied.gate, due_at=now` it waits at that
        gate; where `denied.gate` is empty (the retry budget is spent) it just falls due at `denied.until`
    else:
        begin, with `quotas=admitted.quotas` in the intent
        sent:     learnt = gates.told(admitted, outcome, now)   goes into the next Record's `learnt`
        not sent: gates.withdraw(admitted, now)                 GATED, KNOWN, BUSY, …: nothing came of it

Whatever was admitted ends with one of the two, also when the claim is lost or cancelled: `withdraw` in a `finally` does
nothing after `told`. A look-up is a call like any other. What no partner would ever see (a request that cannot be made)
is told too: its outcome is `unsendable` and counts as nothing. Every claim asks for `allow` and `quotas`, and wakes by
itself at `wakes_at`; `admits` only looks, for the choice among providers.

Tokens of quotas are not taken here: they are rows that all nodes share, taken by the store where the intent is written.
This file refuses to read a clock, to send, and to store: its rows are written by `gate_watch`.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from msgspec.structs import replace

from engine.model import Outcome, Sent
from engine.rules import breaker as rules
from engine.rules import budget
from engine.rules.breaker import Breaker, Breaking, Counted, State, count
from engine.rules.budget import Budget
from engine.rules.quota import HEARD_FOR_US, SAME_WINDOW_US, Heard, Quota, decode, encode
from engine.rules.quota_headers import hear, operation_alone
from engine.run.live import Live, LiveSystem
from engine.spec.plan import Plan
from engine.store import GateRow, Learnt

PROBE_MARGIN_US: Final = 30_000_000
"""A probe is back at the latest this long after its timeout: connecting, reading and recording take their time too."""
TOLD_AGAIN_US: Final = HEARD_FOR_US // 2
NEARLY: Final = 4
"""A partner's own bucket is worth telling of when only this part of it is left: else ours bounds the calls anyway."""


@dataclass(slots=True)
class Admitted:
    """A call that may begin. `quotas` are those of its gates, for its intent. Once it was told, `in_vain` says that
    it was a probe which found the partner as ill as before: its event spends no attempt by it."""

    system: str
    operation: str
    at: int
    retry: bool
    probe: int
    quotas: tuple[Quota, ...]
    ended: bool = False
    in_vain: bool = False


@dataclass(frozen=True, slots=True)
class Denied:
    """A call that must wait, at `gate`, likely until `until`; an empty gate: until then, and at none."""

    gate: str
    until: int
    reason: str


@dataclass(slots=True)
class Told:
    """What was last written of a gate's limits: so that only news is."""

    heard: Heard
    at: int
    left: int
    left_until: int
    paused_until: int


@dataclass(slots=True)
class Gates:
    """The gates of one node. `forced` is what people want, by gate."""

    live: Live
    workers: int
    breakers: dict[str, Breaker] = field(default_factory=dict)
    budgets: dict[str, Budget] = field(default_factory=dict)
    forced: dict[str, str] = field(default_factory=dict)
    out: Counter[str] = field(default_factory=Counter)
    told_of: dict[str, Told] = field(default_factory=dict)
    learnt_until: dict[str, int] = field(default_factory=dict)
    unwritten: dict[str, GateRow] = field(default_factory=dict)
    policies: dict[str, Breaking] = field(default_factory=dict)
    policies_of: Mapping[str, LiveSystem] | None = None
    called: frozenset[str] = frozenset()
    called_by: Mapping[str, Plan] | None = None
    """What `policy` and `called_systems` found, and in which systems and plans: a reload puts in others."""

    # ── before a call ────────────────────────────────────────────────────────────────────────────────────────────────

    def admit(self, system: str, operation: str, *, retry: bool, now: int) -> Admitted | Denied:
        """Whether a call may begin; then its place, its part of the budget, and perhaps a probe are taken."""
        gate = f"{system}.{operation}"
        shut = self.shut(system, gate, now)
        if shut is not None:
            return shut
        most = self.bulkhead(system)
        if most is not None and self.out[system] >= most:
            reason = f"{most} calls to {system} are under way, which is its part of the workers"
            return Denied(self.home(system, gate, now), now, reason)
        spent, at = budget.send(self.budgets.get(system, Budget()), now, retry=retry, floor=self.retries_floor(system))
        self.budgets[system] = spent
        if at is not None:
            return Denied("", at, f"the retry budget of {system} is spent: a fifth of its calls")
        probe = 0
        if self.breaker(gate).state is not State.CLOSED and not self.forced_at(system, gate):
            deadline = now + int(self.timeout_s(system) * 1_000_000) + PROBE_MARGIN_US
            after, let = rules.ask(self.breaker(gate), self.policy(system), now, deadline)
            self.put(gate, after, now)
            probe = let.probe
        self.out[system] += 1
        self.count_down(system, gate, 1)
        return Admitted(system, operation, now, retry, probe, self.quotas_of(system, gate, now))

    def admits(self, system: str, operation: str, now: int) -> bool:
        """Whether the breaker lets calls through, as far as one can see: nothing is taken."""
        return self.shut(system, f"{system}.{operation}", now) is None

    def opens_at(self, system: str, operation: str, now: int) -> int | None:
        """When a breaker that lets nothing through may do so again; None: not before a person says so."""
        gate = f"{system}.{operation}"
        if self.forced_at(system, gate) == State.OPEN:
            return None
        shut = self.shut(system, gate, now)
        return now if shut is None else shut.until

    def shut(self, system: str, gate: str, now: int) -> Denied | None:
        """Why nothing passes: a person, or the breaker."""
        forced = self.forced_at(system, gate)
        if forced:
            where = gate if gate in self.forced else system
            home = self.home(system, gate, now) if where == system else gate
            return Denied(home, now, f"{where} was opened by hand") if forced == State.OPEN else None
        if self.breaker(gate).state is State.CLOSED:
            return None
        seen = self.look(gate, system, now)
        if rules.places(seen, self.policy(system), now) != 0:
            return None
        until = seen.until or min(deadline for _, deadline in seen.probes)
        return Denied(gate, until, f"the breaker of {gate} is {said(seen.state)}: {seen.reason}")

    # ── after a call ─────────────────────────────────────────────────────────────────────────────────────────────────

    def told(self, admitted: Admitted, outcome: Outcome, now: int) -> tuple[Learnt, ...]:
        """Takes what came of a call; what it told of limits, if that is worth writing."""
        if admitted.ended:
            return ()
        counted = count(outcome, self.policy(admitted.system))
        self.end(admitted, now, counted)
        return self.heard(admitted, outcome, now)

    def withdraw(self, admitted: Admitted, now: int) -> None:
        """Gives back what was taken for a call that was not sent after all."""
        if admitted.ended:
            return
        self.end(admitted, now, Counted.NOTHING)
        self.count_down(admitted.system, f"{admitted.system}.{admitted.operation}", -1)
        spent = self.budgets[admitted.system]
        self.budgets[admitted.system] = budget.not_sent(spent, admitted.at, retry=admitted.retry)

    def end(self, admitted: Admitted, now: int, counted: Counted) -> None:
        admitted.ended = True
        self.out[admitted.system] -= 1
        gate = f"{admitted.system}.{admitted.operation}"
        admitted.in_vain = rules.in_vain(self.breaker(gate), admitted.probe, counted)
        after = rules.tell(self.breaker(gate), self.policy(admitted.system), now, counted, admitted.probe)
        self.put(gate, after, now)

    def heard(self, admitted: Admitted, outcome: Outcome, now: int) -> tuple[Learnt, ...]:
        heard = hear(outcome.status, outcome.headers, now) if outcome.sent is Sent.ANSWERED else None
        if heard is None:
            return ()
        alone = operation_alone(outcome.headers)
        gate = f"{admitted.system}.{admitted.operation}" if alone else admitted.system
        self.learnt_until[gate] = now + HEARD_FOR_US
        last = self.told_of.get(gate)
        if last is not None and not is_news(heard, last, now):
            return ()
        self.told_of[gate] = Told(heard, now, heard.left, now + heard.left_us, now + heard.pause_us)
        return (Learnt(gate, encode(heard)),)

    def count_down(self, system: str, gate: str, calls: int) -> None:
        """Calls of ours use up what a partner said was left: that it then says so is no news."""
        for name in (system, gate):
            if name in self.told_of:
                self.told_of[name].left -= calls

    # ── for claims ───────────────────────────────────────────────────────────────────────────────────────────────────

    def allow(self, now: int) -> dict[str, int]:
        """How many may be claimed of what waits at a gate, where this node has a limit."""
        found = {system: 0 for system, forced in self.forced.items() if forced == State.OPEN}
        for system in self.called_systems() - found.keys():
            most = self.bulkhead(system)
            if most is not None:
                found[system] = max(0, most - self.out[system])
        for gate in {*self.breakers, *self.forced}:
            system = gate.partition(".")[0]
            if gate == system or system not in self.live.systems:
                continue
            if forced := self.forced_at(system, gate):
                places = 0 if forced == State.OPEN else None
            elif self.breaker(gate).state is State.CLOSED:
                continue  # which time alone does not change
            else:
                places = rules.places(self.look(gate, system, now), self.policy(system), now)
            if places is not None:
                found[gate] = places
        return found

    def quotas(self, now: int) -> dict[str, Quota]:
        """The quotas of all gates that have one: declared, or learnt."""
        found = {gate: Quota(gate) for gate, until in self.learnt_until.items() if now < until}
        for system in self.live.systems.values():
            found |= system.quotas
        return found

    def wakes_at(self, now: int) -> int | None:
        """When the next breaker begins to probe, or gives a probe up."""
        times = [
            until
            for breaker in self.breakers.values()
            for until in (breaker.until, *(deadline for _, deadline in breaker.probes))
            if until > now
        ]
        return min(times, default=None)

    # ── rows ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def changed(self) -> tuple[GateRow, ...]:
        """The breakers that came to another state since this was asked; to be written."""
        rows = tuple(self.unwritten.values())
        self.unwritten.clear()
        return rows

    def give_back(self, rows: Iterable[GateRow]) -> None:
        """Takes back rows that could not be written; what has changed meanwhile is newer."""
        for row in rows:
            self.unwritten.setdefault(row.gate, row)

    def take_rows(self, rows: Iterable[GateRow], now: int) -> bool:
        """Takes what is stored of all gates: what people want, other nodes' breakers, what was learnt. True where one
        may let more through than before."""
        rows = tuple(rows)
        before_forced, self.forced = self.forced, {row.gate: row.forced for row in rows if row.forced}
        opens = self.forced != before_forced
        for row in rows:
            system = row.gate.partition(".")[0]
            if system not in self.live.systems:
                continue
            bucket = decode(row.quota)
            if bucket.heard is not None or bucket.left_until:
                self.learnt_until[row.gate] = now + HEARD_FOR_US
            if row.gate != system and row.gate not in self.unwritten:
                before, policy = self.breaker(row.gate), self.policy(system)
                after = rules.from_row(
                    before, policy, now, state=row.state, until=row.until, reason=row.reason, at=row.at
                )
                if after is not before:
                    self.breakers[row.gate] = after
                    opens = opens or after.state is not State.OPEN
        return opens

    def clock_set(self, now: int) -> None:
        """The machine's clock was set: what was counted and heard goes by another one and is forgotten, so that no
        breaker stays open for as long as it was set back. What people want stays."""
        for gate, breaker in self.breakers.items():
            if breaker.state is not State.CLOSED:
                self.unwritten[gate] = GateRow(gate, State.CLOSED, reason="the clock was set", at=now)
        for known in (self.breakers, self.budgets, self.told_of, self.learnt_until):
            known.clear()

    # ── settings and state ───────────────────────────────────────────────────────────────────────────────────────────

    def breaker(self, gate: str) -> Breaker:
        return self.breakers.get(gate, NEW)

    def look(self, gate: str, system: str, now: int) -> Breaker:
        """A gate's breaker as time has made it."""
        self.put(gate, rules.look(self.breaker(gate), self.policy(system), now), now)
        return self.breaker(gate)

    def put(self, gate: str, after: Breaker, now: int) -> None:
        before = self.breaker(gate)
        self.breakers[gate] = after
        if after.state is not before.state or after.until != before.until:
            self.unwritten[gate] = GateRow(gate, after.state, after.until, reason=after.reason, at=now)

    def policy(self, system: str) -> Breaking:
        """When this system's breakers open; a ramp ends where all workers could be out."""
        if self.policies_of is not self.live.systems:
            self.policies_of = self.live.systems
            self.policies = {
                name: replace(live.breaker, ramp_max=self.workers) for name, live in self.live.systems.items()
            }
        return self.policies.get(system, NEVER)

    def timeout_s(self, system: str) -> float:
        live = self.live.systems.get(system)
        return live.timeout_s if live else 0.0

    def forced_at(self, system: str, gate: str) -> str:
        """What a person wants of a gate; for the operation counts more than for its system."""
        return self.forced.get(gate) or self.forced.get(system, "")

    def bulkhead(self, system: str) -> int | None:
        """How many calls may be out to one system: half of the workers, so that one that hangs does not take all. No
        limit where it is the only one that is called."""
        return max(1, self.workers // 2) if self.called_systems() - {system} else None

    def retries_floor(self, system: str) -> int:
        live = self.live.systems.get(system)
        return budget.floor_below(live.quotas.get(system) if live else None)

    def called_systems(self) -> frozenset[str]:
        """The systems that the newest plans call."""
        plans = self.live.plans
        if self.called_by is not plans:
            self.called = frozenset(
                operation.system
                for plan in plans.values()
                for call in plan.calls()
                for operation in (call.operation, *call.others)
            )
            self.called_by = plans
        return self.called

    def home(self, system: str, gate: str, now: int) -> str:
        """Where a call waits for its system: at the narrowest gate with a quota, as it does for tokens. From two queues
        it would go to and fro."""
        quotas = self.quotas_of(system, gate, now)
        return max((quota.gate for quota in quotas), key=len, default=system)

    def quotas_of(self, system: str, gate: str, now: int) -> tuple[Quota, ...]:
        live = self.live.systems.get(system)
        declared: Mapping[str, Quota] = live.quotas if live else {}
        return tuple(
            declared.get(name) or Quota(name)
            for name in (system, gate)
            if name in declared or now < self.learnt_until.get(name, 0)
        )


NEW: Final = Breaker()
NEVER: Final = Breaking(window_us=1_000_000, calls_min=1 << 31, failed_ppm=1_000_000, slow_us=0, open_for_us=1)
"""The policy of a system that is no longer in the workspace: its events are held for that."""


def said(state: State) -> str:
    return state.value.replace("_", " ")


def is_news(heard: Heard, last: Told, now: int) -> bool:
    """Whether what an answer told says more than what was written last: an account's answers tell the same all day."""
    if now - last.at > TOLD_AGAIN_US or now < last.at:
        return True
    if now + heard.pause_us > max(now, last.paused_until) + SAME_WINDOW_US // 8:
        return True
    limits = ("rate", "per_us", "burst", "concurrency")
    if heard.has_limits and any(getattr(heard, name) != getattr(last.heard, name) for name in limits):
        return True
    if heard.tokens is not None and heard.tokens * NEARLY <= heard.burst:
        return True
    if not heard.left_us:
        return False
    is_same = abs(now + heard.left_us - last.left_until) <= SAME_WINDOW_US
    return not is_same or heard.left < last.left

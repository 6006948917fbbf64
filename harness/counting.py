"""What a partner lets through, by its own count of what arrives: a bucket, a least spacing, calls under way.

One count for partners in virtual time and for those behind real HTTP. The engine keeps its own buckets
(`engine.rules.quota`), which are not used here: a partner that counted with the engine's own arithmetic would never
find it wrong. This file refuses to read a clock: the moment is an argument.
"""

import math

from engine.charter.ladders import rate_text
from engine.rules.quota import burst_of
from engine.spec import shape

BUNCHING_S = 0.1
"""Calls that left one by one may arrive closer together: a partner that counts is as patient as this."""
AGAIN_S = 1.0
"""Who meets too many calls under way is told to come again after this."""


class Counting:
    """`rate` calls every `per_s` seconds into a bucket that holds `burst`; `spacing_s` between two; `concurrency` under
    way. Zero: no such limit. `patience_s`: how much closer together than they left calls may arrive."""

    def __init__(
        self,
        rate: int,
        per_s: float,
        burst: int,
        spacing_s: float = 0.0,
        concurrency: int = 0,
        patience_s: float = BUNCHING_S,
    ) -> None:
        self.rate_s = rate / per_s if rate else 0.0
        self.burst = max(1, burst) + self.rate_s * patience_s
        self.spacing_s = spacing_s
        self.patience_s = patience_s
        self.concurrency = concurrency
        self.tokens = self.burst
        self.at_s = 0.0
        self.last_s = -math.inf
        self.under_way = 0

    def refuses(self, now_s: float) -> float | None:
        """Takes a call; or the seconds after which one may come again."""
        if self.concurrency and self.under_way >= self.concurrency:
            return AGAIN_S
        if self.spacing_s and now_s - self.last_s < self.spacing_s - self.patience_s:
            return self.spacing_s
        if self.rate_s:
            self.tokens = min(self.burst, self.tokens + (now_s - self.at_s) * self.rate_s)
            self.at_s = now_s
            if self.tokens < 1:
                return (1 - self.tokens) / self.rate_s
            self.tokens -= 1
        self.last_s = now_s
        return None


def declared(system: shape.System, patience_s: float) -> dict[str, Counting]:
    """What a system's file says that it counts, by operation (empty: all of them). A limit of one call at a time is
    kept with `BUNCHING_S` at least: no two calls are ever as far apart where they arrive as where they left."""
    found = {}
    quotas = {"": system.quota, **{name: one.quota for name, one in system.operations.items()}}
    for name, quota in quotas.items():
        if quota is not None:
            rate, per_us = (quota.rate.times, quota.rate.microseconds) if quota.rate else (0, 1_000_000)
            burst = 1 if quota.kind == "leaky_bucket" else quota.burst or (burst_of(rate, per_us) if rate else 1)
            spacing_s = quota.spacing.seconds if quota.spacing else 0.0
            patience = max(patience_s, BUNCHING_S) if burst == 1 or spacing_s else patience_s
            found[name] = Counting(rate, per_us / 1_000_000, burst, spacing_s, quota.concurrency or 0, patience)
    return found


def told(quota: shape.Quota | None) -> str:
    """A quota as people write it: `25/s, burst 50, concurrency 8`; empty where there is none."""
    if quota is None:
        return ""
    parts = []
    if quota.rate is not None:
        parts.append(rate_text(quota.rate))
        if quota.burst:
            parts.append(f"burst {quota.burst}")
        if quota.kind == "leaky_bucket":
            parts.append("no bursts")
    if quota.spacing is not None:
        parts.append(f"{quota.spacing.seconds:g} s apart")
    if quota.concurrency:
        parts.append(f"concurrency {quota.concurrency}")
    return ", ".join(parts)

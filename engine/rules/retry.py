"""When to try again: exponential backoff with full jitter, and the partner's own Retry-After.

Full jitter (a wait drawn evenly from nothing to the bound) spreads a herd best: AWS Architecture Blog, "Exponential
Backoff And Jitter", 2015. Retry-After: RFC 9110, section 10.2.3, in seconds or as a date.
"""

import re
from datetime import UTC
from email.utils import parsedate_to_datetime

from engine.language.times import micros
from engine.spec.shape import Retry

SECONDS = re.compile(r"([0-9]{1,9})(\.[0-9]{1,9})?")
"""A fraction is not in the RFC; Shopify sends `2.0`."""
WISH_MAX_US = 3_600_000_000
"""The longest wait a Retry-After is granted: an hour. Our own cap is for our own guesses, not for its word."""


def backoff_us(policy: Retry, attempts: int, chance: float) -> int:
    """The wait after `attempts` sends (1 or more), in microseconds; `chance` is in [0, 1)."""
    bound = policy.first.microseconds
    for _ in range(attempts - 1):
        bound *= policy.factor
        if bound >= policy.cap.microseconds:
            break
    return int(min(bound, policy.cap.microseconds) * chance)


def retry_after_us(text: str, now: int) -> int | None:
    """The wait a Retry-After header asks for, in microseconds from `now`; None where it says nothing readable."""
    text = text.strip()
    if found := SECONDS.fullmatch(text):
        return (int(found[1]) + (1 if (found[2] or "").strip(".0") else 0)) * 1_000_000
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):  # the last for numbers that no date has
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return max(0, micros(at) - now)


def next_try_at(policy: Retry, attempts: int, chance: float, now: int, retry_after: str | None) -> int:
    """When to send again: the partner's wish, at most an hour, and a draw, so that not all return at once."""
    wished = retry_after_us(retry_after, now) if retry_after else None
    wait = backoff_us(policy, attempts, chance)
    if wished is None:
        return now + wait
    return now + min(wished, WISH_MAX_US) + min(wait, policy.first.microseconds)

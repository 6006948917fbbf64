"""NUMBERS → WORDS: how the report writes a time, a rate and a share, so that it writes them alike everywhere.

Three digits, because the histograms hold three. This file refuses to round a count: lost events are told to the last.
"""

from math import isfinite
from typing import Final

from harness.load.model import Latency

ABSENT: Final = "\N{EN DASH}"
MINUS: Final = "\N{MINUS SIGN}"


def count(value: int) -> str:
    return f"{value:,}"


def number(value: float) -> str:
    """Three digits: 0.0421, 4.21, 42.1, 421, 4,210."""
    if not value:
        return "0"
    size = abs(value)
    for least, digits in ((100, 0), (10, 1), (1, 2), (0.1, 3)):
        if size >= least:
            return f"{value:,.{digits}f}"
    return f"{value:.3g}"


def signed(value: float) -> str:
    """A change: what grew and what shrank must not look alike."""
    return number(value).replace("-", MINUS) if value <= 0 else f"+{number(value)}"


def milliseconds(value: float | None) -> str:
    """In the unit that a person would take: 0.42 ms, 41.2 s, 6 min 12 s."""
    if value is None:
        return ABSENT
    return f"{number(value)} ms" if abs(value) < 1_000 else seconds(value / 1_000)


def seconds(value: float | None) -> str:
    if value is None or not isfinite(value):
        return ABSENT
    if abs(value) < 1 and value:
        return f"{number(value * 1_000)} ms"
    if abs(value) < 120:
        return f"{number(value)} s"
    whole = round(value)
    if whole < 3 * 3_600:
        return f"{whole // 60} min {whole % 60} s"
    minutes = round(value / 60)
    return f"{minutes // 60} h {minutes % 60} min"


def clock(value: float) -> str:
    """A second of the run, as the charts' axis writes it: 0:41, 1:02:03."""
    hours, rest = divmod(round(value), 3_600)
    minutes, left = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


def per_minute(value: float | None) -> str:
    return ABSENT if value is None else f"{number(value)}/min"


def share(value: float) -> str:
    """A part of one whole, in percent."""
    if 0 < value < 0.001:
        return "< 0.1 %"
    return f"{number(value * 100)} %"


def quantile(latency: Latency | None, name: str) -> str:
    """A quantile, or how few samples there were: it is absent where the histogram refused it."""
    if latency is None or not latency.count:
        return ABSENT
    found = latency.quantiles_ms.get(name)
    return f"too few ({count(latency.count)})" if found is None else milliseconds(found)

"""Numbers as people read them in a load's answer: times, shares, rates, for the terminal, the summary and JUnit alike.

The page has three digits of each (`tell/report/words.py`): it has room for them. This file
refuses to round a limit: what is promised is shown as it was written.
"""

from harness.load.model import Latency

SHOWN = ("0.5", "0.95", "0.99")
"""The quantiles that every surface shows; the report has all of them."""


def whole(count: float) -> str:
    return f"{round(count):,}"


def milliseconds(value: float | None) -> str:
    """`0.84 ms`, `12 ms`, `4.1 s`, `6 m 12 s`; a dash where nothing was measured."""
    if value is None:
        return "-"
    if value < 10:
        return f"{value:.2g} ms"
    if value < 999.5:
        return f"{value:.0f} ms"
    return seconds(value / 1000)


def seconds(value: float | None) -> str:
    """`0.4 s`, `41.2 s`, `6 m 12 s`, `2 h 5 m`; a dash where there is none."""
    if value is None:
        return "-"
    if value < 99.95:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes} m {rest} s"
    return f"{minutes // 60} h {minutes % 60} m"


def share(value: float) -> str:
    return f"{value * 100:.0f} %"


def per_minute(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.1f}/min" if value < 100 else f"{whole(value)}/min"


def quantile(latency: Latency, name: str) -> str:
    """One quantile; a dash where there are too few samples for it."""
    return milliseconds(latency.quantiles_ms.get(name))


def label(name: str) -> str:
    """`"0.99"` → `p99`, `"0.999"` → `p99.9`."""
    return f"p{float(name) * 100:g}"

"""NUMBERS → WORDS: how a load writes a time, a rate and a share, so that it reads alike wherever it is read.

The live view, the lines at the end, a verdict's reasons, the files and the page all write them with this. Three digits,
because the histograms hold three. This file refuses to round a count: lost events are told to the last.
"""

from math import isfinite
from typing import Final

from harness.load.model import Latency

SHOWN: Final = ("0.5", "0.95", "0.99")
"""The quantiles that every surface shows; the page has all of them."""
ABSENT: Final = "-"
"""Where nothing was measured. Plain ASCII, as not every terminal has more."""
MINUS: Final = "\N{MINUS SIGN}"


def whole(count: float) -> str:
    return f"{round(count):,}"


def number(value: float) -> str:
    """Three digits: 0.0421, 4.21, 42.1, 421, 4,210; no zeros behind what is even."""
    if not value:
        return "0"
    size = abs(value)
    for least, digits in ((100, 0), (10, 1), (1, 2), (0.1, 3)):
        if size >= least:
            text = f"{value:,.{digits}f}"
            return text.rstrip("0").rstrip(".") if digits else text
    return f"{value:.3g}"


def signed(value: float) -> str:
    """A change: what grew and what shrank must not look alike."""
    return number(value).replace("-", MINUS) if value <= 0 else f"+{number(value)}"


def milliseconds(value: float | None) -> str:
    """In the unit that a person would take: 0.42 ms, 41.2 s, 6 min 12 s."""
    if value is None:
        return ABSENT
    return f"{number(value)} ms" if abs(value) < 999.5 else seconds(value / 1_000)


def seconds(value: float | None) -> str:
    """420 ms, 41.2 s, 6 min 12 s, 1 d 2 h: of what is long the two greatest units that are not zero."""
    if value is None or not isfinite(value):
        return ABSENT
    if value and abs(value) < 0.9995:
        return f"{number(value * 1_000)} ms"
    if abs(value) < 120:
        return f"{number(value)} s"
    span_s = round(value)
    units = ((span_s // 86_400, "d"), (span_s // 3_600 % 24, "h"), (span_s // 60 % 60, "min"), (span_s % 60, "s"))
    return " ".join(f"{count:,} {unit}" for count, unit in [each for each in units if each[0]][:2])


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


def nearly_all(value: float) -> str:
    """A share of which what is missing matters: to a hundredth of a percent, and 100 % only where nothing is."""
    text = f"{value * 100:.4g}"
    return f"{'99.99' if text == '100' and value < 1 else text} %"


def quantile(latency: Latency | None, name: str) -> str:
    """A quantile, or how few samples there were: it is absent where the histogram refused it."""
    if latency is None or not latency.count:
        return ABSENT
    found = latency.quantiles_ms.get(name)
    return f"too few ({whole(latency.count)})" if found is None else milliseconds(found)


def label(name: str) -> str:
    """`"0.99"` → `p99`, `"0.999"` → `p99.9`."""
    return f"p{float(name) * 100:g}"

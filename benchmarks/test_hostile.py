"""What the worst bodies and expressions cost, against the largest honest work there is.

The tables are the tests' own (`tests/contract/bad_bodies.py`, `tests/language/test_bad_expressions.py`), where codes,
limits and memory are asserted; here each is timed and the slowest are shown. Baseline: reading a good body of 5 MiB, the
most that one sender may have us do.
"""

from collections.abc import Callable
from functools import partial
from time import perf_counter

from contract.bad_bodies import BAD
from language.test_bad_expressions import ERRORS, LARGE, RESULTS

from benchmarks.report import Report, Topic
from engine.contract.body import BodyError, decode_body
from engine.language import LanguageError, compile_expression

SHOWN = 10
RUNS = 3
GOOD = b'{"rows": [' + b",".join([b'{"sku": "%s"}' % (b"x" * 512)] * 9_900) + b"]}"
BASELINE = "decode_body of a good body of 5 MiB"


def took_ms(run: Callable[[], object]) -> float:
    """The shortest of a few runs."""
    times = []
    for _ in range(RUNS):
        started = perf_counter()
        run()
        times.append((perf_counter() - started) * 1e3)
    return min(times)


def show(report: Report, section: str, found: dict[str, float], good_ms: float) -> None:
    for name in sorted(found, key=found.__getitem__, reverse=True)[:SHOWN]:
        topic = Topic(section, name, "ms")
        report.add(topic, found[name])
        report.add(topic, good_ms, BASELINE)


def test_bad_bodies_are_refused_soon(report: Report) -> None:
    good_ms = took_ms(lambda: decode_body(GOOD))

    def refused(raw: bytes) -> None:
        try:
            decode_body(raw)
        except BodyError:
            return
        raise AssertionError("a bad body was read")

    found = {}
    for name, bad in BAD.items():
        raw = bad.make()
        found[name] = took_ms(partial(refused, raw))
    show(report, f"Hostile: the slowest {SHOWN} of {len(found)} bad bodies", found, good_ms)


def test_bad_expressions_end_with_their_budget(report: Report) -> None:
    good_ms = took_ms(lambda: decode_body(GOOD))

    def evaluated(text: str, document: object) -> None:
        try:
            compile_expression(text)(document)
        except LanguageError:
            return

    found = {}
    for name, (text, document, *_) in {**ERRORS, **RESULTS, **LARGE}.items():
        found[name] = took_ms(partial(evaluated, text, document))
    show(report, f"Hostile: the slowest {SHOWN} of {len(found)} expressions", found, good_ms)

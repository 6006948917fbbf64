"""A RUN → A SHORT STORY in the words of the domain, the way somebody would tell it at a desk.

"The shop sends order 1 twice; the erp commits and the answer is lost; the engine restarts; the erp holds two orders."
What a run does in its ordinary course is left out: only what somebody did, what went wrong and what is wrong at the
end. This file refuses to tell anything of a message but its label.
"""

from collections.abc import Iterator
from itertools import groupby

from harness.prove.sides import Violation
from harness.simulation.scenario import Moment, Run

LINES_MAX = 12

WENT_WRONG = {
    "refuse": "refuses the connection",
    "dns": "cannot be found by its name",
    "throttle": "says 429, come later",
    "expired": "says 401, the credentials have expired",
    "decline": "declines it with a 400",
    "error_before": "answers 5xx and does nothing",
    "error_after": "commits and answers 5xx",
    "cut_before": "cuts the line before it does anything",
    "cut_after": "commits and cuts the line",
    "silence_before": "does nothing and never answers",
    "silence_after": "commits and the answer is lost",
    "slow": "is slow",
    "truncated": "commits and the answer breaks off",
    "invalid": "commits and answers what is no JSON",
    "partial": "takes only a part of the list",
    "duplicate": "delivers it twice",
    "late": "delivers it late",
    "ack_lost": "does not hear the answer and delivers again",
    "outage": "keeps everything back for a while, then sends it in a burst",
}


def story(run: Run, violation: Violation) -> tuple[str, ...]:
    """The sentences, the last one saying what is wrong. It is not told twice how a message ended: where that is what is
    wrong, the last sentence says so too."""
    shown = [line for line, _ in groupby(happened(run))]
    if shown and violation.words.startswith(f"{shown[-1]}, "):
        shown.pop()
    if len(shown) > LINES_MAX:
        shown = [*shown[: LINES_MAX - 1], f"and {len(shown) - LINES_MAX + 1} more such things happen"]
    return (*shown, violation.words)


def happened(run: Run) -> Iterator[str]:
    """What somebody did and what went wrong, in order."""
    sent: dict[str, int] = {}
    for moment in run.moments:
        if moment.kind == "send" and moment.nth <= 1:
            sent[moment.label] = sent.get(moment.label, 0) + 1
            again = {1: "", 2: " again"}.get(sent[moment.label], " once more")
            yield f"{moment.system or 'somebody'} sends {moment.label}{again}{later(moment, sent[moment.label])}"
        elif moment.kind == "send":
            yield f"{moment.system or 'somebody'} delivers {moment.label} again, for want of an answer"
        elif moment.kind == "fault":
            yield went_wrong(moment)
        elif moment.kind == "crash":
            yield f"the engine dies {moment.detail}"
        elif moment.kind == "restart":
            yield "the engine starts again"
        elif moment.kind == "person":
            yield f"somebody {moment.detail}s {moment.label}"
        elif moment.kind == "recorded" and moment.detail in (
            "held",
            "dead",
            "quarantined",
            "compensated",
            "superseded",
        ):
            yield f"{moment.label or run.labels.get(moment.event, 'an event')} is {moment.detail}"


def went_wrong(moment: Moment) -> str:
    what = WENT_WRONG.get(moment.detail.partition(" ")[0], moment.detail)
    about = f" ({moment.operation})" if moment.operation else ""
    return f"the {moment.system} {what}{about}"


def later(moment: Moment, count: int) -> str:
    """How much later something was sent, where that may matter."""
    seconds = moment.at_us // 1_000_000
    if count == 1 or seconds < 60:
        return ""
    for size, word in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            number = round(seconds / size)
            return f", {number} {word}{'s' if number > 1 else ''} later"
    return ""

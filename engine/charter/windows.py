"""Windows of time that must outlast one another: what is remembered against what may still come back."""

from collections.abc import Iterator

from engine.charter.ladders import HOUR_US, REDELIVERIES, ladder_us, span
from engine.charter.look import Call, calls, finding, integrations, system_of, undoing
from engine.errors import Fault
from engine.spec import shape
from engine.spec.steps import every_step
from engine.spec.workspace import Workspace


def dedupe_too_short(workspace: Workspace) -> Iterator[Fault]:
    """An id is remembered at least as long as its sender may repeat it."""
    for document, spec in integrations(workspace):
        sender_name = spec.receive.webhook.system if spec.receive.webhook else ""
        found = system_of(workspace, sender_name)
        webhooks = found[1].webhooks if found else None
        if webhooks is None or webhooks.verify is None:
            continue
        sender = REDELIVERIES[webhooks.verify.scheme]
        window = spec.receive.dedupe_for.microseconds
        if window < sender.lasts_us:
            message = (
                f"ids are forgotten after {span(window)}, and {sender_name} repeats an event"
                f" {sender.words} ({sender.source}): a late repeat would be a new event"
            )
            hint = f"write `dedupe_for: {-(-sender.lasts_us // HOUR_US)}h` or more; the default is 14d"
            yield finding("dedupe-too-short", document, "receive.dedupe_for", message, hint)


def dedupe_outlived(workspace: Workspace) -> Iterator[Fault]:
    """An id is remembered at least as long as its own event may still be on its way, through calls and waits."""
    by_file: dict[str, list[Call]] = {}
    for call in (*calls(workspace), *undoing(workspace)):
        by_file.setdefault(call.document.file, []).append(call)
    for document, spec in integrations(workspace):
        made = by_file.get(document.file, [])
        waits = sum(longest_wait_us(step) for _, step in every_step(spec.steps))
        total = waits + sum(ladder_us(call.system) for call in made)
        window = spec.receive.dedupe_for.microseconds
        if waits and window < total:
            message = (
                f"an event may wait for {span(waits)} and be retried for {span(total - waits)}, and its id is forgotten"
                f" after {span(window)}"
            )
            hint = "remember ids for longer (`dedupe_for`), or let what it waits for expire sooner"
            yield finding("dedupe-outlived", document, "receive.dedupe_for", message, hint)
        elif made and window < total:
            slowest = max(made, key=lambda call: ladder_us(call.system))
            message = (
                f"an event may be retried for {span(total)}, and its id is forgotten after {span(window)};"
                f" the slowest call, {algebra(slowest)}"
            )
            hint = "remember ids for longer (`dedupe_for`), or let the system's `retry` give up sooner"
            yield finding("dedupe-outlived", document, "receive.dedupe_for", message, hint)


def longest_wait_us(step: shape.Step) -> int:
    """How long a step waits for people or for a topic at most, as far as it says."""
    expires = step.hold.expires if step.hold else None
    return expires.microseconds if isinstance(expires, shape.Duration) else 0


def algebra(call: Call) -> str:
    """What the time of a call is made of, in words."""
    retry, whole = call.system.retry, ladder_us(call.system)
    sends = retry.attempts_max * call.system.timeout.microseconds
    return (
        f"{call.name}: {retry.attempts_max} sends of at most {span(call.system.timeout.microseconds)}"
        f" and {span(whole - sends)} of waiting between them"
    )

"""Who answers: a person can be reached for everything that costs money, and every task has a team."""

from collections.abc import Iterator

from engine.charter.look import charters, finding, integrations
from engine.errors import Fault
from engine.spec.workspace import Workspace

TASKS = ("deploys", "monitors", "resolves")
SUMMARY_WORDS_MIN = 4


def owner_unreachable(workspace: Workspace) -> Iterator[Fault]:
    """A team must be reachable; one that owns revenue or a penalty must be reachable at night."""
    for document, charter in charters(workspace):
        for name, team in charter.teams.items():
            if not team.contact.strip():
                message = f"team `{name}` has an empty contact"
                hint = "say where the team is reached: a channel, a mailbox"
                yield finding("owner-unreachable", document, f"teams.{name}.contact", message, hint)
            costly = sorted(
                spec.integration
                for _, spec in integrations(workspace)
                if spec.owner == name and spec.impact in ("revenue", "penalty")
            )
            if costly and not (team.on_call or "").strip():
                message = (
                    f"team `{name}` owns what costs money when it stops, and has no `on_call`: {', '.join(costly)}"
                )
                hint = "add `on_call:` with the rotation that is called at night, or give the integration another owner"
                yield finding("owner-unreachable", document, f"teams.{name}", message, hint)


def raci_incomplete(workspace: Workspace) -> Iterator[Fault]:
    """Each of the three tasks that every integration needs has a team."""
    for document, charter in charters(workspace):
        missing = [task for task in TASKS if task not in charter.raci]
        if missing:
            message = f"`raci` names no team that {', '.join(missing)}"
            yield finding("raci-incomplete", document, "raci", message, f"write `raci: {{{missing[0]}: TEAM, …}}`")


def summary_says_nothing(workspace: Workspace) -> Iterator[Fault]:
    """The summary is what a person on call reads first; one or two words repeat the name."""
    for document, spec in integrations(workspace):
        words = spec.summary.split()
        own = set(spec.integration.split("-"))
        if len(words) < SUMMARY_WORDS_MIN or {word.strip(".,:").lower() for word in words} <= own:
            message = "the summary says nothing that the name does not"
            hint = "one sentence on what the business gets: `Every paid order becomes exactly one sales order.`"
            yield finding("summary-says-nothing", document, "summary", message, hint, "note")

"""A workspace's files → what runs: all faults and findings, and the plans of one environment.

Used alike by `check`, `try`, `run` and the harness, so that what is checked is what runs. Addresses and secrets are
`start.py`'s matter: nothing of them is needed to read, check and try.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.charter import examine
from engine.errors import Fault, FaultyWorkspace, UserError
from engine.language import Resources
from engine.run.live import LiveSystem, live_systems
from engine.spec import shape
from engine.spec.compile import compile_workspace
from engine.spec.plan import Plan
from engine.spec.proof import prove
from engine.spec.resolve import resolve
from engine.spec.workspace import Workspace, read_workspace
from engine.wire.files import find_zone, read_files


@dataclass(frozen=True, slots=True)
class Checked:
    """A workspace as read: its faults (exit 2), and the charter's findings (exit 1 where one is an error)."""

    workspace: Workspace
    faults: tuple[Fault, ...]
    findings: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A sound workspace, compiled for one environment."""

    workspace: Workspace
    environment: str
    plans: Mapping[str, Plan]
    systems: Mapping[str, LiveSystem]
    resources: Resources

    def shape(self, system: str) -> shape.System:
        content: shape.System = self.workspace.systems[system].content
        return content

    @property
    def called(self) -> set[str]:
        """The systems that may be called: of every provider, also inside `each`. What looks up and undoes is theirs."""
        return {
            operation.system
            for plan in self.plans.values()
            for step in plan.calls()
            for operation in (step.operation, *step.others)
        }


def check(files: Mapping[str, bytes]) -> Checked:
    """Every fault and finding of a workspace's files, in the order of the files."""
    return check_read(*read_workspace(files))


def check_read(workspace: Workspace, faults: list[Fault]) -> Checked:
    """The same of a workspace that was read with these faults."""
    known = [*faults, *resolve(workspace, find_zone)]
    proof = prove(workspace, known)
    return Checked(workspace, in_order([*known, *proof.faults]), in_order([*examine(workspace), *proof.findings]))


def grave(checked: Checked) -> tuple[Fault, ...]:
    """What forbids a workspace to run: its faults, or else the findings that are errors."""
    return checked.faults or tuple(finding for finding in checked.findings if finding.severity == "error")


def in_order(faults: list[Fault]) -> tuple[Fault, ...]:
    return tuple(
        sorted(set(faults), key=lambda fault: (fault.mark.file, fault.mark.line, fault.mark.column, fault.code))
    )


def load(root: Path, environment: str) -> Loaded:
    """Reads, checks and compiles. Raises FaultyWorkspace with every fault, or with the findings that forbid a start."""
    checked = check(read_files(root))
    if grave(checked):
        raise FaultyWorkspace(grave(checked))
    workspace = checked.workspace
    assert workspace.charter is not None
    environments = workspace.charter.content.environments
    if environment not in environments:
        raise UserError(
            f"there is no environment `{environment}` in charter/charter.yaml; known: {', '.join(environments)}"
        )
    # One dictionary, which every plan looks its tables up in: `tables.py` changes it in place while they run.
    resources = Resources(tables=workspace.tables, zones=find_zone)
    systems = {name: document.content for name, document in workspace.systems.items()}
    return Loaded(
        workspace, environment, compile_workspace(workspace, environment, resources), live_systems(systems), resources
    )

"""A WORKSPACE → ITS TESTS, and what each comes to: `waybill test` and the pytest plugin tell of the same.

An example says what becomes of recorded events where nothing goes wrong; a case, which property holds in a scenario
that once broke it. Whatever keeps a test from being run (its recording is gone, its integration is) is what it comes
to, and keeps no other from being run. This file refuses to print.
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from msgspec import Struct

from engine.errors import UserError
from engine.run.load import Loaded
from engine.spec import shape
from harness.prove.cases import FOLDER, Case, case_files, read_case
from harness.prove.invariants import PROPERTIES
from harness.prove.promises import reach
from harness.prove.prover import Judge
from harness.prove.story import story
from harness.trial import play
from harness.world import run


class Expectation(Struct, frozen=True):
    """One test. `kind` is `example` or `case`, `file` where it is written, `check` runs it: the differences from what
    is expected, in words; none where it holds."""

    kind: str
    spec: str
    name: str
    file: str
    check: Callable[[], tuple[str, ...]]


class Checked(Struct, frozen=True):
    """A test and how what happened differs from what it expects."""

    kind: str
    spec: str
    name: str
    file: str
    differences: tuple[str, ...]

    @property
    def held(self) -> bool:
        return not self.differences


def expectations(root: Path, loaded: Loaded, specs: tuple[str, ...] = ()) -> Iterator[Expectation]:
    """Every example and case, of these integrations alone where some are named."""
    for name in loaded.plans:
        if specs and name not in specs:
            continue
        spec: shape.Integration = loaded.workspace.integrations[name].content
        file = loaded.workspace.integrations[name].file
        for example in spec.examples:
            yield Expectation("example", name, example.name, file, partial(check_example, root, loaded, name, example))
    for path in case_files(root):
        case = case_or_fault(root, path)
        spec_of = path.stem if isinstance(case, UserError) else case.spec
        if not specs or spec_of in specs:
            file = f"{FOLDER}/{path.name}"
            yield Expectation("case", spec_of, path.stem, file, partial(check_case, loaded, case))


def case_or_fault(root: Path, path: Path) -> Case | UserError:
    """A case, or why its file cannot be read, which running it says."""
    try:
        return read_case(root, path)
    except UserError as error:
        return error


def check_one(test: Expectation) -> Checked:
    """Runs a test. What the user got wrong is a difference of this test, and no end of the others."""
    try:
        differences = test.check()
    except UserError as error:
        differences = (str(error),)
    return Checked(test.kind, test.spec, test.name, test.file, differences)


def check_example(root: Path, loaded: Loaded, name: str, example: shape.Example) -> tuple[str, ...]:
    return tuple(run(play(root, loaded, loaded.plans[name], example)))


def check_case(loaded: Loaded, case: Case | UserError) -> tuple[str, ...]:
    """Runs a case's scenario; the story of what it broke, where it does so again."""
    if isinstance(case, UserError):
        raise case
    if case.property not in PROPERTIES:
        raise UserError(f"there is no property `{case.property}`; there are: {', '.join(PROPERTIES)}")
    told = {sending.integration for sending in case.scenario.sendings}
    gone = sorted(name for name in {*told, case.spec} if name not in loaded.plans)
    if gone:
        raise UserError(f"there is no integration `{gone[0]}` any more; remove the case, or name it anew")
    broken, happened = Judge(reach(loaded, told)).judge(case.scenario)
    again = [each for each in broken if (each.breaks, each.spec) == (case.property, case.spec)]
    return tuple(f"{each.breaks}: {'; '.join(story(happened, each))}" for each in again)

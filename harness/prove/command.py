"""`waybill prove`: every property of the named integrations, and a case file for each that is broken."""

import argparse
import os
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import suppress
from functools import cache
from multiprocessing import get_context
from multiprocessing.queues import Queue
from pathlib import Path
from queue import Empty
from shlex import quote
from typing import Any

from rich.console import Console

from engine.cli import HELD
from engine.cli.formats import plural
from engine.contract.body import encode_json
from engine.errors import UserError
from engine.run.load import Loaded, load
from harness.prove.again import trace_elsewhere
from harness.prove.cases import FOLDER, SUFFIX, Case, written
from harness.prove.invariants import PROPERTIES
from harness.prove.news import Document, document_of
from harness.prove.profiles import PROFILES
from harness.prove.prover import Failure, Proved, Unsteady, prove
from harness.prove.view import Watch, not_proved, told, write
from harness.trial import load_chosen, read_event

BROKEN = 1
WORKERS_MAX = 8
LISTENING_S = 0.2
TOLD_EVERY = 10
"""Runs between two words of a child."""


def run(arguments: argparse.Namespace) -> int:
    """Proves; 1 where a property is broken, 4 where the harness does not come out the same twice."""
    need_hypothesis()
    root, loaded, names = load_chosen(arguments.spec, arguments.workspace, arguments.environment)
    names = names or list(loaded.plans)
    folder = Path(arguments.cases) if arguments.cases else root / FOLDER
    seen: set[tuple[str, str, str]] = set()
    broken = 0
    with Watch(Console(stderr=True), len(names)) as watch:
        for name, found in all_proved(root, loaded, names, arguments, watch):
            proved = told_once(found, seen)
            command, elsewhere = again(arguments, name), where(root)
            kept = {
                place: keep(root, folder, loaded, arguments, proved.integration, failure, command)
                for place, failure in enumerate(proved.failures)
            }
            with watch.aside():
                if arguments.format == "json":
                    lines = as_json(proved, kept, arguments, broken_of(name, seen))
                    sys.stdout.write("".join(f"{encode_json(line).decode()}\n" for line in lines))
                    sys.stderr.write("".join(f"{name}: {line}\n" for line in not_proved(proved)))
                else:
                    commands = f"{command}{elsewhere}", f"waybill test{elsewhere}"
                    write(told(proved, kept, commands, broken_of(name, seen)))
                sys.stdout.flush()
            broken += bool(broken_of(name, seen))
    if arguments.format == "text":
        held = len(names) - broken
        word = "FAIL" if seen else "PASS"
        verb = "holds" if len(names) == 1 else "hold"
        sys.stdout.write(f"{word}  {held} of {plural(len(names), 'integration')} {verb} every property\n")
    return BROKEN if seen else HELD


def all_proved(
    root: Path, loaded: Loaded, names: list[str], arguments: argparse.Namespace, watch: Watch
) -> Iterator[tuple[str, Proved]]:
    """Each integration with what came of it, in order; several are proved at a time, where the machine can."""
    workers = min(len(names), os.cpu_count() or 1, WORKERS_MAX)
    if workers == 1:
        for name in names:
            watch.begin(name)
            yield name, prove(root, loaded, name, PROFILES[arguments.profile], arguments.seed, tell=watch.tell)
        return
    # Spawned, not forked: a child begins with nothing that the parent has open.
    context = get_context("spawn")
    heard: Queue[Told] = context.Queue()
    with ProcessPoolExecutor(workers, context, apart, (heard,)) as pool:
        proofs = [
            pool.submit(prove_apart, str(root), arguments.environment, name, arguments.profile, arguments.seed)
            for name in names
        ]
        for name, future in zip(names, proofs, strict=True):
            watch.begin(name)
            for of, what, count, total in listened(heard, future):
                if of == name:  # of the others something is told when it is their turn
                    watch.tell(what, count, total)
            yield name, future.result()


Told = tuple[str, str, int, int]
"""What a child says of how far it is: (integration, what is tried, how many were tried, of how many)."""
TELLING: list["Queue[Told]"] = []
"""In a child: where it says so."""


def listened(heard: "Queue[Told]", future: "Future[Proved]") -> Iterator[Told]:
    """What children say until one of them has come to its end."""
    while not future.done():
        with suppress(Empty):
            yield heard.get(timeout=LISTENING_S)


def apart(heard: "Queue[Told]") -> None:
    """A child begins. Ctrl-C ends it at once and without a trace; its parent says what there is to say."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    heard.cancel_join_thread()  # it need not end before everybody has heard how far it was
    TELLING.append(heard)


def prove_apart(root: str, environment: str, name: str, profile: str, seed: int) -> Proved:
    """The same in a process of its own."""

    def tell(what: str, count: int, total: int) -> None:
        if count % TOLD_EVERY == 0:
            TELLING[0].put((name, what, count, total))

    return prove(Path(root), loaded_once(root, environment), name, PROFILES[profile], seed, tell=tell)


@cache
def loaded_once(root: str, environment: str) -> Loaded:
    return load(Path(root), environment)


def need_hypothesis() -> None:
    try:
        import hypothesis  # noqa: F401 — asked for here, so that the answer is one sentence
    except ModuleNotFoundError:
        raise UserError("`waybill prove` needs Hypothesis: pip install 'waybill[prove]'") from None


def told_once(proved: Proved, seen: set[tuple[str, str, str]]) -> Proved:
    """Without what was told before: an integration that receives a topic is met on the way from every one that emits
    it."""
    fresh = tuple(failure for failure in proved.failures if failure.violation.identity not in seen)
    seen.update(failure.violation.identity for failure in fresh)
    return Proved(proved.integration, fresh, proved.coverage)


def broken_of(name: str, seen: set[tuple[str, str, str]]) -> tuple[str, ...]:
    """The properties of an integration that something has broken, also on the way from another one."""
    return tuple(each for each in PROPERTIES if any((each, name) == found[:2] for found in seen))


def again(arguments: argparse.Namespace, name: str) -> str:
    """The command that finds the same again, in the folder of the workspace: so a case says it, wherever it is kept."""
    words = ["waybill prove", name, f"--profile {arguments.profile}", f"--seed {arguments.seed}"]
    words += [f"--environment {arguments.environment}"] if arguments.environment != "local" else []
    return " ".join(words)


def where(root: Path) -> str:
    """What a command needs besides, to be the same where this one was given."""
    here, there = Path.cwd(), root.resolve()
    if there == here:
        return ""
    shown = there.relative_to(here) if there.is_relative_to(here) else there
    return f" --workspace {quote(str(shown))}"


def keep(
    root: Path,
    folder: Path,
    loaded: Loaded,
    arguments: argparse.Namespace,
    integration: str,
    failure: Failure,
    command: str,
) -> str:
    """Writes the case, once it came out the same in another process too; where it stands."""
    violation = failure.violation
    name = "-".join(part for part in (violation.spec, violation.breaks, violation.step) if part)
    case = Case(
        name,
        violation.spec,
        violation.breaks,
        violation.step,
        arguments.seed,
        command,
        failure.story,
        failure.scenario,
    )
    elsewhere = trace_elsewhere(root, arguments.environment, case)
    if elsewhere != failure.trace:
        raise Unsteady(
            f"{integration}: a scenario that breaks {violation.breaks} came out otherwise in another process"
        )
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}{SUFFIX}"
    path.write_bytes(written(case, recordings(root, loaded)))
    return str(path)


def recordings(root: Path, loaded: Loaded) -> dict[str, Document]:
    """Every recording that an example names, as a document."""
    files = dict.fromkeys(
        file
        for document in loaded.workspace.integrations.values()
        for example in document.content.examples
        for file in example.events
    )
    return {file: document_of(read_event(root / file, raw=False)) for file in files}


def as_json(
    proved: Proved, kept: dict[int, str], arguments: argparse.Namespace, broken: tuple[str, ...]
) -> list[dict[str, Any]]:
    """The pinned shape: one line for each property that held, and one for each step at which one is broken."""
    lines = [
        line(proved.integration, name, held=True, seed=arguments.seed) for name in PROPERTIES if name not in broken
    ]
    for place, failure in enumerate(proved.failures):
        found = failure.violation
        lines.append(
            line(
                found.spec,
                found.breaks,
                held=False,
                step=found.step,
                seed=arguments.seed,
                story=failure.story,
                case=kept[place],
            )
        )
    return lines


def line(
    spec: str, name: str, *, held: bool, seed: int, step: str = "", story: tuple[str, ...] = (), case: str = ""
) -> dict[str, Any]:
    return {
        "spec": spec,
        "property": name,
        "held": held,
        "step": step,
        "seed": seed,
        "story": list(story),
        "case": case,
    }

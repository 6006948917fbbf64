"""`waybill load`: reads what was asked for, has it run, judges it, and writes the answer down."""

import argparse
import os
import platform
import shlex
import sys
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final

from rich.console import Console

from engine.cli import FAILED, HELD, INVALID, WORKERS, installed_version
from engine.clock import SystemClock
from engine.errors import UserError
from engine.rules.opening import time_text
from engine.run.load import Loaded
from engine.spec.plan import EmitStep
from engine.store.open import store_address
from engine.wire.files import read_files
from harness.faults import parse_faults
from harness.load.judge.limits import limiting
from harness.load.judge.verdict import judge, promises_of
from harness.load.judge.windows import outlived
from harness.load.model import Capacity, Measures, Result, Run
from harness.load.numbers import seconds
from harness.load.run.plan import Plan, messages_of
from harness.load.run.real import run_profile
from harness.load.run.trials import search
from harness.load.run.virtual import run_virtual
from harness.load.send import k6
from harness.load.send.arrivals import schedule
from harness.load.send.messages import sent_to, signing_names
from harness.load.send.profile import Profile, from_recording, profile_of, scaled
from harness.load.stage.built import Options
from harness.load.stage.partners import read_latencies, recorded_latencies
from harness.load.tell.files import REPORT, as_json, make_folder, put, read_result, write_events, write_files
from harness.load.tell.report import render
from harness.load.tell.told import Told, told, write
from harness.load.tell.view import View
from harness.recordings.exchange import Recording
from harness.recordings.read import files, read_all
from harness.replay.traffic import receiver
from harness.served import load_partners
from harness.trial import load_chosen

EXITS: Final = {"held": HELD, "broken": FAILED, "invalid": INVALID}
ENGINE_URL: Final = "http://127.0.0.1:8080"


def run(arguments: argparse.Namespace) -> int:
    """0 where every promise held, 1 where one did not, 3 where the measurement is invalid."""
    plan = read(arguments)
    if arguments.export:
        return export(plan, arguments)
    baseline = read_result(Path(arguments.baseline)) if arguments.baseline else None
    out = make_folder(Path(arguments.out)) if arguments.out else None
    clock = SystemClock()
    began_at, began_s = clock.now(), clock.monotonic()
    with View(Console(stderr=True)) as view:
        measures, capacity = measured(plan, arguments, view, out)
    result = judged(plan, measures, capacity, arguments, began_at, clock.monotonic() - began_s)
    if out is not None:
        write_files(out, result)
        put(out / REPORT, render(result, baseline).encode())
    if arguments.format == "json":
        sys.stdout.write(as_json(result).decode())
    else:
        write(told(result), Console())
        if out is not None:
            write(iter((Told((f"  report      {out / REPORT}",)),)), Console())
    code = EXITS[result.verdict]
    return HELD if arguments.report_only and code == FAILED else code


def measured(
    plan: Plan, arguments: argparse.Namespace, view: View, out: Path | None
) -> tuple[Measures, Capacity | None]:
    """What was asked for: the profile, really or in virtual time, or the highest rate that holds. Of a capacity the
    measures are those of the highest rate that did."""
    if arguments.capacity:
        found = search(plan, view, out)
        return found.measures, found.capacity
    return (in_virtual_time(plan, view, out) if arguments.virtual else run_profile(plan, view, out)), None


def in_virtual_time(plan: Plan, view: View, out: Path | None) -> Measures:
    """The same messages at the same moments, of a clock that nobody waits for."""
    view.say(f"{plan.profile.name}: {seconds(plan.profile.length_s)} in virtual time, blind to CPU")
    given = recorded_latencies(
        [one for recording in plan.recordings for one in recording.exchanges],
        load_partners(plan.root, [name for name in sorted(plan.loaded.called) if plan.loaded.shape(name).operations]),
    )
    return run_virtual(
        plan,
        {**given, **read_latencies(plan.options.latency)},
        lambda database: write_events(out, database) if out is not None else None,
    )


# ── what was asked for ───────────────────────────────────────────────────────────────────────────────────────────────


def read(arguments: argparse.Namespace) -> Plan:
    """Reads the workspace, the profile and the recordings. Raises UserError where one of them will not do."""
    root, loaded, names = load_chosen(arguments.spec, arguments.workspace, arguments.environment)
    named = [Path(path) for path in (arguments.recording, *arguments.recordings) if path]
    recordings = tuple(read_all(named))
    specs = with_told(loaded, names or list(loaded.plans))
    profile = choose(arguments, loaded, recordings, specs)
    sent_to(loaded, specs, profile.mix)  # raises where nobody can be sent to
    check_options(arguments, root, loaded)
    options = Options(
        seed=arguments.seed,
        environment=arguments.environment,
        store=arguments.store,
        workers=arguments.workers,
        generators=arguments.generators,
        latency=tuple(arguments.latency),
        faults=arguments.faults,
        recordings=tuple(named),
    )
    return Plan(root, loaded, profile, specs, options, recordings)


def check_options(arguments: argparse.Namespace, root: Path, loaded: Loaded) -> None:
    """What processes are told later: what is wrong with it is said before one is started."""
    parse_faults(arguments.faults)
    if arguments.virtual:
        real = [word for word, given in (("faults", arguments.faults), ("store", arguments.store)) if given]
        real += ["generators"] if arguments.generators > 1 else []
        if real:
            raise UserError(f"--{real[0]} is of a real run; virtual time has its own: leave it out")
    if arguments.store:
        store_address(root, arguments.store)
    for name in read_latencies(arguments.latency):
        system, _, operation = name.partition(".")
        if system not in loaded.called or (operation and operation not in loaded.shape(system).operations):
            raise UserError(
                f"a latency is given for `{name}`, which nobody calls; called are {', '.join(sorted(loaded.called))}"
            )


def choose(
    arguments: argparse.Namespace, loaded: Loaded, recordings: Sequence[Recording], names: Sequence[str]
) -> Profile:
    """The profile that was named, or the shape of the recording, `--times` as high."""
    if arguments.recording:
        shaping = recordings[: len(list(files(Path(arguments.recording))))]
        everything = [(one, each.kind) for each in shaping for one in each.exchanges]
        received = [one for one, kind in everything if (receiver(loaded, one, kind, None, None) or "") in names]
        return from_recording(received, arguments.times, Path(arguments.recording).name)
    known = loaded.workspace.profiles
    if arguments.profile is None and arguments.capacity:
        return Profile(name="capacity", phases=())
    if arguments.profile is None:
        raise UserError(f"say how messages arrive, with --profile or --from; there are: {', '.join(known) or 'none'}")
    document = known.get(arguments.profile)
    if document is None:
        raise UserError(
            f"there is no profile `{arguments.profile}` in charter/profiles; there are: {', '.join(known) or 'none'}"
        )
    return scaled(profile_of(document.content), arguments.times)


def with_told(loaded: Loaded, names: Sequence[str]) -> tuple[str, ...]:
    """The integrations that are judged: those that were named, and whom they tell topics, and so on."""
    found = list(dict.fromkeys(names))
    for name in found:  # grows while it is gone through
        told = {step.topic.name for _, step in loaded.plans[name].every_step() if isinstance(step, EmitStep)}
        found += [each for each, plan in loaded.plans.items() if plan.receive.topic in told and each not in found]
    return tuple(found)


# ── what came of it ──────────────────────────────────────────────────────────────────────────────────────────────────


def judged(
    plan: Plan,
    measures: Measures,
    capacity: Capacity | None,
    arguments: argparse.Namespace,
    began_at: int,
    took_s: float,
) -> Result:
    """The whole answer."""
    verdict, why, slo = judge(measures, promises_of(plan.loaded, plan.specs))
    return Result(
        verdict=verdict,
        why=why,
        slo=slo,
        accepted=measures.accepted,
        completed=measures.completed,
        lost=measures.books.lost,
        doubled=measures.books.doubled,
        out_of_order=measures.books.out_of_order,
        drain_s=measures.drain_s,
        limiting=limiting(measures)[0] if capacity is None else capacity.limiting,
        windows=outlived(plan.loaded, measures),
        capacity=capacity,
        run=Run(
            command=again(arguments),
            profile=plan.profile.name,
            specs=plan.specs,
            seed=arguments.seed,
            workspace_hash=hash_of(plan.root),
            version=installed_version(),
            python=platform.python_version(),
            machine=machine(),
            store=plan.options.database,
            began_at=time_text(began_at),
            took_s=round(took_s, 3),
            virtual=arguments.virtual,
        ),
        measures=measures,
    )


def again(arguments: argparse.Namespace) -> str:
    """The command that runs the same again. A password in the store's URL is left out."""
    words = ["waybill", "load", *arguments.spec]
    if arguments.workspace != ".":
        words += ["--workspace", arguments.workspace]
    if arguments.environment != "local":
        words += ["--environment", arguments.environment]
    words += ["--from", arguments.recording] if arguments.recording else []
    words += ["--profile", arguments.profile] if arguments.profile else []
    words += ["--seed", str(arguments.seed)]
    for word, value, usual in (
        ("--times", arguments.times, 1.0),
        ("--workers", arguments.workers, WORKERS),
        ("--generators", arguments.generators, 1),
        ("--faults", arguments.faults, ""),
    ):
        if value != usual:
            words += [word, f"{value:g}" if isinstance(value, float) else str(value)]
    if arguments.store:
        words += ["--store", store_address(Path(), arguments.store).shown]
    words += [word for latency in arguments.latency for word in ("--latency", latency)]
    words += [word for recording in arguments.recordings for word in ("--recording", recording)]
    words += [word for word in ("--capacity", "--virtual") if getattr(arguments, word.removeprefix("--"))]
    return shlex.join(words)


def hash_of(root: Path) -> str:
    """The content of a workspace as one word: the same files, the same word."""
    whole = sha256()
    for name, raw in sorted(read_files(root).items()):
        whole.update(f"{len(name)} {name} {len(raw)} ".encode() + raw)
    return whole.hexdigest()


def machine() -> str:
    """Its shape, which two runs must share to be compared; no name of it."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    return f"{cores} cores, {memory:.0f} GiB"


# ── the same for k6 ──────────────────────────────────────────────────────────────────────────────────────────────────


def export(plan: Plan, arguments: argparse.Namespace) -> int:
    """Writes the script; runs nothing."""
    if not arguments.out:
        raise UserError("say where the script goes, with --out DIR")
    folder = make_folder(Path(arguments.out))
    loaded = plan.loaded
    arrivals, _ = schedule(plan.profile, arguments.seed)
    nobodys = dict.fromkeys(signing_names(loaded, plan.specs), "nobody's")  # k6 signs; these are cut off again
    messages = messages_of(plan, nobodys)
    made = k6.export(
        plan.profile,
        arrivals,
        list(messages.make(1 + max((arrival.message for arrival in arrivals), default=-1))),
        {name: sender_of(loaded, name) for name in plan.specs if loaded.plans[name].receive.path},
        {
            promise.integration: promise.accept_p99_ms
            for promise in promises_of(loaded, plan.specs)
            if promise.accept_p99_ms is not None
        },
        ENGINE_URL,
    )
    k6.write(folder, made)
    sys.stdout.write(
        f"made {', '.join(str(folder / name) for name in made)}: {len(arrivals)} messages\n"
        f"next:  cd {folder} && k6 run -e URL={ENGINE_URL}"
        f"{''.join(f' -e WAYBILL_SECRET_{name}=…' for name in sorted(nobodys))} {k6.SCRIPT}\n"
    )
    return HELD


def sender_of(loaded: Loaded, integration: str) -> k6.Sender:
    webhooks = loaded.shape(loaded.plans[integration].receive.system).webhooks
    assert webhooks is not None
    assert webhooks.verify is not None
    verify = webhooks.verify
    return k6.Sender(verify.secret[0].name, verify.scheme, verify.header or "", verify.encoding or "base64")

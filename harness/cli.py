"""The commands that the harness adds to `waybill`; the engine's command line finds this through an entry point.

Called whenever the command line starts, `--help` included, so nothing heavy is imported here: a command imports what
it does when it runs.
"""

import argparse
import re
from pathlib import Path

from engine.cli import WORKERS, add_environment, add_format, add_workspace, bounded, count, port

NODES_MAX = 1_000
SECONDS_MIN, SECONDS_MAX = 5, 3_600
GENERATORS_MAX = 16


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds every command of the harness; each sets `run`, a function from the arguments to the exit code."""
    add_try(commands)
    add_demo(commands)
    add_partner(commands)
    add_prove(commands)
    add_test(commands)
    add_record(commands)
    add_replay(commands)
    add_plan(commands)
    add_load(commands)
    add_compare(commands)
    add_capacity(commands)


def add_try(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    added = commands.add_parser(
        "try",
        help="put one event through the real engine, without network",
        description=(
            "Puts one event through the real engine, without network. Partners answer what their operations' `answer` "
            "says. Signatures are not asked for."
        ),
    )
    added.add_argument("spec", metavar="SPEC", help="a file below specs/, or the name of an integration")
    added.add_argument("event", metavar="EVENT", help="a JSON file {headers, query, body}")
    added.add_argument("--raw", action="store_true", help="the file is the body itself")
    added.add_argument("--workspace", default=".", metavar="DIR", help="where SPEC is a name (default: this folder)")
    add_environment(added)
    add_format(added, "text", "json")
    added.add_argument(
        "--trace", action="store_true", help="each field of each mapping: expression, input, output, microseconds"
    )
    added.set_defaults(run=attempt)


def attempt(arguments: argparse.Namespace) -> int:
    from harness.trial import attempt

    return attempt(arguments)


def add_demo(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    added = commands.add_parser(
        "demo",
        help="play the brand's story live, on this machine",
        description=(
            "A simulated shop sends signed webhooks to a running engine; ERP, ledger, warehouse and two carriers "
            "answer badly, and the engine is killed half-way. The verdict comes from the partners' own books: 0 if "
            "every acknowledged order and payment is in them exactly once, and no label twice, else 1 with the list."
        ),
    )
    added.add_argument("--seconds", type=seconds, default=30, metavar="N", help="length of the story (default: 30)")
    added.add_argument("--seed", type=int, default=1, metavar="N", help="which story (default: 1)")
    added.add_argument("--keep", type=Path, metavar="DIR", help="keep workspace, store and logs in this new folder")
    added.set_defaults(run=demo)


def demo(arguments: argparse.Namespace) -> int:
    from harness.demo.story import play

    return play(arguments.seconds, arguments.seed, arguments.keep)


def add_partner(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    added = commands.add_parser(
        "partner",
        help="serve one simulated partner over HTTP",
        description=(
            "Serves a partner that is made from the operations of its system file, until it is told to stop. It keeps "
            "a book of its effects (/_book on the admin port), in which a doubled one shows."
        ),
    )
    added.add_argument("system", metavar="NAME", help="a file of charter/systems")
    added.add_argument("workspace", nargs="?", type=Path, default=Path(), metavar="DIR", help="default: this folder")
    add_format(added, "text", "json")
    added.add_argument("--host", default="127.0.0.1", help="default: 127.0.0.1")
    added.add_argument("--port", type=port, default=0, metavar="N", help="default: any free one")
    added.add_argument("--admin-port", type=port, default=0, metavar="N", help="for /_book and /_counts; default: any")
    added.add_argument("--seed", type=int, default=1, metavar="N", help="which requests the faults hit (default: 1)")
    added.add_argument(
        "--faults",
        default="",
        metavar="NAME=NUMBER,…",
        help="shares of requests, such as slow=0.2,cut_after=0.05; a wrong name is answered with all of them",
    )
    added.set_defaults(run=partner)


def partner(arguments: argparse.Namespace) -> int:
    from harness.served import run

    return run(arguments)


def add_prove(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    added = commands.add_parser(
        "prove",
        help="attack integrations in a simulated world, and tell what breaks as a short story",
        description=(
            "Runs the real engine in a world without real time, against partners that fail, senders that repeat and"
            " power cuts, and holds what the partners' books say against what is promised. Ends with 1 where a property"
            " is broken; each such scenario is kept as a case, which `waybill test` replays."
        ),
    )
    add_specs(added)
    added.add_argument(
        "--profile",
        choices=("quick", "ci", "nightly"),
        default="quick",
        help="how long it goes on (default: quick); for each integration some 3, 10, or 80 and more seconds of CPU",
    )
    added.add_argument("--seed", type=int, default=0, metavar="N", help="which schedules (default: 0)")
    added.add_argument("--cases", metavar="DIR", help="where cases are kept (default: cases/ of the workspace)")
    add_format(added, "text", "json")
    added.set_defaults(run=prove)


def prove(arguments: argparse.Namespace) -> int:
    from harness.prove.command import run

    return run(arguments)


def add_test(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    added = commands.add_parser(
        "test",
        help="run the examples of specs, and the cases that prove has kept",
        description=(
            "Runs every example of the specs and every case of cases/, without network. Ends with 1 where one does not"
            " hold."
        ),
    )
    add_specs(added)
    added.add_argument(
        "--update", action="store_true", help="show how examples differ from what happens, and write that into them"
    )
    add_format(added, "text", "json", "junit")
    added.set_defaults(run=test)


def test(arguments: argparse.Namespace) -> int:
    from harness.testing.command import run

    return run(arguments)


def add_record(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    added = commands.add_parser(
        "record",
        help="write traffic into a recording, scrubbed: from other recordings, a store, or as a proxy",
        description=(
            "Nothing secret and nobody's data reaches the file: every text and long number is replaced by a pseudonym "
            "under the workspace's key, unless it is known to be harmless; joins survive. What stays: names of fields, "
            "amounts, times, numbers of up to eight digits where no name says that they are somebody's, codes such as "
            "EUR, and what the workspace's own files say. The key is made in .waybill."
        ),
    )
    added.add_argument("file", metavar="FILE", help="a new file, named .jsonl")
    source = added.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--from",
        dest="recordings",
        nargs="+",
        metavar="RECORDING",
        help="HAR files, VCR cassettes and events, or folders of them",
    )
    source.add_argument(
        "--stored",
        nargs="?",
        const="",
        metavar="URL",
        help=(
            "what an engine was sent and how it ended (default: the workspace's store); what partners answered, no"
            " store keeps"
        ),
    )
    source.add_argument("--forward", metavar="URL", help="stand in front of this address, and record until stopped")
    added.add_argument("--system", metavar="NAME", help="the system that --forward leads to; without it, the intake")
    added.add_argument("--host", default="127.0.0.1", help="where the proxy listens (default: 127.0.0.1)")
    added.add_argument("--port", type=port, default=8090, help="default: 8090; 0: any free one")
    add_limit(added)
    add_workspace(added, positional=False)
    add_environment(added)
    added.set_defaults(run=record)


def record(arguments: argparse.Namespace) -> int:
    from harness.replay.record import record

    return record(arguments)


def add_replay(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    added = commands.add_parser(
        "replay",
        help="put recorded traffic through this workspace, and compare what partners are told",
        description=(
            "HAR files, VCR cassettes and Waybill's own recordings. What was posted to a webhook plays the sender's "
            "part, what a partner answered the partner's; where nobody sends, the examples of the specs do. All of it "
            "is replayed in virtual time, twice, so that noise is told apart. Ends with 1 where something changed, "
            "with 3 where nothing could be compared, or only noise changed that nobody has accepted."
        ),
    )
    added.add_argument("recordings", nargs="+", metavar="RECORDING", help="a file, or a folder of them")
    added.add_argument("--spec", metavar="NAME", help="only this integration (a name, or a file below specs/)")
    add_workspace(added, positional=False)
    add_environment(added)
    added.add_argument(
        "--speed",
        choices=("1", "10", "max"),
        default="1",
        help=(
            "time between two deliveries, of the replay's own clock, for which nobody waits: as recorded (1), a tenth,"
            " none; where a recording has no times, as events and most cassettes, a second"
        ),
    )
    added.add_argument("--noise", metavar="FILE", help="noise that somebody accepted: lines OPERATION PATH KIND")
    add_format(added, "text", "json")
    added.set_defaults(run=replay)


def replay(arguments: argparse.Namespace) -> int:
    from harness.replay.play import replay

    return replay(arguments)


def add_plan(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    added = commands.add_parser(
        "plan",
        help="what would change: the same traffic through two versions of a workspace",
        description=(
            "Examples, recordings and what an engine has stored go through this workspace and through another version "
            "of it, and what partners are told is compared. Ends with 1 where something changes."
        ),
    )
    add_workspace(added)
    added.add_argument(
        "--against", required=True, metavar="REV|DIR", help="the other version: a revision of git, or a folder"
    )
    add_environment(added)
    added.add_argument(
        "--recording", action="append", default=[], metavar="FILE", help="send this too (again for more)"
    )
    added.add_argument("--store", metavar="URL", help="the store whose events are sent (default: the workspace's own)")
    add_limit(added)
    add_format(added, "text", "json")
    added.set_defaults(run=plan)


def plan(arguments: argparse.Namespace) -> int:
    from harness.replay.plan import plan

    return plan(arguments)


def add_load(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    added = commands.add_parser(
        "load",
        help="how many events a minute, what gives first, and can the answer be trusted",
        description=(
            "Sends a profile's webhooks to a real engine with a store of its own, its partners served from their system"
            " files with their quotas, and judges what was measured. Ends with 0 where every promise held, with 1 where"
            " one was broken, with 3 where the measurement is invalid."
        ),
    )
    add_specs(added)
    add_arrivals(added)
    add_stage(added)
    how = added.add_mutually_exclusive_group()
    how.add_argument("--capacity", action="store_true", help="instead: find the highest rate that holds")
    how.add_argument(
        "--virtual", action="store_true", help="in virtual time: a sale day in a minute; says nothing of CPU"
    )
    how.add_argument("--export", choices=("k6",), help="run nothing; write a script with the same load into --out")
    added.add_argument(
        "--out", metavar="DIR", help="write report.html, result.json, junit.xml, summary.md and events.ndjson there"
    )
    added.add_argument("--baseline", metavar="RESULT", help="an earlier result.json, which the report compares with")
    added.add_argument("--report-only", action="store_true", help="end with 0 where a broken promise would end with 1")
    add_format(added, "text", "json")
    added.set_defaults(run=load)


def add_arrivals(added: argparse.ArgumentParser) -> None:
    """What is sent, and when."""
    shape = added.add_mutually_exclusive_group()
    shape.add_argument("--profile", metavar="NAME", help="how messages arrive: a file of charter/profiles")
    shape.add_argument(
        "--from", dest="recording", metavar="RECORDING", help="instead: as they did in a recording (HAR, or Waybill's)"
    )
    added.add_argument("--times", type=times, default=1.0, metavar="X", help="so many times as high (default: 1)")
    added.add_argument("--seed", type=int, default=1, metavar="N", help="which arrivals and messages (default: 1)")


def add_stage(added: argparse.ArgumentParser) -> None:
    """What it is sent to."""
    added.add_argument(
        "--store",
        metavar="URL",
        help="the kind and the place of the store, which is the run's own: sqlite:///path/events.db or postgresql://…",
    )
    added.add_argument(
        "--workers", type=count, default=WORKERS, metavar="N", help=f"deliveries at once (default: {WORKERS})"
    )
    added.add_argument("--generators", type=generators, default=1, metavar="N", help="processes that send (default: 1)")
    added.add_argument(
        "--latency",
        action="append",
        default=[],
        metavar="SYSTEM=50ms",
        help="how long a partner takes, or with SYSTEM.OPERATION one operation (default: as recorded, else 5ms)",
    )
    added.add_argument(
        "--recording",
        dest="recordings",
        action="append",
        default=[],
        metavar="PATH",
        help="take bodies and partners' latencies from this recording too (again for more)",
    )
    added.add_argument(
        "--faults",
        default="",
        metavar="NAME=NUMBER,…",
        help="what partners do wrong, as shares of requests: slow=0.2,cut_after=0.05",
    )


def load(arguments: argparse.Namespace) -> int:
    from harness.load.command import run

    return run(arguments)


def add_compare(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    added = commands.add_parser(
        "compare",
        help="what became worse between two results of load, and how sure that is",
        description=(
            "Compares two results of `waybill load` of the same profile on the same kind of machine. Ends with 1 where"
            " something became worse, with 3 where the two cannot be compared."
        ),
    )
    added.add_argument("before", metavar="A", help="a result.json, or the folder that holds it")
    added.add_argument("after", metavar="B", help="the one that came after")
    added.add_argument(
        "--tolerance", type=percent, default=0.1, metavar="PERCENT", help="what may change by itself (default: 10%%)"
    )
    add_format(added, "text", "json")
    added.set_defaults(run=compare)


def compare(arguments: argparse.Namespace) -> int:
    from harness.load.compare_command import run

    return run(arguments)


def add_capacity(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    added = commands.add_parser(
        "capacity",
        help="what a result of load says of more nodes and larger quotas, on paper",
        description=(
            "Reckons from the service times, calls and CPU that a run of `waybill load` measured how many messages a"
            " minute more nodes and larger quotas of partners would let through, and what would give first then. It is"
            " a projection, and no measurement."
        ),
    )
    added.add_argument("result", metavar="RESULT", help="a result.json, or the folder that has it")
    added.add_argument("--nodes", type=nodes, default=1, metavar="N", help="engines that share the work (default: 1)")
    added.add_argument(
        "--quota",
        action="append",
        default=[],
        metavar="SYSTEM=RATE",
        help="a partner's quota, or with SYSTEM.OPERATION that of one operation: erp=200/s (again for more)",
    )
    add_format(added, "text", "json")
    added.set_defaults(run=capacity)


def capacity(arguments: argparse.Namespace) -> int:
    from harness.load.capacity_command import run

    return run(arguments)


def add_specs(added: argparse.ArgumentParser) -> None:
    added.add_argument(
        "spec", nargs="*", metavar="SPEC", help="files below specs/, or names of integrations (default: all)"
    )
    added.add_argument("--workspace", default=".", metavar="DIR", help="where SPEC is a name (default: this folder)")
    add_environment(added)


def add_limit(added: argparse.ArgumentParser) -> None:
    added.add_argument(
        "--limit",
        type=count,
        default=10_000,
        metavar="N",
        help="at most so many stored events, the newest (default: 10000)",
    )


def seconds(text: str) -> int:
    return bounded(text, SECONDS_MIN, SECONDS_MAX)


def generators(text: str) -> int:
    return bounded(text, 1, GENERATORS_MAX)


def nodes(text: str) -> int:
    return bounded(text, 1, NODES_MAX)


def times(text: str) -> float:
    """A factor. Raises ArgumentTypeError for what is none."""
    if not re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,3})?", text) or float(text) <= 0:
        raise argparse.ArgumentTypeError(f"`{text[:20]}` is no factor: write a number above 0, such as 4 or 0.5")
    return float(text)


def percent(text: str) -> float:
    """A share. Raises ArgumentTypeError for what is none."""
    if not re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,3})?%", text):
        raise argparse.ArgumentTypeError(f"`{text[:20]}` is no share: write it in percent, such as 10%")
    return float(text.removesuffix("%")) / 100

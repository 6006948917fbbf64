"""The commands that the harness adds to `waybill`; the engine's command line finds this through an entry point.

Called whenever the command line starts, `--help` included, so nothing heavy is imported here: a command imports what
it does when it runs.
"""

import argparse
from pathlib import Path

from engine.cli import add_environment, add_format, add_workspace, bounded, count, port

SECONDS_MIN, SECONDS_MAX = 5, 3_600


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
        "--profile", choices=("quick", "ci", "nightly"), default="quick", help="how long it goes on (default: quick)"
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

"""The command line: words in, exit codes out. Each command imports what it needs when it runs, so that help is quick.

A user's mistake is told in words and ends with 2; only a mistake of ours shows where it happened, and ends with 4.
"""

import argparse
import os
import re
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, entry_points, version
from typing import NoReturn

HELD, FAILED, WRONG, INVALID, OURS, INTERRUPTED = 0, 1, 2, 3, 4, 130
"""Exit codes: all held; a check failed; spec or command wrong; measurement invalid; Waybill itself failed;
interrupted."""

WORKERS = 128
"""Two claims' worth: while one half of them waits for the disk or a partner, the other has work for the processor
(measured beside 64: a ninth more events in a second). 192 gave another thirtieth, and was not worth it: what is under
way when an engine dies runs a few at a time afterwards, and takes so much longer the more it is."""

DESCRIPTION = "Integrations as configuration, for commerce: describe one in YAML; run it durably, prove it, load it."
EPILOG = """\
begin with:   waybill init shop && waybill check shop
exit codes:   0 held   1 a check failed   2 the spec or the command is wrong   3 the measurement is invalid
              4 Waybill itself failed   130 interrupted
"""


class Parser(argparse.ArgumentParser):
    """Tells the nearest command where one is misspelt, and not all there are."""

    def error(self, message: str) -> NoReturn:
        if misspelt := re.match(r"argument COMMAND: invalid choice: '(.*)' \(choose from (.*)\)$", message, re.DOTALL):
            from difflib import get_close_matches

            near = get_close_matches(misspelt[1], re.findall(r"[\w-]+", misspelt[2]), n=1)
            mend = f"did you mean `{near[0]}`?" if near else f"`{self.prog} --help` lists them"
            message = f"there is no command `{misspelt[1][:40]}`; {mend}"
        super().error(message)


def parser() -> argparse.ArgumentParser:
    top: argparse.ArgumentParser = Parser(
        prog="waybill", description=DESCRIPTION, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    top.add_argument("--version", action="store_true", help="print the version and exit")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    add_init(commands)
    add_check(commands)
    add_explain(commands)
    add_schema(commands)
    add_run(commands)
    add_events(commands)
    add_event(commands)
    add_release(commands)
    add_redrive(commands)
    add_contract(commands)
    add_system(commands)
    add_store_commands(commands)
    for entry in entry_points(group="waybill.commands"):
        entry.load()(commands)
    return top


def command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, help_: str, run: str, more: str = ""
) -> argparse.ArgumentParser:
    """Adds a command whose work is `module:function` below engine.cli, imported when it is called."""
    added = commands.add_parser(name, help=help_, description=f"{help_[0].upper()}{help_[1:]}. {more}".strip())
    added.set_defaults(run=late(run))
    return added


def late(where: str) -> "object":
    module, _, function = where.partition(":")

    def call(arguments: argparse.Namespace) -> int:
        from importlib import import_module

        result: int = getattr(import_module(f"engine.cli.{module}"), function)(arguments)
        return result

    return call


def add_workspace(added: argparse.ArgumentParser, positional: bool = True) -> None:
    if positional:
        added.add_argument(
            "workspace", nargs="?", default=".", metavar="DIR", help="the workspace (default: this folder)"
        )
    else:
        added.add_argument("--workspace", default=".", metavar="DIR", help="the workspace (default: this folder)")


def add_environment(added: argparse.ArgumentParser) -> None:
    added.add_argument(
        "--environment", default="local", metavar="NAME", help="an environment of the charter (default: local)"
    )


def add_store(added: argparse.ArgumentParser) -> None:
    added.add_argument(
        "--store",
        metavar="URL",
        help="sqlite:///path/events.db?max_size=64MiB or postgresql://user@host/database, either with ?keep=90d"
        " (default: events.db in the workspace's .waybill)",
    )


def add_format(added: argparse.ArgumentParser, *formats: str) -> None:
    added.add_argument("--format", choices=formats, default=formats[0], help=f"default: {formats[0]}")


def add_init(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    added = command(commands, "init", "make a new workspace that runs", "workspace:init")
    added.add_argument("workspace", metavar="DIR", help="a folder that does not exist yet, or is empty")


def add_check(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    added = command(
        commands,
        "check",
        "read everything, report every fault and charter finding",
        "check:check",
        "Ends with 2 where there are faults, with 1 where a finding is an error.",
    )
    add_workspace(added)
    add_format(added, "text", "json", "sarif", "junit", "github")


def add_explain(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    added = command(
        commands,
        "explain",
        "what a finding means, why it matters, how to mend it; what a function of expressions does; what a key says",
        "check:explain",
    )
    added.add_argument(
        "code",
        nargs="?",
        metavar="CODE",
        help="such as unknown-key, a function such as join, or a key such as any_of; without it all",
    )


def add_schema(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    added = command(commands, "schema", "print the JSON Schema of a kind of file, for editors", "check:schema")
    added.add_argument("kind", choices=("spec", "mapping", "system", "charter", "profile"))


def add_run(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    added = command(
        commands,
        "run",
        "run the engine",
        "run:run",
        "SIGTERM drains and stops. SIGHUP reads the workspace again; one with faults is refused, the old one runs on."
        " A changed table is taken by itself within seconds, if it has no faults.",
    )
    add_workspace(added)
    add_environment(added)
    add_store(added)
    added.add_argument("--host", default="127.0.0.1", help="where to listen (default: 127.0.0.1)")
    added.add_argument("--port", type=port, default=8080, help="intake (default: 8080; 0: any free one)")
    added.add_argument(
        "--admin-port",
        type=port,
        default=8081,
        metavar="PORT",
        help="/health /ready /metrics (default: 8081; 0: any free one)",
    )
    added.add_argument(
        "--workers", type=count, default=WORKERS, metavar="N", help=f"deliveries at once (default: {WORKERS})"
    )


def add_events(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    added = command(commands, "events", "list stored events, oldest first", "events:events")
    add_workspace(added, positional=False)
    add_store(added)
    added.add_argument(
        "--status", action="append", default=[], metavar="STATUS", help="only these (may be given again)"
    )
    add_filters(added)
    added.add_argument("--id", metavar="ID", help="only with this id of the sender")
    added.add_argument("--key", metavar="KEY", help="only of this key")
    added.add_argument("--gate", metavar="NAME", help="only what waits at this gate: a system, or SYSTEM.OPERATION")
    instead = added.add_mutually_exclusive_group()
    instead.add_argument(
        "--missing", action="store_true", help="instead: the texts that stood in no row of a table, most frequent first"
    )
    instead.add_argument(
        "--drift",
        action="store_true",
        help="instead: fields that no contract knows, and required ones that did not come; newest first",
    )
    added.add_argument("--limit", type=count, metavar="N", help="at most so many (default: 100, in json all)")
    add_format(added, "text", "json")


def add_filters(parser: argparse.ArgumentParser) -> None:
    """The options that choose events, but for their status."""
    parser.add_argument("--integration", metavar="NAME", help="only of this integration")
    parser.add_argument("--queue", metavar="NAME", help="only what waits in this queue")
    parser.add_argument("--step", metavar="ID", help="only what stands at this step")
    parser.add_argument("--lane", choices=("urgent", "normal", "bulk"), help="only of this lane")
    parser.add_argument("--match", metavar="TEXT", help="only with this text in the reason")
    parser.add_argument(
        "--since", metavar="TIME", help="only received since: 2026-11-27T18:00Z, or 2h for two hours ago"
    )
    parser.add_argument("--until", metavar="TIME", help="only received before")


def add_event(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    added = command(commands, "event", "tell the story of one event", "events:event")
    added.add_argument("event", metavar="EVENT", help="as `waybill events` prints it, such as evt-17")
    add_workspace(added, positional=False)
    add_store(added)
    add_format(added, "text", "json")


def add_release(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    added = command(commands, "release", "let held or quarantined events go on, or reject them", "decisions:release")
    added.add_argument("event", nargs="+", metavar="EVENT")
    added.add_argument("--by", required=True, metavar="NAME", help="who decides")
    added.add_argument("--reason", required=True, metavar="TEXT", help="why; kept with the event")
    added.add_argument("--reject", action="store_true", help="say no: the step fails, or the event is discarded")
    add_workspace(added, positional=False)
    add_store(added)


def add_redrive(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    added = command(
        commands,
        "redrive",
        "try dead, quarantined, held or discarded events again",
        "decisions:redrive",
        "What was done at a partner stays done: the effect ledger answers it. Events that a filter chooses fall due one"
        " after the other, at --rate.",
    )
    added.add_argument("event", nargs="*", metavar="EVENT")
    added.add_argument("--status", choices=("dead", "quarantined", "held", "discarded"), help="all of this status")
    added.add_argument(
        "--missing",
        action="store_true",
        help="all that wait for rows of tables which are there now",
    )
    add_filters(added)
    added.add_argument("--limit", type=count, metavar="N", help="at most so many, the oldest")
    added.add_argument("--rate", metavar="N/s", help="how many at most (default: 10/s where a filter chose them)")
    added.add_argument("--dry-run", action="store_true", help="only say which")
    added.add_argument(
        "--new-effect",
        action="store_true",
        help="at the step it stands at, make another effect than the one in doubt: the partner gets `ONCE/2`",
    )
    added.add_argument(
        "--latest", action="store_true", help="under the newest version instead of the one it was accepted under"
    )
    added.add_argument("--by", default="", metavar="NAME", help="who decides")
    added.add_argument("--reason", default="", metavar="TEXT", help="why; kept with the event")
    add_workspace(added, positional=False)
    add_store(added)


def add_store_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    help_ = "keep a copy of a store, put one back, and see whether a store is whole"
    group = commands.add_parser("store", help=help_, description=f"{help_[0].upper()}{help_[1:]}.")
    verbs = group.add_subparsers(title="commands", metavar="COMMAND", required=True)
    made = command(
        verbs,
        "backup",
        "write a verified copy of a store",
        "store:backup",
        "Engines may run meanwhile; the copy is the store of one moment. Nothing is written over.",
    )
    made.add_argument("file", metavar="FILE")
    restored = command(
        verbs,
        "restore",
        "put a backup in the place of a store that is not there yet",
        "store:restore",
        "A drill: restore FILE with --store sqlite:////tmp/drill.db, then `waybill store verify` of the same.",
    )
    restored.add_argument("file", metavar="FILE")
    looked = command(
        verbs,
        "verify",
        "read all of a store, and compare it with its head",
        "store:verify",
        "Ends with 1 where it is not whole. An embedded store's head says how many groups of commits were answered.",
    )
    looked.add_argument(
        "--accept-loss", action="store_true", help="go on without groups of commits that were answered and are missing"
    )
    for added in (made, restored, looked):
        add_workspace(added, positional=False)
        add_store(added)


def add_system(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    added = command(
        commands,
        "system",
        "see breakers and quotas of systems, or open and close breakers by hand",
        "system:system",
        "What a person says counts until they say --auto, over restarts too.",
    )
    added.add_argument("name", nargs="?", metavar="NAME", help="a system; without it all")
    by_hand = added.add_mutually_exclusive_group()
    by_hand.add_argument(
        "--open", dest="forced", action="store_const", const="open", help="let no calls through; events wait"
    )
    by_hand.add_argument(
        "--close", dest="forced", action="store_const", const="closed", help="let calls through, whatever fails"
    )
    by_hand.add_argument("--auto", dest="forced", action="store_const", const="", help="leave it to the breaker again")
    added.add_argument("--operation", metavar="NAME", help="only this operation's gate")
    add_workspace(added, positional=False)
    add_store(added)
    add_format(added, "text", "json")


def add_contract(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    help_ = "the registry of message contracts: list them, show one, compare two"
    group = commands.add_parser("contract", help=help_, description=f"{help_[0].upper()}{help_[1:]}.")
    verbs = group.add_subparsers(title="commands", metavar="COMMAND", required=True)
    listed = command(verbs, "list", "list the contracts of a workspace and what uses each", "contract:list_")
    add_workspace(listed)
    told = command(verbs, "show", "what a contract asks for, field by field, and what uses it", "contract:show")
    told.add_argument("contract", metavar="NAME", help="such as canonical/order@1")
    add_workspace(told, positional=False)
    compared = command(
        verbs,
        "diff",
        "what changed between two contracts, for whom, and which lines it reaches",
        "contract:diff",
        "Backward: NEW takes every document of OLD, so its readers can be deployed first. Forward: OLD takes every"
        " document of NEW, so its writers can. What cannot be shown counts as broken. Ends with 1 where the required"
        " compatibility does not hold.",
    )
    for side, what in (("old", "OLD"), ("new", "NEW")):
        compared.add_argument(side, metavar=what, help="a contract of the workspace, or a .yaml or .json file")
    add_workspace(compared, positional=False)
    compared.add_argument(
        "--require",
        choices=("backward", "forward", "full"),
        default="backward",
        help="what must hold (default: backward)",
    )
    add_format(compared, "text", "json")


def port(text: str) -> int:
    return bounded(text, 0, 65_535)


def count(text: str) -> int:
    return bounded(text, 1, 1_000_000)


def bounded(text: str, least: int, most: int) -> int:
    if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
        raise argparse.ArgumentTypeError(f"`{text[:20]}` is not a number from {least} to {most}")
    return int(text)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; the exit code. Raises SystemExit as argparse does: 0 after help, 2 for what it cannot read."""
    result = HELD
    try:
        try:
            result = run_command(argv)
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:
        result = INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has seen enough (`waybill events | head`). What is left of it goes nowhere: the
        # interpreter would try it once more at its end, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return result


def run_command(argv: Sequence[str] | None) -> int:
    from engine.errors import StoreBroken, UserError

    top = parser()
    arguments = top.parse_args(argv)
    try:
        if arguments.version:
            sys.stdout.write(f"waybill {installed_version()}\n")
            return HELD
        if arguments.command is None:
            top.print_help()
            return WRONG
        result: int = arguments.run(arguments)
    except UserError as error:
        sys.stderr.write(f"waybill: {error}\n")
        return error.exit_code
    except StoreBroken as error:
        sys.stderr.write(f"waybill: {error}\n")
        return OURS
    except BrokenPipeError:
        raise
    except Exception:  # noqa: BLE001 — the last line of defence: said, with its trace, and exit 4
        import traceback

        traceback.print_exc()
        sys.stderr.write("waybill: this is a defect of Waybill, not of your workspace; please report the lines above\n")
        return OURS
    return result


def installed_version() -> str:
    """The distribution's version. Raises UserError where the sources run without having been installed."""
    from engine.errors import UserError

    try:
        return version("waybill")
    except PackageNotFoundError:
        raise UserError("this Waybill is not installed, so it has no version; `pip install --editable .`") from None

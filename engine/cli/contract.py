"""`waybill contract list`, `show` and `diff`: the registry of message contracts, and what a new version would break.

`diff --format json` prints one document:

    {"old": …, "new": …,                      as they were given
     "verdict": "full|backward|forward|breaking", "backward": true, "forward": false,
     "changes": [{"path": "lines[*].unit_price", "change": "`minimum: 0` is new", "backward": false, "forward": true}],
     "reaches": [{"file": …, "line": 27, "column": 10, "path": "lines[*].unit_price",
                  "use": "reads|writes|checks|lacks", "holds": false}]}

`holds` says whether what the line relies on is still so; a mapping `lacks` what NEW requires and it does not write.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.cli import FAILED, HELD
from engine.cli.formats import plural, shown
from engine.contract.body import BodyError, decode_body
from engine.contract.schema import check_schema
from engine.contract.versions.compatibility import Comparison, compare
from engine.contract.versions.outline import outline
from engine.errors import Fault, FaultyWorkspace, Mark, UserError
from engine.spec import yaml
from engine.spec.uses import Reach, reach, users
from engine.spec.workspace import FILE_BYTES_MAX, Document, Workspace, closest, read_workspace
from engine.wire.files import read_bounded, read_files

NAME_OF_FILE = re.compile(r"(?:^|/)models/([^/]+/[^/]+@[^/]+)\.(?:yaml|json)$")
"""Where a file lies that is a contract of some workspace, or of an earlier commit of one."""


@dataclass(frozen=True, slots=True)
class Version:
    """One side of a comparison: the words it was given by, its schema, and its name where it has one."""

    given: str
    schema: Any
    name: str | None


def list_(arguments: argparse.Namespace) -> int:
    """Every contract, and what uses it."""
    workspace = workspace_at(arguments.workspace)
    width = max((len(name) for name in workspace.models), default=0)
    for name in sorted(workspace.models):
        used = list(users(workspace, name))
        for place, line in enumerate(map(told_user, used) if used else ["used by nothing"]):
            sys.stdout.write(shown(f"{name if place == 0 else '':{width}}  {line}") + "\n")
    return HELD


def told_user(used: tuple[Document, str]) -> str:
    document, key = used
    return f"`{key}` of {document.mark(key)}"


def show(arguments: argparse.Namespace) -> int:
    """What a contract asks for, field by field, and what uses it."""
    workspace = workspace_at(arguments.workspace)
    document = contract(workspace, arguments.contract)
    title = document.content.get("title") if isinstance(document.content, dict) else None
    sys.stdout.write(shown(f"{arguments.contract}{f': {title}' if isinstance(title, str) else ''}") + "\n")
    sys.stdout.write(shown(f"  {document.file}") + "\n")
    for used in users(workspace, arguments.contract):
        sys.stdout.write(shown(f"  {told_user(used)}") + "\n")
    lines = list(outline(document.content))
    path = max((len(line.path) for line in lines), default=0)
    type_ = max((len(line.type) for line in lines), default=0)
    for line in lines:
        must = "required" if line.required else ""
        sys.stdout.write(shown(f"  {line.path:{path}}  {line.type:{type_}}  {must:8}  {line.rules}".rstrip()) + "\n")
    return HELD


def diff(arguments: argparse.Namespace) -> int:
    """What changed between two contracts, for whom, and which lines it reaches."""
    workspace = workspace_if_needed(arguments)
    old, new = (version(workspace, given) for given in (arguments.old, arguments.new))
    comparison = compare(old.schema, new.schema)
    reached = reach(workspace, old.name, new.name, comparison) if workspace is not None else []
    if arguments.format == "json":
        sys.stdout.write(json.dumps(as_json(old, new, comparison, reached), indent=2, ensure_ascii=False) + "\n")
    else:
        lines = as_lines(old, new, comparison, reached, arguments.require, workspace is not None)
        sys.stdout.write("".join(f"{shown(line)}\n" for line in lines))
    for unread in faulty(workspace):
        sys.stderr.write(f"waybill: {shown(unread)} has faults and was left out; `waybill check` tells them\n")
    return HELD if meets(comparison, arguments.require) else FAILED


def meets(comparison: Comparison, required: str) -> bool:
    return {
        "backward": comparison.backward,
        "forward": comparison.forward,
        "full": comparison.backward and comparison.forward,
    }[required]


# ── what is compared ─────────────────────────────────────────────────────────────────────────────────────────────────


def workspace_at(root: str) -> Workspace:
    """A workspace as far as it can be read; its faults are `check`'s matter."""
    return read_workspace(read_files(Path(root)))[0]


def workspace_if_needed(arguments: argparse.Namespace) -> Workspace | None:
    """Two files can be compared anywhere; None where nothing says which workspace their contract would be of."""
    try:
        return workspace_at(arguments.workspace)
    except UserError:
        if is_file(arguments.old) and is_file(arguments.new) and arguments.workspace == ".":
            return None
        raise


def faulty(workspace: Workspace | None) -> Iterator[str]:
    """The files that may use a contract, and could not be read."""
    if workspace is not None:
        documents = (*workspace.mappings.values(), *workspace.integrations.values())
        yield from sorted(document.file for document in documents if document.content is None)


def is_file(given: str) -> bool:
    return given.endswith((".yaml", ".yml", ".json"))


def version(workspace: Workspace | None, given: str) -> Version:
    """A contract by its name or its file. Raises UserError, or FaultyWorkspace with what is wrong inside the file."""
    if is_file(given):
        named = NAME_OF_FILE.search(Path(given).as_posix())
        return Version(given, schema_of(Path(given)), named[1] if named else None)
    assert workspace is not None
    return Version(given, contract(workspace, given).content, given)


def contract(workspace: Workspace, name: str) -> Document:
    """A contract of a workspace by its name."""
    document = workspace.models.get(name)
    if document is None:
        hint = closest(name, workspace.models, "contracts")
        raise UserError(f"there is no contract `{shown(name[:80])}`; {hint}")
    if document.content is None:
        raise UserError(f"{document.file} has faults, so `{name}` cannot be read; `waybill check` tells them")
    return document


def schema_of(path: Path) -> Any:
    """The schema in a file, YAML or JSON."""
    if not path.is_file():
        raise UserError(f"there is no file {path}; a contract is a name such as canonical/order@1, or a file")
    raw, file = read_bounded(path), path.as_posix()
    if len(raw) > FILE_BYTES_MAX:
        raise UserError(f"{path} is larger than {FILE_BYTES_MAX >> 20} MiB")
    node, faults = yaml.compose(raw, file)
    if path.suffix == ".json":
        try:
            schema = decode_body(raw)
        except BodyError as error:
            raise UserError(f"{path}: {error.message}") from None
        # JSON is YAML too, which knows lines; but for a few escapes, and then only the path says where.
        document = Document(file, yaml.from_plain(schema, file) if node is None or faults else node, schema)
    elif node is None or faults:
        raise FaultyWorkspace(faults or (Fault("empty-file", Mark(file, 1, 1), "", "the file is empty"),))
    else:
        document = Document(file, node, yaml.plain(node))
    problems = check_schema(document.content)
    if problems:
        found = (Fault("contract-schema", document.mark(each.path), each.path, str(each)) for each in problems)
        raise FaultyWorkspace(tuple(found))
    return document.content


# ── how it is told ───────────────────────────────────────────────────────────────────────────────────────────────────


def as_json(old: Version, new: Version, comparison: Comparison, reached: list[Reach]) -> dict[str, Any]:
    """The document that the head of this file shows."""
    return {
        "old": old.given,
        "new": new.given,
        "verdict": comparison.verdict,
        "backward": comparison.backward,
        "forward": comparison.forward,
        "changes": [
            {"path": each.path, "change": each.change, "backward": each.backward, "forward": each.forward}
            for each in comparison.changes
        ],
        "reaches": [
            {
                "file": each.mark.file,
                "line": each.mark.line,
                "column": each.mark.column,
                "path": each.path,
                "use": each.kind,
                "holds": each.holds,
            }
            for each in reached
        ],
    }


def as_lines(
    old: Version, new: Version, comparison: Comparison, reached: list[Reach], required: str, is_workspace: bool
) -> Iterator[str]:
    """The verdict, the changes, and the lines they reach."""
    yield f"{comparison.verdict}: {VERDICTS[comparison.verdict]}"
    if not meets(comparison, required):
        yield f"{required} compatibility is required, and does not hold"
    if comparison.changes:
        yield ""
        yield f"{plural(len(comparison.changes), 'change')} from {old.given} to {new.given}"
        width = max(len(change.path or WHOLE) for change in comparison.changes)
        for change in comparison.changes:
            broken = [word for word in ("backward", "forward") if not getattr(change, word)]
            yield f"  {change.path or WHOLE:{width}}  not {' nor '.join(broken)}: {change.change}"
    if not comparison.changes:
        return
    yield ""
    if reached:
        yield f"reaches {plural(len(reached), 'line')}"
        width = max(len(str(each.mark)) for each in reached)
        for each in reached:
            yield f"  {each.mark!s:{width}}  {each.kind} {each.path or WHOLE}{'' if each.holds else BROKEN[each.kind]}"
    else:
        unnamed = [each.given for each in (old, new) if each.name is None and is_workspace]
        yield "reaches no line of the workspace" if is_workspace else "there is no workspace here to be reached"
        yield from (f"  {given} has no name of a contract: none can use it" for given in unnamed)


WHOLE = "(all of it)"
VERDICTS = {
    "full": "each takes every document of the other",
    "backward": "NEW takes every document of OLD",
    "forward": "OLD takes every document of NEW",
    "breaking": "neither is shown to take every document of the other",
}
BROKEN = {
    "reads": ", and may find something else there",
    "writes": ", which may no longer be taken",
    "checks": ", and may no longer let it pass",
    "lacks": ", which is asked for now",
}

"""EXAMPLES and WHAT HAPPENS NOW → THE SPEC'S TEXT WITH THAT EXPECTED: `waybill test --update`.

Only what an example says is brought up to date: a status, the calls where it lists them, the fields of results that it
names. What it does not say it does not say afterwards. Everything outside `examples:` stays byte for byte, comments and
all. This file refuses to write: what it gives is shown first.
"""

import io
import re
from collections.abc import Sequence
from difflib import unified_diff
from pathlib import Path
from typing import Any

from engine.contract.body import encode_json
from engine.errors import UserError
from engine.run.load import Loaded
from engine.spec import shape
from harness.trial import ends
from harness.world import Ended, run

TOP = re.compile(r"^[^\s#]", re.MULTILINE)


def updated(root: Path, loaded: Loaded, name: str, text: str) -> str:
    """The text of a spec in which its examples expect what happens; the same text where they do already."""
    content: shape.Integration = loaded.workspace.integrations[name].content
    yaml = round_trip()
    document: Any = yaml.load(text)
    changed = False
    for written, example in zip(document.get("examples", ()), content.examples, strict=True):
        ended = run(ends(root, loaded, loaded.plans[name], example))
        changed |= bring_up(written["expect"], example.expect, [end for _, end in ended])
    if not changed:
        return text
    out = io.StringIO()
    yaml.dump(document, out)
    return spliced(text, out.getvalue())


def bring_up(written: Any, expected: Sequence[shape.Expected], ended: Sequence[Ended]) -> bool:
    """Changes the written expectations in place; whether anything had to be."""
    changed = len(written) != len(ended)
    del written[len(ended) :]
    for entry, said, end in zip(written, expected, ended, strict=False):
        if entry["status"] != end.status.value:
            entry["status"], changed = end.status.value, True
        calls = [call.operation for call in end.calls]
        if said.calls is not None and list(entry["calls"]) != calls:
            entry["calls"][:] = calls
            changed = True
        if said.steps is not None:
            changed |= bring_up_fields(entry["steps"], end.steps)
    for end in ended[len(written) :]:
        written.append({"status": end.status.value, "calls": [call.operation for call in end.calls]})
    return changed


def bring_up_fields(written: Any, found: Any) -> bool:
    """The same for the results it names, however deep; a field that is not there any more is taken out."""
    changed = False
    for name in list(written):
        if not isinstance(found, dict) or name not in found:
            del written[name]
            changed = True
        elif isinstance(written[name], dict) and isinstance(found[name], dict):
            changed |= bring_up_fields(written[name], found[name])
        elif encode_json(written[name]) != encode_json(found[name]):
            written[name] = found[name]
            changed = True
    return changed


def round_trip() -> Any:
    """ruamel's round trip, as specs are written here: lists indented below their key, long lines left alone."""
    from ruamel.yaml import YAML

    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = 1_000_000
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


def spliced(text: str, dumped: str) -> str:
    """The text with the examples of the dumped one: what else the round trip may have laid out anew is left out."""
    before, after = block(text), block(dumped)
    return f"{text[: before.start]}{dumped[after.start : after.stop]}{text[before.stop :]}"


def block(text: str) -> slice:
    """Where `examples:` begins, and where the next key of the document does."""
    found = re.search(r"^examples:", text, re.MULTILINE)
    if found is None:
        raise UserError("the examples do not stand below a line `examples:`; write them so, or change them by hand")
    following = TOP.search(text, found.end())
    return slice(found.start(), following.start() if following else len(text))


def difference(file: str, before: str, after: str) -> str:
    """What would be written, as a unified diff; empty where nothing would."""
    lines = unified_diff(before.splitlines(keepends=True), after.splitlines(keepends=True), file, f"{file} (updated)")
    return "".join(lines)

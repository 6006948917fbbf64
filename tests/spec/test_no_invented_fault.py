"""One part that cannot be read is told, and nothing else is: whatever refers to it, or stands beside it, is not at
fault. Every value and every key of two workspaces is broken once."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from spec.everything import CARRIER, CHARTER, EVERYTHING, PUBLISHED, SPEC
from spec.minimal import MINIMAL, read, told

from engine.charter import examine
from engine.spec import yaml

Place = tuple[str | int, ...]
DOCUMENTS = [
    *((MINIMAL, file) for file in MINIMAL if file.endswith(".yaml") and "models" not in file),
    *((EVERYTHING, file) for file in (CHARTER, CARRIER, PUBLISHED, SPEC)),
]
WRONG: list[Any] = [[["no value is a list of lists"]], {"no-such-key": {}}, 0.5]
"""Of these at least one is of the wrong kind wherever it stands."""
NAMES = ("environments", "teams", "operations", "let", "topics")
"""Where any name may stand, and others refer to it: with another name in it they are rightly told."""


def plain(whole: Mapping[str, str], file: str) -> Any:
    node, _ = yaml.compose(whole[file], file)
    assert node is not None
    return yaml.plain(node)


def places(data: Any, above: Place = ()) -> Iterator[Place]:
    """The way to every value."""
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in inner:
        yield (*above, key)
        yield from places(value, (*above, key))


def path_of(place: Place) -> str:
    path = ""
    for key in place:
        path += f"[{key}]" if isinstance(key, int) else f".{key}" if path else key
    return path


def changed(whole: Mapping[str, str], file: str, place: Place, change: Callable[[Any, Any], None]) -> dict[str, str]:
    """A workspace with one file changed at one place, which is handed over as (what holds it, its key)."""
    data = plain(whole, file)
    holder = data
    for key in place[:-1]:
        holder = holder[key]
    change(holder, place[-1])
    return {**whole, file: json.dumps(data)}


EVERYWHERE = [(whole, file, place) for whole, file in DOCUMENTS for place in places(plain(whole, file))]
KEYS = [case for case in EVERYWHERE if isinstance(case[2][-1], str)]


def named(part: Any) -> str:
    if isinstance(part, Mapping):
        return "minimal" if part is MINIMAL else "everything"
    return path_of(part) if isinstance(part, tuple) else str(part)


@pytest.mark.parametrize(("whole", "file", "place"), EVERYWHERE, ids=named)
def test_a_value_of_the_wrong_kind_is_the_only_fault(whole: Mapping[str, str], file: str, place: Place) -> None:
    path, told_somewhere = path_of(place), False
    for wrong in WRONG:
        if path in NAMES and isinstance(wrong, dict):
            continue

        def put(holder: Any, key: Any, wrong: Any = wrong) -> None:
            holder[key] = wrong

        workspace, faults = read(changed(whole, file, place, put))
        strange = [fault for fault in faults if fault.mark.file != file or not fault.path.startswith(path)]
        strange = [fault for fault in strange if fault.code != "literal-secret"]  # which is said of {secret: …} whole
        assert not strange, f"{path}: {wrong}\n{told(strange)}\nof\n{told(faults)}"
        told_somewhere = told_somewhere or bool(faults)
        examine(workspace)
    assert told_somewhere or is_literal(path), path


def is_literal(path: str) -> bool:
    """Where any data may stand."""
    return ".answer.body" in path or path.endswith((".value", ".default"))


@pytest.mark.parametrize(("whole", "file", "place"), KEYS, ids=named)
def test_a_misspelled_key_is_the_only_fault(whole: Mapping[str, str], file: str, place: Place) -> None:
    def misspell(holder: Any, key: Any) -> None:
        entries = list(holder.items())
        holder.clear()
        holder.update({f"{key}_" if name == key else name: value for name, value in entries})

    workspace, faults = read(changed(whole, file, place, misspell))
    known = [fault for fault in faults if fault.code == "unknown-key"]
    if known:  # else the key is a name that anybody may choose, and what refers to it is rightly told
        assert faults == known[:1], told(faults)
    examine(workspace)

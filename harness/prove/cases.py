"""A FAILURE ⇄ A CASE FILE: the scenario that broke a property, kept so that `waybill test` replays it for ever.

A case says everything that a run hangs on but the workspace. Messages are told as a recording of the workspace and
what of it was changed, so that a case shows what it is about and holds nothing of the recording; one that was drawn
stands there whole. JSON, because a message's numbers are exact there. This file refuses to read what it would not
have written.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct, ValidationError

from engine.contract.body import BodyError, decode_body, encode_json
from engine.errors import UserError
from engine.wire.files import read_named
from harness.prove.news import Document, document_of, inbound_of
from harness.prove.places import Place, differences, put, without
from harness.simulation.scenario import Crash, Fault, Limit, People, Scenario, Sender, Sending
from harness.trial import read_event

FOLDER = "cases"
SUFFIX = ".json"


class Case(Struct, frozen=True):
    """A property of an integration that must hold in this scenario. `command` is what found that it does not."""

    name: str
    spec: str
    property: str
    step: str
    seed: int
    command: str
    story: tuple[str, ...]
    scenario: Scenario


def case_files(root: Path) -> list[Path]:
    """The cases of a workspace, by name."""
    return sorted((root / FOLDER).glob(f"*{SUFFIX}"))


# ── written ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def written(case: Case, recordings: Mapping[str, Document]) -> bytes:
    """The file's content: a line for each thing, in an order that does not change."""
    scenario = case.scenario
    told: dict[str, Any] = {
        "case": case.name,
        "spec": case.spec,
        "property": case.property,
        "step": case.step,
        "seed": case.seed,
        "command": case.command,
        "story": list(case.story),
        "sendings": [sending_told(each, recordings) for each in scenario.sendings],
    }
    for name, parts in (("faults", scenario.faults), ("crashes", scenario.crashes), ("senders", scenario.senders),
                        ("limits", scenario.limits)):  # fmt: skip
        told |= {name: [plain(each) for each in parts]} if parts else {}
    told |= {"people": plain(scenario.people)} if scenario.people else {}
    told["run"] = {"seed": scenario.seed, "permute": scenario.permute}
    return "".join(lines(told)).encode()


def lines(told: Mapping[str, Any]) -> Iterator[str]:
    yield "{\n"
    for place, (name, value) in enumerate(told.items()):
        comma = "," if place + 1 < len(told) else ""
        if isinstance(value, list) and value:
            inner = ",\n    ".join(encode_json(item).decode() for item in value)
            yield f'  "{name}": [\n    {inner}\n  ]{comma}\n'
        else:
            yield f'  "{name}": {encode_json(value).decode()}{comma}\n'
    yield "}\n"


def plain(value: Struct) -> dict[str, Any]:
    """A value of a scenario as data, without what is as it is by default; seconds are exact numbers."""
    defaults = (*[None] * (len(value.__struct_fields__) - len(value.__struct_defaults__)), *value.__struct_defaults__)
    told = zip(value.__struct_fields__, defaults, strict=True)
    return {name: exact(getattr(value, name)) for name, usual in told if getattr(value, name) != usual}


def exact(value: Any) -> Any:
    if isinstance(value, tuple):
        return [exact(each) for each in value]
    if isinstance(value, float):
        return int(value) if value.is_integer() else Decimal(str(value))
    return value


def sending_told(sending: Sending, recordings: Mapping[str, Document]) -> dict[str, Any]:
    document = document_of(sending.inbound)
    told: dict[str, Any] = {"at_us": sending.at_us, "integration": sending.integration, "label": sending.label}
    best: tuple[str, list[dict[str, Any]]] | None = None
    for source, recorded in recordings.items():
        changes = [
            {"at": list(place), "gone": True} if gone else {"at": list(place), "is": value}
            for place, value, gone in differences(recorded, document)
        ]
        whole = any(change["at"] == ["body"] for change in changes)
        if not whole and (best is None or len(encode_json(changes)) < len(encode_json(best[1]))):
            best = (source, changes)
    if best is None or len(encode_json(best[1])) >= len(encode_json(document)):
        return {**told, **document}
    return {**told, "recording": best[0], **({"changes": best[1]} if best[1] else {})}


# ── read ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def read_case(root: Path, path: Path) -> Case:
    """A case of a workspace. Raises UserError, which says the file and what is wrong with it."""
    content = read_named(path)
    try:
        return case_of(root, decode_body(content))
    except BodyError as error:
        raise UserError(f"{path}: {error.message}; a case is JSON, as `waybill prove` writes it") from None
    except (KeyError, TypeError, IndexError, AttributeError, ValidationError) as error:
        what = f"`{error.args[0]}` is missing" if isinstance(error, KeyError) else str(error)
        raise UserError(f"{path} is no case as `waybill prove` writes it: {what}") from None


def case_of(root: Path, told: Any) -> Case:
    run = told["run"]
    scenario = Scenario(
        seed=int(run["seed"]),
        permute=bool(run["permute"]),
        sendings=tuple(sending_of(root, each) for each in told["sendings"]),
        faults=msgspec.convert(inexact(told.get("faults", [])), tuple[Fault, ...]),
        crashes=msgspec.convert(told.get("crashes", []), tuple[Crash, ...]),
        senders=msgspec.convert(inexact(told.get("senders", [])), tuple[Sender, ...]),
        limits=msgspec.convert(inexact(told.get("limits", [])), tuple[Limit, ...]),
        people=msgspec.convert(inexact(told["people"]), People) if "people" in told else None,
    )
    story = tuple(str(line) for line in told["story"])
    name, spec, broken, step, command = (str(told[word]) for word in ("case", "spec", "property", "step", "command"))
    return Case(name, spec, broken, step, int(told["seed"]), command, story, scenario)


def inexact(value: Any) -> Any:
    """Seconds as the simulation reckons with them."""
    if isinstance(value, list):
        return [inexact(each) for each in value]
    if isinstance(value, dict):
        return {name: inexact(each) for name, each in value.items()}
    return float(value) if isinstance(value, Decimal) else value


def sending_of(root: Path, told: Any) -> Sending:
    if "recording" in told:
        source = root / str(told["recording"])
        if not source.resolve().is_relative_to(root.resolve()):
            raise UserError(f"{told['recording']} leads out of the workspace")
        document = document_of(read_event(source, raw=False))
        for change in told.get("changes", []):
            place: Place = tuple(change["at"])
            document = without(document, place) if change.get("gone") else put(document, place, change["is"])
    else:
        document = {"headers": told["headers"], "query": told["query"], "body": told["body"]}
    return Sending(int(told["at_us"]), str(told["integration"]), inbound_of(document), str(told["label"]))

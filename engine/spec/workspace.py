"""Files → one Workspace of typed documents, with every fault of every file.

The folder decides what a file is; its stem must be the name it declares. Bytes come in, nothing is read here.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, get_args

from engine.contract.schema import check_schema
from engine.errors import Fault, Mark
from engine.language.tables import Table
from engine.spec import shape, yaml
from engine.spec.invalid import INVALID
from engine.spec.read import Reader, almost
from engine.spec.table import read_table

KEBAB = next(mark.regex for mark in get_args(shape.KebabName) if isinstance(mark, shape.Pattern))
CHARTER = "charter/charter.yaml"
FOLDERS: tuple[tuple[str, str, Any], ...] = (
    ("charter/systems/", "system", shape.System),
    ("mappings/", "mapping", shape.Mapping),
    ("specs/", "integration", shape.Integration),
    ("charter/profiles/", "profile", shape.Profile),
)
FILE_BYTES_MAX = 16 << 20
"""A larger file is a fault, and whoever hands files in need hand in no more of it than one byte beyond."""
COMPARED_MAX = 200
"""How many names a misspelled one is compared with, those first that begin like it and are about as long: comparing
two takes up to 100 us."""
MODELS, TABLES, RECORDINGS = "charter/models/", "charter/tables/", "recordings/"


@dataclass(frozen=True, slots=True)
class Document:
    """One file as read: its name, its nodes, and its typed content.

    `content` is None where the file has faults: what is compiled and what the charter's rules examine is sound.
    `partial` is whatever could be read, with INVALID in the place of the rest: for checking, and for being referred to.
    """

    file: str
    node: yaml.Node
    content: Any
    partial: Any = INVALID

    def mark(self, path: str) -> Mark:
        """Where the node at `path` (`steps[2].call`) stands; the nearest node above it that exists."""
        return self.nearest(path).mark

    def key_mark(self, path: str, name: str) -> Mark:
        """Where the key `name` of the mapping at `path` stands; that mapping where it has none."""
        node = self.nearest(path)
        keys = (key for key, _ in node.entries if key.text == name) if isinstance(node, yaml.Mapping) else ()
        return next(iter(keys), node).mark

    def is_list(self, path: str) -> bool:
        """Whether what is written at `path` is a list, where one may stand or a single thing."""
        return isinstance(self.nearest(path), yaml.Sequence)

    def nearest(self, path: str) -> yaml.Node:
        """The node at `path`, or the nearest above it that exists."""
        node = self.node
        for part in parts(path):
            if isinstance(node, yaml.Mapping):
                # What stands below a misspelled key is read as what was meant, and found there.
                given = [name.text for name, _ in node.entries]
                written = part if part in given else almost(part, given)
                below = [value for name, value in node.entries if name.text == written]
            elif isinstance(node, yaml.Sequence) and part.isdigit() and int(part) < len(node.items):
                below = [node.items[int(part)]]
            else:
                below = []
            if not below:
                break
            node = below[0]
        return node


@dataclass(frozen=True, slots=True)
class Workspace:
    """All documents by name; `content` of a document with faults is None, so that references to it still resolve.

    `tables_unread` names the tables that exist and have faults, for the same reason. `doubles` holds, by what a file
    declares (`system`, …), the documents that have the name of another: they are checked, and nothing refers to them.
    """

    charter: Document | None = None
    systems: dict[str, Document] = field(default_factory=dict)
    mappings: dict[str, Document] = field(default_factory=dict)
    integrations: dict[str, Document] = field(default_factory=dict)
    profiles: dict[str, Document] = field(default_factory=dict)
    models: dict[str, Document] = field(default_factory=dict)
    tables: dict[str, Table] = field(default_factory=dict)
    tables_unread: frozenset[str] = frozenset()
    recordings: frozenset[str] = frozenset()
    doubles: Mapping[str, tuple[Document, ...]] = field(default_factory=dict)

    @property
    def topics(self) -> Mapping[str, shape.Topic]:
        """The topics of the charter, where that could be read."""
        content = None if self.charter is None else self.charter.content
        return {} if content is None else content.topics


def parts(path: str) -> Iterable[str]:
    """`steps[2].call` → steps, 2, call."""
    return (part for part in path.replace("[", ".").replace("]", "").split(".") if part)


def read_workspace(files: Mapping[str, bytes]) -> tuple[Workspace, list[Fault]]:
    """Reads every file of a workspace: path relative to its root → bytes. Never raises for what the files hold."""
    reader = Reader()
    groups: dict[str, dict[str, Document]] = {word: {} for _, word, _ in FOLDERS}
    doubles: dict[str, tuple[Document, ...]] = {}
    charter: Document | None = None
    models: dict[str, Document] = {}
    tables: dict[str, Table] = {}
    tables_unread: set[str] = set()
    for file, raw in sorted(files.items()):
        if file == CHARTER:
            charter = read_document(reader, file, compose(reader, file, raw), shape.Charter)
        elif file.startswith(MODELS):
            read_model(reader, file, raw, models)
        elif file.startswith(TABLES):
            tables_unread |= read_named_table(reader, file, raw, tables)
        else:
            for folder, word, kind in FOLDERS:
                if file.startswith(folder):
                    double = read_named(reader, file, raw, word, kind, groups[word])
                    doubles[word] = (*doubles.get(word, ()), *double)
    if charter is None:
        hint = "every workspace has one; `waybill init DIR` makes a workspace that runs"
        reader.fault("missing-file", Mark(CHARTER, 1, 1), "", f"{CHARTER} is missing", hint)
    recordings = frozenset(file for file in files if file.startswith(RECORDINGS))
    workspace = Workspace(
        charter=charter,
        systems=groups["system"],
        mappings=groups["mapping"],
        integrations=groups["integration"],
        profiles=groups["profile"],
        models=models,
        tables=tables,
        tables_unread=frozenset(tables_unread),
        recordings=recordings,
        doubles=doubles,
    )
    return workspace, reader.faults


def compose(reader: Reader, file: str, raw: bytes) -> yaml.Node | None:
    """The nodes of a file; None, after a fault, where nothing in it can be read."""
    if not file.endswith(".yaml"):
        reader.fault(
            "file-name", Mark(file, 1, 1), "", "a file here must end in .yaml", "rename it, or move it elsewhere"
        )
        return None
    if too_large(reader, file, raw):
        return None
    node, faults = yaml.compose(raw, file)
    reader.begin(raw.decode("utf-8-sig", "replace"), faults)
    if node is None and not faults:
        reader.fault("empty-file", Mark(file, 1, 1), "", "the file is empty", "write it, or remove it")
    return None if faults and not isinstance(node, yaml.Mapping) else node


def too_large(reader: Reader, file: str, raw: bytes) -> bool:
    if len(raw) > FILE_BYTES_MAX:
        message = f"the file is larger than {FILE_BYTES_MAX >> 20} MiB, and was not read"
        hint = "a workspace is written and read by people; keep rows of data elsewhere, or split it"
        reader.fault("file-size", Mark(file, 1, 1), "", message, hint)
    return len(raw) > FILE_BYTES_MAX


def read_document(reader: Reader, file: str, node: yaml.Node | None, kind: Any) -> Document:
    """A document; without content where it has faults, so that what refers to it is not at fault as well."""
    if node is None:
        return Document(file, yaml.Mapping((), Mark(file, 1, 1)), None)
    partial = reader.part(node, kind, "")
    return Document(file, node, partial if reader.is_sound else None, partial)


def read_named(
    reader: Reader, file: str, raw: bytes, word: str, kind: Any, group: dict[str, Document]
) -> tuple[Document, ...]:
    """A file that names itself by one of its keys, as its stem does. Gives the document where its name is taken."""
    node = compose(reader, file, raw)
    entries = {name.text: (name, value) for name, value in node.entries} if isinstance(node, yaml.Mapping) else {}
    later = next((key for key in shape.LATER_DOCUMENTS if key in entries), None)
    if later is not None:
        reader.not_available(entries[later][0].mark, later, f"`{later}:`")
        node, entries = None, {}
    document = read_document(reader, file, node, kind)
    stem = file.rsplit("/", 1)[-1].removesuffix(".yaml")
    value = entries[word][1] if word in entries else None
    if isinstance(value, yaml.Scalar) and isinstance(value.value, str) and value.text != stem:
        name_differs(reader, word, stem, value)
    if stem in group:
        message = f"a second {word} `{stem}`; the first is {group[stem].file}"
        reader.fault(
            "duplicate-name", document.node.mark, "", message, "a name stands for one file; rename one of them"
        )
        return (document,)
    group[stem] = document
    return ()


def name_differs(reader: Reader, word: str, stem: str, value: yaml.Scalar) -> None:
    """A file declares another name than its own; the mend is a name that files and systems may have."""
    declared = value.text[:60]
    if is_kebab(stem):
        hint = f"write `{word}: {stem}`" + (f", or rename the file to {declared}.yaml" if is_kebab(declared) else "")
        # With the file's name it is well spelled, too: one mend, one fault.
        reader.faults = [fault for fault in reader.faults if (fault.code, fault.mark) != ("bad-name", value.mark)]
    else:
        hint = f"rename the file{f' to {declared}.yaml' if is_kebab(declared) else ''}: names are kebab-case"
    reader.fault("name-differs", value.mark, word, f"the file is {stem}.yaml but declares `{declared}`", hint)


def is_kebab(name: str) -> bool:
    return re.fullmatch(KEBAB, name) is not None


def read_model(reader: Reader, file: str, raw: bytes, models: dict[str, Document]) -> None:
    """charter/models/<family>/<name>@<version>.yaml: a JSON Schema, named by its place."""
    name = file.removeprefix(MODELS).removesuffix(".yaml")
    if not file.endswith(".yaml") or name.count("/") != 1 or "@" not in name:
        reader.fault(
            "file-name", Mark(file, 1, 1), "", "a contract lies at charter/models/<family>/<name>@<version>.yaml"
        )
        return
    node = compose(reader, file, raw)
    if node is None:
        models[name] = Document(file, yaml.Mapping((), Mark(file, 1, 1)), None)
        return
    document = Document(file, node, yaml.plain(node))
    for problem in check_schema(document.content):
        reader.fault("contract-schema", document.mark(problem.path), problem.path, problem.message, problem.hint)
        document = Document(file, node, None)
    models[name] = document


def read_named_table(reader: Reader, file: str, raw: bytes, tables: dict[str, Table]) -> set[str]:
    """charter/tables/<name>.csv: a cross-reference table, named by its file. Gives its name where it has faults."""
    name = file.removeprefix(TABLES).removesuffix(".csv")
    if not file.endswith(".csv") or "/" in name:
        hint = "rename it, or move it elsewhere"
        reader.fault("file-name", Mark(file, 1, 1), "", "a table is a .csv file directly in charter/tables", hint)
        return set()
    if too_large(reader, file, raw):
        return {name}
    table, faults = read_table(raw, file)
    reader.faults.extend(faults)
    if table is None:
        return {name}
    tables[name] = table
    return set()


def closest(name: str, known: Iterable[str], what: str) -> str:
    """The mend for a name that does not exist."""
    names = sorted(known)
    alike = names
    if len(names) > COMPARED_MAX:
        alike = sorted(names, key=lambda each: (each[:1] != name[:1], abs(len(each) - len(name))))[:COMPARED_MAX]
    close = get_close_matches(name, alike, n=1, cutoff=0.5)
    if close:
        return f"did you mean `{close[0]}`?"
    return f"{what}: {', '.join(names[:12])}" if names else f"there are no {what} yet"

"""What every proof over a workspace needs: the kinds of its contracts, texts inferred in their scopes, and a place for
what is found.

A part that has a fault of its own already is passed over: it can be anything, and nothing is told of it twice.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from engine.contract.static.kind import ANYTHING, INTEGER, KNOWN, OBJECT, UNTOLD, Declared, Kind, Later, known
from engine.contract.static.of_schema import kind_of_schema
from engine.errors import Fault, Mark
from engine.language.errors import LanguageError, Problem
from engine.language.parser import parse
from engine.language.template_parser import parse_template
from engine.spec import shape
from engine.spec.proof.expression import Inference, Steps
from engine.spec.proof.functions import ANY_TEXT
from engine.spec.proof.template import Holes
from engine.spec.scopes import fault_in
from engine.spec.workspace import Workspace

FAULTS_MAX = 500
"""After as many the rest of a workspace is not examined: mend, and check again."""

parsed = lru_cache(maxsize=512)(parse)
"""Trees never change, and `currency` stands in every field of money."""

Variables = Mapping[str, Kind]
Text = shape.Expression | shape.Template


@dataclass(frozen=True, slots=True)
class Within:
    """Where a text stands: the kind of the current value, and those of `$name`, among them `root`."""

    current: Kind
    variables: Variables

    def item(self, kind: Kind) -> "Within":
        """Inside `each`: the item is current, what holds it `$parent`."""
        place = Kind(INTEGER)
        return Within(kind, {**self.variables, "parent": self.current, "index": place})


def scope(names: Variables) -> Within:
    """A closed scope: each name also as `$name`. A name that is not in it was told when names were resolved."""
    named = {name: known(kind) for name, kind in names.items()}
    root = Kind(OBJECT, members=Declared(named, frozenset(named), Later(lambda: ANYTHING), KNOWN))
    return Within(root, {**names, "root": root})


@dataclass(slots=True)
class Prover:
    """Gathers what is wrong in one workspace. Both by file and path: `told` holds the parts that have a fault already,
    `doubtful` those of which something could not be read. `made` is what the mapping in each sound file makes."""

    workspace: Workspace
    told: frozenset[tuple[str, str]]
    doubtful: frozenset[tuple[str, str]]
    faults: list[Fault] = field(default_factory=list)
    findings: list[Fault] = field(default_factory=list)
    kinds: dict[str, Kind] = field(default_factory=dict)
    made: dict[str, Kind] = field(default_factory=dict)
    columns: dict[tuple[object, ...], Kind] = field(default_factory=dict)
    steps: Steps = field(default_factory=Steps)

    def fault(self, code: str, mark: Mark, path: str, message: str, hint: str = "") -> None:
        self.faults.append(Fault(code, mark, path, message, hint))

    def finding(self, code: str, mark: Mark, path: str, message: str, hint: str = "") -> None:
        self.findings.append(Fault(code, mark, path, message, hint, "warning"))

    def contract(self, name: str) -> Kind:
        """What satisfies a contract; anything, where there is none of that name that can be read."""
        model = self.workspace.models.get(name) if name else None
        if model is None or model.content is None:
            return UNTOLD
        if name not in self.kinds:
            self.kinds[name] = kind_of_schema(name, model.content)
        return self.kinds[name]

    def topic(self, name: str) -> Kind:
        """What the bodies of a topic are; anything, where there is none of that name that can be read."""
        charter = self.workspace.charter
        topics = charter.partial.topics if charter is not None and charter.partial else {}
        return self.contract(topics[name].contract) if topics and name in topics else UNTOLD

    # ── texts ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def expression(self, text: shape.Expression | None, within: Within) -> Kind:
        """What an expression gives; anything, for one that was left out or has a fault."""
        if not text or (text.mark.file, text.path) in self.told or len(self.faults) >= FAULTS_MAX:
            return UNTOLD
        try:
            tree = parsed(text.text)
        except LanguageError:
            return UNTOLD
        inference = Inference(within.variables, self.steps)
        kind = inference.kind(tree, within.current)
        self.problems(text, inference.problems)
        return kind

    def template(self, text: shape.Template | None, within: Within) -> Kind:
        """A text with holes gives text."""
        if text and (text.mark.file, text.path) not in self.told and len(self.faults) < FAULTS_MAX:
            body, _, problems = parse_template(text.text)
            if not problems:
                inference = Inference(within.variables, self.steps)
                Holes(text.text, inference, within.current).body(body)
                self.problems(text, inference.problems)
        return ANY_TEXT

    def problems(self, text: Text, problems: Iterable[Problem]) -> None:
        self.faults += [
            fault_in(text, problem.offset, problem.code, problem.message, problem.hint)
            for problem in dict.fromkeys(problems)
        ]

    def fault_at(self, text: Text, code: str, message: str, hint: str) -> None:
        """A fault of a whole text."""
        self.faults.append(fault_in(text, begin(text), code, message, hint))


def begin(text: Text) -> int:
    """Where what is written begins in a text."""
    return len(text.text) - len(text.text.lstrip())

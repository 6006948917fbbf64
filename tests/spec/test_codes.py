"""The book of codes against the sources: no code without a page, no page without a code."""

import ast
import re
from collections.abc import Iterator

import pytest
from real import ROOT

from engine.language.errors import CODE_OF_KIND
from engine.spec import yaml
from engine.spec.codes import all_codes, explain

ENGINE = ROOT / "engine"
CHECKED_WHEN_READ = ("lexer.py", "parser.py", "scope.py", "template_parser.py")
"""Of the language, what says a code before anything runs; the rest names problems of single events."""
SOURCES = [
    path for path in sorted(ENGINE.rglob("*.py")) if "language" not in path.parts or path.name in CHECKED_WHEN_READ
]
MAKERS = {"Fault": 0, "fault": 0, "stop": 0, "finding": 0, "Problem": 1, "exists": 0, "Misfit": 0, "fault_at": 1}
"""What makes a fault, and which of its arguments is the code."""
CODE = re.compile(r"[a-z]+(-[a-z]+)*")


def codes_in(tree: ast.AST) -> Iterator[str]:
    """Every text that stands where a code stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            place = MAKERS.get(name)
            if place is not None and len(node.args) > place:
                yield from texts(node.args[place])
            for keyword in node.keywords:
                if keyword.arg == "code":
                    yield from texts(keyword.value)
        elif isinstance(node, ast.Assign):
            yield from assigned(node)
        elif isinstance(node, ast.FunctionDef):
            yield from defaults(node)
            if node.name == "syntax_fault":
                for inner in ast.walk(node):
                    if isinstance(inner, ast.Return) and isinstance(inner.value, ast.Tuple):
                        yield from texts(inner.value.elts[0])


def assigned(node: ast.Assign) -> Iterator[str]:
    """`code = "…"` and `message, code = …, "…"`."""
    for target in node.targets:
        if isinstance(target, ast.Name) and target.id == "code":
            yield from texts(node.value)
        elif isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
            for name, value in zip(target.elts, node.value.elts, strict=True):
                if isinstance(name, ast.Name) and name.id == "code":
                    yield from texts(value)


def defaults(node: ast.FunctionDef) -> Iterator[str]:
    """`def refuse(…, code: str = "…")`."""
    named = node.args.args[len(node.args.args) - len(node.args.defaults) :]
    for argument, value in zip(named, node.args.defaults, strict=True):
        if argument.arg == "code":
            yield from texts(value)


def texts(node: ast.AST) -> Iterator[str]:
    """The text of a constant, or of both sides of a condition; empty ones say `no code of its own`."""
    for inner in (node.body, node.orelse) if isinstance(node, ast.IfExp) else (node,):
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str) and inner.value:
            yield inner.value


def used_codes() -> set[str]:
    found = set(CODE_OF_KIND.values())
    for source in SOURCES:
        found |= {*codes_in(ast.parse(source.read_text()))}
    return found


def test_every_code_of_the_sources_is_explained_and_every_explanation_is_used() -> None:
    used = used_codes()
    assert used - {*all_codes()} == set(), "these codes have no page in engine/spec/codes"
    assert {*all_codes()} - used == set(), "these pages explain codes that nothing uses"
    assert len(used) > 80


def test_the_collector_sees_each_way_of_writing_a_code() -> None:
    source = """
def refuse(what, code="by-default"): ...
fault("by-fault", 1); self.stop("by-method"); Problem(0, "by-problem", ""); refuse("x", code="by-keyword")
message, code = "no-code: a text", "by-assignment"
ExpressionError("syntax", "message", code="" if x else "by-condition")
def syntax_fault(): return "by-return", 1
"""
    expected = {"default", "fault", "method", "problem", "keyword", "assignment", "condition", "return"}
    assert {*codes_in(ast.parse(source))} == {f"by-{word}" for word in expected}


@pytest.mark.parametrize("code", all_codes())
def test_an_explanation_says_what_why_and_how(code: str) -> None:
    page = explain(code)
    assert page is not None
    assert CODE.fullmatch(page.code)
    assert page.meaning.endswith(".")
    assert page.why.endswith(".")
    assert page.mend
    assert bool(page.before) >= bool(page.after)
    text = str(page)
    assert text.startswith(f"{code}\n\n")
    assert text.endswith("\n")
    assert page.before != page.after or not page.before
    assert all(len(line) <= 110 for line in text.splitlines())


@pytest.mark.parametrize("code", [code for code in all_codes() if explain(code).before])  # type: ignore[union-attr]
def test_examples_are_yaml_and_only_the_yaml_codes_show_broken_ones(code: str) -> None:
    page = explain(code)
    assert page is not None
    _, before = yaml.compose(page.before, "before.yaml")
    _, after = yaml.compose(page.after, "after.yaml")
    assert not after
    assert {fault.code for fault in before} == ({code} if code.startswith("yaml-") else set())


def test_a_code_that_nothing_has_is_not_explained() -> None:
    assert explain("no-such-code") is None
    assert explain("") is None

"""PARSER'S ERRORS → FAULTS: what is not YAML, in words for the person who wrote it.

The parser says what it expected (`<block end>`, a token); this file says what is probably wrong and what to write
instead. It refuses to guess further than the parser's own words lead.
"""

from typing import Any

from engine.errors import Mark

SyntaxFault = tuple[str, Mark, str, str]
"""Code, place, message, hint."""

_SAYINGS: tuple[tuple[str, str, str], ...] = (
    (
        "mapping values are not allowed",
        "a second `: ` on one line, or a value that is not indented under its key",
        "quote the text that holds `: `, or begin a new line",
    ),
    ("could not find expected ':'", "a key without `:`", "write `key: value`"),
    ("found undefined tag handle", "a tag that nothing defines", "leave the tag out"),
    (
        "found unknown escape character",
        "a backslash with a letter that means nothing",
        "use single quotes, or write `\\\\`",
    ),
    ("chr() arg not in range", "an escape that is no character", "write a code below 110000"),
    ("found unexpected end of stream", "a quote that is never closed", "close it"),
    ("unexpected document separator", "`---` or `...` inside quotes", "indent the line"),
    (
        "expected ',' or '}'",
        "a `{` that is not closed here, or a comma that is missing",
        "close it with `}`, or quote the text inside",
    ),
    (
        "expected ',' or ']'",
        "a `[` that is not closed here, or a comma that is missing",
        "close it with `]`, or quote the text inside",
    ),
    ("but found ']'", "a `]` that closes nothing", "take it out, or quote the text"),
    ("but found '}'", "a `}` that closes nothing", "take it out, or quote the text"),
    (
        "expected <block end>",
        "this line does not line up with those it belongs to",
        "give it the indentation of its neighbours",
    ),
    ("expected the node content", "a value is missing before this", "write it, or quote the text"),
    ("cannot start any token", "a character that a value cannot begin with", "quote the text"),
    (
        "sequence entries are not allowed",
        "a `- ` where no list can begin",
        "begin the list on a line of its own, or quote the text",
    ),
    ("mapping keys are not allowed", "a `? ` or a key where none can stand", "begin a new line, or quote the text"),
    (
        "special characters are not allowed",
        "a control character",
        "take it out, or write it as an escape in double quotes",
    ),
)


def syntax_fault(error: Exception, text: str, last: Mark) -> SyntaxFault:
    """The fault for whatever the parser raised; `last` is where its last event ended."""
    problem = str(getattr(error, "problem", None) or getattr(error, "reason", None) or error)
    mark = _mark(error, text, last)
    line = _line(text, mark.line)
    indentation = line[: len(line) - len(line.lstrip())]
    if "\t" in indentation or "'\\t'" in problem:
        return "yaml-tab", mark, "a tab where only spaces can indent", "indent with spaces"
    if line.startswith("%YAML"):
        return "yaml-version", mark, "this file asks for another YAML than 1.2", "leave out `%YAML`"
    for part, message, hint in _SAYINGS:
        if part in problem:
            return "yaml-syntax", mark, message, hint
    return "yaml-syntax", mark, "this cannot be read as YAML", "look at the quotes, brackets and indentation before it"


def _mark(error: Any, text: str, last: Mark) -> Mark:
    mark = getattr(error, "problem_mark", None)
    if mark is not None and mark.index >= len(text.rstrip()):
        # What is never closed is noticed at the end of the file; where it was opened is where to look.
        mark = getattr(error, "context_mark", None) or mark
    if mark is not None:
        return Mark(last.file, mark.line + 1, mark.column + 1)
    position = getattr(error, "position", None)
    if isinstance(position, int):
        return Mark(last.file, text.count("\n", 0, position) + 1, position - text.rfind("\n", 0, position))
    return last


def _line(text: str, number: int) -> str:
    start = 0
    for _ in range(number - 1):
        start = text.find("\n", start) + 1
        if not start:
            return ""
    return text[start : text.find("\n", start) if "\n" in text[start:] else None]

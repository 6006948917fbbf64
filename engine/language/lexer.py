"""Expression text → tokens, each with its place.

The tokens are JMESPath's, plus `$name`, `+` and `-`. A token knows whether spaces surround it, since `*` and `-` are
operators only with a space on both sides. Nothing here knows what may follow what; that is the parser's matter.
"""

import json
import re
from dataclasses import dataclass
from typing import Any, NoReturn

from engine.language.data import DEPTH_MAX
from engine.language.errors import ExpressionError
from engine.language.exact import NumberSizeError, json_number

TEXT_MAX = 4_096

_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
# Order matters: longer operators stand before their beginnings.
_TOKEN = re.compile(
    rf"""(?P<space>[ \t\n\r]+)
    |(?P<name>{_NAME})
    |(?P<variable>\${_NAME})
    |(?P<number>-?[0-9]+)
    |(?P<quoted>"(?:[^"\\]|\\.)*")
    |(?P<raw>'(?:[^'\\]|\\.)*')
    |(?P<literal>`(?:[^`\\]|\\.)*`)
    |(?P<operator>\[\?|\[\]|\|\||&&|==|!=|<=|>=|[][.*,:@(){{}}|&<>!+-])""",
    re.VERBOSE | re.DOTALL,
)
_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"|[][{}]', re.DOTALL)
_MENDS = {
    "=": "two values are compared with `==`",
    '"': 'a name opened with " is not closed',
    "'": "a text opened with ' is not closed",
    "`": "a literal opened with ` is not closed",
    "/": "there is no division; multiply by a literal such as `0.01`, or convert with `money`, `unit` or `decimal`",
    "%": "there is no remainder",
    "$": "a variable is written $name",
    "#": "quote the whole expression in YAML where it holds a #",
}


@dataclass(frozen=True, slots=True)
class Token:
    """`kind` is `name`, `quoted`, `variable`, `number`, `literal`, `raw`, `end`, or the operator's own text.

    `value` is the decoded content: a name without quotes, a literal's JSON value, a number's int. `start` and `end` are
    character offsets. `spaced`: white space stands on both sides.
    """

    kind: str
    value: Any
    start: int
    end: int
    spaced: bool = False


def tokens_of(text: str) -> list[Token]:
    """All tokens, the last one of kind `end`. Raises ExpressionError of kind `syntax` or `budget`."""
    if len(text) > TEXT_MAX:
        raise ExpressionError("budget", f"the expression has {len(text)} characters, more than {TEXT_MAX}", TEXT_MAX)
    tokens: list[Token] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            _refuse(text, position)
        kind, lexeme = match.lastgroup, match[0]
        assert kind is not None
        if kind != "space":
            tokens.append(_token(kind, lexeme, match.start(), match.end(), text))
        position = match.end()
    tokens.append(Token("end", "", len(text), len(text)))
    return tokens


def _token(kind: str, lexeme: str, start: int, end: int, text: str) -> Token:
    if kind == "operator":
        spaced = start > 0 and end < len(text) and text[start - 1].isspace() and text[end].isspace()
        return Token(lexeme, lexeme, start, end, spaced)
    if kind == "variable":
        return Token(kind, lexeme[1:], start, end)
    if kind == "number":
        return Token(kind, int(lexeme), start, end)
    if kind == "quoted":
        return Token(kind, _json(lexeme, start), start, end)
    if kind == "raw":
        return Token(kind, _without_surrogates(lexeme[1:-1].replace("\\'", "'"), start), start, end)
    if kind == "literal":
        return Token(kind, _json(lexeme[1:-1].replace("\\`", "`"), start), start, end)
    return Token(kind, lexeme, start, end)


def _json(text: str, start: int) -> object:
    """The JSON value of a literal, with exact numbers; bounded in depth, because the C decoder recurses."""
    depth = 0
    for match in _BRACKETS.finditer(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(match[0], 0)
        if depth > DEPTH_MAX:
            raise ExpressionError("budget", f"the literal is nested deeper than {DEPTH_MAX} levels", start)
    try:
        value = json.loads(
            text, parse_int=json_number, parse_float=json_number, parse_constant=_no_constant, object_pairs_hook=_object
        )
    except NumberSizeError as error:
        raise ExpressionError("syntax", str(error), start) from None
    except ValueError as error:
        hint = "a literal is JSON between backticks; a plain text stands in single quotes: 'paid'"
        raise ExpressionError("syntax", f"this is not JSON ({str(error).split(':')[0]})", start, hint) from None
    _without_surrogates(value, start)
    return value


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(pairs)
    if len(result) < len(pairs):
        raise ValueError("a key stands twice in one object")
    return result


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _without_surrogates(value: object, start: int) -> object:
    """Half a UTF-16 pair is no character: refused here, for it would fail when the text is encoded, far from here."""
    stack = [value]
    while stack:
        node = stack.pop()
        if isinstance(node, str):
            if any("\ud800" <= character <= "\udfff" for character in node):
                raise ExpressionError("syntax", "half of a surrogate pair is not a character", start)
        elif isinstance(node, dict):
            stack.extend([*node, *node.values()])
        elif isinstance(node, list):
            stack.extend(node)
    return value


def _refuse(text: str, position: int) -> NoReturn:
    character = text[position]
    raise ExpressionError(
        "syntax", f"unexpected {character!r}", position, _MENDS.get(character, "look for a missing quote before it")
    )

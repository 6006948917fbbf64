"""EXPRESSIONS → FUNCTIONS: JMESPath, templates, values with converters and mappings, each made from text once.

Everything here is pure and total: no clock, file or network, and whatever the text and the document, only exceptions
of the LanguageError family leave, and soon. Documents are plain dict, list, str, bool, None, int and Decimal.

Expressions
    lexer.py            text → tokens
    parser.py           tokens → tree; the mistakes newcomers make, each with its mend
    tree.py             the nodes
    generate/           trees → Python source → functions: expressions, templates, values and mappings
    expression.py       compile_expression and what it gives
    frame.py            what one evaluation carries, and its budget
    signature.py        how functions are declared and their arguments checked
    standard.py         the specification's 26 functions
    community.py        the Community's functions and ours
    functions.py        the table of them all
    scope.py            names and faults of an expression or a template, without running it
    places.py           which places of a document they read, without running them
Templates
    template_parser.py  Jinja's grammar, cut down → tree, or faults
    template_tree.py    the nodes
    templates.py        compile_template
Values and mappings
    values.py           the value grammar of the dialect, as types
    convert.py          converters in their order
    money.py units.py times.py
    tables.py           cross-reference tables, indexed
    lookups.py          converters that ask them
    mapping.py          compile_value and compile_mapping: all problems together
Below them
    data.py             JSON values: type, truth, equality, text, size
    exact.py            numbers
    errors.py           the family of errors, and Problem
"""

from engine.language.convert import Resources
from engine.language.errors import (
    ConversionError,
    ExpressionError,
    FieldProblem,
    LanguageError,
    MappingError,
    Problem,
    TemplateError,
)
from engine.language.expression import Expression, compile_expression
from engine.language.mapping import compile_mapping, compile_value
from engine.language.scope import Scope, check_expression, check_template, names_used, paths_used, variables_used
from engine.language.tables import Table, TextTable
from engine.language.templates import compile_template
from engine.language.values import UNSET, Each, Fields, FromExpression, Literal, Text, Value

__all__ = [
    "UNSET",
    "ConversionError",
    "Each",
    "Expression",
    "ExpressionError",
    "FieldProblem",
    "Fields",
    "FromExpression",
    "LanguageError",
    "Literal",
    "MappingError",
    "Problem",
    "Resources",
    "Scope",
    "Table",
    "TemplateError",
    "Text",
    "TextTable",
    "Value",
    "check_expression",
    "check_template",
    "compile_expression",
    "compile_mapping",
    "compile_template",
    "compile_value",
    "names_used",
    "paths_used",
    "variables_used",
]

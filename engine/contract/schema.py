"""SCHEMAS → CHECKS: message contracts in JSON Schema 2020-12, compiled once, checked fast, exact with numbers.

Two libraries, each where it is best: `jsonschema-rs` checks documents (a hundred times faster, and 19.99 is a multiple
of 0.01 to it), `jsonschema` checks schemas against the meta-schema, once, when a workspace is read. This file refuses
to compile what `check_schema` finds fault with, and never asks the network.
"""

from collections.abc import Iterator
from decimal import Decimal
from difflib import get_close_matches
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any

import jsonschema_rs

from engine.contract.dialect import (
    OPTIONS,
    SchemaProblem,
    dialect_problems,
    place,
    shape_problem,
    written_names,
)
from engine.contract.telling import Teller
from engine.contract.violations import Violation, sentence
from engine.errors import WaybillError

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError
    from jsonschema.protocols import Validator


class ContractError(WaybillError):
    """A schema that cannot be a contract was compiled; `check_schema` tells its problems before that."""

    def __init__(self, name: str, problems: tuple[SchemaProblem, ...]) -> None:
        super().__init__(f"{name} cannot be a contract: {'; '.join(map(str, problems))}")
        self.name = name
        self.problems = problems


class Contract:
    """A compiled message contract; made by `compile_contract`, safe to share between threads."""

    __slots__ = ("_is_valid", "_schema", "_teller", "_validator", "name")

    def __init__(self, name: str, schema: object, validator: jsonschema_rs.Validator) -> None:
        self.name = name
        self._schema = schema
        self._validator = validator
        self._is_valid = validator.is_valid
        self._teller: Teller | None = None

    def __repr__(self) -> str:
        return f"Contract({self.name!r})"

    def check(self, document: object, limit: int = 20) -> tuple[Violation, ...]:
        """The ways in which a JSON value breaks the contract, at most `limit`; empty when it holds.

        The value is plain data as `decode_body` gives it. One that is not JSON, or is nested too deep to be checked
        (255 levels), breaks the rule `json`.
        """
        try:
            if self._is_valid(document):
                return ()
            if self._teller is None:
                self._teller = Teller(self._schema, self._validator, written_names(self._schema))
            return tuple(islice(dict.fromkeys(self._teller.violations(document)), limit))
        except ValueError:  # from the checker's reading of the value, which its words may quote
            return (Violation("", "json", "cannot be checked: it is nested too deep or holds what JSON cannot"),)


def compile_contract(name: str, schema: object) -> Contract:
    """The contract `name` (`canonical/order@1`) of a JSON Schema given as plain data; raises ContractError."""
    problem = shape_problem(schema)
    problems = (problem,) if problem else dialect_problems(schema)
    if not problems:
        try:
            return Contract(name, schema, _validator(schema))
        except ValueError:  # slow and sure: the meta-schema says where
            problems = check_schema(schema)
    raise ContractError(name, problems)


def check_schema(schema: object) -> tuple[SchemaProblem, ...]:
    """Everything that keeps a schema from being a contract, sorted by place; empty exactly when it compiles."""
    problem = shape_problem(schema)
    if problem:
        return (problem,)
    problems = {*dialect_problems(schema), *_meta_problems(schema)}
    if not problems:
        try:
            _validator(schema)
        except ValueError as error:  # what neither sees, as a reference to an anchor that is not there
            return (SchemaProblem("", f"cannot be compiled: {str(error).splitlines()[0]}"),)
    return tuple(sorted(problems, key=lambda found: (found.path, found.message)))


def _validator(schema: Any) -> jsonschema_rs.Validator:
    return jsonschema_rs.Draft202012Validator(schema, **OPTIONS)


def _meta_problems(schema: object) -> Iterator[SchemaProblem]:
    for error in _meta_validator().iter_errors(_whole_numbers(schema)):
        exact = error
        while exact.context:  # `anyOf` hides the alternative that nearly fits: the deepest, then one of the right type
            exact = max(exact.context, key=lambda hidden: (len(hidden.absolute_path), hidden.validator != "type"))
        message = sentence(str(exact.validator), exact.validator_value)
        yield SchemaProblem(place(exact.absolute_path), message, _mend(exact))


def _mend(error: "ValidationError") -> str:
    """What to write instead of `int`, where a type or a whole schema stands."""
    written: object = error.instance
    words: Any = error.validator_value
    if not isinstance(written, str):
        return ""
    if error.validator == "enum":
        near = get_close_matches(written.lower(), words, n=1)
        return f"did you mean `{near[0]}`?" if near else ""
    return "such as {type: string}" if error.validator == "type" and "object" in words else ""


@cache
def _meta_validator() -> "Validator":
    from jsonschema import Draft202012Validator  # 150 ms of import, which runs that check no schema do without

    return Draft202012Validator(Draft202012Validator.META_SCHEMA)


def _whole_numbers(value: Any) -> Any:
    """The schema with 3.0 written as 3: JSON Schema calls both integers, `jsonschema` only the int."""
    if isinstance(value, dict):
        return {name: _whole_numbers(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_whole_numbers(item) for item in value]
    if isinstance(value, Decimal) and -400 <= value.adjusted() <= 400 and value == value.to_integral_value():
        return int(value)
    return value

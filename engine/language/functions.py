"""The table of all functions, and what can be said of a call without running it."""

from difflib import get_close_matches

from engine.language import tree
from engine.language.community import COMMUNITY, OURS
from engine.language.errors import ExpressionError
from engine.language.signature import Function
from engine.language.standard import STANDARD

FUNCTIONS: dict[str, Function] = {function.name: function for function in (*STANDARD, *COMMUNITY, *OURS)}


def fault_of(call: tree.Call) -> ExpressionError | None:
    """Why the call can never run: no such function, a wrong number of arguments, `&` misplaced or missing."""
    function = FUNCTIONS.get(call.name)
    if function is None:
        near = get_close_matches(call.name, FUNCTIONS, n=1)
        hint = f"did you mean {near[0]}()?" if near else f"there are: {', '.join(sorted(FUNCTIONS))}"
        return ExpressionError("unknown-function", f"there is no function {call.name}()", call.offset, hint)
    if wrong := function.wrong_arity(len(call.arguments)):
        return ExpressionError("invalid-arity", wrong, call.offset)
    for index, argument in enumerate(call.arguments):
        given, wanted = isinstance(argument, tree.Reference), function.parameter(index) == "expref"
        if given != wanted:
            found = "not an &expression" if given else "and the & is missing"
            return function.wrong_type(index, found, argument.offset)
    return None

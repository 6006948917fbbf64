"""What a story calls a message: `order 1`, `order 1 (state 2)`, `order 3 without body.note`.

A label is all that a scenario keeps of how a message came to be, so it is written and read here alone. Messages with
one label are one message delivered more than once; those that differ in their state alone tell of one thing. This
file refuses to hold anything of a message's contents.
"""

import re
from typing import Final

_STATE: Final = re.compile(r" \(state (\d+)\)$")
_NEAR: Final = re.compile(r" beside (\S+ \d+)")
_MADE: Final = re.compile(r"^(\S+ \d+) ((?:without|with) .+)$")


def label(noun: str, number: int, state: int = 0, made: str = "", beside: int | None = None) -> str:
    """The label of a thing's message; numbers begin at 0 and are told from 1. `beside`: its key differs from that
    thing's in one part alone."""
    told = f"{noun} {number + 1}" if beside is None else f"{noun} {number + 1} beside {noun} {beside + 1}"
    if made:
        return f"{told} {made}"
    return f"{told} (state {state + 1})" if state else told


def thing_of(text: str) -> str:
    """The thing that a label's message tells of."""
    return _STATE.sub("", text)


def state_of(text: str) -> int:
    """Which state of it, from 1."""
    found = _STATE.search(text)
    return int(found[1]) if found else 1


def made_of(text: str) -> str:
    """How the message was changed against its recording; empty where it was not."""
    found = _MADE.match(text)
    return found[2] if found else ""


def near_of(text: str) -> str:
    """The thing that differs from a label's in one part of its key alone; empty where there is none."""
    found = _NEAR.search(text)
    return found[1] if found else ""


def noun_of(contract: str) -> str:
    """The word of a contract for what it describes: `order` of `shopify/order@2024-10`."""
    return contract.rpartition("/")[2].partition("@")[0] or "message"

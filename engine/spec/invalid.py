"""What stands in a partial shape where something could not be read, so that everything around it is still checked.

A document with a fault is never compiled and never run; it is read on for one reason, to tell every other fault in the
same pass. This file refuses to say what was wrong: the reader has.
"""

from collections.abc import Iterator
from typing import Any


class Invalid:
    """A part that could not be read: it is false, has every attribute and every name, and holds nothing.

    So a check that walks over it finds nothing to say, and a reference into it counts as leading somewhere. None was
    tried for this: it already says that a key was left out, and many a check asks exactly that.
    """

    __slots__ = ()

    def __bool__(self) -> bool:
        return False

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __contains__(self, _name: object) -> bool:
        return True

    def __getitem__(self, _name: object) -> "Invalid":
        return self

    def __call__(self, *_arguments: object) -> "Invalid":
        return self

    def __getattr__(self, name: str) -> "Invalid":
        if name.startswith("__"):  # protocols, such as copying, must see that they are not spoken here
            raise AttributeError(name)
        return self

    def __repr__(self) -> str:
        return "INVALID"


INVALID: Any = Invalid()


class Misnamed(str):
    """A name that is not spelled as names of its kind are: what it names exists, what it refers to is not looked up."""

    __slots__ = ()

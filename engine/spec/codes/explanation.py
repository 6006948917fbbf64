"""What a code means, for a person who has just met it."""

from dataclasses import dataclass
from textwrap import indent, wrap

WIDTH = 100


@dataclass(frozen=True, slots=True)
class Explanation:
    """One code: what it says (`meaning`), what comes of leaving it (`why`), and how to mend it.

    `before` and `after` are a line or a few as they stand in a file; empty where an example would say nothing more.
    `str()` is the page that `waybill explain` prints.
    """

    code: str
    meaning: str
    why: str
    mend: str
    before: str = ""
    after: str = ""

    def __str__(self) -> str:
        parts = [self.code, paragraph(self.meaning)]
        parts += [f"{title}\n{paragraph(said)}" for title, said in (("Why", self.why), ("Mend", self.mend))]
        parts += [f"{title}\n{indent(text, '    ')}" for title, text in self.example() if text]
        return "\n\n".join(parts) + "\n"

    def example(self) -> tuple[tuple[str, str], ...]:
        return ("Instead of" if self.after else "For example", self.before), ("write", self.after)


def paragraph(said: str) -> str:
    return "\n".join(wrap(said, WIDTH, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False))

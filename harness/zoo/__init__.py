"""Integrations with one real defect each, and how each is mended: what `waybill prove` must find, and must let pass.

An animal is a folder: a workspace as an engineer would write it, over the files of `common/`, and `zoo.yaml`: it says
what is wrong, which property breaks at which step, where it was seen in the world, and by which texts it is mended. The
mended twin is not kept beside it: two copies grow apart, and a twin that differs in more than the mend shows nothing.
Both pass `check`, but for the findings that `zoo.yaml` names, and both hold their own examples: nobody noticed. This
file refuses to know how a defect is found.
"""

from functools import cache
from pathlib import Path

from msgspec import Struct, ValidationError, convert

from engine.errors import WaybillError
from engine.spec.yaml import compose, plain

ZOO = Path(__file__).parent
COMMON = ZOO / "common"
CARD = "zoo.yaml"


class Edit(Struct, frozen=True, forbid_unknown_fields=True):
    """A text of a file that stands there once, and what stands there in the twin."""

    file: str
    replace: str
    by: str


class Animal(Struct, frozen=True, forbid_unknown_fields=True):
    """One defect. `breaks` is the property as `waybill prove` calls it, `step` where it shows; `findings` are the codes
    by which `waybill check` tells of it already, `twin_findings` those that the twin has as well."""

    defect: str
    breaks: str
    step: str
    source: str
    mend: tuple[Edit, ...]
    findings: tuple[str, ...] = ()
    twin_findings: tuple[str, ...] = ()
    name: str = ""

    def files(self, *, mended: bool = False) -> dict[str, bytes]:
        """The workspace: path → content, the twin's where it is `mended`."""
        files: dict[str, bytes] = {}
        for folder in (COMMON, ZOO / self.name):
            files |= {
                path.relative_to(folder).as_posix(): path.read_bytes()
                for path in sorted(folder.rglob("*"))
                if path.is_file() and path.name != CARD
            }
        for edit in self.mend if mended else ():
            text = files[edit.file].decode()
            if text.count(edit.replace) != 1:
                raise WaybillError(
                    f"{self.name}: {edit.replace!r} stands {text.count(edit.replace)} times in {edit.file}"
                )
            files[edit.file] = text.replace(edit.replace, edit.by).encode()
        return files

    def lay(self, root: Path, *, mended: bool = False) -> Path:
        """Writes the workspace into a folder, which it gives back."""
        for name, content in self.files(mended=mended).items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return root


@cache
def animals() -> tuple[Animal, ...]:
    """All of them, by name."""
    return tuple(read(card) for card in sorted(ZOO.glob(f"*/{CARD}")))


def read(card: Path) -> Animal:
    """The animal that a card tells of."""
    node, faults = compose(card.read_bytes(), str(card))
    if node is None or faults:
        raise WaybillError("\n".join(map(str, faults)) or f"{card} is empty")
    try:
        return convert({**plain(node), "name": card.parent.name}, Animal)
    except ValidationError as error:
        raise WaybillError(f"{card}: {error}") from None

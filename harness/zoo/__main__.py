"""`python -m harness.zoo [ANIMAL DIR] [--mended]`: an animal, or its twin, as a workspace to look at and to prove."""

import argparse
import sys
from pathlib import Path

from harness.zoo import animals


def main(words: list[str] | None = None) -> int:
    """Lays one out in an empty folder; without a name, tells which there are."""
    by_name = {animal.name: animal for animal in animals()}
    parser = argparse.ArgumentParser(prog="python -m harness.zoo", description=__doc__)
    parser.add_argument("animal", nargs="?", choices=by_name, metavar="ANIMAL")
    parser.add_argument("folder", nargs="?", metavar="DIR")
    parser.add_argument("--mended", action="store_true", help="its twin")
    arguments = parser.parse_args(words)
    if arguments.animal is None:
        width = max(map(len, by_name))
        sys.stdout.write("".join(f"{name:{width}}  {animal.defect}\n" for name, animal in by_name.items()))
        return 0
    if arguments.folder is None:
        parser.error("say which folder")
    root = Path(arguments.folder)
    if root.exists() and any(root.iterdir()):
        parser.error(f"{root} is not empty")
    by_name[arguments.animal].lay(root, mended=arguments.mended)
    sys.stdout.write(f"now: waybill prove --workspace {root}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

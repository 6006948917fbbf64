"""`waybill store backup|restore|verify`: keep a copy, try whether it can be used, and know whether a store is whole."""

import argparse
from pathlib import Path

from engine.cli import FAILED, HELD
from engine.cli.formats import plural
from engine.cli.terminal import say
from engine.errors import StoreBroken, UserError
from engine.store import open as stores
from engine.store.open import store_address
from engine.store.verify import Verified

WORDS = {
    "event": ("event", "events"),
    "line": ("line of stories", "lines of stories"),
    "effect": ("effect", "effects"),
    "identity": ("identity", "identities"),
    "message": ("event of topics", "events of topics"),
    "plan": ("plan", "plans"),
}


def backup(arguments: argparse.Namespace) -> int:
    """Writes a verified copy of a store, beside a running engine."""
    target = Path(arguments.file)
    found = stores.backup(store_address(Path(arguments.workspace), arguments.store), target)
    say(f"wrote {target}: {counted(found)}; read again and whole")
    return tell_problems(found)


def restore(arguments: argparse.Namespace) -> int:
    """Puts a backup in the place of a store that is not there yet."""
    source = Path(arguments.file)
    if not source.is_file():
        raise UserError(f"there is no file {source}")
    address = store_address(Path(arguments.workspace), arguments.store)
    found = stores.restore(source, address)
    say(f"restored {source} to {address.shown}: {counted(found)}")
    return tell_problems(found)


def verify(arguments: argparse.Namespace) -> int:
    """Reads all of a store and says whether it is whole."""
    address = store_address(Path(arguments.workspace), arguments.store)
    if arguments.accept_loss:
        given_up = stores.accept_loss(address)
        taken = f"{plural(given_up, 'group')} of commits given up: {address.shown} is taken as it is"
        say(taken if given_up else "nothing is missing")
        return HELD
    try:
        found = stores.verify(address)
    except StoreBroken as broken:  # which is what was asked, and no fault of ours
        say(str(broken))
        return FAILED
    say(f"{address.shown}: {counted(found)}")
    if found.groups is not None:
        say(f"  {plural(found.groups, 'group')} of commits; {told_of_head(found.missing)}")
    return tell_problems(found)


def told_of_head(missing: int | None) -> str:
    if missing is None:
        return "there is no head beside it to compare with"
    return f"{plural(missing, 'group')} that came after, and was answered, is missing" if missing else "its head agrees"


def counted(found: Verified) -> str:
    there = [(found.rows[table], words) for table, words in WORDS.items() if table in found.rows]
    return ", ".join(f"{count} {one if count == 1 else many}" for count, (one, many) in there) or "nothing to count"


def tell_problems(found: Verified) -> int:
    for problem in (*(f"damaged: {text}" for text in found.damage), *found.problems):
        say(f"  {problem}")
    if found.missing:
        say(
            "  what was answered last is not in the store: restore a backup or the right file, or go on without it with"
            " `waybill store verify --accept-loss`"
        )
    return HELD if found.sound else FAILED

"""`waybill record`: traffic into a recording of Waybill, scrubbed before any of it reaches the disk.

From three places: recordings of others (HAR, VCR), an engine's store, or a proxy in front of a partner or of the
intake. What the workspace says itself stays readable; the key of the pseudonyms is the workspace's own.
"""

import argparse
import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

from msgspec.structs import replace

from engine.cli import HELD
from engine.cli.formats import plural
from engine.clock import SystemClock
from engine.errors import UserError
from engine.run.load import Loaded, load
from engine.store.open import reading, store_address
from harness.recordings.exchange import Exchange
from harness.recordings.key import workspace_key
from harness.recordings.proxy import Proxy, until_stopped
from harness.recordings.read import read_all
from harness.recordings.recorder import Recorder
from harness.recordings.said import said_by
from harness.recordings.scrub import Scrubber
from harness.replay.traffic import exchange_of, receiver, stored


def record(arguments: argparse.Namespace) -> int:
    """The command."""
    root = Path(arguments.workspace)
    loaded = load(root, arguments.environment)
    if arguments.system is not None and arguments.system not in loaded.workspace.systems:
        known = ", ".join(sorted(loaded.workspace.systems))
        raise UserError(f"there is no system `{arguments.system}` in {root}; known: {known}")
    if arguments.system is not None and not arguments.forward:
        raise UserError("--system says whom --forward leads to; give both")
    scrubber = Scrubber(workspace_key(root), said_by(loaded.workspace))
    exchanges = [] if arguments.forward else list(from_elsewhere(arguments, root, loaded))
    with Recorder(Path(arguments.file)) as recorder:
        if arguments.forward:
            proxied(arguments, recorder, scrubber)
        for one in exchanges:
            scrubber.look(one)
        for one in exchanges:
            if not recorder.write(scrubber.scrub(one)):
                raise UserError(
                    f"{recorder.path} is full with {plural(recorder.count, 'exchange')}; record less at once"
                )
        sys.stdout.write(f"recorded {plural(recorder.count, 'exchange')} in {recorder.path}, scrubbed\n")
        if not arguments.forward and not arguments.recordings:
            sys.stdout.write(
                "what came and how it ended; what partners answered no store keeps: --forward records that\n"
            )
    return HELD


def from_elsewhere(arguments: argparse.Namespace, root: Path, loaded: Loaded) -> Iterator[Exchange]:
    """The exchanges of other recordings, or of a store."""
    if arguments.recordings:
        for recording in read_all([Path(name) for name in arguments.recordings]):
            if recording.scrubbed:
                raise UserError(f"{recording.file} is a recording of Waybill and scrubbed already")
            yield from (received_by(loaded, one, recording.kind) for one in recording.exchanges)
        return
    address = store_address(root, None if arguments.stored == "" else arguments.stored)
    with reading(address) as database:
        sendings, passed = stored(loaded, database, arguments.limit, loaded.plans)
    if passed:
        sys.stderr.write(f"left out: {plural(passed, 'event')} whose bodies are gone or that nobody receives here\n")
    for number, sending in enumerate(sendings, 1):
        yield exchange_of(sending, loaded.plans[sending.integration].receive.path, number)


def received_by(loaded: Loaded, one: Exchange, kind: str) -> Exchange:
    """An exchange that says who received it, where it is an event: nothing else in a recording would."""
    if kind != "event":
        return one
    return replace(one, integration=receiver(loaded, one, kind, None, None))


def proxied(arguments: argparse.Namespace, recorder: Recorder, scrubber: Scrubber) -> None:
    proxy = Proxy(arguments.forward, recorder, scrubber, SystemClock(), arguments.system or "")

    def tell(port: int) -> None:
        sys.stdout.write(f"listening on http://{arguments.host}:{port}, which leads to {proxy.shown}; Ctrl-C ends it\n")
        sys.stdout.flush()

    asyncio.run(until_stopped(proxy, arguments.host, arguments.port, tell))
    if proxy.full:
        sys.stderr.write("the recording is full: what came last is not in it\n")
    if proxy.unwritten:
        raise UserError(f"{proxy.unwritten}; not all that went through is in the recording")

"""What a run stands on: the workspace's copy, its partners in one process, the engine in another, a store of its own.

Whatever happens, Ctrl-C included, everything that was started has ended and every folder is gone when the block is
left. Everything is bounded: processes have an end of life, should the conductor be killed itself before it could end
them. This file refuses to send, to watch and to judge.
"""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Final, Literal

import msgspec
from msgspec import Struct

from engine.cli import WORKERS
from engine.clock import SystemClock
from engine.errors import UserError
from engine.run.load import Loaded
from engine.store.open import SCHEMES, Address, store_address
from harness.load.stage.copied import refuse_private, variables, write_copy
from harness.load.stage.stores import own_store
from harness.made_secrets import make_secrets
from harness.processes import HOST, Engine, Process, python

STARTING_S: Final = 60.0
GRACE_S: Final = 20.0
ENGINE_GRACE_S: Final = 40.0
"""An engine that is told to stop lets what is under way end, for half a minute at most."""


class Options(Struct, frozen=True, kw_only=True):
    """How the processes of a run are started: as `waybill load` was called."""

    seed: int = 1
    environment: str = "local"
    store: str | None = None
    workers: int = WORKERS
    generators: int = 1
    latency: tuple[str, ...] = ()
    faults: str = ""
    recordings: tuple[Path, ...] = ()

    @property
    def database(self) -> Literal["sqlite", "postgresql"]:
        """Of the store: which of the two it is in."""
        return "postgresql" if (self.store or "").startswith(SCHEMES) else "sqlite"


class PartnersProcess(Process):
    """All partners of a run; their addresses are known once it runs."""

    def __init__(self, root: Path, systems: Sequence[str], options: Options, log: Path, life_s: float) -> None:
        self.urls: dict[str, str] = {}
        self.admin_url = ""
        words = [
            *python("-m", "harness.load.stage.partners", str(root.resolve()), *systems, "--seed", str(options.seed)),
            *("--faults", options.faults),
            *(word for latency in options.latency for word in ("--latency", latency)),
            *(word for path in options.recordings for word in ("--recordings", str(path.resolve()))),
        ]
        super().__init__("the partners", words, log, {}, life_s=life_s)

    def start_ready(self) -> None:
        """Starts them and waits for their ports. Raises UserError with their last words where they do not."""
        self.start(piped=True)
        told = msgspec.json.decode(self.read_line())
        self.urls = {name: f"http://{HOST}:{port}" for name, port in told["partners"].items()}
        self.admin_url = f"http://{HOST}:{told['admin_port']}"


class Stage:
    """One run's processes and folders. `up` gives it when it runs."""

    def __init__(self, folder: Path, root: Path, loaded: Loaded, options: Options, life_s: float) -> None:
        self.folder = folder
        self.life_s = life_s
        self.root = root
        self.loaded = loaded
        self.options = options
        self.workspace = folder / "workspace"
        self.secrets: dict[str, str] = {}
        """Those that were made up, by name; senders sign with them."""
        self.partners: PartnersProcess | None = None
        self.engine: Engine | None = None
        self.store: Address | None = None
        self.clock = SystemClock()

    @property
    def systems(self) -> list[str]:
        """The partners that are served: all that may be called and can be asked something."""
        return [name for name in sorted(self.loaded.called) if self.loaded.shape(name).operations]

    def prepare(self) -> None:
        """Makes secrets up; raises UserError where the workspace cannot be run here."""
        refuse_private(self.loaded)
        self.secrets = make_secrets(self.folder / "secrets", map(self.loaded.shape, self.loaded.workspace.systems))

    def start(self, store_url: str) -> None:
        """Both, the partners first: the engine asks for their addresses."""
        self.start_partners()
        self.start_engine(store_url)

    def start_partners(self) -> PartnersProcess:
        self.partners = PartnersProcess(
            self.root, self.systems, self.options, self.folder / "partners.log", self.life_s
        )
        self.partners.start_ready()
        return self.partners

    def start_engine(self, store_url: str) -> Engine:
        """The engine on the copy, its partners being those that run."""
        assert self.partners is not None
        urls = self.partners.urls
        write_copy(self.root, self.workspace, self.loaded, urls)
        said = {**variables(self.loaded, urls), "WAYBILL_SECRETS": str(self.folder / "secrets")}
        options = ["--environment", self.loaded.environment, "--store", store_url]
        options += ["--workers", str(self.options.workers)]
        self.store = store_address(self.workspace, store_url)
        self.engine = Engine(self.workspace, self.folder / "engine.log", said, options=options, life_s=self.life_s)
        self.engine.start_ready()
        return self.engine

    def end(self) -> None:
        """Ends what runs: an engine first, so that it misses no partner."""
        for process, grace_s in ((self.engine, ENGINE_GRACE_S), (self.partners, GRACE_S)):
            if process is not None:
                process.end(grace_s)

    def kill(self) -> None:
        for process in (self.engine, self.partners):
            if process is not None:
                process.kill()


def place_of(root: Path) -> Path:
    """Where the folders of runs lie: on the workspace's own disk, for many a /tmp is memory, where fsync is free; in
    its `.waybill`, which no version control has. Elsewhere only where nothing may be written there."""
    place = root.resolve() / ".waybill"
    try:
        place.mkdir(exist_ok=True)
        with tempfile.TemporaryFile(dir=place):
            return place
    except OSError:
        return Path(tempfile.gettempdir())


def remove(folder: Path) -> None:
    """With the `.waybill` around it, where that was made for it alone."""
    shutil.rmtree(folder, ignore_errors=True)
    if folder.parent.name == ".waybill":
        with suppress(OSError):
            folder.parent.rmdir()


@asynccontextmanager
async def up(root: Path, loaded: Loaded, options: Options, length_s: float) -> AsyncIterator[Stage]:
    """A stage that runs; `length_s` is what its run takes at most. Raises UserError."""
    with ExitStack() as cleared:
        folder = Path(tempfile.mkdtemp(prefix="load-", dir=place_of(root)))
        cleared.callback(remove, folder)
        stage = Stage(folder, root, loaded, options, length_s + STARTING_S + ENGINE_GRACE_S)
        stage.prepare()
        store_url = cleared.enter_context(own_store(folder, options.store))
        starting = asyncio.ensure_future(asyncio.to_thread(stage.start, store_url))
        try:
            await asyncio.shield(starting)
            yield stage
        finally:
            # A start that was interrupted goes on in its thread: it is waited for, lest what it starts stays behind.
            await asyncio.shield(asyncio.wait((starting,)))
            await asyncio.shield(asyncio.to_thread(stage.kill))


def ended(stage: Stage) -> UserError | None:
    """What to say where one of them ended by itself."""
    for process in (stage.engine, stage.partners):
        if process is not None and process.ended:
            return process.failed()
    return None

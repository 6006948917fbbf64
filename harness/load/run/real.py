"""ONE RUN: everything is started, the schedule is sent, the backlog drains, and what was left behind is measured.

The order matters: messages and schedule are made and written before anything is due; generators get a moment on a clock
that all processes share; the engine is ended before the partners are asked for their books, so that nothing moves any
more; the store is read last. Whatever happens, everything that was started has ended when this returns. This file
refuses to judge.
"""

import asyncio
import signal
from pathlib import Path
from typing import Final

import aiohttp
from msgspec.structs import replace

from engine.store.database import Database
from engine.store.open import reading
from harness.load.measure.joined import measure
from harness.load.measure.ran import Ran, ask_partners
from harness.load.measure.trust import invalid_because
from harness.load.measure.watch import Watch
from harness.load.measure.work import calls_of, declared, of_run
from harness.load.model import SECOND_US, Measures
from harness.load.numbers import whole
from harness.load.run.conductor import Conductor
from harness.load.run.plan import Plan
from harness.load.run.sending import ANSWER_S, LEAD_S, MAKING_PER_S, Feed, generating
from harness.load.send.arrivals import spans
from harness.load.send.facts import Facts, generator_of
from harness.load.stage.built import ENGINE_GRACE_S, up
from harness.load.tell.files import write_events
from harness.load.tell.view import View
from harness.processes import HOST

UNFINISHED_MAX: Final = 0.1
"""Where more was left undone, the calls of a message are not known from the whole run."""
ASK_S: Final = 30.0


def run_profile(plan: Plan, view: View, out: Path | None = None) -> Measures:
    """Runs a profile, and gives what was measured; `out` gets the events. Raises UserError, and KeyboardInterrupt where
    it was told to stop: by Ctrl-C, SIGTERM or SIGHUP, once everything has ended."""
    return asyncio.run(interruptible(plan, view, out))


async def interruptible(plan: Plan, view: View, out: Path | None) -> Measures:
    """A signal to stop is taken once, so that ending what was started is not interrupted itself."""
    loop = asyncio.get_running_loop()
    running = asyncio.ensure_future(conduct(plan, view, out))
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, lambda: running.cancel() if not running.cancelling() else None)
    try:
        return await running
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.remove_signal_handler(number)


async def conduct(plan: Plan, view: View, out: Path | None) -> Measures:
    profile, options = plan.profile, plan.options
    making_s = profile.due / MAKING_PER_S
    length_s = making_s + LEAD_S + profile.length_s + ANSWER_S + profile.drain_s
    named = plan.what or profile.name
    view.say(f"{named}: starting the partners and the engine")
    async with up(plan.root, plan.loaded, options, length_s) as stage:
        feed = Feed(stage.folder, plan)
        view.say(f"{named}: making about {whole(profile.due)} messages")
        await asyncio.to_thread(feed.write, stage.secrets)
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ASK_S)) as session:
            async with generating(stage, feed, options.generators) as generators:
                assert stage.engine is not None
                watch = Watch(
                    session,
                    f"http://{HOST}:{stage.engine.admin_port}/metrics",
                    stage.engine.pid,
                    [generator.pid for generator in generators.processes],
                )
                began_us = feed.clock.now() + round((generators.begin_s - feed.clock.monotonic()) * SECOND_US)
                await Conductor(plan, view, stage, generators, watch).watch()
                facts = await generators.ended()
            ended_us = feed.clock.now()
            await asyncio.to_thread(stage.engine.end, ENGINE_GRACE_S)
            assert stage.partners is not None
            partners = await ask_partners(session, stage.partners.admin_url, stage.systems, began_us)
        ran = Ran(
            began_us=began_us,
            ended_us=ended_us,
            phases=spans(profile),
            messages=feed.told,
            sent=feed.sent(),
            rows=watch.rows,
            partners=partners,
            processes=options.generators,
        )
        assert stage.store is not None
        with reading(stage.store) as database:
            measures = completed(plan, ran, measure(plan.loaded, ran, database), facts, database)
            if out is not None:
                write_events(out, database)
        return measures


def completed(plan: Plan, ran: Ran, measures: Measures, facts: Facts, database: Database) -> Measures:
    """With what the generators say of themselves, and what was taken of everything."""
    generator = generator_of(facts, measures.generator)
    reasons = invalid_because(generator, measures.offered)
    warm_up = next((phase for phase in ran.phases if not phase.counted), None)
    idle_ms = {}
    if warm_up is not None:
        span = (ran.began_us + round(at_s * SECOND_US) for at_s in (warm_up.begin_s, warm_up.end_s))
        idle_ms = {gate: mean_ms for gate, (_, mean_ms) in calls_of(database, *span).items()}
    work = of_run(
        database,
        ran,
        measures,
        declared(plan.loaded, plan.options.workers),
        whole=measures.books.unfinished <= UNFINISHED_MAX * measures.events,
        idle_ms=idle_ms,
        store=plan.options.database,
    )
    return replace(measures, generator=replace(generator, held=not reasons, reasons=reasons), work=work)

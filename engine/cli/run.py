"""`waybill run`."""

import argparse
from pathlib import Path

from engine.cli import HELD


def run(arguments: argparse.Namespace) -> int:
    """Runs the engine until it is told to stop."""
    from engine.run.app import Settings, run_engine

    run_engine(
        Settings(
            root=Path(arguments.workspace),
            environment=arguments.environment,
            store=arguments.store,
            host=arguments.host,
            port=arguments.port,
            admin_port=arguments.admin_port,
            workers=arguments.workers,
        )
    )
    return HELD

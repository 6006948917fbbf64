"""One scenario in a process of its own, under another hash seed: its trace, and nothing else.

Started by `waybill prove` for whatever it reports: a run that hangs on the order of a set comes out the same twice in
one process, and otherwise in the next. A case comes in on standard input, the hash of its run's trace goes out.
"""

import os
import subprocess
import sys
from pathlib import Path

from harness.prove.cases import Case, case_of, written

TIMEOUT_S = 120.0
OTHER_SEED = "4711"


def trace_elsewhere(root: Path, environment: str, case: Case) -> str:
    """The hash of the trace that this case's run has in another process; what that wrote where it failed."""
    seed = OTHER_SEED if os.environ.get("PYTHONHASHSEED") != OTHER_SEED else "0"
    ended = subprocess.run(  # noqa: S603 — ourselves
        [sys.executable, "-m", "harness.prove.again", str(root.resolve()), environment],
        input=written(case, {}),
        capture_output=True,
        env={**os.environ, "PYTHONHASHSEED": seed},
        timeout=TIMEOUT_S,
        check=False,
    )
    return (ended.stdout if ended.returncode == 0 else ended.stderr).decode(errors="replace").strip()


def main() -> int:
    from engine.contract.body import decode_body
    from engine.run.load import load
    from harness.prove.promises import reach
    from harness.simulation.scenario import simulate

    root, environment = Path(sys.argv[1]), sys.argv[2]
    case = case_of(root, decode_body(sys.stdin.buffer.read()))
    told = {sending.integration for sending in case.scenario.sendings}
    sys.stdout.write(simulate(reach(load(root, environment), told), case.scenario).trace)
    return 0


if __name__ == "__main__":
    sys.exit(main())

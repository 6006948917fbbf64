"""What is to be run, as it was asked for, and the messages of it: of a real run, and of one in virtual time alike."""

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from engine.run.load import Loaded
from harness.load.send.messages import Messages
from harness.load.send.profile import Profile
from harness.load.stage.built import Options
from harness.recordings.exchange import Recording


class Plan(Struct, frozen=True):
    """What is run: `specs` are those that may be sent to, `what` names the run where there are several."""

    root: Path
    loaded: Loaded
    profile: Profile
    specs: tuple[str, ...]
    options: Options
    recordings: tuple[Recording, ...] = ()
    what: str = ""


def messages_of(plan: Plan, secrets: Mapping[str, str]) -> Messages:
    """The messages of a run, signed with these secrets."""
    profile = plan.profile
    return Messages(
        plan.loaded,
        plan.specs,
        plan.recordings,
        plan.options.seed,
        secrets,
        root=plan.root,
        mix=profile.mix,
        repeat=profile.repeat,
        hot=profile.hot,
    )

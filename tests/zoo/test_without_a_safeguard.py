"""Without any one of its safeguards the engine breaks a promise, and a property says which."""

from pathlib import Path

import pytest
from zoo.menagerie import broken

from engine.run.load import Loaded, load
from harness.prove.attacks import reference_of
from harness.prove.invariants import PROPERTIES, violations
from harness.prove.news import Sample, Teller, document_of, inbound_of
from harness.prove.promises import promises_of
from harness.prove.sides import Trial
from harness.simulation.scenario import Run, Scenario, simulate
from harness.trial import read_event
from harness.zoo import animals
from harness.zoo.safeguards import SAFEGUARDS, Day, Safeguard

BY_NAME = {animal.name: animal for animal in animals()}


def named(safeguard: Safeguard) -> str:
    return safeguard.name


def twin(safeguard: Safeguard, tmp_path: Path) -> Path:
    return BY_NAME[safeguard.animal].lay(tmp_path, mended=True)


@pytest.mark.slow
@pytest.mark.parametrize("safeguard", [each for each in SAFEGUARDS if each.day is None], ids=named)
def test_prove_misses_it(safeguard: Safeguard, tmp_path: Path) -> None:
    root = twin(safeguard, tmp_path)  # in which nothing breaks while it is there: test_twins_pass.py
    with safeguard.removed():
        assert safeguard.breaks in {name for name, _ in broken(root)}


@pytest.mark.parametrize("safeguard", [each for each in SAFEGUARDS if each.day is not None], ids=named)
def test_a_day_of_its_own_misses_it(safeguard: Safeguard, tmp_path: Path) -> None:
    root = twin(safeguard, tmp_path)
    loaded = load(root, "local")
    assert safeguard.day is not None
    scenario = day_of(root, loaded, safeguard.day)
    reference = simulate(loaded, reference_of(scenario))

    def breaks(run: Run) -> set[str]:
        trial = Trial(promises_of(loaded), loaded.plans, scenario, run, reference)
        return {violation.breaks for violation in violations(trial)}

    with safeguard.kept():
        assert breaks(simulate(loaded, scenario)) == set()
    with safeguard.removed():
        assert breaks(simulate(loaded, scenario)) == {safeguard.breaks}


def day_of(root: Path, loaded: Loaded, day: Day) -> Scenario:
    """The day of a workspace of one integration, told by its first recording."""
    (integration,) = loaded.plans
    recording = loaded.workspace.integrations[integration].content.examples[0].events[0]
    document = document_of(read_event(root / recording, raw=False))
    again = Teller(loaded, integration).announced_again(Sample(recording, document), document)
    assert again is not None
    return day(integration, inbound_of(document), inbound_of(again))


@pytest.mark.parametrize("safeguard", SAFEGUARDS, ids=named)
def test_it_is_away_for_as_long_as_it_is_asked_to_be(safeguard: Safeguard) -> None:
    places = (*safeguard.places, *safeguard.trouble)
    before = [getattr(owner, attribute) for owner, attribute, _ in places]
    with pytest.raises(KeyError), safeguard.removed():
        assert all(
            getattr(owner, attribute) is not was for (owner, attribute, _), was in zip(places, before, strict=True)
        )
        raise KeyError
    assert [getattr(owner, attribute) for owner, attribute, _ in places] == before


def test_each_names_a_property_and_an_animal_that_are() -> None:
    assert {safeguard.breaks for safeguard in SAFEGUARDS} <= set(PROPERTIES)
    assert {safeguard.animal for safeguard in SAFEGUARDS} <= set(BY_NAME)

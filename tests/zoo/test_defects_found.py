"""`waybill prove --profile quick` finds every defect of the zoo, at the step where it is."""

from pathlib import Path

import pytest
from zoo.menagerie import broken

from harness.zoo import Animal, animals

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("animal", animals(), ids=lambda animal: animal.name)
def test_found_at_its_step(animal: Animal, tmp_path: Path) -> None:
    found = broken(animal.lay(tmp_path))
    assert (animal.breaks, animal.step) in found
    assert {step for _, step in found} == {animal.step}

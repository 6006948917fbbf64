"""`waybill prove --profile quick` has nothing to say of a twin: what it finds is the defect, and not the animal."""

from pathlib import Path

import pytest
from zoo.menagerie import violations

from harness.zoo import Animal, animals

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("animal", animals(), ids=lambda animal: animal.name)
def test_passed(animal: Animal, tmp_path: Path) -> None:
    assert list(violations(animal.lay(tmp_path, mended=True))) == []

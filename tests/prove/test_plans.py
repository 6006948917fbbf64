"""What is drawn: things of several recordings, none of which is taken for another one."""

from real import ROOT

from engine.run.load import load
from harness.prove.news import Sample
from harness.prove.promises import reach
from harness.prove.study import Study
from harness.simulation.scenario import simulate


def test_a_recording_numbered_on_is_not_told_beside_the_one_that_it_comes_to_tell_of() -> None:
    study = Study(ROOT, reach(load(ROOT, "local"), ["refund-requests"]), "refund-requests", simulate)
    first, other = (
        next(each for each in study.samples if each.source.endswith(f"refund-{name}.json"))
        for name in ("mollie", "paypal")
    )
    study.learn(first)
    next_one = study.teller.as_thing(first, 1, wide=True)
    assert next_one is not None
    assert study.onces(next_one) == study.onces(other.document)
    whose: dict[str, Sample] = {}
    assert study.its_own(first, first.document, whose)
    assert study.its_own(first, next_one, whose)
    assert study.its_own(first, next_one, whose)
    assert not study.its_own(other, other.document, whose)

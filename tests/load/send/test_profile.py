"""Profiles as they are run: from a workspace's file, scaled, and from the shape of recorded traffic."""

import pytest
from real import ROOT

from engine.errors import UserError
from engine.run.load import load
from harness.load.send.profile import Phase, Piece, Profile, from_recording, profile_of, scaled, steady
from harness.recordings.exchange import Exchange

SECOND = 1_000_000


def recorded(*moments_ms: int | None) -> list[Exchange]:
    return [
        Exchange("a.har", number, "POST", "", "/", at=None if moment is None else 10**15 + moment * 1000)
        for number, moment in enumerate(moments_ms)
    ]


def test_the_flash_sale_of_the_reference_workspace() -> None:
    workspace = load(ROOT, "local").workspace
    assert {*workspace.profiles} == {"flash-sale", "steps", "soak", "redelivery-storm"}
    found = profile_of(workspace.profiles["flash-sale"].content)
    assert [phase.name for phase in found.phases] == ["warm-up", "quiet", "rush", "burst", "tail"]
    assert [phase.warm_up for phase in found.phases] == [True, False, False, False, False]
    assert found.phases[2].pieces == (Piece(5 * SECOND, 10.0, 60.0),)
    assert (found.repeat, found.hot, found.again) == (0.1, 0.05, 0.02)
    assert found.length_s + found.drain_s < 100


@pytest.mark.parametrize("name", ["flash-sale", "steps", "soak", "redelivery-storm"])
def test_every_profile_of_the_reference_workspace_can_be_run(name: str) -> None:
    found = profile_of(load(ROOT, "local").workspace.profiles[name].content)
    assert found.due > 0
    assert found.peak_per_s >= max(piece.end for phase in found.phases for piece in phase.pieces)


def test_what_an_outage_holds_back_counts_to_the_peak() -> None:
    found = profile_of(load(ROOT, "local").workspace.profiles["redelivery-storm"].content)
    assert found.peak_per_s == pytest.approx((20 + 10 * 20 / 5) * 1.1)


def test_scaled_has_times_the_rates_and_another_length() -> None:
    profile = Profile(
        name="p", phases=(Phase("a", (Piece(SECOND, 1, 3),), warm_up=True), Phase("b", (Piece(3 * SECOND, 3, 3),)))
    )
    found = scaled(profile, times=2.5, over_s=8)
    assert found.phases[0] == Phase("a", (Piece(2 * SECOND, 2.5, 7.5),), warm_up=True)
    assert found.phases[1].pieces == (Piece(6 * SECOND, 7.5, 7.5),)
    assert scaled(profile) == profile


def test_a_recording_gives_its_counts_second_by_second() -> None:
    found = from_recording(recorded(0, 999, 1000, 3000, 3500, 4000, 4999), times=4)
    assert found.phases[0].pieces == (
        Piece(SECOND, 8, 8),
        Piece(SECOND, 4, 4),
        Piece(SECOND, 0, 0),
        Piece(2 * SECOND, 8, 8),
    )
    assert found.due == 7 * 4


def test_the_order_in_a_recording_does_not_matter() -> None:
    moments = (3500, 0, 4000, 999)
    assert from_recording(recorded(*moments)) == from_recording(recorded(*sorted(moments)))


@pytest.mark.parametrize(
    ("moments", "says"), [((None, None), "says of no message"), ((0, 10**9), "goes over 277 hours")]
)
def test_a_recording_without_a_shape_is_told(moments: tuple[int | None, ...], says: str) -> None:
    with pytest.raises(UserError, match=says):
        from_recording(recorded(*moments))


def test_a_steady_rate_warms_up_first() -> None:
    found = steady("probe", 50.0, 10, warm_up_s=2)
    assert [(phase.name, phase.warm_up, phase.due) for phase in found.phases] == [
        ("warm-up", True, 100.0),
        ("steady", False, 500.0),
    ]
    assert [phase.name for phase in steady("probe", 50.0, 10).phases] == ["steady"]

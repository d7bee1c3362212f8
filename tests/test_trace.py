from __future__ import annotations

import numpy as np
import pytest

from actionpose.bank import MatchSettings, TemplateBank
from actionpose.features import FEATURES, Feature, FeatureFrame, FeatureSettings
from actionpose.matching import StreamMatcher
from actionpose.pose import FloatArray
from actionpose.template import Template
from actionpose.trace import Trace, compare_whole, compute_trace, join_frames
from tests.synthetic import ACTIONS, Move, perform
from tests.test_matching import hide, make_bank, make_frames


def trace_of(bank, frames: list[FeatureFrame]) -> tuple[Trace, list[FloatArray]]:
    features = bank.settings.features
    tracks, _ = join_frames(frames, max_missing=features.rate_hz * features.max_gap_s)
    return compute_trace(bank, tracks), tracks


def matches_of(bank, frames: list[FeatureFrame]) -> list[tuple[int, int, float, int]]:
    """Frame, template, distance and start of everything the matcher finds; frames counted where something was seen."""
    matcher, found, offset = StreamMatcher(bank), [], 0
    n_seen = 0
    for frame in frames:
        before = matcher.n_frames
        matches = matcher.update(frame)
        if matcher.n_frames < before or frame.restarts:
            offset = n_seen
        if matcher.n_frames:
            n_seen = offset + matcher.n_frames
        found += [(n_seen - 1, m.template, m.distance, offset + m.start_frame) for m in matches]
    return found


@pytest.mark.parametrize("is_long", [False, True])
@pytest.mark.parametrize("feature", FEATURES)
@pytest.mark.parametrize("hole", ["none", "a feature", "a moment", "a second", "flicker"])
def test_trace_equals_the_matcher(feature: Feature, hole: str, is_long: bool) -> None:
    takes = [Template.from_sequence(label, perform(label, duration=2.5)) for label in ACTIONS]
    bank = (
        TemplateBank(takes, MatchSettings(features=FeatureSettings(feature=feature)))
        if is_long
        else make_bank(feature=feature)
    )
    assert (bank.is_long == is_long).all()
    frames = make_frames(bank)
    if hole == "a feature":
        frames[30:34] = [hide(frame, [0, 3]) for frame in frames[30:34]]
    elif hole == "flicker":
        lost = np.random.default_rng(0).random((len(frames), len(frames[0].vector))) < 0.2
        lost[50:75, 1] = True  # for longer than what is missing is remembered
        lost[80:84] = True
        frames = [hide(frame, np.flatnonzero(at).tolist()) for frame, at in zip(frames, lost, strict=True)]
    elif hole != "none":
        n = 5 if hole == "a moment" else 30
        frames[40 : 40 + n] = [hide(frame, travel=True) for frame in frames[40 : 40 + n]]
    trace, tracks = trace_of(bank, frames)
    assert len(tracks) == (2 if hole == "a second" else 1)
    found = matches_of(bank, frames)
    assert len(found) == np.isfinite(trace.distance).sum() > 100
    for frame, template, distance, start in found:
        assert trace.distance[frame, template] == pytest.approx(distance, rel=1e-5)
        assert trace.start[frame, template] == start


def test_stretches_do_not_touch_each_other() -> None:
    bank = make_bank()
    _, [track] = trace_of(bank, make_frames(bank))
    together = compute_trace(bank, [track[:50], track[50:80], track])
    assert together.bounds.tolist() == [0, 50, 80, 80 + len(track)]
    for part, begin in ((track[:50], 0), (track[50:80], 50), (track, 80)):
        alone = compute_trace(bank, [part])
        rows = slice(begin, begin + len(part))
        np.testing.assert_allclose(together.distance[rows], alone.distance, rtol=1e-5)
        finite = np.isfinite(alone.distance)
        np.testing.assert_array_equal(together.start[rows][finite], alone.start[finite] + begin)
    np.testing.assert_array_equal(together.nearest()[2], together.distance[80:].min(axis=0))


def test_nothing_gives_an_empty_trace() -> None:
    bank = make_bank()
    assert join_frames([], max_missing=10) == ([], [])
    assert compute_trace(bank, []).distance.shape == (0, 4)


@pytest.mark.parametrize("feature", FEATURES)
@pytest.mark.parametrize("label", ACTIONS)
def test_a_whole_clip_is_nearest_to_its_own_action_at_any_speed(feature: Feature, label: str) -> None:
    bank = make_bank(feature=feature)
    for duration in (0.5, 1.3, 6.0):
        distance = compare_whole(bank, perform(label, duration=duration, seed=7))
        assert ACTIONS[int(distance.argmin())] == label


def test_a_whole_clip_is_at_no_distance_from_itself() -> None:
    bank = make_bank()
    for i, template in enumerate(bank.templates):
        assert compare_whole(bank, template.sequence)[i] == pytest.approx(0.0, abs=2e-3)


def test_a_run_of_matches_begins_where_the_action_does() -> None:
    bank = make_bank()
    trace, _ = trace_of(bank, make_frames(bank, [Move("raise", 0.5, 2.1)], seconds=2.6))
    end, template = np.unravel_index(trace.distance.argmin(), trace.distance.shape)
    assert ACTIONS[int(template)] == "raise"
    assert trace.start[end, template] / 30 == pytest.approx(0.5, abs=0.35)
    assert end / 30 == pytest.approx(2.1, abs=0.25)

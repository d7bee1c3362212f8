"""How near is near enough: a rejection threshold for every template."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

import numpy as np

from actionpose.bank import TemplateBank
from actionpose.dtw import IntArray, dtw_distances
from actionpose.features import FeatureFrame, FeatureStream, replay
from actionpose.matching import WindowMatcher
from actionpose.pose import FloatArray, PoseSequence
from actionpose.trace import compute_trace, join_frames

__all__ = ["calibrate_thresholds", "calibrate_window_thresholds", "collect_tracks", "replay_template"]

_FACTOR, _FLATTENING = 1.1, 0.15
_NEGATIVE_PERCENTILE = 10.0
_LONG_S, _LONGER_S = 2.0, 3.0
_LONG_MARGIN = 0.3  # hands .972 instead of .936, UTKinect without a background .674 instead of .586
_MOST_OTHERS, _NEAR_MOST = 0.75, 2.5  # a template nearer than this to so many of the others comes near everything
_ENOUGH_OTHERS = 5
_MAX_NEGATIVE = 9.0
_FARTHEST = 1.0  # a lone template has no other to be told from
_MAX_EXAMPLES = 120  # templates whose distances are measured; more add time and no precision
_BACKGROUND_MARGIN = 0.95
_BACKGROUND_FLOOR, _BACKGROUND_CEILING = 0.5, 1.45
_BACKGROUND_MOVING_S = 20.0  # of movement, to be sure that nothing else will come near
_WINDOW_FACTOR = 0.8
_MAX_COSTS = 1 << 23  # numbers held at once while templates are compared with a window: 64 MiB


def calibrate_thresholds(
    bank: TemplateBank, *, background: Sequence[PoseSequence] = (), sensitivity: float = 1.0
) -> FloatArray:
    """Rejection thresholds for `StreamMatcher`.

    The negatives are the templates of the other labels, as recorded and reversed in time. A threshold is
    ``1.1 n ^ 0.15`` with n the 10th percentile of the distances to them, averaged (geometrically) within a label:
    nearly constant on purpose, since few negatives are a noisy guide. Templates of more than two seconds, whose
    performances differ more, get up to 30 % above that, unless they come near most of the other actions. A background
    recording moves it: below what comes closer than that, but not below half; above it where nothing does, by 45 % at
    most and in proportion to how long the body moved, up to 20 s.

    Parameters
    ----------
    bank : TemplateBank
        The N templates.
    background : sequence of PoseSequence
        Recordings in which none of the actions is performed.
    sensitivity : float
        Factor on every threshold: above 1 misses less, below 1 fires less.

    Returns
    -------
    array (N,)
    """
    distances, labels = _negative_distances(bank)
    thresholds = _of_labels(bank, _FACTOR * np.nanpercentile(distances, _NEGATIVE_PERCENTILE, axis=0) ** _FLATTENING)
    most = thresholds * _of_labels(bank, _room(bank, distances, labels))
    tracks = collect_tracks(bank, background)
    if tracks:
        evidence = min(1.0, sum(_moving_s(bank, track) for track in tracks) / _BACKGROUND_MOVING_S)
        most = np.maximum(most, thresholds * (1.0 + evidence * (_BACKGROUND_CEILING - 1.0)))
    nearest = compute_trace(bank, tracks).nearest() if tracks else ()
    return _below_background(nearest, least=_BACKGROUND_FLOOR * thresholds, most=most) * sensitivity


def calibrate_window_thresholds(
    bank: TemplateBank,
    *,
    background: Sequence[PoseSequence] = (),
    window_frames: int = 50,
    sensitivity: float = 1.0,
) -> FloatArray:
    """Rejection thresholds for `WindowMatcher`, array (N,): a share of the distance to other actions and to stillness.

    Parameters are those of `calibrate_thresholds`.
    """
    labels = np.array([template.label for template in bank.templates])
    distances = np.stack([_window_distances(bank, track) for track in bank.timed_tracks])
    others = np.where(labels[:, None] != labels[None, :], distances, np.inf)
    still = [_window_distances(bank, np.repeat(track[:1], window_frames, axis=0)) for track in bank.timed_tracks]
    nearest_other = np.percentile(others, _NEGATIVE_PERCENTILE, axis=0, method="lower")
    thresholds = _WINDOW_FACTOR * np.minimum(nearest_other, np.min(still, axis=0))
    matcher = WindowMatcher(bank, window_frames=window_frames)
    nearest = [_nearest_windows(matcher, _stream(bank, sequence)) for sequence in background]
    return _below_background(nearest, least=_BACKGROUND_FLOOR * thresholds, most=thresholds) * sensitivity


def _below_background(nearest: Sequence[FloatArray] | FloatArray, *, least: FloatArray, most: FloatArray) -> FloatArray:
    """Thresholds just below what the background recordings come to, between the least and the most."""
    allowed = _BACKGROUND_MARGIN * np.min([np.full(len(most), np.inf), *nearest], axis=0)
    return np.asarray(np.clip(allowed, least, most))


def _of_labels(bank: TemplateBank, values: FloatArray) -> FloatArray:
    """Geometric mean of what the templates of each label have, for each of the N templates."""
    label = bank.label_of_template
    mean = np.bincount(label, weights=np.log(values)) / np.bincount(label)
    return np.asarray(np.exp(mean[label]))


def _room(bank: TemplateBank, distances: FloatArray, labels: IntArray) -> FloatArray:
    """Factors, at least 1, on the thresholds of long templates, unless they come near most other actions; array (N,).

    To come near one other action is to have a double, and the nearer of the two will win. To come near most of them is
    to be a part of everything: with more room such a template would be found in whatever is done. Distances and labels
    are those of `_negative_distances`.
    """
    others, row = np.unique(labels, return_inverse=True)
    if len(others) < 2:
        return np.ones(len(bank.templates))
    nearest = np.full((len(others), len(bank.templates)), np.inf)
    np.minimum.at(nearest, row, distances)
    by_label = np.full((len(others), bank.label_of_template.max() + 1), np.inf)
    np.minimum.at(by_label.T, bank.label_of_template, nearest.T)
    from_most = np.nanquantile(by_label, _MOST_OTHERS, axis=0)[bank.label_of_template]
    longer = np.clip((bank.lengths / bank.settings.features.rate_hz - _LONG_S) / (_LONGER_S - _LONG_S), 0.0, 1.0)
    evidence = min(1.0, (len(others) - 1) / _ENOUGH_OTHERS)
    return np.asarray(np.clip(from_most / _NEAR_MOST, 1.0, 1.0 + _LONG_MARGIN * longer * evidence))


def _moving_s(bank: TemplateBank, track: FloatArray) -> float:
    """Time for which the body moved in a stretch of stream, in seconds."""
    change = np.linalg.norm(np.nan_to_num(track[bank.lag_frames :] - track[: -bank.lag_frames]), axis=1)
    return float((change > bank.settings.stillness).sum() / bank.settings.features.rate_hz)


def replay_template(bank: TemplateBank, template: int, *, is_reversed: bool = False) -> FloatArray:
    """Return a template's track as a stream would show it, forward or backward, (T, F + D)."""
    return replay(bank.timed_tracks[template][:: -1 if is_reversed else 1], bank.settings.features.smoothing)


def collect_tracks(bank: TemplateBank, sequences: Iterable[PoseSequence]) -> list[FloatArray]:
    """Return recordings as a stream would show them: features and travel of each stretch without interruption."""
    features = bank.settings.features
    frames = chain.from_iterable(_stream(bank, sequence) for sequence in sequences)
    return join_frames(frames, max_missing=features.rate_hz * features.max_gap_s)[0]


def _stream(bank: TemplateBank, sequence: PoseSequence) -> Iterator[FeatureFrame]:
    stream = FeatureStream(bank.skeleton, bank.settings.features)
    for pose in sequence.iter_poses():
        yield from stream.update(pose)


def _nearest_windows(matcher: WindowMatcher, frames: Iterable[FeatureFrame]) -> FloatArray:
    nearest = matcher.distances
    for frame in frames:
        matcher.update(frame)
        nearest = np.minimum(nearest, matcher.distances)
    return nearest


def _window_distances(bank: TemplateBank, window: FloatArray) -> FloatArray:
    """Distance of a stretch of features to every template, as `WindowMatcher` measures it; array (N,)."""
    tracks = [np.nan_to_num(track[:, : bank.n_features]) for track in bank.timed_tracks]
    lengths = [len(track) for track in tracks]
    window = np.nan_to_num(window[:, : bank.n_features])
    n_at_once = max(1, _MAX_COSTS // (len(window) * max(lengths)))
    distances = []
    for first in range(0, len(tracks), n_at_once):
        chosen = slice(first, first + n_at_once)
        cost = np.zeros((len(tracks[chosen]), len(window), max(lengths[chosen])))
        for i, track in enumerate(tracks[chosen]):
            step = max(1, _MAX_COSTS // track.size)
            for begin in range(0, len(window), step):
                frames = window[begin : begin + step]
                cost[i, begin : begin + step, : len(track)] = np.linalg.norm(frames[:, None] - track[None], axis=2)
        distances.append(dtw_distances(cost, lengths[chosen]))
    return np.asarray(np.concatenate(distances) / (len(window) + np.asarray(lengths)))


def _negative_distances(bank: TemplateBank) -> tuple[FloatArray, IntArray]:
    """Distances of the N templates to those of other labels, forward and reversed, and the label of each of these.

    Returns
    -------
    distances : array (M, N)
        NaN between templates of the same label.
    labels : array (M,)
    """
    label = bank.label_of_template
    if not label.any():  # all are of one label
        return np.full((1, len(label)), _FARTHEST), label[:1]
    spread = np.linspace(0, len(label) - 1, min(len(label), _MAX_EXAMPLES)).round().astype(int)
    of_two_labels = np.unique(label, return_index=True)[1][:2]  # so that every template has another label's among them
    chosen = np.union1d(spread, of_two_labels)
    tracks = [replay_template(bank, i, is_reversed=is_reversed) for is_reversed in (False, True) for i in chosen]
    distances = np.minimum(compute_trace(bank, tracks).nearest(), _MAX_NEGATIVE)
    labels = np.tile(label[chosen], 2)
    distances[labels[:, None] == label[None, :]] = np.nan
    return distances, labels

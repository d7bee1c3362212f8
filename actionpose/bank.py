"""Templates compiled to arrays: what every matcher of them shares."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from actionpose.errors import InvalidDataError
from actionpose.features import FeatureSettings, compute_sequence_features, replay, typical_scale
from actionpose.pose import FloatArray, PoseSequence
from actionpose.skeleton import Skeleton
from actionpose.template import Template

__all__ = ["MAX_FRAMES", "MatchSettings", "TemplateBank", "group_by_poses"]

_MIN_FRAMES, MAX_FRAMES = 12, 150  # of a compiled template: a longer one is taken for one of five seconds
_MAX_TIMED_FRAMES = 900  # half a minute: of what lasts longer, frames further apart tell as much, in bounded memory
_HELD_RANGE = 0.22  # of the feature that ranges most: stock planks stay below .18, most gestures above .34
_HELD_S = 1.5  # shorter, and little movement may be the action: a jab towards the camera
_LONG_S = 2.0  # UTKinect .721 instead of .714, hands .936 instead of .925; for all, joint angles lose .006
_MAX_HOLD_S = 1.0  # of a held pose that is asked for, however long its template
_CLIP_SMOOTHING = 0.6  # NATOPS .917; .906 with a stream's, .894 with none
_WEIGHT_FLOOR = 0.02  # keeps a feature that does not move in the template from being ignored altogether


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchSettings:
    """What the matchers compare; the defaults are measured and need no tuning by the user.

    Parameters
    ----------
    features : FeatureSettings
        The feature vectors.
    lag_s : float
        Time over which the direction of change is taken.
    stillness : float
        Change per `lag_s`, in body sizes (or radians), below which a body counts as still: its direction fades to 0.
    position_weight : float
        Weight of where a feature is, against where it is going.
    held_position_weight : float
        The same for a template that hardly moves.
    """

    features: FeatureSettings = field(default_factory=FeatureSettings)
    lag_s: float = 0.1
    stillness: float = 0.2
    position_weight: float = 0.3
    held_position_weight: float = 1.0


class TemplateBank:
    """Templates compiled to arrays: what the matchers share, and nothing that changes.

    Parameters
    ----------
    templates : sequence of Template
        N of the same keypoints and dimension; the first one's skeleton is used.
    settings : MatchSettings
        What is compared.

    Attributes
    ----------
    templates : tuple of Template
    settings : MatchSettings
    scale : float
        Typical body size of the templates, in their unit.
    tracks : tuple of array (L_i, F + D)
        Features and travel of each template, evenly along their path.
    lengths : array (N,)
    label_of_template : array (N,)
        Number of each template's label.
    weights : array (N, F + D)
        Of each feature and of the travel; mean 1 over those the template shows.
    is_held : array (N,)
        Which templates hardly move: a pose that is held.
    is_long : array (N,)
        Which templates last so long that their parts may be performed at quite different speeds.

    Raises
    ------
    InvalidDataError
        If there are no templates, or they do not share keypoints and dimension.
    """

    def __init__(self, templates: Sequence[Template], settings: MatchSettings) -> None:
        if not templates:
            raise InvalidDataError(
                "There is no template to recognise.", hint="Record one with `actionpose record LABEL`, or import some."
            )
        first = templates[0].sequence
        for template in templates:
            _check_alike(template, first, templates[0].label)
        self.templates = tuple(templates)
        self.settings = settings
        self.skeleton, self.n_dims = first.skeleton, first.n_dims
        self.label_of_template = np.unique([t.label for t in templates], return_inverse=True)[1]
        self.scale = self._typical_scale(t.sequence for t in templates)
        self.tracks = tuple(self.compile(template.sequence) for template in templates)
        self.lengths = np.array([len(track) for track in self.tracks])
        self.is_held = np.array([not np.ptp(np.nan_to_num(track), axis=0).any() for track in self.tracks])
        self.is_long = self.lengths >= _LONG_S * settings.features.rate_hz
        self.weights = np.stack([_weigh(track) for track in self.tracks])
        self.extents = np.stack([_extent(track, w) for track, w in zip(self.tracks, self.weights, strict=True)])
        self.n_features = self.tracks[0].shape[1] - self._n_travel

    def fits(self, skeleton: Skeleton, n_dims: int) -> bool:
        """Whether poses of this skeleton and dimension can be compared with the templates."""
        return n_dims == self.n_dims and self.skeleton.has_same_keypoints(skeleton)

    @property
    def lag_frames(self) -> int:
        """Number of frames over which the direction of change is taken."""
        return max(1, round(self.settings.lag_s * self.settings.features.rate_hz))

    @property
    def max_gap_frames(self) -> float:
        """Number of frames after which what was lost is gone."""
        return self.settings.features.rate_hz * self.settings.features.max_gap_s

    def unlikeness(self, template: int, extent: FloatArray) -> FloatArray:
        """Factors, at least 1, by which what was matched is unlike the template in how far each feature ranges.

        Parameters
        ----------
        template : int
            Index of the template.
        extent : array (..., F + D)
            Range of each feature in the matched stretch; NaN = not seen throughout.

        Returns
        -------
        array (...,)
        """
        wanted = np.where(np.isnan(extent), 0.0, self.extents[template])
        found = np.where(np.isnan(extent), 0.0, extent) * np.sqrt(self.weights[template])
        n_wanted, n_found = np.linalg.norm(wanted, axis=-1), np.linalg.norm(found, axis=-1)
        likeness = (wanted * found).sum(axis=-1) / np.maximum(n_wanted * n_found, 1e-12)
        short = np.maximum(1.0, n_wanted / np.maximum(n_found, 1e-12))
        return np.asarray(np.where(self.is_held[template], 1.0, np.sqrt(short) / np.maximum(likeness, 1e-3)))

    @property
    def _n_travel(self) -> int:
        return self.n_dims if self.settings.features.feature == "positions" else 0

    @cached_property
    def for_clips(self) -> TemplateBank:
        """The same templates, smoothed as little as suits clips compared from end to end."""
        features = replace(self.settings.features, smoothing=_CLIP_SMOOTHING)
        return TemplateBank(self.templates, replace(self.settings, features=features))

    @cached_property
    def timed_tracks(self) -> tuple[FloatArray, ...]:
        """Features and travel of each template, (L, F + D), at the feature rate; of half a minute at most."""
        return tuple(self._sample(template.sequence) for template in self.templates)

    def _typical_scale(self, sequences: Iterable[PoseSequence]) -> float:
        return typical_scale(sequences, min_confidence=self.settings.features.min_confidence)

    def _sample(self, sequence: PoseSequence) -> FloatArray:
        # Pictures are taken from any distance, so each template has its own size; world coordinates share one.
        scale = self.scale if self.n_dims == 3 else self._typical_scale([sequence])
        track = _fill_gaps(np.hstack(compute_sequence_features(sequence, self.settings.features, scale=scale)))
        time = sequence.time
        n_frames = 1 + round(sequence.duration * self.settings.features.rate_hz)
        at = np.linspace(time[0], time[-1], int(np.clip(n_frames, 2, _MAX_TIMED_FRAMES)))
        return _interpolate(at, time, track)

    def compile(self, sequence: PoseSequence) -> FloatArray:
        """Return features and travel of a clip, (L, F + D), smoothed like a stream, in equal steps along their path."""
        track = replay(self._sample(sequence), self.settings.features.smoothing)
        rate_hz = self.settings.features.rate_hz
        n_frames = int(np.clip(round(sequence.duration * rate_hz), _MIN_FRAMES, MAX_FRAMES))
        if sequence.duration >= _HELD_S and _is_held(track):
            return np.repeat(track.mean(axis=0, keepdims=True), min(n_frames, round(_MAX_HOLD_S * rate_hz)), axis=0)
        step = np.linalg.norm(np.diff(np.nan_to_num(track), axis=0), axis=1)
        path = np.concatenate([[0.0], np.cumsum(step + 1e-9)])
        return _interpolate(np.linspace(0.0, path[-1], n_frames), path, track)


def group_by_poses(templates: Iterable[Template]) -> list[list[Template]]:
    """Part templates by their keypoints and dimension: each group can be in one bank; the largest comes first."""
    groups: dict[tuple[tuple[str, ...], int], list[Template]] = {}
    for template in templates:
        sequence = template.sequence
        groups.setdefault((tuple(sequence.skeleton.keypoints), sequence.n_dims), []).append(template)
    return sorted(groups.values(), key=len, reverse=True)


def _check_alike(template: Template, first: PoseSequence, label: str) -> None:
    sequence = template.sequence
    if not sequence.skeleton.has_same_keypoints(first.skeleton) or sequence.n_dims != first.n_dims:
        raise InvalidDataError(
            f"Templates must share their keypoints and dimension: {label!r} has {first.skeleton.name} "
            f"in {first.n_dims}-D, {template.label!r} has {sequence.skeleton.name} in {sequence.n_dims}-D.",
            hint="Disable the templates that another keypoint model made.",
        )


def _interpolate(at: FloatArray, x: FloatArray, values: FloatArray) -> FloatArray:
    return np.stack([np.interp(at, x, column) for column in values.T], axis=1)


def _fill_gaps(track: FloatArray) -> FloatArray:
    """Interpolate what was missed for a while; a feature never seen stays NaN."""
    track = track.copy()
    frames = np.arange(len(track))
    for column in track.T:
        seen = ~np.isnan(column)
        if seen.any() and not seen.all():
            column[~seen] = np.interp(frames[~seen], frames[seen], column[seen])
    return track


def _is_held(track: FloatArray) -> bool:
    """Whether nothing in a track moves to speak of."""
    return bool(np.ptp(np.nan_to_num(track), axis=0).max() < _HELD_RANGE)


def _weigh(track: FloatArray) -> FloatArray:
    """Weight of each feature by how much it moves; 0 for one never seen, mean 1 over the others."""
    seen = ~np.isnan(track[0])
    weight = np.zeros(track.shape[1])
    weight[seen] = np.sqrt(track[:, seen].std(axis=0) + _WEIGHT_FLOOR)
    return weight / max(float(weight[seen].mean()), 1e-12) if seen.any() else weight


def _extent(track: FloatArray, weight: FloatArray) -> FloatArray:
    """Weighted range of each feature over the track."""
    return np.asarray(np.nan_to_num(np.ptp(track, axis=0)) * np.sqrt(weight))

"""The recogniser: features, matching and decision in one object without I/O, threads or a clock."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, Self, get_args

import numpy as np

from actionpose.bank import MatchSettings, TemplateBank
from actionpose.calibration import calibrate_thresholds, calibrate_window_thresholds
from actionpose.decision import ActionEvent, EventDecider, VoteRun, majority_vote
from actionpose.errors import InvalidDataError
from actionpose.features import FeatureSettings, FeatureStream
from actionpose.matching import Backend, Match, StreamMatcher, WindowMatcher
from actionpose.pose import FloatArray, Pose, PoseSequence
from actionpose.template import UNKNOWN, Template
from actionpose.trace import compare_whole, compute_trace, join_frames

__all__ = ["ActionState", "DistanceTrace", "Mode", "Recognizer", "RecognizerSettings", "RecognizerState"]

Mode = Literal["stream", "window"]

_POSITION_WEIGHT = {"positions": 0.3, "directions": 0.3, "angles": 0.4}  # of body sizes, unit vectors, radians
_REMEMBERED_FRAMES = 2048  # more than the longest match and the longest window


@dataclass(frozen=True, slots=True, kw_only=True)
class RecognizerSettings:
    """How to recognise; every default is measured.

    Parameters
    ----------
    mode : str
        ``stream`` spots actions of any length as they end; ``window`` compares the last `window_frames` with every
        template and lets the nearest vote.
    feature : str
        ``positions``, ``directions`` or ``angles``.
    rate_hz : float
        Rate the stream is resampled to.
    sensitivity : float
        Factor on every threshold: above 1 misses less, below 1 fires less.
    min_confidence : float
        Keypoints less certain than this count as not seen.
    window_frames, top, ratio, backend
        For ``window``: its length, how many templates vote, the share a winner needs, ``exact`` or ``fastdtw``.

    Raises
    ------
    InvalidDataError
        If a value is not one of the choices or out of range.
    """

    mode: Mode = "stream"
    feature: Literal["positions", "directions", "angles"] = "positions"
    rate_hz: float = 30.0
    sensitivity: float = 1.0
    min_confidence: float = 0.3
    window_frames: int = 50
    top: int = 4
    ratio: float = 0.5
    backend: Backend = "exact"

    def __post_init__(self) -> None:
        for name, choices in (("mode", get_args(Mode)), ("backend", get_args(Backend))):
            if getattr(self, name) not in choices:
                raise InvalidDataError(f"{name} must be one of {', '.join(choices)}; got {getattr(self, name)!r}.")
        for name, low, high in (
            ("sensitivity", 0.0, 10.0), ("min_confidence", -1.0, 1.0), ("window_frames", 1, 1000),
            ("top", 0, 1000), ("ratio", 0.0, 1.0),
        ):  # fmt: skip
            if not low < getattr(self, name) <= high:
                raise InvalidDataError(f"{name} must be above {low} and at most {high}; got {getattr(self, name)}.")
        self.matching  # noqa: B018  the feature settings check themselves

    @property
    def matching(self) -> MatchSettings:
        """What of this concerns the matchers."""
        return MatchSettings(
            features=FeatureSettings(feature=self.feature, rate_hz=self.rate_hz, min_confidence=self.min_confidence),
            position_weight=_POSITION_WEIGHT[self.feature],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionState:
    """How near the stream is to one action now.

    Parameters
    ----------
    label : str
        Name of the action.
    template_id : str
        Its nearest template.
    distance, threshold : float
        Of that template; inf before there is anything to compare.
    progress : float
        Share of the template that seems to have been performed, 0 to 1.
    """

    label: str
    template_id: str
    distance: float
    threshold: float
    progress: float

    @property
    def ratio(self) -> float:
        """Distance in units of the threshold; below 1 = recognised, inf where the threshold lets nothing pass."""
        return self.distance / self.threshold if self.threshold else math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class RecognizerState:
    """The live picture.

    Parameters
    ----------
    label : str
        The action that is near enough now, or ``unknown``.
    time : float
        Seconds of the stream; NaN before the first pose.
    actions : tuple of ActionState
        One for each label, in alphabetical order.
    """

    label: str = UNKNOWN
    time: float = float("nan")
    actions: tuple[ActionState, ...] = field(default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class DistanceTrace:
    """How near each template was to what had just been done, over a whole recording.

    Parameters
    ----------
    time : array (T,)
        Seconds, at the feature rate.
    distance : array (T, N)
        Of the best match of each template that ends then, as events are judged; inf where there is none.
    start_time : array (T, N)
        When that match begins, in seconds.
    threshold : array (N,)
        Distance below which a template is recognised.
    labels, template_ids : tuple of str
        Of the N templates.
    """

    time: FloatArray
    distance: FloatArray
    start_time: FloatArray
    threshold: FloatArray
    labels: tuple[str, ...]
    template_ids: tuple[str, ...]


class Recognizer:
    """Recognises the templates' actions in a stream of poses of one body.

    Parameters
    ----------
    templates : sequence of Template
        What to recognise; disabled templates are left out.
    background : PoseSequence or sequence of PoseSequence, optional
        Recordings in which none of the actions is performed; those of other keypoint models are left out.
    settings : RecognizerSettings
        How.

    Raises
    ------
    InvalidDataError
        If there is no enabled template, or templates of several skeletons.

    Examples
    --------
    >>> import numpy as np
    >>> import actionpose as ap
    >>> def reach(up, start=0.0):
    ...     t = np.arange(40) / 30
    ...     position = np.zeros((40, 6, 2)) + np.array([[-1, 0], [1, 0], [-1.2, 1], [1.2, 1], [-1.2, 2], [1.2, 2]])
    ...     position[:, 4, 1] -= up * np.sin(np.pi * t / t[-1])
    ...     return ap.PoseSequence(skeleton=ap.UPPER_BODY_6, time=start + t, position=position)
    >>> recognizer = ap.Recognizer([ap.Template.from_sequence("raise", reach(3.0))])
    >>> [event.label for event in recognizer.recognize(reach(2.8, start=5.0))]
    ['raise']
    """

    def __init__(
        self,
        templates: Sequence[Template],
        *,
        background: PoseSequence | Sequence[PoseSequence] | None = None,
        settings: RecognizerSettings | None = None,
    ) -> None:
        self.settings = settings = settings or RecognizerSettings()
        self._bank = bank = TemplateBank([t for t in templates if t.enabled], settings.matching)
        self._labels = [template.label for template in bank.templates]
        given = [background] if isinstance(background, PoseSequence) else list(background or ())
        self._backgrounds = backgrounds = [each for each in given if bank.fits(each.skeleton, each.n_dims)]
        if settings.mode == "stream":
            self._thresholds = self._stream_thresholds
        else:
            self._thresholds = calibrate_window_thresholds(
                bank, background=backgrounds, window_frames=settings.window_frames, sensitivity=settings.sensitivity
            )
        self._begin()

    @cached_property
    def _stream_thresholds(self) -> FloatArray:
        """Of the distances that ``stream`` compares, and `trace` and `classify` in every mode."""
        return calibrate_thresholds(self._bank, background=self._backgrounds, sensitivity=self.settings.sensitivity)

    def _begin(self) -> None:
        """Make the stages that remember the stream."""
        settings, bank = self.settings, self._bank
        self._matcher: StreamMatcher | WindowMatcher
        if settings.mode == "stream":
            self._matcher = StreamMatcher(bank, limits=self._thresholds)
        else:
            self._matcher = WindowMatcher(bank, window_frames=settings.window_frames, backend=settings.backend)
        self._stream = FeatureStream(bank.skeleton, settings.matching.features)
        self._times = np.full(_REMEMBERED_FRAMES, np.nan)
        self._votes = VoteRun()
        self._decider = EventDecider(
            self._thresholds,
            patience_frames=settings.rate_hz / 2,
            label_of_template=bank.label_of_template,
            is_held=bank.is_held if settings.mode == "stream" else None,
        )
        self.reset()

    def copy(self) -> Self:
        """Return a recogniser of the same templates and thresholds for another body; nothing is calibrated again."""
        other = copy.copy(self)
        other._begin()
        return other

    def reset(self) -> None:
        """Forget the stream: the next pose may have any time."""
        self._stream.reset()
        self._matcher.reset()
        self._votes.reset()
        self._decider.reset()
        self._time = float("nan")
        self._track_id = 0

    def update(self, pose: Pose) -> list[ActionEvent]:
        """Take the next pose; return the actions that are certain now.

        Parameters
        ----------
        pose : Pose
            Of the templates' skeleton and dimension; all NaN while nobody is in view.

        Raises
        ------
        InvalidDataError
            If the pose is of another kind, or its time does not increase.
        """
        self._check(pose)
        self._track_id = pose.track_id
        events: list[ActionEvent] = []
        for frame in self._stream.update(pose):
            n_before = self._matcher.n_frames
            matches = self._matcher.update(frame)
            n_frames = self._matcher.n_frames
            if frame.restarts or n_frames < n_before:
                events += self.flush()
            if frame.restarts or n_frames != n_before:
                self._times[(n_frames - 1) % len(self._times)] = frame.time
            self._time = frame.time
            decided = self._decider.update(n_frames, self._vote(matches), is_contested=self._matcher.is_contested)
            events += self._report(decided)
        return events

    def flush(self) -> list[ActionEvent]:
        """Return what is still being weighed: call it when the stream ends."""
        last = self._decider.update(self._matcher.n_frames, self._votes.flush())
        events = self._report(last + self._decider.flush())
        self._decider.reset()
        return events

    def recognize(self, sequence: PoseSequence) -> list[ActionEvent]:
        """Return all actions in a sequence, as a stream of its poses would report them."""
        self.reset()
        events = [event for pose in sequence.iter_poses() for event in self.update(pose)]
        return events + self.flush()

    def trace(self, sequence: PoseSequence) -> DistanceTrace:
        """Return the distance of every template at every time of a recording, whatever `mode` is.

        The stream that is being recognised is not touched.

        Raises
        ------
        InvalidDataError
            If the poses are of another kind than the templates.
        """
        features = self.settings.matching.features
        stream = FeatureStream(self._bank.skeleton, features)
        frames = [frame for pose in self._checked(sequence) for frame in stream.update(pose)]
        tracks, indices = join_frames(frames, max_missing=features.rate_hz * features.max_gap_s)
        trace = compute_trace(self._bank, tracks)
        time = np.array([frame.time for frame in frames])
        seen = np.concatenate([*indices, np.empty(0, dtype=np.int64)])
        distance = np.full((len(time), len(self._labels)), np.inf)
        start_time = np.full_like(distance, np.nan)
        distance[seen] = trace.distance
        start_time[seen] = np.where(np.isfinite(trace.distance), time[seen[trace.start]], np.nan)
        return DistanceTrace(
            time=time,
            distance=distance,
            start_time=start_time,
            threshold=self._stream_thresholds,
            labels=tuple(self._labels),
            template_ids=tuple(template.id for template in self._bank.templates),
        )

    def classify(self, sequence: PoseSequence) -> list[ActionState]:
        """Compare a whole clip, from its first frame to its last, with every template; nearest action first.

        The order is by distance itself: thresholds say how near is near enough, not what is nearest.

        Raises
        ------
        InvalidDataError
            If the poses are of another kind than the templates.
        """
        self._checked(sequence)
        distances = compare_whole(self._bank, sequence)
        actions = self._nearest(distances, self._stream_thresholds, progress=np.ones_like(distances))
        return sorted(actions, key=lambda action: action.distance)

    @property
    def state(self) -> RecognizerState:
        """How near the stream is to every action now."""
        actions = self._nearest(self._matcher.distances, self._thresholds, progress=self._matcher.progress)
        best = min(actions, key=lambda action: action.ratio)
        return RecognizerState(label=best.label if best.ratio < 1.0 else UNKNOWN, time=self._time, actions=actions)

    def _nearest(
        self, distances: FloatArray, thresholds: FloatArray, *, progress: FloatArray
    ) -> tuple[ActionState, ...]:
        """The nearest template of each label, labels in alphabetical order; arrays are (N,), one entry a template."""
        passing = thresholds > 0  # of takes that are alike to standing still, a window lets nothing pass
        ratios = np.divide(distances, thresholds, out=np.full(len(distances), np.inf), where=passing)
        nearest = {}
        for i in np.argsort(-ratios, kind="stable"):
            nearest[self._labels[i]] = int(i)
        return tuple(
            ActionState(
                label=label,
                template_id=self._bank.templates[i].id,
                distance=float(distances[i]),
                threshold=float(thresholds[i]),
                progress=float(progress[i]),
            )
            for label, i in sorted(nearest.items())
        )

    def _checked(self, sequence: PoseSequence) -> Iterator[Pose]:
        poses = sequence.iter_poses()
        for pose in sequence.iter_poses():
            self._check(pose)
            break
        return poses

    def _check(self, pose: Pose) -> None:
        bank = self._bank
        if not bank.fits(pose.skeleton, pose.position.shape[1]):
            raise InvalidDataError(
                f"Expected poses of {bank.skeleton.name!r} in {bank.n_dims}-D like the templates, "
                f"got {pose.skeleton.name!r} in {pose.position.shape[1]}-D.",
                hint="Use templates recorded with the same keypoint model.",
            )

    def _vote(self, matches: list[Match]) -> list[Match]:
        if self.settings.mode == "stream" or not matches:
            return matches
        settings = self.settings
        return self._votes.update(
            majority_vote(matches, self._labels, self._thresholds, top=settings.top, ratio=settings.ratio)
        )

    def _report(self, matches: list[Match]) -> list[ActionEvent]:
        step = 1.0 / self.settings.rate_hz
        return [
            ActionEvent(
                label=self._labels[match.template],
                start_time=float(self._times[match.start_frame % len(self._times)]),
                end_time=float(self._times[(match.end_frame - 1) % len(self._times)]) + step,
                report_time=self._time,
                distance=match.distance,
                threshold=float(self._thresholds[match.template]),
                template_id=self._bank.templates[match.template].id,
                track_id=self._track_id,
            )
            for match in matches
        ]

"""Real people: a video of a routine repeated, from pixels, and gesture sessions of a depth camera."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import dropwhile
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from actionpose.datasets.jk2017 import load_jk2017
from actionpose.decision import ActionEvent
from actionpose.estimators import load_estimator
from actionpose.estimators.base import KeypointEstimator
from actionpose.evaluation import evaluate_events, match_events, spot_actions
from actionpose.pose import FloatArray, Pose, PoseSequence
from actionpose.recognizer import Recognizer, RecognizerSettings
from actionpose.session import Session, iter_poses
from actionpose.sources import open_source
from actionpose.spans import load_spans, to_seconds
from actionpose.template import Template

pytestmark = [pytest.mark.realdata, pytest.mark.slow]

FIRST_FRAME = 107  # templates are cut from the first cycle, which ends here
UNSEEN_MOVE_S = (37.3, 39.3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exercise:
    """What is in exercise.avi: estimated once for all tests."""

    video: Path
    times: FloatArray
    poses: tuple[Pose, ...]  # one for each frame, missing where nobody was found
    templates: tuple[Template, ...]
    spans: tuple[tuple[str, float, float], ...]  # from FIRST_FRAME on, in seconds


@pytest.fixture(scope="session")
def estimator() -> Iterator[KeypointEstimator]:
    with load_estimator() as estimator:
        yield estimator


@pytest.fixture(scope="session")
def exercise(data_dir: Path, estimator: KeypointEstimator) -> Exercise:
    video = data_dir / "video" / "exercise.avi"
    with open_source(video) as source:
        poses = tuple(
            found[0] if found else Pose.missing(estimator.skeleton, frame.time)
            for frame, found in iter_poses(source, estimator)
        )
    times = np.array([pose.time for pose in poses])
    shown, performed = (
        [(span.label, *to_seconds(span, times)) for span in load_spans(data_dir / "video" / name)]
        for name in ("exercise_templates.csv", "exercise_spans.csv")
    )
    templates = tuple(
        Template.from_sequence(
            label, PoseSequence.from_poses([p for p in poses if start <= p.time < end and not p.is_missing])
        )
        for label, start, end in shown
    )
    spans = tuple(span for span in performed if span[1] >= times[FIRST_FRAME])
    return Exercise(video=video, times=times, poses=poses, templates=templates, spans=spans)


@pytest.fixture(scope="session")
def exercise_clips(data_dir: Path, estimator: KeypointEstimator) -> dict[str, PoseSequence]:
    """One squat or jumping jack each, from several sides."""
    videos = sorted(path for label in ("squat", "jumpingjack") for path in (data_dir / "video").glob(f"{label}_*"))
    assert len(videos) == 11
    return {video.stem: read_clip(video, estimator) for video in videos}


def read_clip(video: Path, estimator: KeypointEstimator) -> PoseSequence:
    with open_source(video) as source:
        return PoseSequence.from_poses([found[0] for _, found in iter_poses(source, estimator) if found])


def recognize(poses: Iterable[Pose], templates: Iterable[Template], **settings: object) -> list[ActionEvent]:
    recognizer = Recognizer(list(templates), settings=RecognizerSettings(**settings))
    return [event for pose in poses for event in recognizer.update(pose)] + recognizer.flush()


def test_one_template_finds_every_repetition_and_nothing_in_an_unseen_move(exercise: Exercise) -> None:
    events = recognize(exercise.poses[FIRST_FRAME:], exercise.templates)
    result = match_events(events, exercise.spans, iou=0.5)
    assert (result.total.tp, result.total.fp, result.total.fn) == (16, 0, 0)
    start, end = UNSEEN_MOVE_S
    assert not [event for event in events if event.start_time < end and event.end_time > start]


def test_the_same_video_gives_the_same_events_every_time(exercise: Exercise, estimator: KeypointEstimator) -> None:
    with (
        open_source(exercise.video) as source,
        Session(source, estimator, lambda: Recognizer(exercise.templates)) as session,
    ):
        events = [event for tick in session for event in tick.events]
    # A session makes its recogniser when somebody comes into view.
    seen = dropwhile(lambda pose: pose.is_missing, exercise.poses)
    # The last bit of a sum depends on how many threads add it up; a session uses one.
    with threadpool_limits(limits=1, user_api="blas"):
        assert events == recognize(seen, exercise.templates)


def test_half_the_frame_rate_is_enough(exercise: Exercise) -> None:
    events = recognize(exercise.poses[FIRST_FRAME::2], exercise.templates)
    result = match_events(events, exercise.spans, iou=0.5)
    assert result.total.recall >= 0.75
    assert result.total.precision >= 0.9


def test_it_does_not_matter_when_the_video_was_taken(exercise: Exercise) -> None:
    events = recognize(exercise.poses[FIRST_FRAME:], exercise.templates)
    later = recognize([replace(p, time=p.time + 1e5) for p in exercise.poses[FIRST_FRAME:]], exercise.templates)
    assert [event.label for event in later] == [event.label for event in events]
    np.testing.assert_allclose([e.start_time - 1e5 for e in later], [e.start_time for e in events], atol=1e-6)


@pytest.mark.parametrize("user", ["102", "105"])
def test_gestures_are_spotted_in_a_session_of_minutes(data_dir: Path, user: str) -> None:
    (stream,) = load_jk2017(data_dir / "streams" / "jk2017_kinect", users=[user])
    (events,) = spot_actions([stream], RecognizerSettings())
    assert evaluate_events(stream, events).total.f1 >= 0.97


def repeat(clip: PoseSequence, tempos: Iterable[float]) -> PoseSequence:
    """Play a clip once for each tempo, without a break."""
    steps = np.diff(clip.time, append=2 * clip.time[-1] - clip.time[-2])
    tempos = list(tempos)
    duration = np.concatenate([steps / tempo for tempo in tempos])
    return PoseSequence(
        skeleton=clip.skeleton,
        time=np.cumsum(duration) - duration[0],
        position=np.concatenate([clip.position] * len(tempos)),
        confidence=np.concatenate([clip.confidence] * len(tempos)),
    )


@pytest.mark.parametrize("feature", ["positions", "angles"])
def test_every_repetition_of_squats_and_jumping_jacks_is_counted(
    exercise_clips: dict[str, PoseSequence], feature: str
) -> None:
    # Each clip is its own template: this counts repetitions, it does not tell people apart.
    another = {"squat": "jumpingjack_correct_001", "jumpingjack": "squat_correct_001"}
    counts = {}
    for name, clip in exercise_clips.items():
        label = name.split("_")[0]
        templates = [
            Template.from_sequence(label, clip),
            Template.from_sequence("another", exercise_clips[another[label]]),
        ]
        performed = repeat(clip, [1.0, 0.7, 1.4, 0.8, 1.2])
        counts[name] = [event.label for event in recognize(performed.iter_poses(), templates, feature=feature)]
    assert counts == {name: [name.split("_")[0]] * 5 for name in exercise_clips}

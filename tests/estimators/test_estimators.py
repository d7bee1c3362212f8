"""What every estimator must do, and how one is chosen."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import actionpose.estimators
from actionpose.errors import EstimatorError
from actionpose.estimators import KeypointEstimator, load_estimator
from actionpose.estimators import mediapipe as bundled
from actionpose.pose import Frame, Pose
from actionpose.skeleton import BLAZEPOSE_33
from actionpose.sources.puppet import PuppetSource

LIMBS = slice(11, 17)  # shoulders, elbows, wrists


def puppet_frames(script: str = "wave", **options: object) -> list[Frame]:
    with PuppetSource(script, rate_hz=10, pause=0.3, **options) as puppet:  # type: ignore[arg-type]
        return list(iter(puppet.read, None))


def same(a: list[Pose], b: list[Pose]) -> bool:
    return all(
        p.time == q.time and p.track_id == q.track_id and np.array_equal(p.position, q.position)
        for p, q in zip(a, b, strict=True)
    )


@pytest.fixture(scope="module", params=["mediapipe", "task"])
def shared_estimator(request: pytest.FixtureRequest, task_file: Path) -> Iterator[KeypointEstimator]:
    with load_estimator(task_file if request.param == "task" else "mediapipe") as estimator:
        yield estimator


@pytest.fixture
def estimator(shared_estimator: KeypointEstimator) -> KeypointEstimator:
    shared_estimator.reset()
    return shared_estimator


def test_it_is_an_estimator(estimator: KeypointEstimator) -> None:
    assert isinstance(estimator, KeypointEstimator)
    assert estimator.skeleton is BLAZEPOSE_33
    assert estimator.name.startswith("mediapipe ")


def test_it_finds_the_puppet(estimator: KeypointEstimator) -> None:
    puppet = PuppetSource("jumping_jack", body=2, rate_hz=10, pause=0.3)
    for frame in iter(puppet.read, None):
        (pose,), truth = estimator.estimate(frame), puppet.truth(frame.index)
        assert pose.skeleton is BLAZEPOSE_33
        assert pose.time == frame.time
        assert pose.track_id == 0
        assert pose.image_position is not None
        assert truth.image_position is not None
        assert np.linalg.norm(pose.image_position - truth.image_position, axis=1)[LIMBS].mean() < 15
        assert np.linalg.norm(pose.position - truth.position, axis=1)[LIMBS].mean() < 0.25
        assert 0.5 < pose.confidence[LIMBS].mean() <= 1


def test_depth_is_negative_towards_the_camera(estimator: KeypointEstimator) -> None:
    puppet = PuppetSource("punch", rate_hz=10, pause=0.3)
    found, true = [], []
    for frame in iter(puppet.read, None):
        found += [pose.position[16, 2] for pose in estimator.estimate(frame)]
        true.append(puppet.truth(frame.index).position[16, 2])
    assert np.corrcoef(found, true)[0, 1] > 0.8


def test_what_it_returns_is_rounded(estimator: KeypointEstimator) -> None:
    (pose,) = estimator.estimate(puppet_frames()[0])
    for values, decimals in ((pose.position, 5), (pose.image_position, 2), (pose.confidence, 3)):
        assert values is not None
        assert np.array_equal(values, values.round(decimals))


def test_a_guess_at_what_is_hidden_keeps_its_place() -> None:
    hidden = SimpleNamespace(x=0.4, y=0.9, z=0.1, visibility=0.0001)
    image = np.zeros((100, 200, 3), np.uint8)
    pose = bundled.make_pose(Frame(index=0, time=0.0, image=image), image, [hidden] * 33, [hidden] * 33, track_id=0)
    np.testing.assert_allclose(pose.position, [[0.4, 0.9, 0.1]] * 33)
    assert pose.image_position is not None
    np.testing.assert_allclose(pose.image_position, [[80.0, 90.0]] * 33)
    assert (pose.confidence < 0.01).all()


def test_after_a_reset_all_is_as_at_first(estimator: KeypointEstimator) -> None:
    frames = puppet_frames()[:12]
    first = [pose for frame in frames for pose in estimator.estimate(frame)]
    estimator.reset()
    again = [pose for frame in frames for pose in estimator.estimate(frame)]
    assert len(first) == 12
    assert same(first, again)


def test_a_new_estimator_is_like_a_reset_one(estimator: KeypointEstimator, task_file: Path) -> None:
    frames = puppet_frames()[:5]
    spec = "mediapipe" if "full" in estimator.name else task_file
    with load_estimator(spec) as other:
        assert same([p for f in frames for p in estimator.estimate(f)], [p for f in frames for p in other.estimate(f)])


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (2, 2), (480, 640)])
def test_an_empty_picture_has_nobody_in_it(estimator: KeypointEstimator, shape: tuple[int, int]) -> None:
    assert estimator.estimate(Frame(index=0, time=0.0, image=np.zeros((*shape, 3), np.uint8))) == []


def test_times_that_stand_still_or_run_back_do_no_harm(estimator: KeypointEstimator) -> None:
    image = puppet_frames()[0].image
    for time in (0.0, 0.0, 1e-7, 5.0, 2.0, 1e6):
        assert [p.time for p in estimator.estimate(Frame(index=0, time=time, image=image))] == [time]


def test_pictures_need_not_lie_in_one_piece(estimator: KeypointEstimator) -> None:
    image = puppet_frames()[0].image
    assert image is not None
    padded = np.zeros((480, 1280, 3), np.uint8)
    padded[:, ::2] = image
    view = padded[:, ::2]
    assert not view.flags.c_contiguous
    assert len(estimator.estimate(Frame(index=0, time=0.0, image=view))) == 1


@pytest.mark.parametrize(
    "image", [None, np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)]
)
def test_a_frame_without_a_picture_is_refused(estimator: KeypointEstimator, image: np.ndarray | None) -> None:
    with pytest.raises(EstimatorError, match="Frame 7 "):
        estimator.estimate(Frame(index=7, time=0.0, image=image))


@pytest.mark.parametrize("kind", ["mediapipe", "task"])
def test_closing_twice_is_once(kind: str, task_file: Path) -> None:
    estimator = load_estimator(task_file if kind == "task" else "mediapipe")
    estimator.close()
    estimator.close()
    with pytest.raises(EstimatorError, match="was closed"):
        estimator.estimate(puppet_frames()[0])
    with pytest.raises(EstimatorError, match="was closed"):
        estimator.reset()


def test_two_people_keep_their_numbers(task_file: Path) -> None:
    left, right = puppet_frames("wave", body=0), puppet_frames("squat", body=3)
    seen: dict[int, list[float]] = {}
    with load_estimator(task_file, max_people=2) as estimator:
        for a, b in list(zip(left, right, strict=False))[:15]:
            assert a.image is not None
            assert b.image is not None
            side_by_side = np.hstack([a.image[:, 120:520], b.image[:, 120:520]])
            for pose in estimator.estimate(Frame(index=a.index, time=a.time, image=side_by_side)):
                assert pose.image_position is not None
                seen.setdefault(pose.track_id, []).append(float(pose.image_position[23, 0]))
    assert set(seen) == {0, 1}
    assert min(len(x) for x in seen.values()) >= 10
    assert all(np.ptp(x) < 60 for x in seen.values())
    assert abs(np.mean(seen[0]) - np.mean(seen[1])) == pytest.approx(400, abs=40)


def test_unsmoothed_keypoints_follow_fast_hands_more_closely() -> None:
    puppet = PuppetSource("jumping_jack", body=1, rate_hz=10, pause=0.3)
    frames = list(iter(puppet.read, None))[:25]
    error = {}
    for smooth in (True, False):
        with bundled.MediaPipePose(smooth=smooth) as estimator:
            off = [
                pose.image_position[15:17] - puppet.truth(frame.index).image_position[15:17]  # type: ignore[index]
                for frame in frames
                for pose in estimator.estimate(frame)
            ]
        error[smooth] = float(np.linalg.norm(off, axis=-1).mean())
    assert error[False] < error[True] < 8


def test_it_says_nothing_and_asks_nobody(task_file: Path) -> None:
    script = f"""
import sys
calls = []
sys.addaudithook(lambda event, _: calls.append(event) if event.startswith("socket.") else None)
from actionpose.estimators import load_estimator
from actionpose.sources.puppet import PuppetSource
for spec in ("mediapipe", {str(task_file)!r}):
    puppet = PuppetSource("wave")
    estimator = load_estimator(spec)
    print(len(estimator.estimate(puppet.read())), end=" ")
    estimator.reset()
    print(len(estimator.estimate(puppet.read())), end=" ")
    estimator.close()
print(calls)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("1 1 1 1 []\n", "")


def test_choosing_one_imports_no_model() -> None:
    script = "import sys, actionpose.estimators; print({'mediapipe', 'cv2'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_unknown_estimators_are_refused_with_the_choices(tmp_path: Path) -> None:
    with pytest.raises(
        EstimatorError, match=re.escape("no estimator 'mediapip'. Did you mean 'mediapipe'? Expected mediapipe")
    ):
        load_estimator("mediapip")
    (tmp_path / "model.json").write_text("{}")
    with pytest.raises(EstimatorError, match=re.escape("model.json does not describe a keypoint model")):
        load_estimator(tmp_path)


@pytest.mark.parametrize(("max_people", "message"), [(2, "finds one person, not 2"), (0, "at least 1, got 0")])
def test_too_many_or_too_few_people(max_people: int, message: str) -> None:
    with pytest.raises(EstimatorError, match=message):
        load_estimator("mediapipe", max_people=max_people)


def make_stub(*, max_people: int) -> SimpleNamespace:
    return SimpleNamespace(max_people=max_people)


def test_other_packages_can_offer_estimators(monkeypatch: pytest.MonkeyPatch) -> None:
    offers = [
        EntryPoint(name=name, group="actionpose.estimators", value=value)
        for name, value in (("stub", f"{__name__}:make_stub"), ("broken", "no_such_package:estimator"))
    ]
    monkeypatch.setattr(actionpose.estimators, "entry_points", lambda group: EntryPoints(offers).select(group=group))
    assert load_estimator("stub", max_people=3).max_people == 3  # type: ignore[attr-defined]
    with pytest.raises(EstimatorError, match="'broken' could not be loaded: No module named 'no_such_package'"):
        load_estimator("broken")
    with pytest.raises(EstimatorError, match="Expected mediapipe, broken, stub or"):
        load_estimator("other")


def test_a_missing_mediapipe_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    with pytest.raises(EstimatorError, match="pip install mediapipe"):
        load_estimator("mediapipe")


def test_a_mediapipe_without_models_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundled, "import_mediapipe", lambda: SimpleNamespace(__version__="1.2.2"))
    with pytest.raises(EstimatorError, match=r"1\.2\.2 brings no model.*\.task file"):
        load_estimator("mediapipe")


def test_bad_task_files_are_explained(tmp_path: Path, task_file: Path) -> None:
    path = tmp_path / "pose.task"
    with pytest.raises(EstimatorError, match=r"no file .*pose\.task.*https://"):
        load_estimator(path)
    path.write_text("not a zip file")
    with pytest.raises(EstimatorError, match="not a pose landmarker bundle: it is no whole zip file"):
        load_estimator(path)
    with zipfile.ZipFile(path, "w") as bundle:
        bundle.writestr("hand_detector.tflite", b"")
    with pytest.raises(EstimatorError, match=r"bundle: expected a zip file with pose_detector\.tflite"):
        load_estimator(path)
    with zipfile.ZipFile(path, "w") as bundle:
        bundle.writestr("pose_detector.tflite", b"junk")
        bundle.writestr("pose_landmarks_detector.tflite", b"junk")
    with pytest.raises(EstimatorError, match="could not be loaded as a pose landmarker"):
        load_estimator(path)
    path.write_bytes(task_file.read_bytes()[:100_000])
    with pytest.raises(EstimatorError, match="not a pose landmarker bundle"):
        load_estimator(path)

"""Models of your own: what they see, whom they follow, and which files are refused."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actionpose.errors import EstimatorError
from actionpose.estimators import KeypointEstimator, load_estimator, onnx
from actionpose.estimators.crops import Box, cut_crop, find_box
from actionpose.estimators.finders import KeypointFinder
from actionpose.estimators.one_euro import SmoothingSettings
from actionpose.pose import Frame, Pose
from actionpose.skeleton import UPPER_BODY_6, Skeleton
from tests.estimators.models import DOTS, dot_graph, write_dot_model

pytest.importorskip("onnxruntime")


def picture(
    bright: tuple[float, float], dark: tuple[float, float], *, size: tuple[int, int] = (320, 240)
) -> np.ndarray:
    image = np.full((size[1], size[0], 3), 128, np.uint8)
    for (x, y), shade in ((bright, 255), (dark, 0)):
        cv2.circle(image, (round((x - 0.5) * 16), round((y - 0.5) * 16)), 10 * 16, (shade,) * 3, -1, cv2.LINE_AA, 4)
    return image


def frame(image: np.ndarray | None, time: float = 0.0) -> Frame:
    return Frame(index=round(time * 10), time=time, image=image)


class Finder:
    """Says where the dots are, as a person detector would."""

    name, skeleton = "finder", DOTS

    def __init__(self, find: Callable[[Frame], np.ndarray | None]) -> None:
        self.find, self.n_asked = find, 0

    def estimate(self, frame: Frame) -> list[Pose]:
        self.n_asked += 1
        position = self.find(frame)
        if position is None:
            return []
        return [Pose(skeleton=DOTS, time=frame.time, position=position, image_position=position)]

    def reset(self) -> None:
        pass

    close = reset


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(64, 64), (96, 64)])
def test_a_whole_picture_is_seen(channels: int, size: tuple[int, int], tmp_path: Path) -> None:
    with load_estimator(write_dot_model(tmp_path / "m", size=size, channels=channels)) as estimator:
        assert isinstance(estimator, KeypointEstimator)
        assert estimator.skeleton == DOTS
        assert estimator.name.startswith("dots ")
        image = picture((60, 70), (200, 150), size=(4 * size[0], 4 * size[1]))
        (pose,) = estimator.estimate(frame(image, time=1.5))
    np.testing.assert_allclose(pose.position, [[60, 70], [200, 150]], atol=1.2)
    np.testing.assert_array_equal(pose.position, pose.image_position)
    assert pose.time == 1.5
    assert (pose.confidence == 1).all()


def test_nobody_in_a_whole_picture(tmp_path: Path) -> None:
    with load_estimator(write_dot_model(tmp_path / "m")) as estimator:
        assert estimator.estimate(frame(np.full((100, 100, 3), 128, np.uint8))) == []


def test_the_body_is_followed_and_looked_for_only_when_lost(tmp_path: Path) -> None:
    estimator = load_estimator(write_dot_model(tmp_path / "m", margin=0.5))
    finder = Finder(lambda _: np.array([[100.0, 100.0], [140.0, 120.0]]))
    assert isinstance(estimator, onnx.OnnxPose)
    estimator._finder = KeypointFinder(finder, DOTS, margin=0.5)  # type: ignore[arg-type]
    for i in range(20):  # across the picture, 4 pixels a frame
        (pose,) = estimator.estimate(frame(picture((100 + 4 * i, 100), (140 + 4 * i, 120)), time=i / 10))
        np.testing.assert_allclose(pose.position, [[100 + 4 * i, 100], [140 + 4 * i, 120]], atol=1.0)
    assert finder.n_asked == 1
    empty = np.full((240, 320, 3), 128, np.uint8)
    assert all(estimator.estimate(frame(empty, time=2 + i / 10)) == [] for i in range(10))
    assert finder.n_asked == 11
    (pose,) = estimator.estimate(frame(picture((100, 100), (140, 120)), time=4.0))
    assert finder.n_asked == 12
    finder.find = lambda _: None
    estimator.reset()
    assert estimator.estimate(frame(picture((100, 100), (140, 120)), time=0.0)) == []


def test_a_body_without_a_detector_is_looked_for_in_the_whole_picture(tmp_path: Path) -> None:
    with load_estimator(write_dot_model(tmp_path / "m", margin=0.5, has_finder=False)) as estimator:
        for i in range(5):
            image = picture((100 + 4 * i, 100), (140 + 4 * i, 120), size=(256, 256))
            (pose,) = estimator.estimate(frame(image, time=i / 10))
            np.testing.assert_allclose(pose.position, [[100 + 4 * i, 100], [140 + 4 * i, 120]], atol=1.0)
            assert isinstance(estimator, onnx.OnnxPose)
            assert estimator._box is not None
            assert estimator._box.width < 120


def test_a_reset_is_a_new_beginning(tmp_path: Path) -> None:
    estimator = load_estimator(write_dot_model(tmp_path / "m"))
    first = estimator.estimate(frame(picture((60, 70), (250, 150))))
    estimator.reset()
    again = estimator.estimate(frame(picture((60, 70), (250, 150))))
    assert np.array_equal(first[0].position, again[0].position)


def test_closing_twice_is_once(tmp_path: Path) -> None:
    estimator = load_estimator(write_dot_model(tmp_path / "m"))
    estimator.close()
    estimator.close()
    for use in (estimator.reset, lambda: estimator.estimate(frame(picture((60, 70), (250, 150))))):
        with pytest.raises(EstimatorError, match="was closed"):
            use()


@pytest.mark.parametrize(
    "image", [None, np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)]
)
def test_a_frame_without_a_picture_is_refused(image: np.ndarray | None, tmp_path: Path) -> None:
    with load_estimator(write_dot_model(tmp_path / "m")) as estimator, pytest.raises(EstimatorError, match="Frame 0 "):
        estimator.estimate(frame(image))


def test_pictures_need_not_lie_in_one_piece(tmp_path: Path) -> None:
    image = picture((60, 70), (200, 150), size=(256, 256))
    wide = np.zeros((256, 512, 3), np.uint8)
    wide[:, ::2] = image
    with load_estimator(write_dot_model(tmp_path / "m")) as estimator:
        (whole,), (parted,) = estimator.estimate(frame(image)), estimator.estimate(frame(wide[:, ::2]))
    np.testing.assert_array_equal(whole.position, parted.position)


def test_it_follows_one_body(tmp_path: Path) -> None:
    with pytest.raises(EstimatorError, match="finds one body, not 2"):
        load_estimator(write_dot_model(tmp_path / "m"), max_people=2)


def test_auto_is_the_newest_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for age, name in ((100, "old"), (1, "new")):
        write_dot_model(Path("models") / name, size=(64, 64) if name == "old" else (96, 64))
        os.utime(Path("models") / name / "model.json", (1e9 - age, 1e9 - age))
    with load_estimator("auto") as estimator:
        assert estimator.name == f"dots {hashlib.sha256(dot_graph((96, 64), 1)).hexdigest()[:8]}"


def test_auto_falls_back_to_mediapipe_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with load_estimator("auto") as estimator:
        assert estimator.name.startswith("mediapipe")
    break_weights(write_dot_model(Path("models") / "cut"))
    with (
        pytest.warns(UserWarning, match=r"it was cut off, changed or exchanged\. MediaPipe is used instead"),
        load_estimator("auto") as estimator,
    ):
        assert estimator.name.startswith("mediapipe")


@pytest.mark.parametrize("margin", [None, 0.5])
def test_keypoints_are_steadied_when_asked(margin: float | None, tmp_path: Path) -> None:
    folder = write_dot_model(tmp_path / "m", margin=margin, has_finder=False)
    plain, steady = onnx.OnnxPose(folder), onnx.OnnxPose(folder, smoothing=SmoothingSettings(min_cutoff_hz=0.1, beta=0))
    change(folder, smoothing={"min_cutoff_hz": 0.1, "beta": 0})
    described = onnx.OnnxPose(folder)
    shake = np.random.default_rng(0).normal(0, 3, (40, 2))
    seen: dict[str, list[np.ndarray]] = {"plain": [], "steady": [], "described": []}
    for i, (dx, dy) in enumerate(shake):
        image = picture((100 + dx, 100 + dy), (140, 120), size=(256, 256))
        for name, estimator in (("plain", plain), ("steady", steady), ("described", described)):
            seen[name] += [pose.position for pose in estimator.estimate(frame(image, time=i / 10))]
    assert np.array(seen["steady"])[20:, 0].std() < 0.5 * np.array(seen["plain"])[20:, 0].std()
    np.testing.assert_array_equal(seen["steady"], seen["described"])
    steady.reset()
    (pose,) = steady.estimate(frame(image, time=9.0))
    np.testing.assert_allclose(pose.position, seen["plain"][-1], atol=1.0)


def test_a_keypoint_that_is_nowhere_is_nan_and_steadies_nothing(tmp_path: Path) -> None:
    folder = write_dot_model(tmp_path / "m", margin=None, has_finder=False)
    steady = onnx.OnnxPose(folder, smoothing=SmoothingSettings(min_cutoff_hz=0.1, beta=0))
    image = np.full((256, 256, 3), 128, np.uint8)
    cv2.circle(image, (100, 90), 10, (255,) * 3, -1)
    for i in range(3):
        (pose,) = steady.estimate(frame(image, time=i / 10))
        np.testing.assert_allclose(pose.position[0], [100, 90], atol=1.5)
        assert np.isnan(pose.position[1]).all()
        np.testing.assert_array_equal(pose.position, pose.image_position)


def change(folder: Path, **fields: object) -> None:
    path = folder / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def break_weights(folder: Path) -> None:
    path = folder / "weights.onnx"
    path.write_bytes(path.read_bytes()[:-20])


def put_weights(folder: Path, weights: bytes) -> None:
    (folder / "weights.onnx").write_bytes(weights)
    change(folder, sha256=hashlib.sha256(weights).hexdigest())


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (break_weights, r"is not the file that model\.json describes: it was cut off"),
        (lambda f: (f / "weights.onnx").unlink(), r"weights\.onnx cannot be read"),
        (lambda f: (f / "model.json").write_text("{}"), "does not describe a keypoint model"),
        (lambda f: (f / "model.json").write_bytes(b"\xff\xfe"), "does not describe a keypoint model"),
        (lambda f: (f / "model.json").write_text(" " * 1_000_001), "is larger than"),
        (lambda f: change(f, weights="../../secret.onnx"), "does not describe a keypoint model"),
        (lambda f: change(f, size=[7, 64]), "does not describe a keypoint model"),
        (lambda f: change(f, version=99), "written by a newer actionpose"),
        (lambda f: change(f, finder="/etc/passwd"), "does not describe a keypoint model"),
        (lambda f: change(f, smoothing={"min_cutoff_hz": -1}), "does not describe a keypoint model"),
        (lambda f: change(f, finder="gone.onnx", margin=0.1), r"gone\.onnx cannot be read"),
        (lambda f: change(f, finder="weights.onnx", margin=0.1), r"weights\.onnx is not the file"),
        (lambda f: change(f, surprise=1), "does not describe a keypoint model"),
        (lambda f: put_weights(f, b""), "could not be loaded"),
        (lambda f: put_weights(f, b"junk" * 100), "could not be loaded"),
        (lambda f: put_weights(f, b"\x80\x04\x95cos\nsystem\n"), "could not be loaded"),
        (lambda f: put_weights(f, dot_graph((96, 64), 1)), "does not fit its description"),
        (lambda f: put_weights(f, dot_graph((64, 64), 3)), "does not fit its description"),
    ],
)  # fmt: skip
def test_what_does_not_belong_together_is_refused(
    damage: Callable[[Path], object], message: str, tmp_path: Path
) -> None:
    folder = write_dot_model(tmp_path / "m")
    damage(folder)
    with pytest.raises(EstimatorError, match=message):
        load_estimator(folder)


def test_a_model_of_another_skeleton_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EstimatorError, match=r"does not fit its description.*another skeleton"):
        load_estimator(write_dot_model(tmp_path / "m", skeleton=UPPER_BODY_6))


def test_weights_outside_the_file_are_not_fetched(tmp_path: Path) -> None:
    model = pytest.importorskip("onnx").load_from_string(dot_graph((64, 64), 1))
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = 1
    for key, value in (("location", "/etc/passwd"), ("length", "8")):
        tensor.external_data.add(key=key, value=value)
    folder = write_dot_model(tmp_path / "m")
    put_weights(folder, model.SerializeToString())
    with pytest.raises(EstimatorError, match="could not be loaded"):
        load_estimator(folder)


def test_a_missing_onnxruntime_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(EstimatorError, match="pip install onnxruntime"):
        load_estimator(write_dot_model(tmp_path / "m"))


def test_running_a_model_needs_no_torch(tmp_path: Path) -> None:
    folder = write_dot_model(tmp_path / "m")
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "import numpy as np\nfrom actionpose.estimators import load_estimator\nfrom actionpose.pose import Frame\n"
        f"estimator = load_estimator({str(folder)!r})\n"
        "estimator.estimate(Frame(index=0, time=0.0, image=np.zeros((64, 64, 3), np.uint8)))\n"
        "assert 'onnx' not in sys.modules and 'sklearn' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


box_strategy = st.builds(
    Box, left=st.floats(-50, 50), top=st.floats(-50, 50), width=st.floats(20, 300), height=st.floats(20, 300)
)


@given(box=box_strategy, size=st.tuples(st.integers(32, 256), st.integers(32, 256)))
def test_positions_go_to_the_crop_and_back(box: Box, size: tuple[int, int]) -> None:
    points = np.array([[0.0, 0.0], [13.5, -7.25], [np.nan, np.nan]])
    np.testing.assert_allclose(box.to_picture(box.to_crop(points, size), size), points, atol=1e-9)
    fitted = box.fitted(size)
    assert fitted.width / fitted.height == pytest.approx(size[0] / size[1])
    assert fitted.width >= box.width - 1e-9
    assert fitted.height >= box.height - 1e-9
    assert fitted.left + fitted.width / 2 == pytest.approx(box.left + box.width / 2)


@settings(max_examples=20, deadline=None)
@given(x=st.floats(80, 240), y=st.floats(60, 180), side=st.floats(60, 150))
def test_a_crop_shows_a_point_where_it_says(x: float, y: float, side: float) -> None:
    image = picture((x, y), (-99, -99))
    box, size = Box(left=x - 0.6 * side, top=y - 0.4 * side, width=side, height=side), (128, 128)
    crop = cut_crop(image, box, size, channels=1)[:, :, 0].astype(float)
    weight = np.clip(crop - 150, 0, None)
    found = np.array(
        [(weight.sum(axis=0) * (np.arange(128) + 0.5)).sum(), (weight.sum(axis=1) * (np.arange(128) + 0.5)).sum()]
    )
    np.testing.assert_allclose(found / weight.sum(), box.to_crop(np.array([x, y]), size), atol=0.35)


def test_beyond_the_picture_it_is_black() -> None:
    box = Box(left=-100.0, top=-100.0, width=100.0, height=100.0)
    assert not cut_crop(np.full((50, 50, 3), 255, np.uint8), box, (32, 32), channels=3).any()


ARMS = {
    "stretched": [[-20, 0], [20, 0], [-50, 0], [50, 0], [-80, 0], [80, 0]],
    "hanging": [[-20, 0], [20, 0], [-20, 30], [20, 30], [-20, 60], [20, 60]],
    "folded": [[-20, 0], [20, 0], [-20, 30], [20, 30], [-20, 0], [20, 0]],
}


def test_a_box_is_as_large_whatever_the_arms_do() -> None:
    for arms in ARMS.values():
        box = find_box(np.array(arms, dtype=float), UPPER_BODY_6, margin=0.1)
        assert box is not None
        assert box.width == box.height == pytest.approx(160 * 1.2)


def test_a_box_needs_two_points() -> None:
    position = np.full((6, 2), np.nan)
    assert find_box(position, UPPER_BODY_6, margin=0.1) is None
    position[0] = 5
    assert find_box(position, UPPER_BODY_6, margin=0.1) is None
    position[1] = 5
    assert find_box(position, UPPER_BODY_6, margin=0.1) is None
    position[1] = [5, 25]
    box = find_box(position, Skeleton(name="loose", keypoints=UPPER_BODY_6.keypoints), margin=0.1)
    assert box == Box(left=-7, top=3, width=24, height=24)

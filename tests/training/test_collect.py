"""Collecting: the teacher's labels against the puppet's truth, and which frames are kept."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from actionpose.errors import InvalidDataError
from actionpose.pose import Frame
from actionpose.skeleton import COCO_17, HAND_21, UPPER_BODY_6
from actionpose.sources.images import ImageFolderSource
from actionpose.sources.puppet import PuppetSource
from actionpose.training.collect import Collector, choose_varied
from actionpose.training.contact_sheet import draw_contact_sheet
from actionpose.training.dataset import SURE
from actionpose.training.labels import load_labels
from actionpose.training.teacher import Teacher, choose_skeleton


def test_the_teacher_is_near_the_truth() -> None:
    puppet = PuppetSource("jumping_jack", body=2, rate_hz=6, pause=0.2)
    indices = None
    with Teacher(UPPER_BODY_6) as teacher:
        for frame in iter(puppet.read, None):
            label, truth = teacher.label(frame), puppet.truth(frame.index)
            indices = truth.skeleton.indices(UPPER_BODY_6.keypoints)
            assert label is not None
            assert truth.image_position is not None
            error = np.hypot(*(label.keypoints - truth.image_position[indices]).T)
            assert np.nanmean(error) < 15
            assert (label.visibility == SURE).mean() > 0.5
            assert 60 < label.reference_px < 140  # half a metre, seen at 188 pixels a metre
        assert teacher.label(Frame(index=0, time=9.0, image=np.zeros((480, 640, 3), np.uint8))) is None


def test_frames_are_collected(tmp_path: Path) -> None:
    collector = Collector(tmp_path / "labels", UPPER_BODY_6)
    with PuppetSource("wave", rate_hz=8, pause=0.2) as puppet:
        n_frames, n_calls = puppet.info.n_frames, []
        n_kept = collector.read(puppet, on_frame=lambda: n_calls.append(1))
    assert n_frames is not None
    assert n_frames * 0.7 < n_kept == collector.n_kept
    assert len(n_calls) == collector.n_seen == n_frames
    with PuppetSource("wave", rate_hz=8, pause=0.2) as puppet:
        assert collector.read(puppet, every_s=0.5, should_stop=lambda: collector.n_seen > n_frames + 5) == 2
    labels = collector.finish(keep=5)
    assert len(labels.images) == 5
    assert sorted(path.name for path in (tmp_path / "labels" / "images").iterdir()) == sorted(
        image.path.name for image in labels.images
    )
    back = load_labels(tmp_path / "labels")
    np.testing.assert_allclose(back.images[3].keypoints, labels.images[3].keypoints, atol=0.01)
    assert cv2.imread(str(back.images[0].path)).shape == (480, 640, 3)
    draw_contact_sheet(back, tmp_path / "sheet.jpg")
    assert cv2.imread(str(tmp_path / "sheet.jpg")).shape == (128, 5 * 128, 3)
    with pytest.raises(InvalidDataError, match="holds labels already"):
        Collector(tmp_path / "labels", UPPER_BODY_6)


def test_nobody_in_view_is_said(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for i in range(2):
        cv2.imwrite(str(tmp_path / "empty" / f"{i}.png"), np.full((120, 160, 3), 90, np.uint8))
    collector = Collector(tmp_path / "labels", UPPER_BODY_6)
    with ImageFolderSource(tmp_path / "empty") as source:
        assert collector.read(source) == 0
    with pytest.raises(InvalidDataError, match="sure of nobody in 2 frames"):
        collector.finish()


def test_varied_frames_are_chosen() -> None:
    pytest.importorskip("sklearn")
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(6, 4)) * 10
    looks = np.repeat(centres, [200, 5, 5, 5, 5, 5], axis=0) + rng.normal(size=(225, 4)) * 0.01
    chosen = choose_varied(looks, 6)
    assert len(set(np.searchsorted(np.cumsum([200, 5, 5, 5, 5, 5]), chosen, side="right"))) >= 5
    assert (np.diff(chosen) > 0).all()
    np.testing.assert_array_equal(choose_varied(looks, 6), chosen)
    np.testing.assert_array_equal(choose_varied(looks, 500), np.arange(225))
    assert len(choose_varied(np.zeros((9, 2)) + np.arange(9)[:, None] // 3, 8)) == 8
    assert len(choose_varied(np.zeros((9, 2)), 4)) == 4  # a camera that stands still


def test_skeletons_are_chosen_by_name() -> None:
    assert choose_skeleton("coco_17") is COCO_17
    assert choose_skeleton("UPPER_BODY_6") is UPPER_BODY_6
    legs = choose_skeleton("left_hip, left_knee,left_ankle")
    assert legs.edges == (("left_hip", "left_knee"), ("left_knee", "left_ankle"))
    with pytest.raises(InvalidDataError, match="no skeleton 'coco'"):
        choose_skeleton("coco")
    assert choose_skeleton("wrist,thumb_1,thumb_2").edges == (("wrist", "thumb_1"), ("thumb_1", "thumb_2"))
    with pytest.raises(InvalidDataError, match="cannot label wrist, thumb_1"):
        Teacher(choose_skeleton("wrist,thumb_1,nose"))


@pytest.mark.realdata
def test_hands_are_taught(data_dir: Path) -> None:
    samples = data_dir / "keypoints" / "mmpose_samples" / "freihand"
    bodies = json.loads((samples / "test_freihand.json").read_text())
    names = {image["id"]: image["file_name"] for image in bodies["images"]}
    errors = []
    with Teacher(HAND_21) as teacher:
        for i, body in enumerate(bodies["annotations"]):
            teacher.reset()
            picture = cv2.imread(str(samples / Path(names[body["image_id"]]).name))
            label = teacher.label(Frame(index=i, time=float(i), image=cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)))
            if label is None or (label.visibility == SURE).mean() < 0.5:
                continue  # as collecting does
            truth = np.array(body["keypoints"]).reshape(21, 3)[:, :2]
            distance = np.hypot(*(label.keypoints - truth).T) / label.reference_px
            errors.append(np.median(distance[label.visibility == SURE]))
            assert label.confidence > 0.5
    assert len(errors) >= 3
    assert np.median(errors) < 0.3  # of the way from the wrist to the middle finger

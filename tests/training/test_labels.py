"""Labelled pictures: the folder that is written, corrections by hand, and what other tools wrote."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from actionpose.errors import InvalidDataError
from actionpose.skeleton import COCO_17, HAND_21, UPPER_BODY_6, Skeleton
from actionpose.training.build import build_dataset
from actionpose.training.importers import load_coco, load_csv, load_deeplabcut, load_freihand
from actionpose.training.labels import LabelledImage, LabelSet, compute_reference, load_labels, save_labels

PAIR = Skeleton(name="pair", keypoints=["left_ear", "right_ear"], edges=[("left_ear", "right_ear")])


def write_picture(path: Path, *, size: tuple[int, int] = (80, 60)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    assert cv2.imwrite(str(path), rng.integers(0, 255, (size[1], size[0], 3), dtype=np.uint8))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    images = [
        LabelledImage(
            path=write_picture(tmp_path / "images" / f"{i}.jpg"),
            keypoints=np.array([[20.0 + i, 30.0], [50.0, 30.25] if i else [np.nan, np.nan]]),
            visibility=np.array([2, 1 if i else 0], np.uint8),
            reference_px=30.0,
            source="film",
            time=i / 10,
        )
        for i in range(3)
    ]
    save_labels(LabelSet(skeleton=PAIR, images=images), tmp_path)
    return tmp_path


def test_what_was_written_comes_back(folder: Path) -> None:
    labels = load_labels(folder)
    assert labels.skeleton == PAIR
    assert [image.time for image in labels.images] == [0.0, 0.1, 0.2]
    np.testing.assert_array_equal(labels.images[0].keypoints, [[20, 30], [np.nan, np.nan]])
    np.testing.assert_array_equal(labels.images[1].visibility, [2, 1])
    np.testing.assert_allclose(labels.images[1].keypoints, [[21, 30], [50, 30.25]])


def test_no_name_is_a_formula_and_all_are_read_back(tmp_path: Path) -> None:
    odd = Skeleton(name="odd", keypoints=["=1+1", "@tip"], edges=[("=1+1", "@tip")])
    image = LabelledImage(
        path=write_picture(tmp_path / "-x.jpg"),
        keypoints=np.array([[-2.0, 30.0], [50.0, 30.0]]),
        visibility=np.array([2, 2], np.uint8),
        reference_px=30.0,
        source="+film",
    )
    save_labels(LabelSet(skeleton=odd, images=[image]), tmp_path)
    cells = (tmp_path / "labels.csv").read_text(encoding="utf-8").replace("\n", ",").split(",")
    assert [cell for cell in cells if cell[:1] in tuple("=+-@")] == ["-2.00"]
    (found,) = load_labels(tmp_path).images
    assert (found.path, found.source) == (tmp_path / "-x.jpg", "+film")
    np.testing.assert_array_equal(found.keypoints, image.keypoints)


def test_a_deleted_picture_is_left_out(folder: Path) -> None:
    (folder / "images" / "1.jpg").unlink()
    labels = load_labels(folder)
    assert [image.path.name for image in labels.images] == ["0.jpg", "2.jpg"]
    assert labels.notes == [f"Left out 1 of 3 pictures of {folder / 'labels.csv'}, no longer there: images/1.jpg."]
    for name in "02":
        (folder / "images" / f"{name}.jpg").unlink()
    with pytest.raises(InvalidDataError, match="Left out 3 of 3"):
        load_labels(folder)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("21.00", "abc", "line 3: could not convert"),
        (",2,", ",256,", r"_v must be 0, 1 or 2, got 256"),
        ("21.00", "1e300", r"labels are pixels of the picture, got 1e\+300"),
        ("21.00", "inf", "labels are pixels of the picture, got inf"),
        ("images/0.jpg", "../../../etc/passwd", "lies outside the folder"),
        ("film,0.000", "film,nan", "line 2: time_s"),
        ("left_ear_x", "left_ear", "lacks the columns left_ear_x"),
    ],
)
def test_a_bad_line_is_named(before: str, after: str, message: str, folder: Path) -> None:
    path = folder / "labels.csv"
    path.write_text(path.read_text().replace(before, after, 1))
    with pytest.raises(InvalidDataError, match=message):
        load_labels(folder)


def test_a_folder_without_labels_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidDataError, match="keypoints collect"):
        load_labels(tmp_path)


def test_crops_are_cut_around_the_body(folder: Path) -> None:
    notes: list[str] = []
    dataset = build_dataset(load_labels(folder), size=(64, 32), channels=3, margin=0.5, on_note=notes.append)
    assert notes == [
        "Left out 1 of 3 labelled bodies, fewer than two keypoints are labelled, or all in one point: images/0.jpg."
    ]
    assert dataset.image.shape == (2, 32, 64, 3)  # one has a single keypoint
    np.testing.assert_allclose(dataset.keypoints.mean(axis=1), [[32, 16]] * 2, atol=0.01)
    left, _, width, height = dataset.box[0]
    assert width / height == pytest.approx(2)
    assert left + width / 2 == pytest.approx(35.5)
    # 29 px across, in a crop twice as high, and twice as wide as high
    assert dataset.keypoints[0, 1, 0] - dataset.keypoints[0, 0, 0] == pytest.approx(29 * 32 / 58, abs=0.1)
    assert dataset.margin == 0.5


def test_whole_pictures_are_fitted_in(folder: Path) -> None:
    dataset = build_dataset(load_labels(folder), size=(64, 64), channels=1, margin=None)
    assert dataset.image.shape == (3, 64, 64, 1)
    assert not dataset.image[:, :7].any()  # 80x60 in 64x64: black above and below
    assert dataset.image[:, 9:55].any()
    np.testing.assert_allclose(dataset.keypoints[1, 0], [21 * 0.8, (30 + 10) * 0.8], atol=1e-4)
    assert dataset.margin is None


def test_nothing_usable_is_said(folder: Path) -> None:
    labels = load_labels(folder)
    for image in labels.images:
        image.path.write_bytes(b"no picture")
    with pytest.raises(InvalidDataError, match="None of the 3 labelled pictures can be used") as refusal:
        build_dataset(labels)
    assert "Left out 2 of 3 labelled bodies, cannot be read: images/1.jpg, images/2.jpg." in refusal.value.message
    with pytest.raises(InvalidDataError, match="multiples of 32, got 100x64"):
        build_dataset(labels, size=(100, 64))
    with pytest.raises(InvalidDataError, match="1 channel"):
        build_dataset(labels, channels=2)


def test_the_reference_is_the_torso_or_what_there_is() -> None:
    position = np.full((17, 2), np.nan)
    position[COCO_17.index("left_shoulder")] = 0
    position[COCO_17.index("left_hip")] = [0, 40]
    assert compute_reference(position, COCO_17) == 40
    assert compute_reference(np.array([[0.0, 0.0], [3.0, 4.0]]), PAIR) == 5
    assert compute_reference(np.full((2, 2), np.nan), PAIR) == 1


def test_coco(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.jpg")
    keypoints = np.zeros((17, 3))
    keypoints[:3] = [[10, 20, 2], [12, 18, 1], [8, 18, 2]]
    body = {"image_id": 1, "category_id": 1, "keypoints": keypoints.ravel().tolist(), "area": 100, "iscrowd": 0}
    data = {
        "images": [{"id": 1, "file_name": "a.jpg"}, {"id": 2, "file_name": "gone.jpg"}],
        "categories": [{"id": 1, "name": "person", "keypoints": list(COCO_17.keypoints), "skeleton": [[1, 2]]}],
        "annotations": [body, {**body, "image_id": 2}, {**body, "iscrowd": 1}, {**body, "keypoints": [0] * 51}],
    }
    (tmp_path / "labels.json").write_text(json.dumps(data))
    labels = load_coco(tmp_path / "labels.json")
    assert labels.skeleton == COCO_17
    (image,) = labels.images
    np.testing.assert_array_equal(image.keypoints[:4], [[10, 20], [12, 18], [8, 18], [np.nan, np.nan]])
    np.testing.assert_array_equal(image.visibility[:4], [2, 2, 2, 0])
    assert labels.notes == [
        "Left out 1 of 4 bodies: a crowd (iscrowd).",
        "Left out 1 of 4 bodies: no keypoint is labelled.",
        "Left out 1 of 2 pictures, not found: gone.jpg.",
    ]
    (tmp_path / "a.jpg").unlink()
    with pytest.raises(InvalidDataError, match=r"None of the 2 .*a crowd.*no keypoint.*a\.jpg, gone\.jpg"):
        load_coco(tmp_path / "labels.json")
    data["annotations"] = [{**body, "iscrowd": 1}]
    (tmp_path / "labels.json").write_text(json.dumps(data))
    with pytest.raises(InvalidDataError, match=r"no picture that could be used\. Left out 1 of 1 bodies: a"):
        load_coco(tmp_path / "labels.json")
    (tmp_path / "labels.json").write_text('{"images": 3}')
    with pytest.raises(InvalidDataError, match="cannot be read"):
        load_coco(tmp_path / "labels.json")


def write_coco(path: Path, categories: list[tuple[str, list[str]]]) -> None:
    """Write one body in a picture of its own for each category; its first keypoint is (category, 1)."""
    bodies = []
    for i, (_, names) in enumerate(categories, start=1):
        write_picture(path.parent / f"{i}.jpg")
        keypoints = [value for k in range(len(names)) for value in (i + 9 * k, 1 + k, 2)]
        bodies.append({"image_id": i, "category_id": i, "keypoints": keypoints})
    kinds = [{"id": i, "name": name, "keypoints": names} for i, (name, names) in enumerate(categories, start=1)]
    images = [{"id": i, "file_name": f"{i}.jpg"} for i in range(1, len(categories) + 1)]
    path.write_text(json.dumps({"images": images, "annotations": bodies, "categories": kinds}))


def test_coco_categories_with_the_same_keypoints_are_one(tmp_path: Path) -> None:
    path = tmp_path / "animals.json"
    write_coco(path, [("antelope", ["nose", "tail"]), ("zebra", ["nose", "tail"]), ("car", [])])
    labels = load_coco(path)
    assert (labels.skeleton.name, labels.skeleton.keypoints) == ("coco", ("nose", "tail"))
    assert [image.keypoints[0].tolist() for image in labels.images] == [[1, 1], [2, 1]]
    assert labels.notes == [
        "Left out 1 of 3 bodies: of another category.",
        "2 categories have the same keypoints and are read as one.",
    ]
    zebra = load_coco(path, categories=["zebra"])
    assert (zebra.skeleton.name, len(zebra.images)) == ("zebra", 1)


def test_coco_categories_with_other_keypoints_must_be_chosen(tmp_path: Path) -> None:
    path = tmp_path / "animals.json"
    write_coco(path, [("zebra", ["nose", "tail"]), ("bird", ["beak", "wing"])])
    with pytest.raises(InvalidDataError, match=r"different keypoints: zebra nose, tail, \.\.\.; bird") as refusal:
        load_coco(path)
    assert "--category zebra" in refusal.value.hint.replace("'", "")
    (image,) = load_coco(path, categories=["bird"]).images
    assert image.keypoints[0].tolist() == [2, 1]
    with pytest.raises(InvalidDataError, match="no category 'fish' with keypoints; it has zebra, bird"):
        load_coco(path, categories=["fish"])


def test_a_picture_outside_the_folder_is_not_read(tmp_path: Path) -> None:
    write_picture(tmp_path / "secret.jpg")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "labels.csv").write_text("image,a_x,a_y,b_x,b_y\n../secret.jpg,1,2,30,40\n")
    with pytest.raises(InvalidDataError, match="None of the 1 labelled pictures"):
        load_csv(tmp_path / "in" / "labels.csv")


HEADER = "scorer{c},me,me,me,me\nbodyparts{c},snout,snout,tail,tail\ncoords{c},x,y,x,y\n"


@pytest.mark.parametrize(
    "path", ["labeled-data/m1/img007.png", "labeled-data\\m1\\img007.png", "labeled-data,m1,img007.png"]
)
def test_deeplabcut(path: str, tmp_path: Path) -> None:
    write_picture(tmp_path / "m1" / "img007.png")
    table = tmp_path / "m1" / "CollectedData_me.csv"
    table.write_text(HEADER.format(c="," * path.count(",")) + f"{path},1.5,2.5,,\n")
    for name in (table, table.with_suffix(".h5")):
        labels = load_deeplabcut(name)
        assert tuple(labels.skeleton.keypoints) == ("snout", "tail")
        (image,) = labels.images
        np.testing.assert_array_equal(image.keypoints, [[1.5, 2.5], [np.nan, np.nan]])
        assert (image.source, image.time) == ("m1", 7.0)


def test_deeplabcut_rows_of_two_folders_get_their_own_pictures(tmp_path: Path) -> None:
    for video in "ab":
        write_picture(tmp_path / "labeled-data" / video / "img0.png")
    rows = "".join(f"labeled-data/{video}/img0.png,{i},2,30,40\n" for i, video in enumerate("abc", start=1))
    for folder in (tmp_path, tmp_path / "labeled-data" / "a"):
        (folder / "CollectedData_me.csv").write_text(HEADER.format(c="") + rows)
        labels = load_deeplabcut(folder / "CollectedData_me.csv")
        found = [(image.source, image.path.parent.name, image.keypoints[0, 0]) for image in labels.images]
        assert found == [("a", "a", 1), ("b", "b", 2)]
        assert "c/img0.png" in labels.notes[0]


def test_videos_of_one_name_in_two_folders_are_two_sources(tmp_path: Path) -> None:
    for day in ("monday", "tuesday"):
        write_picture(tmp_path / day / "mouse" / "img0.png")
    rows = "".join(f"{day}/mouse/img0.png,1,2,30,40\n" for day in ("monday", "tuesday"))
    (tmp_path / "t.csv").write_text(HEADER.format(c="") + rows)
    assert [image.source for image in load_deeplabcut(tmp_path / "t.csv").images] == ["monday/mouse", "tuesday/mouse"]


def test_what_another_model_was_not_sure_of_is_no_label(tmp_path: Path) -> None:
    for i in range(2):
        write_picture(tmp_path / f"{i}.png")
    header = "scorer,net,net,net,net,net,net\nbodyparts,snout,snout,snout,tail,tail,tail\n"
    rows = "0.png,1,2,0.99,30,40,0.01\n1.png,1,2,0.3,30,40,\n"
    (tmp_path / "dlc.csv").write_text(f"{header}coords,x,y,likelihood,x,y,likelihood\n{rows}")
    columns = [f"{name}_{what}" for name in ("snout", "tail") for what in ("x", "y", "likelihood")]
    (tmp_path / "plain.csv").write_text(f"image,{','.join(columns)}\n{rows}")
    for labels in (load_deeplabcut(tmp_path / "dlc.csv"), load_csv(tmp_path / "plain.csv")):
        assert labels.skeleton.keypoints == ("snout", "tail")
        assert [image.visibility.tolist() for image in labels.images] == [[2, 0], [1, 2]]
        assert np.isnan(labels.images[0].keypoints[1]).all()
        assert labels.notes == [
            "Of 4 keypoints 1 with a likelihood below 0.1 count as unlabelled, 1 below 0.6 as doubtful."
        ]
    (tmp_path / "other.csv").write_text(f"{header}coords,x,y,z,x,y,z\n{rows}")
    with pytest.raises(InvalidDataError, match="x, y and likelihood"):
        load_deeplabcut(tmp_path / "other.csv")


def test_a_place_of_0_0_is_no_label(tmp_path: Path) -> None:
    write_picture(tmp_path / "img0.png")
    (tmp_path / "t.csv").write_text(HEADER.format(c="") + "img0.png,0,0,30,40\n")
    (image,) = load_deeplabcut(tmp_path / "t.csv").images
    assert image.visibility.tolist() == [0, 2]


def test_labels_of_another_picture_are_left_out(tmp_path: Path) -> None:
    for name in "abc":
        write_picture(tmp_path / f"{name}.png")
    rows = "a.png,10,20,30,40\nb.png,300,400,500,40\nc.png,,,,\n"  # 80x60
    (tmp_path / "t.csv").write_text(HEADER.format(c="") + rows)
    notes: list[str] = []
    assert len(build_dataset(load_deeplabcut(tmp_path / "t.csv"), margin=None, on_note=notes.append)) == 1
    assert [note.split(", ", 1)[1].split(":")[0] for note in notes] == [
        "most labels lie outside the picture", "no keypoint is labelled",
    ]  # fmt: skip


def test_a_whole_picture_is_of_one_body(tmp_path: Path) -> None:
    for name in "ab":
        write_picture(tmp_path / f"{name}.png")
    rows = "a.png,10,20,30,40\na.png,15,25,35,45\nb.png,10,20,30,40\n"
    (tmp_path / "t.csv").write_text(HEADER.format(c="") + rows)
    labels = load_deeplabcut(tmp_path / "t.csv")
    notes: list[str] = []
    assert len(build_dataset(labels, margin=None, on_note=notes.append)) == 1
    assert "several bodies" in notes[0]
    assert len(build_dataset(labels)) == 3


def test_bodies_without_times_are_cut_out_each_for_itself(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png")
    header = "image,a_x,a_y,b_x,b_y"
    (tmp_path / "t.csv").write_text(f"{header}\na.png,10,10,70,50\na.png,10,10,20,10\n")
    assert build_dataset(load_csv(tmp_path / "t.csv"), margin=0.5).box[:, 2].tolist() == [120, 20]
    (tmp_path / "t.csv").write_text(f"{header},time_s\na.png,10,10,70,50,1\na.png,10,10,20,10,1\n")  # two at a time
    assert build_dataset(load_csv(tmp_path / "t.csv"), margin=0.5).box[:, 2].tolist() == [120, 20]


def test_a_single_keypoint_is_measured_as_others_are(tmp_path: Path) -> None:
    for name in "abc":
        write_picture(tmp_path / f"{name}.png")
    (tmp_path / "t.csv").write_text(HEADER.format(c="") + "a.png,10,20,40,60\nb.png,10,20,,\nc.png,10,20,40,60\n")
    dataset = build_dataset(load_deeplabcut(tmp_path / "t.csv"), size=(128, 96), margin=None)
    np.testing.assert_allclose(dataset.reference_px, 50 * 1.6)


def test_left_and_right_are_paired_by_name(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png")
    names = ["snout", "leftear", "rightear", "Paw_L", "Paw_R", "tail"]
    header = ",".join(["image", *(f"{name}_{axis}" for name in names for axis in "xy")])
    (tmp_path / "t.csv").write_text(f"{header}\na.png,{','.join(map(str, range(12)))}\n")
    assert load_csv(tmp_path / "t.csv").skeleton.symmetry == (("leftear", "rightear"), ("Paw_L", "Paw_R"))


def test_deeplabcut_with_several_animals_is_refused(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text("scorer,me,me\nindividuals,a,a\nbodyparts,snout,snout\ncoords,x,y\n")
    with pytest.raises(InvalidDataError, match="several animals"):
        load_deeplabcut(tmp_path / "c.csv")


def test_freihand(tmp_path: Path) -> None:
    write_picture(tmp_path / "training" / "rgb" / "00000000.jpg")
    write_picture(tmp_path / "training" / "rgb" / "00000001.jpg")  # the same hand before another background
    (tmp_path / "training_K.json").write_text(json.dumps([[[100, 0, 40], [0, 100, 30], [0, 0, 1]]]))
    (tmp_path / "training_xyz.json").write_text(json.dumps([[[0.1, 0.0, 1.0]] * 20 + [[0.0, -0.2, 2.0]]]))
    labels = load_freihand(tmp_path)
    assert labels.skeleton is HAND_21
    assert [image.path.name for image in labels.images] == ["00000000.jpg", "00000001.jpg"]
    np.testing.assert_allclose(labels.images[1].keypoints[[0, 20]], [[50, 30], [40, 20]])
    (tmp_path / "training_K.json").write_text("[]")
    with pytest.raises(InvalidDataError, match="1 hands and 0 cameras"):
        load_freihand(tmp_path)


@pytest.mark.parametrize("depth", [0.0, -0.5, 1e300])
def test_a_freihand_hand_lies_before_its_camera(tmp_path: Path, depth: float) -> None:
    (tmp_path / "training_xyz.json").write_text(json.dumps([[[0.1, 0.1, depth]] * 21]))
    (tmp_path / "training_K.json").write_text(json.dumps([[[100, 0, 20], [0, 100, 20], [0, 0, 1]]]))
    with pytest.raises(InvalidDataError, match=r"does not lie before its camera|Expected `float` <= 1000000"):
        load_freihand(tmp_path)


def test_a_plain_table(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png")
    names = UPPER_BODY_6.keypoints
    header = ["image", "time_s", *(f"{name}_{axis}" for name in names for axis in "xy"), "left_wrist_v"]
    row = ["a.png", "0.5", *map(str, range(12)), "0"]
    (tmp_path / "t.csv").write_text(",".join(header) + "\n" + ",".join(row) + "\n")
    (image,) = load_csv(tmp_path / "t.csv").images
    np.testing.assert_array_equal(image.visibility, [2, 2, 2, 2, 0, 2])
    np.testing.assert_array_equal(image.keypoints[0], [0, 1])
    assert image.time == 0.5
    (tmp_path / "t.csv").write_text("image,nothing\n")
    with pytest.raises(InvalidDataError, match="NAME_x"):
        load_csv(tmp_path / "t.csv")


@pytest.mark.realdata
def test_files_as_they_are_found(data_dir: Path) -> None:
    samples = data_dir / "keypoints"
    coco = load_coco(samples / "mmpose_samples" / "coco" / "test_coco.json")
    assert coco.skeleton == COCO_17
    assert len(coco.images) == 12 or len(coco.images) > 8
    hand = load_coco(samples / "mmpose_samples" / "freihand" / "test_freihand.json")
    assert (hand.skeleton.n_keypoints, len(hand.images)) == (21, 8)
    mice = load_deeplabcut(samples / "dlc_openfield" / "labeled-data" / "m4s1" / "CollectedData_Pranav.csv")
    assert list(mice.skeleton.keypoints) == ["snout", "leftear", "rightear", "tailbase"]
    assert len(mice.images) == 116
    dataset = build_dataset(mice, size=(320, 256), channels=3, margin=None)
    assert dataset.image.shape == (116, 256, 320, 3)

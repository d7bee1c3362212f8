"""Which picture a label file means on another machine, and whether a picture is whole."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from actionpose.training.pictures import FoundPictures, UnusablePictureError, find_pictures, read_picture


def make_files(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def find(root: Path, folder: str, *names: str, above: bool = True) -> dict[str, str]:
    found = find_pictures(names, root / folder, has_folders_above=above)
    return {name: path.relative_to(root.resolve()).as_posix() for name, path in found.paths.items()}


@pytest.mark.parametrize(
    "prefix", ["", "/home/someone/proj/", "C:\\Users\\someone\\proj\\", "\\\\server\\share\\proj\\", "./"]
)
@pytest.mark.parametrize("separator", ["/", "\\"])
@pytest.mark.parametrize("folder", [".", "labeled-data", "labeled-data/m1", "training-datasets/iteration-0/Set_me"])
def test_a_table_lies_where_it_may_in_a_project(prefix: str, separator: str, folder: str, tmp_path: Path) -> None:
    make_files(tmp_path, "labeled-data/m1/img0.png", "labeled-data/m2/img0.png", f"{folder}/table.csv")
    names = [prefix + separator.join(["labeled-data", video, "img0.png"]) for video in ("m1", "m2")]
    expected = dict(zip(names, ["labeled-data/m1/img0.png", "labeled-data/m2/img0.png"], strict=True))
    assert find(tmp_path, folder, *names) == expected


def test_the_folders_a_path_names_decide_between_pictures_of_one_name(tmp_path: Path) -> None:
    make_files(tmp_path, "m1/img0.png", "m1/img1.png")
    found = find_pictures(["x/m1/img0.png", "x/m2/img0.png", "x/m2/img1.png"], tmp_path / "m1")
    assert list(found.paths) == ["x/m1/img0.png"]
    assert found.ambiguous == ["x/m2/img0.png", "x/m2/img1.png"]  # the folder is m1's
    assert found.missing == []


def test_one_picture_is_never_taken_for_two_paths(tmp_path: Path) -> None:
    make_files(tmp_path, "all/a.png", "all/b.png", "all/c.png")
    names = ["x/a.png", "y/a.png", "y/b.png", "z/c.png", "c.png", "z/d.png"]
    found = find_pictures(names, tmp_path / "all")
    assert {name: path.name for name, path in found.paths.items()} == {"y/b.png": "b.png", "c.png": "c.png"}
    assert found.describe() == [
        "Left out 1 of 6 pictures, not found: z/d.png.",
        "Left out 3 of 6 pictures, only pictures of the same name in another folder were found: "
        "x/a.png, y/a.png, z/c.png.",
    ]


def test_the_same_name_in_an_ending_needs_no_other_file(tmp_path: Path) -> None:
    make_files(tmp_path, "pictures/m1/img0.png", "pictures/m2/img0.png", "pictures/img0.png")
    found = find(tmp_path, "pictures", "D:\\old\\m1\\img0.png", "D:\\old\\m2\\img0.png", above=False)
    assert list(found.values()) == ["pictures/m1/img0.png", "pictures/m2/img0.png"]


def test_a_folder_above_is_taken_only_if_no_nearer_one_has_pictures(tmp_path: Path) -> None:
    make_files(tmp_path, "images/a.png", "images/b.png", "set/images/a.png", "set/labels/t.json")
    names = ["images/a.png", "images/b.png"]
    assert find(tmp_path, "set/labels", *names) == {"images/a.png": "set/images/a.png"}
    assert find(tmp_path, "set/labels", *names, above=False) == {}


def test_a_whole_path_above_is_meant_before_an_ending_here(tmp_path: Path) -> None:
    make_files(tmp_path, "labels/m1/img0.png", "labeled-data/m1/img0.png")
    assert find(tmp_path, "labels", "labeled-data/m1/img0.png") == {
        "labeled-data/m1/img0.png": "labeled-data/m1/img0.png"
    }


def test_an_absolute_path_comes_last(tmp_path: Path) -> None:
    make_files(tmp_path, "old/m1/img0.png", "old/m1/img1.png", "new/m1/img0.png")
    names = [str(tmp_path / "old" / "m1" / f"img{i}.png") for i in (0, 1)]
    assert list(find(tmp_path, "new", *names).values()) == ["new/m1/img0.png", "old/m1/img1.png"]


@pytest.mark.parametrize("name", ["", ".", "../secret.png", "..\\secret.png", "a\0b", "x" * 5000, "folder", "/"])
def test_what_names_no_picture_of_the_folder_is_missing(name: str, tmp_path: Path) -> None:
    make_files(tmp_path, "secret.png", "in/folder/a.png")
    found = find_pictures([name], tmp_path / "in")
    assert found == FoundPictures(paths={}, missing=[name], ambiguous=[])


PICTURE = np.random.default_rng(0).integers(0, 255, (48, 64, 3), dtype=np.uint8)


def encode(kind: str, *settings: int) -> bytes:
    return bytes(cv2.imencode(kind, PICTURE, settings)[1].tobytes())


@pytest.mark.parametrize(
    "content",
    [
        encode(".jpg"),
        encode(".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
        encode(".jpg", cv2.IMWRITE_JPEG_RST_INTERVAL, 2),
        encode(".jpg") + b"what some cameras add",
        encode(".png"),
        encode(".bmp"),
    ],
)
def test_a_whole_picture_is_read_and_a_cut_one_is_not(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "picture"
    path.write_bytes(content)
    assert read_picture(path).shape == (48, 64, 3)
    for cut in (content[: len(content) // 2], content[:-30], content[:200], b""):
        path.write_bytes(cut)
        with pytest.raises(UnusablePictureError, match=r"cannot be read|cut short"):
            read_picture(path)


def test_a_cut_jpeg_with_a_whole_thumbnail_is_cut(tmp_path: Path) -> None:
    whole, thumbnail = encode(".jpg"), encode(".jpg", cv2.IMWRITE_JPEG_QUALITY, 20)
    path = tmp_path / "picture.jpg"
    with_thumbnail = whole[:2] + b"\xff\xe1" + struct.pack(">H", len(thumbnail) + 2) + thumbnail + whole[2:]
    path.write_bytes(with_thumbnail)
    assert read_picture(path).shape == (48, 64, 3)
    path.write_bytes(with_thumbnail[:-1000] + bytes(1000))  # a download that was given its room, and not all of it came
    with pytest.raises(UnusablePictureError, match="cut short"):
        read_picture(path)


def test_a_picture_of_another_size_is_not_the_one_that_was_labelled(tmp_path: Path) -> None:
    path = tmp_path / "picture.jpg"
    path.write_bytes(encode(".jpg"))
    assert read_picture(path, (64, 48)).shape == (48, 64, 3)
    with pytest.raises(UnusablePictureError, match="another size"):
        read_picture(path, (128, 96))


def test_a_turned_picture_is_read_as_it_was_labelled(tmp_path: Path) -> None:
    exif = b"Exif\0\0MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x112, 3, 1, 6, 0, 0)  # shown turned by 90 degrees
    whole = encode(".jpg")
    path = tmp_path / "picture.jpg"
    path.write_bytes(whole[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + whole[2:])
    assert read_picture(path).shape == (64, 48, 3)
    assert read_picture(path, (48, 64)).shape == (64, 48, 3)
    assert read_picture(path, (64, 48)).shape == (48, 64, 3)


def test_a_picture_that_unpacks_to_gigabytes_is_refused_by_its_head(tmp_path: Path) -> None:
    """A PNG of zeros with 30,000 x 30,000 pixels takes 2.6 MB, and 2.7 GB unpacked."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    path = tmp_path / "bomb.png"
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )
    with pytest.raises(UnusablePictureError, match="the picture is too large"):
        read_picture(path)

"""Pictures in half blocks, skeletons in braille, and both in ASCII."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.app import App, ComposeResult

from actionpose.pose import Pose
from actionpose.skeleton import UPPER_BODY_6
from actionpose.sources.puppet import PuppetSource
from actionpose.tui.ascii_filter import to_ascii
from actionpose.tui.big_text import HEIGHT, draw_big
from actionpose.tui.picture import PictureView, draw_picture, fit_picture
from actionpose.tui.raster import LEFT, RIGHT, fit_bounds, iter_runs, limbs_of, rasterize
from actionpose.tui.skeleton_view import SkeletonView, draw_skeletons, pose_bounds
from tests.tui.conftest import shown

sides = st.integers(1, 300)


def make_pose(points: list[tuple[float, float]]) -> Pose:
    position = np.array(points, float)
    return Pose(
        skeleton=UPPER_BODY_6, time=0.0, position=position, image_position=position, confidence=np.ones(len(position))
    )


@given(sides, sides, sides, sides)
def test_a_picture_keeps_its_shape_and_fits(width, height, columns, rows):
    fitted = fit_picture((width, height), (columns, rows))
    assert 1 <= fitted[0] <= max(1, min(columns, 120))
    assert 1 <= fitted[1] <= max(1, min(rows, 45))
    if min(fitted) > 8:
        assert fitted[0] / (2 * fitted[1]) == pytest.approx(width / height, rel=0.15)


def test_a_small_picture_has_the_colours_of_the_large_one():
    image = np.zeros((120, 160, 3), np.uint8)
    image[:60] = (200, 40, 40)
    image[60:, 80:] = (40, 40, 200)
    small = draw_picture(image, [], size=(16, 12))
    assert small.shape == (12, 16, 3)
    for (y, x), color in {(2, 3): (200, 40, 40), (9, 2): (0, 0, 0), (9, 13): (40, 40, 200)}.items():
        assert np.abs(small[y, x].astype(int) - color).max() <= 8


def test_noise_changes_nothing_and_motion_does():
    rng = np.random.default_rng(0)
    image = rng.integers(60, 200, (8, 8, 3)).repeat(15, axis=0).repeat(15, axis=1).astype(np.uint8)
    before = draw_picture(image, [], size=(8, 8))
    noisy = np.clip(image + rng.normal(0, 2, image.shape), 0, 255).astype(np.uint8)
    assert (draw_picture(noisy, [], size=(8, 8), before=before) == before).all()
    noisy[:60] = 255
    changed = (draw_picture(noisy, [], size=(8, 8), before=before) != before).any(axis=2)
    assert changed[:4].all()
    assert not changed[4:].any()


def test_skeletons_are_drawn_where_the_keypoints_are():
    # shoulders, elbows, wrists: left and right in turn
    pose = make_pose([(10, 10), (90, 10), (10, 50), (90, 50), (10, 90), (90, 90)])
    picture = draw_picture(np.zeros((100, 100, 3), np.uint8), [pose], size=(20, 20))
    assert tuple(picture[10, 2]) == (230, 159, 0)
    assert tuple(picture[10, 18]) == (86, 180, 233)
    assert tuple(picture[15, 10]) == (8, 8, 8)


def test_poses_without_image_positions_are_not_drawn():
    puppet = PuppetSource("wave")
    pose = puppet.truth(0)
    flat = Pose(skeleton=pose.skeleton, time=0.0, position=pose.position)
    picture = draw_picture(np.zeros((48, 64, 3), np.uint8), [flat], size=(32, 24))
    assert (picture == 8).all()


def test_missing_keypoints_and_uncertain_ones_have_no_limbs():
    pose = make_pose([(10, 10), (90, 10), (np.nan, np.nan), (90, 50), (10, 90), (90, 90)])
    assert set(limbs_of([pose])[1]) == {1, RIGHT}
    assert len(limbs_of([Pose.missing(UPPER_BODY_6, 0.0)])[0]) == 0
    assert fit_bounds(limbs_of([Pose.missing(UPPER_BODY_6, 0.0)])[0]) is None


@given(st.lists(st.tuples(*[st.floats(-500, 500)] * 4), max_size=8), st.integers(1, 60), st.integers(1, 60))
def test_points_of_limbs_stay_inside_the_grid(limbs, width, height):
    x, y, side = rasterize(
        np.array(limbs).reshape(-1, 4), np.full(len(limbs), LEFT), bounds=(0, 0, 100, 50), size=(width, height)
    )
    assert len(x) == len(y) == len(side)
    assert ((x >= 0) & (x < width) & (y >= 0) & (y < height)).all()


def test_a_limb_has_no_gaps():
    x, y, _ = rasterize(np.array([[0.0, 0.0, 39.0, 13.0]]), np.array([LEFT]), bounds=(0, 0, 40, 40), size=(40, 40))
    assert set(x.tolist()) == set(range(40))
    assert (np.abs(np.diff(y)) <= 1).all()


@given(st.lists(st.integers(0, 3), min_size=1, max_size=50))
def test_runs_cover_the_row_and_differ_from_their_neighbours(values):
    runs = list(iter_runs(np.array(values)))
    assert [value for start, end in runs for value in [values[start]] * (end - start)] == values
    assert all(values[a[0]] != values[b[0]] for a, b in itertools.pairwise(runs))


def test_a_skeleton_in_braille_and_in_ascii():
    pose = make_pose([(0, 0), (40, 0), (0, 20), (40, 20), (0, 40), (40, 40)])
    characters, sides = draw_skeletons([pose], width=20, height=10)
    assert characters.shape == sides.shape == (10, 20)
    assert LEFT in sides[:, :10]
    assert RIGHT in sides[:, 10:]
    plain, _ = draw_skeletons([pose], width=20, height=10, ascii_only=True)
    assert "".join(plain.ravel()).isascii()
    assert ((plain != " ") == (characters != " ")).mean() > 0.95


def test_bounds_hold_a_whole_sequence(wave):
    left, top, right, bottom = pose_bounds(wave)
    points = wave.image_position.reshape(-1, 2)
    assert (points >= (left, top)).all()
    assert (points <= (right, bottom)).all()


def test_a_keypoint_that_is_not_drawn_does_not_stretch_the_bounds(wave):
    confidence, image = wave.confidence.copy(), wave.image_position.copy()
    confidence[3, 15], image[3, 15] = 0.02, (-9000.0, 9000.0)
    astray = dataclasses.replace(wave, confidence=confidence, image_position=image)
    np.testing.assert_allclose(pose_bounds(astray), pose_bounds(wave), atol=60)


@given(st.text(max_size=30))
def test_ascii_is_ascii(text):
    assert to_ascii(text).isascii()


@pytest.mark.parametrize(("text", "expected"), [("┌─┐│ ●", "+-+| *"), ("▁█▶", "-#>"), ("héllo", "h?llo"), ("日", "??")])
def test_ascii_keeps_width_and_what_resembles(text, expected):
    assert to_ascii(text) == expected


def test_big_text():
    rows = draw_big("go!", width=20)
    assert len(rows) == HEIGHT
    assert draw_big("go!", width=10) is None
    assert draw_big("日", width=20) is None


class ViewApp(App[None]):
    def __init__(self, view: PictureView | SkeletonView) -> None:
        super().__init__()
        self.view = view

    def compose(self) -> ComposeResult:
        yield self.view


async def test_a_picture_view_survives_any_size():
    puppet = PuppetSource("wave")
    frame = puppet.read()
    app = ViewApp(PictureView())
    async with app.run_test(size=(80, 24)) as pilot:
        for size in ((80, 24), (1, 1), (3, 40), (200, 50)):
            await pilot.resize_terminal(*size)
            app.view.show(frame.image, [puppet.truth(0)])
            await pilot.pause()
            assert "▀" in shown(pilot) or size == (1, 1)
        app.view.clear()
        await pilot.pause()
        assert not shown(pilot).strip()


async def test_a_skeleton_view_redraws_what_moved(wave):
    app = ViewApp(SkeletonView())
    bounds = pose_bounds(wave)
    poses = list(wave.iter_poses())
    async with app.run_test(size=(40, 20)) as pilot:
        app.view.show([poses[0]], bounds=bounds)
        await pilot.pause()
        before = shown(pilot)
        app.view.show([poses[len(poses) // 2]], bounds=bounds)
        await pilot.pause()
        expected, _ = draw_skeletons([poses[len(poses) // 2]], width=40, height=20, bounds=bounds)
        assert shown(pilot) == "\n".join("".join(row) for row in expected) != before
        app.view.show([])
        await pilot.pause()
        assert not shown(pilot).strip()

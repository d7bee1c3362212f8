from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.app import App, ComposeResult

from actionpose.dtw import dtw_distances, find_warping_path
from actionpose.skeleton import UPPER_BODY_6
from actionpose.template import Template
from actionpose.tui.compare import draw_path
from actionpose.tui.curves import Curve, CurvePlot, draw_curves
from actionpose.tui.preview import angle_curves, pick_angles
from actionpose.tui.warping import compare_templates
from tests.synthetic import perform
from tests.tui.stage import text_of

LINE = np.array([0.0, 1.0])


def lines(*curves: Curve, width: int = 4, height: int = 2, ascii_only: bool = False) -> list[str]:
    characters, _ = draw_curves(
        curves, width=width, height=height, x_range=(0, 1), y_range=(0, 1), ascii_only=ascii_only
    )
    return ["".join(row) for row in characters]


def test_a_level_line_is_a_row_of_dots() -> None:
    assert lines(Curve("top", LINE, np.ones(2))) == ["⠉⠉⠉⠉", "    "]
    assert lines(Curve("bottom", LINE, np.zeros(2))) == ["    ", "⣀⣀⣀⣀"]
    assert lines(Curve("bottom", LINE, np.zeros(2)), ascii_only=True) == ["    ", "****"]


def test_curves_are_told_apart_without_colour() -> None:
    same = [Curve(str(i), LINE, np.ones(2)) for i in range(3)]
    drawn = {lines(curve, width=12)[0] for curve in [same[0]]}
    for number in (1, 2):
        empty = [Curve("", np.empty(0), np.empty(0))] * number
        drawn.add(lines(*empty, same[number], width=12)[0])
    assert len(drawn) == 3
    _, owner = draw_curves(same[:2], width=4, height=1, x_range=(0, 1), y_range=(0, 1))
    assert owner.tolist()[0][0] == 1


def test_missing_values_leave_a_gap() -> None:
    curve = Curve("", np.linspace(0, 1, 8), np.array([1, 1, np.nan, np.nan, np.nan, np.nan, 1, 1.0]))
    assert lines(curve)[0] == "⠉  ⠉"


def test_a_steep_curve_has_no_holes() -> None:
    assert " " not in lines(Curve("", LINE, LINE), width=1, height=6)


@given(
    st.lists(st.floats(-1e6, 1e6) | st.just(float("nan")), max_size=20),
    st.integers(0, 12),
    st.integers(0, 6),
    st.booleans(),
)
def test_any_curve_fits_any_size(values: list[float], width: int, height: int, ascii_only: bool) -> None:
    curve = Curve("", np.arange(len(values), dtype=float), np.array(values))
    characters, owner = draw_curves(
        [curve], width=width, height=height, x_range=(0, 10), y_range=(-5, 5), ascii_only=ascii_only
    )
    assert characters.shape == owner.shape == (height, width)
    assert ((characters == " ") == (owner < 0)).all()


class PlotApp(App[None]):
    ascii = False

    def compose(self) -> ComposeResult:
        yield CurvePlot()


async def test_the_plot_has_legend_axes_and_cursor() -> None:
    app = PlotApp()
    async with app.run_test(size=(40, 8)) as pilot:
        plot = app.query_one(CurvePlot)
        plot.show([Curve("elbow", LINE, 90 + 0 * LINE)], x_range=(0, 2), y_range=(0, 180), units=(" s", "°"))
        await pilot.pause()
        text = text_of(app)
        assert "━━ elbow" in text
        assert "180°" in text
        assert "2 s" in text
        assert "│" not in text
        plot.at = 2.0
        await pilot.pause()
        rows = text_of(app).splitlines()
        assert [row.index("│") for row in rows if "│" in row] == [39] * 6
        plot.at = float("nan")
        await pilot.pause()
        assert "│" not in text_of(app)
        for size in ((1, 1), (10, 3), (40, 8)):
            await pilot.resize_terminal(*size)


@given(st.integers(1, 7), st.integers(1, 7), st.integers(0, 2**32 - 1))
def test_the_warping_path_costs_what_dtw_says(n: int, m: int, seed: int) -> None:
    cost = np.random.default_rng(seed).uniform(size=(n, m))
    path = find_warping_path(cost)
    assert path[0].tolist() == [0, 0]
    assert path[-1].tolist() == [n - 1, m - 1]
    steps = np.diff(path, axis=0)
    assert ((steps >= 0) & (steps <= 1)).all()
    assert (steps.sum(axis=1) >= 1).all()
    assert cost[path[:, 0], path[:, 1]].sum() == pytest.approx(dtw_distances(cost[None], [m])[0])


def test_a_template_maps_onto_itself_along_the_diagonal() -> None:
    template = Template.from_sequence("wave", perform("wave"))
    comparison = compare_templates(template, template)
    assert comparison.distance == 0.0
    np.testing.assert_array_equal(comparison.path, np.repeat(np.arange(45)[:, None], 2, axis=1))


def test_a_slower_performance_is_mapped_and_its_difference_named() -> None:
    fast = Template.from_sequence("wave", perform("wave", duration=1.0))
    slow = Template.from_sequence("wave", perform("wave", duration=2.0, seed=1))
    comparison = compare_templates(fast, slow)
    assert comparison.distance < 0.05
    middle = comparison.path[len(comparison.path) // 2]
    assert middle[1] / middle[0] == pytest.approx(2, abs=0.3)
    other = compare_templates(fast, Template.from_sequence("raise", perform("raise")))
    assert other.distance > 5 * comparison.distance
    assert "wrist" in other.apart[1]


def test_the_path_is_drawn_unbroken_from_corner_to_corner() -> None:
    cost = np.abs(np.subtract.outer(np.arange(10.0), np.arange(10.0)))
    for ascii_only, mark in ((False, "●"), (True, "o")):
        characters, is_path = draw_path(cost, find_warping_path(cost), width=30, height=8, ascii_only=ascii_only)
        assert is_path[7, 0]
        assert is_path[0, 29]
        assert is_path.any(axis=0).all()
        assert is_path.any(axis=1).all()
        assert set(characters[is_path]) == {mark}
        assert characters[0, 0] != " "
    assert draw_path(cost, find_warping_path(cost), width=0, height=3)[0].shape == (3, 0)


def test_the_angles_that_move_most_are_shown() -> None:
    sequence = perform("wave")
    curves = angle_curves(sequence, pick_angles(sequence))
    assert UPPER_BODY_6.angles is not None
    assert [curve.name for curve in curves][:1] == ["right elbow"]
    assert all(0 <= np.nanmin(curve.y) <= np.nanmax(curve.y) <= 180 for curve in curves)
    assert len(pick_angles(sequence, n_angles=2)) == 2

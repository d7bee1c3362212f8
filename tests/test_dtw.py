from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actionpose.dtw import MAX_PAUSE_FRAMES, PAD, IntArray, Pauses, StreamingDTW, WindowDTW, dtw_distances, search
from actionpose.pose import FloatArray
from tests import naive

SEEDS = st.integers(0, 2**32 - 1)
LENGTHS = st.lists(st.integers(1, 9), min_size=1, max_size=5)


def run(
    dtw: StreamingDTW, cost: FloatArray, pause: FloatArray | None = None
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Distances, starts and frames matched of every template after every frame, (T, N) each.

    cost is (T, sum of the lengths), pause is (T, cells that may pause): NaN in a whole row = no pause then.
    """
    ends = []
    for t, row in enumerate(cost):
        cells = np.full(dtw.size, 7.0)  # the cells between the templates may hold anything
        cells[dtw.frame_of_cell > 0] = row
        dtw.update(cells, None if pause is None or np.isnan(pause[t]).all() else pause[t])
        ends.append(dtw.ends())
    distances, starts, matched = zip(*ends, strict=True)
    return np.stack(distances), np.stack(starts), np.stack(matched)


def in_parts(
    cost: FloatArray, n_frames: int, *, rows: IntArray | None = None, pause: FloatArray | None = None
) -> Iterator[tuple[FloatArray, Pauses | None]]:
    """Parts of a cost (L, T), with what pausing at some rows costs, (P, T): NaN in a whole column = no pause then."""
    for begin in range(0, cost.shape[1], n_frames):
        part = slice(begin, begin + n_frames)
        if rows is None or pause is None:
            yield cost[:, part], None
        else:
            still = np.flatnonzero(~np.isnan(pause[:, part]).any(axis=0))
            yield cost[:, part], Pauses(rows, still, pause[:, part][:, still])


def as_counted(cost: FloatArray) -> FloatArray:
    """Costs as the kernels count them, so that sums and ties are exact in the twin as well."""
    return np.floor(np.minimum(np.asarray(cost, dtype=np.float32), 8.0) * 2.0**18) / 2.0**18


def assert_equals_naive(
    dtw: StreamingDTW,
    cost: FloatArray,
    *,
    cells: IntArray | None = None,
    pause: FloatArray | None = None,
    is_long: Sequence[bool] = (),
) -> None:
    distance, start, n_matched = run(dtw, cost, pause)
    everywhere = np.full((len(cost), dtw.size), np.inf)
    if cells is not None and pause is not None:
        everywhere[:, cells] = np.where(np.isnan(pause), np.inf, as_counted(pause))
    cuts = np.cumsum(dtw.lengths)[:-1]
    columns = np.split(as_counted(cost), cuts, axis=1)
    pauses = np.split(everywhere[:, dtw.frame_of_cell > 0], cuts, axis=1)
    for i, (column, may_pause) in enumerate(zip(columns, pauses, strict=True)):
        may_hurry = bool(is_long) and is_long[i]
        expected, expected_start, expected_matched = naive.streaming_dtw(column, may_pause, is_long=may_hurry)
        np.testing.assert_array_equal(distance[:, i], expected)
        finite = np.isfinite(expected)
        np.testing.assert_array_equal(start[finite, i], expected_start[finite])
        np.testing.assert_array_equal(n_matched[finite, i], expected_matched[finite])


@settings(max_examples=1000, deadline=None)
@given(lengths=LENGTHS, n_frames=st.integers(1, 30), seed=SEEDS)
def test_streaming_equals_naive(lengths: list[int], n_frames: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    cost = random.exponential(size=(n_frames, sum(lengths)))
    assert_equals_naive(StreamingDTW(lengths), cost)
    cells, pause = make_pauses(lengths, n_frames, random)
    assert_equals_naive(StreamingDTW(lengths, pausable=cells), cost, cells=cells, pause=pause)
    is_long = random.random(len(lengths)) < 0.5
    hurrying = StreamingDTW(lengths, pausable=cells, is_long=is_long)
    assert_equals_naive(hurrying, cost, cells=cells, pause=pause, is_long=is_long.tolist())


def make_pauses(lengths: list[int], n_frames: int, random: np.random.Generator) -> tuple[IntArray, FloatArray]:
    """Some cells where a path may pause at some frames, and the cost of it, (T, P)."""
    frames = np.flatnonzero(StreamingDTW(lengths).frame_of_cell > 0)
    cells = frames[random.random(len(frames)) < 0.5]
    pause = random.exponential(0.3, size=(n_frames, len(cells)))
    pause[random.random(n_frames) < 0.3] = np.nan
    return cells, pause


@settings(deadline=None)
@given(length=st.integers(1, 9), n_frames=st.integers(1, 40), block=st.sampled_from([1, 2, 3, 7, 40]), seed=SEEDS)
def test_search_equals_streaming(length: int, n_frames: int, block: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    cost = random.exponential(size=(n_frames, length))
    cells, pause = make_pauses([length], n_frames, random)
    for expected, found in (
        (run(StreamingDTW([length]), cost), search(in_parts(cost.T, block))),
        (
            run(StreamingDTW([length], pausable=cells), cost, pause),
            search(in_parts(cost.T, block, rows=cells - PAD, pause=pause.T)),
        ),
        (
            run(StreamingDTW([length], pausable=cells, is_long=np.array([True])), cost, pause),
            search(in_parts(cost.T, block, rows=cells - PAD, pause=pause.T), is_long=True),
        ),
    ):
        finite = np.isfinite(expected[0][:, 0])
        np.testing.assert_array_equal(found[0], expected[0][:, 0])
        np.testing.assert_array_equal(found[1][finite], expected[1][finite, 0])
        np.testing.assert_array_equal(found[2][finite], expected[2][finite, 0])


def test_a_path_pauses_for_as_long_as_frames_can_be_counted() -> None:
    # The template's three frames come one after the other, but for a pause at the second.
    for n_paused in (1, MAX_PAUSE_FRAMES, MAX_PAUSE_FRAMES + 1):
        n_frames = 3 + n_paused
        cost = np.full((n_frames, 3), 7.0)
        cost[[0, 1, -1], [0, 1, 2]] = 0.0
        pause = np.full((n_frames, 1), 2.0**-10)
        cells = np.array([PAD + 1])
        distance, start, n_matched = run(StreamingDTW([3], pausable=cells), cost, pause)
        found = search(in_parts(cost.T, n_frames, rows=np.array([1]), pause=pause.T))
        for end in ((distance[-1, 0], start[-1, 0], n_matched[-1, 0]), [array[-1] for array in found]):
            if n_paused <= MAX_PAUSE_FRAMES:
                assert tuple(end) == (n_paused * 2.0**-10, 0, 3)
            else:
                assert end[0] >= 7.0  # by a frame that does not fit


@pytest.mark.parametrize("block", [1, 5, 40])
def test_no_path_crosses_a_gap(block: int) -> None:
    cost = np.random.default_rng(9).exponential(size=(6, 40))
    distance, start, _ = search(in_parts(cost, block), gaps=np.arange(17, 17 + PAD))
    before, start_before, _ = search(in_parts(cost[:, :17], 40))
    after, start_after, _ = search(in_parts(cost[:, 17 + PAD :], 40))
    np.testing.assert_array_equal(distance, np.concatenate([before, [np.inf] * PAD, after]))
    finite = np.isfinite(distance)
    expected = np.concatenate([start_before, [0] * PAD, start_after + 17 + PAD])
    np.testing.assert_array_equal(start[finite], expected[finite])


def test_costs_count_up_to_eight() -> None:
    far, farthest = (search([(np.full((4, 8), cost), None)])[0] for cost in (8.0, 1e30))
    np.testing.assert_array_equal(far, farthest)


@given(lengths=LENGTHS, seed=SEEDS)
def test_streaming_equals_naive_when_paths_tie(lengths: list[int], seed: int) -> None:
    cost = np.random.default_rng(seed).integers(0, 3, size=(15, sum(lengths))).astype(float)
    assert_equals_naive(StreamingDTW(lengths), cost)


@given(lengths=LENGTHS, n_before=st.integers(0, 7), seed=SEEDS)
def test_reset_forgets_everything(lengths: list[int], n_before: int, seed: int) -> None:
    cost = np.random.default_rng(seed).exponential(size=(20, sum(lengths)))
    dtw = StreamingDTW(lengths)
    run(dtw, 1e-3 * cost[:n_before] if n_before else cost[:1])
    dtw.reset()
    assert dtw.n_frames == 0
    assert_equals_naive(dtw, cost)


@given(length=st.integers(1, 20), seed=SEEDS)
def test_a_match_is_half_to_twice_as_long_as_its_template(length: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    # Stretches that cost nearly nothing tempt a path to collapse or to linger.
    cost = random.exponential(size=(60, length)) * random.choice([1e-6, 1.0], size=(60, 1))
    distance, start, _ = run(StreamingDTW([length]), cost)
    matched = np.arange(1, 61)[:, None] - start
    reached = np.isfinite(distance)
    assert (2 * matched[reached] >= length).all()
    assert (matched[reached] <= 2 * length).all()
    assert reached[(length + 1) // 2 - 1 :].all()
    assert not reached[: (length + 1) // 2 - 1].any()


@pytest.mark.parametrize("n_copies", [1, 2])
def test_finds_the_template_where_it_is(n_copies: int) -> None:
    random = np.random.default_rng(4)
    template = random.normal(size=12).cumsum()
    stream = np.concatenate([np.full(15, 12.0), np.repeat(template, n_copies), np.full(15, 12.0)])
    distance, start, _ = run(StreamingDTW([12]), np.abs(stream[:, None] - template))
    end = int(distance[:, 0].argmin())
    assert distance[end, 0] == pytest.approx(0.0, abs=1e-12)
    # Where every frame is there twice, the first or the last copy may be left out at no cost.
    assert abs(start[end, 0] - 15) < n_copies
    assert abs(end + 1 - (15 + 12 * n_copies)) < n_copies


def test_templates_do_not_touch_each_other() -> None:
    cost = np.random.default_rng(5).exponential(size=(25, 9))
    together = run(StreamingDTW([4, 5]), cost)
    np.testing.assert_array_equal(together[0][:, :1], run(StreamingDTW([4]), cost[:, :4])[0])
    np.testing.assert_array_equal(together[0][:, 1:], run(StreamingDTW([5]), cost[:, 4:])[0])


def test_progress_grows_as_the_template_is_performed() -> None:
    template = np.linspace(0.0, 5.0, 20)
    dtw = StreamingDTW([20])
    progress = []
    for value in template:
        dtw.update(np.concatenate([np.zeros(PAD), np.abs(value - template)]))
        progress.append(dtw.progress().item())
    assert 0.0 < progress[0] <= 0.2
    assert progress[-1] == 1.0
    assert np.diff(progress).min() >= 0.0


def test_before_the_first_frame_nothing_is_known() -> None:
    dtw = StreamingDTW([3, 1])
    assert np.isinf(dtw.ends()[0]).all()
    assert not dtw.progress().any()


def naive_distances(cost: FloatArray, lengths: list[int]) -> FloatArray:
    return np.array([naive.dtw(c[:, :length]) for c, length in zip(cost, lengths, strict=True)])


@given(lengths=LENGTHS, n_window=st.integers(1, 12), seed=SEEDS)
def test_window_distances_equal_naive(lengths: list[int], n_window: int, seed: int) -> None:
    cost = np.random.default_rng(seed).exponential(size=(len(lengths), n_window, max(lengths)))
    np.testing.assert_allclose(dtw_distances(cost, lengths), naive_distances(cost, lengths), rtol=1e-5)


@given(lengths=LENGTHS, n_window=st.integers(1, 6), seed=SEEDS)
def test_a_sliding_window_equals_each_window_alone(lengths: list[int], n_window: int, seed: int) -> None:
    cost = np.random.default_rng(seed).exponential(size=(len(lengths), 12, max(lengths)))
    dtw = WindowDTW(lengths, n_window)
    for t in range(12):
        dtw.update(cost[:, t].T)
        if t >= n_window - 1:
            window = cost[:, t - n_window + 1 : t + 1]
            np.testing.assert_array_equal(dtw.distances(), dtw_distances(window, lengths))


@given(lengths=LENGTHS, seed=SEEDS)
def test_padding_does_not_matter(lengths: list[int], seed: int) -> None:
    cost = np.random.default_rng(seed).exponential(size=(len(lengths), 6, max(lengths)))
    padded = np.concatenate([cost, np.full((len(lengths), 6, 3), 1e9)], axis=2)
    np.testing.assert_array_equal(dtw_distances(padded, lengths), dtw_distances(cost, lengths))


@given(seed=SEEDS, n=st.integers(1, 10), m=st.integers(1, 10))
def test_window_distance_is_symmetric_and_zero_on_itself(seed: int, n: int, m: int) -> None:
    random = np.random.default_rng(seed)
    a, b = random.normal(size=(n, 3)), random.normal(size=(m, 3))
    there = np.linalg.norm(a[:, None] - b[None], axis=2)
    itself = np.linalg.norm(a[:, None] - a[None], axis=2)
    forward, back = dtw_distances(there[None], [m]).item(), dtw_distances(there.T[None], [n]).item()
    assert forward == pytest.approx(back, rel=1e-5)
    assert forward >= 0.0
    assert dtw_distances(itself[None], [n]).item() == 0.0

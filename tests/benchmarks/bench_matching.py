"""Matching alone, against the libraries one would use instead; every figure is a median, ratios are of one round.

    python -m tests.benchmarks.bench_matching [--templates 1,50,200,1000,5000] [--plot growth.svg] [--hours 24]

Templates and streams are random walks of 16 features; templates have 45 frames. Measures a live frame of
`StreamMatcher` with everything the recogniser asks of it, by number of templates; the same streaming DTW with nothing
but plain Euclidean distance as its cost; a frame of `WindowMatcher` on 50 frames and 200 templates; and the search of
one hour for one template. The peers get the same arrays and compute plain DTW distances: dtaidistance, aeon and tslearn
compiled, fastdtw (Salvador & Chan 2007) approximate, and compiled where it was installed so (with a C++ compiler: `pip
install cython setuptools`, then `pip install --force-reinstall --no-deps --no-build-isolation --no-binary fastdtw
fastdtw`). The plot shows how cost grows with templates and with their frames. With --hours, a stream of so long is
simulated instead: does it stay as fast, and as small?
"""

from __future__ import annotations

import argparse
import math
import resource
import statistics
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
from aeon.distances import dtw_pairwise_distance
from dtaidistance import dtw_ndim
from dtaidistance.subsequence.dtw import subsequence_alignment
from fastdtw import fastdtw
from matplotlib.figure import Figure
from threadpoolctl import threadpool_limits
from tslearn.metrics import cdist_dtw

from actionpose.bank import MatchSettings, TemplateBank
from actionpose.cost import LocalCost
from actionpose.dtw import PAD, StreamingDTW, search
from actionpose.features import FeatureFrame, FeatureSettings
from actionpose.matching import StreamMatcher, WindowMatcher
from actionpose.pose import FloatArray, PoseSequence
from actionpose.skeleton import Skeleton
from actionpose.template import Template

N_FEATURES = 16
TEMPLATE_FRAMES = 45
WINDOW_FRAMES = 50
N_TEMPLATES = 200
HOUR_FRAMES = 108_000
RATE_HZ = 30.0
N_FRAMES = 400
N_ROUNDS = 7

# A comb of joints whose angles are the features: as many as the skeleton names.
_ENDS = [(f"left_{i}", f"vertex_{i}", f"right_{i}") for i in range(N_FEATURES)]
COMB = Skeleton(
    name="comb",
    keypoints=[name for ends in _ENDS for name in ends],
    edges=[edge for a, b, c in _ENDS for edge in ((a, b), (b, c))],
    angles=_ENDS,
)
SETTINGS = MatchSettings(features=FeatureSettings(feature="angles", rate_hz=RATE_HZ))


def make_sequence(random: np.random.Generator, n_frames: int = TEMPLATE_FRAMES) -> PoseSequence:
    """Fold every joint of the comb at random."""
    angle = 1.5 + 0.1 * random.standard_normal((n_frames, N_FEATURES)).cumsum(axis=0)
    position = np.zeros((n_frames, N_FEATURES, 3, 2))
    position[:, :, 0, 0] = 1.0
    position[:, :, 2] = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    time = np.arange(n_frames) / RATE_HZ
    return PoseSequence(skeleton=COMB, time=time, position=position.reshape(n_frames, -1, 2) + 10.0)


def make_bank(n_templates: int, n_frames: int = TEMPLATE_FRAMES) -> TemplateBank:
    """Compile random templates of a few labels."""
    random = np.random.default_rng(0)
    return TemplateBank(
        [Template.from_sequence(f"action {i % 10}", make_sequence(random, n_frames)) for i in range(n_templates)],
        SETTINGS,
    )


def make_stream(n_frames: int) -> list[FeatureFrame]:
    """Walk at random as the templates do."""
    vectors = 1.5 + 0.1 * np.random.default_rng(1).standard_normal((n_frames, N_FEATURES)).cumsum(axis=0)
    return [FeatureFrame(i / RATE_HZ, vector, np.empty(0), i == 0) for i, vector in enumerate(vectors)]


def microseconds(call: Callable[[], object], n_times: int) -> float:
    """Median time of a call."""
    times = []
    for _ in range(n_times):
        start = perf_counter()
        call()
        times.append(perf_counter() - start)
    return 1e6 * statistics.median(times)


def measure_stream(n_templates: int, n_frames: int = TEMPLATE_FRAMES) -> float:
    """Time per frame of `StreamMatcher`, with distances and starts of all templates."""
    matcher = StreamMatcher(make_bank(n_templates, n_frames), limits=np.zeros(n_templates))
    frames = iter(make_stream(N_FRAMES))
    return microseconds(lambda: matcher.update(next(frames)), N_FRAMES)


def measure_plain_stream(tracks: Sequence[FloatArray]) -> float:
    """Time per frame of `StreamingDTW` on Euclidean distances, with the nearest template and where its match begins."""
    dtw = StreamingDTW([len(track) for track in tracks])
    goals = np.vstack([np.vstack([np.zeros((PAD, N_FEATURES)), track]) for track in tracks]).astype(np.float32)
    columns, squares = np.ascontiguousarray(-2.0 * goals.T), np.square(goals).sum(axis=1)
    cost = np.empty(dtw.size, dtype=np.float32)
    frames = iter(make_stream(N_FRAMES))

    def update() -> tuple[int, float, int]:
        vector = next(frames).vector.astype(np.float32)
        np.dot(vector, columns, out=cost)
        np.add(cost, squares, out=cost)
        np.add(cost, vector @ vector, out=cost)
        np.abs(cost, out=cost)
        np.sqrt(cost, out=cost)
        dtw.update(cost)
        distance, start, n_matched = dtw.ends()
        score = distance / (dtw.lengths + n_matched)
        nearest = int(score.argmin())
        return nearest, float(score[nearest]), int(start[nearest])

    return microseconds(update, N_FRAMES)


def measure_window(bank: TemplateBank, *, backend: str = "exact", n_times: int = 50) -> float:
    """Time per frame of `WindowMatcher` with a full window."""
    matcher = WindowMatcher(bank, window_frames=WINDOW_FRAMES, backend=backend)  # type: ignore[arg-type]
    frames = make_stream(WINDOW_FRAMES + n_times - 1)
    matcher.reset()
    for frame in frames[: WINDOW_FRAMES - 1]:
        matcher.update(frame)
    rest = iter(frames[WINDOW_FRAMES - 1 :])
    return microseconds(lambda: matcher.update(next(rest)), n_times)


def prepare_peers(tracks: Sequence[FloatArray]) -> dict[str, Callable[[], object]]:
    """Return, of each compiled peer, a call that compares one window with every template."""
    window = np.ascontiguousarray([frame.vector for frame in make_stream(WINDOW_FRAMES)])
    tracks = [np.ascontiguousarray(track) for track in tracks]
    rows = [np.ascontiguousarray(series.T) for series in (window, *tracks)]
    return {
        "dtaidistance": lambda: [dtw_ndim.distance_fast(window, track) for track in tracks],
        "aeon": lambda: dtw_pairwise_distance(rows[:1], rows[1:]),
        "tslearn": lambda: cdist_dtw([window], tracks),
    }


def compare_frames() -> None:
    """Print the time of one frame beside those of the peers; ratios are of one round: the machine may change."""
    bank = make_bank(N_TEMPLATES)
    is_compiled = fastdtw.__module__.endswith("_fastdtw")
    calls: dict[str, Callable[[], float]] = {
        "stream": lambda: measure_stream(N_TEMPLATES),
        "stream, plain": lambda: measure_plain_stream(bank.timed_tracks),
        "window, exact": lambda: measure_window(bank),
        **{name: partial(microseconds, call, 2) for name, call in prepare_peers(bank.timed_tracks).items()},
        f"fastdtw, {'compiled' if is_compiled else 'Python'}": lambda: measure_window(
            bank, backend="fastdtw", n_times=1
        ),
    }
    for call in calls.values():  # what is compiled at its first call, is now
        call()
    rounds = np.array([[call() for call in calls.values()] for _ in range(N_ROUNDS)])
    print(f"One frame, {N_TEMPLATES} templates of {TEMPLATE_FRAMES} x {N_FEATURES}, one thread, {N_ROUNDS} rounds")
    print(f"{'':17} {'us':>9}   {'x stream (least, most)':24} {'x plain':>8} {'x window':>8}")
    for i, name in enumerate(calls):
        by_stream, by_plain, by_window = (rounds[:, i] / rounds[:, k] for k in range(3))
        spread = f"{np.median(by_stream):.1f} ({by_stream.min():.1f}, {by_stream.max():.1f})"
        others = f"{np.median(by_plain):8.1f} {np.median(by_window):8.2f}"
        print(f"{name:17} {np.median(rounds[:, i]):9.0f}   {spread:24} {others}", flush=True)


def measure_search(bank: TemplateBank) -> FloatArray:
    """Milliseconds of searching an hour: ours, cost included, and dtaidistance's subsequence alignment; (rounds, 2)."""
    hour = 1.5 + 0.1 * np.random.default_rng(2).standard_normal((HOUR_FRAMES, N_FEATURES)).cumsum(axis=0)
    change = np.full_like(hour, np.nan)
    change[bank.lag_frames :] = hour[bank.lag_frames :] - hour[: -bank.lag_frames]
    cost = LocalCost(bank)
    query = np.ascontiguousarray(bank.tracks[0])

    def search_hour() -> object:
        parts = [slice(begin, begin + 4096) for begin in range(0, HOUR_FRAMES, 4096)]
        return search(cost.of_template(0, cost.compare(change[part], hour[part])) for part in parts)

    rounds = [
        (
            microseconds(search_hour, 1),
            microseconds(lambda: subsequence_alignment(query, hour, use_c=True).best_match(), 1),
        )
        for _ in range(N_ROUNDS)
    ]
    return np.array(rounds) / 1e3


def measure_long_stream(hours: float) -> None:
    """Print time per frame and peak memory of a stream against five templates, for each hour."""
    matcher = StreamMatcher(make_bank(5), limits=np.full(5, 1.2))
    random = np.random.default_rng(3)
    vector, index = np.full(N_FEATURES, 1.5), 0
    print(f"{'hour':>4} {'us/frame':>9} {'matches':>8} {'peak MB':>8}")
    for hour in range(1, math.ceil(hours) + 1):
        n_frames, n_matches, spent = round(min(1.0, hours - hour + 1) * HOUR_FRAMES), 0, 0.0
        for _ in range(n_frames):
            vector = 1.5 + 0.99 * (vector - 1.5) + 0.1 * random.standard_normal(N_FEATURES)
            frame = FeatureFrame(index / RATE_HZ, vector, np.empty(0), index == 0)
            start = process_time()  # the machine may have other work
            n_matches += len(matcher.update(frame))
            spent += process_time() - start
            index += 1
        megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
        print(f"{hour:4} {1e6 * spent / n_frames:9.1f} {n_matches:8} {megabytes:8.1f}", flush=True)


def draw_growth(path: Path) -> None:
    """Plot time per frame by number of templates and by their length, each the median of three rounds."""

    def milliseconds(*sizes: int) -> float:
        return statistics.median(measure_stream(*sizes) for _ in range(3)) / 1e3

    figure = Figure(figsize=(9, 4), layout="constrained")
    by_number, by_length = figure.subplots(1, 2)
    numbers = [1, 50, 100, 200, 400, 800, 1600, 3200, 5000]
    by_number.plot(numbers, [milliseconds(n) for n in numbers], marker="o")
    by_number.set(xlabel=f"templates of {TEMPLATE_FRAMES} frames", ylabel="ms per stream frame", ylim=(0, None))
    lengths = [15, 30, 45, 60, 90, 120, 150]
    by_length.plot(lengths, [milliseconds(N_TEMPLATES, length) for length in lengths], marker="o")
    by_length.set(xlabel=f"frames of each of {N_TEMPLATES} templates", ylim=(0, None))
    figure.savefig(path)


def main() -> None:
    """Print each figure beside those of the peers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--templates", default="1,50,200,1000,5000")
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--hours", type=float)
    options = parser.parse_args()
    with threadpool_limits(limits=1):
        if options.hours:
            return measure_long_stream(options.hours)
        compare_frames()
        ours, peer = measure_search(make_bank(1)).T
        print(
            f"\nAn hour searched for one template: {np.median(ours):.0f} ms, dtaidistance {np.median(peer):.0f} ms, "
            f"{np.median(peer / ours):.2f} ({min(peer / ours):.2f}, {max(peer / ours):.2f}) times as long"
        )
        print(f"\n{'stream templates':>16} {'us/frame':>9} {'each':>7}")
        for n_templates in (int(text) for text in options.templates.split(",")):
            value = measure_stream(n_templates)
            print(f"{n_templates:16} {value:9.0f} {value / n_templates:7.2f}", flush=True)
        if options.plot:
            draw_growth(options.plot)
    return None


if __name__ == "__main__":
    main()

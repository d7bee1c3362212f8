"""Matching alone, against the libraries one would use instead; every figure is a median, every ratio of one run.

    python -m tests.benchmarks.bench_matching [--templates 1,50,200,1000,5000]

Templates and streams are random walks of 16 features; templates have 45 frames. Measures a live frame of
`StreamMatcher` with everything the recogniser asks of it, by number of templates; a frame of `WindowMatcher` on 50
frames and 200 templates; and the search of one hour for one template. The peers get the same arrays and compute plain
DTW distances: dtaidistance, aeon and tslearn compiled, fastdtw (Salvador & Chan 2007) approximate.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable, Sequence
from time import perf_counter

import numpy as np
from aeon.distances import dtw_pairwise_distance
from dtaidistance import dtw_ndim
from dtaidistance.subsequence.dtw import subsequence_alignment
from threadpoolctl import threadpool_limits
from tslearn.metrics import cdist_dtw

from actionpose.bank import MatchSettings, TemplateBank
from actionpose.cost import LocalCost
from actionpose.dtw import search
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
N_PEER_FRAMES = 5

# A comb of joints whose angles are the features: as many as the skeleton names.
_ENDS = [(f"left_{i}", f"vertex_{i}", f"right_{i}") for i in range(N_FEATURES)]
COMB = Skeleton(
    name="comb",
    keypoints=[name for ends in _ENDS for name in ends],
    edges=[edge for a, b, c in _ENDS for edge in ((a, b), (b, c))],
    angles=_ENDS,
)
SETTINGS = MatchSettings(features=FeatureSettings(feature="angles", rate_hz=RATE_HZ))


def make_sequence(random: np.random.Generator) -> PoseSequence:
    """Fold every joint of the comb at random."""
    angle = 1.5 + 0.1 * random.standard_normal((TEMPLATE_FRAMES, N_FEATURES)).cumsum(axis=0)
    position = np.zeros((TEMPLATE_FRAMES, N_FEATURES, 3, 2))
    position[:, :, 0, 0] = 1.0
    position[:, :, 2] = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    time = np.arange(TEMPLATE_FRAMES) / RATE_HZ
    return PoseSequence(skeleton=COMB, time=time, position=position.reshape(TEMPLATE_FRAMES, -1, 2))


def make_bank(n_templates: int) -> TemplateBank:
    """Compile random templates of a few labels."""
    random = np.random.default_rng(0)
    return TemplateBank(
        [Template.from_sequence(f"action {i % 10}", make_sequence(random)) for i in range(n_templates)], SETTINGS
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


def measure_stream(n_templates: int) -> float:
    """Time per frame of `StreamMatcher`, with distances and starts of all templates."""
    matcher = StreamMatcher(make_bank(n_templates), limits=np.zeros(n_templates))
    frames = iter(make_stream(N_FRAMES))
    return microseconds(lambda: matcher.update(next(frames)), N_FRAMES)


def measure_window(bank: TemplateBank, *, backend: str = "exact", n_times: int = 50) -> float:
    """Time per frame of `WindowMatcher` with a full window."""
    matcher = WindowMatcher(bank, window_frames=WINDOW_FRAMES, backend=backend)  # type: ignore[arg-type]
    frames = make_stream(WINDOW_FRAMES + n_times - 1)
    matcher.reset()
    for frame in frames[: WINDOW_FRAMES - 1]:
        matcher.update(frame)
    rest = iter(frames[WINDOW_FRAMES - 1 :])
    return microseconds(lambda: matcher.update(next(rest)), n_times)


def measure_peers(tracks: Sequence[FloatArray]) -> dict[str, float]:
    """Time of comparing one window with every template by each peer, compiled and warm."""
    window = np.ascontiguousarray([frame.vector for frame in make_stream(WINDOW_FRAMES)])
    tracks = [np.ascontiguousarray(track) for track in tracks]
    rows = [np.ascontiguousarray(series.T) for series in (window, *tracks)]
    calls: dict[str, Callable[[], object]] = {
        "dtaidistance": lambda: [dtw_ndim.distance_fast(window, track) for track in tracks],
        "aeon": lambda: dtw_pairwise_distance(rows[:1], rows[1:]),
        "tslearn": lambda: cdist_dtw([window], tracks),
    }
    for call in calls.values():
        call()
    return {name: microseconds(call, N_PEER_FRAMES) for name, call in calls.items()}


def measure_search(bank: TemplateBank) -> tuple[float, float]:
    """Time of searching an hour for one template: ours, cost included, and dtaidistance's subsequence alignment."""
    hour = 1.5 + 0.02 * np.random.default_rng(2).standard_normal((HOUR_FRAMES, N_FEATURES)).cumsum(axis=0)
    change = np.full_like(hour, np.nan)
    change[bank.lag_frames :] = hour[bank.lag_frames :] - hour[: -bank.lag_frames]
    cost = LocalCost(bank)
    query = np.ascontiguousarray(bank.tracks[0])

    def search_hour() -> object:
        parts = [slice(begin, begin + 4096) for begin in range(0, HOUR_FRAMES, 4096)]
        return search(cost.of_template(0, *cost.compare(change[part], hour[part])) for part in parts)

    ours = microseconds(search_hour, 5)
    peer = microseconds(lambda: subsequence_alignment(query, hour, use_c=True).best_match(), 1)
    return ours, peer


def main() -> None:
    """Print each figure beside those of the peers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--templates", default="1,50,200,1000,5000")
    options = parser.parse_args()
    bank = make_bank(N_TEMPLATES)
    with threadpool_limits(limits=1):
        peers = measure_peers(bank.timed_tracks)
        peers["fastdtw"] = measure_window(bank, backend="fastdtw", n_times=2)
        stream, window = measure_stream(N_TEMPLATES), measure_window(bank)
        print(f"One frame, {N_TEMPLATES} templates of {TEMPLATE_FRAMES} x {N_FEATURES}, one thread")
        print(f"{'':22} {'us':>9} {'x stream':>9} {'x window':>9}")
        for name, value in {"stream": stream, "window, exact": window, **peers}.items():
            print(f"{name:22} {value:9.0f} {value / stream:9.1f} {value / window:9.2f}", flush=True)
        ours, peer = measure_search(bank)
        print(f"\nAn hour searched for one template: {ours / 1e3:.0f} ms, dtaidistance {peer / 1e3:.0f} ms")
        print(f"\n{'stream templates':>16} {'us/frame':>9} {'each':>7}")
        for n_templates in (int(text) for text in options.templates.split(",")):
            value = measure_stream(n_templates)
            print(f"{n_templates:16} {value:9.0f} {value / n_templates:7.2f}", flush=True)


if __name__ == "__main__":
    main()

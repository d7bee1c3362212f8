"""Matching alone: time per frame of both matchers by number of templates, and `WindowMatcher` against fastdtw.

    python -m tests.benchmarks.bench_matching [--templates 1,20,200,1000]

Templates are random walks of 45 frames of 16 features. Prints microseconds per frame, medians over the frames, and
for the window the time of fastdtw (Salvador & Chan 2007) on the same windows in units of ours.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable, Sequence
from time import perf_counter

import numpy as np

from actionpose.bank import MatchSettings, TemplateBank
from actionpose.features import FeatureFrame, FeatureSettings
from actionpose.matching import StreamMatcher, WindowMatcher
from actionpose.pose import PoseSequence
from actionpose.skeleton import Skeleton
from actionpose.template import Template

N_FEATURES = 16
TEMPLATE_FRAMES = 45
RATE_HZ = 30.0
N_FRAMES = 300
N_WINDOW_FRAMES = 20  # measured after the window is full
N_FASTDTW_FRAMES = 2

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
    travel = np.empty(0)
    return [FeatureFrame(i / RATE_HZ, vector, travel, i == 0) for i, vector in enumerate(vectors)]


def measure_updates(update: Callable[[FeatureFrame], object], frames: Sequence[FeatureFrame]) -> float:
    """Median time of an update, in microseconds."""
    times = []
    for frame in frames:
        start = perf_counter()
        update(frame)
        times.append(perf_counter() - start)
    return 1e6 * statistics.median(times)


def measure_stream(n_templates: int) -> float:
    """Microseconds per frame of `StreamMatcher` where nothing is near enough to be reported."""
    matcher = StreamMatcher(make_bank(n_templates), limits=np.zeros(n_templates))
    return measure_updates(matcher.update, make_stream(N_FRAMES))


def measure_windows(n_templates: int) -> tuple[float, float]:
    """Microseconds per frame of `WindowMatcher` with the exact backend and with fastdtw, on the same windows."""
    bank = make_bank(n_templates)
    exact, fastdtw = WindowMatcher(bank), WindowMatcher(bank, backend="fastdtw")
    n_filling = 49
    frames = make_stream(n_filling + N_WINDOW_FRAMES)
    for frame in frames[:n_filling]:
        exact.update(frame)
        fastdtw.update(frame)
    measured = frames[n_filling:]
    return measure_updates(exact.update, measured), measure_updates(fastdtw.update, measured[:N_FASTDTW_FRAMES])


def main() -> None:
    """Print a line for each number of templates."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--templates", default="1,20,200,1000")
    options = parser.parse_args()
    print(f"{'stream templates':>16} {'us/frame':>9}")
    for n_templates in (int(text) for text in options.templates.split(",")):
        print(f"{n_templates:16} {measure_stream(n_templates):9.0f}", flush=True)
    exact_us, fastdtw_us = measure_windows(200)
    print(f"{'window templates':>16} {'us/frame':>9} {'fastdtw':>9} {'x ours':>7}")
    print(f"{200:16} {exact_us:9.0f} {fastdtw_us:9.0f} {fastdtw_us / exact_us:7.0f}")


if __name__ == "__main__":
    main()

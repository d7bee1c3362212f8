"""Exercise clips of different people and views, from pixels: each recognised by the other clips' templates.

    python -m tests.benchmarks.bench_clips [--modes stream,window] [--features positions,directions,angles]

Reads ``video`` of the folder ACTIONPOSE_DATA names; the file names are the labels. A template is a whole clip without
its still ends. Planks are never shown, so ``unknown`` is the right answer to them. Prints accuracy and confusion.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from time import perf_counter

import actionpose as ap
from actionpose.estimators.base import KeypointEstimator
from actionpose.evaluation import Classification, leave_one_out
from actionpose.session import iter_poses
from actionpose.takes import trim_still

LABELS = ("jumpingjack", "pushup", "squat")
UNKNOWN_LABELS = ("plank",)


def make_template(path: Path, estimator: KeypointEstimator) -> ap.Template:
    """Estimate the keypoints of a clip and cut off its still ends."""
    with ap.open_source(path) as source:
        poses = [pose for _, found in iter_poses(source, estimator) for pose in found]
    sequence = trim_still(ap.PoseSequence.from_poses(poses))
    return ap.Template.from_sequence(path.name.split("_")[0], sequence, provenance={"source": path.name})


def load_templates(folder: Path) -> list[ap.Template]:
    """Make a template of every clip in the folder whose name begins with one of the labels."""
    paths = [path for path in sorted(folder.iterdir()) if path.name.startswith((*LABELS, *UNKNOWN_LABELS))]
    with ap.load_estimator() as estimator:
        return [make_template(path, estimator) for path in paths]


def main() -> None:
    """Estimate once, then classify with each combination of mode and feature."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--modes", default="stream,window")
    parser.add_argument("--features", default="positions,directions,angles")
    options = parser.parse_args()
    templates = load_templates(Path(os.environ["ACTIONPOSE_DATA"]) / "video")
    for template in templates:
        sequence = template.sequence
        print(f"{template.provenance['source']:28} {sequence.duration:5.2f} s at {sequence.rate_hz:4.1f} Hz")
    for mode in options.modes.split(","):
        for feature in options.features.split(","):
            start = perf_counter()
            settings = ap.RecognizerSettings(mode=mode, feature=feature)
            result = leave_one_out(templates, settings, unknown=UNKNOWN_LABELS)
            _print_result(f"{mode} {feature}", result, perf_counter() - start)


def _print_result(title: str, result: Classification, seconds: float) -> None:
    confusion = result.confusion
    n_right, n_clips = int(confusion.counts.trace()), int(confusion.counts.sum())
    print(f"\n{title}: {n_right} of {n_clips} right, accuracy {result.accuracy:.2f} ({seconds:.0f} s)")
    print(" " * 12, *(f"{label:>11}" for label in confusion.labels))
    for label, row in zip(confusion.labels, confusion.counts.tolist(), strict=True):
        print(f"{label:>12}", *(f"{count:11}" for count in row), flush=True)


if __name__ == "__main__":
    main()

"""Live gesture spotting on JK2017 (Taranta et al., CHI 2017): two templates per gesture, one session per person.

    python -m tests.benchmarks.bench_jk2017 [--users 100,101] [--axes xyz|xy] [--feature F] [--mode M] [--hands]

Reads ``streams/jk2017_kinect`` (bodies) or ``streams/jk2017_leap`` (``--hands``) of the folder ACTIONPOSE_DATA names.
Prints precision, recall and F1 over events for each person and in all, and frames recognised per second.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from time import perf_counter

import numpy as np

import actionpose as ap
from actionpose.evaluation import Counts

RATE_HZ = 30.0
IGNORED = "redrum"  # asked for, but never shown


def _both_sides(*chain: str) -> list[tuple[str, ...]]:
    return [tuple(f"{side}_{name}" for name in chain) for side in ("left", "right")]


ARM = ("shoulder", "elbow", "wrist", "hand")
LEG = ("hip", "knee", "ankle", "foot")
FINGERS = [[f"{name}_{i}" for i in range(1, 5)] for name in ("thumb", "index", "middle", "ring", "pinky")]

KINECT_21 = ap.Skeleton(
    name="kinect_21",
    keypoints=[
        *("spine_base", "spine_mid", "neck", "head"),
        *(name for chain in (*_both_sides(*ARM), *_both_sides(*LEG)) for name in chain),
        "spine_shoulder",
    ],
    edges=[
        *pairwise(("spine_base", "spine_mid", "spine_shoulder", "neck", "head")),
        *(edge for chain in (*_both_sides(*ARM), *_both_sides(*LEG)) for edge in pairwise(chain)),
        *(("spine_shoulder", f"{side}_shoulder") for side in ("left", "right")),
        *(("spine_base", f"{side}_hip") for side in ("left", "right")),
    ],
    root=("left_hip", "right_hip"),
    scale=[("spine_base", "spine_shoulder")],
    angles=[
        *_both_sides("shoulder", "elbow", "wrist"),
        *_both_sides("elbow", "shoulder", "hip"),
        *_both_sides("hip", "knee", "ankle"),
        *_both_sides("shoulder", "hip", "knee"),
        *(("spine_shoulder", *chain) for chain in _both_sides("shoulder", "elbow")),
        *(("spine_base", *chain) for chain in _both_sides("hip", "knee")),
    ],
)

LEAP_21 = ap.Skeleton(
    name="leap_21",
    keypoints=["palm", *(name for finger in FINGERS for name in finger)],
    edges=[edge for finger in FINGERS for edge in pairwise(("palm", *finger))],
    root=("palm",),
    scale=[("palm", "middle_4")],
    angles=[triple for finger in FINGERS for triple in (finger[:3], finger[1:])],
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A stretch of the session, in frames, in which the person was asked for one gesture."""

    label: str
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JKSession:
    """The templates and the session of one person."""

    templates: Sequence[ap.Template]
    stream: ap.PoseSequence
    requests: Sequence[Request]


def load_session(path: Path, *, skeleton: ap.Skeleton, n_dims: int, template_s: float) -> JKSession:
    """Read one person's file; the templates' duration is not in it, so `template_s` is assumed for all."""
    with np.load(path, allow_pickle=False) as data:
        names = data["label_names"].tolist()
        shown = data["template_position"][..., :n_dims]
        templates = [
            ap.Template.from_sequence(
                names[label],
                ap.PoseSequence(skeleton=skeleton, time=np.arange(len(take)) * template_s / len(take), position=take),
            )
            for take, label in zip(shown, data["template_label"], strict=True)
        ]
        position = data["stream_position"][..., :n_dims]
        stream = ap.PoseSequence(skeleton=skeleton, time=np.arange(len(position)) / RATE_HZ, position=position)
        bounds = [0, *(np.flatnonzero(np.diff(data["stream_command"])) + 1).tolist(), len(position)]
        requests = [
            Request(label=names[data["stream_expected"][start]], start=start, end=end)
            for start, end in pairwise(bounds)
        ]
    return JKSession(templates=templates, stream=stream, requests=requests)


def score_events(events: Sequence[ap.ActionEvent], requests: Sequence[Request]) -> Counts:
    """Count by request: an event belongs to the one during which it was reported.

    The first right event of a request is a true positive and every further event a false one. A wrong label costs a
    false negative as well, and so does a request without a right event. A request that was repeated does not count.
    """
    reported = np.array([int(event.report_time * RATE_HZ) for event in events])
    tp = fp = fn = 0
    for request, following in zip(requests, [*requests[1:], None], strict=True):
        if request.label == IGNORED or (following and following.label == request.label):
            continue
        is_last = following is None  # the last events may be decided when the stream has ended
        inside = (reported >= request.start) & ((reported < request.end) | is_last)
        labels = [events[i].label for i in np.flatnonzero(inside)]
        n_right = labels.count(request.label)
        n_wrong = len(labels) - n_right
        tp += min(n_right, 1)
        fp += max(n_right - 1, 0) + n_wrong
        fn += (n_right == 0) + n_wrong
    return Counts(tp=tp, fp=fp, fn=fn)


def load_sessions(
    data: Path, *, hands: bool = False, axes: str = "xyz", users: Sequence[str] = ()
) -> dict[str, JKSession]:
    """Read the sessions of some people, or of all, by their number."""
    folder = data / "streams" / ("jk2017_leap" if hands else "jk2017_kinect")
    found = {path.stem.removeprefix("user_"): path for path in sorted(folder.glob("user_*.npz"))}
    missing = set(users) - set(found)
    if missing or not found:
        raise SystemExit(f"{folder} has no user {', '.join(sorted(missing))}; it has {', '.join(found) or 'none'}.")
    return {
        user: load_session(
            path,
            skeleton=LEAP_21 if hands else KINECT_21,
            n_dims=len(axes),
            template_s=3.3 if hands else 1.33,
        )
        for user, path in found.items()
        if not users or user in users
    }


def main() -> None:
    """Recognise each session by its person's templates, print a line for each and one for all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", default="", help="numbers, separated by commas; default: all")
    parser.add_argument("--axes", choices=("xyz", "xy"), default="xyz")
    parser.add_argument("--feature", default=ap.RecognizerSettings().feature)
    parser.add_argument("--mode", choices=("stream", "window"), default="stream")
    parser.add_argument("--hands", action="store_true", help="the Leap Motion sessions")
    options = parser.parse_args()
    settings = ap.RecognizerSettings(mode=options.mode, feature=options.feature)
    users = [user for user in options.users.split(",") if user]
    sessions = load_sessions(Path(os.environ["ACTIONPOSE_DATA"]), hands=options.hands, axes=options.axes, users=users)

    print(f"JK2017 {'hands' if options.hands else 'bodies'}, {options.axes}, {options.feature}, {options.mode} mode")
    print(f"{'user':>5} {'TP':>5} {'FP':>5} {'FN':>5} {'P':>6} {'R':>6} {'F1':>6} {'frames/s':>9}")
    counts, frames, seconds = [], 0, 0.0
    for user, session in sessions.items():
        recognizer = ap.Recognizer(session.templates, settings=settings)
        start = perf_counter()
        events = recognizer.recognize(session.stream)
        elapsed_s = perf_counter() - start
        counts.append(score_events(events, session.requests))
        frames, seconds = frames + len(session.stream), seconds + elapsed_s
        _print_line(user, counts[-1], len(session.stream) / elapsed_s)
    total = Counts(**{name: sum(getattr(c, name) for c in counts) for name in ("tp", "fp", "fn")})
    _print_line("all", total, frames / seconds)
    print(f"mean F1 {np.mean([c.f1 for c in counts]):.3f}")


def _print_line(name: str, counts: Counts, rate_hz: float) -> None:
    ratios = f"{counts.precision:6.3f} {counts.recall:6.3f} {counts.f1:6.3f}"
    print(f"{name:>5} {counts.tp:5} {counts.fp:5} {counts.fn:5} {ratios} {rate_hz:9.0f}", flush=True)


if __name__ == "__main__":
    main()

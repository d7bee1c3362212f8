"""From pixels: two takes of five actions by one body, recognised in another body's stream at 30, 15 and 10 fps.

    python -m tests.benchmarks.bench_puppet [--seconds 120] [--fps 30,15,10]

Between the actions the second body, faster than the first, idles and performs moves that nobody showed. Templates
are recorded once, at 30 fps. Prints event precision, recall and F1 at an overlap of half.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from actionpose.demo import record_takes
from actionpose.estimators import load_estimator
from actionpose.estimators.base import KeypointEstimator
from actionpose.evaluation import Evaluation, match_events
from actionpose.recognizer import Recognizer, RecognizerSettings
from actionpose.session import Session
from actionpose.sources.puppet import PuppetSource
from actionpose.template import Template

ACTIONS = ("wave", "clap", "raise_both_arms", "squat", "jumping_jack")
UNKNOWN_ACTIONS = ("idle", "punch", "drink", "bow", "scratch_head")


def recognize_puppet(
    templates: Sequence[Template],
    estimator: KeypointEstimator,
    *,
    seconds: float,
    rate_hz: float,
    settings: RecognizerSettings | None = None,
) -> Evaluation:
    """Score a stream of another body, at another speed, against what it performed."""
    source = PuppetSource([*ACTIONS, *UNKNOWN_ACTIONS], body=3, seed=5, rate_hz=rate_hz, speed=1.25, seconds=seconds)
    wanted = [span for span in source.spans if span[0] in ACTIONS]
    with Session(source, estimator, lambda: Recognizer(templates, settings=settings)) as session:
        events = [event for tick in session for event in tick.events]
    return match_events(events, wanted, duration_s=seconds)


def main() -> None:
    """Record, recognise at each rate, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--fps", default="30,15,10")
    options = parser.parse_args()
    with load_estimator() as estimator:
        templates = [take for label in ACTIONS for take in record_takes(label, estimator, rate_hz=30.0)]
        print(f"{len(templates)} templates of {len(ACTIONS)} actions")
        for rate_hz in (float(text) for text in options.fps.split(",")):
            found = recognize_puppet(templates, estimator, seconds=options.seconds, rate_hz=rate_hz)
            total = found.total
            print(
                f"{rate_hz:4.0f} fps  tp {total.tp} fp {total.fp} fn {total.fn}  precision {total.precision:.3f} "
                f"recall {total.recall:.3f} F1 {total.f1:.3f}  start {found.start_error_s:.2f} s "
                f"end {found.end_error_s:.2f} s  reported {found.delay_s:.2f} s after the end",
                flush=True,
            )
            for label, counts in found.labels.items():
                if counts.fp or counts.fn:
                    print(f"          {label}: tp {counts.tp} fp {counts.fp} fn {counts.fn}")


if __name__ == "__main__":
    main()

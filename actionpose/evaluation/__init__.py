"""How good the recogniser is: events against what was performed, clips against their labels, knowns against unknowns.

Everything is measured on one of two things: a `Stream` to spot actions in, or a `ClipSet` to tell apart.
"""

from actionpose.evaluation.clips import (
    Answer,
    Classification,
    ClipSet,
    answer_clips,
    compute_accuracy_interval,
    hold_out,
    leave_one_out,
)
from actionpose.evaluation.counts import Confusion, Counts
from actionpose.evaluation.events import Evaluation, Span, match_events, match_requests, pair_events
from actionpose.evaluation.rejection import Rejection, UnknownScores, score_answers, score_stream
from actionpose.evaluation.statistics import compute_auroc, compute_interval, resample_units
from actionpose.evaluation.streams import (
    Stream,
    compute_f1_interval,
    evaluate_events,
    judge_events,
    spot_actions,
)

__all__ = [
    "Answer",
    "Classification",
    "ClipSet",
    "Confusion",
    "Counts",
    "Evaluation",
    "Rejection",
    "Span",
    "Stream",
    "UnknownScores",
    "answer_clips",
    "compute_accuracy_interval",
    "compute_auroc",
    "compute_f1_interval",
    "compute_interval",
    "evaluate_events",
    "hold_out",
    "judge_events",
    "leave_one_out",
    "match_events",
    "match_requests",
    "pair_events",
    "resample_units",
    "score_answers",
    "score_stream",
    "spot_actions",
]

"""The main job on real video: one template per action, a routine repeated, and a move never seen before."""

from __future__ import annotations

import json

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.realdata]


def test_every_action_of_the_routine_is_found_and_nothing_else(run, data_dir):
    video = data_dir / "video"
    run("add", "--spans", video / "exercise_templates.csv")
    options = ["--spans", video / "exercise_spans.csv", "--start-frame", 107, "--iou", 0.5, "--json"]
    record = json.loads(run("evaluate", video / "exercise.avi", *options).stdout)
    assert record["total"] == {"tp": 16, "fp": 0, "fn": 0, "precision": 1.0, "recall": 1.0, "f1": 1.0}
    assert not [event for event in record["events"] if event["end_time"] > 37.3]

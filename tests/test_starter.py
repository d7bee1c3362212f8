"""The templates and the recording that come with the project."""

from __future__ import annotations

from pathlib import Path

from actionpose.library import load_template
from actionpose.recognizer import Recognizer
from actionpose.recording import load_recording

ROOT = Path(__file__).parents[1]


def test_the_starter_templates_recognise_the_sample_recording() -> None:
    templates = [load_template(path) for path in sorted((ROOT / "templates").glob("*.json"))]
    assert len(templates) == 7
    (sequence,) = load_recording(ROOT / "recordings" / "sample.jsonl.gz").sequences().values()
    events = Recognizer(templates).recognize(sequence)
    assert [event.label for event in events] == ["wave", "jumping_jack", "clap", "squat", "raise_both_arms"]

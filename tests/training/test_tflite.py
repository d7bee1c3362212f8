"""TFLite: converted by another Python, run here."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from actionpose.training.errors import TrainingError  # noqa: E402
from actionpose.training.tflite import export_tflite, run_tflite  # noqa: E402
from tests.training.puppets import dot_dataset  # noqa: E402
from tests.training.test_export import train  # noqa: E402


def test_a_python_that_cannot_convert_is_told(tmp_path: Path) -> None:
    dots = dot_dataset()
    run = train(dots, tmp_path / "run")
    with pytest.raises(TrainingError, match=r"could not convert the model: .*litert_torch.*pip install litert-torch"):
        export_tflite(run, tmp_path / "m.tflite", python=sys.executable, examples=dots.image)
    with pytest.raises(TrainingError, match=r"could not convert the model: .*No such file"):
        export_tflite(run, tmp_path / "m.tflite", python=tmp_path / "python", examples=dots.image)
    assert not (tmp_path / "m.tflite").exists()


def test_a_damaged_file_is_told() -> None:
    pytest.importorskip("ai_edge_litert")
    with pytest.raises(TrainingError, match="cannot be loaded"):
        run_tflite(b"junk" * 100, np.zeros((1, 32, 32, 1), np.uint8))


def test_a_missing_runtime_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    with pytest.raises(TrainingError, match="pip install ai-edge-litert"):
        run_tflite(b"", np.zeros((1, 32, 32, 1), np.uint8))


@pytest.mark.slow
@pytest.mark.parametrize("head", ["heatmap", "simcc", "integral", "regress"])
def test_it_gives_what_the_checkpoint_gives(head: str, tmp_path: Path) -> None:
    python = os.environ.get("ACTIONPOSE_TFLITE_PYTHON")
    if not python:
        pytest.skip("set ACTIONPOSE_TFLITE_PYTHON to a Python with litert-torch and msgspec to run this test")
    pytest.importorskip("ai_edge_litert")
    dots = dot_dataset()
    run = train(dots, tmp_path / "run", head=head)
    report = export_tflite(run, tmp_path / "m.tflite", python=python, examples=dots.image)
    assert report.largest_difference_px < 1e-3
    assert report.n_bytes == (tmp_path / "m.tflite").stat().st_size

from __future__ import annotations

from pathlib import Path

import pytest

from tests.estimators.bundle import write_task_bundle


@pytest.fixture(scope="session")
def task_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pose landmarker bundle."""
    return write_task_bundle(tmp_path_factory.mktemp("models") / "pose_landmarker.task")

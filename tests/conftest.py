"""What every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder of public research data; tests that use it are marked ``realdata``."""
    value = os.environ.get("ACTIONPOSE_DATA")
    if not value and os.environ.get("ACTIONPOSE_REQUIRE_DATA"):
        pytest.fail("ACTIONPOSE_REQUIRE_DATA is set, but ACTIONPOSE_DATA names no folder")
    if not value:
        pytest.skip("set ACTIONPOSE_DATA to the folder with the research data to run this test")
    path = Path(value)
    if not path.is_dir():
        pytest.fail(f"ACTIONPOSE_DATA names {path}, which is not a folder")
    return path

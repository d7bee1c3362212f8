"""Clips and libraries to test with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from actionpose.library import TemplateLibrary
from actionpose.pose import PoseSequence
from actionpose.skeleton import UPPER_BODY_6
from actionpose.template import Template

MakeTemplate = Callable[..., Template]


def make_sequence(seed: int = 0, *, n_frames: int = 5) -> PoseSequence:
    generator = np.random.default_rng(seed)
    position = generator.normal(size=(n_frames, 6, 3))
    position[1, 2] = np.nan
    return PoseSequence(
        skeleton=UPPER_BODY_6,
        time=np.arange(n_frames) / 30,
        position=position,
        image_position=generator.uniform(0, 640, size=(n_frames, 6, 2)),
    )


def make_template(label: str = "wave", seed: int = 0, **fields: object) -> Template:
    return Template(label=label, sequence=make_sequence(seed), **fields)  # type: ignore[arg-type]


def assert_same(actual: Template, expected: Template) -> None:
    """Assert that two templates agree in everything, arrays to the last bit."""
    for name in ("id", "label", "enabled", "created", "provenance"):
        assert getattr(actual, name) == getattr(expected, name), name
    np.testing.assert_equal(dict(actual.quality), dict(expected.quality))
    a, b = actual.sequence, expected.sequence
    assert a.skeleton == b.skeleton
    for name in ("time", "position", "confidence", "image_position"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), strict=True)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "library.sqlite"


@pytest.fixture
def library(path: Path) -> Iterator[TemplateLibrary]:
    with TemplateLibrary.open(path) as opened:
        yield opened

"""Pictures turned by quarters."""

from __future__ import annotations

from pathlib import Path

import pytest

from actionpose.errors import SourceError
from actionpose.sources import open_source
from tests.sources.test_video import is_red
from tests.sources.videos import write_video
from tests.test_recording import write


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_pictures_are_turned_clockwise(tmp_path: Path, degrees: int) -> None:
    path = write_video(tmp_path / "a.mp4", n_frames=3)
    with open_source(path, rotate=degrees) as source:
        frame = source.read()
        size = source.info.size
        assert source.info.n_frames == 3
    assert frame is not None
    assert frame.image is not None
    height, width = frame.image.shape[:2]
    assert size == (width, height) == ((64, 48) if degrees == 180 else (48, 64))
    # The red left half goes up, to the right, or down.
    x, y = {90: (width // 2, 5), 180: (width - 5, height // 2), 270: (width // 2, height - 5)}[degrees]
    assert is_red(frame.image[y, x])
    assert not is_red(frame.image[-1 - y, -1 - x])


def test_what_cannot_be_turned_is_told(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="by 90, 180 or 270 degrees, got 45"):
        open_source(write_video(tmp_path / "a.mp4", n_frames=2), rotate=45)
    recording = open_source(write(tmp_path / "r.jsonl"), rotate=90)
    with recording, pytest.raises(SourceError, match="keypoints, not pictures") as caught:
        recording.read()
    assert "--rotate" in caught.value.hint

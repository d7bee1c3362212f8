"""Portable template files."""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

import actionpose.library.files
from actionpose.errors import LibraryError, TemplateFileError
from actionpose.library import load_template, save_template
from actionpose.library.files import file_names, have_same_content, load_templates
from actionpose.pose import PoseSequence
from actionpose.skeleton import Skeleton
from actionpose.template import Template
from tests.library.conftest import assert_same, make_template

NUMBERS = st.floats(allow_infinity=False)
LENGTHS = st.floats(-1e100, 1e100) | st.just(float("nan"))  # their squares are numbers too


@st.composite
def any_template(draw: st.DrawFn) -> Template:
    n_frames, n_keypoints = draw(st.integers(2, 4)), draw(st.integers(3, 4))
    names = [f"k{i}" for i in range(n_keypoints)]
    skeleton = Skeleton(name=draw(st.text(max_size=5)), keypoints=names, edges=list(pairwise(names)))

    def array(*shape: int, elements: st.SearchStrategy[float] = NUMBERS) -> np.ndarray[Any, Any]:
        return draw(st_numpy.arrays(np.float64, shape, elements=elements))

    steps = draw(st.lists(st.floats(0.01, 10.0), min_size=n_frames, max_size=n_frames))
    sequence = PoseSequence(
        skeleton=skeleton,
        time=np.cumsum(steps) - draw(st.floats(-1e9, 1e6)),
        position=array(n_frames, n_keypoints, draw(st.integers(2, 3)), elements=LENGTHS),
        confidence=draw(st.sampled_from([None, array(n_frames, n_keypoints)])),
        image_position=draw(st.sampled_from([None, array(n_frames, n_keypoints, 2)])),
    )
    return Template(
        label=draw(st.text("abc é☃/\\.", min_size=1, max_size=20).filter(str.strip)),
        sequence=sequence,
        enabled=draw(st.booleans()),
        created=draw(st.datetimes(min_value=dt.datetime(1970, 1, 2), timezones=st.just(dt.UTC))),
        provenance=draw(st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2)),
        quality=draw(st.dictionaries(st.text(max_size=5), NUMBERS, max_size=2)),
    )


@given(template=any_template())
def test_reading_gives_back_what_was_written(template: Template, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("files") / file_names([template])[0]
    save_template(template, path)
    loaded = load_template(path)
    assert_same(loaded, template)
    assert have_same_content(loaded, template)


def test_the_file_reads_well(tmp_path: Path) -> None:
    template = make_template(quality={"rate_hz": 29.97})
    save_template(template, tmp_path / "wave.json")
    lines = (tmp_path / "wave.json").read_text().splitlines()
    assert lines[:5] == [
        "{",
        '  "format": "actionpose-template",',
        '  "version": 1,',
        f'  "id": "{template.id}",',
        '  "label": "wave",',
    ]
    frames = [line for line in lines if line.startswith('    {"time":')]
    assert len(frames) == 5
    assert "[null,null,null]" in frames[1]
    content = json.loads("\n".join(lines))
    assert content["angles"]["names"][0] == "left_shoulder-left_elbow-left_wrist"
    degrees = np.array(content["angles"]["degrees"], dtype=float)
    assert degrees.shape == (5, 4)
    assert np.isnan(degrees[1, 0])
    assert np.nanmax(degrees) <= 180
    np.testing.assert_array_equal(degrees, degrees.round(1))


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("jumping jack", "jumping-jack-0123abcd.json"),
        ("../../etc/passwd", "etc-passwd-0123abcd.json"),
        ("C:\\x:y*?", "C-x-y-0123abcd.json"),
        ("...", "template-0123abcd.json"),
        ("naïve ☃", "naïve-0123abcd.json"),
        ("CON", "CON-0123abcd.json"),
        ("x" * 100, "x" * 50 + "-0123abcd.json"),
    ],
)
def test_file_names_are_safe(label: str, name: str) -> None:
    assert file_names([make_template(label, id="0123abcdef")]) == [name]


def change(**fields: object) -> Callable[[dict[str, Any]], None]:
    return lambda content: content.update(fields)


def change_frame(**fields: object) -> Callable[[dict[str, Any]], None]:
    return lambda content: content["frames"][1].update(fields)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda content: content.pop("label"), r"missing required field `label`"),
        (change(extra=1), r"unknown field `extra`"),
        (change(format="other"), r"format"),
        (change(version=2), r"version 2; this actionpose reads up to 1\. Update"),
        (change(version="1"), r"version"),
        (change(label=7), r"\$\.label"),
        (change(label=" "), r"1 to 100 printable characters"),
        (change(label="unknown"), r"unknown"),
        (change(id="../../x"), r"\$\.id"),
        (change(enabled=1), r"\$\.enabled"),
        (change(created="2024-01-01T00:00:00"), r"\$\.created"),
        (change(provenance={"a": 1}), r"\$\.provenance"),
        (change(frames=[]), r"\$\.frames"),
        (change(angles={"names": "x", "degrees": []}), r"\$\.angles\.names"),
        (lambda content: content["skeleton"].pop("edges"), r"\$\.skeleton"),
        (lambda content: content["skeleton"].update(root=["tail"]), r"root uses tail"),
        (change_frame(time="soon"), r"\$\.frames\[1\]\.time"),
        (change_frame(time=-1.0), r"strictly increasing"),
        (change_frame(time=None), r"\$\.frames\[1\]\.time"),
        (change_frame(position=[]), r"frames\[1\]\.position: expected shape \(6, 3\), got \(0,\)"),
        (change_frame(position=[[1.0]] * 6), r"frames\[1\]\.position: expected shape \(6, 3\), got \(6, 1\)"),
        (change_frame(position=[[1.0]] * 5 + [[1.0, 2.0]]), r"frames\[1\]\.position: the rows differ in length"),
        (change_frame(position=[[[1.0]]]), r"\$\.frames\[1\]\.position"),
        (change_frame(confidence=[1.0]), r"frames\[1\]\.confidence: expected shape \(6,\), got \(1,\)"),
        (lambda content: content["frames"][2].pop("image_position"), r"every frame has an image_position or none"),
        (lambda content: content["frames"][0].update(position=[]), r"frames\[0\]\.position"),
    ],
)
def test_a_malformed_file_is_refused(spoil: Callable[[dict[str, Any]], None], message: str, tmp_path: Path) -> None:
    path = tmp_path / "spoilt.json"
    save_template(make_template(), path)
    content = json.loads(path.read_text())
    spoil(content)
    path.write_text(json.dumps(content))
    with pytest.raises(TemplateFileError, match=rf"spoilt\.json.*{message}"):
        load_template(path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 100,
        b"\xff\xfe",
        b"[]",
        b"null",
        b'{"format": "actionpose-template", "version": 1, "label": "' + b"\xff" + b'"}',
        b"[" * 1_000_000,
        b'{"format": "actionpose-template", "version": 1, "x": ' + b"[" * 1_000_000,
        b'{"x": ' + b'{"x": ' * 1_000_000,
    ],
)
def test_a_file_of_something_else_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "hostile.json"
    path.write_bytes(content)
    with pytest.raises(TemplateFileError, match=r"hostile\.json is no template file"):
        load_template(path)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "1" * 400])
def test_numbers_that_json_or_float64_does_not_have_are_refused(number: str, tmp_path: Path) -> None:
    path = tmp_path / "number.json"
    save_template(make_template(), path)
    path.write_text(path.read_text().replace('{"time":0.0', f'{{"time":{number}'))
    with pytest.raises(TemplateFileError, match=r"number\.json"):
        load_template(path)


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "huge.json"
    with path.open("wb") as file:
        file.truncate(100 * 2**20)
    with pytest.raises(TemplateFileError, match=r"huge\.json is larger than 32 MiB"):
        load_template(path)


def test_no_file_is_written_that_could_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actionpose.library.files, "_MAX_BYTES", 1000)
    with pytest.raises(LibraryError, match=r"too long for a file: 5 frames"):
        save_template(make_template(), tmp_path / "long.json")
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_there_or_not_a_file(tmp_path: Path) -> None:
    with pytest.raises(TemplateFileError, match=r"Cannot read .*missing\.json"):
        load_template(tmp_path / "missing.json")
    with pytest.raises(TemplateFileError, match="is a folder"):
        load_template(tmp_path)
    with pytest.raises(TemplateFileError, match=r"no \.json files"):
        load_templates(tmp_path)


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "wave.json"
    old = make_template()
    save_template(old, path)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(LibraryError, match=r"Cannot write .*wave\.json: No space left"):
        save_template(make_template(seed=1), path)
    assert_same(load_template(path), old)
    assert [file.name for file in tmp_path.iterdir()] == ["wave.json"]


@pytest.mark.parametrize("field", ["label", "created", "provenance", "quality"])
def test_content_differs_in_every_field_but_enabled(field: str) -> None:
    values: dict[str, object] = {
        "label": "clap",
        "created": dt.datetime(2020, 1, 1, tzinfo=dt.UTC),
        "provenance": {"a": "b"},
        "quality": {"a": float("nan")},
    }
    template = make_template(id="a", created=dt.datetime(2021, 1, 1, tzinfo=dt.UTC))
    other = {"label": "wave", "created": template.created, field: values[field]}
    assert not have_same_content(template, make_template(id="a", **other))  # type: ignore[arg-type]
    assert have_same_content(template, make_template(id="a", created=template.created, enabled=False))
    assert not have_same_content(template, make_template(seed=1, created=template.created))


def test_a_file_with_times_in_nanoseconds_is_told_what_to_do(tmp_path: Path) -> None:
    save_template(make_template(), tmp_path / "a.json")
    content = msgspec.json.decode((tmp_path / "a.json").read_bytes())
    for frame in content["frames"]:
        frame["time"] *= 1e9
    (tmp_path / "a.json").write_bytes(msgspec.json.encode(content))
    with pytest.raises(TemplateFileError, match="at most 120 s") as caught:
        load_template(tmp_path / "a.json")
    assert "look like nanoseconds" in caught.value.hint

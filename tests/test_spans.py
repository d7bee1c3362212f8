from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actionpose.decision import ActionEvent
from actionpose.errors import InvalidDataError
from actionpose.spans import LabelledSpan, load_spans, load_spans_of, parse_seconds, to_seconds, write_events


def write(folder: Path, text: str) -> Path:
    path = folder / "spans.csv"
    path.write_bytes(text.encode())
    return path


def test_frames_are_read_relative_to_the_file(tmp_path: Path) -> None:
    spans = load_spans(
        write(tmp_path, "video,label,start_frame,end_frame\na.mp4,wave,3,10\nsub/b.mp4,clap hands,0,5\n")
    )
    assert spans == [
        LabelledSpan(video=tmp_path / "a.mp4", label="wave", start_frame=3, end_frame=10),
        LabelledSpan(video=tmp_path / "sub/b.mp4", label="clap hands", start_frame=0, end_frame=5),
    ]


def test_an_absolute_video_path_stays(tmp_path: Path) -> None:
    video = (tmp_path / "elsewhere" / "a.mp4").absolute()
    assert load_spans(write(tmp_path, f"video,label,start_s,end_s\n{video},wave,0,1\n"))[0].video == video


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffvideo,label,start_s,end_s\na.mp4,wave,0.5,2\n",
        "\r\n Video , LABEL ,start_s, end_s\r\n\r\n a.mp4 , wave , 0.5 , 2 \r\n,,,\r\n",
        "video;label;start_s;end_s\na.mp4;wave;0,5;2,0\n",
        "video\tlabel\tstart_s\tend_s\na.mp4\twave\t0.5\t2\n",
        "notes,end_s,start_s,label,video\n,2,.5,wave,a.mp4,left over\n",
        'video,label,start_s,end_s\n"a.mp4","wave",0.5,2',
        'video,label,start_s,end_s\na.mp4,wave,"0,5","2,0"\n',
        "video\tlabel\tstart_s\tend_s\na.mp4\twave\t0,5\t2\n",
        "sep=;\r\nvideo;label;start_s;end_s\r\na.mp4;wave;0,5;2\r\n",
        "video,label,start_s,end_s\na.mp4,wave,00:00:00.5,0:02\n",
        "video;label;start_s;end_s\na.mp4;wave;0:00,5;00:00:02\n",
        "video,label,Start s,End S\na.mp4,wave,.5,2.\n",
        "video,label,start_time,end_time,report_time\na.mp4,wave,.5,2,2.1\n",
        "video,label,start_s,end_s,\ra.mp4,wave,.5,2,,\r",
    ],
    ids=[
        "bom",
        "spaces and blank lines",
        "semicolon",
        "tab",
        "other order",
        "quoted",
        "decimal comma in quotes",
        "tab and decimal comma",
        "sep line",
        "clock times",
        "clock times with comma",
        "spaced names",
        "old names",
        "carriage returns and empty columns",
    ],
)
def test_spreadsheets_variants_are_tolerated(tmp_path: Path, text: str) -> None:
    expected = LabelledSpan(video=tmp_path / "a.mp4", label="wave", start_s=0.5, end_s=2.0)
    assert load_spans(write(tmp_path, text)) == [expected]


def test_utf_16_of_a_spreadsheet_is_read(tmp_path: Path) -> None:
    path = tmp_path / "spans.csv"
    path.write_bytes("video\tlabel\tstart_s\tend_s\na.mp4\twävé\t0,5\t2\n".encode("utf-16"))
    assert load_spans(path)[0].label == "wävé"


@pytest.mark.parametrize(("text", "frame"), [("53", 53), ("53.0", 53), ("53,0", 53)])
@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_frames_may_look_like_decimals(tmp_path: Path, text: str, frame: int, delimiter: str) -> None:
    lines = (("video", "label", "start_frame", "end_frame"), ("a.mp4", "wave", text, "99.0"))
    span = load_spans(write(tmp_path, "\n".join(delimiter.join(line) for line in lines)))[0]
    assert (span.start_frame, span.end_frame) == (frame, 99)
    assert isinstance(span.start_frame, int)


@pytest.mark.parametrize("written", ["..\\v\\x.mp4", "../v/x.mp4", "..\\v/x.mp4"])
def test_paths_of_either_slash_name_the_same_video(tmp_path: Path, written: str) -> None:
    [span] = load_spans(write(tmp_path, f"video,label,start_s,end_s\n{written},wave,0,1\n"))
    assert span.video == tmp_path / "../v/x.mp4"
    assert span.video.name == "x.mp4"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("12.5", 12.5), ("12,5", 12.5), ("1:02.5", 62.5), ("1:00:00", 3600), ("00:01:02,25", 62.25), (" 90:00 ", 5400)],
)
def test_times_as_people_write_them(text: str, seconds: float) -> None:
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "x", "1:60", "1:2:3:4", "-1:00", "1:-2", "1:60:00", "1.234,5", ":5", "1:"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a time|could not convert|invalid literal"):
        parse_seconds(text)


def test_a_file_without_video_column_is_about_the_video_it_is_used_with(tmp_path: Path) -> None:
    path = write(tmp_path, "label,start_time,end_time,report_time\nwave,0.5,2,2.1\n")
    assert load_spans_of(path, "v/a.mp4") == [LabelledSpan(video=Path("v/a.mp4"), label="wave", start_s=0.5, end_s=2.0)]
    with pytest.raises(InvalidDataError, match="no column video"):
        load_spans(path)


def test_of_two_videos_of_one_name_the_one_that_is_meant(tmp_path: Path) -> None:
    path = write(tmp_path, "video,label,start_s,end_s\na/x.mp4,wave,0,1\nb/x.mp4,clap,0,1\n")
    assert [span.label for span in load_spans_of(path, tmp_path / "b" / "x.mp4")] == ["clap"]
    assert [span.label for span in load_spans_of(path, "x.mp4")] == ["wave", "clap"]
    assert load_spans_of(path, "y.mp4") == []


def test_events_are_written_as_spans_are_read(tmp_path: Path) -> None:
    event = ActionEvent(
        label='say "hi", wave', start_time=1.23456, end_time=2.5, report_time=2.75, distance=0.51239, threshold=1.0,
        template_id="abc", track_id=2, repetitions=3,
    )  # fmt: skip
    (tmp_path / "out").mkdir()
    path = tmp_path / "out" / "events.csv"
    with path.open("w", newline="") as file:
        write_events(file, [event], video=tmp_path / "v" / "a.mp4", folder=path.parent)
    header, line = path.read_text().splitlines()
    assert header == "video,label,start_s,end_s,report_s,distance,threshold,template,person,repetitions"
    assert line == '../v/a.mp4,"say ""hi"", wave",1.235,2.5,2.75,0.5124,1.0,abc,2,3'
    [span] = load_spans(path)
    assert span.video.resolve() == tmp_path / "v" / "a.mp4"
    assert (span.label, span.start_s, span.end_s) == ('say "hi", wave', 1.235, 2.5)


def test_labels_that_a_spreadsheet_would_run_come_back(tmp_path: Path) -> None:
    event = ActionEvent(
        label="=1+1", start_time=0, end_time=1, report_time=1, distance=0.5, threshold=1.0, template_id="abc"
    )
    path = tmp_path / "events.csv"
    with path.open("w", newline="") as file:
        write_events(file, [event], video="-v.mp4")
    assert path.read_text().splitlines()[1].startswith("'-v.mp4,'=1+1,0,1")
    [span] = load_spans(path)
    assert (span.label, span.video.name) == ("=1+1", "-v.mp4")


def test_what_is_no_file_is_named_as_it_is() -> None:
    file = io.StringIO()
    write_events(file, [], video="camera 0")
    assert len(file.getvalue().splitlines()) == 1


def test_unknown_is_a_label_here(tmp_path: Path) -> None:
    assert load_spans(write(tmp_path, "video,label,start_s,end_s\na.mp4,unknown,0,1\n"))[0].label == "unknown"


HEADER = "video,label,start_frame,end_frame\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            HEADER + "a.mp4,wave,1,5\na.mp4,wave,x,9\n",
            "line 3, column start_frame: expected a whole number, found 'x'",
        ),
        (HEADER + "\n\na.mp4,wave,1,2.5\n", "line 4, column end_frame: expected a whole number, found '2.5'"),
        (HEADER + "a.mp4,wave,1\n", "line 2, column end_frame: expected a whole number, found nothing"),
        (HEADER + ",wave,1,5\n", "line 2, column video: expected the path"),
        (HEADER + "a.mp4,,1,5\n", "line 2, column label: "),
        (
            HEADER + "a.mp4,wave,5,5\n",
            "line 2, columns start_frame and end_frame: Expected 0 <= start_frame < end_frame, got 5",
        ),
        (HEADER + "a.mp4,wave,-1,5\n", "got -1 and 5"),
        ("video,label,start_s,end_s\na.mp4,wave,0,inf\n", "line 2, columns start_s and end_s"),
        ("video,label,start_s,end_s\na.mp4,wave,nan,1\n", "line 2, columns start_s and end_s"),
        ("video,start_s,end_s\na.mp4,0,1\n", "line 1: the header has no column label"),
        ("video,label,start_frame,end_s\na.mp4,wave,0,1\n", "line 1: expected the columns .* found neither"),
        ("video,label,start_frame,end_frame,start_s,end_s\n", "line 1: expected the columns .* found both"),
        ("video,label,label,start_s,end_s\n", "names a column twice: label"),
        ("video,label,start_s,end_s\na.mp4,wave,1,5,4,2\n", "line 2: expected a value for each of the 4 .* found 6"),
        (HEADER, "holds no spans"),
        ("", "holds no spans"),
        ('video,label,start_s,end_s\na.mp4,"' + "w" * 200_000, "line 2: not CSV"),
    ],
)
def test_errors_name_the_line_and_column(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InvalidDataError, match=message):
        load_spans(write(tmp_path, text))


def test_a_file_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    with pytest.raises(InvalidDataError, match="No such file"):
        load_spans(tmp_path / "none.csv")
    binary = tmp_path / "video.csv"
    binary.write_bytes(b"\x81\x82\x00\xfe")
    with pytest.raises(InvalidDataError, match="not UTF-8"):
        load_spans(binary)


def test_a_span_needs_one_unit() -> None:
    with pytest.raises(InvalidDataError, match="not both"):
        LabelledSpan(video=Path("a.mp4"), label="wave", start_s=0, end_s=1, start_frame=0, end_frame=1)
    with pytest.raises(InvalidDataError, match="start and an end"):
        LabelledSpan(video=Path("a.mp4"), label="wave", start_s=0)


def test_frames_become_the_times_of_an_uneven_video() -> None:
    times = np.array([0.0, 0.1, 0.3, 0.4])
    middle = LabelledSpan(video=Path("a.mp4"), label="wave", start_frame=1, end_frame=3)
    assert to_seconds(middle, times) == (0.1, 0.4)
    whole = LabelledSpan(video=Path("a.mp4"), label="wave", start_frame=0, end_frame=4)
    assert to_seconds(whole, times) == pytest.approx((0.0, 0.4 + 0.4 / 3))
    beyond = LabelledSpan(video=Path("a.mp4"), label="wave", start_frame=0, end_frame=5)
    with pytest.raises(InvalidDataError, match="has 4 frames"):
        to_seconds(beyond, times)
    seconds = LabelledSpan(video=Path("a.mp4"), label="wave", start_s=2.0, end_s=3.0)
    assert to_seconds(seconds, times) == (2.0, 3.0)


@given(st.text())
def test_any_text_gives_spans_or_advice(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_text(text, encoding="utf-8", errors="replace", newline="")
    with pytest.raises(InvalidDataError):
        load_spans(path)


@pytest.mark.realdata
def test_the_exercise_video_has_22_spans(data_dir: Path) -> None:
    spans = load_spans(data_dir / "video" / "exercise_spans.csv")
    assert len(spans) == 22
    assert all(span.video.is_file() for span in spans)
    assert to_seconds(spans[0], np.arange(393) / 10) == pytest.approx((1.3, 2.4))

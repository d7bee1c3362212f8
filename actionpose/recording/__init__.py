"""Recordings: the poses of a stream, written down frame by frame as they come.

A recording (``*.jsonl``, ``*.jsonl.gz``) is lines of JSON: a header, a line for each frame, and a last line
that says the recording was closed properly. Lines are only ever appended, and each reaches the operating
system at once, so a file cut off at any byte is good up to its last whole line.
"""

from actionpose.recording.format import RecordingHeader, SkeletonRecord
from actionpose.recording.reader import Recording, RecordingReader, iter_recording, load_recording
from actionpose.recording.writer import RecordingWriter

__all__ = [
    "Recording",
    "RecordingHeader",
    "RecordingReader",
    "RecordingWriter",
    "SkeletonRecord",
    "iter_recording",
    "load_recording",
]

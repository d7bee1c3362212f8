"""How the loop is doing."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Clock", "SessionStats", "TrackStats", "describe_stats", "quantile"]

RECENT_FRAMES = 120  # what the figures of `SessionStats` are taken over


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackStats:
    """How one body is followed; times over its last 120 frames.

    Parameters
    ----------
    since, last_seen : float
        First and last time it was in view, in seconds of the source.
    n_frames : int
        Frames it was in view.
    recognizer_s : float
        Median time its recogniser took per frame.
    latency_p50_s, latency_p95_s : float
        From the moment a frame was there to the moment it was known what this body did in it.
    """

    since: float
    last_seen: float
    n_frames: int
    recognizer_s: float
    latency_p50_s: float
    latency_p95_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionStats:
    """How the loop is doing; times and rates over the last 120 frames, NaN before the first.

    Parameters
    ----------
    n_read, n_processed, n_dropped : int
        Frames that came from the source, went through the loop, and were dropped to keep pace.
    capture_hz : float
        Frames the source delivered per second, over the last three seconds.
    rate_hz : float
        Frames processed per second.
    estimator_s, recognizer_s : float
        Median time per frame.
    latency_p50_s, latency_p95_s : float
        From the moment a frame was there to the moment its tick was.
    tracks : mapping of int to TrackStats
        Each body that is followed, by its `track_id`.
    """

    n_read: int
    n_processed: int
    n_dropped: int
    capture_hz: float = float("nan")
    rate_hz: float
    estimator_s: float
    recognizer_s: float
    latency_p50_s: float
    latency_p95_s: float
    tracks: Mapping[int, TrackStats] = field(default_factory=dict)


class Clock:
    """Takes the times that `SessionStats` reports."""

    def __init__(self) -> None:
        self._n_processed = 0
        self._at: deque[float] = deque(maxlen=RECENT_FRAMES)
        self._estimator: deque[float] = deque(maxlen=RECENT_FRAMES)
        self._recognizer: deque[float] = deque(maxlen=RECENT_FRAMES)
        self._latency: deque[float] = deque(maxlen=RECENT_FRAMES)

    def add(self, *, now: float, estimator: float, recognizer: float, latency: float) -> None:
        """Count a frame; times in seconds."""
        self._n_processed += 1
        self._at.append(now)
        self._estimator.append(estimator)
        self._recognizer.append(recognizer)
        self._latency.append(latency)

    def restart(self) -> None:
        """Forget when frames were processed: the time since the last one is no measure of the rate."""
        self._at.clear()

    def stats(
        self, *, n_read: int, n_dropped: int, capture_hz: float, tracks: Mapping[int, TrackStats]
    ) -> SessionStats:
        """Return the figures."""
        elapsed = self._at[-1] - self._at[0] if self._at else 0.0
        return SessionStats(
            n_read=n_read,
            n_processed=self._n_processed,
            n_dropped=n_dropped,
            capture_hz=capture_hz,
            rate_hz=(len(self._at) - 1) / elapsed if elapsed else float("nan"),
            estimator_s=quantile(self._estimator, 0.5),
            recognizer_s=quantile(self._recognizer, 0.5),
            latency_p50_s=quantile(self._latency, 0.5),
            latency_p95_s=quantile(self._latency, 0.95),
            tracks=tracks,
        )


def describe_stats(stats: SessionStats) -> list[str]:
    """Return the figures in a few lines, the bodies' own where there are several."""
    lines = [
        f"{stats.capture_hz:.1f} fps came, {stats.rate_hz:.1f} processed; {stats.n_dropped} of {stats.n_read} dropped",
        f"model {1000 * stats.estimator_s:.1f} ms, matching {1000 * stats.recognizer_s:.1f} ms",
        f"latency {_latency(stats)}",
    ]
    if len(stats.tracks) > 1:
        lines += [
            f"person {track_id + 1}: matching {1000 * track.recognizer_s:.1f} ms, latency {_latency(track)}"
            for track_id, track in sorted(stats.tracks.items())
        ]
    return lines


def _latency(stats: SessionStats | TrackStats) -> str:
    return f"{1000 * stats.latency_p50_s:.0f} ms, 95 % within {1000 * stats.latency_p95_s:.0f} ms"


def quantile(values: deque[float], share: float) -> float:
    """Return the value below which `share` of them lie; NaN without any."""
    return sorted(values)[int(share * (len(values) - 1) + 0.5)] if values else float("nan")

"""Plain-loop twins of the fast kernels: slow, obvious, and what the kernels must agree with."""

from __future__ import annotations

import numpy as np


def streaming_dtw(cost: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distance and start index of the best match of one template ending at each frame; cost is (T, L)."""
    n_frames, length = cost.shape
    distance = np.full((n_frames + 1, length + 1), np.inf)
    start = np.zeros((n_frames + 1, length + 1), dtype=int)
    distance[:, 0] = 0.0
    start[:, 0] = np.arange(n_frames + 1)
    c = np.vstack([np.zeros((1, length)), cost])
    c = np.hstack([np.zeros((n_frames + 1, 1)), c])
    for t in range(1, n_frames + 1):
        for j in range(1, length + 1):
            options = [(distance[t - 1, j - 1] + 2 * c[t, j], start[t - 1, j - 1])]
            if j >= 2:
                options.append((distance[t - 1, j - 2] + 2 * c[t, j - 1] + c[t, j], start[t - 1, j - 2]))
            if t >= 2:
                options.append((distance[t - 2, j - 1] + 2 * c[t - 1, j] + c[t, j], start[t - 2, j - 1]))
            distance[t, j], start[t, j] = min(options, key=lambda option: option[0])
    return distance[1:, -1], start[1:, -1]


def dtw(cost: np.ndarray) -> float:
    """Classic DTW distance between two sequences; cost is (W, L)."""
    n, m = cost.shape
    distance = np.full((n + 1, m + 1), np.inf)
    distance[0, 0] = 0.0
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            distance[i, j] = cost[i - 1, j - 1] + min(distance[i - 1, j], distance[i, j - 1], distance[i - 1, j - 1])
    return float(distance[n, m])

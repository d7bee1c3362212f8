"""Plain-loop twins of the fast kernels: slow, obvious, and what the kernels must agree with."""

from __future__ import annotations

import numpy as np

from actionpose.pose import FloatArray


def streaming_dtw(cost: FloatArray) -> tuple[FloatArray, FloatArray]:
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
            distance[t, j], start[t, j] = min(options)  # the earlier start of equals
    return distance[1:, -1], start[1:, -1]


def dtw(cost: FloatArray) -> float:
    """Classic DTW distance between two sequences; cost is (W, L)."""
    n, m = cost.shape
    distance = np.full((n + 1, m + 1), np.inf)
    distance[0, 0] = 0.0
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            distance[i, j] = cost[i - 1, j - 1] + min(distance[i - 1, j], distance[i, j - 1], distance[i - 1, j - 1])
    return float(distance[n, m])


def local_cost(
    stream: FloatArray,
    template: FloatArray,
    weight: FloatArray,
    *,
    n_features: int,
    lag: int,
    stillness: float,
    position_weight: float,
    min_seen: float = 0.3,
) -> FloatArray:
    """Cost of each stream frame (T, F + D) against each template frame (L, F + D), as `StreamMatcher` describes it."""
    n_frames, length = len(stream), len(template)
    cost = np.empty((n_frames, length))
    total = weight.sum() + weight[:n_features].sum()
    for t in range(n_frames):
        change = stream[t] - stream[t - lag] if t >= lag else np.full(len(weight), np.nan)
        known = [k for k in range(len(weight)) if not np.isnan(change[k])]
        energy = sum(change[k] ** 2 for k in known) * len(weight) / len(known) if known else 0.0
        for j in range(length):
            goal = template[min(j + 1, length - 1)] - template[max(j - 1, 0)]
            norm = np.sqrt(np.nansum(goal**2))
            squared = seen = 0.0
            for k in range(len(weight)):
                if k in known:
                    target = 0.0 if np.isnan(goal[k]) else goal[k] / norm
                    squared += weight[k] * (change[k] / np.sqrt(energy + stillness**2) - target) ** 2
                    seen += weight[k]
                if k < n_features and not np.isnan(stream[t, k]):
                    place = 0.0 if np.isnan(template[j, k]) else template[j, k]
                    squared += weight[k] * (position_weight * (stream[t, k] - place)) ** 2
                    seen += weight[k]
            cost[t, j] = (squared * total / seen) ** 0.75 if seen >= min_seen * total else 2.0**0.75
    return cost


def judge(distance: float, stretch: FloatArray, template: FloatArray, weight: FloatArray) -> float:
    """Distance corrected for how unlike the extents, weighted range by feature, of stretch and template are."""
    found, wanted = [], []
    for k in range(len(weight)):
        if not np.isnan(stretch[:, k]).any() and weight[k] > 0:
            found.append(np.sqrt(weight[k]) * (stretch[:, k].max() - stretch[:, k].min()))
            wanted.append(np.sqrt(weight[k]) * (template[:, k].max() - template[:, k].min()))
    size_found, size_wanted = np.sqrt(sum(x * x for x in found)), np.sqrt(sum(x * x for x in wanted))
    cosine = sum(x * y for x, y in zip(found, wanted, strict=True)) / (size_found * size_wanted)
    return float(distance / cosine * np.sqrt(max(1.0, size_wanted / size_found)))

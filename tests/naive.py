"""Plain-loop twins of the fast kernels: slow, obvious, and what the kernels must agree with."""

from __future__ import annotations

import numpy as np

from actionpose.pose import FloatArray


def streaming_dtw(
    cost: FloatArray, pause: FloatArray | None = None, *, is_long: bool = False
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Distance, start and frames matched of the best match of one template ending at each frame; cost is (T, L).

    ``pause``, (T, L), is what it costs to pause; inf = not allowed. In a long template a path may advance three frames
    at once.
    """
    n_frames, length = cost.shape
    nothing = (np.inf, 0, 0)
    path = [[nothing] * (length + 1) for _ in range(n_frames + 1)]  # distance, start, frames paused
    for t in range(n_frames + 1):
        path[t][0] = (0.0, t, 0)
    c = np.vstack([np.zeros((1, length)), cost])
    c = np.hstack([np.zeros((n_frames + 1, 1)), c])

    def extend(t: int, j: int, step: float) -> tuple[float, int, int]:
        distance, start, paused = path[t][j]
        return distance + step, start, paused

    for t in range(1, n_frames + 1):
        for j in range(1, length + 1):
            options = [extend(t - 1, j - 1, 2 * c[t, j])]
            if j >= 2:
                options.append(extend(t - 1, j - 2, 2 * c[t, j - 1] + c[t, j]))
            if t >= 2:
                options.append(extend(t - 2, j - 1, 2 * c[t - 1, j] + c[t, j]))
            if is_long and j >= 3:
                options.append(extend(t - 1, j - 3, 2 * c[t, j - 2] + 2 * c[t, j - 1] + c[t, j]))
            if pause is not None and np.isfinite(pause[t - 1, j - 1]):
                distance, start, paused = path[t - 1][j]
                options.append((distance + pause[t - 1, j - 1], start, paused + 1))
            path[t][j] = min(options)  # the earlier start of equals
    distance, start, paused = np.array([row[-1] for row in path[1:]]).T
    return distance, start, np.arange(1, n_frames + 1) - start - paused


def dtw(cost: FloatArray) -> float:
    """Classic DTW distance between two sequences; cost is (W, L)."""
    n, m = cost.shape
    distance = np.full((n + 1, m + 1), np.inf)
    distance[0, 0] = 0.0
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            distance[i, j] = cost[i - 1, j - 1] + min(distance[i - 1, j], distance[i, j - 1], distance[i - 1, j - 1])
    return float(distance[n, m])


def hold(stream: FloatArray, n_frames: float) -> FloatArray:
    """The stream, (T, F), in which a feature that is missing keeps its last value for so many frames."""
    held = stream.copy()
    for k in range(stream.shape[1]):
        for t in range(len(stream)):
            before = [u for u in range(t + 1) if not np.isnan(stream[u, k])]
            if before and t - before[-1] <= n_frames:
                held[t, k] = stream[before[-1], k]
    return held


def local_cost(
    stream: FloatArray,
    remembered: FloatArray,
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
        change = stream[t] - remembered[t - lag] if t >= lag else np.full(len(weight), np.nan)
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


def pause_cost(
    stream: FloatArray,
    remembered: FloatArray,
    template: FloatArray,
    weight: FloatArray,
    *,
    n_features: int,
    lag: int,
    stillness: float,
    min_seen: float = 0.3,
) -> FloatArray:
    """Cost of pausing at each stream frame and template frame, (T, L), as `LocalCost` describes it; inf = never."""
    n_frames, length = len(stream), len(template)
    cost = np.full((n_frames, length), np.inf)
    place = np.nan_to_num(template[:, :n_features])

    def apart(i: int, j: int) -> float:
        return float(np.sqrt(sum(weight[k] * (place[i, k] - place[j, k]) ** 2 for k in range(n_features))))

    reach = max(apart(j, end) for j in range(length) for end in (0, length - 1))
    pausable = [j for j in range(length) if reach > 0 and min(apart(j, 0), apart(j, length - 1)) >= 0.6 * reach]
    for t in range(lag, n_frames):
        change = stream[t] - remembered[t - lag]
        known = change[~np.isnan(change)]
        if not len(known):
            continue
        energy = (known**2).sum() * len(change) / len(known)
        movement = energy / (energy + stillness**2)
        if movement > 0.7:
            continue
        for j in pausable:
            seen = [k for k in range(n_features) if not np.isnan(stream[t, k])]
            share = weight[seen].sum() / weight[:n_features].sum()
            squared = sum(weight[k] * (0.5 * (stream[t, k] - place[j, k])) ** 2 for k in seen) / max(share, min_seen)
            if share < min_seen:
                squared = 2.0 * (0.5 / 0.3) ** 2
            cost[t, j] = 0.5 * (squared + movement + 0.5) ** 0.75 if squared <= 1.2 else 8.0
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

"""How far a figure can be trusted: the bootstrap over independent units, and the area under the ROC curve."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from actionpose.pose import FloatArray

__all__ = ["compute_auroc", "compute_interval", "resample_units"]


def resample_units(units: Sequence[str], *, n_draws: int = 1000, seed: int = 0) -> FloatArray:
    """Draw independent units with replacement, as often as there are units, many times.

    What one person does is alike, so it is persons that are drawn, and everything of a person with them.

    Parameters
    ----------
    units : sequence of str
        The unit that each of n items belongs to.
    n_draws : int
        B, how often.
    seed : int
        Of the random numbers: the same draws every time.

    Returns
    -------
    array (B, n)
        How often each item was drawn.

    Examples
    --------
    >>> resample_units(["ann", "ann", "bob"], n_draws=3)
    array([[1., 1., 1.],
           [1., 1., 1.],
           [0., 0., 2.]])
    """
    names, unit_of_item = np.unique(np.asarray(units, dtype=str), return_inverse=True)
    if not len(names):
        return np.zeros((n_draws, 0))
    drawn = np.random.default_rng(seed).multinomial(len(names), np.full(len(names), 1 / len(names)), size=n_draws)
    return drawn[:, unit_of_item].astype(np.float64)


def compute_interval(values: FloatArray, *, share: float = 0.95) -> tuple[float, float]:
    """Return the interval that holds the middle `share` of bootstrap values; NaN of nothing, NaN values left out."""
    values = values[~np.isnan(values)]
    if not len(values):
        return float("nan"), float("nan")
    low, high = np.quantile(values, [(1 - share) / 2, (1 + share) / 2])
    return float(low), float(high)


def compute_auroc(
    unknown: FloatArray,
    known: FloatArray,
    *,
    unknown_weight: FloatArray | None = None,
    known_weight: FloatArray | None = None,
) -> FloatArray:
    """Chance that something unknown scores higher than something known: the area under the ROC curve.

    Equal scores count half (Mann & Whitney, 1947).

    Parameters
    ----------
    unknown, known : array (P,), (N,)
        Scores, higher = stranger; may be inf.
    unknown_weight, known_weight : array (..., P), (..., N), optional
        How often each counts, for instance as `resample_units` drew it.

    Returns
    -------
    array (...)
        0 to 1; NaN without a pair to compare.

    Examples
    --------
    >>> float(compute_auroc(np.array([2.0, 0.9]), np.array([0.5, 0.9])))
    0.875
    """
    p = np.ones(len(unknown)) if unknown_weight is None else unknown_weight
    n = np.ones(len(known)) if known_weight is None else known_weight
    wins = (unknown[:, None] > known) + 0.5 * (unknown[:, None] == known)
    n_pairs = p.sum(axis=-1) * n.sum(axis=-1)
    won = np.asarray(((p @ wins) * n).sum(axis=-1))
    return np.divide(won, n_pairs, out=np.full_like(won, np.nan), where=n_pairs > 0)

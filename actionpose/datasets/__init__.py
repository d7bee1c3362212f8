"""Public research data as streams and clip sets to evaluate on: one small adapter each.

An adapter is a function of a path and keyword-only options that returns `Stream` or `ClipSet` objects. The data
themselves are not part of this package.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from actionpose.datasets.jk2017 import load_jk2017
from actionpose.datasets.msr import load_msr
from actionpose.datasets.natops import load_natops
from actionpose.datasets.pose_trainer import load_pose_trainer
from actionpose.datasets.signs import load_signs
from actionpose.datasets.utkinect import load_utkinect
from actionpose.errors import InvalidDataError
from actionpose.evaluation import ClipSet, Stream

__all__ = ["DATASETS", "load_dataset", "options_of"]

DATASETS: Mapping[str, Callable[..., Sequence[Stream] | Sequence[ClipSet]]] = MappingProxyType(
    {
        "jk2017": load_jk2017,
        "utkinect": load_utkinect,
        "msr": load_msr,
        "natops": load_natops,
        "signs": load_signs,
        "pose-trainer": load_pose_trainer,
    }
)
"""Adapters by the name that stands before the colon in ``NAME:PATH``."""


def options_of(name: str) -> tuple[str, ...]:
    """Return the names of the options that a data set has."""
    parameters = inspect.signature(DATASETS[name]).parameters.values()
    return tuple(p.name for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY)


def load_dataset(spec: str, **options: Any) -> Sequence[Stream] | Sequence[ClipSet]:
    """Read a data set.

    Parameters
    ----------
    spec : str
        ``NAME:PATH``, the name one of `DATASETS`.
    **options
        Those of its adapter, as `options_of` lists them.

    Returns
    -------
    sequence of Stream or sequence of ClipSet
        At least one.

    Raises
    ------
    InvalidDataError
        If there is no such data set, it has not such an option, or the files are not what they should be.
    """
    name, _, path = spec.partition(":")
    if name not in DATASETS:
        raise InvalidDataError(f"There is no data set {name!r}.", hint=f"Choose one of {', '.join(DATASETS)}.")
    unfit = sorted(set(options) - set(options_of(name)))
    if unfit:
        raise InvalidDataError(
            f"{name} has no option {', '.join(unfit)}.", hint=f"It has {', '.join(options_of(name)) or 'none'}."
        )
    return DATASETS[name](Path(path).expanduser(), **options)

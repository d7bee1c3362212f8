"""Where a training runs, and in which precision."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from actionpose.training.errors import TrainingError

__all__ = ["choose_device", "mixed_precision"]


def choose_device(name: str) -> torch.device:
    """Return the device of this name, or the fastest there is for ``auto``.

    Raises
    ------
    TrainingError
        If there is no such device here.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise TrainingError(
            f"Cannot train on {name!r}: {reason}", hint="Expected cpu, cuda, mps or auto, which takes what is there."
        ) from error
    return device


def mixed_precision(device: torch.device) -> AbstractContextManager[Any]:
    """Return what lets torch compute in bfloat16 where that is quicker: on GPUs, and on processors with AMX."""
    if device.type == "cuda" or (device.type == "cpu" and _has_amx()):
        return torch.autocast(device.type, dtype=torch.bfloat16)
    return nullcontext()


def _has_amx() -> bool:
    is_supported = getattr(torch.cpu, "_is_amx_tile_supported", None)
    return bool(is_supported and is_supported())

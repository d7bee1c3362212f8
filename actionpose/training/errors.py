"""What can go wrong in training alone."""

from __future__ import annotations

from actionpose.errors import ActionposeError

__all__ = ["TrainingError", "require_torch"]


class TrainingError(ActionposeError):
    """A training that cannot start, or has diverged."""


def require_torch() -> None:
    """Raise what to install, if torch cannot be imported.

    Raises
    ------
    TrainingError
        If it cannot.
    """
    try:
        import torch  # noqa: F401
    except ImportError as error:
        raise TrainingError(
            f"Training needs torch: {error}.",
            hint="Install it with `pip install 'actionpose[train]'`. Running a model needs no torch.",
        ) from error

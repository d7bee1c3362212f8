"""Keypoint estimators: from a picture to poses. Models are imported only when one is loaded."""

from __future__ import annotations

import warnings
from difflib import get_close_matches
from importlib.metadata import entry_points
from pathlib import Path
from typing import cast

from actionpose.errors import EstimatorError, FallbackWarning
from actionpose.estimators.base import KeypointEstimator
from actionpose.estimators.model_folder import DESCRIPTION, is_model_folder

__all__ = ["KeypointEstimator", "load_estimator"]

_GROUP = "actionpose.estimators"


def load_estimator(spec: str | Path = "mediapipe", *, max_people: int = 1) -> KeypointEstimator:
    """Load a keypoint estimator by its name or file.

    Parameters
    ----------
    spec : str or Path
        ``mediapipe``, the model that comes with the package; the folder of a model of your own; ``auto``, the newest
        folder of ``models/``, and MediaPipe where there is none, or where it cannot be loaded, of which a
        `FallbackWarning` tells; a MediaPipe ``.task`` file; or the name of an estimator that another package offers
        under the entry point group ``actionpose.estimators``: a callable with the keyword ``max_people``.
    max_people : int
        At most how many bodies to find in a picture. The model of ``mediapipe`` finds one.

    Raises
    ------
    EstimatorError
        If there is no such estimator, or it cannot be loaded; the message says what to do.
    """
    if max_people < 1:
        raise EstimatorError(f"max_people must be at least 1, got {max_people}.")
    name = str(spec)
    if name == "mediapipe":
        if max_people > 1:
            raise EstimatorError(
                f"The bundled MediaPipe model finds one person, not {max_people}.",
                hint="Give a MediaPipe pose landmarker .task file as the estimator to find several.",
            )
        from actionpose.estimators.mediapipe import MediaPipePose

        return MediaPipePose()
    if name == "auto" or is_model_folder(name):
        if max_people > 1:
            raise EstimatorError(f"A model of your own finds one body, not {max_people}.", hint="Leave out --people.")
        return _load_auto() if name == "auto" else _load_folder(name)
    if Path(name).suffix == ".task":
        from actionpose.estimators.mediapipe_tasks import MediaPipeTasksPose

        return MediaPipeTasksPose(name, max_people=max_people)
    offered = entry_points(group=_GROUP)
    if name in offered.names:
        try:
            return cast(KeypointEstimator, offered[name].load()(max_people=max_people))
        except EstimatorError:
            raise
        except Exception as error:
            raise EstimatorError(f"The estimator {name!r} could not be loaded: {error}.") from error
    choices = ("mediapipe", *sorted(offered.names))
    near = get_close_matches(name, choices, n=1)
    problem = f"There is no estimator {name!r}." + (f" Did you mean {near[0]!r}?" if near else "")
    raise EstimatorError(
        problem,
        hint=f"Expected {', '.join(choices)} or auto, the folder of a model of your own, or a MediaPipe .task file.",
    )


def _load_folder(path: str | Path) -> KeypointEstimator:
    from actionpose.estimators.onnx import OnnxPose

    return OnnxPose(path)


def _load_auto() -> KeypointEstimator:
    """Return the newest model in ``models/``, or MediaPipe where there is none that can be loaded."""
    folders = sorted(Path("models").glob(f"*/{DESCRIPTION}"), key=lambda path: path.stat().st_mtime)
    if not folders:
        return load_estimator("mediapipe")
    try:
        return _load_folder(folders[-1].parent)
    except EstimatorError as error:
        warnings.warn(f"{error.message} MediaPipe is used instead.", FallbackWarning, stacklevel=3)
        return load_estimator("mediapipe")

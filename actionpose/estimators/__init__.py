"""Keypoint estimators: from a picture to poses. Models are imported only when one is loaded."""

from __future__ import annotations

from difflib import get_close_matches
from importlib.metadata import entry_points
from pathlib import Path
from typing import cast

from actionpose.errors import EstimatorError
from actionpose.estimators.base import KeypointEstimator

__all__ = ["KeypointEstimator", "load_estimator"]

_GROUP = "actionpose.estimators"


def load_estimator(spec: str | Path = "mediapipe", *, max_people: int = 1) -> KeypointEstimator:
    """Load a keypoint estimator by its name or file.

    Parameters
    ----------
    spec : str or Path
        ``mediapipe``, the model that comes with the package; a MediaPipe ``.task`` file; or the name of an estimator
        that another package offers under the entry point group ``actionpose.estimators``: a callable with the keyword
        ``max_people``.
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
    if (Path(name) / "model.json").is_file():
        problem = f"{name} is the folder of a custom model, which this version cannot run."
    else:
        problem = f"There is no estimator {name!r}." + (f" Did you mean {near[0]!r}?" if near else "")
    raise EstimatorError(problem, hint=f"Expected {', '.join(choices)} or the path of a MediaPipe .task file.")

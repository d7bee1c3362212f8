"""Show your computer an action once or twice, and it recognises it live.

>>> import actionpose as ap
>>> sorted(ap.STANDARD_SKELETONS)
['blazepose_33', 'coco_17', 'hand_21', 'openpose_18', 'upper_body_6']
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from actionpose.decision import ActionEvent as ActionEvent
    from actionpose.decision import merge_repetitions as merge_repetitions
    from actionpose.errors import ActionposeError as ActionposeError
    from actionpose.estimators import load_estimator as load_estimator
    from actionpose.library import TemplateLibrary as TemplateLibrary
    from actionpose.pose import Frame as Frame
    from actionpose.pose import Pose as Pose
    from actionpose.pose import PoseSequence as PoseSequence
    from actionpose.recognizer import DistanceTrace as DistanceTrace
    from actionpose.recognizer import Recognizer as Recognizer
    from actionpose.recognizer import RecognizerSettings as RecognizerSettings
    from actionpose.recognizer import RecognizerState as RecognizerState
    from actionpose.skeleton import BLAZEPOSE_33 as BLAZEPOSE_33
    from actionpose.skeleton import COCO_17 as COCO_17
    from actionpose.skeleton import HAND_21 as HAND_21
    from actionpose.skeleton import OPENPOSE_18 as OPENPOSE_18
    from actionpose.skeleton import STANDARD_SKELETONS as STANDARD_SKELETONS
    from actionpose.skeleton import UPPER_BODY_6 as UPPER_BODY_6
    from actionpose.skeleton import Skeleton as Skeleton
    from actionpose.sources import open_source as open_source
    from actionpose.template import UNKNOWN as UNKNOWN
    from actionpose.template import Template as Template

__version__ = "0.1.0"

# Loaded when first asked for, so that `actionpose --help` need not import numpy, let alone a database.
_HOME = {
    "decision": ("ActionEvent", "merge_repetitions"),
    "errors": ("ActionposeError",),
    "estimators": ("load_estimator",),
    "library": ("TemplateLibrary",),
    "pose": ("Frame", "Pose", "PoseSequence"),
    "recognizer": ("DistanceTrace", "Recognizer", "RecognizerSettings", "RecognizerState"),
    "skeleton": (
        "BLAZEPOSE_33", "COCO_17", "HAND_21", "OPENPOSE_18", "STANDARD_SKELETONS", "UPPER_BODY_6", "Skeleton",
    ),
    "sources": ("open_source",),
    "template": ("UNKNOWN", "Template"),
}  # fmt: skip
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = [*_MODULE_OF, "__version__"]


def __getattr__(name: str) -> Any:
    try:
        module = _MODULE_OF[name]
    except KeyError:
        raise AttributeError(f"module 'actionpose' has no attribute {name!r}") from None
    return getattr(importlib.import_module(f"actionpose.{module}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)

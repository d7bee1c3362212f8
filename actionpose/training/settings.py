"""What can be chosen about a model and its training; every default was measured."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from actionpose.errors import InvalidDataError

__all__ = [
    "LOSSES_OF_HEAD",
    "AugmentationSettings",
    "Backbone",
    "HeadKind",
    "LossKind",
    "NetworkSettings",
    "Schedule",
    "TrainingSettings",
]

Backbone = Literal["resnet18", "resnet34", "resnet50", "resnet101"]
HeadKind = Literal["heatmap", "simcc", "integral", "regress"]
LossKind = Literal["cross_entropy", "mse", "adaptive_wing", "smooth_l1", "wing", "rle"]
Schedule = Literal["cosine", "plateau", "steps", "constant"]

# The first is the default.
LOSSES_OF_HEAD: dict[HeadKind, tuple[LossKind, ...]] = {
    "heatmap": ("cross_entropy", "mse", "adaptive_wing"),
    "simcc": ("cross_entropy",),
    "integral": ("smooth_l1", "mse", "wing"),
    "regress": ("smooth_l1", "mse", "wing", "rle"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSettings:
    """What the model looks like.

    Parameters
    ----------
    backbone : {"resnet18", "resnet34", "resnet50", "resnet101"}
        Depth.
    width : float
        Channels in units of the published network's; 0.5 is a quarter of the work.
    head : {"heatmap", "simcc", "integral", "regress"}
        How positions come out; see `actionpose.training.heads`.
    loss : str, optional
        ``heatmap``: cross_entropy, mse, adaptive_wing. ``simcc``: cross_entropy. ``integral``: smooth_l1, mse, wing.
        ``regress``: smooth_l1, mse, wing, rle. Default: the first of them.
    deconvolution_channels : int
        Of the three deconvolutions of heatmap and integral; the paper's is 256.
    sigma_px : float
        Spread of the target around a keypoint, in crop pixels.

    Raises
    ------
    InvalidDataError
        If there is no such choice, or the loss does not fit the head; the message lists the choices.
    """

    backbone: Backbone = "resnet18"
    width: float = 0.5
    head: HeadKind = "heatmap"
    loss: LossKind = None  # type: ignore[assignment]
    deconvolution_channels: int = 32
    sigma_px: float = 3.5

    def __post_init__(self) -> None:
        _check_choice("backbone", self.backbone, get_args(Backbone))
        _check_choice("head", self.head, get_args(HeadKind))
        losses = LOSSES_OF_HEAD[self.head]
        if self.loss is None:
            object.__setattr__(self, "loss", losses[0])
        _check_choice(f"loss of the {self.head} head", self.loss, losses)
        _check_range("width", self.width, 0.1, 4)
        _check_range("deconvolution_channels", self.deconvolution_channels, 8, 1024)
        _check_range("sigma_px", self.sigma_px, 0.5, 32)


@dataclass(frozen=True, slots=True, kw_only=True)
class AugmentationSettings:
    """How far pictures are changed while training.

    Parameters
    ----------
    rotation_deg : float
        At most so far to either side.
    scale : float
        At most so much larger or smaller, as a share.
    shift : float
        At most so far to each side, as a share of the picture.
    flip : float
        Probability of a mirror image, with left and right keypoints swapped; none where the skeleton has no such pairs.
    brightness, contrast : float
        At most so much, as a share of white and of the present contrast.
    noise : float
        Standard deviation, at most, as a share of white.
    blur : float
        Probability of a 3x3 blur.
    occlusion : float
        Probability that a rectangle is painted over.
    part : float
        Share of the picture's sides that is seen at a time, around one of its keypoints. Less than 1 is for small
        bodies in whole pictures and the heatmap head alone, which takes pictures of any size: more is learnt in a time.
    """

    rotation_deg: float = 15.0
    scale: float = 0.25
    shift: float = 0.12
    flip: float = 0.5
    brightness: float = 0.2
    contrast: float = 0.3
    noise: float = 0.02
    blur: float = 0.2
    occlusion: float = 0.2
    part: float = 1.0

    def __post_init__(self) -> None:
        _check_range("rotation_deg", self.rotation_deg, 0, 180)
        _check_range("scale", self.scale, 0, 0.9)
        for name in ("shift", "flip", "brightness", "contrast", "noise", "blur", "occlusion"):
            _check_range(name, getattr(self, name), 0, 1)
        _check_range("part", self.part, 0.1, 1)

    @classmethod
    def none(cls) -> AugmentationSettings:
        """Change nothing."""
        return cls(rotation_deg=0, scale=0, shift=0, flip=0, brightness=0, contrast=0, noise=0, blur=0, occlusion=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSettings:
    """How a model is trained.

    Parameters
    ----------
    epochs : int
        Times that every picture is seen.
    batch_size : int
        Pictures per step, at most.
    learning_rate, weight_decay : float
        Of AdamW (Loshchilov & Hutter 2019, arXiv:1711.05101).
    warm_up : float
        Share of the steps during which the learning rate rises.
    schedule : {"cosine", "plateau", "steps", "constant"}
        After that: down a half cosine to nothing; to a third after 5 validations without progress; to a tenth at 60 %
        and 85 % of the steps; or as it is.
    average : float
        Decay per step of the moving average of the weights, which is the model that is kept; 0 keeps the last.
    clip : float
        Largest norm of the gradient.
    patience : int
        Stop after so many validations without progress.
    doubtful_weight : float
        Weight of labels with visibility 1, against 1 of sure ones.
    seed : int
        The same settings, data and number of threads give the same model on the same machine.
    device : str
        ``cpu``, ``cuda``, ``mps``, or ``auto``: the fastest there is.
    save_s : float
        Seconds between checkpoints; the first is made after an epoch at the latest.
    augmentation : AugmentationSettings
        How pictures are changed.
    """

    epochs: int = 40
    batch_size: int = 16
    learning_rate: float = 2e-3
    weight_decay: float = 0.01
    warm_up: float = 0.05
    schedule: Schedule = "cosine"
    average: float = 0.99
    clip: float = 5.0
    patience: int = 30
    doubtful_weight: float = 0.0
    seed: int = 0
    device: str = "auto"
    save_s: float = 20.0
    augmentation: AugmentationSettings = field(default_factory=AugmentationSettings)

    def __post_init__(self) -> None:
        _check_choice("schedule", self.schedule, get_args(Schedule))
        _check_range("epochs", self.epochs, 1, 100_000)
        _check_range("batch_size", self.batch_size, 2, 4096)
        _check_range("learning_rate", self.learning_rate, 1e-8, 10)
        for name, highest in (("weight_decay", 1), ("warm_up", 1), ("average", 0.99999), ("doubtful_weight", 1)):
            _check_range(name, getattr(self, name), 0, highest)
        _check_range("clip", self.clip, 1e-3, 1e6)
        _check_range("patience", self.patience, 1, 100_000)


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise InvalidDataError(f"The {name} must be one of {', '.join(choices)}; got {value!r}.")


def _check_range(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise InvalidDataError(f"{name} must lie between {low:g} and {high:g}; got {value:g}.")

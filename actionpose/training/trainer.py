"""The training loop, from the first step to the last, and from any step on."""

from __future__ import annotations

import dataclasses
import hashlib
import math
import pickle
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import msgspec
import numpy as np
import torch
from torch import Tensor

from actionpose.errors import InvalidDataError
from actionpose.recording.format import SkeletonRecord
from actionpose.training.augmentation import augment
from actionpose.training.checkpoint import VERSION, load_checkpoint, predict, save_checkpoint
from actionpose.training.dataset import DOUBTFUL, SURE, KeypointDataset
from actionpose.training.errors import TrainingError
from actionpose.training.metrics import compute_auc, compute_errors, compute_pck
from actionpose.training.network import KeypointNetwork, make_loss
from actionpose.training.settings import AugmentationSettings, NetworkSettings, TrainingSettings

__all__ = ["Progress", "Trainer", "Validation", "estimate_epochs"]

_LAST, _BEST = "last.pt", "best.pt"
_N_TIMED = 5
_PLATEAU_PATIENCE, _PLATEAU_FACTOR = 5, 1 / 3
_STEPS_AT = ((0.85, 0.01), (0.6, 0.1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """How good the model was after an epoch: mean loss of the epoch, and PCK@0.2, its AUC and the error in pixels."""

    epoch: int
    loss: float
    pck: float
    auc: float
    error_px: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where a training is after a step; `validation` is there at the end of an epoch that was validated."""

    step: int
    n_steps: int
    epoch: int
    loss: float
    learning_rate: float
    validation: Validation | None = None


class Trainer:
    """Trains a keypoint model, and can be stopped and taken up again at any step with the same result.

    ``last.pt`` of the folder is where to take it up; ``best.pt`` holds the model that did best on the validation part
    of the dataset (the last one, where there is no such part).

    Parameters
    ----------
    dataset : KeypointDataset
        Its ``train`` part is trained on, its ``validation`` part judges.
    folder : path
        Where checkpoints go.
    network : NetworkSettings
        What the model looks like.
    settings : TrainingSettings
        How it is trained.
    weights : path, optional
        A torchvision state dict of the same backbone to start from.

    Raises
    ------
    InvalidDataError
        If there is nothing to learn: no sure label, or all pictures the same.
    TrainingError
        If the folder holds a training already, or the weights do not fit.
    """

    def __init__(
        self,
        dataset: KeypointDataset,
        folder: str | Path,
        *,
        network: NetworkSettings | None = None,
        settings: TrainingSettings | None = None,
        weights: str | Path | None = None,
    ) -> None:
        self.folder = Path(folder)
        if (self.folder / _LAST).exists():
            raise TrainingError(
                f"{self.folder} holds a training already.", hint="Take it up with --resume, or choose another folder."
            )
        self._prepare(dataset, network or NetworkSettings(), settings or TrainingSettings())
        if weights is not None:
            _load_published(self._network, Path(weights))
            self._average.load_state_dict(self._network.state_dict())
        self.folder.mkdir(parents=True, exist_ok=True)

    @classmethod
    def resume(cls, dataset: KeypointDataset, folder: str | Path) -> Self:
        """Take a training up where it was when it last saved.

        Raises
        ------
        TrainingError
            If the folder holds none, or one of another dataset or version.
        """
        path = Path(folder) / _LAST
        saved = load_checkpoint(path)
        if saved.get("dataset") != _fingerprint(dataset):
            raise TrainingError(f"{path} was trained on another dataset.", hint="Give the dataset it was begun with.")
        torch.set_num_threads(saved["threads"])  # the last bits of sums depend on it
        trainer = cls.__new__(cls)
        trainer.folder = Path(folder)
        augmentation = AugmentationSettings(**saved["training"].pop("augmentation"))
        trainer._prepare(
            dataset,
            NetworkSettings(**saved["network"]),
            TrainingSettings(augmentation=augmentation, **saved["training"]),
        )
        trainer._network.load_state_dict(saved["weights"])
        trainer._average.load_state_dict(saved["average"])
        trainer._loss.load_state_dict(saved["loss"])
        trainer._optimizer.load_state_dict(saved["optimizer"])
        trainer._step, trainer._epoch_loss = saved["step"], saved["epoch_loss"]
        trainer._plateau_factor = saved["plateau_factor"]
        trainer.history = [Validation(**entry) for entry in saved["history"]]
        return trainer

    def _prepare(self, dataset: KeypointDataset, network: NetworkSettings, settings: TrainingSettings) -> None:
        train = dataset.of_part("train")
        _check_dataset(train)
        self.network_settings, self.settings = network, settings
        self._dataset_id = _fingerprint(dataset)
        self.skeleton, self.size, self.channels = dataset.skeleton, dataset.size, dataset.channels
        judges = (dataset.part == "validation") & (dataset.visibility == SURE).any(axis=1)
        self._validation = dataset[judges] if judges.any() else None
        self.device = torch.device(_choose_device(settings.device))
        torch.manual_seed(settings.seed)
        self._network = self._make_network()
        self._average = self._make_network()
        self._average.load_state_dict(self._network.state_dict())
        self._loss = make_loss(network, self._network, size=self.size).to(self.device)
        self._parameters = [*self._network.parameters(), *self._loss.parameters()]
        self._optimizer = torch.optim.AdamW(
            self._parameters, lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        # Without pairs nobody knows what a mirror image makes of a left ear.
        has_pairs = bool(dataset.skeleton.symmetry)
        self._augmentation = settings.augmentation if has_pairs else replace(settings.augmentation, flip=0.0)
        self._image = torch.from_numpy(train.image).to(self.device)
        self._keypoints = torch.from_numpy(np.nan_to_num(train.keypoints)).to(self.device)
        weight = (train.visibility == SURE) + settings.doubtful_weight * (train.visibility == DOUBTFUL)
        self._weight = torch.from_numpy(weight.astype(np.float32)).to(self.device)
        self._step, self._epoch_loss, self._plateau_factor = 0, 0.0, 1.0
        self.history: list[Validation] = []

    def _make_network(self) -> KeypointNetwork:
        network = KeypointNetwork(
            self.network_settings, size=self.size, channels=self.channels, n_keypoints=self.skeleton.n_keypoints
        )
        network.to(self.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return network

    @property
    def steps_per_epoch(self) -> int:
        """Batches that hold every picture once."""
        return math.ceil(len(self._image) / self.settings.batch_size)

    @property
    def n_steps(self) -> int:
        """Steps in all."""
        return self.settings.epochs * self.steps_per_epoch

    @property
    def best(self) -> Validation | None:
        """The validation that the kept model had; None before the first."""
        return max(self.history, key=lambda v: v.auc, default=None)

    @property
    def is_done(self) -> bool:
        """Whether all steps were made, or no progress was for so long that it stops."""
        return self._step >= self.n_steps or self._waited >= self.settings.patience

    @property
    def _waited(self) -> int:
        best = self.best
        return 0 if best is None else self.history[-1].epoch - best.epoch

    def run(self, *, should_stop: Callable[[], bool] = lambda: False) -> Iterator[Progress]:
        """Train, yielding after each step; a checkpoint is saved at the end of each epoch and when it ends.

        Parameters
        ----------
        should_stop : callable
            Asked after each step; when true, it saves and ends.

        Raises
        ------
        TrainingError
            If the loss is no longer a finite number; what was saved before is kept.
        """
        saved_s = time.monotonic()
        while not self.is_done:
            epoch, batch = divmod(self._step, self.steps_per_epoch)
            learning_rate = self._learning_rate()
            loss = self._make_step(epoch, batch, learning_rate)
            self._step += 1
            self._epoch_loss = loss if not batch else self._epoch_loss + (loss - self._epoch_loss) / (batch + 1)
            is_end = batch + 1 == self.steps_per_epoch
            validation = self._validate(epoch) if is_end else None
            must_stop = should_stop()
            if is_end or must_stop or time.monotonic() - saved_s > self.settings.save_s:
                self._save()
                saved_s = time.monotonic()
            yield Progress(
                step=self._step,
                n_steps=self.n_steps,
                epoch=epoch,
                loss=loss,
                learning_rate=learning_rate,
                validation=validation,
            )
            if must_stop:
                return

    def _make_step(self, epoch: int, batch: int, learning_rate: float) -> float:
        settings = self.settings
        # As even as can be: normalisation has nothing to go by in a batch of one.
        chosen = torch.tensor_split(self._order(epoch), self.steps_per_epoch)[batch].to(self.device)
        image = self._image[chosen].permute(0, 3, 1, 2).float() / 255
        image, keypoints, weight = augment(
            image,
            self._keypoints[chosen],
            self._weight[chosen],
            self._augmentation,
            mirror_order=self.skeleton.mirror_order(),
            generator=_generator(settings.seed, self._step, 1),
        )
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate
        self._network.train()
        with self._autocast():
            raw = self._network(image.contiguous(memory_format=torch.channels_last))
        loss = self._loss(raw.float(), keypoints, weight)
        self._optimizer.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self._parameters, settings.clip)
        value = float(loss.detach())
        if not math.isfinite(value + float(norm)):
            raise TrainingError(
                f"At step {self._step + 1} the loss became {value} and its gradient {float(norm)}; nothing of this "
                "step was kept.",
                hint=f"{self.folder} holds the model as it was before. Lower --learning-rate and train anew.",
            )
        self._optimizer.step()
        self._update_average()
        return value

    def _autocast(self) -> AbstractContextManager[Any]:
        if self.device.type == "cuda" or (self.device.type == "cpu" and _has_amx()):
            return torch.autocast(self.device.type, dtype=torch.bfloat16)
        return nullcontext()

    def _order(self, epoch: int) -> Tensor:
        return torch.randperm(len(self._image), generator=_generator(self.settings.seed, epoch, 0))

    def _learning_rate(self) -> float:
        settings, done = self.settings, self._step / self.n_steps
        if done < settings.warm_up:
            return settings.learning_rate * (self._step + 1) / math.ceil(settings.warm_up * self.n_steps)
        if settings.schedule == "cosine":
            factor = 0.5 * (1 + math.cos(math.pi * (done - settings.warm_up) / (1 - settings.warm_up)))
        elif settings.schedule == "steps":
            factor = next((factor for at, factor in _STEPS_AT if done >= at), 1.0)
        else:
            factor = self._plateau_factor
        return settings.learning_rate * factor

    @torch.no_grad()
    def _update_average(self) -> None:
        # Early weights are forgotten sooner, or a short training would end with an average of its beginnings.
        decay = min(self.settings.average, (1 + self._step) / (10 + self._step))
        current = self._network.state_dict()
        for name, value in self._average.state_dict().items():
            if value.dtype.is_floating_point:
                value.lerp_(current[name], 1 - decay)
            else:
                value.copy_(current[name])

    def _validate(self, epoch: int) -> Validation | None:
        if self._validation is None:
            save_checkpoint(self.folder / _BEST, self._model_state())
            return None
        truth = self._validation
        predicted, _ = predict(self._average, truth.image)
        errors = compute_errors(predicted, truth.keypoints.astype(np.float64), truth.visibility == SURE)
        validation = Validation(
            epoch=epoch,
            loss=self._epoch_loss,
            pck=compute_pck(errors, truth.reference_px).value,
            auc=compute_auc(errors, truth.reference_px),
            error_px=float(np.nanmean(errors)),
        )
        before = self.best
        self.history.append(validation)
        if before is None or validation.auc > before.auc:
            save_checkpoint(self.folder / _BEST, self._model_state())
        waited = self._waited
        if self.settings.schedule == "plateau" and waited and waited % _PLATEAU_PATIENCE == 0:
            self._plateau_factor *= _PLATEAU_FACTOR
        return validation

    def _model_state(self) -> dict[str, Any]:
        return {
            "version": VERSION,
            "network": dataclasses.asdict(self.network_settings),
            "skeleton": msgspec.to_builtins(SkeletonRecord.from_skeleton(self.skeleton)),
            "size": list(self.size),
            "channels": self.channels,
            "average": self._average.state_dict(),
        }

    def _save(self) -> None:
        state = self._model_state() | {
            "training": dataclasses.asdict(self.settings),
            "dataset": self._dataset_id,
            "threads": torch.get_num_threads(),
            "weights": self._network.state_dict(),
            "loss": self._loss.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "step": self._step,
            "epoch_loss": self._epoch_loss,
            "plateau_factor": self._plateau_factor,
            "history": [dataclasses.asdict(entry) for entry in self.history],
        }
        save_checkpoint(self.folder / _LAST, state)


def estimate_epochs(
    dataset: KeypointDataset, *, network: NetworkSettings, settings: TrainingSettings, minutes: float
) -> TrainingSettings:
    """Return the settings with as many epochs as take about so many minutes on this machine.

    torch is left with one thread where that is quicker than all: on a busy machine threads wait for each other.
    """
    with TemporaryDirectory() as scratch:
        trainer = Trainer(dataset, scratch, network=network, settings=replace(settings, epochs=100))
        steps = trainer.run()
        next(steps)  # the first sets things up
        step_s = {}
        for n_threads in {torch.get_num_threads(), 1}:
            torch.set_num_threads(n_threads)
            step_s[n_threads] = statistics.median(_time_of(steps) for _ in range(_N_TIMED))
    quickest = min(step_s, key=lambda n_threads: step_s[n_threads])
    torch.set_num_threads(quickest)
    return replace(settings, epochs=max(1, round(minutes * 60 / (step_s[quickest] * trainer.steps_per_epoch))))


def _time_of(steps: Iterator[Progress]) -> float:
    start = time.monotonic()
    next(steps)
    return time.monotonic() - start


def _check_dataset(train: KeypointDataset) -> None:
    if not (train.visibility == SURE).any():
        raise InvalidDataError("No picture to train on has a sure label.", hint="Label some, or split differently.")
    if len(train) < 2 or (train.image == train.image[0]).all():
        raise InvalidDataError(
            f"All {len(train)} pictures to train on are the same: there is nothing to learn.",
            hint="Collect pictures in which the body moves.",
        )


def _fingerprint(dataset: KeypointDataset) -> str:
    digest = hashlib.sha256()
    for array in (dataset.image, dataset.keypoints, dataset.visibility, dataset.part):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _generator(seed: int, count: int, stream: int) -> torch.Generator:
    """Random numbers that depend on where the training is, not on how it got there."""
    state = np.random.SeedSequence([seed, count, stream]).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state) >> 1)


def _choose_device(name: str) -> str:
    if name != "auto":
        return name
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _has_amx() -> bool:
    is_supported = getattr(torch.cpu, "_is_amx_tile_supported", None)
    return bool(is_supported and is_supported())


def _load_published(network: KeypointNetwork, path: Path) -> None:
    try:
        weights = torch.load(path, map_location="cpu", weights_only=True)
        network.backbone.load_published(weights)
    except (OSError, RuntimeError, AttributeError, pickle.UnpicklingError, EOFError, KeyError) as error:
        raise TrainingError(
            f"{path} does not hold weights of this backbone: {error}.",
            hint="Expected a torchvision state dict (.pth) of the same --backbone, with --width 1.",
        ) from error

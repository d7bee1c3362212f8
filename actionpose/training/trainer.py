"""The training loop, from the first step to the last, and from any step on."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import msgspec
import numpy as np
import torch
from torch import Tensor

from actionpose.errors import InvalidDataError
from actionpose.recording.format import SkeletonRecord
from actionpose.training.augmentation import augment, part_size
from actionpose.training.checkpoint import VERSION, load_checkpoint, predict, save_checkpoint
from actionpose.training.dataset import DOUBTFUL, SURE, KeypointDataset, compute_fingerprint
from actionpose.training.device import choose_device, mixed_precision
from actionpose.training.errors import TrainingError
from actionpose.training.evaluation import measure_errors
from actionpose.training.metrics import compute_auc, compute_pck
from actionpose.training.network import KeypointNetwork, make_loss
from actionpose.training.published import load_weights
from actionpose.training.schedule import PLATEAU_FACTOR, PLATEAU_PATIENCE, compute_learning_rate
from actionpose.training.settings import AugmentationSettings, NetworkSettings, TrainingSettings

__all__ = ["Progress", "Trainer", "Validation"]

_LAST, _BEST = "last.pt", "best.pt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """How good the model was after an epoch: mean loss of the epoch, and PCK@0.2, its AUC and the mean error.

    The error is in pixels of the pictures that were labelled.
    """

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
        A torchvision state dict of the same backbone to start from, or ``imagenet``: see `load_weights`.

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
            load_weights(self._network.backbone, weights, name=self.network_settings.backbone)
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
        if saved.get("dataset") != compute_fingerprint(dataset):
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
        self._dataset_id = compute_fingerprint(dataset)
        self.skeleton, self.size, self.channels = dataset.skeleton, dataset.size, dataset.channels
        judges = (dataset.part == "validation") & (dataset.visibility == SURE).any(axis=1)
        self._validation = dataset[judges] if judges.any() else None
        self.device = choose_device(settings.device)
        torch.manual_seed(settings.seed)
        self._network = self._make_network()
        self._average = self._make_network()
        self._average.load_state_dict(self._network.state_dict())
        if settings.augmentation.part < 1 and network.head != "heatmap":
            raise InvalidDataError(f"The {network.head} head cannot be trained on parts of pictures; heatmap can.")
        seen = part_size(self.size, settings.augmentation.part)
        self._loss = make_loss(network, self._network, size=seen).to(self.device)
        self._parameters = [*self._network.parameters(), *self._loss.parameters()]
        self._optimizer = torch.optim.AdamW(
            self._parameters, lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True
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
        """Train, yielding after each step; checkpoints are saved every `save_s` seconds and when it ends.

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
            is_due = time.monotonic() - saved_s >= self.settings.save_s
            if is_due or must_stop or self.is_done or (is_end and not epoch):
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
        with mixed_precision(self.device):
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

    def _order(self, epoch: int) -> Tensor:
        return torch.randperm(len(self._image), generator=_generator(self.settings.seed, epoch, 0))

    def _learning_rate(self) -> float:
        return compute_learning_rate(
            self.settings, step=self._step, n_steps=self.n_steps, plateau_factor=self._plateau_factor
        )

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
            return None
        truth = self._validation
        predicted, _ = predict(self._average, truth.image)
        errors, lengths = measure_errors(truth, predicted, least=SURE), truth.picture_reference_px
        validation = Validation(
            epoch=epoch,
            loss=self._epoch_loss,
            pck=compute_pck(errors, lengths).value,
            auc=compute_auc(errors, lengths),
            error_px=float(np.nanmean(errors)),
        )
        before = self.best
        self.history.append(validation)
        if before is None or validation.auc > before.auc:
            save_checkpoint(self.folder / _BEST, self._model_state())
        waited = self._waited
        if self.settings.schedule == "plateau" and waited and waited % PLATEAU_PATIENCE == 0:
            self._plateau_factor *= PLATEAU_FACTOR
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
        if self._validation is None:
            save_checkpoint(self.folder / _BEST, self._model_state())
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


def _check_dataset(train: KeypointDataset) -> None:
    if not (train.visibility == SURE).any():
        raise InvalidDataError("No picture to train on has a sure label.", hint="Label some, or split differently.")
    if len(train) < 2 or (train.image == train.image[0]).all():
        raise InvalidDataError(
            f"All {len(train)} pictures to train on are the same: there is nothing to learn.",
            hint="Collect pictures in which the body moves.",
        )


def _generator(seed: int, count: int, stream: int) -> torch.Generator:
    """Random numbers that depend on where the training is, not on how it got there."""
    state = np.random.SeedSequence([seed, count, stream]).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state) >> 1)

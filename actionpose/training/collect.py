"""Frames worth learning from: labelled by a teacher, and no two alike."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from actionpose.drawing import save_picture
from actionpose.errors import InvalidDataError
from actionpose.pose import FloatArray, Frame
from actionpose.skeleton import Skeleton
from actionpose.sources import Source
from actionpose.training.dataset import SURE
from actionpose.training.errors import TrainingError
from actionpose.training.labels import LabelledImage, LabelSet, save_labels
from actionpose.training.teacher import Label, Teacher

__all__ = ["Collector", "choose_varied"]

_MIN_CONFIDENCE = 0.5
_MIN_SURE = 0.5  # share of the keypoints that both passes must agree on
_THUMBNAIL = (16, 12)
_JPEG_QUALITY = 95


@dataclass(slots=True)
class _Found:
    image: LabelledImage
    look: FloatArray = field(repr=False)


class Collector:
    """Labels frames and keeps them in a folder, as `load_labels` reads it.

    Parameters
    ----------
    folder : path
        Where to; made if it does not exist, but it may not hold labels yet.
    skeleton : Skeleton
        What to label.

    Raises
    ------
    InvalidDataError
        If the folder holds labels already, or the teacher does not know the keypoints.
    """

    def __init__(self, folder: str | Path, skeleton: Skeleton) -> None:
        self.folder, self.skeleton = Path(folder), skeleton
        if (self.folder / "labels.csv").exists():
            raise InvalidDataError(
                f"{self.folder} holds labels already.", hint="Choose another folder, or delete this one."
            )
        self._teacher = Teacher(skeleton)
        (self.folder / "images").mkdir(parents=True, exist_ok=True)
        self._found: list[_Found] = []
        self._names: set[str] = set()
        self.n_seen = 0

    @property
    def n_kept(self) -> int:
        """How many frames have a label so far."""
        return len(self._found)

    def read(
        self,
        source: Source,
        *,
        every_s: float = 0.0,
        on_frame: Callable[[], None] = lambda: None,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> int:
        """Label the frames of a source until it ends.

        Parameters
        ----------
        source : Source
            With pictures.
        every_s : float
            At least so many seconds between frames that are kept.
        on_frame : callable
            Called after every frame.
        should_stop : callable
            Asked after every frame; when true, the rest is left out.

        Returns
        -------
        int
            How many frames were kept.
        """
        name = self._free_name(source.info.name)
        before, next_s = len(self._found), -np.inf
        self._teacher.reset()
        for frame in iter(source.read, None):
            label = self._teacher.label(frame)  # every frame, since the teacher tracks
            self.n_seen += 1
            if label is not None and frame.time >= next_s and _is_good(label):
                next_s = frame.time + every_s
                self._keep(frame, label, name)
            on_frame()
            if should_stop():
                break
        return len(self._found) - before

    def _keep(self, frame: Frame, label: Label, source: str) -> None:
        assert frame.image is not None
        path = self.folder / "images" / f"{source}_{frame.index:06d}.jpg"
        picture = cv2.cvtColor(frame.image, cv2.COLOR_RGB2BGR)
        save_picture(frame.image, path, jpeg_quality=_JPEG_QUALITY)
        image = LabelledImage(
            path=path,
            keypoints=label.keypoints,
            visibility=label.visibility,
            reference_px=label.reference_px,
            source=source,
            time=frame.time,
        )
        self._found.append(_Found(image, _describe(picture, label)))

    def _free_name(self, name: str) -> str:
        stem = re.sub(r"[^A-Za-z0-9_-]+", "_", Path(name).stem or "source").strip("_") or "source"
        free = next(s for i in itertools.count(1) if (s := stem if i == 1 else f"{stem}_{i}") not in self._names)
        self._names.add(free)
        return free

    def finish(self, *, keep: int | None = None) -> LabelSet:
        """Choose the most varied frames, delete the others, and write the table.

        Parameters
        ----------
        keep : int, optional
            How many. Default: all.

        Raises
        ------
        InvalidDataError
            If nobody was found in any frame.
        """
        self._teacher.close()
        if not self._found:
            raise InvalidDataError(
                f"The teacher was sure of nobody in {self.n_seen} frames.",
                hint="Is a person in view, and large enough? Try with a brighter or closer view.",
            )
        found = self._found
        if keep is not None and keep < len(found):
            chosen = choose_varied(np.stack([item.look for item in found]), keep)
            for item in (item for i, item in enumerate(found) if i not in set(chosen.tolist())):
                item.image.path.unlink(missing_ok=True)
            found = [found[i] for i in chosen]
        labels = LabelSet(skeleton=self.skeleton, images=[item.image for item in found])
        save_labels(labels, self.folder)
        return labels


def _is_good(label: Label) -> bool:
    return label.confidence >= _MIN_CONFIDENCE and float((label.visibility == SURE).mean()) >= _MIN_SURE


def _describe(picture: npt.NDArray[np.uint8], label: Label) -> FloatArray:
    """How a frame looks and how the body stands in it, each with about the same weight."""
    thumbnail = cv2.resize(picture, _THUMBNAIL, interpolation=cv2.INTER_AREA).astype(np.float64).ravel() / 255
    pose = (label.keypoints - np.nanmean(label.keypoints, axis=0)) / label.reference_px
    look = thumbnail / np.sqrt(thumbnail.size) * 4
    return np.concatenate([look, np.nan_to_num(pose).ravel() / np.sqrt(pose.size)])


def choose_varied(looks: FloatArray, n: int, *, seed: int = 0) -> npt.NDArray[np.int64]:
    """Return the n rows of `looks` (N, D) nearest to the centres of n clusters (k-means), in order.

    Raises
    ------
    TrainingError
        If scikit-learn is not installed.
    """
    if n >= len(looks):
        return np.arange(len(looks))
    try:
        from sklearn.cluster import MiniBatchKMeans
        from sklearn.metrics import pairwise_distances_argmin
    except ImportError as error:
        raise TrainingError(
            f"Choosing frames needs scikit-learn: {error}.", hint="Install it: `pip install 'actionpose[train]'`."
        ) from error
    model = MiniBatchKMeans(n, random_state=seed, n_init=1).fit(looks)
    chosen = np.unique(pairwise_distances_argmin(model.cluster_centers_, looks))
    rest = np.setdiff1d(np.arange(len(looks)), chosen)  # two centres may share their nearest frame
    fill = np.random.default_rng(seed).choice(rest, n - len(chosen), replace=False)
    return np.sort(np.concatenate([chosen, fill]))

"""A small valid file of every kind that is read, how it is damaged, and what reads it and goes on with it."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from actionpose.datasets import load_dataset as load_research
from actionpose.errors import ActionposeError
from actionpose.estimators import load_estimator
from actionpose.evaluation import ClipSet
from actionpose.library import TemplateLibrary
from actionpose.library.files import save_template
from actionpose.pose import Frame
from actionpose.recognizer import Recognizer
from actionpose.recording import RecordingWriter, load_recording
from actionpose.skeleton import UPPER_BODY_6
from actionpose.sources import open_source
from actionpose.spans import load_spans
from actionpose.takes import assess_take
from actionpose.training.build import build_dataset
from actionpose.training.checkpoint import load_model, predict
from actionpose.training.dataset import load_dataset, save_dataset
from actionpose.training.importers import load_coco, load_csv, load_deeplabcut, load_freihand
from actionpose.training.labels import LabelledImage, LabelSet, load_labels, save_labels
from actionpose.training.settings import NetworkSettings, TrainingSettings
from actionpose.training.trainer import Trainer
from actionpose.tui.preferences import load_settings, save_settings
from tests.estimators.bundle import write_task_bundle
from tests.estimators.models import write_dot_model
from tests.fuzz.mutations import (
    Mutation,
    damage_archive,
    damage_arrays,
    damage_bytes,
    damage_json,
    damage_json_line,
    damage_table,
    damage_text,
)
from tests.sources.videos import write_video
from tests.synthetic import make_templates
from tests.training.puppets import dot_dataset

__all__ = ["KINDS", "Kind"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of file.

    Parameters
    ----------
    make : callable
        Writes a valid one, and all that belongs to it, into an empty folder.
    file : str
        Path of the file to damage, in that folder.
    read : callable
        Reads what is in the folder, and uses it as far as a command would.
    mutations : tuple of callable
        How it is damaged.
    share : float
        How often it is drawn, compared with others.
    """

    make: Callable[[Path], object]
    file: str
    read: Callable[[Path], object]
    mutations: tuple[Mutation, ...]
    share: float = 1.0


# Templates, recordings, libraries


def _make_template(folder: Path) -> None:
    save_template(make_templates(["wave"], n_takes=1)[0], folder / "template.json")


def _import_template(folder: Path) -> None:
    with TemplateLibrary.open("sqlite://") as library:
        library.import_(folder)
        for template in library.templates():
            assess_take(template.sequence)
            Recognizer([template]).recognize(template.sequence)


def _make_recording(folder: Path, name: str = "recording.jsonl") -> None:
    [template] = make_templates(["wave"], n_takes=1)
    with RecordingWriter(folder / name, skeleton=UPPER_BODY_6, estimator="truth", source="room") as writer:
        for i, pose in enumerate(template.sequence.iter_poses()):
            writer.append(i, pose.time, [pose])


def _recognize_recording(folder: Path) -> None:
    recognizer = Recognizer(make_templates(["raise"], n_takes=1))
    [path] = folder.iterdir()
    with open_source(path) as source:
        for _ in iter(source.read, None):
            pass
    for sequence in load_recording(path).sequences().values():
        recognizer.recognize(sequence)


def _damage_packed(content: bytes, rng: np.random.Generator) -> bytes:
    return gzip.compress(damage_json_line(gzip.decompress(content), rng))


def _make_library(folder: Path) -> None:
    with TemplateLibrary.open(folder / "library.sqlite") as library:
        library.add_all(make_templates(["wave", "raise"], n_takes=1))


def _read_library(folder: Path) -> None:
    with TemplateLibrary.open(folder / "library.sqlite") as library:
        templates = library.templates()
        library.actions()
        library.backgrounds()
        Recognizer(templates)


# Keypoint models


def _make_model(folder: Path) -> None:
    write_dot_model(folder)


def _run_model(folder: Path) -> None:
    with load_estimator(folder) as estimator:
        estimator.estimate(Frame(index=0, time=0.0, image=np.full((64, 64, 3), 128, np.uint8)))


def _run_exchanged_weights(folder: Path) -> None:
    """Weights whose checksum was made to fit, as whoever gives a model away may do."""
    path = folder / "model.json"
    description = json.loads(path.read_bytes())
    description["sha256"] = hashlib.sha256((folder / "weights.onnx").read_bytes()).hexdigest()
    path.write_text(json.dumps(description))
    _run_model(folder)


def _make_task(folder: Path) -> None:
    write_task_bundle(folder / "model.task")


def _run_task(folder: Path) -> None:
    load_estimator(folder / "model.task").close()


def _make_checkpoint(folder: Path) -> None:
    tiny = NetworkSettings(width=0.125, deconvolution_channels=8, sigma_px=2.0)
    settings = TrainingSettings(epochs=1, batch_size=16, device="cpu")
    for _ in Trainer(dot_dataset(), folder, network=tiny, settings=settings).run():
        pass
    (folder / "best.pt").unlink()


def _run_checkpoint(folder: Path) -> None:
    model = load_model(folder, which="last")
    predict(model.network, np.zeros((1, model.size[1], model.size[0], model.channels), np.uint8))


# Labelled pictures


def _draw_pictures(folder: Path, n: int = 3) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"img{i:03d}.png" for i in range(n)]
    for i, path in enumerate(paths):
        picture = np.full((48, 64, 3), 100, np.uint8)
        cv2.circle(picture, (20 + 5 * i, 20), 6, (255, 255, 255), -1)
        cv2.imwrite(str(path), picture)
    return paths


def _build(labels: LabelSet) -> None:
    build_dataset(labels, size=(32, 32))
    build_dataset(labels, size=(32, 32), channels=3, margin=None)


def _make_dataset(folder: Path) -> None:
    save_dataset(dot_dataset(n=12), folder / "data.npz")


def _make_labels(folder: Path) -> None:
    images = [
        LabelledImage(
            path=path,
            keypoints=np.linspace(10, 40, 12).reshape(6, 2),
            visibility=np.full(6, 2, np.uint8),
            reference_px=20.0,
            source="room",
            time=i / 10,
        )
        for i, path in enumerate(_draw_pictures(folder / "images"))
    ]
    save_labels(LabelSet(skeleton=UPPER_BODY_6, images=images), folder)


def _make_coco(folder: Path) -> None:
    paths = _draw_pictures(folder)
    content = {
        "images": [
            {"id": i, "file_name": path.name, "width": 64, "height": 48, "coco_url": ""} for i, path in enumerate(paths)
        ],
        "annotations": [
            {"id": i, "image_id": i, "category_id": 1, "iscrowd": 0, "area": 300.0, "bbox": [10.0, 10.0, 20.0, 20.0],
             "num_keypoints": 2, "keypoints": [10.0, 10.0, 2, 30.5, 30.0, 1, 0, 0, 0]}
            for i in range(len(paths))
        ],
        "categories": [{"id": 1, "name": "fish", "keypoints": ["head", "fin", "tail"], "skeleton": [[1, 2], [2, 3]]}],
    }  # fmt: skip
    (folder / "coco.json").write_text(json.dumps(content))


def _make_deeplabcut(folder: Path) -> None:
    lines = [
        "scorer,me,me,me,me",
        "bodyparts,snout,snout,tail,tail",
        "coords,x,y,x,y",
        *(f"labeled-data/fish/{path.name},12.5,11.0,30.0,31.5" for path in _draw_pictures(folder)),
    ]
    (folder / "CollectedData_me.csv").write_text("\n".join(lines) + "\n")


def _make_freihand(folder: Path) -> None:
    for i, path in enumerate(_draw_pictures(folder / "training" / "rgb")):
        path.rename(path.with_name(f"{i:08d}.jpg"))
    hand = [[0.01 * k, 0.005 * k, 0.5] for k in range(21)]
    (folder / "training_xyz.json").write_text(json.dumps([hand] * 3))
    (folder / "training_K.json").write_text(json.dumps([[[100.0, 0, 20.0], [0, 100.0, 20.0], [0, 0, 1.0]]] * 3))


def _make_table(folder: Path) -> None:
    lines = ["image,source,time_s,head_x,head_y,head_v,tail_x,tail_y,tail_v"]
    lines += [f"{path.name},tank,{i / 10},10.5,11.0,2,30.0,31.5,1" for i, path in enumerate(_draw_pictures(folder))]
    (folder / "table.csv").write_text("\n".join(lines) + "\n")


def _make_picture(suffix: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        picture = np.random.default_rng(0).integers(0, 256, (24, 32, 3)).astype(np.uint8)
        cv2.imwrite(str(folder / f"picture{suffix}"), picture)

    return make


def _read_picture(folder: Path) -> None:
    """As a source of frames and as a labelled picture."""
    [path] = folder.iterdir()
    labelled = LabelledImage(
        path=path, keypoints=np.ones((6, 2)), visibility=np.full(6, 2, np.uint8), reference_px=1.0, source="room"
    )
    with contextlib.suppress(ActionposeError):
        _build(LabelSet(skeleton=UPPER_BODY_6, images=[labelled]))
    _read_source(folder)


# Videos, spans, settings, research data


def _read_source(path: Path) -> None:
    with open_source(path) as source:
        for _ in iter(source.read, None):
            pass


def _make_video(name: str, codec: str) -> Callable[[Path], object]:
    return lambda folder: write_video(folder / name, codec=codec, n_frames=6, noise=True)


def _make_spans(folder: Path) -> None:
    (folder / "spans.csv").write_text(
        "video,label,start_s,end_s\na.mp4,wave,1.5,2.5\na.mp4,clap,3.0,4.25\nb.mp4,unknown,0,1\n"
    )


def _make_settings(folder: Path) -> None:
    save_settings(folder / "settings.toml", {"source": "0", "sensitivity": 1.2, "outputs": ("-",), "people": 2})


def _make_natops(folder: Path) -> None:
    rng = np.random.default_rng(0)
    arrays = {"train": rng.normal(size=(6, 20, 24)), "test": rng.normal(size=(6, 20, 24))}
    labels = np.array([f"{i}.0" for i in range(1, 7)])
    np.savez_compressed(folder / "natops.npz", train_label=labels, test_label=labels, **arrays)


def _make_msr(folder: Path) -> None:
    position = np.random.default_rng(0).normal(size=(80, 20, 3))
    numbers = {"length": np.full(4, 20), "label": np.array([1, 2, 1, 2]), "subject": np.array([1, 1, 2, 2])}
    np.savez_compressed(folder / "msr.npz", position=position, **numbers)


def _make_utkinect(folder: Path) -> None:
    for episode in (1, 2):
        np.savez_compressed(
            folder / f"s01_e0{episode}.npz",
            frame=np.arange(200) * 2,
            position=np.random.default_rng(episode).normal(size=(200, 20, 3)),
            span_label=np.array(["walk", "sitDown"]),
            span_start=np.array([20, 200]),
            span_end=np.array([80, 300]),
        )


def _make_jk2017(folder: Path) -> None:
    rng = np.random.default_rng(0)
    np.savez_compressed(
        folder / "user_1.npz",
        label_names=np.array(["wave", "clap"]),
        template_position=rng.normal(size=(4, 120, 21, 3)),
        template_label=np.array([0, 0, 1, 1]),
        stream_position=rng.normal(size=(300, 21, 3)),
        stream_expected=np.repeat([0, 1, 0], 100),
        stream_command=np.repeat([0, 1, 2], 100),
    )


def _make_pose_trainer(folder: Path) -> None:
    keypoints = np.random.default_rng(0).uniform(0, 1, size=(80, 18, 3))
    labels = np.array(["curl", "curl", "press", "press"])
    np.savez_compressed(folder / "pose_trainer.npz", keypoints=keypoints, length=np.full(4, 20), label=labels)


def _make_signs(folder: Path) -> None:
    rng = np.random.default_rng(0)
    hands = {side: rng.uniform(size=(4, 20, 21, 3)) for side in ("left_hand", "right_hand")}
    pose = rng.uniform(size=(4, 20, 33, 4))
    np.savez_compressed(folder / "signs.npz", pose=pose, label=np.array(["a", "a", "b", "b"]), **hands)


def _read_research(name: str) -> Callable[[Path], None]:
    """Read a data set and recognise by it, as far as `evaluate` begins to."""

    def read(folder: Path) -> None:
        path = folder if name in ("jk2017", "utkinect") else next(folder.iterdir())
        for item in load_research(f"{name}:{path}"):
            if isinstance(item, ClipSet):
                Recognizer(item.templates).classify(item.clips[0].sequence)
                return
            Recognizer(item.templates).recognize(item.sequence)

    return read


_RESEARCH = (damage_arrays, damage_arrays, damage_arrays, damage_bytes)

KINDS: Mapping[str, Kind] = {
    "template": Kind(
        make=_make_template, file="template.json", read=_import_template,
        mutations=(damage_json, damage_json, damage_bytes), share=3,
    ),
    "recording": Kind(
        make=_make_recording, file="recording.jsonl", read=_recognize_recording,
        mutations=(damage_json_line, damage_bytes), share=3,
    ),
    "packed recording": Kind(
        make=lambda folder: _make_recording(folder, "recording.jsonl.gz"), file="recording.jsonl.gz",
        read=_recognize_recording, mutations=(_damage_packed, damage_bytes),
    ),
    "library": Kind(make=_make_library, file="library.sqlite", read=_read_library, mutations=(damage_bytes,), share=2),
    "model": Kind(make=_make_model, file="model.json", read=_run_model, mutations=(damage_json, damage_bytes), share=2),
    "weights": Kind(make=_make_model, file="weights.onnx", read=_run_exchanged_weights, mutations=(damage_bytes,)),
    "task": Kind(
        make=_make_task, file="model.task", read=_run_task, mutations=(damage_bytes, damage_archive), share=0.3
    ),
    "checkpoint": Kind(
        make=_make_checkpoint, file="last.pt", read=_run_checkpoint, mutations=(damage_bytes, damage_archive), share=0.5
    ),
    "dataset": Kind(
        make=_make_dataset, file="data.npz", read=lambda folder: load_dataset(folder / "data.npz"),
        mutations=(damage_arrays, damage_arrays, damage_bytes), share=3,
    ),
    "labels": Kind(
        make=_make_labels, file="labels.csv", read=lambda folder: _build(load_labels(folder)),
        mutations=(damage_table, damage_bytes),
    ),
    "skeleton": Kind(
        make=_make_labels, file="skeleton.json", read=lambda folder: _build(load_labels(folder)),
        mutations=(damage_json, damage_bytes),
    ),
    "coco": Kind(
        make=_make_coco, file="coco.json", read=lambda folder: _build(load_coco(folder / "coco.json")),
        mutations=(damage_json, damage_json, damage_bytes), share=2,
    ),
    "deeplabcut": Kind(
        make=_make_deeplabcut, file="CollectedData_me.csv",
        read=lambda folder: _build(load_deeplabcut(folder / "CollectedData_me.csv")),
        mutations=(damage_table, damage_table, damage_bytes), share=2,
    ),
    "freihand xyz": Kind(
        make=_make_freihand, file="training_xyz.json", read=lambda folder: _build(load_freihand(folder)),
        mutations=(damage_json, damage_bytes),
    ),
    "freihand camera": Kind(
        make=_make_freihand, file="training_K.json", read=lambda folder: _build(load_freihand(folder)),
        mutations=(damage_json, damage_bytes),
    ),
    "table": Kind(
        make=_make_table, file="table.csv", read=lambda folder: _build(load_csv(folder / "table.csv")),
        mutations=(damage_table, damage_table, damage_bytes), share=2,
    ),
    **{
        f"picture {suffix}": Kind(
            make=_make_picture(f".{suffix}"), file=f"picture.{suffix}", read=_read_picture, mutations=(damage_bytes,),
        )
        for suffix in ("png", "jpg", "bmp", "tiff", "webp")
    },
    **{
        f"video {name}": Kind(
            make=_make_video(name, codec), file=name, read=lambda folder: _read_source(next(folder.iterdir())),
            mutations=(damage_bytes,),
        )
        for name, codec in (("v.mp4", "libx264"), ("v.mkv", "libx264"), ("v.avi", "mpeg4"), ("v.mpg", "mpeg1video"))
    },
    "spans": Kind(
        make=_make_spans, file="spans.csv", read=lambda folder: load_spans(folder / "spans.csv"),
        mutations=(damage_table, damage_table, damage_bytes), share=2,
    ),
    "settings": Kind(
        make=_make_settings, file="settings.toml",
        read=lambda folder: load_settings(folder / "settings.toml", environment={}),
        mutations=(damage_text, damage_bytes), share=2,
    ),
    "jk2017": Kind(make=_make_jk2017, file="user_1.npz", read=_read_research("jk2017"), mutations=_RESEARCH),
    "utkinect": Kind(make=_make_utkinect, file="s01_e01.npz", read=_read_research("utkinect"), mutations=_RESEARCH),
    "msr": Kind(make=_make_msr, file="msr.npz", read=_read_research("msr"), mutations=_RESEARCH),
    "natops": Kind(make=_make_natops, file="natops.npz", read=_read_research("natops"), mutations=_RESEARCH),
    "pose-trainer": Kind(
        make=_make_pose_trainer, file="pose_trainer.npz", read=_read_research("pose-trainer"), mutations=_RESEARCH
    ),
    "signs": Kind(make=_make_signs, file="signs.npz", read=_read_research("signs"), mutations=_RESEARCH),
}  # fmt: skip

"""Published weights: from a file, or fetched once and checked."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from actionpose.training import published  # noqa: E402
from actionpose.training.errors import TrainingError  # noqa: E402
from actionpose.training.resnet import ResNet  # noqa: E402


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A folder that holds weights under a name that ends in their checksum, as a URL."""
    folder = tmp_path / "server"
    folder.mkdir()
    torch.manual_seed(1)
    torch.save(ResNet("resnet18", width=0.125).state_dict(), folder / "weights")
    digest = hashlib.sha256((folder / "weights").read_bytes()).hexdigest()[:8]
    name = f"resnet18-{digest}.pth"
    (folder / "weights").rename(folder / name)
    monkeypatch.setitem(published._FILES, "resnet18", name)
    return folder.as_uri() + "/"


def test_weights_are_fetched_once(server: str, tmp_path: Path) -> None:
    path = published.fetch_weights("resnet18", server=server, folder=tmp_path / "cache")
    backbone = ResNet("resnet18", width=0.125)
    published.load_weights(backbone, path, name="resnet18")
    assert torch.equal(backbone.conv1.weight, torch.load(path, weights_only=True)["conv1.weight"])
    again = published.fetch_weights("resnet18", server="file:///nowhere/", folder=tmp_path / "cache")
    assert again == path
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_damaged_file_is_fetched_anew(server: str, tmp_path: Path) -> None:
    path = published.fetch_weights("resnet18", server=server, folder=tmp_path / "cache")
    whole = path.read_bytes()
    path.write_bytes(whole[:100])
    assert published.fetch_weights("resnet18", server=server, folder=tmp_path / "cache").read_bytes() == whole


def test_another_file_is_refused(server: str, tmp_path: Path) -> None:
    (Path(server[7:]) / published._FILES["resnet18"]).write_bytes(b"something else")
    with pytest.raises(TrainingError, match="sent another file than resnet18"):
        published.fetch_weights("resnet18", server=server, folder=tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())


def test_without_a_network_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"could not be fetched.*--weights resnet34-b627a593\.pth"):
        published.fetch_weights("resnet34", server="http://127.0.0.1:9/", folder=tmp_path)


def test_file_names_are_torchvisions() -> None:
    assert set(published._FILES) == {"resnet18", "resnet34", "resnet50", "resnet101"}
    for name, file in published._FILES.items():
        stem, _, digest = file.removesuffix(".pth").partition("-")
        assert (stem, len(digest)) == (name, 8)

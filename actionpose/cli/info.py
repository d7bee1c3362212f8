"""``actionpose info``: what there is."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, entry_points, version
from typing import Any

import click

from actionpose import __version__
from actionpose.cli.options import epilog, library_option
from actionpose.cli.terminal import echo, echo_json
from actionpose.cli.wiring import data_folder, recordings_folder
from actionpose.errors import LibraryError
from actionpose.library import TemplateLibrary, default_location

__all__ = ["info"]

_PACKAGES = ("numpy", "mediapipe", "opencv-contrib-python", "av", "sqlalchemy", "torch")


@click.command(epilog=epilog("info", "info --json"))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@library_option
def info(*, as_json: bool, library: str | None) -> None:
    """Show versions, models, cameras and folders: what a report of a problem should hold."""
    from actionpose.sources.camera import list_cameras  # brings OpenCV along

    facts = {
        "actionpose": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: found for name in _PACKAGES if (found := _version(name))},
        "models": ["mediapipe", *entry_points(group="actionpose.estimators").names],
        "cameras": list_cameras(),
        "library": _describe_library(library or default_location()),
        "folders": {"data": str(data_folder()), "recordings": str(recordings_folder().absolute())},
    }
    if as_json:
        echo_json(facts)
        return
    for name, value in facts.items():
        echo(f"{name:12} {_in_words(value)}")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _describe_library(location: str) -> dict[str, Any]:
    try:
        with TemplateLibrary.open(location, read_only=True) as library:
            actions = library.actions()
            return {
                "location": library.location,
                "actions": len(actions),
                "templates": sum(action.n_templates for action in actions),
                "enabled": sum(action.n_enabled for action in actions),
                "backgrounds": len(library.backgrounds()),
            }
    except LibraryError as error:  # most often it does not exist yet, and asking must not create it
        return {"problem": error.message}


def _in_words(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {item}" for key, item in value.items())
    if isinstance(value, list):
        return ", ".join(value) or "none found"
    return str(value)

"""What the commands make of their options."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Protocol

import platformdirs

from actionpose.cli.terminal import echo
from actionpose.naming import describe_missing, describe_new
from actionpose.pose import PoseSequence
from actionpose.recognizer import RecognizerSettings
from actionpose.session.recognizers import (
    EmptyLibraryError,
    RecognizerSet,
    describe_left_aside,
    enabled_templates,
    make_recognizer,
    stored_templates,
)
from actionpose.sources import Source
from actionpose.sources.replay import ReplaySource
from actionpose.whole_file import remove_abandoned

if TYPE_CHECKING:
    from actionpose.cli.terminal import StatusLine
    from actionpose.estimators.base import KeypointEstimator
    from actionpose.library import TemplateLibrary

__all__ = [
    "EmptyLibraryError",
    "data_folder",
    "deferring_interrupts",
    "enabled_templates",
    "open_estimator",
    "open_library",
    "recognizer_factory",
    "recordings_folder",
    "stopping_on_signals",
    "stored_templates",
    "tell_left_aside",
    "tell_missing_labels",
    "tell_new_labels",
    "telling_new_labels",
]


# Windows has no SIGHUP.
_ENDING = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


class Stoppable(Protocol):
    """A loop that can be asked to end."""

    def stop(self) -> None:
        """End after the present frame."""


def open_library(location: str | None, *, to_save: bool = False) -> TemplateLibrary:
    """Open the library that ``--library`` names, or the default one.

    Parameters
    ----------
    location : str, optional
        What ``--library`` names.
    to_save : bool
        Whether something will be saved after long work, so that it has to be known before whether it can be.
    """
    from actionpose.library import TemplateLibrary  # brings SQLAlchemy: not before it is needed

    library = TemplateLibrary.open(location or None)
    if to_save:
        try:
            library.validate_writable()
        except BaseException:
            library.close()
            raise
    return library


def open_estimator(
    model: str, source: Source, *, people: int = 1, status: StatusLine | None = None
) -> AbstractContextManager[KeypointEstimator | None]:
    """Load the keypoint model, unless the source brings poses instead of pictures."""
    if source.info.size is None or isinstance(source, ReplaySource):
        return nullcontext()
    if status:
        status.show("loading the keypoint model")
    from actionpose.estimators import load_estimator

    return load_estimator(model, max_people=people)


def recognizer_factory(library: TemplateLibrary, settings: RecognizerSettings) -> Callable[[], RecognizerSet]:
    """Return what makes the recognisers of the library as it is then."""
    return lambda: make_recognizer(library, settings)


def tell_new_labels(library: TemplateLibrary, labels: Iterable[str]) -> None:
    """Say which of the labels that are to be added are nearly those of other actions."""
    for note in describe_new(labels, library.labels()):
        echo(f"note: {note}", err=True)


@contextmanager
def telling_new_labels(library: TemplateLibrary) -> Iterator[None]:
    """Say after the block which labels it has brought that are nearly those of other actions."""
    before = library.labels()
    yield
    after = library.labels()
    for note in describe_new(after, [label for label in before if label in after]):
        echo(f"note: {note}", err=True)


def tell_missing_labels(library: TemplateLibrary, labels: Iterable[str]) -> None:
    """Say which labels are those of no action in the library, and which was perhaps meant."""
    for note in describe_missing(labels, library.labels()):
        echo(f"note: {note}", err=True)


def tell_left_aside(library: TemplateLibrary, poses: PoseSequence) -> None:
    """Say which templates of the library poses like these are not compared with."""
    if note := describe_left_aside(library.templates(), poses.skeleton, poses.n_dims):
        echo(f"note: {note}", err=True)


def data_folder() -> Path:
    """Return the user's data folder."""
    return platformdirs.user_data_path("actionpose", appauthor=False)


def recordings_folder() -> Path:
    """Return ``recordings`` of the working folder where there is one, else of the user's data folder.

    What a recording that was killed left in it is removed.
    """
    folder = Path("recordings")
    folder = folder if folder.is_dir() else data_folder() / folder
    remove_abandoned(folder)
    return folder


@contextmanager
def deferring_interrupts() -> Iterator[None]:
    """Let what was begun be finished: Ctrl-C, SIGTERM and a closed terminal take effect after the block."""
    received: list[int] = []
    previous = {number: signal.signal(number, lambda number, _: received.append(number)) for number in _ENDING}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    if received:
        signal.raise_signal(received[0])


@contextmanager
def stopping_on_signals(loop: Stoppable) -> Iterator[None]:
    """Let Ctrl-C, SIGTERM and a closed terminal end a loop after the present frame, with all it has found.

    Ctrl-C is raised after. A second signal does what it always does.
    """
    received: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        received.append(number)
        loop.stop()
        restore()

    def restore() -> None:
        for number, handler in previous.items():
            signal.signal(number, handler)

    previous = {number: signal.signal(number, stop) for number in _ENDING}
    try:
        yield
    finally:
        restore()
    if signal.SIGINT in received:
        raise KeyboardInterrupt

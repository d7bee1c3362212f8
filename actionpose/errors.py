"""The errors actionpose raises: each says what was expected, what came, and what to do.

::

    ActionposeError
    ├── InvalidDataError        arrays, skeletons or settings that cannot be what they claim (also a ValueError)
    ├── SourceError             a camera, file or stream that cannot be read
    ├── EstimatorError          a keypoint model that cannot be loaded or run
    ├── RecordingError          a recording that cannot be written or read
    └── LibraryError            the template library
        ├── TemplateNotFoundError   no template or label of that name
        ├── TemplateFileError       a portable template file that is not one
        ├── LibraryLockedError      another process holds it
        └── LibraryVersionError     written by a newer actionpose

and one warning, `FallbackWarning`.
"""

__all__ = [
    "ActionposeError",
    "EstimatorError",
    "FallbackWarning",
    "InvalidDataError",
    "LibraryError",
    "LibraryLockedError",
    "LibraryVersionError",
    "RecordingError",
    "SourceError",
    "TemplateFileError",
    "TemplateNotFoundError",
]


class ActionposeError(Exception):
    """Root of the tree.

    Parameters
    ----------
    message : str
        What was expected and what came.
    hint : str
        What to do about it; the command line prints it on a line of its own.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(f"{message} {hint}".strip())
        self.message = message
        self.hint = hint


class InvalidDataError(ActionposeError, ValueError):
    """Arrays, skeletons or settings that cannot be what they claim to be."""


class SourceError(ActionposeError):
    """A camera, file or stream that cannot be opened or read."""


class EstimatorError(ActionposeError):
    """A keypoint model that cannot be loaded or run."""


class RecordingError(ActionposeError):
    """A recording that cannot be written or read."""


class LibraryError(ActionposeError):
    """The template library cannot do what was asked."""


class TemplateNotFoundError(LibraryError):
    """No template or label of that name."""


class TemplateFileError(LibraryError):
    """A portable template file that is malformed, too large or of a newer version."""


class LibraryLockedError(LibraryError):
    """Another process holds the library, or it cannot be written to."""


class LibraryVersionError(LibraryError):
    """The library was written by a newer actionpose."""


class FallbackWarning(UserWarning):
    """Something else is used than what would have been first choice, and why."""

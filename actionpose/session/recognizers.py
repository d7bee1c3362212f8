"""The recognisers of what a library holds: one for each kind of poses that it has templates of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from actionpose.bank import group_by_poses
from actionpose.errors import InvalidDataError, LibraryError
from actionpose.pose import Pose, PoseSequence
from actionpose.recognizer import Recognizer, RecognizerSettings
from actionpose.skeleton import Skeleton
from actionpose.template import Template

if TYPE_CHECKING:
    from actionpose.library import TemplateLibrary  # brings SQLAlchemy

__all__ = [
    "EmptyLibraryError",
    "RecognizerSet",
    "describe_left_aside",
    "describe_poses",
    "enabled_templates",
    "fitting_templates",
    "make_recognizer",
    "stored_templates",
]


class EmptyLibraryError(LibraryError):
    """The library holds nothing to recognise."""


class RecognizerSet:
    """A recogniser for each kind of poses that templates are of: those of one keypoint model fit no other's.

    Parameters
    ----------
    templates : sequence of Template
        What to recognise.
    background : sequence of PoseSequence
        Recordings in which none of the actions is performed.
    settings : RecognizerSettings
        How.

    Raises
    ------
    InvalidDataError
        If there is nothing to recognise by in any of them.
    """

    def __init__(
        self, templates: Sequence[Template], *, background: Sequence[PoseSequence], settings: RecognizerSettings
    ) -> None:
        self._templates = templates
        self._groups: list[tuple[PoseSequence, Recognizer | InvalidDataError]] = []
        for group in group_by_poses(templates):
            made: Recognizer | InvalidDataError
            try:
                made = Recognizer(group, background=background, settings=settings)
            except InvalidDataError as error:  # no concern of those who recognise by another group
                made = error
            self._groups.append((group[0].sequence, made))
        problems = [made for _, made in self._groups if isinstance(made, InvalidDataError)]
        if len(problems) == len(self._groups):
            raise problems[0]

    def choose(self, pose: Pose) -> Recognizer:
        """Return the recogniser of the templates that a body's poses can be compared with; copy it for each body.

        Raises
        ------
        InvalidDataError
            If there is none; it says what the templates are of, and what to do.
        """
        n_dims = pose.position.shape[1]
        for of_group, made in self._groups:
            if _is_alike(of_group, pose.skeleton, n_dims):
                if isinstance(made, InvalidDataError):
                    raise made
                return made
        names = ", ".join(sorted({t.provenance.get("estimator", "") for t in self._templates} - {""}))
        kinds = " and ".join(describe_poses(of_group) for of_group, _ in self._groups)
        raise InvalidDataError(
            f"None of the {len(self._templates)} templates fits these poses: they are of {kinds}, the poses of "
            f"{pose.skeleton.name} in {n_dims}-D.",
            hint=f"Choose the keypoint model that they were recorded with{f' ({names})' if names else ''}, or record "
            "the actions again with this one.",
        )

    def describe_left_aside(self, pose: Pose) -> str:
        """Return `describe_left_aside` of the templates."""
        return describe_left_aside(self._templates, pose.skeleton, pose.position.shape[1])


def enabled_templates(library: TemplateLibrary) -> list[Template]:
    """Return the templates to recognise by.

    Raises
    ------
    EmptyLibraryError
        If there are none.
    """
    enabled = [template for template in stored_templates(library) if template.enabled]
    if enabled:
        return enabled
    raise EmptyLibraryError(
        f"The library {library.location} holds no enabled templates.",
        hint="Enable some: `actionpose templates enable LABEL`.",
    )


def stored_templates(library: TemplateLibrary) -> list[Template]:
    """Return all templates, the disabled ones too.

    Raises
    ------
    EmptyLibraryError
        If there are none.
    """
    templates = library.templates()
    if templates:
        return templates
    if unusable := library.unusable():
        raise EmptyLibraryError(
            f"None of the templates in the library {library.location} can be used; {unusable[0].label}: "
            f"{unusable[0].problem}",
            hint="Record the action again: `actionpose record LABEL`.",
        )
    raise EmptyLibraryError(
        f"The library {library.location} holds no templates.",
        hint="Record an action, for instance `actionpose record wave`, or take the templates of others: "
        "`actionpose templates import templates/`.",
    )


def fitting_templates(templates: Iterable[Template], skeleton: Skeleton, n_dims: int) -> list[Template]:
    """Return the templates that poses of this skeleton and dimension can be compared with."""
    return [template for template in templates if _is_alike(template.sequence, skeleton, n_dims)]


def describe_poses(poses: PoseSequence) -> str:
    """Return of what keypoints poses are, and in how many dimensions."""
    return f"{poses.skeleton.name} in {poses.n_dims}-D"


def describe_left_aside(templates: Iterable[Template], skeleton: Skeleton, n_dims: int) -> str:
    """Say which enabled templates poses of this skeleton and dimension are not compared with; empty where all are."""
    enabled = [template for template in templates if template.enabled]
    known = {template.label for template in fitting_templates(enabled, skeleton, n_dims)}
    others = [t for t in enabled if not _is_alike(t.sequence, skeleton, n_dims)]
    if not others:
        return ""
    # The dimension is told where the name alone would not tell them apart.
    n_of_kind = Counter(
        t.sequence.skeleton.name if t.sequence.skeleton.name != skeleton.name else describe_poses(t.sequence)
        for t in others
    )
    kinds = " and ".join(f"{n} template{'s' * (n != 1)} of {kind}" for kind, n in n_of_kind.most_common())
    if lost := sorted({template.label for template in others} - known):
        return f"{kinds} left aside: record again with this model ({', '.join(lost)})."
    return f"{kinds} left aside: they were recorded with another model."


def make_recognizer(library: TemplateLibrary, settings: RecognizerSettings) -> RecognizerSet:
    """Make the recognisers of the library as it is now.

    Raises
    ------
    EmptyLibraryError
        If it holds nothing to recognise.
    InvalidDataError
        If its templates show nothing to recognise by.
    """
    return RecognizerSet(enabled_templates(library), background=library.backgrounds(), settings=settings)


def _is_alike(poses: PoseSequence, skeleton: Skeleton, n_dims: int) -> bool:
    return poses.n_dims == n_dims and poses.skeleton.has_same_keypoints(skeleton)

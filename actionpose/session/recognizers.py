"""The recogniser of what a library holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionpose.errors import LibraryError
from actionpose.recognizer import Recognizer, RecognizerSettings
from actionpose.template import Template

if TYPE_CHECKING:
    from actionpose.library import TemplateLibrary  # brings SQLAlchemy

__all__ = ["EmptyLibraryError", "enabled_templates", "make_recognizer", "stored_templates"]


class EmptyLibraryError(LibraryError):
    """The library holds nothing to recognise."""


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


def make_recognizer(library: TemplateLibrary, settings: RecognizerSettings) -> Recognizer:
    """Make a recogniser of the library as it is now.

    Raises
    ------
    EmptyLibraryError
        If it holds nothing to recognise.
    InvalidDataError
        If its templates do not go together.
    """
    return Recognizer(enabled_templates(library), background=library.backgrounds(), settings=settings)

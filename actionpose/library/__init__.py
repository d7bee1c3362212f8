"""The template library: templates kept in a database, and as portable files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionpose.library.location import default_location

if TYPE_CHECKING:
    from actionpose.library.files import load_template, save_template
    from actionpose.library.library import TemplateLibrary
    from actionpose.library.lookup import Action
    from actionpose.library.rows import StoredTemplate, UnusableTemplate

__all__ = [
    "Action",
    "StoredTemplate",
    "TemplateLibrary",
    "UnusableTemplate",
    "default_location",
    "load_template",
    "save_template",
]

_MODULES = {
    "Action": "lookup",
    "StoredTemplate": "rows",
    "TemplateLibrary": "library",
    "UnusableTemplate": "rows",
    "load_template": "files",
    "save_template": "files",
}


def __getattr__(name: str) -> object:
    """Import on first use: asking where the library lies must not cost the import of SQLAlchemy."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)

"""Changes to the library that can be taken back: each returns a `Change` that says what it did and how to undo it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from actionpose.library.files import load_templates
from actionpose.library.library import TemplateLibrary
from actionpose.library.lookup import Action
from actionpose.library.rows import StoredTemplate
from actionpose.template import Template

__all__ = [
    "Change",
    "add_mirrored",
    "enable_takes",
    "import_takes",
    "merge_actions",
    "relabel_takes",
    "remove_takes",
    "rename_action",
    "tag_actions",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What was done to the library.

    Parameters
    ----------
    summary : str
        In words, without a full stop.
    undo : callable
        Takes it back.
    ids : tuple of str
        Templates that are new or changed, for the screen to show.
    """

    summary: str
    undo: Callable[[TemplateLibrary], object]
    ids: tuple[str, ...] = ()


def remove_takes(library: TemplateLibrary, ids: Sequence[str]) -> Change:
    """Remove templates."""
    removed = library.remove(ids)
    return Change(summary=f"Removed {describe(removed)}", undo=lambda lib: lib.restore(ids))


def enable_takes(library: TemplateLibrary, ids: Sequence[str], enabled: bool) -> Change:
    """Let the recogniser use templates, or not."""
    before = [template for template in library.templates() if template.id in set(ids)]
    changed = [template.id for template in before if template.enabled != enabled]
    library.set_enabled(ids, enabled)
    return Change(
        summary=f"Turned {'on' if enabled else 'off'} {describe(before)}",
        undo=lambda lib: lib.set_enabled(changed, not enabled),
        ids=tuple(ids),
    )


def rename_action(library: TemplateLibrary, old: str, new: str) -> Change:
    """Give an action another name."""
    action = library.rename(old, new)
    return Change(
        summary=f"Renamed {old} to {action.label}",
        undo=lambda lib: lib.rename(action.label, old),
        ids=tuple(template.id for template in library.templates(action.label)),
    )


def relabel_takes(library: TemplateLibrary, ids: Sequence[str], label: str) -> Change:
    """Let templates be of another action, new or not."""
    before = [template for template in library.templates() if template.id in set(ids)]
    after = library.update_all(replace(template, label=label) for template in before)
    return Change(
        summary=f"Moved {describe(before)} to {after[0].label}",
        undo=lambda lib: _relabel_back(lib, before),
        ids=tuple(ids),
    )


def merge_actions(library: TemplateLibrary, labels: Iterable[str], into: str) -> Change:
    """Join actions, their notes and tags too, to one of them or under a new name."""
    labels = sorted(set(labels) - {into})
    before = library.templates()
    actions = {action.label: action for action in library.actions()}
    with library.transaction():
        for label in labels:
            library.rename(label, into, merge=True)

    def undo(lib: TemplateLibrary) -> None:
        with lib.transaction():
            _relabel_back(lib, [template for template in before if template.label in labels])
            _describe_again(lib, [actions[label] for label in (*labels, into) if label in actions])

    return Change(
        summary=f"Merged {' and '.join(labels)} into {into}",
        undo=undo,
        ids=tuple(template.id for template in library.templates(into)),
    )


def tag_actions(
    library: TemplateLibrary, labels: Iterable[str], *, add: Collection[str], drop: Collection[str]
) -> Change:
    """Add tags to actions and take others away."""
    before = [action for action in library.actions() if action.label in set(labels)]
    with library.transaction():
        for action in before:
            library.set_tags(action.label, (set(action.tags) | set(add)) - set(drop))
    return Change(
        summary=f"Tagged {', '.join(action.label for action in before)}",
        undo=lambda lib: _describe_again(lib, before),
    )


def add_mirrored(library: TemplateLibrary, ids: Sequence[str]) -> Change:
    """Add the mirror image of templates, as takes of the same actions."""
    originals = [template for template in library.templates() if template.id in set(ids)]
    new_ids = tuple(template.id for template in library.add_all([template.mirrored() for template in originals]))
    return Change(summary=f"Mirrored {describe(originals)}", undo=lambda lib: lib.remove(new_ids), ids=new_ids)


def import_takes(library: TemplateLibrary, path: Path, *, replacing: bool = False) -> Change:
    """Read template files, or a folder of them."""
    in_files = {template.id for template in load_templates(path).values()}
    before = [template for template in library.templates() if template.id in in_files]
    imported = library.import_(path, replace=replacing)
    new_ids = [template.id for template in imported if template.id not in {t.id for t in before}]

    def undo(lib: TemplateLibrary) -> None:
        with lib.transaction():
            if new_ids:
                lib.remove(new_ids)
            if before:
                lib.update_all(before)

    return Change(
        summary=f"Imported {describe(imported)} from {path}" if imported else f"{path} holds nothing new",
        undo=undo,
        ids=tuple(template.id for template in imported),
    )


def describe(templates: Sequence[StoredTemplate]) -> str:
    """Say how many takes of which actions: "2 takes of wave", "5 takes of 3 actions"."""
    labels = {template.label for template in templates}
    takes = "1 take" if len(templates) == 1 else f"{len(templates)} takes"
    return f"{takes} of {labels.pop()}" if len(labels) == 1 else f"{takes} of {len(labels)} actions"


def _relabel_back(library: TemplateLibrary, before: Iterable[Template]) -> None:
    """Give templates the labels they had, and leave what else has changed since."""
    label_by_id = {template.id: template.label for template in before}
    library.update_all(
        replace(template, label=label_by_id[template.id])
        for template in library.templates()
        if template.id in label_by_id
    )


def _describe_again(library: TemplateLibrary, before: Iterable[Action]) -> None:
    with library.transaction():
        for action in before:
            library.set_tags(action.label, action.tags)
            library.set_notes(action.label, action.notes)

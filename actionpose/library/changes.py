"""Changes to the library that can be taken back: each returns a `Change` that says what it did and how to undo it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from actionpose.errors import InvalidDataError
from actionpose.library.files import load_templates
from actionpose.library.library import TemplateLibrary
from actionpose.library.lookup import Action
from actionpose.library.rows import StoredTemplate
from actionpose.naming import normalize_label
from actionpose.takes import assess_take, trim_still
from actionpose.template import Template

__all__ = [
    "Change",
    "add_mirrored",
    "enable_takes",
    "import_takes",
    "merge_actions",
    "name_actions",
    "relabel_takes",
    "remove_takes",
    "rename_action",
    "tag_actions",
    "trim_take",
]

_SAME_TIME_S = 1e-6
_NAMED = 4  # that many actions are listed by their names


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
    if not changed:
        state = "on" if enabled else "off"
        return Change(summary=f"Nothing to change: {state} already", undo=lambda lib: None, ids=tuple(ids))  # noqa: ARG005
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
        summary=f"Merged {name_actions(labels)} into {into}",
        undo=undo,
        ids=tuple(template.id for template in library.templates(into)),
    )


def tag_actions(
    library: TemplateLibrary, labels: Iterable[str], *, add: Collection[str], drop: Collection[str]
) -> Change:
    """Add tags to actions and take others away; empty ones count for nothing."""
    added, dropped = ({normalize_label(tag) for tag in tags} - {""} for tags in (add, drop))
    chosen = [action for action in library.actions() if action.label in set(labels)]
    tags_by_label = {action.label: (set(action.tags) | added) - dropped for action in chosen}
    before = [action for action in chosen if tags_by_label[action.label] != set(action.tags)]
    if not before:
        return Change(summary="Nothing to change", undo=lambda lib: None)  # noqa: ARG005
    with library.transaction():
        for action in before:
            library.set_tags(action.label, tags_by_label[action.label])
    return Change(
        summary=f"Tagged {name_actions([action.label for action in before])}",
        undo=lambda lib: _describe_again(lib, before),
    )


def add_mirrored(library: TemplateLibrary, ids: Sequence[str]) -> Change:
    """Add the mirror image of templates, as takes of the same actions, unless it is there already."""
    templates = library.templates()
    is_there = {of for template in templates for of in _mirror_images(template)}
    originals = [template for template in templates if template.id in set(ids) - is_there]
    if not originals:
        return Change(summary="The mirror image is there already", undo=lambda lib: None)  # noqa: ARG005
    new_ids = tuple(template.id for template in library.add_all([template.mirrored() for template in originals]))
    return Change(summary=f"Mirrored {describe(originals)}", undo=lambda lib: lib.remove(new_ids), ids=new_ids)


def trim_take(
    library: TemplateLibrary, template_id: str, *, start_s: float | None = None, end_s: float | None = None
) -> Change:
    """Keep a part of a template's clip.

    Parameters
    ----------
    library : TemplateLibrary
        Holds it.
    template_id : str
        Which template.
    start_s, end_s : float, optional
        What to keep, half-open, in seconds from the beginning of the clip. Without either, what is between the still
        ends, as the recorder cuts.

    Raises
    ------
    InvalidDataError
        If fewer than two frames would remain.
    """
    before = library.get(template_id)
    clip = before.sequence
    if start_s is None and end_s is None:
        kept = trim_still(clip)
    else:
        begin = float(clip.time[0])
        start, end = (np.searchsorted(clip.time, begin + (s or 0.0) - _SAME_TIME_S) for s in (start_s, end_s))
        kept = clip[int(start) : len(clip) if end_s is None else int(end)]
    if len(kept) < 2:
        raise InvalidDataError(
            f"Nothing would remain of template {before.id[:8]} ({before.label}).",
            hint=f"It lasts {clip.duration:.2f} s: keep a part of that, of two frames at least.",
        )
    if len(kept) == len(clip):
        return Change(summary="It is as short already", undo=lambda lib: None)  # noqa: ARG005
    provenance = dict(before.provenance)
    with contextlib.suppress(KeyError, ValueError):  # unless it says where in its source the clip lies
        offset = float(provenance["start"]) - float(clip.time[0])
        provenance |= {"start": f"{offset + kept.time[0]:.3f}", "end": f"{offset + kept.time[-1]:.3f}"}
    verdict = assess_take(kept, may_be_still=True)
    library.update(replace(before, sequence=kept, provenance=provenance, quality=verdict.numbers))
    return Change(
        summary=f"Trimmed {describe([before])} from {clip.duration:.2f} to {kept.duration:.2f} s",
        undo=lambda lib: lib.update(before),
        ids=(before.id,),
    )


def _mirror_images(template: Template) -> Iterable[str]:
    """Yield the ids of the templates that a template is a mirror image of, or that are one of it."""
    original = template.provenance.get("mirror_of")
    return (original, template.id) if original else ()


def import_takes(library: TemplateLibrary, path: Path, *, replacing: bool = False) -> Change:
    """Read template files, or a folder of them."""
    in_files = {read.template.id for read in load_templates(path).values()}
    before = [template for template in library.templates() if template.id in in_files]
    actions = library.actions()
    imported = library.import_(path, replace=replacing)
    new_ids = [template.id for template in imported if template.id not in {t.id for t in before}]

    def undo(lib: TemplateLibrary) -> None:
        with lib.transaction():
            if new_ids:
                lib.remove(new_ids)
            if before:
                lib.update_all(before)
            _describe_again(lib, [action for action in actions if action.label in set(lib.labels())])

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


def name_actions(labels: Sequence[str]) -> str:
    """Name actions: "clap, wave"; or say how many there are where that would be long: "7 actions"."""
    return ", ".join(labels) if len(labels) <= _NAMED else f"{len(labels)} actions"


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

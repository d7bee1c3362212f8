"""What the user can do to the library, asked for in dialogs, one change after another, and each undone again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from textual.app import App

from actionpose.library import Action, StoredTemplate, TemplateLibrary, changes
from actionpose.library.changes import Change
from actionpose.naming import describe_new, find_alike, normalize_label
from actionpose.template import Template
from actionpose.tui.dialogs import Answer, Confirm, PathSuggester, Prompt, typed_path

__all__ = ["Editor"]

_EXPORT_FOLDER = "exported-templates/"
_Result = TypeVar("_Result")


class Editor:
    """Changes a library in dialogue with the user; its methods run in workers of the application.

    They raise `ActionposeError` where the library cannot do what was asked; it is as before then.

    Parameters
    ----------
    app : App
        Where dialogs and notices are shown.
    library : TemplateLibrary
        What is changed, never on the screens' thread.
    on_change : callable
        Told of each change, an undo too.
    """

    def __init__(
        self,
        app: App[None],
        library: TemplateLibrary,
        *,
        on_change: Callable[[Change], object],
    ) -> None:
        self._app = app
        self._library = library
        self._on_change = on_change
        self._done: list[Change] = []
        self._order = asyncio.Lock()

    async def rename(self, chosen: Sequence[Template], actions: Mapping[str, Action]) -> None:
        """Give the action of the first take another name, or that take alone."""
        take = chosen[0]
        n_takes = actions[take.label].n_templates
        answer = await self._ask(
            Prompt(
                f"Rename {take.label}",
                text=take.label,
                option="this take alone" if n_takes > 1 else "",
                note=f"It has {n_takes} takes." if n_takes > 1 else "",
            )
        )
        if answer is None or (label := normalize_label(answer.text)) == take.label:
            return
        if answer.is_ticked:
            await self._do(partial(changes.relabel_takes, ids=[take.id], label=label))
        elif label in actions:
            question = f"There is an action {label} already. Merge {take.label} into it?"
            if await self._app.push_screen_wait(Confirm(question, yes="Merge")):
                await self._do(partial(changes.merge_actions, labels=[take.label], into=label))
        else:
            await self._do(partial(changes.rename_action, old=take.label, new=label))

    async def tag(self, chosen: Sequence[Template], actions: Mapping[str, Action]) -> None:
        """Change the tags of the takes' actions; tags that only some of them have stay as they are."""
        labels = _labels(chosen)
        common = set.intersection(*(set(actions[label].tags) for label in labels))
        known = sorted({tag for action in actions.values() for tag in action.tags})
        note = f"With commas between. In use: {', '.join(known)}." if known else "With commas between."
        answer = await self._ask(
            Prompt(
                f"Tags of {changes.name_actions(labels)}", text=", ".join(sorted(common)), note=note, may_be_empty=True
            )
        )
        if answer is None:
            return
        typed = {normalize_label(tag) for tag in answer.text.split(",")} - {""}
        for tag in sorted(typed.difference(known)):
            for other in find_alike(tag, known):
                self._app.notify(f'there is a tag "{other}" already; "{tag}" is another one', markup=False)
        if typed != common:
            await self._do(partial(changes.tag_actions, labels=labels, add=typed, drop=common - typed))

    async def enable(self, chosen: Sequence[Template], actions: Mapping[str, Action]) -> None:  # noqa: ARG002
        """Turn takes off, or on if all of them are off."""
        enabled = not any(template.enabled for template in chosen)
        if await self._may("Turn on" if enabled else "Turn off", chosen):
            await self._do(partial(changes.enable_takes, ids=_ids(chosen), enabled=enabled))

    async def mirror(self, chosen: Sequence[Template], actions: Mapping[str, Action]) -> None:  # noqa: ARG002
        """Add takes as seen in a mirror."""
        if await self._may("Mirror", chosen):
            await self._do(partial(changes.add_mirrored, ids=_ids(chosen)))

    async def merge(self, chosen: Sequence[Template], actions: Mapping[str, Action]) -> None:  # noqa: ARG002
        """Join the actions of several takes."""
        labels = _labels(chosen)
        if len(labels) < 2:
            self._app.notify("Mark takes of the actions to merge: Space marks one.", title="Merge", markup=False)
            return
        answer = await self._ask(Prompt(f"Merge {changes.name_actions(labels)} into", text=labels[0]))
        if answer is not None:
            await self._do(partial(changes.merge_actions, labels=labels, into=answer.text))

    async def remove(self, chosen: Sequence[StoredTemplate], actions: Mapping[str, Action]) -> None:  # noqa: ARG002
        """Remove takes."""
        if await self._may("Delete", chosen):
            await self._do(partial(changes.remove_takes, ids=_ids(chosen)))

    async def undo(self) -> None:
        """Take back the last change."""
        if not self._done:
            note = "Nothing to undo here. `actionpose templates restore` brings back what was removed earlier."
            self._app.notify(note, markup=False)
            return
        change = self._done.pop()
        await self._run(change.undo)
        self._on_change(replace(change, summary=f"Undone: {change.summary}"))

    async def import_files(self) -> None:
        """Read template files, asking where they are and whether they may replace others."""
        folder = "templates/" if Path("templates").is_dir() else ""
        answer = await self._ask(
            Prompt(
                "Import template files",
                text=folder,
                option="replace templates that differ",
                note="A file or a folder of them; the right arrow key completes.",
                suggester=PathSuggester(),
            )
        )
        if answer is not None:
            path = typed_path(answer.text)
            await self._do(partial(changes.import_takes, path=path, replacing=answer.is_ticked))

    async def export(self, chosen: Sequence[Template]) -> None:
        """Write takes to files, asking where to."""
        answer = await self._ask(
            Prompt(
                f"Export {changes.describe(chosen)}",
                text=_EXPORT_FOLDER,
                note="A folder for a file each; the right arrow key completes.",
                suggester=PathSuggester(),
            )
        )
        if answer is None:
            return
        target = typed_path(answer.text)
        is_used = await asyncio.to_thread(_holds_templates, target)
        question = f"{target} holds template files already. Those of the same names will be overwritten."
        if is_used and not await self._app.push_screen_wait(Confirm(question, yes="Overwrite")):
            return
        files = await self._run(lambda library: library.export(target, names=_ids(chosen)))
        self._app.notify(f"Wrote {len(files)} file{'s' if len(files) > 1 else ''} to {target}", markup=False)

    async def _ask(self, prompt: Prompt) -> Answer | None:
        return await self._app.push_screen_wait(prompt)

    async def _may(self, what: str, chosen: Sequence[StoredTemplate]) -> bool:
        """Ask before one key changes takes of more than one action."""
        if len(_labels(chosen)) == 1:
            return True
        return await self._app.push_screen_wait(Confirm(f"{what} {changes.describe(chosen)}?", yes=what))

    async def _do(self, make: Callable[[TemplateLibrary], Change]) -> None:
        def act(library: TemplateLibrary) -> tuple[Change, list[str]]:
            before = library.labels()
            change = make(library)
            after = library.labels()
            return change, describe_new(after, [label for label in before if label in after])

        change, notes = await self._run(act)
        self._done.append(change)
        self._on_change(change)
        for note in notes:
            self._app.notify(note, severity="warning", timeout=8, markup=False)

    async def _run(self, act: Callable[[TemplateLibrary], _Result]) -> _Result:
        async with self._order:
            return await asyncio.to_thread(act, self._library)


def _holds_templates(target: Path) -> bool:
    try:
        return target.is_file() or any(target.glob("*.json"))
    except OSError:  # exporting will say what is wrong
        return False


def _ids(templates: Sequence[StoredTemplate]) -> list[str]:
    return [template.id for template in templates]


def _labels(templates: Sequence[StoredTemplate]) -> list[str]:
    return list(dict.fromkeys(template.label for template in templates))

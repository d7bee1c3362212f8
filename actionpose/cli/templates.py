"""``actionpose templates``: what it knows."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from actionpose.bank import group_by_poses
from actionpose.cli.completion import complete_names, complete_removed
from actionpose.cli.groups import CommandGroup
from actionpose.cli.options import epilog, library_option, parse_time
from actionpose.cli.terminal import echo, echo_json, show_table, simple_table, template_line
from actionpose.cli.wiring import (
    EmptyLibraryError,
    enabled_templates,
    open_library,
    stored_templates,
    telling_new_labels,
)
from actionpose.health import TemplateHealth, check_templates
from actionpose.naming import describe_alike, normalize_label
from actionpose.session.recognizers import describe_poses
from actionpose.template import Template, validate_label
from actionpose.tradeoff import SENSITIVITIES, Tradeoff, compute_tradeoff

if TYPE_CHECKING:  # they bring SQLAlchemy, for which completing a name need not wait
    from actionpose.library import Action, StoredTemplate, TemplateLibrary
    from actionpose.library.changes import Change

__all__ = ["templates"]

_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_names = click.argument("names", metavar="LABEL|ID...", nargs=-1, required=True, shell_complete=complete_names)
_NOTHING = "Nothing to change."
_SHORTEST_ID = 4  # that a folder's name is taken for


@click.group(
    cls=CommandGroup,
    epilog=epilog(
        "templates list",
        "templates check",
        "templates rename wave greet",
        "templates tag greet --add hands",
        "templates remove greet",
        "templates undo",
    ),
)
def templates() -> None:
    """List, change, share and check the templates.

    A template is named by its id, or as much of its beginning as is unique; all templates of an action together
    by the action's label.
    """


@templates.command("list", epilog=epilog("templates list", "templates list --json", "templates list --removed"))
@click.option("--removed", is_flag=True, help="List what `templates restore` can bring back.")
@_json_option
@library_option
def list_(*, removed: bool, as_json: bool, library: str | None) -> None:
    """List all templates."""
    with open_library(library) as lib:
        usable = [] if removed else lib.templates()
        found: list[StoredTemplate] = lib.removed() if removed else [*usable, *lib.unusable()]
        if as_json:
            echo_json(_records(lib, found))
        else:
            _show_list(found)
        if not found and removed:
            echo(f"Nothing that {lib.location} holds was removed.", err=True)
        elif not found:
            _say_empty(lib)
    groups = group_by_poses(template for template in usable if template.enabled)
    if len(groups) > 1:
        kinds = " and ".join(f"{len(group)} of {describe_poses(group[0].sequence)}" for group in groups)
        echo(f"note: templates of {len(groups)} keypoint models: {kinds}. Each fits its own model alone.", err=True)


@templates.command(epilog=epilog("templates show wave", "templates show 3f2a91c0 --json"))
@_names
@_json_option
@library_option
def show(*, names: tuple[str, ...], as_json: bool, library: str | None) -> None:
    """Show all that is known of actions or templates."""
    with open_library(library) as lib:
        records = _records(lib, _find(lib, names))
    if as_json:
        echo_json(records)
        return
    for number, record in enumerate(records):
        if number:
            echo()
        for key, value in record.items():
            echo(f"{key:12} {_in_words(value)}")


@templates.command(
    epilog=epilog(
        "templates rename wave greet", "templates rename hello greet --merge", "templates rename 3f2a91c0 greet"
    )
)
@click.argument("old", metavar="OLD|ID", shell_complete=complete_names)
@click.argument("new", shell_complete=complete_names)
@click.option("--merge", is_flag=True, help="Join the templates of NEW if there are any.")
@library_option
def rename(*, old: str, new: str, merge: bool, library: str | None) -> None:
    """Give the action OLD, or the template ID alone, the name NEW."""
    old, new = normalize_label(old), validate_label(new)
    with open_library(library) as lib, telling_new_labels(lib):
        if old in lib.labels():
            is_same = lib.rename(old, new, merge=merge).label == old
        else:
            is_same = _relabel(lib, lib.get(old), new)
        [action] = _actions(lib, [new])
    echo(f"{action.label}  {_count(action.n_templates)}")
    if is_same:
        echo(_NOTHING, err=True)


@templates.command(epilog=epilog("templates merge hello hi --into greet"))
@click.argument("labels", metavar="LABEL...", nargs=-1, required=True, shell_complete=complete_names)
@click.option("--into", metavar="LABEL", required=True, shell_complete=complete_names, help="The action that remains.")
@library_option
def merge(*, labels: tuple[str, ...], into: str, library: str | None) -> None:
    """Make one action of several: of their templates, tags and notes."""
    into = validate_label(into)
    labels = tuple(map(normalize_label, labels))
    if set(labels) == {into}:
        raise click.UsageError(f"Expected other actions than {into}, to be merged into it.")
    from actionpose.library import changes

    _do(library, lambda lib: changes.merge_actions(lib, labels, into))


@templates.command(epilog=epilog("templates tag wave clap --add hands", "templates tag wave --drop hands"))
@click.argument("labels", metavar="LABEL...", nargs=-1, required=True, shell_complete=complete_names)
@click.option("--add", metavar="TAG", multiple=True, help="Give them this tag; may be repeated.")
@click.option("--drop", metavar="TAG", multiple=True, help="Take this tag from them; may be repeated.")
@library_option
def tag(*, labels: tuple[str, ...], add: tuple[str, ...], drop: tuple[str, ...], library: str | None) -> None:
    """Tag actions, to find them by; without options, print their tags."""
    from actionpose.library import changes

    with open_library(library) as lib:
        labels = tuple(action.label for action in _actions(lib, labels))
        done = changes.tag_actions(lib, labels, add=add, drop=drop) if add or drop else None
        chosen = _actions(lib, labels)
    for action in chosen:
        echo(f"{action.label}  {', '.join(action.tags)}")
    if done:
        echo(f"{done.summary}.", err=True)


@templates.command(epilog=epilog('templates notes wave "right hand only"', "templates notes wave"))
@click.argument("label", shell_complete=complete_names)
@click.argument("text", required=False)
@library_option
def notes(*, label: str, text: str | None, library: str | None) -> None:
    """Write the notes on an action anew; without TEXT, print them."""
    with open_library(library) as lib:
        [action] = _actions(lib, [label])
        if text is None:
            echo(action.notes)
            return
        lib.set_notes(label, text)
    echo(_NOTHING if text == action.notes else f"The notes on {label} are written.", err=True)


@templates.command(epilog=epilog("templates mirror wave", "templates mirror 3f2a91c0"))
@_names
@library_option
def mirror(*, names: tuple[str, ...], library: str | None) -> None:
    """Add the mirror image of templates, so that the other side is recognised too."""
    from actionpose.library import changes

    _do(library, lambda lib: changes.add_mirrored(lib, [template.id for template in _find(lib, names)]))


@templates.command(epilog=epilog("templates trim 3f2a91c0", "templates trim 3f2a91c0 --start 0.3 --end 1.5"))
@click.argument("name", metavar="ID", shell_complete=complete_names)
@click.option("--start", metavar="TIME", callback=parse_time, help="Where in the clip it is to begin.")
@click.option("--end", metavar="TIME", callback=parse_time, help="Where it is to end.")
@library_option
def trim(*, name: str, start: float | None, end: float | None, library: str | None) -> None:
    """Keep a part of a template's clip; without options, what is between its still ends."""
    from actionpose.library import changes

    _do(library, lambda lib: changes.trim_take(lib, name, start_s=start, end_s=end))


@templates.command(epilog=epilog("templates enable wave clap"))
@_names
@library_option
def enable(*, names: tuple[str, ...], library: str | None) -> None:
    """Use actions or templates again."""
    _change(library, lambda lib: lib.set_enabled(names, True))


@templates.command(epilog=epilog("templates disable wave", "templates disable 3f2a91c0 clap"))
@_names
@library_option
def disable(*, names: tuple[str, ...], library: str | None) -> None:
    """Keep actions or templates, but do not recognise by them."""
    _change(library, lambda lib: lib.set_enabled(names, False))


@templates.command(epilog=epilog("templates remove wave", "templates remove 3f2a91c0 clap"))
@_names
@library_option
def remove(*, names: tuple[str, ...], library: str | None) -> None:
    """Remove actions or templates; `templates restore` brings them back."""
    _change(library, lambda lib: lib.remove(names))
    echo("Undo with: actionpose templates restore", err=True)


@templates.command(epilog=epilog("templates restore", "templates restore wave"))
@click.argument("names", metavar="[LABEL|ID]...", nargs=-1, shell_complete=complete_removed)
@library_option
def restore(*, names: tuple[str, ...], library: str | None) -> None:
    """Bring back what was removed last, or what is named."""
    _change(library, lambda lib: lib.restore(names or None))


@templates.command(epilog=epilog("templates undo"))
@library_option
def undo(*, library: str | None) -> None:
    """Take back the last change, whatever it was; again: the one before.

    What `record`, `add` and the terminal application change is taken back too. What was added is removed, so that
    `templates restore` brings it back.
    """
    with open_library(library) as lib:
        done = lib.undo()
    echo(f"Undone: {done}." if done else "There is nothing to undo.", err=True)


@templates.command(epilog=epilog("templates export my-templates/", "templates export wave.json 3f2a91c0"))
@click.argument("target")
@click.argument("names", metavar="[LABEL|ID]...", nargs=-1, shell_complete=complete_names)
@library_option
def export(*, target: str, names: tuple[str, ...], library: str | None) -> None:
    """Write templates to portable files, one each, into the folder TARGET; all of them, or those named.

    TARGET is the file itself when it ends in .json. A folder that is called like an action is written ./wave.
    """
    with open_library(library) as lib:
        _check_target(target, names, stored_templates(lib))
        for path in lib.export(target, names=names or None):
            echo(path)


@templates.command("import", epilog=epilog("templates import templates/", "templates import wave.json --replace"))
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--replace", is_flag=True, help="Let a file take the place of another template of its id.")
@library_option
def import_(*, paths: tuple[Path, ...], replace: bool, library: str | None) -> None:
    """Read portable template files, or folders of them; all or none."""
    _change(library, lambda lib: lib.import_(paths, replace=replace))


@templates.command(epilog=epilog("templates check", "templates check --json"))
@_json_option
@library_option
def check(*, as_json: bool, library: str | None) -> None:
    """Say which templates are weak, and why, and what sensitivity costs.

    False alarms are expected from the background recordings (actionpose record --background), misses from how like
    the takes of each action are. Templates of several keypoint models are checked by model; in JSON, what sensitivity
    costs stands under "models", and for the one with the most templates at the top.
    """
    with open_library(library) as lib:
        enabled, backgrounds = enabled_templates(lib), lib.backgrounds()
        alike = describe_alike({action.label: action.n_templates for action in lib.actions()})
    groups = group_by_poses(enabled)
    checked = [(group, check_templates(group), compute_tradeoff(group, backgrounds)) for group in groups]
    if as_json:
        models = [
            {
                "skeleton": group[0].sequence.skeleton.name,
                "n_dims": group[0].sequence.n_dims,
                "background_minutes": tradeoff.minutes,
                "by_sensitivity": [
                    _finite({
                        "sensitivity": sensitivity,
                        "false_alarms_per_minute": tradeoff.alarms_per_minute(sensitivity),
                        "missed": tradeoff.missed_share(sensitivity),
                    })
                    for sensitivity in SENSITIVITIES
                ],
            }
            for group, _, tradeoff in checked
        ]  # fmt: skip
        found = {
            "templates": [_finite(dataclasses.asdict(item)) for _, health, _ in checked for item in health],
            **{key: models[0][key] for key in ("background_minutes", "by_sensitivity")},
            "models": models,
            "alike": alike,
        }
        echo_json(found)
        return
    for number, (group, health, tradeoff) in enumerate(checked):
        if number:
            echo()
        if len(checked) > 1:
            echo(f"{describe_poses(group[0].sequence)}: {_count(len(group))}, used with their keypoint model alone")
            echo()
        _show_health(health)
        _show_tradeoff(tradeoff)
    for note in alike:
        echo(f"note: {note}", err=True)


def _show_health(health: Sequence[TemplateHealth]) -> None:
    table = simple_table("id", "label", "own", "nearest other", "", names={"label", "nearest other"})
    for item in health:
        own = "" if math.isnan(item.own_ratio) else f"{item.own_ratio:.2f}"
        nearest = f"{item.nearest_ratio:.2f} {item.nearest_label}" if item.nearest_label else ""
        verdict = "see below" if item.problems else "good, the most typical" if item.is_exemplar else "good"
        table.add_row(item.template_id[:8], item.label, own, nearest, verdict)
    show_table(table)
    echo("own, nearest other: distance of the nearest take, in units of the template's threshold")
    for item in health:
        for problem in item.problems:
            echo()
            echo(f"{item.template_id[:8]}  {item.label}: {problem}")


def _show_tradeoff(tradeoff: Tradeoff) -> None:
    echo()
    table = simple_table("sensitivity", "false alarms/min", "missed", names={"false alarms/min"})
    for sensitivity in SENSITIVITIES:
        alarms, missed = tradeoff.describe_alarms(sensitivity), tradeoff.describe_missed(sensitivity)
        table.add_row(f"{sensitivity:g}", alarms, missed)
    show_table(table)
    if tradeoff.minutes:
        n_seconds = 60 * tradeoff.minutes
        echo(f"false alarms: expected from {n_seconds:.0f} s of background, each half judged by the other")
    else:
        echo("false alarms: unknown without a background; record one with actionpose record --background")
    if n_takes := len(tradeoff.take_ratios):
        echo(f"missed: of {n_takes} takes, each judged by the others of its action")
    else:
        echo("missed: too few takes; record each action twice or more. A mirror image is no take of its own")


def _do(location: str | None, do: Callable[[TemplateLibrary], Change]) -> None:
    """Make a change, and show the templates that are new or changed."""
    with open_library(location) as lib, telling_new_labels(lib):
        done = do(lib)
        changed = [lib.get(key) for key in done.ids]
    for template in changed:
        echo(template_line(template))
    echo(f"{done.summary}.", err=True)


def _find(library: TemplateLibrary, names: Iterable[str]) -> list[Template]:
    """Return the templates that labels and ids name, each once."""
    labels = library.labels()
    found = [library.templates(name) if normalize_label(name) in labels else [library.get(name)] for name in names]
    return list({template.id: template for of_name in found for template in of_name}.values())


def _actions(library: TemplateLibrary, labels: Iterable[str]) -> list[Action]:
    """Return the actions of these labels; for one that none has, the library's error says what is near."""
    by_label = {action.label: action for action in library.actions()}
    labels = list(dict.fromkeys(map(normalize_label, labels)))
    for label in labels:
        if label not in by_label:
            library.templates(label)
    return [by_label[label] for label in labels]


def _check_target(target: str, names: Sequence[str], stored: Iterable[Template]) -> None:
    """Refuse a target that looks like what is to be exported: the folder was forgotten, or comes second."""
    is_bare = Path(target).name == target and not target.endswith(".json")
    is_name = any(target == template.label or _is_id(target, template) for template in stored)
    if is_bare and is_name:
        folder = next((name for name in names if Path(name).name != name), "FOLDER/")
        raise click.UsageError(
            f"{target} is the name of something to export, not where to: "
            f"`actionpose templates export {folder} {target}`. A folder that is called so is written ./{target}"
        )


def _is_id(text: str, template: Template) -> bool:
    return len(text) >= _SHORTEST_ID and template.id.startswith(text)


def _count(number: int) -> str:
    return "1 template" if number == 1 else f"{number} templates"


def _relabel(library: TemplateLibrary, template: Template, label: str) -> bool:
    """Let one template be of another action; return whether it was of that one already."""
    from actionpose.library import changes

    is_same = template.label == validate_label(label)
    if not is_same:
        changes.relabel_takes(library, [template.id], label)
    return is_same


def _change(location: str | None, change: Callable[[TemplateLibrary], Iterable[StoredTemplate]]) -> None:
    """Do something to the library, and show the templates it was done to."""
    with open_library(location) as lib, telling_new_labels(lib):
        changed = list(change(lib))
    for template in changed:
        echo(template_line(template))
    echo(f"{_count(len(changed))} changed." if changed else _NOTHING, err=True)


def _say_empty(library: TemplateLibrary) -> None:
    """Say on stderr what the commands that need templates fail with."""
    try:
        stored_templates(library)
    except EmptyLibraryError as error:
        echo(error.message, err=True)
        echo(f"hint: {error.hint}", err=True)


def _show_list(found: Sequence[StoredTemplate]) -> None:
    if not found:
        return
    table = simple_table("id", "label", "seconds", "fps", "", "created", "source", names={"label", "source"})
    for template in found:
        status = "" if template.enabled else "disabled"
        seconds = rate = source = ""
        if not isinstance(template, Template):
            status = "cannot be used"
        else:
            seconds, rate = f"{template.sequence.duration:.1f}", f"{template.sequence.rate_hz:.0f}"
            source = template.provenance.get("source", "")
        created = f"{template.created.astimezone():%Y-%m-%d %H:%M}"
        table.add_row(template.id[:8], template.label, seconds, rate, status, created, source)
    show_table(table)


def _records(library: TemplateLibrary, found: Iterable[StoredTemplate]) -> list[dict[str, Any]]:
    """Return templates for JSON, each with the tags of its action and the notes on it."""
    by_label = {action.label: action for action in library.actions()}
    records = []
    for template in found:
        action = by_label.get(template.label)
        records.append(
            _record(template) | {"tags": list(action.tags) if action else [], "notes": action.notes if action else ""}
        )
    return records


def _record(template: StoredTemplate) -> dict[str, Any]:
    if not isinstance(template, Template):
        return dataclasses.asdict(template) | {"created": template.created.isoformat()}
    sequence = template.sequence
    return {
        "id": template.id,
        "label": template.label,
        "enabled": template.enabled,
        "created": template.created.isoformat(),
        "skeleton": sequence.skeleton.name,
        "n_dims": sequence.n_dims,
        "n_frames": len(sequence),
        "duration_s": sequence.duration,
        "rate_hz": sequence.rate_hz,
        "provenance": dict(template.provenance),
        "quality": _finite(template.quality),
    }


def _finite(record: Mapping[str, Any]) -> dict[str, Any]:
    """Replace what JSON cannot say by None."""
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in record.items()}


def _in_words(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_in_words(item)}" for key, item in value.items())
    if isinstance(value, list):
        return ", ".join(value)
    return f"{value:.3g}" if isinstance(value, float) else str(value)

"""``actionpose templates``: what it knows."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from actionpose.bank import group_by_poses
from actionpose.cli.groups import CommandGroup
from actionpose.cli.options import epilog, library_option
from actionpose.cli.terminal import echo, echo_json, show_table, simple_table, template_line
from actionpose.cli.wiring import (
    EmptyLibraryError,
    enabled_templates,
    open_library,
    stored_templates,
    telling_new_labels,
)
from actionpose.health import TemplateHealth, check_templates
from actionpose.library import StoredTemplate, TemplateLibrary, UnusableTemplate
from actionpose.naming import describe_alike, normalize_label
from actionpose.session.recognizers import describe_poses
from actionpose.tradeoff import SENSITIVITIES, Tradeoff, compute_tradeoff

__all__ = ["templates"]

_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_name = click.argument("name", metavar="LABEL|ID")


@click.group(
    cls=CommandGroup,
    epilog=epilog("templates list", "templates check", "templates rename wave greet", "templates remove greet"),
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
        _show_list(found, as_json=as_json)
        if not found and removed:
            echo(f"Nothing that {lib.location} holds was removed.", err=True)
        elif not found:
            _say_empty(lib)
    groups = group_by_poses(template for template in usable if template.enabled)
    if len(groups) > 1:
        kinds = " and ".join(f"{len(group)} of {describe_poses(group[0].sequence)}" for group in groups)
        echo(f"note: templates of {len(groups)} keypoint models: {kinds}. Each fits its own model alone.", err=True)


@templates.command(epilog=epilog("templates show wave", "templates show 3f2a91c0 --json"))
@_name
@_json_option
@library_option
def show(*, name: str, as_json: bool, library: str | None) -> None:
    """Show all that is known of an action or a template."""
    with open_library(library) as lib:
        found = lib.templates(name) if normalize_label(name) in lib.labels() else [lib.get(name)]
    records = [_record(template) for template in found]
    if as_json:
        echo_json(records)
        return
    for number, record in enumerate(records):
        if number:
            echo()
        for key, value in record.items():
            echo(f"{key:12} {_in_words(value)}")


@templates.command(epilog=epilog("templates rename wave greet", "templates rename hello greet --merge"))
@click.argument("old")
@click.argument("new")
@click.option("--merge", is_flag=True, help="Join the templates of NEW if there are any.")
@library_option
def rename(*, old: str, new: str, merge: bool, library: str | None) -> None:
    """Give the action OLD the name NEW."""
    with open_library(library) as lib, telling_new_labels(lib):
        action = lib.rename(old, new, merge=merge)
    echo(f"{action.label}  {action.n_templates} templates")


@templates.command(epilog=epilog("templates enable wave"))
@_name
@library_option
def enable(*, name: str, library: str | None) -> None:
    """Use an action or a template again."""
    _change(library, lambda lib: lib.set_enabled(name, True))


@templates.command(epilog=epilog("templates disable wave", "templates disable 3f2a91c0"))
@_name
@library_option
def disable(*, name: str, library: str | None) -> None:
    """Keep an action or a template, but do not recognise by it."""
    _change(library, lambda lib: lib.set_enabled(name, False))


@templates.command(epilog=epilog("templates remove wave", "templates remove 3f2a91c0"))
@_name
@library_option
def remove(*, name: str, library: str | None) -> None:
    """Remove an action or a template; `templates restore` brings it back."""
    _change(library, lambda lib: lib.remove(name))
    echo("Undo with: actionpose templates restore", err=True)


@templates.command(epilog=epilog("templates restore", "templates restore wave"))
@click.argument("name", metavar="[LABEL|ID]", required=False)
@library_option
def restore(*, name: str | None, library: str | None) -> None:
    """Bring back what was removed last, or what is named."""
    _change(library, lambda lib: lib.restore(name))


@templates.command(epilog=epilog("templates undo"))
@library_option
def undo(*, library: str | None) -> None:
    """Take back the last change, whatever it was; again: the one before.

    What `record`, `add` and the terminal application change is taken back too. What was added is removed, so that
    `templates restore` brings it back.
    """
    with open_library(library) as lib:
        done = lib.undo()
    click.echo(f"Undone: {done}." if done else "There is nothing to undo.", err=True)


@templates.command(epilog=epilog("templates export my-templates/", "templates export wave.json 3f2a91c0"))
@click.argument("target", type=click.Path(path_type=Path))
@click.argument("names", metavar="[LABEL|ID]...", nargs=-1)
@library_option
def export(*, target: Path, names: tuple[str, ...], library: str | None) -> None:
    """Write templates to portable files, one each, into the folder TARGET; all of them, or those named."""
    with open_library(library) as lib:
        stored_templates(lib)
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
            echo(f"{describe_poses(group[0].sequence)}: {len(group)} templates, used with their keypoint model alone")
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


def _change(location: str | None, change: Callable[[TemplateLibrary], Iterable[StoredTemplate]]) -> None:
    """Do something to the library, and show the templates it was done to."""
    with open_library(location) as lib, telling_new_labels(lib):
        changed = list(change(lib))
    for template in changed:
        echo(template_line(template))
    echo(f"{len(changed)} templates changed." if changed else "Nothing to change.", err=True)


def _say_empty(library: TemplateLibrary) -> None:
    """Say on stderr what the commands that need templates fail with."""
    try:
        stored_templates(library)
    except EmptyLibraryError as error:
        echo(error.message, err=True)
        echo(f"hint: {error.hint}", err=True)


def _show_list(found: list[StoredTemplate], *, as_json: bool) -> None:
    if as_json:
        echo_json([_record(template) for template in found])
        return
    if not found:
        return
    table = simple_table("id", "label", "seconds", "fps", "", "created", "source", names={"label", "source"})
    for template in found:
        status = "" if template.enabled else "disabled"
        seconds = rate = source = ""
        if isinstance(template, UnusableTemplate):
            status = "cannot be used"
        else:
            seconds, rate = f"{template.sequence.duration:.1f}", f"{template.sequence.rate_hz:.0f}"
            source = template.provenance.get("source", "")
        created = f"{template.created.astimezone():%Y-%m-%d %H:%M}"
        table.add_row(template.id[:8], template.label, seconds, rate, status, created, source)
    show_table(table)


def _record(template: StoredTemplate) -> dict[str, Any]:
    if isinstance(template, UnusableTemplate):
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
    return f"{value:.3g}" if isinstance(value, float) else str(value)

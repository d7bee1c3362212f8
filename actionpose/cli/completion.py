"""What a shell offers for the names of actions and templates."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem

__all__ = ["complete_labels", "complete_names", "complete_removed"]

_SHORT_ID = 8


def complete_names(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer labels, and once something is typed the ids that begin so."""
    return _complete(context, parameter, incomplete, with_ids=bool(incomplete))


def complete_labels(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer labels."""
    return _complete(context, parameter, incomplete)


def complete_removed(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the labels, and ids, of what was removed."""
    return _complete(context, parameter, incomplete, with_ids=bool(incomplete), removed=True)


def _complete(
    context: click.Context,
    parameter: click.Parameter,
    incomplete: str,
    *,
    with_ids: bool = False,
    removed: bool = False,
) -> list[CompletionItem]:
    from actionpose.library.names import read_names

    given = context.params.get(parameter.name or "")
    named = set(given) if isinstance(given, tuple | list) else set()
    found = read_names(context.params.get("library"), removed=removed)
    labels = dict.fromkeys(label for _, label in found if label.startswith(incomplete) and label not in named)
    ids = [
        CompletionItem(key[:_SHORT_ID], help=label) for key, label in found if with_ids and key.startswith(incomplete)
    ]
    return [*map(CompletionItem, labels), *ids]

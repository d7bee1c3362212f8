"""Groups of commands: what they do about a misspelt name, and their help."""

from __future__ import annotations

from difflib import get_close_matches

import click

__all__ = ["CommandGroup"]


class CommandGroup(click.Group):
    """Suggests commands for a name that none has, and has a command ``help``."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the arguments begin with; the rest are its own.

        Raises
        ------
        click.UsageError
            If there is none; the message names the nearest.
        """
        name = args[0]
        if name == _help.name and self.get_command(ctx, name) is None:
            return name, _help, args[1:]
        if name.startswith("-") or ctx.resilient_parsing or self.get_command(ctx, name) is not None:
            return super().resolve_command(ctx, args)
        near = get_close_matches(name.lower(), self.list_commands(ctx), n=3)
        advice = f"Did you mean {' or '.join(near)}?" if near else f"There are {', '.join(self.list_commands(ctx))}."
        raise click.UsageError(f"No such command {name!r}. {advice}", ctx)


@click.command(name="help", add_help_option=False)
@click.argument("names", metavar="[COMMAND]...", nargs=-1)
@click.pass_context
def _help(context: click.Context, names: tuple[str, ...]) -> None:
    """Show the help of a command."""
    assert context.parent is not None
    context = context.parent
    for name in names:
        if not isinstance(context.command, click.Group):
            raise click.UsageError(f"{context.command_path} has no commands of its own.", context)
        _, command, _ = context.command.resolve_command(context, [name])
        assert command is not None
        context = click.Context(command, info_name=name, parent=context)
    from actionpose.cli.terminal import echo

    for line in context.get_help().splitlines():
        echo(line)

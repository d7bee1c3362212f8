"""Groups of commands: what they do about a misspelt name, and their help."""

from __future__ import annotations

from difflib import get_close_matches

import click

__all__ = ["CommandGroup"]

_NAMES_ELSEWHERE = {  # what shells and other programs call it; by their letters alone, `rm` is nearest to `trim`
    "rm": "remove", "del": "remove", "delete": "remove", "ls": "list", "mv": "rename", "join": "merge", "note": "notes",
}  # fmt: skip
_LONGEST_SENTENCE = 200  # characters; click would cut it after 45


class CommandGroup(click.Group):
    """Lists commands in the order in which they are added, suggests one for a name that none has, and has ``help``."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the names in the order in which they are read best, not that of the alphabet."""
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what each command does, the first sentence of its help in whole."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, self.describe(ctx, name)) for name in self.list_commands(ctx)])

    def describe(self, ctx: click.Context, name: str) -> str:
        """Return what a command does, in a sentence."""
        command = self.get_command(ctx, name)
        assert command is not None
        return command.get_short_help_str(limit=_LONGEST_SENTENCE)

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
        names = self.list_commands(ctx)
        usual = _NAMES_ELSEWHERE.get(name.lower())
        near = [usual] if usual in names else get_close_matches(name.lower(), names, n=3)
        advice = f"Did you mean {' or '.join(near)}?" if near else f"There are {', '.join(names)}."
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

"""The command line: thin shells that parse, call and show.

A command's module is imported when the command runs, so that help comes at once and listing templates never
loads a keypoint model.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import io
import os
import signal
import sys
import threading
import warnings
from pathlib import Path
from types import FrameType
from typing import Any

import click
from click.shell_completion import CompletionItem

from actionpose import __version__
from actionpose.cli.groups import CommandGroup
from actionpose.errors import ActionposeError, FallbackWarning
from actionpose.safe_text import printable
from actionpose.whole_file import writing_error

__all__ = ["cli", "main"]

_COMMANDS = {
    "demo": "See it recognise actions from pixels, no camera needed.",
    "record": "Record templates of an action with a camera.",
    "add": "Make a template of a stretch of video.",
    "tui": "Open the terminal application; so does no command at all.",
    "live": "Recognise actions live.",
    "recognize": "Recognise actions in a video, recording or stream.",
    "templates": "List, change, share and check the templates.",
    "evaluate": "Measure how good recognition is: on a video, your library or research data.",
    "keypoints": "Make a keypoint model of your own.",
    "info": "Show versions, models, cameras and folders.",
}


class _Failure(click.ClickException):
    """Shows an error of actionpose, and what to do about it, without a traceback."""

    def __init__(self, error: ActionposeError) -> None:
        super().__init__(error.message)
        self.hint = error.hint

    def show(self, file: Any = None) -> None:  # noqa: ARG002
        from actionpose.cli.terminal import echo

        echo(f"error: {self.message}", err=True)
        if self.hint:
            echo(f"hint: {self.hint}", err=True)


class _Interrupted(click.ClickException):
    """Ctrl-C: one short line, and the exit code that shells expect."""

    exit_code = 130

    def show(self, file: Any = None) -> None:  # noqa: ARG002
        from actionpose.cli.terminal import echo

        echo(err=True)
        echo(self.message, err=True)


class _LazyGroup(CommandGroup):
    """Each command is ``actionpose.cli.<name>.<name>``, imported when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:  # noqa: ARG002
        if name not in _COMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(f"{__name__}.{name}"), name)
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Offer the commands without importing them."""
        commands = [CompletionItem(name, help=text) for name, text in _COMMANDS.items() if name.startswith(incomplete)]
        return [*commands, *click.Command.shell_complete(self, ctx, incomplete)]

    def describe(self, ctx: click.Context, name: str) -> str:  # noqa: ARG002
        return _COMMANDS[name]

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ActionposeError as error:
            raise _Failure(error) from error
        except click.ClickException as error:
            error.message = printable(error.message)  # type: ignore[misc]  # it may name what a file holds
            raise
        except BrokenPipeError:
            raise  # whoever reads our output has seen enough
        except OSError as error:
            raise _Failure(_in_words(error)) from error
        except KeyboardInterrupt:
            raise _Interrupted("Stopped.") from None


@click.command(
    cls=_LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="""\b
First steps:
  actionpose demo                     see it work, without a camera
  actionpose                          do everything in the terminal application, or:
  actionpose record wave --takes 2    show it an action
  actionpose live                     and see it recognised
  actionpose help templates           what a command does, with examples

\b
Completion of commands, options, labels and ids by the tabulator key, in a shell:
  eval "$(_ACTIONPOSE_COMPLETE=bash_source actionpose)"          in ~/.bashrc
  eval "$(_ACTIONPOSE_COMPLETE=zsh_source actionpose)"           in ~/.zshrc
  _ACTIONPOSE_COMPLETE=fish_source actionpose | source           in config.fish
""",
)
@click.version_option(__version__, message="%(prog)s %(version)s")
@click.pass_context
def cli(context: click.Context) -> None:
    """Show your computer an action once or twice, and it recognises it live.

    Without a command the terminal application opens.
    """
    if context.invoked_subcommand is None:
        from actionpose.cli.tui import tui

        context.invoke(tui)


def _format_warning(message: Warning | str, category: type[Warning], *_where: Any, **_line: Any) -> str:
    return f"{'note' if issubclass(category, FallbackWarning) else 'warning'}: {printable(str(message))}\n"


def _in_words(error: OSError) -> ActionposeError:
    """Return what is said of a failure of the system that nothing else has told of."""
    if error.filename is None:
        return ActionposeError(f"Reading or writing failed: {error.strerror or error}.")
    return ActionposeError(
        f"Cannot read or write {error.filename}: {error.strerror}.", hint="Check the path and its permissions."
    )


def main() -> None:
    """Run the command line and exit: 0 done, 1 failed, 2 wrong usage, 130 interrupted, 143 ended by SIGTERM."""
    _prepare_streams()
    for name in ("SIGTERM", "SIGHUP"):  # Windows has no SIGHUP
        number = getattr(signal, name, None)
        if number and signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, _leave_on_signal)
    warnings.formatwarning = _format_warning
    atexit.register(gc.freeze)  # the interpreter's last search for garbage takes half a second after MediaPipe
    try:
        cli(prog_name="actionpose")
    except SystemExit as leaving:
        _finish_streams(leaving)
        _leave_despite_loading(leaving)
        raise
    except OSError as error:  # while help is shown
        _Failure(writing_error("to standard output", error)).show()
        failed = SystemExit(1)
        _finish_streams(failed)
        raise failed from None


def _prepare_streams() -> None:
    """Let whatever is printed be shown as well as the terminal, pipe or file can."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            # Closed by the shell. In this order each gets its own number back, which no file opened later must get.
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115  open to the end
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # some code pages lack characters of names


def _finish_streams(leaving: SystemExit) -> None:
    """Write what is left to be written; where that fails, say so once, and let the interpreter not try it again."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError as error:
            if not leaving.code and stream is sys.stdout and not isinstance(error, BrokenPipeError):
                _Failure(writing_error("to standard output", error)).show()
            leaving.code = leaving.code or int(stream is sys.stdout)
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _leave_on_signal(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    """Let the files that are being written be finished or taken away; a second signal ends the process as it is."""
    signal.signal(number, signal.SIG_DFL)
    sys.exit(128 + number)


def _leave_despite_loading(leaving: SystemExit) -> None:
    """End the process if a thread still loads a model: native code crashes in an interpreter that is taken down."""
    if any(thread.name.startswith("actionpose") for thread in threading.enumerate()):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(leaving.code if isinstance(leaving.code, int) else leaving.code is not None)

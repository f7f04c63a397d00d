"""The commands, a file each; one is loaded when it is called, so that none waits for what another needs."""

import importlib

import click

from ingle.cli.output import fail, reason_of
from ingle.values import IngleError

_COMMANDS = {
    "deploy": "deploy:deploy",
    "watch": "watch:watch",
    "invoke": "invoke:invoke",
    "list": "list_functions:list_functions",
    "logs": "logs:logs",
    "top": "top:top",
    "rollback": "rollback:rollback",
    "delete": "delete:delete",
    "env": "env:env",
}


class CommandLine(click.Group):
    """The commands that a program registers itself, and the client commands; every error ends as one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return every command's name, in the order of the help."""
        return [*self.commands, *_COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, loaded now where it is a client's."""
        return _load(cmd_name) if cmd_name in _COMMANDS else super().get_command(ctx, cmd_name)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; what it can't do is told in one line, with status 1. A mistake of ours keeps its trace."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # who reads has enough, as `head` does
            raise
        except (IngleError, OSError) as error:
            fail(reason_of(error))


def _load(name: str) -> click.Command:
    module, _, attribute = _COMMANDS[name].partition(":")
    command: click.Command = getattr(importlib.import_module(f"ingle.cli.commands.{module}"), attribute)
    return command

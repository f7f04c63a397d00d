"""The commands, a file each."""

import typer

from ingle.cli.commands.deploy import deploy
from ingle.cli.commands.invoke import invoke
from ingle.cli.commands.list_functions import list_functions
from ingle.cli.commands.logs import logs
from ingle.cli.commands.top import top


def add_to(app: typer.Typer) -> None:
    """Add every client command to the command line."""
    app.command()(deploy)
    app.command()(invoke)
    app.command("list")(list_functions)
    app.command()(logs)
    app.command()(top)

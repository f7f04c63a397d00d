"""The commands, a file each."""

import typer

from ingle.cli.commands.delete import delete
from ingle.cli.commands.deploy import deploy
from ingle.cli.commands.invoke import invoke
from ingle.cli.commands.list_functions import list_functions
from ingle.cli.commands.logs import logs
from ingle.cli.commands.rollback import rollback
from ingle.cli.commands.top import top
from ingle.cli.commands.watch import watch


def add_to(app: typer.Typer) -> None:
    """Add every client command to the command line."""
    app.command()(deploy)
    app.command()(watch)
    app.command()(invoke)
    app.command("list")(list_functions)
    app.command()(logs)
    app.command()(top)
    app.command()(rollback)
    app.command()(delete)

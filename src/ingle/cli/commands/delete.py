"""`ingle delete NAME`."""

from pathlib import Path

import click

from ingle.cli.client import data_dir_of, make_client
from ingle.cli.commands.options import data_option
from ingle.cli.output import paint, say


@click.command()
@click.argument("name")
@data_option
def delete(name: str, data: Path | None) -> None:
    """Delete a function, or the version of NAME:VERSION."""
    make_client("lambda", data_dir_of(data)).call("DeleteFunction", FunctionName=name)
    say(f"{paint('green', 'deleted')} {name}")

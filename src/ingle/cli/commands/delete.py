"""`ingle delete NAME`."""

from typing import Annotated

import typer

from ingle.cli.client import data_dir_of, make_client
from ingle.cli.commands.options import Data, answered
from ingle.cli.output import console


def delete(
    name: Annotated[str, typer.Argument(help="A function with all its versions; NAME:VERSION for one of them.")],
    data: Data = None,
) -> None:
    """Delete a function, or one version of it."""
    with answered():
        make_client("lambda", data_dir_of(data)).delete_function(FunctionName=name)
    console.print(f"[green]deleted[/] {name}", highlight=False)

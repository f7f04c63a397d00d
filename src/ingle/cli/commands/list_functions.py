"""`ingle list`."""

from pathlib import Path

import click

from ingle.cli.client import data_dir_of, make_client
from ingle.cli.commands.options import data_option
from ingle.cli.output import console


@click.command("list")
@data_option
def list_functions(data: Path | None) -> None:
    """List the functions."""
    from rich.table import Table

    client = make_client("lambda", data_dir_of(data))
    table = Table(box=None, pad_edge=False)
    for column in ("name", "runtime", "memory", "timeout", "modified"):
        table.add_column(column)
    for page in client.pages("ListFunctions"):
        for one in page["Functions"]:
            table.add_row(
                one["FunctionName"], one["Runtime"], f"{one['MemorySize']} MB", f"{one['Timeout']} s",
                one["LastModified"][:19].replace("T", " "),
            )  # fmt: skip
    console.print(table if table.row_count else "No functions yet: `ingle deploy DIR` makes one.")

"""`ingle list`."""

from rich.table import Table

from ingle.cli.client import data_dir_of, make_client
from ingle.cli.commands.options import Data
from ingle.cli.output import console


def list_functions(data: Data = None) -> None:
    """List the functions."""
    client = make_client("lambda", data_dir_of(data))
    table = Table(box=None, pad_edge=False)
    for column in ("name", "runtime", "memory", "timeout", "modified"):
        table.add_column(column)
    for page in client.get_paginator("list_functions").paginate():
        for one in page["Functions"]:
            table.add_row(
                one["FunctionName"], one["Runtime"], f"{one['MemorySize']} MB", f"{one['Timeout']} s",
                one["LastModified"][:19].replace("T", " "),
            )  # fmt: skip
    console.print(table if table.row_count else "No functions yet: `ingle deploy DIR` makes one.")

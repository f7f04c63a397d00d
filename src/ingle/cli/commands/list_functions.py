"""`ingle list`."""

import shutil
import sys
from pathlib import Path

import click

from ingle.cli.client import data_dir_of, make_client
from ingle.cli.commands.options import data_option
from ingle.cli.output import say
from ingle.cli.tables import Row, fit, render_table


@click.command("list")
@data_option
def list_functions(data: Path | None) -> None:
    """List the functions."""
    client = make_client("lambda", data_dir_of(data))
    rows: list[Row] = [
        {
            "name": one["FunctionName"],
            "runtime": one.get("Runtime", ""),
            "memory": f"{one['MemorySize']} MB",
            "timeout": f"{one['Timeout']} s",
            "modified": one["LastModified"][:19].replace("T", " "),
        }
        for page in client.pages("ListFunctions")
        for one in page["Functions"]
    ]
    if sys.stdout.isatty():
        rows = fit(rows, shutil.get_terminal_size().columns, ("timeout", "memory", "modified"))
    for line in render_table(rows, right=("memory", "timeout")):
        say(line)
    if not rows:
        say("No functions yet: `ingle deploy DIR` makes one.")

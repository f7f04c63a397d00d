"""`ingle invoke NAME`."""

import base64
import sys
from typing import Annotated

import typer
from botocore.exceptions import ClientError

from ingle.cli.client import data_dir_of, make_client
from ingle.cli.commands.options import Data
from ingle.cli.output import console, fail


def invoke(
    name: str,
    payload: Annotated[str, typer.Argument(help="JSON, or - for standard input.")] = "{}",
    log: Annotated[bool, typer.Option("--log", "-l", help="Show the end of its log.")] = False,
    data: Data = None,
) -> None:
    """Invoke a function and print its answer; the exit status is 1 if it failed."""
    client = make_client("lambda", data_dir_of(data))
    content = sys.stdin.read() if payload == "-" else payload
    try:
        answer = client.invoke(FunctionName=name, Payload=content.encode(), LogType="Tail" if log else "None")
    except ClientError as error:
        fail(error.response["Error"]["Message"])
    sys.stdout.write(answer["Payload"].read().decode() + "\n")
    if log:
        console.print(base64.b64decode(answer["LogResult"]).decode(errors="replace"), style="dim", markup=False)
    if "FunctionError" in answer:
        raise typer.Exit(1)

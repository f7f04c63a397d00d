"""`ingle invoke NAME`."""

import base64
import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from ingle.cli.client import data_dir_of, make_client
from ingle.cli.commands.options import Data, answered
from ingle.cli.output import console, fail


def invoke(
    name: Annotated[str, typer.Argument(help="A function; NAME:VERSION or NAME:ALIAS too.")],
    payload: Annotated[str, typer.Argument(help="JSON.")] = "{}",
    event: Annotated[str | None, typer.Option("--event", "-e", help="A file with the event, or -.")] = None,
    tail: Annotated[bool, typer.Option("--tail", "--log", "-l", help="Show the end of its log.")] = False,
    tenant: Annotated[str | None, typer.Option(help="For whom, where the function has tenant isolation.")] = None,
    data: Data = None,
) -> None:
    """Invoke a function and print its answer; the exit status is 1 if it failed."""
    content = payload.encode() if event is None else _read(event)
    client = make_client("lambda", data_dir_of(data))
    with answered():
        more = {} if tenant is None else {"TenantId": tenant}
        answer = client.invoke(FunctionName=name, Payload=content, LogType="Tail" if tail else "None", **more)
        result = answer["Payload"].read().decode()
    sys.stdout.write(result + "\n")
    if tail:
        sys.stdout.flush()
        console.print(base64.b64decode(answer["LogResult"]).decode(errors="replace"), style="dim", markup=False)
    if "FunctionError" in answer:
        fail(f"{name} failed: {_reason(result)}")


def _read(event: str) -> bytes:
    if event == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(event).read_bytes()
    except OSError as error:
        fail(f"{event} can't be read: {error.strerror}")


def _reason(result: str) -> str:
    """Return what an error payload says in one line."""
    try:
        told = json.loads(result)
    except ValueError:
        return "its error is not JSON"
    kind, message = (told.get("errorType"), told.get("errorMessage")) if isinstance(told, dict) else (None, None)
    return ": ".join(part for part in (kind, message) if part) or "it says no reason"

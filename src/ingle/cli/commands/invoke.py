"""`ingle invoke NAME`."""

import base64
import json
import sys
from pathlib import Path

import click

from ingle.cli.client import data_dir_of, make_client
from ingle.cli.commands.options import data_option
from ingle.cli.output import fail, paint, say


@click.command()
@click.argument("name")
@click.argument("payload", default="{}", metavar="[JSON]")
@click.option("--event", "-e", metavar="FILE", help="A file with the event; - reads standard input.")
@click.option("--tail", "--log", "-l", is_flag=True, help="Show the end of its log.")
@click.option("--tenant", help="For whom, where the function has tenant isolation.")
@data_option
def invoke(name: str, payload: str, event: str | None, tail: bool, tenant: str | None, data: Path | None) -> None:
    """Invoke a function and print its answer.

    NAME may be NAME:VERSION or NAME:ALIAS. The exit status is 1 if the function failed.
    """
    content = payload.encode() if event is None else _read(event)
    client = make_client("lambda", data_dir_of(data))
    more = {} if tenant is None else {"TenantId": tenant}
    answer = client.call("Invoke", FunctionName=name, Payload=content, LogType="Tail" if tail else "None", **more)
    result = answer["Payload"].decode()
    say(result)
    if tail:
        say(paint("dim", base64.b64decode(answer["LogResult"]).decode(errors="replace")))
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

"""`ingle logs NAME`."""

import contextlib
import sys
import time
from pathlib import Path

import click

from ingle.cli.client import Client, data_dir_of, make_client
from ingle.cli.commands.options import data_option
from ingle.cli.output import fail
from ingle.protocol import AwsError

_POLL_S = 0.3


@click.command()
@click.argument("name")
@click.option("--follow", "-f", is_flag=True, help="Go on printing what comes.")
@click.option("--since", "since_s", default=3600, help="How many seconds back to begin.")
@data_option
def logs(name: str, follow: bool, since_s: int, data: Path | None) -> None:
    """Print a function's log."""
    client = make_client("logs", data_dir_of(data))
    start_ms = int((time.time() - since_s) * 1000)
    with contextlib.suppress(KeyboardInterrupt):
        _print(client, name, start_ms, follow)


def _print(client: Client, name: str, start_ms: int, follow: bool) -> None:
    seen: set[str] = set()
    while True:
        try:
            for page in client.pages("FilterLogEvents", logGroupName=f"/aws/lambda/{name}", startTime=start_ms):
                for event in page["events"]:
                    if event["eventId"] not in seen:
                        seen.add(event["eventId"])
                        start_ms = max(start_ms, event["timestamp"] - 5000)
                        sys.stdout.write(event["message"].rstrip("\n") + "\n")
        except AwsError as error:
            if error.code != "ResourceNotFoundException":
                raise
            if not follow:
                fail(f"{name} has logged nothing yet")
        sys.stdout.flush()
        if not follow:
            return
        time.sleep(_POLL_S)

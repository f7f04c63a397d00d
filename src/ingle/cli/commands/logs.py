"""`ingle logs NAME`."""

import sys
import time
from typing import Annotated

import typer

from ingle.cli.client import data_dir_of, make_client
from ingle.cli.commands.options import Data
from ingle.cli.output import fail

_POLL_S = 0.3


def logs(
    name: str,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on printing what comes.")] = False,
    since_s: Annotated[int, typer.Option("--since", help="How many seconds back to begin.")] = 3600,
    data: Data = None,
) -> None:
    """Print a function's log."""
    client = make_client("logs", data_dir_of(data))
    start_ms = int((time.time() - since_s) * 1000)
    seen: set[str] = set()
    while True:
        try:
            for page in client.get_paginator("filter_log_events").paginate(
                logGroupName=f"/aws/lambda/{name}", startTime=start_ms
            ):
                for event in page["events"]:
                    if event["eventId"] not in seen:
                        seen.add(event["eventId"])
                        start_ms = max(start_ms, event["timestamp"] - 5000)
                        sys.stdout.write(event["message"].rstrip("\n") + "\n")
        except client.exceptions.ResourceNotFoundException:
            if not follow:
                fail(f"{name} has logged nothing yet")
        sys.stdout.flush()
        if not follow:
            return
        time.sleep(_POLL_S)

"""`ingle logs NAME`."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from ingle.cli.client import Client, data_dir_of, make_client
from ingle.cli.commands.options import data_option
from ingle.cli.log_lines import RequestFilter, parse_span, render_line
from ingle.cli.output import fail, paint, say

_POLL_S = 0.3
_OVERLAP_MS = 5000
"""Events of several environments may arrive so much out of order."""


def _span(ctx: click.Context, option: click.Parameter, text: str) -> int:
    try:
        return parse_span(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.command()
@click.argument("name")
@click.option("--follow", "-f", is_flag=True, help="Go on printing what comes.")
@click.option("--since", "since_s", default="1h", show_default=True, metavar="TIME", callback=_span,
              help="How far back to begin: 30s, 10m, 2h, 1d.")  # fmt: skip
@click.option("--request-id", metavar="ID", help="Print the lines of this request only.")
@data_option
def logs(name: str, follow: bool, since_s: int, request_id: str | None, data: Path | None) -> None:
    """Print a function's log: time in UTC, version, message."""
    data_dir = data_dir_of(data)
    follower = LogFollower(make_client("logs", data_dir), name, int((time.time() - since_s) * 1000))
    wanted = RequestFilter(request_id)
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            for event in follower.read():
                if wanted.takes(event):
                    say(render_line(event, paint))
            if not follow:
                break
            time.sleep(_POLL_S)
    if not follow and not follower.has_group:
        fail(f"{name} has logged nothing yet")


class LogFollower:
    """What a function has logged since a time, each event once."""

    def __init__(self, client: Client, name: str, start_ms: int) -> None:
        self._client = client
        self._name = name
        self._group = f"/aws/lambda/{name}"
        self._start_ms = start_ms
        self._seen: dict[str, int] = {}
        self.has_group = False

    def read(self) -> Iterator[dict[str, Any]]:
        """Yield the events that have come since the last reading. Raises IngleError."""
        page = self._page(None)
        if page is None:
            return
        self.has_group = True
        newest_ms = self._start_ms
        while page is not None:
            for event in page["events"]:
                newest_ms = max(newest_ms, event["timestamp"])
                if event["eventId"] not in self._seen:
                    self._seen[event["eventId"]] = event["timestamp"]
                    yield event
            page = self._page(page["nextToken"]) if page.get("nextToken") else None
        self._start_ms = max(self._start_ms, newest_ms - _OVERLAP_MS)
        self._seen = {one: at_ms for one, at_ms in self._seen.items() if at_ms >= self._start_ms}

    def _page(self, token: str | None) -> dict[str, Any] | None:
        """Return a page of events; None where the function has no log group yet, or has given it another name."""
        more = {} if token is None else {"nextToken": token}
        return self._client.find("FilterLogEvents", logGroupName=self._group, startTime=self._start_ms, **more)

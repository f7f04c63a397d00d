"""`ingle watch DIR`."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import click

from ingle.cli.archives import is_ignored, read_ignored, zip_directory
from ingle.cli.client import Client, data_dir_of, make_client, rehearse
from ingle.cli.commands.deploy import declare, tell
from ingle.cli.commands.logs import LogFollower
from ingle.cli.commands.options import PATH, data_option, handler_option, name_option, runtime_option
from ingle.cli.deployment import apply, find_configuration, update_code
from ingle.cli.log_lines import describe_failure, render_line
from ingle.cli.output import fail, paint, reason_of, say, warn
from ingle.values import IngleError

_SETTLE_MS = 5
"""For so long nothing may change until a save counts as done: editors write a file in two or three steps."""
_LOOK_MS = 200
"""How often new lines of the function's log are fetched."""
_NO_NEWS = "LAMBDA_WARNING: Unhandled exception."
"""What AWS's client says of every failed init: here somebody is just writing the code."""
_REASON_LIMIT_S = 3.0
"""For so long the reason of a failed start is looked for: its log comes a moment later."""


@click.command()
@click.argument("directory", metavar="DIR", type=PATH)
@name_option
@runtime_option
@handler_option
@data_option
def watch(directory: Path, name: str | None, runtime: str | None, handler: str | None, data: Path | None) -> None:
    """Deploy a function, then each saved file, until Ctrl-C.

    After each change Ingle starts an environment of the new code. The command says whether the code starts, and prints
    the function's log.
    """
    if not directory.is_dir():
        fail(f"{directory} is not a directory")
    given = {"Runtime": runtime, "Handler": handler}
    settings = {key: value for key, value in given.items() if value is not None}
    data_dir = data_dir_of(data)
    client = make_client("lambda", data_dir)
    declared = declare(client, directory, name, settings, {})
    follower = LogFollower(make_client("logs", data_dir), declared.name, int(time.time() * 1000))
    tell(declared, apply(client, declared))
    if not rehearse(client.installation, declared.name):
        warn(_reason(follower))
    say(f"watching {directory}, until Ctrl-C")
    with contextlib.suppress(KeyboardInterrupt):
        for saved_at_s in _saves(directory.resolve()):
            try:
                if saved_at_s is not None:
                    _make_live(client, follower, declared.name, directory, saved_at_s)
                _print_log(follower)
            except (IngleError, OSError) as error:
                warn(reason_of(error))  # the next save may find it


def _saves(directory: Path) -> Iterator[float | None]:
    """Yield the time of each save of something that belongs to the code, and None several times a second.

    The first is a time in any case, once the kernel tells of saves: what was saved before that is found by a look.
    """
    from watchfiles import Change, watch

    def counts(_: Change, path: str) -> bool:
        return not is_ignored(Path(path).relative_to(directory).parts, read_ignored(directory))

    is_first = True
    for changes in watch(directory, watch_filter=counts, step=_SETTLE_MS, rust_timeout=_LOOK_MS, yield_on_timeout=True):
        yield _saved_at_s([path for _, path in changes]) if changes or is_first else None
        is_first = False


def _saved_at_s(paths: list[str]) -> float:
    """Return when the last of some files was written; now, where they are gone."""
    times = []
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            times.append(Path(path).stat().st_mtime)
    return max(times, default=time.time())


def _make_live(client: Client, follower: LogFollower, name: str, directory: Path, saved_at_s: float) -> None:
    """Give the function what the directory holds now; say how long after the save it serves, or why it doesn't start."""
    current = find_configuration(client, name)
    if current is None:
        warn(f"{name} has been deleted")
        return
    changes = update_code(client, name, {"ZipFile": zip_directory(directory)}, current)
    if not changes:
        return
    starts = rehearse(client.installation, name)
    took_ms = (time.time() - saved_at_s) * 1e3
    fate = f"live after {took_ms:.0f} ms" if starts else paint("red", _reason(follower))
    for line in changes:
        say(f"{line}: {fate}")


def _reason(follower: LogFollower) -> str:
    """Return why the code doesn't start, as its log tells; the log is printed on the way."""
    end_s = time.monotonic() + _REASON_LIMIT_S
    while time.monotonic() < end_s:
        reasons = [reason for message in _print_log(follower) if (reason := describe_failure(message)) is not None]
        if reasons:
            return reasons[0]
        time.sleep(0.05)
    return "doesn't start, and its log says no reason"


def _print_log(follower: LogFollower) -> list[str]:
    """Print what the function has logged since; return the messages."""
    messages = []
    for event in follower.read():
        messages.append(str(event["message"]))
        if _NO_NEWS not in messages[-1]:
            say(render_line(event, paint))
    return messages

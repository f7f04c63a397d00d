"""`ingle watch DIR`."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import click

from ingle.cli.archives import is_ignored, read_ignored, zip_directory
from ingle.cli.client import Client, data_dir_of, make_client
from ingle.cli.commands.deploy import declare, tell
from ingle.cli.commands.options import PATH, data_option, handler_option, name_option, runtime_option
from ingle.cli.deployment import apply, find_configuration, update_code
from ingle.cli.output import fail, reason_of, say, warn
from ingle.values import IngleError

_SETTLE_MS = 5
"""For so long nothing may change until a save counts as done: editors write a file in two or three steps."""


@click.command()
@click.argument("directory", metavar="DIR", type=PATH)
@name_option
@runtime_option
@handler_option
@data_option
def watch(directory: Path, name: str | None, runtime: str | None, handler: str | None, data: Path | None) -> None:
    """Deploy a function, then make each saved file live, until Ctrl-C."""
    if not directory.is_dir():
        fail(f"{directory} is not a directory")
    given = {"Runtime": runtime, "Handler": handler}
    settings = {key: value for key, value in given.items() if value is not None}
    client = make_client("lambda", data_dir_of(data))
    declared = declare(client, directory, name, settings, {})
    tell(declared, apply(client, declared))
    say(f"watching {directory}, until Ctrl-C")
    with contextlib.suppress(KeyboardInterrupt):
        for saved_at_s in _saves(directory.resolve()):
            _make_live(client, declared.name, directory, saved_at_s)


def _saves(directory: Path) -> Iterator[float]:
    """Yield the time of each save of something that belongs to the code, and at first now: one may have been missed."""
    from watchfiles import Change, watch

    def counts(_: Change, path: str) -> bool:
        return not is_ignored(Path(path).relative_to(directory).parts, read_ignored(directory))

    is_first = True
    for changes in watch(directory, watch_filter=counts, step=_SETTLE_MS, rust_timeout=200, yield_on_timeout=True):
        if changes or is_first:
            yield _saved_at_s([path for _, path in changes])
        is_first = False


def _saved_at_s(paths: list[str]) -> float:
    """Return when the last of some files was written; now, where they are gone."""
    times = []
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            times.append(Path(path).stat().st_mtime)
    return max(times, default=time.time())


def _make_live(client: Client, name: str, directory: Path, saved_at_s: float) -> None:
    """Give the function what the directory holds now, and say how long after the save it serves; or why it doesn't."""
    try:
        current = find_configuration(client, name)
        if current is None:
            warn(f"{name} has been deleted")
            return
        changes = update_code(client, name, {"ZipFile": zip_directory(directory)}, current)
    except (IngleError, OSError) as error:
        warn(reason_of(error))  # the next save may find it
    else:
        for line in changes:
            say(f"{line}: live after {(time.time() - saved_at_s) * 1e3:.0f} ms")

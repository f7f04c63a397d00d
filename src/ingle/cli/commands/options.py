"""Options that several commands share, and how they are read."""

from collections.abc import Iterable
from pathlib import Path

import click

from ingle.cli.output import fail

PATH = click.Path(path_type=Path, readable=False)
"""A path of any kind: who opens it says what is wrong with it, in the words of every command."""
data_option = click.option(
    "--data",
    type=PATH,
    metavar="DIR",
    help="The data directory. Default: $INGLE_DATA, else ~/.local/share/ingle.",
)
name_option = click.option("--name", help="Default: the directory's name.")
runtime_option = click.option("--runtime", help="Default for a new function: found from the files.")
handler_option = click.option("--handler", help="Default for a new function: found from the files.")


def pairs(given: Iterable[str], option: str) -> dict[str, str]:
    """Return the values of an option that is given as NAME=VALUE, any number of times; end where one is not."""
    made: dict[str, str] = {}
    for one in given:
        name, sign, value = one.partition("=")
        if not name or not sign:
            fail(f"{option} takes NAME=VALUE, not {one!r}")
        made[name] = value
    return made

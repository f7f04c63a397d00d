"""`ingle env`."""

from pathlib import Path

import click

from ingle.cli.client import data_dir_of, find_installation
from ingle.cli.commands.options import data_option
from ingle.cli.output import say


@click.command()
@data_option
def env(data: Path | None) -> None:
    """Print export lines that point the AWS CLI and SDKs here."""
    held = find_installation(data_dir_of(data).absolute())
    for name, value in (
        ("AWS_ENDPOINT_URL", held.endpoint),
        ("AWS_ACCESS_KEY_ID", held.key.key_id),
        ("AWS_SECRET_ACCESS_KEY", held.key.secret),
        ("AWS_DEFAULT_REGION", held.region),
    ):
        say(f"export {name}={value}")

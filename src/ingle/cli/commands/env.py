"""`ingle env`."""

import re
import shlex
from pathlib import Path

import click

from ingle.cli.client import Installation, data_dir_of, find_installation
from ingle.cli.commands.options import data_option
from ingle.cli.output import fail, say
from ingle.cli.profiles import config_file, credentials_file, section_of, update_file

_PROFILE = re.compile(r"[\w.@+-]+")
_OVERRIDING = (
    "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_ENDPOINT_URL_LAMBDA",
    "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
)  # fmt: skip
"""What would override what is exported: a token that belongs to other keys makes every call fail."""


@click.command()
@click.option("--profile", metavar="NAME", help="Write a profile for AWS's tools instead.")
@data_option
def env(profile: str | None, data: Path | None) -> None:
    """Print export lines that point the AWS CLI and SDKs here.

    With --profile NAME, the command writes the profile to ~/.aws/config and ~/.aws/credentials. Everything else in these
    files stays as it is.
    """
    held = find_installation(data_dir_of(data).absolute())
    if profile is not None:
        _write_profile(held, profile)
        return
    say(f"unset {' '.join(_OVERRIDING)}")
    variables = {
        "AWS_ENDPOINT_URL": held.endpoint,
        "AWS_ACCESS_KEY_ID": held.key.key_id,
        "AWS_SECRET_ACCESS_KEY": held.key.secret,
        "AWS_REGION": held.region,
        "AWS_DEFAULT_REGION": held.region,
    }
    if held.ca_file is not None:
        variables["AWS_CA_BUNDLE"] = str(held.ca_file)
    for name, value in variables.items():
        say(f"export {name}={shlex.quote(value)}")


def _write_profile(held: Installation, profile: str) -> None:
    if _PROFILE.fullmatch(profile) is None:
        fail("a profile's name has letters, digits and .@+-_")
    settings = {
        "region": held.region,
        "endpoint_url": held.endpoint,
        "ca_bundle": None if held.ca_file is None else str(held.ca_file),
    }
    secrets = {
        "aws_access_key_id": held.key.key_id,
        "aws_secret_access_key": held.key.secret,
        "aws_session_token": None,
    }
    update_file(config_file(), section_of(profile), settings)
    update_file(credentials_file(), profile, secrets)
    say(f"wrote profile {profile} to {config_file()} and {credentials_file()}")
    say(f"  try  aws --profile {profile} lambda list-functions")

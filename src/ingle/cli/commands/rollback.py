"""`ingle rollback NAME`."""

from pathlib import Path
from typing import Any

import click

from ingle.cli.client import Client, data_dir_of, make_client
from ingle.cli.commands.options import data_option
from ingle.cli.deployment import update_code
from ingle.cli.output import fail, paint, say

_LATEST = "$LATEST"


@click.command()
@click.argument("name")
@click.option("--to", metavar="VERSION", help="Default: the version before.")
@data_option
def rollback(name: str, to: str | None, data: Path | None) -> None:
    """Go back to an earlier version.

    The function's alias is moved, or the one that NAME:ALIAS names. A function without aliases gets the code of the
    version.
    """
    name, _, alias = name.partition(":")
    client = make_client("lambda", data_dir_of(data))
    pages = client.pages("ListVersionsByFunction", FunctionName=name)
    latest, *published = [version for page in pages for version in page["Versions"]]
    aliases = _aliases(client, name)
    if alias or len(aliases) == 1:
        _move(client, name, alias or next(iter(aliases)), aliases, published, to)
    elif aliases:
        fail(f"{name} has several aliases: name one, as in {name}:{next(iter(aliases))}")
    else:
        _redeploy(client, name, latest, published, to)


def _aliases(client: Client, name: str) -> dict[str, str]:
    """Return the versions that a function's aliases point to."""
    pages = client.pages("ListAliases", FunctionName=name)
    return {alias["Name"]: alias["FunctionVersion"] for page in pages for alias in page["Aliases"]}


def version_before(current: str, published: list[dict[str, Any]], sha256: str) -> str | None:
    """Return the newest version below `current` whose code is another than the one of that digest."""
    below = [one for one in published if current == _LATEST or int(one["Version"]) < int(current)]
    return next((str(one["Version"]) for one in reversed(below) if one["CodeSha256"] != sha256), None)


def _move(
    client: Client, name: str, alias: str, aliases: dict[str, str], published: list[dict[str, Any]], to: str | None
) -> None:
    if alias not in aliases:
        fail(f"{name} has no alias {alias}")
    current = aliases[alias]
    digests = {one["Version"]: one["CodeSha256"] for one in published}
    to = to or version_before(current, published, digests.get(current, ""))
    if to is None:
        fail(f"{name}:{alias} is at version {current}: no version before it has other code")
    client.call("UpdateAlias", FunctionName=name, Name=alias, FunctionVersion=to)
    say(f"{paint('green', 'rolled back')} {name}:{alias}: version {current} -> {to}")


def _redeploy(
    client: Client, name: str, latest: dict[str, Any], published: list[dict[str, Any]], to: str | None
) -> None:
    to = to or version_before(_LATEST, published, latest["CodeSha256"])
    if to is None:
        fail(f"{name} has no version with other code to go back to: `ingle deploy --publish` makes versions")
    import urllib.request

    location = client.call("GetFunction", FunctionName=name, Qualifier=to)["Code"].get("Location")
    if location is None:
        fail("the code of a version can't be fetched here: give the function an alias, or deploy the old code")
    with urllib.request.urlopen(location, timeout=60) as answer:  # noqa: S310  # where the API says that the code is
        content = answer.read()
    say(f"{paint('green', 'rolled back')} {name}: to the code of version {to}")
    for line in update_code(client, name, {"ZipFile": content}, latest):
        say(f"  {line}")

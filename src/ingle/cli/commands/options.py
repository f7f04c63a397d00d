"""Options that several commands share, and how they are read."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError

from ingle.cli.deployment import NotDeployedError
from ingle.cli.output import fail

Data = Annotated[Path | None, typer.Option("--data", help="The installation's data directory.")]
Name = Annotated[str | None, typer.Option("--name", help="Default: the directory's name.")]
Runtime = Annotated[str | None, typer.Option("--runtime", help="Default, where there is none yet: by the files.")]
Handler = Annotated[str | None, typer.Option("--handler", help="Default, where there is none yet: by the files.")]


def pairs(given: list[str] | None, option: str) -> dict[str, str]:
    """Return the values of an option that is given as K=V, any number of times; end where one is not."""
    made: dict[str, str] = {}
    for one in given or []:
        name, sign, value = one.partition("=")
        if not name or not sign:
            fail(f"{option} takes NAME=VALUE, not {one!r}")
        made[name] = value
    return made


@contextlib.contextmanager
def answered() -> Iterator[None]:
    """End with what the API says where it refuses, or with what can't be reached or read."""
    try:
        yield
    except ClientError as error:
        fail(error.response["Error"].get("Message") or error.response["Error"]["Code"])
    except (BotoCoreError, NotDeployedError) as error:
        fail(str(error))
    except OSError as error:
        fail(f"{error.filename} can't be read: {error.strerror}")

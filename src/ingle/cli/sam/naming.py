"""What a stack is called where nobody says: as SAM's own tools would call it."""

import tomllib
from pathlib import Path
from typing import Any

from ingle.cli.inference import name_of
from ingle.cli.sam.intrinsics import TemplateError

_BUILD = ".aws-sam"
_CONFIG = "samconfig.toml"


def stack_name_of(template: Path) -> str:
    """Return `stack_name` of the project's samconfig.toml, else its directory's name. Raises TemplateError.

    `sam build` writes a template to `.aws-sam/build` of its project: what counts is the project.
    """
    directory = template.resolve().parent
    project = next((one.parent for one in (directory, *directory.parents) if one.name == _BUILD), directory)
    config = project / _CONFIG
    if config.exists():
        try:
            told = _stack_name(tomllib.loads(config.read_text()))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise TemplateError(f"{config} is not TOML: {error}") from None
        if told is not None:
            return told
    return name_of(project)


def _stack_name(config: dict[str, Any]) -> str | None:
    """Return the name in the default environment: for `deploy`, else for every command."""
    held: Any = config.get("default", {})
    for command in ("deploy", "global"):
        found = held
        for part in (command, "parameters", "stack_name"):
            found = found.get(part) if isinstance(found, dict) else None
        if isinstance(found, str) and found:
            return found
    return None

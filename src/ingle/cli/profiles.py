"""A profile for AWS's tools in their two files; whatever else these hold stays as it is."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

_SECTION = re.compile(r"\s*\[\s*(.*?)\s*\]")
_SETTING = re.compile(r"([^\s=#;][^=]*?)\s*=")


def config_file() -> Path:
    """Return where AWS's tools look for settings: $AWS_CONFIG_FILE, else ~/.aws/config."""
    return Path(os.environ.get("AWS_CONFIG_FILE") or "~/.aws/config").expanduser()


def credentials_file() -> Path:
    """Return where they look for credentials: $AWS_SHARED_CREDENTIALS_FILE, else ~/.aws/credentials."""
    return Path(os.environ.get("AWS_SHARED_CREDENTIALS_FILE") or "~/.aws/credentials").expanduser()


def section_of(profile: str) -> str:
    """Return what the file of settings calls a profile: the credentials' file calls it by its plain name."""
    return profile if profile == "default" else f"profile {profile}"


def set_section(text: str, section: str, settings: Mapping[str, str | None]) -> str:
    """Return a file's text with settings of a section changed, None taken away; every other line stays."""
    lines = text.splitlines()
    found = [at for at, line in enumerate(lines) if (named := _SECTION.match(line)) and named[1] == section]
    start = found[0] if found else len(lines)
    end = next((at for at in range(start + 1, len(lines)) if _SECTION.match(lines[at])), len(lines))
    kept = [
        line for line in lines[start + 1 : end] if (named := _SETTING.match(line)) is None or named[1] not in settings
    ]
    blank = len(kept) - len("\n".join(kept).rstrip().splitlines())
    tail = kept[len(kept) - blank :] if blank else []
    body = kept[: len(kept) - len(tail)] + [
        f"{name} = {value}" for name, value in settings.items() if value is not None
    ]
    before = lines[:start]
    if not found and before and before[-1].strip():
        before.append("")
    return "\n".join([*before, f"[{section}]", *body, *tail, *lines[end:]]) + "\n"


def update_file(path: Path, section: str, settings: Mapping[str, str | None]) -> None:
    """Change a section of a file that only its user may read; a crash leaves it as it was. Raises OSError."""
    path = path.resolve()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    text = path.read_text() if path.exists() else ""
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(set_section(text, section, settings))
    draft.replace(path)

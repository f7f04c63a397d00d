"""How commands speak to people: lines here, tables by rich, which is loaded only where there is a table."""

import os
import sys
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

from ingle.protocol import AwsError

if TYPE_CHECKING:
    from rich.console import Console

_STYLES = {"red": 31, "green": 32, "yellow": 33, "dim": 2, "bold": 1}


def is_coloured(stream: TextIO) -> bool:
    """Say whether colours belong on a stream: a terminal of somebody who wants them (no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def paint(style: str, text: str, stream: TextIO | None = None) -> str:
    """Return a text in a style ("green", "dim", ...) where the stream, standard output by default, shows styles."""
    return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if is_coloured(stream or sys.stdout) else text


def say(line: str = "") -> None:
    """Print a line at once, also into a pipe."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def warn(message: str) -> None:
    """Say what is wrong on standard error."""
    sys.stdout.flush()
    sys.stderr.write(f"{paint('red', 'ingle:', sys.stderr)} {message}\n")


def fail(message: str, status: int = 1) -> NoReturn:
    """Say what is wrong on standard error and end."""
    warn(message)
    raise SystemExit(status)


def reason_of(error: Exception) -> str:
    """Return an error in one line, as a person reads it."""
    if isinstance(error, AwsError):
        text = error.message or error.code
    elif isinstance(error, OSError) and error.filename is not None:
        text = f"{os.fsdecode(error.filename)}: {error.strerror}"
    else:
        text = str(error) or type(error).__name__
    return " ".join(text.split())


class _LateConsole:
    """rich's console for standard output, made when something is printed on it."""

    def __getattr__(self, name: str) -> Any:
        from rich.console import Console

        made = Console(soft_wrap=True)
        return getattr(made, name)


console: "Console" = _LateConsole()  # type: ignore[assignment]

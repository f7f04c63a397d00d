"""How commands speak to people."""

from typing import NoReturn

import typer
from rich.console import Console
from rich.markup import escape

console = Console(soft_wrap=True)
_errors = Console(stderr=True, soft_wrap=True)


def warn(message: str) -> None:
    """Say what is wrong on standard error."""
    _errors.print(f"[red]ingle:[/] {escape(message)}", highlight=False)


def fail(message: str) -> NoReturn:
    """Say what is wrong on standard error and end with status 1."""
    warn(message)
    raise typer.Exit(1)

"""How commands speak to people."""

from typing import NoReturn

import typer
from rich.console import Console

console = Console(soft_wrap=True)
_errors = Console(stderr=True, soft_wrap=True)


def fail(message: str) -> NoReturn:
    """Say what is wrong on standard error and end with status 1."""
    _errors.print(f"[red]ingle:[/] {message}", highlight=False)
    raise typer.Exit(1)

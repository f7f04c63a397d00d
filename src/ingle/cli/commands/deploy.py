"""`ingle deploy DIR`."""

import io
import re
import shutil
import zipfile
from pathlib import Path
from typing import Annotated, Any

import typer
from botocore.exceptions import ClientError

from ingle.cli.client import data_dir_of, make_client
from ingle.cli.commands.options import Data
from ingle.cli.output import console, fail

_LEFT_OUT = {"__pycache__", ".git", ".venv", ".mypy_cache", ".pytest_cache"}
_PYTHON_ENTRIES = ("app.py", "lambda_function.py", "main.py", "handler.py", "index.py")
_NODE_ENTRIES = ("index.js", "index.mjs", "app.js", "app.mjs")


def deploy(
    directory: Annotated[Path, typer.Argument(help="A directory with the function's code, or a zip.")],
    name: Annotated[str | None, typer.Option(help="Default: the directory's name.")] = None,
    runtime: Annotated[str | None, typer.Option(help="Default: by the files.")] = None,
    handler: Annotated[str | None, typer.Option(help="Default: by the files.")] = None,
    memory: Annotated[int, typer.Option(help="MB.")] = 128,
    timeout: Annotated[int, typer.Option(help="Seconds.")] = 3,
    data: Data = None,
) -> None:
    """Create or update a function from a directory or zip, and wait until it is active."""
    if not directory.exists():
        fail(f"{directory} is not there")
    content = directory.read_bytes() if directory.is_file() else _zip(directory)
    name = name or re.sub(r"[^a-zA-Z0-9-_]", "-", directory.resolve().stem)
    guessed_runtime, guessed_handler = _guess(directory)
    client = make_client("lambda", data_dir_of(data))
    settings = {
        "Runtime": runtime or guessed_runtime,
        "Handler": handler or guessed_handler,
        "MemorySize": memory,
        "Timeout": timeout,
    }
    try:
        verb = _create_or_update(client, name, content, settings)
    except ClientError as error:
        fail(error.response["Error"]["Message"])
    console.print(f"[green]{verb}[/] {name} ({settings['Runtime']}, {settings['Handler']}, {len(content):,} bytes)")


def _zip(directory: Path) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(directory.rglob("*")):
            if path.is_file() and not _LEFT_OUT.intersection(path.relative_to(directory).parts):
                archive.write(path, path.relative_to(directory))
    return buffer.getvalue()


def _guess(directory: Path) -> tuple[str, str]:
    """Return (runtime, handler) by what lies in the directory."""
    if (directory / "bootstrap").exists():
        return "provided.al2023", "bootstrap"
    for entry in _NODE_ENTRIES:
        if (directory / entry).exists():
            return "nodejs20.x", f"{Path(entry).stem}.handler"
    for entry in _PYTHON_ENTRIES:
        if (directory / entry).exists():
            text = (directory / entry).read_text()
            function = "lambda_handler" if "def lambda_handler" in text else "handler"
            return _python(), f"{Path(entry).stem}.{function}"
    return _python(), "app.handler"


def _python() -> str:
    for minor in (13, 12, 11):
        if shutil.which(f"python3.{minor}"):
            return "python3.11" if shutil.which("python3.11") else f"python3.{minor}"
    return "python3.11"


def _create_or_update(client: Any, name: str, content: bytes, settings: dict[str, Any]) -> str:
    waiting = {"Delay": 1, "MaxAttempts": 120}
    try:
        client.get_function(FunctionName=name)
    except client.exceptions.ResourceNotFoundException:
        client.create_function(
            FunctionName=name, Role=f"arn:aws:iam::000000000000:role/{name}", Code={"ZipFile": content}, **settings
        )
        client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig=waiting)
        return "created"
    client.update_function_code(FunctionName=name, ZipFile=content)
    client.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig=waiting)
    client.update_function_configuration(FunctionName=name, **settings)
    client.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig=waiting)
    return "updated"

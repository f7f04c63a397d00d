"""`ingle deploy DIR|ZIP|TEMPLATE`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ingle.cli.archives import zip_directory
from ingle.cli.client import data_dir_of, make_client
from ingle.cli.commands.deploy_template import deploy_template
from ingle.cli.commands.options import Data, Handler, Name, Runtime, answered, pairs
from ingle.cli.deployment import Declared, Outcome, Settings, apply, find_configuration
from ingle.cli.inference import infer, name_of
from ingle.cli.output import console, fail

_TEMPLATES = (".yaml", ".yml", ".json", ".template")


def deploy(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="DIR|ZIP|TEMPLATE", help="A directory with a function's code, a zip, or an AWS SAM template."
        ),
    ],
    name: Name = None,
    runtime: Runtime = None,
    handler: Handler = None,
    memory: Annotated[int | None, typer.Option(help="MB.")] = None,
    timeout: Annotated[int | None, typer.Option(help="Seconds.")] = None,
    env: Annotated[list[str] | None, typer.Option(metavar="K=V", help="A variable; those it has stay.")] = None,
    role: Annotated[str | None, typer.Option(help="The ARN of its role.")] = None,
    layers: Annotated[list[str] | None, typer.Option(metavar="ARN", help="A layer version, in order.")] = None,
    publish: Annotated[bool, typer.Option("--publish", help="Make a version, to go back to.")] = False,
    parameter: Annotated[list[str] | None, typer.Option(metavar="K=V", help="A parameter of a template.")] = None,
    data: Data = None,
) -> None:
    """Create or update a function, wait until it serves, and say what changed. What no option names stays.

    Of a SAM template, do so with every resource that Ingle can make, and list the others.
    """
    if not source.exists():
        fail(f"{source} is not there")
    if source.suffix in _TEMPLATES:
        deploy_template(source, name, pairs(parameter, "--parameter"), data_dir_of(data))
        return
    given = {"Runtime": runtime, "Handler": handler, "MemorySize": memory, "Timeout": timeout, "Role": role,
             "Layers": layers or None}  # fmt: skip
    settings = {key: value for key, value in given.items() if value is not None}
    client = make_client("lambda", data_dir_of(data))
    with answered():
        declared = declare(client, source, name, settings, pairs(env, "--env"))
        tell(declared, apply(client, declared))
        if publish:
            version = client.publish_version(FunctionName=declared.name)["Version"]
            console.print(f"  version {version}", highlight=False)


def declare(client: Any, source: Path, name: str | None, settings: Settings, variables: dict[str, str]) -> Declared:
    """Return the function that a directory or zip stands for; end where its runtime or handler can't be told."""
    name = name or name_of(source)
    current = find_configuration(client, name)
    if variables:
        held = (current or {}).get("Environment", {}).get("Variables", {})
        settings = {**settings, "Environment": {"Variables": {**held, **variables}}}
    at_creation: Settings = {}
    if current is None and not {"Runtime", "Handler"} <= settings.keys():
        inferred = infer(source)
        if inferred is None:
            fail(f"{source} doesn't tell what it is for: name --runtime and --handler")
        at_creation = dict(zip(("Runtime", "Handler"), inferred, strict=True))
    content = source.read_bytes() if source.is_file() else zip_directory(source)
    return Declared(name=name, code={"ZipFile": content}, settings=settings, at_creation=at_creation)


def tell(declared: Declared, outcome: Outcome) -> None:
    """Print what was done."""
    if outcome.verb == "created":
        shown = {**declared.at_creation, **declared.settings}
        size = f"{len(declared.code['ZipFile']):,} bytes"
        console.print(
            f"[green]created[/] {declared.name} ({shown['Runtime']}, {shown['Handler']}, {size})", highlight=False
        )
    elif outcome.changes:
        console.print(f"[green]updated[/] {declared.name}", highlight=False)
        for line in outcome.changes:
            console.print(f"  {line}", highlight=False, markup=False)
    else:
        console.print(f"nothing changed in {declared.name}", highlight=False)

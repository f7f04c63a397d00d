"""`ingle deploy DIR|ZIP|TEMPLATE`."""

from collections.abc import Collection, Mapping
from pathlib import Path

import click

from ingle.cli.archives import zip_directory
from ingle.cli.client import Client, data_dir_of, make_client
from ingle.cli.commands.deploy_template import deploy_template
from ingle.cli.commands.options import PATH, data_option, handler_option, name_option, pairs, runtime_option
from ingle.cli.dependencies import build as install_packages
from ingle.cli.dependencies import missing_packages
from ingle.cli.deployment import Declared, Outcome, Settings, apply, find_configuration
from ingle.cli.inference import infer, name_of
from ingle.cli.output import fail, paint, say, warn
from ingle.cli.public_urls import make_public_url

_OF_FUNCTIONS = ("name", "runtime", "handler", "memory", "timeout", "env", "remove_env", "role", "layers", "no_layers",
                 "build", "publish", "url")  # fmt: skip
_TEMPLATES = (".yaml", ".yml", ".json", ".template")


@click.command()
@click.argument("source", metavar="DIR|ZIP|TEMPLATE", type=PATH)
@name_option
@runtime_option
@handler_option
@click.option("--memory", type=int, metavar="MB")
@click.option("--timeout", type=int, metavar="SECONDS")
@click.option("--env", multiple=True, metavar="NAME=VALUE", help="A variable; those it has stay.")
@click.option("--remove-env", multiple=True, metavar="NAME", help="Take away a variable.")
@click.option("--role", metavar="ARN", help="The ARN of its role.")
@click.option("--layers", multiple=True, metavar="ARN", help="A layer version, in order.")
@click.option("--no-layers", is_flag=True, help="Take away every layer.")
@click.option("--build", is_flag=True, help="Install what requirements.txt or package.json asks for.")
@click.option("--publish", is_flag=True, help="Make a version, to go back to.")
@click.option("--url", is_flag=True, help="Give it a function URL that everybody may call.")
@click.option("--parameter", multiple=True, metavar="NAME=VALUE", help="A parameter of a template.")
@data_option
def deploy(
    source: Path, name: str | None, runtime: str | None, handler: str | None, memory: int | None, timeout: int | None,
    env: tuple[str, ...], remove_env: tuple[str, ...], role: str | None, layers: tuple[str, ...], no_layers: bool, build: bool, publish: bool, url: bool, parameter: tuple[str, ...],
    data: Path | None,
) -> None:  # fmt: skip
    """Create or update a function, or a SAM template's resources.

    The command waits until the function serves and prints what changed. Settings that you do not pass stay as they
    are. Of a template, it lists the resources that Ingle can't make.
    """
    if not source.exists():
        fail(f"{source} is not there")
    if source.suffix in _TEMPLATES:
        _refuse_others(("name", "parameter"), "a template says that itself")
        deploy_template(source, name, pairs(parameter, "--parameter"), data_dir_of(data))
        return
    _refuse_others(_OF_FUNCTIONS, "it is for a template")
    given = {"Runtime": runtime, "Handler": handler, "MemorySize": memory, "Timeout": timeout, "Role": role,
             "Layers": list(layers) or ([] if no_layers else None)}  # fmt: skip
    settings = {key: value for key, value in given.items() if value is not None}
    client = make_client("lambda", data_dir_of(data))
    declared = declare(client, source, name, settings, {**pairs(env, "--env"), **dict.fromkeys(remove_env)},
                       builds=build)  # fmt: skip
    tell(declared, apply(client, declared))
    reason = (find_configuration(client, declared.name) or {}).get("StateReason")
    if reason:  # of a function that serves: its runtime isn't here
        warn(reason)
    if publish:
        version = client.call("PublishVersion", FunctionName=declared.name)["Version"]
        say(f"  version {version}")
    if url:
        for line in make_public_url(client, declared.name):
            say(f"  {line}")


def _refuse_others(known: Collection[str], reason: str) -> None:
    """End where an option was given that would count for nothing."""
    context = click.get_current_context()
    for name, value in context.params.items():
        if value and name not in (*known, "source", "data"):
            fail(f"--{name.replace('_', '-')} doesn't belong here: {reason}")


def declare(
    client: Client, source: Path, name: str | None, settings: Settings, variables: Mapping[str, str | None], *,
    builds: bool = False,
) -> Declared:  # fmt: skip
    """Return the function that a directory or zip stands for; a variable that is None is taken away.

    What a directory asks for and has not is installed elsewhere where it `builds`, else told. End where its runtime or
    handler can't be told. Raises NotBuiltError.
    """
    name = name or name_of(source)
    current = find_configuration(client, name)
    if variables:
        held = (current or {}).get("Environment", {}).get("Variables", {})
        settings = {
            **settings,
            "Environment": {
                "Variables": {key: value for key, value in {**held, **variables}.items() if value is not None}
            },
        }
    at_creation: Settings = {}
    if current is None and not {"Runtime", "Handler"} <= settings.keys():
        inferred = infer(source)
        if inferred is None:
            fail(f"{source} doesn't tell what it is for: name --runtime and --handler")
        at_creation = dict(zip(("Runtime", "Handler"), inferred, strict=True))
    runtime = {**(current or {}), **at_creation, **settings}["Runtime"]
    content = source.read_bytes() if source.is_file() else _zip(source, runtime, builds=builds)
    return Declared(name=name, code={"ZipFile": content}, settings=settings, at_creation=at_creation)


def _zip(directory: Path, runtime: str, *, builds: bool) -> bytes:
    if builds:
        return zip_directory(directory, install_packages(directory, runtime))
    missing = missing_packages(directory)
    if missing:
        warn(
            f"{', '.join(missing)}: asked for, but not in {directory}; `ingle deploy {directory} --build` brings it along"
        )
    return zip_directory(directory)


def tell(declared: Declared, outcome: Outcome) -> None:
    """Print what was done."""
    if outcome.verb == "created":
        shown = {**declared.at_creation, **declared.settings}
        size = f"{len(declared.code['ZipFile']):,} bytes"
        say(f"{paint('green', 'created')} {declared.name} ({shown['Runtime']}, {shown['Handler']}, {size})")
    elif outcome.changes:
        say(f"{paint('green', 'updated')} {declared.name}")
        for line in outcome.changes:
            say(f"  {line}")
    else:
        say(f"nothing changed in {declared.name}")

"""`ingle deploy TEMPLATE`: AWS SAM without CloudFormation."""

from pathlib import Path
from typing import Any

import typer

from ingle.cli.client import account_of, make_client
from ingle.cli.commands.options import answered
from ingle.cli.inference import name_of
from ingle.cli.output import console, fail
from ingle.cli.sam.intrinsics import TemplateError
from ingle.cli.sam.stack import Told, deploy_stack, outputs_of
from ingle.cli.sam.template import Place, Template, load_template

_COLOURS = {"created": "green", "updated": "green", "failed": "red", "not made": "yellow"}


def deploy_template(path: Path, name: str | None, parameters: dict[str, str], data_dir: Path) -> None:
    """Make what a template declares and tell of every resource; the exit status is 1 if one failed."""
    client: Any = make_client("lambda", data_dir)
    stack = name or name_of(path.resolve().parent)
    place = Place(stack=stack, region=client.meta.region_name, account=account_of(data_dir))
    has_failed = False
    try:
        with answered():
            template = load_template(path, place, parameters)
            console.print(f"stack {stack}", highlight=False)
            for told in deploy_stack(client, template, place):
                has_failed |= told.verb == "failed"
                _tell(told)
            _tell_rest(template)
    except TemplateError as error:
        fail(str(error))
    if has_failed:
        raise typer.Exit(1)


def _tell(told: Told) -> None:
    colour = _COLOURS.get(told.verb, "dim")
    console.print(f"  [{colour}]{told.verb:<9}[/] {told.logical}  {told.shown}", highlight=False)
    for detail in told.details:
        console.print(f"            {detail}", highlight=False, markup=False)


def _tell_rest(template: Template) -> None:
    for role in template.roles:
        console.print(f"  [yellow]not enforced yet[/] role {role}", highlight=False)
    for function, policies in template.policies.items():
        given = policies if isinstance(policies, list) else [policies]
        names = ", ".join(one if isinstance(one, str) else next(iter(one), "a statement") for one in given)
        console.print(f"  [yellow]not enforced yet[/] policies of {function}: {names}", highlight=False)
    for name, value in outputs_of(template).items():
        console.print(f"  output {name}: {value}", highlight=False, markup=False)

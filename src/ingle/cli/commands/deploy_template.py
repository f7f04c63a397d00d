"""`ingle deploy TEMPLATE`: AWS SAM without CloudFormation."""

from pathlib import Path

from ingle.cli.client import make_client
from ingle.cli.output import paint, say
from ingle.cli.sam.naming import stack_name_of
from ingle.cli.sam.stack import Told, deploy_stack, outputs_of
from ingle.cli.sam.template import Place, Template, load_template

_COLOURS = {"created": "green", "updated": "green", "failed": "red", "not made": "yellow"}


def deploy_template(path: Path, name: str | None, parameters: dict[str, str], data_dir: Path) -> None:
    """Make what a template declares and tell of every resource; the exit status is 1 if one failed."""
    client = make_client("lambda", data_dir)
    stack = name or stack_name_of(path)
    place = Place(stack=stack, region=client.installation.region, account=client.installation.account)
    has_failed = False
    template = load_template(path, place, parameters)
    say(f"stack {stack}")
    for told in deploy_stack(client, template, place):
        has_failed |= told.verb == "failed"
        _tell(told)
    _tell_rest(template)
    if has_failed:
        raise SystemExit(1)


def _tell(told: Told) -> None:
    colour = _COLOURS.get(told.verb, "dim")
    say(f"  {paint(colour, format(told.verb, '<9'))} {told.logical}  {told.shown}")
    for detail in told.details:
        say(f"            {detail}")


def _tell_rest(template: Template) -> None:
    for role in template.roles:
        say(f"  {paint('yellow', 'not enforced yet')} role {role}")
    for function, policies in template.policies.items():
        given = policies if isinstance(policies, list) else [policies]
        names = ", ".join(one if isinstance(one, str) else next(iter(one), "a statement") for one in given)
        say(f"  {paint('yellow', 'not enforced yet')} policies of {function}: {names}")
    for name, value in outputs_of(template).items():
        say(f"  output {name}: {value}")

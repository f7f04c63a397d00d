"""A whole template made real: resources in the order in which they need each other, each told, none skipped silently."""

import dataclasses
from collections.abc import Iterator

from ingle.cli.client import Client
from ingle.cli.output import reason_of
from ingle.cli.sam.intrinsics import Document, Resolver, Scope, TemplateError, references
from ingle.cli.sam.resources import MAKERS, Wanted
from ingle.cli.sam.template import ROLE, Place, Template
from ingle.values import IngleError

_OPTIONAL = {"AWS::Lambda::EventInvokeConfig": ("DestinationConfig",)}
"""What a resource can do without, where it names something that isn't made."""
_STANDING_IN = ("AWS::Lambda::Function",)
"""What is made all the same: a variable then holds the name that the template has for what isn't made."""


@dataclasses.dataclass(frozen=True, slots=True)
class Told:
    """What became of one resource: created, updated, unchanged, failed, or not made; and the details, in words."""

    verb: str
    logical: str
    shown: str
    details: tuple[str, ...] = ()


def order_of(resources: dict[str, Document]) -> list[str]:
    """Return the resources that can be made, each behind those that it needs. Raises TemplateError."""
    ordered: list[str] = []
    open_: list[str] = []

    def visit(name: str) -> None:
        if name in ordered or resources.get(name, {}).get("Type") not in MAKERS:
            return
        if name in open_:
            raise TemplateError(f"resources need each other in a circle: {' -> '.join([*open_, name])}")
        open_.append(name)
        for needed in _needs(resources[name]):
            visit(needed)
        open_.pop()
        ordered.append(name)

    for name in resources:
        visit(name)
    return ordered


def _needs(resource: Document) -> list[str]:
    named = resource.get("DependsOn", [])
    return [*references(resource.get("Properties", {})), *([named] if isinstance(named, str) else named)]


def deploy_stack(client: Client, template: Template, place: Place) -> Iterator[Told]:
    """Make what can be made, and tell of each resource what became of it. Raises TemplateError."""
    scope, resources = template.scope, template.resources
    _stand_for_roles(scope, resources, place)
    failed: set[str] = set()
    made = order_of(resources)
    for name in made:
        told = _make(client, template, place, name, failed)
        if told is not None:
            yield told
    for name, resource in resources.items():
        if name not in made and resource["Type"] != ROLE and _is_wanted(scope, resource):
            yield Told("not made", name, resource["Type"])


def _is_wanted(scope: Scope, resource: Document) -> bool:
    return "Condition" not in resource or Resolver(scope).holds(resource["Condition"])


def _stand_for_roles(scope: Scope, resources: dict[str, Document], place: Place) -> None:
    """Give each role the ARN that it would have: Lambda wants one, nothing is enforced by it yet."""
    for name, resource in resources.items():
        if resource.get("Type") == ROLE:
            given = Resolver(scope).resolve(resource.get("Properties", {}).get("RoleName"))
            role = given or f"{place.stack}-{name}"[:64]
            scope.values[name] = role
            scope.values[f"{name}.Arn"] = f"arn:aws:iam::{place.account}:role/{role}"


def _make(client: Client, template: Template, place: Place, name: str, failed: set[str]) -> Told | None:
    scope, resource = template.scope, template.resources[name]
    kind = resource["Type"]
    try:
        if not _is_wanted(scope, resource):
            return None
        broken = failed.intersection(_needs(resource))
        if broken:
            raise TemplateError(f"it needs {', '.join(sorted(broken))}")
        properties, notes = _resolve(scope, kind, resource.get("Properties", {}))
        if properties is None:
            return Told("not made", name, kind, tuple(notes))
        default_name = f"{place.stack}-{name}"[:64]
        wanted = Wanted(logical=name, name=default_name, properties=properties, directory=template.directory)
        made = MAKERS[kind](client, wanted)
    except (IngleError, OSError) as error:
        failed.add(name)
        return Told("failed", name, kind, (reason_of(error),))
    scope.values[name] = made.ref
    scope.values |= {f"{name}.{attribute}": value for attribute, value in made.attributes.items()}
    left_out = [f"{one} is left out: Ingle has no such setting" for one in made.left_out]
    return Told(made.outcome.verb, name, made.shown, (*made.outcome.changes, *notes, *left_out))


def _resolve(scope: Scope, kind: str, declared: Document) -> tuple[Document | None, list[str]]:
    """Return a resource's properties, None where it wants too much that isn't made, and what is to be told of them."""
    properties: Document = {}
    notes: list[str] = []
    for key, value in declared.items():
        resolver = Resolver(scope)
        resolved = resolver.resolve(value)
        for missing in dict.fromkeys(resolver.missing):
            notes.append(f"{key} names {missing}, which is not made")
        if resolver.missing and kind not in _STANDING_IN:
            if key not in _OPTIONAL.get(kind, ()):
                return None, notes
            notes[-1] += ": left out"
        elif resolved is not None:
            properties[key] = resolved
    return properties, notes


def outputs_of(template: Template) -> dict[str, str]:
    """Return the template's outputs; those that name what isn't made say so."""
    told: dict[str, str] = {}
    for name, output in template.outputs.items():
        if _is_wanted(template.scope, output):
            resolver = Resolver(template.scope)
            value = str(resolver.resolve(output.get("Value")))
            wants = ", ".join(dict.fromkeys(resolver.missing))
            told[name] = f"names {wants}, which is not made" if wants else value
    return told

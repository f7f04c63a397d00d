"""A SAM or CloudFormation template: read, parameters filled in, translated to plain resources by AWS's translator."""

import dataclasses
import logging
from pathlib import Path
from typing import Any

from ingle.cli.sam.intrinsics import Document, Scope, TemplateError

LOCAL_BUCKET = "ingle-local-code"
"""The translator wants code to lie in S3; what lies beside the template is named by a bucket that nobody has."""

ROLE = "AWS::IAM::Role"
_CODE = {"AWS::Serverless::Function": "CodeUri", "AWS::Serverless::LayerVersion": "ContentUri"}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a template is deployed to, and as what."""

    stack: str
    region: str
    account: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A translated template; `roles` are those it declares itself, `policies` what its functions ask to be allowed."""

    directory: Path
    scope: Scope
    outputs: Document
    roles: list[str]
    policies: dict[str, Any]

    @property
    def resources(self) -> dict[str, Document]:
        return dict(self.scope.resources)


def load_template(path: Path, place: Place, parameters: dict[str, str]) -> Template:
    """Read a template. Raises TemplateError, OSError."""
    from samtranslator.yaml_helper import yaml_parse
    from yaml import YAMLError

    try:
        document = yaml_parse(path.read_text())
    except YAMLError as error:
        raise TemplateError(f"{path} is neither YAML nor JSON: {error}") from None
    if not isinstance(document, dict) or not isinstance(document.get("Resources"), dict):
        raise TemplateError(f"{path} has no Resources")
    values = _parameters(document.get("Parameters") or {}, parameters) | _pseudo(place)
    if not all(isinstance(resource, dict) for resource in document["Resources"].values()):
        raise TemplateError(f"{path} has a resource that is not a map")
    declared = {name: resource.get("Properties") or {} for name, resource in document["Resources"].items()}
    policies = {name: properties["Policies"] for name, properties in declared.items() if "Policies" in properties}
    roles = [name for name, resource in document["Resources"].items() if resource.get("Type") == ROLE]
    _name_local_code(document)
    translated = _translate(document, values, place.region)
    scope = Scope(
        values=values,
        resources=translated["Resources"],
        mappings=translated.get("Mappings") or {},
        conditions=translated.get("Conditions") or {},
    )
    outputs = translated.get("Outputs") or {}
    return Template(directory=path.parent, scope=scope, outputs=outputs, roles=roles, policies=policies)


def _pseudo(place: Place) -> dict[str, str]:
    return {
        "AWS::StackName": place.stack,
        "AWS::StackId": f"arn:aws:cloudformation:{place.region}:{place.account}:stack/{place.stack}/local",
        "AWS::Region": place.region,
        "AWS::AccountId": place.account,
        "AWS::Partition": "aws",
        "AWS::URLSuffix": "amazonaws.com",
    }


def _parameters(declared: Document, given: dict[str, str]) -> dict[str, Any]:
    """Return the parameters' values, given ones before defaults. Raises TemplateError."""
    unknown = given.keys() - declared.keys()
    if unknown:
        raise TemplateError(f"the template has no parameter {', '.join(sorted(unknown))}")
    values: dict[str, Any] = {}
    for name, about in declared.items():
        value = given.get(name, about.get("Default"))
        if value is None:
            raise TemplateError(f"parameter {name} has no default: give it with --parameter {name}=VALUE")
        if about.get("AllowedValues") and str(value) not in map(str, about["AllowedValues"]):
            raise TemplateError(f"parameter {name} is one of {', '.join(map(str, about['AllowedValues']))}")
        is_list = str(about.get("Type", "")).startswith(("List<", "CommaDelimitedList"))
        values[name] = str(value).split(",") if is_list else str(value)
    return values


def _name_local_code(document: Document) -> None:
    """Let code that lies beside the template be named by LOCAL_BUCKET and its path."""
    everywhere = (document.get("Globals") or {}).get("Function")
    properties = [("CodeUri", everywhere)] if isinstance(everywhere, dict) else []
    for resource in document["Resources"].values():
        if isinstance(resource.get("Properties"), dict):
            properties.append((_CODE.get(str(resource.get("Type")), ""), resource["Properties"]))
    for name, holder in properties:
        where = holder.get(name)
        if isinstance(where, str) and not where.startswith("s3://"):
            holder[name] = {"Bucket": LOCAL_BUCKET, "Key": where}


def _translate(document: Document, values: dict[str, Any], region: str) -> Document:
    from boto3 import Session
    from samtranslator.model.exceptions import InvalidDocumentException
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator

    logging.getLogger("samtranslator").setLevel(logging.ERROR)
    translator = Translator(None, Parser(), boto_session=Session(region_name=region))
    try:
        return dict(translator.translate(document, parameter_values=values))
    except InvalidDocumentException as error:
        raise TemplateError("\n".join(cause.message for cause in error.causes)) from None

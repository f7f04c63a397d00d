"""The resources of a template that Lambda's API can make: each is created, updated, or found to be as it shall be."""

import dataclasses
import io
import json
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ingle.cli.archives import zip_directory
from ingle.cli.client import Client
from ingle.cli.deployment import Declared, Outcome, Settings, apply, describe, differing, sha256_of
from ingle.cli.sam.intrinsics import TemplateError
from ingle.cli.sam.provisioning import provision
from ingle.cli.sam.shapes import arguments_of
from ingle.cli.sam.template import LOCAL_BUCKET
from ingle.values import parse_function_reference

_DEFAULTS: Settings = {
    "Description": "", "Timeout": 3, "MemorySize": 128, "Environment": {"Variables": {}}, "Layers": [],
    "EphemeralStorage": {"Size": 512}, "TracingConfig": {"Mode": "PassThrough"},
}  # fmt: skip
"""What a template that says nothing of a setting means."""
_POLL_S = 0.05
_SEPARATE = ("Code", "FunctionName", "Tags", "ReservedConcurrentExecutions", "PackageType")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A resource as its template declares it, every name in it replaced by what it stands for."""

    logical: str
    name: str
    """What it is called where the template gives it no name."""
    properties: dict[str, Any]
    directory: Path


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A resource that is there: what was done, its name for people, what the template may say of it, what was not done."""

    outcome: Outcome
    shown: str
    ref: str
    attributes: dict[str, str] = dataclasses.field(default_factory=dict)
    left_out: list[str] = dataclasses.field(default_factory=list)


def make_function(client: Client, wanted: Wanted) -> Made:
    """AWS::Lambda::Function. Raises TemplateError for a container image."""
    properties = wanted.properties
    if properties.get("PackageType", "Zip") != "Zip":
        raise TemplateError("Ingle does not support container images yet: use PackageType Zip")
    name = properties.get("FunctionName", wanted.name)
    plain = {key: value for key, value in properties.items() if key not in _SEPARATE}
    if "KmsKeyArn" in plain:
        plain["KMSKeyArn"] = plain.pop("KmsKeyArn")
    settings, left_out = arguments_of(client.model, "CreateFunction", plain)
    code = _code(properties["Code"], wanted.directory, str(settings.get("Runtime", "")))
    outcome = apply(client, Declared(name=name, code=code, settings={**_DEFAULTS, **settings}))
    arn = client.call("GetFunctionConfiguration", FunctionName=name)["FunctionArn"]
    changes = _reserve(client, name, properties.get("ReservedConcurrentExecutions"))
    changes += _tag(client, arn, properties.get("Tags", []))
    if outcome.verb != "created" and changes:
        outcome = Outcome("updated", (*outcome.changes, *changes))
    return Made(outcome=outcome, shown=f"function {name}", ref=name, attributes={"Arn": arn}, left_out=left_out)


def _code(code: Any, directory: Path, runtime: str) -> Settings:
    """Return the Code of CreateFunction for what a template says of it. Raises TemplateError."""
    if isinstance(code, str):
        return {"ZipFile": _zip(directory / code)}
    if "ZipFile" in code:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            entry = zipfile.ZipInfo("index.js" if runtime.startswith("nodejs") else "index.py")
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, code["ZipFile"])
        return {"ZipFile": buffer.getvalue()}
    if code.get("S3Bucket") == LOCAL_BUCKET:
        return {"ZipFile": _zip(directory / code["S3Key"])}
    return dict(code)


def _zip(path: Path) -> bytes:
    if path.is_dir():
        return zip_directory(path)
    if not path.exists():
        raise TemplateError(f"{path} is not there")
    return path.read_bytes()


def _reserve(client: Client, name: str, wanted: Any) -> list[str]:
    current = client.call("GetFunctionConcurrency", FunctionName=name).get("ReservedConcurrentExecutions")
    units = int(wanted) if wanted is not None else None
    if units == current:
        return []
    if units is None:
        client.call("DeleteFunctionConcurrency", FunctionName=name)
    else:
        client.call("PutFunctionConcurrency", FunctionName=name, ReservedConcurrentExecutions=units)
    return [f"reserved concurrency: {_or_none(current)} -> {_or_none(units)}"]


def _or_none(value: Any) -> str:
    return "none" if value is None else str(value)


def _tag(client: Client, arn: str, tags: list[dict[str, str]]) -> list[str]:
    wanted = {tag["Key"]: str(tag["Value"]) for tag in tags}
    current = client.call("ListTags", Resource=arn).get("Tags", {})
    changed = {key: value for key, value in wanted.items() if current.get(key) != value}
    gone = sorted(current.keys() - wanted.keys())
    if changed:
        client.call("TagResource", Resource=arn, Tags=changed)
    if gone:
        client.call("UntagResource", Resource=arn, TagKeys=gone)
    told = [f"tag {key}: {_or_none(current.get(key))} -> {value}" for key, value in changed.items()]
    return told + [f"tag {key}: removed" for key in gone]


def make_version(client: Client, wanted: Wanted) -> Made:
    """AWS::Lambda::Version; PublishVersion makes none where nothing has changed since the last one."""
    name = wanted.properties["FunctionName"]
    pages = client.pages("ListVersionsByFunction", FunctionName=name)
    before = {version["Version"] for page in pages for version in page["Versions"]}
    description = {key: value for key, value in wanted.properties.items() if key == "Description"}
    made = client.call("PublishVersion", FunctionName=name, **description)
    outcome = Outcome("unchanged" if made["Version"] in before else "created")
    number, arn = made["Version"], made["FunctionArn"]
    return Made(outcome=outcome, shown=f"version {number}", ref=arn, attributes={"Version": number})


def make_alias(client: Client, wanted: Wanted) -> Made:
    """AWS::Lambda::Alias, and the provisioned concurrency that a template declares with it."""
    properties = dict(wanted.properties)
    provisioned = properties.pop("ProvisionedConcurrencyConfig", None)
    weights = properties.pop("RoutingConfig", {}).get("AdditionalVersionWeights", [])
    routes = {weight["FunctionVersion"]: float(weight["FunctionWeight"]) for weight in weights}
    if routes:
        properties["RoutingConfig"] = {"AdditionalVersionWeights": routes}
    settings, left_out = arguments_of(client.model, "CreateAlias", properties)
    key = {name: settings.pop(name) for name in ("FunctionName", "Name")}
    outcome = _put(
        settings, find=lambda: client.find("GetAlias", **key), create=lambda: client.call("CreateAlias", **key, **settings),
        update=lambda changed: client.call("UpdateAlias", **key, **changed),
    )  # fmt: skip
    if provisioned is not None:
        changes = provision(client, key["FunctionName"], key["Name"], provisioned)
        if changes and outcome.verb != "created":
            outcome = Outcome("updated", (*outcome.changes, *changes))
    arn = client.call("GetAlias", **key)["AliasArn"]
    shown = f"alias {parse_function_reference(arn).name}:{key['Name']}"
    return Made(outcome=outcome, shown=shown, ref=arn, left_out=left_out)


def make_url(client: Client, wanted: Wanted) -> Made:
    """AWS::Lambda::Url."""
    properties = dict(wanted.properties)
    target = _target(properties.pop("TargetFunctionArn"), properties.pop("Qualifier", None))
    settings, left_out = arguments_of(client.model, "CreateFunctionUrlConfig", properties)
    outcome = _put(
        settings, find=lambda: client.find("GetFunctionUrlConfig", **target),
        create=lambda: client.call("CreateFunctionUrlConfig", **target, **settings),
        update=lambda changed: client.call("UpdateFunctionUrlConfig", **target, **changed),
    )  # fmt: skip
    there = client.call("GetFunctionUrlConfig", **target)
    url, arn = there["FunctionUrl"], there["FunctionArn"]
    return Made(outcome=outcome, shown=url, ref=arn, attributes={"FunctionUrl": url, "FunctionArn": arn}, left_out=left_out)  # fmt: skip


def make_event_invoke_config(client: Client, wanted: Wanted) -> Made:
    """AWS::Lambda::EventInvokeConfig."""
    properties = dict(wanted.properties)
    target = _target(properties.pop("FunctionName"), properties.pop("Qualifier", None))
    settings, left_out = arguments_of(client.model, "PutFunctionEventInvokeConfig", properties)

    def put(_: Settings) -> None:
        client.call("PutFunctionEventInvokeConfig", **target, **settings)

    outcome = _put(
        settings, find=lambda: client.find("GetFunctionEventInvokeConfig", **target), create=lambda: put(settings),
        update=put,
    )  # fmt: skip
    return Made(outcome=outcome, shown="event-invoke config", ref=wanted.logical, left_out=left_out)


def _target(function: str, qualifier: str | None) -> Settings:
    """Return FunctionName and Qualifier for a name or ARN that may hold a qualifier of its own; $LATEST is none."""
    inside = parse_function_reference(function).qualifier
    name = function.removesuffix(f":{inside}") if inside else function
    chosen = qualifier or inside
    return {"FunctionName": name, **({"Qualifier": chosen} if chosen not in (None, "$LATEST") else {})}


def _put(
    settings: Settings,
    *,
    find: Callable[[], dict[str, Any] | None],
    create: Callable[[], Any],
    update: Callable[[Settings], Any],
) -> Outcome:
    """Create what isn't found, update what differs."""
    current = find()
    if current is None:
        create()
        return Outcome("created")
    changed = differing(settings, current)
    if not changed:
        return Outcome("unchanged")
    update(changed)
    return Outcome("updated", tuple(describe(changed, current)))


def make_permission(client: Client, wanted: Wanted) -> Made:
    """AWS::Lambda::Permission: a statement of the function's policy, called as the template calls it."""
    properties = {**wanted.properties, "StatementId": wanted.logical}
    target = _target(properties.pop("FunctionName"), None)
    settings, left_out = arguments_of(client.model, "AddPermission", properties)
    shown = f"permission of {settings.get('Principal')} to {settings.get('Action')}"
    policy = client.find("GetPolicy", **target)
    statements = [] if policy is None else json.loads(policy["Policy"])["Statement"]
    there = [one for one in statements if one["Sid"] == wanted.logical]
    made = Made(outcome=Outcome("unchanged"), shown=shown, ref=wanted.logical, left_out=left_out)
    if there and _says(there[0], settings):
        return made
    if there:
        client.call("RemovePermission", **target, StatementId=wanted.logical)
    client.call("AddPermission", **target, **settings)
    return dataclasses.replace(made, outcome=Outcome("updated" if there else "created"))


def _says(statement: dict[str, Any], settings: Settings) -> bool:
    """Say whether a statement grants just what AddPermission would be asked for."""
    text = json.dumps(statement)
    conditions = ("SourceArn", "SourceAccount", "PrincipalOrgID", "FunctionUrlAuthType", "EventSourceToken")
    wanted = [settings[name] for name in conditions if name in settings]
    count = sum(len(group) for group in statement.get("Condition", {}).values())
    is_same = statement["Action"] == settings.get("Action") and json.dumps(settings.get("Principal")) in text
    return is_same and all(json.dumps(one) in text for one in wanted) and count == len(wanted) + ("InvokedViaFunctionUrl" in settings)  # fmt: skip


def make_event_source_mapping(client: Client, wanted: Wanted) -> Made:
    """AWS::Lambda::EventSourceMapping of a source that is there, known by function and source."""
    properties = {key: value for key, value in wanted.properties.items() if key != "Tags"}
    key = {name: properties.pop(name) for name in ("FunctionName", "EventSourceArn") if name in properties}
    settings, left_out = arguments_of(client.model, "CreateEventSourceMapping", properties)
    there = client.call("ListEventSourceMappings", **key)["EventSourceMappings"]
    outcome = Outcome("created")
    if not there:
        there = [client.call("CreateEventSourceMapping", **key, **settings)]
    else:
        changed, _ = arguments_of(client.model, "UpdateEventSourceMapping", differing(settings, there[0]))
        outcome = Outcome("updated" if changed else "unchanged", tuple(describe(changed, there[0])))
        if changed:
            client.call("UpdateEventSourceMapping", UUID=there[0]["UUID"], **changed)
    identifier = there[0]["UUID"]
    while (settled := client.call("GetEventSourceMapping", UUID=identifier))["State"].endswith("ing"):
        time.sleep(_POLL_S)  # creating, updating: nothing else can be done with it meanwhile
    shown = f"event source mapping of {key.get('EventSourceArn', 'a source')}: {settled['StateTransitionReason']}"
    return Made(outcome=outcome, shown=shown, ref=identifier, attributes={"Id": identifier}, left_out=left_out)


def make_layer(client: Client, wanted: Wanted) -> Made:
    """AWS::Lambda::LayerVersion: another version where the content or what is said of it differs from the newest."""
    properties = {"LayerName": wanted.name, **wanted.properties}
    content = _code(properties.pop("Content"), wanted.directory, "")
    settings, left_out = arguments_of(client.model, "PublishLayerVersion", properties)
    newest = client.call("ListLayerVersions", LayerName=settings["LayerName"], MaxItems=1)["LayerVersions"]
    if newest and "ZipFile" in content:
        there = client.call("GetLayerVersion", LayerName=settings["LayerName"], VersionNumber=newest[0]["Version"])
        described = {key: value for key, value in settings.items() if key != "LayerName"}
        if there["Content"]["CodeSha256"] == sha256_of(content["ZipFile"]) and not differing(described, there):
            return _layer(there, Outcome("unchanged"), left_out)
    made = client.call("PublishLayerVersion", Content=content, **settings)
    return _layer(made, Outcome("created"), left_out)


def _layer(shown: dict[str, Any], outcome: Outcome, left_out: list[str]) -> Made:
    name = shown["LayerArn"].rpartition(":")[2]
    arn = shown["LayerVersionArn"]
    return Made(outcome=outcome, shown=f"layer {name}:{shown['Version']}", ref=arn, left_out=left_out)


MAKERS: dict[str, Callable[[Any, Wanted], Made]] = {
    "AWS::Lambda::Function": make_function,
    "AWS::Lambda::Version": make_version,
    "AWS::Lambda::Alias": make_alias,
    "AWS::Lambda::Url": make_url,
    "AWS::Lambda::EventInvokeConfig": make_event_invoke_config,
    "AWS::Lambda::EventSourceMapping": make_event_source_mapping,
    "AWS::Lambda::Permission": make_permission,
    "AWS::Lambda::LayerVersion": make_layer,
}

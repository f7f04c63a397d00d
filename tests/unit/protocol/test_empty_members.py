"""Given but empty is not absent: every member of every operation, given empty, is refused or shown as the table says.

What a constraint of the model refuses is not in the table. An operation that isn't in it takes no member that may be empty.
"""

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from harness import zip_of
from in_process import RUNTIME, ControlPlane

from ingle.protocol import AwsError, load_service

OURS = "arn:aws:lambda:us-east-1:000000000000:"
PROFILE = "arn:aws:signer:us-east-1:000000000000:/signing-profiles/name/0123456789"
ZIP = zip_of({"app.py": "# 1"})
PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "operations.md"
SERVED = re.findall(r"^\| (\w+) \| `[^`]+` \| served \|$", PAGE.read_text().split("\n## ")[1], re.M)
GATEWAYS = {"Invoke", "InvokeAsync", "InvokeWithResponseStream"}
EMPTY: dict[str, Any] = {"structure": {}, "map": {}, "list": [], "string": "", "blob": b""}
NOT_SHOWN = "not shown"
NO_NETWORK = {"SubnetIds": [], "SecurityGroupIds": [], "VpcId": "", "Ipv6AllowedForDualStack": False}
NO_CODE = "InvalidParameterValueException: Please provide a source for function code."
NO_LAYER = "InvalidParameterValueException: Please provide a source for layer content."
STALE = "PreconditionFailedException"
UNSUPPORTED = "InvalidParameterValueException: Unsupported"
LISTED = {"Marker": NOT_SHOWN}
SETTINGS: dict[str, Any] = {
    "Runtime": "InvalidParameterValueException: Value  at 'runtime' failed to satisfy constraint",
    "Description": "",
    "VpcConfig": NO_NETWORK,
    "VpcConfig.SubnetIds": NO_NETWORK,
    "VpcConfig.SecurityGroupIds": NO_NETWORK,
    "Environment": {"Variables": {}},
    "Environment.Variables": {"Variables": {}},
    "TracingConfig": {"Mode": "PassThrough"},
    "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
    "LoggingConfig": {"LogFormat": "Text", "LogGroup": "/aws/lambda/NAME"},
    **dict.fromkeys(
        (
            "DeadLetterConfig", "DeadLetterConfig.TargetArn", "KMSKeyArn", "Layers", "FileSystemConfigs", "ImageConfig",
            "ImageConfig.EntryPoint", "ImageConfig.Command", "ImageConfig.WorkingDirectory", "DurableConfig",
            "DurableConfig.KMSKeyArn",
        ),
        NOT_SHOWN,
    ),
}  # fmt: skip
SOURCE: dict[str, Any] = {
    "MetricsConfig.Metrics": {"Metrics": []},
    "ProvisionedPollerConfig.PollerGroupName": {"PollerGroupName": ""},
    "FunctionResponseTypes": [],
    **dict.fromkeys(
        (
            "FilterCriteria", "FilterCriteria.Filters", "KMSKeyArn", "MetricsConfig", "LoggingConfig", "ScalingConfig",
            "ProvisionedPollerConfig",
        ),
        NOT_SHOWN,
    ),
    **dict.fromkeys(
        (
            "DestinationConfig", "DestinationConfig.OnSuccess", "DestinationConfig.OnFailure", "SourceAccessConfigurations",
            "AmazonManagedKafkaEventSourceConfig", "AmazonManagedKafkaEventSourceConfig.SchemaRegistryConfig",
            "SelfManagedKafkaEventSourceConfig", "SelfManagedKafkaEventSourceConfig.SchemaRegistryConfig",
            "DocumentDBEventSourceConfig",
        ),
        UNSUPPORTED,
    ),
}  # fmt: skip
"""Of a queue."""
DESTINATIONS: dict[str, Any] = {
    name: {"OnSuccess": {}, "OnFailure": {}}
    for name in ("DestinationConfig", "DestinationConfig.OnSuccess", "DestinationConfig.OnFailure")
}
CORS: dict[str, Any] = {
    "Cors": NOT_SHOWN,  # it clears what was set
    **{f"Cors.{name}": {name: []} for name in ("AllowHeaders", "AllowMethods", "AllowOrigins", "ExposeHeaders")},
}
ROUTING = dict.fromkeys(("RoutingConfig", "RoutingConfig.AdditionalVersionWeights"), NOT_SHOWN)
SIGNING: dict[str, Any] = {"Description": "", "CodeSigningPolicies": {"UntrustedArtifactOnDeployment": "Warn"}}
TABLE: dict[str, dict[str, Any]] = {
    "AddLayerVersionPermission": {"RevisionId": STALE},
    "AddPermission": {"RevisionId": STALE},
    "CreateAlias": {"Description": "", **ROUTING},
    "CreateCodeSigningConfig": {**SIGNING, "Tags": NOT_SHOWN},
    "CreateEventSourceMapping": {
        **SOURCE,
        "Tags": NOT_SHOWN,
        "SelfManagedEventSource": "InvalidParameterValueException: Unrecognized event source.",
    },
    "CreateFunction": {
        **SETTINGS,
        **dict.fromkeys(("Code", "Code.ZipFile", "Code.ImageUri", "Code.SourceKMSKeyArn"), NO_CODE),
        "Tags": NOT_SHOWN,
    },
    "CreateFunctionUrlConfig": CORS,
    **dict.fromkeys((name for name in SERVED if name.startswith("List") and name != "ListTags"), LISTED),
    "PublishLayerVersion": {
        "Description": "",
        "Content": NO_LAYER,
        "Content.ZipFile": NO_LAYER,
        "CompatibleArchitectures": [],
        "CompatibleRuntimes": [],
        "LicenseInfo": "",
    },
    "PublishVersion": {
        "CodeSha256": "InvalidParameterValueException: CodeSHA256 () is different",
        "Description": "",
        "RevisionId": STALE,
    },
    "PutFunctionEventInvokeConfig": DESTINATIONS,
    "RemoveLayerVersionPermission": {"RevisionId": STALE},
    "RemovePermission": {"RevisionId": STALE},
    "TagResource": {"Tags": "InvalidParameterValueException: An error occurred and the request cannot be processed."},
    "UpdateAlias": {"Description": "", **ROUTING, "RevisionId": STALE},
    "UpdateCodeSigningConfig": SIGNING,
    "UpdateEventSourceMapping": SOURCE,
    "UpdateFunctionCode": {
        "ZipFile": NO_CODE,
        "ImageUri": NOT_SHOWN,
        "RevisionId": STALE,
        "SourceKMSKeyArn": NOT_SHOWN,
    },
    "UpdateFunctionConfiguration": {**SETTINGS, "RevisionId": STALE},
    "UpdateFunctionEventInvokeConfig": DESTINATIONS,
    "UpdateFunctionUrlConfig": CORS,
}
"""What is shown of the member in the answer, or how the error begins."""


class World:
    """Control, and things for an operation to be tried on, new ones for each try."""

    def __init__(self, folder: Path) -> None:
        self.plane = ControlPlane(folder)
        self.tries = 0

    def things(self, operation: str) -> dict[str, Any]:
        """Make one of everything, and return what requests name it by."""
        self.tries += 1
        call, name = self.plane.call, f"f{self.tries}"
        queue = f"arn:aws:sqs:us-east-1:000000000000:q{self.tries}"
        made = {"Runtime": RUNTIME, "Role": "arn:aws:iam::000000000000:role/r", "Handler": "app.h"}
        call("CreateFunction", FunctionName=name, Code={"ZipFile": ZIP}, **made)
        self.plane.finish()
        call("PublishVersion", FunctionName=name)
        call("CreateAlias", FunctionName=name, Name="live", FunctionVersion="1")
        call("PutFunctionEventInvokeConfig", FunctionName=name, MaximumRetryAttempts=1)
        if operation != "CreateFunctionUrlConfig":
            call("CreateFunctionUrlConfig", FunctionName=name, AuthType="NONE")
        call("PublishLayerVersion", LayerName=name, Content={"ZipFile": ZIP})
        statement = {"StatementId": "s", "Action": "lambda:GetLayerVersion", "Principal": "*"}
        if operation.startswith("Remove"):
            call("AddLayerVersionPermission", LayerName=name, VersionNumber=1, **statement)
            call("AddPermission", FunctionName=name, **{**statement, "Action": "lambda:GetFunction"})
        publishers = {"SigningProfileVersionArns": [PROFILE]}
        config = call("CreateCodeSigningConfig", AllowedPublishers=publishers)["CodeSigningConfig"]
        mapping = call("CreateEventSourceMapping", FunctionName=name, EventSourceArn=queue, Enabled=False)
        self.plane.settle_mapping(mapping["UUID"])
        suffix = "-new" if operation in ("CreateFunction", "CreateAlias") else ""
        return {
            "FunctionName": name + suffix * (operation == "CreateFunction"), "LayerName": name, "VersionNumber": 1,
            "UUID": mapping["UUID"], "Name": "live" + suffix, "CodeSigningConfigArn": config["CodeSigningConfigArn"],
            "ResourceArn": OURS + f"function:{name}", "Resource": OURS + f"function:{name}",
            "Arn": OURS + f"layer:{name}:1", "AllowedPublishers": publishers, "FunctionVersion": "1",
            "EventSourceArn": queue + "-other", "AuthType": "NONE", "Content": {"ZipFile": ZIP}, "Code": {"ZipFile": ZIP},
            "ZipFile": ZIP, "ReservedConcurrentExecutions": 1, "RecursiveLoop": "Allow", "MaximumRetryAttempts": 1,
            "ProvisionedConcurrentExecutions": 1, "UpdateRuntimeOn": "Auto", "Tags": {"a": "b"}, "TagKeys": ["a"],
            "Policy": "{}", **made, **statement,
            "Action": "lambda:GetLayerVersion" if "Layer" in operation else "lambda:GetFunction",
        }  # fmt: skip

    def outcome(self, operation: str, wish: dict[str, Any], member: str) -> Any:
        """Return what is shown of a member, or the error; None where a constraint of the model refuses it."""
        try:
            answer = self.plane.call(operation, **wish)
        except AwsError as error:
            return None if error.code == "ValidationException" else f"{error.code}: {error.message}"
        finally:
            self.plane.finish()
        return answer.get("CodeSigningConfig", answer).get(member, NOT_SHOWN)


def empties(shape: dict[str, Any], name: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Yield the path and the value of each member of a structure that may be given empty, and of those within it."""
    shapes = load_service("lambda").shapes
    for key, member in shape.get("members", {}).items():
        inner = shapes[member["shape"]]
        if member.get("location") == "uri" or inner["type"] not in EMPTY:
            continue
        yield f"{name}{key}", {key: EMPTY[inner["type"]]}
        if inner["type"] == "structure" and depth < 1:
            for path, value in empties(inner, f"{name}{key}.", depth + 1):
                yield path, {key: value}


NEEDED = {  # beside what the model requires, for the operation to be done
    "CreateFunction": ("Runtime", "Handler"),
    "CreateEventSourceMapping": ("EventSourceArn",),
    "PutFunctionEventInvokeConfig": ("MaximumRetryAttempts",),
    "UpdateFunctionCode": ("ZipFile",),
}


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:  # where nothing waits for a disk
        made = World(Path(folder))
        yield made
        made.plane.close()


@pytest.mark.parametrize("operation", [name for name in SERVED if name not in GATEWAYS])
def test_what_is_given_empty_is_refused_or_shown(operation: str, world: World) -> None:
    model = load_service("lambda")
    shape = model.shapes[model.operations[operation].input or ""]
    found: dict[str, Any] = {}
    for path, empty in empties(shape):
        things = world.things(operation)
        named = [name for name in (*shape.get("required", ()), *NEEDED.get(operation, ())) if name in things]
        wish = {name: things[name] for name in named} | empty
        outcome = world.outcome(operation, wish, path.partition(".")[0])
        if outcome is not None:
            found[path] = outcome
    wanted = TABLE.get(operation, {})
    assert found.keys() == wanted.keys()
    for path, outcome in found.items():
        if isinstance(outcome, str) and outcome.partition(":")[0].endswith("Exception"):
            assert wanted[path] and outcome.startswith(wanted[path]), path
        else:
            assert re.sub(r"/f[0-9]+(-new)?", "/NAME", str(outcome)) == str(wanted[path]), path

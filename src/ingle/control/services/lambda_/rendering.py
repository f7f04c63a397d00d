"""Functions and versions as AWS's responses show them."""

import time
from typing import Any

from ingle.artifacts import CodeSignature
from ingle.functions import BEING_CREATED, Alias, Function, LayerUse, Version
from ingle.values import missing_runtime, parse_layer_arn, runtime_version_arn


def render_time(at_ms: int) -> str:
    """Return a time as `2026-01-02T03:04:05.678+0000`."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at_ms // 1000)) + f".{at_ms % 1000:03d}+0000"


def render_signature(account: str, region: str, signature: CodeSignature | None) -> dict[str, str]:
    """Return the profile and the job of an intact signature, as ARNs of AWS Signer's form."""
    if signature is None or not signature.is_intact:
        return {}
    signer = f"arn:aws:signer:{region}:{account}:"
    return {
        "SigningProfileVersionArn": f"{signer}/signing-profiles/{signature.profile}/{signature.fingerprint}",
        "SigningJobArn": f"{signer}/signing-jobs/{signature.job}",
    }


def _render_signature_of(layer: LayerUse) -> dict[str, str]:
    arn = parse_layer_arn(layer.arn)
    return render_signature(arn.account, arn.region, layer.signature)


def _render_logging(function: Function, version: Version) -> dict[str, str]:
    shown = {"LogFormat": version.log_format, "LogGroup": version.log_group or f"/aws/lambda/{function.name}"}
    if version.log_format == "JSON":
        shown["ApplicationLogLevel"] = version.application_log_level
        shown["SystemLogLevel"] = version.system_log_level
    return shown


_NOT_LISTED = frozenset(
    {
        "State", "StateReason", "StateReasonCode", "LastUpdateStatus", "LastUpdateStatusReason",
        "LastUpdateStatusReasonCode", "RuntimeVersionConfig",
    }
)  # fmt: skip


def render_listed(shown: dict[str, Any]) -> dict[str, Any]:
    """Return what ListFunctions and ListVersionsByFunction tell of a FunctionConfiguration: nothing of its state."""
    return {name: value for name, value in shown.items() if name not in _NOT_LISTED}


def render_configuration(
    function: Function, version: Version, variables: dict[str, str], runtimes: list[str], *, qualifier: str | None
) -> dict[str, Any]:
    """Return a FunctionConfiguration; `qualifier`, of a version or alias, is put into the ARN.

    `runtimes` are those that this host has: a function of another one is active, and says what it lacks.
    """
    arn = function.arn.qualified(qualifier)
    shown: dict[str, Any] = {
        "FunctionName": function.name,
        "FunctionArn": str(arn),
        "Runtime": version.runtime,
        "Role": version.role,
        "Handler": version.handler,
        "CodeSize": version.code.size_bytes,
        "Description": version.description,
        "Timeout": version.timeout_s,
        "MemorySize": version.memory_mib,
        "LastModified": render_time(version.last_modified_ms),
        "CodeSha256": version.code.sha256,
        "Version": version.version,
        "TracingConfig": {"Mode": version.tracing_mode},
        "RevisionId": version.revision_id,
        "State": version.state,
        "PackageType": "Zip",
        "Architectures": list(version.architectures),
        "EphemeralStorage": {"Size": version.ephemeral_mib},
        "SnapStart": {
            "ApplyOn": "PublishedVersions" if version.snap_start else "None",
            "OptimizationStatus": "On" if version.is_optimized else "Off",
        },
        "LoggingConfig": _render_logging(function, version),
        **render_signature(function.account, function.region, version.code.signature),
        "RuntimeVersionConfig": {"RuntimeVersionArn": runtime_version_arn(function.region, version.runtime)},
    }
    if function.tenant_isolation_mode:
        shown["TenancyConfig"] = {"TenantIsolationMode": function.tenant_isolation_mode}
    if version.layers:
        shown["Layers"] = [
            {
                "Arn": layer.arn,
                "CodeSize": layer.size_bytes,
                **_render_signature_of(layer),
            }
            for layer in version.layers
        ]
    if version.has_variables:
        shown["Environment"] = {"Variables": variables}
    if version.has_network:
        shown["VpcConfig"] = {
            "SubnetIds": [],
            "SecurityGroupIds": [],
            "VpcId": "",
            "Ipv6AllowedForDualStack": False,
        }
    if version.state_reason:
        shown["StateReason"] = version.state_reason
    elif version.state == "Active" and version.runtime not in runtimes:
        shown["StateReason"] = missing_runtime(version.runtime)
    if version.state_reason_code:
        shown["StateReasonCode"] = version.state_reason_code
    if version.update_status:
        shown["LastUpdateStatus"] = version.update_status
        if version.update_status == "InProgress":
            shown["LastUpdateStatusReason"] = BEING_CREATED
            shown["LastUpdateStatusReasonCode"] = "Creating"
        if version.update_status == "Failed":
            shown["LastUpdateStatusReason"] = version.update_reason
            shown["LastUpdateStatusReasonCode"] = version.update_reason_code
    return shown


def render_alias(function: Function, alias: Alias) -> dict[str, Any]:
    """Return an AliasConfiguration."""
    shown: dict[str, Any] = {
        "AliasArn": str(function.arn.qualified(alias.name)),
        "Name": alias.name,
        "FunctionVersion": alias.function_version,
        "Description": alias.description,
        "RevisionId": alias.revision_id,
    }
    if alias.weights:
        shown["RoutingConfig"] = {"AdditionalVersionWeights": alias.weights}
    return shown

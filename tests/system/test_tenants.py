"""Tenant isolation (execution reference, section 8), with boto3."""

import base64
import json
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from harness import INGLE, Ingle

SOURCE = """
import os
seen = []
def handler(event, context):
    seen.append(event)
    open("/tmp/" + event, "w").close()
    return {"seen": seen, "tenant": context.tenant_id, "files": sorted(os.listdir("/tmp"))}
"""


@pytest.fixture(scope="module")
def shared(ingle: Ingle) -> Iterator[str]:
    """A function with tenant isolation."""
    name = "tenants"
    ingle.deploy(
        name,
        {"app.py": SOURCE},
        TenancyConfig={"TenantIsolationMode": "PER_TENANT"},
        LoggingConfig={"LogFormat": "JSON"},
    )
    yield name
    ingle.client().delete_function(FunctionName=name)


def environments(ingle: Ingle) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"http://127.0.0.1:{ingle.port}/environments") as answer:
        return list(json.loads(answer.read()))


def test_tenants_share_neither_memory_nor_files(shared: str, invoke: Any) -> None:
    assert invoke(shared, "one", TenantId="red").payload == {"seen": ["one"], "tenant": "red", "files": ["one"]}
    assert invoke(shared, "two", TenantId="blue/@ 1").payload["seen"] == ["two"]
    again = invoke(shared, "three", TenantId="red").payload
    assert again == {"seen": ["one", "three"], "tenant": "red", "files": ["one", "three"]}


def test_a_function_with_tenants_has_no_url(shared: str, functions: Any) -> None:
    with pytest.raises(functions.exceptions.InvalidParameterValueException, match="tenancy configuration"):
        functions.create_function_url_config(FunctionName=shared, AuthType="NONE")


def test_the_tenant_is_told_by_top_and_in_the_log(shared: str, invoke: Any, ingle: Ingle) -> None:
    answer = invoke(shared, "four", TenantId="green", LogType="Tail")
    told = [json.loads(line) for line in base64.b64decode(answer.tail).decode().splitlines() if line.startswith("{")]
    tenants = {one["type"]: one["record"].get("tenantId") for one in told if "record" in one}
    assert tenants["platform.start"] == tenants["platform.report"] == "green"
    ingle.announcement()
    command = [str(INGLE), "top", "--once", "--data", str(ingle.data_dir)]
    assert "green" in subprocess.run(command, capture_output=True, check=True, text=True, timeout=30).stdout


def test_the_command_line_names_a_tenant(shared: str, ingle: Ingle) -> None:
    ingle.announcement()
    command = [str(INGLE), "invoke", shared, '"cli"', "--tenant", "shell", "--data", str(ingle.data_dir)]
    told = subprocess.run(command, capture_output=True, check=True, text=True, timeout=30).stdout
    assert json.loads(told)["tenant"] == "shell"


def test_an_event_is_delivered_to_its_tenant(shared: str, functions: Any, ingle: Ingle) -> None:
    functions.invoke(FunctionName=shared, InvocationType="Event", Payload=b'"queued"', TenantId="late")
    deadline = time.monotonic() + 20
    while ("late", 1) not in {(one["tenant"], one["invocations"]) for one in environments(ingle)}:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_tenant_is_named_exactly_where_there_is_tenant_isolation(
    shared: str, invoke: Any, deploy: Any, functions: Any
) -> None:
    invalid = functions.exceptions.InvalidParameterValueException
    with pytest.raises(invalid, match="is enabled with tenancy configuration"):
        invoke(shared, "x")
    with pytest.raises(invalid, match="is enabled with tenancy configuration"):
        functions.invoke(FunctionName=shared, InvocationType="DryRun")
    with pytest.raises(invalid, match="is enabled with tenancy configuration"):
        functions.invoke(FunctionName=shared, InvocationType="Event")
    with pytest.raises(functions.exceptions.ClientError, match="at 'tenantId' failed to satisfy constraint"):
        invoke(shared, "x", TenantId="a;b")
    with pytest.raises(invalid, match="is not enabled with tenancy configuration"):
        invoke(deploy(SOURCE), "x", TenantId="red")


def test_tenant_isolation_is_chosen_at_creation_and_shown(shared: str, functions: Any) -> None:
    shown = functions.get_function_configuration(FunctionName=shared)
    assert shown["TenancyConfig"] == {"TenantIsolationMode": "PER_TENANT"}
    functions.update_function_configuration(FunctionName=shared, Description="still per tenant")
    functions.get_waiter("function_updated_v2").wait(FunctionName=shared, WaiterConfig={"Delay": 0.02})
    shown = functions.get_function_configuration(FunctionName=shared)
    assert (shown["TenancyConfig"], shown["Description"]) == ({"TenantIsolationMode": "PER_TENANT"}, "still per tenant")

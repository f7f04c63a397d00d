"""Provisioned concurrency of an alias, waited for."""

import time
from typing import Any

from ingle.cli.client import Client
from ingle.cli.sam.intrinsics import TemplateError

_POLL_S = 0.1
_LIMIT_S = 600.0


def provision(client: Client, name: str, alias: str, wanted: dict[str, Any]) -> list[str]:
    """Give an alias so much provisioned concurrency, unless it has; return that in words. Raises TemplateError."""
    units = int(wanted["ProvisionedConcurrentExecutions"])
    key = {"FunctionName": name, "Qualifier": alias}
    there = client.find("GetProvisionedConcurrencyConfig", **key)
    current = there["RequestedProvisionedConcurrentExecutions"] if there is not None else None
    if current != units:
        client.call("PutProvisionedConcurrencyConfig", **key, ProvisionedConcurrentExecutions=units)
    _wait(client, key)
    return [f"provisioned concurrency: {current or 'none'} -> {units}"] if current != units else []


def _wait(client: Client, key: dict[str, str]) -> None:
    end_s = time.monotonic() + _LIMIT_S
    while time.monotonic() < end_s:
        shown = client.call("GetProvisionedConcurrencyConfig", **key)
        if shown["Status"] == "READY":
            return
        if shown["Status"] == "FAILED":
            raise TemplateError(f"provisioned concurrency: {shown.get('StatusReason', 'failed')}")
        time.sleep(_POLL_S)
    raise TemplateError(f"provisioned concurrency is not ready after {_LIMIT_S:.0f} s")

"""A function URL that everybody may call: `ingle deploy --url`."""

import json
from typing import Any
from urllib.parse import urlsplit

from ingle.cli.client import Client

_STATEMENTS: dict[str, dict[str, Any]] = {
    "FunctionURLAllowPublicAccess": {"Action": "lambda:InvokeFunctionUrl", "FunctionUrlAuthType": "NONE"},
    "FunctionURLInvokeAllowPublicAccess": {"Action": "lambda:InvokeFunction", "InvokedViaFunctionUrl": True},
}
"""Both permissions that a public URL needs, by the names that AWS's console gives them."""


def make_public_url(client: Client, name: str) -> list[str]:
    """Give a function a public URL unless it has one; return what there is, in words. Raises IngleError."""
    there = client.find("GetFunctionUrlConfig", FunctionName=name)
    if there is None:
        there = client.call("CreateFunctionUrlConfig", FunctionName=name, AuthType="NONE")
    elif there["AuthType"] != "NONE":
        there = client.call("UpdateFunctionUrlConfig", FunctionName=name, AuthType="NONE")
    policy = client.find("GetPolicy", FunctionName=name)
    held = {one["Sid"] for one in json.loads(policy["Policy"])["Statement"]} if policy is not None else set()
    for sid, statement in _STATEMENTS.items():
        if sid not in held:
            client.call("AddPermission", FunctionName=name, StatementId=sid, Principal="*", **statement)
    return describe_url(client, str(there["FunctionUrl"]))


def describe_url(client: Client, url: str) -> list[str]:
    """Return a URL, with HTTPS where that is on, and its path form for clients that can't resolve its host."""
    held = client.installation
    host = urlsplit(url).hostname or ""
    url_id = host.partition(".")[0]
    lines = [f"url      {url}"]
    if held.https is not None:
        port = urlsplit(held.https).port
        lines.append(f"         https://{host}{f':{port}' if port not in (None, 443) else ''}/")
    return [*lines, f"by path  {held.endpoint}/lambda-url/{url_id}/"]

"""Writes docs/reference/operations.md from AWS's service models and Ingle's handlers, so that the page can't promise more."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ingle.control.services import lambda_, logs, sts
from ingle.protocol import Operation, ServiceModel, load_service

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "operations.md"
SERVICES = {
    "lambda": "AWS Lambda",
    "lambda-core": "Lambda Core: network connectors and your own runtimes",
    "lambda-microvms": "Lambda MicroVMs",
    "lambda-web": "Lambda Web",
    "logs": "CloudWatch Logs",
    "sts": "Security Token Service",
}
"""Every service whose model Ingle loads, and STS, of which it knows one operation."""
HANDLERS = {"lambda": lambda_, "logs": logs}
"""The modules whose classes have the handlers of a service."""
GATEWAY = frozenset({"Invoke", "InvokeAsync", "InvokeWithResponseStream"})
"""What the gateway serves itself; all else is for the handlers of control."""


def _names_of(resource: Any) -> Iterable[str]:
    """Return the operations that a class of handlers has, without the repositories that it would need to serve them."""
    return resource.handlers(resource.__new__(resource)).keys() if hasattr(resource, "handlers") else ()


def served(service: str) -> set[str]:
    """Return the operations of a service that Ingle serves."""
    if service == "sts":
        return set(sts.OPERATIONS)
    module = HANDLERS.get(service)
    names = {name for resource in vars(module).values() for name in _names_of(resource)} if module else set()
    return names | GATEWAY if service == "lambda" else names


def _request(model: ServiceModel, operation: Operation) -> str:
    """Return what tells an operation from the others: its address, or the target that a header names."""
    if model.target_prefix:
        return f"X-Amz-Target: {model.target_prefix}.{operation.name}"
    if model.service == "sts":
        return f"Action={operation.name}"
    return f"{operation.method} {operation.uri}"


def _section(service: str, title: str) -> str:
    model = load_service(service)
    here = served(service)
    rows = "\n".join(
        f"| {name} | `{_request(model, operation)}` | {'served' if name in here else '501'} |"
        for name, operation in sorted(model.operations.items())
    )
    count = len(here & model.operations.keys())
    return (
        f"## {title}\n\n{count} of {len(model.operations)}.\n\n| operation | request | state |\n|---|---|---|\n{rows}\n"
    )


def render() -> str:
    """Return the page."""
    sections = "\n".join(_section(service, title) for service, title in SERVICES.items())
    return f"""# Operations

`scripts/write_operations_page.py` writes this page from AWS's service models and Ingle's handlers.

- `served`: the operation behaves as AWS's does.
- `501`: Ingle verifies the request's signature, answers `NotImplementedException`, and changes nothing.

Not built are capacity providers, function scaling (which only functions on capacity providers have), durable executions, and
Lambda's sibling services. Of CloudWatch Logs, Ingle serves what tools need to write, read, keep and follow logs. STS tells callers
who they are. Its other operations, and every other service of AWS, answer `NotImplemented` in their own protocols.

{sections}"""


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(render())
    sys.stdout.write(f"{PAGE}\n")

"""Which function, version or alias an invocation names; what no member of it can be is refused in AWS's own words."""

import functools
from typing import Any

from ingle.protocol import AwsError, check_text, sigv4, validation_error
from ingle.values import FunctionArn, FunctionReference, InvalidFunctionNameError, parse_function_reference

# Shapes of the service model, which is itself too large for the gateway; a test holds them against it.
NAME = {
    "type": "string",
    "min": 1,
    "max": 256,
    "pattern": r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?"
    r"([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?",
}
QUALIFIER = {"type": "string", "min": 1, "max": 128, "pattern": r"\$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+"}
TENANT_ID = {"type": "string", "min": 1, "max": 256, "pattern": r"[a-zA-Z0-9\._:\/=+\-@ ]+"}
DURABLE_NAME = {"type": "string", "min": 1, "max": 64, "pattern": "[a-zA-Z0-9-_]+"}


def check_member(shape: dict[str, Any], value: bytes, path: str) -> str:
    """Return a member that came as a header. Raises AwsError where its shape does not allow it."""
    text = value.decode("latin-1")
    problems = check_text(shape, text, path)
    if problems:
        raise validation_error(problems)
    return text


def read_arn(name: str, query: bytes, region: str, account: str) -> FunctionArn:
    """Return what an invocation is for, with the qualifier of its name or of the query. Raises AwsError."""
    return _read(name, _qualifier(query) if query else None, region, account)


def _qualifier(query: bytes) -> str | None:
    """Return the qualifier that the signature covers."""
    given = [value for name, value in sigv4.read_query(query) if name == "Qualifier"]
    if len(given) > 1:
        raise AwsError("InvalidParameterValueException", "The parameter 'Qualifier' must be given only once.")
    return given[0] if given else None


@functools.lru_cache(maxsize=4096)
def _read(name: str, qualifier: str | None, region: str, account: str) -> FunctionArn:
    reference = _reference(name, qualifier)
    if reference.region is not None and reference.region != region:
        raise AwsError(
            "ResourceNotFoundException",
            f"Functions from '{reference.region}' are not reachable in this region ('{region}')",
        )
    if reference.qualifier is not None and qualifier not in (None, reference.qualifier):
        raise AwsError(
            "InvalidParameterValueException",
            "The derived qualifier from the function name does not match the specified qualifier.",
        )
    return FunctionArn(
        region=region,
        account=reference.account or account,
        name=reference.name,
        qualifier=qualifier or reference.qualifier,
    )


def _reference(name: str, qualifier: str | None) -> FunctionReference:
    problems = check_text(NAME, name, "functionName")
    if qualifier is not None:
        problems += check_text(QUALIFIER, qualifier, "qualifier")
    if problems:
        raise validation_error(problems)
    try:
        return parse_function_reference(name)
    except InvalidFunctionNameError as error:  # the model's pattern takes some texts that are neither name nor ARN
        raise AwsError("InvalidParameterValueException", str(error)) from None

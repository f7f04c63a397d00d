"""What an invocation may name, in the words of the service model."""

import pytest

from ingle.gateway.invocations.naming import DURABLE_NAME, NAME, QUALIFIER, TENANT_ID, read_arn
from ingle.protocol import AwsError, load_service
from ingle.values import FunctionArn

ACCOUNT = "000000000000"
ARN = FunctionArn(region="us-east-1", account=ACCOUNT, name="f")
PATTERN_OF_NAME, PATTERN_OF_QUALIFIER = NAME["pattern"], QUALIFIER["pattern"]


def read(name: str, query: bytes = b"") -> FunctionArn:
    return read_arn(name, query, "us-east-1", ACCOUNT)


@pytest.mark.parametrize("operation", ["Invoke", "InvokeWithResponseStream"])
def test_the_constraints_are_those_of_the_service_model(operation: str) -> None:
    model = load_service("lambda")
    members = model.shapes[model.operations[operation].input or ""]["members"]
    held = {"FunctionName": NAME, "Qualifier": QUALIFIER, "TenantId": TENANT_ID, "DurableExecutionName": DURABLE_NAME}
    for member, ours in held.items():
        if member not in members:
            continue
        theirs = model.shapes[members[member]["shape"]]
        assert ours == {key: value for key, value in theirs.items() if key in ours}
        assert theirs.keys() <= ours.keys() | {"documentation"}


@pytest.mark.parametrize(
    ("name", "query", "qualifier"),
    [
        ("f", b"", None),
        ("f:1", b"", "1"),
        ("f", b"Qualifier=live", "live"),
        ("f:live", b"Qualifier=live", "live"),
        ("f", b"Qualifier=%24LATEST", "$LATEST"),
        (f"{ARN}:live", b"", "live"),
        (f"{ACCOUNT}:function:f", b"X=1&Qualifier=2", "2"),
    ],
)
def test_a_qualifier_comes_with_the_name_or_beside_it(name: str, query: bytes, qualifier: str | None) -> None:
    assert read(name, query) == ARN.qualified(qualifier)


VALIDATION = "ValidationException"


@pytest.mark.parametrize(
    ("name", "query", "code", "text"),
    [
        ("a b", b"", VALIDATION, f"Value 'a b' at 'functionName' failed to satisfy constraint: Member must satisfy regular expression pattern: {PATTERN_OF_NAME}"),
        ("x" * 257, b"", VALIDATION, "at 'functionName' failed to satisfy constraint: Member must have length less than or equal to 256"),
        ("f", b"Qualifier=", VALIDATION, "Value '' at 'qualifier' failed to satisfy constraint: Member must have length greater than or equal to 1"),
        ("f", b"Qualifier=a%20b", VALIDATION, f"Member must satisfy regular expression pattern: {PATTERN_OF_QUALIFIER}"),
        ("a b", b"Qualifier=" + b"x" * 129, VALIDATION, "2 validation errors detected"),
        ("f:1", b"Qualifier=2", "InvalidParameterValueException", "does not match the specified qualifier"),
        ("arn:aws:lambda:f", b"", "InvalidParameterValueException", "not a function name or ARN"),
        (f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:f", b"", "ResourceNotFoundException", "are not reachable in this region"),
    ],
)  # fmt: skip
def test_what_names_nothing_is_refused(name: str, query: bytes, code: str, text: str) -> None:
    with pytest.raises(AwsError) as caught:
        read(name, query)
    assert caught.value.code == code
    assert text in caught.value.message

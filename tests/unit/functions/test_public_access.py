"""When a resource policy lets everybody call a function URL."""

from typing import Any

import pytest

from ingle.functions import ResourcePolicy, lets_everybody_call

URL = {
    "Effect": "Allow",
    "Principal": "*",
    "Action": "lambda:InvokeFunctionUrl",
    "Condition": {"StringEquals": {"lambda:FunctionUrlAuthType": "NONE"}},
}
INVOKE = {
    "Effect": "Allow",
    "Principal": {"AWS": "*"},
    "Action": "lambda:InvokeFunction",
    "Condition": {"Bool": {"lambda:InvokedViaFunctionUrl": "true"}},
}
EVERYTHING = {"Effect": "Allow", "Principal": {"AWS": ["*"]}, "Action": ["lambda:Invoke*"]}


def allows(*statements: dict[str, Any]) -> bool:
    return lets_everybody_call(ResourcePolicy(document={"Statement": list(statements)}, revision_id=""))


def test_both_permissions_are_needed() -> None:
    assert allows(URL, INVOKE)
    assert allows(EVERYTHING)
    assert not allows(URL)
    assert not allows(INVOKE)
    assert not lets_everybody_call(None)


@pytest.mark.parametrize(
    "changed",
    [
        {"Principal": {"AWS": "arn:aws:iam::000000000000:root"}},
        {"Principal": {"Service": "s3.amazonaws.com"}},
        {"Action": "lambda:GetFunction"},
        {"Condition": {"StringEquals": {"lambda:FunctionUrlAuthType": "AWS_IAM"}}},
        {"Condition": {"StringEquals": {"lambda:FunctionUrlAuthType": "NONE", "aws:SourceAccount": "1"}}},
        {"Condition": {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}},
        {"Condition": {"StringNotEquals": {"lambda:FunctionUrlAuthType": "AWS_IAM"}}},
    ],
)
def test_what_is_for_others_or_not_understood_does_not_allow(changed: dict[str, Any]) -> None:
    assert not allows({**URL, **changed}, INVOKE)


def test_a_denial_of_what_may_be_a_call_denies() -> None:
    deny = {"Effect": "Deny", "Principal": "*", "Action": "lambda:*"}
    assert not allows(EVERYTHING, deny)
    assert not allows(EVERYTHING, {**deny, "Condition": {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}})
    assert not allows(EVERYTHING, {"Effect": "Deny", "NotPrincipal": {"AWS": "1"}, "NotAction": "lambda:GetFunction"})
    assert allows(EVERYTHING, {**deny, "Principal": {"AWS": "arn:aws:iam::000000000000:root"}})
    assert allows(EVERYTHING, {**deny, "Action": "lambda:GetFunction"})
    assert allows(
        EVERYTHING,
        {**deny, "Condition": {"Bool": {"lambda:InvokedViaFunctionUrl": False}}, "Action": "lambda:InvokeFunction"},
    )

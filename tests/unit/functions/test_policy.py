"""Resource policies: statements added and taken away, whole documents read strictly."""

import json
from typing import Any

import pytest

from ingle.functions import (
    InvalidSettingError,
    PolicyTooLongError,
    StatementExistsError,
    StatementNotFoundError,
    parse_policy,
    principal_of,
    with_statement,
    without_statement,
)

ARN = "arn:aws:lambda:us-east-1:000000000000:function:f"
FINE: dict[str, Any] = {
    "Sid": "s", "Effect": "Allow", "Principal": "*", "Action": "lambda:InvokeFunction", "Resource": ARN,
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "principal"),
    [
        ("*", "*"),
        ("123456789012", {"AWS": "arn:aws:iam::123456789012:root"}),
        ("arn:aws:iam::123456789012:role/x/y", {"AWS": "arn:aws:iam::123456789012:role/x/y"}),
        ("s3.amazonaws.com", {"Service": "s3.amazonaws.com"}),
        ("alexa-appkit.amazon.com", {"Service": "alexa-appkit.amazon.com"}),
        ("ec2.amazonaws.com.cn", {"Service": "ec2.amazonaws.com.cn"}),
    ],
)
def test_a_principal_is_everyone_an_account_an_identity_or_a_service(text: str, principal: Any) -> None:
    assert principal_of(text) == principal


@pytest.mark.parametrize("text", ["nobody", "s3.example.com", "12345", "arn:aws:s3:::b", "arn:aws:iam::1:root", ""])
def test_anything_else_is_no_principal(text: str) -> None:
    with pytest.raises(InvalidSettingError, match="The provided principal was invalid"):
        principal_of(text)


def test_statements_come_and_go_and_the_policy_with_the_last() -> None:
    policy = with_statement(None, FINE, "r1")
    assert policy.text == (
        '{"Version":"2012-10-17","Id":"default","Statement":[{"Sid":"s","Effect":"Allow","Principal":"*",'
        f'"Action":"lambda:InvokeFunction","Resource":"{ARN}"}}]}}'
    )
    with pytest.raises(StatementExistsError):
        with_statement(policy, FINE, "r2")
    both = with_statement(policy, {**FINE, "Sid": "t"}, "r2")
    left = without_statement(both, "s", "r3")
    assert left is not None
    assert ([one["Sid"] for one in left.statements], left.revision_id) == (["t"], "r3")
    assert without_statement(left, "t", "r4") is None
    with pytest.raises(StatementNotFoundError):
        without_statement(left, "s", "r4")


def test_a_policy_has_20_kb_at_most() -> None:
    policy = None
    with pytest.raises(PolicyTooLongError, match=r"\(20[0-9]{3}\) is bigger than the limit \(20480\)"):
        for number in range(200):
            policy = with_statement(policy, {**FINE, "Sid": f"s{number}"}, "r")
    assert policy is not None
    assert len(policy.text) <= 20_480


def test_a_document_is_kept_as_it_is() -> None:
    statement = {
        "Effect": "Deny", "NotPrincipal": {"AWS": ["123456789012", "*"]}, "Action": ["lambda:*", "lambda:GetFunction"],
        "Resource": ARN, "Condition": {"Bool": {"aws:SecureTransport": False}, "NumericLessThan": {"a:b": [1, 2.5]}},
    }  # fmt: skip
    document = {"Version": "2012-10-17", "Id": "mine", "Statement": [statement, FINE]}
    assert json.loads(parse_policy(json.dumps(document), ARN, "r").text) == document
    single = parse_policy(json.dumps({"Statement": FINE}), ARN, "r")
    assert single.statements == [FINE]


WRONG: list[dict[str, Any]] = [
    {"Effect": "Perhaps"}, {"Principal": "me"}, {"Principal": {"AWS": "nobody"}}, {"Principal": {"Federated": "*"}},
    {"Principal": {"AWS": []}}, {"Principal": {"Service": "123456789012"}}, {"NotPrincipal": "*"},
    {"Action": "s3:GetObject"}, {"Action": []}, {"Action": 1}, {"Resource": "*"}, {"Resource": [ARN, ARN + ":1"]},
    {"Condition": []}, {"Condition": {"Bool": 1}}, {"Condition": {"Bool": {"a": {}}}}, {"Condition": {"B": {"a": 2**70}}},
    {"Sid": "a b"}, {"Sid": 1}, {"Other": 1},
]  # fmt: skip


@pytest.mark.parametrize("change", WRONG, ids=str)
def test_a_document_that_breaks_a_rule_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(InvalidSettingError):
        parse_policy(json.dumps({"Statement": [{**FINE, **change}]}), ARN, "r")


@pytest.mark.parametrize(
    "text",
    [
        "no json", "[]", "1", "{}", '{"Statement":[]}', '{"Statement":[1]}', '{"Statement":"\\ud800"}', "[" * 9999,
        json.dumps({"Version": "2020-01-01", "Statement": FINE}), json.dumps({"Id": 1, "Statement": FINE}),
        json.dumps({"Statement": [FINE, FINE]}), json.dumps({"Statement": FINE, "More": 1}),
        '{"Statement":{"Effect":NaN}}',
    ],
    ids=lambda text: text[:30],
)  # fmt: skip
def test_what_is_no_policy_at_all_is_refused(text: str) -> None:
    with pytest.raises(InvalidSettingError, match="The provided policy is"):
        parse_policy(text, ARN, "r")
